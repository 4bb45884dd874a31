"""Two sandboxes that talk, behind each kind of walls: who ended first, what is carried, and what is left."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from execution.engine.conversation import Conversations, Talk
from execution.engine.jobs import Killed

from .conftest import processes_with
from .test_sandbox import LIMITS, Trial, Workshop, anywhere, python_job, workshop

__all__ = ["anywhere", "workshop"]

ACCEPTS = 42
ADDS_UP = """
import sys
total = sum(int(line) for line in iter(sys.stdin.readline, '0\\n'))
print(total, flush=True)
print('heard all', file=sys.stderr)
sys.exit(42 if total == 6 else 43)
"""


@pytest.fixture
def conversations(anywhere: Trial, workshop: Workshop) -> Conversations:
    return Conversations(anywhere.sandbox, workshop.box, range(1, 2))


def talk(conversations: Conversations, program: str, interactor: str, **more: Any) -> Talk:
    async def hold() -> Talk:
        async with conversations.partner() as partner:
            return await conversations.hold(
                python_job(program, **more), 0, python_job(interactor), partner, ACCEPTS
            )

    return asyncio.run(hold())


def test_what_one_says_the_other_hears_and_both_are_measured(conversations):
    said = talk(conversations, "for n in 1, 2, 3, 0: print(n, flush=True)\nassert input() == '6'", ADDS_UP)
    assert (said.program.exit_code, said.program.killed, said.program.stdout) == (0, None, b"")
    assert (said.interactor.exit_code, said.interactor.stderr) == (ACCEPTS, b"heard all\n")
    assert 0 < said.program.cpu_ms < 1000
    assert said.program.memory_kib > 1000


def test_an_interactor_that_has_an_objection_ends_a_program_that_goes_on(conversations):
    before = time.monotonic()
    said = talk(conversations, "import time\nprint(0, flush=True)\ntime.sleep(60)", ADDS_UP)
    assert (said.interactor.exit_code, said.interactor_ended_first) == (43, True)
    assert said.program.killed is Killed.STOPPED
    assert time.monotonic() - before < 4


def test_a_program_that_takes_too_much_memory_is_ended_while_it_talks(conversations):
    limits = replace(LIMITS, memory_kib=64_000)
    said = talk(conversations, "x = bytearray(300 << 20)\nprint(0)\ninput()", ADDS_UP, limits=limits)
    assert said.program.oom or b"MemoryError" in said.program.stderr
    assert not said.interactor_ended_first


def test_nothing_of_either_is_left_when_it_is_given_up(conversations):
    async def give_up() -> None:
        waits = replace(python_job("import time; time.sleep(60)"), argv=("/bin/sleep", "6161"))
        holding = asyncio.create_task(conversations.hold(waits, 0, waits, 1, ACCEPTS))
        while len(processes_with("6161")) < 2:
            await asyncio.sleep(0.01)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding

    asyncio.run(give_up())
    assert not processes_with("6161")
    assert not processes_with("relay")
