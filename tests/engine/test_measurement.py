"""What is measured is what was used: CPU time, wall time and memory, of everything that a program starts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroup_v1 import prepare_v1
from execution.engine.cgroup_v2 import prepare_v2
from execution.engine.cgroupfs import KERNEL
from execution.engine.cgroups import Cgroups, Group, Usage
from execution.engine.jobs import MIB, Killed, SandboxFailed
from execution.engine.requirements import find
from execution.engine.sandbox import Sandbox

from .test_sandbox import LIMITS, Trial, Workshop, trial_of
from .test_sandbox import trial as trial  # a fixture
from .test_sandbox import workshop as workshop

BEGINNING = """
import os, signal, sys, threading, time

def burn(seconds, clock=time.process_time):
    end = clock() + seconds
    while clock() < end: pass

reader, writer = os.pipe()
"""


@pytest.fixture(scope="module")
def counted(workshop: Workshop) -> Iterator[Trial]:
    """With control groups, which alone know that the kernel killed for want of memory."""
    name = f"{workshop.seat.name}-counted"
    cgroups = prepare_v1(name) or prepare_v2(name)
    if cgroups is None:
        pytest.skip("this machine lets us use no control groups")
    yield with_groups(workshop, cgroups)
    cgroups.close()


@pytest.fixture(scope="module")
def uncounted(workshop: Workshop) -> Iterator[Trial]:
    """Without control groups, where box init sums up what the processes have."""
    yield from trial_of(workshop, "without cgroups")


def with_groups(workshop: Workshop, cgroups: Cgroups) -> Trial:
    walls = Bubblewrap(workshop.box, find("bwrap")[0], workshop.seat.first_uid, memory_is_counted=True)
    return Trial(Sandbox(walls, cgroups), cgroups)


def directory_of(group: Group) -> Path:
    """Where its memory is counted."""
    options = group.outer_options()
    if options[0] == "-G":
        return Path(options[1])
    return next(Path(word).parent for word in options if "/memory/" in word)


WORK = {
    "threads": """
threads = [threading.Thread(target=burn, args=(0.15, time.thread_time)) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""",
    "children that are waited for": """
for _ in range(3):
    if os.fork() == 0:
        burn(0.15)
        os._exit(0)
for _ in range(3): os.wait()
""",
    "children that end by themselves, SIGCHLD being ignored": """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        burn(0.15)
        os._exit(0)
try:
    os.wait()
except ChildProcessError:  # once the last has ended
    pass
""",
    "orphans": """
if os.fork() == 0:
    for _ in range(3):
        if os.fork() == 0:
            burn(0.15)
            os._exit(0)
    os._exit(0)
os.close(writer)
os.read(reader, 1)  # ends with the last of them
""",
    "children that are left behind": """
for _ in range(3):
    if os.fork() == 0:
        burn(0.15)
        os.write(writer, b".")
        time.sleep(60)
for _ in range(3): os.read(reader, 1)
""",
}


@pytest.mark.parametrize("work", WORK.values(), ids=WORK.keys())
def test_cpu_time_is_that_of_everything_a_program_started(trial, work):
    """(S1.50, in part) Three times 150 ms. Without control groups, the last look at a process may be 25 ms old."""
    outcome = trial.run(BEGINNING + work)
    assert (outcome.exit_code, outcome.stderr) == (0, b"")
    assert (440 if trial.cgroups.counts_memory else 370) < outcome.cpu_ms < 600


def test_the_time_of_a_program_with_very_many_children_counts_once(uncounted):
    """More than box init remembers; those that live are remembered whatever comes."""
    source = """
def spawn():
    found = []
    for _ in range(18):
        child = os.fork()
        if child == 0:
            time.sleep(0.026)
            os._exit(0)
        found.append(child)
    return found

burn(0.3)
for _ in range(30):
    for child in spawn(): os.waitpid(child, 0)
print(sum(os.times()[:4]) * 1000)
"""
    outcome = uncounted.run(BEGINNING + source, replace(LIMITS, cpu_ms=0, wall_ms=20_000))
    assert outcome.cpu_ms < float(outcome.stdout) + 200


def test_waiting_is_wall_time_but_not_cpu_time(trial):
    outcome = trial.run("import time; time.sleep(0.4)")
    assert 400 < outcome.wall_ms < 800
    assert outcome.cpu_ms < 150


def test_memory_is_that_of_everything_a_program_started(trial):
    """Three times 30 MB. What they share counts once."""
    source = """
for _ in range(3):
    if os.fork() == 0:
        x = b"x" * (30 << 20)
        os.write(writer, b".")
        time.sleep(60)
for _ in range(3): os.read(reader, 1)
time.sleep(0.1)
"""
    outcome = trial.run(BEGINNING + source, replace(LIMITS, memory_kib=256_000))
    assert 90 * 1024 < outcome.memory_kib < 120 * 1024


def test_memory_that_processes_share_counts_once_and_as_long_as_one_of_them_has_it(trial):
    source = """
import mmap
shared = mmap.mmap(-1, 30 << 20)
if os.fork() == 0:
    shared.write(b"x" * (30 << 20))
    os._exit(0)
os.wait()
time.sleep(0.1)
"""
    outcome = trial.run(BEGINNING + source)
    assert outcome.exit_code == 0
    assert 30 * 1024 < outcome.memory_kib < 90 * 1024  # the text is the child's own, for a moment


def test_the_peak_of_memory_is_kept_after_it_is_given_back(trial):
    outcome = trial.run("x = b'x' * (60 << 20); del x; y = b'y' * (10 << 20)")
    assert 60 * 1024 < outcome.memory_kib < 80 * 1024


def test_files_in_memory_count_where_control_groups_count(counted):
    source = "open('/tmp/large', 'wb').write(bytes(40 << 20))"
    outcome = counted.run(source, replace(LIMITS, file_bytes=64 * MIB))
    assert 40 * 1024 < outcome.memory_kib < 100 * 1024


@dataclass(frozen=True)
class WithoutPeak:
    """A group of a kernel that does not keep the peak of memory."""

    group: Group

    def outer_options(self) -> list[str]:
        return self.group.outer_options()

    def open_cpu_counter(self) -> int | None:
        return self.group.open_cpu_counter()

    def open_memory_gauge(self) -> int | None:
        directory = directory_of(self.group)
        found = [directory / name for name in ("memory.current", "memory.usage_in_bytes")]
        return os.open(next(path for path in found if path.exists()), os.O_RDONLY | os.O_CLOEXEC)

    def usage(self) -> Usage:
        return replace(self.group.usage(), memory_kib=None)

    async def remove(self) -> None:
        await self.group.remove()


@dataclass(frozen=True)
class GroupsWithoutPeak:
    cgroups: Cgroups
    description: str = "as before Linux 5.19"
    counts_memory: bool = True

    def create(self, memory_kib: int, processes: int) -> Group:
        return WithoutPeak(self.cgroups.create(memory_kib, processes))

    def close(self) -> None:
        self.cgroups.close()


def test_where_the_kernel_keeps_no_peak_of_memory_init_polls_it(workshop, counted):
    """All of the group's: 60 MB in two children that are never waited for."""
    source = """
for _ in range(2):
    if os.fork() == 0:
        x = b"x" * (30 << 20)
        os.write(writer, b".")
        time.sleep(60)
for _ in range(2): os.read(reader, 1)
time.sleep(0.1)
"""
    outcome = with_groups(workshop, GroupsWithoutPeak(counted.cgroups)).run(BEGINNING + source)
    assert 60 * 1024 < outcome.memory_kib < 80 * 1024


HUGE = "b'x' * (300 << 20)"


def test_a_program_that_the_kernel_killed_for_want_of_memory_is_told_so_and_its_output_is_kept(counted):
    outcome = counted.run(f"print('so far', flush=True)\nx = {HUGE}")
    assert (outcome.oom, outcome.signal, outcome.killed) == (True, signal.SIGKILL, None)
    assert (outcome.stdout, outcome.memory_kib) == (b"so far\n", LIMITS.memory_kib)


def test_a_program_that_kills_itself_is_not_taken_for_one_that_ran_out_of_memory(counted):
    outcome = counted.run("import os; os.kill(os.getpid(), 9)")
    assert (outcome.oom, outcome.signal) == (False, signal.SIGKILL)


def test_a_program_that_handles_a_failing_allocation_did_not_run_out_of_memory(counted):
    """More than there are addresses: nothing was used."""
    outcome = counted.run("try:\n    x = bytearray(1 << 60)\nexcept MemoryError:\n    raise SystemExit(3)")
    assert (outcome.oom, outcome.exit_code) == (False, 3)
    assert outcome.memory_kib < 40 * 1024


@pytest.mark.parametrize("exit_code", [0, 3])
def test_a_program_that_survives_a_child_killed_for_want_of_memory_ends_as_it_likes_but_it_is_told(
    counted, exit_code
):
    source = f"""
if os.fork() == 0:
    x = {HUGE}
    os._exit(0)
print(os.WTERMSIG(os.wait()[1]))
sys.exit({exit_code})
"""
    outcome = counted.run(BEGINNING + source)
    assert (outcome.stdout, outcome.exit_code, outcome.signal) == (b"9\n", exit_code, None)
    assert (outcome.oom, outcome.memory_kib) == (True, LIMITS.memory_kib)


def test_a_program_that_is_killed_because_the_machine_is_full_has_not_failed_the_sandbox_has(workshop):
    """A limit above the run's own, as a container has one: what is in there beside the run is not its fault."""
    name = f"{workshop.seat.name}-full"
    cgroups = prepare_v1(name) or prepare_v2(name)
    if cgroups is None:
        pytest.skip("this machine lets us use no control groups")
    try:
        group = cgroups.create(1000, 1)
        parent = directory_of(group).parent
        asyncio.run(group.remove())
        found = [parent / name for name in ("memory.max", "memory.limit_in_bytes")]
        KERNEL.write(next(path for path in found if path.exists()), str(48 * MIB))
        with pytest.raises(SandboxFailed, match="ran out of memory"):
            with_groups(workshop, cgroups).run(f"x = {HUGE}")
    finally:
        cgroups.close()


def test_time_that_is_over_is_told_even_when_memory_is_over_too(counted):
    """Both are true, and the message of the first that was noticed is given; never neither."""
    source = f"""
if os.fork() == 0:
    x = {HUGE}
os.wait()
while True: pass
"""
    outcome = counted.run(BEGINNING + source, replace(LIMITS, cpu_ms=400))
    assert (outcome.killed, outcome.oom) == (Killed.CPU, True)
