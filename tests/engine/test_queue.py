"""A submission always comes to an end, whatever happens to the one who judges it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from execution.engine.artefacts import ArtefactCache
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.cgroups import NoCgroups
from execution.engine.parameters import parse
from execution.engine.queue import SubmissionQueue
from execution.engine.sandbox import Sandbox
from execution.engine.toolchain import RECIPES, Language
from execution.engine.verdict import INTERNAL_ERROR, Judge

from .conftest import PYTHON

(_PYTHON,) = (Language(recipe, "/usr/bin/python3", "3") for recipe in RECIPES if recipe.id == PYTHON)


@contextlib.asynccontextmanager
async def broken_slot() -> AsyncIterator[int]:
    raise RuntimeError("a mistake of ours")
    yield 0


@contextlib.asynccontextmanager
async def no_slot() -> AsyncIterator[int]:
    await asyncio.sleep(60)
    yield 0


def queue_with(slot, directory: Path) -> SubmissionQueue:
    sandbox = Sandbox(Bubblewrap(directory / "box", "bwrap", None, memory_is_counted=False), NoCgroups())
    return SubmissionQueue(Judge(sandbox, ArtefactCache(directory, 1000), slot, slot), max_waiting=10)


def test_an_error_nobody_thought_of_ends_the_submission_as_an_internal_one_and_is_logged(tmp_path, caplog):
    async def story() -> None:
        queue = queue_with(broken_slot, tmp_path)
        parameters = parse({"source_code": "1", "language_id": PYTHON}, {PYTHON: _PYTHON}, is_base64=False)
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
        parameters = parse({"source_code": "1", "language_id": PYTHON}, {PYTHON: _PYTHON}, is_base64=False)
        waiting = queue.add(parameters, "")
        await asyncio.sleep(0.01)
        just_come = queue.add(parameters, "")
        await queue.close()
        for submission in (waiting, just_come):
            assert submission.result is not None
            assert submission.result.message == "The engine was stopped."

    asyncio.run(story())
