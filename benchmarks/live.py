"""How live updates and waiting answers scale on one web process.

    python benchmarks/live.py [--json] [--sockets N] [--streams N] [--waiters N] [--queued N]

fan-out   N websockets (500) and N event streams (200) follow one submission at the end of a queue of N (990, as long as
          one may be): until an event has reached the last, and what they cost the web process in threads, connections
          to the database and memory
waiters   N programs (200) are sent at the same moment with `wait=true`; `/healthz` is asked until all are answered

A whole platform is started for it (SQLite, Redis, workers, one daphne) with a judge that runs nothing. The clients
run in this process, on the same machine.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.figures import Figure, at_most, beside, show
from benchmarks.submit import Client, asking_healthz, percent
from judgeplatform.stack import free_port
from tests.fakes import FakeJudge0, Result
from tests.platform.running import RunningPlatform
from tests.truth import honest

GOAL_LAST_MS = 500.0
GOAL_HEALTHZ_MS = 100.0
GOAL_THREADS = 20  # those that all share
GOAL_CONNECTIONS = 8
MORE = "of the web process, more than before"
MORE_CONNECTIONS = f"to the database, {MORE}"
KEY = {"X-Code-Exec-Key": "benchmark"}
SUM = "print(sum(map(int, input().split())))"
USUAL = f"{SUM}  # usual"
TAKES_S = {USUAL: 0.1}
ROUNDS = 5
LONGEST_S = 60


@dataclass(frozen=True)
class Platform:
    running: RunningPlatform
    client: Client

    @property
    def web(self) -> psutil.Process:
        return self.running.child("daphne")

    def threads(self) -> int:
        return int(self.web.num_threads())  # type: ignore[no-untyped-call]

    def connections(self) -> int:
        """To the database, whose file each of them has open."""
        files = self.web.open_files()  # type: ignore[no-untyped-call]
        return sum(one.path.endswith("db.sqlite3") for one in files)

    def memory_kib(self) -> float:
        return float(self.web.memory_full_info().uss) / 1024  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def platform() -> Iterator[Platform]:
    def judged(source: bytes, stdin: bytes) -> Result:
        return replace(honest(source, stdin), takes_s=TAKES_S.get(source.decode(), 0.0))

    with tempfile.TemporaryDirectory() as scratch, FakeJudge0(judged, looks=0) as judge0:
        running = RunningPlatform(
            Path(scratch) / "var",
            free_port(),
            JUDGE0_URLS=judge0.url,
            RATE_LIMIT_SUBMIT="1000000/minute",
            CODE_EXEC_KEY="benchmark",
            SYNC_WAIT_MAX="60",
        )
        try:
            running.wait_for("is ready", timeout_s=120)
            yield Platform(running, Client(running.url))
        finally:
            running.stop()


# --- Fan-out ---------------------------------------------------------------------------------------------------


class Crowd:
    """Followers of one submission. `arrived` is when each of them had its final message."""

    def __init__(self, url: str, pk: str) -> None:
        self.url = url
        self.pk = pk
        self.opened = 0
        self.arrived: list[float] = []

    async def follow_by_socket(self) -> None:
        address = f"{self.url.replace('http', 'ws')}/ws/submissions/{self.pk}/"
        async with connect(
            address, additional_headers=KEY, compression=None, open_timeout=60, proxy=None
        ) as socket:
            with contextlib.suppress(ConnectionClosed):
                await self._note(str(message).encode() async for message in socket)

    async def follow_by_stream(self) -> None:
        host, _, port = self.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"GET /api/v1/submissions/{self.pk}/stream/ HTTP/1.1\r\nHost: {host}:{port}\r\n"
        writer.write(
            (head + "".join(f"{name}: {value}\r\n" for name, value in KEY.items()) + "\r\n").encode()
        )
        await self._note(reader)
        writer.close()

    async def _note(self, lines: AsyncIterable[bytes]) -> None:
        is_first = True
        async for line in lines:
            if is_first and b'"seq": 1' in line:
                self.opened += 1
                is_first = False
            if b'"final": true' in line:
                self.arrived.append(time.perf_counter())
                return


@dataclass(frozen=True)
class Round:
    """What it took more than before of the web process, and the ms that followers and `/healthz` waited."""

    threads: int
    connections: int
    kib: float
    joined: float  # ms until all of them followed
    waited: list[float]
    joining: list[float]
    healthz: list[float]


async def follow_and_cancel(found: Platform, sockets: int, streams: int) -> Round:
    pk = found.client.submit(USUAL)
    threads, connections, kib = found.threads(), found.connections(), found.memory_kib()
    crowd = Crowd(found.client.url, pk)
    began = time.perf_counter()
    following = [
        *(asyncio.create_task(crowd.follow_by_socket()) for _ in range(sockets)),
        *(asyncio.create_task(crowd.follow_by_stream()) for _ in range(streams)),
    ]
    with asking_healthz(found.client.url) as joining:
        async with asyncio.timeout(LONGEST_S):
            while crowd.opened < len(following):
                for task in following:
                    if task.done():
                        task.result()  # what kept it from following
                await asyncio.sleep(0.05)
    joined = (time.perf_counter() - began) * 1000
    with asking_healthz(found.client.url) as healthz:
        await asyncio.sleep(11)  # they are all looked for twice meanwhile
    more = found.threads() - threads, found.connections() - connections, found.memory_kib() - kib
    began = time.perf_counter()
    await asyncio.to_thread(_cancel, found.client.url, pk)
    async with asyncio.timeout(LONGEST_S):
        await asyncio.gather(*following)
    return Round(*more, joined, [(one - began) * 1000 for one in crowd.arrived], joining, healthz)


def _cancel(url: str, pk: str) -> None:
    answer = requests.post(f"{url}/api/v1/submissions/{pk}/cancel/", headers=KEY, timeout=30)
    assert answer.status_code == 200, answer.text


def fan_out(found: Platform, sockets: int, streams: int, queued: int) -> list[Figure]:
    worker = found.running.child("judge_worker", "default")
    worker.suspend()  # type: ignore[no-untyped-call]  # what is followed must wait until it is cancelled
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(found.client.submit, [USUAL] * queued))
        rounds = [asyncio.run(follow_and_cancel(found, sockets, streams)) for _ in range(ROUNDS)]
    finally:
        worker.resume()  # type: ignore[no-untyped-call]
    waited = [one.waited for one in rounds]
    healthz = [value for one in rounds for value in one.healthz]
    joining = [value for one in rounds for value in one.joining]
    how = f"{sockets} websockets and {streams} streams follow one submission behind {queued}, {ROUNDS} times"
    each = rounds[0].kib / (sockets + streams)
    return [
        at_most(
            "last",
            statistics.median(max(one) for one in waited),
            "ms",
            GOAL_LAST_MS,
            f"{how}: from the request that cancels it until the last one knows",
        ),
        beside("last_worst", max(max(one) for one in waited), "ms", "the same, the worst time"),
        beside("first", statistics.median(min(one) for one in waited), "ms", "until the first one knows"),
        beside("median", statistics.median(value for one in waited for value in one), "ms", "of all of them"),
        at_most("threads", max(one.threads for one in rounds), "", GOAL_THREADS, MORE),
        at_most(
            "connections", max(one.connections for one in rounds), "", GOAL_CONNECTIONS, MORE_CONNECTIONS
        ),
        beside("joined", statistics.median(one.joined for one in rounds), "ms", "until all of them followed"),
        beside("healthz_joining", percent(joining, 99), "ms", "/healthz p99 meanwhile"),
        beside("memory", each, "KiB", "of the web process for each, the first time"),
        at_most(
            "healthz_followed",
            percent(healthz, 99),
            "ms",
            GOAL_HEALTHZ_MS,
            f"/healthz p99 while they follow, {len(healthz)} times",
        ),
    ]


# --- Answers that wait -----------------------------------------------------------------------------------------


def waiters(found: Platform, count: int) -> list[Figure]:
    statuses: list[int] = []

    def send() -> None:
        statuses.append(found.client.post("submissions", USUAL, wait="true").status_code)

    before = found.threads(), found.connections()
    threads = [threading.Thread(target=send) for _ in range(count)]
    looks: list[tuple[int, int]] = []
    with asking_healthz(found.client.url) as healthz:
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            looks.append((found.threads(), found.connections()))
            time.sleep(0.1)
    how = f"{count} with wait=true at the same moment, {statuses.count(200)} of them answered 200"
    return [
        at_most("healthz_p99", percent(healthz, 99), "ms", GOAL_HEALTHZ_MS, f"{how}; {len(healthz)} times"),
        at_most(
            "threads_waiting", _usual(looks, 0) - before[0], "", GOAL_THREADS, f"{MORE}, half of the time"
        ),
        at_most(
            "connections_waiting",
            _usual(looks, 1) - before[1],
            "",
            GOAL_CONNECTIONS,
            f"{MORE_CONNECTIONS}, half of the time",
        ),
    ]


def _usual(looks: list[tuple[int, int]], which: int) -> float:
    return statistics.median(one[which] for one in looks)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--waiters", type=int, default=200)
    parser.add_argument("--queued", type=int, default=990)
    options = parser.parse_args()
    with platform() as found:
        figures = waiters(found, options.waiters)
        figures += fan_out(found, options.sockets, options.streams, options.queued)
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
