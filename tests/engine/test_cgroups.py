"""Finding a place for control groups, and making them, on machines of every kind.

The kernel is a fake here that keeps the real one's rules; programs in real groups are in test_sandbox.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from execution.engine.cgroup_v1 import prepare_v1
from execution.engine.cgroup_v2 import prepare_v2
from execution.engine.cgroupfs import members

from .fake_kernel import FakeKernel, KernelV1, KernelV2

NAME = "judge-engine-1-0-0"
STARTER, SIBLING, STRANGER = 1, 4_000_001, 4_000_002


@pytest.fixture
def machine(tmp_path: Path) -> KernelV2:
    """A machine with cgroup v2 whose root is ours."""
    kernel = KernelV2(tmp_path)
    kernel.enter(kernel.top)
    return kernel


@pytest.fixture
def container(tmp_path: Path) -> KernelV2:
    """A container that may change its own groups, with the engine as its only process."""
    kernel = KernelV2(tmp_path, is_container=True)
    kernel.enter(kernel.top)
    return kernel


def groups(kernel: KernelV2) -> set[str]:
    return {str(path.relative_to(kernel.top)) for path in kernel.top.rglob("*") if path.is_dir()}


# ---- version 2: the place


def test_as_root_of_a_machine_the_root_itself_hands_memory_on(machine):
    cgroups = prepare_v2(NAME, machine)
    assert cgroups is not None
    assert (machine.where(os.getpid()), groups(machine)) == (machine.top, {NAME})
    cgroups.close()
    assert groups(machine) == set()


def test_alone_in_a_group_of_its_own_the_engine_makes_room_in_it_and_goes_back_at_the_end(machine):
    """As in a unit with Delegate=yes: all above is somebody else's, and a group with processes hands nothing on."""
    machine.group("user", "memory pids")
    own = machine.group("user/ours")
    machine.enter(own)
    machine.not_ours |= {machine.top, machine.top / "user"}
    cgroups = prepare_v2(NAME, machine)
    assert cgroups is not None
    assert machine.where(os.getpid()) == own / f"{NAME}-itself"
    assert groups(machine) == {"user", "user/ours", f"user/ours/{NAME}", f"user/ours/{NAME}-itself"}
    cgroups.close()
    assert machine.where(os.getpid()) == own
    assert groups(machine) == {"user", "user/ours"}


def test_with_others_in_its_group_the_engine_rather_goes_to_one_above_that_hands_memory_on(machine):
    """As root in a service of systemd's: nobody is moved."""
    machine.group("system", "memory pids")
    own = machine.group("system/platform")
    machine.enter(own, SIBLING)
    assert prepare_v2(NAME, machine) is not None
    assert members(own) == [os.getpid(), SIBLING]
    assert groups(machine) == {"system", "system/platform", f"system/{NAME}"}


def test_with_others_in_a_container_all_of_them_make_room(container):
    container.enter(container.top, STARTER, SIBLING)
    cgroups = prepare_v2(NAME, container)
    assert cgroups is not None
    assert sorted(members(container.top / f"{NAME}-itself")) == sorted([STARTER, os.getpid(), SIBLING])
    cgroups.close()
    assert sorted(members(container.top)) == sorted([STARTER, os.getpid(), SIBLING])
    assert groups(container) == set()


def test_who_is_born_while_all_make_room_is_moved_too(container):
    container.born = [SIBLING]
    assert prepare_v2(NAME, container) is not None
    assert members(container.top) == []


def test_where_somebody_may_not_be_moved_everybody_stays(container):
    container.enter(container.top, SIBLING)
    container.settled = {SIBLING}
    assert prepare_v2(NAME, container) is None
    assert (sorted(members(container.top)), groups(container)) == (sorted([os.getpid(), SIBLING]), set())


def test_a_process_that_cannot_be_named_here_is_no_reason_to_move_ourselves_twice(container):
    """0 in cgroup.procs is somebody in another pid namespace; written, it means whoever writes it."""
    container.enter(container.top, 0)
    assert prepare_v2(NAME, container) is None
    assert (sorted(members(container.top)), groups(container)) == ([os.getpid()], set())


def test_room_that_another_engine_uses_by_now_is_left_to_it(container):
    first = prepare_v2(NAME, container)
    second = prepare_v2("another", container)
    assert first is not None
    assert second is not None
    first.close()
    assert container.where(os.getpid()) == container.top / f"{NAME}-itself"
    assert second.create(64_000, 10).usage().oom_kills == 0


def test_where_groups_are_shown_but_not_ours_there_are_none(container):
    """As in a container with its defaults, where they are mounted read-only."""
    container.not_ours = {container.top}
    assert prepare_v2(NAME, container) is None
    assert groups(container) == set()


@pytest.mark.parametrize("controllers", ["", "hugetlb", "cpu pids"])
def test_a_hierarchy_without_memory_is_of_no_use(tmp_path, controllers):
    """The second half of a hybrid machine: its memory is counted by version 1."""
    kernel = KernelV2(tmp_path, controllers=controllers)
    kernel.enter(kernel.top, SIBLING)
    assert prepare_v2(NAME, kernel) is None
    assert groups(kernel) == set()


def test_a_group_that_is_not_visible_here_is_not_mistaken_for_another(container):
    """The groups are those of the machine, our own is outside of what is mounted: nobody moves a stranger."""
    container.enter(container.top, STRANGER)
    (container.process / "cgroup").write_text("0::/../elsewhere\n")
    container.shows(f"/here {container.top} rw - cgroup2 cgroup2 rw", groups="0::/elsewhere\n")
    (container.top / "cgroup.procs").write_text(f"{STRANGER}\n")
    assert prepare_v2(NAME, container) is None
    assert members(container.top) == [STRANGER]


def test_a_mount_of_a_part_of_the_hierarchy_is_understood(container):
    container.shows(f"/docker/12 {container.top} rw - cgroup2 cgroup2 rw", groups="0::/docker/12\n")
    cgroups = prepare_v2(NAME, container)
    assert cgroups is not None
    assert groups(container) == {NAME, f"{NAME}-itself"}


def test_mounts_without_a_source_or_with_many_fields_are_read_over(machine):
    own = (machine.process / "mountinfo").read_text()
    strange = "21 1 0:9 / /x rw shared:1 master:2 - tmpfs  rw\n22 1 0:9 / /y rw - fuse.a b\\040c rw,fd=3\n"
    (machine.process / "mountinfo").write_text(strange + own)
    assert prepare_v2(NAME, machine) is not None


def test_what_a_dead_engine_left_is_cleared(machine):
    machine.group(NAME)
    left = machine.group(f"{NAME}/run-3")
    (left / "cgroup.procs").write_text(f"{STRANGER}\n")
    assert prepare_v2(NAME, machine) is not None
    assert groups(machine) == {NAME}


# ---- version 2: a run's group


def test_a_runs_group_is_limited_in_memory_swap_and_processes_and_its_oom_killer_takes_one_at_a_time(machine):
    cgroups = prepare_v2(NAME, machine)
    assert cgroups is not None
    group = cgroups.create(64_000, 10)
    assert group.outer_options() == ["-G", str(machine.top / NAME / "run-1")]
    files = ("memory.max", "memory.swap.max", "pids.max", "memory.oom.group")
    read = [(machine.top / NAME / "run-1" / file).read_text() for file in files]
    assert read == [str(64_000 * 1024), "0", "14", "0"]
    asyncio.run(group.remove())
    assert groups(machine) == {NAME}


def test_where_processes_and_swap_are_not_counted_memory_is_still_limited(tmp_path):
    kernel = KernelV2(tmp_path, controllers="memory", missing=("memory.swap.max",))
    kernel.enter(kernel.top)
    cgroups = prepare_v2(NAME, kernel)
    assert cgroups is not None
    cgroups.create(64_000, 10)
    assert (kernel.top / NAME / "run-1/memory.max").read_text() == str(64_000 * 1024)


def test_the_peak_is_the_kernels_where_it_keeps_one(machine):
    cgroups = prepare_v2(NAME, machine)
    assert cgroups is not None
    assert cgroups.description == "cgroup v2"
    group = cgroups.create(64_000, 10)
    (machine.top / NAME / "run-1/memory.peak").write_text(str(5000 * 1024))
    assert (group.usage().memory_kib, group.open_memory_gauge()) == (5000, None)


def test_before_linux_5_19_the_peak_is_polled(tmp_path):
    kernel = KernelV2(tmp_path, missing=("memory.peak",))
    kernel.enter(kernel.top)
    cgroups = prepare_v2(NAME, kernel)
    assert cgroups is not None
    assert cgroups.description == "cgroup v2 (the peak of memory by polling)"
    group = cgroups.create(64_000, 10)
    (kernel.top / NAME / "run-1/memory.current").write_text("12345")
    gauge = group.open_memory_gauge()
    assert gauge is not None
    assert (os.read(gauge, 9), group.usage().memory_kib) == (b"12345", None)
    os.close(gauge)


@pytest.mark.parametrize(("oom", "is_at_limit"), [(2, True), (0, False)])
def test_a_program_killed_at_its_own_limit_is_told_from_one_killed_because_the_machine_was_full(
    machine, oom, is_at_limit
):
    cgroups = prepare_v2(NAME, machine)
    assert cgroups is not None
    group = cgroups.create(64_000, 10)
    events = f"low 0\nhigh 0\nmax 9\noom {oom}\noom_kill 1\n"
    (machine.top / NAME / "run-1/memory.events").write_text(events)
    assert (group.usage().oom_kills, group.usage().is_at_limit) == (1, is_at_limit)


@pytest.mark.parametrize(("missing", "killed"), [((), []), (("cgroup.kill",), [STRANGER])])
def test_what_still_lives_in_a_group_is_killed_all_at_once_or_before_linux_5_14_one_by_one(
    tmp_path, missing, killed
):
    kernel = KernelV2(tmp_path, missing=missing)
    kernel.enter(kernel.top)
    cgroups = prepare_v2(NAME, kernel)
    assert cgroups is not None
    group = cgroups.create(64_000, 10)
    (kernel.top / NAME / "run-1/cgroup.procs").write_text(f"{STRANGER}\n")
    asyncio.run(group.remove())
    assert (kernel.killed, groups(kernel)) == (killed, {NAME})


def test_a_group_that_cannot_be_limited_is_not_left_behind(tmp_path):
    kernel = KernelV2(tmp_path, missing=("memory.max",))
    kernel.enter(kernel.top)
    cgroups = prepare_v2(NAME, kernel)
    assert cgroups is not None
    with pytest.raises(OSError, match=r"memory\.max"):
        cgroups.create(64_000, 10)
    assert groups(kernel) == {NAME}


# ---- version 1, both, and neither


def test_groups_of_version_1_limit_memory_and_processes_and_never_swap(tmp_path):
    kernel = KernelV1(tmp_path)
    cgroups = prepare_v1(NAME, kernel)
    assert cgroups is not None
    group = cgroups.create(64_000, 10)
    run = [top / NAME / "run-1" for top in kernel.tops.values()]
    memory, cpuacct, pids = run
    assert group.outer_options() == [word for path in sorted(run) for word in ("-j", f"{path}/tasks")]
    assert (memory / "memory.limit_in_bytes").read_text() == str(64_000 * 1024)
    assert (pids / "pids.max").read_text() == "14"
    assert (memory.parent / "memory.swappiness").read_text() == "0"
    counter = group.open_cpu_counter()
    assert counter is not None
    assert Path(f"/proc/self/fd/{counter}").readlink() == cpuacct / "cpuacct.usage"
    os.close(counter)
    asyncio.run(group.remove())
    cgroups.close()
    assert [path for top in kernel.tops.values() for path in top.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("controllers", "works"), [("memory cpuacct", True), ("memory pids", False), ("cpuacct", False)]
)
def test_version_1_needs_memory_and_cpu_time_but_no_count_of_processes(tmp_path, controllers, works):
    kernel = KernelV1(tmp_path, controllers)
    assert (prepare_v1(NAME, kernel) is not None) == works
    if not works:
        assert [path for top in kernel.tops.values() for path in top.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("peak_kib", "with_swap_kib", "is_at_limit"),
    [
        (64_000, None, True),
        (63_900, 64_000, True),
        (40_000, 63_900, True),
        (40_000, None, False),
        (0, 40_000, False),
    ],
)
def test_in_version_1_too_it_is_known_whose_limit_was_reached(tmp_path, peak_kib, with_swap_kib, is_at_limit):
    kernel = KernelV1(tmp_path)
    cgroups = prepare_v1(NAME, kernel)
    assert cgroups is not None
    group = cgroups.create(64_000, 10)
    memory = kernel.tops["memory"] / NAME / "run-1"
    (memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (memory / "memory.max_usage_in_bytes").write_text(f"{peak_kib * 1024}\n")
    if with_swap_kib is not None:
        (memory / "memory.memsw.max_usage_in_bytes").write_text(f"{with_swap_kib * 1024}\n")
    assert (group.usage().oom_kills, group.usage().is_at_limit) == (2, is_at_limit)


def test_where_nothing_is_mounted_there_are_no_control_groups(tmp_path):
    kernel = FakeKernel(tmp_path)
    assert (prepare_v1(NAME, kernel), prepare_v2(NAME, kernel)) == (None, None)
    kernel.shows("/ / rw - ext4 /dev/root rw", groups="0::/\n")
    assert (prepare_v1(NAME, kernel), prepare_v2(NAME, kernel)) == (None, None)
