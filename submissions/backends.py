"""How the backends are: visited by whoever of all workers has the turn, told to staff and to /readyz.

    Prober, a thread for each backend in every worker
        │  /languages, /config_info, /workers, and a probe where one is due; its breaker learns how it went
        ▼
      Redis ──▶ statuses ──▶ /readyz, /api/v1/backends/, the admin's “Judge servers”

The web asks Redis only, never a backend. While a breaker is open, the prober is the one who tries, so that no
learner's submission has to.
"""

import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import cast

import redis
from django.conf import settings
from django.db.models import TextChoices

from execution import breaker, languages
from execution.ceilings import tell_interaction, tell_memory
from execution.errors import (
    BackendBusy,
    BackendFault,
    BackendUnavailable,
    JudgingError,
    LanguageUnavailable,
)
from execution.judge0 import Ceilings, Judge0, Queue
from execution.languages import LANGUAGES, Language
from execution.probes import Probed, Standing
from execution.shared import read_record
from submissions.connections import pool, redis_client

logger = logging.getLogger(__name__)

VISIT_EVERY_S = 5.0
LOOK_TIMEOUT_S = 2.0
PROBE_TIMEOUT_S = 10.0  # for an answer about a tiny program to begin
BELIEVED_S = 90  # how long what a visit found is believed: longer than a visit with probes may last


@dataclass(frozen=True)
class Report:
    """What a visit found. `detail` says what is wrong; `languages` are the slugs of those of ours that it offers.

    `keeps_data`: it keeps programs and outputs for ever. `waiting` and `workers` are of its own queue. `since` is
    when it began to answer, or not to; both times are seconds since 1970. None: it did not tell.
    """

    answers: bool
    detail: str
    at: float
    since: float
    languages: tuple[str, ...] = ()
    keeps_data: bool | None = None
    waiting: int | None = None
    workers: int | None = None


class State(TextChoices):
    """LIMITED: in use, but not for all the languages that it offers."""

    UP = "up", "in use"
    LIMITED = "limited", "in use, with exceptions"
    OUT_OF_SERVICE = "out_of_service", "out of service"
    DOWN = "down", "down"
    UNKNOWN = "unknown", "not known"


@dataclass(frozen=True)
class Pair:
    """A backend and a language; `since` is when its probes began to pass, or to fail."""

    language: Language
    offered: bool
    standing: Standing
    last: Probed | None

    @property
    def is_usable(self) -> bool:
        return self.offered and self.standing is not Standing.BAD

    @property
    def since(self) -> datetime | None:
        return _moment(self.last.since) if self.last else None

    @property
    def checked_at(self) -> datetime | None:
        return _moment(self.last.at) if self.last else None


@dataclass(frozen=True)
class BackendStatus:
    """All that workers know of a backend; `report` is None when nobody has visited it lately."""

    url: str
    breaker: breaker.State
    in_flight: int | None
    most_in_flight: int
    pairs: tuple[Pair, ...]
    report: Report | None

    @property
    def state(self) -> State:
        if self.report is None:
            return State.UNKNOWN
        if not self.report.answers or self.breaker is breaker.State.OPEN:
            return State.DOWN
        if not any(pair.is_usable for pair in self.pairs):
            return State.OUT_OF_SERVICE
        is_limited = any(pair.offered and not pair.is_usable for pair in self.pairs)
        return State.LIMITED if is_limited else State.UP

    @property
    def is_usable(self) -> bool:
        return self.state in (State.UP, State.LIMITED)

    @property
    def is_left_alone(self) -> bool:
        """It answers, but its runs have failed."""
        return self.breaker is breaker.State.OPEN and self.report is not None and self.report.answers

    @property
    def since(self) -> datetime | None:
        """When it began to answer, or not to."""
        return _moment(self.report.since) if self.report else None

    @property
    def checked_at(self) -> datetime | None:
        return _moment(self.report.at) if self.report else None

    def judges(self, language: Language) -> bool:
        return self.is_usable and any(pair.is_usable for pair in self.pairs if pair.language == language)

    def may_offer(self, language: Language) -> bool:
        """One that is silent now offers what it offered before; of one that nobody has visited nobody knows."""
        return self.report is None or any(pair.offered for pair in self.pairs if pair.language == language)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- What is told --------------------------------------------------------------------------------------------


def statuses() -> list[BackendStatus]:
    """In the order of JUDGE0_URLS. Raises redis.RedisError: then nothing is known."""
    return [_status(server.url) for server in pool().servers]


def waited_for(found: Sequence[BackendStatus]) -> list[Language]:
    """The languages that no backend can be used for now, though one may have them: their submissions wait."""
    return [
        language
        for language in LANGUAGES
        if not any(one.judges(language) for one in found) and any(one.may_offer(language) for one in found)
    ]


def offered_nowhere() -> frozenset[str]:
    """The languages (slugs) that no backend said it has; none while one has yet to be visited, or without Redis."""
    try:
        reports = [_reported(server.url) for server in pool().servers]
    except redis.RedisError as error:
        logger.warning("What backends offer cannot be read: %s", type(error).__name__)
        return frozenset()
    if not reports or None in reports:
        return frozenset()
    return frozenset(one.slug for one in LANGUAGES).difference(*(one.languages for one in reports if one))


def _status(url: str) -> BackendStatus:
    report = _reported(url)
    found = pool().probes.found(url)
    return BackendStatus(
        url=url,
        breaker=pool().breakers[url].state(),
        in_flight=pool().runs.taken(url),
        most_in_flight=pool().runs.most,
        pairs=tuple(_pair(url, language, report, found.get(language.slug)) for language in LANGUAGES),
        report=report,
    )


def _pair(url: str, language: Language, report: Report | None, last: Probed | None) -> Pair:
    offered = report is not None and language.slug in report.languages
    return Pair(language, offered, pool().probes.standing(url, language.slug), last)


def _reported(url: str) -> Report | None:
    return read_record(Report, cast(bytes | None, redis_client().get(_report_key(url))))


def _report_key(url: str) -> str:
    return f"backend:report:{url}"


# --- A visit -------------------------------------------------------------------------------------------------


def visit(server: Judge0) -> None:
    """Ask a backend how it is, tell Redis, probe the languages that are due, and let its breaker know.

    What counts is whether a known program comes back. A backend that does not say how it is, or not soon, may judge as
    well as ever: then a probe is due at once. Raises redis.RedisError where nobody can be told.
    """
    report, trouble = _ask(server)
    try:
        was_probed = _probe(server, report, at_once=trouble is not None)
    except (BackendUnavailable, BackendFault) as error:
        report = _failed(server, report, error, times=1 if trouble is None else 2)
    except BackendBusy as error:
        logger.info("A visit ended early: %s", error)
        pool().probes.note_busy(server.url)
        report = replace(report, detail=str(error))
    else:
        if trouble is not None and not was_probed:
            report = _failed(server, report, trouble, times=1)
    _tell(server.url, report)


def _ask(server: Judge0) -> tuple[Report, JudgingError | None]:
    """What it says of itself; where it does not, what was known of it before, and why it does not."""
    try:
        return _look(server), None
    except BackendBusy as error:
        return _as_before(server.url, error), None
    except JudgingError as error:
        logger.info("A server does not say how it is: %s", error)
        return _as_before(server.url, error), error


def _look(server: Judge0) -> Report:
    now = _now()
    offered = server.offered(LOOK_TIMEOUT_S)
    ceilings, queue = server.ceilings(), _queue(server)
    tell_memory(redis_client(), server.url, ceilings.memory_kib)
    tell_interaction(redis_client(), server.url, ceilings.interacts)
    return Report(
        answers=True,
        detail=_worth_saying(offered, ceilings),
        at=now,
        since=now,
        languages=offered,
        keeps_data=not (ceilings.deletes or ceilings.forgets_by_itself),
        waiting=queue.waiting if queue else None,
        workers=queue.workers if queue else None,
    )


def _worth_saying(offered: tuple[str, ...], ceilings: Ceilings) -> str:
    if not offered:
        return "It offers none of our languages."
    if ceilings.is_reduced:
        return (
            "REDUCED ISOLATION: programs could do more to its machine than elsewhere. Let nobody submit any whom you "
            "would not give an account there. What it takes to isolate fully is in docs/engine.md."
        )
    return ""


def _queue(server: Judge0) -> Queue | None:
    """None where it keeps that to itself."""
    try:
        return server.queue(LOOK_TIMEOUT_S)
    except JudgingError as error:
        logger.info("A server does not say how long its queue is: %s", error)
        return None


def _as_before(url: str, error: JudgingError) -> Report:
    """Of a server that does not say how it is. Which languages one offers that never said so, probes tell."""
    last, now = _reported(url), _now()
    if last is not None and last.languages:
        return replace(last, answers=True, at=now, since=now, detail=str(error))
    return Report(True, str(error), at=now, since=now, languages=tuple(one.slug for one in LANGUAGES))


def _failed(server: Judge0, report: Report, error: JudgingError, *, times: int) -> Report:
    """Not answering, and what else was known of it."""
    for _ in range(times):
        pool().breakers[server.url].failed()
    return replace(report, answers=False, detail=str(error), waiting=None, workers=None)


def _probe(server: Judge0, report: Report, *, at_once: bool) -> bool:
    """Whether a language was probed, or somebody else is just doing so."""
    is_in_doubt = at_once or pool().breakers[server.url].state() is not breaker.State.CLOSED
    was_probed = False
    for slug in pool().probes.due(server.url, report.languages, at_once=is_in_doubt):
        try:
            _probe_language(server, slug)
            was_probed = True
        except LanguageUnavailable as error:
            logger.info("A language is not probed: %s", error)
    return was_probed


def _probe_language(server: Judge0, slug: str) -> None:
    before = pool().probes.standing(server.url, slug)
    standing = pool().probes.examine(server, languages.get(slug))
    if standing is Standing.GOOD:
        pool().breakers[server.url].succeeded()
    if standing not in (None, before):
        _log_change(server.url, slug, standing)


def _log_change(url: str, slug: str, standing: Standing | None) -> None:
    if standing is Standing.BAD:
        logger.warning("%s is out of service for %s: a known program was judged wrongly", url, slug)
    else:
        logger.info("%s judges a known program in %s rightly", url, slug)


def _tell(url: str, report: Report) -> None:
    last = _reported(url)
    if last is not None and last.answers == report.answers:
        report = replace(report, since=last.since)
    redis_client().set(_report_key(url), json.dumps(asdict(report)), ex=BELIEVED_S)


def _now() -> float:
    """By Redis's clock, which all share."""
    seconds, microseconds = redis_client().time()
    return float(seconds + microseconds / 1_000_000)


# --- Who visits ----------------------------------------------------------------------------------------------


class Prober(threading.Thread):
    """Visits one backend whenever it is this worker's turn, for as long as the process lives.

    One thread for each, so that one that is slow does not keep the others from being visited. An error of a visit
    that has no name is taken for that backend's fault: one that answers as nobody has thought of must not end workers.
    """

    def __init__(self, server: Judge0) -> None:
        super().__init__(name=f"prober of {server.url}", daemon=True)
        self._server = server
        self._stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self._stopped.is_set():
                self._take_turn()
                self._stopped.wait(VISIT_EVERY_S / 4)
        except BaseException:
            logger.critical("a prober has failed; the worker ends with it", exc_info=True)
            os._exit(1)

    def _take_turn(self) -> None:
        try:
            if _is_our_turn(self._server.url):
                visit(self._server)
        except redis.RedisError as error:
            logger.warning("nobody can be told how %s is: %s", self._server.url, error)
        except Exception:
            logger.exception("%s answered in a way that nobody has thought of", self._server.url)
            pool().breakers[self._server.url].failed()

    def stop(self) -> None:
        """Soon; a visit under way ends first."""
        self._stopped.set()


def _is_our_turn(url: str) -> bool:
    return bool(redis_client().set(f"backend:visit:{url}", 1, nx=True, px=round(VISIT_EVERY_S * 1000)))


def probers() -> Sequence[Prober]:
    """One for each backend, not started yet."""
    return [Prober(server) for server in own_servers()]


def own_servers() -> list[Judge0]:
    """The backends for whoever looks after them: judgings may use up the pool's connections, or wait for them."""
    return [
        Judge0(
            url,
            headers,
            connect_timeout_s=min(LOOK_TIMEOUT_S, settings.JUDGE0_CONNECT_TIMEOUT_S),
            read_timeout_s=min(PROBE_TIMEOUT_S, settings.JUDGE0_READ_TIMEOUT_S),
            connections=2,
        )
        for url, headers in zip(settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, strict=True)
    ]
