"""Several servers as one: which one is used, and what happens to cases whose server lets them down."""

import itertools
import logging
import threading
import time
from dataclasses import replace

import pytest

from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendRejected,
    LanguageUnavailable,
    LimitsUnavailable,
    NoBackend,
    OptionsUnavailable,
)
from execution.pool import Pool, Ran, Ticket
from execution.types import Limits, Program, Submitted, Verdict
from tests.execution.conftest import HASTY, PYTHON, one_by_one, pool_of, told_before
from tests.fakes import Result, exited, internal_error, printed

LIMITS = Limits(time_ms=50)


def inputs(count):
    return {index: (lambda index=index: b"%d" % index) for index in range(1, count + 1)}


def run(pool, count=3, *, program=PYTHON, limits=LIMITS, placed=None):
    return list(one_by_one(pool.access().run(program, inputs(count), limits, placed)))


def outputs(steps):
    return {step.index: step.run.output for step in steps if isinstance(step, Ran)}


def places(steps):
    return [(step.backend, step.indexes) for step in steps if isinstance(step, Submitted)]


def all_of(count):
    return {index: b"%d" % index for index in range(1, count + 1)}


# --- Which server --------------------------------------------------------------------------------------------


def test_the_first_server_gets_the_cases_as_long_as_it_answers(fake, caplog):
    first, second = fake(), fake()

    with caplog.at_level(logging.INFO, "execution.pool"):
        steps = run(pool_of(first, second))

    assert (places(steps), outputs(steps)) == ([(first.url, (1, 2, 3))], all_of(3))
    assert second.requests == []
    assert first.url in caplog.text


@pytest.mark.parametrize(
    "fault", ["500", "503", "maintenance", "broken", "half", "hang", "garbage", "wrong_shape"]
)
def test_a_server_in_trouble_is_passed_over(fake, fault):
    """S1.52: the role of `submitWithFallback` is `Pool`'s."""
    first, second = fake(), fake()
    first.fail(fault)

    steps = run(pool_of(first, second))

    assert (places(steps), outputs(steps)) == ([(second.url, (1, 2, 3))], all_of(3))


def test_a_server_that_is_not_there_is_passed_over(fake):
    second = fake()

    assert outputs(run(pool_of("http://127.0.0.1:1", second))) == all_of(3)


def test_when_no_server_answers_there_is_no_backend(fake):
    second = fake()
    second.fail("500")

    with pytest.raises(NoBackend):
        run(pool_of("http://127.0.0.1:1", second))


def test_a_program_that_is_refused_is_not_tried_elsewhere(fake):
    """S1.19 (in part)"""
    first, second = fake(), fake()
    first.fail("400", method="POST")

    with pytest.raises(BackendRejected):
        run(pool_of(first, second))

    assert second.requests == []


@pytest.mark.parametrize("path", ["", "/submissions/batch"])
@pytest.mark.parametrize("fault", ["401", "403", "404"])
def test_a_server_that_does_not_let_us_in_is_passed_over(fake, fault, path):
    """A token that was changed on one server is no reason to end everybody's submissions."""
    first, second = fake(), fake()
    first.fail(fault, path=path)

    assert places(run(pool_of(first, second))) == [(second.url, (1, 2, 3))]


def test_a_server_that_lets_us_in_no_more_is_left_with_what_it_has(fake):
    first, second = fake(takes_s=0.2), fake()
    steps = pool_of(first, second).access().run(PYTHON, inputs(2), LIMITS)
    next(steps)
    first.fail("401")

    assert places(one_by_one(steps)) == [(second.url, (1, 2))]


def test_a_server_without_the_language_is_passed_over(fake):
    first, second = fake(languages={54: "C++ (GCC 9.2.0)"}), fake()

    assert places(run(pool_of(first, second), 1)) == [(second.url, (1,))]


def test_a_server_that_gives_less_time_than_the_question_is_passed_over(fake):
    first, second = fake(), fake(config={"max_cpu_time_limit": 60.0, "max_wall_time_limit": 125.0})
    limits = Limits(time_ms=30_000)

    assert places(run(pool_of(first, second), 1, limits=limits)) == [(second.url, (1,))]
    with pytest.raises(LimitsUnavailable, match="time limit of 30 s"):
        run(pool_of(first), limits=limits)


def test_a_server_that_takes_no_options_for_compilers_is_passed_over_where_a_program_has_some(fake):
    first, second = fake(config={"enable_compiler_options": False}), fake()
    warned = Program("cpp", b"int main() {}", "-Wall")

    assert places(run(pool_of(first, second), 1, program=warned)) == [(second.url, (1,))]
    with pytest.raises(OptionsUnavailable):
        run(pool_of(first), program=warned)


def test_a_language_that_nobody_offers_is_unavailable(fake):
    first, second = (fake(languages={54: "C++ (GCC 9.2.0)"}) for _ in range(2))

    with pytest.raises(LanguageUnavailable):
        run(pool_of(first, second))


def test_a_language_that_only_a_silent_server_may_offer_is_worth_waiting_for(fake):
    with pytest.raises(NoBackend):
        run(pool_of(fake(languages={54: "C++ (GCC 9.2.0)"}), "http://127.0.0.1:1"))


def test_a_language_that_does_not_exist_is_unavailable(fake):
    with pytest.raises(LanguageUnavailable):
        run(pool_of(fake()), program=Program("cobol", b"x"))


# --- Busy servers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["queue_full", "429"])
def test_a_full_server_leaves_the_cases_to_the_next_one(fake, fault):
    first, second = fake(), fake()
    first.fail(fault, method="POST")

    assert places(run(pool_of(first, second))) == [(second.url, (1, 2, 3))]


@pytest.mark.parametrize("fault", ["queue_full", "429"])
def test_when_all_are_full_it_waits_until_one_has_room(fake, fault):
    server = fake()
    server.fail(fault, times=3, method="POST")

    assert outputs(run(pool_of(server))) == all_of(3)
    assert len(server.asked("POST", "/submissions/batch")) == 4


def test_it_does_not_come_back_earlier_than_it_was_asked_to(fake):
    server = fake()
    server.fail("429", times=1, method="POST", headers={"Retry-After": "0.3"})
    began = time.monotonic()

    run(pool_of(server))

    assert time.monotonic() - began >= 0.3


def test_when_nobody_has_room_for_long_it_says_so(fake):
    server = fake()
    server.fail("queue_full", method="POST")

    with pytest.raises(BackendBusy):
        run(pool_of(server, patience=HASTY))


def test_a_server_that_is_asked_too_often_is_asked_more_slowly(fake):
    server = fake()
    server.fail("429", times=2, method="GET", path="/submissions/batch")

    assert outputs(run(pool_of(server))) == all_of(3)


# --- Servers that let cases down -----------------------------------------------------------------------------


def test_when_a_backend_dies_halfway_the_next_one_runs_only_what_is_left(fake):
    def slow_from_two(source, stdin):
        return printed(stdin, takes_s=0 if stdin == b"1" else 30)

    first, second = fake(slow_from_two), fake()
    steps = one_by_one(pool_of(first, second).access().run(PYTHON, inputs(3), LIMITS))
    told = list(itertools.islice(steps, 2))
    assert outputs(told) == {1: b"1"}

    first.stop()
    rest = list(steps)

    assert (places(rest), outputs(rest)) == ([(second.url, (2, 3))], {2: b"2", 3: b"3"})


def test_one_look_without_an_answer_is_forgiven(fake):
    first, second = fake(), fake()
    first.fail("500", times=1, method="GET", path="/submissions/batch")

    steps = run(pool_of(first, second))

    assert (outputs(steps), second.requests) == (all_of(3), [])


def test_a_connection_that_breaks_once_is_no_reason_to_leave_a_server(fake):
    """Servers close idle connections, at times just when they are used again."""
    first, second = fake(), fake()
    pool = pool_of(first, second)
    run(pool)
    first.fail("broken", times=1)

    assert places(run(pool)) == [(first.url, (1, 2, 3))]


def test_an_internal_error_is_tried_once_elsewhere(fake):
    first, second = fake(lambda source, stdin: internal_error()), fake()

    steps = run(pool_of(first, second))

    assert outputs(steps) == all_of(3)
    assert {index for _, indexes in places(steps)[1:] for index in indexes} == {1, 2, 3}
    assert {backend for backend, _ in places(steps)[1:]} == {second.url}


def test_an_internal_error_of_the_only_server_is_tried_once_more_there(fake):
    results = iter([internal_error()])
    server = fake(lambda source, stdin: next(results, printed(stdin)))

    assert outputs(run(pool_of(server), 1)) == all_of(1)


def test_a_second_internal_error_is_a_fault_of_the_judge(fake):
    servers = [fake(lambda source, stdin: internal_error()) for _ in range(3)]

    with pytest.raises(BackendFault):
        run(pool_of(*servers), 1)

    assert [len(server.runs) for server in servers] == [1, 1, 0]


def test_after_an_internal_error_it_waits_for_another_server_that_is_merely_full(fake):
    """Back at the one that failed, it would fail for good."""
    first, second = fake(lambda source, stdin: internal_error()), fake()
    second.fail("queue_full", times=3, method="POST")

    assert outputs(run(pool_of(first, second), 1)) == all_of(1)
    assert len(first.runs) == 1


def test_a_case_that_all_servers_fail_at_does_not_keep_the_others_from_coming_back(fake):
    """S3.37"""

    def program(source, stdin):
        return internal_error() if stdin == b"2" else printed(stdin, takes_s=0.2 if stdin == b"3" else 0)

    told = told_before(
        one_by_one(pool_of(fake(program)).access().run(PYTHON, inputs(4), LIMITS)), BackendFault
    )

    assert outputs(told) == {1: b"1", 3: b"3", 4: b"4"}


def test_what_a_server_has_is_waited_for_where_nobody_takes_the_rest(fake):
    """S3.37"""
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.1), config={"max_submission_batch_size": 9})
    steps = one_by_one(pool_of(server).access().run(PYTHON, inputs(10), LIMITS))
    first = next(steps)
    server.fail("500", method="POST")

    told = told_before(steps, NoBackend)

    assert (places([first]), sorted(outputs(told))) == (
        [(server.url, tuple(range(1, 10)))],
        list(range(1, 10)),
    )


def test_lost_tokens_are_run_again(fake):
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.1))
    steps = one_by_one(pool_of(server).access().run(PYTHON, inputs(2), LIMITS))
    next(steps)

    server.forget()
    rest = list(steps)

    assert (places(rest), outputs(rest)) == ([(server.url, (1, 2))], all_of(2))


def test_a_server_that_loses_everything_is_given_up_after_some_times(fake):
    server = fake()
    server.is_forgetful = True

    with pytest.raises(NoBackend, match="3 times"):
        run(pool_of(server), 1)

    assert len(server.runs) == 3


def test_a_token_that_is_processed_for_ever_goes_to_another_server(fake):
    first, second = fake(), fake()
    first.stuck_at = 2

    steps = run(pool_of(first, second, patience=HASTY), 2)

    assert (places(steps)[-1], outputs(steps)) == ((second.url, (1, 2)), all_of(2))


def test_a_token_in_a_queue_that_moves_may_take_longer_than_a_run(fake):
    first, second = fake(), fake()
    first.workers[0]["size"] = 5
    first.stuck_at = 1
    pool = pool_of(first, second, patience=HASTY)
    began = time.monotonic()

    steps = run(pool, 1)

    assert time.monotonic() - began > HASTY.queue_s  # and even that ends
    assert (places(steps)[-1], outputs(steps)) == ((second.url, (1,)), all_of(1))


def test_a_token_in_a_queue_in_which_nothing_waits_is_overdue(fake):
    first, second = fake(), fake()
    first.stuck_at = 1
    began = time.monotonic()

    steps = run(pool_of(first, second, patience=replace(HASTY, queue_s=600)), 1)

    assert time.monotonic() - began < 60
    assert places(steps)[-1] == (second.url, (1,))


def test_a_token_that_was_overtaken_in_its_queue_is_lost_though_the_queue_moves(fake):
    """As after a restart of Judge0's Redis: it is "In Queue" for ever, while others come and go."""
    first, second = fake(lambda source, stdin: printed(stdin)), fake()
    first.workers[0]["size"] = 5
    first.stuck_at = 1
    pool = pool_of(first, second, patience=replace(HASTY, queue_s=600))
    steps = pool.access().run(PYTHON, inputs(1), LIMITS)
    next(steps)
    time.sleep(1.5)  # longer than the patience of such a run
    pool.newest_ended[first.url] = time.monotonic()  # as another judging of this process notes

    assert places(one_by_one(steps)) == [(second.url, (1,))]


# --- Cases that were placed before ---------------------------------------------------------------------------


def test_placed_cases_are_asked_for_where_they_are(fake):
    first, second = fake(), fake()
    told = next(pool_of(second).access().run(PYTHON, inputs(2), LIMITS))
    assert isinstance(told, Submitted)
    placed = {n: Ticket(second.url, token) for n, token in zip(told.indexes, told.tokens, strict=True)}

    steps = run(pool_of(first, second), 3, placed=placed)

    assert (places(steps), outputs(steps)) == ([(first.url, (3,))], all_of(3))


def test_placed_cases_whose_server_is_gone_are_run_elsewhere(fake):
    server = fake()
    gone = "http://127.0.0.1:1"

    steps = run(pool_of(gone, server), 1, placed={1: Ticket(gone, "some-token")})

    assert (places(steps), outputs(steps)) == ([(server.url, (1,))], all_of(1))


# --- Sizes, looks, statuses ----------------------------------------------------------------------------------


def test_large_inputs_are_sent_in_several_requests(fake):
    server = fake()
    large = {index: (lambda: b"x" * 5_000_000) for index in (1, 2, 3)}

    steps = list(
        one_by_one(pool_of(server, read_timeout_s=10).access().run(PYTHON, large, Limits(output_kib=4096)))
    )

    assert [indexes for _, indexes in places(steps)] == [(1, 2), (3,)]


def test_large_outputs_are_not_asked_for_all_at_once(fake):
    server = fake(config={"max_max_file_size": 32 * 1024})

    steps = run(pool_of(server), 5, limits=Limits(output_kib=32 * 1024))

    assert [indexes for _, indexes in places(steps)] == [(1, 2), (3, 4), (5,)]


def test_finished_tokens_are_not_asked_for_again(fake):
    server = fake(lambda source, stdin: printed(stdin, takes_s=0.2 if stdin == b"2" else 0))

    run(pool_of(server), 2)

    last = server.asked("GET", "/submissions/batch")[-1]
    assert len(last.query["tokens"].split(",")) == 1


def test_statuses_below_three_are_asked_for_again_and_all_others_are_final(fake):
    """S1.25"""
    for status in range(3, 13):
        server = fake(lambda source, stdin, status=status: Result(status, exit_code=1), looks=2)

        steps = run(pool_of(server), 1)

        assert len(server.asked("GET", "/submissions/batch")) == 3, status
        assert len([step for step in steps if isinstance(step, Ran)]) == 1, status
    for status in (13, 14):
        server = fake(lambda source, stdin, status=status: Result(status), looks=2)

        with pytest.raises(BackendFault):
            run(pool_of(server), 1)

        assert len(server.asked("GET", "/submissions/batch")) == 2 * 3, status


def test_a_pool_is_shared_by_many_threads(fake):
    """As many judgings at once as a worker has threads, each with its own cases."""
    pool = pool_of(fake(), read_timeout_s=10)
    seen = []

    def work():
        seen.append(outputs(run(pool, 5)))

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [all_of(5)] * 32


def test_a_run_tells_what_the_program_did(fake):
    steps = run(pool_of(fake(lambda source, stdin: exited(139))), 1)

    (ran,) = [step for step in steps if isinstance(step, Ran)]
    assert (ran.run.failure, ran.run.signal) == (Verdict.RTE, 11)


# --- Settings and health -------------------------------------------------------------------------------------


def test_the_settings_say_which_servers_there_are_and_what_each_is_told(fake, settings):
    first, second = fake(auth_token="one"), fake(auth_token="two")
    settings.JUDGE0_URLS = [first.url, second.url]
    settings.JUDGE0_HEADERS = [{"X-Auth-Token": "one"}, {"X-Auth-Token": "two"}]
    settings.JUDGE0_RANKS = [0, 1]
    settings.JUDGE0_POLL_MIN_S, settings.JUDGE0_POLL_MAX_S = 0.001, 0.02

    pool = Pool.from_settings()
    first.fail("500", method="POST")

    assert places(run(pool, 1)) == [(second.url, (1,))]
