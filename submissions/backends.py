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

import redis
from django.conf import settings
from django.db.models import TextChoices

from execution import breaker, languages
from execution.errors import BackendFault, BackendRejected, BackendUnavailable, JudgingError
from execution.judge0 import Judge0, Queue
from execution.languages import LANGUAGES, Language
from execution.probes import Probed, Standing
from submissions.connections import pool, redis_client

logger = logging.getLogger(__name__)

VISIT_EVERY_S = 5.0
LOOK_TIMEOUT_S = 2.0
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
        """What one offers that is silent, nobody knows."""
        is_silent = self.report is None or not self.report.answers
        return is_silent or any(pair.offered for pair in self.pairs if pair.language == language)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- What is told --------------------------------------------------------------------------------------------


def statuses() -> list[BackendStatus]:
    """In the order in which they are tried. Raises redis.RedisError: then nothing is known."""
    return [_status(server.url) for server in pool().servers]


def waited_for(found: Sequence[BackendStatus]) -> list[Language]:
    """The languages that no backend can be used for now, though one may have them: their submissions wait."""
    return [
        language
        for language in LANGUAGES
        if not any(one.judges(language) for one in found) and any(one.may_offer(language) for one in found)
    ]


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
    kept = redis_client().get(_report_key(url))
    if kept is None:
        return None
    fields = json.loads(kept)
    return Report(**fields | {"languages": tuple(fields["languages"])})


def _report_key(url: str) -> str:
    return f"backend:report:{url}"


# --- A visit -------------------------------------------------------------------------------------------------


def visit(server: Judge0) -> None:
    """Ask a backend how it is, tell Redis, probe the languages that are due, and let its breaker know.

    Raises redis.RedisError where nobody can be told.
    """
    report = None
    try:
        report = _look(server)
        _probe(server, report)
    except (BackendUnavailable, BackendFault) as error:
        pool().breakers[server.url].failed()
        report = _silent(error)
    except JudgingError as error:  # it is full, or has just stopped offering a language
        logger.info("A visit ended early: %s", error)
        report = report or _as_before(server.url, error)
    if report is not None:
        _tell(server.url, report)


def _look(server: Judge0) -> Report:
    """`languages` is all of ours where it refuses to say: whether it refuses programs too, a probe tells."""
    now = _now()
    try:
        offered = server.offered(LOOK_TIMEOUT_S)
        ceilings, queue = server.ceilings(), _queue(server)
    except BackendRejected as error:
        return replace(_silent(error), languages=tuple(one.slug for one in LANGUAGES))
    return Report(
        answers=True,
        detail="" if offered else "It offers none of our languages.",
        at=now,
        since=now,
        languages=offered,
        keeps_data=not (ceilings.deletes or ceilings.forgets_by_itself),
        waiting=queue.waiting if queue else None,
        workers=queue.workers if queue else None,
    )


def _silent(error: JudgingError) -> Report:
    return Report(answers=False, detail=str(error), at=_now(), since=_now())


def _as_before(url: str, error: JudgingError) -> Report | None:
    """A server that is too full to say how it is."""
    last = _reported(url)
    return last and replace(last, at=_now(), detail=str(error))


def _queue(server: Judge0) -> Queue | None:
    """None where it keeps that to itself."""
    try:
        return server.queue()
    except BackendRejected:
        return None


def _probe(server: Judge0, report: Report) -> None:
    known = pool().breakers[server.url]
    is_in_doubt = known.state() is not breaker.State.CLOSED
    for slug in pool().probes.due(server.url, report.languages, at_once=is_in_doubt):
        before = pool().probes.standing(server.url, slug)
        standing = pool().probes.examine(server, languages.get(slug))
        if standing is Standing.GOOD:
            known.succeeded()
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

    One thread for each, so that one that hangs does not keep the others from being visited. An error that it has no
    name for ends the process, as with the sweeper.
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

    def stop(self) -> None:
        """Soon; a visit under way ends first."""
        self._stopped.set()


def _is_our_turn(url: str) -> bool:
    return bool(redis_client().set(f"backend:visit:{url}", 1, nx=True, px=round(VISIT_EVERY_S * 1000)))


def probers() -> Sequence[Prober]:
    """One for each backend, not started yet. They have connections of their own: judgings may use up the pool's."""
    return [
        Prober(
            Judge0(
                url,
                headers,
                connect_timeout_s=min(LOOK_TIMEOUT_S, settings.JUDGE0_CONNECT_TIMEOUT_S),
                read_timeout_s=settings.JUDGE0_READ_TIMEOUT_S,
                connections=2,
            )
        )
        for url, headers in zip(settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, strict=True)
    ]
