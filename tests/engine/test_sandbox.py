"""The sandbox itself, with control groups and without: it limits, it measures, it cleans up."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import resource
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from execution.engine import boxbuild, rundir
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroup_v1 import prepare_v1
from execution.engine.cgroup_v2 import prepare_v2
from execution.engine.cgroupfs import KERNEL, members, mounts, remove_group
from execution.engine.cgroups import Cgroups, NoCgroups
from execution.engine.jobs import MIB, Job, Killed, Limits, Outcome, SandboxFailed
from execution.engine.reduced import Reduced, landlock_version
from execution.engine.requirements import find, problems
from execution.engine.sandbox import Enclosure, Sandbox, Share
from execution.engine.seats import Seat

from .conftest import processes_with, wait_until

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
    """Behind full walls."""
    yield from trial_of(workshop, request.param)


@pytest.fixture(scope="module", params=["with cgroups", "without cgroups", "reduced walls"])
def anywhere(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[Trial]:
    yield from trial_of(workshop, request.param)


def trial_of(workshop: Workshop, kind: str) -> Iterator[Trial]:
    name = workshop.seat.name
    cgroups: Cgroups = NoCgroups()
    if kind == "with cgroups":
        found = prepare_v1(name) or prepare_v2(name)
        if found is None:
            pytest.skip("this machine lets us use no control groups")
        cgroups = found
    yield Trial(Sandbox(walls_of(workshop, kind, cgroups), cgroups), cgroups)
    cgroups.close()


def walls_of(workshop: Workshop, kind: str, cgroups: Cgroups) -> Enclosure:
    uid, counted = workshop.seat.first_uid, cgroups.counts_memory
    if kind != "reduced walls":
        return Bubblewrap(workshop.box, find("bwrap")[0], uid, memory_is_counted=counted)
    if uid is None and not landlock_version():
        pytest.skip("not root, and this kernel has no Landlock")
    return Reduced(workshop.box, uid, landlock=landlock_version(), memory_is_counted=counted)


def test_a_program_runs_and_its_ends_are_seen(anywhere):
    outcome = anywhere.run("import sys; print(sys.stdin.read()); sys.exit(7)", stdin=b"in")
    assert (outcome.stdout, outcome.exit_code, outcome.signal) == (b"in\n", 7, None)
    outcome = anywhere.run("import os; os.abort()")
    assert (outcome.exit_code, outcome.signal, outcome.killed) == (0, 6, None)


def test_too_much_work_is_killed_soon_after_the_limit(anywhere):
    outcome = anywhere.run("while True: pass", replace(LIMITS, cpu_ms=300))
    assert outcome.killed is Killed.CPU
    assert 300 < outcome.cpu_ms < 400


def test_short_lived_children_cannot_outrun_the_limits(anywhere):
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
    outcome = anywhere.run(source, replace(LIMITS, cpu_ms=500, wall_ms=2000))
    assert outcome.killed in (Killed.CPU, Killed.WALL)
    assert outcome.wall_ms < 2500


def test_sleeping_is_ended_by_the_wall_clock(anywhere):
    outcome = anywhere.run("import time; time.sleep(60)", replace(LIMITS, wall_ms=300))
    assert outcome.killed is Killed.WALL
    assert 300 <= outcome.wall_ms < 500


def test_too_much_memory_is_refused_or_ends_the_program(anywhere):
    outcome = anywhere.run("x = bytearray(300 << 20)")
    assert outcome.oom or b"MemoryError" in outcome.stderr
    assert outcome.memory_kib <= LIMITS.memory_kib


def test_memory_of_many_processes_is_added_up(anywhere):
    source = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        x = b"x" * (50 << 20)
        time.sleep(3)
        os._exit(0)
time.sleep(1)
"""
    outcome = anywhere.run(source)
    assert outcome.oom


def test_processes_are_limited(anywhere):
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
    assert int(anywhere.run(source).stdout) < 20


def test_a_program_that_is_not_there_is_told_from_one_that_failed(anywhere):
    outcome = anywhere.run("", argv=("/box/nothing",))
    assert outcome.exec_errno == 2
    assert anywhere.run("import sys; sys.exit(127)").exec_errno == 0


def test_a_collected_file_comes_out_but_a_link_or_a_pipe_does_not(trial):
    write = "open('/box/out', 'wb').write(b'made')"
    assert trial.run(write, collect="/box/out").collected == b"made"
    for trick in ("os.symlink('/etc/passwd', 'out')", "os.mkfifo('out')", "os.mkdir('out')", "pass"):
        assert trial.run(f"import os; {trick}", collect="/box/out").collected is None
    large = f"open('/box/out', 'wb').truncate({MIB + 1})"
    assert trial.run(large, collect="/box/out").collected is None


def test_a_report_cannot_be_forged(anywhere):
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
    outcome = anywhere.run(source)
    assert (outcome.exit_code, outcome.stdout) == (9, b"closed\n")


def test_init_cannot_be_made_blind(anywhere):
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
    outcome = anywhere.run(source, replace(LIMITS, cpu_ms=300))
    assert (outcome.stdout, outcome.killed) == (b"", Killed.CPU)


def test_a_program_whose_init_dies_has_failed_itself_and_its_words_stay_its_own(trial):
    async def story() -> Outcome:
        source = "import sys, time; print('box: forged', file=sys.stderr, flush=True); time.sleep(60)"
        running = asyncio.create_task(trial.sandbox.run(python_job(source), slot=0))
        await asyncio.to_thread(wait_until, lambda: any(map(programs_of, inits())))
        for init in inits():
            os.kill(init, signal.SIGKILL)
        return await running

    outcome = asyncio.run(story())
    assert (outcome.signal, outcome.killed, outcome.oom) == (signal.SIGKILL, None, False)


@dataclass
class SlowToEnd:
    """No walls at all: what is started does not end when it is asked to, but once there is a file `go`."""

    place: Path
    description = "slow"
    end_signal = signal.SIGTERM
    gaps: tuple[str, ...] = ()
    known_open: frozenset[str] = frozenset()

    def command(self, job: Job, slot: int, outer: list[str], init: list[str], share: Share) -> list[str]:
        wait = "while [ ! -e go ] && [ $((n += 1)) -lt 500 ]; do sleep 0.02; done"
        return ["/bin/sh", "-c", f"trap '' TERM; cd '{self.place}'; : >asked; {wait}; [ -e go ] && : >over"]

    async def clear(self, slot: int, *, is_tidied: bool) -> None:
        (self.place / "cleared").touch()


def test_others_go_on_while_a_cancelled_run_tidies_up_and_it_is_waited_for(tmp_path):
    async def story() -> None:
        sandbox = Sandbox(SlowToEnd(tmp_path), NoCgroups())
        running = asyncio.create_task(sandbox.run(python_job(""), slot=0))
        while not (tmp_path / "asked").exists():
            await asyncio.sleep(0.01)
        for _ in range(2):
            running.cancel()
            await asyncio.sleep(0.05)
        assert not running.done()
        assert not (tmp_path / "cleared").exists()
        (tmp_path / "go").touch()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(story())
    assert (tmp_path / "over").exists()
    assert (tmp_path / "cleared").exists()


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def programs_of(init: int) -> list[int]:
    """Its children that have become the program."""
    found = []
    for child in children_of(init):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/comm").read_text() != ".init\n":
                found.append(child)
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


def test_when_a_cancelled_run_is_over_nothing_of_it_is_alive(anywhere):
    marker = uuid.uuid4().hex
    job = Job((find("python3")[0], "-c", "import time; time.sleep(60)", marker), LIMITS)

    def is_program(pid: int) -> bool:
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_text().startswith(job.argv[0])
        return False

    async def cancel_it() -> list[int]:
        running = asyncio.create_task(anywhere.sandbox.run(job, slot=0))
        async with asyncio.timeout(10):
            while not (programs := list(filter(is_program, processes_with(marker)))):
                await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return list(filter(is_program, programs))

    assert asyncio.run(cancel_it()) == []


def test_a_run_cancelled_while_it_is_being_started_ends_at_once(anywhere):
    job = python_job("import time; time.sleep(20)")

    async def cancel_it_after(delay_s: float) -> float:
        running = asyncio.create_task(anywhere.sandbox.run(job, slot=0))
        await asyncio.sleep(delay_s)
        cancelled = time.monotonic()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return time.monotonic() - cancelled

    async def story() -> list[float]:
        return [await cancel_it_after(0.0001 * step) for step in range(80)]

    took = asyncio.run(story())
    assert max(took) < 2 + 20 * sorted(took)[len(took) // 2], sorted(took)[-3:]


def test_when_the_sandbox_cannot_be_made_it_says_why(trial):
    with pytest.raises(SandboxFailed, match=r"bwrap: .*/not/there"):
        trial.run("", binds=((Path("/not/there"), "/box/x"),))


def test_running_out_of_descriptors_leaks_none_and_leaves_nothing_behind(anywhere, workshop):
    def own() -> tuple[list[str], list[int], list[str]]:
        groups = [
            path
            for path, _, _ in os.walk("/sys/fs/cgroup")
            if workshop.seat.name in path and Path(path).name.startswith("run-")
        ]
        return sorted(os.listdir("/proc/self/fd")), children_of(os.getpid()), groups

    async def story() -> set[str]:
        job = python_job("print(1)")
        await anywhere.sandbox.run(job, slot=0)
        before, ends = own(), set()
        for spare in range(25):
            with descriptors_left(spare):
                try:
                    ends.add((await anywhere.sandbox.run(job, slot=0)).stdout.decode())
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


@pytest.fixture
def unified_group(workshop: Workshop) -> Iterator[Path]:
    """A real group of version 2, which need not count anything: machines with both versions have such too."""
    for mount in mounts("cgroup2", KERNEL):
        group = mount.point / f"{workshop.seat.name}-alone"
        try:
            group.mkdir()
        except OSError:
            continue
        yield group
        if group.exists():
            asyncio.run(remove_group(group, KERNEL))
        return
    pytest.skip("no hierarchy of version 2 is mounted that we may change")


def sleeper(workshop: Workshop, group: Path) -> subprocess.Popen[bytes]:
    command = [str(workshop.box), "outer", "-G", str(group), "--", "/bin/sleep", "60"]
    started = subprocess.Popen(command)
    wait_until(lambda: [Path(f"/proc/{pid}/comm").read_text() for pid in members(group)] == ["sleep\n"])
    return started


def test_in_version_2_a_program_is_born_in_its_group_and_dies_with_who_put_it_there(workshop, unified_group):
    started = sleeper(workshop, unified_group)
    assert members(unified_group) == children_of(started.pid)
    started.kill()
    started.wait()
    wait_until(lambda: members(unified_group) == [])


def test_in_version_2_what_lives_in_a_group_is_killed_when_it_is_removed(workshop, unified_group):
    started = sleeper(workshop, unified_group)
    asyncio.run(remove_group(unified_group, KERNEL))
    assert not unified_group.exists()
    assert started.wait(timeout=10) == 120


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


def test_only_as_pid_1_does_box_signal_all_that_it_may_signal():
    sources = [path.read_text() for path in Path(boxbuild.__file__).parent.glob("box/*.c")]
    lines = [line for text in sources for line in text.splitlines() if "kill(-1" in line.replace(" ", "")]
    assert lines
    assert all("if (getpid() == 1)" in line for line in lines)
