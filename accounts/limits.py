"""How often each may do what: exact moving windows, shared by all replicas through Redis.

What was used up in vain is taken out of its window again, at most as often in a window as the limit itself allows:
whoever makes us fail again and again may go on for twice the limit, not for ever.

Redis being away admits everybody: a submission that is accepted waits in the database, one that is refused is lost.
"""

import logging
import time
from functools import cache
from typing import cast

import limits
import redis
from django.conf import settings
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter

logger = logging.getLogger(__name__)


class Limited(Exception):
    """Too often; `retry_after_s` (whole seconds, at least 1) says when the next one is admitted."""

    def __init__(self, scope: str, retry_after_s: int) -> None:
        super().__init__(f"Too many requests ({scope}); try again in {retry_after_s} s.")
        self.scope = scope
        self.retry_after_s = retry_after_s


def take(scope: str, key: str) -> None:
    """Use up one of `key`'s `scope` (a key of settings.RATE_LIMITS), or raise Limited."""
    limit = limits.parse(settings.RATE_LIMITS[scope])
    limiter = _limiter(settings.RATE_LIMIT_BACKEND, settings.REDIS_URL)
    try:
        if limiter.hit(limit, scope, key):
            return
        window = limiter.get_window_stats(limit, scope, key)
    except redis.RedisError as error:
        logger.warning("rate limits are off: %s", error)
        return
    raise Limited(scope, max(1, round(window.reset_time - time.time() + 0.5)))


def refund(scope: str, key: str, *, ago_s: float = 0.0) -> None:
    """Give one back that was taken `ago_s` seconds ago. Where that is out of the window, nothing is owed any more."""
    limit = limits.parse(settings.RATE_LIMITS[scope])
    if ago_s >= limit.get_expiry():
        return
    limiter = _limiter(settings.RATE_LIMIT_BACKEND, settings.REDIS_URL)
    try:
        if limiter.hit(limit, "given-back", scope, key):
            _forget(limiter.storage, limit.key_for(scope, key), time.time() - ago_s)
    except redis.RedisError as error:
        logger.warning("nothing is given back: %s", error)


def _forget(storage: Storage, window: str, taken_at: float) -> None:
    """Take the hit that was nearest to that time out of the window; the library has no way to."""
    if isinstance(storage, MemoryStorage):
        with storage.locks[window]:
            hits = storage.events.get(window, [])
            if hits:
                hits.remove(min(hits, key=lambda hit: abs(hit.atime - taken_at)))
        return
    assert isinstance(storage, RedisStorage)
    client, name = cast(redis.Redis, storage.storage), storage.prefixed_key(window)
    while times := cast(list[bytes], client.lrange(name, 0, -1)):
        if client.lrem(name, 1, cast(str, min(times, key=lambda one: abs(float(one) - taken_at)))):
            return  # else somebody else has just taken it out


@cache
def _limiter(backend: str, redis_url: str) -> MovingWindowRateLimiter:
    storage: Storage = MemoryStorage()
    if backend == "redis":
        scheme = "redis+unix" if redis_url.startswith("unix://") else ""
        uri = redis_url.replace("unix", scheme, 1) if scheme else redis_url
        storage = RedisStorage(uri, socket_connect_timeout=0.5, socket_timeout=2)
    return MovingWindowRateLimiter(storage)
