"""Counting and limiting what a sandbox uses, with control groups of version 1, version 2, or none.

One group is made for each run and removed after it, below one parent named for the engine's seat:

    <the first place that works>/judge-engine-0-0/run-17

Which version works is tried, not assumed: `prepare_v1` and `prepare_v2` return None where the
machine does not let us, and the engine then runs a trial program in what they returned. Without
control groups, box init adds up /proc itself and resource limits stand in for the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_REMOVAL_TRIES = 500
_EXTRA_PROCESSES = 4
"""bwrap, box init and their short-lived forks live in the group too."""


@dataclass(frozen=True)
class Usage:
    memory_kib: int | None
    """The peak; None where the kernel does not keep it."""
    oom_kills: int


class Group(Protocol):
    """The control group of one run."""

    def outer_options(self) -> list[str]:
        """What `box outer` needs to be told to put the run into the group."""

    def open_cpu_counter(self) -> int | None:
        """A new descriptor of the counter that box init reads."""

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

    def usage(self) -> Usage:
        return Usage(memory_kib=None, oom_kills=0)

    async def remove(self) -> None:
        return


class CgroupsV1:
    """One hierarchy per controller: memory and cpuacct, and pids where there is one."""

    description = "cgroup v1"
    counts_memory = True

    def __init__(self, parents: dict[str, Path]) -> None:
        self._parents = parents
        self._count = 0

    def create(self, memory_kib: int, processes: int) -> Group:
        self._count += 1
        directories = {name: path / f"run-{self._count}" for name, path in self._parents.items()}
        with _fresh(set(directories.values())):
            memory = directories["memory"]
            limit = str(memory_kib * 1024)
            _write(memory / "memory.limit_in_bytes", limit)
            with contextlib.suppress(OSError):  # only kernels that account swap have it
                _write(memory / "memory.memsw.limit_in_bytes", limit)
            if "pids" in directories:
                _write(directories["pids"] / "pids.max", str(processes + _EXTRA_PROCESSES))
        return _GroupV1(directories)

    def close(self) -> None:
        for parent in set(self._parents.values()):
            _remove_parent(parent)


@dataclass(frozen=True)
class _GroupV1:
    directories: dict[str, Path]

    def outer_options(self) -> list[str]:
        return [
            word
            for directory in sorted(set(self.directories.values()))
            for word in ("-j", f"{directory}/tasks")
        ]

    def open_cpu_counter(self) -> int | None:
        return os.open(self.directories["cpuacct"] / "cpuacct.usage", os.O_RDONLY | os.O_CLOEXEC)

    def usage(self) -> Usage:
        memory = self.directories["memory"]
        return Usage(
            memory_kib=int((memory / "memory.max_usage_in_bytes").read_text()) // 1024,
            oom_kills=_pairs(memory / "memory.oom_control").get("oom_kill", 0),
        )

    async def remove(self) -> None:
        for directory in set(self.directories.values()):
            await _remove_group(directory)


class CgroupsV2:
    description = "cgroup v2"
    counts_memory = True

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._count = 0

    def create(self, memory_kib: int, processes: int) -> Group:
        self._count += 1
        directory = self._parent / f"run-{self._count}"
        with _fresh({directory}):
            _write(directory / "memory.max", str(memory_kib * 1024))
            with contextlib.suppress(OSError):  # only kernels that account swap have it
                _write(directory / "memory.swap.max", "0")
            with contextlib.suppress(OSError):  # RLIMIT_NPROC holds where the controller is missing
                _write(directory / "pids.max", str(processes + _EXTRA_PROCESSES))
        return _GroupV2(directory)

    def close(self) -> None:
        _remove_parent(self._parent)


@dataclass(frozen=True)
class _GroupV2:
    directory: Path

    def outer_options(self) -> list[str]:
        return ["-G", str(self.directory)]

    def open_cpu_counter(self) -> int | None:
        return os.open(self.directory / "cpu.stat", os.O_RDONLY | os.O_CLOEXEC)

    def usage(self) -> Usage:
        peak = self.directory / "memory.peak"  # since Linux 5.19
        return Usage(
            memory_kib=int(peak.read_text()) // 1024 if peak.exists() else None,
            oom_kills=_pairs(self.directory / "memory.events").get("oom_kill", 0),
        )

    async def remove(self) -> None:
        await _remove_group(self.directory)


def prepare_v1(name: str) -> CgroupsV1 | None:
    """Groups below `name` in the v1 hierarchies, or None where memory or cpuacct is not ours to use."""
    parents = {}
    for controller in ("memory", "cpuacct", "pids"):
        parent = _first_parent(_v1_places(controller), name)
        if parent is not None:
            parents[controller] = parent
    if "memory" not in parents or "cpuacct" not in parents:
        for parent in set(parents.values()):
            _remove_parent(parent)
        return None
    with contextlib.suppress(OSError):  # for kernels that do not account swap; runs' groups inherit it
        _write(parents["memory"] / "memory.swappiness", "0")
    return CgroupsV1(parents)


def prepare_v2(name: str) -> CgroupsV2 | None:
    """Groups below `name` in the unified hierarchy, or None where its memory is not ours to limit.

    Looks in our own group first, then upwards. A group that has processes cannot hand controllers
    on; where we are the only one in ours (a container), we move into a leaf of it first.
    """
    for place in _v2_places():
        if not _hands_on_memory(place, name):
            continue
        parent = _first_parent([place], name)
        if parent is None:
            continue
        try:
            _write(parent / "cgroup.subtree_control", "+memory")
        except OSError:
            _remove_parent(parent)
            continue
        with contextlib.suppress(OSError):
            _write(parent / "cgroup.subtree_control", "+pids")
        return CgroupsV2(parent)
    return None


def _hands_on_memory(place: Path, name: str) -> bool:
    if "memory" not in _words(place / "cgroup.controllers"):
        return False
    control = place / "cgroup.subtree_control"
    if "memory" in _words(control):
        return True
    try:
        if _words(place / "cgroup.procs") == [str(os.getpid())]:
            leaf = place / f"{name}-itself"
            leaf.mkdir(exist_ok=True)
            _write(leaf / "cgroup.procs", str(os.getpid()))
        _write(control, "+memory")
        with contextlib.suppress(OSError):
            _write(control, "+pids")
    except OSError:
        return False
    return True


def _v1_places(controller: str) -> Iterator[Path]:
    """Our own group and the hierarchy's root, as far as they are visible here."""
    for mount in _mounts("cgroup"):
        if controller in mount.options:
            own = _own_path(controller)
            if own is not None:
                yield mount.point / os.path.relpath(own, mount.root)
            yield mount.point


def _v2_places() -> Iterator[Path]:
    """Our own group and all above it, as far as they are visible here."""
    for mount in _mounts("cgroup2"):
        place = mount.point / os.path.relpath(_own_path("") or "/", mount.root)
        while place != mount.point and mount.point in place.parents:
            yield place
            place = place.parent
        yield mount.point


@dataclass(frozen=True)
class _Mount:
    root: str
    point: Path
    options: tuple[str, ...]


def _mounts(kind: str) -> Iterator[_Mount]:
    """Mounts of file system type `kind` (proc(5), mountinfo)."""
    for line in _lines(Path("/proc/self/mountinfo")):
        before, _, after = line.partition(" - ")
        fields, (found, _, options) = before.split(), after.split(maxsplit=2)
        if found == kind:
            yield _Mount(fields[3], Path(fields[4]), tuple(options.split(",")))


def _own_path(controller: str) -> str | None:
    """Our group in `controller`'s hierarchy ("": the unified one)."""
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def _first_parent(places: Iterator[Path] | list[Path], name: str) -> Path | None:
    """`name` made in the first place that allows it, cleared of what a dead engine left there."""
    for place in places:
        parent = place / name
        if ".." in place.parts or not place.is_dir():
            continue  # our group lies outside of what is mounted here
        try:
            if parent.exists():
                _remove_parent(parent)
            parent.mkdir(exist_ok=True)
        except OSError:
            continue
        if os.access(parent / "cgroup.procs", os.W_OK):
            return parent
    return None


@contextlib.contextmanager
def _fresh(directories: set[Path]) -> Iterator[None]:
    """Make groups; they go again when one of them, or what is done with them, fails."""
    try:
        for directory in directories:
            directory.mkdir()
        yield
    except OSError:
        for directory in directories:
            with contextlib.suppress(OSError):
                directory.rmdir()
        raise


def _remove_parent(parent: Path) -> None:
    """Best effort, for seconds at most: what cannot go now goes when the seat is taken again."""
    deadline = time.monotonic() + 2
    for directory in (*parent.glob("run-*"), parent):
        while time.monotonic() < deadline:
            try:
                directory.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                _kill_members(directory)
                time.sleep(0.002)
            else:
                break


async def _remove_group(directory: Path) -> None:
    """Remove a run's group; its last processes may need a moment to be gone."""
    for attempt in range(_REMOVAL_TRIES):
        try:
            directory.rmdir()
        except OSError:
            if attempt:
                _kill_members(directory)
            await asyncio.sleep(0.001 if attempt < 20 else 0.01)
        else:
            return
    raise OSError(f"processes in {directory.name} do not end")


def _kill_members(directory: Path) -> None:
    for word in _words(directory / "cgroup.procs"):
        if int(word) > 1:  # 0 stands for a process outside of our pid namespace
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(word), signal.SIGKILL)


def _write(path: Path, text: str) -> None:
    # One system call, no truncation: control files are not ordinary ones.
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _pairs(path: Path) -> dict[str, int]:
    return {key: int(value) for key, value in (line.split() for line in _lines(path))}
