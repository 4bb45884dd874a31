"""Many learners at once at a platform on SQLite, as `manage.py up` starts it: all together, and without Redis."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from judgeplatform.stack import free_port
from tests.environment import start_redis
from tests.platform.running import RunningPlatform

RIGHT = "print(sum(map(int, input().split())))"
WRONG = "print('?')"  # known after one case


class Crowd:
    """Learners at a platform with a Redis of the test's own, so that it stays away when it is killed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.redis: subprocess.Popen[bytes] | None = None
        redis_url = self.start_redis()
        generous = {"RATE_LIMIT_SUBMIT": "100000/minute"}
        self.platform = RunningPlatform(directory / "var", free_port(), REDIS_URL=redis_url, **generous)
        self.platform.wait_for("is ready")
        self.url = f"{self.platform.url}/api/v1/submissions/"
        self.headers = {"X-Code-Exec-Key": self.platform.started()["CODE_EXEC_KEY"]}

    def start_redis(self) -> str:
        url, self.redis = start_redis(self.directory)
        return url

    def kill_redis(self) -> None:
        assert self.redis is not None
        self.redis.kill()
        self.redis.wait()

    def submit_at_once(self, count: int, source: str, threads: int) -> list[requests.Response]:
        with ThreadPoolExecutor(threads) as people:
            return list(people.map(self._submit, [source] * count))

    def _submit(self, source: str) -> requests.Response:
        program = {"question": "sum", "language": "python", "source": source}
        return requests.post(self.url, json=program, headers=self.headers, timeout=30)

    def is_alive(self) -> bool:
        time.sleep(0.02)
        return requests.get(f"{self.platform.url}/healthz", timeout=1).status_code == 200

    def verdicts(self, answers: list[requests.Response], timeout_s: float) -> list[str]:
        """Of all that were taken, once they are final."""
        deadline = time.monotonic() + timeout_s
        return [self._verdict(answer.json()["id"], deadline) for answer in answers]

    def _verdict(self, pk: str, deadline: float) -> str:
        while not (found := requests.get(f"{self.url}{pk}/", headers=self.headers, timeout=30).json())[
            "final"
        ]:
            assert time.monotonic() < deadline, f"not final in time: {found}"
            time.sleep(0.2)
        return found["verdict"]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    crowd = Crowd(tmp_path_factory.mktemp("crowd"))
    try:
        yield crowd
    finally:
        crowd.platform.stop()
        crowd.kill_redis()


@pytest.mark.full
@pytest.mark.timeout(180)
def test_with_redis_gone_fifty_programs_are_taken_and_all_judged_when_it_is_back(crowd):
    """S0.15, S1.45 (in part): the row is the truth, the queue only a doorbell."""
    crowd.kill_redis()

    answers = crowd.submit_at_once(50, RIGHT, threads=50)

    assert [answer.status_code for answer in answers] == [202] * 50
    crowd.start_redis()
    assert crowd.verdicts(answers, timeout_s=120) == ["AC"] * 50


@pytest.mark.full
def test_twenty_programs_at_once_are_judged_and_the_web_answers_all_the_time(crowd):
    """S2.40. (How soon is measured by benchmarks/submit.py; how many runs a server gets at once, in test_fallback.)"""
    with ThreadPoolExecutor(1) as sampler, ThreadPoolExecutor(1) as people:
        judged = people.submit(
            lambda: crowd.verdicts(crowd.submit_at_once(20, RIGHT, threads=20), timeout_s=60)
        )
        alive = sampler.submit(lambda: [crowd.is_alive() for _ in iter(judged.done, True)])

        assert judged.result() == ["AC"] * 20
    assert len(alive.result()) > 10
    assert all(alive.result())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("count", [60, pytest.param(200, marks=pytest.mark.full)])
def test_many_programs_at_once_on_sqlite_meet_no_locked_database(crowd, count):
    """S1.47 (in part): two workers, the web and fifty people write to one file."""
    before = len(crowd.platform.lines)

    answers = crowd.submit_at_once(count, WRONG, threads=50)

    assert [answer.status_code for answer in answers] == [202] * count
    assert crowd.verdicts(answers, timeout_s=150) == ["WA"] * count
    said = crowd.platform.lines[before:]
    assert [line for line in said if "locked" in line] == []
    assert sum("status=done" in line for line in said) == count, (
        "the judging itself must be among what it says"
    )
