"""How much a backend has of ours at once: seats, counted in Redis for all workers together.

A seat expires unless it is kept again, so that those of a worker that died come free by themselves. Redis away means
that there is always room: a server that is full says so itself.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from execution.shared import Shared

SEAT_S = 60.0  # how long a seat stays taken unless it is kept again

_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local granted = math.min(tonumber(ARGV[1]), tonumber(ARGV[2]) - redis.call('ZCARD', KEYS[1]))
for number = 1, granted do
  redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[4] .. ':' .. number)
end
if granted > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return granted
"""
_COUNT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counts = {}
for number, key in ipairs(KEYS) do counts[number] = redis.call('ZCOUNT', key, now, '+inf') end
return counts
"""
_KEEP = """
local time = redis.call('TIME')
local kept = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[1]
for number = 3, #ARGV do redis.call('ZADD', KEYS[1], 'XX', kept, ARGV[number]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


@dataclass(frozen=True)
class Seats:
    """`count` were granted; `names` are empty where Redis does not count."""

    count: int
    names: tuple[str, ...] = ()


class Capacity:
    """Seats of one sort (`what`) at every backend, at most `most` at each."""

    def __init__(self, shared: Shared, what: str, most: int) -> None:
        self._shared = shared
        self._what = what
        self.most = most

    def take(self, url: str, wanted: int) -> Seats:
        """As many of the wanted seats as are free, perhaps none."""

        def ask(client: redis.Redis) -> Seats:
            name = uuid.uuid4().hex
            granted = _run(client, _TAKE, [self._key(url)], wanted, self.most, round(SEAT_S * 1000), name)
            count = max(0, int(granted))
            return Seats(count, tuple(f"{name}:{number}" for number in range(1, count + 1)))

        return self._shared.ask(ask, otherwise=Seats(wanted))

    def keep(self, url: str, names: list[str], for_s: float = SEAT_S) -> None:
        """These stay taken for so long from now (at most SEAT_S), and no longer."""
        if names:
            times = (round(min(for_s, SEAT_S) * 1000), round(SEAT_S * 1000))
            self._shared.ask(
                lambda client: _run(client, _KEEP, [self._key(url)], *times, *names), otherwise=None
            )

    def give_back(self, url: str, names: list[str]) -> None:
        if names:
            self._shared.ask(lambda client: client.zrem(self._key(url), *names), otherwise=0)

    def taken(self, url: str) -> int | None:
        """How many are taken now; None where Redis does not say."""
        return self.taken_at([url]).get(url)

    def taken_at(self, urls: Sequence[str]) -> dict[str, int]:
        """The same of several, asked for at once; empty where Redis does not say."""

        def ask(client: redis.Redis) -> dict[str, int]:
            counts = _run(client, _COUNT, [self._key(url) for url in urls])
            return dict(zip(urls, map(int, counts), strict=True))

        return self._shared.ask(ask, otherwise={})

    def _key(self, url: str) -> str:
        return f"backend:{self._what}:{url}"


def _run(client: redis.Redis, script: str, keys: list[str], *arguments: int | str) -> Any:
    """Redis knows a script by its hash once it has seen it."""
    return client.register_script(script)(keys=keys, args=list(arguments))
