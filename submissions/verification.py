"""Reference solutions judged: does each get what its author wrote down?

What judges them is the judging of every submission, in the queue that comes after learners'. The results are these
submissions: the latest of a solution counts, and only as long as the question is what it was judged against. Nothing
here waits for an end; `manage.py verify_question` does.

    start ──▶ a submission for each solution ──▶ results
      where the time limit is a guess: first those that bound it from below, under the most that a question may have
      ──▶ go_on: set_limit ──▶ start
"""

import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Now

from accounts.models import SYSTEM, User
from execution import languages
from execution.errors import InteractionUnavailable, LanguageUnavailable
from execution.groups import tree_of, unstopped
from execution.types import RunPolicy, Verdict
from questions.expectations import Shown, ShownCase, judged_as_expected, rules_from_json
from questions.fitting import room_s
from questions.models import MOST_TIME_LIMIT_MS, Question, ReferenceSolution
from submissions import judging, revisions
from submissions.models import CaseResult, CheckerNote, Submission

logger = logging.getLogger(__name__)

GO_ON_EVERY_S = 2.0
LATELY = timedelta(minutes=5)  # after which nobody waits for the second half of a verification

LEAST_LIMIT_MS = 1000
MULTIPLIER = 5.0
RESOLUTION_MS = 500
"""By what the time limit is made of the slowest solution's time, where the question's package does not say."""

NOT_HERE = (LanguageUnavailable.code, InteractionUnavailable.code)
"""Codes of errors that say nothing of the solution: no server here has what it needs."""


@dataclass(frozen=True)
class Result:
    """What is known of one solution. `submission` is the latest that judged it, None where none did.

    `decided_by` is the case that made the verdict: its name, else its index, None where none did. `differences` are
    sentences, empty unless it has ended otherwise than it should. `skipped` says why it cannot be judged here.
    """

    solution: ReferenceSolution
    submission: Submission | None
    is_current: bool
    decided_by: str | int | None
    differences: tuple[str, ...]
    skipped: str

    @property
    def is_final(self) -> bool:
        return self.submission is not None and self.submission.is_final

    @property
    def ok(self) -> bool | None:
        """None where that is not known: it is not judged yet, or cannot be judged here."""
        if self.skipped or self.submission is None or not self.submission.is_final:
            return None
        return not self.differences


@dataclass(frozen=True)
class Standing:
    """How many of a question's solutions stand how; `at` is when the last one was judged, None where none was.

    `differing` were judged otherwise than they should be; `unverified` before the question was changed, or never.
    """

    total: int
    as_expected: int
    differing: int
    unfinished: int
    unverified: int
    at: datetime | None

    @property
    def is_verified(self) -> bool:
        return self.as_expected > 0 and self.as_expected == self.total


@dataclass(frozen=True)
class Suggestion:
    """A time limit, made of the slowest solution that must keep it: `slowest_ms`, by the clock of the limit itself
    (a language's factor is taken out). `is_capped`: it would be longer than a question's may be.
    """

    limit_ms: int
    slowest_ms: int
    solution: str
    multiplier: float
    is_capped: bool


# --- Judging them ------------------------------------------------------------------------------------------------


def next_to_judge(question: Question) -> list[ReferenceSolution]:
    """Those that can be judged; while the time limit is a guess, those of them that it is measured by."""
    rows = [row for row in question.reference_solutions.filter(skipped="") if languages.find(row.language)]
    measuring = [row for row in rows if judging.is_measured(question, row)]
    return measuring or rows


def start(*, question: Question, user: User) -> list[Submission]:
    """Have the next ones judged by workers; those that are being judged already are left alone."""
    under_way = Submission.objects.unfinished().filter(solution__question=question)
    busy = set(under_way.values_list("solution_id", flat=True))
    with transaction.atomic():
        return [submit(row, user) for row in next_to_judge(question) if row.pk not in busy]


def go_on() -> None:
    """Where solutions have been judged to measure a time limit, set it and have all judged under it.

    Workers look after that again and again. The command does it by itself.
    """
    guessed = Question.objects.filter(time_limit_is_derived=True).values_list("pk", flat=True)
    for key, user_id in measured_lately([*guessed]).items():
        try:
            _go_on(key, User.objects.get(pk=user_id))
        except ValueError as error:
            logger.error("its time limit cannot be set: %s", error, extra={"question": key})


def measured_lately(questions: Sequence[UUID]) -> dict[UUID, int]:
    """Those of the questions of which somebody has had solutions judged just now, with who has."""
    if not questions:
        return {}
    rows = Submission.objects.filter(
        solution__question__in=questions,
        kind=Submission.Kind.VERIFICATION,
        finished_at__gt=Now() - LATELY,
    ).exclude(user__username=SYSTEM)
    return dict(rows.order_by("finished_at").values_list("solution__question", "user"))


@transaction.atomic
def _go_on(key: UUID, user: User) -> None:
    """Nothing happens where somebody else does it, or is not at the end of the measuring."""
    rows = Question.objects.select_for_update(no_key=True, skip_locked=True)
    question = rows.filter(pk=key, time_limit_is_derived=True).first()
    if question is None or Submission.objects.unfinished().filter(solution__question=question).exists():
        return
    if suggestion := suggested_limit(question, results(question)):
        set_limit(question, suggestion.limit_ms)
        start(question=question, user=user)


def submit(solution: ReferenceSolution, user: User) -> Submission:
    return judging.submit(
        user=user,
        question=solution.question,
        language=languages.get(solution.language),
        source=solution.source,
        kind=Submission.Kind.VERIFICATION,
        solution=solution,
    )


# --- What came of it ---------------------------------------------------------------------------------------------


def results(question: Question) -> list[Result]:
    """Of all solutions, by their names; no program is loaded."""
    solutions = _with_latest(question)
    keys = [key for key in solutions.values() if key is not None]
    rows = Submission.objects.defer("source", "compile_output").in_bulk(keys)
    facts = _Facts.of(keys)
    revision = revisions.current(question)
    return [
        _result(question, one, rows.get(key) if key else None, facts, revision)
        for one, key in solutions.items()
    ]


def standing(question: Question) -> Standing:
    return standing_of(results(question))


def standing_of(found: Sequence[Result]) -> Standing:
    judged = [one for one in found if not one.skipped]
    current = [one for one in judged if one.is_current]
    ends = [one.submission.finished_at for one in judged if one.submission and one.submission.finished_at]
    return Standing(
        total=len(judged),
        as_expected=sum(one.ok is True for one in current),
        differing=sum(one.ok is False for one in current),
        unfinished=sum(one.submission is not None and not one.is_final for one in judged),
        unverified=sum(not one.is_current for one in judged),
        at=max(ends, default=None),
    )


def doubts(question: Question) -> list[str]:
    """What speaks against showing it to learners; nothing where it has no solutions."""
    if not question.reference_solutions.filter(skipped="").exists():
        return []
    now = standing(question)
    if now.is_verified or not now.total:
        return []
    if now.differing:
        return [f"{now.differing} of {now.total} reference solutions did not get what they should."]
    if now.unfinished:
        return ["Its reference solutions are being verified."]
    return ["Its reference solutions have not been verified as it is now."]


@dataclass(frozen=True)
class _Facts:
    """Of cases, by submission: the name of the one that decided; and where rules ask for them, all with what their
    checker said.
    """

    deciding: dict[UUID, str]
    cases: dict[UUID, list[CaseResult]]
    messages: dict[tuple[UUID, int], str]

    @classmethod
    def of(cls, keys: Sequence[UUID]) -> "_Facts":
        rows = CaseResult.objects.filter(submission__in=keys)
        deciding = rows.filter(index=F("submission__decided_by")).values_list("submission_id", "name")
        of_rules = Submission.objects.filter(pk__in=keys).exclude(solution__rules=[]).values("pk")
        cases: dict[UUID, list[CaseResult]] = defaultdict(list)
        for case in rows.filter(submission__in=of_rules).defer("output", "stderr", "difference_message"):
            cases[case.submission_id].append(case)
        messages: dict[tuple[UUID, int], str] = defaultdict(str)
        for note in CheckerNote.objects.filter(submission__in=of_rules, index__isnull=False):
            messages[note.submission_id, note.index or 0] += bytes(note.text).decode(errors="replace")
        return cls(dict(deciding), cases, messages)


def _with_latest(question: Question) -> dict[ReferenceSolution, UUID | None]:
    """The solutions, with the key of the latest submission that judged each as it is now."""
    as_it_is = {name: OuterRef(name) for name in ("source", "language")}
    judgings = Submission.objects.filter(
        solution=OuterRef("pk"), kind=Submission.Kind.VERIFICATION, **as_it_is
    )
    latest = judgings.order_by("-created_at", "-pk").values("pk")[:1]
    rows = question.reference_solutions.defer("source").annotate(latest=Subquery(latest))
    return {row: row.latest for row in rows}


def _result(
    question: Question, solution: ReferenceSolution, row: Submission | None, facts: _Facts, revision: str
) -> Result:
    skipped = solution.skipped or _lacking(row)
    if row is None or skipped:
        return Result(solution, row, bool(skipped), None, (), skipped)
    return Result(
        solution=solution,
        submission=row,
        is_current=not row.is_final or row.revision == revision,
        decided_by=facts.deciding.get(row.pk) or row.decided_by,
        differences=tuple(_differences(question, solution, row, facts)) if row.is_final else (),
        skipped="",
    )


def _lacking(row: Submission | None) -> str:
    return row.message if row is not None and row.reason in NOT_HERE else ""


def _differences(
    question: Question, solution: ReferenceSolution, row: Submission, facts: _Facts
) -> list[str]:
    if row.verdict is None:
        return [f"It could not be judged: {row.message} ({row.reason})"]
    rules = rules_from_json(solution.rules)
    cases = facts.cases.get(row.pk, [])
    shown = Shown(
        verdict=row.verdict,
        points=score_of(question, row) or Decimal(0),
        cases=[
            ShownCase(case.name, case.verdict, facts.messages.get((row.pk, case.index), "")) for case in cases
        ],
        group_points=_group_points(question, cases) if any(rule.score for rule in rules) else {},
    )
    bounds = (solution.score_low, solution.score_high)
    return judged_as_expected(shown, expected=solution.expected, score=bounds, rules=rules)


def score_of(question: Question, row: Submission) -> Decimal | None:
    """On the question's own scale where it has groups, else 0–100, None where there are no points."""
    return row.earned if question.groups else row.score


def _group_points(question: Question, results: Sequence[CaseResult]) -> dict[str, Decimal]:
    """What each group earned, from what is stored of its cases; nothing where the question has others by now."""
    cases = question.testcases.values_for_judging()
    if {case.index for case in cases} != {result.index for result in results}:
        return {}
    groups = unstopped(question.judging_groups(), cases)
    tree = tree_of(cases, RunPolicy.RUN_ALL, groups, question.judging_checker())
    for result in results:
        tree.note(judging.as_judged(result))
    return {group.path: group.earned for group in tree.standings()}


# --- The time limit ----------------------------------------------------------------------------------------------


def suggested_limit(question: Question, found: Sequence[Result]) -> Suggestion | None:
    """None where no solution is known that must keep it and does."""
    slowest = max(
        ((_at_factor_one(question, one), one.solution.name) for one in _bounding(found)), default=None
    )
    if slowest is None:
        return None
    limits = question.origin.get("limits", {})
    multiplier = float(limits.get("ac_to_limit", MULTIPLIER))
    resolution_ms = int(limits.get("resolution_ms", RESOLUTION_MS))
    wanted_ms = max(LEAST_LIMIT_MS, math.ceil(slowest[0] * multiplier / resolution_ms) * resolution_ms)
    is_capped = wanted_ms > MOST_TIME_LIMIT_MS
    return Suggestion(min(wanted_ms, MOST_TIME_LIMIT_MS), *slowest, multiplier, is_capped)


def set_limit(question: Question, limit_ms: int) -> None:
    """From now on it is the question's, not a guess; right but slow programs still may take it on every case."""
    question.time_limit_ms = limit_ms
    question.time_limit_is_derived = False
    question.total_runtime_s = room_s(question.testcases.count(), limit_ms, question.time_factors)
    question.save(update_fields=["time_limit_ms", "time_limit_is_derived", "total_runtime_s", "updated_at"])


def keep_limit(question: Question) -> None:
    """What was a guess is the question's from now on."""
    question.time_limit_is_derived = False
    question.save(update_fields=["time_limit_is_derived", "updated_at"])


def _bounding(found: Sequence[Result]) -> list[Result]:
    """Those that must keep the limit, and did what they should; where nobody says which, all that must be accepted."""
    accepted = [Verdict.AC.value]
    meant = [one for one in found if one.solution.bounds_time_limit == judging.LOWER] or [
        one for one in found if one.solution.expected == accepted
    ]
    return [one for one in meant if one.ok and one.is_current and one.submission]


def _at_factor_one(question: Question, one: Result) -> int:
    """What it took by the limit's own clock: Python's may be three times as long."""
    assert one.submission is not None
    limits = question.judging_limits()
    allowed_ms = languages.get(one.solution.language).limits(limits).time_ms
    return math.ceil((one.submission.time_ms or 0) * limits.time_ms / allowed_ms)
