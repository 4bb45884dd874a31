"""Server-sent events: the same numbered messages as websockets have, over HTTP.

    GET /api/v1/submissions/<id>/stream/    our messages
    GET /api/stream/<id>                    S1's

Under ASGI they are served before Django is asked: a stream that Django serves has a thread as long as it lasts. Each
message's number is its `id`, so that a browser comes back with `Last-Event-ID` and misses nothing; after the final one
it is answered 204, which tells it to stop. Every other method is Django's, and all of it where there is no ASGI: then
the answer is what there is by now, and the client comes back for more.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.conf import settings
from django.shortcuts import get_object_or_404
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.scopes import Scope
from accounts.throttles import ApiView
from submissions import events, visitors
from submissions.api import visible
from submissions.connections import at_the_door
from submissions.dialects import live
from submissions.following import Gone, Message, Unavailable, follow
from submissions.visitors import Application, Channel, Connection, Refused

CONTENT_TYPE = "text/event-stream"
PING_S = 15.0
PING = b": still there\n\n"
RETRY = b"retry: 2000\n\n"

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
STREAMS = {
    re.compile(rf"/api/v1/submissions/({_UUID})/stream/"): live.ours,
    re.compile(rf"/api/stream/({_UUID})/?"): live.s1,
}


def serving_streams(application: Application) -> Application:
    """The ASGI application, but that streams need no thread."""

    async def serve(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            for address, words in STREAMS.items():
                if found := address.fullmatch(scope["path"]):
                    await _serve(scope, receive, send, UUID(found[1]), words)
                    return
        await application(scope, receive, send)

    return serve


async def _serve(
    connection: Connection, receive: Channel, send: Channel, submission_id: UUID, words: live.Words
) -> None:
    try:
        submission = await at_the_door(visitors.admit, connection, submission_id)
    except Refused as refused:
        await _answer_problem(connection, send, refused)
        return
    after = visitors.seen(connection)
    if submission.is_final and after == submission.seq:
        await _start(connection, send, HTTPStatus.NO_CONTENT)
    else:
        await _start(connection, send, HTTPStatus.OK, CONTENT_TYPE)
        telling = _tell_all(send, submission_id, after, words)
        with visitors.STREAMS.track_inprogress():
            await visitors.until_one_ends(visitors.gone(receive), telling, _ping(send))
    await send({"type": "http.response.body"})


async def _tell_all(send: Channel, submission_id: UUID, after: int, words: live.Words) -> None:
    """Where it cannot go on, the client comes back, and hears why."""
    await _write(send, RETRY)
    try:
        async with aclosing(follow(submission_id, after, with_place=words is live.ours)) as messages:
            async for message in messages:
                if (told := await words(submission_id, message)) is not None:
                    await _write(send, _event(message.get("seq"), told))
    except (Gone, Unavailable):
        return


async def _ping(send: Channel) -> None:
    """So that nobody on the way takes it for dead."""
    while True:
        await asyncio.sleep(PING_S)
        await _write(send, PING)


async def _write(send: Channel, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _event(seq: int | None, message: Message) -> bytes:
    """Without a number, where the message has none: the client keeps the last one."""
    number = "" if seq is None else f"id: {seq}\n"
    return f"{number}data: {json.dumps(message)}\n\n".encode()


async def _answer_problem(connection: Connection, send: Channel, refused: Refused) -> None:
    problem = refused.answer
    headers = {name: str(value) for name, value in problem.headers.items()}
    await _start(connection, send, problem.status_code, str(problem.content_type), headers)
    await send({"type": "http.response.body", "body": JSONRenderer().render(problem.data)})


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
    media_type = CONTENT_TYPE
    format = "events"

    def render(self, data: Any, media_type: str | None = None, context: Any = None) -> bytes:
        """Problems are documents, whatever was asked for."""
        return data if isinstance(data, bytes) else bytes(JSONRenderer().render(data))


class SubmissionStream(ApiView):
    """The part of streams that is Django's."""

    required_scopes = {"GET": Scope.READ}
    renderer_classes = [EventStreamRenderer, JSONRenderer]
    words: live.Words = staticmethod(live.ours)

    def get(self, request: Request, pk: UUID) -> Response:
        submission = get_object_or_404(visible(request).without_texts(), pk=pk)
        given = [request.headers.get("Last-Event-ID", ""), *request.query_params.getlist("after")]
        after = visitors.first_number(given)
        headers = {"Cache-Control": "no-store"}
        if submission.is_final and after == submission.seq:
            return Response(status=HTTPStatus.NO_CONTENT, headers=headers)
        told = async_to_sync(self._told)(pk, events.after(submission, after))
        return Response(RETRY + told, headers=headers, content_type=CONTENT_TYPE)

    async def _told(self, pk: UUID, messages: list[Message]) -> bytes:
        told = [(message["seq"], await self.words(pk, message)) for message in messages]
        return b"".join(_event(seq, message) for seq, message in told if message is not None)


class JobStream(SubmissionStream):
    words: live.Words = staticmethod(live.s1)
