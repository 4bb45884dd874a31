"""A worker's own small HTTP server, for whoever watches it: WORKER_HTTP_PORT.

    /healthz   503 once its loop stands still or a judging hangs: it should be started anew
    /readyz    503 while it starts, while it stops, and while something is away that it needs to judge
    /metrics   what this process has counted, and how the installation is

It asks for no credential, so it is for inside the cluster only. Whoever connects gets a thread; of more than SEATS at
once the first one is cut off, so that nobody who is slow keeps others from being answered.
"""

import json
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol

from submissions.dependencies import Check, readiness
from submissions.exposition import exposition

logger = logging.getLogger(__name__)

SEATS = 16
PATIENCE_S = 5.0  # for each piece of a request
AGAIN_S = 5
JSON, TEXT = "application/json", "text/plain"


class Watched(Protocol):
    """What the port tells of a worker."""

    @property
    def is_turning(self) -> bool: ...

    @property
    def phase(self) -> str: ...

    @property
    def role(self) -> str: ...


class CannotListen(Exception):
    """One sentence for the operator."""


Answer = tuple[int, str, bytes]
"""Status, content type, body."""


def open_port(host: str, port: int, worker: Watched) -> "WorkerPort":
    """Answer there, in threads of this process, until `close`, or until it ends. Raises CannotListen."""
    try:
        opened = WorkerPort(host, port, worker)
    except OSError as error:
        raise CannotListen(
            f"Port {port} on {host} cannot be used ({error.strerror}): stop what listens there, or set another "
            "WORKER_HTTP_PORT."
        ) from error
    threading.Thread(target=opened.serve_forever, name="worker port", daemon=True).start()
    logger.info("healthz, readyz and metrics at %s:%d", *opened.server_address[:2])
    return opened


class WorkerPort(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, worker: Watched) -> None:
        self.worker = worker
        self._seated: list[socket.socket] = []
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._seated.append(request)
            first = self._seated.pop(0) if len(self._seated) > SEATS else None
        if first is not None:
            with suppress(OSError):  # it has left by itself
                first.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            if request in self._seated:
                self._seated.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # that is one who has gone
            logger.error("the worker's port could not answer", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    server: WorkerPort
    timeout = PATIENCE_S
    server_version = "worker"
    sys_version = ""

    def do_GET(self) -> None:
        answer = ANSWERS.get(self.path.partition("?")[0], _nothing)
        status, content_type, body = answer(self.server.worker)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status == 503:
            self.send_header("Retry-After", str(AGAIN_S))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 (http.server's name)

    def log_message(self, format: str, *args: Any) -> None:
        """Probes come every few seconds, and nothing is to be learnt from them."""


def _health(worker: Watched) -> Answer:
    if worker.is_turning:
        return 200, TEXT, b"ok\n"
    return 503, TEXT, b"Its loop stands still, or a judging hangs.\n"


def _readiness(worker: Watched) -> Answer:
    phase = worker.phase
    found = readiness(worker.role, {"worker": Check(phase == "judging", phase)})
    return 200 if found.ready else 503, JSON, json.dumps(found.told()).encode()


def _metrics(worker: Watched) -> Answer:
    text, content_type = exposition()
    return 200, content_type, text


def _nothing(worker: Watched) -> Answer:
    return 404, TEXT, b"There is nothing here.\n"


ANSWERS: dict[str, Callable[[Watched], Answer]] = {
    "/healthz": _health,
    "/readyz": _readiness,
    "/metrics": _metrics,
}
