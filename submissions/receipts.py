"""`Idempotency-Key`: the same request sent again is answered as it was the first time, and nothing is made twice.

A key is a user's own. It stands for the request that it came with first: with another one it is refused.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from redis.exceptions import LockError
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request as ApiRequest

from accounts.models import User
from submissions.connections import redis_client
from submissions.models import Receipt, Submission

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(hours=24)
LONGEST_KEY = 255
KEY = re.compile(f"[\x21-\x7e]{{1,{LONGEST_KEY}}}")
ALONE_S = 10  # how long nobody else with the same name is let in, should whoever is in there never come back
LOOK_S = 0.02


class KeyReused(Exception):
    """The key has come with another request before."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")


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


def sent_with(request: ApiRequest) -> Request | None:
    """What came with an Idempotency-Key; None without one. Raises ValidationError for what can be no key."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not KEY.fullmatch(key):
        raise ValidationError({HEADER: [f"It must be 1 to {LONGEST_KEY} visible characters of ASCII."]})
    return Request.of(key, request.path.rstrip("/"), request.data)


@contextmanager
def alone(user: User, request: Request) -> Iterator[None]:
    """Let those who come with the same key in one after the other, so that no more than one uses up a limit."""
    digest = hashlib.sha256(request.key.encode()).hexdigest()
    with one_by_one(f"receipt:{user.pk}:{digest}"):
        yield


@contextmanager
def one_by_one(name: str) -> Iterator[None]:
    """Let those who come with the same name in one after the other.

    While Redis is away, or for whoever has waited for long, all are let in: the database keeps just one.
    """
    lock = redis_client().lock(name, timeout=ALONE_S, blocking_timeout=ALONE_S / 2, sleep=LOOK_S)
    try:
        is_held = lock.acquire()
    except redis.RedisError as error:
        logger.warning("requests for the same are not kept apart: %s", error)
        is_held = False
    try:
        yield
    finally:
        if is_held:
            with suppress(LockError, redis.RedisError):
                lock.release()


def find(user: User, request: Request) -> Receipt | None:
    """None where the key is new; raises KeyReused where it came with something else."""
    kept = Receipt.objects.select_related("submission__question").filter(user=user, key=request.key).first()
    if kept is not None and kept.request_hash != request.hash:
        raise KeyReused
    return kept


def keep(user: User, request: Request, submission: Submission, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as it is kept, in the transaction that makes the submission.

    Raises IntegrityError where somebody else has kept the key since `find`; nothing of it may stay then.
    """
    kept: dict[str, Any] = json.loads(JSONRenderer().render(answer))
    Receipt.objects.create(
        user=user,
        key=request.key,
        request_hash=request.hash,
        submission=submission,
        answer=kept,
    )
    return kept
