"""A submission always comes to an end, whatever happens to the one who judges it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from execution.engine import config
from execution.engine.artefacts import ArtefactCache
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroups import NoCgroups
from execution.engine.parameters import parse
from execution.engine.queue import Full, Submission, SubmissionQueue
from execution.engine.sandbox import Sandbox
from execution.engine.slots import Slots, Turn
from execution.engine.terms import Terms
from execution.engine.toolchain import RECIPES, Language
from execution.engine.verdict import INTERNAL_ERROR, Judge

from .conftest import PYTHON

(_PYTHON,) = (Language(recipe, "/usr/bin/python3", "3") for recipe in RECIPES if recipe.id == PYTHON)


@contextlib.asynccontextmanager
async def broken_slot(turn: Turn) -> AsyncIterator[int]:
    raise RuntimeError("a mistake of ours")
    yield 0


@contextlib.asynccontextmanager
async def no_slot(turn: Turn) -> AsyncIterator[int]:
    await asyncio.sleep(60)
    yield 0


def queue_with(slot, directory: Path, kept_s: float = 60) -> SubmissionQueue:
    sandbox = Sandbox(Bubblewrap(directory / "box", "bwrap", None, memory_is_counted=False), NoCgroups())
    return SubmissionQueue(
        Judge(sandbox, ArtefactCache(directory, 1000), slot), max_waiting=10, kept_s=kept_s
    )


def test_an_error_nobody_thought_of_ends_the_submission_as_an_internal_one_and_is_logged(tmp_path, caplog):
    async def story() -> None:
        queue = queue_with(broken_slot, tmp_path)
        parameters = parse(
            {"source_code": "1", "language_id": PYTHON}, {PYTHON: _PYTHON}, Terms(), is_base64=False
        )
        submission = queue.add(parameters, "")
        await asyncio.wait_for(submission.finished.wait(), 5)
        assert submission.result is not None
        assert (submission.status, submission.result.message) == (INTERNAL_ERROR, "The engine failed.")
        assert queue.get(submission.token) is submission
        assert queue.waiting == 0
        await queue.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(story())
    assert "a mistake of ours" in caplog.text


def test_when_the_queue_closes_what_waits_and_what_has_just_come_is_told_so(tmp_path):
    async def story() -> None:
        queue = queue_with(no_slot, tmp_path)
        parameters = parse(
            {"source_code": "1", "language_id": PYTHON}, {PYTHON: _PYTHON}, Terms(), is_base64=False
        )
        waiting = queue.add(parameters, "")
        await asyncio.sleep(0.01)
        just_come = queue.add(parameters, "")
        await queue.close()
        for submission in (waiting, just_come):
            assert submission.result is not None
            assert submission.result.message == "The engine was stopped."

    asyncio.run(story())


def submission_to(queue: SubmissionQueue) -> Submission:
    body = {"source_code": "1", "language_id": PYTHON}
    return queue.add(parse(body, {PYTHON: _PYTHON}, Terms(), is_base64=False), "")


def test_a_finished_submission_is_forgotten_when_its_time_is_over_though_nothing_else_happens(tmp_path):
    async def story() -> None:
        queue = queue_with(broken_slot, tmp_path, kept_s=0.2)
        first, second = submission_to(queue), submission_to(queue)
        await asyncio.wait_for(second.finished.wait(), 5)
        assert queue.get(first.token) is first
        await asyncio.sleep(0.3)
        assert queue.get(first.token) is queue.get(second.token) is None
        await queue.close()

    asyncio.run(story())


def test_when_texts_are_too_many_results_outlive_inputs(tmp_path):
    async def story() -> None:
        queue = queue_with(broken_slot, tmp_path)
        parameters = parse(
            {"source_code": "1", "language_id": PYTHON}, {PYTHON: _PYTHON}, Terms(), is_base64=False
        )
        quarter = replace(parameters, stdin=bytes(config.MAX_KEPT_BYTES // 4 - 1))  # beside the source
        submissions = [queue.add(each, "") for each in (parameters, *[quarter] * 6)]
        await asyncio.gather(*(submission.finished.wait() for submission in submissions))
        assert all(queue.get(submission.token) is submission for submission in submissions)
        assert [bool(submission.parameters.stdin) for submission in submissions] == [False] * 3 + [True] * 4
        assert submissions[0].parameters.source == b""
        queue.forget(submissions[0])
        queue.forget(submissions[6])
        queue.add(quarter, "")
        await queue.close()
        assert submissions[3].parameters.stdin
        assert len(queue.newest_first()) == 6

    asyncio.run(story())


def test_a_queue_that_is_worked_off_at_once_loses_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "MAX_KEPT_SUBMISSIONS", 2)

    async def story() -> None:
        queue = queue_with(broken_slot, tmp_path)
        submissions = [submission_to(queue) for _ in range(10)]
        await asyncio.gather(*(it.finished.wait() for it in submissions))
        assert [queue.get(it.token) for it in submissions] == submissions
        await queue.close()

    asyncio.run(story())


def test_as_many_wait_as_there_is_room_for_and_not_one_more(tmp_path):
    async def story() -> None:
        queue = queue_with(no_slot, tmp_path)
        for _ in range(10):
            queue.check_room(1)
            submission_to(queue)
        assert queue.waiting == 10
        with pytest.raises(Full):
            queue.check_room(1)
        await queue.close()
        assert queue.waiting == 0

    asyncio.run(story())


def test_a_slot_goes_to_whoever_came_first_among_those_in_line_and_is_not_lost_with_one_who_leaves():
    async def story() -> None:
        slots = Slots(1)
        served: list[int] = []

        async def use(place: int) -> None:
            async with slots.lend(Turn(place)):
                served.append(place)
                await asyncio.sleep(0)

        async with slots.lend(Turn(0)):
            waiting = {place: asyncio.create_task(use(place)) for place in (5, 4, 2, 3)}
            await asyncio.sleep(0)
            waiting[4].cancel()
            await asyncio.sleep(0)
            assert (served, slots.idle) == ([], 0)
        waiting[2].cancel()  # it has just been given the slot, and does not know it yet
        await asyncio.gather(*waiting.values(), return_exceptions=True)
        assert (served, slots.idle) == ([3, 5], 1)

    asyncio.run(story())
