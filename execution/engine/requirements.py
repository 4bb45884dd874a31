"""What this machine lacks for the engine: read by `runengine` before it starts and by `doctor`.

Looks and tries, changes nothing, and asks no running engine.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from . import seccomp

_PLACES = ("/usr/bin", "/usr/local/bin", "/bin")
_PROBE_UID = 60099
_PLATFORM = Path(__file__).resolve().parents[2]


def find(*names: str) -> tuple[str, ...]:
    """The executables of these names in the system's places, the distribution's own first.

    Only below /usr (or /bin): a sandbox shows nothing else, and what lies in somebody's home
    directory could not be reached from inside.
    """
    paths = (f"{place}/{name}" for name in names for place in _PLACES)
    return tuple(path for path in paths if os.access(path, os.X_OK))


def problems() -> list[str]:
    """What stops the engine here: sentences, each naming what to install or allow; empty if nothing."""
    machine = os.uname().machine
    if not sys.platform.startswith("linux") or not seccomp.supports(machine):
        return [f"The engine needs Linux on x86_64 or aarch64; this is {sys.platform} on {machine}."]
    found = []
    if _PLATFORM.is_relative_to("/usr"):
        found.append(
            f"The platform lies in {_PLATFORM}, and programs can read everything below /usr: "
            "move it elsewhere, e.g. to /srv."
        )
    if not find("bwrap"):
        found.append("bubblewrap (bwrap) is missing: install it, e.g. apt-get install bubblewrap.")
    if not find("gcc", "cc", "clang"):
        found.append("A C compiler is missing: install one, e.g. apt-get install gcc libc6-dev.")
    elif not os.path.exists("/usr/include/stdio.h"):
        found.append("The C library's headers are missing: install them, e.g. apt-get install libc6-dev.")
    if not found and (reason := _no_isolation()):
        found.append(
            f"bubblewrap cannot isolate programs here ({reason}): allow unprivileged user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, "
            "kernel.apparmor_restrict_unprivileged_userns=0), or, in a container, run it with "
            "--privileged or with --security-opt seccomp=unconfined,apparmor=unconfined,"
            "systempaths=unconfined."
        )
    return found


def missing_languages() -> list[str]:
    """What would add a language; the engine runs without it."""
    wanted = {
        "C++": (("g++", "c++", "clang++"), "g++"),
        "Python": (("python3",), "python3"),
    }
    return [
        f"{language} is not offered: install it, e.g. apt-get install {package}."
        for language, (names, package) in wanted.items()
        if not find(*names)
    ]


def _no_isolation() -> str | None:
    """bubblewrap's complaint about the namespaces a sandbox needs, or None when it makes them.

    As root this is tried as an ordinary user: that is how the engine runs it, since process limits
    do not hold for root.
    """
    command = [
        find("bwrap")[0], "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc",
        "--unshare-uts", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc",
        "--", "/bin/true",
    ]  # fmt: skip
    ids: dict[str, object] = {}
    if os.geteuid() == 0:
        ids = {"user": _PROBE_UID, "group": _PROBE_UID, "extra_groups": []}
    try:
        probe = subprocess.run(  # type: ignore[call-overload]
            command, cwd="/", env={}, capture_output=True, timeout=10, check=False, **ids
        )
    except subprocess.TimeoutExpired:
        return "it did not answer within 10 s"
    except (OSError, subprocess.SubprocessError) as error:
        return f"cannot run it as another user: {error}"
    if probe.returncode == 0:
        return None
    return probe.stderr.decode(errors="replace").strip() or f"exit code {probe.returncode}"
