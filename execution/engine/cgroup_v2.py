"""Control groups of version 2: one hierarchy, in which a group either has processes or hands controllers on.

    the first place that hands memory on/
        judge-engine-0-0/             hands it on to
            run-17/                   the runs' groups
        judge-engine-0-0-itself/      where the engine went if it was in the way

A run's first process is born in its group (`box outer -G`): moving one in would wait for an RCU grace period.
`memory.oom.group` stays 0, or the kernel would kill box init and its report together with the program.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from .cgroupfs import (
    KERNEL,
    Kernel,
    first_parent,
    fresh,
    members,
    mounts,
    own_group,
    pairs,
    remove_group,
    remove_parent,
    words,
)
from .cgroups import EXTRA_PROCESSES, Group, Usage

_MOVES = 20


class CgroupsV2:
    counts_memory = True

    def __init__(self, parent: Path, kernel: Kernel, leaf: _Leaf | None = None) -> None:
        """`leaf` is where those are who made room for `parent`; they are let back at the end."""
        self._parent = parent
        self._kernel = kernel
        self._leaf = leaf
        self._count = 0
        keeps_peak = (parent / "memory.peak").exists()
        self.description = "cgroup v2" if keeps_peak else "cgroup v2 (the peak of memory by polling)"

    def create(self, memory_kib: int, processes: int) -> Group:
        self._count += 1
        directory = self._parent / f"run-{self._count}"
        with fresh({directory}, self._kernel):
            self._kernel.write(directory / "memory.max", str(memory_kib * 1024))
            with contextlib.suppress(OSError):  # only kernels that account swap have it
                self._kernel.write(directory / "memory.swap.max", "0")
            with contextlib.suppress(OSError):  # RLIMIT_NPROC holds where the controller is missing
                self._kernel.write(directory / "pids.max", str(processes + EXTRA_PROCESSES))
        return _GroupV2(directory, self._kernel)

    def close(self) -> None:
        remove_parent(self._parent, self._kernel)
        if self._leaf is not None:
            self._leaf.clear()


@dataclass(frozen=True)
class _GroupV2:
    directory: Path
    kernel: Kernel

    def outer_options(self) -> list[str]:
        return ["-G", str(self.directory)]

    def open_cpu_counter(self) -> int | None:
        return os.open(self.directory / "cpu.stat", os.O_RDONLY | os.O_CLOEXEC)

    def open_memory_gauge(self) -> int | None:
        if self._peak.exists():
            return None
        return os.open(self.directory / "memory.current", os.O_RDONLY | os.O_CLOEXEC)

    def usage(self) -> Usage:
        events = pairs(self.directory / "memory.events")
        return Usage(
            memory_kib=int(self._peak.read_text()) // 1024 if self._peak.exists() else None,
            oom_kills=events.get("oom_kill", 0),
            is_at_limit=events.get("oom", 0) > 0,
        )

    async def remove(self) -> None:
        await remove_group(self.directory, self.kernel)

    @property
    def _peak(self) -> Path:
        return self.directory / "memory.peak"  # since Linux 5.19


def prepare_v2(name: str, kernel: Kernel = KERNEL) -> CgroupsV2 | None:
    """Groups below `name` in the unified hierarchy, or None where its memory is not ours to limit.

    Tried in this order: our own group; the same after we left it for a leaf, if we are alone in it; the
    groups above it; our own again, after everybody in it moved to a leaf. The last is for containers and
    for units with Delegate=yes, where the others are who started us and what they started.
    """
    places = _places(kernel)
    if not places:
        return None
    own, *above = places
    found = _below(own, name, kernel)
    if found is None and members(own) == [os.getpid()]:
        found = _beside_a_leaf(own, name, kernel)
    for place in above:
        found = found or _below(place, name, kernel)
    return found or _beside_a_leaf(own, name, kernel)


def _below(place: Path, name: str, kernel: Kernel, leaf: _Leaf | None = None) -> CgroupsV2 | None:
    """Groups below `name` in `place`, if it can hand memory on."""
    if not _hands_on_memory(place, kernel):
        return None
    parent = first_parent([place], name, kernel)
    if parent is None:
        return None
    if not _hands_on_memory(parent, kernel):
        remove_parent(parent, kernel)
        return None
    return CgroupsV2(parent, kernel, leaf)


def _hands_on_memory(place: Path, kernel: Kernel) -> bool:
    """Whether groups in `place` can limit memory, from now on at the latest."""
    control = place / "cgroup.subtree_control"
    if "memory" in words(control):
        return True
    if "memory" not in words(place / "cgroup.controllers"):
        return False
    try:
        kernel.write(control, "+memory")
    except OSError:
        return False  # it has processes (only the root may), or is not ours to change
    with contextlib.suppress(OSError):
        kernel.write(control, "+pids")
    return True


def _beside_a_leaf(place: Path, name: str, kernel: Kernel) -> CgroupsV2 | None:
    """The same after everybody in `place`, we among them, has moved to a leaf of it."""
    if os.getpid() not in members(place) or "memory" not in words(place / "cgroup.controllers"):
        return None
    leaf = _Leaf(place, place / f"{name}-itself", kernel)
    for _ in range(_MOVES):  # somebody may have been born meanwhile
        try:
            leaf.fill()
        except OSError:
            break
        if found := _below(place, name, kernel, leaf):
            return found
    leaf.clear()
    return None


@dataclass(frozen=True)
class _Leaf:
    """A group for those who were in `place`, so that it has no processes and can hand controllers on."""

    place: Path
    path: Path
    kernel: Kernel

    def fill(self) -> None:
        """Raises OSError when somebody may not be moved."""
        if not self.path.exists():
            self.kernel.make(self.path)
        for pid in members(self.place):
            with contextlib.suppress(ProcessLookupError):
                self.kernel.write(self.path / "cgroup.procs", str(pid))

    def clear(self) -> None:
        """Everybody back to `place`, unless it hands controllers on to others by now."""
        with contextlib.suppress(OSError):
            for controller in {"memory", "pids"} & set(words(self.place / "cgroup.subtree_control")):
                self.kernel.write(self.place / "cgroup.subtree_control", f"-{controller}")
            for pid in members(self.path):
                with contextlib.suppress(ProcessLookupError):
                    self.kernel.write(self.place / "cgroup.procs", str(pid))
            self.kernel.remove(self.path)


def _places(kernel: Kernel) -> list[Path]:
    """Our own group and all above it, as far as they are visible here."""
    found = []
    for mount in mounts("cgroup2", kernel):
        place = mount.place_of(own_group("", kernel) or "/") or mount.point
        while place != mount.point:
            found.append(place)
            place = place.parent
        found.append(mount.point)
    return found
