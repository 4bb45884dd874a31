"""What is kept of a request while it is worked on, and a little longer: in Redis only, never in the database.

hint:<id>   hash: source, error_message (what the learner sent along, perhaps empty)
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from submissions.connections import redis_client


@dataclass(frozen=True)
class Texts:
    source: str = field(repr=False)
    error_message: str = field(default="", repr=False)


def store(request_id: UUID, texts: Texts) -> None:
    """For EXECUTION_TTL. Raises redis.RedisError."""
    fields: dict[Any, Any] = {"source": texts.source, "error_message": texts.error_message}
    with redis_client().pipeline() as pipe:
        pipe.hset(_key(request_id), mapping=fields)
        pipe.expire(_key(request_id), settings.EXECUTION_TTL_S)
        pipe.execute()


def load(request_id: UUID) -> Texts | None:
    """None once they have expired. Raises redis.RedisError."""
    values: list[Any] = redis_client().hmget(_key(request_id), ["source", "error_message"])
    source, error_message = values
    return None if source is None else Texts(source.decode(), (error_message or b"").decode())


def forget(request_id: UUID) -> None:
    """With what those who wait were told. Raises redis.RedisError."""
    redis_client().delete(_key(request_id), f"{_key(request_id)}:pieces")


def _key(request_id: UUID) -> str:
    return f"hint:{request_id}"
