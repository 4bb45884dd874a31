"""The only place that writes a submission's status.

    queued ──claim──▶ running ──finish──▶ done
      ▲                 │  └────fail────▶ error
      └────give back────┘

    queued ──cancel, no backend for long, or a run's time is up──▶ error

    done or error ──apply_rejudge──▶ done (by what judging it again has found)

Every change is one conditional update: the row must still be in the status, and at the attempt, that the writer
believes in. Where it is not, somebody else was faster: `claim` answers None, the others raise Fenced, and nothing
was written. All times are the database's, so that workers' clocks do not matter.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q
from django.db.models.functions import Coalesce, Now
from prometheus_client import Counter, Histogram
from structlog.contextvars import get_contextvars

from accounts import limits
from accounts.models import User
from execution import errors
from execution.types import Case, Feedback, Finished, Judged, Step, Submitted, Verdict
from questions.models import Question, ReferenceSolution, StoredCase
from submissions import disclosure, ephemeral, events
from submissions.models import (
    CaseResult,
    CheckerNote,
    Placement,
    RejudgeSet,
    Submission,
    SubmissionQuerySet,
    Webhook,
)

PATIENCE = timedelta(
    seconds=10
)  # how long a queued row may stand before somebody looks whether it is in a queue
LOW_PATIENCE = timedelta(minutes=1)  # the same in the lane `low`, where thousands may stand
LEASE = timedelta(seconds=20)  # how long a running row is somebody's without a sign of life
BACKEND_PATIENCE = timedelta(seconds=2)  # between two tries while no backend can be used
MAX_INTERRUPTIONS = 5
LET_GO_PAUSE = timedelta(seconds=5)  # for each interruption before
FORGOTTEN = "forgotten"  # role of a placement that is not gone on with, only deleted at its backend
CANCELLED = "cancelled"  # the one code of an error that is nobody's fault
TIMEOUT = "timeout"
EXPIRED = "expired"
NO_TESTCASES = "no_testcases"
NOTE_BYTES = 64 * 1024
NOTE_OF_ACCEPTED_BYTES = 4 * 1024
PRINTED, FAILURE = "printed", "failure"  # names of notes that are no files
INTERRUPTED = "interrupted"
CODES = (CANCELLED, TIMEOUT, EXPIRED, NO_TESTCASES, INTERRUPTED, *errors.CODES)
"""Of all errors in which submissions end."""
LIMITED: dict[str, str] = {Submission.Kind.GRADED: "submit", Submission.Kind.RUN: "run"}
"""The limit that each kind counts for."""
NOTHING_FOUND: dict[str, Any] = {
    "score": None,
    "earned": Decimal(0),
    "groups": [],
    "cases_judged": 0,
    "cases_passed": 0,
    "time_ms": None,
    "memory_kib": None,
    "compile_output": "",
}
FOUND = (
    "verdict",
    "score",
    "earned",
    "obtainable",
    "groups",
    "reason",
    "message",
    "compile_output",
    "cases_total",
    "cases_judged",
    "cases_passed",
    "time_ms",
    "memory_kib",
    "decided_by",
    "revision",
)
"""What a judging has found, of which a rejudge gives all to its original."""

TOLD = (
    "kind",
    "user",
    "status",
    "verdict",
    "score",
    "reason",
    "message",
    "attempt",
    "seq",
    "cases_total",
    "cases_judged",
    "cases_passed",
    "earned",
    "obtainable",
    "groups",
    "time_ms",
    "memory_kib",
    "created_at",
    "started_at",
    "finished_at",
)
"""What is read again after a change: what events tell, and what its callers need."""

Status = Submission.Status

TAKEN = Counter("judge_submissions_total", "Submissions that were taken.", ["kind", "language"])
WAITED = Histogram(
    "judge_queue_wait_seconds",
    "How long submissions waited until they were claimed for the first time.",
    ["queue"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
)
ERRORS = Counter(
    "judge_errors_total",
    "Submissions that ended in an error, by its code; cancelled is nobody's fault.",
    ["kind", "code"],
)
# A series that begins with a burst shows no increase.
for _kind, _code in product(Submission.Kind.values, CODES):
    ERRORS.labels(_kind, _code)


class Fenced(Exception):
    """The submission is no longer ours: it was given back, claimed again or ended. Stop silently."""


@dataclass(frozen=True)
class Claim:
    """The right to write about one submission, as long as `attempt` is the row's.

    `row` is the submission as its events tell it. As long as the claim holds nobody else changes what they tell, so
    it is kept up to date here instead of being read again after each step.
    """

    submission_id: UUID
    attempt: int
    kind: str
    lane: str
    interruptions: int
    row: Submission = field(compare=False, repr=False)


def create(
    *,
    kind: str,
    user: User,
    question: Question | None,
    language: str,
    source_bytes: int,
    source: str = "",
    pk: UUID | None = None,
    metadata: dict[str, Any] | None = None,
    solution: ReferenceSolution | None = None,
) -> Submission:
    """A queued row with its first event; the caller enqueues it after commit.

    `source` is empty for a run; `solution` is what a verification judges.
    """
    with transaction.atomic(savepoint=False):
        submission = Submission(
            pk=pk or uuid4(),
            kind=kind,
            user=user,
            question=question,
            language=language,
            source=source,
            source_bytes=source_bytes,
            metadata=metadata,
            solution=solution,
            request_id=get_contextvars().get("request_id", ""),
            overdue_at=Now() + PATIENCE,
        )
        submission.save(force_insert=True)
        submission.overdue_at = None  # the database's; nobody who creates one asks for it
        events.record_status(submission)
        transaction.on_commit(lambda: TAKEN.labels(kind, language).inc())
    return submission


def create_rejudges(
    originals: Sequence[Submission], *, rejudge_set: RejudgeSet, user: User
) -> list[Submission]:
    """Queued rows, one for each of them unless the set has one already; the caller enqueues them.

    Without first events: nobody can follow them from their beginning.
    """
    rows = [
        Submission(
            kind=Submission.Kind.REJUDGE,
            of=original,
            rejudge_set=rejudge_set,
            user=user,
            question_id=original.question_id,
            language=original.language,
            source=original.source,
            source_bytes=original.source_bytes,
            was_verdict=original.verdict,
            was_score=original.score,
            was_earned=original.earned,
            overdue_at=Now() + LOW_PATIENCE,
        )
        for original in originals
    ]
    Submission.objects.bulk_create(rows, ignore_conflicts=True)
    for row in rows:
        TAKEN.labels(row.kind, row.language).inc()
    return rows


def apply_rejudge(rejudge: Submission) -> Submission | None:
    """Give its original what it found, as a further attempt; None when that was done before. In a transaction.

    `rejudge` has a verdict. What was stored of its cases moves to the original, what was stored there is deleted.
    Whoever wanted to be told of the original's end is told again.
    """
    original = rejudge.of_id
    assert original is not None
    mine = Submission.objects.filter(pk=rejudge.pk, status=Status.DONE, applied_at=None)
    if not mine.update(applied_at=Now()):
        return None
    found = {name: getattr(rejudge, name) for name in FOUND}
    applied = _change(
        original,
        Submission.objects.graded().final(),
        **found,
        status=Status.DONE,
        attempt=F("attempt") + 1,
        finished_at=Now(),
        texts_purged_at=rejudge.texts_purged_at,
    )
    for rows in (CaseResult.objects.all(), CheckerNote.objects.all()):
        rows.filter(submission=original).delete()
        rows.filter(submission=rejudge.pk).update(submission=original)
    Webhook.objects.filter(submission=original).update(
        attempts=0, next_try_at=Now(), delivered_at=None, last_status=None, last_error=""
    )
    return applied


def claim(
    submission: Submission, *, revision: str, cases_total: int, obtainable: Decimal | None = None
) -> Claim | None:
    """Take a queued submission as it was read, or None when somebody has had it since. The next writer is fenced.

    What an earlier attempt found by another revision is forgotten in the same moment: whoever finds the new revision
    in the row relies on it. `obtainable` are the points of all its cases, None where there is no bound.
    """
    is_outdated = submission.revision not in ("", revision)
    with transaction.atomic():
        claimed = _change(
            submission.pk,
            _queued(submission),
            status=Status.RUNNING,
            attempt=F("attempt") + 1,
            overdue_at=Now() + LEASE,
            started_at=Coalesce("started_at", Now()),
            reason="",
            message="",
            revision=revision,
            cases_total=cases_total,
            obtainable=obtainable,
            **(NOTHING_FOUND if is_outdated else {}),
        )
        if claimed is None:
            return None
        if is_outdated:
            CaseResult.objects.filter(submission=submission).delete()
            CheckerNote.objects.filter(submission=submission).delete()
            Placement.objects.filter(submission=submission).update(role=FORGOTTEN)
    if claimed.attempt == 1 and claimed.started_at:
        WAITED.labels(claimed.lane).observe((claimed.started_at - claimed.created_at).total_seconds())
    claimed.question = submission.question
    return Claim(
        claimed.pk, claimed.attempt, claimed.kind, claimed.lane, submission.interruptions, row=claimed
    )


def renew(claims: Collection[Claim]) -> set[Claim]:
    """A sign of life for all of them at once; those that are lost. No event: nothing changed for anybody.

    A row that somebody has locked is left for the next time, so that it does not hold up the others.
    """
    ours = Submission.objects.filter(
        Q(*(Q(pk=claim.submission_id, attempt=claim.attempt) for claim in claims), _connector=Q.OR),
        status=Status.RUNNING,
    )
    with transaction.atomic():
        free = ours.select_for_update(skip_locked=True).values("pk")
        if Submission.objects.filter(pk__in=free).update(overdue_at=Now() + LEASE) == len(claims):
            return set()
    still_ours = set(ours.values_list("pk", "attempt"))
    return {claim for claim in claims if (claim.submission_id, claim.attempt) not in still_ours}


def record(claim: Claim, cases: Mapping[int, Case], steps: Sequence[Step]) -> None:
    """Store what became known together in one transaction; `cases` by their indexes. All of it, or Fenced.

    A run's texts are stored in Redis before, under its attempt: a Redis that hangs must not hold up a transaction.
    """
    judged = [step for step in steps if isinstance(step, Judged)]
    finished = next((step for step in steps if isinstance(step, Finished)), None)
    if judged and claim.kind == Submission.Kind.RUN:
        _keep_for_a_while(claim, cases, judged)
    with transaction.atomic():
        for step in steps:
            if isinstance(step, Submitted):
                _record_placement(claim, step)
        if judged or finished:
            _record_results(claim, cases, judged, finished)


def _record_placement(claim: Claim, step: Submitted) -> None:
    """Keep the tokens before anything is asked about them."""
    if not _rows(claim).update(attempt=claim.attempt):
        raise Fenced
    Placement.objects.create(
        submission_id=claim.submission_id,
        attempt=claim.attempt,
        indexes=list(step.indexes),
        role=step.role,
        backend=step.backend,
        tokens=list(step.tokens),
    )


def _record_results(
    claim: Claim, cases: Mapping[int, Case], judged: Sequence[Judged], finished: Finished | None
) -> None:
    """How cases went, in this order, and the end if it is known by then."""
    seq = claim.row.seq + len(judged) + (finished is not None)
    changes = {"seq": seq} | _case_changes(claim, judged) | _final_changes(finished)
    if not _rows(claim).update(**changes):
        raise Fenced
    for name in TOLD:
        if (
            name in changes and name != "finished_at"
        ):  # a moment of the database's clock, which no event tells
            setattr(claim.row, name, changes[name])
    results = CaseResult.objects.bulk_create(
        CaseResult(submission=claim.row, **_case_fields(claim, cases[step.index], step)) for step in judged
    )
    if claim.kind != Submission.Kind.RUN:
        _record_notes(claim, judged)
    events.record_results(claim.row, results, judged)


def _record_notes(claim: Claim, judged: Sequence[Judged]) -> None:
    """What an author's checker left behind; of accepted cases not much, since there are many and few are read."""
    CheckerNote.objects.bulk_create(
        CheckerNote(submission_id=claim.submission_id, index=step.index, name=name, text=text[:most])
        for step in judged
        if step.feedback is not None
        for most in [NOTE_OF_ACCEPTED_BYTES if step.verdict is Verdict.AC else NOTE_BYTES]
        for name, text in _notes(step.feedback)
    )


def _notes(feedback: Feedback) -> list[tuple[str, bytes]]:
    """By name; a file that is called as something else of ours gives way."""
    printed = [(PRINTED, feedback.messages)] if feedback.messages else []
    return [(name, text) for name, text in feedback.files if name not in (PRINTED, FAILURE)] + printed


def fail(claim: Claim, *, code: str, message: str) -> None:
    """End it as our fault."""
    _end_with(claim, _error(claim.submission_id, _rows(claim), code, message))


def fail_by_checker(claim: Claim, failure: errors.CheckerFailed, *, message: str) -> None:
    """End it as our fault, which its author can mend: what is known of it is kept for authors alone."""
    with transaction.atomic():
        fail(claim, code=failure.code, message=message)
        if claim.kind != Submission.Kind.RUN:
            text = f"{failure}\n\n{failure.notes}".encode(errors="replace")[:NOTE_BYTES]
            CheckerNote.objects.create(
                submission_id=claim.submission_id, index=failure.case, name=FAILURE, text=text
            )


def left_s(claim: Claim) -> float:
    """How long it may still take: a run as long as RUN_TIMEOUT_S says since it was taken, others for ever."""
    if claim.kind != Submission.Kind.RUN:
        return math.inf
    age = ExpressionWrapper(Now() - F("created_at"), DurationField())
    taken = Submission.objects.filter(pk=claim.submission_id).values_list(age, flat=True).get()
    left: timedelta = timedelta(seconds=settings.RUN_TIMEOUT_S) - taken
    return left.total_seconds()


def took_too_long() -> str:
    return f"It took longer than {settings.RUN_TIMEOUT_S:g} s, with the time it waited."


def out_of_time(submissions: Sequence[Submission]) -> list[Submission]:
    """Those of them that `give_up_run` would end."""
    found = set(_late_runs(_still_queued(submissions)).values_list("pk", flat=True))
    return [one for one in submissions if one.pk in found]


def give_up_run(submission: Submission) -> Submission | None:
    """End a run that still waits to be judged after RUN_TIMEOUT_S; None when it need not end."""
    return _error(submission.pk, _late_runs(_queued(submission)), TIMEOUT, took_too_long())


def _late_runs(rows: SubmissionQuerySet) -> SubmissionQuerySet:
    taken = Now() - timedelta(seconds=settings.RUN_TIMEOUT_S)
    return rows.filter(kind=Submission.Kind.RUN, created_at__lte=taken)


def wait_for_backend(submission: Submission) -> None:
    """No backend can be used: a queued submission is left alone for a while, and after MAX_QUEUE_AGE_S it ends.

    The first time, followers are told.
    """
    if submission.unavailable_since is None:
        _change(submission.pk, _queued(submission), **_waiting())
    elif give_up_waiting(submission) is None:
        _queued(submission).update(overdue_at=Now() + BACKEND_PATIENCE)


def await_room(claim: Claim) -> None:
    """All backends have as much as they may have: back into the queue, which is neither interruption nor outage."""
    changes = {"overdue_at": Now() + BACKEND_PATIENCE, "unavailable_since": None}
    _end_with(claim, _change(claim.submission_id, _rows(claim), status=Status.QUEUED, **changes))


def await_backend(claim: Claim) -> None:
    """No backend can be used: back into the queue for a while; after MAX_QUEUE_AGE_S of that, error.

    That is no interruption.
    """
    pk, rows = claim.submission_id, _rows(claim)
    _end_with(claim, _give_up(pk, rows) or _change(pk, rows, status=Status.QUEUED, **_waiting()))


def _waiting() -> dict[str, Any]:
    return {
        "reason": "judge_unavailable",
        "message": "Waiting for a server that can judge it.",
        "overdue_at": Now() + BACKEND_PATIENCE,
        "unavailable_since": Coalesce("unavailable_since", Now()),
    }


def give_back(claim: Claim) -> None:
    """Hand a submission on unfinished, on purpose (a worker that stops): not an interruption either."""
    changes = {"status": Status.QUEUED, "overdue_at": Now()}
    _end_with(claim, _change(claim.submission_id, _rows(claim), **changes))


def _end_with(claim: Claim, row: Submission | None) -> None:
    """The claim is over, and knows how: by its last change the row became this. Fenced where there was none."""
    if row is None:
        raise Fenced
    claim.row.status, claim.row.verdict, claim.row.reason = row.status, row.verdict, row.reason


def let_go(claim: Claim) -> None:
    """Judging it has failed, nobody goes on: the sweeper finds it, at once the first time, then later each time.

    (What makes it fail may last a while, and MAX_INTERRUPTIONS are not many.) Nothing happens where it was lost.
    """
    _rows(claim).update(overdue_at=Now() + claim.interruptions * LET_GO_PAUSE)


def give_back_overdue(submission: Submission) -> Submission | None:
    """Take a running submission from an owner that shows no sign of life; too often, and it ends in error.

    The row as changed, or None when the owner (or another sweeper) was faster.
    """
    lost = Submission.objects.filter(status=Status.RUNNING, attempt=submission.attempt, overdue_at__lte=Now())
    if submission.interruptions >= MAX_INTERRUPTIONS:
        words = "Judging was interrupted too often. This is our fault; please submit again."
        return _error(submission.pk, lost, INTERRUPTED, words)
    return _change(
        submission.pk,
        lost,
        status=Status.QUEUED,
        interruptions=F("interruptions") + 1,
        overdue_at=Now() + PATIENCE,
    )


def postpone(submissions: Sequence[Submission], patience: timedelta = PATIENCE) -> None:
    """Look at those of them that are still queued again after so long."""
    _still_queued(submissions).update(overdue_at=Now() + patience)


def wait_behind_others(submissions: Sequence[Submission]) -> None:
    """They could be judged, and wait for nothing but their turn: that is not the time to be counted as an outage.

    No event: the next one tells it.
    """
    _still_queued(submissions).update(unavailable_since=None, reason="", message="")


def _still_queued(submissions: Sequence[Submission]) -> SubmissionQuerySet:
    return Submission.objects.filter(pk__in=[one.pk for one in submissions], status=Status.QUEUED)


def give_up_waiting(submission: Submission) -> Submission | None:
    """End a queued submission for which no backend came back in MAX_QUEUE_AGE_S; None when it need not end.

    To be asked only while there is none.
    """
    return _give_up(submission.pk, _queued(submission))


def without_backend_for_long(submissions: Sequence[Submission]) -> list[Submission]:
    """Those of them that `give_up_waiting` would end."""
    found = set(_too_long(_still_queued(submissions)).values_list("pk", flat=True))
    return [one for one in submissions if one.pk in found]


def _too_long(rows: SubmissionQuerySet) -> SubmissionQuerySet:
    return rows.filter(unavailable_since__lte=Now() - timedelta(seconds=settings.MAX_QUEUE_AGE_S))


def _give_up(pk: UUID, rows: SubmissionQuerySet) -> Submission | None:
    return _error(
        pk,
        _too_long(rows),
        errors.NoBackend.code,
        "No server could judge it in time. This is our fault; please submit again.",
    )


def cancel(submission: Submission) -> Submission | None:
    """End a submission that still waits, because its owner wants it no more; None when it waits no more."""
    queued = Submission.objects.filter(status=Status.QUEUED)
    return _error(submission.pk, queued, CANCELLED, "Cancelled while it waited to be judged.")


def _error(pk: UUID, rows: SubmissionQuerySet, code: str, message: str) -> Submission | None:
    with transaction.atomic():
        ended = _change(
            pk,
            rows,
            status=Status.ERROR,
            reason=code,
            message=message[:300],
            score=None,
            earned=Decimal(0),
            overdue_at=None,
            finished_at=Now(),
        )
        if ended is not None and code != CANCELLED:
            _refund(ended)
    if ended is not None:
        ERRORS.labels(ended.kind, code).inc()
    return ended


def _refund(submission: Submission) -> None:
    """What ends by our fault has used up nothing of its user's limits."""
    scope = LIMITED.get(submission.kind)
    if scope is None or submission.finished_at is None:
        return
    ago_s = (submission.finished_at - submission.created_at).total_seconds()
    transaction.on_commit(lambda: limits.refund(scope, str(submission.user_id), ago_s=ago_s), robust=True)


def _queued(submission: Submission) -> SubmissionQuerySet:
    """The row, if it still waits as it did when it was read."""
    return Submission.objects.filter(pk=submission.pk, status=Status.QUEUED, attempt=submission.attempt)


def _rows(claim: Claim) -> SubmissionQuerySet:
    return Submission.objects.filter(pk=claim.submission_id, status=Status.RUNNING, attempt=claim.attempt)


def _change(pk: UUID, rows: SubmissionQuerySet, **changes: Any) -> Submission | None:
    """Apply `changes` to the row if it is still one of `rows`, with its event; None when it is not."""
    with transaction.atomic(savepoint=False):
        if not rows.filter(pk=pk).update(seq=F("seq") + 1, **changes):
            return None
        submission = Submission.objects.only(*TOLD).get(pk=pk)
        events.record_status(submission)
        return submission


def _final_changes(finished: Finished | None) -> dict[str, Any]:
    if finished is None:
        return {}
    return {
        "status": Status.DONE,
        "verdict": finished.verdict.value,
        "score": finished.score,
        "earned": finished.points,
        "decided_by": finished.decided_by,
        "reason": finished.reason,
        "overdue_at": None,
        "finished_at": Now(),
    }


def _case_changes(claim: Claim, judged: Sequence[Judged]) -> dict[str, Any]:
    """That cases were decided also shows that a backend works."""
    if not judged:
        return {}
    row = claim.row
    changes: dict[str, Any] = {
        "earned": judged[-1].points_so_far,
        "score": judged[-1].score_so_far,
        "groups": _groups(claim, judged),
        "cases_judged": row.cases_judged + len(judged),
        "cases_passed": row.cases_passed + sum(step.verdict is Verdict.AC for step in judged),
        "unavailable_since": None,
    }
    runs = [step.run for step in judged if step.run is not None]
    if not runs:
        return changes
    changes["time_ms"] = max(row.time_ms or 0, *(run.time_ms for run in runs))
    changes["memory_kib"] = max(row.memory_kib or 0, *(run.memory_kib for run in runs))
    compile_output = next((run.compile_output for run in runs if run.compile_output), b"")
    if compile_output and claim.kind != Submission.Kind.RUN:
        changes["compile_output"] = disclosure.text(compile_output)
    return changes


def _groups(claim: Claim, judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """As they stand now, those above before those within; a run has none."""
    if claim.kind == Submission.Kind.RUN:
        return []
    known = {group["path"]: group for group in claim.row.groups}
    for step in judged:
        for standing in reversed(step.groups):
            known[standing.path] = {
                "path": standing.path,
                "verdict": standing.verdict,
                "earned": _plainly(standing.earned),
                "obtainable": None if standing.obtainable is None else _plainly(standing.obtainable),
            }
    return list(known.values())


def _plainly(points: Decimal) -> str:
    return f"{round(points, 6).normalize():f}"


def _case_fields(claim: Claim, case: Case, step: Judged) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "index": case.index,
        "group": case.group,
        "name": case.name,
        "points": case.points if case.answer else Decimal(0),
        "earned": step.points,
        "public": case.public,
        "verdict": step.verdict.value,
        "backend": step.backend,
    }
    if isinstance(case, StoredCase):
        fields |= {"input_sha256": case.input_sha256, "answer_sha256": case.answer_sha256}
    if step.difference is not None:
        fields["difference"] = step.difference.kind.value
    if step.run is None:
        return fields
    fields |= {
        "time_ms": step.run.time_ms,
        "memory_kib": step.run.memory_kib,
        "truncated": step.run.truncated or len(step.run.output) > disclosure.TEXT_CAP,
    }
    if case.public:
        fields |= {"exit_code": step.run.exit_code, "signal": step.run.signal}
    if case.public and claim.kind != Submission.Kind.RUN:
        texts = _texts(step)
        fields |= {
            "output": texts.output,
            "stderr": texts.stderr,
            "difference_message": texts.difference_message,
        }
    return fields


def _keep_for_a_while(claim: Claim, cases: Mapping[int, Case], judged: Sequence[Judged]) -> None:
    """A run's texts go to Redis; its row and case results hold none."""
    ran = [step for step in judged if step.run is not None]
    texts = {step.index: _texts(step) for step in ran if cases[step.index].public}
    compiled = next((step.run.compile_output for step in ran if step.run and step.run.compile_output), b"")
    ephemeral.add(
        claim.submission_id, claim.attempt, compile_output=compiled[: disclosure.TEXT_CAP], cases=texts
    )


def _texts(step: Judged) -> ephemeral.CaseTexts:
    assert step.run is not None
    return ephemeral.CaseTexts(
        output=step.run.output[: disclosure.TEXT_CAP],
        stderr=step.run.stderr[: disclosure.TEXT_CAP],
        difference_message=disclosure.text(step.difference.message.encode()) if step.difference else "",
    )
