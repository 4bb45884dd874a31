"""From a program to its verdict: submit, enqueue, judge.

`judge_submission` is the job that workers run. It knows nothing of RQ: called from a command or a test it does the
same. What it may lose at any line is an attempt, never the submission.
"""

import itertools
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from prometheus_client import Counter, Histogram
from structlog.contextvars import bind_contextvars, bound_contextvars

from accounts.models import User
from execution.errors import BackendBusy, BackendUnavailable, CheckerFailed, JudgingError, OwnCapReached
from execution.groups import Group, tree_of, unstopped
from execution.judge import judge, replayed
from execution.judge0 import name_of
from execution.languages import Language
from execution.types import (
    Case,
    Checker,
    Finished,
    Judged,
    Limits,
    Program,
    Run,
    RunPolicy,
    Scoring,
    Step,
    Submitted,
    Verdict,
)
from questions.expectations import rules_from_json
from questions.models import MOST_TIME_LIMIT_MS, MOST_TOTAL_RUNTIME_S, Blob, Question, ReferenceSolution
from submissions import ephemeral, lifecycle, waiting
from submissions.connections import pool, queue, rest_connection
from submissions.ephemeral import OwnCase
from submissions.leases import Lease, held, let_go
from submissions.models import CaseResult, Placement, Submission

logger = logging.getLogger(__name__)

JOB = "submissions.judging.judge_submission"
OWN_INPUT = "Own input"  # the group of a run's own case
LOWER = "lower"  # of ReferenceSolution.bounds_time_limit: the time limit must leave it room
OUR_FAULT = {
    "judging_error": "It could not be judged. This is our fault; please submit again later.",
    "judge_rejected": "The servers do not take it. This is not your fault.",
    "checker_failed": "The question's checker failed. This is not your fault.",
    "limits_unavailable": "No server judges it under the limits of this question. This is not your fault.",
    "interaction_unavailable": "No server can let programs talk with this question's checker. "
    "This is not your fault.",
    "language_unavailable": "No server can judge this language at present. This is not your fault.",
}

JUDGINGS = Counter(
    "judge_judgings_total",
    "Submissions that were judged to a verdict; the backend is the one that ran the last case.",
    ["kind", "verdict", "language", "backend"],
)
ATTEMPT_SECONDS = Histogram(
    "judge_attempt_seconds",
    "How long attempts took from claim to end, by the status in which they left the submission.",
    ["kind", "status"],
    buckets=(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 600),
)
# As in `lifecycle`: a series that begins with a burst shows no increase.
for _kind, _status in itertools.product(Submission.Kind.values, Submission.Status.values):
    ATTEMPT_SECONDS.labels(_kind, _status)


def submit(
    *,
    user: User,
    question: Question,
    language: Language,
    source: str,
    kind: str = Submission.Kind.GRADED,
    metadata: dict[str, Any] | None = None,
    solution: ReferenceSolution | None = None,
) -> Submission:
    """Take a program for judging against all cases of the question. It is safe once this returns.

    `solution` is what a verification judges.
    """
    with transaction.atomic(savepoint=False):
        submission = lifecycle.create(
            kind=kind,
            user=user,
            question=question,
            language=language.slug,
            source=source,
            source_bytes=len(source.encode()),
            metadata=metadata,
            solution=solution,
        )
        transaction.on_commit(lambda: enqueue(submission), robust=True)
    return submission


def run(
    pk: UUID,
    *,
    user: User,
    question: Question | None,
    language: Language,
    source_bytes: int,
    metadata: dict[str, Any] | None = None,
) -> Submission:
    """Try the program that `ephemeral` keeps as `pk`; it is never counted, and soon forgotten."""
    with transaction.atomic(savepoint=False):
        submission = lifecycle.create(
            pk=pk,
            kind=Submission.Kind.RUN,
            user=user,
            question=question,
            language=language.slug,
            source_bytes=source_bytes,
            metadata=metadata,
        )
        transaction.on_commit(lambda: enqueue(submission), robust=True)
    return submission


def enqueue(submission: Submission) -> None:
    """Ring the bell. Redis being away is no error: the sweeper finds the row."""
    try:
        ring(submission)
    except redis.RedisError as error:
        logger.warning("it waits for the sweeper: %s", error, extra={"submission": submission.pk})


def ring(submission: Submission) -> None:
    """Tell the workers that it waits; raises redis.RedisError."""
    queue(submission.lane).enqueue_call(
        JOB,
        args=(str(submission.pk),),
        job_id=job_id(submission),
        result_ttl=0,
        failure_ttl=86400,
        timeout=-1,
    )


def job_id(submission: Submission) -> str:
    return f"judge-{submission.pk}-{submission.attempt + 1}"


def judge_submission(submission_id: str) -> None:
    """Claim it and judge it to the end. Nothing happens when somebody else has it, or it has ended."""
    if connection.vendor != "sqlite":
        close_old_connections()  # RQ's simple worker keeps one from the job before, which may be dead
    submission = (
        Submission.objects.select_related("question", "solution")
        .defer("compile_output", "question__statement", "question__statement_html", "solution__source")
        .filter(pk=submission_id, status=Submission.Status.QUEUED)
        .first()
    )
    if submission is not None:
        with bound_contextvars(submission=submission_id, request_id=submission.request_id, backend=None):
            _judge_queued(submission)


def _judge_queued(submission: Submission) -> None:
    if submission.kind != Submission.Kind.RUN and not pool().has_place_for(submission.language):
        lifecycle.wait_for_backend(submission)
        return
    try:
        work = _prepare_or_count(submission)
    except CheckerFailed as error:
        _end_unprepared(submission, error)
        return
    claim = lifecycle.claim(
        submission,
        revision=work.revision if work else submission.revision,
        cases_total=len(work.cases) if work else submission.cases_total,
        obtainable=work.obtainable if work else submission.obtainable,
    )
    if claim is None:
        return
    try:
        with held(claim) as lease, _noted(claim, submission, work):
            if work is None:
                words = "The program is no longer kept. Please run it again."
                lifecycle.fail(claim, code=lifecycle.EXPIRED, message=words)
            elif not work.cases:
                words = "The question has no testcases yet."
                lifecycle.fail(claim, code=lifecycle.NO_TESTCASES, message=words)
            else:
                _judge(lease, work)
    except lifecycle.Fenced:
        logger.info("it is judged by somebody else")


@contextmanager
def _noted(claim: lifecycle.Claim, submission: Submission, work: "Work | None") -> Iterator[None]:
    """A record when an attempt begins, and one when it is over: what it is and how large, never a text."""
    sizes = {"cases": len(work.cases) if work else 0, "stdin_bytes": work.input_bytes if work else 0}
    which = {
        "kind": claim.kind,
        "attempt": claim.attempt,
        "language": submission.language,
        "source_bytes": submission.source_bytes,
    }
    logger.info("execution.started", extra=which | sizes)
    started = time.monotonic()
    try:
        yield
    finally:
        row = claim.row
        ATTEMPT_SECONDS.labels(claim.kind, row.status).observe(time.monotonic() - started)
        found = {
            "status": row.status,
            "verdict": row.verdict or "",
            "reason": row.reason,
            "cases_judged": row.cases_judged,
            "seconds": round(time.monotonic() - started, 3),
        }
        logger.info("execution.finished", extra=which | sizes | found)


def _prepare_or_count(submission: Submission) -> "Work | None":
    """As `prepare`. Where that fails, the submission is claimed and let go: uncounted, it would fail for ever."""
    try:
        return prepare(submission)
    except CheckerFailed:
        raise
    except Exception:
        claim = lifecycle.claim(submission, revision=submission.revision, cases_total=submission.cases_total)
        if claim is not None:
            let_go(claim)
        raise


@dataclass(frozen=True)
class Work:
    """Everything that `execution.judge` needs to know of a submission, and the revision it stands for."""

    program: Program
    cases: Sequence[Case]
    input_bytes: int
    limits: Limits
    checker: Checker
    policy: RunPolicy
    scoring: Scoring
    revision: str
    groups: tuple[Group, ...] = ()
    of_learners: "Work | None" = None  # as it is for them, where more is judged than that needs

    @property
    def obtainable(self) -> Decimal | None:
        return tree_of(self.cases, self.policy, self.groups, self.checker).maximum

    def ended(self, steps: tuple[Step, ...], judged: Sequence[Judged]) -> tuple[Step, ...]:
        """With the end that a learner's submission would have; `judged` are all cases."""
        if self.of_learners is None or not isinstance(steps[-1], Finished):
            return steps
        work = self.of_learners
        end = replayed(
            judged,
            work.cases,
            limits=work.limits,
            checker=work.checker,
            policy=work.policy,
            scoring=work.scoring,
            groups=work.groups,
        )
        return (*steps[:-1], end)


def _end_unprepared(submission: Submission, error: CheckerFailed) -> None:
    claim = lifecycle.claim(submission, revision=submission.revision, cases_total=submission.cases_total)
    if claim is not None:
        logger.error("it cannot be judged: %s", error)
        lifecycle.fail_by_checker(claim, error, message=OUR_FAULT[error.code])


def _checker_and_groups(question: Question) -> tuple[Checker, tuple[Group, ...]]:
    """Raises CheckerFailed where one of them cannot be read, as no form has written it."""
    try:
        return question.judging_checker(), question.judging_groups()
    except ValueError as error:
        words = "The checker's arguments or the groups cannot be read."
        raise CheckerFailed(words, notes=str(error)) from error


def prepare(submission: Submission) -> Work | None:
    """What is to be judged, read now; None when a run's program is no longer kept. Raises CheckerFailed."""
    question = submission.question
    if submission.kind == Submission.Kind.RUN:
        return _prepare_run(submission)
    assert question is not None  # a constraint: only runs have none
    cases = question.testcases.values_for_judging()
    checker, groups = _checker_and_groups(question)
    work = Work(
        program=Program(submission.language, submission.source.encode()),
        cases=cases,
        input_bytes=sum(case.input_bytes for case in cases),
        limits=question.judging_limits(),
        checker=checker,
        policy=RunPolicy(question.run_policy),
        scoring=question.judging_scoring(),
        revision=question.revision(cases),
        groups=groups,
    )
    return work if submission.solution is None else _as_verification(work, question, submission.solution)


def _as_verification(work: Work, question: Question, solution: ReferenceSolution) -> Work:
    """As submissions are judged, but for what would leave a question about the solution without an answer.

    One of which single cases are asked for is run on all of them, and ends as if it had not been. What a guessed time
    limit is to be measured by has the most time that a question may give.
    """
    most_ms = MOST_TOTAL_RUNTIME_S * 1000
    if is_measured(question, solution):
        work = replace(work, limits=replace(work.limits, time_ms=MOST_TIME_LIMIT_MS, total_ms=most_ms))
    if any(rule.required or rule.message or rule.cases for rule in rules_from_json(solution.rules)):
        groups = unstopped(work.groups, work.cases) if work.groups else ()
        endless = replace(work.limits, total_ms=most_ms)
        work = replace(work, policy=RunPolicy.RUN_ALL, groups=groups, limits=endless, of_learners=work)
    return work


def is_measured(question: Question, solution: ReferenceSolution) -> bool:
    """Whether the question's time limit is still to be made of what this solution takes."""
    return question.time_limit_is_derived and solution.bounds_time_limit == LOWER


def _prepare_run(submission: Submission) -> Work | None:
    kept = ephemeral.load(submission.pk)
    if kept is None:
        return None
    question, trial = submission.question, kept.trial
    public_cases = question.testcases.public().values_for_judging() if question else []
    own = trial.cases or (() if public_cases else (OwnCase(b""),))
    if question and question.interactive:
        own = ()
    return Work(
        program=Program(submission.language, kept.source),
        cases=[*public_cases, *map(_own_case, itertools.count(len(public_cases) + 1), own)],
        input_bytes=sum(case.input_bytes for case in public_cases) + sum(len(one.input) for one in own),
        limits=question.judging_limits() if question else run_limits(),
        checker=_checker_and_groups(question)[0] if question else trial.checker,
        policy=trial.policy,
        scoring=Scoring(trial.scoring),
        revision=question.revision(public_cases) if question else "",
    )


def _own_case(index: int, own: OwnCase) -> Case:
    answer = own.answer
    return Case(
        index,
        lambda: own.input,
        None if answer is None else lambda: answer,
        points=Decimal(0 if answer is None else 1),
        public=True,
        group=OWN_INPUT,
    )


def run_limits() -> Limits:
    """For a run outside any question."""
    return Limits(
        time_ms=5000,
        memory_kib=settings.MAX_MEMORY_MIB * 1024,
        total_ms=settings.MAX_TOTAL_RUNTIME_S * 1000,
        network=settings.ENABLE_NETWORKING,
    )


class _OutOfTime(Exception):
    """A run has taken longer than RUN_TIMEOUT_S since it was taken."""


def _judge(lease: Lease, work: Work) -> None:
    """Store each step before the next is taken; our faults end or postpone the attempt."""
    claim = lease.claim
    cases = {case.index: case for case in work.cases}
    started = time.monotonic()
    left_s = lifecycle.left_s(claim)
    stored = stored_steps(claim)
    judged = [step for step in stored if isinstance(step, Judged)]

    def go_on() -> None:
        lease.beat()
        if time.monotonic() - started > left_s:
            raise _OutOfTime

    def while_waiting() -> None:
        go_on()
        rest_connection()

    try:
        go_on()
        for found in judge(
            work.program,
            work.cases,
            limits=work.limits,
            checker=work.checker,
            policy=work.policy,
            scoring=work.scoring,
            groups=work.groups,
            backends=pool().access(beat=while_waiting, is_low=claim.lane == "low"),
            resume=stored,
            window_max=settings.JUDGE_WINDOW_MAX,
        ):
            lease.beat()
            judged += [step for step in found if isinstance(step, Judged)]
            steps = work.ended(found, judged)
            lifecycle.record(claim, cases, steps)
            if backend := _last_backend(steps):
                bind_contextvars(backend=backend)
            if isinstance(steps[-1], Finished):
                _count(claim, work, steps, steps[-1])
                waiting.note_service(claim.lane, time.monotonic() - started)
    except Blob.DoesNotExist:
        # The author has replaced a case meanwhile: judge again, by the cases as they are now.
        logger.info("the question's testcases have changed")
        lifecycle.give_back(claim)
        enqueue(Submission.objects.get(pk=claim.submission_id))
    except _OutOfTime:
        lifecycle.fail(claim, code=lifecycle.TIMEOUT, message=lifecycle.took_too_long())
    except (BackendUnavailable, BackendBusy) as error:
        logger.warning("it cannot be judged now: %s", error)
        if claim.kind == Submission.Kind.RUN:
            lifecycle.fail(claim, code=error.code, message=waiting.NOT_NOW)
        elif isinstance(error, OwnCapReached):
            lifecycle.await_room(claim)
        else:
            lifecycle.await_backend(claim)
    except CheckerFailed as error:
        logger.error("it cannot be judged: %s", error, extra={"notes_characters": len(error.notes)})
        lifecycle.fail_by_checker(claim, error, message=OUR_FAULT[error.code])
    except JudgingError as error:
        # Its words name servers, which are the operator's business.
        logger.error("it cannot be judged: %s: %s", error.code, error)
        lifecycle.fail(claim, code=error.code, message=OUR_FAULT.get(error.code, OUR_FAULT["judging_error"]))


def _count(claim: lifecycle.Claim, work: Work, steps: Sequence[Step], end: Finished) -> None:
    backend = name_of(_last_backend(steps))
    JUDGINGS.labels(claim.kind, end.verdict.value, work.program.language, backend).inc()


def _last_backend(steps: Sequence[Step]) -> str:
    """The one that ran the last case of these; empty where none was run."""
    backends = (step.backend for step in reversed(steps) if isinstance(step, Judged) and step.backend)
    return next(backends, "")


def stored_steps(claim: lifecycle.Claim) -> list[Submitted | Judged]:
    """What earlier attempts stored, for `judge` to go on from: where cases were sent, then how they went."""
    if claim.attempt == 1:
        return []
    placements = Placement.objects.filter(submission_id=claim.submission_id).exclude(role=lifecycle.FORGOTTEN)
    results = CaseResult.objects.filter(submission_id=claim.submission_id).order_by("pk")
    return [
        *(Submitted(tuple(p.indexes), p.role, p.backend, tuple(p.tokens)) for p in placements),
        *(as_judged(result) for result in results),
    ]


def as_judged(result: CaseResult) -> Judged:
    """A stored case as the step it was, as far as it decides anything further."""
    verdict = Verdict(result.verdict)
    run = None
    if result.time_ms is not None:
        run = Run(
            failure=None if verdict in (Verdict.AC, Verdict.WA) else verdict,
            time_ms=result.time_ms,
            memory_kib=result.memory_kib or 0,
            exit_code=result.exit_code,
            signal=result.signal,
        )
    return Judged(result.index, run, verdict, result.earned, result.backend)
