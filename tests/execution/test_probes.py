"""Tiny known programs: who lies about them, and what is known of that afterwards."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.conf import settings

from execution import languages
from execution.errors import BackendBusy, BackendUnavailable, LanguageUnavailable
from execution.judge0 import Judge0
from execution.probes import PROGRAMS, Probed, Probes, Standing, probe
from execution.shared import Shared
from submissions.connections import redis_client
from tests.fakes import Result, exited, internal_error, not_compiled, printed, timed_out
from tests.truth import Wavering, honest, lying

PYTHON = languages.get("python")
NOWHERE = "unix:///nowhere/redis.sock"
URL = "http://judge-1"


def server_of(fake) -> Judge0:
    return Judge0(fake.url, connect_timeout_s=1, read_timeout_s=1)


def probes(every_s: float = 30.0) -> Probes:
    """What one worker knows; each call is another worker."""
    return Probes(Shared(redis.Redis.from_url(settings.REDIS_URL)), every_s)


# --- One probe -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages.LANGUAGES, ids=lambda one: one.slug)
def test_a_real_engine_passes_in_every_language(engine, language):
    headers = settings.JUDGE0_HEADERS[0]

    assert probe(Judge0(engine, headers), language) == ""


def test_every_language_is_probed():
    assert set(PROGRAMS) == {one.slug for one in languages.LANGUAGES}


def test_a_server_that_tells_the_truth_passes_with_one_batch_of_two_runs(fake):
    judge0 = fake(honest)

    assert probe(server_of(judge0), PYTHON) == ""

    assert len(judge0.asked("POST", "/submissions/batch")) == 1
    assert len(judge0.runs) == 2


def test_a_server_that_takes_one_program_at_a_time_passes_too(fake):
    judge0 = fake(honest, config={"max_submission_batch_size": 1})

    assert probe(server_of(judge0), PYTHON) == ""


def test_a_server_that_gives_little_is_asked_for_no_more(fake):
    judge0 = fake(
        honest,
        config={
            "max_cpu_time_limit": 2.0,
            "max_wall_time_limit": 3.0,
            "max_memory_limit": 64_000,
            "max_max_file_size": 16,
        },
    )

    assert probe(server_of(judge0), PYTHON) == ""


def test_no_two_probes_are_alike_so_that_no_kept_answer_passes(fake):
    judge0 = fake(honest)

    probe(server_of(judge0), PYTHON)
    probe(server_of(judge0), PYTHON)

    assert len(set(judge0.runs)) == 4


def _right(stdin: bytes) -> bytes:
    return honest(b"", stdin).stdout


LIES = {
    "one digit is wrong": lying,
    "all programs end well": lambda source, stdin: printed(_right(stdin)),
    "all programs fail": lambda source, stdin: exited(3, _right(stdin)),
    "the exit code is another": lambda source, stdin: (
        exited(4, _right(stdin)) if stdin.endswith(b" 3\n") else printed(_right(stdin))
    ),
    "nothing is printed": lambda source, stdin: exited(3) if stdin.endswith(b" 3\n") else printed(b""),
    "the input is printed": lambda source, stdin: printed(stdin),
    "nothing compiles": lambda source, stdin: not_compiled(b"gcc: cannot execute cc1plus\nmore"),
    "all takes too long": lambda source, stdin: timed_out(_right(stdin)),
    "the server fails": lambda source, stdin: internal_error(),
    "what it says makes no sense": lambda source, stdin: Result(3, time="soon"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_server_that_says_something_wrong_is_found_out(fake, lie):
    judge0 = fake(lie)

    words = probe(server_of(judge0), PYTHON)

    assert words.endswith(".")
    assert judge0.url not in words


def test_what_was_wrong_is_said_with_what_was_shown(fake):
    server = server_of(fake(LIES["nothing compiles"]))

    words = probe(server, PYTHON)

    assert words == "A program that exits with 0: it says “Compile error” (gcc: cannot execute cc1plus)."


@pytest.mark.parametrize("fault", ["400", "422", "wrong_shape"])
def test_a_server_that_refuses_known_programs_or_answers_nonsense_is_of_no_use(fake, fault):
    judge0 = fake(honest)
    server = server_of(judge0)
    server.ceilings()
    judge0.fail(fault, method="POST")

    words = probe(server, PYTHON)

    assert words.startswith("It ")
    assert judge0.url not in words


def test_a_server_that_loses_its_programs_is_of_no_use(fake):
    judge0 = fake(honest)
    judge0.is_forgetful = True

    assert probe(server_of(judge0), PYTHON) == "It lost a program."


@pytest.mark.parametrize(
    ("status", "words"), [(1, "It did not begin to run a program"), (2, "It did not bring a tiny program")]
)
def test_a_server_that_never_ends_a_program_is_of_no_use(fake, status, words):
    """A Judge0 whose worker was killed says “Processing” for ever."""
    judge0 = fake(honest)
    judge0.stuck_at = status

    assert probe(server_of(judge0), PYTHON, patience_s=0.1).startswith(words)


def test_of_a_server_with_a_long_queue_nothing_can_be_said(fake):
    judge0 = fake(honest)
    judge0.stuck_at = 1
    judge0.workers[0] |= {"size": 60, "available": 2}

    with pytest.raises(BackendBusy):
        probe(server_of(judge0), PYTHON, patience_s=0.1)


def test_a_program_that_waited_long_has_its_time_to_run(fake):
    """The queue is not its fault; and what waits there says nothing of the server."""
    judge0 = fake(honest, looks=0)
    judge0.stuck_at = 1
    judge0.workers[0] |= {"size": 60, "available": 2}
    threading.Timer(0.7, lambda: setattr(judge0, "stuck_at", 2)).start()
    threading.Timer(1.9, lambda: setattr(judge0, "stuck_at", None)).start()

    assert probe(server_of(judge0), PYTHON, patience_s=1) == ""


def test_a_server_that_says_queued_and_running_by_turns_does_not_keep_us_for_ever(fake):
    judge0 = fake(honest)
    judge0.stuck_at = 2
    looks = iter(range(10_000))

    def turn() -> None:
        judge0.stuck_at = 1 + next(looks) % 2

    began = time.monotonic()
    assert probe(server_of(judge0), PYTHON, patience_s=0.2, beat=turn) != ""
    assert time.monotonic() - began < 3


def test_where_the_queue_is_kept_secret_a_program_that_never_starts_is_the_servers_fault(fake):
    judge0 = fake(honest)
    judge0.stuck_at = 1
    judge0.fail("404", path="/workers")

    assert probe(server_of(judge0), PYTHON, patience_s=0.1).startswith("It did not begin")


def test_what_a_long_queue_keeps_is_taken_back_where_that_is_allowed(fake):
    judge0 = fake(honest, config={"enable_submission_delete": True}, authz_token="operator")
    judge0.stuck_at = 1
    judge0.workers[0] |= {"size": 60, "available": 2}
    server = Judge0(judge0.url, {"X-Auth-User": "operator"})

    with pytest.raises(BackendBusy):
        probe(server, PYTHON, patience_s=0.1)

    assert len([one for one in judge0.requests if one.method == "DELETE"]) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("queue_full", BackendBusy),
        ("429", BackendBusy),
        ("500", BackendUnavailable),
        ("401", BackendUnavailable),
        ("404", BackendUnavailable),
    ],
)
def test_of_a_server_that_is_full_or_away_nothing_can_be_said(fake, fault, error):
    judge0 = fake(honest)
    judge0.fail(fault, method="POST")

    with pytest.raises(error):
        probe(server_of(judge0), PYTHON)


def test_a_language_that_a_server_does_not_have_is_no_lie(fake):
    with pytest.raises(LanguageUnavailable):
        probe(server_of(fake(honest, languages={50: "C (GCC 9.2.0)"})), PYTHON)


# --- What is known afterwards --------------------------------------------------------------------------------


def test_a_pair_is_unknown_until_somebody_has_probed_it_and_then_all_workers_know(fake):
    server = server_of(fake(honest))
    assert probes().standing(server.url, "python") is Standing.UNKNOWN

    assert probes().examine(server, PYTHON) is Standing.GOOD

    assert probes().standing(server.url, "python") is Standing.GOOD
    assert probes().standing(server.url, "c") is Standing.UNKNOWN
    assert probes().standing("http://elsewhere", "python") is Standing.UNKNOWN


def test_a_pair_that_lies_is_bad_until_a_probe_passes(fake):
    judge0 = fake(lying)
    server = server_of(judge0)
    assert probes().examine(server, PYTHON) is Standing.BAD
    assert probes().standing(server.url, "python") is Standing.BAD

    judge0.program = honest

    assert probes().examine(server, PYTHON) is Standing.GOOD
    assert probes().standing(server.url, "python") is Standing.GOOD


def test_a_lie_in_one_language_is_held_against_that_language_only(fake):
    server = server_of(fake(Wavering(b"#include <cstdio>")))

    standings = {slug: probes().examine(server, languages.get(slug)) for slug in ("python", "cpp", "c")}

    assert standings == {"python": Standing.GOOD, "cpp": Standing.BAD, "c": Standing.GOOD}


def test_what_passes_at_the_second_attempt_is_good(fake):
    judge0 = fake(honest)
    judge0.fail("garbage", times=1, method="POST")

    assert probes().examine(server_of(judge0), PYTHON) is Standing.GOOD


def test_while_nothing_can_be_said_everything_stays_as_it_was(fake):
    judge0 = fake(lying)
    server = server_of(judge0)
    probes().examine(server, PYTHON)
    before = probes().found(server.url)
    judge0.fail("queue_full", method="POST")

    with pytest.raises(BackendBusy):
        probes().examine(server, PYTHON)

    assert probes().found(server.url) == before
    judge0.mend()
    assert probes().examine(server, PYTHON) is Standing.BAD, "the turn was given back"


def _aged(url: str, seconds: float) -> None:
    """As if the last probe of Python, and all else that is known, were so much older."""
    key = f"backend:probes:{url}"
    for field, kept in redis_client().hgetall(key).items():
        told = json.loads(kept)
        older = told - seconds if isinstance(told, float) else told | {"at": told["at"] - seconds}
        redis_client().hset(key, field, json.dumps(older))


@pytest.mark.parametrize(("program", "standing"), [(honest, Standing.GOOD), (lying, Standing.BAD)])
def test_a_server_that_is_too_busy_to_be_probed_stays_what_it_was_while_it_is_visited(
    fake, program, standing
):
    """Else a long queue would hold up every submission that comes, by a probe of its own."""
    server = server_of(fake(program))
    probes().examine(server, PYTHON)
    for _ in range(4):
        _aged(server.url, 50)
        assert probes().standing(server.url, "python") is standing
        probes().note_busy(server.url)

    _aged(server.url, 50)
    assert probes().standing(server.url, "python") is standing
    _aged(server.url, 100)
    assert probes().standing(server.url, "python") is Standing.UNKNOWN


def test_a_server_that_was_away_for_long_is_not_known_again_for_being_busy(fake):
    server = server_of(fake(honest))
    probes().examine(server, PYTHON)
    _aged(server.url, 130)

    probes().note_busy(server.url)

    assert probes().standing(server.url, "python") is Standing.UNKNOWN
    assert probes().due(server.url, ["python", "c"]) == ["python", "c"]


def test_a_server_that_was_too_busy_is_not_asked_to_run_a_probe_again_at_once(fake):
    server = server_of(fake(honest))
    probes().examine(server, PYTHON)
    _aged(server.url, 40)
    assert probes().due(server.url, ["python"]) == ["python"]

    probes().note_busy(server.url)

    assert probes().due(server.url, ["python"]) == []
    assert list(probes().found(server.url)) == ["python"]


def test_of_many_workers_one_probes_a_pair_at_a_time(fake):
    judge0 = fake(lambda source, stdin: honest(source, stdin))
    server = server_of(judge0)
    released = threading.Event()
    judge0.program = lambda source, stdin: released.wait(5) and honest(source, stdin)

    with ThreadPoolExecutor(16) as threads:
        examined = [threads.submit(probes().examine, server, PYTHON) for _ in range(16)]
        while sum(one.done() for one in examined) < 15:
            time.sleep(0.005)
        released.set()

    outcomes = [one.result() for one in examined]
    assert (outcomes.count(None), outcomes.count(Standing.GOOD)) == (15, 1)


def test_a_probe_that_is_too_old_says_nothing_any_more():
    known = probes(every_s=30)
    passed, lied = {"passed": True, "detail": ""}, {"passed": False, "detail": "It lied."}
    at = {"at": 1000.0, "took_ms": 5, "since": 900.0}
    good, bad = (Probed(**(what | at)) for what in (passed, lied))

    assert known.judge(good, now=1119.0) is Standing.GOOD
    assert known.judge(good, now=1121.0) is Standing.UNKNOWN
    assert known.judge(bad, now=1059.0) is Standing.BAD
    assert known.judge(bad, now=1061.0) is Standing.UNKNOWN, "somebody else shall try: nobody does any more"
    assert probes(every_s=300).judge(bad, now=1599.0) is Standing.BAD
    assert probes(every_s=1).judge(good, now=1059.0) is Standing.GOOD, "never stale within a minute"


@pytest.mark.parametrize("kept", [b'{"result": "bad"}', b'{"passed": false, "at": "noon"}', b"bad"])
def test_what_another_version_found_counts_as_unknown(kept):
    redis_client().hset(f"backend:probes:{URL}", "python", kept)

    assert probes().standing(URL, "python") is Standing.UNKNOWN
    assert probes().found(URL) == {}
    assert probes().due(URL, ["python"]) == ["python"]


def test_people_are_told_what_was_found_and_since_when(fake):
    judge0 = fake(lying)
    server = server_of(judge0)
    for _ in range(2):
        probes().examine(server, PYTHON)

    found = probes().found(server.url)["python"]

    assert not found.passed
    assert "it shows" in found.detail
    assert found.since < found.at <= time.time() + 1
    assert found.took_ms >= 0


def test_with_probes_switched_off_every_pair_is_good_and_nothing_is_sent(fake):
    judge0 = fake(lying)
    off = probes(every_s=0)

    assert off.standing(judge0.url, "python") is Standing.GOOD
    assert off.examine(server_of(judge0), PYTHON) is Standing.GOOD
    assert judge0.requests == []


def test_without_redis_every_pair_is_good(fake):
    away = Probes(Shared(redis.Redis.from_url(NOWHERE)), 30)

    assert away.standing("http://anywhere", "python") is Standing.GOOD
    assert away.found("http://anywhere") == {}


def test_keys_go_when_a_server_is_no_longer_probed(fake):
    server = server_of(fake(honest))
    probes().examine(server, PYTHON)

    kept = [key for key in redis_client().keys("*") if server.url.encode() in key]

    assert kept
    assert all(redis_client().ttl(key) > 0 for key in kept)


def test_where_a_server_deletes_probes_leave_nothing_behind(fake):
    judge0 = fake(honest, config={"enable_submission_delete": True}, authz_token="operator")

    probe(Judge0(judge0.url, {"X-Auth-User": "operator"}), PYTHON)

    assert len(judge0.runs) == 2
    assert judge0.submissions == {}
