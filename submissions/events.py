"""Numbered changes of a submission: recorded with the change, published after its commit.

Publishing is a hint and may get lost; what counts is `after`, which every follower asks again.
"""

import asyncio
import logging
import threading
from typing import Any
from uuid import UUID

import redis
from channels.layers import get_channel_layer
from django.db import transaction

from submissions import disclosure
from submissions.models import CaseResult, Event, Submission

logger = logging.getLogger(__name__)


def group(submission_id: UUID) -> str:
    """The channel layer's group of those who follow this submission."""
    return f"exec.{submission_id}"


def record_status(submission: Submission) -> None:
    _record(submission, "status", disclosure.state(submission))


def record_case(submission: Submission, result: CaseResult) -> None:
    case = disclosure.case(result, submission)
    _record(submission, "case", disclosure.state(submission) | {"case": case})


def _record(submission: Submission, type: str, payload: dict[str, Any]) -> None:
    """Inside the transaction of the change; `submission` is the row as changed, with its new seq."""
    event = Event.objects.create(submission=submission, seq=submission.seq, type=type, payload=payload)
    transaction.on_commit(lambda: _publish(submission.pk, message(event)), robust=True)


def message(event: Event) -> dict[str, Any]:
    """As followers get it."""
    return {
        "seq": event.seq,
        "type": event.type,
        "submission": str(event.submission_id),
        **event.payload,
    }


def after(submission: Submission, seq: int) -> list[dict[str, Any]]:
    """The messages with a higher number, or one snapshot when they are no longer all there."""
    if seq >= submission.seq:
        return []
    rows = list(submission.events.filter(seq__gt=seq).order_by("seq"))
    if rows and rows[0].seq == seq + 1:
        return [message(row) for row in rows]
    return [snapshot(submission)]


def snapshot(submission: Submission) -> dict[str, Any]:
    return {
        "seq": submission.seq,
        "type": "snapshot",
        "submission": str(submission.pk),
        **disclosure.state(submission),
        "results": [disclosure.case(result, submission) for result in submission.case_results.all()],
    }


class _Bus:
    """One event loop in one thread sends for the whole process: a loop per message costs twice the CPU."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            # A forked child inherits the object but not the thread.
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="event-bus", daemon=True)
                self._thread.start()
            return self._loop


_bus = _Bus()


def _publish(submission_id: UUID, message: dict[str, Any]) -> None:
    asyncio.run_coroutine_threadsafe(_send(submission_id, message), _bus.loop())


async def _send(submission_id: UUID, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    try:
        await layer.group_send(group(submission_id), {"type": "submission.event", "event": message})
    except (redis.RedisError, OSError) as error:
        logger.warning("event %s of %s was not published: %s", message["seq"], submission_id, error)
