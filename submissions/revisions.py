"""What submissions were judged against, beside what their questions are now."""

from collections.abc import Iterable
from uuid import UUID

from questions.models import Question
from submissions.models import Submission


def current(question: Question) -> str:
    """Of the question as it is stored now."""
    return question.revision(question.testcases.values_for_judging())


def outdated(submissions: Iterable[Submission]) -> set[UUID]:
    """Those with a verdict that an older version of their question gave. Runs never are.

    Each question is asked once, and only if something of it was judged.
    """
    judged = [one for one in submissions if one.verdict and one.kind != Submission.Kind.RUN]
    now = {question: current(question) for question in {one.question for one in judged if one.question}}
    return {one.pk for one in judged if one.question and one.revision != now[one.question]}
