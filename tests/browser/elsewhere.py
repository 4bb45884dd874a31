"""A page of another origin, and a platform that lets it speak the API with the tokens of an issuer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from judgeplatform.stack import free_port
from tests.issuer import Issuer
from tests.platform.running import RunningPlatform

PAGE = (
    "<!doctype html><meta charset=utf-8><title>Elsewhere</title><link rel=icon href=data:,><output></output>"
)


@dataclass(frozen=True)
class Elsewhere:
    """`url` is the page's; `scripts` has what is served to it, by address."""

    url: str
    scripts: dict[str, str]
    platform: RunningPlatform
    issuer: Issuer

    @property
    def key(self) -> str:
        """For machines."""
        return self.platform.started()["CODE_EXEC_KEY"]


@contextmanager
def started(var: Path) -> Iterator[Elsewhere]:
    scripts: dict[str, str] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(scripts))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://localhost:{server.server_address[1]}"  # the platform is at 127.0.0.1: another site, too
    with Issuer() as issuer:
        platform = RunningPlatform(var, free_port(), CORS_ALLOWED_ORIGINS=url, **issuer.environment())
        try:
            platform.wait_for("is ready")
            yield Elsewhere(url, scripts, platform, issuer)
        finally:
            platform.stop()
            server.shutdown()
            server.server_close()


def _handler_of(scripts: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = scripts.get(self.path, PAGE)
            kind = "text/javascript" if self.path in scripts else "text/html"
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
