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
_PROBE_UID = 65533  # as in seats.py: nobody's
_CAP_KILL = 5
_NO_OTHER_USER = "cannot run it as another user"
_PLATFORM = Path(__file__).resolve().parents[2]


def find(*names: str) -> tuple[str, ...]:
    """The executables of these names in the system's places, the distribution's own first.

    Only below /usr (or /bin): a sandbox shows nothing else, and what lies in somebody's home
    directory could not be reached from inside.
    """
    paths = (f"{place}/{name}" for name in names for place in _PLACES)
    return tuple(path for path in paths if os.access(path, os.X_OK))


HOW_TO_ISOLATE = (
    "Allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces "
    "above 0, kernel.apparmor_restrict_unprivileged_userns=0), or, in a container, run it with "
    "--privileged or with --security-opt seccomp=unconfined,apparmor=unconfined,systempaths=unconfined."
)
_HOW_TO_DO_WITHOUT = (
    "Where nobody but you can submit programs, ENGINE_ALLOW_REDUCED=1 lets it do with less isolation "
    "(docs/engine.md, Reduced mode)."
)


def problems(*, reduced_is_allowed: bool = False) -> list[str]:
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
    if os.geteuid() == 0 and not _may_kill_others():
        found.append(
            "The engine is root without CAP_KILL, and could not end programs, which have other user ids: "
            "leave it that right (--cap-add KILL), or start it as an ordinary user."
        )
    if not find("bwrap") and not reduced_is_allowed:
        found.append("bubblewrap (bwrap) is missing: install it, e.g. apt-get install bubblewrap.")
    if not find("gcc", "cc", "clang"):
        found.append("A C compiler is missing: install one, e.g. apt-get install gcc libc6-dev.")
    elif not os.path.exists("/usr/include/stdio.h"):
        found.append("The C library's headers are missing: install them, e.g. apt-get install libc6-dev.")
    if not found and not reduced_is_allowed and (reason := no_isolation()):
        found.append(
            f"bubblewrap cannot isolate programs here ({reason}). {HOW_TO_ISOLATE} {_HOW_TO_DO_WITHOUT}"
        )
    return found


def _may_kill_others() -> bool:
    effective = Path("/proc/self/status").read_text().partition("\nCapEff:")[2].split()[0]
    return bool(int(effective, 16) >> _CAP_KILL & 1)


def no_isolation() -> str | None:
    """bubblewrap's complaint about the namespaces a sandbox needs, or None when it makes them.

    As root this is tried as an ordinary user: that is how the engine runs it, since process limits
    do not hold for root. Where that is forbidden, a root that can change users does without a user namespace.
    """
    if os.geteuid() != 0:
        return _complaint("--unshare-user")
    ordinary = {"user": _PROBE_UID, "group": _PROBE_UID, "extra_groups": []}
    complaint = _complaint("--unshare-user", **ordinary)
    if complaint is None or complaint.startswith(_NO_OTHER_USER):
        return complaint
    return complaint if _complaint() else None


def _complaint(*options: str, **ids: object) -> str | None:
    """What bubblewrap says when it, run as `ids`, shall make namespaces; None when it makes them."""
    command = [
        find("bwrap")[0], *options, "--unshare-pid", "--unshare-net", "--unshare-ipc",
        "--unshare-uts", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc",
        "--", "/bin/true",
    ]  # fmt: skip
    try:
        probe = subprocess.run(  # type: ignore[call-overload]
            command, cwd="/", env={}, capture_output=True, timeout=10, check=False, **ids
        )
    except subprocess.TimeoutExpired:
        return "it did not answer within 10 s"
    except (OSError, subprocess.SubprocessError) as error:
        return f"{_NO_OTHER_USER}: {error}"
    if probe.returncode == 0:
        return None
    return probe.stderr.decode(errors="replace").strip() or f"exit code {probe.returncode}"
