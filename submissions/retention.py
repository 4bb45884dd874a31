"""What is not kept for ever: sorts of rows, how long each is kept, and deleting what is older.

    runs          rows of runs (their code and output are in Redis, for EXECUTION_TTL)
    outputs       what graded programs printed, and their compilers; verdict, score and program stay
    submissions   graded submissions altogether
    events        changes that nobody follows any more
    receipts      Idempotency-Keys
    webhooks      what became of messages
    sessions      of those who have signed in, once they have expired
    keys          API keys that open nothing any more
    invitations   that let nobody in any more
    admin_log     who changed what in the admin
    hints         what was asked for and answered

Deleted in batches, each a transaction of its own, so that nobody waits long for a lock, and whoever dies halfway is
gone on from. Any number of processes may do it at once. That something is old never depends on this: a run that has
outlived EXECUTION_TTL cannot be asked for, whether or not its row is still there.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from prometheus_client import Counter

from accounts.models import ApiKey, Invitation
from submissions import receipts
from submissions.connections import redis_client
from submissions.models import CaseResult, CheckerNote, Event, Placement, Receipt, Submission, Webhook

logger = logging.getLogger(__name__)

BATCH = 500
TURN_KEY = "retention:turn"
EVERY_S = 3600
PURGED = Counter("judge_purged_rows_total", "Rows that were deleted, or emptied, for their age.", ["what"])

Rows = QuerySet[Any]


@dataclass(frozen=True)
class Sort:
    """`age` is how long its rows are kept, None for ever; `older` are those older than that."""

    name: str
    age: Callable[[], timedelta | None]
    older: Callable[[timedelta], Rows]
    drop: Callable[[Rows], object] = lambda rows: rows.delete()


def purge_in_turn() -> None:
    """All sorts, once an hour by one of the workers."""
    if redis_client().set(TURN_KEY, 1, nx=True, ex=EVERY_S):
        purge()


def purge() -> dict[str, int]:
    """How many rows of each sort were deleted (of outputs: submissions that were emptied).

    One sort that fails keeps no other one waiting. Raises the DatabaseError of the last that did.
    """
    counts, failure = {}, None
    for sort in SORTS:
        try:
            counts[sort.name] = _purge(sort)
        except DatabaseError as error:
            logger.error("retention: %s are not purged: %s", sort.name, type(error).__name__)
            failure = error
    if failure is not None:
        raise failure
    return counts


def due() -> dict[str, int]:
    """How many `purge` would delete now."""
    return {sort.name: _over(sort).count() for sort in SORTS}


def purge_only(name: str) -> int:
    """As `purge`, of the sort with this name."""
    return next(_purge(sort) for sort in SORTS if sort.name == name)


def _purge(sort: Sort) -> int:
    total = 0
    over = _over(sort)
    while keys := list(over.order_by().values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            sort.drop(over.model._base_manager.filter(pk__in=keys))
        total += len(keys)
        PURGED.labels(sort.name).inc(len(keys))
    if total:
        logger.info("retention: %d %s", total, sort.name)
    return total


def _over(sort: Sort) -> Rows:
    age = sort.age()
    rows = sort.older(age or timedelta())
    return rows.none() if age is None else rows


def _empty(submissions: Rows) -> None:
    """Hidden cases hold no texts."""
    results = CaseResult.objects.filter(submission__in=submissions.values("pk"), public=True)
    results.update(output=b"", stderr=b"", difference_message="")
    CheckerNote.objects.filter(submission__in=submissions.values("pk")).delete()
    submissions.update(compile_output="", texts_purged_at=Now())


def days(name: str, least: Callable[[], timedelta] = timedelta) -> Callable[[], timedelta | None]:
    """The age of a sort by settings.RETENTION_DAYS."""

    def age() -> timedelta | None:
        days: int = settings.RETENTION_DAYS[name]
        return max(timedelta(days=days), least()) if days else None

    return age


def _ttl() -> timedelta:
    return timedelta(seconds=settings.EXECUTION_TTL_S)


def _events(age: timedelta) -> Rows:
    """Of submissions that ended long enough ago; followers then get a snapshot."""
    # The first condition is the index's: events are never older than the end of their submission.
    long_ago = Now() - age
    return Event.objects.filter(created_at__lt=long_ago, submission__finished_at__lt=long_ago)


def _submissions(age: timedelta) -> Rows:
    """Those that have ended, and of which no backend keeps anything; what was judged again goes with its rejudges."""
    final = Submission.objects.final().filter(created_at__lt=Now() - age)
    left = Placement.objects.filter(submission=OuterRef("pk"))
    again = Submission.objects.filter(of=OuterRef("pk"))
    left_again = Placement.objects.filter(submission__of=OuterRef("pk"))
    return final.exclude(Exists(left) | Exists(left_again) | Exists(again.unfinished()))


def _keys(age: timedelta) -> Rows:
    return ApiKey.objects.filter(Q(expires_at__lt=Now() - age) | Q(revoked_at__lt=Now() - age))


def _invitations(age: timedelta) -> Rows:
    long_ago = Now() - age
    return Invitation.objects.filter(Q(expires_at__lt=long_ago) | Q(uses_left=0, created_at__lt=long_ago))


SORTS = [
    Sort("runs", days("runs", _ttl), lambda age: _submissions(age).filter(kind=Submission.Kind.RUN)),
    Sort(
        "outputs",
        days("outputs"),
        lambda age: Submission.objects.filter(
            finished_at__lt=Now() - age, texts_purged_at__isnull=True
        ).exclude(kind=Submission.Kind.RUN),
        _empty,
    ),
    Sort(
        "submissions",
        days("submissions"),
        lambda age: _submissions(age).exclude(kind=Submission.Kind.RUN),
    ),
    Sort("events", lambda: timedelta(seconds=settings.EVENT_TTL_S), _events),
    Sort(
        "receipts", lambda: receipts.KEPT_FOR, lambda age: Receipt.objects.filter(created_at__lt=Now() - age)
    ),
    Sort(
        "webhooks",
        days("webhooks"),
        lambda age: Webhook.objects.filter(next_try_at__isnull=True, created_at__lt=Now() - age),
    ),
    Sort("sessions", timedelta, lambda age: Session.objects.filter(expire_date__lt=Now() - age)),
    Sort("keys", days("keys"), _keys),
    Sort("invitations", days("keys"), _invitations),
    Sort("admin_log", days("admin_log"), lambda age: LogEntry.objects.filter(action_time__lt=Now() - age)),
]
"""Apps above this one add theirs when they are ready."""
