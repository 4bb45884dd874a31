"""The bell that a callback rings: who may ring it, whom it wakes, and that the time passes without it."""

import threading
import time
import uuid

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from execution import wakeups
from submissions.connections import redis_client

WORK, OTHER = str(uuid.uuid4()), str(uuid.uuid4())


@pytest.fixture
def nowhere() -> redis.Redis:
    """A Redis that is not there, asked once, as `redis_client` does."""
    return redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=Retry(NoBackoff(), 0))


def waited(client: redis.Redis, work: str, timeout_s: float) -> tuple[bool, float]:
    began = time.monotonic()
    rang = wakeups.wait(client, work, timeout_s)
    return rang, time.monotonic() - began


def test_only_the_address_that_we_gave_out_for_a_work_is_ours():
    signature = wakeups.url_for("http://x", WORK).split("/")[-2]

    assert wakeups.url_for("http://x", WORK) == f"http://x/callbacks/judge0/{WORK}/{signature}/"
    assert wakeups.is_ours(WORK, signature)
    assert not wakeups.is_ours(OTHER, signature)
    assert not any(wakeups.is_ours(WORK, wrong) for wrong in ("", "é", signature.upper(), signature[:-1]))


def test_whoever_has_another_secret_key_cannot_sign(settings):
    signature = wakeups.url_for("http://x", WORK).split("/")[-2]
    settings.SECRET_KEY = "another"

    assert not wakeups.is_ours(WORK, signature)


def test_a_ring_wakes_who_waits():
    began = time.monotonic()
    bell = threading.Timer(0.05, wakeups.ring, (redis_client(), WORK))
    bell.start()

    rang, took_s = waited(redis_client(), WORK, 20)
    bell.join()

    assert rang
    assert 0.05 <= took_s <= time.monotonic() - began < 10


def test_a_ring_before_the_waiting_is_heard_and_many_are_as_one():
    for _ in range(5):
        wakeups.ring(redis_client(), WORK)

    assert [waited(redis_client(), WORK, 0.03)[0] for _ in range(2)] == [True, False]


def test_a_ring_for_another_work_wakes_nobody():
    wakeups.ring(redis_client(), OTHER)

    assert waited(redis_client(), WORK, 0.03)[0] is False


def test_a_bell_that_nobody_hears_falls_silent():
    wakeups.ring(redis_client(), WORK)

    (key,) = redis_client().keys()
    assert 0 < redis_client().ttl(key) <= 60


@pytest.mark.parametrize("timeout_s", [-1, 0, 0.0001, 0.005, 0.03, 1.3])
def test_waiting_takes_as_long_as_it_may_even_longer_than_redis_may_be_silent(timeout_s):
    rang, took_s = waited(redis_client(), WORK, timeout_s)

    assert not rang
    assert timeout_s <= took_s < max(timeout_s, 0) + 0.5


@pytest.mark.parametrize("timeout_s", [0.0001, 0.2])
def test_without_redis_the_time_passes_all_the_same(nowhere, timeout_s):
    rang, took_s = waited(nowhere, WORK, timeout_s)

    assert not rang
    assert timeout_s <= took_s < timeout_s + 0.5
