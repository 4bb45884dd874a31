"""Submissions in memory, from their creation until nobody needs them any more.

    waiting -> running -> finished -> forgotten (deleted, too old, too many or too large together)

Waiting ones are bounded in number and bytes (Full), running ones by the slots, finished ones in
number, bytes and age; so memory is bounded. They start in the order in which they came, as far as they
are ready (`slots`). Nothing survives the process.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import config
from .parameters import Parameters
from .slots import Turn
from .verdict import IN_QUEUE, INTERNAL_ERROR, PROCESSING, Judge, Result

logger = logging.getLogger(__name__)

_STOPPED = Result(INTERNAL_ERROR, message="The engine was stopped.")


class Full(Exception):
    """Too many submissions wait already."""


@dataclass
class Submission:
    token: str
    parameters: Parameters
    created_at: datetime
    status: int = IN_QUEUE
    result: Result | None = None
    finished_at: datetime | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    expires: float = 0.0
    """By the event loop's clock: when a finished one is forgotten."""

    @property
    def size(self) -> int:
        return self.parameters.size + (self.result.size if self.result else 0)


class SubmissionQueue:
    def __init__(self, judge: Judge, max_waiting: int, kept_s: float) -> None:
        """`max_waiting` may wait; finished ones are kept for `kept_s` seconds at most."""
        self._judge = judge
        self._max_waiting = max_waiting
        self._max_kept = max(max_waiting, config.MAX_KEPT_SUBMISSIONS)  # a whole queue, until it is asked for
        self._kept_s = kept_s
        self._places = itertools.count()
        self._unfinished: dict[str, Submission] = {}
        self._unfinished_bytes = 0
        self.waiting = 0
        self._finished: OrderedDict[str, Submission] = OrderedDict()
        self._finished_bytes = 0
        self._whole: OrderedDict[str, Submission] = OrderedDict()
        """Finished ones that still have their inputs."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._forgetting: asyncio.TimerHandle | None = None
        self._is_closing = False

    def check_room(self, count: int) -> None:
        """Raises Full when `count` more could not wait."""
        if self._is_closing or self.waiting + count > self._max_waiting:
            raise Full
        if self._unfinished_bytes > config.MAX_WAITING_BYTES:
            raise Full

    def add(self, parameters: Parameters, client: str) -> Submission:
        """A new submission of `client` (whose name decides what it shares), judged from now on."""
        submission = Submission(str(uuid.uuid4()), parameters, datetime.now(UTC))
        self._unfinished[submission.token] = submission
        self._unfinished_bytes += parameters.size
        self.waiting += 1
        task = asyncio.create_task(self._work_on(submission, client))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return submission

    def get(self, token: str) -> Submission | None:
        return self._unfinished.get(token) or self._finished.get(token)

    def newest_first(self) -> list[Submission]:
        """All that are not forgotten."""
        everything = [*self._unfinished.values(), *self._finished.values()]
        return sorted(everything, key=lambda submission: submission.created_at, reverse=True)

    def forget(self, submission: Submission) -> None:
        """Forget a finished one."""
        if self._finished.pop(submission.token, None) is not None:
            self._finished_bytes -= submission.size
            self._whole.pop(submission.token, None)

    async def close(self) -> None:
        """Kill what runs and drop what waits; whoever waits for a result gets "internal error"."""
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for submission in list(self._unfinished.values()):
            self._finish(submission, _STOPPED)
        if self._forgetting is not None:
            self._forgetting.cancel()

    async def _work_on(self, submission: Submission, client: str) -> None:
        def started() -> None:
            self._no_longer_waits(submission)
            submission.status = PROCESSING

        turn = Turn(next(self._places), started)
        result = Result(INTERNAL_ERROR, message="The engine failed.")
        try:
            result = await self._judge.judge(submission.parameters, client, turn)
        except asyncio.CancelledError:
            result = _STOPPED
            raise
        finally:  # whatever went wrong: nobody shall wait for ever
            self._finish(submission, result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("engine: judging failed", exc_info=error)

    def _no_longer_waits(self, submission: Submission) -> None:
        if submission.status == IN_QUEUE:
            self.waiting -= 1

    def _finish(self, submission: Submission, result: Result) -> None:
        self._no_longer_waits(submission)
        submission.result, submission.status = result, result.status
        submission.finished_at = datetime.now(UTC)
        submission.expires = asyncio.get_running_loop().time() + self._kept_s
        del self._unfinished[submission.token]
        self._unfinished_bytes -= submission.parameters.size
        self._finished[submission.token] = submission
        self._finished_bytes += submission.size
        self._whole[submission.token] = submission
        submission.finished.set()
        self._forget_old()

    def _forget_old(self) -> None:
        """Forget what must go, and come back when the next one is too old."""
        loop = asyncio.get_running_loop()
        while self._whole and self._finished_bytes > config.MAX_KEPT_BYTES:
            self._forget_inputs_of_oldest()
        while self._finished:
            oldest = next(iter(self._finished.values()))
            if (
                oldest.expires > loop.time()
                and len(self._finished) <= self._max_kept
                and self._finished_bytes <= config.MAX_KEPT_BYTES
            ):
                if self._forgetting is None and not self._is_closing:
                    self._forgetting = loop.call_at(oldest.expires, self._forget_aged)
                return
            self.forget(oldest)

    def _forget_inputs_of_oldest(self) -> None:
        """Nobody polls for them; results they pushed out would be judged again."""
        _, submission = self._whole.popitem(last=False)
        self._finished_bytes -= submission.parameters.size
        submission.parameters = submission.parameters.without_texts()

    def _forget_aged(self) -> None:
        self._forgetting = None
        self._forget_old()


def client_name(auth_token: str) -> str:
    """What stands for a client inside: never the token itself."""
    return hashlib.sha256(auth_token.encode("utf-8", "surrogatepass")).hexdigest()
