"""Limits: exact, for each user alone, over Redis and without it."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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


@pytest.fixture
def hanging(settings):
    """Where Redis should be, something takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        yield server


def test_a_redis_that_hangs_is_waited_for_once_and_told_of_once(hanging, settings, caplog):
    settings.RATE_LIMITS = {"submit": "1/minute"}
    started = time.monotonic()

    assert attempts("key", 20) == [True] * 20
    assert limits.standing("submit", "key").remaining == 1
    limits.refund("submit", "key")

    assert time.monotonic() - started < 1
    assert len(caplog.records) == 1


def test_after_a_while_redis_is_asked_again(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "AWAY_PAUSE_S", 0.1)
    settings.RATE_LIMITS = {"submit": "1/minute"}
    there, here = Path(settings.REDIS_URL.removeprefix("unix://")), tmp_path / "redis.sock"
    settings.REDIS_URL = f"unix://{here}"
    attempts("key", 1)
    here.symlink_to(there)
    assert attempts("key", 2) == [True, True]
    time.sleep(0.1)

    assert attempts("key", 2) == [True, False]


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
def test_what_was_given_back_is_never_taken_twice(settings, backend):
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "5/minute"}
    key = f"wanted-{backend}"
    attempts(key, 5)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda _: limits.refund("submit", key), range(5)))
        admitted = [one for (one,) in threads.map(lambda _: attempts(key, 1), range(200))]

    assert sum(admitted) == 5


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_no_more_is_given_back_in_a_window_than_the_limit_allows(settings, backend):
    """Whoever knows how to make us fail is admitted twice as often, not without end."""
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "3/minute"}
    key = f"failing-{backend}"

    admitted = 0
    for _ in range(30):
        admitted += sum(attempts(key, 1))
        limits.refund("submit", key)

    assert admitted == 6


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_what_was_given_back_counts_no_longer_than_what_it_stands_for(settings, backend):
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "4/1second"}
    key = f"late-{backend}"
    attempts(key, 4)
    time.sleep(0.8)
    for _ in range(4):
        limits.refund("submit", key, ago_s=0.8)
    time.sleep(0.3)

    assert sum(attempts(key, 20)) == 4


@pytest.mark.parametrize("backend", ["redis", "locmem"])
def test_what_is_given_back_is_the_one_that_was_taken_then(settings, backend):
    """Else the others would leave the window too early, or too late."""
    settings.RATE_LIMIT_BACKEND = backend
    settings.RATE_LIMITS = {"submit": "2/1second"}
    key = f"one-of-two-{backend}"
    attempts(key, 1)
    time.sleep(0.6)
    attempts(key, 1)

    limits.refund("submit", key, ago_s=0.6)

    assert attempts(key, 2) == [True, False]
    time.sleep(0.5)  # the first has left the window, if it is in there still
    assert attempts(key, 1) == [False]


def test_what_was_taken_longer_ago_than_the_window_is_not_given_back(settings):
    settings.RATE_LIMITS = {"submit": "1/minute"}
    attempts("key", 1)

    limits.refund("submit", "key", ago_s=60)

    assert attempts("key", 1) == [False]


def test_what_is_given_back_while_redis_is_away_is_lost_and_no_error(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    limits.refund("submit", "key")
