"""The worker's process: how it starts, stops, and lives through the loss of Redis."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from execution import languages
from submissions import judging
from submissions.models import Submission
from tests import environment
from tests.conftest import ROOT
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = pytest.mark.django_db(transaction=True)


def start_worker(**more: str) -> "subprocess.Popen[str]":
    worker = subprocess.Popen(
        [sys.executable, "-u", "manage.py", "judge_worker", "--concurrency", "2"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}", **more},
        stderr=subprocess.PIPE,
        text=True,
    )
    await_line(worker, "judging from queue default, 2 at a time")
    return worker


def await_line(worker: "subprocess.Popen[str]", text: str) -> None:
    assert worker.stderr is not None
    for line in worker.stderr:
        if text in line:
            return
    raise AssertionError(f"the worker ended without saying {text!r}")


def submit() -> Submission:
    return judging.submit(
        user=make_user(), question=make_question(), language=languages.get("python"), source="print(3)"
    )


def await_status(submission: Submission, status: str) -> None:
    deadline = time.monotonic() + 30
    while submission.status != status:
        assert time.monotonic() < deadline, f"still {submission.status}"
        time.sleep(0.02)
        submission.refresh_from_db()


def test_told_to_stop_it_finishes_what_is_short_and_gives_back_what_is_long():
    """S2.4 (in part): exit code 0, nothing lost, no interruption counted."""
    with FakeJudge0(
        lambda source, stdin: printed(b"3\n", takes_s=60 if b"long" in source else 1), looks=1
    ) as judge0:
        worker = start_worker(JUDGE0_URLS=judge0.url, JUDGE_GRACE_S="3")
        short = submit()
        long = judging.submit(
            user=short.user, question=short.question, language=languages.get("python"), source="# long"
        )
        await_status(short, "running")
        await_status(long, "running")
        time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)

        assert worker.wait(15) == 0
    short.refresh_from_db()
    long.refresh_from_db()
    assert short.status == "done"
    assert (long.status, long.interruptions) == ("queued", 0)


def test_while_redis_is_away_it_goes_on_and_can_be_stopped(tmp_path: Path):
    url, server = environment.start_redis(tmp_path)
    worker = start_worker(REDIS_URL=url)
    server.kill()
    await_line(worker, "Redis does not answer")

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(15) == 0


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


BROKEN_SWEEPER = """
import django
django.setup()
from submissions import recovery, worker
def sweep():
    raise ValueError("nobody has thought of this")
recovery.sweep = sweep
worker.Sweeper().run()
"""


def test_a_worker_whose_sweeper_fails_ends_rather_than_never_sweeping_again():
    ended = subprocess.run(
        [sys.executable, "-c", BROKEN_SWEEPER], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 1
    assert "the sweeper has failed" in ended.stderr
    assert "nobody has thought of this" in ended.stderr
