"""Limits: exact, for each user alone, over Redis and without it."""

from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_what_was_given_back_may_be_taken_once_more(settings, backend):
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "3/minute"}
    key = f"refunded-{backend}"
    attempts(key, 3)

    limits.refund("submit", key)
    limits.refund("submit", key)

    assert attempts(key, 4) == [True, True, False, False]
    assert attempts(f"other-{backend}", 4) == [True, True, True, False]


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_two_who_want_the_last_one_never_both_get_it(settings, backend):
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "1/minute"}
    key = f"wanted-{backend}"
    attempts(key, 1)
    for _ in range(5):
        limits.refund("submit", key)

    with ThreadPoolExecutor(16) as threads:
        admitted = [one for (one,) in threads.map(lambda _: attempts(key, 1), range(200))]

    assert sum(admitted) == 5


def test_what_was_taken_longer_ago_than_the_window_is_not_given_back(settings):
    settings.RATE_LIMITS = {"submit": "1/minute"}
    attempts("key", 1)

    limits.refund("submit", "key", ago_s=60)

    assert attempts("key", 1) == [False]


def test_what_is_given_back_while_redis_is_away_is_lost_and_no_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    limits.refund("submit", "key")
