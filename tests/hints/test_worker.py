"""`manage.py hints_worker`: a process of its own, which is ready without any judge, and ends in order."""

import os
import signal
import subprocess
import sys
import time

import pytest
import requests
from django.db import connection

from execution import languages
from hints import asking
from hints.models import HintRequest
from judgeplatform.stack import free_port
from submissions import waiting
from submissions.connections import queue
from tests.conftest import ROOT
from tests.factories import make_user
from tests.submissions.test_worker import await_line

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def worker(port):
    """On this test's database."""
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "WORKER_HTTP_PORT": str(port),
        "HINTS_PROVIDER": "none",
    }
    command = [sys.executable, "-u", "manage.py", "hints_worker", "--concurrency", "2"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        await_line(worker, "judging from queue hints, 2 at a time")
        yield worker
        worker.kill()
        worker.communicate()


def test_it_announces_itself_answers_and_ends_when_it_is_told(worker, port, backends):
    backends()
    asked = asking.ask_review(user=make_user(), source="import os\n", language=languages.get("python"))
    # It is told while it is busy, or before: what it has taken is answered first.
    while queue("hints").count:
        time.sleep(0.01)
    assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).json()["checks"]["redis"]["ok"]
    assert waiting.crew("hints") == {next(iter(waiting.crew("hints"))): 2}

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(20) == 0
    asked.refresh_from_db()
    assert asked.status == HintRequest.Status.DONE
