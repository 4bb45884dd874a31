"""`/ws/submissions/<id>/?after=<seq>`: the numbered events of one submission, as they happen.

Join the group first, then send what is in the database after `after`: a change in between arrives twice rather than
never, and whatever has a number that was sent already is dropped. The channel layer may lose messages, so the
database is also asked every few seconds for as long as the socket is open. While it is queued, its place is told too.
"""

import asyncio
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django import db

from submissions import disclosure, events
from submissions.models import Submission

UNAUTHENTICATED = 4401
NOT_FOUND = 4404
TRY_AGAIN = 1013
ASK_AGAIN_S = 5.0


class SubmissionConsumer(AsyncJsonWebsocketConsumer):
    submission_id: UUID
    last = 0
    status = ""  # as it was sent last
    queue: dict[str, Any] | None = None
    asking: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        # Accepted before it is refused: a close before that reaches browsers as a bare 1006.
        await self.accept()
        self.submission_id = self.scope["url_route"]["kwargs"]["pk"]
        self.last = _after(self.scope["query_string"])
        user = self.scope["user"]
        if not user.is_authenticated:
            return await self.close(code=UNAUTHENTICATED)
        if not await self._is_visible(user):
            return await self.close(code=NOT_FOUND)
        await self.channel_layer.group_add(events.group(self.submission_id), self.channel_name)
        self.asking = asyncio.create_task(self._ask_again())
        return await self._catch_up()

    async def disconnect(self, code: int) -> None:
        if self.asking is not None:
            self.asking.cancel()
            await self.channel_layer.group_discard(events.group(self.submission_id), self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Nothing is expected from clients; what they send is ignored."""

    async def submission_events(self, message: dict[str, Any]) -> None:
        """From the channel layer: events that were recorded together."""
        for event in message["events"]:
            if event["seq"] == self.last + 1:
                await self._send(event)
            elif event["seq"] > self.last:
                await self._catch_up()

    async def _ask_again(self) -> None:
        while True:
            await asyncio.sleep(ASK_AGAIN_S)
            try:
                await self._catch_up()
            except db.Error:
                # The client comes back, or polls meanwhile; a socket that stays silent would deceive it.
                await self.close(code=TRY_AGAIN)
                return

    async def _catch_up(self) -> None:
        try:
            pending, is_final, queue = await self._look(self.last)
        except Submission.DoesNotExist:
            await self.close(code=NOT_FOUND)
            return
        for event in pending:
            await self._send(event)
        if is_final and not pending:
            await self.close(code=1000)
        await self._send_queue(queue)

    async def _send(self, event: dict[str, Any]) -> None:
        if event["seq"] <= self.last:
            return
        self.last = event["seq"]
        self.status = event["status"]
        self.queue = None  # with each change a place begins anew, be it the same
        await self.send_json(event)
        if event["final"]:
            await self.close(code=1000)

    async def _send_queue(self, queue: dict[str, Any] | None) -> None:
        """Its place in the queue, when that has changed; it has no number, for others move it.

        An event that came while the place was looked up says more.
        """
        is_queued = self.status in ("", Submission.Status.QUEUED)
        if queue is not None and queue != self.queue and is_queued:
            await self.send_json({"type": "queue", "submission": str(self.submission_id), "queue": queue})
        self.queue = queue

    @database_sync_to_async
    def _is_visible(self, user: Any) -> bool:
        return Submission.objects.visible_to(user).filter(pk=self.submission_id).exists()

    @database_sync_to_async
    def _look(self, seq: int) -> tuple[list[dict[str, Any]], bool, dict[str, Any] | None]:
        """The events after `seq`, whether it is final, and its place in the queue."""
        submission = Submission.objects.without_texts().get(pk=self.submission_id)
        return events.after(submission, seq), submission.is_final, disclosure.queue(submission)


def _after(query_string: bytes) -> int:
    """The number the client has seen; whatever is no number counts as none."""
    value = parse_qs(query_string.decode("latin-1")).get("after", ["0"])[0]
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


class NothingHere(AsyncJsonWebsocketConsumer):
    """Any other address."""

    async def connect(self) -> None:
        await self.accept()
        await self.close(code=NOT_FOUND)
