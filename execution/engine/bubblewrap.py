"""The full walls: namespaces, mounts and the system call filter, made by bubblewrap.

    box outer --> bwrap --as-pid-1 --> box init --> the program
     cgroup, uid    namespaces, mounts,   PID 1
                    seccomp

Inside there is a read-only /usr, a hand-made /dev, an empty network, fresh and sized /box, /tmp and
/dev/shm, and nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import seccomp
from .jobs import MIB, Job
from .sandbox import Share

_SANDBOX_UID = 65534
_PASSWD = b"nobody:x:65534:65534:nobody:/box:/usr/sbin/nologin\n"
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_TMP, _SHM = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own
_DEVICES = ("null", "zero", "full", "random", "urandom")


class Bubblewrap:
    description = "bubblewrap with user, pid, network, ipc, uts and mount namespaces; seccomp"

    def __init__(self, box: Path, bwrap: str, first_uid: int | None, *, memory_is_counted: bool) -> None:
        """`first_uid` is that of slot 0; None where the engine cannot change its own."""
        self._box = str(box)
        self._bwrap = bwrap
        self._first_uid = first_uid
        self._filter = seccomp.program(os.uname().machine, memory_is_counted=memory_is_counted)

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        if self._first_uid is not None:
            outer = [*outer, "-u", str(self._first_uid + slot)]
        files = [(path, share("file", data)) for path, data in (("/etc/passwd", _PASSWD), *job.files)]
        options = _options(job, files, self._box)
        options += ["--seccomp", share("filter", self._filter)]
        listed = share("arguments", b"".join(option.encode() + b"\0" for option in options))
        command = [self._box, "outer", *outer, "--", self._bwrap, "--args", listed, "--"]
        return [*command, "/.init", "init", *init, "--", *job.argv]

    def clear(self, slot: int) -> None:
        """Nothing of a run ever has a name outside of its namespaces."""


def _options(job: Job, files: list[tuple[str, str]], box: str) -> list[str]:
    scratch = str(job.limits.scratch_bytes)
    options = [
        "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1",
        "--uid", str(_SANDBOX_UID), "--gid", str(_SANDBOX_UID), "--hostname", "box", "--clearenv",
        "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/box",
        "--setenv", "LANG", "C.UTF-8", "--setenv", "TMPDIR", _TMP,
        "--setenv", "PYTHONDONTWRITEBYTECODE", "1",
        "--ro-bind", "/usr", "/usr", *_ROOT_DIRECTORIES,
        "--proc", "/proc", "--perms", "0755", "--dir", "/etc",
    ]  # fmt: skip
    for name in _ETC:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    options += ["--perms", "0755", "--dir", "/dev"]
    for name in _DEVICES:
        options += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    options += [
        "--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin",
        "--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr",
        "--size", str(16 * MIB), "--perms", "1777", "--tmpfs", _SHM,
        "--size", scratch, "--perms", "1777", "--tmpfs", _TMP,
        "--size", scratch, "--perms", "0700", "--tmpfs", "/box",
    ]  # fmt: skip
    for path, descriptor in files:
        options += ["--perms", "0444", "--file", descriptor, path]
    for source, path in job.binds:
        options += ["--ro-bind", str(source), path]
    return [*options, "--ro-bind", box, "/.init", "--remount-ro", "/", "--chdir", "/box"]


def _root_directories() -> list[str]:
    """/bin, /lib and so on as this system has them: links into /usr, or directories of their own."""
    options = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    return options


_ROOT_DIRECTORIES = _root_directories()
