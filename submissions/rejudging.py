"""Judging submissions of a question again: sets that are chosen, judged, looked at, and applied or discarded.

    start      a row for the set, with what is to be chosen
    choosing   a rejudge for each submission, in the queue that comes after learners'
    judging    until somebody has seen the differences, and says
    apply      ──▶ the originals get what was found: verdict, points, cases, revision
    discard    ──▶ what waits is cancelled, what is judged is waited for, then all rejudges are deleted

All of it is done by workers, in batches, each a transaction of its own; rows tell how far they are, so that whoever
dies halfway is gone on from, and nothing is done twice. A question has one open set at a time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import SYSTEM, User
from questions.models import Question
from submissions import judging, lifecycle, revisions
from submissions.connections import redis_client
from submissions.models import Placement, RejudgeSet, Submission, SubmissionQuerySet

LOOK_EVERY_S = 2.0
TURN_KEY = "rejudging:turn"
TURN_S = 10
BATCH = 100
ERROR = "error"  # beside the verdicts: what could not be judged by our fault

State, Status = RejudgeSet.State, Submission.Status


class NotNow(Exception):
    """What was asked for cannot be done as the set is; in words for whoever asked."""


@dataclass(frozen=True)
class Choice:
    """By what submissions are chosen; whatever is empty excludes none.

    `verdicts` may also have `error`, `users` are names. `revision`: only those that were judged against another one.
    """

    since: datetime | None = None
    until: datetime | None = None
    verdicts: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    revision: str = ""

    def as_json(self) -> dict[str, Any]:
        moments = {name: value.isoformat() for name in ("since", "until") if (value := getattr(self, name))}
        return {name: value for name, value in asdict(self).items() if value} | moments

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Choice":
        since, until = (parse_datetime(told[name]) if name in told else None for name in ("since", "until"))
        verdicts, slugs, users = (tuple(told.get(name, ())) for name in ("verdicts", "languages", "users"))
        return cls(since, until, verdicts, slugs, users, told.get("revision", ""))


# --- Choosing ------------------------------------------------------------------------------------------------


def choose(question: Question, choice: Choice) -> SubmissionQuerySet:
    """Graded submissions that have ended, oldest first; without those that their owners cancelled."""
    rows = Submission.objects.graded().final().filter(question=question).order_by("created_at", "pk")
    rows = rows.exclude(status=Status.ERROR, reason=lifecycle.CANCELLED)
    if choice.since:
        rows = rows.filter(created_at__gte=choice.since)
    if choice.until:
        rows = rows.filter(created_at__lte=choice.until)
    if choice.verdicts:
        errors = Q(status=Status.ERROR) if ERROR in choice.verdicts else Q()
        rows = rows.filter(Q(verdict__in=choice.verdicts) | errors)
    if choice.languages:
        rows = rows.filter(language__in=choice.languages)
    if choice.users:
        rows = rows.filter(user__username__in=choice.users)
    if choice.revision:
        rows = rows.exclude(revision=choice.revision)
    return rows


def start(*, question: Question, choice: Choice, user: User, reason: str = "") -> RejudgeSet:
    """A set of what is chosen now. Raises NotNow while the question has another one, or where nothing is chosen."""
    now = choice if choice.until else replace(choice, until=timezone.now())
    total = choose(question, now).count()
    if not total:
        raise NotNow("No submission is chosen by that.")
    try:
        with transaction.atomic():
            return RejudgeSet.objects.create(
                question=question, started_by=user, chosen=now.as_json(), reason=reason, total=total
            )
    except IntegrityError:
        raise NotNow("The question is being rejudged already: apply or discard that first.") from None


def apply(one: RejudgeSet) -> None:
    """Have it applied. Raises NotNow unless all of it is judged, against the question as it is now."""
    if one.state != State.JUDGING or one.rejudges.unfinished().exists():
        raise NotNow("It is not judged to its end.")
    if outdated(one):
        raise NotNow("The question was changed since it was judged: discard this, and rejudge again.")
    _move(one, (State.JUDGING,), State.APPLYING)


def discard(one: RejudgeSet) -> None:
    """Have it discarded. Raises NotNow where it is applied already."""
    _move(one, (State.CHOOSING, State.JUDGING), State.DISCARDING)


def outdated(one: RejudgeSet) -> int:
    """How many of its rejudges have a verdict that an older version of the question gave."""
    revision = revisions.current(one.question)
    return one.rejudges.filter(status=Status.DONE).exclude(revision=revision).count()


def _move(one: RejudgeSet, before: Sequence[str], state: str, **changes: Any) -> None:
    if not RejudgeSet.objects.filter(pk=one.pk, state__in=before).update(state=state, **changes):
        raise NotNow("Somebody else was faster, or it is too late for that.")


# --- Going on, by workers ------------------------------------------------------------------------------------


def go_on_in_turn() -> None:
    """One of the workers each time that they look."""
    if redis_client().set(TURN_KEY, 1, nx=True, ex=TURN_S):
        try:
            go_on()
        finally:
            redis_client().delete(TURN_KEY)


def go_on() -> None:
    """With every set that workers have to do something for."""
    steps = {State.CHOOSING: _choose, State.APPLYING: _apply, State.DISCARDING: _discard}
    for one in RejudgeSet.objects.filter(state__in=steps).select_related("question"):
        try:
            steps[State(one.state)](one)
        except NotNow:
            continue  # it was discarded meanwhile


def _choose(one: RejudgeSet) -> None:
    """A rejudge for each that has none yet."""
    user = User.objects.get(username=SYSTEM)
    has_one = Submission.objects.filter(rejudge_set=one, of=OuterRef("pk"))
    left = choose(one.question, Choice.from_json(one.chosen)).exclude(Exists(has_one))
    while rejudges := _choose_some(one, left, user):
        for rejudge in rejudges:
            judging.enqueue(rejudge)
    _move(one, (State.CHOOSING,), State.JUDGING, total=one.rejudges.count())


def _choose_some(one: RejudgeSet, left: SubmissionQuerySet, user: User) -> list[Submission]:
    """A batch of new rejudges; none where nothing is left, and once the set is discarded."""
    with transaction.atomic():
        if not RejudgeSet.objects.select_for_update().filter(pk=one.pk, state=State.CHOOSING).exists():
            return []
        originals = list(left.defer("compile_output")[:BATCH])
        return lifecycle.create_rejudges(originals, rejudge_set=one, user=user)


def _apply(one: RejudgeSet) -> None:
    left = one.rejudges.filter(status=Status.DONE, applied_at=None)
    while _apply_some(left):
        pass
    _move(one, (State.APPLYING,), State.APPLIED, ended_at=Now())


def _apply_some(left: QuerySet[Submission]) -> int:
    with transaction.atomic():
        rejudges = list(left.select_for_update().defer("source").order_by("pk")[:BATCH])
        for rejudge in rejudges:
            lifecycle.apply_rejudge(rejudge)
    return len(rejudges)


def _discard(one: RejudgeSet) -> None:
    """As far as it can be done now: of what is judged only its end tells where its program was sent."""
    for rejudge in one.rejudges.filter(status=Status.QUEUED).defer("source"):
        lifecycle.cancel(rejudge)
    kept_somewhere = Placement.objects.filter(submission=OuterRef("pk"))
    free = one.rejudges.final().exclude(Exists(kept_somewhere)).order_by()
    while keys := list(free.values_list("pk", flat=True)[:BATCH]):
        Submission.objects.filter(pk__in=keys).delete()
    if not one.rejudges.exists():
        _move(one, (State.DISCARDING,), State.DISCARDED, ended_at=Now())


# --- What it shows -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """`changes`: how many go from what to what (a verdict or `error`), most first; the same twice where only points
    differ. `outdated` were judged before the question was changed.
    """

    total: int
    judged: int
    left: int
    errors: int
    changing: int
    applied: int
    outdated: int
    changes: tuple[tuple[str, str, int], ...]


def progress(one: RejudgeSet) -> Progress:
    rows = with_differences(one).order_by()
    statuses = dict(rows.values_list("status").annotate(Count("pk")))
    pairs = rows.filter(differs=True).values_list("was_verdict", "verdict").annotate(count=Count("pk"))
    return Progress(
        total=one.total,
        judged=statuses.get(Status.DONE, 0) + statuses.get(Status.ERROR, 0),
        left=statuses.get(Status.QUEUED, 0) + statuses.get(Status.RUNNING, 0),
        errors=statuses.get(Status.ERROR, 0),
        changing=sum(count for _, _, count in pairs),
        applied=rows.exclude(applied_at=None).count(),
        outdated=outdated(one) if one.state == State.JUDGING else 0,
        changes=tuple((was or ERROR, verdict, count) for was, verdict, count in pairs.order_by("-count")),
    )


def with_differences(one: RejudgeSet) -> QuerySet[Any]:
    """Its rejudges with `differs`: whether they found another verdict, or other points, than their originals had.

    Those first, then those that could not be judged.
    """
    no_score = Value(Decimal(-1))
    rows = one.rejudges.alias(
        before=Coalesce("was_verdict", Value("")),
        score_before=Coalesce("was_score", no_score),
        score_now=Coalesce("score", no_score),
    )
    is_same = Q(verdict=F("before"), score_now=F("score_before"), earned=F("was_earned"))
    differs = Case(When(~Q(status=Status.DONE) | is_same, then=False), default=True)
    failed = Case(When(status=Status.ERROR, then=True), default=False)
    return rows.annotate(differs=differs).order_by("-differs", failed.desc(), "created_at", "pk")
