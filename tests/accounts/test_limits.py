"""Limits: exact, for each user alone, over Redis and without it."""

import pytest

from accounts import limits


def attempts(key: str, count: int) -> list[bool]:
    admitted = []
    for _ in range(count):
        try:
            limits.take("submit", key)
            admitted.append(True)
        except limits.Limited:
            admitted.append(False)
    return admitted


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_exactly_the_limit_is_admitted_for_each_key(settings, backend):
    """S2.9, S2.10 (in part)"""
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "3/minute"}

    assert attempts(f"one-{backend}", 5) == [True, True, True, False, False]
    assert attempts(f"two-{backend}", 1) == [True]


def test_who_is_refused_learns_when_to_come_back(settings):
    settings.RATE_LIMITS = {"submit": "1/minute"}
    limits.take("submit", "key")

    with pytest.raises(limits.Limited) as refused:
        limits.take("submit", "key")

    assert 1 <= refused.value.retry_after_s <= 61


def test_while_redis_is_away_everybody_is_admitted(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.RATE_LIMITS = {"submit": "1/minute"}

    assert attempts("key", 3) == [True, True, True]
