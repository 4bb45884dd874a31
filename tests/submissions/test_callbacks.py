"""The door through which backends say that a run has ended: only to the bell, only with our signature."""

import time
import uuid

import pytest
from django.test import Client

from execution import wakeups
from execution.pool import Pool
from execution.types import Limits, Program
from submissions.connections import redis_client
from tests.fakes import FakeJudge0, printed

WORK = str(uuid.uuid4())


def called(url: str, method: str = "PUT", body: str = "{}") -> int:
    """As a Judge0 calls: no session, no CSRF token. No database either: pytest would refuse it."""
    client = Client(enforce_csrf_checks=True, headers={"Accept": "*/*"})
    return client.generic(method, url, body, content_type="application/json").status_code


def is_woken() -> bool:
    return wakeups.wait(redis_client(), WORK, 0.02)


def test_a_callback_to_the_address_that_we_gave_out_wakes_who_waits():
    assert called(wakeups.url_for("", WORK)) == 204
    assert is_woken()


@pytest.mark.parametrize("body", ["", "null", '{"status": {"id": 3}}', "é" * 100_000, "{"])
def test_what_a_callback_says_does_not_matter(body):
    assert called(wakeups.url_for("", WORK), body=body) == 204
    assert is_woken()


ANOTHERS = wakeups.url_for("", str(uuid.UUID(int=7))).split("/")[-2]


@pytest.mark.parametrize(("signature", "status"), [("0", 404), ("%00", 400), ("é", 404), (ANOTHERS, 404)])
def test_without_our_signature_nobody_is_woken(signature, status):
    assert called(f"/callbacks/judge0/{WORK}/{signature}/") == status
    assert not is_woken()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PATCH"])
def test_only_a_put_is_a_callback(method):
    assert called(wakeups.url_for("", WORK), method) == 405
    assert not is_woken()


def test_a_callback_is_welcome_while_redis_is_away(settings):
    """A Judge0 would send it again, and keep a worker busy meanwhile."""
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    redis_client.cache_clear()
    try:
        assert called(wakeups.url_for("", WORK)) == 204
    finally:
        redis_client.cache_clear()


@pytest.mark.django_db(transaction=True)
def test_with_callbacks_a_run_is_known_when_it_ends_and_not_when_it_is_asked_for_next(live_server, settings):
    """The whole way: our address goes out with the program, the server calls it, the waiting ends."""
    settings.JUDGE0_POLL_MIN_S = settings.JUDGE0_POLL_MAX_S = 5.0
    settings.JUDGE0_CALLBACK_URL = live_server.url
    with FakeJudge0(lambda source, stdin: printed(b"done"), looks=100, takes_s=0.2) as judge0:
        settings.JUDGE0_URLS, settings.JUDGE0_HEADERS = [judge0.url], [{}]
        pool = Pool.from_settings(redis_client()).access()
        began = time.monotonic()

        _, ran = pool.run(Program("python", b"x"), {1: lambda: b""}, Limits())

        assert ran[0].run.output == b"done"
        assert 0.2 <= time.monotonic() - began < 4
