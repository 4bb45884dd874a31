"""How fast programs are taken while judging is slow, or while nobody judges.

    python benchmarks/submit.py [--json] [--seconds N] [--outage N]

slow     20 a second for N seconds (10), each judged for seconds; `/healthz` is asked meanwhile
crowd    20 at the same moment; `/healthz` is asked until all are judged
outage   the judge is gone for N seconds (20): how soon a run is refused; then it is back, and what waits is judged

A whole platform is started for it (SQLite, Redis, workers, web) with a judge that runs nothing, so what is measured is
the path of a request and nothing of a sandbox.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import requests

from benchmarks.figures import Figure, at_most, beside, show
from judgeplatform.stack import free_port
from tests.fakes import FakeJudge0, Result
from tests.platform.running import RunningPlatform
from tests.truth import honest

PER_SECOND = 20
CROWD = 20
GOAL_P95_MS = 200.0
GOAL_HEALTHZ_MS = 100.0
GOAL_REFUSED_MS = 50.0
NOTICED_S = 30.0  # a judge that is gone must be known to be so by then
SLOW_S = 5.0
SUM = "print(sum(map(int, input().split())))"
SLOW = f"{SUM}  # slow"
USUAL = f"{SUM}  # usual"
TAKES_S = {SLOW: SLOW_S, USUAL: 0.3}


@contextlib.contextmanager
def platform() -> Iterator[tuple[str, FakeJudge0]]:
    """Its address, and the judge behind it."""

    def judged(source: bytes, stdin: bytes) -> Result:
        # What the platform itself has run, its sample and its probes, need not wait.
        return replace(honest(source, stdin), takes_s=TAKES_S.get(source.decode(), 0.0))

    with tempfile.TemporaryDirectory() as scratch, FakeJudge0(judged, looks=0) as judge0:
        running = RunningPlatform(
            Path(scratch) / "var",
            free_port(),
            JUDGE0_URLS=judge0.url,
            RATE_LIMIT_SUBMIT="1000000/minute",
            RATE_LIMIT_RUN="1000000/minute",
            MAX_QUEUE_DEPTH="1000000",  # nearly all of them wait
            CODE_EXEC_KEY="benchmark",
        )
        try:
            running.wait_for("is ready", timeout_s=120)
            yield running.url, judge0
        finally:
            running.stop()


class Client:
    def __init__(self, url: str) -> None:
        self.url = url

    def post(self, kind: str, source: str, **query: str) -> requests.Response:
        return requests.post(
            f"{self.url}/api/v1/{kind}/",
            params=query,
            json={"question": "sum", "language": "python", "source": source},
            headers={"X-Code-Exec-Key": "benchmark"},
            timeout=60,
        )

    def submit(self, source: str) -> str:
        answer = self.post("submissions", source)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def ended(self, pk: str) -> dict[str, object] | None:
        found = requests.get(
            f"{self.url}/api/v1/submissions/{pk}/", headers={"X-Code-Exec-Key": "benchmark"}, timeout=60
        ).json()
        return found if found["final"] else None

    def await_all(self, ids: list[str]) -> None:
        for pk in ids:
            while (found := self.ended(pk)) is None:
                time.sleep(0.05)
            assert found["verdict"] == "AC", found


def timed_ms(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


@contextlib.contextmanager
def asking_healthz(url: str) -> Iterator[list[float]]:
    """The milliseconds of each answer, one after the other, while the block lasts."""
    taken: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        with requests.Session() as http:
            while not is_over.wait(0.02):
                taken.append(timed_ms(lambda: http.get(f"{url}/healthz", timeout=30).raise_for_status()))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield taken
    finally:
        is_over.set()
        thread.join()


def percent(values: list[float], of: int) -> float:
    return statistics.quantiles(values, n=100)[of - 1]


def while_judging_is_slow(client: Client, seconds: float) -> list[Figure]:
    """Open loop: a slow answer does not delay the next request."""
    taken: list[float] = []
    threads = []
    begun = time.perf_counter()
    with asking_healthz(client.url) as healthz:
        for number in range(int(PER_SECOND * seconds)):
            time.sleep(max(0.0, begun + number / PER_SECOND - time.perf_counter()))
            threads.append(
                threading.Thread(target=lambda: taken.append(timed_ms(lambda: client.submit(SLOW))))
            )
            threads[-1].start()
        for thread in threads:
            thread.join()
    how = f"{len(taken)} POSTs at {PER_SECOND} a second; a case takes the judge {SLOW_S:g} s"
    return [
        beside("submit_p50", percent(taken, 50), "ms", how),
        at_most("submit_p95", percent(taken, 95), "ms", GOAL_P95_MS, how),
        beside("submit_p99", percent(taken, 99), "ms", how),
        at_most(
            "healthz_p99",
            percent(healthz, 99),
            "ms",
            GOAL_HEALTHZ_MS,
            f"/healthz meanwhile, {len(healthz)} times",
        ),
    ]


def crowd(client: Client) -> list[Figure]:
    ids: list[str] = []
    with asking_healthz(client.url) as healthz:
        threads = [threading.Thread(target=lambda: ids.append(client.submit(USUAL))) for _ in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.await_all(ids)
    how = f"/healthz while {CROWD} are submitted at once and judged, {len(healthz)} times"
    return [at_most("healthz_p99_crowd", percent(healthz, 99), "ms", GOAL_HEALTHZ_MS, how)]


def outage(client: Client, judge0: FakeJudge0, seconds: float) -> list[Figure]:
    """Runs are refused at once, as soon as it is known; graded ones are taken, and judged when the judge is back."""
    judge0.fail("500")
    until = time.monotonic() + NOTICED_S
    while (
        client.post("runs", SUM, wait="true").status_code != 502
        or client.post("runs", SUM).status_code != 502
    ):
        assert time.monotonic() < until, "nobody has noticed that the judge is gone"
        time.sleep(0.2)
    over = time.monotonic() + seconds
    refused: list[float] = []
    ids: list[str] = []
    while time.monotonic() < over:
        refused.append(timed_ms(partial(refused_run, client)))
        ids.append(client.submit(SUM))
        time.sleep(0.2)
    how = f"a run with wait=true while the judge is gone, {len(refused)} times in {seconds:g} s"
    judge0.mend()
    drained_ms = timed_ms(lambda: client.await_all(ids))
    return [
        beside("refused_p50", percent(refused, 50), "ms", how),
        at_most("refused_p95", percent(refused, 95), "ms", GOAL_REFUSED_MS, how),
        beside(
            "drained", drained_ms / 1000, "s", f"until all {len(ids)} that were taken meanwhile were judged"
        ),
    ]


def refused_run(client: Client) -> None:
    answer = client.post("runs", SUM, wait="true")
    assert answer.status_code == 502, answer.text


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--outage", type=float, default=20)
    options = parser.parse_args()
    with platform() as (url, judge0):
        client = Client(url)
        found = [
            *crowd(client),
            *outage(client, judge0, options.outage),
            *while_judging_is_slow(client, options.seconds),
        ]
    show(found, as_json=options.json)


if __name__ == "__main__":
    main()
