"""The sweeper: whatever died, the rows that nobody works on are found and brought to an end.

Every worker runs it, and any number may run at once: each repair is one conditional update. It looks only at rows
whose `overdue_at` has passed.

    queued,  in a queue            look again later
    queued,  in no queue           enqueue (Redis was away, was flushed, or a worker died between taking and claiming)
    queued,  no backend for long   error
    running, no sign of life       give back and enqueue; too often: error
"""

import json
import logging
import time
from dataclasses import asdict
from datetime import timedelta

import redis
from django.conf import settings

from submissions import judging, lifecycle
from submissions.connections import redis_client
from submissions.models import Submission

logger = logging.getLogger(__name__)

SWEEP_EVERY_S = 2.0
HEALTH_EVERY_S = 5.0
HEALTH_TTL_S = 30
HEALTH_KEY = "backends:health"
BATCH = 500


def sweep() -> int:
    """Repair what is overdue now; the number of submissions that were repaired."""
    overdue = Submission.objects.overdue().order_by("overdue_at")[:BATCH]
    repaired = sum([_repair(submission) for submission in overdue])
    lifecycle.expire_events(timedelta(seconds=settings.EVENT_TTL_S))
    return repaired


def _repair(submission: Submission) -> bool:
    if submission.status == Submission.Status.RUNNING:
        returned = lifecycle.give_back_overdue(submission)
        if returned is None:
            return False
        logger.warning("submission %s had lost its worker (now %s)", returned.pk, returned.status)
        if returned.status == Submission.Status.QUEUED:
            judging.enqueue(returned)
        return True
    if lifecycle.give_up_waiting(submission) is not None:
        return True
    if not lifecycle.postpone(submission) or _stands_in_queue(submission):
        return False
    judging.enqueue(submission)
    return True


def _stands_in_queue(submission: Submission) -> bool:
    """Whether its job waits in the list. (That the job's hash exists says nothing: a dead worker may have had it.)"""
    queue = judging.queue_for(submission.kind)
    try:
        return redis_client().lpos(queue.key, judging.job_id(submission)) is not None
    except redis.RedisError:
        return False


def report_backends() -> None:
    """Ask every backend how it is and leave the answer in Redis, where web replicas find it."""
    health = [asdict(one) for one in judging.pool().health()]
    report = json.dumps({"at": time.time(), "backends": health})
    redis_client().set(HEALTH_KEY, report, ex=HEALTH_TTL_S)


def reported_backends() -> list[dict[str, object]] | None:
    """What workers found lately; None when no worker has reported for HEALTH_TTL_S."""
    report = redis_client().get(HEALTH_KEY)
    return None if report is None else json.loads(report)["backends"]
