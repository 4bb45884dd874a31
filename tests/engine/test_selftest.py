"""What the engine tries in its own sandbox before it starts, and what it makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.engine import selftest
from execution.engine.cgroups import NoCgroups
from execution.engine.isolation import Isolated
from execution.engine.jobs import MIB, Job, Limits
from execution.engine.problems import Problem
from execution.engine.requirements import find
from execution.engine.sandbox import Sandbox, Share

from .conftest import wait_until
from .walls import MODES, REDUCED_MODES, SLOTS, Mode, Walls, own_uid, processes_of, what_is_missing, workshop

SUBJECTS = {
    "the engine's files", "writing elsewhere", "other processes", "network", "more rights", "namespaces", "tracing",
    "size of a file", "disk", "number of processes", "memory", "CPU time", "daemons",
}  # fmt: skip


PATIENT = Limits(cpu_ms=1000, wall_ms=60_000, memory_kib=64_000, stack_kib=8192, processes=20, file_bytes=MIB)


@pytest.fixture(scope="module")
def box() -> Iterator[Path]:
    with workshop() as directory:
        yield directory / "box"


@pytest.mark.parametrize("mode", [*MODES, *REDUCED_MODES], ids=str)
def test_it_finds_what_each_kind_of_walls_holds_back(box: Path, mode: Mode):
    if missing := what_is_missing(mode):
        pytest.skip(missing)
    with contextlib.closing(Walls(mode, box)) as walls:
        findings = walls.examine()
    assert {it.about for it in findings} == SUBJECTS
    gaps = {it.about for it in findings if not it.holds}
    if mode.landlock is None:
        assert gaps == set()
    elif mode.landlock:
        assert gaps == {"disk"}, findings
    else:
        assert gaps == {"disk", "the engine's files", "writing elsewhere", "other processes"}, findings


class Leaky:
    """Walls that keep nothing out but signals to the machine: a pid namespace, and no more."""

    description = "leaky"
    gaps: tuple[str, ...] = ()
    known_open: frozenset[str] = frozenset()
    end_signal = signal.SIGKILL

    def __init__(self, box: Path) -> None:
        self._box = box

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        directory = str(self._box.parent)
        walls = ["--unshare-user", "--unshare-pid", "--as-pid-1", "--die-with-parent", "--dev-bind", "/", "/"]
        walls += [
            "--proc",
            "/proc",
            "--tmpfs",
            "/dev/shm",
            "--tmpfs",
            "/tmp",
            "--ro-bind",
            directory,
            directory,
        ]
        walls += ["--chdir", "/tmp", "--", str(self._box), "init", *init, "--", str(self._box), *job.argv[1:]]
        drop = ["-u", str(own_uid() + slot)] if os.geteuid() == 0 else []
        return [str(self._box), "outer", *outer, *drop, "--", find("bwrap")[0], *walls]

    async def clear(self, slot: int, *, is_tidied: bool) -> None:
        return


@pytest.mark.parametrize("known_open", [frozenset(), frozenset({"disk"})], ids=["full", "reduced"])
def test_walls_with_a_gap_nobody_knew_of_stop_the_engine_and_the_gap_is_named(
    box: Path, known_open: frozenset[str]
):
    gaps = ("they are leaky",) if known_open else ()
    isolated = Isolated(Sandbox(Leaky(box), NoCgroups()), NoCgroups(), "leaky", gaps, known_open)
    with pytest.raises(Problem) as caught:
        asyncio.run(selftest.examine(isolated, box))
    said = str(caught.value)
    for gap in (
        "the engine's files (reads a file",
        "network (connects to",
        "namespaces (makes",
        "tracing",
    ):
        assert gap in said
    assert ("disk" in said) == (not known_open)
    assert "CPU time" not in said
    assert not (box.parent / "bait").exists()


def test_a_sandbox_that_cannot_be_tried_stops_the_engine(box: Path):
    isolated = Isolated(Sandbox(Leaky(Path("/not/there")), NoCgroups()), NoCgroups(), "leaky", ())
    with pytest.raises(Problem, match="could not be tried"):
        asyncio.run(selftest.examine(isolated, box))


def test_the_engine_says_what_is_enforced_and_how(engine):
    assert "held  network" in engine.announcement
    enforced = engine.get("/engine").json()["enforced"]
    assert {it["about"] for it in enforced} == SUBJECTS
    assert all(it["holds"] and it["seen"] and it["by"] for it in enforced)


@pytest.mark.parametrize("mode", [MODES[1], MODES[4]], ids=str)
def test_when_the_engine_is_killed_its_sandboxes_die_with_it(box: Path, mode: Mode):
    """Who drops rights is forgotten to die with its parent: without user namespaces box init must ask again."""
    if missing := what_is_missing(mode):
        pytest.skip(missing)
    walls = Walls(mode, box)
    pid = walls.pid()
    walls.run({str(slot): Job(("/bin/sleep", "60"), PATIENT) for slot in range(SLOTS)})
    uids = range(own_uid(pid), own_uid(pid) + SLOTS)
    wait_until(lambda: all(len(list(processes_of(uid))) >= 2 for uid in uids))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(list(processes_of(uid)) for uid in uids), seconds=2)
