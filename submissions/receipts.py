"""`Idempotency-Key`: the same request sent again is answered as it was the first time, and nothing is made twice.

A key is a user's own. It stands for the request that it came with first: with another one it is refused.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from submissions.models import Receipt, Submission

KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255


class KeyReused(Exception):
    """The key has come with another request before."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


class KnownMeanwhile(Exception):
    """The same key was kept by somebody else between `find` and `keep`."""


@dataclass(frozen=True)
class Request:
    """What a key came with."""

    key: str
    hash: str

    @classmethod
    def of(cls, key: str, path: str, body: Any) -> "Request":
        """`body` is JSON as it was parsed, so that spaces and the order of names make no difference."""
        told = json.dumps([path, body], sort_keys=True)
        return cls(key, hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest())


def find(user: User, request: Request) -> Receipt | None:
    """None where the key is new; raises KeyReused where it came with something else."""
    kept = Receipt.objects.select_related("submission__question").filter(user=user, key=request.key).first()
    if kept is not None and kept.request_hash != request.hash:
        raise KeyReused
    return kept


def keep(user: User, request: Request, submission: Submission, answer: dict[str, Any]) -> None:
    """In the transaction that makes the submission; raises KnownMeanwhile, whereupon nothing of it may stay."""
    try:
        with transaction.atomic():
            Receipt.objects.create(
                user=user,
                key=request.key,
                request_hash=request.hash,
                submission=submission,
                answer=json.loads(json.dumps(answer, default=str)),
            )
    except IntegrityError as error:
        raise KnownMeanwhile from error


def expire() -> int:
    """Forget the keys that are old enough."""
    return Receipt.objects.filter(created_at__lt=Now() - KEPT_FOR).delete()[0]
