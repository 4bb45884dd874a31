"""Server-sent events: the same numbered messages as websockets have, over HTTP.

    GET /api/v1/submissions/<id>/stream/    our messages
    GET /api/stream/<id>                    S1's

Under ASGI they are served before Django is asked: a stream that Django serves has a thread as long as it lasts. Each
message's number is its `id`, so that a browser comes back with `Last-Event-ID` and misses nothing; after the final one
it is answered 204, which tells it to stop. Every other method is Django's, and all of it where there is no ASGI: then
the answer is what there is by now, and the client comes back for more.
"""

import re
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from re import Match
from uuid import UUID

from asgiref.sync import async_to_sync
from django.shortcuts import get_object_or_404
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.scopes import Scope
from accounts.throttles import ApiView
from submissions import event_stream, events, visitors
from submissions.api import visible
from submissions.connections import at_the_door
from submissions.dialects import live
from submissions.event_stream import CONTENT_TYPE, RETRY, EventStreamRenderer
from submissions.following import Gone, Message, Unavailable, follow
from submissions.visitors import Application, Channel, Connection, Refused

UUID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def serving_streams(application: Application) -> Application:
    """The ASGI application, but that streams need no thread."""
    return event_stream.serving(application, STREAMS)


async def _serve(
    words: live.Words, found: Match[str], connection: Connection, receive: Channel, send: Channel
) -> None:
    submission_id = UUID(found[1])
    try:
        submission = await at_the_door(visitors.admit, connection, submission_id)
    except Refused as refused:
        await event_stream.answer_problem(connection, send, refused)
        return
    after = visitors.seen(connection)
    if submission.is_final and after == submission.seq:
        await event_stream.answer_ended(connection, send)
    else:
        tell = partial(_tell_all, words, submission_id, after)
        await event_stream.answer(connection, receive, send, tell)


async def _tell_all(words: live.Words, submission_id: UUID, after: int, send: Channel) -> None:
    """Where it cannot go on, the client comes back, and hears why."""
    try:
        async with aclosing(follow(submission_id, after, with_place=words is live.ours)) as messages:
            async for message in messages:
                if (told := await words(submission_id, message)) is not None:
                    await event_stream.write(send, event_stream.event(message.get("seq"), told))
    except (Gone, Unavailable):
        return


STREAMS = {
    re.compile(rf"/api/v1/submissions/({UUID_PATTERN})/stream/"): partial(_serve, live.ours),
    re.compile(rf"/api/stream/({UUID_PATTERN})/?"): partial(_serve, live.s1),
}


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
        return b"".join(event_stream.event(seq, message) for seq, message in told if message is not None)


class JobStream(SubmissionStream):
    words: live.Words = staticmethod(live.s1)
