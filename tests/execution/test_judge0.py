"""The client for one server: what it sends, what it makes of the answers, and what it calls the errors."""

import base64
import gzip
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.conf import settings

from execution import languages
from execution.breaker import BreakerRules, State
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendForbids,
    BackendRejected,
    BackendUnavailable,
    JudgingError,
    LanguageUnavailable,
    LimitsUnavailable,
    OptionsUnavailable,
)
from execution.judge0 import Judge0, Progress
from execution.pool import Backend, Pool, Sharing
from execution.shared import Shared
from execution.types import Limits, Run, Verdict
from submissions.connections import redis_client
from tests.dripping import DrippingJudge0, Streaming
from tests.execution.conftest import cases, finish, judged_by, right, submitted
from tests.fakes import Result, exited, internal_error, not_compiled, printed, timed_out

LIMITS = Limits(time_ms=1000, memory_kib=65536, output_kib=1)
CAP = 1024
PYTHON, CPP, C = (languages.LANGUAGES[n] for n in range(3))


def client_of(server, **headers):
    return Judge0(server.url, headers, connect_timeout_s=1, read_timeout_s=0.5)


def at_once(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def shown(fake, result, limits=LIMITS, **options):
    """What the client makes of a program that shows this."""
    client = client_of(fake(lambda source, stdin: result, looks=0, **options))
    (seen,) = client.fetch(client.submit(PYTHON, b"x", [b""], limits), limits)
    return seen


def ran(fake, result, limits=LIMITS, **options):
    seen = shown(fake, result, limits, **options)
    assert isinstance(seen, Run)
    return seen


def facts(**known):
    """What our engine says beside Judge0's fields."""
    nothing = {
        "killed": None,
        "signal": None,
        "oom": False,
        "stdout_truncated": False,
        "stderr_truncated": False,
    }
    return nothing | known


# --- What it sends -------------------------------------------------------------------------------------------


def test_every_request_is_for_json_and_in_base64_with_the_headers_of_this_server(fake):
    """S1.21"""
    server = fake(auth_token="t0ken")
    client = client_of(server, **{"X-Auth-Token": "t0ken"})

    client.fetch(client.submit(CPP, b"\xff\x00", [b"1 2", b""], LIMITS), LIMITS)

    assert all(request.headers["Accept"] == "application/json" for request in server.requests)
    batches = [request for request in server.requests if request.path == "/submissions/batch"]
    assert [request.query["base64_encoded"] for request in batches] == ["true", "true"]
    item = batches[0].body["submissions"][0]
    assert base64.b64decode(item["source_code"]) == b"\xff\x00"
    assert [stdin for _, stdin in server.runs] == [b"1 2", b""]


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (replace(LIMITS, time_ms=15_001), "time limit of 15.001 s"),
        (replace(LIMITS, memory_kib=512_001), "memory limit of 512001 KiB"),
        (replace(LIMITS, output_kib=4097), "output limit of 4097 KiB"),
    ],
)
def test_a_limit_that_the_server_cannot_give_is_refused_by_name_and_never_lowered(fake, limits, named):
    server = fake()

    with pytest.raises(LimitsUnavailable, match=named):
        client_of(server).submit(CPP, b"x", [b""], limits)

    assert server.runs == []


@pytest.mark.parametrize(
    "config", [{"enable_compiler_options": False}, {"allowed_languages_for_compile_options": ["C"]}]
)
def test_options_for_a_compiler_are_sent_and_a_server_that_takes_none_is_told_apart(fake, config):
    willing, other = fake(), fake(config=config)

    client_of(willing).submit(CPP, b"x", [b""], LIMITS, compiler_options="-Wall")
    with pytest.raises(OptionsUnavailable):
        client_of(other).submit(CPP, b"x", [b""], LIMITS, compiler_options="-Wall")
    client_of(other).submit(CPP, b"x", [b""], LIMITS)

    (sent,), (without,) = (
        one.asked("POST", "/submissions/batch")[0].body["submissions"] for one in (willing, other)
    )
    assert sent["compiler_options"] == "-Wall"
    assert "compiler_options" not in without


def test_the_wall_limit_is_cut_to_what_the_server_allows_but_never_below_the_cpu_limit(fake):
    server = fake()
    client = client_of(server)

    client.submit(CPP, b"x", [b""], replace(LIMITS, time_ms=15_000))

    (item,) = server.asked("POST", "/submissions/batch")[0].body["submissions"]
    assert (item["cpu_time_limit"], item["wall_time_limit"]) == (15.0, 20.0)


def test_a_server_whose_wall_limit_is_below_the_cpu_limit_is_refused(fake):
    with pytest.raises(LimitsUnavailable, match="time limit"):
        client_of(fake(config={"max_wall_time_limit": 2.0})).submit(
            CPP, b"x", [b""], replace(LIMITS, time_ms=3000)
        )


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ({71: "Python (3.8.1)", 92: "Python (3.11.2)", 70: "Python (2.7.17)"}, 92),
        ({71: "Python (2.7.17)", 34: "Python (3.4.4)"}, 34),
        ({1500: "Python (3.13.0)"}, 1500),
    ],
)
def test_a_language_is_found_by_released_id_if_the_name_agrees_and_else_by_name(fake, offered, expected):
    assert client_of(fake(languages=offered)).language_id(PYTHON) == expected


def test_neither_clang_nor_objective_c_is_taken_for_gcc(fake):
    client = client_of(
        fake(languages={75: "C (Clang 7.0.1)", 76: "C++ (Clang 7.0.1)", 79: "Objective-C (GCC 9)"})
    )

    for language in (C, CPP):
        with pytest.raises(LanguageUnavailable):
            client.language_id(language)


def test_what_a_server_says_of_itself_is_asked_for_once(fake):
    server = fake()
    client = client_of(server)

    for _ in range(3):
        client.submit(PYTHON, b"x", [b""], LIMITS)

    assert len(server.asked("GET", "/languages")) == len(server.asked("GET", "/config_info")) == 1


def test_many_threads_may_share_a_client(fake):
    server = fake(looks=0)
    client = client_of(server)
    outputs = []

    def work(number):
        tokens = client.submit(PYTHON, b"x", [b"%d" % number], LIMITS)
        (seen,) = client.fetch(tokens, LIMITS)
        outputs.append((number, int(seen.output)))

    at_once(*(lambda number=number: work(number) for number in range(32)))

    assert sorted(outputs) == [(number, number) for number in range(32)]


def test_what_programs_may_use_is_what_the_limits_say(fake):
    """S3.49: each limit that is changed changes what the server is told."""
    server = fake()
    client = client_of(server)

    client.submit(CPP, b"x", [b""], Limits(time_ms=1500, memory_kib=65_536, output_kib=64))
    client.submit(CPP, b"x", [b""], Limits(time_ms=3000, memory_kib=131_072, output_kib=1024))

    names = ("cpu_time_limit", "wall_time_limit", "memory_limit", "max_file_size", "enable_network")
    sent = [request.body["submissions"][0] for request in server.asked("POST", "/submissions/batch")]
    assert [tuple(item[name] for name in names) for item in sent] == [
        (1.5, 4.0, 65_536, 64, False),
        (3.0, 7.0, 131_072, 1024, False),
    ]


def test_a_callback_is_asked_for_with_each_run_and_only_if_one_is_wanted(fake):
    server = fake()
    client = client_of(server)

    client.submit(PYTHON, b"x", [b"1", b"2"], LIMITS, callback_url="http://127.0.0.1:1/here")
    client.submit(PYTHON, b"x", [b"3"], LIMITS)

    batches = [request.body["submissions"] for request in server.asked("POST", "/submissions/batch")]
    assert [[item.get("callback_url") for item in batch] for batch in batches] == [
        ["http://127.0.0.1:1/here"] * 2,
        [None],
    ]
    assert "callback_url" not in batches[1][0]


HOSTED = {"X-RapidAPI-Key": "k3y", "X-RapidAPI-Host": "judge0-ce.example.org"}


@pytest.mark.parametrize("headers", [HOSTED, {"X-Auth-Token": "k3y"}])
def test_a_hosted_judge0_gets_its_own_headers_with_every_request(fake, headers):
    server = fake(looks=0, demands=headers)
    client = client_of(server, **headers)

    (seen,) = client.fetch(client.submit(PYTHON, b"x", [b"7"], LIMITS), LIMITS)

    assert seen.output == b"7"
    with pytest.raises(BackendForbids, match="not subscribed"):
        client_of(server).ceilings()


# --- Deleting, and what else a server lets us do -------------------------------------------------------------

ADMIN = {"X-Auth-User": "adm"}
DELETING = {"enable_submission_delete": True}


@pytest.mark.parametrize(
    ("config", "headers", "deletes"),
    [
        (DELETING, ADMIN, True),
        (DELETING, {"x-auth-user": "adm"}, True),
        (DELETING, {}, False),
        ({}, ADMIN, False),
        ({"enable_submission_delete": None}, ADMIN, False),
    ],
)
def test_deleting_works_where_the_server_allows_it_and_we_have_the_second_token(
    fake, config, headers, deletes
):
    assert client_of(fake(config=config), **headers).ceilings().deletes is deletes


@pytest.mark.parametrize("enabled", [True, False])
def test_a_server_says_whether_it_calls_back(fake, enabled):
    assert client_of(fake(config={"enable_callbacks": enabled})).ceilings().callbacks is enabled


def test_what_a_server_does_not_say_it_allows_it_does_not_allow(fake):
    server = fake()
    del server.config["enable_callbacks"], server.config["enable_submission_delete"]

    ceilings = client_of(server, **ADMIN).ceilings()

    assert (ceilings.callbacks, ceilings.deletes) == (False, False)


def test_our_engine_forgets_by_itself_deletes_and_does_not_call_back(engine):
    client = Judge0(engine, {"X-Auth-Token": settings.ENGINE_AUTH_TOKEN})
    (token,) = client.submit(PYTHON, b"print(1)", [b""], Limits())
    while not isinstance(client.fetch([token], Limits())[0], Run):
        time.sleep(0.02)

    ceilings = client.ceilings()

    assert (ceilings.forgets_by_itself, ceilings.deletes, ceilings.callbacks) == (True, True, False)
    assert client.delete(token)
    assert client.fetch([token], Limits()) == [Progress.LOST]


def test_what_is_deleted_is_lost_and_may_be_deleted_again(fake):
    server = fake(looks=0, authz_token="adm", config=DELETING)
    client = client_of(server, **ADMIN)
    tokens = client.submit(PYTHON, b"x", [b"1", b"2"], LIMITS)

    assert [client.delete(tokens[0]), client.delete(tokens[0])] == [True, True]

    lost, kept = client.fetch(tokens, LIMITS)
    assert (lost, kept.output) == (Progress.LOST, b"2")


def test_what_still_waits_or_runs_is_not_deleted(fake):
    client = client_of(fake(looks=2, authz_token="adm", config=DELETING), **ADMIN)
    (token,) = client.submit(PYTHON, b"x", [b""], LIMITS)

    assert [client.delete(token) for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    ("authz", "config", "error"),
    [("adm", {}, BackendRejected), ("other", DELETING, BackendForbids), ("", DELETING, BackendForbids)],
)
def test_a_server_that_does_not_let_us_delete_refuses(fake, authz, config, error):
    client = client_of(fake(looks=0, authz_token=authz, config=config), **ADMIN)
    (token,) = client.submit(PYTHON, b"x", [b""], LIMITS)

    with pytest.raises(error):
        client.delete(token)


# --- Connections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_connections_are_opened_than_are_allowed(fake, most):
    server = fake()
    server.fail("slow")
    client = Judge0(server.url, connections=most)

    at_once(*[client.queue] * 6)

    assert (server.connections, len(server.requests)) == (most, 6)


def test_a_connection_is_used_again_by_whoever_comes_next(fake):
    server = fake()
    client = client_of(server)

    for _ in range(3):
        at_once(client.queue)

    assert server.connections == 1


def test_who_finds_no_connection_free_is_told_that_the_server_is_busy(fake):
    """Not that it is away: what keeps the others waiting may be as slow as it likes."""
    server = fake()
    server.fail("slow")
    client = Judge0(server.url, connections=1)
    other = threading.Thread(target=client.queue)
    other.start()
    while not server.requests:
        time.sleep(0.001)

    with pytest.raises(BackendBusy, match="connections"):
        client.offered(0.01)

    other.join()
    assert client.queue().workers == 2


def test_connections_are_free_again_whatever_became_of_the_request(fake):
    server = fake()
    client = Judge0(server.url, connections=1, read_timeout_s=0.2)

    for fault in ("half", "stall", "broken", "hang", "garbage", "500"):
        server.fail(fault)
        with pytest.raises(JudgingError):
            client.queue()
        server.mend()

    assert client.queue().workers == 2


def test_a_forked_process_does_not_speak_on_its_parents_connections(fake):
    """As RQ's own worker makes one for each job: two that read from one socket get each other's answers."""
    server = fake()
    client = client_of(server)
    client.queue()

    child = os.fork()
    if not child:
        try:
            client.queue()
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert (server.connections, len(server.requests)) == (2, 2)


def test_a_proxy_of_the_environment_does_not_come_between_us_and_a_server(fake, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    assert client_of(fake()).queue().workers == 2


# --- Once more, and for how long -----------------------------------------------------------------------------


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_request_whose_connection_broke_is_sent_again_as_often_as_is_allowed(fake, retries):
    server = fake()
    client = Judge0(server.url, retries=retries)

    server.fail("broken", times=retries)
    client.queue()
    server.fail("broken")
    with pytest.raises(BackendUnavailable):
        client.queue()

    assert len(server.requests) == 2 * (retries + 1)


@pytest.mark.parametrize(
    "fault", ["hang", "stall", "half", "500", "502", "503", "queue_full", "429", "400", "401", "404", "422"]
)
def test_nothing_else_is_sent_again(fake, fault):
    """S1.17, S1.18, S1.19 (in part): a timeout, a 5xx and a 4xx each end a call that was made once."""
    server = fake()
    server.fail(fault)

    with pytest.raises(JudgingError):
        Judge0(server.url, read_timeout_s=0.2, retries=5).queue()

    assert len(server.requests) == 1


@pytest.mark.parametrize(("timeout_s", "at_most_s"), [(0.05, 0.5), (0.5, 2)])
@pytest.mark.parametrize("fault", ["hang", "stall"])
def test_a_server_that_falls_silent_is_abandoned_after_the_configured_time(fake, fault, timeout_s, at_most_s):
    server = fake()
    server.fail(fault)
    began = time.monotonic()

    with pytest.raises(BackendUnavailable):
        Judge0(server.url, read_timeout_s=timeout_s).queue()

    assert timeout_s <= time.monotonic() - began < at_most_s


@pytest.mark.parametrize(("timeout_s", "at_most_s"), [(0.05, 0.5), (0.5, 2)])
def test_a_server_that_takes_no_connections_is_abandoned_after_the_configured_time(timeout_s, at_most_s):
    """S1.13: its backlog is full, so that it answers neither yes nor no."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        began = time.monotonic()

        with pytest.raises(BackendUnavailable, match="ConnectTimeout"):
            Judge0(
                f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_timeout_s=timeout_s, retries=5
            ).queue()

    assert timeout_s <= time.monotonic() - began < at_most_s


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = {
    "its status": (b"HTTP/1.1 200 O", b"K"),
    "headers": (OK, b"X-More: and more\r\n"),
    "one header": (OK + b"X-More: ", b"x"),
    "a body": (OK + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a body without an end": (OK + b"Connection: close\r\n\r\n", b" "),
    "promises": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an error": (b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\n", b" "),
}


@pytest.mark.parametrize(("head", "piece"), DRIPS.values(), ids=DRIPS.keys())
def test_an_answer_that_drips_is_abandoned_after_twice_the_time_in_which_it_had_to_begin(head, piece):
    """S1.13 (in part): no time-out of a single read ends it."""
    with Streaming(head, piece, every_s=0.02) as server:
        began = time.monotonic()

        with pytest.raises(BackendUnavailable):
            Judge0(server.url, read_timeout_s=0.3).queue()

        assert 0.25 <= time.monotonic() - began < 1.5


def test_an_answer_that_is_slow_but_comes_to_its_end_in_time_is_taken():
    answer = b'[{"size": 7, "available": 2}]'
    head = OK + b"Content-Length: %d\r\n\r\n" % (len(answer) + 10)
    with Streaming(head, b" ", every_s=0.04) as server:
        server.pieces = [head, *[b" "] * 10, answer]

        assert Judge0(server.url, read_timeout_s=0.3).queue().waiting == 7


def test_a_connection_is_kept_for_the_next_request_after_a_slow_answer_and_has_its_whole_time_again(fake):
    server = fake()
    server.fail("slow")
    client = Judge0(server.url, read_timeout_s=0.15)

    with pytest.raises(BackendUnavailable):
        client.queue()
    server.mend()

    assert [client.queue().workers for _ in range(3)] == [2, 2, 2]
    assert server.connections == 2


def test_a_server_that_drips_is_passed_over_by_a_judging_that_has_its_runs_there(fake):
    """S1.17 (in part)"""
    behind, healthy = fake(), fake()
    with DrippingJudge0(behind.url, for_whom=b"print") as dripping:
        pool = Pool(
            [Backend(dripping.url), Backend(healthy.url, rank=1)],
            read_timeout_s=0.2,
            poll_min_s=0.001,
            poll_max_s=0.02,
            sharing=Sharing(Shared(redis_client()), breaker=BreakerRules(failures=1)),
        )

        steps = judged_by(pool, cases(right(2)))

        assert finish(steps).verdict is Verdict.AC
        assert [step.backend for step in submitted(steps)] == [dripping.url, healthy.url, healthy.url]
        assert pool.breakers[dripping.url].state() is State.OPEN


def test_an_answer_without_an_end_is_not_read_into_memory():
    """It is given up as soon as it is longer than it can be, though it comes quickly."""
    with Streaming(OK + b"Connection: close\r\n\r\n[", b"1," * 500_000) as server:
        began = time.monotonic()

        with pytest.raises(BackendFault, match="more than"):
            Judge0(server.url, read_timeout_s=60).queue()

        assert time.monotonic() - began < 10


def test_an_answer_that_unfolds_without_an_end_is_not_either():
    bomb = gzip.compress(b"[" + b"1," * 50_000_000)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with Streaming(head + bomb) as server, pytest.raises(BackendFault, match="more than"):
        Judge0(server.url, read_timeout_s=60).queue()


def test_all_that_programs_may_print_fits_into_an_answer(fake):
    """On both channels, with as much from the compiler."""
    most = b"\xff" * 4096 * 1024
    limits = replace(LIMITS, output_kib=4096)

    run = ran(fake, Result(stdout=most, stderr=most, compile_output=most, exit_code=0), limits)

    assert (len(run.output), len(run.stderr), len(run.compile_output)) == (len(most),) * 3


def test_more_than_a_program_may_print_does_not(fake):
    server = fake(lambda source, stdin: printed(b"a" * 8_000_000), looks=0)
    client = client_of(server)
    tokens = client.submit(PYTHON, b"x", [b""], LIMITS)

    with pytest.raises(BackendFault):
        client.fetch(tokens, LIMITS)


# --- As the settings say -------------------------------------------------------------------------------------


def server_of(settings, *servers, **values):
    """The last of these servers as the settings make it."""
    settings.JUDGE0_URLS = [server if isinstance(server, str) else server.url for server in servers]
    settings.JUDGE0_HEADERS = values.pop("JUDGE0_HEADERS", [{} for _ in servers])
    settings.JUDGE0_RANKS = list(range(len(servers)))
    for name, value in values.items():
        setattr(settings, name, value)
    return Pool.from_settings().servers[-1]


@pytest.mark.parametrize("most", [2, 4])
def test_the_setting_decides_how_many_connections_there_are(fake, settings, most):
    """S3.47"""
    server = fake()
    server.fail("slow")

    at_once(*[server_of(settings, server, JUDGE0_CONNECTIONS=most).queue] * 4)

    assert server.connections == most


@pytest.mark.parametrize("retries", [0, 2])
def test_the_setting_decides_how_many_retries_there_are(fake, settings, retries):
    """S3.48"""
    server = fake()
    server.fail("broken")

    with pytest.raises(BackendUnavailable):
        server_of(settings, server, JUDGE0_RETRIES=retries).queue()

    assert len(server.requests) == retries + 1


@pytest.mark.parametrize(("timeout_s", "at_most_s"), [(0.05, 0.5), (0.5, 2)])
def test_the_setting_decides_how_long_a_silent_server_is_waited_for(fake, settings, timeout_s, at_most_s):
    """S1.13, S3.46"""
    server = fake()
    server.fail("hang")
    began = time.monotonic()

    with pytest.raises(BackendUnavailable):
        server_of(settings, server, JUDGE0_READ_TIMEOUT_S=timeout_s).queue()

    assert timeout_s <= time.monotonic() - began < at_most_s


@pytest.mark.parametrize("headers", [HOSTED, {"X-Auth-Token": "k3y"}])
def test_a_hosted_judge0_is_a_member_of_a_pool(fake, settings, headers):
    """S4.6: it takes over when our own is away, with headers that are for it alone."""
    ours, hosted = fake(), fake(looks=0, demands=headers)
    ours.fail("500")
    server_of(settings, ours, hosted, JUDGE0_HEADERS=[{"X-Auth-Token": "ours"}, headers])

    steps = judged_by(Pool.from_settings(), cases(right(3)))

    assert finish(steps).verdict is Verdict.AC
    assert {step.backend for step in submitted(steps)} == {hosted.url}
    assert all(request.headers.get("X-Auth-Token") == "ours" for request in ours.requests)
    assert not any("ours" in request.headers.values() for request in hosted.requests)


# --- What it makes of runs -----------------------------------------------------------------------------------


def test_a_token_is_queued_then_running_then_shows_a_run(fake):
    client = client_of(fake(looks=2))
    tokens = client.submit(PYTHON, b"x", [b"hello"], LIMITS)

    first, second, third = (client.fetch(tokens, LIMITS)[0] for _ in range(3))

    assert (first, second) == (Progress.QUEUED, Progress.RUNNING)
    assert isinstance(third, Run)
    assert (third.failure, third.output, third.exit_code) == (None, b"hello", 0)


def test_a_token_that_the_server_does_not_know_is_lost(fake):
    client = client_of(fake())

    assert client.fetch(["00000000-0000-0000-0000-000000000000"], LIMITS) == [Progress.LOST]


def test_more_tokens_than_a_batch_holds_are_asked_for_in_several(fake):
    client = client_of(fake(looks=0))
    inputs = [b"%d" % n for n in range(45)]
    tokens = [
        token for n in range(0, 45, 20) for token in client.submit(PYTHON, b"x", inputs[n : n + 20], LIMITS)
    ]

    assert [seen.output for seen in client.fetch(tokens, LIMITS)] == inputs


def test_long_and_binary_output_survives_judge0s_line_breaks(fake):
    data = bytes(range(256)) * 40

    run = ran(fake, Result(stdout=data, stderr=data[::-1]), replace(LIMITS, output_kib=64))

    assert (run.output, run.stderr) == (data, data[::-1])


def test_no_output_is_null_and_means_empty(fake):
    assert ran(fake, printed(b"")).output == b""


@pytest.mark.parametrize(("code", "signal"), [(139, 11), (136, 8), (134, 6), (159, 31)])
def test_exit_code_128_plus_n_is_signal_n(fake, code, signal):
    run = ran(fake, exited(code))

    assert (run.failure, run.signal, run.exit_code) == (Verdict.RTE, signal, None)


@pytest.mark.parametrize("code", [1, 3, 127, 128, 160, 255])
def test_other_exit_codes_are_the_programs_own(fake, code):
    run = ran(fake, exited(code))

    assert (run.failure, run.signal, run.exit_code) == (Verdict.RTE, None, code)


@pytest.mark.parametrize(("status", "signal"), [(7, 11), (8, 24), (9, 8), (10, 6), (12, 9)])
def test_a_shell_that_is_hit_itself_is_a_runtime_error_with_that_signal(fake, status, signal):
    run = ran(fake, Result(status, exit_code=0, exit_signal=signal, message=f"Caught fatal signal {signal}"))

    assert (run.failure, run.signal, run.exit_code) == (Verdict.RTE, signal, None)


def test_an_endless_loop_is_a_time_limit_and_its_output_so_far_is_kept(fake):
    run = ran(fake, timed_out(b"so far", time="1.02"))

    assert (run.failure, run.output, run.time_ms, run.exit_code) == (Verdict.TLE, b"so far", 1020, None)


def test_a_compile_error_has_the_compilers_words_and_used_nothing(fake):
    run = ran(fake, not_compiled("‘main’".encode() + b"\xff"))

    assert (run.failure, run.compile_output) == (Verdict.CE, "‘main’".encode() + b"\xff")
    assert (run.time_ms, run.memory_kib, run.exit_code, run.signal) == (0, 0, None, None)


# Memory: Judge0 has no status for it.


@pytest.mark.parametrize("memory", [65536, 65000, 70000])
def test_killed_with_its_memory_at_the_limit_is_a_memory_limit(fake, memory):
    assert ran(fake, exited(137, memory=memory)).failure is Verdict.MLE


def test_killed_far_below_the_memory_limit_is_a_runtime_error(fake):
    assert ran(fake, exited(137, memory=40_000)).failure is Verdict.RTE


@pytest.mark.parametrize("result", [printed(b"1", memory=65536), exited(1, memory=65536)])
def test_memory_at_the_limit_alone_is_no_failure_since_it_counts_the_page_cache(fake, result):
    assert ran(fake, result).failure is not Verdict.MLE


def test_a_shell_killed_with_its_memory_at_the_limit_is_a_memory_limit(fake):
    assert ran(fake, Result(12, exit_signal=9, memory=65536)).failure is Verdict.MLE


# Output: files end at the limit.


def test_a_program_killed_for_its_output_broke_the_output_limit(fake):
    run = ran(fake, exited(153, b"a" * CAP))

    assert (run.failure, run.truncated, len(run.output)) == (Verdict.OLE, True, CAP)


@pytest.mark.parametrize("texts", [{"stdout": b"a" * CAP}, {"stderr": b"a" * CAP}])
def test_a_program_that_fails_with_its_output_at_the_limit_broke_it(fake, texts):
    """As Python does: its write raises OSError, and it exits 1."""
    assert ran(fake, Result(11, exit_code=1, **texts)).failure is Verdict.OLE


def test_a_program_that_ends_well_may_print_exactly_as_much_as_is_allowed(fake):
    run = ran(fake, printed(b"a" * CAP))

    assert (run.failure, run.truncated) == (None, False)


def test_the_graver_limit_wins(fake):
    """OLE > MLE > TLE > RTE"""
    assert ran(fake, timed_out(b"a" * CAP)).failure is Verdict.OLE
    assert ran(fake, exited(137, b"a" * CAP, memory=65536)).failure is Verdict.OLE


# Our engine says more.


@pytest.mark.parametrize(
    ("result", "failure"),
    [
        (exited(137, memory=30_000, engine=facts(killed="memory", signal=9, oom=True)), Verdict.MLE),
        (exited(1, engine=facts(oom=True)), Verdict.MLE),
        (exited(137, memory=65536, engine=facts(signal=9)), Verdict.RTE),
        (exited(1, b"a", engine=facts(killed="output", stdout_truncated=True)), Verdict.OLE),
        (timed_out(engine=facts(killed="cpu", signal=9)), Verdict.TLE),
        (timed_out(engine=facts(killed="cpu", stdout_truncated=True)), Verdict.OLE),
        (exited(137, engine=facts(killed="inodes", signal=9)), Verdict.RTE),
        (printed(b"a" * CAP, engine=facts()), None),
        (not_compiled(b"no", engine=facts()), Verdict.CE),
    ],
)
def test_where_our_engine_says_what_happened_nothing_is_guessed(fake, result, failure):
    assert ran(fake, result, engine=True).failure is failure


def test_our_engine_tells_a_signal_from_an_exit_code_that_looks_like_one(fake):
    own = ran(fake, exited(139, engine=facts()), engine=True)
    hit = ran(fake, exited(139, engine=facts(signal=11)), engine=True)

    assert ((own.exit_code, own.signal), (hit.exit_code, hit.signal)) == ((139, None), (None, 11))


def test_a_judge0_is_never_asked_for_the_engines_field_since_it_refuses_unknown_ones(fake):
    server = fake(looks=0)
    client = client_of(server)

    client.fetch(client.submit(PYTHON, b"x", [b""], LIMITS), LIMITS)

    assert "engine" not in server.asked("GET", "/submissions/batch")[0].query["fields"]


# Nonsense.


@pytest.mark.parametrize("status", [0, 13, 14, 15, 99])
def test_a_judge_that_failed_at_a_program_is_no_verdict(fake, status):
    assert shown(fake, Result(status)) is Progress.FAULTY


@pytest.mark.parametrize(
    "result",
    [
        internal_error(),
        Result(time="soon"),
        Result(time="nan"),
        Result(time="1e999"),
        Result(time="-1"),
        Result(memory="much"),
        Result(11, exit_code="three"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_verdict(fake, result):
    assert shown(fake, result) is Progress.FAULTY


HUGE = int("9" * 30)


@pytest.mark.parametrize(
    "result",
    [
        Result(exit_code=HUGE),
        Result(exit_code=-1),
        Result(exit_code=""),
        Result(exit_code=[0]),
        Result(exit_code=1.5),
        Result(12, exit_signal=HUGE),
        Result(memory=HUGE),
        Result(memory=-1),
        Result(memory=float("nan")),
        Result(memory=float("inf")),
        Result(time="1e300"),
        Result(wall_time="3000000"),
    ],
)
def test_a_number_that_nothing_can_have_is_no_verdict(fake, result):
    """The database has no room for it."""
    assert shown(fake, result) is Progress.FAULTY


@pytest.mark.parametrize("signal", [HUGE, -9, "nine", [9]])
def test_a_signal_that_there_is_not_is_no_verdict_of_our_engine_either(fake, signal):
    assert shown(fake, exited(1, engine=facts(signal=signal)), engine=True) is Progress.FAULTY


def _answering(status, body):
    return Streaming(b"HTTP/1.1 %d So\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


DEEP = b"[" * 100_000
LESS_DEEP = b"[" * 900 + b"1" + b"]" * 900


@pytest.mark.parametrize(
    "body",
    [
        b'[{"size": 1e999, "available": 2}]',
        b'[{"size": NaN, "available": 2}]',
        b'[{"size": -1, "available": 2}]',
        b'[{"size": null, "available": 2}]',
        b'[{"size": [], "available": 2}]',
        b'[{"size": "9999999999999999999999", "available": 2}]',
        b'[{"id": 1e999, "name": "x"}]',
        b'[{"id": 71, "size": 1, "available": 1, "name": ' + LESS_DEEP + b"}, 1]",
        b'{"max_submission_batch_size": 1e999}',
        b"7",
        b"null",
        b'"text"',
        b"[1]",
        b"[[]]",
        DEEP,
        LESS_DEEP,
        b"\xff\xfe",
        b"9" * 10_000,
    ],
)
def test_whatever_a_server_says_of_itself_the_worst_is_that_it_is_not_judge0s(body):
    """S1.18 (in part): nothing else is raised, whoever asks."""
    for ask in (
        lambda client: client.queue(),
        lambda client: client.offered(1),
        lambda client: client.ceilings(),
    ):
        with _answering(200, body) as server, pytest.raises(BackendFault, match="not Judge0's"):
            ask(Judge0(server.url))


@pytest.mark.parametrize("status", [400, 401, 422, 500])
@pytest.mark.parametrize(
    "body", [DEEP, LESS_DEEP, b'{"field": [' + LESS_DEEP + b"]}", b'{"error": 1e999}', b"[1e999]", b"\xff"]
)
def test_a_refusal_in_odd_words_is_a_refusal_without_words(status, body):
    with _answering(status, body) as server, pytest.raises(JudgingError, match=f"answered {status}\\."):
        Judge0(server.url).queue()


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", 0, -1])
@pytest.mark.parametrize(
    "name", ["max_cpu_time_limit", "max_wall_time_limit", "max_memory_limit", "max_max_file_size"]
)
def test_a_limit_under_which_nothing_can_run_is_nonsense(fake, name, value):
    server = fake(config={name: float(value)})

    with pytest.raises(BackendFault):
        client_of(server).ceilings()


def test_a_limit_that_is_as_good_as_none_is_no_trouble(fake):
    ceilings = client_of(fake(config={"max_cpu_time_limit": 1e300, "max_memory_limit": HUGE})).ceilings()

    assert ceilings.cpu_s == ceilings.memory_kib == 2**31 - 1


@pytest.mark.parametrize("token", ["", "a/../b", "a,b", "null\x00", "x" * 65, "ü"])
def test_a_token_that_could_not_be_asked_for_is_nonsense(fake, token):
    server = fake()
    answer = server.answer
    server.answer = lambda request: (201, [{"token": token}]) if request.method == "POST" else answer(request)

    with pytest.raises(BackendFault):
        client_of(server).submit(PYTHON, b"x", [b""], LIMITS)


@pytest.mark.parametrize("order", [[1, 0], [0, 0]])
def test_runs_in_another_order_than_was_asked_for_are_nobodys(fake, order):
    """A server, or what stands before it, that mixes them up would give one's output to another's case."""
    server = fake(looks=0)
    client = client_of(server)
    tokens = client.submit(PYTHON, b"x", [b"1", b"2"], LIMITS)
    answer = server.answer

    def mixed_up(request):
        status, body = answer(request)
        if request.method == "GET" and "submissions" in body:
            body["submissions"] = [body["submissions"][index] for index in order]
        return status, body

    server.answer = mixed_up

    with pytest.raises(BackendFault, match="not Judge0's"):
        client.fetch(tokens, LIMITS)


STATUS_IS_ENOUGH = ("404", "garbage", "nested", "wrong_shape")  # for deleting


# --- What it calls the errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("500", BackendUnavailable),
        ("503", BackendUnavailable),
        ("maintenance", BackendUnavailable),
        ("hang", BackendUnavailable),
        ("half", BackendUnavailable),
        ("broken", BackendUnavailable),
        ("queue_full", BackendBusy),
        ("429", BackendBusy),
        ("401", BackendForbids),
        ("404", BackendForbids),
        ("302", BackendForbids),
        ("stall", BackendUnavailable),
        ("garbage", BackendFault),
        ("nested", BackendFault),
        ("wrong_shape", BackendFault),
    ],
)
def test_each_trouble_has_its_name_whatever_is_asked(fake, fault, error):
    server = fake()
    client = client_of(server)
    tokens = client.submit(PYTHON, b"x", [b""], LIMITS)
    server.fail(fault)

    for ask in (
        lambda: client.submit(PYTHON, b"x", [b""], LIMITS),
        lambda: client.fetch(tokens, LIMITS),
        lambda: client_of(server).ceilings(),
        lambda: client.offered(0.5),
        lambda: client.queue(),
        *([] if fault in STATUS_IS_ENOUGH else [lambda: client.delete(tokens[0])]),
    ):
        with pytest.raises(JudgingError) as caught:
            ask()
        assert type(caught.value) is error


def test_only_what_was_sent_can_be_refused_not_a_question(fake):
    """A 400 for a GET is not Judge0's: there is no body that could be at fault."""
    server = fake()
    client = client_of(server)
    tokens = client.submit(PYTHON, b"x", [b""], LIMITS)
    server.fail("400")

    with pytest.raises(BackendRejected):
        client.submit(PYTHON, b"x", [b""], LIMITS)
    with pytest.raises(BackendFault):
        client.fetch(tokens, LIMITS)


def test_nobody_there_is_unavailable():
    with pytest.raises(BackendUnavailable):
        Judge0("http://127.0.0.1:1").ceilings()


def test_a_busy_server_may_say_when_to_come_back(fake):
    server = fake()
    server.fail("429", times=1, headers={"Retry-After": "7"})
    server.fail("429", headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
    client = client_of(server)

    said = []
    for _ in range(2):
        with pytest.raises(BackendBusy) as caught:
            client.ceilings()
        said.append(caught.value.retry_after_s)

    assert said == [7.0, None]


def test_a_refusal_quotes_the_servers_own_words(fake):
    server = fake(languages={71: "Python (3.8.1)"})
    client = client_of(server)

    with pytest.raises(BackendRejected, match=r"422: source_code can't be blank") as caught:
        client.submit(PYTHON, b" \n", [b"sekret"], LIMITS)

    assert "sekret" not in str(caught.value)


def test_one_refused_item_of_a_batch_is_a_refusal(fake):
    """Judge0 answers 201 when it took some of a batch; the refused ones are error objects among the tokens."""
    server = fake()
    client = client_of(server)
    server.refuse = lambda stdin: {"stdin": ["is too long"]} if stdin == b"2" else None

    with pytest.raises(BackendRejected, match="stdin is too long"):
        client.submit(PYTHON, b"x", [b"1", b"2"], LIMITS)


def test_credentials_are_not_carried_to_where_a_server_points(fake):
    other = fake()
    server = fake()
    server.fail("302", headers={"Location": f"{other.url}/languages"})

    with pytest.raises(BackendForbids):
        client_of(server, **{"X-Auth-Token": "t0ken"}).offered(0.5)

    assert other.requests == []


def test_it_says_how_long_its_queue_is(fake):
    server = fake()
    server.workers[0]["size"] = 7

    queue = client_of(server).queue()

    assert (queue.waiting, queue.workers) == (7, 2)


def test_a_judge0_that_never_had_a_job_lists_no_queue(fake):
    server = fake()
    server.workers.clear()

    assert client_of(server).queue().waiting == 0
