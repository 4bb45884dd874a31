"""How fast a submission is taken while judging is slow: 20 a second, each judged for seconds.

    python benchmarks/submit.py [--json] [--seconds N]

A whole platform is started for it (SQLite, Redis, workers, web) with a judge that takes five seconds for a case, so
what is measured is the path of a request and nothing of a sandbox.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import requests

from benchmarks.figures import at_most, beside, show
from judgeplatform.stack import free_port
from tests.fakes import FakeJudge0, Result
from tests.platform.running import RunningPlatform
from tests.truth import honest

PER_SECOND = 20
GOAL_P95_MS = 200.0
SLOW_S = 5.0
SOURCE = "print(sum(map(int, input().split())))  # slow"


def measure(seconds: float) -> list[float]:
    """Milliseconds from sending each POST to its 202."""

    def judged(source: bytes, stdin: bytes) -> Result:
        # What the platform itself has run, its sample and its probes, need not wait.
        return replace(honest(source, stdin), takes_s=SLOW_S if source == SOURCE.encode() else 0.0)

    with tempfile.TemporaryDirectory() as scratch, FakeJudge0(judged) as judge0:
        running = RunningPlatform(
            Path(scratch) / "var",
            free_port(),
            JUDGE0_URLS=judge0.url,
            RATE_LIMIT_SUBMIT="1000000/minute",
            MAX_QUEUE_DEPTH="1000000",  # nearly all of them wait
            CODE_EXEC_KEY="benchmark",
        )
        try:
            running.wait_for("is ready", timeout_s=120)
            return _fire(running.url, seconds)
        finally:
            running.stop()


def _fire(url: str, seconds: float) -> list[float]:
    """Open loop: a slow answer does not delay the next request."""
    taken: list[float] = []
    body = {"question": "sum", "language": "python", "source": SOURCE}

    def post() -> None:
        started = time.perf_counter()
        answer = requests.post(
            f"{url}/api/v1/submissions/", json=body, headers={"X-Code-Exec-Key": "benchmark"}, timeout=30
        )
        assert answer.status_code == 202, answer.text
        taken.append((time.perf_counter() - started) * 1000)

    threads = []
    begun = time.perf_counter()
    for number in range(int(PER_SECOND * seconds)):
        time.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
        threads.append(threading.Thread(target=post))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    taken = measure(options.seconds)
    percent = statistics.quantiles(taken, n=100)
    how = f"{len(taken)} POSTs at {PER_SECOND} a second; a case takes the judge {SLOW_S:g} s"
    show(
        [
            beside("submit_p50", percent[49], "ms", how),
            at_most("submit_p95", percent[94], "ms", GOAL_P95_MS, how),
            beside("submit_p99", percent[98], "ms", how),
        ],
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
