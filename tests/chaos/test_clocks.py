"""The clock of a machine jumps an hour back and an hour forward while learners submit.

All processes of a platform on one machine, database and Redis included, see the same wrong time (`clock.c`); what
measures durations, the monotonic clock, goes on, as it does on a machine whose clock is set.
"""

import struct
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import redis
import requests

from judgeplatform.stack import free_port
from tests.platform.running import RunningPlatform

HOUR = 3600
KEY = {"X-Code-Exec-Key": "clocks"}
TAKES_TIME = "import time\ntime.sleep(0.7)\nprint(sum(map(int, input().split())))"
EXPECTED = {
    TAKES_TIME: "AC",
    "print(sum(map(int, input().split())))": "AC",
    "print('?')": "WA",
    "while True: pass": "TLE",
}


class Clock:
    """Of all processes that are started with `environment`."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "off"
        self.file.write_bytes(struct.pack("l", 0))
        library = directory / "clock.so"
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source)], check=True)
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFF": str(self.file)}

    def set(self, off_s: int) -> None:
        """At once, and in place: the file is mapped."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("l", off_s))


@pytest.fixture
def platform(tmp_path) -> Iterator[tuple[RunningPlatform, Clock]]:
    clock = Clock(tmp_path)
    settings = {"CODE_EXEC_KEY": "clocks", "RATE_LIMIT_SUBMIT": "1000/minute"} | clock.environment
    running = RunningPlatform(tmp_path / "var", free_port(), **settings)
    try:
        running.wait_for("is ready", timeout_s=180)
        yield running, clock
    finally:
        running.stop()


def test_the_clock_of_these_tests_is_wrong_and_pauses_are_not(tmp_path):
    clock = Clock(tmp_path)
    clock.set(-HOUR)
    asked = "import time; a = time.monotonic(); time.sleep(0.1); print(time.time(), time.monotonic() - a)"
    told = subprocess.run(
        ["python3", "-c", asked], env=clock.environment, capture_output=True, text=True, check=True
    )
    now, paused = map(float, told.stdout.split())
    assert time.time() - HOUR == pytest.approx(now, abs=20)
    assert 0.1 <= paused < 5


@pytest.mark.full
@pytest.mark.timeout(400)
def test_whatever_the_clock_does_each_submission_ends_once_and_rightly(platform):
    running, clock = platform
    sent: dict[str, str] = {}
    for off_s in (-HOUR, HOUR, 0):
        sent |= {send(running, source): source for source in EXPECTED}
        clock.set(off_s)
        after = {send(running, source): source for source in EXPECTED}
        all_of_it = {"web": off_s, "worker": off_s, "redis": off_s}
        assert ahead(running, next(iter(after))) == pytest.approx(all_of_it, abs=60)
        sent |= after

    ended = {pk: final(running, pk) for pk in sent}
    assert {pk: one["verdict"] for pk, one in ended.items()} == {
        pk: EXPECTED[source] for pk, source in sent.items()
    }
    assert [ends(running, pk) for pk in sent] == [1] * len(sent)
    assert requests.get(f"{running.url}/readyz", timeout=10).status_code == 200


def send(running: RunningPlatform, source: str) -> str:
    body = {"question": "sum", "language": "python", "source": source}
    answer = requests.post(f"{running.url}/api/v1/submissions/", json=body, headers=KEY, timeout=30)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def ahead(running: RunningPlatform, pk: str) -> dict[str, float]:
    """How far its processes are ahead of us, in seconds, by a submission that was just sent."""
    row = begun(running, pk)
    row_at = {name: datetime.fromisoformat(row[name]).timestamp() for name in ("created_at", "started_at")}
    redis_at, _ = redis.Redis.from_url(running.started()["REDIS_URL"]).time()
    told = {"web": row_at["created_at"], "worker": row_at["started_at"], "redis": float(redis_at)}
    return {name: at - time.time() for name, at in told.items()}


def begun(running: RunningPlatform, pk: str) -> dict:
    deadline = time.monotonic() + 60
    while not (found := asked(running, f"{pk}/"))["started_at"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def asked(running: RunningPlatform, path: str) -> dict:
    return requests.get(f"{running.url}/api/v1/submissions/{path}", headers=KEY, timeout=30).json()


def final(running: RunningPlatform, pk: str) -> dict:
    deadline = time.monotonic() + 120
    while not (found := asked(running, f"{pk}/"))["final"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def ends(running: RunningPlatform, pk: str) -> int:
    """How often followers were told of an end."""
    return sum(bool(event.get("final")) for event in asked(running, f"{pk}/events/")["events"])
