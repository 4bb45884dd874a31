"""Several servers as one: cases in, runs out, whatever single servers do meanwhile.

    Pool.access(…).run(program, inputs, limits) → Submitted, [Ran, …], [Ran], Submitted …

Servers are tried in the order of their ranks; among equals, whoever has cases of the program already, for it is
compiled there, then whoever has the fewest runs. One that does not answer is passed over, and what it had is run on
another one; one that refuses ends the judging, since the others would refuse too. A token that its server lost, that
is overdue, or that it failed at, is run again, elsewhere if there is an elsewhere.

What workers know in common of the servers decides which are tried at all: whose breaker is open, who lied about a
known program (`probes`), how many runs each has already (`capacity`). The pool itself keeps nothing between two calls
but how long runs usually take.
"""

import logging
import random
import time
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Self

import prometheus_client
import redis
from django.conf import settings

from execution import languages, wakeups
from execution.breaker import Admission, Breaker, BreakerRules, State
from execution.capacity import Capacity
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendLacks,
    BackendUnavailable,
    JudgingError,
    LanguageUnavailable,
    NoBackend,
    OwnCapReached,
)
from execution.judge0 import Judge0, Progress, Queue, wall_limit_s
from execution.probes import Probes, Standing
from execution.shared import Shared
from execution.types import Interactor, Limits, Program, Run, Submitted

log = logging.getLogger(__name__)

BATCH_BYTES = 8 * 1024 * 1024  # input in one request
FETCH_BYTES = 64 * 1024 * 1024  # output that one answer may have to hold
TRIES_TO_LOOK = 2
PLACES = 3  # how often one case is given to a server before it is given up
LONGEST_WAIT_S = 30.0  # for a server that asks us to come back later
KEEP_SEATS_EVERY_S = 20.0
FULL_PAUSE_S = 0.05  # before the next look for room; it grows fivefold at most
SHARE_OF_WAITING = (
    0.15  # a pause is this part of what was waited already, so that results are late by no more
)
BEFORE_USUAL = 0.9  # the first look comes a little before runs usually end
FIT_FOR_S = 1.0
REMEMBERED_TIMES = 10

RUNS = prometheus_client.Counter(
    "judge_runs_total",
    "Runs that came back: ok, or what failed before any comparison.",
    ["backend", "language", "outcome"],
)
REPEATED = prometheus_client.Counter(
    "judge_runs_repeated_total", "Runs that a backend did not bring to an end.", ["backend"]
)
TURNAROUND = prometheus_client.Histogram(
    "judge_run_turnaround_seconds",
    "From handing a run to a backend until its result was read: its queue, compiling, running.",
    ["backend", "language"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300),
)
CPU = prometheus_client.Histogram(
    "judge_run_cpu_seconds",
    "CPU time of a run, as its backend measured it.",
    ["language"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 30),
)
WALL = prometheus_client.Histogram(
    "judge_run_wall_seconds",
    "Wall time of a run, as its backend measured it.",
    ["language"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 30, 60),
)
MEMORY = prometheus_client.Histogram(
    "judge_run_memory_bytes",
    "The most memory that a run used, as its backend measured it.",
    ["language"],
    buckets=[2**power for power in range(21, 32)],
)


@dataclass(frozen=True)
class Backend:
    """A server's address and the headers that are for it alone; the lowest `rank` is tried first, equals share."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    rank: int = 0


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds, before something is taken for lost."""

    compile_s: float = 20.0  # what a compilation may take on top of the run
    margin_s: float = 10.0
    queue_s: float = 900.0  # in a server's queue, while that moves, and for our own runs there to end
    busy_s: float = 60.0  # for any server that says it is full to have room


@dataclass(frozen=True)
class Sharing:
    """What holds for all workers together. `shared` without a client: each process is alone.

    `probes_every_s` 0 means no probes. `callbacks` is the address under which servers reach us, empty for none.
    """

    shared: Shared = field(default_factory=Shared)
    breaker: BreakerRules = field(default_factory=BreakerRules)
    runs_per_server: int = 80
    low_per_server: int = 1
    probes_every_s: float = 0.0
    callbacks: str = ""


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


def _nothing() -> None:
    pass


class Pool:
    """Servers and the order in which they are tried. Make one for a process: it may be shared by threads."""

    def __init__(
        self,
        backends: Sequence[Backend],
        *,
        connect_timeout_s: float = 3.0,
        read_timeout_s: float = 20.0,
        connections: int = 32,
        retries: int = 1,
        poll_min_s: float = 0.02,
        poll_max_s: float = 1.0,
        patience: Patience = Patience(),
        sharing: Sharing = Sharing(),
    ) -> None:
        self.servers = [
            Judge0(
                backend.url,
                backend.headers,
                connect_timeout_s=connect_timeout_s,
                read_timeout_s=read_timeout_s,
                connections=connections,
                retries=retries,
            )
            for backend in backends
        ]
        for server in self.servers:  # a series that begins with a burst shows no increase
            REPEATED.labels(server.name)
        self.ranks = {backend.url: backend.rank for backend in backends}
        self.poll_min_s = poll_min_s
        self.poll_max_s = poll_max_s
        self.patience = patience
        self.shared = sharing.shared
        self.callbacks = sharing.callbacks
        self.breakers = {
            server.url: Breaker(self.shared, server.url, sharing.breaker) for server in self.servers
        }
        self.runs = Capacity(self.shared, "runs", sharing.runs_per_server)
        self.low = Capacity(self.shared, "low", sharing.low_per_server)
        self.probes = Probes(self.shared, sharing.probes_every_s)
        self.usual = _UsualTimes()
        self.newest_ended: dict[str, float] = {}  # by address: when the newest run that has ended was sent

    @classmethod
    def from_settings(cls, client: redis.Redis | None = None) -> Self:
        """`client` is the Redis in which workers share what they know."""
        return cls(
            [
                Backend(url, headers, rank)
                for url, headers, rank in zip(
                    settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, settings.JUDGE0_RANKS, strict=True
                )
            ],
            connect_timeout_s=settings.JUDGE0_CONNECT_TIMEOUT_S,
            read_timeout_s=settings.JUDGE0_READ_TIMEOUT_S,
            connections=settings.JUDGE0_CONNECTIONS,
            retries=settings.JUDGE0_RETRIES,
            poll_min_s=settings.JUDGE0_POLL_MIN_S,
            poll_max_s=settings.JUDGE0_POLL_MAX_S,
            sharing=Sharing(
                shared=Shared(client),
                breaker=BreakerRules(settings.JUDGE0_BREAKER_FAILURES, settings.JUDGE0_BREAKER_OPEN_S),
                runs_per_server=settings.JUDGE0_MAX_INFLIGHT,
                low_per_server=settings.REJUDGE_CONCURRENCY,
                probes_every_s=settings.JUDGE0_PROBE_EVERY_S,
                callbacks=settings.JUDGE0_CALLBACK_URL,
            ),
        )

    def is_available(self, language: str) -> bool:
        """Whether some server may be tried for this language (a slug), as far as is known here; asks no server."""
        wanted = languages.get(language)
        return any(
            self._may_be_tried(server, language) and not server.is_known_to_lack(wanted)
            for server in self.servers
        )

    def has_place_for(self, language: str) -> bool:
        """The same, for workers: a server that does not offer the language does not count.

        Where all that are there do not offer it, there is a place: whoever comes is told so.
        """
        wanted = languages.get(language)
        is_sure = True
        for server in self.servers:
            try:
                if self._may_be_tried(server, language):
                    server.language_id(wanted)
                    return True
                is_sure = False
            except LanguageUnavailable:
                continue
            except BackendBusy:
                return True
            except JudgingError as error:
                log.warning("A judge does not say what it offers: %s", error)
                self.breakers[server.url].failed()
                is_sure = False
        return is_sure

    def _may_be_tried(self, server: Judge0, language: str) -> bool:
        is_bad = self.probes.standing(server.url, language) is Standing.BAD
        return not is_bad and self.breakers[server.url].may_be_tried()

    def emptiest_first(self, equals: Sequence[Judge0]) -> list[Judge0]:
        """By how many of our runs each has; in any order where they have as many, or Redis does not say."""
        mixed = random.sample(equals, len(equals))  # not the same one first for all workers
        if len(equals) == 1:
            return mixed
        taken = self.runs.taken_at([server.url for server in mixed])
        return sorted(mixed, key=lambda server: taken.get(server.url, 0))

    def access(self, *, beat: Callable[[], None] = _nothing, is_low: bool = False) -> "Access":
        """The pool for one judging. `beat` is called at least every few seconds while it is waited for servers.

        `is_low`: learners come first; only so many such judgings are at a server at once.
        """
        return Access(self, beat, is_low)


@dataclass(frozen=True)
class Access:
    """The pool as one judging sees it (`execution.judge.Backends`).

    `fit` says of servers' addresses until when (monotonic seconds) what others know of them need not be asked again;
    `homes` are those that have had cases of this judging.
    """

    pool: Pool
    beat: Callable[[], None]
    is_low: bool
    fit: dict[str, float] = field(default_factory=dict)
    homes: set[str] = field(default_factory=set)

    def run(
        self,
        program: Program,
        inputs: Mapping[int, Callable[[], bytes]],
        limits: Limits,
        placed: Mapping[int, Ticket] | None = None,
    ) -> Generator[Submitted | list[Ran], None, None]:
        """Runs the program once for each input, under `limits` as they are; what comes together is one list.

        `placed` cases are asked for where they were sent before, and only run again if they are not known there.
        Raises NoBackend, BackendBusy (nobody has room for long), BackendRejected, BackendFault (failed twice),
        BackendLacks; what was yielded until then holds. Where a server fails at some of the cases, what others make
        of the rest is yielded before.
        """
        work = _Work(self, program, inputs, limits)
        try:
            yield from work.steps(placed or {})
        finally:
            work.leave()


class _UsualTimes:
    """How long so many runs, sent together, take at a server in a language: the quickest of the last few times.

    (Looking early costs a request, looking late costs the learner.)
    """

    def __init__(self) -> None:
        self._times: dict[tuple[str, str, int], deque[float]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED_TIMES)
        )

    def note(self, url: str, language: str, count: int, seconds: float) -> None:
        self._times[url, language, count].append(seconds)

    def of(self, url: str, language: str, count: int) -> float:
        """Seconds; of fewer runs where so many are not known yet, 0 where none are."""
        known = next((n for n in range(count, 0, -1) if (url, language, n) in self._times), 0)
        return min(self._times[url, language, known].copy()) if known else 0.0


@dataclass
class _Batch:
    """Runs that were sent together at one moment (monotonic seconds); `left` have not come back."""

    sent: float
    count: int
    left: int
    is_whole: bool = True  # none was lost on the way


@dataclass
class _Sent:
    """A token that is waited for; `since` is when it was sent or last seen to move (monotonic seconds)."""

    index: int
    token: str
    batch: _Batch
    since: float
    seat: str = ""
    running: bool = False


class _LeftAlone(BackendUnavailable):
    """Workers know that it is of no use now."""


class _Work:
    """One call of `run`: which cases are where, and which servers let it down."""

    def __init__(
        self, access: Access, program: Program, inputs: Mapping[int, Callable[[], bytes]], limits: Limits
    ) -> None:
        language = languages.MULTI_FILE if program.files else languages.find(program.language)
        if language is None:
            raise LanguageUnavailable(f"There is no language {program.language!r}.")
        self.language = language
        self.pool = access.pool
        self.beat = access.beat
        self.fit = access.fit
        self.homes = access.homes
        self.is_low = access.is_low
        self.source = program.source
        self.files = program.files
        self.interactor = program.interactor
        self.compiler_options = program.compiler_options
        self.inputs = inputs
        self.limits = limits
        self.waiting = list(inputs)
        self.sent: dict[Judge0, list[_Sent]] = {server: [] for server in self.pool.servers}
        self.low_seats: dict[Judge0, list[str]] = {}
        self.watched: set[Judge0] = set()  # a run that comes back from these is news to the others
        self.down: set[Judge0] = set()  # not used any more
        self.suspect: set[Judge0] = set()  # used after the others
        self.faulty: set[Judge0] = set()  # used when there is no other, be it full or not
        self.silent: Counter[Judge0] = Counter()  # looks in a row without an answer
        self.faults: Counter[int] = Counter()
        self.places: Counter[int] = Counter()
        self.lost: JudgingError | None = None  # why the first of the cases that nobody can run was given up
        self.waits_for_room_since: float | None = None
        self.room_at = 0.0  # when it is looked for room again
        self.room_pause = FULL_PAUSE_S
        self.seats_kept_at = time.monotonic()
        self.id = str(uuid.uuid4())
        self.is_called_back = False

    def steps(self, placed: Mapping[int, Ticket]) -> Iterator[Submitted | list[Ran]]:
        self._attach(placed)
        is_first_look = bool(placed)
        while self.waiting or any(self.sent.values()):
            if self.waiting and (submitted := self._place()):
                yield submitted
                continue
            if not is_first_look:
                self._pause()
            is_first_look = False
            self._keep_seats()
            for server in self.pool.servers:
                yield from self._look(server)
        if self.lost is not None:
            raise self.lost

    def _attach(self, placed: Mapping[int, Ticket]) -> None:
        """Cases that were sent before; how long ago, nobody knows."""
        servers = {server.url: server for server in self.pool.servers}
        now = time.monotonic()
        before = _Batch(now, 0, 0, is_whole=False)
        for index in list(self.waiting):
            ticket = placed.get(index)
            if ticket and self._is_worth_asking(servers.get(ticket.backend)):
                self.sent[servers[ticket.backend]].append(_Sent(index, ticket.token, before, now))
                self.homes.add(ticket.backend)
                self.waiting.remove(index)

    def _is_worth_asking(self, server: Judge0 | None) -> bool:
        """Whether cases that were sent there are waited for, rather than run again."""
        if server is None:
            return False
        is_open = self.pool.breakers[server.url].state() is State.OPEN
        return not is_open and self._is_trusted(server)

    def _is_trusted(self, server: Judge0) -> bool:
        """Whether it told the truth when it was probed last, however long ago; where nobody has, it is not doubted."""
        last = self.pool.probes.found(server.url).get(self.language.slug)
        return last is None or last.passed

    # --- Waiting ---------------------------------------------------------------------------------------------

    def _pause(self) -> None:
        self.beat()
        seconds = self._until_next_look()
        if self.is_called_back and self.pool.shared.client is not None:
            wakeups.wait(self.pool.shared.client, self.id, seconds)
        else:
            time.sleep(seconds)

    def _until_next_look(self) -> float:
        """Soon where runs usually end by now, else a part of what was waited already."""
        now = time.monotonic()
        looks = [self._next_look(server, one.batch, now) for server, sent in self._busy() for one in sent]
        if self.waiting:
            looks.append(self.room_at)
        longest = self.pool.poll_max_s if any(self.sent.values()) else LONGEST_WAIT_S
        return min(max(min(looks) - now, self.pool.poll_min_s), longest)

    def _next_look(self, server: Judge0, batch: _Batch, now: float) -> float:
        usual = batch.sent + BEFORE_USUAL * self.pool.usual.of(server.url, self.language.slug, batch.count)
        return usual if usual > now else now + SHARE_OF_WAITING * (now - batch.sent)

    def _busy(self) -> list[tuple[Judge0, list[_Sent]]]:
        return [(server, sent) for server, sent in self.sent.items() if sent]

    # --- Placing cases ---------------------------------------------------------------------------------------

    def _place(self) -> Submitted | None:
        """Sends the first of the waiting cases to the first server that takes them; None while all are full."""
        now = time.monotonic()
        if now < self.room_at:
            return None
        busy: BackendBusy | None = None
        left_out: JudgingError | None = None
        for server in self._candidates():
            if busy and server in self.faulty:
                break
            try:
                submitted = self._submit(server)
            except BackendBusy as error:
                busy = error
            except BackendLacks as error:
                left_out = left_out or error
            except _LeftAlone as error:
                left_out = error
            except (BackendUnavailable, BackendFault) as error:
                log.warning("Passing over a judge: %s", error)
                self._give_up(server)
            else:
                self.waits_for_room_since, self.room_pause = None, FULL_PAUSE_S
                return submitted
        if busy is None:
            self._lose_waiting(self._nobody(left_out))
        else:
            self._wait_for_room(busy)
        return None

    def _lose_waiting(self, error: JudgingError) -> None:
        """Nobody can run them; what is at a server may come back all the same. Raises `error` where nothing is."""
        self.lost = self.lost or error
        self.waiting.clear()
        if not any(self.sent.values()):
            raise self.lost

    def _wait_for_room(self, busy: BackendBusy) -> None:
        """Raises `busy` when that has taken too long."""
        now = time.monotonic()
        since = self.waits_for_room_since = self.waits_for_room_since or now
        patience = (
            self.pool.patience.queue_s if isinstance(busy, OwnCapReached) else self.pool.patience.busy_s
        )
        wait = min(busy.retry_after_s or self.room_pause, LONGEST_WAIT_S)
        if now + wait - since > patience and not any(self.sent.values()):
            raise busy
        self.room_at = now + wait
        self.room_pause = min(2 * self.room_pause, 5 * FULL_PAUSE_S)

    def _candidates(self) -> Iterator[Judge0]:
        up = [server for server in self.pool.servers if server not in self.down]
        for _, equals in groupby(sorted(up, key=self._place_in_line), self._place_in_line):
            yield from self.pool.emptiest_first(list(equals))

    def _place_in_line(self, server: Judge0) -> tuple[bool, bool, int, bool]:
        rank, is_home = self.pool.ranks[server.url], server.url in self.homes
        return server in self.faulty, server in self.suspect, rank, not is_home

    def _nobody(self, lacking: JudgingError | None) -> JudgingError:
        """All that could be asked lack what is needed; but one that is away may have it."""
        if self.down or not isinstance(lacking, BackendLacks):
            return NoBackend(f"No judge can be used. {lacking or ''}".strip())
        if isinstance(lacking, LanguageUnavailable):
            return LanguageUnavailable(f"No judge offers {self.language.name}.")
        return lacking

    def _submit(self, server: Judge0) -> Submitted:
        self._check_fitness(server)
        self._take_low_seat(server)
        url = server.url
        most = min(len(self.waiting), server.ceilings().batch, self._most_fetched)
        seats = self.pool.runs.take(url, most)
        if not seats.count:
            raise OwnCapReached(f"{url} has as many of our runs as it may have.")
        names = list(seats.names) or [""] * seats.count
        used = 0
        try:
            indexes, data, interactor = self._read(seats.count)
            tokens = server.submit(
                self.language,
                self.source,
                data,
                self.limits,
                compiler_options=self.compiler_options,
                files=self.files,
                interactor=interactor,
                indexes=indexes,
                callback_url=self._call(server),
            )
            used = len(indexes)
        finally:
            self.pool.runs.give_back(url, [name for name in names[used:] if name])
        now = time.monotonic()
        batch = _Batch(now, count=len(indexes), left=len(indexes))
        for index, token, name in zip(indexes, tokens, names, strict=False):
            self.sent[server].append(_Sent(index, token, batch, now, name))
            self.places[index] += 1
        del self.waiting[: len(indexes)]
        self.homes.add(url)
        log.info("%d of a program's cases went to %s", len(indexes), url)
        return Submitted(tuple(indexes), "check" if self.files else "run", url, tokens)

    def _check_fitness(self, server: Judge0) -> None:
        """Raises _LeftAlone where it is known to be down or to lie, BackendBusy while that is being found out.

        A server that nobody knows yet is examined first, by whoever comes first.
        """
        if self._is_fit(server):
            return
        if server not in self.watched:
            match self.pool.breakers[server.url].admits():
                case Admission.NO:
                    raise _LeftAlone(f"{server.url} has failed lately and is left alone for a while.")
                case Admission.WATCHED:
                    self.watched.add(server)
        standing = self.pool.probes.standing(server.url, self.language.slug)
        if standing is Standing.UNKNOWN:
            found = self.pool.probes.examine(server, self.language, beat=self.beat)
            if found is None:
                raise OwnCapReached(f"{server.url} is being examined.")
            standing = found
        if standing is Standing.BAD:
            raise _LeftAlone(f"{server.url} did not judge a known program in {self.language.name} rightly.")
        self.fit[server.url] = time.monotonic() + FIT_FOR_S

    def _is_fit(self, server: Judge0) -> bool:
        """As it was found a moment ago."""
        return time.monotonic() < self.fit.get(server.url, 0.0)

    def _take_low_seat(self, server: Judge0) -> None:
        if not self.is_low or server in self.low_seats:
            return
        seats = self.pool.low.take(server.url, 1)
        if not seats.count:
            raise OwnCapReached(f"{server.url} does other work that comes after learners'.")
        self.low_seats[server] = list(seats.names)

    def _call(self, server: Judge0) -> str:
        """The address that the server is to call when a run has ended; empty where it is only asked."""
        if not self.pool.callbacks or not server.ceilings().callbacks:
            return ""
        self.is_called_back = True
        return wakeups.url_for(self.pool.callbacks, self.id)

    def _read(self, most: int) -> tuple[list[int], list[bytes], Interactor | None]:
        """The inputs of the first waiting cases, and the interactor with their answers: at least one case, and no
        more than fit into one request.
        """
        indexes: list[int] = []
        data: list[bytes] = []
        answers: dict[int, bytes] = {}
        for index in self.waiting[:most]:
            indexes.append(index)
            data.append(self.inputs[index]())
            if self.interactor and (answer := self.interactor.answers.get(index)):
                answers[index] = answer()
            beside = len(data) * len(self.interactor.files) if self.interactor else 0
            if sum(map(len, data)) + sum(map(len, answers.values())) + beside >= BATCH_BYTES:
                break
        if self.interactor is None:
            return indexes, data, None
        read = {index: partial(bytes, answer) for index, answer in answers.items()}
        return indexes, data, replace(self.interactor, answers=read)

    # --- Looking for runs ------------------------------------------------------------------------------------

    @property
    def _most_fetched(self) -> int:
        """How many outputs may be in one answer, and so in memory."""
        return max(1, FETCH_BYTES // (self.limits.output_kib * 1024))

    def _look(self, server: Judge0) -> Iterator[list[Ran]]:
        """Asks once for everything that is at this server; what it holds is handed on piece by piece."""
        sent = self.sent[server].copy()
        for start in range(0, len(sent), self._most_fetched):
            still_there = [
                one for one in sent[start : start + self._most_fetched] if one in self.sent[server]
            ]
            if still_there and (ran := self._look_for(server, still_there)):
                yield ran

    def _look_for(self, server: Judge0, sent: list[_Sent]) -> list[Ran]:
        self.beat()
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
        ended = [one for one, what in zip(sent, seen, strict=True) if isinstance(what, Run)]
        if ended and not self._is_fit(server) and not self._is_trusted(server):
            self._disbelieve(server)
            return []
        ran = [self._note(server, one, what) for one, what in zip(sent, seen, strict=True)]
        if ended:
            self._note_success(server, ended)
        self._check_patience(server)
        return [one for one in ran if one]

    def _disbelieve(self, server: Judge0) -> None:
        """It was found to judge wrongly after it had been given these cases."""
        self.down.add(server)
        for one in self.sent[server].copy():
            self._again(server, one, "is not believed, coming from")

    def _note_success(self, server: Judge0, ended: Sequence[_Sent]) -> None:
        self.pool.runs.give_back(server.url, [one.seat for one in ended if one.seat])
        newest = max(one.batch.sent for one in ended)
        self.pool.newest_ended[server.url] = max(newest, self.pool.newest_ended.get(server.url, 0.0))
        for one in ended:
            one.batch.left -= 1
            if one.batch.is_whole and not one.batch.left:
                took = time.monotonic() - one.batch.sent
                self.pool.usual.note(server.url, self.language.slug, one.batch.count, took)
        if server in self.watched:
            self.watched.discard(server)
            self.pool.breakers[server.url].succeeded()

    def _note(self, server: Judge0, one: _Sent, what: Run | Progress) -> Ran | None:
        match what:
            case Run():
                self.sent[server].remove(one)
                self._measure(server, one, what)
                return Ran(one.index, what, server.url)
            case Progress.RUNNING if not one.running:
                one.running, one.since = True, time.monotonic()
            case Progress.LOST:
                self._again(server, one, "was lost by")
            case Progress.FAULTY:
                self.faults[one.index] += 1
                if self.faults[one.index] > 1:
                    self.lost = self.lost or self._failed_twice(server)
                    self._take_back(server, one)
                    return None
                self.faulty.add(server)
                self._again(server, one, "failed at")
        return None

    def _measure(self, server: Judge0, one: _Sent, run: Run) -> None:
        language = self.language.slug
        RUNS.labels(server.name, language, run.failure or "ok").inc()
        if one.batch.count:  # else it was sent before this judging began, nobody knows when
            TURNAROUND.labels(server.name, language).observe(time.monotonic() - one.batch.sent)
        CPU.labels(language).observe(run.time_ms / 1000)
        WALL.labels(language).observe(run.wall_ms / 1000)
        MEMORY.labels(language).observe(run.memory_kib * 1024)

    def _failed_twice(self, server: Judge0) -> JudgingError:
        """Is it the program's doing? A known one tells."""
        try:
            standing = self.pool.probes.examine(server, self.language, beat=self.beat)
        except JudgingError as error:
            return NoBackend(f"The judge failed at the same case twice. {error}")
        if standing is Standing.GOOD:
            return BackendFault("The judge failed at the same case twice.")
        return NoBackend("The judge fails at known programs, too.")

    def _note_silence(self, server: Judge0, error: JudgingError) -> None:
        self.silent[server] += 1
        others_know = self.pool.breakers[server.url].state() is State.OPEN
        if others_know or self.silent[server] >= TRIES_TO_LOOK:
            log.warning("Giving up on a judge that has our cases: %s", error)
            self._give_up(server)
            for one in self.sent[server].copy():
                self._again(server, one, "was left at")

    def _give_up(self, server: Judge0) -> None:
        """Not used in this call any more, and the others are told."""
        self.fit.pop(server.url, None)
        self.down.add(server)
        self.pool.breakers[server.url].failed()

    def _check_patience(self, server: Judge0) -> None:
        """Overdue is what is run for too long, or waits in a queue in which nothing waits or nobody works."""
        now = time.monotonic()
        overdue = [one for one in self.sent[server] if now - one.since > self._patience_s()]
        if not overdue:
            return
        queued = [one for one in overdue if not one.running]
        queue = self._queue(server) if queued else None
        moves = queue is not None and queue.waiting > 0 and queue.workers > 0
        patient = queued if moves else []
        forgiven = [one for one in patient if self._may_still_wait(server, one.batch.sent, now)]
        for one in forgiven:
            one.since = now
        if len(forgiven) < len(overdue):
            self.pool.breakers[server.url].failed()
        for one in overdue:
            if one not in forgiven:
                self._again(server, one, "is overdue at")

    def _may_still_wait(self, server: Judge0, sent: float, now: float) -> bool:
        """Queues are in order: what was sent much later and has ended by now has overtaken something that is lost."""
        is_overtaken = sent + self._patience_s() < self.pool.newest_ended.get(server.url, 0.0)
        return not is_overtaken and now - sent < self.pool.patience.queue_s

    def _patience_s(self) -> float:
        patience = self.pool.patience
        usual_s = patience.compile_s + wall_limit_s(self.limits) + patience.margin_s
        if self.interactor is None:
            return usual_s
        # It is compiled, too; the program may wait for it, and it may go on when that has ended.
        return usual_s + patience.compile_s + 2 * self.interactor.time_ms / 1000

    def _queue(self, server: Judge0) -> Queue | None:
        try:
            return server.queue()
        except JudgingError as error:
            log.warning("A judge does not say how long its queue is: %s", error)
            return None

    def _again(self, server: Judge0, one: _Sent, why: str) -> None:
        """The case goes back to the waiting ones, in order; after some times it is given up."""
        log.warning("A case %s %s", why, server.url)
        REPEATED.labels(server.name).inc()
        self.suspect.add(server)
        self._take_back(server, one)
        if self.places[one.index] < PLACES:
            self.waiting = sorted([*self.waiting, one.index])
        else:
            words = f"A case was given to judges {PLACES} times and none of them ended it."
            self.lost = self.lost or NoBackend(words)

    def _take_back(self, server: Judge0, one: _Sent) -> None:
        """It is not waited for there any more."""
        self.sent[server].remove(one)
        one.batch.is_whole = False
        self.pool.runs.give_back(server.url, [one.seat] if one.seat else [])

    # --- Seats -----------------------------------------------------------------------------------------------

    def _keep_seats(self) -> None:
        if time.monotonic() - self.seats_kept_at < KEEP_SEATS_EVERY_S:
            return
        self.seats_kept_at = time.monotonic()
        for server, sent in self._busy():
            self.pool.runs.keep(server.url, [one.seat for one in sent if one.seat])
        for server, names in self.low_seats.items():
            self.pool.low.keep(server.url, names)

    def leave(self) -> None:
        """Runs that nobody waits for any more go on at their server: they keep their seats about as long."""
        for server, sent in self._busy():
            seats = [one.seat for one in sent if one.seat]
            usual = self.pool.usual.of(server.url, self.language.slug, len(sent))
            self.pool.runs.keep(server.url, seats, for_s=max(usual, self.pool.poll_min_s))
        for server, names in self.low_seats.items():
            self.pool.low.give_back(server.url, names)
        self.low_seats.clear()
