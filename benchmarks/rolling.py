"""What a rolling restart of every role costs those who use the platform meanwhile.

    python benchmarks/rolling.py [--json] [--seconds N] [--rate N] [--overlay PATH]

The workloads of deploy/k8s/overlays/with-engine run as processes of this machine (`tests.deployment.machine`), the web
behind a balancer. RATE (20) programs a second are sent for N seconds (120), while each role is restarted as its
manifest says: a new replica first, and ready; then the old one gets preStop, leaves the rotation a second later, gets
SIGTERM, and SIGKILL once its grace is over. Engines have names of their own: the old one goes first, and the next one
not before the new one has been ready for `minReadySeconds`.

Every SLOW_EACH-th program sleeps for a while. Those are followed by websockets, which so are open when a web ends.

A client is an ordinary one: it sends a request again when the connection fails or the answer is 502 or 503, five times
at most, with the same Idempotency-Key. A follower connects again with the last number that it has seen.
"""

import argparse
import asyncio
import itertools
import json
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from benchmarks.figures import Figure, at_least, at_most, beside, show
from tests.deployment.machine import Addresses, Machine, Running
from tests.deployment.rehearsal import PREPARE, Rehearsal, operators_values, read
from tests.deployment.workloads import Workload
from tests.platform.running import ROOT

OVERLAY = ROOT / "deploy" / "k8s" / "overlays" / "with-engine"
ROLES = ("engine", "code-exec", "code-exec-low", "web")
WRONG = "print(0)"  # fails at the first case, so that each submission is one run
SLOW = "import time; time.sleep(1.5); print(0)"  # half of what the clock may show by the question's limit
SLOW_EACH = 30  # at the full rate there is always one, in one of the engines' four slots
SENDERS = 40  # so that the rate is kept as long as an answer takes less than two seconds
FOLLOWERS = 10
BEHIND = ("engine", "code-exec", "code-exec-low")  # or nobody could send as much as that to this machine
TRIES = 5
LAG_S = 1.0  # until all who send to a service know that a replica leaves
DRAIN_S = 600.0
UNLIMITED = {
    "RATE_LIMIT_SUBMIT": "1000000/minute",
    "MAX_QUEUE_DEPTH": "1000000",
    "ENGINE_LANGUAGES": "c,cpp,python",  # so that a new engine is ready sooner
}


@dataclass
class Load:
    """Programs sent at an even rate by SENDERS who each keep a connection, until `stop`."""

    url: str
    key: str
    rate: float
    answered: list[str] = field(default_factory=list)  # the submissions that were taken
    slow: list[str] = field(default_factory=list)  # those of them that last
    took_ms: list[float] = field(default_factory=list)
    sent_again: int = 0
    failed: list[str] = field(default_factory=list)

    def start(self) -> None:
        self._is_over = threading.Event()
        self._numbers = itertools.count(1)
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        session = ordinary_client(self.key)
        due = time.monotonic() + number / self.rate
        while not self._is_over.wait(max(0.0, due - time.monotonic())):
            due += SENDERS / self.rate
            self._send_one(session)

    def _send_one(self, session: requests.Session) -> None:
        is_slow = next(self._numbers) % SLOW_EACH == 0
        began = time.perf_counter()
        try:
            answer = session.post(
                f"{self.url}/api/v1/submissions/",
                json={"question": "sum", "language": "python", "source": SLOW if is_slow else WRONG},
                headers={"Idempotency-Key": secrets.token_hex(16)},
                timeout=30,
            )
        except requests.RequestException as error:
            self.failed.append(f"{type(error).__name__}: {error}")
            return
        self.took_ms.append((time.perf_counter() - began) * 1000)
        self.sent_again += len(answer.raw.retries.history if answer.raw.retries else ())
        if answer.status_code == 202:
            pk = answer.json()["id"]
            self.answered.append(pk)
            if is_slow:
                self.slow.append(pk)
        else:
            self.failed.append(f"{answer.status_code}: {answer.text[:200]}")


def ordinary_client(key: str) -> requests.Session:
    """What sends again is urllib3, by its own rules."""
    again = Retry(
        total=TRIES,
        backoff_factor=0.1,
        status_forcelist=(502, 503),
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    session.trust_env = False
    session.headers["X-Code-Exec-Key"] = key
    session.mount("http://", HTTPAdapter(max_retries=again))
    return session


@dataclass
class Followers:
    """Each follows the newest slow submission to its end, then the next one."""

    load: Load
    followed: int = 0
    resumed: int = 0
    missed: list[str] = field(default_factory=list)
    gaps_s: list[float] = field(
        default_factory=list
    )  # between a connection's loss and the next one's first message

    def start(self) -> None:
        self._is_over = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        self._thread.start()

    def stop(self) -> None:
        self._is_over = True
        self._thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._follow_on() for _ in range(FOLLOWERS)))

    async def _follow_on(self) -> None:
        seen: set[str] = set()
        while not self._is_over:
            newest = next(reversed(self.load.slow), None)
            if newest is None or newest in seen:
                await asyncio.sleep(0.1)
                continue
            seen.add(newest)
            await self._follow(newest)

    async def _follow(self, pk: str) -> None:
        after, lost_at, deadline = 0, None, time.monotonic() + DRAIN_S
        while time.monotonic() < deadline:
            address = f"{self.load.url.replace('http', 'ws')}/ws/submissions/{pk}/?after={after}"
            try:
                async with connect(
                    address, additional_headers={"X-Code-Exec-Key": self.load.key}, proxy=None
                ) as socket:
                    async for words in socket:
                        if lost_at is not None:
                            self.gaps_s.append(time.monotonic() - lost_at)
                            self.resumed += 1
                            lost_at = None
                        message = json.loads(words)
                        seq = message.get("seq")
                        if (
                            seq is not None
                            and message.get("type") != "snapshot"
                            and seq > after + 1
                            and after
                        ):
                            self.missed.append(f"{pk}: {after} was followed by {seq}")
                        after = max(after, seq or 0)
                        if message.get("final"):
                            self.followed += 1
                            return
            except (OSError, InvalidHandshake, ConnectionClosed):
                pass
            lost_at = lost_at or time.monotonic()
            await asyncio.sleep(0.1)
        self.missed.append(f"{pk}: no end within {DRAIN_S:g} s")


@dataclass
class Restarts:
    """Every replica of every role, one after the other. `codes` by the name of whoever was ended."""

    rehearsal: Rehearsal
    say: Callable[[str], None]
    codes: dict[str, int] = field(default_factory=dict)

    def restart(self, role: str) -> None:
        for old in list(self.rehearsal.replicas[role]):
            if old.workload.goes_ahead:
                self._start(old.workload)
                self._end(old)
            else:
                self._end(old)
                self._start(old.workload, old.address)
            time.sleep(old.workload.settles_s)

    def _start(self, workload: Workload, address: str = "") -> None:
        began = time.monotonic()
        new = self.rehearsal.machine.start(workload, address)
        self.rehearsal.machine.await_ready(new, within_s=120)
        self.rehearsal.enter(new)
        self.rehearsal.replicas[workload.name].append(new)
        self.say(f"{new.name} was ready after {time.monotonic() - began:.1f} s")

    def _end(self, old: Running) -> None:
        began = time.monotonic()
        leaving = threading.Timer(LAG_S, self.rehearsal.leave, (old,))
        leaving.start()
        self.codes[old.name] = self.rehearsal.machine.end(old)
        leaving.join()
        self.rehearsal.replicas[old.workload.name].remove(old)
        took_s = time.monotonic() - began
        self.say(f"{old.name} was gone after {took_s:.1f} s, exit code {self.codes[old.name]}")


def rows(rehearsal: Rehearsal) -> dict[str, str]:
    """The status, and where it is an error the reason, of every submission."""
    given = rehearsal.replicas["postgres"][0]
    words = given.environment
    address = f"postgres://{words['POSTGRES_USER']}:{words['POSTGRES_PASSWORD']}@{given.address}/{words['POSTGRES_DB']}"
    with psycopg.connect(address) as connection:
        found = connection.execute("SELECT id, status, verdict FROM submissions_submission")
        return {str(pk): status if status != "done" else verdict for pk, status, verdict in found}


def drained(rehearsal: Rehearsal, say: Callable[[str], None]) -> dict[str, str]:
    deadline = time.monotonic() + DRAIN_S
    while True:
        found = rows(rehearsal)
        counts = Counter(found.values())
        if not counts["queued"] + counts["running"] or time.monotonic() > deadline:
            return found
        say(f"still to be judged: {counts['queued']} queued, {counts['running']} running")
        time.sleep(2)


def measure(
    overlay: Path, seconds: float, rate: float, roles: tuple[str, ...], say: Callable[[str], None]
) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="rolling-", ignore_cleanup_errors=True) as scratch:
        addresses = Addresses()
        values = operators_values(addresses) | UNLIMITED
        deployment = read(overlay, values)
        with Machine(Path(scratch), addresses, deployment.services, behind=BEHIND) as machine:
            rehearsal = Rehearsal(machine, deployment, say)
            rehearsal.start()
            rehearsal.execute(*PREPARE)
            rehearsal.await_backends()
            return _measured(
                rehearsal, Load(values["PUBLIC_URL"], values["CODE_EXEC_KEY"], rate), seconds, roles, say
            )


def _measured(
    rehearsal: Rehearsal, load: Load, seconds: float, roles: tuple[str, ...], say: Callable[[str], None]
) -> list[Figure]:
    followers, restarts = Followers(load), Restarts(rehearsal, say)
    began = time.monotonic()
    load.start()
    followers.start()
    try:
        for role in roles:
            restarts.restart(role)
        time.sleep(max(0.0, began + seconds - time.monotonic()))
    finally:
        load.stop()
    lasted = time.monotonic() - began
    found = drained(rehearsal, say)
    behind = time.monotonic() - began - lasted
    followers.stop()
    return figures(load, followers, restarts, found, lasted, behind)


def figures(
    load: Load,
    followers: Followers,
    restarts: Restarts,
    found: dict[str, str],
    lasted: float,
    behind: float,
) -> list[Figure]:
    lost = [pk for pk in load.answered if found.get(pk) != "WA"]
    for words in (*load.failed, *followers.missed, *(f"{pk}: {found.get(pk)}" for pk in lost)):
        print(words, file=sys.stderr)
    took = sorted(load.took_ms)
    least = int(any(name.startswith("web-") for name in restarts.codes))
    killed = sum(code != 0 for code in restarts.codes.values())
    how = f"of {len(load.took_ms) + len(load.failed)} in {lasted:.0f} s, while {len(restarts.codes)} were restarted"
    return [
        at_least(
            "rate", len(load.answered) / lasted, "/s", 0.95 * load.rate, f"taken, of {load.rate:g} offered"
        ),
        at_most(
            "failed", len(load.failed), "", 0, f"requests that failed although they were sent again, {how}"
        ),
        at_most(
            "lost", len(lost), "", 0, f"of {len(load.answered)} that were taken: not judged as they should be"
        ),
        at_most(
            "missed",
            len(followers.missed),
            "",
            0,
            f"by followers, of {followers.followed} whom they followed",
        ),
        at_most("killed", killed, "", 0, "that did not end in order, by themselves, within their grace"),
        beside(
            "p95",
            took[int(len(took) * 0.95)],
            "ms",
            "until a program was taken; all of it shares this machine",
        ),
        beside("longest", took[-1], "ms", "the same, the longest time, whatever was sent again included"),
        beside("behind", behind, "s", "after the last one was taken, until all were judged"),
        beside("sent_again", load.sent_again, "", "requests"),
        at_least("resumed", followers.resumed, "", least, "websockets that were lost, and went on"),
        beside("gap", max(followers.gaps_s, default=0.0), "s", "the longest time without one of them"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--overlay", type=Path, default=OVERLAY)
    parser.add_argument("--role", action="append", choices=ROLES, help="only this one; may be given again")
    options = parser.parse_args()

    def say(words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    roles = tuple(options.role or ROLES)
    found = measure(options.overlay, options.seconds, options.rate, roles, say)
    show(found, as_json=options.json)
    sys.exit(int(not all(one.ok for one in found)))


if __name__ == "__main__":
    main()
