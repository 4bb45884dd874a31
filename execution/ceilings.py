"""What judge servers said they give a program, kept in Redis for those who must not ask them: pages and commands."""

import logging
from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

BELIEVED_S = 24 * 3600


def tell_memory(client: redis.Redis, url: str, memory_kib: int) -> None:
    """What a visit to the server at `url` found. Raises redis.RedisError."""
    client.set(_key(url), memory_kib, ex=BELIEVED_S)


def least_memory_kib() -> int | None:
    """What every server gives of which that is known; None where nothing is, as where Redis is away."""
    keys = [_key(url.rstrip("/")) for url in settings.JUDGE0_URLS]
    try:
        told = _redis().mget(keys) if keys else []
    except redis.RedisError as error:
        logger.debug("What judges allow cannot be read: %s", type(error).__name__)
        return None
    return min((int(one) for one in told if one is not None), default=None)


def tell_interaction(client: redis.Redis, url: str, interacts: bool) -> None:
    """Whether the server at `url` lets programs talk with a checker. Raises redis.RedisError."""
    client.set(_interaction_key(url), int(interacts), ex=BELIEVED_S)


def nobody_interacts() -> bool:
    """Whether every server said that it lets no program talk with a checker; False while one has yet to be asked."""
    keys = [_interaction_key(url.rstrip("/")) for url in settings.JUDGE0_URLS]
    try:
        told = _redis().mget(keys) if keys else []
    except redis.RedisError as error:
        logger.info("What judges offer cannot be read: %s", type(error).__name__)
        return False
    return bool(told) and all(one == b"0" for one in told)


def _key(url: str) -> str:
    return f"backend:memory:{url}"


def _interaction_key(url: str) -> str:
    return f"backend:interacts:{url}"


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=1, retry=Retry(NoBackoff(), 0)
    )
