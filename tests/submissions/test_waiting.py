"""The queue as people see it: how many it takes, who comes before whom, how long that may take, and leaving it."""

import itertools
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest
from django.db import connection

from accounts import limits
from execution import languages
from execution.breaker import Breaker
from execution.errors import NoBackend
from execution.probes import Probed
from execution.shared import Shared
from submissions import connections, judging, lifecycle, waiting
from submissions.connections import redis_client
from submissions.models import Submission
from submissions.worker import make_worker
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

_minutes = itertools.count()


def queued(kind: str = "graded", **fields) -> Submission:
    """One that waits, a minute younger than the one before."""
    values = {
        "source": "" if kind == "run" else "print(3)",
        "language": "python",
        "overdue_at": "2030-01-01T00:00Z",
    } | fields
    submission = Submission.objects.create(
        user=make_user(), question=make_question(), kind=kind, source_bytes=8, **values
    )
    minute = next(_minutes)
    Submission.objects.filter(pk=submission.pk).update(
        created_at=f"2026-01-01T{minute // 60:02}:{minute % 60:02}Z"
    )
    submission.refresh_from_db()
    return submission


def stuck(language: str) -> Submission:
    """One for which a worker has found no server."""
    return queued(language=language, reason="judge_unavailable", unavailable_since="2026-01-01T00:00Z")


def lie_about(settings, language: str) -> None:
    """As if the only server had judged a known program in this language wrongly."""
    settings.JUDGE0_PROBE_EVERY_S = 30.0
    connections.pool.cache_clear()
    now = redis_client().time()[0]
    lie = Probed(passed=False, detail="It lied.", at=now, took_ms=1, since=now)
    redis_client().hset(f"backend:probes:{settings.JUDGE0_URLS[0]}", language, json.dumps(asdict(lie)))


def submit(kind: str = "graded") -> Submission:
    return judging.submit(
        user=make_user(),
        question=make_question(),
        language=languages.get("python"),
        source="print(sum(map(int, input().split())))",
        kind=kind,
    )


def claim(submission: Submission) -> lifecycle.Claim:
    claimed = lifecycle.claim(submission, revision="r", cases_total=2)
    assert claimed is not None
    return claimed


def break_backends(settings) -> None:
    """As if workers had found that none of them works."""
    for url in settings.JUDGE0_URLS:
        for _ in range(settings.JUDGE0_BREAKER_FAILURES):
            Breaker(Shared(redis_client()), url).failed()


# --- One's place ------------------------------------------------------------------------------------------------


def test_a_place_counts_those_of_the_own_lane_that_wait_and_came_earlier():
    first, second = queued(), queued("run")
    queued(status="running")
    rejudge = queued("rejudge", of=first)
    third = queued()

    places = [waiting.place(one).position for one in (first, second, rejudge, third)]

    assert places == [1, 2, 1, 3]


def test_whoever_has_just_submitted_first_is_next():
    """SQLite's times are texts: one must not come before oneself."""
    assert waiting.place(submit()).position == 1


def test_the_wait_is_estimated_from_how_long_judgings_took_and_how_many_go_on_at_once():
    waiting.announce("one", "default", 2)
    waiting.announce("two", "default", 1)
    waiting.announce("two", "default", 1)
    waiting.announce("elsewhere", "low", 50)
    for seconds in (0.5, 30, 1.2):
        waiting.note_service("default", seconds)
    places = [waiting.place(queued()) for _ in range(4)]

    assert [place.estimated_wait_s for place in places] == [2, 2, 2, 3]


def test_old_measurements_are_forgotten():
    waiting.announce("one", "default", 1)
    for seconds in (*[500.0] * 100, *[3.0] * 100):
        waiting.note_service("default", seconds)

    assert waiting.place(queued()).estimated_wait_s == 3


def test_a_judging_to_its_end_is_measured(engine, work):
    waiting.announce("one", "default", 1)
    assert waiting.place(submit()).estimated_wait_s is None

    work()

    assert waiting.place(submit()).estimated_wait_s in range(1, 30)


def test_a_worker_that_has_ended_does_not_count():
    worker, other = make_worker("default", 2), make_worker("default", 3)
    worker.announce()
    other.announce()
    worker.teardown()
    assert waiting.crew("default") == {other.name: 3}


def test_a_worker_that_says_nothing_more_does_not_count(monkeypatch):
    waiting.note_service("default", 1)
    waiting.announce("alive", "default", 1)
    monkeypatch.setattr(waiting, "ANNOUNCED_S", 2)  # in whole seconds of Redis's clock
    waiting.announce("gone", "default", 1)
    queued()
    second = queued()
    assert waiting.place(second).estimated_wait_s == 1

    time.sleep(2.1)
    assert waiting.place(second).estimated_wait_s is None  # the key had two seconds, too
    monkeypatch.undo()
    waiting.announce("alive", "default", 1)

    assert waiting.place(second).estimated_wait_s == 2


def test_without_a_worker_or_a_measurement_or_a_backend_nobody_knows_how_long_it_takes(settings):
    submission = queued()
    waiting.note_service("default", 1)
    assert waiting.place(submission) == waiting.Place(1, None)

    waiting.announce("one", "default", 1)
    assert waiting.place(submission) == waiting.Place(1, 1)

    break_backends(settings)
    assert waiting.place(submission) == waiting.Place(1, None)


def test_while_redis_is_away_the_place_is_known_and_the_time_is_not(settings):
    queued()
    second = queued()
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    forget_connections()
    try:
        waiting.announce("one", "default", 1)
        waiting.note_service("default", 1)
        place = waiting.place(second)
        waiting.admit("graded", "python")
    finally:
        settings.REDIS_URL = os.environ["REDIS_URL"]
        forget_connections()

    assert place == waiting.Place(2, None)


def forget_connections() -> None:
    for kept in (connections.redis_client, connections.queue, connections.pool):
        kept.cache_clear()


def test_what_waits_for_a_server_holds_up_nobody_and_has_its_place_among_its_like():
    first, second = stuck("cpp"), stuck("cpp")
    stuck("c")
    runs = queued()

    places = [waiting.place(one) for one in (first, second, runs)]

    assert [place.position for place in places] == [1, 2, 1]


def test_no_time_is_promised_to_what_waits_for_a_server():
    submission = stuck("cpp")
    waiting.announce("one", "default", 1)
    waiting.note_service("default", 1)

    assert waiting.place(submission) == waiting.Place(1, None)
    assert waiting.place(queued()) == waiting.Place(1, 1)


def test_what_redis_says_of_a_lane_is_not_asked_again_at_once():
    """Everybody who waits asks every few seconds."""
    submission = queued()
    waiting.announce("one", "default", 1)
    waiting.note_service("default", 1)
    assert waiting.place(submission).estimated_wait_s == 1

    redis_client().flushall()
    assert waiting.place(submission).estimated_wait_s == 1
    time.sleep(waiting.KEPT_S)
    assert waiting.place(submission).estimated_wait_s is None


# --- The cap ----------------------------------------------------------------------------------------------------


def test_when_as_many_wait_as_may_the_next_one_is_refused_and_told_when_to_come_back(settings):
    """S2.23 (in part)"""
    settings.MAX_QUEUE_DEPTH = 2
    queued()
    queued(status="running")
    queued("rejudge", of=queued("verification"))
    waiting.admit("graded", "python")
    queued("run")

    with pytest.raises(waiting.QueueFull) as refused:
        waiting.admit("graded", "python")
    assert refused.value.retry_after_s == 10

    waiting.announce("one", "default", 1)
    waiting.note_service("default", 4)
    with pytest.raises(waiting.QueueFull) as refused:
        waiting.admit("run", "python")
    assert refused.value.retry_after_s == 8

    waiting.note_service("default", 4000)
    with pytest.raises(waiting.QueueFull) as refused:
        waiting.admit("run", "python")
    assert refused.value.retry_after_s == 60


def test_without_any_backend_a_run_is_refused_and_what_is_graded_may_wait(settings):
    """S2.18 (in part)"""
    break_backends(settings)

    waiting.admit("graded", "python")
    with pytest.raises(NoBackend):
        waiting.admit("run", "python")


def test_a_language_out_of_service_fills_its_own_queue_and_no_other(settings):
    """Those in line are judged meanwhile; those that wait come back late, whatever the others need."""
    settings.MAX_QUEUE_DEPTH = 2
    lie_about(settings, "cpp")
    waiting.announce("one", "default", 1)
    waiting.note_service("default", 4)
    stuck("cpp")
    waiting.admit("graded", "cpp")
    queued(language="cpp")  # no worker has looked at it yet

    with pytest.raises(waiting.QueueFull) as refused:
        waiting.admit("graded", "cpp")
    assert refused.value.retry_after_s == 60

    Submission.objects.update(unavailable_since="2026-01-01T00:00Z")
    waiting.admit("graded", "python")
    queued()
    assert waiting.place(queued()).position == 2
    with pytest.raises(waiting.QueueFull) as refused:
        waiting.admit("graded", "python")
    assert refused.value.retry_after_s == 8


def test_what_waited_for_a_server_counts_until_it_is_judged_though_the_server_is_back(settings):
    """A breaker that opens and closes lets no more in than may wait."""
    settings.MAX_QUEUE_DEPTH = 1
    stuck("cpp")

    waiting.admit("graded", "python")
    with pytest.raises(waiting.QueueFull):
        waiting.admit("graded", "cpp")


# --- Leaving it -------------------------------------------------------------------------------------------------


def test_what_is_cancelled_while_it_waits_ends_at_once_and_is_never_judged(work):
    """Nothing listens where the backend should be: judging it would show."""
    submission = submit()

    cancelled = lifecycle.cancel(submission)
    work()

    submission.refresh_from_db()
    assert cancelled == submission
    assert (submission.status, submission.reason, submission.attempt) == ("error", "cancelled", 0)
    assert submission.message == "Cancelled while it waited to be judged."
    assert [event.payload["final"] for event in submission.events.all()] == [False, True]
    assert lifecycle.cancel(submission) is None


def test_what_is_judged_already_cannot_be_cancelled():
    submission = submit()
    claim(submission)

    assert lifecycle.cancel(submission) is None
    submission.refresh_from_db()
    assert (submission.status, submission.seq) == ("running", 2)


def test_of_a_worker_and_an_owner_who_come_at_the_same_time_one_wins():
    def here(act: Callable[[Submission], object], submission: Submission) -> bool:
        try:
            return act(submission) is not None
        finally:
            connection.close()

    def take(submission: Submission) -> object:
        return lifecycle.claim(submission, revision="r", cases_total=2)

    with ThreadPoolExecutor(2) as threads:
        for _ in range(10):
            submission = submit()
            claimed = threads.submit(here, take, submission)
            cancelled = threads.submit(here, lifecycle.cancel, submission)
            assert claimed.result() != cancelled.result()
            submission.refresh_from_db()
            assert submission.status == ("running" if claimed.result() else "error")
            assert [event.seq for event in submission.events.all()] == [1, 2]


# --- What it costs ----------------------------------------------------------------------------------------------


def is_limited(user, scope: str) -> bool:
    try:
        limits.take(scope, str(user.pk))
    except limits.Limited:
        return True
    return False


def end_by_our_fault(submission: Submission) -> None:
    lifecycle.fail(claim(submission), code="judging_error", message="Our fault.")


@pytest.mark.parametrize(("kind", "scope"), [("graded", "submit"), ("run", "run")])
def test_what_ends_by_our_fault_is_given_back_to_its_user(settings, kind, scope):
    settings.RATE_LIMITS = {scope: "1/minute"}
    submission = queued(kind)
    Submission.objects.update(created_at=submission.user.date_joined)
    limits.take(scope, str(submission.user.pk))
    assert is_limited(submission.user, scope)

    end_by_our_fault(submission)

    assert not is_limited(submission.user, scope)
    assert is_limited(submission.user, scope)


@pytest.mark.parametrize(
    ("kind", "end"),
    [("graded", lifecycle.cancel), ("verification", end_by_our_fault)],
    ids=["cancelled", "not a learner's"],
)
def test_nothing_is_given_back_for_what_was_cancelled_or_was_never_counted(settings, kind, end):
    settings.RATE_LIMITS = {"submit": "1/minute", "run": "1/minute"}
    submission = submit(kind)
    limits.take("submit", str(submission.user.pk))

    end(submission)

    assert is_limited(submission.user, "submit")


# --- Waiting for the end ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keeping_no_connections")
def test_who_waits_for_an_end_holds_no_connection_to_the_database_meanwhile(settings):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to count; bin/test runs this on PostgreSQL")
    settings.SYNC_WAIT_MAX_S = 1.5
    submissions = [submit() for _ in range(8)]

    def wait(submission: Submission) -> Submission | None:
        try:
            return waiting.await_end(submission)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        waits = [threads.submit(wait, one) for one in submissions]
        counts = []
        while not all(one.done() for one in waits):
            counts.append(connection_count())
            time.sleep(0.02)

    assert [one.result() for one in waits] == [None] * 8
    assert sorted(counts)[len(counts) // 2] <= 2  # ours, and whoever is just looking


def connection_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


def test_only_so_many_wait_for_an_end_and_the_others_go_on_at_once(settings):
    """Each of them has a thread."""
    settings.SYNC_WAIT_MAX_S = 1
    submission = submit()

    def wait(number: int) -> float:
        started = time.monotonic()
        try:
            assert waiting.await_end(submission) is None
        finally:
            connection.close()
        return time.monotonic() - started

    with ThreadPoolExecutor(40) as threads:
        times = sorted(threads.map(wait, range(waiting.WAITING_THREADS + 5)))

    assert [one >= 1 for one in times] == [False] * 5 + [True] * waiting.WAITING_THREADS
    assert times[4] < 0.5
    assert wait(0) >= 1  # they have left


def test_the_end_is_told_soon_after_it_came(backends, settings):
    submission = submit()
    settings.SYNC_WAIT_MAX_S = 10

    def judge() -> float:
        try:
            judging.judge_submission(str(submission.pk))
            return time.monotonic()
        finally:
            connection.close()

    with FakeJudge0(lambda source, stdin: printed(b"3\n")) as judge0, ThreadPoolExecutor(1) as threads:
        backends(judge0.url)
        ended = threads.submit(judge)
        found = waiting.await_end(submission)
        late_s = time.monotonic() - ended.result()

    assert found is not None
    assert (found.status, found.verdict) == ("done", "WA")
    assert late_s < waiting.LOOK_MOST_S + 0.5
