"""The examination after a trial finds what it looks for: rows that are right, and the same with one thing spoilt."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now

from submissions.models import CaseResult, Event, Submission
from tests.chaos import aftermath
from tests.chaos.aftermath import Life, Outcome, Stretch
from tests.chaos.faults import Fault, Struck
from tests.chaos.programs import PROGRAMS
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db

PROGRAM = PROGRAMS["right"]


def judged() -> Submission:
    """One case; given back once, then judged: queued, running, queued, running, its case, done."""
    submission = Submission.objects.create(
        user=make_user(),
        question=make_question(),
        language=PROGRAM.language,
        source=PROGRAM.numbered(1),
        source_bytes=1,
        status="done",
        verdict="AC",
        score=100,
        cases_total=1,
        cases_judged=1,
        cases_passed=1,
        seq=6,
        attempt=2,
        finished_at=Now(),
    )
    CaseResult.objects.create(submission=submission, index=1, points=1, earned=1, public=True, verdict="AC")
    course = [("queued", 0), ("running", 1), ("queued", 1), ("running", 2), ("running", 2), ("done", 2)]
    for seq, (status, attempt) in enumerate(course, start=1):
        record(submission, seq, status, attempt, case=1 if seq == 5 else None)
    return submission


def record(submission: Submission, seq: int, status: str, attempt: int, case: int | None = None) -> None:
    payload = {"status": status, "attempt": attempt, "final": status in ("done", "error")}
    if case is not None:
        payload["case"] = {"index": case}
    Event.objects.create(submission=submission, seq=seq, type="case" if case else "status", payload=payload)


def set_row(**fields: object) -> Callable[[Submission], object]:
    return lambda submission: Submission.objects.filter(pk=submission.pk).update(**fields)


def add_event(status: str, attempt: int, case: int | None = None) -> Callable[[Submission], object]:
    def spoil(submission: Submission) -> None:
        record(submission, 7, status, attempt, case)
        set_row(seq=7)(submission)

    return spoil


def test_a_submission_that_was_judged_once_is_no_finding():
    submission = judged()
    assert not aftermath.examine({"right": Outcome.of(submission)}, {submission.pk: None})


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("lost", lambda submission: submission.delete()),
        ("stuck", set_row(status="running", verdict=None, overdue_at=Now())),
        ("wrong", set_row(verdict="WA")),
        ("wrong", set_row(status="error", verdict=None)),
        ("wrong", set_row(score=50)),
        ("wrong", lambda submission: submission.case_results.update(verdict="WA")),
        ("wrong", lambda submission: submission.case_results.all().delete()),
        ("doubled", add_event("done", 2)),
        ("doubled", add_event("running", 2, case=1)),
        ("doubled", set_row(cases_judged=2)),
        ("disordered", lambda submission: submission.events.filter(seq=3).delete()),
        ("disordered", set_row(seq=8)),
        ("disordered", add_event("running", 3)),
        ("disordered", lambda submission: submission.events.filter(seq=2).update(seq=9)),
    ],
)
def test_what_is_spoilt_is_found(kind, spoil):
    submission = judged()
    undisturbed = {"right": Outcome.of(submission)}
    taken = {submission.pk: None}
    spoil(submission)
    assert getattr(aftermath.examine(undisturbed, taken), kind)


def at(seconds: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def struck(target: str, began: float, ended: float) -> Struck:
    return Struck(Fault(0, "kill", target, 0), at(began), at(ended))


LIFE = Life(
    pk=Submission().pk,
    born=at(10),
    ended=at(60),
    stretches=(Stretch(at(11), at(42), given_back=True), Stretch(at(50), at(60), given_back=False)),
    backends=frozenset({"backend-1"}),
    worker="worker-2",
)


@pytest.mark.parametrize(
    ("faults", "seconds"),
    [
        ([struck("redis", 5, 12), struck("postgres", 20, 21)], 39),  # the last one
        ([struck("redis", 5, 9)], None),  # before its time
        ([struck("redis", 55, 70)], None),  # not over when it ended
        ([struck("web", 9, 11)], 49),  # when it was taken
        ([struck("web", 15, 16)], None),
        ([struck("worker-1", 15, 16)], 44),  # may have been what its first attempt was lost to
        ([struck("worker-1", 51, 52)], None),  # its second one was not lost
        ([struck("worker-2", 51, 52)], 8),  # but judged by this one
        ([struck("worker-1", 44, 45)], None),  # nobody was at it
        ([struck("backend-1", 51, 53)], 7),
        ([struck("engine-1", 44, 45)], None),
        ([struck("backend-2", 51, 53)], None),  # had nothing of it
    ],
)
def test_recovery_is_measured_from_the_last_fault_that_touched_a_submission(faults, seconds):
    found = aftermath.recoveries([LIFE], faults)
    assert [round(recovery.seconds) for recovery in found] == ([] if seconds is None else [seconds])
