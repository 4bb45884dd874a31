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
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID
from weakref import WeakKeyDictionary

import redis
from django.conf import settings
from django.db.models import Count, Model, Q, QuerySet

from execution.errors import NoBackend
from execution.shared import Shared
from submissions.connections import DATABASE_FAILS, pool, redis_client, rest_connection
from submissions.models import Submission

logger = logging.getLogger(__name__)

Row = TypeVar("Row", bound=Model)

NOT_NOW = "No server can run it now. Please try again soon."
ANNOUNCED_S = 15  # how long a worker counts without announcing itself again
MEASURED = 100  # judgings
MEASURED_S = 86400
RETRY_S = 10  # where nothing was measured
RETRY_MOST_S = 60
KEPT_S = 1.0  # how long what was asked of Redis about a lane is not asked again: everybody who waits asks
LOOK_S, LOOK_MOST_S = 0.1, 0.5  # between two looks at a row whose end is waited for
COUNTED_EACH = 4  # of more than so many, the places are looked for in one go through the whole queue
WAITING_THREADS = 32  # how many wait for an end where each of them has a thread


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


def admit(kind: str, language: str) -> Place:
    """To be asked before a learner's program is taken, and before it counts for a limit: where it would stand then.

    Raises QueueFull where MAX_QUEUE_DEPTH programs are in line, or as many of its language wait for a server. A run,
    which is waited for, raises NoBackend where no server can run it now; what is graded may wait until one can.
    """
    most: int = settings.MAX_QUEUE_DEPTH
    if not pool().is_available(language):
        if kind == Submission.Kind.RUN:
            raise NoBackend(NOT_NOW)
        # Also those at which no worker has looked yet.
        same = Submission.objects.waiting_in("default").filter(language=language)
        stuck = same.order_by()[:most].count()
        if stuck >= most:
            raise QueueFull(RETRY_MOST_S)
        return Place(stuck + 1, None)
    in_line, stuck = _in_line_and_stuck(language, most)
    if in_line >= most:
        wait_s = _estimate("default", most)
        raise QueueFull(RETRY_S if wait_s is None else min(wait_s, RETRY_MOST_S))
    if stuck >= most:
        raise QueueFull(RETRY_MOST_S)
    return Place(in_line + 1, _estimate("default", in_line + 1))


def _in_line_and_stuck(language: str, most: int) -> tuple[int, int]:
    """How many are in line, and how many of the language wait for a server, in one query.

    Of a queue that is longer it counts so many that at least one of the two is as high as `most`.
    """
    in_line = Q(unavailable_since__isnull=True)
    stuck = Q(unavailable_since__isnull=False, language=language)
    rows = Submission.objects.waiting_in("default").filter(in_line | stuck).order_by()[: 2 * most]
    counted = rows.aggregate(in_line=Count("pk", filter=in_line), stuck=Count("pk", filter=stuck))
    return counted["in_line"], counted["stuck"]


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


def places(submissions: Sequence[Submission]) -> dict[UUID, Place]:
    """The same for many at once, of many in one query; then those that are queued no more are missing."""
    if len(submissions) <= COUNTED_EACH:
        return {one.pk: place(one) for one in submissions}
    asked = {one.pk for one in submissions}
    kinds = {kind for one in submissions for kind in Submission.LANES[one.lane]}
    queued = Submission.objects.filter(kind__in=kinds, status=Submission.Status.QUEUED).order_by("created_at")
    is_offered = cache(pool().is_available)
    lanes = {str(kind): lane for lane, kinds in Submission.LANES.items() for kind in kinds}
    lines: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    found = {}
    # As tuples: to make a thousand models takes three times as long.
    for pk, kind, language, stuck_since, created_at in queued.values_list(
        "pk", "kind", "language", "unavailable_since", "created_at"
    ):
        lane, is_stuck = lanes[kind], stuck_since is not None
        line = lines[lane, language if is_stuck else ""]
        line.append(created_at)
        if pk in asked:
            position = bisect_left(line, created_at) + 1
            moves = not is_stuck and is_offered(language)
            found[pk] = Place(position, _estimate(lane, position) if moves else None)
    return found


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
    slots = sum(_there(announced, now).values())
    return _Pace(slots, statistics.median(float(seconds) for seconds in measured) if measured else None)


def _there(announced: Sequence[tuple[bytes, float]], now: float) -> dict[str, int]:
    """Slots by worker, of those whose announcement still counts."""
    found = (member.decode().rsplit(maxsplit=1) for member, until in announced if until > now)
    return {worker: int(slots) for worker, slots in found}


def crew(lane: str) -> dict[str, int]:
    """The lane's workers that are there: by name, how many submissions each judges at once. Raises redis.RedisError."""
    client = redis_client()
    now, _ = client.time()
    return _there(cast(Any, client.zrange(_slots(lane), 0, -1, withscores=True)), now)


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


def withdraw(worker: str, lane: str, slots: int) -> None:
    """`worker` has ended: it no longer counts."""
    _tell(lambda client: client.zrem(_slots(lane), f"{worker} {slots}"))


def note_service(lane: str, seconds: float) -> None:
    """A judging of the lane took so long, from its claim to its end."""

    def tell(client: redis.Redis) -> None:
        with client.pipeline() as pipe:
            pipe.lpush(_seconds(lane), f"{seconds:.3f}")
            pipe.ltrim(_seconds(lane), 0, MEASURED - 1)
            pipe.expire(_seconds(lane), MEASURED_S)
            pipe.execute()

    _tell(tell)


def _tell(news: Callable[[redis.Redis], object]) -> None:
    shared = pool().shared
    shared.ask(news, otherwise=None)
    _paces.pop(shared, None)


def _slots(lane: str) -> str:
    return f"queue:{lane}:slots"


def _seconds(lane: str) -> str:
    return f"queue:{lane}:seconds"


_seats = threading.BoundedSemaphore(WAITING_THREADS)


def await_end(submission: Submission) -> Submission | None:
    """The submission once it is final; None after SYNC_WAIT_MAX."""
    ended = Submission.objects.final().filter(pk=submission.pk).select_related("question")
    return await_row(ended, settings.SYNC_WAIT_MAX_S)


def await_row(rows: QuerySet[Row], seconds: float) -> Row | None:
    """The first of these rows once there is one, in this thread; None at once where too many wait already.

    None also where the database fails: what was asked for was taken, and its owner must hear of that. Between two looks
    no connection to it is held.
    """
    if not _seats.acquire(blocking=False):
        return None
    try:
        return row_within(rows, seconds)
    except DATABASE_FAILS as error:
        logger.error("it is not waited for: %s", error)
        return None
    finally:
        _seats.release()


def row_within(rows: QuerySet[Row], seconds: float) -> Row | None:
    """The same in a thread that may be waited in, such as a worker's. Raises what the database does."""
    deadline = time.monotonic() + seconds
    pause = LOOK_S
    while (found := rows.first()) is None and (left := deadline - time.monotonic()) > 0:
        rest_connection()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LOOK_MOST_S)
    return found
