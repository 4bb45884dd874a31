"""Hostile programs at the sandbox's door, in every mode this machine has or can imitate.

Each program in attacks/ tries one thing and says BREACH where it succeeds. The table says how each has to end;
that nothing is left of it is asked of all. Those that harm nobody are also run without a sandbox, where they must
say BREACH: that is how we know that they would.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from execution.engine.jobs import MIB, Job, Limits, Outcome
from execution.engine.requirements import find

from .gaps import expected_end, let_through
from .walls import MODES, REDUCED_MODES, Mode, Seen, Walls, own_uid, processes_of, what_is_missing, workshop

SOURCES = Path(__file__).with_name("attacks")
LIMITS = Limits(
    cpu_ms=300,
    wall_ms=10_000,  # CPU time comes first, on a busy machine as well
    memory_kib=64 * 1024,  # as attack.h says it, like the next but one
    stack_kib=8 * 1024,
    processes=20,
    file_bytes=4 * MIB,
    scratch_bytes=32 * MIB,
)
COMPILER_LIMITS = replace(LIMITS, cpu_ms=1000, memory_kib=256 * 1024, processes=60)
PATIENT = replace(LIMITS, cpu_ms=3000)
SHORT = replace(LIMITS, wall_ms=900)


@dataclass(frozen=True)
class Attack:
    file: str
    ends: str
    """How it may end, as `end_of` says it; several, separated by " or "."""
    limits: Limits = LIMITS
    is_telling: bool = False
    """Run in every mode by default, not only in the first."""
    detects: bool = False
    """Harmless outside of a sandbox, and says BREACH there."""
    times: int = 1

    def __str__(self) -> str:
        return self.file

    @property
    def is_compiled_inside(self) -> bool:
        return self.file.startswith("compile_")


CPU, WALL, MEMORY, ENDS = "cpu", "wall", "memory", "exit 0"

ATTACKS = (
    Attack("compile_big_array.c", "exit", COMPILER_LIMITS),
    Attack("compile_dev_zero.c", "memory or exit or cpu", COMPILER_LIMITS),
    Attack("compile_error_flood.cpp", "exit or cpu or memory or SIGXFSZ", COMPILER_LIMITS),
    Attack("compile_incbin_shadow.c", "exit", COMPILER_LIMITS, is_telling=True),
    Attack("compile_template_bomb.cpp", "cpu or memory or exit", COMPILER_LIMITS),
    Attack("core_dump.c", "SIGABRT"),
    Attack("cpu_children.c", CPU),
    Attack("cpu_flash.c", "cpu or wall", SHORT),
    Attack("cpu_hidden.c", "cpu or wall", SHORT),
    Attack("cpu_spin.c", CPU),
    Attack("cpu_threads.c", CPU),
    Attack("daemon_leftover.c", ENDS, is_telling=True),
    Attack("disk_fill.c", "exit 0 or memory", PATIENT),
    Attack("env_leak.py", ENDS, is_telling=True, detects=True),
    Attack("fd_exhaust.c", ENDS, detects=True),
    Attack("fork_bomb.c", "cpu or wall", SHORT, is_telling=True),
    Attack("fork_bomb.py", "cpu or wall or memory", SHORT),
    Attack("inode_flood.c", "inodes or memory", PATIENT),
    Attack("keyring.c", ENDS, detects=True),
    Attack("kill_all.c", ENDS, is_telling=True, detects=True),
    Attack("link_tricks.py", ENDS, PATIENT, detects=True),
    Attack("mem_bomb.c", "memory or exit 5", is_telling=True),
    Attack("mem_bomb_children.c", "memory or exit 5", PATIENT),
    Attack("mem_hidden.c", MEMORY, PATIENT, is_telling=True),
    Attack("mem_shared.c", "memory or exit 5", PATIENT, is_telling=True),
    Attack("mem_sockets.c", "memory or exit 0", PATIENT, is_telling=True),
    Attack("mem_tables.c", MEMORY, PATIENT, is_telling=True),
    Attack("mem_unmapped.c", MEMORY, PATIENT, is_telling=True),
    Attack("name_spoof.c", CPU),
    Attack("net_out.py", ENDS, is_telling=True, detects=True),
    Attack("output_flood.c", "SIGXFSZ"),
    Attack("output_flood_ign.py", CPU),
    Attack("persist.py", ENDS, is_telling=True, detects=True, times=2),
    Attack("proc_count.c", ENDS, is_telling=True),
    Attack("proc_peek.py", ENDS, is_telling=True, detects=True),
    Attack("proc_sys_write.c", ENDS, is_telling=True),
    Attack("ptrace_parent.c", ENDS, is_telling=True, detects=True),
    Attack("read_host_files.py", ENDS, is_telling=True, detects=True),
    Attack("rlimit_raise.c", ENDS, is_telling=True, detects=True),
    Attack("self_stop.c", WALL, SHORT),
    Attack("setuid_exec.py", ENDS, PATIENT, is_telling=True, detects=True),
    Attack("signal_parent.c", ENDS, is_telling=True, detects=True),
    Attack("sigterm_ignore.c", CPU),
    Attack("sleep_forever.py", WALL, SHORT),
    Attack("sparse_file.c", ENDS, detects=True),
    Attack("stack_overflow.c", "SIGSEGV"),
    Attack("status_forge.c", "exit 137", is_telling=True),
    Attack("stdin_games.py", ENDS),
    Attack("stdin_wait.py", ENDS),
    Attack("syscall_surface.c", ENDS, is_telling=True, detects=True),
    Attack("thread_bomb.c", ENDS, detects=True),
    Attack("tty_inject.c", ENDS, detects=True),
    Attack("userns_nest.c", ENDS, is_telling=True, detects=True),
    Attack("write_outside.py", ENDS, PATIENT, is_telling=True, detects=True),
)


def end_of(outcome: Outcome) -> str:
    """In a word: the limit that ended the program, its signal, or its exit code."""
    if outcome.killed is not None:
        return outcome.killed.value
    if outcome.oom and (outcome.signal == signal.SIGKILL or outcome.exit_code):
        return MEMORY
    if outcome.signal is not None:
        return signal.Signals(outcome.signal).name
    return f"exit {outcome.exit_code}"


def is_among(end: str, expected: str) -> bool:
    """Whether `end` is one of `expected`, where "exit" alone is any code but 0."""
    return any(
        end == it or (it == "exit" and end.startswith("exit ") and end != ENDS)
        for it in expected.split(" or ")
    )


@dataclass(frozen=True)
class Host:
    """What the programs are after."""

    directory: Path
    bait: Path
    port: int

    @property
    def arguments(self) -> tuple[str, ...]:
        return str(self.port), str(self.bait), str(os.getpid())

    def job(self, attack: Attack) -> Job:
        source = SOURCES / attack.file
        if attack.is_compiled_inside:
            compiler = find("g++" if attack.file.endswith("cpp") else "gcc")[0]
            argv: tuple[str, ...] = (compiler, "-O1", source.name, "-o", "a.out")
            files: tuple[tuple[str, bytes], ...] = ((f"/box/{source.name}", source.read_bytes()),)
            return Job(argv, attack.limits, files=files, merge_stderr=True, collect="/box/a.out")
        if source.suffix == ".py":
            argv, files = (find("python3")[0], "main.py"), (("/box/main.py", source.read_bytes()),)
            return Job((*argv, *self.arguments), attack.limits, b"input\n", files, collect="/box/out")
        binds = ((self.program(attack), "/box/a.out"),)
        return Job(("./a.out", *self.arguments), attack.limits, b"input\n", binds=binds)

    def program(self, attack: Attack) -> Path:
        return self.directory / attack.file.removesuffix(".c")

    def compile(self, attack: Attack) -> None:
        command = [find("gcc")[0], "-w", "-pthread", str(SOURCES / attack.file)]
        subprocess.run([*command, "-o", str(self.program(attack))], check=True, timeout=60)
        self.program(attack).chmod(0o555)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(workshop())
        bait = directory / "bait"
        bait.write_text("secret\n")
        bait.chmod(0o644)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        nameless = stack.enter_context(socket.socket(socket.AF_UNIX))
        nameless.bind(f"\0{bait}")
        nameless.listen()
        host = Host(directory, bait, listener.getsockname()[1])
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            compiled = [it for it in ATTACKS if it.file.endswith(".c") and not it.is_compiled_inside]
            list(threads.map(host.compile, compiled))
        yield host


class Siege:
    """The attacks chosen for one mode, run at the first question about any of them."""

    def __init__(self, mode: Mode, host: Host, attacks: list[Attack]) -> None:
        self._mode, self._host, self._attacks = mode, host, attacks

    @cached_property
    def seen(self) -> dict[str, Seen]:
        found: dict[str, Seen] = {}
        with contextlib.closing(Walls(self._mode, self._host.directory / "box")) as walls:
            for times in (1, 2):
                jobs = {it.file: self._host.job(it) for it in self._attacks if it.times == times}
                found |= walls.run(jobs, times=times).result()
        return found


@pytest.fixture(scope="module")
def sieges(request: pytest.FixtureRequest, host: Host) -> dict[Mode, Siege]:
    """Of each mode, with the attacks that are to be run in this session."""
    chosen: dict[Mode, list[Attack]] = {mode: [] for mode in (*MODES, *REDUCED_MODES)}
    for item in request.session.items:
        parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        if "mode" in parameters and "attack" in parameters:
            chosen[parameters["mode"]].append(parameters["attack"])
    return {mode: Siege(mode, host, attacks) for mode, attacks in chosen.items()}


def matrix() -> Iterator[object]:
    for mode in (*MODES, *REDUCED_MODES):
        for attack in ATTACKS:
            is_quick = attack.is_telling and mode in (MODES[0], *REDUCED_MODES[:2])
            marks = () if is_quick else (pytest.mark.full,)
            yield pytest.param(mode, attack, id=f"{mode}: {attack}", marks=marks)


@pytest.mark.timeout(600)  # the first of a mode waits for all of its mode
@pytest.mark.parametrize(("mode", "attack"), list(matrix()))
def test_an_attack_ends_as_it_must_and_leaves_nothing(sieges: dict[Mode, Siege], mode: Mode, attack: Attack):
    if missing := what_is_missing(mode):
        pytest.skip(missing)
    seen = sieges[mode].seen[attack.file]
    gaps = let_through(mode, attack.file)
    ends = expected_end(mode, attack.file, attack.ends)
    breaches = []
    for outcome in seen.outcomes:
        assert isinstance(outcome, Outcome), outcome
        breaches += [
            line for line in outcome.stdout.decode(errors="replace").splitlines() if "BREACH" in line
        ]
        assert is_among(end_of(outcome), ends), (
            end_of(outcome),
            outcome.stderr[:300],
            outcome.stdout[:300],
        )
        assert outcome.collected is None
        limits = attack.limits
        assert len(outcome.stdout) + len(outcome.stderr) <= 2 * limits.file_bytes
        assert outcome.wall_ms < limits.wall_ms + 500
        assert (
            outcome.memory_kib <= limits.memory_kib + 32 * 1024
        )  # mapped programs, where nothing counts them
    assert [line for line in breaches if not line.startswith(gaps)] == []
    assert bool(breaches) == bool(gaps)  # what does not get through any more shall not be listed either
    assert seen.left == ()


# Without a sandbox, but with places and segments of its own that end with it: twice, as an ordinary user.
WITHOUT = (
    "for place in /tmp /var/tmp /dev/shm /run/lock; do mount -t tmpfs -o mode=1777 none $place; done;"
    " mkdir -m 777 /tmp/box; cd /tmp/box;"
    ' run() { setpriv --reuid=$0 --regid=$0 --clear-groups -- "$@"; }; run "$@"; run "$@"'
)


@pytest.mark.parametrize("attack", [it for it in ATTACKS if it.detects], ids=str)
def test_without_a_sandbox_it_says_that_it_got_through(host: Host, attack: Attack):
    if os.geteuid() != 0:
        pytest.skip("not root: cannot run a program as another user")
    program = [str(host.program(attack))]
    if attack.file.endswith(".py"):
        program = [find("python3")[0], "-c", (SOURCES / attack.file).read_text()]
    command = ["unshare", "--ipc", "--mount", "sh", "-c", WITHOUT, str(own_uid()), *program, *host.arguments]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    assert b"BREACH" in done.stdout, (done.stdout, done.stderr)


def test_what_is_left_of_a_run_is_noticed(host: Host):
    """Otherwise "leaves nothing" could not fail. The daemons end with their pid namespace."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot run a program as another user")
    command = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c"]
    command += ['setpriv --reuid=$0 --regid=$0 --clear-groups -- "$@"; echo; read end', str(own_uid())]
    (daemons,) = (it for it in ATTACKS if it.file == "daemon_leftover.c")
    command.append(str(host.program(daemons)))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(list(processes_of(own_uid()))) >= 4
        process.communicate(b"\n")
    assert list(processes_of(own_uid())) == []
