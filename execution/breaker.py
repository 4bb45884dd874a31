"""Whether a backend is to be tried at all: one circuit breaker per server, shared by all workers.

    closed ──failures in a row──▶ open ──after a while──▶ half open ──a run came back──▶ closed
                                    ▲                         │
                                    └────── it failed ────────┘

Half open, exactly one caller is let through to try. Redis away means closed: then servers are tried as ever, and each
judging finds out for itself. What counts is a run that came back, not a request that was answered: a Judge0 without
its Redis or its workers still answers.
"""

from dataclasses import dataclass
from enum import StrEnum

import redis

from execution.shared import Shared

REMEMBERED_MS = 10 * 60_000  # after which failures count no more
TRIAL_MS = 30_000  # how long the one caller may take, before another is let through


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Admission(StrEnum):
    """WATCHED: admitted, and a run that comes back is news (it makes failures forgotten)."""

    YES = "yes"
    WATCHED = "watched"
    NO = "no"


@dataclass(frozen=True)
class BreakerRules:
    """`failures` in a row open it, for `open_s` seconds."""

    failures: int = 3
    open_s: float = 5.0


class Breaker:
    def __init__(self, shared: Shared, url: str, rules: BreakerRules = BreakerRules()) -> None:
        self._shared = shared
        self._rules = rules
        self._keys = [f"backend:{what}:{url}" for what in ("failures", "open", "trial")]

    def state(self) -> State:
        """For people and for whoever only wants to know; nobody is let through by asking."""
        return self._shared.ask(self._look, otherwise=(State.CLOSED, 0))[0]

    def may_be_tried(self) -> bool:
        """Whether `admits` might say yes: it is closed, or half open and nobody tries it just now."""

        def ask(client: redis.Redis) -> bool:
            state, _ = self._look(client)
            return state is State.CLOSED or (state is State.HALF_OPEN and not client.exists(self._keys[2]))

        return self._shared.ask(ask, otherwise=True)

    def _look(self, client: redis.Redis) -> tuple[State, int]:
        """With the number of failures that are remembered."""
        remembered, is_open = client.mget(self._keys[:2])
        failures = int(remembered or 0)
        if is_open is not None:
            return State.OPEN, failures
        return (State.HALF_OPEN if failures >= self._rules.failures else State.CLOSED), failures

    def admits(self) -> Admission:
        """Whether the caller may use the server now. In the half open state the first caller may, and no other."""
        return self._shared.ask(self._admits, otherwise=Admission.YES)

    def _admits(self, client: redis.Redis) -> Admission:
        match self._look(client):
            case State.OPEN, _:
                return Admission.NO
            case State.CLOSED, failures:
                return Admission.WATCHED if failures else Admission.YES
        is_first = client.set(self._keys[2], 1, nx=True, px=TRIAL_MS)
        return Admission.WATCHED if is_first else Admission.NO

    def succeeded(self) -> None:
        """A run came back."""
        self._shared.ask(lambda client: client.delete(*self._keys), otherwise=0)

    def failed(self) -> None:
        """It did not answer, answered nonsense, or did not end what it took."""
        self._shared.ask(self._failed, otherwise=None)

    def _failed(self, client: redis.Redis) -> None:
        failures, is_open, trial = self._keys
        count = client.incr(failures)
        client.pexpire(failures, REMEMBERED_MS)
        if count >= self._rules.failures:
            client.set(is_open, 1, px=round(self._rules.open_s * 1000))
        client.delete(trial)  # last: until then nobody else is let through
