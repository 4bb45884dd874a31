"""Something breaks at one step of a judging after the other; each time the submission ends as if nothing had been.

A step is an exchange with the backend: between two of them lies all that a worker writes.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from execution import languages
from submissions import judging, recovery
from submissions.connections import redis_client
from submissions.models import Submission
from tests.conftest import ROOT
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

STEPS = range(1, 7)
"""/config_info, /languages, POST, GET (in queue), GET (processing), GET (done)."""


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


def recover(submission: Submission, work: Callable[[], None]) -> Submission:
    """What the sweeper and another worker do once the patience with this one has run out."""
    for _ in range(4):
        submission.refresh_from_db()
        if submission.is_final:
            break
        Submission.objects.filter(pk=submission.pk).update(overdue_at=Now() - timedelta(seconds=1))
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
    assert submission.status == "running"
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
