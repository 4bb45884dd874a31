"""The sandboxes that may run at once, and the line before them.

A free slot goes to the submission that came first among those that are ready for one, whether it is to be
unpacked, compiled or run. One that waits for its compilation holds up nobody; when it is compiled, it stands
where it would have stood.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass


def _nothing() -> None:
    return


@dataclass(frozen=True)
class Turn:
    """What one submission shows for a slot."""

    place: int
    """In the order of arrival."""
    started: Callable[[], None] = _nothing
    """Called each time it gets one."""


SlotLender = Callable[[Turn], AbstractAsyncContextManager[int]]
"""Lends a slot as soon as it is that turn, for as long as the context lasts."""


class Slots:
    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(reversed(range(count)))
        self._line: list[tuple[int, int, asyncio.Future[int]]] = []
        """A heap: by place, then by when it was asked for. While it holds anybody who waits, no slot is free."""
        self._asked = itertools.count()

    @property
    def idle(self) -> int:
        return len(self._free)

    @contextlib.asynccontextmanager
    async def lend(self, turn: Turn) -> AsyncIterator[int]:
        slot = self._free.pop() if self._free else await self._in_line(turn.place)
        turn.started()
        try:
            yield slot
        finally:
            self._pass_on(slot)

    async def _in_line(self, place: int) -> int:
        granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._line, (place, next(self._asked), granted))
        try:
            return await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():  # it came too late to be used
                self._pass_on(granted.result())
            raise

    def _pass_on(self, slot: int) -> None:
        while self._line:
            _, _, granted = heapq.heappop(self._line)
            if not granted.done():  # cancelled, that is
                granted.set_result(slot)
                return
        self._free.append(slot)
