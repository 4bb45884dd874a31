"""Telling clients that their submissions have ended: a PUT to the `callback_url` that came with them.

    ended ──▶ waits, with MOST_WAITING others ──▶ a thread, of MOST_AT_ONCE ──PUT──▶ below 500: told
                         ▲                                                      5xx, or no answer
                         └───────────── 1 s, 4 s, 16 s … while tries are left ◀──────────┘

A hint, as Judge0's is: who hears nothing asks. No slot and no request waits for it. Redirects are not
followed, since they lead to hosts that nobody allowed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from urllib3 import Timeout
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from execution.exchanges import NEVER_AGAIN, open_pool

from .answers import pieces
from .queue import Submission
from .representation import DEFAULT_FIELDS, represent

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 8
MOST_WAITING = 1000
_GROWTH = 4
_HEADERS = {"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "judge-platform-engine/1"}


class Callbacks:
    def __init__(
        self,
        find: Callable[[str], Submission | None],
        tries: int,
        timeout_s: float,
        *,
        first_pause_s: float = 1.0,
    ) -> None:
        """`find` finds a submission by its token; what it no longer finds, nobody is told of.

        `timeout_s` is for the connection, and for the answer to begin.
        """
        self._find = find
        self._tries = tries
        self._timeout_s = timeout_s
        self._first_pause_s = first_pause_s
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._waiting = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Callbacks that are still to come."""
        return len(self._tasks)

    def follow(self, submission: Submission, url: str) -> None:
        """PUT to `url` once it has ended."""
        # Only the token is kept: what the submission holds stays within the queue's bounds.
        task = asyncio.create_task(self._tell(submission.token, submission.finished, url))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop(self) -> int:
        """From now on nobody is told anything; returns how many callbacks were still to come."""
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()
        return len(tasks)

    async def _tell(self, token: str, finished: asyncio.Event, url: str) -> None:
        await finished.wait()
        if self._waiting >= MOST_WAITING:
            logger.warning("engine: a callback to %s is dropped: %d wait", _host(url), MOST_WAITING)
            return
        self._waiting += 1
        try:
            await self._try_again_and_again(token, url)
        finally:
            self._waiting -= 1

    async def _try_again_and_again(self, token: str, url: str) -> None:
        failure = await self._try(token, url)
        pause_s = self._first_pause_s
        for _ in range(self._tries - 1):
            if failure is None:
                return
            await asyncio.sleep(pause_s)
            pause_s *= _GROWTH
            failure = await self._try(token, url)
        if failure is not None:
            logger.warning("engine: a callback to %s is given up: %s", _host(url), failure)

    async def _try(self, token: str, url: str) -> str | None:
        """Why it failed; None if it did not, or if the submission was deleted meanwhile."""
        async with self._at_once:
            submission = self._find(token)
            if submission is None:
                return None
            return await _in_a_thread(partial(_put, url, submission, self._timeout_s))


def _put(url: str, submission: Submission, timeout_s: float) -> str | None:
    """One try; why it failed, or None. Any answer will do, but that the receiver is in trouble."""
    shown = represent(submission, DEFAULT_FIELDS, is_base64=True)
    try:
        with open_pool(url, most=1) as pool:
            response = pool.urlopen(
                "PUT",
                parse_url(url).request_uri,
                "".join(pieces(shown)).encode(),
                _HEADERS,
                retries=NEVER_AGAIN,
                redirect=False,
                timeout=Timeout(connect=timeout_s, read=timeout_s),
                preload_content=False,
            )
            response.close()
    except (HTTPError, OSError) as error:  # its words hold the whole URL, and that may hold a secret
        return f"no answer ({type(error).__name__})"
    return f"answer {response.status}" if response.status >= 500 else None


def _host(url: str) -> str:
    """What may be logged of it."""
    return str(parse_url(url).netloc)


async def _in_a_thread(call: Callable[[], str | None]) -> str | None:
    """What `call` returns. Nobody joins its thread: one that hangs shall not keep the engine from stopping."""
    outcome: Future[str | None] = Future()

    def work() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=work, name="callback", daemon=True).start()
    return await asyncio.wrap_future(outcome)
