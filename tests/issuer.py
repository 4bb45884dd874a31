"""An OIDC issuer at the HTTP seam: it publishes its keys, and signs tokens.

with Issuer() as issuer:
    issuer.token("alice")                good for an hour
    issuer.token("alice", exp=None)      a claim that is None is left out
    issuer.settings(), issuer.environment()
    issuer.rotate()                      from now on another key
    issuer.is_away = True                its keys cannot be fetched
    issuer.answer = b"…"                 what it says instead of its keys
    issuer.fetches                       how often they were
"""

import json
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "judge"


@cache
def private_key(kid: str) -> rsa.RSAPrivateKey:
    """The key of that name, made once in a run: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    audience = AUDIENCE

    def __init__(self) -> None:
        self.kid = "first"
        self.fetches = 0
        self.is_away = False
        self.answer: bytes | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.jwks_url = f"{self.url}/jwks"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(
        self, sub: Any = "alice", *, key: Any = None, headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """RS256 unless `headers` say otherwise; signed by `key` instead of the issuer's where one is given."""
        now = int(time.time())
        told = {"iss": self.url, "aud": self.audience, "sub": sub, "iat": now, "exp": now + 3600} | claims
        header = {"alg": "RS256", "kid": self.kid} | (headers or {})
        present = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(present, key or private_key(self.kid), algorithm=header["alg"], headers=header)

    def rotate(self) -> None:
        self.kid = "second"

    def jwks(self) -> dict[str, Any]:
        public = RSAAlgorithm.to_jwk(private_key(self.kid).public_key(), as_dict=True)
        return {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def settings(self) -> dict[str, str]:
        """For a platform in this process."""
        return {
            "AUTH_JWT_ISSUER": self.url,
            "AUTH_JWT_AUDIENCE": self.audience,
            "AUTH_JWT_JWKS_URL": self.jwks_url,
        }

    environment = settings  # for one that is started: the same names


def _handler_of(issuer: Issuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            body = issuer.answer
            if body is None:
                body = json.dumps({} if issuer.is_away else issuer.jwks()).encode()
            self.send_response(503 if issuer.is_away else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
