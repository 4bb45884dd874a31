"""Websockets: one submission's messages in our words or S4's, or those of several in S1's.

A socket is accepted before it is refused: a close before that reaches browsers as a bare 1006. The close codes (an
application may use 1000 and from 3000 on only; daphne fails with any other):

    1000  that was the final message        4401  no credential, or a bad one
    4400  binary, where words are expected  4403  a foreign page's cookie, or no scope to read
    4413  a frame is too large              4404  no such submission, or not yours
    4503  come back later                   4429  too many attempts; come back later

Pings are the server's: daphne sends one after 20 s of silence, and gives up who does not answer for 30 s. It also
refuses frames of more than a MiB before they get here.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.credentials import Credential
from submissions import visitors
from submissions.connections import at_the_door, in_thread
from submissions.dialects import live
from submissions.following import Gone, Unavailable, follow, follow_user
from submissions.visitors import NOT_FOUND, TRY_AGAIN, Channel, Refused

FINISHED = 1000
NOT_TEXT = 4400
TOO_LARGE = 4413

CHANNEL = "executions"
MINE = "mine"
MOST_SUBSCRIPTIONS = 50
MINUTE_S = 60.0
MOST_BEGUN = 120  # in a minute: each may send a whole output, which is kept in memory for who does not read
MOST_CHARACTERS = 4096  # of a frame


class Socket:
    """An accepted websocket. What is told after it was closed goes nowhere."""

    def __init__(self, connection: dict[str, Any], receive: Channel, send: Channel) -> None:
        self.connection = connection
        self._receive = receive
        self._send = send
        self._is_open = True

    async def accept(self) -> None:
        """A ticket that came as a subprotocol is chosen as such, or browsers would close again."""
        await self._receive()  # websocket.connect
        offered = self.connection.get("subprotocols", [])
        ticket = next((one for one in offered if one.startswith("ticket.")), None)
        await self._send({"type": "websocket.accept", "subprotocol": ticket})

    async def frames(self) -> AsyncIterator[str | bytes]:
        """What the client sends, until it has gone."""
        while (message := await self._receive())["type"] == "websocket.receive":
            text = message.get("text")
            yield message["bytes"] if text is None else text
        self._is_open = False

    async def ignore_frames(self) -> None:
        async for _ in self.frames():
            pass

    async def tell(self, message: dict[str, Any]) -> None:
        if self._is_open:
            await self._send({"type": "websocket.send", "text": json.dumps(message)})

    async def close(self, code: int) -> None:
        if self._is_open:
            self._is_open = False
            await self._send({"type": "websocket.close", "code": code})


def accepting(act: Callable[[Socket], Awaitable[None]]) -> Any:
    """The ASGI application that accepts a websocket and then does this. (`path` would expect a view.)"""

    async def serve(connection: dict[str, Any], receive: Channel, send: Channel) -> None:
        socket = Socket(connection, receive, send)
        await socket.accept()
        with visitors.SOCKETS.track_inprogress():
            await act(socket)

    return serve


# --- One submission --------------------------------------------------------------------------------------------


def following(words: live.Words) -> Any:
    """The messages of the submission in the address, after `?after=`; what the client sends is ignored."""

    @accepting
    async def serve(socket: Socket) -> None:
        await visitors.until_one_ends(socket.ignore_frames(), _tell_all(socket, words))

    return serve


async def _tell_all(socket: Socket, words: live.Words) -> None:
    submission_id = socket.connection["url_route"]["kwargs"]["pk"]
    after = visitors.seen(socket.connection)
    try:
        await at_the_door(visitors.admit, socket.connection, submission_id)
        async with aclosing(follow(submission_id, after, with_place=words is live.ours)) as messages:
            async for message in messages:
                if (told := await words(submission_id, message)) is not None:
                    await socket.tell(told)
    except Refused as refused:
        await socket.close(refused.close_code)
    except Gone:
        await socket.close(NOT_FOUND)
    except Unavailable:
        await socket.close(TRY_AGAIN)
    else:
        await socket.close(FINISHED)


submission = following(live.ours)
execution = following(live.s4)


# --- Several, as they are asked for ----------------------------------------------------------------------------


@accepting
async def executions(socket: Socket) -> None:
    """What the client subscribes to:

    {"subscribe": "executions", "job_id": <id> | "mine"}    or, for all of one's own, {…, "mine": true}
    {"unsubscribe": "executions", "job_id": <id> | "mine"}

    Each is answered with {"type": "subscribed" | "unsubscribed" | "error", "job_id": …}; then come messages of type
    `update`. A job is told once, however many subscriptions want it: one that comes later hears only what is new. A
    subscription ends with its job; that to one's own goes on.
    """
    try:
        credential = await at_the_door(visitors.identify, socket.connection)
    except Refused as refused:
        await socket.close(refused.close_code)
        return
    subscriptions = _Subscriptions(socket, credential)
    try:
        async for frame in socket.frames():
            await subscriptions.obey(frame)
    finally:
        await subscriptions.end()


class _NotObeyed(Exception):
    """What the client asked for is not done; the socket stays open."""

    def __init__(self, code: str, words: str, name: str | None = None) -> None:
        super().__init__(words)
        self.told = {"type": "error", "code": code, "detail": words, "job_id": name}


class _Malformed(_NotObeyed):
    def __init__(self) -> None:
        words = f'Send {{"subscribe": "{CHANNEL}", "job_id": <id> or "{MINE}"}}, or unsubscribe.'
        super().__init__("invalid", words)


@dataclass(frozen=True)
class _Order:
    """`job` None: all of one's own."""

    is_to_subscribe: bool
    job: UUID | None

    @classmethod
    def of(cls, frame: str) -> "_Order":
        try:
            sent = json.loads(frame)
        except (ValueError, RecursionError) as error:
            raise _Malformed from error
        if not isinstance(sent, dict):
            raise _Malformed
        verbs = [verb for verb in ("subscribe", "unsubscribe") if sent.get(verb) == CHANNEL]
        if len(verbs) != 1:
            raise _Malformed
        return cls(verbs[0] == "subscribe", _job(sent))

    @property
    def name(self) -> str:
        return MINE if self.job is None else str(self.job)


def _job(sent: dict[str, Any]) -> UUID | None:
    if sent.get("mine") is True or sent.get("job_id") == MINE:
        return None
    try:
        return UUID(sent["job_id"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _Malformed from error


@dataclass(frozen=True)
class _Told:
    """A job that is being told, and the names of the subscriptions that want it."""

    task: asyncio.Task[None]
    wanted_by: set[str] = field(default_factory=set)


class _Subscriptions:
    """Those of one socket; that to one's own counts as one, however many they are."""

    def __init__(self, socket: Socket, credential: Credential) -> None:
        self.socket = socket
        self.credential = credential
        self._own: asyncio.Task[None] | None = None  # finds one's own jobs
        self._told: dict[UUID, _Told] = {}  # until their end
        self._minute = time.monotonic()  # when it began
        self._begun = 0  # in it

    async def obey(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            return await self.socket.close(NOT_TEXT)
        if len(frame) > MOST_CHARACTERS:
            return await self.socket.close(TOO_LARGE)
        try:
            order = _Order.of(frame)
            await (self._subscribe(order) if order.is_to_subscribe else self._unsubscribe(order))
        except _NotObeyed as refusal:
            await self.socket.tell(refusal.told)

    async def end(self) -> None:
        await _end([self._own, *(told.task for told in self._told.values())])

    async def _subscribe(self, order: _Order) -> None:
        is_new = order.name not in self._names()
        if is_new:
            self._count(order.name)
            if order.job is not None:
                await self._check(order.job)
        await self.socket.tell({"type": "subscribed", "channel": CHANNEL, "job_id": order.name})
        if not is_new:
            return
        if order.job is None:
            self._own = asyncio.create_task(self._want_own())
        else:
            self._want(order.job, order.name)

    async def _unsubscribe(self, order: _Order) -> None:
        if order.job is None:
            await _end([self._own])
            self._own = None
        for told in self._told.values():
            told.wanted_by.discard(order.name)
        unwanted = [job for job, told in self._told.items() if not told.wanted_by]
        await _end([self._told.pop(job).task for job in unwanted])
        await self.socket.tell({"type": "unsubscribed", "channel": CHANNEL, "job_id": order.name})

    def _names(self) -> set[str]:
        names = {str(job) for job, told in self._told.items() if str(job) in told.wanted_by}
        return names if self._own is None else names | {MINE}

    def _count(self, name: str) -> None:
        if len(self._names()) >= MOST_SUBSCRIPTIONS:
            words = f"A socket has at most {MOST_SUBSCRIPTIONS} subscriptions."
            raise _NotObeyed("too_many_subscriptions", words, name)
        if time.monotonic() - self._minute >= MINUTE_S:
            self._minute, self._begun = time.monotonic(), 0
        self._begun += 1
        if self._begun > MOST_BEGUN:
            words = f"A socket begins at most {MOST_BEGUN} subscriptions a minute."
            raise _NotObeyed("rate_limited", words, name)

    async def _check(self, job: UUID) -> None:
        try:
            await in_thread(visitors.find, self.credential, job)
        except Refused as refused:
            problem = refused.answer.data
            raise _NotObeyed(problem["code"], problem["detail"], str(job)) from refused

    def _want(self, job: UUID, name: str) -> None:
        if job not in self._told:
            task = asyncio.create_task(self._tell(job))
            self._told[job] = _Told(task)
            task.add_done_callback(lambda ended: self._forget(job, ended))
        self._told[job].wanted_by.add(name)

    def _forget(self, job: UUID, ended: asyncio.Task[None]) -> None:
        """Unless it is being told anew."""
        if job in self._told and self._told[job].task is ended:
            del self._told[job]

    async def _want_own(self) -> None:
        try:
            async with aclosing(follow_user(self.credential.user.pk)) as jobs:
                async for job in jobs:
                    self._want(job, MINE)
        except Unavailable:
            await self.socket.close(TRY_AGAIN)

    async def _tell(self, job: UUID) -> None:
        try:
            async with aclosing(follow(job)) as messages:
                async for message in messages:
                    if (told := await live.s1(job, message)) is not None:
                        await self.socket.tell({"type": "update", "channel": CHANNEL, **told})
        except Gone:
            await self.socket.tell(_NotObeyed("not_found", "It is not there any more.", str(job)).told)
        except Unavailable:
            await self.socket.close(TRY_AGAIN)


async def _end(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    ending = [task for task in tasks if task is not None]
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


@accepting
async def nothing_here(socket: Socket) -> None:
    """Any other address."""
    await socket.close(NOT_FOUND)
