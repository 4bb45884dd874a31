"""What is sent to a provider and what comes back, in bounded time and in bounded memory.

    all of it        at most HINTS_TIMEOUT_S, one retry included, however steadily it drips: then the socket is shut
                     (and half a second more, where an SDK pauses before a retry that then finds its time over)
    an answer        at most BYTES_OF_A_TOKEN for each of HINTS_MAX_TOKENS, never compressed
    before a retry   at most PATIENCE_S; told to wait for longer, nobody tries again

Time-outs of sockets count anew with each byte, so that alone they bound nothing. Nothing comes between: no redirects
and none of the environment's proxies, since the key is for this server only.
"""

import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from types import TracebackType
from typing import Any, Self

import certifi
import httpx2
from django.conf import settings

from hints.providers import ProviderFailed

BYTES_OF_A_TOKEN = 1024
"""A stream says of every few letters to whom they belong."""
CONNECT_S = 5.0
PATIENCE_S = 2.0

GARBLED = (ValueError, TypeError, AttributeError)
"""What SDKs raise, or let happen, where a server speaks something else: they take its word for what is in an answer."""

# At DEBUG they tell whole requests, and SDKs have variables of their own that turn that on.
TALKATIVE = ("anthropic", "openai", "httpx2", "httpcore2")


class Exchange(httpx2.BaseTransport):
    """One question to a provider; `client` is what its SDK is to use."""

    def __init__(self) -> None:
        self.is_late = False
        self._socket: socket.socket | None = None
        self._transport = httpx2.HTTPTransport(verify=_trusted())
        self._timer = threading.Timer(settings.HINTS_TIMEOUT_S, self._end)
        self._timer.daemon = True
        self.client = httpx2.Client(
            transport=self,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(settings.HINTS_TIMEOUT_S, connect=CONNECT_S),
        )

    def __enter__(self) -> Self:
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self._timer.cancel()
        self._transport.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_late:
            raise httpx2.ReadTimeout("its time is over", request=request)
        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {**request.extensions, "trace": self._note_socket}
        response = self._transport.handle_request(request)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            raise httpx2.DecodingError("it is compressed, which nobody asked for", request=request)
        if not _is_soon(response.headers):
            response.headers["X-Should-Retry"] = "false"
        response.headers.pop("Retry-After-Ms", None)
        response.stream = _Bounded(response.stream)
        return response

    def refuse_if_late(self) -> None:
        """An answer that was cut off may look like a whole one. Raises ProviderFailed."""
        if self.is_late:
            raise ProviderFailed("timeout", "it did not answer in time")

    def failed(self, error: Exception) -> ProviderFailed:
        """What an SDK's error means. Its words are not told: servers repeat keys and what they were sent."""
        status = getattr(error, "status_code", None)
        if self.is_late or any(isinstance(one, httpx2.TimeoutException) for one in (error, error.__cause__)):
            return ProviderFailed("timeout", "it did not answer in time")
        if status in (429, 529):
            return ProviderFailed("busy", f"it answered with status {status}")
        if status is not None and 300 <= status < 500 and status != 408:
            return ProviderFailed("misconfigured", f"it answered with status {status}")
        return ProviderFailed("unavailable", f"{type(error).__name__}, status {status}")

    def _note_socket(self, event: str, told: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = told["return_value"].get_extra_info("socket")
            if self.is_late:
                self._end()

    def _end(self) -> None:
        self.is_late = True
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)


@cache
def _trusted() -> ssl.SSLContext:
    """The system's authorities, or those of SSL_CERT_FILE; certifi's too, for a system without any."""
    context = httpx2.create_ssl_context()
    context.load_verify_locations(certifi.where())
    return context


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = BYTES_OF_A_TOKEN * settings.HINTS_MAX_TOKENS

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._left -= len(piece)
            if self._left < 0:
                raise httpx2.ReadError("it does not come to its end")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _is_soon(headers: httpx2.Headers) -> bool:
    try:
        return float(headers.get("Retry-After", 0)) <= PATIENCE_S
    except ValueError:  # a date
        return False
