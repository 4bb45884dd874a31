"""What those who wait see while an answer is made: stages, and as much of the text as may be shown.

    hint:<id>:pieces   a Redis stream of messages, each whole in itself, kept for as long as texts are:
        {"type": "stage", "stage": queued | judging | asking | checking | again}
        {"type": "text", "text": all that may be shown so far}       it only grows, until a `stage` takes it back
        {"type": "end", "status": done | failed}                     the last one; the row has the answer

    worker ──Pieces──▶ Redis ──one look for all in a process──▶ whoever follows
                         the row ──now and then─────┘

Nobody who follows has a thread or a connection. The row is the truth; losing all of this loses nothing but what one
sees meanwhile. Redis being away is no error here.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID
from weakref import WeakKeyDictionary

import redis
from django import db
from django.conf import settings

from hints.models import HintRequest
from submissions.connections import in_thread, redis_client

logger = logging.getLogger(__name__)

HEAR_S = 0.1  # from one look at what was told to the next
LOOK_S = 2.0  # at the row, where nothing is heard
ENDED_S = 60  # who comes back after that has the row
KEPT = 100  # of the messages: the latest tells all that those before it told
START, END = "0", "end"

Message = Mapping[str, str]


class Stage(StrEnum):
    QUEUED = "queued"
    JUDGING = "judging"
    ASKING = "asking"
    CHECKING = "checking"
    AGAIN = "again"


@dataclass(frozen=True)
class Piece:
    """A message and its id, by which one goes on after it; that of the last one is END."""

    id: str
    message: Message

    @property
    def is_end(self) -> bool:
        return self.id == END


class Pieces:
    """What the worker tells of one request."""

    def __init__(self, request_id: UUID) -> None:
        self._key = _key(request_id)
        self._told: Message = {}

    def stage(self, stage: Stage) -> None:
        self._tell({"type": "stage", "stage": stage.value})

    def text(self, text: str) -> None:
        self._tell({"type": "text", "text": text})

    def end(self, status: str) -> None:
        """To be told once the row says so."""
        self._tell({"type": "end", "status": status}, kept_s=min(ENDED_S, settings.EXECUTION_TTL_S))

    def _tell(self, message: Message, kept_s: int | None = None) -> None:
        if message == self._told:
            return
        self._told = message
        try:
            with redis_client().pipeline() as pipe:
                pipe.xadd(self._key, {"message": json.dumps(message)}, maxlen=KEPT)
                pipe.expire(self._key, kept_s or settings.EXECUTION_TTL_S)
                pipe.execute()
        except redis.RedisError as error:
            logger.warning("a piece of an answer is not told: %r", error)


async def follow(request_id: UUID, after: str = START) -> AsyncGenerator[Piece]:
    """All pieces after that one, as they come, until the end: that of the stream, or of the row where that is first.

    A request that is lost has failed; so has one that is gone. Nothing comes after END. It ends without an end where
    the database does not answer: who comes back with the last id has missed nothing.
    """
    heard_at = float("-inf")
    while after != END:
        asked = _Asked(request_id, after, is_quiet=time.monotonic() - heard_at >= LOOK_S)
        try:
            pieces = await _found_with_others(asked)
        except db.Error:
            return
        if pieces or asked.is_quiet:
            heard_at = time.monotonic()
        for piece in pieces:
            yield piece
            after = piece.id


def so_far(request: HintRequest, after: str = START) -> list[Piece]:
    """What there is by now, for who cannot wait."""
    asked = _Asked(request.pk, after, is_quiet=True)
    return [] if after == END else _find([asked])[asked]


def _key(request_id: UUID) -> str:
    return f"hint:{request_id}:pieces"


@dataclass(frozen=True)
class _Asked:
    """For what came after a piece; where nothing was heard for a while, for the row's word, too."""

    request_id: UUID
    after: str
    is_quiet: bool


Found = Mapping[_Asked, list[Piece]]


class _Look:
    """One question for all who wait in this event loop, HEAR_S after the first of them has come."""

    def __init__(self) -> None:
        self._asked: set[_Asked] = set()
        self._found = asyncio.create_task(self._find_all())

    async def found(self, asked: _Asked) -> list[Piece]:
        self._asked.add(asked)
        return (await asyncio.shield(self._found))[asked]  # others wait for it, too, where this one leaves

    async def _find_all(self) -> Found:
        await asyncio.sleep(HEAR_S)
        del _looks[asyncio.get_running_loop()]  # who comes now waits for the next one
        try:
            return await in_thread(_find, self._asked)
        except db.Error as error:
            logger.error("the database does not answer those who wait for a hint: %s", error)
            raise


_looks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Look] = WeakKeyDictionary()


async def _found_with_others(asked: _Asked) -> list[Piece]:
    """Raises django.db.Error."""
    loop = asyncio.get_running_loop()
    if loop not in _looks:
        _looks[loop] = _Look()
    return await _looks[loop].found(asked)


def _find(asked: Collection[_Asked]) -> Found:
    found = dict(zip(asked, _told(asked), strict=True))
    quiet = [one for one in asked if one.is_quiet and not found[one]]
    rows = HintRequest.objects.only("status", "created_at").in_bulk({one.request_id for one in quiet})
    for one in quiet:
        found[one] = _end_by(rows.get(one.request_id))
    return found


def _told(asked: Collection[_Asked]) -> list[list[Piece]]:
    """Nothing where Redis does not answer."""
    try:
        with redis_client().pipeline(transaction=False) as pipe:
            for one in asked:
                pipe.xrange(_key(one.request_id), f"({one.after}", "+")
            return [[_piece(*entry) for entry in entries] for entries in pipe.execute()]
    except redis.RedisError as error:
        logger.warning("pieces of an answer are not heard: %r", error)
        return [[] for _ in asked]


def _piece(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Piece:
    message: dict[str, str] = json.loads(fields[b"message"])
    return Piece(END if message["type"] == "end" else entry_id.decode(), message)


def _end_by(row: HintRequest | None) -> list[Piece]:
    """Empty while it is worked on."""
    if row is not None and row.is_awaited:
        return []
    is_done = row is not None and row.status == HintRequest.Status.DONE
    status = HintRequest.Status.DONE if is_done else HintRequest.Status.FAILED
    return [Piece(END, {"type": "end", "status": status.value})]
