"""Counting and limiting what a sandbox uses, with control groups of version 1, version 2, or none.

One group is made for each run and removed after it, below one parent named for the engine's seat:

    <the first place that works>/judge-engine-0-0/run-17

Which version works is tried, not assumed: `cgroup_v1.prepare_v1` and `cgroup_v2.prepare_v2` return None
where the machine does not let us, and the engine then runs a trial program in what they returned. Without
control groups, box init adds up /proc itself and resource limits stand in for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

EXTRA_PROCESSES = 4
"""bwrap, box init and their short-lived forks live in the group too."""


@dataclass(frozen=True)
class Usage:
    memory_kib: int | None
    """The peak; None where the kernel does not keep it."""
    oom_kills: int
    """Processes that the kernel killed for want of memory, whoever's limit was reached."""
    is_at_limit: bool
    """The group's own limit was; if not, it was the machine, or the engine's container, that ran out."""


class Group(Protocol):
    """The control group of one run."""

    def outer_options(self) -> list[str]:
        """What `box outer` needs to be told to put the run into the group."""

    def open_cpu_counter(self) -> int | None:
        """A new descriptor of the counter that box init reads."""

    def open_memory_gauge(self) -> int | None:
        """A new descriptor of what the group uses now; None where the kernel keeps the peak."""

    def usage(self) -> Usage:
        """What the run has used; to be asked after its end."""

    async def remove(self) -> None:
        """Take the group away, killing whatever should still be in it."""


class Cgroups(Protocol):
    """Makes groups."""

    description: str
    counts_memory: bool

    def create(self, memory_kib: int, processes: int) -> Group: ...

    def close(self) -> None:
        """Remove the parent of all groups."""


class NoCgroups:
    description = "no cgroups (limits by rlimits and polling)"
    counts_memory = False

    def create(self, memory_kib: int, processes: int) -> Group:
        return _NoGroup()

    def close(self) -> None:
        return


class _NoGroup:
    def outer_options(self) -> list[str]:
        return []

    def open_cpu_counter(self) -> int | None:
        return None

    def open_memory_gauge(self) -> int | None:
        return None

    def usage(self) -> Usage:
        return Usage(memory_kib=None, oom_kills=0, is_at_limit=False)

    async def remove(self) -> None:
        return
