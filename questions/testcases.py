"""Changing testcases: the row, its data and the data nobody needs any more, in one transaction.

Reading them is `TestCaseQuerySet.values_for_judging`, which is all that judging gets and which no address serves.
"""

from django.conf import settings
from django.db import transaction

from questions.models import Blob, Question, TestCase, TestCaseQuerySet


class TestCaseRefused(ValueError):
    """Nothing was changed; `field` is input, answer or testcases, the message names the limit."""

    __test__ = False  # not a class for pytest

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def refuse_size(field: str, size: int) -> None:
    """Raise TestCaseRefused if data of `size` bytes may not become an input or an answer."""
    if size > settings.MAX_STDIN_BYTES:
        raise TestCaseRefused(
            field, f"The {field} has {size} bytes; at most {settings.MAX_STDIN_BYTES} are allowed."
        )


def refuse_one_more(question: Question) -> None:
    """Raise TestCaseRefused if the question has as many testcases as are judged."""
    if question.testcases.count() >= settings.MAX_TESTCASES:
        raise TestCaseRefused("testcases", f"A question may have at most {settings.MAX_TESTCASES} testcases.")


def save(case: TestCase, *, input: bytes | None = None, answer: bytes | None = None) -> None:
    """Write the case, with new data where some is given; a new case needs both.

    Raises TestCaseRefused above MAX_STDIN_BYTES, or when the question has MAX_TESTCASES already.
    """
    for field, data in (("input", input), ("answer", answer)):
        refuse_size(field, len(data or b""))
    with transaction.atomic():
        if case._state.adding:
            # The question's row is held, so that two authors cannot both add the last one.
            refuse_one_more(Question.objects.select_for_update().only("pk").get(pk=case.question_id))
        before = TestCase.objects.filter(pk=case.pk).blob_ids()
        if input is not None:
            case.input = Blob.store(input)
        if answer is not None:
            case.answer = Blob.store(answer)
        case.save()
        Blob.objects.delete_unused(before)


def remove(cases: TestCaseQuerySet) -> None:
    """Delete these cases; raises TestCaseRefused when a published question would be left without any."""
    with transaction.atomic():
        refuse_removal(cases)
        data = cases.blob_ids()
        cases.delete()
        Blob.objects.delete_unused(data)


def refuse_removal(cases: TestCaseQuerySet) -> None:
    """Raise TestCaseRefused if without these cases a published question had none."""
    keys = cases.order_by().values("pk")
    bare = (
        Question.objects.published()
        .filter(testcases__in=keys)
        .exclude(pk__in=TestCase.objects.exclude(pk__in=keys).values("question"))
    )
    if question := bare.first():
        raise TestCaseRefused(
            "testcases", f"“{question}” is published and needs at least one testcase: unpublish it first."
        )


def remove_question(question: Question) -> None:
    """Delete a question with its testcases, files and their data, and with what judged its reference solutions.

    Raises ProtectedError once other submissions refer to it.
    """
    with transaction.atomic():
        data = question.testcases.blob_ids() | set(question.files.values_list("blob_id", flat=True))
        question.reference_solutions.all().delete()
        question.delete()
        Blob.objects.delete_unused(data)


def renumber(question: Question) -> None:
    """Give the cases the numbers 1, 2, 3 … in the order in which they are judged now."""
    with transaction.atomic():
        cases = list(question.testcases.in_order().select_for_update().only("pk", "order"))
        for number, case in enumerate(cases, start=1):
            case.order = number
        TestCase.objects.bulk_update(cases, ["order"], batch_size=500)
