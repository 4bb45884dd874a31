"""The circuit breaker of a server: two clients of Redis here are two worker processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings

from execution.breaker import Admission, Breaker, BreakerRules, State
from execution.shared import Shared
from submissions.connections import redis_client

URL = "http://judge:2358"
RULES = BreakerRules(failures=3, open_s=0.25)
THREADS = 16


def breaker(url: str = URL, rules: BreakerRules = RULES) -> Breaker:
    """As one worker process has it."""
    return Breaker(Shared(redis.Redis.from_url(settings.REDIS_URL)), url, rules)


def trip(one: Breaker) -> None:
    for _ in range(RULES.failures):
        one.failed()


def half_open() -> Breaker:
    one = breaker()
    trip(one)
    time.sleep(RULES.open_s + 0.02)
    assert one.state() is State.HALF_OPEN
    return one


def admissions(asked: list[Breaker]) -> list[Admission]:
    """What each is told when all ask at the same moment."""
    ready = threading.Barrier(len(asked))

    def ask(one: Breaker) -> Admission:
        ready.wait()
        return one.admits()

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(ask, asked))


def test_a_server_without_failures_is_used():
    assert breaker().state() is State.CLOSED
    assert breaker().admits() is Admission.YES


def test_a_few_failures_do_not_open_it_but_a_success_is_news_then():
    one = breaker()
    one.failed()

    assert (one.state(), one.admits()) == (State.CLOSED, Admission.WATCHED)

    one.succeeded()
    assert one.admits() is Admission.YES


def test_failures_in_a_row_open_it_for_all_workers():
    """S2.18 (in part)"""
    first, second = breaker(), breaker()
    first.failed()
    second.failed()
    assert first.state() is State.CLOSED

    first.failed()

    for one in (first, second, breaker()):
        assert (one.state(), one.admits()) == (State.OPEN, Admission.NO)
    assert breaker("http://other:2358").state() is State.CLOSED


def test_a_success_in_between_starts_the_count_anew():
    one = breaker()
    for _ in range(3):
        one.failed()
        one.failed()
        one.succeeded()

    assert one.state() is State.CLOSED


@pytest.mark.parametrize("processes", [1, THREADS])
def test_half_open_exactly_one_of_sixteen_is_let_through(processes):
    """S2.18 (in part): threads of one process, and as many processes."""
    half_open()
    workers = [breaker() for _ in range(processes)]

    told = admissions(workers * (THREADS // processes))

    assert (told.count(Admission.WATCHED), told.count(Admission.NO)) == (1, THREADS - 1)


def test_looking_at_it_uses_up_nobodys_turn():
    one = half_open()

    assert [one.state() for _ in range(3)] == [State.HALF_OPEN] * 3
    assert one.admits() is Admission.WATCHED


def test_when_the_trial_succeeds_everybody_is_let_through_again():
    one = half_open()
    one.admits()

    one.succeeded()

    assert one.state() is State.CLOSED
    assert set(admissions([breaker()] * THREADS)) == {Admission.YES}


def test_when_the_trial_fails_it_is_open_again_and_half_open_after_the_same_while():
    one = half_open()
    one.admits()

    one.failed()

    assert (one.state(), one.admits()) == (State.OPEN, Admission.NO)
    time.sleep(RULES.open_s + 0.02)
    assert (one.state(), one.admits()) == (State.HALF_OPEN, Admission.WATCHED)


def test_whoever_tries_and_is_never_heard_of_again_does_not_keep_it_half_open_for_ever():
    half_open().admits()

    (trial,) = (key for key in redis_client().keys("*") if b"trial" in key)

    assert 0 < redis_client().pttl(trial) <= 60_000


def test_old_failures_are_forgotten():
    breaker().failed()

    assert all(redis_client().pttl(key) > 0 for key in redis_client().keys("*"))


def test_without_redis_it_is_closed():
    away = Breaker(Shared(redis.Redis.from_url("unix:///nowhere/redis.sock")), URL, RULES)
    trip(away)
    away.succeeded()

    assert (away.state(), away.admits()) == (State.CLOSED, Admission.YES)
