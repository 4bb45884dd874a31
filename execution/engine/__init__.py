"""The embedded engine: a process of its own that answers Judge0's HTTP API and runs programs.

    server      HTTP: routes, authentication, Judge0's errors and shapes
      bodies    what comes with a request, in bounded time and memory
      callbacks telling clients that their submissions have ended
      description                  all of it in OpenAPI
      queue     submissions in memory: waiting, running, kept for a while
        slots   who runs next, and how many at once
        verdict one submission from source to Judge0 status: compile (once), run, compare
          builds                   what comes before the run: unpacking additional_files, compiling
          toolchain, artefacts     languages found on this machine; compiled programs, shared by runs
          headers                  what most C++ programs include, compiled beforehand
          interactors, conversation  whoever a program talks with, and two sandboxes that talk
            sandbox                bubblewrap, limits, measurements: one job in, one outcome out
              cgroups, seccomp, box/*.c

It knows neither Django nor a database nor Redis, and nothing but the `runengine` command (and
`doctor`, for `requirements` and `toolchain`) imports it. Everything else speaks to it over HTTP, like to any Judge0.
"""
