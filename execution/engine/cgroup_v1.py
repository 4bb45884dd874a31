"""Control groups of version 1: one hierarchy per controller. Needs memory and cpuacct, uses pids if it is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .cgroupfs import (
    KERNEL,
    Kernel,
    first_parent,
    fresh,
    mounts,
    own_group,
    pairs,
    remove_group,
    remove_parent,
)
from .cgroups import EXTRA_PROCESSES, Group, Usage

_CHARGED_AT_ONCE = 1024 * 1024
"""How far below its limit a group may be that can have no more: pages are charged in batches."""


class CgroupsV1:
    description = "cgroup v1"
    counts_memory = True

    def __init__(self, parents: dict[str, Path], kernel: Kernel) -> None:
        self._parents = parents
        self._kernel = kernel
        self._count = 0

    def create(self, memory_kib: int, processes: int) -> Group:
        self._count += 1
        directories = {name: path / f"run-{self._count}" for name, path in self._parents.items()}
        with fresh(set(directories.values()), self._kernel):
            memory = directories["memory"]
            limit = str(memory_kib * 1024)
            self._kernel.write(memory / "memory.limit_in_bytes", limit)
            with contextlib.suppress(OSError):  # only kernels that account swap have it
                self._kernel.write(memory / "memory.memsw.limit_in_bytes", limit)
            if "pids" in directories:
                self._kernel.write(directories["pids"] / "pids.max", str(processes + EXTRA_PROCESSES))
        return _GroupV1(directories, self._kernel)

    def close(self) -> None:
        for parent in set(self._parents.values()):
            remove_parent(parent, self._kernel)


@dataclass(frozen=True)
class _GroupV1:
    directories: dict[str, Path]
    kernel: Kernel

    def outer_options(self) -> list[str]:
        return [
            word
            for directory in sorted(set(self.directories.values()))
            for word in ("-j", f"{directory}/tasks")
        ]

    def open_cpu_counter(self) -> int | None:
        return os.open(self.directories["cpuacct"] / "cpuacct.usage", os.O_RDONLY | os.O_CLOEXEC)

    def open_memory_gauge(self) -> int | None:
        return None  # the kernel keeps the peak

    def usage(self) -> Usage:
        memory = self.directories["memory"]
        peak, limit = (_number(memory / f"memory.{name}_in_bytes") for name in ("max_usage", "limit"))
        swapped = memory / "memory.memsw.max_usage_in_bytes"  # with swap it is the sum that meets the limit
        nearest = max(peak, _number(swapped) if swapped.exists() else 0)
        return Usage(
            memory_kib=peak // 1024,
            oom_kills=pairs(memory / "memory.oom_control").get("oom_kill", 0),
            # Not from memory.failcnt: Linux 6.18 counts no failures against the limit of memory and swap.
            is_at_limit=nearest > limit - _CHARGED_AT_ONCE,
        )

    async def remove(self) -> None:
        for directory in set(self.directories.values()):
            await remove_group(directory, self.kernel)


def prepare_v1(name: str, kernel: Kernel = KERNEL) -> CgroupsV1 | None:
    """Groups below `name` in the v1 hierarchies, or None where memory or cpuacct is not ours to use."""
    parents = {}
    for controller in ("memory", "cpuacct", "pids"):
        parent = first_parent(_places(controller, kernel), name, kernel)
        if parent is not None:
            parents[controller] = parent
    if "memory" not in parents or "cpuacct" not in parents:
        for parent in set(parents.values()):
            remove_parent(parent, kernel)
        return None
    with contextlib.suppress(OSError):  # for kernels that do not account swap; runs' groups inherit it
        kernel.write(parents["memory"] / "memory.swappiness", "0")
    return CgroupsV1(parents, kernel)


def _places(controller: str, kernel: Kernel) -> Iterator[Path]:
    """Our own group and the hierarchy's root, as far as they are visible here."""
    for mount in mounts("cgroup", kernel):
        if controller in mount.options:
            if place := mount.place_of(own_group(controller, kernel) or "/"):
                yield place
            yield mount.point


def _number(path: Path) -> int:
    return int(path.read_text())
