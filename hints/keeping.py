"""What is kept of hints: for how long, what its learner gets of it, and that nothing of it outlives who asked.

The rows go with their user, with their question, and with age; texts are in Redis for EXECUTION_TTL anyway.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.models import User
from hints import kept
from hints.models import HintRequest
from submissions import erasure, retention, takeout
from submissions.retention import Sort

FIELDS = (
    "id",
    "kind",
    "question",
    "submission",
    "level",
    "language",
    "status",
    "code",
    "answer",
    "rule",
    "provider",
    "model",
    "was_helpful",
    "created_at",
    "finished_at",
)


def join() -> None:
    """Where submissions are purged, taken out and erased, requests for hints are too."""
    retention.SORTS.append(Sort("hints", retention.days("hints"), _older))
    takeout.MORE.append(files)
    erasure.MORE.append(forget)


def _older(age: timedelta) -> QuerySet[Any]:
    return HintRequest.objects.filter(created_at__lt=Now() - age)


def files(user: User) -> Iterator[tuple[str, Any]]:
    """For the file with all that is kept of somebody: hints.json."""
    yield "hints.json", list(HintRequest.objects.of(user).order_by("created_at").values(*FIELDS))


def forget(user: User) -> None:
    """Rows and texts. Raises redis.RedisError."""
    mine = HintRequest.objects.of(user)
    for pk in mine.values_list("pk", flat=True):
        kept.forget(pk)
    mine.delete()
