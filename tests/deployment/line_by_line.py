"""What S2 demands, shown line by line on the platform as compose deploys it: `python -m tests.deployment.line_by_line`.

Two webs, one worker for each queue, the engine, PostgreSQL and Redis, all of them processes; then they are overloaded,
stopped and killed. Exit code 0 if every line holds.
"""

import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.deployment import compose
from tests.deployment.machine import Addresses, Machine, Running
from tests.deployment.rehearsal import PREPARE, SMOKE, Rehearsal, operators_values
from tests.deployment.workloads import NotReady
from tests.platform.running import ROOT

TOGETHER = 20
DEPTH = 25
PATIENCE_S = 60.0
HEALTHZ_MS = 500.0
"""Demanded are 100; here senders, webs, worker, engine and databases share one machine."""
REFUSED_MS = 50.0
SETTINGS = {"MAX_QUEUE_DEPTH": str(DEPTH), "RATE_LIMIT_SUBMIT": "60/minute", "RATE_LIMIT_RUN": "1000/minute"}
WRONG = "print(0)"  # one run: it fails at the first case
SLOW = "import time; time.sleep(1.5); print(0)"


@dataclass(frozen=True)
class Line:
    numbers: str
    what: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Door:
    """One web, spoken to past the balancer as the balancer does: under the platform's public name."""

    one: Running
    key: str
    host: str

    def post(self, source: str, kind: str = "submissions", key: str | None = None) -> requests.Response:
        body = {"question": "sum", "language": "python", "source": source}
        headers = self._headers | ({} if key is None else {"X-Code-Exec-Key": key})
        return requests.post(f"{self._url}/api/v1/{kind}/", json=body, headers=headers, timeout=30)

    def get(self, path: str, stream: bool = False) -> requests.Response:
        return requests.get(f"{self._url}{path}", headers=self._headers, timeout=30, stream=stream)

    def submission(self, pk: str) -> dict:
        return self.get(f"/api/v1/submissions/{pk}/").json()

    def ended(self, *pks: str) -> list[dict]:
        """Each of them once it is final. Raises NotReady."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = [self.submission(pk) for pk in pks]
            if all(one["final"] for one in found):
                return found
            if time.monotonic() > deadline:
                raise NotReady(f"not all of {len(pks)} submissions have ended after {PATIENCE_S:g} s")
            time.sleep(0.1)

    @property
    def _url(self) -> str:
        return f"http://{self.one.address}:8000"

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-Code-Exec-Key": self.key, "Host": self.host}


class Asking:
    """`with Asking(…) as times`: how long each answer took, in ms, asked again and again meanwhile."""

    def __init__(self, ask: Callable[[], requests.Response]) -> None:
        self.ask = ask
        self.times: list[float] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._go_on)

    def __enter__(self) -> list[float]:
        self._thread.start()
        return self.times

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._is_over.wait(0.02):
            began = time.perf_counter()
            assert self.ask().status_code == 200
            self.times.append((time.perf_counter() - began) * 1000)


def percent(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


class Lines:
    def __init__(self, rehearsal: Rehearsal, values: dict[str, str]) -> None:
        self.rehearsal = rehearsal
        self.machine = rehearsal.machine
        self.key = values["CODE_EXEC_KEY"]
        self.host = urlsplit(values["PUBLIC_URL"]).netloc
        self.a, self.b = (self._door(one) for one in rehearsal.replicas["web"])

    def _door(self, one: Running) -> Door:
        return Door(one, self.key, self.host)

    def all(self) -> Iterator[Line]:
        yield self.smoke()
        yield self.key_is_demanded()
        yield self.together()
        yield self.depth()
        yield self.limit()
        yield self.killed_web()
        yield self.drain()
        yield self.breaker()

    def smoke(self) -> Line:
        self.rehearsal.execute(*PREPARE)
        self.rehearsal.await_backends()
        self.rehearsal.execute(*SMOKE)
        return Line("S2.37–S2.39", "every probe says yes, and manage.py smoke passes", "exit code 0", True)

    def key_is_demanded(self) -> Line:
        codes = [self.a.post(WRONG, key=key).status_code for key in ("", "wrong")]
        codes.append(self.a.post(WRONG).status_code)
        return Line(
            "S2.11, S2.42", "without the key, with a wrong one, with it", str(codes), codes == [401, 401, 202]
        )

    def together(self) -> Line:
        with (
            Asking(lambda: self.b.get("/healthz")) as healthz,
            Asking(lambda: self.b.get("/api/v1/questions/")) as page,
        ):
            with ThreadPoolExecutor(TOGETHER) as threads:
                taken = list(threads.map(self.a.post, [WRONG] * TOGETHER))
            ended = self.a.ended(*(answer.json()["id"] for answer in taken))
        p99, others = percent(healthz, 0.99), percent(page, 0.95)
        found = (
            f"all {len(ended)} final; /healthz p99 {p99:.0f} ms (held to {HEALTHZ_MS:.0f} here, 100 demanded), "
            f"another's list of questions p95 {others:.0f} ms"
        )
        holds = all(one["verdict"] == "WA" for one in ended) and p99 < HEALTHZ_MS
        return Line("S2.40", f"{TOGETHER} at once", found, holds)

    def depth(self) -> Line:
        workers = [self.rehearsal.replicas[name][0].process for name in ("worker", "worker-low")]
        for worker in workers:
            worker.send_signal(signal.SIGSTOP)
        try:
            answers = [self.a.post(WRONG) for _ in range(DEPTH + 1)]
        finally:
            for worker in workers:
                worker.send_signal(signal.SIGCONT)
        last = answers[-1]
        found = f"{last.status_code}, Retry-After {last.headers.get('Retry-After')}"
        holds = last.status_code == 503 and "Retry-After" in last.headers
        taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        holds = holds and len(taken) == DEPTH and all(one["status"] == "done" for one in self.a.ended(*taken))
        return Line("S2.23", f"{DEPTH} wait, one more comes; then all of them are judged", found, holds)

    def limit(self) -> Line:
        deadline = time.monotonic() + PATIENCE_S
        while (at_a := self.a.post(WRONG)).status_code != 429 and time.monotonic() < deadline:
            time.sleep(0.05)
        at_b = self.b.post(WRONG)
        after = at_b.headers.get("Retry-After")
        found = f"{at_a.status_code} at one web, {at_b.status_code} at the other; Retry-After {after}"
        holds = (at_a.status_code, at_b.status_code) == (429, 429) and "Retry-After" in at_b.headers
        return Line("S1.42, S2.10, S2.41", "one program too many in a minute", found, holds)

    def killed_web(self) -> Line:
        pk = self.a.post(SLOW, kind="runs").json()["id"]
        waiting = [self.a.post(WRONG, kind="runs").json()["id"] for _ in range(5)]
        stream = self.b.get(f"/api/v1/submissions/{pk}/stream/", stream=True)
        lines = stream.iter_lines()
        first = next(line for line in lines if line.startswith(b"data:"))
        assert not json.loads(first.removeprefix(b"data:")).get("final")
        self.rehearsal.leave(self.a.one)
        self.a.one.process.kill()
        last = [json.loads(line.removeprefix(b"data:")) for line in lines if line.startswith(b"data:")][-1]
        others = self.b.ended(*waiting)
        holds = bool(last.get("final")) and all(one["status"] == "done" for one in others)
        found = f"the stream at the other one ended with its final message; {len(others)} more were judged"
        return Line("S1.42, S1.43", "the web that took a program is killed", found, holds)

    def drain(self) -> Line:
        worker = self.rehearsal.replicas["worker"][0]
        pk = self.b.post(SLOW, kind="runs").json()["id"]
        while self.b.submission(pk)["status"] == "queued":
            time.sleep(0.02)
        code = self.machine.end(worker)
        ended = self.b.submission(pk)
        found = f"exit code {code}; what it was judging is {ended['status']}"
        return Line(
            "S2.4, S2.25",
            "a worker gets SIGTERM while it judges",
            found,
            (code, ended["status"]) == (0, "done"),
        )

    def breaker(self) -> Line:
        self.rehearsal.replicas["engine"][0].process.kill()
        deadline = time.monotonic() + PATIENCE_S
        while self.b.post(WRONG, kind="runs").status_code != 502 and time.monotonic() < deadline:
            time.sleep(0.2)
        answers = [self.b.post(WRONG, kind="runs") for _ in range(5)]
        codes = {answer.status_code for answer in answers}
        took_ms = min(answer.elapsed.total_seconds() * 1000 for answer in answers)
        found = f"{', '.join(map(str, codes))}, the fastest of {len(answers)} after {took_ms:.0f} ms"
        holds = codes == {502} and took_ms < REFUSED_MS
        return Line("S2.18", "the only backend is gone", found, holds)


def shown(say: Callable[[str], None]) -> list[Line]:
    """Raises NotReady."""
    with tempfile.TemporaryDirectory(prefix="line-by-line-", ignore_cleanup_errors=True) as scratch:
        addresses = Addresses()
        values = operators_values(addresses) | SETTINGS
        deployment = compose.read(ROOT / "docker-compose.yml", values)
        with Machine(Path(scratch), addresses, deployment.services) as machine:
            rehearsal = Rehearsal(machine, deployment, say)
            rehearsal.start({"web": 2})
            lines: list[Line] = []
            for line in Lines(rehearsal, values).all():
                lines.append(line)
                say(f"{'ok ' if line.holds else 'NOT'} {line.numbers:<20} {line.what}: {line.found}")
            return lines


def main() -> None:
    try:
        lines = shown(lambda words: print(words, flush=True))
    except NotReady as error:
        sys.exit(str(error))
    sys.exit(int(not all(line.holds for line in lines)))


if __name__ == "__main__":
    main()
