"""The sandbox itself, with control groups and without: it limits, it measures, it cleans up."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from execution.engine import boxbuild, rundir
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroups import Cgroups, NoCgroups, prepare_v1, prepare_v2
from execution.engine.jobs import MIB, Job, Killed, Limits, Outcome, SandboxFailed
from execution.engine.requirements import find, problems
from execution.engine.sandbox import Sandbox
from execution.engine.seats import Seat

from .conftest import wait_until

LIMITS = Limits(cpu_ms=1000, wall_ms=5000, memory_kib=128_000, stack_kib=64_000, processes=20, file_bytes=MIB)


@dataclass(frozen=True)
class Workshop:
    """A directory with the helper binary, and a place among the engines of this machine."""

    directory: Path
    box: Path
    seat: Seat


@dataclass(frozen=True)
class Trial:
    sandbox: Sandbox
    cgroups: Cgroups

    def run(self, source: str, limits: Limits = LIMITS, **more: Any) -> Outcome:
        return asyncio.run(self.sandbox.run(python_job(source, limits, **more), slot=0))


def python_job(source: str, limits: Limits = LIMITS, **more: Any) -> Job:
    job = Job(argv=(find("python3")[0], "main.py"), limits=limits, files=(("/box/main.py", source.encode()),))
    return replace(job, **more)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    assert problems() == []
    seat = Seat.take()
    assert seat is not None
    directory = rundir.make("", seat.name)
    yield Workshop(directory, asyncio.run(boxbuild.build(directory)), seat)
    rundir.remove(directory)
    seat.leave()


@pytest.fixture(scope="module", params=["with cgroups", "without cgroups"])
def trial(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[Trial]:
    name = workshop.seat.name
    cgroups: Cgroups = NoCgroups()
    if request.param == "with cgroups":
        found = prepare_v1(name) or prepare_v2(name)
        if found is None:
            pytest.skip("this machine lets us use no control groups")
        cgroups = found
    walls = Bubblewrap(
        workshop.box, find("bwrap")[0], workshop.seat.first_uid, memory_is_counted=cgroups.counts_memory
    )
    sandbox = Sandbox(walls, cgroups)
    yield Trial(sandbox, cgroups)
    cgroups.close()


def test_a_program_runs_and_its_ends_are_seen(trial):
    outcome = trial.run("import sys; print(sys.stdin.read()); sys.exit(7)", stdin=b"in")
    assert (outcome.stdout, outcome.exit_code, outcome.signal) == (b"in\n", 7, None)
    outcome = trial.run("import os; os.abort()")
    assert (outcome.exit_code, outcome.signal, outcome.killed) == (0, 6, None)


def test_work_of_children_is_counted_whether_or_not_anybody_waits_for_them(trial):
    child = """
import os, signal, time
{before}
for _ in range(3):
    if os.fork() == 0:
        end = time.process_time() + 0.15
        while time.process_time() < end: pass
        os._exit(0)
{after}
"""
    waiting = child.format(before="", after="for _ in range(3): os.wait()")
    ignoring = child.format(before="signal.signal(signal.SIGCHLD, signal.SIG_IGN)", after="time.sleep(1.5)")
    for source in (waiting, ignoring):
        assert 400 < trial.run(source).cpu_ms < 700


def test_too_much_work_is_killed_soon_after_the_limit(trial):
    outcome = trial.run("while True: pass", replace(LIMITS, cpu_ms=300))
    assert outcome.killed is Killed.CPU
    assert 300 < outcome.cpu_ms < 400


def test_short_lived_children_cannot_outrun_the_limits(trial):
    source = """
import os, signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            for _ in range(20_000): pass
            os._exit(0)
    except OSError:
        pass
"""
    outcome = trial.run(source, replace(LIMITS, cpu_ms=500, wall_ms=2000))
    assert outcome.killed in (Killed.CPU, Killed.WALL)
    assert outcome.wall_ms < 2500


def test_sleeping_is_ended_by_the_wall_clock(trial):
    outcome = trial.run("import time; time.sleep(60)", replace(LIMITS, wall_ms=300))
    assert outcome.killed is Killed.WALL
    assert 300 <= outcome.wall_ms < 500


def test_too_much_memory_is_refused_or_ends_the_program(trial):
    outcome = trial.run("x = bytearray(300 << 20)")
    assert outcome.oom or b"MemoryError" in outcome.stderr
    assert outcome.memory_kib <= LIMITS.memory_kib


def test_memory_of_many_processes_is_added_up(trial):
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        x = b"x" * (50 << 20)
        time.sleep(3)
        os._exit(0)
time.sleep(1)
"""
    outcome = trial.run(source)
    assert outcome.oom


def test_the_peak_of_memory_is_measured(trial):
    outcome = trial.run("x = b'x' * (60 << 20)")
    assert 60 * 1024 < outcome.memory_kib < 80 * 1024


def test_processes_are_limited(trial):
    source = """
import os, time
made = 0
try:
    while made < 500:
        if os.fork() == 0:
            time.sleep(10)
            os._exit(0)
        made += 1
except OSError:
    pass
print(made)
"""
    assert int(trial.run(source).stdout) < 20


def test_a_program_that_is_not_there_is_told_from_one_that_failed(trial):
    outcome = trial.run("", argv=("/box/nothing",))
    assert outcome.exec_errno == 2
    assert trial.run("import sys; sys.exit(127)").exec_errno == 0


def test_a_collected_file_comes_out_but_a_link_or_a_pipe_does_not(trial):
    write = "open('/box/out', 'wb').write(b'made')"
    assert trial.run(write, collect="/box/out").collected == b"made"
    for trick in ("os.symlink('/etc/passwd', 'out')", "os.mkfifo('out')", "os.mkdir('out')", "pass"):
        assert trial.run(f"import os; {trick}", collect="/box/out").collected is None
    large = f"open('/box/out', 'wb').truncate({MIB + 1})"
    assert trial.run(large, collect="/box/out").collected is None


def test_a_report_cannot_be_forged(trial):
    source = """
import os
for fd in range(3, 256):
    try:
        os.write(fd, b'{"exit":0,"signal":0}\\n')
    except OSError:
        pass
try:
    print(os.listdir("/proc/1/fd"))
except OSError:
    print("closed", flush=True)
os._exit(9)
"""
    outcome = trial.run(source)
    assert (outcome.exit_code, outcome.stdout) == (9, b"closed\n")


def test_init_cannot_be_made_blind(trial):
    """With its descriptors taken away it could open /proc no more, and saw neither time nor memory."""
    source = """
import resource
try:
    resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
    print("blinded", flush=True)
except PermissionError:
    pass
while True: pass
"""
    outcome = trial.run(source, replace(LIMITS, cpu_ms=300))
    assert (outcome.stdout, outcome.killed) == (b"", Killed.CPU)


def test_a_program_whose_init_dies_has_failed_itself_and_its_words_stay_its_own(trial):
    async def story() -> Outcome:
        source = "import sys, time; print('box: forged', file=sys.stderr, flush=True); time.sleep(60)"
        running = asyncio.create_task(trial.sandbox.run(python_job(source), slot=0))
        await asyncio.to_thread(wait_until, lambda: any(map(children_of, inits())))
        for init in inits():
            os.kill(init, signal.SIGKILL)
        return await running

    outcome = asyncio.run(story())
    assert (outcome.signal, outcome.killed, outcome.oom) == (signal.SIGKILL, None, False)


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def inits() -> list[int]:
    """Host pids of the PID 1s below this process."""
    found, seen = [], [os.getpid()]
    while seen:
        pid = seen.pop()
        seen += children_of(pid)
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text() == ".init\n":
                found.append(pid)
    return found


def test_when_the_sandbox_cannot_be_made_it_says_why(trial):
    with pytest.raises(SandboxFailed, match=r"bwrap: .*/not/there"):
        trial.run("", binds=((Path("/not/there"), "/box/x"),))


def test_running_out_of_descriptors_leaks_none_and_leaves_nothing_behind(trial, workshop):
    def own() -> tuple[list[str], list[int], list[str]]:
        groups = [
            path
            for path, _, _ in os.walk("/sys/fs/cgroup")
            if workshop.seat.name in path and Path(path).name.startswith("run-")
        ]
        return sorted(os.listdir("/proc/self/fd")), children_of(os.getpid()), groups

    async def story() -> set[str]:
        job = python_job("print(1)")
        await trial.sandbox.run(job, slot=0)
        before, ends = own(), set()
        for spare in range(25):
            with descriptors_left(spare):
                try:
                    ends.add((await trial.sandbox.run(job, slot=0)).stdout.decode())
                except SandboxFailed as error:
                    ends.add("no cgroup" if "no cgroup" in str(error) else "failed")
            assert own() == before, spare
        return ends

    assert asyncio.run(story()) >= {"failed", "1\n"}


@contextlib.contextmanager
def descriptors_left(spare: int) -> Iterator[None]:
    """Only `spare` more can be opened: the limit is on their numbers, of which any may be in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (number for number in itertools.count() if not is_open(number))
    limit = next(itertools.islice(free, spare, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_memory_in_control_groups_of_version_1_is_not_swapped_out(workshop):
    cgroups = prepare_v1(workshop.seat.name)
    if cgroups is None:
        pytest.skip("this machine lets us use no control groups of version 1")
    group = cgroups.create(64_000, 10)
    memory = next(Path(word).parent for word in group.outer_options() if "/memory/" in word)
    swappiness = memory / "memory.swappiness"
    assert not swappiness.exists() or swappiness.read_text() == "0\n"
    asyncio.run(group.remove())
    cgroups.close()


def run_init(workshop: Workshop, source: str, *root: str) -> subprocess.CompletedProcess[bytes]:
    """box init alone on the file system `root`, without the filter; its status goes to stdout."""
    command = [find("bwrap")[0], "--unshare-all", "--die-with-parent", "--as-pid-1", "--uid", "65534"]
    command += [*root, "--ro-bind", str(workshop.box), "/tmp/box", "--", "/tmp/box", "init", "-s", "1"]
    command += ["-t", "2000", "-w", "5000", "--", find("python3")[0], "-c", source]
    return subprocess.run(command, capture_output=True, timeout=10, check=False)


def test_init_kills_what_it_cannot_measure(workshop):
    """The second line of defence: here no filter keeps the program from blinding it."""
    source = "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))\nwhile True: pass"
    root = ("--ro-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/tmp")
    started, report = run_init(workshop, source, *root).stdout.splitlines()
    assert started == b"started"
    assert b'"killed":"blind"' in report


def test_init_starts_nothing_where_there_is_nothing_to_measure_by(workshop):
    root = ("--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64")
    done = run_init(workshop, "print('ran')", *root)
    assert (done.returncode, done.stdout) == (120, b"")
    assert done.stderr.startswith(b"box: /proc:")


@pytest.mark.parametrize("options", [("-u", "12x"), ("-u", ""), ("-u", "-1"), ("-u", "9" * 30)])
def test_a_number_that_is_none_is_refused(workshop, options):
    command = [str(workshop.box), "outer", *options, "--", "/bin/echo", "ran"]
    done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    assert (done.returncode, done.stdout) == (120, b"")
    assert b"Invalid argument" in done.stderr


def test_an_engine_that_may_not_dump_core_itself_works_as_well(workshop):
    """1 would be more than the limit it was given."""
    command = ["prlimit", "--core=0:0", "--", find("bwrap")[0], "--unshare-user", "--ro-bind", "/", "/", "--"]
    command += [str(workshop.box), "outer", "--", "/bin/echo", "ran"]
    assert subprocess.run(command, capture_output=True, timeout=10, check=False).stdout == b"ran\n"


def test_pid_1_of_the_sandbox_refuses_to_be_anything_else(workshop):
    """It cleans up with kill(-1). Tried inside a pid namespace, should it ever not refuse."""
    command = ["bwrap", "--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "--"]
    command += [str(workshop.box), "init", "-s", "1", "--", "/bin/echo", "ran"]
    done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    assert done.returncode == 121
    assert done.stdout == b""
    assert b"not PID 1" in done.stderr


def test_the_check_for_pid_1_comes_before_everything_else_in_main():
    lines = (Path(boxbuild.__file__).parent / "box/main.c").read_text().partition("int main(")[2].splitlines()
    assert "getpid() != 1" in "".join(lines[1:3])
