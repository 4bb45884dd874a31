"""A kernel whose control groups are ordinary directories, for versions that this machine does not have.

It keeps the rules by which the engine has to find its place (cgroups(7), and the kernel's
Documentation/admin-guide/cgroup-v2.rst):

* a group has the files of those controllers that the group above it hands on;
* a group with processes hands none on, and none may enter one that does; only the root may have both;
* a controller that a group below hands on cannot be taken away;
* a group with processes or groups in it cannot be removed.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from execution.engine.cgroupfs import Kernel, words

_CORE = {"cgroup.procs": "", "cgroup.subtree_control": "", "cpu.stat": "usage_usec 0\nuser_usec 0\n"}
_OF_CONTROLLER = {
    "memory": {
        "memory.max": "max",
        "memory.swap.max": "max",
        "memory.current": "0",
        "memory.peak": "0",
        "memory.oom.group": "0",
        "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    },
    "pids": {"pids.max": "max"},
}
_V1 = {
    "memory": {
        "memory.limit_in_bytes": "9223372036854771712",
        "memory.swappiness": "60",
        "memory.max_usage_in_bytes": "0",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
    },
    "cpuacct": {"cpuacct.usage": "0"},
    "pids": {"pids.max": "max"},
}


class FakeKernel(Kernel):
    """One process is what the engine sees of itself: `process/cgroup` and `process/mountinfo`."""

    def __init__(self, directory: Path) -> None:
        self.process = directory / "process"
        self.process.mkdir()
        self.killed: list[int] = []

    def shows(self, *mounts: str, groups: str) -> None:
        """`mounts` as in mountinfo, from the group to the options; `groups` as in /proc/self/cgroup."""
        lines = [f"{40 + n} 1 0:{n} {mount}\n" for n, mount in enumerate(mounts)]
        (self.process / "mountinfo").write_text("".join(lines))
        (self.process / "cgroup").write_text(groups)

    def kill(self, pid: int) -> None:
        self.killed.append(pid)
        for file in self.process.parent.rglob("cgroup.procs"):
            _set_members(file, [member for member in _pids(file.parent) if member != pid])

    def remove(self, directory: Path) -> None:
        if _pids(directory) or any(path.is_dir() for path in directory.iterdir()):
            raise OSError(errno.EBUSY, "busy")
        shutil.rmtree(directory)


class KernelV2(FakeKernel):
    def __init__(
        self,
        directory: Path,
        *,
        controllers: str = "cpu memory pids",
        missing: tuple[str, ...] = (),
        is_container: bool = False,
    ) -> None:
        """`missing` control files are those of newer kernels or of other builds. In a container what is seen as
        the root is a group like all others.
        """
        super().__init__(directory)
        self.top = directory / "unified"
        self.not_ours: set[Path] = set()
        self.settled: set[int] = set()
        """Processes that we may not move."""
        self.born: list[int] = []
        """Processes that appear in our group once we have moved out of it."""
        self._missing = missing
        self._root = None if is_container else self.top
        self.top.mkdir()
        self._fill(self.top, controllers.split())

    def enter(self, group: Path, *others: int) -> None:
        """The engine, and `others`, are in `group`."""
        for file in self.top.rglob("cgroup.procs"):
            _set_members(file, [])
        _set_members(group / "cgroup.procs", [os.getpid(), *others])
        name = f"/{group.relative_to(self.top)}".removesuffix(".")
        self.shows(f"/ {self.top} rw - cgroup2 cgroup2 rw", groups=f"0::{name}\n")

    def group(self, path: str, controllers: str = "") -> Path:
        """A group that was there before; like the root it hands `controllers` on."""
        directory = self.top / path
        self.make(directory)
        for place in (self.top, directory) if controllers else ():
            for controller in controllers.split():
                self.write(place / "cgroup.subtree_control", f"+{controller}")
        return directory

    def make(self, directory: Path) -> None:
        self._check_rights(directory.parent)
        directory.mkdir()
        self._fill(directory, words(directory.parent / "cgroup.subtree_control"))

    def write(self, file: Path, text: str) -> None:
        if not file.exists():
            raise FileNotFoundError(file)
        self._check_rights(file.parent)
        if file.name == "cgroup.procs":
            self._move(int(text), file.parent)
        elif file.name == "cgroup.subtree_control":
            self._hand_on(file.parent, text)
        elif file.name == "cgroup.kill":
            _set_members(file.parent / "cgroup.procs", [])
        else:
            file.write_text(text)

    def where(self, pid: int) -> Path:
        (group,) = (file.parent for file in self.top.rglob("cgroup.procs") if pid in _pids(file.parent))
        return group

    def _check_rights(self, group: Path) -> None:
        if group in self.not_ours:
            raise PermissionError(group)

    def _fill(self, group: Path, controllers: list[str]) -> None:
        files = {"cgroup.controllers": " ".join(controllers), "cgroup.kill": "", **_CORE}
        for controller in controllers if group != self._root else ():
            files |= _OF_CONTROLLER.get(controller, {})
        for name, content in files.items():
            if name not in self._missing and not (group / name).exists():
                (group / name).write_text(content)

    def _move(self, pid: int, group: Path) -> None:
        if words(group / "cgroup.subtree_control") and group != self._root:
            raise OSError(errno.EBUSY, "it hands controllers on")
        if pid in self.settled:
            raise PermissionError(pid)
        before = self.where(pid)
        _set_members(before / "cgroup.procs", [n for n in _pids(before) if n != pid] + self.born)
        self.born = []
        _set_members(group / "cgroup.procs", [*_pids(group), pid])

    def _hand_on(self, group: Path, change: str) -> None:
        handed_on = words(group / "cgroup.subtree_control")
        sign, controller = change[0], change[1:]
        below = [path for path in group.iterdir() if path.is_dir()]
        if sign == "-":
            if any(controller in words(path / "cgroup.subtree_control") for path in below):
                raise OSError(errno.EBUSY, "handed on below")
            handed_on.remove(controller)
        else:
            if controller not in words(group / "cgroup.controllers"):
                raise FileNotFoundError(controller)
            if _pids(group) and group != self._root:
                raise OSError(errno.EBUSY, "it has processes")
            handed_on.append(controller)
        (group / "cgroup.subtree_control").write_text(" ".join(handed_on))
        for path in below:
            (path / "cgroup.controllers").write_text(" ".join(handed_on))
            self._fill(path, handed_on)


class KernelV1(FakeKernel):
    def __init__(self, directory: Path, controllers: str = "memory cpuacct pids") -> None:
        super().__init__(directory)
        self.tops = {name: directory / name for name in controllers.split()}
        for top in self.tops.values():
            self.make(top)
        self.shows(
            *(f"/ {top} rw - cgroup cgroup rw,{name}" for name, top in self.tops.items()),
            groups="".join(f"{n}:{name}:/\n" for n, name in enumerate(self.tops, 1)),
        )

    def make(self, directory: Path) -> None:
        (controller,) = (name for name, top in self.tops.items() if directory.is_relative_to(top))
        directory.mkdir()
        for name, content in {"cgroup.procs": "", "tasks": "", **_V1[controller]}.items():
            (directory / name).write_text(content)

    def write(self, file: Path, text: str) -> None:
        if not file.exists():
            raise FileNotFoundError(file)
        file.write_text(text)


def _pids(group: Path) -> list[int]:
    """With 0 for each process of another pid namespace."""
    return [int(word) for word in words(group / "cgroup.procs")]


def _set_members(file: Path, pids: list[int]) -> None:
    file.write_text("".join(f"{pid}\n" for pid in pids))
