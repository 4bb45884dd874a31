"""Servers that never come to an end: what they send drips, or flows, for ever.

DrippingJudge0   stands in front of a backend and passes everything on, but for the results of one program
Streaming        sends the same pieces to whoever asks for anything
"""

import base64
import itertools
import json
import socketserver
import threading
import time
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import requests


class DrippingJudge0:
    def __init__(self, behind: str, *, for_whom: bytes) -> None:
        """`for_whom` is what the program says, of which nothing is ever heard again."""
        self.behind = behind
        self.for_whom = for_whom
        self.tokens: set[str] = set()
        self._is_over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()

    def note(self, posted: bytes, answered: bytes) -> None:
        sources = [base64.b64decode(one["source_code"]) for one in json.loads(posted)["submissions"]]
        for source, given in zip(sources, json.loads(answered), strict=True):
            if self.for_whom in source:
                self.tokens.add(given["token"])

    def drips(self, path: str) -> bool:
        return any(token in path for token in self.tokens)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not self._is_over.is_set():
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)


def _handler(server: DrippingJudge0) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            if server.drips(self.path):
                server.drip(self)
            else:
                self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            answer = requests.request(self.command, server.behind + self.path, data=body, headers=headers)
            if self.command == "POST":
                server.note(body, answer.content)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


class Streaming:
    """`head` comes at once, then `piece` again and again, a while apart, for as long as anybody listens."""

    def __init__(self, head: bytes, piece: bytes = b"", every_s: float = 0.0) -> None:
        self.pieces: Iterable[bytes] = itertools.chain([head], itertools.repeat(piece)) if piece else [head]
        self.every_s = every_s
        self._is_over = threading.Event()
        self._server = _Sockets(("127.0.0.1", 0), _streamer(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()

    def send(self, handler: socketserver.StreamRequestHandler) -> None:
        handler.connection.recv(65536)
        for piece in self.pieces:
            handler.wfile.write(piece)
            if self._is_over.wait(self.every_s):
                return


class _Sockets(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def _streamer(server: Streaming) -> type[socketserver.StreamRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            server.send(self)

    return Handler
