"""What the platform depends on, and whether it is there: asked here for `/readyz`, workers' port, status page, doctor.

    database     answers
    migrations   it has all that this version needs
    redis        answers
    backends     one at least can be used, as far as workers have found; they themselves are not asked

Whatever hangs, nobody waits longer than DEADLINE_S. However many ask, each is asked by one thread at a time, and an
answer serves all who come within FRESH_S.
"""

import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import redis
from django.db import Error, InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from submissions import backends
from submissions.connections import ANSWERS_WITHIN_S, redis_client

DEADLINE_S = 3.0
FRESH_S = 1.0

T = TypeVar("T")

FATAL = {
    "web": ("database", "migrations"),
    "worker": ("database", "migrations", "redis", "backends"),
    "hints": ("database", "migrations", "redis"),
}
"""By role, what it cannot do its work without. The web takes what is graded while the rest is away."""


@dataclass(frozen=True)
class Check:
    """`servers`, of backends only: the state of each by its number in JUDGE0_URLS. Anybody may read all of it."""

    ok: bool
    detail: str
    servers: Mapping[str, str] | None = None

    def told(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Readiness:
    ready: bool
    checks: "Checks"

    def told(self) -> dict[str, Any]:
        """As JSON has it: the same at the web and at workers."""
        return {"ready": self.ready, "checks": {name: one.told() for name, one in self.checks.items()}}


Checks = Mapping[str, Check]


def readiness(role: str, known: Checks | None = None) -> Readiness:
    """Whether who has this role (a key of FATAL) can do its work; `known` is what it knows of itself."""
    checks = {**checked(), **(known or {})}
    return Readiness(all(checks[name].ok for name in (*FATAL[role], *(known or {}))), checks)


def checked() -> Checks:
    """All of them, by name; asked at the same time."""
    asked = [(one, one.ask()) for one in _all()]
    return {name: check for one, answer in asked for name, check in one.answered(answer).items()}


class Asked(Generic[T]):
    """Something that may hang when it is asked."""

    def __init__(self, question: Callable[[], T], deadline_s: float = DEADLINE_S) -> None:
        self._question = question
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._last: _Answer[T] | None = None

    def ask(self) -> "_Answer[T]":
        """What was answered just now; else what is to be answered, by a thread that is under way."""
        with self._lock:
            if self._last is None or self._last.is_old:
                self._last = _Answer()
                # Nobody waits for it at the end of the process either.
                threading.Thread(target=self._find_out, args=(self._last,), daemon=True).start()
            return self._last

    def answered(self, answer: "_Answer[T]") -> T:
        """Raises TimeoutError once the time for it is up, and what the question has raised."""
        return answer.found.result(max(0.0, self._deadline_s - answer.age_s))

    def _find_out(self, answer: "_Answer[T]") -> None:
        try:
            answer.found.set_result(self._question())
        except BaseException as error:  # it is whoever waits for the answer who must hear of it
            answer.found.set_exception(error)
        finally:
            connection.close()


class Dependency(Asked[Checks]):
    """`names` are those of the checks that it answers with."""

    def __init__(
        self, names: tuple[str, ...], question: Callable[[], Checks], deadline_s: float = DEADLINE_S
    ) -> None:
        super().__init__(question, deadline_s)
        self._names = names

    def answered(self, answer: "_Answer[Checks]") -> Checks:
        """The answer, or, once the time for it is up, that there is none."""
        try:
            return super().answered(answer)
        except TimeoutError:
            silent = Check(False, f"has not answered for {self._deadline_s:g} s")
            return dict.fromkeys(self._names, silent)


@dataclass(frozen=True)
class _Answer(Generic[T]):
    found: Future[T] = field(default_factory=Future)
    asked_at: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.asked_at

    @property
    def is_old(self) -> bool:
        """What has not been answered is waited for, however long that takes: its thread is the only one."""
        return self.found.done() and self.age_s > FRESH_S


@cache
def _all() -> tuple[Dependency, ...]:
    return (
        Dependency(("database", "migrations"), _database),
        Dependency(("redis",), _redis),
        Dependency(("backends",), _backends),
    )


def forget() -> None:
    """What was answered so far counts no more: for tests, which change the world between two questions."""
    _all.cache_clear()


def _database() -> Checks:
    try:
        missing, is_read_only = missing_migrations(), _is_read_only()
    except Error as error:
        unknown = Check(False, "unknown: the database does not answer")
        is_away = isinstance(error, InterfaceError | OperationalError)
        said = "does not answer" if is_away else "answers with an error"
        return {"database": Check(False, said), "migrations": unknown}
    complete = Check(not missing, f"{len(missing)} are missing" if missing else "none is missing")
    answers = "answers, but is read-only: nothing is taken or judged" if is_read_only else "answers"
    return {"database": Check(True, answers), "migrations": complete}


def _is_read_only() -> bool:
    """A standby, a server that was told so, or a file that may not be written. What is taken in may still be shown."""
    if connection.vendor == "sqlite":
        return not os.access(connection.settings_dict["NAME"], os.W_OK)
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("on",))


def missing_migrations() -> frozenset[tuple[str, str]]:
    """App and name of those that this version needs and the database lacks. Raises django.db.Error."""
    return _needed_migrations().difference(MigrationRecorder(connection).applied_migrations())


@cache
def _needed_migrations() -> frozenset[tuple[str, str]]:
    """Read once: the files of a process do not change."""
    return frozenset(MigrationLoader(None).graph.nodes)


def _redis() -> Checks:
    try:
        redis_client().ping()
    except redis.RedisError as error:
        return {"redis": Check(False, redis_trouble(error))}
    return {"redis": Check(True, "answers")}


def redis_trouble(error: redis.RedisError) -> str:
    """What is the matter, in words for everybody: what the error itself says may hold addresses."""
    if isinstance(error, redis.TimeoutError):
        return f"does not answer within {ANSWERS_WITHIN_S} s"
    if isinstance(error, redis.AuthenticationError):
        return "refuses the password"
    if isinstance(error, redis.BusyLoadingError):
        return "is still loading its data"
    return "does not answer" if isinstance(error, redis.ConnectionError) else "answers with an error"


def _backends() -> Checks:
    try:
        found = backends.statuses()
    except redis.RedisError:
        return {"backends": Check(False, "unknown: Redis does not answer")}
    servers = {str(number): str(one.state) for number, one in enumerate(found, 1)}
    usable = sum(one.is_usable for one in found)
    detail = f"{usable} of {len(found)} can be used"
    if all(one.state is backends.State.UNKNOWN for one in found):
        detail = "unknown: no worker has reported yet, or not lately"
    return {"backends": Check(usable > 0, detail, servers)}
