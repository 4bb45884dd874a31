"""The only place that writes a submission's status.

    queued ──claim──▶ running ──finish──▶ done
      ▲                 │  └────fail────▶ error
      └────give back────┘

Every change is one conditional update: the row must still be in the status, and at the attempt, that the writer
believes in. Where it is not, somebody else was faster: `claim` answers None, the others raise Fenced, and nothing
was written. All times are the database's, so that workers' clocks do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest, Now

from accounts.models import User
from execution.types import Case, Finished, Judged, Submitted, Verdict
from questions.models import Question, StoredCase
from submissions import disclosure, ephemeral, events
from submissions.models import CaseResult, Event, Placement, Submission, SubmissionQuerySet

PATIENCE = timedelta(
    seconds=10
)  # how long a queued row may stand before somebody looks whether it is in a queue
LEASE = timedelta(seconds=30)  # how long a running row is somebody's without a sign of life
BACKEND_PATIENCE = timedelta(seconds=5)  # between two tries while no backend can be used
MAX_INTERRUPTIONS = 5

Status = Submission.Status


class Fenced(Exception):
    """The submission is no longer ours: it was given back, claimed again or ended. Stop silently."""


@dataclass(frozen=True)
class Claim:
    """The right to write about one submission, as long as `attempt` is the row's."""

    submission_id: UUID
    attempt: int
    kind: str


def create(
    *, kind: str, user: User, question: Question | None, language: str, source: str, keep_source: bool = True
) -> Submission:
    """A queued row with its first event. The caller enqueues it after commit."""
    with transaction.atomic():
        submission = Submission(
            kind=kind,
            user=user,
            question=question,
            language=language,
            source=source if keep_source else "",
            source_bytes=len(source.encode()),
            overdue_at=Now() + PATIENCE,
        )
        submission.save(force_insert=True)
        submission.refresh_from_db()
        events.record_status(submission)
    return submission


def claim(submission: Submission, *, revision: str, cases_total: int) -> Claim | None:
    """Take a queued submission as it was read, or None when somebody has had it since. The next writer is fenced."""
    claimed = _change(
        Submission.objects.filter(pk=submission.pk, status=Status.QUEUED, attempt=submission.attempt),
        status=Status.RUNNING,
        attempt=F("attempt") + 1,
        overdue_at=Now() + LEASE,
        started_at=Coalesce("started_at", Now()),
        reason="",
        message="",
        revision=revision,
        cases_total=cases_total,
    )
    return None if claimed is None else Claim(claimed.pk, claimed.attempt, claimed.kind)


def forget_results(claim: Claim) -> None:
    """Drop what an earlier attempt found: it was judged against another revision."""
    with transaction.atomic():
        submission = _held(
            claim, cases_judged=0, cases_passed=0, time_ms=None, memory_kib=None, compile_output=""
        )
        events.record_status(submission)
        CaseResult.objects.filter(submission_id=claim.submission_id).delete()
        Placement.objects.filter(submission_id=claim.submission_id).delete()


def renew(claim: Claim) -> None:
    """A sign of life. No event: nothing changed for anybody."""
    if not _rows(claim).update(overdue_at=Now() + LEASE):
        raise Fenced


def record_placement(claim: Claim, step: Submitted) -> None:
    """Keep the tokens before anything is asked about them."""
    with transaction.atomic():
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


def record_case(claim: Claim, case: Case, step: Judged) -> None:
    """Store how a case went. That it was decided also shows that a backend works."""
    with transaction.atomic():
        submission = _held(claim, **_case_changes(claim, step))
        result = CaseResult.objects.create(submission=submission, **_case_fields(claim, case, step))
        if claim.kind == Submission.Kind.RUN and step.run is not None:
            # Within the fence: who has lost a run must not overwrite its texts.
            _keep_for_a_while(claim, case, step)
        events.record_case(submission, result)


def finish(claim: Claim, step: Finished) -> None:
    submission = _change(
        _rows(claim),
        status=Status.DONE,
        verdict=step.verdict.value,
        score=step.score,
        reason=step.reason,
        overdue_at=None,
        finished_at=Now(),
    )
    if submission is None:
        raise Fenced


def fail(claim: Claim, *, code: str, message: str) -> None:
    """End it as our fault."""
    if _error(_rows(claim), code, message) is None:
        raise Fenced


def await_backend(claim: Claim) -> None:
    """No backend can be used: back into the queue for a while. That is no interruption."""
    submission = _change(
        _rows(claim),
        status=Status.QUEUED,
        reason="judge_unavailable",
        message="Waiting for a server that can judge it.",
        overdue_at=Now() + BACKEND_PATIENCE,
        unavailable_since=Coalesce("unavailable_since", Now()),
    )
    if submission is None:
        raise Fenced


def give_back(claim: Claim) -> None:
    """Hand a submission on unfinished, on purpose (a worker that stops): not an interruption either."""
    if _change(_rows(claim), status=Status.QUEUED, overdue_at=Now()) is None:
        raise Fenced


def give_back_overdue(submission: Submission) -> Submission | None:
    """Take a running submission from an owner that shows no sign of life; too often, and it ends in error.

    The row as changed, or None when the owner (or another sweeper) was faster.
    """
    lost = Submission.objects.filter(
        pk=submission.pk, status=Status.RUNNING, attempt=submission.attempt, overdue_at__lte=Now()
    )
    if submission.interruptions >= MAX_INTERRUPTIONS:
        return _error(
            lost, "interrupted", "Judging was interrupted too often. This is our fault; please submit again."
        )
    return _change(
        lost, status=Status.QUEUED, interruptions=F("interruptions") + 1, overdue_at=Now() + PATIENCE
    )


def postpone(submissions: Sequence[Submission]) -> None:
    """Look at those of them that are still queued again after PATIENCE."""
    waiting = Submission.objects.filter(pk__in=[one.pk for one in submissions], status=Status.QUEUED)
    waiting.update(overdue_at=Now() + PATIENCE)


def give_up_waiting(submission: Submission) -> Submission | None:
    """End a queued submission for which no backend came back in MAX_QUEUE_AGE; None when it need not end."""
    patience = timedelta(seconds=settings.MAX_QUEUE_AGE_S)
    return _error(
        Submission.objects.filter(
            pk=submission.pk,
            status=Status.QUEUED,
            attempt=submission.attempt,
            unavailable_since__lte=Now() - patience,
        ),
        "judge_unavailable",
        "No server could judge it in time. This is our fault; please submit again.",
    )


def _error(rows: SubmissionQuerySet, code: str, message: str) -> Submission | None:
    return _change(
        rows,
        status=Status.ERROR,
        reason=code,
        message=message[:300],
        overdue_at=None,
        finished_at=Now(),
    )


def _rows(claim: Claim) -> SubmissionQuerySet:
    return Submission.objects.filter(pk=claim.submission_id, status=Status.RUNNING, attempt=claim.attempt)


def _held(claim: Claim, **changes: Any) -> Submission:
    """The row after `changes` and with the next seq; to be called in the transaction that records the event."""
    if not _rows(claim).update(seq=F("seq") + 1, **changes):
        raise Fenced
    rows = Submission.objects.select_related("question")
    return rows.defer("source", "question__statement", "question__statement_html").get(pk=claim.submission_id)


def _change(rows: SubmissionQuerySet, **changes: Any) -> Submission | None:
    """Apply `changes` to the one row that still matches, with its event; None when none does."""
    with transaction.atomic():
        before = rows.only("pk").first()
        if before is None:
            return None
        if not rows.update(seq=F("seq") + 1, **changes):
            return None
        submission = Submission.objects.get(pk=before.pk)
        events.record_status(submission)
        return submission


def _case_changes(claim: Claim, step: Judged) -> dict[str, Any]:
    changes: dict[str, Any] = {"cases_judged": F("cases_judged") + 1, "unavailable_since": None}
    if step.verdict is Verdict.AC:
        changes["cases_passed"] = F("cases_passed") + 1
    if step.run is None:
        return changes
    changes["time_ms"] = Greatest(Coalesce("time_ms", 0), step.run.time_ms)
    changes["memory_kib"] = Greatest(Coalesce("memory_kib", 0), step.run.memory_kib)
    if step.run.compile_output and claim.kind != Submission.Kind.RUN:
        changes["compile_output"] = disclosure.text(step.run.compile_output)
    return changes


def _case_fields(claim: Claim, case: Case, step: Judged) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "index": case.index,
        "group": case.group,
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


def _keep_for_a_while(claim: Claim, case: Case, step: Judged) -> None:
    """A run's texts go to Redis; its row and case results hold none."""
    assert step.run is not None
    if step.run.compile_output:
        ephemeral.store_compile_output(claim.submission_id, step.run.compile_output[: disclosure.TEXT_CAP])
    if case.public:
        ephemeral.store_case(claim.submission_id, case.index, _texts(step))


def _texts(step: Judged) -> ephemeral.CaseTexts:
    assert step.run is not None
    return ephemeral.CaseTexts(
        output=step.run.output[: disclosure.TEXT_CAP],
        stderr=step.run.stderr[: disclosure.TEXT_CAP],
        difference_message=disclosure.text(step.difference.message.encode()) if step.difference else "",
    )


def expire_events(older_than: timedelta) -> int:
    """Delete the events of submissions that ended long enough ago; followers then get a snapshot."""
    long_ago = Now() - older_than
    # The first condition is the index's: events are never older than the end of their submission.
    return Event.objects.filter(created_at__lt=long_ago, submission__finished_at__lt=long_ago).delete()[0]
