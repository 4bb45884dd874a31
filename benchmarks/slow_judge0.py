"""A judge that takes its time and hardly any CPU.

    python -m benchmarks.slow_judge0 PORT SECONDS           each run takes so long, however many there are
    python -m benchmarks.slow_judge0 PORT LANGUAGE SLOTS    runs wait for one of SLOTS, and take what the engine took
                                                            in this language (`service_times.json`)

It speaks as much of Judge0's API as a worker needs and runs nothing: `tests.truth` says what every program shows,
sums and probes. Each run is "Processing" until its time has come. It knows no limits, and Python only: what it is sent
makes no difference.

`tests.fakes.FakeJudge0` is the faithful one; it costs a thread for each connection, and so more CPU than what is
measured with this one.
"""

import asyncio
import base64
import heapq
import itertools
import json
import random
import sys
import time
from typing import Any
from urllib.parse import parse_qs

from benchmarks.service_times import Times, recorded
from tests.truth import honest

CONFIG = {
    "max_queue_size": 100_000,
    "cpu_time_limit": 5.0,
    "max_cpu_time_limit": 15.0,
    "wall_time_limit": 10.0,
    "max_wall_time_limit": 45.0,
    "memory_limit": 128_000,
    "max_memory_limit": 2_048_000,
    "max_file_size": 1024,
    "max_max_file_size": 65_536,
    "enable_batched_submissions": True,
    "max_submission_batch_size": 20,
}
LANGUAGES = [{"id": 71, "name": "Python (3.8.1)"}]
WORKERS = [{"queue": "1.13.1", "size": 0, "available": 1000, "idle": 1000, "working": 0, "paused": 0}]
RAN = {
    "stderr": None,
    "compile_output": None,
    "message": None,
    "exit_signal": None,
    "time": "0.016",
    "wall_time": "0.030",
    "memory": 3492,
}
PROCESSING = dict.fromkeys([*RAN, "stdout", "exit_code"]) | {"status_id": 2}


class Steady:
    """Each run begins at once and takes the same time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def end_of(self, source: str) -> float:
        """When a run that comes now is over, in monotonic seconds."""
        return time.monotonic() + self.seconds


class Recorded:
    """Runs take the slot that is free first, in their order, for a time drawn from what was measured."""

    def __init__(self, times: Times, slots: int) -> None:
        self.times = times
        self.free_at = [0.0] * slots
        self.compiled: set[str] = set()

    def end_of(self, source: str) -> float:
        begin = max(time.monotonic(), heapq.heappop(self.free_at))
        takes_s = random.choice(self.times.next_s if source in self.compiled else self.times.first_s)  # noqa: S311
        self.compiled.add(source)
        heapq.heappush(self.free_at, begin + takes_s)
        return begin + takes_s


class SlowJudge0:
    def __init__(self, pace: Steady | Recorded) -> None:
        self.pace = pace
        self.numbers = itertools.count(1)
        self.runs: dict[
            str, tuple[float, dict[str, Any]]
        ] = {}  # by token: when it is done, and what it shows then

    async def serve(self, port: int) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", port)
        async with server:
            await server.serve_forever()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                method, target, _ = head.split(" ", 2)
                body = await reader.readexactly(_length(head))
                status, answer = self._answer(method, target, body)
                data = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (status, len(data), data)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        path, _, query = target.partition("?")
        match method, path:
            case "GET", "/submissions/batch":
                tokens = parse_qs(query)["tokens"][0].split(",")
                return 200, {"submissions": [self._show(token) for token in tokens]}
            case "POST", "/submissions/batch":
                return 201, [self._take(item) for item in json.loads(body)["submissions"]]
            case "DELETE", _:
                self.runs.pop(path.rpartition("/")[2], None)
                return 200, {}
            case "GET", "/config_info":
                return 200, CONFIG
            case "GET", "/languages":
                return 200, LANGUAGES
            case "GET", "/workers":
                return 200, WORKERS
        return 404, {"error": "not found"}

    def _take(self, item: dict[str, Any]) -> dict[str, str]:
        token = f"00000000-0000-4000-8000-{next(self.numbers):012x}"
        shown = honest(base64.b64decode(item["source_code"]), base64.b64decode(item["stdin"]))
        stdout = base64.b64encode(shown.stdout).decode()
        run = RAN | {
            "token": token,
            "status_id": shown.status,
            "exit_code": shown.exit_code,
            "stdout": stdout,
        }
        self.runs[token] = (self.pace.end_of(item["source_code"]), run)
        return {"token": token}

    def _show(self, token: str) -> dict[str, Any] | None:
        if token not in self.runs:
            return None
        done_at, run = self.runs[token]
        return run if time.monotonic() >= done_at else PROCESSING | {"token": token}


def _length(head: str) -> int:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


def _pace(seconds_or_language: str, slots: str = "") -> Steady | Recorded:
    if slots:
        return Recorded(recorded()[seconds_or_language], int(slots))
    return Steady(float(seconds_or_language))


if __name__ == "__main__":
    asyncio.run(SlowJudge0(_pace(*sys.argv[2:])).serve(int(sys.argv[1])))
