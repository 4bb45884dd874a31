"""deploy/drain-worker, the preStop hook of workers, with a process that stops as they do."""

import subprocess
import sys

import pytest

from tests.platform.running import ROOT, leashed

A_WORKER = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print("works", flush=True)
signal.pause()
"""


@pytest.fixture(params=[("judge_worker", "--queue"), ("hints_worker",)], ids=["judge_worker", "hints_worker"])
def worker(request):
    command = leashed(sys.executable, "-c", A_WORKER, *request.param)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "works\n"
        yield process
        process.kill()


def test_the_hook_tells_the_worker_to_stop_and_returns_when_it_has(worker):
    """S2.34"""
    waited_for = subprocess.Popen(["deploy/drain-worker", str(worker.pid)], cwd=ROOT)
    assert worker.wait(10) == 0
    assert waited_for.wait(10) == 0


@pytest.mark.full
def test_the_hook_touches_nothing_but_a_worker():
    process = subprocess.Popen(["sleep", "60"])
    done = subprocess.run(["deploy/drain-worker", str(process.pid)], cwd=ROOT, capture_output=True, text=True)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert (done.returncode, done.stderr) == (1, f"{process.pid} is no worker\n")
