"""The worker's process: how it starts, stops, and lives through the loss of Redis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import requests
from django.db import connection
from django.db.models.functions import Now
from rq import Queue, Worker
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.worker.base import BaseWorker

from execution import languages
from judgeplatform.stack import free_port
from submissions import judging
from submissions.connections import redis_client
from submissions.models import Submission
from tests import environment
from tests.conftest import ROOT
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = pytest.mark.django_db(transaction=True)

LONG = b"# long"


@pytest.fixture
def start_worker() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts workers on this test's database; whatever became of them, none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(
        concurrency: int = 2, program: tuple[str, ...] = ("manage.py",), **more: str
    ) -> "subprocess.Popen[str]":
        worker = subprocess.Popen(
            [sys.executable, "-u", *program, "judge_worker", "--concurrency", str(concurrency)],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}", **more},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(worker)
        await_line(worker, f"judging from queue default, {concurrency} at a time")
        return worker

    yield start
    for worker in started:
        worker.kill()
        worker.communicate()


def await_line(worker: "subprocess.Popen[str]", text: str) -> None:
    assert worker.stderr is not None
    for line in worker.stderr:
        if text in line:
            return
    raise AssertionError(f"the worker ended without saying {text!r}")


def submit(source: bytes = b"print(3)") -> Submission:
    return judging.submit(
        user=make_user(),
        question=make_question(cases=[("1 2\n", "3\n", True)]),
        language=languages.get("python"),
        source=source.decode(),
    )


def await_status(status: str, *submissions: Submission, patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    for submission in submissions:
        submission.refresh_from_db()
        while submission.status != status:
            assert time.monotonic() < deadline, f"still {submission.status}"
            time.sleep(0.02)
            submission.refresh_from_db()


def await_(condition: Callable[[], object], patience_s: float = 15) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def phase_told_at(port: int) -> str:
    """What a worker says of itself when it is asked whether it is ready."""
    answer = requests.get(f"http://127.0.0.1:{port}/readyz", timeout=10).json()
    phase: str = answer["checks"]["worker"]["detail"]
    return phase


def slow(long_s: float = 60) -> FakeJudge0:
    """A second for each program; `long_s` for the one that says that it is long."""
    return FakeJudge0(lambda source, stdin: printed(b"3\n", takes_s=long_s if LONG in source else 1), looks=1)


def final_events(submission: Submission) -> int:
    return [event.payload["status"] for event in submission.events.all()].count("done")


def test_told_to_stop_under_load_it_finishes_what_is_short_and_another_worker_what_is_long(start_worker):
    """S2.4: SIGTERM with many in flight, one longer than the grace. Meanwhile it says that it is stopping."""
    with slow(long_s=8) as judge0:
        port = free_port()
        worker = start_worker(8, JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="3", WORKER_HTTP_PORT=str(port))
        short = [submit() for _ in range(6)]
        long = submit(LONG)
        await_status("running", long, *short)
        before = phase_told_at(port)
        worker.send_signal(signal.SIGTERM)
        told = time.monotonic()
        await_line(worker, "stopping: ")
        alive = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code
        after = phase_told_at(port)
        late = submit()

        assert worker.wait(15) == 0

        await_status("done", *short, patience_s=0)
        for given_back in (long, late):
            given_back.refresh_from_db()
            assert given_back.status == "queued"
        assert (long.attempt, late.attempt) == (1, 0)
        assert (alive, before, after) == (200, "judging", "stopping")

        start_worker(2, JUDGE0_URLS=judge0.url)
        await_status("done", long, late)

        assert time.monotonic() - told < 45
        assert (long.attempt, long.interruptions, final_events(long)) == (2, 0, 1)
        assert [source for source, _ in judge0.runs].count(LONG) == 1
    started = StartedJobRegistry("default", redis_client())
    await_(lambda: started.get_job_count(cleanup=False) == 0)  # RQ's note goes after the row has its end


@pytest.mark.full
def test_what_is_given_back_in_the_last_second_is_heard_of_at_once(start_worker):
    """The bell rings after the row was given back: no sweeper is needed for it."""
    with slow(long_s=4) as judge0:
        worker = start_worker(JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="0")
        start_worker(1, JUDGE0_URLS=judge0.url)
        both = [submit(LONG), submit(LONG), submit(LONG)]
        await_status("running", *both)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
        ended = time.monotonic()

        await_status("done", *both)

        assert time.monotonic() - ended < 10
        assert [one.interruptions for one in both] == [0, 0, 0]


def test_what_a_killed_worker_was_judging_is_judged_once_by_another_one(start_worker):
    """S1.5: kill −9 in the middle of a job; the other worker was there all the time, and still is in the end.

    (The lease is run out by hand; tests/chaos waits for it.)
    """
    with slow(long_s=4) as judge0:
        workers = {worker.pid: worker for worker in (start_worker(JUDGE0_URLS=judge0.url) for _ in range(2))}
        submission = submit(LONG)
        await_status("running", submission)
        await_(submission.placements.exists)
        await_(lambda: [one.pid for one in listed() if one.get_state() == "busy"])
        (judging_it,) = [one.pid for one in listed() if one.get_state() == "busy"]
        killed = workers.pop(judging_it)
        killed.kill()
        killed.wait()
        Submission.objects.filter(pk=submission.pk).update(overdue_at=Now())

        await_status("done", submission)

        (other,) = workers.values()
        assert other.poll() is None
        assert (submission.attempt, submission.interruptions, final_events(submission)) == (2, 1, 1)
        assert [source for source, _ in judge0.runs] == [LONG]


def test_told_twice_it_does_not_wait_for_what_is_long(start_worker):
    with slow() as judge0:
        worker = start_worker(JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="60")
        long = submit(LONG)
        await_status("running", long)
        worker.send_signal(signal.SIGTERM)
        await_line(worker, "stopping: 1 submissions")
        time.sleep(1.1)  # within a second it counts as the same
        worker.send_signal(signal.SIGTERM)

        assert worker.wait(5) == 0
    long.refresh_from_db()
    assert (long.status, long.interruptions) == ("queued", 0)


def test_told_to_stop_while_it_has_nothing_to_do_it_ends_at_once(start_worker):
    worker = start_worker()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(5) == 0


HANGS = """
import base64, http.client, os, sys, time
from django.core.management import execute_from_command_line

send = http.client.HTTPConnection.send

def send_or_hang(self, data):
    if base64.b64encode(b"# hangs") in data:
        time.sleep(3600)
    send(self, data)

http.client.HTTPConnection.send = send_or_hang
os.environ["DJANGO_SETTINGS_MODULE"] = "judgeplatform.settings"
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""
"""A worker on a machine whose network never comes back from sending one certain program, whatever the time-out."""


def test_a_judging_that_hangs_ends_the_worker_once_the_others_are_done(start_worker):
    """Another one judges it, and that it hung is counted."""
    brief = {
        "JUDGE0_CONNECT_TIMEOUT_S": "0.2",
        "JUDGE0_READ_TIMEOUT_S": "0.3",
        "JUDGE0_RETRIES": "0",
        "JUDGE_WATCHDOG_S": "2",
    }
    with slow(long_s=2) as judge0:
        worker = start_worker(program=("-c", HANGS), JUDGE0_URLS=judge0.url, **brief)
        hanging = submit(b"# hangs")
        other = submit(LONG)
        await_status("running", hanging)
        await_line(worker, f"a judging hangs: nothing has happened for 2 s submission={hanging.pk}")
        late = submit()

        assert worker.wait(15) == 1

        await_status("done", other, patience_s=0)
        late.refresh_from_db()
        assert (late.status, late.attempt) == ("queued", 0)
        start_worker(JUDGE0_URLS=judge0.url)
        await_status("done", hanging, late)
        assert (hanging.attempt, hanging.interruptions, final_events(hanging)) == (2, 1, 1)


def test_while_redis_is_away_it_goes_on_and_can_be_stopped(start_worker, tmp_path: Path):
    url, server = environment.start_redis(tmp_path)
    worker = start_worker(REDIS_URL=url)
    server.kill()
    await_line(worker, "Redis does not answer")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(15) == 0


@pytest.mark.full
def test_while_redis_hangs_it_can_be_stopped_and_gives_back_what_it_judges(start_worker, tmp_path: Path):
    url, server = environment.start_redis(tmp_path)
    with slow() as judge0:
        worker = start_worker(REDIS_URL=url, JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="1")
        long = submit(LONG)
        Queue("default", connection=redis.Redis.from_url(url), serializer=JSONSerializer).enqueue(
            judging.JOB, str(long.pk)
        )
        await_status("running", long)
        server.send_signal(signal.SIGSTOP)
        try:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(40) == 0
        finally:
            server.send_signal(signal.SIGCONT)
    long.refresh_from_db()
    assert (long.status, long.interruptions) == ("queued", 0)


def test_without_redis_it_says_so_in_one_sentence():
    worker = subprocess.run(
        [sys.executable, "manage.py", "judge_worker"],
        cwd=ROOT,
        env={**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert worker.returncode == 1
    assert "Redis does not answer" in worker.stderr
    assert "Traceback" not in worker.stderr


def listed() -> list[BaseWorker]:
    return Worker.all(connection=redis_client())


def test_rqs_own_tools_see_it_and_again_when_redis_has_lost_everything(start_worker):
    with slow() as judge0:
        worker = start_worker(JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="0")
        submission = submit(LONG)
        await_status("running", submission)
        await_(lambda: [(one.pid, one.get_state()) for one in listed()] == [(worker.pid, "busy")])

        redis_client().flushall()

        await_(lambda: [one.pid for one in listed()] == [worker.pid])
        worker.send_signal(signal.SIGTERM)
        worker.wait(15)
    assert listed() == []


def test_it_announces_its_slots_to_those_who_estimate_how_long_one_waits(start_worker):
    start_worker(3)
    await_(lambda: redis_client().zcard("queue:default:slots") == 1)
    announced = redis_client().zrange("queue:default:slots", 0, -1)
    assert announced[0].split()[1] == b"3"


def test_of_a_killed_worker_nothing_stays_in_redis_and_its_job_is_not_run_again_by_rq(start_worker):
    """What was judged is given back by its lease; RQ only notes the job as failed, for a day."""
    with slow() as judge0:
        worker = start_worker(JUDGE0_URLS=judge0.url)
        submission = submit(LONG)
        await_status("running", submission)
        worker.kill()
        worker.wait()
    client = redis_client()
    (key,) = Worker.all_keys(connection=client)
    assert 0 < client.ttl(key) <= 90
    started = StartedJobRegistry("default", client, serializer=JSONSerializer)
    assert len(started.get_job_ids(cleanup=False)) == 1

    started.cleanup(timestamp=time.time() + 61)

    assert started.get_job_ids(cleanup=False) == []
    assert Queue("default", connection=client).job_ids == []
    failed = FailedJobRegistry("default", client, serializer=JSONSerializer)
    (job_id,) = failed.get_job_ids(cleanup=False)
    assert 0 < client.ttl(f"rq:job:{job_id}") <= 86400


def test_a_hundred_jobs_that_were_done_leave_nothing_in_redis(work):
    """(Runs whose program is no longer kept: nothing is sent to a backend.)"""
    queue = Queue("default", connection=redis_client(), serializer=JSONSerializer)
    for number in range(100):
        queue.enqueue_call(judging.JOB, args=(str(make_id(number)),), result_ttl=0, timeout=-1)

    work(concurrency=8)

    left = {key.decode() for key in redis_client().scan_iter()}
    assert {key for key in left if not key.startswith(("rq:worker", "rq:queues", "rq:clean"))} == set()


def make_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


BROKEN_SWEEPER = """
import django
django.setup()
from submissions.rounds import Round, Rounds
def sweep():
    raise ValueError("nobody has thought of this")
Rounds("sweeper", Round("sweep", sweep, 1)).run()
"""


def test_a_worker_whose_sweeper_fails_ends_rather_than_never_sweeping_again():
    ended = subprocess.run(
        [sys.executable, "-c", BROKEN_SWEEPER], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1
    assert "the sweeper has failed" in ended.stderr
    assert "nobody has thought of this" in ended.stderr


ROUNDS_WITHOUT_DATABASE = """
import django, os
django.setup()
from django.db import OperationalError
from submissions.rounds import Round, Rounds
taken = []
def sweep():
    taken.append(1)
    if len(taken) == 3:
        os._exit(0)
    raise OperationalError("the database is away")
Rounds("sweeper", Round("sweep", sweep, 0.01)).run()
"""


def test_a_round_that_fails_for_want_of_the_database_is_followed_by_the_next_one():
    ended = subprocess.run(
        [sys.executable, "-c", ROUNDS_WITHOUT_DATABASE], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("sweep: OperationalError: the database is away") == 2
