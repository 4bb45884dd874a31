"""The queue as people see it: whether there is room, who comes before whom, how long that may take.

Who waits is counted in the database. What waits for a server (`judge_unavailable`) stands outside the line: it holds
up nobody whose language can be judged, and counts for itself. How fast a lane (a queue of workers) moves is measured
by its workers and kept in Redis; without it positions are told and times are not:

    queue:<lane>:slots     sorted set   “<worker> <slots>” → when that is out of date, by Redis's clock
    queue:<lane>:seconds   list         how long each of the last judgings took
"""

import logging
import math
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakKeyDictionary

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError

from execution.errors import NoBackend
from execution.shared import Shared
from submissions.connections import pool, rest_connection
from submissions.models import Submission, SubmissionQuerySet

logger = logging.getLogger(__name__)

NOT_NOW = "No server can run it now. Please try again soon."
ANNOUNCED_S = 15  # how long a worker counts without announcing itself again
MEASURED = 100  # judgings
MEASURED_S = 86400
RETRY_S = 10  # where nothing was measured
RETRY_MOST_S = 60
KEPT_S = 1.0  # how long what was asked of Redis about a lane is not asked again: everybody who waits asks
LOOK_S, LOOK_MOST_S = 0.1, 0.5  # between two looks at a row whose end is waited for
SYNC_WAITERS = 32  # how many a process lets wait for an end: each has a thread


class QueueFull(Exception):
    """So many programs wait that another one would only wait longer; `retry_after_s` is in whole seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many programs wait to be judged. Please try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Place:
    """`position` is 1 for the next one; `estimated_wait_s` None where nobody can say.

    What waits for a server has its position among those of its language that do.
    """

    position: int
    estimated_wait_s: int | None


def admit(kind: str, language: str) -> None:
    """To be asked before a learner's program is taken, and before it counts for a limit.

    Raises QueueFull where MAX_QUEUE_DEPTH programs are in line, or as many of its language wait for a server. A run,
    which is waited for, raises NoBackend where no server can run it now; what is graded may wait until one can.
    """
    waiting = Submission.objects.waiting_in("default")
    if not pool().is_available(language):
        if kind == Submission.Kind.RUN:
            raise NoBackend(NOT_NOW)
        stuck = waiting.filter(language=language)  # also those at which no worker has looked yet
    else:
        if _are_too_many(waiting.movable()):
            wait_s = _estimate("default", settings.MAX_QUEUE_DEPTH)
            raise QueueFull(RETRY_S if wait_s is None else min(wait_s, RETRY_MOST_S))
        stuck = waiting.awaiting_backend(language)
    if _are_too_many(stuck):
        raise QueueFull(RETRY_MOST_S)


def _are_too_many(rows: SubmissionQuerySet) -> bool:
    most: int = settings.MAX_QUEUE_DEPTH
    return rows.order_by()[:most].count() >= most


def place(submission: Submission) -> Place:
    """Where a queued submission stands in its lane, or among those of its language that wait for a server."""
    # As the database has it: SQLite compares times as texts, and writes its own with fewer digits than Django.
    created_at = Submission.objects.filter(pk=submission.pk).values("created_at")
    earlier = Submission.objects.waiting_in(submission.lane).filter(created_at__lt=created_at)
    if submission.unavailable_since is not None:
        return Place(earlier.awaiting_backend(submission.language).count() + 1, None)
    position = earlier.movable().count() + 1
    is_available = pool().is_available(submission.language)
    return Place(position, _estimate(submission.lane, position) if is_available else None)


def _estimate(lane: str, position: int) -> int | None:
    """Whole seconds, at least 1; None while nobody works, or nothing was measured yet."""
    pace = _pace(lane)
    if not pace.slots or pace.seconds is None:
        return None
    return max(1, math.ceil(math.ceil(position / pace.slots) * pace.seconds))


@dataclass(frozen=True)
class _Pace:
    """How fast a lane moves: submissions at once, and how long one usually takes (None: not measured)."""

    slots: int = 0
    seconds: float | None = None


_paces: WeakKeyDictionary[Shared, dict[str, tuple[float, _Pace]]] = WeakKeyDictionary()
"""By lane, until when (monotonic seconds) it is not asked for again."""


def _pace(lane: str) -> _Pace:
    shared = pool().shared
    kept = _paces.setdefault(shared, {})
    until, pace = kept.get(lane, (0.0, _Pace()))
    if time.monotonic() >= until:
        pace = shared.ask(lambda client: _measured(client, lane), otherwise=_Pace())
        kept[lane] = (time.monotonic() + KEPT_S, pace)
    return pace


def _measured(client: redis.Redis, lane: str) -> _Pace:
    with client.pipeline() as pipe:
        pipe.time()
        pipe.zrange(_slots(lane), 0, -1, withscores=True)
        pipe.lrange(_seconds(lane), 0, -1)
        (now, _), announced, measured = cast(Any, pipe.execute())
    slots = sum(int(member.split()[-1]) for member, until in announced if until > now)
    return _Pace(slots, statistics.median(float(seconds) for seconds in measured) if measured else None)


def announce(worker: str, lane: str, slots: int) -> None:
    """`worker` judges so many submissions of the lane at once. It counts for ANNOUNCED_S."""

    def tell(client: redis.Redis) -> None:
        now, _ = client.time()
        with client.pipeline() as pipe:
            pipe.zremrangebyscore(_slots(lane), "-inf", now)
            pipe.zadd(_slots(lane), {f"{worker} {slots}": now + ANNOUNCED_S})
            pipe.expire(_slots(lane), ANNOUNCED_S)
            pipe.execute()

    _tell(tell)


def note_service(lane: str, seconds: float) -> None:
    """A judging of the lane took so long, from its claim to its end."""

    def tell(client: redis.Redis) -> None:
        with client.pipeline() as pipe:
            pipe.lpush(_seconds(lane), f"{seconds:.3f}")
            pipe.ltrim(_seconds(lane), 0, MEASURED - 1)
            pipe.expire(_seconds(lane), MEASURED_S)
            pipe.execute()

    _tell(tell)


def _tell(news: Callable[[redis.Redis], None]) -> None:
    shared = pool().shared
    shared.ask(news, otherwise=None)
    _paces.pop(shared, None)


def _slots(lane: str) -> str:
    return f"queue:{lane}:slots"


def _seconds(lane: str) -> str:
    return f"queue:{lane}:seconds"


_seats = threading.BoundedSemaphore(SYNC_WAITERS)


def await_end(submission: Submission) -> Submission | None:
    """The submission once it is final; None after SYNC_WAIT_MAX, and at once where too many wait already.

    None also where the database fails: the submission was taken, and its owner must hear of that. Between two looks
    no connection to it is held.
    """
    if not _seats.acquire(blocking=False):
        return None
    try:
        return _await_end(submission)
    except (InterfaceError, OperationalError) as error:
        logger.error("the end of %s is not waited for: %s", submission.pk, error)
        return None
    finally:
        _seats.release()


def _await_end(submission: Submission) -> Submission | None:
    deadline = time.monotonic() + settings.SYNC_WAIT_MAX_S
    ended = Submission.objects.final().filter(pk=submission.pk).select_related("question")
    pause = LOOK_S
    while (found := ended.first()) is None and (left := deadline - time.monotonic()) > 0:
        rest_connection()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LOOK_MOST_S)
    return found
