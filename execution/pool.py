"""Several servers as one: cases in, runs out, whatever single servers do meanwhile.

    Pool.run(program, inputs, limits) → Submitted …, Ran …     where the cases went, and what they showed

Servers are tried in order. One that does not answer is passed over, and what it had is run on another one; one that
refuses ends the judging, since the others would refuse too. A token that its server lost, that is overdue, or that
it failed at, is run again, elsewhere if there is an elsewhere. The pool keeps no state between two calls.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from django.conf import settings

from execution import languages
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendUnavailable,
    JudgingError,
    LanguageUnavailable,
    NoBackend,
)
from execution.judge0 import Judge0, Progress, Queue, wall_limit_s
from execution.types import Limits, Program, Run, Submitted

log = logging.getLogger(__name__)

BATCH_BYTES = 8 * 1024 * 1024  # input in one request
FETCH_BYTES = 64 * 1024 * 1024  # output that one answer may have to hold
HEALTH_TIMEOUT_S = 2.0
TRIES_TO_LOOK = 2
PLACES = 3  # how often one case is given to a server before it is given up
SLOWER = 1.2  # each look that shows nothing new makes the pause before the next one longer
LONGEST_WAIT_S = 30.0  # for a server that asks us to come back later


@dataclass(frozen=True)
class Backend:
    """A server's address and the headers that are for it alone."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BackendHealth:
    """`detail` says what is wrong; `languages` are the slugs of those of ours that it offers."""

    url: str
    ok: bool
    detail: str
    languages: tuple[str, ...]


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds, before something is taken for lost."""

    compile_s: float = 20.0  # what a compilation may take on top of the run
    margin_s: float = 10.0
    queue_s: float = 900.0  # in a server's queue, while that moves
    busy_s: float = 60.0  # for any server to have room


@dataclass(frozen=True)
class Ticket:
    """Where a case was already sent to."""

    backend: str
    token: str


@dataclass(frozen=True)
class Ran:
    """One case was run."""

    index: int
    run: Run
    backend: str


class Pool:
    """Servers in the order in which they are tried. Make one for a process: it may be shared by threads."""

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 20.0,
        poll_min_s: float = 0.02,
        poll_max_s: float = 1.0,
        patience: Patience = Patience(),
    ) -> None:
        self.servers = [
            Judge0(
                backend.url,
                backend.headers,
                connect_timeout_s=connect_timeout_s,
                read_timeout_s=read_timeout_s,
            )
            for backend in backends
        ]
        self.poll_min_s = poll_min_s
        self.poll_max_s = poll_max_s
        self.patience = patience

    @classmethod
    def from_settings(cls) -> Self:
        return cls(
            [
                Backend(url, headers)
                for url, headers in zip(settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, strict=True)
            ],
            connect_timeout_s=settings.JUDGE0_CONNECT_TIMEOUT_S,
            read_timeout_s=settings.JUDGE0_READ_TIMEOUT_S,
            poll_min_s=settings.JUDGE0_POLL_MIN_S,
            poll_max_s=settings.JUDGE0_POLL_MAX_S,
        )

    def health(self) -> list[BackendHealth]:
        """Asks every server now; takes a few seconds for each that is silent."""
        return [_health(server) for server in self.servers]

    def run(
        self,
        program: Program,
        inputs: Mapping[int, Callable[[], bytes]],
        limits: Limits,
        placed: Mapping[int, Ticket] | None = None,
    ) -> Generator[Submitted | Ran, None, None]:
        """Runs the program once for each input, under `limits` as they are; runs come as they finish.

        `placed` cases are asked for where they were sent before, and only run again if they are not known there.
        Raises NoBackend, BackendBusy (nobody has room for long), BackendRejected, BackendFault (failed twice),
        LanguageUnavailable; what was yielded until then holds.
        """
        yield from _Work(self, program, inputs, limits).steps(placed or {})


def _health(server: Judge0) -> BackendHealth:
    try:
        offered = server.offered(HEALTH_TIMEOUT_S)
    except JudgingError as error:
        return BackendHealth(server.url, ok=False, detail=str(error), languages=())
    if not offered:
        return BackendHealth(server.url, ok=False, detail="It offers none of our languages.", languages=())
    return BackendHealth(server.url, ok=True, detail="", languages=offered)


@dataclass
class _Sent:
    """A token that is waited for; `since` is when it was sent or last seen to move (monotonic seconds)."""

    index: int
    token: str
    sent: float
    since: float
    running: bool = False


class _Work:
    """One call of `Pool.run`: which cases are where, and which servers let it down."""

    def __init__(
        self, pool: Pool, program: Program, inputs: Mapping[int, Callable[[], bytes]], limits: Limits
    ) -> None:
        language = languages.find(program.language)
        if language is None:
            raise LanguageUnavailable(f"There is no language {program.language!r}.")
        self.language = language
        self.pool = pool
        self.source = program.source
        self.inputs = inputs
        self.limits = limits
        self.waiting = list(inputs)
        self.sent: dict[Judge0, list[_Sent]] = {server: [] for server in pool.servers}
        self.down: set[Judge0] = set()  # not used any more
        self.suspect: set[Judge0] = set()  # used when there is no other
        self.silent: Counter[Judge0] = Counter()  # looks in a row without an answer
        self.faults: Counter[int] = Counter()
        self.places: Counter[int] = Counter()

    def steps(self, placed: Mapping[int, Ticket]) -> Iterator[Submitted | Ran]:
        self._attach(placed)
        pause = 0.0 if placed else self.pool.poll_min_s
        while self.waiting or any(self.sent.values()):
            if self.waiting:
                yield self._place()
                continue
            time.sleep(pause)
            found = False
            for server in self.pool.servers:
                for ran in self._look(server):
                    found = True
                    yield ran
            pause = self.pool.poll_min_s if found else min(pause * SLOWER, self.pool.poll_max_s)
            pause = max(pause, self.pool.poll_min_s)

    def _attach(self, placed: Mapping[int, Ticket]) -> None:
        servers = {server.url: server for server in self.pool.servers}
        now = time.monotonic()
        for index in list(self.waiting):
            ticket = placed.get(index)
            if ticket and ticket.backend in servers:
                self.sent[servers[ticket.backend]].append(_Sent(index, ticket.token, now, now))
                self.waiting.remove(index)

    # --- Placing cases ---------------------------------------------------------------------------------------

    def _place(self) -> Submitted:
        """Sends the first of the waiting cases to the first server that takes them."""
        until = time.monotonic() + self.pool.patience.busy_s
        pause = self.pool.poll_min_s
        while True:
            busy: BackendBusy | None = None
            lacking: LanguageUnavailable | None = None
            for server in self._candidates():
                try:
                    return self._submit(server)
                except BackendBusy as error:
                    busy = error
                except LanguageUnavailable as error:
                    lacking = error
                except (BackendUnavailable, BackendFault) as error:
                    log.warning("Passing over a judge: %s", error)
                    self.down.add(server)
            if busy is None:
                raise self._nobody(lacking)
            pause = min(pause * 2, LONGEST_WAIT_S)
            wait = min(busy.retry_after_s or pause, LONGEST_WAIT_S)
            if time.monotonic() + wait > until:
                raise busy
            time.sleep(wait)

    def _candidates(self) -> list[Judge0]:
        up = [server for server in self.pool.servers if server not in self.down]
        return sorted(up, key=lambda server: server in self.suspect)  # stable: else in the pool's order

    def _nobody(self, lacking: LanguageUnavailable | None) -> JudgingError:
        """All that could be asked lack the language; but one that is away may have it."""
        if lacking and not self.down:
            return LanguageUnavailable(f"No judge offers {self.language.name}.")
        return NoBackend("No judge can be reached.")

    def _submit(self, server: Judge0) -> Submitted:
        indexes, data = self._read(min(server.ceilings().batch, self._most_fetched))
        tokens = server.submit(self.language, self.source, data, self.limits)
        now = time.monotonic()
        for index, token in zip(indexes, tokens, strict=True):
            self.sent[server].append(_Sent(index, token, now, now))
            self.places[index] += 1
        del self.waiting[: len(indexes)]
        log.info("%d of a program's cases went to %s", len(indexes), server.url)
        return Submitted(tuple(indexes), "run", server.url, tokens)

    def _read(self, most: int) -> tuple[list[int], list[bytes]]:
        """The inputs of the first waiting cases: at least one, and no more than fit into one request."""
        indexes: list[int] = []
        data: list[bytes] = []
        for index in self.waiting[:most]:
            indexes.append(index)
            data.append(self.inputs[index]())
            if sum(map(len, data)) >= BATCH_BYTES:
                break
        return indexes, data

    # --- Looking for runs ------------------------------------------------------------------------------------

    @property
    def _most_fetched(self) -> int:
        """How many outputs may be in one answer, and so in memory."""
        return max(1, FETCH_BYTES // (self.limits.output_kib * 1024))

    def _look(self, server: Judge0) -> Iterator[Ran]:
        """Asks once for everything that is at this server; what it holds is handed on piece by piece."""
        sent = self.sent[server].copy()
        for start in range(0, len(sent), self._most_fetched):
            still_there = [
                one for one in sent[start : start + self._most_fetched] if one in self.sent[server]
            ]
            if still_there:
                yield from self._look_for(server, still_there)

    def _look_for(self, server: Judge0, sent: list[_Sent]) -> list[Ran]:
        try:
            seen = server.fetch([one.token for one in sent], self.limits)
        except BackendBusy as error:
            time.sleep(min(error.retry_after_s or self.pool.poll_max_s, LONGEST_WAIT_S))
            self._check_patience(server)
            return []
        except (BackendUnavailable, BackendFault) as error:
            self._note_silence(server, error)
            return []
        self.silent[server] = 0
        ran = [self._note(server, one, what) for one, what in zip(sent, seen, strict=True)]
        self._check_patience(server)
        return [run for run in ran if run]

    def _note(self, server: Judge0, one: _Sent, what: Run | Progress) -> Ran | None:
        match what:
            case Run():
                self.sent[server].remove(one)
                return Ran(one.index, what, server.url)
            case Progress.RUNNING if not one.running:
                one.running, one.since = True, time.monotonic()
            case Progress.LOST:
                self._again(server, one, "was lost by")
            case Progress.FAULTY:
                self.faults[one.index] += 1
                if self.faults[one.index] > 1:
                    raise BackendFault("The judge failed at the same case twice.")
                self._again(server, one, "failed at")
        return None

    def _note_silence(self, server: Judge0, error: JudgingError) -> None:
        self.silent[server] += 1
        if self.silent[server] >= TRIES_TO_LOOK:
            log.warning("Giving up on a judge that has our cases: %s", error)
            self.down.add(server)
            for one in self.sent[server].copy():
                self._again(server, one, "was left at")

    def _check_patience(self, server: Judge0) -> None:
        """Overdue is what is run for too long, or waits in a queue in which nothing waits or nobody works."""
        now = time.monotonic()
        overdue = [one for one in self.sent[server] if now - one.since > self._patience_s()]
        if not overdue:
            return
        queued = [one for one in overdue if not one.running]
        queue = self._queue(server) if queued else None
        moves = queue is not None and queue.waiting > 0 and queue.workers > 0
        for one in overdue:
            if moves and one in queued and now - one.sent < self.pool.patience.queue_s:
                one.since = now
            else:
                self._again(server, one, "is overdue at")

    def _patience_s(self) -> float:
        patience = self.pool.patience
        return patience.compile_s + wall_limit_s(self.limits) + patience.margin_s

    def _queue(self, server: Judge0) -> Queue | None:
        try:
            return server.queue()
        except JudgingError as error:
            log.warning("A judge does not say how long its queue is: %s", error)
            return None

    def _again(self, server: Judge0, one: _Sent, why: str) -> None:
        """The case goes back to the waiting ones, in order; after some times it is given up."""
        log.warning("A case %s %s", why, server.url)
        self.suspect.add(server)
        self.sent[server].remove(one)
        if self.places[one.index] >= PLACES:
            raise NoBackend(f"A case was given to judges {PLACES} times and none of them ended it.")
        self.waiting = sorted([*self.waiting, one.index])
