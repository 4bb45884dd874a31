"""The files of an author's checker: adding, replacing and deleting them, with the data that nobody needs any more.

How they are compiled and called is `execution.checker_programs`' business.
"""

import re
from collections.abc import Collection, Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from questions.models import Blob, Question, QuestionFile

MAX_FILES = 100
NAME = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}"
PATH = re.compile(rf"{NAME}(?:/{NAME}){{0,9}}")
SCRIPTS = ("build", "run")


class FilesRefused(ValueError):
    """Nothing was changed; the message says which file cannot be taken, and why."""


def of(question: Question) -> QuerySet[QuestionFile]:
    """By their paths, with their sizes but without their data."""
    rows = question.files.filter(kind=QuestionFile.Kind.CHECKER)
    return rows.select_related("blob").defer("blob__data").order_by("path")


def refuse(question: Question, given: Mapping[str, bytes], deleted: Collection[QuestionFile]) -> None:
    """Raise FilesRefused unless these files may be added (by their paths), once others are deleted."""
    for path in given:
        if not PATH.fullmatch(path):
            raise FilesRefused(
                f"“{path}” is no path that checkers may have: letters, digits and _ . + - only, and no dot first."
            )
    left = {row.path: row.blob.size for row in of(question) if row not in deleted}
    after = left | {path: len(data) for path, data in given.items()}
    if len(after) > MAX_FILES:
        raise FilesRefused(f"A checker may have at most {MAX_FILES} files; these would be {len(after)}.")
    if (size := sum(after.values())) > settings.MAX_STDIN_BYTES:
        raise FilesRefused(
            f"A checker may have at most {settings.MAX_STDIN_BYTES} bytes; these would be {size}."
        )


def change(question: Question, given: Mapping[str, bytes], deleted: Collection[QuestionFile]) -> None:
    """Delete some, add or replace others. Raises FilesRefused."""
    with transaction.atomic():
        Question.objects.select_for_update().only("pk").get(
            pk=question.pk
        )  # two authors, one after the other
        refuse(question, given, deleted)
        before = set(of(question).values_list("blob_id", flat=True))
        question.files.filter(pk__in=[row.pk for row in deleted]).delete()
        for path, data in given.items():
            QuestionFile.objects.update_or_create(
                question=question,
                kind=QuestionFile.Kind.CHECKER,
                path=path,
                defaults={"blob": Blob.store(data), "executable": path in SCRIPTS},
            )
        Blob.objects.delete_unused(before)
