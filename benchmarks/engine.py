"""What the embedded engine adds to a program: time, CPU and memory, beside the same programs run without it.

    python benchmarks/engine.py [--json] [--quick] [--only latency|batch|load|crowd]

latency   Hello World in Python and C, from the POST to the result, beside plain runs of the same programs
batch     20 testcases of a C++ program as one batch, nothing cached, beside one plain compilation and 20 plain runs
load      every slot busy with tiny Python runs: how much of the CPU time is the runs'
crowd     200 submissions at once: are all judged, in which order, how large does the engine become

A ratio is that of two medians whose runs took turns. Programs run in the engine's sandbox, and some of our own without
one. The share of `load` needs a control group that counts CPU time. What else runs on the machine makes all worse.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil

from benchmarks.figures import Figure, at_least, at_most, beside, not_measured, show
from tests.platform.running import clean_environment, leashed

ROOT = Path(__file__).resolve().parent.parent
C, CPP, PYTHON = 50, 54, 71
ACCEPTED = 3
HELLO_PYTHON = "print('Hello World')\n"
HELLO_C = '#include <stdio.h>\nint main(void) { puts("Hello World"); }\n'
SUM_CPP = """#include <bits/stdc++.h>
using namespace std;
int main() {
    int n;
    cin >> n;
    vector<long long> numbers(n);
    for (auto &number : numbers) cin >> number;
    sort(numbers.begin(), numbers.end());
    map<long long, int> counts;
    for (auto number : numbers) ++counts[number];
    cout << accumulate(numbers.begin(), numbers.end(), 0LL) << ' ' << counts.size() << endl;
}
"""
CASES = [f"{count}\n{' '.join(str(number * 7 % 13) for number in range(count))}\n" for count in range(1, 21)]
CROWD = 200
POLL_S = 0.002
LONGEST_S = 120.0
QUIET = 0.5  # load above which people are warned


class CannotMeasure(Exception):
    """One sentence that says why."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    alternations: int
    batches: int
    load_s: float


FULL = Size(alternations=60, batches=5, load_s=10)
QUICK = Size(alternations=5, batches=1, load_s=2)


# --- The engine and a client for it -------------------------------------------------------------------------


@dataclass
class Engine:
    process: psutil.Process
    address: str
    slots: int

    def client(self) -> "Client":
        return Client(http.client.HTTPConnection(self.address, timeout=LONGEST_S))

    @property
    def cpu_s(self) -> float:
        """Of the engine's own process, without what it started."""
        used = self.process.cpu_times()
        return float(used.user + used.system)

    @property
    def largest_mb(self) -> float:
        """The most memory it ever had."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        if found is None:
            raise CannotMeasure("the kernel does not tell the engine's memory")
        return int(found[1]) * 1024 / 1e6


@contextlib.contextmanager
def engine(**settings: str) -> Iterator[Engine]:
    """One that has just been started, and so has compiled nothing but its own Hello Worlds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as var:
        process = subprocess.Popen(
            leashed(sys.executable, "manage.py", "runengine", "--port", "0"),
            cwd=ROOT,
            env=clean_environment(Path(var), **{"ENGINE_LANGUAGES": "c,cpp,python"} | settings),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield _announced(process)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _announced(process: "subprocess.Popen[str]") -> Engine:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"listening on (http://\S+), (\d+) slots?", line):
            netloc = urlsplit(found[1]).netloc
            known = psutil.Process(process.pid)  # type: ignore[no-untyped-call]
            return Engine(known, netloc, int(found[2]))
    raise CannotMeasure(f"the engine did not start: {''.join(said).strip()}")


@dataclass
class Client:
    """One connection that stays open, as a worker of the platform has it."""

    connection: http.client.HTTPConnection

    def ask(self, method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"} if data else {}
        self.connection.request(method, path, data, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise CannotMeasure(f"the engine answered {answer.status}: {content[:200]!r}")
        return json.loads(content)

    def run(self, item: dict[str, object]) -> dict[str, Any]:
        result = self.ask("POST", "/submissions?base64_encoded=true&wait=true", item)
        return _accepted(result)

    def run_and_ask(self, item: dict[str, object]) -> dict[str, Any]:
        """Submitted, then asked for until it has ended."""
        token = self.ask("POST", "/submissions?base64_encoded=true", item)["token"]
        while True:
            time.sleep(POLL_S)
            result = self.ask("GET", f"/submissions/{token}?base64_encoded=true")
            if result["status"]["id"] > 2:
                return _accepted(result)

    def run_batch(self, items: list[dict[str, object]]) -> list[dict[str, Any]]:
        return self.batch(items, "stdout")

    def batch(self, items: list[dict[str, Any]], fields: str) -> list[dict[str, Any]]:
        path = "/submissions/batch?base64_encoded=true"
        tokens = ",".join(one["token"] for one in self.ask("POST", path, {"submissions": items}))
        while True:
            time.sleep(POLL_S)
            results = self.ask("GET", f"{path}&tokens={tokens}&fields=status,{fields}")["submissions"]
            if all(one["status"]["id"] > 2 for one in results):
                return [_accepted(one) for one in results]


def item(source: str, language: int, stdin: str = "", **more: object) -> dict[str, object]:
    return {"source_code": encoded(source), "language_id": language, "stdin": encoded(stdin), **more}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _accepted(result: dict[str, Any]) -> dict[str, Any]:
    if result["status"]["id"] != ACCEPTED:
        raise CannotMeasure(f"the engine did not accept a right program: {result}")
    return result


# --- Plain runs ---------------------------------------------------------------------------------------------


def plainly(*command: str, stdin: str = "") -> bytes:
    """Run a program of ours without any sandbox; what it printed."""
    return subprocess.run(command, input=stdin.encode(), stdout=subprocess.PIPE, check=True).stdout


def milliseconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def in_turn(ways: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """The median of each way's milliseconds, each taken once before the next round begins."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(times):
        for name, way in ways.items():
            taken[name].append(milliseconds(way))
    return {name: statistics.median(values) for name, values in taken.items()}


# --- What is measured ---------------------------------------------------------------------------------------


def measure_latency(scratch: Path, size: Size) -> Iterator[Figure]:
    hello, program = scratch / "hello.py", scratch / "hello"
    hello.write_text(HELLO_PYTHON)
    (scratch / "hello.c").write_text(HELLO_C)
    plainly("gcc", "-O2", "-o", str(program), str(scratch / "hello.c"))
    python, c = item(HELLO_PYTHON, PYTHON), item(HELLO_C, C)
    with engine() as started:
        client = started.client()
        first = milliseconds(lambda: client.run(c))
        ms = in_turn(
            {
                "python_plain": lambda: plainly("/usr/bin/python3", str(hello)),
                "python_waited": lambda: client.run(python),
                "python_asked": lambda: client.run_and_ask(python),
                "c_plain": lambda: plainly(str(program)),
                "c_waited": lambda: client.run(c),
                "nothing": lambda: client.ask("GET", "/about"),
            },
            size.alternations,
        )
    how = f"medians of {size.alternations} in turn"
    yield beside("python_plain", ms["python_plain"], "ms", f"python3 hello.py, started and ended; {how}")
    yield beside("python_waited", ms["python_waited"], "ms", f"POST /submissions?wait=true; {how}")
    yield beside(
        "python_asked", ms["python_asked"], "ms", f"POST, then GET every {POLL_S * 1000:g} ms; {how}"
    )
    ratio = ms["python_waited"] / ms["python_plain"]
    yield at_most("python_ratio", ratio, "×", 2.0, "python_waited ÷ python_plain")
    yield beside("c_plain", ms["c_plain"], "ms", f"the compiled program, started and ended; {how}")
    yield beside("c_waited", ms["c_waited"], "ms", f"POST /submissions?wait=true, compiled before; {how}")
    yield at_most("c_more", ms["c_waited"] - ms["c_plain"], "ms", 12, "c_waited − c_plain")
    yield beside("c_first", first, "ms", "POST /submissions?wait=true, compiled for it; once")
    yield beside("request", ms["nothing"], "ms", f"GET /about, so of HTTP alone; {how}")


def measure_batch(scratch: Path, size: Size) -> Iterator[Figure]:
    source, program = scratch / "sum.cpp", scratch / "sum"
    source.write_text(SUM_CPP)
    outputs: list[bytes] = []

    def compile_and_run() -> None:
        plainly("g++", "-O2", "-o", str(program), str(source))
        outputs[:] = [plainly(str(program), stdin=case) for case in CASES]

    taken: dict[str, list[float]] = {"plain": [], "batch": []}
    with engine() as started:
        client = started.client()
        for number in range(size.batches):
            taken["plain"].append(milliseconds(compile_and_run))
            fresh = f"{SUM_CPP}// {number}\n"  # another source: nothing of it is cached
            items = [item(fresh, CPP, case) for case in CASES]
            taken["batch"].append(milliseconds(lambda items=items: client.run_batch(items)))  # type: ignore[misc]
        again = statistics.median(milliseconds(lambda: client.run_batch(items)) for _ in range(size.batches))
        shown = [base64.b64decode(one["stdout"]) for one in client.run_batch(items)]
    if shown != outputs:
        raise CannotMeasure("the engine's outputs are not those of the plain runs")
    plain, batch = (statistics.median(taken[name]) for name in ("plain", "batch"))
    how = f"median of {size.batches}, in turn"
    yield beside("batch_plain", plain, "ms", f"g++ -O2 with bits/stdc++.h, then 20 runs of it; {how}")
    yield beside("batch", batch, "ms", f"the same source and inputs as one batch, nothing cached; {how}")
    yield at_most("batch_ratio", batch / plain, "×", 1.3, "batch ÷ batch_plain")
    yield beside("batch_cached", again, "ms", f"the same batch again; median of {size.batches}")
    yield beside("cache_effect", batch / again, "×", "batch ÷ batch_cached")


def measure_load(scratch: Path, size: Size) -> Iterator[Figure]:
    """As many as there are CPUs, and as many more for each: what slots are worth."""
    cpus = len(os.sched_getaffinity(0))
    rates = {slots: _load(size.load_s, slots) for slots in (1, cpus, 2 * cpus)}
    for slots, load in rates.items():
        yield beside(f"runs_{slots}_slots", load.rate, "/s", f"of print('Hello World') in {size.load_s:g} s")
    load = rates[cpus]
    how = f"CPU of the runs' control groups ÷ (that + the engine's process), {cpus} slots on {cpus} CPUs"
    if load.share is None:
        yield not_measured("runs_share", "no control group here counts the CPU time of runs")
    else:
        yield at_least("runs_share", 100 * load.share, "%", 80, how)
        yield beside("run_cpu", load.run_ms, "ms", "CPU of one run's control group, sandbox included")
    yield beside("engine_cpu", load.engine_ms, "ms", "CPU of the engine's process for one run")


@dataclass(frozen=True)
class Load:
    rate: float  # runs a second
    share: float | None  # of the runs in all CPU time
    run_ms: float
    engine_ms: float


def _load(seconds: float, slots: int) -> Load:
    """Keep every slot busy with tiny Python programs that come one by one, two for each slot in line."""
    with engine(ENGINE_SLOTS=str(slots)) as started:
        counters = _cpu_counters(started)
        until = time.monotonic() + 1 + seconds
        counts = [0] * (slots + 2)

        def keep_busy(number: int) -> None:
            client = started.client()
            body = item(HELLO_PYTHON, PYTHON)
            while time.monotonic() < until:
                client.run(body)
                counts[number] += 1

        threads = [threading.Thread(target=keep_busy, args=(number,)) for number in range(len(counts))]
        for thread in threads:
            thread.start()
        time.sleep(1)  # they are all in it
        begun, before = time.monotonic(), (sum(counts), counters(), started.cpu_s)
        time.sleep(until - time.monotonic() - 0.2)
        taken, after = time.monotonic() - begun, (sum(counts), counters(), started.cpu_s)
        for thread in threads:
            thread.join()
    runs, engines = after[0] - before[0], after[2] - before[2]
    groups = after[1] - before[1] if before[1] is not None and after[1] is not None else None
    return Load(
        rate=runs / taken,
        share=groups / (groups + engines) if groups is not None else None,
        run_ms=(groups or 0) / runs * 1000,
        engine_ms=engines / runs * 1000,
    )


def _cpu_counters(started: Engine) -> Callable[[], float | None]:
    """The CPU seconds of all runs of an engine, ended ones included: those of the group that theirs are made in."""
    asking = threading.Thread(target=started.client().run, args=(item("import time; time.sleep(1)", PYTHON),))
    asking.start()
    until = time.monotonic() + LONGEST_S
    found = None
    while found is None and asking.is_alive() and time.monotonic() < until:
        below = started.process.children(recursive=True)  # type: ignore[no-untyped-call]
        found = next(filter(None, map(_runs_group, below)), None)
    asking.join()
    if found is None:
        return lambda: None
    file = found / "cpuacct.usage"
    if file.exists():
        return lambda: int(file.read_text()) / 1e9
    return lambda: int((found / "cpu.stat").read_text().split()[1]) / 1e6


def _runs_group(process: psutil.Process) -> Path | None:
    """The directory of the group above a run's, where `process` is of a run and its group counts CPU time."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            directory = Path("/sys/fs/cgroup", controllers, path.lstrip("/")).parent
            counts = (directory / "cpuacct.usage").exists() or (directory / "cpu.stat").exists()
            if "/judge-engine-" in path and controllers.split(",")[-1] in ("", "cpuacct") and counts:
                return directory
    return None


def measure_crowd(scratch: Path, size: Size) -> Iterator[Figure]:
    """Each prints when it began to run; what is submitted first is to begin first."""
    source = "import time\nprint(time.monotonic_ns())\n"
    with engine() as started:
        client = started.client()
        before_mb = started.largest_mb
        begun = time.perf_counter()
        tokens: list[str] = []
        for _ in range(CROWD // 20):
            body = {"submissions": [item(source, PYTHON)] * 20}
            tokens += [
                one["token"] for one in client.ask("POST", "/submissions/batch?base64_encoded=true", body)
            ]
        taken_ms = (time.perf_counter() - begun) * 1000
        results = [_ended(client, token) for token in tokens]
        all_s = time.perf_counter() - begun
        largest_mb = started.largest_mb
        slots = started.slots
    right = [one for one in results if one["status"]["id"] == ACCEPTED]
    how = f"{CROWD} Python programs in {CROWD // 20} batches, {slots} slots"
    yield beside("crowd_taken", taken_ms, "ms", f"until the last POST was answered; {how}")
    yield beside("crowd_judged", all_s, "s", "until the last result was there")
    yield at_most("crowd_lost", CROWD - len(right), "", 0, "without a result, or with another than accepted")
    begins = [int(base64.b64decode(one["stdout"])) for one in right]
    how = "the most places that one began before its turn; those in the other slots may begin after it"
    yield at_most("crowd_overtaken", _overtaken(begins), "", slots - 1, how)
    yield at_most("crowd_memory", largest_mb, "MB", 150, f"largest RSS of the engine; {before_mb:.0f} before")


def _ended(client: Client, token: str) -> dict[str, Any]:
    until = time.monotonic() + LONGEST_S
    while True:
        result: dict[str, Any] = client.ask("GET", f"/submissions/{token}?base64_encoded=true")
        if result["status"]["id"] > 2 or time.monotonic() > until:
            return result
        time.sleep(0.02)


def _overtaken(begins: list[int]) -> int:
    places = {begin: place for place, begin in enumerate(sorted(begins))}
    return max(turn - places[begin] for turn, begin in enumerate(begins))


# --- The script ---------------------------------------------------------------------------------------------

MEASURES: dict[str, Callable[[Path, Size], Iterator[Figure]]] = {
    "latency": measure_latency,
    "batch": measure_batch,
    "load": measure_load,
    "crowd": measure_crowd,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="little of each: does it work at all")
    parser.add_argument("--only", choices=list(MEASURES))
    options = parser.parse_args()
    names = [options.only] if options.only else list(MEASURES)
    if os.getloadavg()[0] > QUIET:
        print(f"The machine is busy (load {os.getloadavg()[0]:.1f}): expect worse figures.", file=sys.stderr)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for name in names:
            try:
                figures.extend(MEASURES[name](Path(scratch), QUICK if options.quick else FULL))
            except (CannotMeasure, OSError, subprocess.CalledProcessError) as error:
                figures.append(not_measured(name, str(error)))
    show(figures, as_json=options.json)


if __name__ == "__main__":
    main()
