"""The queue as people see it: whether there is room, who comes before whom, how long that may take.

Who waits is counted in the database. How fast a lane (a queue of workers) moves is measured by its workers and kept in
Redis; without it positions are told and times are not:

    queue:<lane>:slots     sorted set   “<worker> <slots>” → when that is out of date, by Redis's clock
    queue:<lane>:seconds   list         how long each of the last judgings took
"""

import math
import statistics
import time
from dataclasses import dataclass
from typing import Any, cast

import redis
from django.conf import settings

from execution.errors import NoBackend
from submissions.connections import pool, rest_connection
from submissions.models import Submission

NOT_NOW = "No server can run it now. Please try again soon."
ANNOUNCED_S = 15  # how long a worker counts without announcing itself again
MEASURED = 100  # judgings
MEASURED_S = 86400
RETRY_S = 10  # where nothing was measured
RETRY_MOST_S = 60
LOOK_S, LOOK_MOST_S = 0.1, 0.5  # between two looks at a row whose end is waited for


class QueueFull(Exception):
    """So many programs wait that another one would only wait longer; `retry_after_s` is in whole seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many programs wait to be judged. Please try again in {retry_after_s} s.")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Place:
    """`position` is 1 for the next one; `estimated_wait_s` None where nobody can say."""

    position: int
    estimated_wait_s: int | None


def admit(kind: str, language: str) -> None:
    """To be asked before a learner's program is taken, and before it counts for a limit.

    Raises QueueFull where MAX_QUEUE_DEPTH programs wait. A run, which is waited for, raises NoBackend where no server
    can run it now; what is graded may wait until one can.
    """
    if kind == Submission.Kind.RUN and not pool().is_available(language):
        raise NoBackend(NOT_NOW)
    waiting = Submission.objects.waiting_in("default").order_by()
    if waiting[: settings.MAX_QUEUE_DEPTH].count() >= settings.MAX_QUEUE_DEPTH:
        wait_s = _estimate("default", settings.MAX_QUEUE_DEPTH)
        raise QueueFull(RETRY_S if wait_s is None else min(wait_s, RETRY_MOST_S))


def place(submission: Submission) -> Place:
    """Where a queued submission stands in its lane."""
    # As the database has it: SQLite compares times as texts, and writes its own with fewer digits than Django.
    created_at = Submission.objects.filter(pk=submission.pk).values("created_at")
    earlier = Submission.objects.waiting_in(submission.lane).filter(created_at__lt=created_at)
    position = earlier.count() + 1
    waits_for_backend = bool(submission.reason) or not pool().is_available(submission.language)
    return Place(position, None if waits_for_backend else _estimate(submission.lane, position))


def _estimate(lane: str, position: int) -> int | None:
    """Whole seconds, at least 1; None while nobody works, or nothing was measured yet."""

    def look(client: redis.Redis) -> tuple[int, list[float]]:
        with client.pipeline() as pipe:
            pipe.time()
            pipe.zrange(_slots(lane), 0, -1, withscores=True)
            pipe.lrange(_seconds(lane), 0, -1)
            (now, _), announced, measured = cast(Any, pipe.execute())
        slots = sum(int(member.split()[-1]) for member, until in announced if until > now)
        return slots, [float(seconds) for seconds in measured]

    unknown: tuple[int, list[float]] = (0, [])
    slots, measured = pool().shared.ask(look, otherwise=unknown)
    if not slots or not measured:
        return None
    return max(1, math.ceil(math.ceil(position / slots) * statistics.median(measured)))


def announce(worker: str, lane: str, slots: int) -> None:
    """`worker` judges so many submissions of the lane at once. It counts for ANNOUNCED_S."""

    def tell(client: redis.Redis) -> None:
        now, _ = client.time()
        with client.pipeline() as pipe:
            pipe.zremrangebyscore(_slots(lane), "-inf", now)
            pipe.zadd(_slots(lane), {f"{worker} {slots}": now + ANNOUNCED_S})
            pipe.expire(_slots(lane), ANNOUNCED_S)
            pipe.execute()

    pool().shared.ask(tell, otherwise=None)


def note_service(lane: str, seconds: float) -> None:
    """A judging of the lane took so long, from its claim to its end."""

    def tell(client: redis.Redis) -> None:
        with client.pipeline() as pipe:
            pipe.lpush(_seconds(lane), f"{seconds:.3f}")
            pipe.ltrim(_seconds(lane), 0, MEASURED - 1)
            pipe.expire(_seconds(lane), MEASURED_S)
            pipe.execute()

    pool().shared.ask(tell, otherwise=None)


def _slots(lane: str) -> str:
    return f"queue:{lane}:slots"


def _seconds(lane: str) -> str:
    return f"queue:{lane}:seconds"


def await_end(submission: Submission) -> Submission | None:
    """The submission once it is final; None after SYNC_WAIT_MAX. Between two looks no database connection is held."""
    deadline = time.monotonic() + settings.SYNC_WAIT_MAX_S
    ended = Submission.objects.final().filter(pk=submission.pk).select_related("question")
    pause = LOOK_S
    while (found := ended.first()) is None and (left := deadline - time.monotonic()) > 0:
        rest_connection()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LOOK_MOST_S)
    return found
