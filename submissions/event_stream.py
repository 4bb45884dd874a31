"""How server-sent events are served before Django is asked, with no thread while a stream lasts.

What is told, and to whom, is not its business. Messages have ids; a browser comes back with the last one as
`Last-Event-ID`. What is answered before a stream begins (204: it has ended, problems) is answered here as well.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from re import Match, Pattern
from typing import Any

from django.conf import settings
from rest_framework.renderers import BaseRenderer, JSONRenderer

from submissions import visitors
from submissions.visitors import Application, Channel, Connection, Refused

CONTENT_TYPE = "text/event-stream"
PING_S = 15.0
PING = b": still there\n\n"
RETRY = b"retry: 2000\n\n"

Serve = Callable[[Match[str], Connection, Channel, Channel], Awaitable[None]]


def serving(application: Application, streams: Mapping[Pattern[str], Serve]) -> Application:
    """The ASGI application, but that `streams` serve GET at their addresses."""

    async def serve(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for address, stream in streams.items():
                if found := address.fullmatch(scope["path"]):
                    await stream(found, scope, receive, send)
                    return
        await application(scope, receive, send)

    return serve


async def answer_problem(connection: Connection, send: Channel, refused: Refused) -> None:
    problem = refused.answer
    headers = {name: str(value) for name, value in problem.headers.items()}
    await _start(connection, send, problem.status_code, str(problem.content_type), headers)
    await send({"type": "http.response.body", "body": JSONRenderer().render(problem.data)})


async def answer_ended(connection: Connection, send: Channel) -> None:
    """The client has all of it: a browser stops."""
    await _start(connection, send, HTTPStatus.NO_CONTENT)
    await send({"type": "http.response.body"})


async def answer(
    connection: Connection, receive: Channel, send: Channel, tell: Callable[[Channel], Awaitable[None]]
) -> None:
    """A stream that lasts until `tell`, which writes to what it is given, is done or the client has gone."""
    await _start(connection, send, HTTPStatus.OK, CONTENT_TYPE)
    with visitors.STREAMS.track_inprogress():
        await visitors.until_one_ends(visitors.gone(receive), _begun(send, tell), _ping(send))
    await send({"type": "http.response.body"})


async def write(send: Channel, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def event(number: int | str | None, message: Mapping[str, Any]) -> bytes:
    """Without a number, where the message has none: the client keeps the last one."""
    line = "" if number is None else f"id: {number}\n"
    return f"{line}data: {json.dumps(message)}\n\n".encode()


async def _begun(send: Channel, tell: Callable[[Channel], Awaitable[None]]) -> None:
    await write(send, RETRY)
    await tell(send)


async def _ping(send: Channel) -> None:
    """So that nobody on the way takes it for dead."""
    while True:
        await asyncio.sleep(PING_S)
        await write(send, PING)


async def _start(
    connection: Connection,
    send: Channel,
    status: int,
    content_type: str = "",
    more: Mapping[str, str] | None = None,
) -> None:
    headers = {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would keep messages back
        "X-Content-Type-Options": "nosniff",
        **_cors(connection),
        **(more or {}),
    }
    if content_type:
        headers["Content-Type"] = content_type
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})


def _cors(connection: Connection) -> dict[str, str]:
    """As django-cors-headers has it, which sees none of this: without cookies, for the origins that are allowed."""
    origin = dict(connection["headers"]).get(b"origin", b"").decode("latin-1")
    if origin not in settings.CORS_ALLOWED_ORIGINS:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}


class EventStreamRenderer(BaseRenderer):
    """For the views that answer in place of a stream, where there is no ASGI."""

    media_type = CONTENT_TYPE
    format = "events"

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> bytes:
        """Problems are documents, whatever was asked for."""
        return data if isinstance(data, bytes) else bytes(JSONRenderer().render(data))
