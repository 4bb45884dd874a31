"""A disk fills up while people submit: they are told so, nobody pays for it, and with room all goes on by itself."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests
from django.test import Client

from judgeplatform.stack import free_port, redis_server
from submissions import connections
from submissions.models import Submission
from tests.chaos.small_disk import SmallDisk
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0
from tests.platform.running import RunningPlatform, leashed
from tests.truth import honest

ADD = "print(sum(map(int, input().split())))"
LONG = f"{ADD}\n# {'long ' * 12_000}"
KEY = {"X-Code-Exec-Key": "full"}
CHILDREN = (("daphne",), ("judge_worker", "default"), ("redis-server",), ("runengine",))
LIMITS = {"RATE_LIMIT_SUBMIT": "1000/minute", "RATE_LIMIT_RUN": "1000/minute", "CODE_EXEC_KEY": "full"}


# --- Database and Redis on one disk ------------------------------------------------------------------------------


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[RunningPlatform, SmallDisk]]:
    """A platform whose `var/`, with database and Redis's log, is on a small disk."""
    disk = SmallDisk(tmp_path / "var", mib=64)
    running = RunningPlatform(disk.directory, free_port(), False, disk.prefix(), **LIMITS)
    disk.pid = lambda: running.process.pid
    try:
        running.wait_for("is ready", timeout_s=180)
        yield running, disk
    finally:
        running.stop()


@pytest.mark.full
@pytest.mark.timeout(400)
def test_a_platform_whose_disk_is_full_refuses_takes_again_with_room_and_has_lost_nothing(crowded):
    running, disk = crowded
    before = pids(running)
    waiting = [send(running, ADD).json()["id"] for _ in range(5)]
    disk.fill()

    taken, refused = sent_until_refused(running)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert requests.get(f"{running.url}/healthz", timeout=5).status_code == 200
    assert requests.get(f"{running.url}/questions/", timeout=5).status_code == 200
    disk.free()

    taken += [*waiting, sent_until_taken(running)]
    assert [verdict(running, pk) for pk in taken] == ["AC"] * len(taken)
    assert pids(running) == before, "nobody had to be started again"


def pids(running: RunningPlatform) -> list[int]:
    return [one.pid for one in running.children() if any(set(w) & set(one.cmdline()) for w in CHILDREN)]


def send(running: RunningPlatform, source: str) -> requests.Response:
    body = {"question": "sum", "language": "python", "source": source}
    return requests.post(f"{running.url}/api/v1/submissions/", json=body, headers=KEY, timeout=30)


def sent_until_refused(running: RunningPlatform) -> tuple[list[str], requests.Response]:
    """SQLite writes over the room that its log has already."""
    taken: list[str] = []
    for _ in range(400):
        answer = send(running, LONG)
        if answer.status_code != 202:
            return taken, answer
        taken.append(answer.json()["id"])
    raise AssertionError("the disk does not fill up")


def sent_until_taken(running: RunningPlatform) -> str:
    deadline = time.monotonic() + 20
    while (answer := send(running, ADD)).status_code != 202:
        assert answer.status_code == 503
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    return answer.json()["id"]


def verdict(running: RunningPlatform, pk: str) -> str:
    deadline = time.monotonic() + 90
    url = f"{running.url}/api/v1/submissions/{pk}/"
    while not (found := requests.get(url, headers=KEY, timeout=30).json())["final"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found["verdict"] or f"{found['status']}: {found['reason']}"


# --- Redis ---------------------------------------------------------------------------------------------------


@pytest.fixture
def full_redis(tmp_path, settings) -> Iterator[SmallDisk]:
    """The platform's Redis, whose log has no room left."""
    disk = SmallDisk(tmp_path / "redis", mib=2)
    path = tmp_path / "redis.sock"
    options = ("--port", "0", "--unixsocket", str(path), "--dir", str(disk.directory), "--appendonly", "yes")
    process = subprocess.Popen(
        leashed(*disk.prefix(), redis_server(), *options, "--save", ""), stdout=subprocess.DEVNULL
    )
    disk.pid = lambda: process.pid
    kept = (connections.redis_client, connections.queue, connections.pool)
    try:
        settings.REDIS_URL = f"unix://{path}"
        for one in kept:
            one.cache_clear()
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            answers(client)
            disk.fill()
            refuses(client)
        yield disk
    finally:
        for one in kept:
            one.cache_clear()
        process.terminate()
        process.wait(10)


def answers(client: redis.Redis) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            client.ping()
            return
        except redis.RedisError:
            time.sleep(0.02)
    raise AssertionError("Redis does not start")


def refuses(client: redis.Redis) -> None:
    """It takes what it cannot write down once, and then no more."""

    def write_on() -> None:
        for _ in range(100):
            client.set("much", b"\0" * 100_000)

    with pytest.raises(redis.ResponseError, match="MISCONF"):
        write_on()


@pytest.mark.django_db(transaction=True)
def test_while_redis_cannot_write_graded_programs_are_taken_and_runs_refused(full_redis, backends, work):
    make_question(slug="sum")
    client = Client()
    client.force_login(make_user())
    program = {"question": "sum", "language": "python", "source": ADD}
    json = {"content_type": "application/json"}

    with FakeJudge0(honest) as judge0:
        backends(judge0.url)
        graded = client.post("/api/v1/submissions/", program, **json)
        tried = client.post("/api/v1/runs/", program, **json)
        assert (graded.status_code, tried.status_code) == (202, 503)
        assert tried.headers["Retry-After"]

        full_redis.free()
        has_room_again()
        assert client.post("/api/v1/runs/", program, **json).status_code == 202
        swept(work)
    assert set(Submission.objects.values_list("kind", "verdict")) == {("graded", "AC"), ("run", "AC")}


def has_room_again() -> None:
    """Redis tries again every second."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            connections.redis_client().set("much", b"")
            return
        except redis.ResponseError:
            time.sleep(0.05)
    raise AssertionError("Redis goes on refusing")


def swept(work) -> None:
    """The time after which a worker's sweeper rings for what nobody was told of, then the worker."""
    from submissions import recovery

    Submission.objects.unfinished().update(overdue_at="2000-01-01T00:00:00Z")
    recovery.sweep()
    work()
