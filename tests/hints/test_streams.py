"""Pieces as server-sent events, through the real ASGI application; and what Django answers where there is none."""

import asyncio
import threading

import pytest
from django.test import Client
from django.urls import reverse

from hints.models import HintRequest
from hints.pieces import Pieces, Stage
from submissions.connections import in_thread
from tests.connected import Http, played, session_cookie
from tests.factories import make_hint, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def awaited(user) -> HintRequest:
    return make_hint(user, status=HintRequest.Status.WORKING, answer=None, rule="")


def address(request: HintRequest) -> str:
    return f"/hints/{request.pk}/stream/"


def lines_of(stream: bytes) -> list[str]:
    return [line for line in stream.decode().splitlines() if line]


def test_a_stream_tells_what_there_is_then_each_piece_until_the_end():
    learner = make_user()
    request, cookie = awaited(learner), session_cookie(learner)
    worker = Pieces(request.pk)
    worker.stage(Stage.ASKING)

    async def scenario():
        before = threading.active_count()
        streams = [await Http("GET", address(request), cookie=cookie).start() for _ in range(10)]
        firsts = [await anext(one.chunks()) for one in streams]
        told = asyncio.ensure_future(asyncio.gather(*(read(one) for one in streams)))
        await in_thread(worker.text, "Look at <line> 2.")
        await in_thread(worker.end, "done")
        return streams[0], firsts, await told, threading.active_count() - before

    async def read(stream):
        return lines_of(b"".join([chunk async for chunk in stream.chunks()]))

    stream, firsts, told, threads = played(scenario)

    assert stream.headers["content-type"] == "text/event-stream"
    assert set(firsts) == {b"retry: 2000\n\n"}
    assert [line for line in told[0] if line.startswith("data")] == [
        'data: {"type": "stage", "stage": "asking"}',
        'data: {"type": "text", "text": "Look at <line> 2."}',
        'data: {"type": "end", "status": "done"}',
    ]
    assert told[0][-2] == "id: end"
    assert all(one == told[0] for one in told)
    assert threads <= 8  # those that all streams share


def test_who_comes_back_gets_the_rest_and_after_the_end_is_told_to_stop():
    learner = make_user()
    request, cookie = awaited(learner), session_cookie(learner)
    worker = Pieces(request.pk)
    worker.stage(Stage.ASKING)
    worker.stage(Stage.CHECKING)
    worker.end("failed")

    async def read(last_event_id):
        stream = await Http("GET", address(request), cookie=cookie, last_event_id=last_event_id).start()
        return stream.status, lines_of(b"".join([chunk async for chunk in stream.chunks()]))

    def seen(last_event_id):
        return played(lambda: read(last_event_id))

    status, whole = seen("nonsense")
    first = whole[1].removeprefix("id: ")

    assert (status, len(whole)) == (200, 7)
    assert seen(first) == (200, [whole[0], *whole[3:]])
    assert seen("end") == (204, [])


def test_django_itself_answers_what_there_is():
    learner = make_user()
    request = awaited(learner)
    Pieces(request.pk).stage(Stage.ASKING)
    client = Client()
    client.force_login(learner)
    path = reverse("hint-stream", args=[request.pk])

    first = client.get(path, headers={"Accept": "text/event-stream"})
    HintRequest.objects.filter(pk=request.pk).update(status=HintRequest.Status.FAILED)
    rest = client.get(path, headers={"Last-Event-ID": lines_of(first.content)[1].removeprefix("id: ")})

    assert lines_of(first.content)[2:] == ['data: {"type": "stage", "stage": "asking"}']
    assert lines_of(rest.content)[1:] == ["id: end", 'data: {"type": "end", "status": "failed"}']
    assert client.get(path, headers={"Last-Event-ID": "end"}).status_code == 204
