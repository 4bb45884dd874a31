"""What those who wait for an answer see of its making."""

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest
from django.utils import timezone

from hints import pieces
from hints.models import HintRequest
from hints.pieces import END, Pieces, Stage, follow, so_far
from submissions.connections import in_thread, redis_client
from tests.connected import played
from tests.factories import make_hint, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def awaited() -> HintRequest:
    return make_hint(make_user(), status=HintRequest.Status.WORKING, answer=None, rule="")


def followed(request: HintRequest, after: str = pieces.START) -> list[pieces.Piece]:
    async def all_of_it():
        async with aclosing(follow(request.pk, after)) as coming:
            return [piece async for piece in coming]

    return played(all_of_it)


def told(found: list[pieces.Piece]) -> list[str]:
    return [piece.message.get(piece.message["type"], piece.message.get("status", "")) for piece in found]


def test_who_waits_hears_each_piece_as_it_is_told_and_who_comes_late_hears_all_of_them():
    request = awaited()
    worker = Pieces(request.pk)

    async def scenario():
        async with aclosing(follow(request.pk)) as coming:
            first = asyncio.ensure_future(anext(coming))
            await asyncio.sleep(0)
            await in_thread(worker.stage, Stage.JUDGING)
            heard = [await first]
            for tell, words in (
                (worker.stage, Stage.ASKING),
                (worker.text, "Look"),
                (worker.text, "Look here."),
            ):
                await in_thread(tell, words)
                heard.append(await anext(coming))
            await in_thread(worker.end, "done")
            return [*heard, *[piece async for piece in coming]]

    heard = played(scenario)

    assert told(heard) == ["judging", "asking", "Look", "Look here.", "done"]
    assert followed(request) == so_far(request) == heard
    assert followed(request, heard[2].id) == so_far(request, heard[2].id) == heard[3:]
    assert followed(request, END) == so_far(request, END) == []


def test_a_text_that_has_not_grown_is_not_told_again():
    request = awaited()
    worker = Pieces(request.pk)
    for text in ("Look", "Look", "Look here."):
        worker.text(text)

    assert told(so_far(request)) == ["Look", "Look here."]


def test_pieces_are_kept_no_longer_than_texts(settings):
    request = awaited()
    Pieces(request.pk).stage(Stage.QUEUED)

    assert 60 < redis_client().ttl(f"hint:{request.pk}:pieces") <= settings.EXECUTION_TTL_S

    Pieces(request.pk).end("done")
    assert 0 < redis_client().ttl(f"hint:{request.pk}:pieces") <= 60


@pytest.mark.parametrize("status", ["done", "failed"])
def test_once_the_pieces_are_gone_the_row_tells_the_end(status):
    answer = {"hint": "x"} if status == "done" else None
    request = make_hint(make_user(), status=status, answer=answer)

    assert told(followed(request)) == told(so_far(request)) == [status]


def test_a_request_that_is_lost_or_gone_has_failed(monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_S", 0.01)
    lost, gone = awaited(), awaited()
    long_ago = timezone.now() - HintRequest.LOST_AFTER - timedelta(seconds=1)
    HintRequest.objects.filter(pk=lost.pk).update(created_at=long_ago)
    Pieces(lost.pk).stage(Stage.ASKING)
    HintRequest.objects.filter(pk=gone.pk).delete()

    assert told(followed(lost)) == ["asking", "failed"]
    assert told(followed(gone)) == ["failed"]


def test_where_redis_does_not_answer_one_waits_for_the_row(settings, monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_S", 0.01)
    request = awaited()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    redis_client.cache_clear()

    async def scenario():
        async with aclosing(follow(request.pk)) as coming:
            end = asyncio.ensure_future(anext(coming))
            await asyncio.sleep(0.05)
            done = {"status": "done", "answer": {"hint": "x"}}
            await in_thread(lambda: HintRequest.objects.filter(pk=request.pk).update(**done))
            return await end

    try:
        assert told([played(scenario)]) == ["done"]
    finally:
        redis_client.cache_clear()


def test_two_hundred_who_follow_share_a_handful_of_connections_and_none_is_forgotten():
    requests = [awaited() for _ in range(20)]
    client = redis_client()

    async def scenario():
        before = await in_thread(client.info, "clients")
        following = [asyncio.ensure_future(all_of(requests[number % 20])) for number in range(200)]
        leaving = asyncio.ensure_future(all_of(requests[0]))
        await asyncio.sleep(3 * pieces.HEAR_S)
        leaving.cancel()
        during = await in_thread(client.info, "clients")
        for request in requests:
            await in_thread(Pieces(request.pk).text, "Look")
            await in_thread(Pieces(request.pk).end, "done")
        heard = await asyncio.gather(*following)
        return during["connected_clients"] - before["connected_clients"], heard

    async def all_of(request):
        return [piece async for piece in follow(request.pk)]

    more, heard = played(scenario)

    assert more <= 5
    assert all(told(one) == ["Look", "done"] for one in heard)
