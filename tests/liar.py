"""A server in front of a real engine that passes everything on, but changes the last digit of what programs print."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import requests


class LyingEngine:
    """`sources` are the programs that were sent to it."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.sources: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _spoiled(item: dict[str, Any]) -> dict[str, Any]:
    printed = base64.b64decode(item["stdout"] or "").rstrip()
    if not printed[-1:].isdigit():
        return item
    wrong = printed[:-1] + b"%d\n" % ((int(printed[-1:]) + 1) % 10)
    return item | {"stdout": base64.b64encode(wrong).decode()}


def _handler(server: LyingEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            answer = self._ask(b"")
            if self.path.startswith("/submissions/batch") and answer.ok:
                items = [_spoiled(item) for item in answer.json()["submissions"]]
                return self._tell(answer, json.dumps({"submissions": items}).encode())
            return self._tell(answer, answer.content)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = json.loads(body)["submissions"]
            server.sources.extend(base64.b64decode(one["source_code"]) for one in sent)
            answer = self._ask(body)
            self._tell(answer, answer.content)

        def _ask(self, body: bytes) -> requests.Response:
            names = ("X-Auth-Token", "Content-Type", "Accept")
            headers = {name: self.headers[name] for name in names if self.headers[name]}
            return requests.request(self.command, server.behind + self.path, data=body, headers=headers)

        def _tell(self, answer: requests.Response, body: bytes) -> None:
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/html"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
