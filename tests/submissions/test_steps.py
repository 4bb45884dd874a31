"""Something breaks at one step of a judging after the other; each time the submission ends as if nothing had been.

A step is an exchange with the backend: between two of them lies all that a worker writes.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import redis
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from execution import languages
from execution.types import Judged, Run, Verdict
from submissions import connections, disclosure, ephemeral, intake, judging, lifecycle, recovery
from submissions.connections import redis_client
from submissions.ephemeral import OwnCase, Trial
from submissions.intake import NewRun
from submissions.models import Submission
from tests.conftest import ROOT
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

STEPS = range(1, 7)
"""/languages (before it is claimed), /config_info, POST, GET (in queue), GET (processing), GET (done)."""


class Tripwire(list):
    """The fake's list of requests; the `step`th one to come in sets it off, before it is answered."""

    def __init__(self, step: int, set_off: Callable[[], object]) -> None:
        super().__init__()
        self.step = step
        self.set_off = set_off

    def append(self, request) -> None:
        super().append(request)
        if len(self) == self.step:
            self.set_off()


@pytest.fixture
def judge0(backends):
    with FakeJudge0(lambda source, stdin: printed(b"%d\n" % sum(map(int, stdin.split())))) as fake:
        backends(fake.url)
        yield fake


def submit() -> Submission:
    cases = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]
    return judging.submit(
        user=make_user(),
        question=make_question(cases=cases, run_policy="run_all"),
        language=languages.get("python"),
        source="print(sum(map(int, input().split())))",
    )


def make_overdue(submission: Submission) -> None:
    Submission.objects.filter(pk=submission.pk).update(overdue_at=Now() - timedelta(seconds=1))


def recover(submission: Submission, work: Callable[[], None]) -> Submission:
    """What the sweeper and another worker do once the patience with this one has run out."""
    for _ in range(4):
        submission.refresh_from_db()
        if submission.is_final:
            break
        make_overdue(submission)
        recovery.sweep()
        work()
    return submission


def assert_judged_as_ever(submission: Submission) -> None:
    assert (submission.status, submission.verdict, submission.score) == ("done", "AC", 100)
    assert [result.index for result in submission.case_results.all()] == [1, 2, 3]
    numbers = [event.seq for event in submission.events.order_by("seq")]
    assert numbers == list(range(1, submission.seq + 1))


def worker_process(judge0: FakeJudge0) -> "subprocess.Popen[bytes]":
    """A worker of its own, on this test's database and queue."""
    name = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{name}"
    if connection.vendor == "postgresql":
        url = os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?")
    return subprocess.Popen(
        [sys.executable, "manage.py", "judge_worker", "--burst", "--concurrency", "1"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "JUDGE0_URLS": judge0.url},
    )


@pytest.mark.parametrize("step", STEPS)
def test_the_worker_is_killed_at_this_step(judge0, work, step):
    """S0.15: kill −9; what it had stored is not judged again."""
    submission = submit()
    connection.close()
    worker = worker_process(judge0)
    judge0.requests = Tripwire(step, worker.kill)

    assert worker.wait(30) == -signal.SIGKILL
    submission.refresh_from_db()
    assert submission.status == ("queued" if step == 1 else "running")
    judge0.requests = []

    assert_judged_as_ever(recover(submission, work))


@pytest.mark.parametrize("kind", ["500", "garbage", "half", "broken"])
@pytest.mark.parametrize("step", STEPS)
def test_the_backend_fails_once_at_this_step(judge0, work, step, kind):
    """S0.15, S1.46 (in part): an error at any step."""
    submission = submit()
    judge0.requests = Tripwire(step, lambda: judge0.fail(kind, times=1))

    work()

    assert_judged_as_ever(recover(submission, work))


@pytest.mark.parametrize("step", STEPS)
def test_the_database_drops_the_connections_at_this_step(judge0, work, step):
    """S0.15: take the database away."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to drop; bin/test runs this on PostgreSQL")
    submission = submit()
    judge0.requests = Tripwire(step, drop_connections)

    work()
    judge0.requests = []
    connection.close()

    assert_judged_as_ever(recover(submission, work))


def drop_connections() -> None:
    """All but our own; the fake's thread has one of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    connection.close()


@pytest.mark.parametrize("step", STEPS)
def test_redis_is_emptied_at_this_step(judge0, work, step):
    submission = submit()
    judge0.requests = Tripwire(step, redis_client().flushall)

    work()

    assert_judged_as_ever(recover(submission, work))


def test_a_backend_that_takes_programs_and_never_ends_them_is_waited_for_no_longer_than_for_none(
    judge0, work, settings
):
    """That it takes them does not show that it works."""
    submission = submit()
    judge0.fail("500", method="GET", path="/submissions/batch")
    work()
    submission.refresh_from_db()
    since = submission.unavailable_since
    assert (submission.status, submission.reason) == ("queued", "judge_unavailable")
    make_overdue(submission)
    recovery.sweep()
    work()
    submission.refresh_from_db()
    assert (submission.attempt, submission.unavailable_since) == (2, since)

    settings.MAX_QUEUE_AGE_S = 0
    make_overdue(submission)
    recovery.sweep()
    work()

    submission.refresh_from_db()
    assert (submission.status, submission.reason) == ("error", "judge_unavailable")


def test_a_learner_is_told_neither_the_judges_address_nor_its_words(judge0, work):
    submission = submit()
    judge0.fail("400", method="POST")

    work()

    submission.refresh_from_db()
    assert (submission.status, submission.reason) == ("error", "judge_rejected")
    assert "127.0.0.1" not in submission.message
    assert submission.message.endswith("This is not your fault.")


def test_a_redis_that_hangs_is_asked_twice_in_a_sweep_not_once_for_every_row(judge0, settings):
    """Rows whose worker was lost are given back all the same."""
    waiting = [submit() for _ in range(5)]
    lost = submit()
    assert lifecycle.claim(lost, revision="r", cases_total=3)
    for submission in (*waiting, lost):
        make_overdue(submission)
    with socket.create_server(("127.0.0.1", 0)) as hung:
        settings.REDIS_URL = f"redis://127.0.0.1:{hung.getsockname()[1]}/0"
        forget_connections()
        recovery.sweep()
        hung.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                hung.accept()
                asked += 1
    settings.REDIS_URL = os.environ["REDIS_URL"]
    forget_connections()

    assert asked == 2  # who stands in line; and to note what was repaired
    lost.refresh_from_db()
    assert (lost.status, lost.interruptions) == ("queued", 1)


def forget_connections() -> None:
    connections.redis_client.cache_clear()
    connections.queue.cache_clear()


def new_run() -> NewRun:
    new = NewRun(language=languages.get("python"), source="print(1)", trial=Trial((OwnCase(b"x"),)))
    new.prepare()
    return new


def test_while_redis_is_waited_for_the_database_is_not_kept_waiting(judge0, settings):
    """A run asks Redis outside transactions: a Redis that hangs would hold up everybody who writes to SQLite."""
    user, python = make_user(), languages.get("python")
    run = new_run().start(user)
    case = judging.prepare(run).cases[0]
    claim = lifecycle.claim(run, revision="", cases_total=1)
    judged = Judged(1, Run(failure=None, output=b"1"), Verdict.AC, Decimal(0))
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    forget_connections()
    try:
        with CaptureQueriesContext(connection) as queries:
            with pytest.raises(redis.RedisError):
                intake.take(NewRun(language=python, source="1"), user=user, answer=disclosure.summary)
            with pytest.raises(redis.RedisError):
                lifecycle.record(claim, {1: case}, [judged])
    finally:
        settings.REDIS_URL = os.environ["REDIS_URL"]
        forget_connections()

    assert [query["sql"] for query in queries if not query["sql"].startswith("SELECT")] == []


def test_an_attempt_that_was_read_before_another_one_is_not_claimed(judge0):
    """What was prepared for it, such as what to forget, is out of date."""
    submission = submit()
    as_read = Submission.objects.get(pk=submission.pk)
    lifecycle.give_back(lifecycle.claim(submission, revision="r", cases_total=3))

    assert lifecycle.claim(as_read, revision="r", cases_total=3) is None


def test_who_has_lost_a_run_does_not_overwrite_its_texts(judge0):
    run = new_run().start(make_user())
    case = judging.prepare(run).cases[0]
    stale = lifecycle.claim(run, revision="", cases_total=1)
    lifecycle.give_back(stale)
    run.refresh_from_db()
    current = lifecycle.claim(run, revision="", cases_total=1)

    def judged(output: bytes) -> Judged:
        return Judged(1, Run(failure=None, output=output), Verdict.AC, Decimal(0))

    lifecycle.record(current, {1: case}, [judged(b"NEW")])
    with pytest.raises(lifecycle.Fenced):
        lifecycle.record(stale, {1: case}, [judged(b"STALE")])

    assert ephemeral.load_cases(run.pk)[1].output == b"NEW"
