"""Does a server tell the truth? Tiny known programs, run at every server in every language, again and again.

    never probed, or not lately ── UNKNOWN ──a probe──▶ GOOD ◀──it passed── BAD
                                      ▲                   └──it failed twice──▶┘
                                      └─── not probed any more, GOOD or BAD ───┘

No learner's program goes to a pair of server and language that is BAD, and none to one that is UNKNOWN before a probe
has passed. A server that is visited but too busy to be probed stays what it was. What was found is kept in Redis for
all workers; where Redis is away, every pair is GOOD, and each judging finds out for itself.
"""

import json
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

import redis
from prometheus_client import Counter

from execution.errors import BackendBusy, BackendFault, BackendRejected, JudgingError
from execution.judge0 import Ceilings, Judge0, Progress
from execution.languages import Language
from execution.shared import Shared, read_record
from execution.types import VERDICT_NAMES, Limits, Run, Verdict

logger = logging.getLogger(__name__)

PROBES = Counter("judge_probes_total", "Known programs that were tried.", ["backend", "language", "result"])

PATIENCE_S = 30.0
TURN_MS = 10_000  # after which another may try, unless who is at it shows that it lives
STALE_ROUNDS = 4  # a pair whose last probe is older than so many rounds is UNKNOWN …
STALE_LIE_ROUNDS = 2  # … sooner where it failed, so that somebody tries it again …
LEAST_STALE_S = 60.0  # … and never sooner than this
BUSY = "busy:"  # before a language: when its server was last too busy to be probed in it
KEPT_S = 24 * 3600
LOOK_MIN_S, LOOK_MAX_S = 0.02, 1.0
SLOWER = 1.5
QUOTED = 100  # characters of what a server showed in our sentence

LIMITS = Limits(time_ms=5000, memory_kib=256 * 1024, output_kib=64)
EXITS_WITH = 3

_CPP = """\
// {comment}
#include <cstdio>
#include <vector>
int main() {{
    std::vector<int> read(3);
    for (int &one : read) if (std::scanf("%d", &one) != 1) return 1;
    std::printf("%d\\n", read[0] * read[1] + read[2]);
    return read[2];
}}
"""

# Each reads two numbers and an exit code, prints the product plus the code, and exits with the code. The comment is
# new every time, so that a server that keeps compiled programs has to compile.
PROGRAMS = {
    "python": """\
# {comment}
import sys
a, b, code = map(int, input().split())
print(a * b + code)
sys.exit(code)
""",
    "cpp": _CPP,
    "c": """\
/* {comment} */
#include <stdio.h>
int main(void) {{
    int a, b, code;
    if (scanf("%d %d %d", &a, &b, &code) != 3) return 1;
    printf("%d\\n", a * b + code);
    return code;
}}
""",
    "java": """\
// {comment}
import java.io.*;
class Main {{
    public static void main(String[] arguments) throws IOException {{
        String[] read = new BufferedReader(new InputStreamReader(System.in)).readLine().split(" ");
        int code = Integer.parseInt(read[2]);
        System.out.println(Integer.parseInt(read[0]) * Integer.parseInt(read[1]) + code);
        System.exit(code);
    }}
}}
""",
    "javascript": """\
// {comment}
const [a, b, code] = require("fs").readFileSync(0, "utf8").split(" ").map(Number);
console.log(a * b + code);
process.exitCode = code;
""",
    "go": """\
// {comment}
package main
import ("fmt"; "os")
func main() {{
    var a, b, code int
    fmt.Scan(&a, &b, &code)
    fmt.Println(a * b + code)
    os.Exit(code)
}}
""",
    "rust": """\
// {comment}
fn main() {{
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let read: Vec<i32> = line.split_whitespace().map(|one| one.parse().unwrap()).collect();
    println!("{{}}", read[0] * read[1] + read[2]);
    std::process::exit(read[2]);
}}
""",
    "ruby": """\
# {comment}
a, b, code = gets.split.map(&:to_i)
puts a * b + code
exit code
""",
    "php": """\
<?php // {comment}
fscanf(STDIN, "%d %d %d", $a, $b, $code);
echo $a * $b + $code, "\\n";
exit($code);
""",
    "perl": """\
# {comment}
my ($first, $second, $code) = split " ", <STDIN>;
print $first * $second + $code, "\\n";
exit $code;
""",
    "lua": """\
-- {comment}
local a, b, code = io.read("*n", "*n", "*n")
print(string.format("%d", a * b + code))
os.exit(code)
""",
    "pascal": """\
{{ {comment} }}
var a, b, code: longint;
begin
    read(a, b, code);
    writeln(a * b + code);
    halt(code)
end.
""",
    "bash": """\
# {comment}
read a b code
echo $((a * b + code))
exit $code
""",
    "cpp20": _CPP,
    "cpp23": _CPP,
}


class Standing(StrEnum):
    """UNKNOWN: never probed, or not lately."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Probed:
    """The last probe of a pair. `at` and `since` (when it began to pass, or to fail) are Redis's seconds since 1970."""

    passed: bool
    detail: str
    at: float
    took_ms: int
    since: float


class Probes:
    """What probes found. `every_s` is how often a pair is to be probed; 0: never, and every pair is GOOD."""

    def __init__(self, shared: Shared, every_s: float) -> None:
        self._shared = shared
        self.every_s = every_s

    @property
    def stale_s(self) -> float:
        return max(STALE_ROUNDS * self.every_s, LEAST_STALE_S)

    @property
    def stale_lie_s(self) -> float:
        return max(STALE_LIE_ROUNDS * self.every_s, LEAST_STALE_S)

    def standing(self, url: str, language: str) -> Standing:
        if not self.every_s or language not in PROGRAMS:
            return Standing.GOOD

        def ask(client: redis.Redis) -> Standing:
            with client.pipeline(transaction=False) as pipe:
                pipe.hmget(_key(url), language, BUSY + language)
                pipe.time()
                (kept, busy), now = pipe.execute()
            return self.judge(read_record(Probed, kept), _seconds(now), _moment(busy))

        return self._shared.ask(ask, otherwise=Standing.GOOD)

    def judge(self, last: Probed | None, now: float, busy_at: float = 0.0) -> Standing:
        """What the last probe of a pair means at `now`; at `busy_at` its server was too busy to be probed again."""
        if last is None:
            return Standing.UNKNOWN
        age = now - max(last.at, busy_at)
        if age > (self.stale_s if last.passed else self.stale_lie_s):
            return Standing.UNKNOWN
        return Standing.GOOD if last.passed else Standing.BAD

    def examine(
        self, server: Judge0, language: Language, *, beat: Callable[[], None] = lambda: None
    ) -> Standing | None:
        """Probes the pair now and notes what came out; None when somebody else is just doing so.

        A probe that fails is repeated once: an overload is no lie. `beat` is called at each look at it. Raises
        BackendUnavailable, BackendBusy or LanguageUnavailable where nothing can be said of the pair; then nothing is
        noted.
        """
        if not self.every_s or language.slug not in PROGRAMS:
            return Standing.GOOD
        turn = f"backend:probing:{language.slug}:{server.url}"

        def keep_turn() -> None:
            beat()
            self._shared.ask(lambda client: client.pexpire(turn, TURN_MS), otherwise=True)

        if not self._shared.ask(
            lambda client: bool(client.set(turn, 1, nx=True, px=TURN_MS)), otherwise=True
        ):
            return None
        try:
            started = time.monotonic()
            detail = probe(server, language, beat=keep_turn) and probe(server, language, beat=keep_turn)
            took_ms = round((time.monotonic() - started) * 1000)
            self._note(server.url, language.slug, detail, took_ms)
            PROBES.labels(server.name, language.slug, "failed" if detail else "passed").inc()
        finally:
            self._shared.ask(lambda client: client.delete(turn), otherwise=0)
        return Standing.BAD if detail else Standing.GOOD

    def _note(self, url: str, language: str, detail: str, took_ms: int) -> None:
        def tell(client: redis.Redis) -> None:
            found, _, now = _known(client, url)
            last = found.get(language)
            probed = Probed(passed=not detail, detail=detail, at=now, took_ms=took_ms, since=now)
            if last is not None and last.passed == probed.passed:
                probed = replace(probed, since=last.since)
            client.hset(_key(url), language, json.dumps(asdict(probed)))
            client.expire(_key(url), round(KEPT_S + self.stale_s))

        self._shared.ask(tell, otherwise=None)

    def due(self, url: str, offered: Sequence[str], *, at_once: bool = False) -> list[str]:
        """Which of these languages are to be probed now: all that are UNKNOWN, else the one that waits longest.

        One that is BAD is due at once, a GOOD one every `every_s`, or `at_once` too. None where Redis does not answer.
        """
        if not self.every_s:
            return []

        def ask(client: redis.Redis) -> list[str]:
            found, busy, now = _known(client, url)
            probed = [slug for slug in offered if slug in PROGRAMS]
            unknown = [
                slug
                for slug in probed
                if self.judge(found.get(slug), now, busy.get(slug, 0.0)) is Standing.UNKNOWN
            ]
            if unknown:
                return unknown
            tried = {slug: max(found[slug].at, busy.get(slug, 0.0)) for slug in probed}
            waiting = [
                slug
                for slug in probed
                if at_once or not found[slug].passed or now - tried[slug] >= self.every_s
            ]
            return sorted(waiting, key=lambda slug: tried[slug])[:1]

        return self._shared.ask(ask, otherwise=[])

    def note_busy(self, url: str) -> None:
        """The server is there, but too busy to be probed: what is known of it stays known."""

        def tell(client: redis.Redis) -> None:
            found, busy, now = _known(client, url)
            kept = {
                BUSY + slug: now
                for slug, last in found.items()
                if self.judge(last, now, busy.get(slug, 0.0)) is not Standing.UNKNOWN
            }
            if kept:
                client.hset(_key(url), mapping=kept)  # type: ignore[arg-type]  # redis-py's stubs want bytes
                client.expire(_key(url), round(KEPT_S + self.stale_s))

        self._shared.ask(tell, otherwise=None)

    def found(self, url: str) -> Mapping[str, Probed]:
        """The last probe of each language; for people. Empty where Redis does not answer."""
        return self._shared.ask(lambda client: _known(client, url)[0], otherwise={})


def _key(url: str) -> str:
    return f"backend:probes:{url}"


def _known(client: redis.Redis, url: str) -> tuple[dict[str, Probed], dict[str, float], float]:
    """By language the last probe, and when the server was too busy for one; and what time it is now."""
    with client.pipeline(transaction=False) as pipe:
        pipe.hgetall(_key(url))
        pipe.time()
        kept, now = pipe.execute()
    texts = {name.decode(): text for name, text in kept.items()}
    busy = {name.removeprefix(BUSY): _moment(at) for name, at in texts.items() if name.startswith(BUSY)}
    found = {name: read_record(Probed, text) for name, text in texts.items() if not name.startswith(BUSY)}
    return {name: last for name, last in found.items() if last is not None}, busy, _seconds(now)


def _moment(kept: bytes | None) -> float:
    """0 where nothing was kept, or what another version kept."""
    try:
        return float(kept or 0)
    except ValueError:
        return 0.0


def _seconds(now: tuple[int, int]) -> float:
    """Of Redis's TIME."""
    return now[0] + now[1] / 1_000_000


# --- One probe -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trial:
    """One run of the program: what it is given, and what the server must say of it."""

    input: bytes
    answer: bytes
    exit_code: int


def _trial(exit_code: int) -> _Trial:
    """With numbers that nobody can know before."""
    a, b = (1000 + secrets.randbelow(30_000) for _ in range(2))
    return _Trial(f"{a} {b} {exit_code}\n".encode(), str(a * b + exit_code).encode(), exit_code)


def probe(
    server: Judge0,
    language: Language,
    *,
    patience_s: float = PATIENCE_S,
    beat: Callable[[], None] = lambda: None,
) -> str:
    """Empty when the server told the truth about our program, else a sentence that says what was wrong.

    `patience_s` is how long the program may stay at one step, waiting or running; `beat` is called at each look at it.
    Raises BackendUnavailable, BackendBusy (also where it still waits in a queue that moves) and LanguageUnavailable.
    """
    trials = (_trial(0), _trial(EXITS_WITH))
    source = PROGRAMS[language.slug].format(comment=secrets.token_hex(8)).encode()
    try:
        limits = _limits(server.ceilings())
        inputs = [one.input for one in trials]
        size = server.ceilings().batch
        tokens = [
            token
            for start in range(0, len(inputs), size)
            for token in server.submit(language, source, inputs[start : start + size], limits)
        ]
        try:
            seen = _await(server, tokens, limits, patience_s, beat)
        except BackendBusy:
            _tidy(server, tokens)
            raise
        _tidy(server, tokens)
    except (BackendRejected, BackendFault) as error:
        return str(error).replace(server.url, "It")
    return next((wrong for run, trial in zip(seen, trials, strict=True) if (wrong := _wrong(run, trial))), "")


def _limits(ceilings: Ceilings) -> Limits:
    """Generous, but no more than the server gives."""
    return replace(
        LIMITS,
        time_ms=min(LIMITS.time_ms, int(min(ceilings.cpu_s, ceilings.wall_s) * 1000)),
        memory_kib=min(LIMITS.memory_kib, ceilings.memory_kib),
        output_kib=min(LIMITS.output_kib, ceilings.file_kib),
    )


def _await(
    server: Judge0, tokens: Sequence[str], limits: Limits, patience_s: float, beat: Callable[[], None]
) -> Sequence[Run | Progress]:
    """What became of the tokens when all have ended, or patience has: it begins anew when one of them moves on."""
    until = time.monotonic() + patience_s
    pause = LOOK_MIN_S
    steps = [0] * len(tokens)
    while True:
        beat()
        seen = server.fetch(tokens, limits)
        if not {Progress.QUEUED, Progress.RUNNING} & set(seen):
            return seen
        before, steps = steps, [max(step, _step(one)) for step, one in zip(steps, seen, strict=True)]
        if steps != before:
            until = time.monotonic() + patience_s
        if time.monotonic() > until:
            if Progress.RUNNING not in seen and _queue_moves(server):
                raise BackendBusy(f"{server.url} has a long queue.")
            return seen
        time.sleep(pause)
        pause = min(pause * SLOWER, LOOK_MAX_S)


def _step(seen: Run | Progress) -> int:
    match seen:
        case Progress.QUEUED:
            return 0
        case Progress.RUNNING:
            return 1
        case _:
            return 2


def _queue_moves(server: Judge0) -> bool:
    """Not where the server keeps that to itself."""
    try:
        queue = server.queue()
    except JudgingError as error:
        logger.info("A server does not say how long its queue is: %s", error)
        return False
    return queue.waiting > 0 and queue.workers > 0


def _tidy(server: Judge0, tokens: Sequence[str]) -> None:
    """A Judge0 would keep them for ever, some thousands a day."""
    try:
        server.forget(tokens)
    except JudgingError as error:
        logger.info("A probe stays at its server: %s", error)


def _wrong(seen: Run | Progress, trial: _Trial) -> str:
    """What the server says wrongly of this run; empty when it is right."""
    match seen:
        case Progress.QUEUED:
            return "It did not begin to run a program, though nothing else waits."
        case Progress.RUNNING:
            return "It did not bring a tiny program to its end."
        case Progress.LOST:
            return "It lost a program."
        case Progress.FAULTY:
            return "It failed at a tiny program, with an internal error or an answer that makes no sense."
        case Run():
            return _wrong_ending(seen, trial) or _wrong_output(seen, trial)


def _wrong_ending(run: Run, trial: _Trial) -> str:
    right = None if trial.exit_code == 0 else Verdict.RTE
    if run.failure is right and run.exit_code == trial.exit_code:
        return ""
    said = f"“{VERDICT_NAMES[run.failure]}”" if run.failure else "that it ended well"
    words = _first_line(run.compile_output or run.message.encode())
    about = f"exit code {run.exit_code}" if run.exit_code is not None else words
    return f"A program that exits with {trial.exit_code}: it says {said}{f' ({about})' if about else ''}."


def _wrong_output(run: Run, trial: _Trial) -> str:
    if run.output.strip() == trial.answer:
        return ""
    shown = _first_line(run.output)
    return f"A program that prints {trial.answer.decode()}: it shows {f'“{shown}”' if shown else 'nothing'}."


def _first_line(text: bytes) -> str:
    return text.decode(errors="replace").strip().partition("\n")[0][:QUOTED]
