"""Clients that stay connected: websockets, streams and requests to our ASGI application, without a server around it.

async def scenario():
    live = socket(f"/ws/submissions/{pk}/", cookie=session_cookie(learner))
    …
played(scenario)
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

from asgiref.testing import ApplicationCommunicator
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from judgeplatform.asgi import application

OURS = "http://127.0.0.1:8000"
T = TypeVar("T")


def played(scenario: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Run an async scenario from a synchronous test, whose rows it shares."""

    async def limited() -> T:
        async with asyncio.timeout(seconds):
            return await scenario()

    return asyncio.run(limited())


def session_cookie(user) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


def _headers(more: dict[str, str]) -> list[tuple[bytes, bytes]]:
    named = {"host": "127.0.0.1:8000"} | {name.replace("_", "-"): value for name, value in more.items()}
    return [(name.encode(), value.encode()) for name, value in named.items() if value]


def socket(
    address: str, *, subprotocols: Sequence[str] | None = None, **headers: str
) -> WebsocketCommunicator:
    """`headers` are written with underscores. A browser says what page it shows, by default one of ours."""
    return WebsocketCommunicator(
        application,
        address,
        _headers({"origin": OURS} | headers),
        subprotocols=subprotocols and list(subprotocols),
    )


async def received(live: WebsocketCommunicator, count: int | None = None) -> list[dict[str, Any]]:
    """So many messages; else all, and last the closing."""
    found: list[dict[str, Any]] = []
    while count is None or len(found) < count:
        output = await live.receive_output(10)
        if output["type"] == "websocket.close":
            return [*found, output]
        found.append(json.loads(output["text"]))
    return found


class Http:
    """A request whose answer may take its time, or never end."""

    def __init__(self, method: str, address: str, body: Any = None, **headers: str) -> None:
        path, _, query = address.partition("?")
        self._body = b"" if body is None else json.dumps(body).encode()
        if body is not None:
            sent = {"content_type": "application/json", "content_length": str(len(self._body))}
            headers = sent | headers
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": _headers(headers),
            "client": ["127.0.0.1", 40000],
            "server": ["127.0.0.1", 8000],
        }
        self._communicator = ApplicationCommunicator(application, scope)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def start(self) -> "Http":
        """Send it, and wait for the head of the answer."""
        await self.send()
        return await self.head()

    async def send(self) -> None:
        await self._communicator.send_input({"type": "http.request", "body": self._body})

    async def head(self) -> "Http":
        started = await self._communicator.receive_output(15)
        self.status = started["status"]
        pairs = [(name.decode().lower(), value.decode("latin-1")) for name, value in started["headers"]]
        self.headers = dict(pairs)
        assert len(pairs) == len(self.headers), f"a header came twice: {pairs}"
        return self

    async def chunks(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            part = await self._communicator.receive_output(10)
            more = part.get("more_body", False)
            yield part.get("body", b"")

    async def json(self) -> Any:
        body = b"".join([chunk async for chunk in self.chunks()])
        assert int(self.headers.get("content-length", len(body))) == len(body)
        return json.loads(body)

    async def events(self) -> AsyncIterator[tuple[int | None, dict[str, Any]]]:
        """Of a stream: number and data of each, until it ends."""
        async for chunk in self.chunks():
            for block in chunk.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                if "data" in fields:
                    yield (int(fields["id"]) if "id" in fields else None), json.loads(fields["data"])

    async def is_silent(self, seconds: float = 0.2) -> bool:
        return await self._communicator.receive_nothing(seconds, 0.02)

    async def leave(self) -> None:
        await self._communicator.send_input({"type": "http.disconnect"})
        await self._communicator.wait(5)
