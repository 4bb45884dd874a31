"""RQ's own workers run our job as ours does: judging does not know who runs it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.db import connection
from rq import SimpleWorker
from rq.serializers import JSONSerializer

from execution import languages
from submissions import judging
from submissions.connections import redis_client
from submissions.models import Submission
from tests.conftest import ROOT
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture
def signals() -> Iterator[None]:
    """A worker of RQ's takes them over."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def submit() -> Submission:
    return judging.submit(
        user=make_user(),
        question=make_question(cases=[("1 2\n", "3\n", True), ("5 5\n", "10\n", False)]),
        language=languages.get("python"),
        source="print(3)",
    )


def database_url() -> str:
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "postgresql":
        return os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?")
    return f"sqlite:///{name}"


def rqworker(judge0: FakeJudge0, worker_class: str) -> "subprocess.CompletedProcess[str]":
    command = ["manage.py", "rqworker", "default", "--burst", "--worker-class", worker_class]
    return subprocess.run(
        [sys.executable, *command, "--serializer", "rq.serializers.JSONSerializer"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": database_url(), "JUDGE0_URLS": judge0.url, "LOG_LEVEL": "INFO"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("worker_class", ["rq.Worker", "rq.SimpleWorker"])
def test_rqs_own_worker_judges_to_the_end_what_ours_judges(worker_class):
    """S0.5 (in part): forked for each job, or all jobs in one process; ids in JSON are all that it gets."""
    with FakeJudge0(lambda source, stdin: printed(b"%d\n" % sum(map(int, stdin.split()))), looks=1) as judge0:
        submissions = [submit() for _ in range(3)]
        connection.close()

        ended = rqworker(judge0, worker_class)

    assert ended.returncode == 0, ended.stderr
    for submission in submissions:
        submission.refresh_from_db()
        assert (submission.status, submission.verdict, submission.attempt) == ("done", "AC", 1)
        numbers = [event.seq for event in submission.events.order_by("seq")]
        assert numbers == list(range(1, submission.seq + 1))
    assert redis_client().keys("rq:job:*") == []


def test_a_simple_worker_goes_on_after_the_database_has_dropped_its_connection(backends, signals):
    """It never closes one itself: the next job must not find the dead one of the job before."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connections to drop; bin/test runs this on PostgreSQL")
    own = redis.Redis.from_url(settings.REDIS_URL)
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), looks=1) as judge0:
        backends(judge0.url)
        submissions = [submit(), submit()]
        for _ in submissions:
            worker = SimpleWorker(["default"], connection=own, serializer=JSONSerializer)
            worker.work(burst=True, max_jobs=1, logging_level=None)
            drop_connections()
    connection.close()
    for submission in submissions:
        submission.refresh_from_db()
        assert submission.status == "done"


def drop_connections() -> None:
    """All but its own, as a restart of the database does."""

    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        connection.close()

    thread = threading.Thread(target=drop)
    thread.start()
    thread.join()
