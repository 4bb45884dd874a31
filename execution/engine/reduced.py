"""The reduced walls: what can be put up where no namespace can be made, as in a plain container.

    box outer --> box reduced --> the program
     cgroup        stays, watches,   own uid (as root), Landlock, seccomp, rlimits
                   kills by descent

As root each slot has a user id of its own, and Landlock is a second wall where the kernel has it. Not as
root the program has the engine's uid, and Landlock is what keeps the two apart: without it there are no
walls to speak of, and `Reduced` refuses.

A program works in a fresh directory below the run directory, which `box reduced` fills and empties with
the program's rights, never with its own. /box, as jobs call it, exists under that name nowhere.

What gets through is listed in docs/engine.md, "Reduced mode".
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from . import seccomp
from .bubblewrap import DEVICES, ENVIRONMENT, ETC
from .config import MAX_SLOTS
from .jobs import Job
from .sandbox import Share

_INSIDE = PurePosixPath("/box")
_ROOT = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC_HERE = (*ETC, "ssl/openssl.cnf")  # node: may be missing, but must not be forbidden
_PROC = ("cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version")
_SHARED_BY_ALL = ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")  # noqa: S108 - looked through, not trusted
_LANDLOCK_CREATE_RULESET, _LANDLOCK_VERSION = 444, 1
_SIGNALS_SCOPED_SINCE = 6

_GAPS = (
    "programs can ask for names, sizes and times of the machine's files",
    "what they write goes to the machine's disk, watched but not bounded by the kernel",
    "they see the machine's CPUs, memory, load and kernel settings",
)
_GAPS_WITHOUT_LANDLOCK = (
    "programs can read every file of the machine that any user may read (this kernel has no Landlock)",
    "they can write where every user may write, and see the list of processes and of connections",
)
_GAPS_WITHOUT_ROOT = (
    "programs run as the engine's own user: only Landlock and the system call filter are between them",
    "programs that run at the same time share that user's limit of processes",
)
_KNOWN_OPEN = frozenset({"disk"})
_KNOWN_OPEN_WITHOUT_LANDLOCK = frozenset({"the engine's files", "writing elsewhere", "other processes"})


class Reduced:
    end_signal = signal.SIGTERM

    def __init__(self, box: Path, first_uid: int | None, *, landlock: int, memory_is_counted: bool) -> None:
        """`first_uid` is that of slot 0; None where the engine cannot change its own. `landlock`: the
        version of it that shall be used, at least 1 where `first_uid` is None; 0: not at all."""
        assert landlock or first_uid is not None
        walls = f"Landlock (version {landlock}); seccomp" if landlock else "seccomp"
        self.description = f"REDUCED WALLS without namespaces; {walls}"
        self.gaps = (
            *(() if landlock else _GAPS_WITHOUT_LANDLOCK),
            *(_GAPS_WITHOUT_ROOT if first_uid is None else ()),
            *_GAPS,
        )
        self.known_open = _KNOWN_OPEN if landlock else _KNOWN_OPEN | _KNOWN_OPEN_WITHOUT_LANDLOCK
        self._box = str(box)
        self._directory = box.parent
        self._first_uid = first_uid
        self._landlock = landlock
        self._filter = seccomp.program(
            os.uname().machine,
            memory_is_counted=memory_is_counted,
            has_namespaces=False,
            shares_uid=first_uid is None,
        )
        self._visible = list(_visible())
        self._cleaners = ThreadPoolExecutor(MAX_SLOTS, "sandbox-cleaner")

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        home = self._home(slot)
        home.mkdir(mode=0o700)
        walls = ["-a", str(self._landlock), "-d", str(home), "-q", str(job.limits.scratch_bytes)]
        if self._first_uid is not None:
            uid = self._first_uid + slot
            os.chown(home, uid, uid)
            walls = ["-u", str(uid), *walls]
        walls += self._swept()
        walls += ["-F", share("filter", self._filter), *self._visible, *_environment(home)]
        for path, data in job.files:
            walls += ["-k", f"{share('file', data)}={_within(path)}"]
        for source, path in job.binds:
            walls += ["-B", f"{source}={_within(path)}"]
        program, *arguments = job.argv
        if PurePosixPath(program).is_relative_to(_INSIDE):
            program = f"./{_within(program)}"
        command = [self._box, "outer", *outer, "--", self._box, "reduced", *walls, "--"]
        return [*command, *init, "--", program, *arguments]

    async def clear(self, slot: int, *, is_tidied: bool) -> None:
        home = self._home(slot)
        if is_tidied:
            with contextlib.suppress(OSError):
                home.rmdir()
        if not is_tidied or home.exists():
            await asyncio.get_running_loop().run_in_executor(self._cleaners, self._clear_after_box, slot)

    def _home(self, slot: int) -> Path:
        return self._directory / f"slot-{slot}"

    def _swept(self) -> list[str]:
        """box's options for where a program may have left something, though not in its own directory."""
        places = () if self._landlock else filter(os.path.isdir, _SHARED_BY_ALL)
        return [word for place in places for word in ("-S", place)]

    def _clear_after_box(self, slot: int) -> None:
        """For when box did not live to do it, or never came to it. With the program's rights, as box: other
        slots' programs are alive, and what this one left may be theirs to change. Takes as long as it takes."""
        rights: list[str] = []
        if self._first_uid is not None:
            _kill_all_of(self._first_uid + slot)
            rights = ["-u", str(self._first_uid + slot)]
        home = self._home(slot)
        sweep = [self._box, "sweep", *rights, "-d", str(home), *self._swept()]
        subprocess.run(sweep, stdin=subprocess.DEVNULL, env={}, check=False)
        with contextlib.suppress(FileNotFoundError):
            home.rmdir()


def landlock_version() -> int:
    """The kernel's; 0 where it has none, or does not let us use it."""
    libc = ctypes.CDLL(None)
    version: int = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    return max(version, 0)


def _visible() -> Iterator[str]:
    """box's options for what every program may reach of the machine."""
    for name in _ROOT:
        path = Path("/", name)
        if path.is_dir() and not path.is_symlink():
            yield from ("-X", str(path))
    for path in (*(Path("/etc", name) for name in _ETC_HERE), *(Path("/proc", name) for name in _PROC)):
        if path.exists():
            yield from ("-R", str(path))
    for name in DEVICES:
        yield from ("-W", f"/dev/{name}")


def _environment(home: Path) -> list[str]:
    values = ENVIRONMENT | {"HOME": str(home), "TMPDIR": str(home)}
    return [word for name, value in values.items() for word in ("-e", f"{name}={value}")]


def _within(path: str) -> PurePosixPath:
    """Where in the slot's directory lies what a job calls `path`. Raises OSError if it does not lie there."""
    if not PurePosixPath(path).is_relative_to(_INSIDE):
        raise OSError(errno.ENOENT, f"there is only /box without namespaces, no {path}")
    return PurePosixPath(path).relative_to(_INSIDE)


def _kill_all_of(uid: int) -> None:
    """Kill what belongs to the user `uid`, which is a slot's; best effort."""
    for _ in range(100):
        alive = [
            int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _owner(path) == uid
        ]
        if not alive:
            return
        for pid in alive:
            with contextlib.suppress(OSError):
                _kill_if_of(uid, pid)


def _kill_if_of(uid: int, pid: int) -> None:
    descriptor = os.pidfd_open(pid)  # of who is looked at then, whoever gets the number
    try:
        if _owner(Path(f"/proc/{pid}")) == uid:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    finally:
        os.close(descriptor)


def _owner(path: Path) -> int | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_uid if stat.S_ISDIR(info.st_mode) else None
