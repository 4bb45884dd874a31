"""What a submission costs each part of the platform, what saturates first, and what happens then.

    python benchmarks/scale.py [--json] [--quick] [--only costs|web|workers|load] [--database postgres|sqlite]

costs    submissions at a steady pace through all parts: CPU of each, memory, what stays in the database and in Redis
web      one web process as busy as it can be: programs taken, submissions asked for, pages shown, sockets that follow
workers  one and two worker processes before a backlog and a judge without limits
load     latency at half, 80 % and 95 % of what the judge can do, then at 150 %: is anything lost, who is refused

Queue, database, workers and web are real, each in a process of its own. The judge is simulated: it takes as long as the
embedded engine took when `service_times.json` was recorded, and hardly any CPU. The load comes from this machine too:
rates are what is left of it, CPU times are nearly the parts' own. Figures marked "derived" are calculated from those.

It cannot measure several machines, a network between them, disks of other kinds, nor databases that have grown.
"""

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import requests
from websockets.asyncio.client import connect

from benchmarks.figures import Figure, at_least, at_most, beside, not_measured, show
from benchmarks.platform import (
    CASES,
    KEY,
    QUIET,
    SOURCE,
    Bench,
    CannotMeasure,
    SlowJudge,
    bench,
    check_all_right,
    cpu_s,
    fill,
    known,
    running_process,
    slow_judge,
    wait_until,
    worker,
)
from benchmarks.service_times import recorded
from judgeplatform.stack import CannotStart, free_port
from tests.platform.running import leashed

if TYPE_CHECKING:
    from submissions.models import SubmissionQuerySet

CASES_EACH = 5
LANGUAGE = "python"
SLOTS_OF_JUDGE = 2  # in `load`: it is to be what saturates, so that the latency is that of a queue
SLOTS_OF_WORKER = 32
SHARES = (0.5, 0.8, 0.95)
TOO_MUCH = 1.5
ROOM = 40  # MAX_QUEUE_DEPTH when it is too much
NO_LIMIT = "1000000"
LONGEST_S = 120.0
TABLES = ("submission", "caseresult", "placement", "event")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seconds: float  # of load at one pace
    per_second: float
    busy_s: float
    backlog: int
    sockets: int


FULL = Size(seconds=20, per_second=6, busy_s=5, backlog=400, sockets=300)
QUICK = Size(seconds=4, per_second=4, busy_s=1.5, backlog=200, sockets=40)


# --- The parts -----------------------------------------------------------------------------------------------


@dataclass
class Web:
    """One web process, and a client with a connection for each thread that uses it."""

    url: str
    process: psutil.Process
    cookies: dict[str, str]
    _local: threading.local

    @property
    def http(self) -> requests.Session:
        if not hasattr(self._local, "http"):
            self._local.http = requests.Session()
            self._local.http.trust_env = False
        return self._local.http  # type: ignore[no-any-return]

    def submit(self) -> requests.Response:
        body = {"question": "five", "language": LANGUAGE, "source": SOURCE}
        return self.http.post(
            f"{self.url}/api/v1/submissions/", json=body, headers={"X-Code-Exec-Key": KEY}, timeout=60
        )

    def ask(self, pk: str) -> requests.Response:
        return self.http.get(
            f"{self.url}/api/v1/submissions/{pk}/", headers={"X-Code-Exec-Key": KEY}, timeout=60
        )

    def page(self) -> requests.Response:
        return self.http.get(f"{self.url}/questions/five/", cookies=self.cookies, timeout=60)


@contextlib.contextmanager
def web(made: Bench, judge: SlowJudge, **more: str) -> Iterator[Web]:
    from django.test import Client

    from tests.factories import make_user

    port = free_port()
    command = (
        "-m",
        "daphne",
        "-v",
        "0",
        "-b",
        "127.0.0.1",
        "-p",
        str(port),
        "judgeplatform.asgi:application",
    )
    environment = {"HOST": "127.0.0.1", "PORT": str(port), "JUDGE0_URLS": judge.url} | more
    with running_process(leashed(sys.executable, *command), environment, made.scratch / "web.log") as process:
        browser = Client()
        browser.force_login(make_user())
        cookies = {"sessionid": browser.cookies["sessionid"].value}
        started = Web(f"http://127.0.0.1:{port}", known(process), cookies, threading.local())
        wait_until(partial(_is_up, started), "the web to start", 60)
        yield started


def _is_up(started: Web) -> bool:
    try:
        return started.http.get(f"{started.url}/healthz", timeout=5).ok
    except requests.ConnectionError:
        return False


def furnish(made: Bench) -> None:
    """What this benchmark needs beside a usual bench."""
    from django.core.management import call_command

    from tests.factories import make_question

    call_command("collectstatic", verbosity=0, interactive=False)
    made.questions["five"] = make_question(CASES[:CASES_EACH], slug="five")


def postgres_of(made: Bench) -> psutil.Process | None:
    """Its first process; the parent of the others, so that it knows also what ended ones have used."""
    file = made.scratch / "postgres" / "postmaster.pid"
    return _by_number(file.read_text().split()[0]) if file.exists() else None


def redis_of(made: Bench) -> psutil.Process:
    from submissions.connections import redis_client

    told: Any = redis_client().info("server")
    return _by_number(told["process_id"])


def _by_number(pid: str) -> psutil.Process:
    return psutil.Process(int(pid))  # type: ignore[no-untyped-call]  # psutil has no types


@dataclass
class Meter:
    """The CPU of named parts."""

    parts: dict[str, psutil.Process]

    def read(self) -> dict[str, float]:
        return {name: cpu_s([process]) for name, process in self.parts.items()}

    def used_ms(self, before: dict[str, float]) -> dict[str, float]:
        return {name: (value - before[name]) * 1000 for name, value in self.read().items()}


def meter(made: Bench, **parts: psutil.Process) -> Meter:
    database = postgres_of(made)
    return Meter(parts | ({"postgres": database} if database else {}) | {"redis": redis_of(made)})


def rows(pks: Sequence[Any]) -> "SubmissionQuerySet":
    from submissions.models import Submission

    return Submission.objects.filter(pk__in=pks)


def forget_all() -> None:
    """What waits and will never be judged, in the database and in Redis."""
    from submissions.connections import redis_client
    from submissions.models import Submission

    Submission.objects.all().delete()
    redis_client().flushdb()


def all_judged(pks: Sequence[Any]) -> None:
    """Wait for it; all must be right."""
    from submissions.models import Submission

    ended = rows(pks).exclude(status__in=Submission.UNFINISHED)
    wait_until(lambda: ended.count() == len(pks), f"{len(pks)} submissions to be judged", LONGEST_S, 0.2)
    check_all_right(pks)


# --- What one costs ------------------------------------------------------------------------------------------


def measure_costs(made: Bench, size: Size) -> Iterator[Figure]:
    with slow_judge(made, LANGUAGE, "16") as judge, web(made, judge) as started:
        yield from _waiting_in_redis(made, started)
        with worker(made, judge, SLOTS_OF_WORKER) as process:
            parts = meter(made, web=started.process, worker=known(process))
            pks = [_taken(started) for _ in range(5)]
            all_judged(pks)
            idle = _idle_ms(parts)
            sizes, sessions = table_bytes(), sessions_so_far()
            before, begun = parts.read(), time.perf_counter()
            pks = offer(started, size.per_second, size.seconds).taken
            all_judged(pks)
            seconds = time.perf_counter() - begun
            used = parts.used_ms(before)
            how = f"for one submission of {CASES_EACH} cases at {size.per_second:g}/s, {len(pks)} of them; idle "
            for name, ms in used.items():
                each = (ms - idle[name] * seconds) / len(pks)
                yield beside(f"cpu_{name}", each, "ms", f"CPU {how}{idle[name]:.0f} ms/s (taken off)")
            yield from _connections(parts, sessions, len(pks), used.get("postgres", 0.0) / len(pks))
            yield from _latency("quiet", pks)
            yield from _memory(parts)
            yield from _growth(sizes, len(pks))


def _taken(started: Web) -> str:
    answer = started.submit()
    if answer.status_code != 202:
        raise CannotMeasure(f"a submission was answered {answer.status_code}: {answer.text}")
    return str(answer.json()["id"])


def _idle_ms(parts: Meter, seconds: float = 3.0) -> dict[str, float]:
    """Of CPU in a second without submissions."""
    before = parts.read()
    time.sleep(seconds)
    return {name: ms / seconds for name, ms in parts.used_ms(before).items()}


@dataclass
class Offered:
    """What became of submissions at a pace; `times_ms` is until their answer."""

    taken: list[str]
    refused: int
    failed: list[str]
    times_ms: list[float]


def offer(started: Web, per_second: float, seconds: float) -> Offered:
    """Submissions at random moments, whether or not earlier ones have been answered."""
    found = Offered([], 0, [], [])
    rng = random.Random(1)  # noqa: S311
    begun, at = time.perf_counter(), 0.0

    def send() -> None:
        sent = time.perf_counter()
        answer = started.submit()
        found.times_ms.append((time.perf_counter() - sent) * 1000)
        if answer.status_code == 202:
            found.taken.append(str(answer.json()["id"]))
        elif answer.status_code == 503 and answer.json()["code"] == "queue_full":
            found.refused += 1
        else:
            found.failed.append(f"{answer.status_code} {answer.text[:100]}")

    with ThreadPoolExecutor(32) as threads:
        while (at := at + rng.expovariate(per_second)) < seconds:
            time.sleep(max(0.0, begun + at - time.perf_counter()))
            threads.submit(send)
    return found


def _latency(name: str, pks: Sequence[Any], how: str = "nobody else") -> Iterator[Figure]:
    took = [
        (finished - created).total_seconds() * 1000
        for created, finished in rows(pks).values_list("created_at", "finished_at")
        if finished is not None
    ]
    whole = f"from the row to its end, {len(took)} submissions, {how}"
    yield beside(f"latency_{name}_p50", statistics.median(took), "ms", whole)
    yield beside(f"latency_{name}_p95", statistics.quantiles(took, n=20)[-1], "ms", whole)


def _memory(parts: Meter) -> Iterator[Figure]:
    for name, process in parts.parts.items():
        family = [process, *process.children(recursive=True)]  # type: ignore[no-untyped-call]
        uss = sum(one.memory_full_info().uss for one in family)
        yield beside(
            f"memory_{name}", uss / 1e6, "MB", f"USS of {len(family)} process(es): without what they share"
        )


def table_bytes() -> dict[str, int]:
    """With indexes, by table; of PostgreSQL only."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' AND relname LIKE %s",
            ["submissions_%"],
        )
        return dict(cursor.fetchall())


def sessions_so_far() -> int:
    """Connections that PostgreSQL has accepted for this database."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0
    time.sleep(1.2)  # it counts a session when that ends, and tells after a second at the latest
    with connection.cursor() as cursor:
        cursor.execute("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def _connections(parts: Meter, before: int, count: int, all_ms: float) -> Iterator[Figure]:
    """How much of PostgreSQL's work is to begin and end connections; with DATABASE_IDLE_CONNECTIONS hardly any."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    each = (sessions_so_far() - before) / count
    used, again = parts.read(), 100
    for _ in range(again):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL
        connection.ensure_connection()
    ms = parts.used_ms(used)["postgres"] / again
    yield beside(
        "connections", each, "", f"to PostgreSQL that web and worker make for one of {count} submissions"
    )
    yield beside("cpu_connection", ms, "ms", f"CPU of PostgreSQL to accept one and see it off, {again} times")
    yield beside(
        "cpu_postgres_pooled", max(0.0, all_ms - each * ms), "ms", "derived: without making connections"
    )


def _growth(before: dict[str, int], count: int) -> Iterator[Figure]:
    grown = {name.removeprefix("submissions_"): size - before[name] for name, size in table_bytes().items()}
    for name in TABLES:
        if name in grown:
            how = f"PostgreSQL's, indexes included, a source of {len(SOURCE)} bytes, {count} submissions"
            yield beside(f"bytes_{name}", grown[name] / count, "B", f"for each submission; {how}")
    if grown:
        total = sum(grown.values()) / count * 1000 / 1e6
        yield beside("growth_1000", total, "MB", "for 1,000 submissions, until their events expire")


def _waiting_in_redis(made: Bench, started: Web) -> Iterator[Figure]:
    """While nobody judges. What is judged leaves nothing."""
    from submissions.connections import redis_client

    count = 100
    for _ in range(count):
        _taken(started)
    client = redis_client()
    used = sum(int(client.memory_usage(key) or 0) for key in client.scan_iter("rq:*"))
    yield beside("redis_waiting", used / count, "B", f"of Redis for each of {count} submissions that wait")
    forget_all()


# --- One web process -----------------------------------------------------------------------------------------


def measure_web(made: Bench, size: Size) -> Iterator[Figure]:
    with slow_judge(made, LANGUAGE, "16") as judge, web(made, judge) as started:
        parts = meter(made, web=started.process)
        pk = _taken(started)
        for name, act, status in (
            ("poll", partial(started.ask, pk), 200),
            ("submit", started.submit, 202),
            ("page", started.page, 200),
        ):
            yield from _as_busy_as_can_be(parts, name, act, status, size.busy_s)
        yield from _sockets(started, parts, pk, size.sockets)
    forget_all()


def _as_busy_as_can_be(
    parts: Meter, name: str, act: Callable[[], requests.Response], status: int, seconds: float
) -> Iterator[Figure]:
    clients = 8
    done, until = [0] * clients, time.perf_counter() + seconds

    def work(number: int) -> None:
        while time.perf_counter() < until:
            answer = act()
            if answer.status_code != status:
                raise CannotMeasure(f"{name}: answered {answer.status_code}: {answer.text[:200]}")
            done[number] += 1

    before, begun = parts.read(), time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    took = time.perf_counter() - begun
    used, count = parts.used_ms(before), sum(done)
    how = f"one web process, {clients} clients without a pause, {count} answers"
    yield beside(f"{name}_rate", count / took, "/s", f"{how}; clients and database on the same CPUs")
    for part, ms in used.items():
        yield beside(f"{name}_cpu_{part}", ms / count, "ms", f"CPU for each of them ({how})")
    yield beside(
        f"{name}_per_core",
        1000 * count / used["web"],
        "/s",
        f"derived: 1000 ÷ {name}_cpu_web, a CPU of its own",
    )


def _sockets(started: Web, parts: Meter, pk: str, count: int) -> Iterator[Figure]:
    """They follow a submission that waits; then it is cancelled, which all of them hear."""
    uss = started.process.memory_full_info().uss  # type: ignore[no-untyped-call]
    before = parts.read()
    opened_s, heard_s, open_uss = asyncio.run(_follow(started, pk, count))
    used = parts.used_ms(before)
    yield beside(
        "socket_memory", (open_uss - uss) / count / 1024, "KiB", f"of the web for each of {count} sockets"
    )
    yield beside("socket_cpu", used["web"] / count, "ms", "CPU of the web to open one and tell it of the end")
    yield beside(
        "sockets_opened", count / opened_s, "/s", f"{count} at once, until each had its first message"
    )
    yield beside(
        "sockets_told", heard_s * 1000, "ms", f"from the cancellation until the last of {count} knew"
    )


async def _follow(started: Web, pk: str, count: int) -> tuple[float, float, int]:
    from submissions import lifecycle
    from submissions.models import Submission

    address = f"{started.url.replace('http', 'ws')}/ws/submissions/{pk}/?after=0"
    opened = 0
    all_opened = asyncio.Event()

    async def follow() -> None:
        nonlocal opened
        options: dict[str, Any] = {"additional_headers": {"X-Code-Exec-Key": KEY}, "open_timeout": 60}
        async with connect(address, compression=None, proxy=None, **options) as socket:
            await socket.recv()
            opened += 1
            if opened == count:
                all_opened.set()
            while '"final": true' not in str(await socket.recv()):
                pass

    begun = time.perf_counter()
    followers = [asyncio.create_task(follow()) for _ in range(count)]
    await asyncio.wait_for(all_opened.wait(), LONGEST_S)
    opened_at = time.perf_counter()
    uss = int(started.process.memory_full_info().uss)  # type: ignore[no-untyped-call]
    row = await asyncio.to_thread(Submission.objects.get, pk=pk)
    cancelled_at = time.perf_counter()
    await asyncio.to_thread(lifecycle.cancel, row)
    await asyncio.wait_for(asyncio.gather(*followers), LONGEST_S)
    return opened_at - begun, time.perf_counter() - cancelled_at, uss


# --- Workers -------------------------------------------------------------------------------------------------


def measure_workers(made: Bench, size: Size) -> Iterator[Figure]:
    with slow_judge(made, LANGUAGE, "100000") as judge:
        one = yield from _emptied(made, judge, 1, size.backlog)
        two = yield from _emptied(made, judge, 2, size.backlog)
        yield beside(
            "workers_scaling", two / one, "×", "workers_2 ÷ workers_1; on two CPUs they share with all else"
        )


def _emptied(made: Bench, judge: SlowJudge, count: int, backlog: int) -> Generator[Figure, None, float]:
    """Figures of so many workers; returns what they judge a second."""
    pks = fill(made, "five", backlog)
    with contextlib.ExitStack() as ending:
        # They look for all backends when they start, and then begin together.
        started = [ending.enter_context(worker(made, judge, SLOTS_OF_WORKER)) for _ in range(count)]
        parts = meter(made, **{f"worker{n}": known(process) for n, process in enumerate(started)})
        ended = rows(pks).filter(finished_at__isnull=False)
        wait_until(ended.exists, "the first to be judged", 60, 0.02)
        before, first = parts.read(), ended.count()
        if first > backlog / 2:
            raise CannotMeasure("it was nearly over before it could be looked at")
        all_judged(pks)
        used = parts.used_ms(before)
    times = sorted(one for one in rows(pks).values_list("finished_at", flat=True) if one is not None)
    rate = (backlog - first) / (times[-1] - times[first]).total_seconds()
    workers_ms = sum(ms for name, ms in used.items() if name.startswith("worker"))
    each = workers_ms / (backlog - first)
    how = f"{count} worker(s) of {SLOTS_OF_WORKER} slots empty a queue of {backlog}, {CASES_EACH} cases each"
    yield beside(f"workers_{count}", rate, "/s", f"{how}; the judge has no limit")
    yield beside(f"workers_{count}_cpu", each, "ms", f"CPU of workers for each ({how})")
    for name in ("postgres", "redis"):
        if name in used:
            yield beside(
                f"workers_{count}_cpu_{name}", used[name] / (backlog - first), "ms", "the same of its part"
            )
    yield beside(
        f"workers_{count}_per_core", 1000 / each, "/s", "derived: of one worker that has a CPU of its own"
    )
    return rate


# --- Load ----------------------------------------------------------------------------------------------------


def measure_load(made: Bench, size: Size) -> Iterator[Figure]:
    capacity = SLOTS_OF_JUDGE / recorded()[LANGUAGE].submission_s(CASES_EACH)
    yield beside(
        "capacity",
        capacity,
        "/s",
        f"derived: {SLOTS_OF_JUDGE} slots, {CASES_EACH} cases of {LANGUAGE} as recorded, each program a known one",
    )
    limits = {"JUDGE0_MAX_INFLIGHT": "80", "MAX_QUEUE_DEPTH": str(ROOM)}
    with (
        slow_judge(made, LANGUAGE, str(SLOTS_OF_JUDGE)) as judge,
        worker(made, judge, SLOTS_OF_WORKER, **limits),
        web(made, judge, **limits) as started,
    ):
        all_judged([_taken(started)])
        for share in SHARES:
            found = offer(started, capacity * share, size.seconds)
            all_judged(found.taken)
            name = f"{share * 100:.0f}"
            yield from _latency(name, found.taken, f"at {share:.0%} of the judge's capacity")
            yield at_most(
                f"refused_{name}", found.refused + len(found.failed), "", 0, "submissions not taken"
            )
        yield from _too_much(started, capacity * TOO_MUCH, size)


def _too_much(started: Web, per_second: float, size: Size) -> Iterator[Figure]:
    """For long enough that the queue is full: what it holds comes on top of what slots of worker and judge hold."""
    seconds = size.seconds + (ROOM + SLOTS_OF_WORKER) / (per_second / 3)
    depths: list[int] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(depths, over))
    watcher.start()
    found = offer(started, per_second, seconds)
    over.set()
    watcher.join()
    all_judged(found.taken)
    how = f"{per_second:.1f}/s for {seconds:.0f} s, {TOO_MUCH:g} times what the judge can do"
    yield at_least("overload_taken", len(found.taken), "", 1, f"{how}: all of them judged, and right")
    yield at_least(
        "overload_refused", found.refused, "", 1, f"{how}: 503 with Retry-After, the queue was full"
    )
    yield at_most("overload_failed", len(found.failed), "", 0, f"{how}: any other answer {found.failed[:1]}")
    yield at_most(
        "overload_depth", max(depths), "", ROOM + 32, f"most that waited; MAX_QUEUE_DEPTH is {ROOM}"
    )
    yield beside(
        "overload_answer_p95", statistics.quantiles(found.times_ms, n=20)[-1], "ms", "until the 202 or 503"
    )


def _watch(depths: list[int], over: threading.Event) -> None:
    from django.db import connection

    from submissions.models import Submission

    try:
        while not over.wait(0.3):
            depths.append(Submission.objects.filter(status=Submission.Status.QUEUED).count())
    finally:
        connection.close()


# --- The script ----------------------------------------------------------------------------------------------

MEASURES: dict[str, Callable[[Bench, Size], Iterator[Figure]]] = {
    "costs": measure_costs,
    "web": measure_web,
    "workers": measure_workers,
    "load": measure_load,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="little of each: does it work at all")
    parser.add_argument("--only", choices=list(MEASURES))
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    options = parser.parse_args()
    if os.getloadavg()[0] > QUIET:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): expect worse figures.", file=sys.stderr)
    names = [options.only] if options.only else list(MEASURES)
    show(measured(names, options.database, QUICK if options.quick else FULL), as_json=options.json)


def measured(names: Sequence[str], database: str, size: Size) -> list[Figure]:
    figures: list[Figure] = []
    try:
        with bench(database) as made:
            furnish(made)
            for name in names:
                try:
                    figures.extend(MEASURES[name](made, size))
                except CannotMeasure as error:
                    figures.append(not_measured(name, str(error)))
    except (CannotMeasure, CannotStart) as error:
        figures.append(not_measured("all", str(error)))
    return figures


if __name__ == "__main__":
    main()
