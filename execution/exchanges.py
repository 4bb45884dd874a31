"""One HTTP request to a server and all of its answer, in bounded time and in bounded memory.

    connect        at most the connect timeout
    send           at most the connect timeout
    first byte     at most the read timeout
    whole answer   at most twice the read timeout, however steadily it drips; and no more bytes than the caller allows

Time-outs of sockets count anew with each byte, so that alone they bound nothing.
"""

import http.client
import io
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

WHOLE_ANSWER = 2  # times the read timeout
NEVER_AGAIN = urllib3.Retry(total=False, redirect=False)


class NoneFree(Exception):
    """All connections are in use, and stayed so."""


class TooLarge(Exception):
    """The answer has more bytes than were allowed."""


class CutShort(urllib3.exceptions.HTTPError):
    """The connection broke after the answer had begun."""


@dataclass(frozen=True)
class Request:
    """`target` is the path and the query, as they are sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """`body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Exchange = Callable[[Request, int], Answer]


class Connections:
    """At most `most` at once to one server, kept open between requests.

    Nothing comes between: no cookies, no redirects and none of the environment's proxies, since our headers are for
    this server only.
    """

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._most = most
        self._open()

    def _open(self) -> None:
        self._process = os.getpid()
        self._free = threading.BoundedSemaphore(self._most)
        self._pool = open_pool(self._url, self._most)

    @contextmanager
    def one(self, timeouts: tuple[float, float]) -> Iterator[Exchange]:
        """Lends one, for exchanges that wait so many seconds to be connected and for an answer to begin.

        An exchange takes a request and the most bytes that its answer may have. It raises TooLarge, CutShort and
        urllib3's other errors: ProtocolError for a connection that broke before there was an answer. NoneFree when
        none becomes free in the time that an answer may take to begin.
        """
        if self._process != os.getpid():  # what a fork inherited belongs to its parent
            self._open()
        free, pool, patience = self._free, self._pool, urllib3.Timeout(connect=timeouts[0], read=timeouts[1])
        if not free.acquire(timeout=sum(timeouts)):
            raise NoneFree

        def exchange(request: Request, most_bytes: int) -> Answer:
            response = pool.urlopen(
                request.method,
                request.target,
                request.body,
                request.headers,
                retries=NEVER_AGAIN,
                redirect=False,
                timeout=patience,
                preload_content=False,
            )
            return Answer(response.status, response.headers, _read(response, most_bytes))

        try:
            yield exchange
        finally:
            free.release()


def _read(response: urllib3.BaseHTTPResponse, most_bytes: int) -> bytes:
    """At its end, the connection goes back among those that are kept; else it is closed."""
    try:
        body: bytes = response.read(most_bytes + 1, decode_content=True)
        if len(body) > most_bytes:
            raise TooLarge
    except urllib3.exceptions.ProtocolError as error:
        raise CutShort from error
    except BaseException:
        response.close()
        raise
    return body


# --- In time -------------------------------------------------------------------------------------------------


class _InTime(io.RawIOBase):
    """What comes from a socket, for `WHOLE_ANSWER` times as long as it is waited for each piece; then TimeoutError."""

    def __init__(self, source: io.RawIOBase, sock: socket.socket) -> None:
        self._source = source
        self._sock = sock
        self._each_s = sock.gettimeout() or 0.0
        self._until = time.monotonic() + WHOLE_ANSWER * self._each_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer does not come to its end")
        if left < self._each_s:
            self._sock.settimeout(left)
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """Its time begins when the request was sent."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock))


class _HTTPConnection(HTTPConnection):
    response_class = _Response


class _HTTPSConnection(HTTPSConnection):
    response_class = _Response


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


def open_pool(url: str, most: int, *, address: str | None = None) -> urllib3.HTTPConnectionPool:
    """What Connections lends of; on its own, for one call to a server that is not ours.

    With an `address` it connects there without asking for the host's name, which a certificate must still be for;
    the header Host is the caller's to set then.
    """
    parts = urllib3.util.parse_url(url)
    host = str(parts.host)
    if parts.scheme == "https":
        return _HTTPSPool(
            address or host,
            parts.port,
            maxsize=most,
            ca_certs=certifi.where(),
            server_hostname=host.strip("[]") if address else None,
        )
    return _HTTPPool(address or host, parts.port, maxsize=most)
