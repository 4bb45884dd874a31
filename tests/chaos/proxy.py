"""A backend that misbehaves: an HTTP proxy before a real engine, on loopback, with moods.

fine      hands on
500, 503  answers so itself
garbage   answers 200 with something that is not Judge0's
hang      never answers; what hangs then still hangs when the mood has passed, as on a dead line
half      hands on (the engine does its work), but breaks off in the middle of the answer
"""

import asyncio
import itertools
import re
import threading
from collections.abc import Iterator
from enum import StrEnum

LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
CHUNKED = re.compile(rb"^transfer-encoding: *chunked", re.IGNORECASE | re.MULTILINE)

GARBAGE = (
    b"<html><body>It works!</body></html>",
    b'{"surprise": [1, 2, 3]}',
    b'[null, 5, {"token": []}]',
    b'"\xff\xfe',
    b"",
)


class Mood(StrEnum):
    FINE = "fine"
    ERROR_500 = "500"
    ERROR_503 = "503"
    GARBAGE = "garbage"
    HANG = "hang"
    HALF = "half"


class Proxy:
    """Before the engine at `upstream` (a port). Set `mood` from any thread; it holds for requests that begin then.

    Each connection of a client lives as long as it wants; the engine gets a fresh one for each request.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.mood = Mood.FINE
        self.port = 0
        self._garbage: Iterator[bytes] = itertools.cycle(GARBAGE)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_message(client)
                mood = self.mood
                answers.write(await self._answer(mood, request, client))
                await answers.drain()
                if mood is Mood.HALF:
                    return
        except (OSError, asyncio.IncompleteReadError):
            return  # either side went away: so does the other
        finally:
            answers.close()

    async def _answer(self, mood: Mood, request: bytes, client: asyncio.StreamReader) -> bytes:
        match mood:
            case Mood.ERROR_500:
                return answer(b"500 Internal Server Error", b"Internal Server Error")
            case Mood.ERROR_503:
                return answer(b"503 Service Unavailable", b"upstream connect error or disconnect/reset")
            case Mood.GARBAGE:
                return answer(b"200 OK", next(self._garbage))
            case Mood.HANG:
                await client.read()  # until the client gives up
                raise ConnectionResetError
            case Mood.HALF:
                whole = await self._hand_on(request)
                return whole[: len(whole) // 2]
            case _:
                return await self._hand_on(request)

    async def _hand_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request)
            return await read_message(reader)
        finally:
            writer.close()


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer: what says neither how long its body is nor that it comes in chunks has none."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := LENGTH.search(head):
        return head + await reader.readexactly(int(length[1]))
    return head + await read_chunks(reader) if CHUNKED.search(head) else head


async def read_chunks(reader: asyncio.StreamReader) -> bytes:
    body, size = b"", -1
    while size != 0:
        line = await reader.readuntil(b"\r\n")
        size = int(line, 16)
        body += line + await reader.readexactly(size + 2)
    return body


def answer(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body
