"""What a sandbox is asked to run, and what it tells of it: values, no machinery."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024

MAX_TREE_BYTES = 32 * MIB
"""Of a packed tree, in whole pages: what it takes of /box when it is unpacked."""


class Killed(enum.Enum):
    """The limit because of which box init killed the program, in box init's words."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    INODES = "inodes"
    DISK = "disk"
    """Only without namespaces: elsewhere what can be written has a size."""
    STOPPED = "stopped"
    """No limit: what it talked with is done (`conversation`)."""


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
    process_cpu_s: int | None = None
    """CPU time of each process, in whole seconds, after which it gets SIGXCPU."""
    process_memory_kib: int | None = None
    """Address space of each process; beyond it, it is given no more memory."""
    data_is_bounded: bool = True
    """Without control groups, whether memory that is only reserved counts too; what is touched always does."""
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
    tree: Path | None = None
    """Host path of a packed tree, unpacked into /box before anything else; what it holds belongs to the program."""
    merge_stderr: bool = False
    """Standard error goes where standard output goes."""
    collect: str | None = None
    """Path inside of what to bring out at the end: a file, up to `limits.file_bytes`, or, ending in a slash,
    a directory, packed, up to `collect_bytes`."""
    collect_bytes: int = MAX_TREE_BYTES
    collect_to: Path | None = None
    """Host path of a new file for what is brought out, where that is too much for memory."""
    niceness: int = 0
    """Above 0: others come first when the CPU is wanted."""


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
    ended_us: int
    """When it ended, by the clock that all sandboxes share (CLOCK_MONOTONIC)."""
    memory_kib: int
    """Peak of the whole sandbox where there is a memory cgroup, else of what its processes map, polled."""
    stdout: bytes
    stderr: bytes
    stdout_truncated: bool
    stderr_truncated: bool
    collected: bytes | None

    def ended_with(self, exit_code: int) -> bool:
        """By itself, and within its limits."""
        by_itself = self.signal is None and self.killed is None and not self.exec_errno
        return by_itself and self.exit_code == exit_code
