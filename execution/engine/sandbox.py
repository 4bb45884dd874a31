"""One program, once, isolated, limited and measured.

    engine --posix_spawn--> box outer --> bwrap --as-pid-1 --> box init --> the program

Inside there is a read-only /usr, a hand-made /dev, an empty network, fresh and sized /box, /tmp and
/dev/shm, and nothing else. What goes in and out travels through anonymous files (memfd), so nothing
a program writes ever gets a name on the host. The result is box init's report, never bwrap's exit
code, which cannot tell a signal from an exit and does not count what the program's children used.

Cost: about 5 ms a run over a bare fork and exec, of which the namespaces are 3.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import fcntl
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import seccomp
from .cgroups import Cgroups, Group, Usage

logger = logging.getLogger(__name__)

MIB = 1024 * 1024
_BACKSTOP_S = 3.0
_MAX_INODES = 50_000
_SANDBOX_UID = 65534
_PASSWD = b"nobody:x:65534:65534:nobody:/box:/usr/sbin/nologin\n"
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime")
_TMP, _SHM = "/tmp", "/dev/shm"  # noqa: S108 - the sandbox's own
_DEVICES = ("null", "zero", "full", "random", "urandom")

# Without a memory cgroup, what sockets and pipes buffer is only bounded by these.
_UNCOUNTED_FILES, _COUNTED_FILES = 64, 256
_UNCOUNTED_PROCESSES = 32

_STARTED, _BLIND = b"started\n", "blind"
"""box init's first line, and why it kills when it cannot measure."""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Killed(enum.Enum):
    """The limit because of which box init killed the program, in box init's words."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    INODES = "inodes"


class SandboxFailed(Exception):
    """The sandbox itself did not work: nothing is known about the program."""


@dataclass(frozen=True)
class Limits:
    cpu_ms: int
    """CPU time of everything in the sandbox after which it is killed; 0: none."""
    wall_ms: int
    memory_kib: int
    stack_kib: int
    processes: int
    file_bytes: int
    """Size of any file, standard output and standard error included; they end exactly there."""
    scratch_bytes: int = 64 * MIB
    """Size of /box and of /tmp, each."""


@dataclass(frozen=True)
class Job:
    """What to run: `argv[0]` is a path inside the sandbox, where /box is the working directory."""

    argv: tuple[str, ...]
    limits: Limits
    stdin: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()
    """Path inside and content of files to be there, read-only."""
    binds: tuple[tuple[Path, str], ...] = ()
    """Host path and path inside of files to be there, read-only."""
    merge_stderr: bool = False
    """Standard error goes where standard output goes."""
    collect: str | None = None
    """Path inside of a file to bring out at the end, up to `limits.file_bytes`."""


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    """Of the program itself; 0 when a signal ended it."""
    signal: int | None
    exec_errno: int
    """Not 0: the program could not be started."""
    killed: Killed | None
    oom: bool
    """The kernel killed at least one process in the sandbox for want of memory."""
    cpu_ms: float
    """User and system time of all processes and threads."""
    wall_ms: float
    memory_kib: int
    """Peak of the whole sandbox where there is a memory cgroup, else of the resident sets."""
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool
    stderr_truncated: bool
    collected: bytes | None


@dataclass(frozen=True)
class _Report:
    """box init's last line."""

    exit: int
    signal: int
    exec_errno: int
    killed: str
    cpu_us: int
    wall_us: int
    peak_kib: int
    copied: int


@dataclass(frozen=True)
class _Channels:
    """Descriptors of the files a run reads from and writes to, and of box init's report."""

    stdin: int
    stdout: int
    stderr: int
    """The same file as stdout where they are merged."""
    collected: int
    status: int
    status_writer: int

    @classmethod
    @contextlib.contextmanager
    def open(cls, job: Job) -> Iterator[Self]:
        with contextlib.ExitStack() as opened:

            def keep(descriptor: int) -> int:
                opened.callback(os.close, descriptor)
                return descriptor

            status, status_writer = map(keep, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
            stdout = keep(_output_file("stdout"))
            yield cls(
                stdin=keep(_sealed_file("stdin", job.stdin)),
                stdout=stdout,
                stderr=stdout if job.merge_stderr else keep(_output_file("stderr")),
                collected=keep(_output_file("collected")),
                status=status,
                status_writer=status_writer,
            )


class Sandbox:
    """Runs jobs; must live in the thread that lives as long as the process.

    (bwrap asks the kernel to die with the *thread* that started it.)
    """

    def __init__(self, box: Path, bwrap: str, cgroups: Cgroups, first_uid: int | None) -> None:
        self._box = str(box)
        self._bwrap = bwrap
        self._cgroups = cgroups
        self._first_uid = first_uid
        self._filter = seccomp.program(os.uname().machine, memory_is_counted=cgroups.counts_memory)

    async def run(self, job: Job, slot: int) -> Outcome:
        """Run `job` as the user of `slot`, which nobody else uses meanwhile.

        When it returns or raises, nothing of the run is alive. Raises SandboxFailed.
        """
        try:
            group = self._cgroups.create(job.limits.memory_kib, job.limits.processes)
        except OSError as error:
            raise SandboxFailed(f"no cgroup: {error}") from error
        try:
            with _Channels.open(job) as channels:
                started = time.monotonic()
                pid = self._spawn(job, slot, group, channels)
                await _wait_for(pid, job.limits.wall_ms / 1000 + _BACKSTOP_S)
                wall_us = round(1_000_000 * (time.monotonic() - started))
                return _outcome(job, channels, group.usage(), wall_us)
        except OSError as error:
            raise SandboxFailed(str(error)) from error
        finally:
            try:
                await group.remove()
            except OSError as error:
                logger.error("sandbox: %s", error)

    def _spawn(self, job: Job, slot: int, group: Group, channels: _Channels) -> int:
        """Start the chain; its pid. What it inherits is closed on our side."""
        with contextlib.ExitStack() as inherited:

            def hand_on(descriptor: int) -> str:
                inherited.callback(os.close, descriptor)
                os.set_inheritable(descriptor, True)
                return str(descriptor)

            init = self._init_options(job)
            init += ["-s", hand_on(os.dup(channels.status_writer))]
            cpu_counter = group.open_cpu_counter()
            if cpu_counter is not None:
                init += ["-g", hand_on(cpu_counter)]
            if job.collect is not None:
                init += ["-o", hand_on(os.dup(channels.collected)), "-f", job.collect]
                init += ["-b", str(job.limits.file_bytes)]
            files = [
                (path, hand_on(_sealed_file("file", data)))
                for path, data in (("/etc/passwd", _PASSWD), *job.files)
            ]
            options = _bwrap_options(job, files, self._box)
            options += ["--seccomp", hand_on(_sealed_file("filter", self._filter))]
            listed = b"".join(os.fsencode(option) + b"\0" for option in options)
            arguments = hand_on(_sealed_file("arguments", listed))
            outer = group.outer_options()
            if self._first_uid is not None:
                outer += ["-u", str(self._first_uid + slot)]
            command = [self._box, "outer", *outer, "--", self._bwrap, "--args", arguments, "--"]
            command += ["/.init", "init", *init, "--", *job.argv]
            return os.posix_spawn(
                self._box,
                command,
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, channels.stdin, 0),
                    (os.POSIX_SPAWN_DUP2, channels.stdout, 1),
                    (os.POSIX_SPAWN_DUP2, channels.stderr, 2),
                ],
            )

    def _init_options(self, job: Job) -> list[str]:
        limits = job.limits
        counted = self._cgroups.counts_memory
        processes = limits.processes if counted else min(limits.processes, _UNCOUNTED_PROCESSES)
        resources = {
            "nproc": processes + 1,  # box init is one of them
            "fsize": limits.file_bytes + 1,  # one more, to tell "exactly full" from "cut off"
            "stack": limits.stack_kib * 1024,
            "nofile": _COUNTED_FILES if counted else _UNCOUNTED_FILES,
            "memlock": 65536,
            "msgqueue": 0,
        }
        options = ["-w", str(limits.wall_ms), "-t", str(limits.cpu_ms), "-i", str(_MAX_INODES)]
        if limits.cpu_ms:  # should box init ever fail to look: a backstop in whole seconds
            seconds = limits.cpu_ms // 1000 + 2
            options += ["-l", f"cpu={seconds}:{seconds + 1}"]
        if not counted:
            resources["data"] = limits.memory_kib * 1024
            options += ["-m", str(limits.memory_kib)]
        for name, value in resources.items():
            options += ["-l", f"{name}={value}"]
        return options


def _bwrap_options(job: Job, files: list[tuple[str, str]], box: str) -> list[str]:
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


def _sealed_file(name: str, data: bytes) -> int:
    """An anonymous file of `data` that everybody may read and nobody can change, at its start."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with _closed_on_failure(descriptor):
        os.fchmod(descriptor, 0o444)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor


def _output_file(name: str) -> int:
    """An anonymous file that the sandbox's user may open again, as /dev/stdout."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with _closed_on_failure(descriptor):
        os.fchmod(descriptor, 0o666)
    return descriptor


@contextlib.contextmanager
def _closed_on_failure(descriptor: int) -> Iterator[None]:
    try:
        yield
    except OSError:
        os.close(descriptor)
        raise


def _read_output(descriptor: int, limit: int) -> tuple[bytes, bool]:
    """The first `limit` bytes, and whether there were more."""
    data = os.pread(descriptor, limit + 1, 0)
    return data[:limit], len(data) > limit


async def _wait_for(pid: int, timeout_s: float) -> None:
    """Wait until `pid`, our child, has ended; kill it after `timeout_s`, or when we cannot wait."""
    ended = asyncio.Event()
    try:
        with _when_it_ends(pid, ended.set):
            async with asyncio.timeout(timeout_s):
                await ended.wait()
    except TimeoutError:
        logger.error("sandbox: killed by the engine after %.1f s of wall time", timeout_s)
    finally:
        if not ended.is_set():
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextlib.contextmanager
def _when_it_ends(pid: int, act: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, act)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _outcome(job: Job, channels: _Channels, usage: Usage, wall_us: int) -> Outcome:
    """What happened, once bwrap has ended after `wall_us`.

    Raises SandboxFailed if the program was never started (unless the limit was too small even for
    the sandbox's own memory), or not measured.
    """
    is_started, report = _read_status(channels.status)
    if report is None:
        if not is_started and not usage.oom_kills:
            raise SandboxFailed(_complaint(channels.stderr))
        logger.error("sandbox: a program was killed together with what surrounds it")
        report = _killed_with_everything(job, wall_us)
    if report.killed == _BLIND:
        raise SandboxFailed("what the program used could not be measured")
    limit = job.limits.file_bytes
    stdout, stdout_truncated = _read_output(channels.stdout, limit)
    stderr, stderr_truncated = b"", False
    if not job.merge_stderr:
        stderr, stderr_truncated = _read_output(channels.stderr, limit)
    killed = Killed(report.killed) if report.killed else None
    return Outcome(
        exit_code=report.exit,
        signal=report.signal or None,
        exec_errno=report.exec_errno,
        killed=killed,
        oom=usage.oom_kills > 0 or killed is Killed.MEMORY,
        cpu_ms=report.cpu_us / 1000,
        wall_ms=report.wall_us / 1000,
        memory_kib=_memory_kib(job, report, usage),
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=stdout_truncated,
        stderr_truncated=stderr_truncated,
        collected=os.pread(channels.collected, report.copied, 0) if report.copied >= 0 else None,
    )


def _memory_kib(job: Job, report: _Report, usage: Usage) -> int:
    if usage.oom_kills:
        return job.limits.memory_kib
    return usage.memory_kib if usage.memory_kib is not None else report.peak_kib


def _read_status(status: int) -> tuple[bool, _Report | None]:
    """Whether the program was started, and box init's report if it lived to write one.

    Comes after the wait for bwrap: what is to be read is there, or never will be.
    """
    try:
        said = os.read(status, 4096)
    except BlockingIOError:
        return False, None
    _, _, report = said.partition(_STARTED)
    return said.startswith(_STARTED), _Report(**json.loads(report)) if report.endswith(b"\n") else None


def _killed_with_everything(job: Job, wall_us: int) -> _Report:
    """In place of box init's report, when SIGKILL took it and the program at once.

    By the engine after too much wall time, or by the kernel for want of memory; nobody inside can.
    """
    return _Report(
        exit=0,
        signal=signal.SIGKILL,
        exec_errno=0,
        killed=Killed.WALL.value if wall_us > 1000 * job.limits.wall_ms else "",
        cpu_us=0,
        wall_us=wall_us,
        peak_kib=0,
        copied=-1,
    )


def _complaint(stderr: int) -> str:
    """What bwrap or box said; to be asked only if no program can have written there."""
    return os.pread(stderr, 300, 0).partition(b"\n")[0].decode(errors="replace") or "no report"
