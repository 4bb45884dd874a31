"""How often each may do what: exact moving windows, shared by all replicas through Redis.

What was used up in vain is given back as a credit, which counts once the window is full.

Redis being away admits everybody: a submission that is accepted waits in the database, one that is refused is lost.
"""

import logging
import time
from functools import cache

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
        if limiter.hit(limit, scope, key) or _spend_credit(limiter.storage, limit, scope, key):
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
    storage = _limiter(settings.RATE_LIMIT_BACKEND, settings.REDIS_URL).storage
    try:
        storage.incr(_credit(limit, scope, key), limit.get_expiry())
    except redis.RedisError as error:
        logger.warning("nothing is given back: %s", error)


def _spend_credit(storage: Storage, limit: limits.RateLimitItem, scope: str, key: str) -> bool:
    """Whether there was one. Two who want the last one may both miss it for a moment; both never get it."""
    credit, window_s = _credit(limit, scope, key), limit.get_expiry()
    if storage.get(credit) < 1:
        return False
    if storage.incr(credit, window_s, -1) >= 0:
        return True
    storage.incr(credit, window_s)
    return False


def _credit(limit: limits.RateLimitItem, scope: str, key: str) -> str:
    return limit.key_for("credit", scope, key)


@cache
def _limiter(backend: str, redis_url: str) -> MovingWindowRateLimiter:
    storage: Storage = MemoryStorage()
    if backend == "redis":
        scheme = "redis+unix" if redis_url.startswith("unix://") else ""
        uri = redis_url.replace("unix", scheme, 1) if scheme else redis_url
        storage = RedisStorage(uri, socket_connect_timeout=0.5, socket_timeout=2)
    return MovingWindowRateLimiter(storage)
