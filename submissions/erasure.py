"""Erasing what a learner has submitted, then the learner: `accounts.erasing` is asked, workers go on until it is done.

    what waits        is cancelled
    what is judged    is waited for: only its end tells where its program was sent
    backends          delete what they keep of it, see `leftovers`; those that do not let us are told of
    rows              of submissions and runs with all that hangs on them, and what Redis keeps of runs
    the account       with its keys, sessions, receipts and identities

Submissions are deleted, not made anonymous: a program and its times may say who wrote it. Everything here may be done
any number of times, by any number of processes: whoever dies halfway is gone on from.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import Count, ProtectedError, Q

from accounts import erasing
from accounts.models import User
from execution.errors import JudgingError
from execution.judge0 import Judge0
from submissions import ephemeral, lifecycle
from submissions.backends import own_servers
from submissions.connections import redis_client
from submissions.models import CaseResult, Placement, Submission, SubmissionQuerySet

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 20.0
TURN_KEY = "erasure:turn"
TURN_S = 15
BATCH = 200

MORE: list[Callable[[User], None]] = []
"""What else is to be erased of a user: apps above this one add theirs when they are ready. Any number of times."""


@dataclass(frozen=True)
class Kept:
    """What a backend keeps of how many submissions, or may keep, although it should not, and why."""

    backend: str
    submissions: int
    why: str
    is_certain: bool = True

    def __str__(self) -> str:
        keeps = "keeps" if self.is_certain else "may keep"
        return f"{self.backend} {keeps} programs of {self.submissions} submissions: {self.why}"


@dataclass(frozen=True)
class Outcome:
    """What is in the way of the rest, empty where all of it is done; and what stays where we cannot delete it.

    `by_another`: some worker was faster, and has told what stays.
    """

    waits_for: str = ""
    kept: tuple[Kept, ...] = ()
    by_another: bool = False


def go_on_in_turn() -> None:
    """One of the workers each time that they look."""
    if redis_client().set(TURN_KEY, 1, nx=True, ex=TURN_S):
        go_on()


def go_on() -> None:
    """With everybody who is to be erased."""
    for user in User.objects.filter(erasure_asked_at__isnull=False):
        pk = user.pk
        for kept in erase(user).kept:
            logger.warning("user %s was erased, but %s", pk, kept)


def erase(user: User) -> Outcome:
    """As much as can be done now; for who was asked to be erased (`erasing.ask`)."""
    mine = _submissions_of(user)
    for submission in mine.filter(status=Submission.Status.QUEUED):
        lifecycle.cancel(submission)
    if count := mine.unfinished().count():
        return Outcome(f"{count} submissions are being judged")
    if count := Placement.objects.filter(submission__in=mine).values("submission").distinct().count():
        return Outcome(f"programs of {count} submissions are to be deleted at their backends first")
    kept = tuple(_kept_at_backends(mine))
    _delete(mine)
    for erase_more in MORE:
        erase_more(user)
    try:
        is_mine = erasing.forget(user)
    except ProtectedError:
        return Outcome("something was submitted meanwhile")
    return Outcome(kept=kept, by_another=not is_mine)


def _submissions_of(user: User) -> SubmissionQuerySet:
    """And what others had judged again of them."""
    return Submission.objects.filter(Q(user=user) | Q(of__user=user))


def _kept_at_backends(submissions: SubmissionQuerySet) -> Iterator[Kept]:
    """Only case results tell it now: of what was deleted there, and what could not be, no placement is left.

    What was judged and has none may have been sent anywhere.
    """
    results = CaseResult.objects.filter(submission__in=submissions).exclude(backend="")
    counts = results.order_by().values_list("backend").annotate(Count("submission", distinct=True))
    servers = {server.url: server for server in own_servers()}
    for url, count in counts:
        if why := _why_kept(servers.get(url)):
            yield Kept(url, count, why)
    if count := submissions.filter(attempt__gt=0, case_results=None).count():
        for url, server in servers.items():
            if why := _why_kept(server):
                yield Kept(url, count, why, is_certain=False)


def _why_kept(server: Judge0 | None) -> str:
    """Empty where nothing stays."""
    if server is None:
        return "it is no longer one of JUDGE0_URLS, and was not asked"
    try:
        ceilings = server.ceilings()
    except JudgingError:
        return "it does not answer; it may have deleted them before"
    if ceilings.forgets_by_itself or ceilings.deletes:
        return ""
    return "it lets nobody delete them (see enable_submission_delete, and X-Auth-User)"


def _delete(submissions: SubmissionQuerySet) -> None:
    while keys := list(submissions.order_by().values_list("pk", flat=True)[:BATCH]):
        for pk in keys:
            ephemeral.forget(pk)
        Submission.objects.filter(pk__in=keys).delete()
