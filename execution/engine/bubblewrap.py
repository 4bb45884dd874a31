"""The full walls: namespaces, mounts and the system call filter, made by bubblewrap.

    box outer --> bwrap --as-pid-1 --> box init --> the program
     cgroup, uid    namespaces, mounts,   PID 1
                    seccomp

Where the kernel gives user namespaces to nobody, root makes the others without one; then it is box init
that drops to the slot's uid, once bubblewrap has mounted what only root may mount.

Inside there is a read-only /usr, a hand-made /dev, an empty network, fresh and sized /box, /tmp and
/dev/shm, and nothing else.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from . import etc, seccomp
from .jobs import MIB, Job
from .sandbox import Share
from .seats import SLOTS

_SANDBOX_UID = 65534
_JAVA = (path.name for path in Path("/etc").glob("java-*-openjdk"))  # Debian's JDK is linked to it
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", *_JAVA)
_TMP, _SHM = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own
_USER_NAMESPACE = ["--unshare-user", "--uid", str(_SANDBOX_UID), "--gid", str(_SANDBOX_UID)]
_RIGHTS_TO_DROP_RIGHTS = [
    "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP",
]  # fmt: skip
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    "ASAN_OPTIONS": "detect_leaks=0:disable_coredump=0",  # it gives up where it is refused ptrace or setrlimit
}
"""Every program's, beside HOME and TMPDIR."""
_MOUNTED_DEVICES = ("null", "zero", "full", "urandom")  # each mount costs every run 0.14 ms
DEVICES = (*_MOUNTED_DEVICES, "random")


class Bubblewrap:
    end_signal = signal.SIGKILL
    gaps: tuple[str, ...] = ()
    known_open: frozenset[str] = frozenset()

    def __init__(
        self,
        box: Path,
        bwrap: str,
        first_uid: int | None,
        *,
        memory_is_counted: bool,
        has_user_namespace: bool = True,
    ) -> None:
        """`first_uid` is that of slot 0; None where the engine cannot change its own, which it must
        where a sandbox has no user namespace."""
        assert has_user_namespace or first_uid is not None
        first = "user, pid" if has_user_namespace else "pid"
        self.description = f"bubblewrap with {first}, network, ipc, uts and mount namespaces; seccomp"
        self._has_user_namespace = has_user_namespace
        self._box = str(box)
        self._bwrap = bwrap
        self._first_uid = first_uid
        self._filter = seccomp.program(os.uname().machine, memory_is_counted=memory_is_counted)
        own = range(first_uid, first_uid + SLOTS) if first_uid is not None else ()
        self._etc = etc.put_together(box.parent, ETC, (_SANDBOX_UID,) if has_user_namespace else own)

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        drop = [] if self._first_uid is None else ["-u", str(self._first_uid + slot)]
        if self._has_user_namespace:
            outer, users = [*outer, *drop], _USER_NAMESPACE
        else:
            init, users = [*init, *drop], _RIGHTS_TO_DROP_RIGHTS
        files = [(path, share("file", data)) for path, data in job.files]
        options = [*users, *_options(job, files), "--ro-bind", str(self._etc), "/etc"]
        options += ["--ro-bind", self._box, "/.init", "--remount-ro", "/", "--chdir", "/box"]
        options += ["--seccomp", share("filter", self._filter)]
        listed = share("arguments", "".join(f"{option}\0" for option in options).encode())
        command = [self._box, "outer", *outer, "--", self._bwrap, "--args", listed, "--"]
        return [*command, "/.init", "init", *init, "--", *job.argv]

    async def clear(self, slot: int, *, is_tidied: bool) -> None:
        """Nothing of a run ever has a name outside of its namespaces."""


def _options(job: Job, files: list[tuple[str, str]]) -> list[str]:
    scratch = str(job.limits.scratch_bytes)
    options = [
        "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
        "--unshare-cgroup-try", "--die-with-parent", "--new-session", "--as-pid-1",
        "--hostname", "box", "--clearenv", *_ENVIRONMENT_OPTIONS,
        "--ro-bind", "/usr", "/usr", *_ROOT_DIRECTORIES,
        "--proc", "/proc", "--perms", "0755", "--dir", "/dev",
    ]  # fmt: skip
    for name in _MOUNTED_DEVICES:
        options += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    options += [
        "--symlink", "urandom", "/dev/random",
        "--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin",
        "--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr",
        "--size", str(16 * MIB), "--perms", "1777", "--tmpfs", _SHM,
        "--size", scratch, "--perms", "1777", "--tmpfs", _TMP,
        "--size", scratch, "--perms", "0777", "--tmpfs", "/box",
    ]  # fmt: skip
    for path, descriptor in files:
        options += ["--perms", "0444", "--file", descriptor, path]
    for source, path in job.binds:
        options += ["--ro-bind", str(source), path]
    return options


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
_ENVIRONMENT_OPTIONS = [
    word
    for name, value in (ENVIRONMENT | {"HOME": "/box", "TMPDIR": _TMP}).items()
    for word in ("--setenv", name, value)
]
