"""The other end of webhooks: a real HTTP or HTTPS server on loopback that keeps what it is sent."""

import ssl
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

HANG = 0
"""As a status: it never answers."""


@dataclass(frozen=True)
class Call:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic, compare=False)


@dataclass
class Receiver:
    """Answers with `statuses`, one after the other, then with 204; `location` is where its redirects lead."""

    statuses: Sequence[int] = ()
    location: str = ""
    answer: bytes = b""
    tls: ssl.SSLContext | None = None
    calls: list[Call] = field(default_factory=list)
    answered: list[bool] = field(
        default_factory=list
    )  # for each answer with a body, whether all of it was taken

    def __enter__(self) -> Self:
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._left = list(self.statuses)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/told"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()

    def take(self, call: Call) -> int:
        with self._lock:
            self.calls.append(call)
            return self._left.pop(0) if self._left else 204

    def hang(self) -> None:
        self._is_over.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *args: object) -> None:
        """A client that leaves is no news."""


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status = receiver.take(Call(self.command, self.path, dict(self.headers.items()), body))
            if status == HANG:
                receiver.hang()
                return
            self.send_response(status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            if status != 204:
                self.send_header("Content-Length", str(len(receiver.answer)))
            self.end_headers()
            if status != 204:
                self._write(receiver.answer)

        def do_PUT(self) -> None:
            self.do_POST()

        def _write(self, answer: bytes) -> None:
            try:
                self.wfile.write(answer)
            except OSError:
                receiver.answered.append(False)
                raise
            receiver.answered.append(True)

        def log_message(self, *args: object) -> None:
            pass

    return Handler
