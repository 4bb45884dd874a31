"""A question's way between draft, published and archived. What submissions refer to is archived, never deleted.

draft ──publish──▶ published
  ▲  ◀─unpublish──    │
  │                   │
restore ◀─ archived ◀─┴─archive (from draft as well)
"""

from dataclasses import dataclass

from django.conf import settings

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
    return reasons


def take(step: Step, question: Question) -> None:
    """Change the state of the question's row and of this object; raises StepRefused and then changes nothing."""
    if step.target == State.PUBLISHED and (reasons := missing(question)):
        raise StepRefused(reasons)
    moved = Question.objects.filter(pk=question.pk, state__in=step.sources).update(state=step.target)
    if not moved:
        question.refresh_from_db(fields=["state"])
        raise StepRefused([f"It is {question.state}, and that does not fit “{step.label}”."])
    question.state = step.target
