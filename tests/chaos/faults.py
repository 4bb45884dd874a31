"""What is done to the stack, drawn by a seed: kinds of faults × parts, one after the other and over one another.

Each kind is a generator that does a step and yields how many seconds until its next one; the fault is over when it
ends. So one thread, the main one, plays them all: only it may start leashed processes.
"""

import heapq
import itertools
import random
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from tests.chaos.proxy import Mood
from tests.chaos.stack import Part, Stack

PARTS = ("web", "worker-1", "worker-2", "engine-1", "engine-2", "redis", "postgres")
BACKENDS = ("backend-1", "backend-2")
WORKERS = ("worker-1", "worker-2")

LOOK_S = 0.1

Course = Iterator[float]


@dataclass(frozen=True)
class Fault:
    """`seconds`: how long the part is away or behaves badly, without the time that it takes to come back."""

    at_s: float
    kind: str
    target: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


@dataclass
class Struck:
    """A fault as it happened; it `ended` when its part was there again."""

    fault: Fault
    began: datetime
    ended: datetime | None = None


# --- The kinds -----------------------------------------------------------------------------------------------


def killed(stack: Stack, fault: Fault) -> Course:
    part = stack.parts[fault.target]
    part.kill()
    yield fault.seconds
    part.start()
    yield from _until_back(part)


def restarted(stack: Stack, fault: Fault) -> Course:
    """In order: it may end what it is at, but who takes longer than its grace is killed, as supervisors do."""
    part = stack.parts[fault.target]
    part.stop()
    deadline = time.monotonic() + part.grace_s
    while part.is_running and time.monotonic() < deadline:
        yield LOOK_S
    if part.is_running:
        part.abort()
    part.start()
    yield from _until_back(part)


def frozen(stack: Stack, fault: Fault) -> Course:
    frost = stack.parts[fault.target].freeze(fault.seconds)
    while frost.poll() is None:
        yield LOOK_S
    if frost.returncode:
        raise subprocess.CalledProcessError(frost.returncode, frost.args)


def flushed(stack: Stack, fault: Fault) -> Course:
    stack.flush_redis()
    yield from ()


def misbehaving(mood: Mood) -> Callable[[Stack, Fault], Course]:
    def course(stack: Stack, fault: Fault) -> Course:
        proxy = stack.backends[fault.target]
        proxy.mood = mood
        yield fault.seconds
        proxy.mood = Mood.FINE

    return course


def _until_back(part: Part) -> Course:
    while not part.is_back():
        yield LOOK_S


class Kind(NamedTuple):
    course: Callable[[Stack, Fault], Course]
    targets: tuple[str, ...]
    seconds: tuple[float, float]


KINDS = {
    "kill": Kind(killed, PARTS, (0.5, 3)),
    "freeze": Kind(frozen, PARTS, (2, 6)),
    "restart": Kind(restarted, PARTS, (0, 0)),
    "flush": Kind(flushed, ("redis",), (0, 0)),
    "500": Kind(misbehaving(Mood.ERROR_500), BACKENDS, (2, 8)),
    "503": Kind(misbehaving(Mood.ERROR_503), BACKENDS, (2, 8)),
    "garbage": Kind(misbehaving(Mood.GARBAGE), BACKENDS, (2, 8)),
    "hang": Kind(misbehaving(Mood.HANG), BACKENDS, (2, 8)),
    "half": Kind(misbehaving(Mood.HALF), BACKENDS, (2, 8)),
}
BEYOND_THE_LEASE = {"long freeze": Kind(frozen, WORKERS, (32, 38))}
"""A worker that wakes up when others have long had its submissions. Takes time: for long scripts only."""

LONG = 20  # faults


# --- The script ----------------------------------------------------------------------------------------------


def drawn(rng: random.Random, count: int, gap_s: float) -> list[Fault]:
    """`count` faults, about `gap_s` apart. Every kind comes once before one comes twice, as do a kind's targets."""
    kinds = KINDS | BEYOND_THE_LEASE if count >= LONG else KINDS
    faults = []
    for n, (name, target) in enumerate(itertools.islice(_deck(rng, kinds), count)):
        seconds = rng.uniform(*kinds[name].seconds)
        faults.append(Fault(gap_s * (n + rng.uniform(0.2, 1)), name, target, seconds))
    return faults


def _deck(rng: random.Random, kinds: dict[str, Kind]) -> Iterator[tuple[str, str]]:
    """Every pair of kind and target, for ever again; within a round every kind that has targets left comes once."""
    while True:
        left = {name: rng.sample(kind.targets, len(kind.targets)) for name, kind in kinds.items()}
        while any(left.values()):
            names = [name for name, targets in left.items() if targets]
            rng.shuffle(names)
            yield from ((name, left[name].pop()) for name in names)


class Due(NamedTuple):
    """When a fault's next step is; `number` keeps their order where two are due at once."""

    at: float
    number: int
    struck: Struck
    course: Course


@dataclass
class Stage:
    """Plays a script. Parts that end without being told to are started again, as a supervisor does: `fallen`."""

    stack: Stack
    say: Callable[[str], None]
    struck: list[Struck] = field(default_factory=list)
    fallen: list[str] = field(default_factory=list)

    def play(self, script: list[Fault]) -> None:
        """Until the last fault is over. A fault waits until the one before it at the same part is over."""
        began = time.monotonic()
        waiting, due = sorted(script, key=lambda fault: fault.at_s), list[Due]()
        while waiting or due:
            now = time.monotonic()
            busy = {one.struck.fault.target for one in due}
            ready = next((one for one in waiting if one.at_s <= now - began and one.target not in busy), None)
            if ready is not None:
                waiting.remove(ready)
                self._strike(ready, due)
            elif due and due[0].at <= now:
                self._go_on(heapq.heappop(due), due)
            else:
                self.raise_the_fallen(busy)
                time.sleep(LOOK_S / 2)

    def _strike(self, fault: Fault, due: list[Due]) -> None:
        self.say(f"{fault}, {fault.seconds:.1f} s" if fault.seconds else str(fault))
        struck = Struck(fault, datetime.now(UTC))
        self.struck.append(struck)
        course = all_kinds()[fault.kind].course(self.stack, fault)
        self._go_on(Due(0, len(self.struck), struck, course), due)

    def _go_on(self, one: Due, due: list[Due]) -> None:
        pause = next(one.course, None)
        if pause is None:
            one.struck.ended = datetime.now(UTC)
        else:
            heapq.heappush(due, one._replace(at=time.monotonic() + pause))

    def raise_the_fallen(self, but: Collection[str] = ()) -> None:
        for name, part in self.stack.parts.items():
            if name not in but and not part.is_running:
                self.fallen.append(name)
                self.say(f"{name} ended by itself: {part.last_lines(1)}")
                part.start()


def all_kinds() -> dict[str, Kind]:
    return KINDS | BEYOND_THE_LEASE
