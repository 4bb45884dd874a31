"""Submissions in memory, from their creation until nobody needs them any more.

    waiting -> running -> finished -> forgotten (deleted, too old, too many or too large together)

Waiting ones are bounded in number and bytes (Full), running ones by the slots, finished ones in
number, bytes and age; so memory is bounded. Nothing survives the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from . import config
from .parameters import Parameters
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
    """Monotonic time after which a finished one is forgotten."""

    @property
    def size(self) -> int:
        return self.parameters.size + (self.result.size if self.result else 0)


class Slots:
    """The sandboxes that may run at once, lent in the order of asking."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free: asyncio.Queue[int] = asyncio.Queue()
        for slot in range(count):
            self._free.put_nowait(slot)
        # Compilers are slow and hungry: runs of other submissions must not wait for them all.
        self._compilers = asyncio.Semaphore(max(1, count // 2))

    @property
    def idle(self) -> int:
        return self._free.qsize()

    @contextlib.asynccontextmanager
    async def for_run(self) -> AsyncIterator[int]:
        slot = await self._free.get()
        try:
            yield slot
        finally:
            self._free.put_nowait(slot)

    @contextlib.asynccontextmanager
    async def for_compilation(self) -> AsyncIterator[int]:
        async with self._compilers, self.for_run() as slot:
            yield slot


class SubmissionQueue:
    def __init__(self, judge: Judge, max_waiting: int) -> None:
        self._judge = judge
        self._max_waiting = max_waiting
        self._unfinished: dict[str, Submission] = {}
        self._finished: OrderedDict[str, Submission] = OrderedDict()
        self._finished_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closing = False

    @property
    def waiting(self) -> int:
        return sum(submission.status == IN_QUEUE for submission in self._unfinished.values())

    def check_room(self, count: int) -> None:
        """Raises Full when `count` more could not wait."""
        if self._is_closing or self.waiting + count > self._max_waiting:
            raise Full
        if sum(submission.size for submission in self._unfinished.values()) > config.MAX_WAITING_BYTES:
            raise Full

    def add(self, parameters: Parameters, client: str) -> Submission:
        """A new submission of `client` (whose name decides what it shares), judged from now on."""
        submission = Submission(str(uuid.uuid4()), parameters, datetime.now(UTC))
        self._unfinished[submission.token] = submission
        task = asyncio.create_task(self._work_on(submission, client))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return submission

    def get(self, token: str) -> Submission | None:
        return self._unfinished.get(token) or self._finished.get(token)

    def forget(self, submission: Submission) -> None:
        """Forget a finished one."""
        if self._finished.pop(submission.token, None) is not None:
            self._finished_bytes -= submission.size

    async def close(self) -> None:
        """Kill what runs and drop what waits; whoever waits for a result gets "internal error"."""
        self._is_closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for submission in list(self._unfinished.values()):
            self._finish(submission, _STOPPED)

    async def _work_on(self, submission: Submission, client: str) -> None:
        def started() -> None:
            submission.status = PROCESSING

        result = Result(INTERNAL_ERROR, message="The engine failed.")
        try:
            result = await self._judge.judge(submission.parameters, client, started)
        except asyncio.CancelledError:
            result = _STOPPED
            raise
        finally:  # whatever went wrong: nobody shall wait for ever
            self._finish(submission, result)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("engine: judging failed", exc_info=error)

    def _finish(self, submission: Submission, result: Result) -> None:
        submission.result, submission.status = result, result.status
        submission.finished_at = datetime.now(UTC)
        submission.expires = time.monotonic() + config.KEPT_SECONDS
        del self._unfinished[submission.token]
        self._finished[submission.token] = submission
        self._finished_bytes += submission.size
        submission.finished.set()
        self._forget_old()

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._finished:
            oldest = next(iter(self._finished.values()))
            if (
                oldest.expires > now
                and len(self._finished) <= config.MAX_KEPT_SUBMISSIONS
                and self._finished_bytes <= config.MAX_KEPT_BYTES
            ):
                return
            self.forget(oldest)


def client_name(auth_token: str) -> str:
    """What stands for a client inside: never the token itself."""
    return hashlib.sha256(auth_token.encode("utf-8", "surrogatepass")).hexdigest()
