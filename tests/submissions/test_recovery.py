"""Whatever goes wrong around a judging, its submission is counted, found and brought to an end; and no other's is."""

import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from django import db
from django.conf import settings as configured
from django.db import connection, transaction
from django.db.models.functions import Now

from execution import languages
from execution.breaker import Breaker
from execution.pool import Patience
from execution.shared import Shared
from execution.types import Judged, Run, Submitted, Verdict
from questions.models import Blob, Question
from submissions import judging, leases, lifecycle, recovery
from submissions.connections import pool, queue, redis_client
from submissions.models import Event, Submission
from submissions.worker import make_worker
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0
from tests.truth import honest

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

CASES = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]


@pytest.fixture
def judge0(backends):
    with FakeJudge0(honest) as fake:
        backends(fake.url)
        yield fake


def submit(**fields) -> Submission:
    return judging.submit(
        user=make_user(),
        question=make_question(cases=CASES, **fields),
        language=languages.get("python"),
        source="print(sum(map(int, input().split())))",
    )


def claim(submission: Submission, revision: str = "r") -> lifecycle.Claim:
    claimed = lifecycle.claim(read(submission), revision=revision, cases_total=3)
    assert claimed is not None
    return claimed


def read(submission: Submission) -> Submission:
    return Submission.objects.get(pk=submission.pk)


def change(submission: Submission, **fields) -> None:
    Submission.objects.filter(pk=submission.pk).update(**fields)


def make_overdue(*submissions: Submission) -> None:
    for submission in submissions:
        change(submission, overdue_at=Now() - timedelta(seconds=1))


def is_overdue(submission: Submission) -> bool:
    return Submission.objects.overdue().filter(pk=submission.pk).exists()


def use_up_the_next_number(submission: Submission) -> None:
    """The database refuses the next change of this row, and of no other."""
    Event.objects.create(submission=submission, seq=read(submission).seq + 1, type="status", payload={})


def break_backends() -> None:
    """As if workers had found that none of them works."""
    for server in pool().servers:
        for _ in range(configured.JUDGE0_BREAKER_FAILURES):
            Breaker(Shared(redis_client()), server.url).failed()


def mend_backends() -> None:
    for breaker in pool().breakers.values():
        breaker.succeeded()


# --- Results of another revision --------------------------------------------------------------------------------


def test_whoever_dies_right_after_claiming_for_a_new_revision_leaves_no_results_of_the_old_one(judge0, work):
    """Else the next attempt would go on from them, since the row names the new revision."""
    submission = submit()
    work_before = judging.prepare(read(submission))
    first = claim(submission, work_before.revision)
    sent = Submitted((1,), "run", judge0.url, ("a-token",))
    passed = Judged(1, Run(failure=None, time_ms=5, memory_kib=9), Verdict.AC, Decimal(1), judge0.url)
    lifecycle.record(first, {case.index: case for case in work_before.cases}, [sent, passed])
    lifecycle.give_back(first)
    replaced = submission.question.testcases.in_order().first()
    replaced.answer = Blob.store(b"4\n")
    replaced.save()

    claim(submission, judging.prepare(read(submission)).revision)

    left = read(submission)
    assert (left.cases_judged, left.cases_passed, left.time_ms) == (0, 0, None)
    assert left.case_results.count() == 0
    assert [placement.role for placement in left.placements.all()] == [lifecycle.FORGOTTEN]
    make_overdue(submission)
    recovery.sweep()
    work()
    assert read(submission).verdict == "WA"


# --- What counts ------------------------------------------------------------------------------------------------


def test_a_submission_that_cannot_even_be_prepared_is_counted_and_ends(judge0):
    submission = submit()
    Question.objects.filter(pk=submission.question_id).update(run_policy="of a newer version")

    for _ in range(lifecycle.MAX_INTERRUPTIONS + 1):
        with pytest.raises(ValueError, match="of a newer version"):
            judging.judge_submission(str(submission.pk))
        make_overdue(submission)
        recovery.sweep()

    submission.refresh_from_db()
    assert (submission.status, submission.reason, submission.attempt) == ("error", "interrupted", 6)


def test_a_judging_that_hangs_is_not_given_back_as_if_nothing_had_happened(judge0, settings):
    """Where its worker ends, another one's sweeper finds it at once, and counts it."""
    settings.JUDGE_WATCHDOG_S = 60
    hanging, moving = claim(submit()), claim(submit())
    with leases.held(hanging) as hung, leases.held(moving):
        hung.grow_older(1)
        hung.grow_older(61)
        make_worker("default", 1)._give_back_the_rest()

    left = Submission.objects.get(pk=hanging.submission_id)
    given_back = Submission.objects.get(pk=moving.submission_id)
    assert (left.status, given_back.status, is_overdue(left)) == ("running", "queued", True)
    recovery.sweep()
    assert (read(left).status, read(left).interruptions) == ("queued", 1)
    assert read(given_back).interruptions == 0


def test_a_judging_that_fails_is_found_at_once_and_judged_again_once(judge0, work):
    submission = submit()

    class ThirdRequest(list):
        def append(self, request) -> None:
            super().append(request)
            if len(self) == 3:
                use_up_the_next_number(submission)
                connection.close()

    judge0.requests = ThirdRequest()
    work()
    assert read(submission).status == "running"
    assert is_overdue(submission)
    judge0.requests = []
    Event.objects.filter(submission=submission, payload={}).delete()

    recovery.sweep()
    work()

    submission.refresh_from_db()
    assert (submission.verdict, submission.attempt, submission.interruptions) == ("AC", 2, 1)


def test_a_judging_that_fails_again_and_again_is_left_alone_for_longer_each_time(judge0):
    """Else what lasts half a minute would use up all that it may be interrupted."""
    submission = submit()
    waits = []
    for _ in range(3):
        lifecycle.let_go(claim(submission))
        now = Submission.objects.filter(pk=submission.pk).values_list(Now(), flat=True).get()
        waits.append(round((read(submission).overdue_at - now).total_seconds()))
        make_overdue(submission)
        recovery.sweep()

    assert waits == [0, 5, 10]


def test_what_was_lost_meanwhile_is_not_let_go(judge0):
    submission = submit()
    stale = claim(submission)
    lifecycle.give_back(stale)
    claim(submission)

    lifecycle.let_go(stale)

    assert not is_overdue(submission)


def test_where_the_database_does_not_answer_a_judging_that_fails_is_let_go_when_it_does(
    judge0, work, settings
):
    """By the thread that renews leases, long before the lease would end."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite cannot be away; bin/test runs this on PostgreSQL")
    settings.JUDGE_WATCHDOG_S = 4
    submission = submit()
    name = connection.settings_dict["NAME"]

    class ThirdRequest(list):
        def append(self, request) -> None:
            super().append(request)
            if len(self) == 3:
                as_administrator(
                    f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
                )

    judge0.requests = ThirdRequest()
    try:
        work()
    finally:
        as_administrator(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        connection.close()

    assert read(submission).status == "running"
    await_(lambda: is_overdue(submission), patience_s=5)


def as_administrator(*statements: str) -> None:
    """Through another database of the same server."""
    parameters = connection.get_connection_params() | {"dbname": "postgres"}
    plain = {key: value for key, value in parameters.items() if key in ("dbname", "user", "host", "port")}
    with psycopg.connect(**plain, autocommit=True) as other:
        for statement in statements:
            other.execute(statement)


def await_(condition: Callable[[], object], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.usefixtures("keeping_no_connections")
def test_a_connection_that_cannot_be_closed_costs_no_slot(judge0, work, monkeypatch):
    """With the only slot gone, the second job would wait for ever."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's connections stay open; bin/test runs this on PostgreSQL")
    failed = []
    close = psycopg.Connection.close

    def close_or_fail(self: "psycopg.Connection[object]") -> None:
        close(self)
        if threading.current_thread().name.startswith("judging"):
            failed.append(self)
            raise psycopg.OperationalError("it is gone already")

    monkeypatch.setattr(psycopg.Connection, "close", close_or_fail)
    for number in range(3):
        queue("default").enqueue_call(judging.JOB, args=(f"00000000-0000-4000-8000-{number:012}",))
    signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, 10, 1)  # RQ's loop takes the first error for its own end
    try:
        work(concurrency=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

    assert len(failed) == 3


def give_up(number: int, frame: object) -> None:
    raise AssertionError("it waits for ever")


# --- The sweeper ------------------------------------------------------------------------------------------------


def test_a_row_that_cannot_be_repaired_does_not_keep_the_others_waiting(judge0, caplog):
    """It comes first, being the oldest."""
    broken, lost = submit(), submit()
    for submission in (broken, lost):
        claim(submission)
        make_overdue(submission)
    change(broken, overdue_at=Now() - timedelta(seconds=60))
    use_up_the_next_number(broken)

    with caplog.at_level(logging.ERROR, "submissions.recovery"):
        assert recovery.sweep() == 1

    assert (read(broken).status, read(lost).status) == ("running", "queued")
    assert [one.submission for one in caplog.records] == [broken.pk]


def test_a_row_that_its_holder_has_locked_and_left_is_swept_all_the_same(judge0):
    """A worker that is frozen, or whose host is gone: PostgreSQL ends its transaction (here after a second)."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows; bin/test runs this on PostgreSQL")
    submission = submit()
    claim(submission)
    make_overdue(submission)
    is_locked, may_go_on = threading.Event(), threading.Event()

    def freeze() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET idle_in_transaction_session_timeout = 1000")
        with contextlib.suppress(db.Error), transaction.atomic():
            Submission.objects.select_for_update().get(pk=submission.pk)
            is_locked.set()
            may_go_on.wait(30)
        connection.close()

    thread = threading.Thread(target=freeze)
    thread.start()
    assert is_locked.wait(10)
    assert recovery.sweep() == 0

    await_(recovery.sweep, patience_s=5)

    may_go_on.set()
    thread.join()
    assert read(submission).status == "queued"


def test_no_connection_to_postgresql_holds_locks_while_it_does_nothing_or_after_its_host_is_gone(judge0):
    """(On a unix socket PostgreSQL takes the keepalives and does not tell them.)"""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such settings; bin/test runs this on PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("10s",)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("5s",)
    options = configured.DATABASES["default"]["OPTIONS"]["options"]
    assert [word for word in options.split() if word.startswith("tcp_keepalives")] == [
        "tcp_keepalives_idle=10",
        "tcp_keepalives_interval=5",
        "tcp_keepalives_count=3",
    ]


# --- Without a backend, and behind others -----------------------------------------------------------------------


def test_after_a_long_outage_submissions_are_judged_and_not_given_up_since_a_server_is_back(judge0, work):
    submission = submit()
    redis_client().flushall()
    change(submission, unavailable_since=Now() - timedelta(days=1), reason="judge_unavailable")
    make_overdue(submission)

    recovery.sweep()
    assert read(submission).status == "queued"
    work()

    assert (read(submission).verdict, read(submission).unavailable_since) == ("AC", None)


def test_while_no_server_can_judge_them_those_that_have_waited_too_long_end_and_the_others_wait(judge0):
    too_long, others = submit(), [submit() for _ in range(3)]
    for submission in (too_long, *others):
        change(submission, unavailable_since=Now(), reason="judge_unavailable")
    change(too_long, unavailable_since=Now() - timedelta(days=1))
    make_overdue(too_long, *others)
    break_backends()

    assert recovery.sweep() == 1

    assert (read(too_long).status, read(too_long).reason) == ("error", "judge_unavailable")
    assert {read(one).status for one in others} == {"queued"}


def test_the_time_that_a_submission_stands_behind_others_is_no_outage(judge0):
    """It was rung, and still stands in the queue when the sweeper looks again; its language can be judged."""
    submission = submit()
    change(
        submission,
        unavailable_since=Now() - timedelta(days=1),
        reason="judge_unavailable",
        message="Waiting.",
    )
    redis_client().flushall()
    make_overdue(submission)
    recovery.sweep()
    assert read(submission).unavailable_since, "it may be tried in vain again"

    make_overdue(submission)
    recovery.sweep()

    waiting = read(submission)
    assert (waiting.unavailable_since, waiting.reason, waiting.message) == (None, "", "")
    assert queue("default").job_ids == [judging.job_id(submission)]
    break_backends()
    make_overdue(submission)
    recovery.sweep()
    assert read(submission).status == "queued"


def test_a_worker_that_tries_in_vain_after_a_long_outage_ends_it(judge0, work):
    """With servers of which each says that it can and none does, this alone does."""
    submission = submit()
    change(submission, unavailable_since=Now() - timedelta(days=1))
    judge0.fail("500")

    work()

    assert (read(submission).status, read(submission).reason) == ("error", "judge_unavailable")


def test_a_submission_that_is_rung_while_no_server_can_be_used_waits_no_longer_than_it_may(judge0, work):
    fresh, old = submit(), submit()
    change(old, unavailable_since=Now() - timedelta(days=1))
    break_backends()

    work()

    assert (read(fresh).status, read(fresh).attempt) == ("queued", 0)
    assert (read(old).status, read(old).reason, read(old).attempt) == ("error", "judge_unavailable", 0)


def test_servers_that_are_busy_for_ever_are_waited_for_no_longer_than_none(judge0, work, settings):
    submission = submit()
    pool().patience = Patience(busy_s=0.1)
    judge0.fail("429", method="POST")
    work()
    waiting = read(submission)
    assert (waiting.status, waiting.attempt) == ("queued", 1)
    since = waiting.unavailable_since
    assert since
    make_overdue(submission)
    recovery.sweep()
    work()
    assert (read(submission).attempt, read(submission).unavailable_since) == (2, since)

    settings.MAX_QUEUE_AGE_S = 0
    make_overdue(submission)
    recovery.sweep()
    work()

    assert (read(submission).status, read(submission).reason) == ("error", "judge_unavailable")


def test_that_we_have_as_many_runs_at_the_servers_as_we_may_is_no_outage(judge0, work):
    submission = submit()
    change(submission, unavailable_since=Now())
    pool().patience = Patience(busy_s=0.1, queue_s=0.1)
    assert pool().runs.take(judge0.url, 1000).count

    work()

    waiting = read(submission)
    assert (waiting.status, waiting.attempt, waiting.unavailable_since) == ("queued", 1, None)
