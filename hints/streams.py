"""Server-sent events for who waits for a hint: the pieces of one's own request, until its end.

    GET /hints/<id>/stream/

Served as the streams of submissions are: before Django, without a thread. The id of the last piece stays the same, so
who comes back after it is told to stop (204). Where there is no ASGI, a view answers what there is by now.
"""

import re
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from re import Match
from uuid import UUID

from django import db
from django.shortcuts import get_object_or_404
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.scopes import Scope
from accounts.throttles import ApiView
from hints import pieces
from hints.models import HintRequest
from hints.pieces import END, START, Piece
from submissions import event_stream, visitors
from submissions.connections import at_the_door
from submissions.event_stream import CONTENT_TYPE, RETRY, EventStreamRenderer
from submissions.streams import UUID_PATTERN
from submissions.visitors import NOT_FOUND, Application, Channel, Connection, Refused

PIECE_ID = re.compile(rf"[0-9]{{1,15}}-[0-9]{{1,9}}|{END}")


def serving_hints(application: Application) -> Application:
    """The ASGI application, but that streams of hints need no thread."""
    return event_stream.serving(application, STREAMS)


async def _serve(found: Match[str], connection: Connection, receive: Channel, send: Channel) -> None:
    try:
        request = await at_the_door(_admit, connection, UUID(found[1]))
    except Refused as refused:
        await event_stream.answer_problem(connection, send, refused)
        return
    after = _seen(visitors.last_event_id(connection))
    if after == END:
        await event_stream.answer_ended(connection, send)
    else:
        await event_stream.answer(connection, receive, send, partial(_tell_all, request.pk, after))


STREAMS = {re.compile(rf"/hints/({UUID_PATTERN})/stream/"): _serve}


def _admit(connection: Connection, request_id: UUID) -> HintRequest:
    """One's own request. To be called in a thread. Raises Refused."""
    user = visitors.identify(connection).user
    try:
        return HintRequest.objects.of(user).get(pk=request_id)
    except HintRequest.DoesNotExist as error:
        raise Refused(NOT_FOUND, exceptions.NotFound()) from error
    except db.Error as error:
        raise visitors.try_again() from error


def _seen(last_event_id: str) -> str:
    """Whatever is no id of a piece counts as none."""
    return last_event_id if PIECE_ID.fullmatch(last_event_id) else START


async def _tell_all(request_id: UUID, after: str, send: Channel) -> None:
    async with aclosing(pieces.follow(request_id, after)) as coming:
        async for piece in coming:
            await event_stream.write(send, _event(piece))


def _event(piece: Piece) -> bytes:
    return event_stream.event(piece.id, piece.message)


class HintStream(ApiView):
    """The part of it that is Django's. It belongs to the page, so the description of the API leaves it out."""

    required_scopes = {"GET": Scope.READ}
    renderer_classes = [EventStreamRenderer, JSONRenderer]
    schema = None

    def get(self, request: Request, pk: UUID) -> Response:
        assert isinstance(request.user, User)
        own = get_object_or_404(HintRequest.objects.of(request.user), pk=pk)
        headers = {"Cache-Control": "no-store"}
        after = _seen(request.headers.get("Last-Event-ID", ""))
        if after == END:
            return Response(status=HTTPStatus.NO_CONTENT, headers=headers)
        told = b"".join(_event(piece) for piece in pieces.so_far(own, after))
        return Response(RETRY + told, headers=headers, content_type=CONTENT_TYPE)
