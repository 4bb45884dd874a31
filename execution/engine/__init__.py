"""The embedded engine: a process of its own that answers Judge0's HTTP API and runs programs.

    server      HTTP: routes, authentication, Judge0's errors and shapes
      queue     submissions in memory: waiting, running, kept for a while; one slot each while running
        verdict one submission from source to Judge0 status: compile (once), run, compare
          toolchain, artefacts     languages found on this machine; compiled programs, shared by runs
            sandbox                bubblewrap, limits, measurements: one job in, one outcome out
              cgroups, seccomp, box/*.c

It knows neither Django nor a database nor Redis, and nothing but the `runengine` command (and
`doctor`, for `requirements`) imports it. Everything else speaks to it over HTTP, like to any Judge0.
"""
