"""Sandboxes as other machines would have them, each in a process of its own, for tests that run many programs.

    tests --pickled jobs--> a process that took away its own rights --> box outer --> ...

A mode says which rights: whether it is root, whether user namespaces and control groups are there.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from execution.engine import boxbuild, selftest
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroup_v1 import prepare_v1
from execution.engine.cgroup_v2 import prepare_v2
from execution.engine.cgroups import Cgroups, NoCgroups
from execution.engine.isolation import Isolated
from execution.engine.jobs import Job, Outcome, SandboxFailed
from execution.engine.reduced import Reduced, landlock_version
from execution.engine.requirements import find
from execution.engine.sandbox import Enclosure, Sandbox

from . import confined

SLOTS = 3
_SHARED_PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue")


@dataclass(frozen=True)
class Mode:
    name: str
    is_root: bool = True
    has_user_namespaces: bool = True
    has_cgroups: bool = False
    landlock: int | None = None
    """For the reduced walls: the version of it that is used; 0: none is."""

    def __str__(self) -> str:
        return self.name


MODES = (
    Mode("root, cgroups", has_cgroups=True),
    Mode("root, no cgroups"),
    Mode("unprivileged, no cgroups", is_root=False),
    Mode("root, no user namespaces, cgroups", has_user_namespaces=False, has_cgroups=True),
    Mode("root, no user namespaces, no cgroups", has_user_namespaces=False),
)
REDUCED_MODES = (
    Mode("reduced, root", has_user_namespaces=False, landlock=max(landlock_version(), 1)),
    Mode(
        "reduced, unprivileged", is_root=False, has_user_namespaces=False, landlock=max(landlock_version(), 1)
    ),
    Mode("reduced, root, no Landlock", has_user_namespaces=False, landlock=0),
    Mode("reduced, unprivileged, first Landlock", is_root=False, has_user_namespaces=False, landlock=1),
)


def own_uid(pid: int | None = None) -> int:
    """The first of some user ids that no other process of the machine takes for its programs; of `pid`, or ours."""
    return 100_000 + 8 * (pid or os.getpid())


@dataclass(frozen=True)
class Seen:
    """What a job showed, and what was left of it when the sandbox said that it was over."""

    outcomes: tuple[Outcome | str, ...]
    """One for each time it was run; the sandbox's complaint where it failed."""
    left: tuple[str, ...]


class Walls:
    """A sandbox of `mode` in a process of its own."""

    def __init__(self, mode: Mode, box: Path) -> None:
        self._process = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_enter, initargs=(mode, box)
        )

    def run(self, jobs: Mapping[str, Job], *, times: int = 1) -> Future[dict[str, Seen]]:
        """Each of `jobs`, `times` in a row in the same slot; several side by side."""
        return self._process.submit(_run_all, dict(jobs), times)

    def examine(self) -> tuple[selftest.Finding, ...]:
        """What an engine finds at its start. Raises Problem as it does."""
        return self._process.submit(_examine).result()

    def pid(self) -> int:
        """Of the engine, as it were."""
        return self._process.submit(os.getpid).result()

    def close(self) -> None:
        self._process.submit(_leave)
        self._process.shutdown()


@contextmanager
def workshop() -> Iterator[Path]:
    """A directory that everybody may enter, with box in it."""
    with tempfile.TemporaryDirectory(
        prefix="judge-engine-walls-", dir="/run" if os.geteuid() == 0 else None
    ) as name:
        directory = Path(name)
        directory.chmod(0o711)
        asyncio.run(boxbuild.build(directory))
        yield directory


def what_is_missing(mode: Mode) -> str | None:
    """Why `mode` cannot be had here; None if it can."""
    if os.geteuid() != 0:
        return "not root: can neither change users nor forbid itself namespaces"
    if mode.landlock and not landlock_version():
        return "this kernel has no Landlock"
    if mode.has_cgroups:
        cgroups = _cgroups()
        if cgroups is None:
            return "this machine lets us use no control groups"
        cgroups.close()
    return None


# --- In the process of its own ------------------------------------------------------------------------------------

_mode: Mode
_box: Path
_walls: Enclosure
_sandbox: Sandbox
_groups: Cgroups


def _enter(mode: Mode, box: Path) -> None:
    global _mode, _box, _walls, _sandbox, _groups
    _mode, _box = mode, box
    if not mode.has_user_namespaces:
        confined.forbid_user_namespaces()
    if not mode.is_root:
        _box = _place_of_its_own(mode, box)
    if not mode.is_root:
        confined.become(own_uid())
    _groups = (_cgroups() if mode.has_cgroups else None) or NoCgroups()
    _walls = _enclosure(mode, _box)
    _sandbox = Sandbox(_walls, _groups)


def _enclosure(mode: Mode, box: Path) -> Enclosure:
    first_uid = own_uid() if mode.is_root else None
    counted = _groups.counts_memory
    if mode.landlock is not None:
        return Reduced(box, first_uid, landlock=mode.landlock, memory_is_counted=counted)
    bwrap = find("bwrap")[0]
    return Bubblewrap(
        box, bwrap, first_uid, memory_is_counted=counted, has_user_namespace=mode.has_user_namespaces
    )


def _place_of_its_own(mode: Mode, box: Path) -> Path:
    """A copy of `box` where the user of `mode` may make directories."""
    place = box.parent / f"of-{own_uid()}"
    place.mkdir(mode=0o711)
    copy = Path(shutil.copy(box, place))
    os.chown(place, own_uid(), own_uid())
    return copy


def _groups_name() -> str:
    return f"judge-engine-walls-{os.getpid()}"


def _cgroups() -> Cgroups | None:
    return prepare_v1(_groups_name()) or prepare_v2(_groups_name())


def _leave() -> None:
    _groups.close()


def _examine() -> tuple[selftest.Finding, ...]:
    isolated = Isolated(_sandbox, _groups, str(_mode), _walls.gaps, _walls.known_open)
    return asyncio.run(selftest.examine(isolated, _box))


def _run_all(jobs: dict[str, Job], times: int) -> dict[str, Seen]:
    return asyncio.run(_run_side_by_side(jobs, times))


async def _run_side_by_side(jobs: dict[str, Job], times: int) -> dict[str, Seen]:
    waiting, seen = list(jobs.items()), {}

    async def work(slot: int) -> None:
        while waiting:
            name, job = waiting.pop(0)
            outcomes = [await _run(job, slot) for _ in range(times)]
            left = _left_of(slot) if _mode.is_root else ()
            seen[name] = Seen(tuple(outcomes), left)

    descriptors = _own_descriptors()
    shares_limits = _mode.landlock is not None and not _mode.is_root
    await asyncio.gather(*map(work, range(1 if shares_limits else SLOTS)))
    left = tuple(f"descriptor {number}" for number in _own_descriptors() - descriptors)
    if _mode.has_cgroups:
        left += tuple(
            f"group {path}" for path, _, _ in os.walk("/sys/fs/cgroup") if f"{_groups_name()}/run-" in path
        )
    left += () if _mode.is_root else _left_of(0)
    return {name: Seen(it.outcomes, it.left + left) for name, it in seen.items()}


async def _run(job: Job, slot: int) -> Outcome | str:
    try:
        return await _sandbox.run(job, slot)
    except SandboxFailed as error:
        return str(error)


def _own_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def _left_of(slot: int) -> tuple[str, ...]:
    """Processes, files in places that everybody may write to, and segments of the user of `slot`."""
    uid = own_uid() + slot if _mode.is_root else own_uid()
    left = [f"process {pid}" for pid in processes_of(uid) if pid != os.getpid()]
    for place in filter(os.path.isdir, _SHARED_PLACES):
        left += [entry.path for entry in os.scandir(place) if _owner(entry) == uid]
    for kind in ("shm", "msg", "sem"):
        lines = Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]
        left += [f"{kind} {line.split()[1]}" for line in lines if str(uid) in line.split()]
    return tuple(left)


def processes_of(uid: int) -> Iterator[int]:
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:
                yield int(name)
        except OSError:  # it has just gone
            continue


def _owner(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return None
