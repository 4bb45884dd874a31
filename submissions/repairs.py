"""What sweepers did last, for people: kept in Redis by whichever of them it was, and without it not at all."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

import redis

from execution.shared import read_record
from submissions.connections import pool, redis_client

LAST = "sweeper:last"
REPAIRS = "sweeper:repairs"
KEPT = 5
KEPT_S = 86400


@dataclass(frozen=True)
class Repair:
    """How many submissions of each sort one sweep repaired, at so many seconds since 1970, as Redis has it."""

    at: float
    taken_back: int
    rung: int
    ended_late: int
    ended_without_backend: int

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True)
class Sweeps:
    """`idle_s`: since the last sweep of any worker; None when there was none for a day. `repairs`: the last ones."""

    idle_s: float | None
    repairs: tuple[Repair, ...]


def note(*, taken_back: int, rung: int, ended_late: int, ended_without_backend: int) -> None:
    """A sweep is over."""
    counts = (taken_back, rung, ended_late, ended_without_backend)

    def tell(client: redis.Redis) -> None:
        now = _now(client)
        with client.pipeline() as pipe:
            pipe.set(LAST, now, ex=KEPT_S)
            if any(counts):
                pipe.lpush(REPAIRS, json.dumps(asdict(Repair(now, *counts))))
                pipe.ltrim(REPAIRS, 0, KEPT - 1)
                pipe.expire(REPAIRS, KEPT_S)
            pipe.execute()

    pool().shared.ask(tell, otherwise=None)


def lately() -> Sweeps:
    """Raises redis.RedisError."""
    client = redis_client()
    now = _now(client)
    last = cast(bytes | None, client.get(LAST))
    kept = cast(list[bytes], client.lrange(REPAIRS, 0, -1))
    repairs = tuple(one for one in (read_record(Repair, each) for each in kept) if one)
    return Sweeps(max(0.0, now - float(last)) if last else None, repairs)


def _now(client: redis.Redis) -> float:
    seconds, microseconds = cast(Any, client.time())
    return float(seconds + microseconds / 1_000_000)
