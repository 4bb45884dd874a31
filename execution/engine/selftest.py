"""Before the port answers: what the sandbox that was found really holds back, tried from inside.

`box probe` runs in it twice. First it tries to get out, takes more than it is given, and tells what the
kernel answered; then it leaves a daemon behind and works without an end. What gets through stops the engine,
but for the gaps that these walls are known to have (reduced ones): those are shown.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .isolation import Isolated
from .jobs import MIB, Job, Killed, Limits, Outcome, SandboxFailed
from .problems import Problem

_LIMITS = Limits(
    cpu_ms=5000,
    wall_ms=20_000,
    memory_kib=32 * 1024,
    stack_kib=1024,
    processes=12,
    file_bytes=MIB // 4,
    scratch_bytes=4 * MIB,
)
_CPU_MS = 50
_CPU_TOO_LATE_MS = 1000  # the kernel's own limit, in whole seconds, would not be far

# What box probe calls it: what people do, and what holds it back, in full walls and in reduced ones.
_SUBJECTS = {
    "files": ("the engine's files", "mount namespace", "Landlock"),
    "writing": ("writing elsewhere", "read-only mounts", "Landlock"),
    "processes": ("other processes", "pid namespace", "own user, Landlock"),
    "network": ("network", "network namespace, seccomp", "seccomp"),
    "rights": ("more rights", "no capabilities, no_new_privs", "no capabilities, no_new_privs"),
    "namespaces": ("namespaces", "seccomp", "seccomp"),
    "tracing": ("tracing", "seccomp", "seccomp"),
    "file size": ("size of a file", "RLIMIT_FSIZE", "RLIMIT_FSIZE"),
    "disk": ("disk", "size of the mounts", "looked at every 25 ms"),
    "number": ("number of processes", "RLIMIT_NPROC", "RLIMIT_NPROC"),
}


@dataclass(frozen=True)
class Finding:
    about: str
    holds: bool
    seen: str
    """The kernel's answer, or what got through."""
    by: str
    """What is there to hold it back."""


async def examine(isolated: Isolated, box: Path) -> tuple[Finding, ...]:
    """What `isolated` holds back. Raises Problem where they have a gap that is not known, or nothing could be tried."""
    try:
        with _bait(box.parent) as (bait, port):
            tried = await isolated.sandbox.run(_escape(box, bait, port), slot=0)
        overstayed = await isolated.sandbox.run(_overstay(box), slot=0)
    except SandboxFailed as error:
        raise Problem(f"The sandbox could not be tried: {error}.") from error
    findings = (
        *_told(tried, is_reduced=bool(isolated.gaps)),
        _memory(tried, isolated.cgroups.description),
        _cpu_time(overstayed, isolated.cgroups.description),
        _leftovers(isolated),
    )
    gaps = [it for it in findings if not it.holds and it.about not in isolated.known_open]
    if gaps:
        told = ", ".join(f"{it.about} ({it.seen})" for it in gaps)
        raise Problem(f"The sandbox does not hold on this machine: {told}.")
    return findings


def table(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each."""
    width = max(len(it.about) for it in findings)
    for it in findings:
        state = "held" if it.holds else "OPEN"
        yield f"{state}  {it.about:<{width}}  {it.seen} ({it.by})"


@contextlib.contextmanager
def _bait(directory: Path) -> Iterator[tuple[Path, int]]:
    """A file that anybody may read, a port, and a socket under the file's name: none to be reached from inside."""
    path = directory / "bait"
    path.write_text("Not to be seen.\n")
    path.chmod(0o644)
    with contextlib.ExitStack() as opened:
        opened.callback(path.unlink)
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        nameless = opened.enter_context(socket.socket(socket.AF_UNIX))
        nameless.bind(f"\0{path}")
        nameless.listen()
        yield path, listener.getsockname()[1]


def _escape(box: Path, bait: Path, port: int) -> Job:
    numbers = (
        port,
        os.getpid(),
        os.stat("/proc/self/ns/pid").st_ino,
        _LIMITS.processes,
        _LIMITS.memory_kib // 1024,
        _LIMITS.file_bytes,
        _LIMITS.scratch_bytes,
    )
    return _probe(box, _LIMITS, str(bait), *map(str, numbers))


def _overstay(box: Path) -> Job:
    return _probe(box, replace(_LIMITS, cpu_ms=_CPU_MS), _daemon())


def _probe(box: Path, limits: Limits, *arguments: str) -> Job:
    return Job(("/box/probe", "probe", *arguments), limits, binds=((box, "/box/probe"),))


def _daemon() -> str:
    """A process' name, which has no more than 15 characters."""
    return f"left-{os.getpid()}"


def _told(tried: Outcome, *, is_reduced: bool) -> Iterator[Finding]:
    lines = [line.split("\t") for line in tried.stdout.decode(errors="replace").splitlines()]
    seen = {line[0]: (line[1] == "1", line[2]) for line in lines if len(line) == 3}
    for name, (about, full, reduced) in _SUBJECTS.items():
        holds, answer = seen.get(name, (False, "not tried: the probe ended before"))
        yield Finding(about, holds, answer, reduced if is_reduced else full)


def _memory(tried: Outcome, by: str) -> Finding:
    answer = tried.stdout.decode(errors="replace").rpartition("memory\t")[2].partition("\n")[0]
    holds, _, seen = answer.partition("\t")
    if tried.oom or tried.killed is Killed.MEMORY:
        return Finding("memory", True, f"killed at {_LIMITS.memory_kib // 1024} MiB", by)
    return Finding("memory", holds == "1", seen or "not tried: the probe ended before", by)


def _cpu_time(overstayed: Outcome, by: str) -> Finding:
    holds = overstayed.killed is Killed.CPU and overstayed.cpu_ms < _CPU_TOO_LATE_MS
    return Finding("CPU time", holds, f"killed after {overstayed.cpu_ms:.0f} of {_CPU_MS} ms", by)


def _leftovers(isolated: Isolated) -> Finding:
    """A daemon can be told from others by its name alone: where it is not root, the engine has no other mark."""
    left = any(_name_of(entry) == _daemon() for entry in os.listdir("/proc") if entry.isdigit())
    by = "killed by descent" if isolated.gaps else "end of the pid namespace"
    return Finding("daemons", not left, "one is left" if left else "none is left", by)


def _name_of(pid: str) -> str | None:
    try:
        return Path("/proc", pid, "comm").read_text().strip()
    except OSError:
        return None
