"""A question's way between draft, published and archived. What submissions refer to is archived, never deleted.

draft ──publish──▶ published
  ▲  ◀─unpublish──    │
  │                   │
restore ◀─ archived ◀─┴─archive (from draft as well)
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from execution import checker_programs
from execution.checkers import strictness
from execution.types import CheckerKind
from questions.models import Question

State = Question.State


@dataclass(frozen=True)
class Step:
    """One change of state: its name, what its button says, and from where to where it leads."""

    name: str
    label: str
    sources: tuple[State, ...]
    target: State
    done: str


STEPS = {
    step.name: step
    for step in (
        Step("publish", "Publish", (State.DRAFT,), State.PUBLISHED, "published"),
        Step("unpublish", "Unpublish", (State.PUBLISHED,), State.DRAFT, "a draft again"),
        Step("archive", "Archive", (State.DRAFT, State.PUBLISHED), State.ARCHIVED, "archived"),
        Step("restore", "Restore", (State.ARCHIVED,), State.DRAFT, "restored as a draft"),
    )
}


class StepRefused(ValueError):
    """The question stays what it was; `reasons` are sentences for its author."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def steps_from(state: str) -> list[Step]:
    """Those that a question in this state can take."""
    return [step for step in STEPS.values() if state in step.sources]


def missing(question: Question) -> list[str]:
    """What must be there before learners may see the question; empty when it is ready."""
    count = question.testcases.count()
    reasons = []
    if not question.statement.strip():
        reasons.append("It has no statement.")
    if count == 0:
        reasons.append("It has no testcase.")
    if count > settings.MAX_TESTCASES:
        reasons.append(f"It has {count} testcases; at most {settings.MAX_TESTCASES} are judged.")
    if count and not question.testcases.filter(points__gt=0).exists():
        reasons.append("No testcase carries points, so there is no score.")
    if not question.languages():
        reasons.append("None of its allowed languages exists.")
    return reasons + unusable_checker(question)


def unusable_checker(question: Question) -> list[str]:
    """Why its checker could not be used; empty where it can."""
    kind = CheckerKind(question.checker)
    reasons = []
    if kind is CheckerKind.PROGRAM and (complaint := checker_programs.complaint(question.checker_program())):
        reasons.append(complaint)
    if (refusal := refusal_of_arguments(kind, question.checker_arguments)) is not None:
        reasons.append(refusal)
    return reasons


def refusal_of_arguments(kind: CheckerKind, text: str) -> str | None:
    """What is wrong with a checker's arguments as their author wrote them; None where nothing is."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"The checker's arguments cannot be read: {error}."
    try:
        if kind is CheckerKind.KATTIS:
            strictness(words)
    except ValueError as error:
        return str(error)
    return None


NOBODY_INTERACTS = (
    "None of the judge servers lets programs talk with a checker, so nothing that is submitted could be judged: "
    "an interactive question needs the embedded engine."
)
DOUBTS: list[Callable[[Question], list[str]]] = []
"""Asked before a question is published; whoever knows more of it than this package adds its own."""


def doubts(question: Question) -> list[str]:
    """What speaks against publishing it now, in sentences; its author may do so anyway."""
    own = [NOBODY_INTERACTS] if question.cannot_be_judged() else []
    return own + [words for ask in DOUBTS for words in ask(question)]


def take(step: Step, question: Question) -> None:
    """Change the state of the question's row and of this object; raises StepRefused and then changes nothing."""
    if step.target == State.PUBLISHED and (reasons := missing(question)):
        raise StepRefused(reasons)
    moved = Question.objects.filter(pk=question.pk, state__in=step.sources).update(state=step.target)
    if not moved:
        question.refresh_from_db(fields=["state"])
        raise StepRefused([f"It is {question.state}, and that does not fit “{step.label}”."])
    question.state = step.target
