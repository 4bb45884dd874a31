"""Following submissions, whatever carries it: the numbered messages after the n-th, then each as it happens.

Join the group first, then read from the database what is after n: a change in between arrives twice rather than
never, and what has a number that was sent already is dropped. The channel layer may lose messages, so the database
is asked every few seconds, once for all who follow something in this process (its event loop):

    follow ──joins──▶ hub ──one channel──▶ channel layer: exec.<submission>, user.<user>
      ▲                │ every ASK_AGAIN_S
      └────inbox───────┴──one query──▶ database

Nobody who follows has a thread or a connection. Who may follow what is not decided here.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, ParamSpec, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer
from django import db
from prometheus_client import Histogram

from submissions import events, waiting
from submissions.connections import in_thread
from submissions.models import Submission

logger = logging.getLogger(__name__)

ASK_AGAIN_S = 5.0
JOIN_S = 2.0  # who cannot join by then goes on without, and finds in the database what it does not hear
AFTER_FAILURE_S = 0.1  # what fails each time shall not keep the event loop busy
REMEMBERED = 10_000  # of a user's submissions: more than can be unfinished at once

LATENCY = Histogram(
    "judge_event_latency_seconds",
    "From the commit of a change until a follower was sent it, by the clocks of two processes.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

P = ParamSpec("P")
T = TypeVar("T")

Message = dict[str, Any]


class Gone(Exception):
    """There is no such submission any more, or it was a run and has expired."""


class Unavailable(Exception):
    """The database does not answer. Who comes back with the last number has missed nothing."""


@dataclass(frozen=True)
class News:
    """`committed_at` (seconds since 1970) is only known of what was heard of as it happened."""

    messages: Sequence[Message]
    committed_at: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Found(News):
    """What the database says of a submission: its last number; its place, if it is queued and that was asked for."""

    seq: int
    is_final: bool
    queue: Message | None


async def follow(submission_id: UUID, after: int = 0, *, with_place: bool = False) -> AsyncGenerator[Message]:
    """The messages with a higher number, each once and in order; the place in the queue too whenever it changes.

    After a number that is higher than any there is one snapshot, then what comes. It ends after the final message; at
    once where that has been seen. Raises Gone and Unavailable.
    """
    follower = _Follower(submission_id, after, with_place)
    async with _joined(follower):
        found = await _found(follower)
        follower.last = after if after <= found.seq else 0
        news: News = found
        while True:
            for message in follower.taken(news):
                yield message
                if news.committed_at is not None:  # whoever follows has sent it by now
                    LATENCY.observe(max(0.0, time.time() - news.committed_at))
            if follower.is_over:
                return
            news = await follower.news()
            if follower.would_miss_some_of(news):
                news = await _found(follower)


async def follow_user(user_id: int) -> AsyncGenerator[UUID]:
    """Those of the user's submissions that have not ended, then each whose status changes; each once.

    One that begins and ends while the channel layer is away is not told. Raises Unavailable.
    """
    listener = _Listener(events.user_group(user_id))
    told: OrderedDict[UUID, None] = OrderedDict()  # what was heard of last is at the end
    async with _joined(listener):
        news = (await _asked(_unfinished, [listener.group])).get(listener.group, News([]))
        while True:
            for one in news.messages:
                if _is_new(job := UUID(one["submission"]), told):
                    yield job
            news = await listener.news()


def _is_new(job: UUID, told: OrderedDict[UUID, None]) -> bool:
    """It is told from now on; the one that was not heard of for longest is forgotten where there are too many."""
    is_new = job not in told
    told[job] = None
    told.move_to_end(job)
    if len(told) > REMEMBERED:
        told.popitem(last=False)
    return is_new


def look(seen: Mapping[UUID, int], placed: Collection[UUID] = ()) -> dict[UUID, Found]:
    """What is new of each submission after the number that was seen; those that are gone are missing.

    The places in the queue are looked for of those that are `placed`.
    """
    rows = Submission.objects.kept().without_texts().in_bulk(list(seen))
    queued = [rows[pk] for pk in placed if pk in rows and rows[pk].status == Submission.Status.QUEUED]
    places = {pk: asdict(place) for pk, place in waiting.places(queued).items()} if queued else {}
    return {
        pk: Found(events.after(row, seen[pk]), row.seq, row.is_final, places.get(pk))
        for pk, row in rows.items()
    }


def _unfinished(groups: Sequence[str]) -> dict[str, News]:
    """By the groups of users who have any; of a submission no more than which one it is."""
    users = [int(one.removeprefix(events.user_group(""))) for one in groups]
    rows = Submission.objects.kept().unfinished().filter(user__in=users).order_by("created_at")
    found: dict[str, list[Message]] = {}
    for user_id, pk in rows.values_list("user", "pk"):
        found.setdefault(events.user_group(user_id), []).append({"submission": str(pk)})
    return {group: News(messages) for group, messages in found.items()}


async def _asked(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return await in_thread(question, *args, **kwargs)
    except db.Error as error:
        logger.error("the database does not answer those who follow: %s", error)
        raise Unavailable from error


class _Listener:
    """Hears what its group is told."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.inbox: asyncio.Queue[News | Exception] = asyncio.Queue()

    async def news(self) -> News:
        news = await self.inbox.get()
        if isinstance(news, Exception):
            raise news
        return news


class _Follower(_Listener):
    """One who follows a submission; knows what was sent."""

    def __init__(self, submission_id: UUID, after: int, with_place: bool) -> None:
        super().__init__(events.group(submission_id))
        self.submission_id = submission_id
        self.last = after
        self.with_place = with_place
        self.is_over = False
        self._status = ""  # as it was sent last
        self._queue: Message | None = None

    def would_miss_some_of(self, news: News) -> bool:
        unseen = [one for one in news.messages if one["seq"] > self.last]
        return bool(unseen) and unseen[0]["seq"] > self.last + 1 and unseen[0]["type"] != "snapshot"

    def taken(self, news: News) -> Iterator[Message]:
        """What of it is to be sent."""
        for message in news.messages:
            if message["seq"] > self.last:
                self.last, self._status = message["seq"], message["status"]
                self._queue = None  # with each change a place begins anew, be it the same
                self.is_over = message["final"]
                yield message
        if isinstance(news, Found):
            self.is_over = self.is_over or news.is_final
            if self.with_place:
                yield from self._place(news.queue)

    def _place(self, queue: Message | None) -> Iterator[Message]:
        """Its place in the queue, when that has changed; it has no number, for others move it.

        An event that came while the place was looked up says more.
        """
        is_queued = self._status in ("", Submission.Status.QUEUED)
        if queue is not None and queue != self._queue and is_queued:
            yield {"type": "queue", "submission": str(self.submission_id), "queue": queue}
        self._queue = queue


async def _found(follower: _Follower) -> Found:
    """What is new for it. Raises Gone and Unavailable."""
    pk = follower.submission_id
    found = await _asked(look, {pk: follower.last}, [pk] if follower.with_place else [])
    if pk not in found:
        raise Gone
    return found[pk]


class _Hub:
    """Hears and asks for all who follow something in one event loop; it ends when the last one has left."""

    def __init__(self) -> None:
        self._layer: Any = get_channel_layer()  # type: ignore[no-untyped-call]
        self._listeners: dict[str, set[_Listener]] = {}  # by group
        self._joined: dict[str, asyncio.Task[None]] = {}
        self._channel = ""  # of the channel layer; empty until one could be had
        self._opening = asyncio.Lock()
        self._is_deaf = False
        self._is_over = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking = self._start(_forever(self._ask_again))
        self._hearing: asyncio.Task[None] | None = None

    async def join(self, listener: _Listener) -> None:
        """After this it hears; or, if the channel layer does not answer, its news are looked for."""
        self._listeners.setdefault(listener.group, set()).add(listener)
        if listener.group not in self._joined:
            self._joined[listener.group] = self._start(self._add(listener.group))
        await asyncio.wait({self._joined[listener.group]}, timeout=JOIN_S)

    def leave(self, listener: _Listener) -> None:
        others = self._listeners[listener.group]
        others.discard(listener)
        if others:
            return
        del self._listeners[listener.group]
        if joining := self._joined.pop(listener.group, None):
            self._start(self._discard(listener.group, joining))
        if not self._listeners:
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._asking.cancel()
        if self._hearing is not None:
            self._hearing.cancel()
        _hubs.pop(asyncio.get_running_loop(), None)

    async def _add(self, group: str) -> None:
        """What cannot be joined is tried again with the next look."""
        try:
            await self._layer.group_add(group, await self._opened())
        except Exception as error:  # whatever it was: nobody else would try again
            self._joined.pop(group, None)
            if not self._is_deaf:
                logger.warning("news of submissions are not heard, only looked for: %r", error)
            self._is_deaf = True
        else:
            self._is_deaf = False

    async def _opened(self) -> str:
        async with self._opening:
            if not self._channel:
                self._channel = await self._layer.new_channel()
                self._hearing = self._start(_forever(self._hear))
                if self._is_over:
                    self._hearing.cancel()
        return self._channel

    async def _discard(self, group: str, joining: asyncio.Task[None]) -> None:
        await asyncio.wait({joining})
        if not self._channel or group in self._listeners:
            return
        try:
            await self._layer.group_discard(group, self._channel)
        except Exception as error:
            logger.warning("the group %s was not left: %r", group, error)

    async def _hear(self) -> None:
        message = await self._layer.receive(self._channel)
        # A worker of the version before tells no time.
        self._tell(message["group"], News(message["events"], committed_at=message.get("committed_at")))

    async def _ask_again(self) -> None:
        await asyncio.sleep(ASK_AGAIN_S)
        for group in self._listeners.keys() - self._joined.keys():
            self._joined[group] = self._start(self._add(group))
        await self._look_for_all()

    async def _look_for_all(self) -> None:
        """One question for all who follow a submission, one for all who follow a user."""
        listeners = [one for those in self._listeners.values() for one in those]
        seen: dict[UUID, int] = {}
        placed: set[UUID] = set()
        for one in listeners:
            if isinstance(one, _Follower):
                seen[one.submission_id] = min(one.last, seen.get(one.submission_id, one.last))
                placed |= {one.submission_id} if one.with_place else set()
        users = [one.group for one in listeners if not isinstance(one, _Follower)]
        try:
            found = await _asked(look, seen, placed) if seen else {}
            unfinished = await _asked(_unfinished, users) if users else {}
        except Unavailable:
            for one in listeners:
                one.inbox.put_nowait(Unavailable())
            return
        for pk in seen:
            self._tell(events.group(pk), found.get(pk) or Gone())
        for group, news in unfinished.items():
            self._tell(group, news)

    def _tell(self, group: str, news: News | Exception) -> None:
        for listener in self._listeners.get(group, ()):
            listener.inbox.put_nowait(news)

    def _start(self, act: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that is kept until it is done: the event loop itself keeps none."""
        task = asyncio.create_task(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _forever(act: Callable[[], Awaitable[None]]) -> None:
    """Again and again, whatever fails: all who follow something depend on it, and nobody else would see it end."""
    while True:
        try:
            await act()
        except Exception:
            logger.exception("following goes on")
            await asyncio.sleep(AFTER_FAILURE_S)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, _Hub] = WeakKeyDictionary()


@asynccontextmanager
async def _joined(listener: _Listener) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = _Hub()
    hub = _hubs[loop]
    try:
        await hub.join(listener)
        yield
    finally:
        hub.leave(listener)
