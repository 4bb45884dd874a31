"""A service in front of replicas, as a cluster has it: each new connection goes to one of those that are in rotation.

Connections stay where they are when a replica leaves the rotation: it has until its end to close them.
"""

import asyncio
import contextlib
import itertools
import threading
from collections import Counter

CONNECT_S = 2.0
PIECE = 64 * 1024


class Balancer:
    """Listens at `host`:`port` from `start` to `stop`. Addresses are pairs of host and port."""

    def __init__(self, host: str, port: int) -> None:
        self.address = (host, port)
        self.taken: Counter[tuple[str, int]] = Counter()
        self.refused = 0  # nobody was in rotation, or nobody took it
        self._rotation: tuple[tuple[str, int], ...] = ()
        self._turns = itertools.count()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="balancer")

    def start(self) -> None:
        self._thread.start()
        listening = asyncio.start_server(self._serve, *self.address)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def add(self, replica: tuple[str, int]) -> None:
        self._rotation = tuple(dict.fromkeys((*self._rotation, replica)))

    def remove(self, replica: tuple[str, int]) -> None:
        self._rotation = tuple(one for one in self._rotation if one != replica)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            behind = await self._connected()
            if behind is None:
                self.refused += 1
                return
            with contextlib.closing(behind[1]):
                await self._join((reader, behind[1]), (behind[0], writer))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the next in turn; to another one where that does not answer."""
        rotation = self._rotation
        first = next(self._turns)
        for number in range(len(rotation)):
            replica = rotation[(first + number) % len(rotation)]
            try:
                async with asyncio.timeout(CONNECT_S):
                    found = await asyncio.open_connection(*replica)
            except OSError:  # a TimeoutError is one, too
                continue
            self.taken[replica] += 1
            return found
        return None

    async def _join(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Until one side closes; the other one is then closed, too."""
        tasks = [asyncio.create_task(_carry(*way)) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
