"""The client for one server: what it sends, what it makes of the answers, and what it calls the errors."""

import base64
import threading
from dataclasses import replace

import pytest

from execution import languages
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendRejected,
    BackendUnavailable,
    JudgingError,
    LanguageUnavailable,
)
from execution.judge0 import Judge0, Progress
from execution.types import Limits, Run, Verdict
from tests.fakes import Result, exited, internal_error, not_compiled, printed, timed_out

LIMITS = Limits(time_ms=1000, memory_kib=65536, output_kib=1)
CAP = 1024
PYTHON, CPP, C = (languages.LANGUAGES[n] for n in range(3))


def client_of(server, **headers):
    return Judge0(server.url, headers, connect_timeout_s=1, read_timeout_s=0.5)


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

    with pytest.raises(BackendRejected, match=named):
        client_of(server).submit(CPP, b"x", [b""], limits)

    assert server.runs == []


def test_the_wall_limit_is_cut_to_what_the_server_allows_but_never_below_the_cpu_limit(fake):
    server = fake()
    client = client_of(server)

    client.submit(CPP, b"x", [b""], replace(LIMITS, time_ms=15_000))

    (item,) = server.asked("POST", "/submissions/batch")[0].body["submissions"]
    assert (item["cpu_time_limit"], item["wall_time_limit"]) == (15.0, 20.0)


def test_a_server_whose_wall_limit_is_below_the_cpu_limit_is_refused(fake):
    with pytest.raises(BackendRejected, match="time limit"):
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

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outputs) == [(number, number) for number in range(32)]


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
        ("400", BackendRejected),
        ("401", BackendRejected),
        ("404", BackendRejected),
        ("302", BackendRejected),
        ("garbage", BackendFault),
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
    ):
        with pytest.raises(JudgingError) as caught:
            ask()
        assert type(caught.value) is error


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

    with pytest.raises(BackendRejected):
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
