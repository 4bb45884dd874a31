"""What workers know in common, as it decides which servers a pool uses: two pools here are two worker processes."""

import itertools
import logging
import threading
import time
from dataclasses import replace

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from execution import languages
from execution.breaker import BreakerRules
from execution.errors import BackendBusy, LanguageUnavailable, NoBackend
from execution.pool import Ran, Sharing, Ticket
from execution.probes import Standing
from execution.shared import Shared
from execution.types import Limits, Submitted
from submissions.connections import redis_client
from tests.execution.conftest import HASTY, PATIENT, PYTHON, one_by_one, pool_of
from tests.fakes import FakeJudge0, internal_error, printed
from tests.truth import honest, lying

QUICK = BreakerRules(failures=2, open_s=1.0)
LIMITS = Limits(time_ms=500)


def sharing(**more) -> Sharing:
    return Sharing(shared=Shared(redis_client()), breaker=QUICK, **more)


def worker(*servers, patience=HASTY, **more):
    """A pool as one worker process has it."""
    options = {
        name: more.pop(name) for name in ("poll_min_s", "poll_max_s", "read_timeout_s") if name in more
    }
    return pool_of(*servers, patience=patience, sharing=sharing(**more), **options)


def nobody_shares() -> Shared:
    """Redis is away."""
    return Shared(redis.Redis(port=1, socket_connect_timeout=0.1, retry=Retry(NoBackoff(), 0)))


def inputs(count):
    return {index: (lambda index=index: b"%d" % index) for index in range(1, count + 1)}


def run(pool, count=1, **how):
    return list(one_by_one(pool.access(**how).run(PYTHON, inputs(count), LIMITS)))


def places(steps):
    return [step.backend for step in steps if isinstance(step, Submitted)]


def outputs(steps):
    return {step.index: step.run.output for step in steps if isinstance(step, Ran)}


def in_flight(server: FakeJudge0) -> int:
    """How many runs the server has that it has not yet shown the result of."""
    now = time.monotonic()
    return sum(
        one.result is None or now - one.started < one.result.takes_s
        for one in list(server.submissions.values())
    )


class Watch(list):
    """A fake's list of requests that notes the most runs that the server had at once."""

    def __init__(self, server: FakeJudge0) -> None:
        super().__init__()
        self.server = server
        self.most = 0

    def append(self, request) -> None:
        super().append(request)
        coming = len(request.body["submissions"]) if request.method == "POST" else 0
        self.most = max(self.most, in_flight(self.server) + coming)


def at_once(count, act):
    threads = [threading.Thread(target=act) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- The breaker ---------------------------------------------------------------------------------------------


def test_a_server_that_has_failed_in_a_row_is_left_alone_by_all_workers(fake):
    first, second = fake(), fake()
    first.fail("500")
    for _ in range(QUICK.failures):
        run(worker(first, second))
    asked = len(first.requests)

    assert places(run(worker(first, second))) == [second.url]
    assert len(first.requests) == asked


def test_while_all_breakers_are_open_nothing_is_asked_and_the_pool_says_so(fake):
    """S2.18 (in part)"""
    server = fake()
    server.fail("500")
    for _ in range(QUICK.failures):
        with pytest.raises(NoBackend):
            run(worker(server))
    asked = len(server.requests)
    pool = worker(server)

    assert not pool.is_available("python")
    with pytest.raises(NoBackend):
        run(pool)
    assert len(server.requests) == asked


def test_after_a_while_one_judging_tries_again_and_its_run_closes_the_breaker(fake):
    server = fake(takes_s=0.3)
    server.fail("500")
    for _ in range(QUICK.failures):
        with pytest.raises(NoBackend):
            run(worker(server))
    server.mend()
    time.sleep(QUICK.open_s + 0.2)
    seen = []

    def judge():
        try:
            seen.append(len(run(worker(server))))
        except NoBackend:
            seen.append(None)

    at_once(6, judge)

    assert sorted(seen, key=str) == [2, None, None, None, None, None], (
        "one is let through, the others are not"
    )
    assert places(run(worker(server))) == [server.url]


def test_while_one_tries_again_the_others_know_that_there_is_no_place_for_them(fake):
    server = fake(takes_s=0.5)
    server.fail("500")
    for _ in range(QUICK.failures):
        with pytest.raises(NoBackend):
            run(worker(server))
    server.mend()
    time.sleep(QUICK.open_s + 0.2)
    assert worker(server).is_available("python")
    steps = worker(server).access().run(PYTHON, inputs(1), LIMITS)
    next(steps)

    assert not worker(server).is_available("python")
    assert not worker(server).has_place_for("python")
    list(steps)
    assert worker(server).is_available("python")


def test_a_server_that_is_left_alone_for_a_while_is_looked_at_again_while_the_other_one_is_full(fake):
    first, second = fake(), fake()
    first.fail("500")
    for _ in range(QUICK.failures):
        run(worker(first, second))
    first.mend()
    second.fail("queue_full", method="POST")

    assert places(run(worker(first, second, patience=PATIENT))) == [first.url]


def test_there_is_no_place_where_the_only_server_with_the_language_is_left_alone(fake):
    first, second = fake(languages={54: "C++ (GCC 9.2.0)"}), fake()
    second.fail("500")
    for _ in range(QUICK.failures):
        with pytest.raises(NoBackend):
            run(worker(first, second))

    pool = worker(first, second)
    assert not pool.has_place_for("python")
    assert not pool.is_available("python"), "it knows by now what the first one lacks"
    assert pool.has_place_for("cpp")
    assert worker(first).has_place_for("python"), "where nobody has it, that is said at once"


def test_a_trial_that_fails_opens_it_again(fake):
    server = fake()
    server.fail("500")
    for _ in range(QUICK.failures):
        with pytest.raises(NoBackend):
            run(worker(server))
    time.sleep(QUICK.open_s + 0.2)
    with pytest.raises(NoBackend):
        run(worker(server))

    assert not worker(server).is_available("python")


def test_a_server_that_takes_programs_and_never_ends_them_is_no_less_broken(fake):
    """A Judge0 whose workers are dead answers every request."""
    first, second = fake(), fake()
    first.stuck_at = 1
    for _ in range(QUICK.failures):
        run(worker(first, second))

    assert places(run(worker(first, second))) == [second.url]


@pytest.mark.parametrize("fault", ["queue_full", "429"])
def test_being_full_is_no_failure(fake, fault):
    first, second = fake(), fake()
    first.fail(fault, method="POST", times=5)
    for _ in range(5):
        run(worker(first, second))

    assert places(run(worker(first, second))) == [first.url]


def test_an_internal_error_is_no_failure_of_the_server(fake):
    """A program can cause it (a directory tree that is too deep), and must not take a server away from others."""
    first = fake(lambda source, stdin: internal_error() if stdin == b"1" else printed(stdin))
    second = fake()
    for _ in range(5):
        run(worker(first, second), 2)

    assert places(run(worker(first, second)))[0] == first.url


def test_without_redis_servers_are_tried_as_ever(fake, caplog):
    server = fake()
    pool = pool_of(server, sharing=Sharing(shared=nobody_shares(), probes_every_s=30))

    with caplog.at_level(logging.WARNING):
        assert outputs(run(pool, 3)) == {1: b"1", 2: b"2", 3: b"3"}
    assert pool.is_available("python")
    assert "know nothing of each other" in caplog.text


# --- Equals --------------------------------------------------------------------------------------------------


def test_equals_share_the_runs_of_all_workers_and_a_fallback_gets_none_while_one_of_them_has_room(fake):
    first, second, fallback = (fake(takes_s=60) for _ in range(3))
    workers = [worker([first, second], fallback, runs_per_server=20) for _ in range(2)]
    started = [pool.access().run(PYTHON, inputs(1), LIMITS) for _ in range(20) for pool in workers]

    for steps in started:
        next(steps)

    assert [in_flight(server) for server in (first, second, fallback)] == [20, 20, 0]
    assert next(workers[0].access().run(PYTHON, inputs(1), LIMITS)).backend == fallback.url


def test_a_program_stays_with_the_server_that_has_compiled_it_while_that_has_room(fake):
    pool = worker([fake(), fake()], runs_per_server=10)
    access = pool.access()
    (first,) = places(one_by_one(access.run(PYTHON, inputs(1), LIMITS)))
    pool.runs.take(first, 5)

    stayed = places(one_by_one(access.run(PYTHON, inputs(8), LIMITS)))
    others = places(run(pool))

    assert stayed == [first, others[0]], "what there is no room for goes to the other one"
    assert others[0] != first


def test_without_redis_equals_are_taken_at_random(fake):
    first, second = fake(), fake()
    pool = pool_of([first, second], sharing=Sharing(shared=nobody_shares()))

    for _ in range(40):
        run(pool)

    assert len(first.runs) + len(second.runs) == 40
    assert min(len(first.runs), len(second.runs)) >= 5, "once in ten million times it is fewer"


# --- Room ----------------------------------------------------------------------------------------------------


def test_all_workers_together_have_no_more_runs_at_a_server_than_it_may_have(fake):
    server = fake(takes_s=0.05)
    server.requests = watch = Watch(server)
    seen = []

    at_once(
        8,
        lambda: seen.append(
            outputs(run(worker(server, runs_per_server=3, patience=PATIENT, read_timeout_s=5), 5))
        ),
    )

    assert seen == [{index: b"%d" % index for index in range(1, 6)}] * 8
    assert watch.most == 3


def test_where_one_server_is_full_the_next_one_gets_the_rest(fake):
    first, second = fake(takes_s=0.3), fake()

    steps = run(worker(first, second, runs_per_server=3), 5)

    assert [(step.backend, step.indexes) for step in steps if isinstance(step, Submitted)] == [
        (first.url, (1, 2, 3)),
        (second.url, (4, 5)),
    ]


def test_seats_come_free_with_each_run_not_with_the_last_one(fake):
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.5 if stdin == b"1" else 0.0))

    steps = run(worker(server, runs_per_server=2), 4)

    order = [step.index for step in steps if isinstance(step, Ran)]
    assert order[-1] == 1, "the others went past it through the second seat"


def test_runs_that_nobody_waits_for_keep_their_seats_for_a_while_and_no_longer(fake):
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.2))
    run(worker(server))  # it is known now how long a run takes
    pool = worker(server, runs_per_server=4)
    run(pool)
    steps = pool.access().run(PYTHON, inputs(4), LIMITS)
    next(steps)
    steps.close()

    assert pool.runs.taken(server.url) == 4
    assert outputs(run(pool)) == {1: b"1"}


def test_no_room_for_very_long_is_said(fake):
    server = fake()
    pool = worker(server, runs_per_server=1, patience=replace(HASTY, queue_s=0.2))
    pool.runs.take(server.url, 1)

    with pytest.raises(BackendBusy):
        run(pool)


def test_of_what_comes_after_learners_one_judging_at_a_time_is_at_a_server(fake):
    server = fake(takes_s=0.2)
    together = []

    def watch(source, stdin):
        together.append(in_flight(server))
        return printed(stdin)

    server.program = watch
    at_once(4, lambda: run(worker(server, patience=replace(HASTY, queue_s=20)), 2, is_low=True))
    assert max(together) <= 2, "two cases of one judging"

    blocked = worker(server)
    (seat,) = blocked.low.take(server.url, 1).names
    assert outputs(run(worker(server), 2)) == {1: b"1", 2: b"2"}, "learners do not wait for it"
    with pytest.raises(BackendBusy):
        run(worker(server, patience=replace(HASTY, queue_s=0.1)), is_low=True)
    blocked.low.give_back(server.url, [seat])


# --- Probes --------------------------------------------------------------------------------------------------


def test_a_server_that_nobody_knows_is_examined_before_it_gets_a_learners_program(fake):
    liar, truthful = fake(lying), fake(honest)

    steps = run(worker(liar, truthful, probes_every_s=30))

    assert places(steps) == [truthful.url]
    assert all(source != PYTHON.source for source, _ in liar.runs), "no learner's program was there"


def test_while_one_worker_examines_a_server_the_others_wait_for_what_it_finds(fake):
    server = fake(honest, takes_s=0.1)
    seen = []

    at_once(5, lambda: seen.append(len(run(worker(server, probes_every_s=30)))))

    assert seen == [2] * 5
    assert sum(source != PYTHON.source for source, _ in server.runs) == 2, "one probe of two runs"


def test_a_language_of_which_all_servers_are_out_of_service_waits(fake):
    pool = worker(fake(lying), probes_every_s=30)

    with pytest.raises(NoBackend):
        run(pool)
    assert not pool.is_available("python")
    assert pool.is_available("cpp")


def test_what_was_sent_to_a_server_before_it_was_found_to_lie_is_run_elsewhere(fake):
    """Both what an interrupted judging left there, and what a judging waits for."""
    liar, truthful = fake(lying, takes_s=1.5), fake(honest)
    pool = worker(liar, truthful)
    steps = pool.access().run(PYTHON, inputs(1), LIMITS)
    told = next(steps)
    probed = worker(liar, truthful, probes_every_s=30)
    pool.probes = probed.probes
    assert probed.probes.examine(liar_client(probed, liar), languages.get("python")) is Standing.BAD

    assert outputs(one_by_one(steps)) == {1: b"1\n"}
    placed = {1: Ticket(told.backend, told.tokens[0])}
    again = one_by_one(probed.access().run(PYTHON, inputs(1), LIMITS, placed))
    assert outputs(again) == {1: b"1\n"}


def liar_client(pool, server):
    return next(one for one in pool.servers if one.url == server.url)


def test_a_server_that_fails_at_known_programs_too_makes_nobody_at_fault(fake):
    """It is waited for, instead of ending submissions one after the other."""
    server = fake(honest)
    pool = worker(server, probes_every_s=30)
    run(pool)  # it is known to be good
    server.program = lambda source, stdin: internal_error()

    with pytest.raises(NoBackend, match="known programs"):
        run(pool)


def test_a_server_without_the_language_is_not_examined_in_it(fake):
    with pytest.raises(LanguageUnavailable):
        run(worker(fake(honest, languages={54: "C++ (GCC 9.2.0)"}), probes_every_s=30))


# --- When it looks -------------------------------------------------------------------------------------------


def looks(server):
    """The moments of polls after a POST, in seconds."""
    times = [at for at, request in server.moments if request.path == "/submissions/batch"]
    return [later - times[0] for later in times[1:]]


class Moments(list):
    def append(self, request) -> None:
        super().append((time.monotonic(), request))


def test_polls_begin_fast_and_back_off_to_the_longest_pause(fake):
    """S1.24"""
    server = fake(lambda source, stdin: printed(stdin, takes_s=2.0))
    server.requests = server.moments = Moments()

    run(worker(server, poll_min_s=0.01, poll_max_s=0.15))

    pauses = [later - earlier for earlier, later in itertools.pairwise([0.0, *looks(server)])]
    assert pauses[0] < 0.1
    assert sorted(pauses[-5:])[2] == pytest.approx(0.15, abs=0.05)
    assert len(pauses) < 40


def test_the_shortest_pause_can_be_set(fake):
    """S1.24"""
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.5))
    server.requests = server.moments = Moments()

    run(worker(server, poll_min_s=0.2, poll_max_s=1.0))

    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise([0.0, *looks(server)]))


def test_once_it_is_known_how_long_runs_take_fewer_looks_suffice(fake):
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.5), looks=0)
    pool = worker(server, poll_max_s=1.0)
    run(pool)
    first = len(server.asked("GET", "/submissions/batch"))

    run(pool)

    assert len(server.asked("GET", "/submissions/batch")) - first < first / 2
