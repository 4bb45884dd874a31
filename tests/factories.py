"""Small makers of rows for tests; each gives something whole and valid, whatever is left out."""

import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group

from accounts.models import AUTHORS, User
from execution.types import Verdict
from hints.models import HintRequest
from questions.models import Blob, Question, ReferenceSolution, TestCase

PASSWORD = "a long enough password"
SUM_CASES = (("1 2\n", "3\n", True), ("-4 9\n", "5\n", False))

_numbers = itertools.count(1)

CaseSpec = tuple[str | bytes, str | bytes, bool]


def make_user(username: str = "", **fields: Any) -> User:
    """A learner who can sign in with PASSWORD."""
    return User.objects.create_user(
        username=username or f"learner-{next(_numbers)}", password=PASSWORD, **fields
    )


def make_author(username: str = "", **fields: Any) -> User:
    """Staff in the group Authors; no superuser."""
    user = make_user(username or f"author-{next(_numbers)}", is_staff=True, **fields)
    user.groups.add(Group.objects.get(name=AUTHORS))
    return user


def service_user(username: str) -> User:
    """`code-exec` or `system`, also after a test that flushed the migrations' rows away."""
    user, is_new = User.objects.get_or_create(username=username)
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def make_question(cases: Sequence[CaseSpec] = SUM_CASES, **fields: Any) -> Question:
    """A published question; `cases` are (input, answer, public) in their order."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "slug": f"question-{number}",
        "title": f"Question {number}",
        "statement": "Print the sum of $a$ and $b$.",
        "state": Question.State.PUBLISHED,
    } | fields
    question = Question(**values)
    question.write_statement(values["statement"])
    question.save(force_insert=True)
    for order, (given, answer, public) in enumerate(cases, start=1):
        make_case(question, given, answer, public=public, order=order)
    return question


def make_case(
    question: Question,
    input: str | bytes = "1 2\n",
    answer: str | bytes = "3\n",
    *,
    public: bool = False,
    order: int = 0,
    group: str = "",
    points: int | str | Decimal = 1,
    note: str = "",
) -> TestCase:
    return TestCase.objects.create(
        question=question,
        input=Blob.store(_as_bytes(input)),
        answer=Blob.store(_as_bytes(answer)),
        visibility=TestCase.Visibility.PUBLIC if public else TestCase.Visibility.HIDDEN,
        order=order or question.testcases.count() + 1,
        group=group,
        points=Decimal(points),
        note=note,
    )


def make_solution(
    question: Question,
    source: str = "print(sum(map(int, input().split())))\n",
    *,
    language: str = "python",
    expected: Verdict = Verdict.AC,
    name: str = "",
) -> ReferenceSolution:
    return question.reference_solutions.create(
        name=name or f"solution-{next(_numbers)}",
        language=language,
        source=source,
        expected=[expected.value],
    )


def make_hint(user: User, question: Question | None = None, **fields: Any) -> HintRequest:
    """One that was answered by a rule: a nudge, unless `kind` and `level` say otherwise."""
    values: dict[str, Any] = {
        "kind": "hint",
        "level": 1,
        "language": "python",
        "source_sha256": "0" * 64,
        "status": HintRequest.Status.DONE,
        "answer": {
            "hint": "What does your program print for 1 2?",
            "confidence": 0.9,
            "approach": "Follow what it does with this input.",
            "next_steps": ["Run it on 1 2."],
            "line": None,
        },
        "rule": "nothing_printed",
        "took_ms": 20,
    }
    return HintRequest.objects.create(user=user, question=question, **values | fields)


def _as_bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
