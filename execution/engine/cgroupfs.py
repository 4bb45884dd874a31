"""Control groups as the kernel shows them: where they are mounted, where we are in them, and directories
that are groups.

Knows nothing of what a controller counts or limits; `cgroup_v1` and `cgroup_v2` do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_REMOVAL_TRIES = 500
_PARENTS_REMOVAL_S = 2


class Kernel:
    """What changes groups, and where we are told of ours.

    A value that is handed in: a machine has one version of control groups, or none, and the others have to be
    tried too.
    """

    process = Path("/proc/self")

    def make(self, directory: Path) -> None:
        directory.mkdir()

    def remove(self, directory: Path) -> None:
        directory.rmdir()

    def write(self, file: Path, text: str) -> None:
        # One system call, no truncation: control files are not ordinary ones.
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)


KERNEL = Kernel()


@dataclass(frozen=True)
class Mount:
    root: str
    """The group that is seen at `point`."""
    point: Path
    options: tuple[str, ...]

    def place_of(self, group: str) -> Path | None:
        """Where `group` is seen; None where this mount does not show it."""
        place = Path(os.path.relpath(group, self.root))
        return None if ".." in place.parts else self.point / place


def mounts(kind: str, kernel: Kernel) -> Iterator[Mount]:
    """Mounts of file system type `kind` (proc(5), mountinfo)."""
    for line in lines(kernel.process / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (found, _, options) = before.split(" "), after.split(" ", 2)  # any of them may be empty
        if found == kind:
            yield Mount(fields[3], Path(fields[4]), tuple(options.split(",")))


def own_group(controller: str, kernel: Kernel) -> str | None:
    """Our group in `controller`'s hierarchy ("": the unified one)."""
    for line in lines(kernel.process / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def first_parent(places: Iterable[Path], name: str, kernel: Kernel) -> Path | None:
    """`name` made in the first place that allows it, cleared of what a dead engine left there."""
    for place in places:
        parent = place / name
        try:
            if parent.exists():
                remove_parent(parent, kernel)
            if not parent.exists():
                kernel.make(parent)
        except OSError:
            continue
        if os.access(parent / "cgroup.procs", os.W_OK):
            return parent
    return None


@contextlib.contextmanager
def fresh(directories: set[Path], kernel: Kernel) -> Iterator[None]:
    """Make groups; they go again when one of them, or what is done with them, fails."""
    made = []
    try:
        for directory in directories:
            kernel.make(directory)
            made.append(directory)
        yield
    except OSError:
        for directory in made:
            with contextlib.suppress(OSError):
                kernel.remove(directory)
        raise


def remove_parent(parent: Path, kernel: Kernel) -> None:
    """Best effort, for seconds at most: what cannot go now goes when the seat is taken again."""
    deadline = time.monotonic() + _PARENTS_REMOVAL_S
    for directory in (*parent.glob("run-*"), parent):
        while time.monotonic() < deadline:
            try:
                kernel.remove(directory)
            except FileNotFoundError:
                break
            except OSError:
                _kill_members(directory, kernel)
                time.sleep(0.002)
            else:
                break


async def remove_group(directory: Path, kernel: Kernel) -> None:
    """Remove a run's group; its last processes may need a moment to be gone."""
    for attempt in range(_REMOVAL_TRIES):
        try:
            kernel.remove(directory)
        except OSError:
            if attempt:
                _kill_members(directory, kernel)
            await asyncio.sleep(0.001 if attempt < 20 else 0.01)
        else:
            return
    raise OSError(f"processes in {directory.name} do not end")


def _kill_members(directory: Path, kernel: Kernel) -> None:
    try:
        kernel.write(directory / "cgroup.kill", "1")  # version 2, since Linux 5.14
    except OSError:
        for pid in members(directory):
            with contextlib.suppress(ProcessLookupError):
                kernel.kill(pid)


def members(directory: Path) -> list[int]:
    """Pids of the processes in a group, as far as they can be named here."""
    # 0 stands for a process outside of our pid namespace, and means ourselves where it is written.
    return [pid for pid in map(int, words(directory / "cgroup.procs")) if pid > 0]


def lines(path: Path) -> list[str]:
    """None where the file cannot be read."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def words(path: Path) -> list[str]:
    return [word for line in lines(path) for word in line.split()]


def pairs(path: Path) -> dict[str, int]:
    return {key: int(value) for key, value in (line.split() for line in lines(path))}
