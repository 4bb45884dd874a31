"""One program, once, isolated, limited and measured.

    engine --posix_spawn--> box outer --> the walls --> box init --> the program

What goes in and out travels through anonymous files (memfd), so nothing a program writes ever gets a
name on the host. The result is box init's report, never the exit code of what is around it, which
cannot tell a signal from an exit and does not count what the program's children used.

What the walls are made of is an `Enclosure`'s to know: `bubblewrap` where namespaces can be made, `reduced`
where they cannot; there alone what a program writes has a name on the host while it runs.

Cost: about 5 ms a run over a bare fork and exec, of which the namespaces are 3.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, TypeVar

from .cgroups import Cgroups, Group, Usage
from .jobs import Job, Killed, Outcome, SandboxFailed

logger = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_BACKSTOP_S, _GRACE_S, _BURIAL_S = 3.0, 30.0, 1.0
_MAX_INODES = 50_000

# Without a memory cgroup, what sockets and pipes buffer is only bounded by these.
_UNCOUNTED_FILES, _COUNTED_FILES = 64, 256
_UNCOUNTED_PROCESSES = 32
_UNCOUNTED_STACKS = 8

_STARTED, _BLIND = b"started\n", "blind"
"""box init's first line, and why it kills when it cannot measure."""

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


Share = Callable[[str, bytes], str]
"""Makes bytes (under a name for people) readable to what is started; the number of the descriptor they are on."""


class Enclosure(Protocol):
    """The walls around a run: how they are put up, and what is to be swept up behind them."""

    description: str
    end_signal: signal.Signals
    """Sent to what was started, it ends the whole run."""
    gaps: tuple[str, ...]
    """Where it is less than full walls, what gets through: for whoever starts the engine."""
    known_open: frozenset[str]
    """What the self-test finds open in them by their nature (`Finding.about`); anything else is a fault."""

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        """The chain as a command line: `box outer` with the options `outer`, then what makes the walls, then
        `box init` with the options `init`, then the job's program. Raises OSError."""

    async def clear(self, slot: int, *, is_tidied: bool) -> None:
        """Take away what a run in `slot` left outside. `is_tidied`: box lived to do all that it does at the end,
        so that nothing of the run is alive. Raises OSError."""


@dataclass(frozen=True)
class _Report:
    """box init's last line."""

    exit: int
    signal: int
    exec_errno: int
    killed: str
    cpu_us: int
    wall_us: int
    ended_us: int
    peak_kib: int
    copied: int


@dataclass(frozen=True)
class Line:
    """A run's ends of pipes through which it talks with another one; `ends` closes them as soon as it has ended.

    Once nobody can write to `stop` any more, the run is ended (Killed.STOPPED).
    """

    stdin: int
    stdout: int
    stop: int
    ends: contextlib.ExitStack


@dataclass(frozen=True)
class _Channels:
    """Descriptors of the files a run reads from and writes to, and of box init's report."""

    stdin: int
    stdout: int
    """-1 where another run reads it."""
    stderr: int
    """The same file as stdout where they are merged."""
    collected: int
    status: int
    status_writer: int

    @classmethod
    @contextlib.contextmanager
    def open(cls, job: Job, line: Line | None) -> Iterator[Self]:
        with contextlib.ExitStack() as opened:

            def keep(descriptor: int) -> int:
                opened.callback(os.close, descriptor)
                return descriptor

            if line is not None:
                opened.callback(line.ends.close)
            status, status_writer = map(keep, os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
            stdout = -1 if line else keep(_output_file("stdout"))
            yield cls(
                stdin=line.stdin if line else keep(_sealed_file("stdin", job.stdin)),
                stdout=stdout,
                stderr=stdout if job.merge_stderr else keep(_output_file("stderr")),
                collected=keep(_new_file(job.collect_to) if job.collect_to else _output_file("collected")),
                status=status,
                status_writer=status_writer,
            )


class Sandbox:
    """Runs jobs; must live in the thread that lives as long as the process.

    (What is started asks the kernel to die with the *thread* that started it.)
    """

    def __init__(self, enclosure: Enclosure, cgroups: Cgroups) -> None:
        self._enclosure = enclosure
        self._cgroups = cgroups

    @property
    def counts_memory(self) -> bool:
        return self._cgroups.counts_memory

    async def run(self, job: Job, slot: int, line: Line | None = None) -> Outcome:
        """Run `job` as the user of `slot`, which nobody else uses meanwhile.

        With a `line` it talks with another run: `stdin` and `merge_stderr` mean nothing then, and the outcome has no
        `stdout`. When it returns or raises, nothing of the run is alive. Raises SandboxFailed.
        """
        if line is not None:
            job = replace(job, merge_stderr=False)
        try:
            group = self._cgroups.create(job.limits.memory_kib, job.limits.processes)
        except OSError as error:
            raise SandboxFailed(f"no cgroup: {error}") from error
        is_tidied = False
        try:
            with _Channels.open(job, line) as channels:
                started = time.monotonic()
                pid = self._spawn(job, slot, group, channels, line)
                patience_s = job.limits.wall_ms / 1000 + _BACKSTOP_S
                is_tidied = await end_of(pid, patience_s, self._enclosure.end_signal) == 0
                wall_us = round(1_000_000 * (time.monotonic() - started))
                return _outcome(job, channels, group.usage(), wall_us)
        except OSError as error:
            raise SandboxFailed(str(error)) from error
        finally:
            await despite_cancelling(self._clear(group, slot, is_tidied))

    async def _clear(self, group: Group, slot: int, is_tidied: bool) -> None:
        try:
            with _told_if_it_fails():
                await group.remove()
        finally:
            with _told_if_it_fails():
                await self._enclosure.clear(slot, is_tidied=is_tidied)

    def _spawn(self, job: Job, slot: int, group: Group, channels: _Channels, line: Line | None) -> int:
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
            memory_gauge = group.open_memory_gauge()
            if memory_gauge is not None:
                init += ["-p", hand_on(memory_gauge)]
            if job.collect is not None:
                init += ["-o", hand_on(os.dup(channels.collected)), "-f", job.collect]
                init += ["-b", str(job.collect_bytes if job.collect.endswith("/") else job.limits.file_bytes)]
            if line is not None:
                init += ["-e", hand_on(os.dup(line.stop))]
            if job.tree is not None:
                init += ["-x", hand_on(os.open(job.tree, os.O_RDONLY | os.O_CLOEXEC))]

            def share(name: str, data: bytes) -> str:
                return hand_on(_sealed_file(name, data))

            command = self._enclosure.command(job, slot, group.outer_options(), init, share)
            pid = os.posix_spawn(
                command[0],
                command,
                {},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, channels.stdin, 0),
                    (os.POSIX_SPAWN_DUP2, line.stdout if line else channels.stdout, 1),
                    (os.POSIX_SPAWN_DUP2, channels.stderr, 2),
                ],
            )
            if job.niceness:
                os.setpriority(os.PRIO_PROCESS, pid, job.niceness)
            return pid

    def _init_options(self, job: Job) -> list[str]:
        limits = job.limits
        counted = self.counts_memory
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
        if limits.process_cpu_s is not None:
            options += ["-l", f"cpu={limits.process_cpu_s}:{limits.process_cpu_s + 1}"]
        elif limits.cpu_ms:  # should box init ever fail to look: a backstop in whole seconds
            seconds = limits.cpu_ms // 1000 + 2
            options += ["-l", f"cpu={seconds}:{seconds + 1}"]
        if limits.process_memory_kib is not None:
            resources["as"] = limits.process_memory_kib * 1024
        if not counted:
            options += ["-m", str(limits.memory_kib)]
        if not counted and limits.data_is_bounded:
            # Stacks of threads are data as well: each as large as it may grow, though hardly touched.
            resources["data"] = (limits.memory_kib + _UNCOUNTED_STACKS * limits.stack_kib) * 1024
        for name, value in resources.items():
            options += ["-l", f"{name}={value}"]
        return options


@contextlib.contextmanager
def _told_if_it_fails() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        logger.error("sandbox: %s", error)


def _sealed_file(name: str, data: bytes) -> int:
    """An anonymous file, at its start, of `data` that everybody may read and nobody can change. (Whose user id
    it has, which may be the program's, can still change its mode.)"""
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


def _new_file(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


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


async def end_of(pid: int, timeout_s: float, end_signal: signal.Signals) -> int:
    """Wait until `pid`, our child, has ended; end it after `timeout_s`, or when we are cancelled. Its exit code,
    or the signal that ended it, negative."""
    ended = asyncio.Event()
    with _when_it_ends(pid, ended.set):
        try:
            async with asyncio.timeout(timeout_s):
                await ended.wait()
        except TimeoutError:
            logger.error("sandbox: ended by the engine after %.1f s of wall time", timeout_s)
        finally:
            status = await despite_cancelling(_end(pid, ended, end_signal))
    return os.waitstatus_to_exitcode(status)


async def _end(pid: int, ended: asyncio.Event, end_signal: signal.Signals) -> int:
    """End `pid`, our child, if it has not `ended`; its wait status. Others go on meanwhile: it may have to tidy
    up behind its program first, which decides how long that takes."""
    if not ended.is_set() and end_signal != signal.SIGKILL:
        os.kill(pid, end_signal)
        await _is_soon(ended, _GRACE_S)
    if not ended.is_set():
        await _kill(pid, ended)
    return os.waitpid(pid, 0)[1]


async def _kill(pid: int, ended: asyncio.Event) -> None:
    """Kill `pid`, our child, and what it started: each child with the pid namespace of which it is the first process.

    Not bubblewrap alone: its child dies with it only from the moment on at which it has asked the kernel for that;
    killed before, it would leave a program that runs on, or a child that waits for it for ever. It may bury its child
    first: nobody else is sure to, and meanwhile the dead count among their user's processes.
    """
    await _stop(pid, ended)  # so that there will be no more children than those seen
    with _children_of(pid) as children:
        for descriptor, _ in children:
            with contextlib.suppress(
                ProcessLookupError, PermissionError
            ):  # whom we may not kill dies with it
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        if children:
            os.kill(pid, signal.SIGCONT)
            await _is_soon(ended, _BURIAL_S)
        if not ended.is_set():
            os.kill(pid, signal.SIGKILL)
            await ended.wait()
        for _, end in children:
            await _is_soon(end, _GRACE_S)


async def _stop(pid: int, ended: asyncio.Event) -> None:
    os.kill(pid, signal.SIGSTOP)
    while not ended.is_set() and os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG) is None:
        await asyncio.sleep(0.0005)


async def _is_soon(event: asyncio.Event, patience_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_s):
            await event.wait()
    return event.is_set()


@contextlib.contextmanager
def _children_of(pid: int) -> Iterator[list[tuple[int, asyncio.Event]]]:
    """A pidfd for each child that `pid` has now, and what is set once it is gone. Empty where the kernel does not
    list children (CONFIG_PROC_CHILDREN)."""
    with contextlib.ExitStack() as watched:
        children = []
        for child in _pids_of_children(pid):
            with contextlib.suppress(ProcessLookupError):
                end = asyncio.Event()
                children.append((watched.enter_context(_when_it_ends(child, end.set)), end))
        yield children


def _pids_of_children(pid: int) -> list[int]:
    try:
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return []


async def despite_cancelling(act: Coroutine[object, object, _Result]) -> _Result:
    """What `act` returns, also if we are cancelled meanwhile; only then we are."""
    acting = asyncio.create_task(act)
    cancelled: asyncio.CancelledError | None = None
    while not acting.done():
        try:
            await asyncio.wait([acting])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return acting.result()


@contextlib.contextmanager
def _when_it_ends(pid: int, act: Callable[[], None]) -> Iterator[int]:
    """A pidfd of `pid`, whose end calls `act`."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    loop.add_reader(descriptor, act)
    try:
        yield descriptor
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _outcome(job: Job, channels: _Channels, usage: Usage, wall_us: int) -> Outcome:
    """What happened, once bwrap has ended after `wall_us`.

    Raises SandboxFailed if the program was never started (unless the limit was too small even for
    the sandbox's own memory), not measured, or killed for want of memory within its limit.
    """
    if usage.oom_kills and not usage.is_at_limit:
        raise SandboxFailed("the machine, or the engine's container, ran out of memory")
    is_started, report = _read_status(channels.status)
    if report is None:
        if not is_started and not usage.oom_kills:
            raise SandboxFailed(_complaint(channels.stderr))
        logger.error("sandbox: a program was killed together with what surrounds it")
        report = _killed_with_everything(job, wall_us)
    if report.killed == _BLIND:
        raise SandboxFailed("what the program used could not be measured")
    limit = job.limits.file_bytes
    stdout, stdout_truncated = b"", False
    if channels.stdout >= 0:
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
        ended_us=report.ended_us,
        memory_kib=_memory_kib(job, report, usage),
        stdout=stdout,
        stderr=stderr,
        stdout_truncated=stdout_truncated,
        stderr_truncated=stderr_truncated,
        collected=_collected(job, channels, report),
    )


def _collected(job: Job, channels: _Channels, report: _Report) -> bytes | None:
    """None when there was nothing to be brought out; empty when it is in a file."""
    if report.copied < 0:
        return None
    return b"" if job.collect_to else os.pread(channels.collected, report.copied, 0)


def _memory_kib(job: Job, report: _Report, usage: Usage) -> int:
    if usage.oom_kills or report.killed == Killed.MEMORY.value:
        return job.limits.memory_kib  # without control groups it may have had more between two looks
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
        ended_us=time.monotonic_ns() // 1000,
        peak_kib=0,
        copied=-1,
    )


def _complaint(stderr: int) -> str:
    """What bwrap or box said; to be asked only if no program can have written there."""
    return os.pread(stderr, 300, 0).partition(b"\n")[0].decode(errors="replace") or "no report"
