"""How often each may do what: exact moving windows, shared by all replicas through Redis.

What was used up in vain is taken out of its window again, at most as often in a window as the limit itself allows:
whoever makes us fail again and again may go on for twice the limit, not for ever.

Redis being away admits everybody: a submission that is accepted waits in the database, one that is refused is lost.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

import limits
import redis
from django.conf import settings
from limits import WindowStats
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

HITS = Counter("judge_rate_limit_hits_total", "Requests that came too often.", ["scope"])
for _scope in settings.RATE_LIMITS:
    HITS.labels(_scope)

AWAY_PAUSE_S = 3.0  # between two attempts at a Redis that does not answer, for which requests wait
T = TypeVar("T")


class Limited(Exception):
    """Too often; `retry_after_s` (whole seconds, at least 1) says when the next one is admitted."""

    def __init__(self, scope: str, retry_after_s: int) -> None:
        super().__init__(f"Too many requests ({scope}); try again in {retry_after_s} s.")
        self.scope = scope
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Standing:
    """How much of a limit is left; after `reset_s` (whole seconds) there is more, 0 where nothing was used up."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int


def take(scope: str, key: str) -> None:
    """Use up one of `key`'s `scope` (a key of settings.RATE_LIMITS), or raise Limited."""
    limit = limits.parse(settings.RATE_LIMITS[scope])
    if not _windows().ask(lambda limiter: limiter.hit(limit, scope, key), otherwise=True):
        HITS.labels(scope).inc()
        raise Limited(scope, max(1, standing(scope, key).reset_s))


def standing(scope: str, key: str) -> Standing:
    """What is left to `key`; asking uses up nothing."""
    limit = limits.parse(settings.RATE_LIMITS[scope])
    window = _windows().ask(
        lambda limiter: limiter.get_window_stats(limit, scope, key), otherwise=WindowStats(0, limit.amount)
    )
    remaining = max(0, window.remaining)
    is_untouched = remaining == limit.amount
    reset_s = 0 if is_untouched else max(0, math.ceil(window.reset_time - time.time()))
    return Standing(limit.amount, limit.get_expiry(), remaining, reset_s)


def refund(scope: str, key: str, *, ago_s: float = 0.0) -> None:
    """Give one back that was taken `ago_s` seconds ago. Where that is out of the window, nothing is owed any more."""
    limit = limits.parse(settings.RATE_LIMITS[scope])
    if ago_s >= limit.get_expiry():
        return

    def give_back(limiter: MovingWindowRateLimiter) -> None:
        if limiter.hit(limit, "given-back", scope, key):
            _forget(limiter.storage, limit.key_for(scope, key), time.time() - ago_s)

    _windows().ask(give_back, otherwise=None)


def forget(scope: str, key: str) -> None:
    """Nothing is known any more of how often `key` did it."""
    limit = limits.parse(settings.RATE_LIMITS[scope])

    def clear(limiter: MovingWindowRateLimiter) -> None:
        limiter.clear(limit, scope, key)
        limiter.clear(limit, "given-back", scope, key)

    _windows().ask(clear, otherwise=None)


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


class _Windows:
    """Where it is counted. While that does not answer it is asked now and then only, and told of once each time."""

    def __init__(self, storage: Storage) -> None:
        self._limiter = MovingWindowRateLimiter(storage)
        self._away_until = 0.0

    def ask(self, what: Callable[[MovingWindowRateLimiter], T], *, otherwise: T) -> T:
        """What is found out, `otherwise` while nobody can tell."""
        if time.monotonic() < self._away_until:
            return otherwise
        try:
            return what(self._limiter)
        except redis.RedisError as error:
            if time.monotonic() >= self._away_until:  # else another thread has just told it
                self._away_until = time.monotonic() + AWAY_PAUSE_S
                logger.warning("rate limits are off for %g s: %s", AWAY_PAUSE_S, error)
            return otherwise


def _windows() -> _Windows:
    return _windows_in(settings.RATE_LIMIT_BACKEND, settings.REDIS_URL)


@cache
def _windows_in(backend: str, redis_url: str) -> _Windows:
    if backend != "redis":
        return _Windows(MemoryStorage())
    uri = redis_url.replace("unix", "redis+unix", 1) if redis_url.startswith("unix://") else redis_url
    options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0)}
    return _Windows(RedisStorage(uri, socket_connect_timeout=0.5, socket_timeout=0.5, **options))
