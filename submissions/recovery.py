"""The sweeper: whatever died, the rows that nobody works on are found and brought to an end.

Every worker runs it, and any number may run at once: each repair is one conditional update. It looks only at rows
whose `overdue_at` has passed.

    queued,  in a queue            look again later
    queued,  in no queue           enqueue (Redis was away, was flushed, or a worker died between taking and claiming)
    queued,  no backend            look again soon; for long: error (a worker that tries in vain does the same)
    queued,  a run whose time is up    error (as a worker does that takes or judges it)
    running, no sign of life       give back and enqueue; too often: error
"""

import logging
from collections.abc import Callable

import redis
from django import db
from django.db import transaction
from prometheus_client import Counter

from submissions import judging, lifecycle, repairs
from submissions.connections import DATABASE_FAILS, pool, queue
from submissions.models import Submission

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 2.0
BATCH = 500

REPAIRS = Counter(
    "judge_sweeper_repairs_total",
    "What the sweeper did: took submissions from workers that were lost, rang for ones that stood in no queue, ended "
    "runs that were late or submissions that found no backend for long.",
    ["repair"],
)
TAKEN_BACK, RUNG, ENDED_LATE, ENDED_WITHOUT_BACKEND = map(
    REPAIRS.labels, ("taken_back", "rung", "ended_late", "ended_without_backend")
)


def sweep() -> int:
    """Repair what is overdue now; the number of submissions that were repaired.

    Rows first, bells last: where Redis does not answer, as much as possible is repaired all the same.
    """
    overdue = _overdue()
    queued = [one for one in overdue if one.status == Submission.Status.QUEUED]
    late = lifecycle.out_of_time(queued)
    queued = [one for one in queued if one not in late]
    lost = _each(_given_back, [one for one in overdue if one.status == Submission.Status.RUNNING])
    asleep = _without_backend(queued)
    awake = set(queued).difference(asleep)
    ended = _each(lifecycle.give_up_run, late)
    given_up = _each(lifecycle.give_up_waiting, lifecycle.without_backend_for_long(asleep))
    lifecycle.postpone(asleep, lifecycle.BACKEND_PATIENCE)
    returned = [one for one in lost if one.status == Submission.Status.QUEUED]
    rung = _ring_for([*returned, *(one for one in queued if one in awake)])
    woken = set(rung) - set(returned)
    TAKEN_BACK.inc(len(lost))
    RUNG.inc(len(woken))
    ENDED_LATE.inc(len(ended))
    ENDED_WITHOUT_BACKEND.inc(len(given_up))
    repairs.note(
        taken_back=len(lost), rung=len(woken), ended_late=len(ended), ended_without_backend=len(given_up)
    )
    return len(lost) + len(ended) + len(given_up) + len(woken)


def _each(
    repair: Callable[[Submission], Submission | None], submissions: list[Submission]
) -> list[Submission]:
    """Those that were repaired. One that cannot be must not keep the others waiting."""
    repaired = []
    for submission in submissions:
        try:
            repaired.append(repair(submission))
        except DATABASE_FAILS:
            raise  # that is the database, not the row
        except db.Error as error:
            logger.error("it cannot be repaired: %s", error, extra={"submission": submission.pk})
    return [one for one in repaired if one is not None]


def _overdue() -> list[Submission]:
    """Running ones first; without those that somebody is changing now, whose locks would hold up all the others."""
    rows = Submission.objects.overdue()
    if not rows.exists():
        return []
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).defer("source", "compile_output")
        return list(free.order_by("-status", "overdue_at")[:BATCH])


def _without_backend(queued: list[Submission]) -> list[Submission]:
    """Those that have found no backend and would find none now: workers need not be told of them."""
    waiting = [one for one in queued if one.unavailable_since]
    usable = {language: pool().is_available(language) for language in {one.language for one in waiting}}
    return [one for one in waiting if not usable[one.language]]


def _given_back(submission: Submission) -> Submission | None:
    returned = lifecycle.give_back_overdue(submission)
    if returned is not None:
        which = {"submission": submission.pk, "request_id": submission.request_id, "status": returned.status}
        logger.warning("it had lost its worker", extra=which)
    return returned


def _ring_for(submissions: list[Submission]) -> list[Submission]:
    """Enqueue those that stand in no queue; they are looked at again after their patience.

    (That a job's hash exists says nothing: a dead worker may have had it.)
    """
    lifecycle.postpone([one for one in submissions if one.lane != "low"])
    lifecycle.postpone([one for one in submissions if one.lane == "low"], lifecycle.LOW_PATIENCE)
    try:
        jobs = {job for name in ("default", "low") for job in queue(name).get_job_ids()}
        missing = [one for one in submissions if judging.job_id(one) not in jobs]
        standing = [one for one in submissions if judging.job_id(one) in jobs]
        lifecycle.wait_behind_others([one for one in standing if one.unavailable_since])
        for submission in missing:
            judging.ring(submission)
    except redis.RedisError as error:
        logger.warning("nobody can be told of waiting submissions: %s", error)
        return []
    return missing
