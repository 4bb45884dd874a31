"""What the Hints panel shows: the four levels as steps, what is given, what the next one would be about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from accounts.models import User
from execution import languages
from execution.languages import Language
from execution.types import VERDICT_NAMES, Verdict
from hints import attempts
from hints.answers import Level
from hints.asking import LOST, WHY_NONE
from hints.attempts import Standing, WhyNot
from hints.markup import as_html
from hints.models import HintRequest
from questions.models import Question
from submissions.models import Submission

NAMES = {Level.NUDGE: "Nudge", Level.CONCEPT: "Concept", Level.PLACE: "Place", Level.PLAN: "Plan"}
OFFERS = {
    Level.NUDGE: "Get a nudge",
    Level.CONCEPT: "Get level 2: the concept",
    Level.PLACE: "Get level 3: the place",
    Level.PLAN: "Get level 4: the plan",
}
ANOTHER_PLAN = "Get another plan"
MEANINGS = {
    Level.NUDGE: "A question that makes you look at the right place.",
    Level.CONCEPT: "What one has to know for it.",
    Level.PLACE: "Where it is, and why.",
    Level.PLAN: "What to do, step by step, in words.",
}
STATES = {"given": "given", "working": "being made", "open": "to be had now", "locked": "not open yet"}
OFF_NOW = "Hints are switched off for this question; those that you have stay."
NO_OTHER_PLAN = "There is another plan when you have changed your program and it has failed again."


class State(StrEnum):
    GIVEN = "given"
    WORKING = "working"
    OPEN = "open"
    LOCKED = "locked"


@dataclass(frozen=True)
class Step:
    level: Level
    state: State

    @property
    def name(self) -> str:
        return NAMES[self.level]

    @property
    def words(self) -> str:
        return STATES[self.state]


@dataclass(frozen=True)
class Attempt:
    """What a hint is about. `submission` is None where it is gone, `outcome` is empty where nobody knows any more."""

    submission: Submission | None
    language: Language
    outcome: str

    @property
    def kind(self) -> str:
        is_run = self.submission is not None and self.submission.kind == Submission.Kind.RUN
        return "run" if is_run else "submission"

    @property
    def ago(self) -> str:
        return "" if self.submission is None else ago(self.submission.created_at)


@dataclass(frozen=True)
class Given:
    """A hint that one has."""

    request: HintRequest
    level: Level
    attempt: Attempt
    html: SafeString
    next_steps: Sequence[SafeString]
    line: int | None

    @property
    def name(self) -> str:
        return NAMES[self.level]

    @property
    def ago(self) -> str:
        return ago(self.request.created_at)

    @property
    def is_of_model(self) -> bool:
        return self.request.is_by_model

    @property
    def is_in_place_of_model(self) -> bool:
        """A model was asked in vain; a part of its text may have been seen before it was taken back."""
        return bool(self.request.provider) and not self.request.is_by_model


@dataclass(frozen=True)
class Panel:
    """`given` is newest first; `working` what is being made, `trouble` why the last one was not."""

    question: Question
    standing: Standing
    given: Sequence[Given]
    working: HintRequest | None
    trouble: str

    @property
    def steps(self) -> list[Step]:
        return [Step(level, self._state(level)) for level in Level]

    @property
    def is_off(self) -> bool:
        return self.standing.why_not == WhyNot.OFF

    @property
    def why_not(self) -> str:
        """Why there is no next level, for people; empty where there is one."""
        if self.is_off and self.given:
            return OFF_NOW
        is_last = self.standing.given == Level.PLAN and self.standing.why_not == WhyNot.NO_NEW_ATTEMPT
        return NO_OTHER_PLAN if is_last else self.standing.words

    @property
    def offer(self) -> str:
        """What the button says; empty where there is none."""
        if self.standing.next is None or self.working:
            return ""
        return ANOTHER_PLAN if self.standing.next == self.standing.given else OFFERS[self.standing.next]

    @property
    def attempt(self) -> Attempt | None:
        """What the next one is about."""
        found = self.standing.attempt
        return None if found is None else Attempt(found, languages.get(found.language), outcome(found))

    @property
    def meaning(self) -> str:
        """What the offered level gives."""
        return MEANINGS[self.standing.next] if self.standing.next else ""

    @property
    def next_locked(self) -> Level | None:
        """The first one that is neither given nor to be had yet."""
        return next((step.level for step in self.steps if step.state == State.LOCKED), None)

    def _state(self, level: Level) -> State:
        if self.working and self.working.level == level:
            return State.WORKING
        if self.standing.next == level:
            return State.OPEN
        return State.GIVEN if any(one.level == level for one in self.given) else State.LOCKED


def of(user: User, question: Question) -> Panel:
    own = HintRequest.objects.hints().of(user).filter(question=question)
    latest = own.first()
    given = own.given().select_related("submission").newest_of_each_level()
    return Panel(
        question=question,
        standing=attempts.standing(user, question),
        given=[_given(one) for one in sorted(given.values(), key=_order, reverse=True)],
        working=latest if latest and latest.is_awaited else None,
        trouble=_trouble(latest) if latest else "",
    )


def outcome(submission: Submission) -> str:
    """In words, with the case that failed first; where it does not compile no case was run."""
    words = VERDICT_NAMES[Verdict(submission.verdict or "")]
    if submission.verdict == Verdict.CE:
        return words
    passing = (Verdict.AC, Verdict.SK)
    failed = submission.case_results.exclude(verdict__in=passing).only("index", "public").first()
    if failed is None:
        return words
    return f"{words} on case {failed.index}{'' if failed.public else ' (hidden)'}"


def ago(time: datetime) -> str:
    is_fresh = timezone.now() - time < timedelta(minutes=1)
    return "just now" if is_fresh else f"{timesince(time)} ago"


def _order(request: HintRequest) -> tuple[datetime, int]:
    return request.created_at, request.level or 0


def _given(request: HintRequest) -> Given:
    answer: dict[str, Any] = request.answer or {}
    return Given(
        request=request,
        level=Level(request.level or Level.NUDGE),  # each hint has one
        attempt=Attempt(request.submission, languages.get(request.language), _outcome_then(request)),
        html=as_html(answer["hint"]),
        next_steps=[as_html(step) for step in answer["next_steps"]],
        line=answer["line"],
    )


def _outcome_then(request: HintRequest) -> str:
    """When the hint was made: the submission may have been judged again since."""
    if request.submission and request.submission.verdict == request.verdict:
        return outcome(request.submission)
    return VERDICT_NAMES[Verdict(request.verdict)] if request.verdict else ""


def _trouble(latest: HintRequest) -> str:
    if latest.status == HintRequest.Status.DONE or latest.is_awaited:
        return ""
    return WHY_NONE[latest.code or LOST]
