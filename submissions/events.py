"""Numbered changes of a submission: recorded with the change, published after its commit.

Publishing is a hint and may get lost; what counts is `after`, which every follower asks again.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from copy import copy
from typing import Any
from uuid import UUID

import redis
from channels.layers import get_channel_layer
from django.db import transaction

from execution.types import Judged, Verdict
from submissions import disclosure
from submissions.models import CaseResult, Event, Submission

logger = logging.getLogger(__name__)


def group(submission_id: UUID) -> str:
    """The channel layer's group of those who follow this submission."""
    return f"exec.{submission_id}"


def user_group(user_id: int | str) -> str:
    """The one of those who follow all that this user submits: told of a change of status, which one has changed."""
    return f"user.{user_id}"


def record_status(submission: Submission) -> None:
    """`submission` is the row as changed, with its new seq."""
    _record(submission, [("status", disclosure.state(submission))])


def record_results(submission: Submission, results: Sequence[CaseResult], judged: Sequence[Judged]) -> None:
    """An event for each case, and one for the end where that came with them; `submission` is the row after all.

    `results` are rows of what was `judged`, in the same order.
    """
    end = [("status", disclosure.state(submission))] if submission.is_final else []
    before = copy(submission)
    if submission.is_final:
        before.status, before.verdict, before.reason = Submission.Status.RUNNING, None, ""
    payloads = []
    for result, step in zip(reversed(results), reversed(judged), strict=True):
        before.earned, before.score = step.points_so_far, step.score_so_far
        payloads.append(("case", disclosure.state(before) | {"case": disclosure.case(result, submission)}))
        before.cases_judged -= 1
        before.cases_passed -= result.verdict == Verdict.AC
    _record(submission, [*payloads[::-1], *end])


def _record(submission: Submission, payloads: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Inside the transaction of the change; the last one gets the row's seq, those before it the numbers before."""
    first = submission.seq - len(payloads) + 1
    recorded = Event.objects.bulk_create(
        Event(submission=submission, seq=seq, type=type, payload=payload)
        for seq, (type, payload) in enumerate(payloads, first)
    )
    messages = [message(event) for event in recorded]
    transaction.on_commit(lambda: _publish(submission, messages), robust=True)


def message(event: Event) -> dict[str, Any]:
    """As followers get it."""
    return {
        "seq": event.seq,
        "type": event.type,
        "submission": str(event.submission_id),
        **event.payload,
    }


def after(submission: Submission, seq: int) -> list[dict[str, Any]]:
    """The messages with a higher number, or one snapshot when they are no longer all there.

    Also for a number that is higher than any: whoever names it has it from another submission, or from before this
    database was restored.
    """
    if seq == submission.seq:
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
        "groups": disclosure.groups(submission),
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


def _publish(submission: Submission, messages: list[dict[str, Any]]) -> None:
    sending = _send(submission.pk, submission.user_id, messages, time.time())
    asyncio.run_coroutine_threadsafe(sending, _bus.loop())


async def _send(
    submission_id: UUID, user_id: int, messages: list[dict[str, Any]], committed_at: float
) -> None:
    """`committed_at` (seconds since 1970) lets followers measure how late they are."""
    told = {group(submission_id): messages}
    if any(message["type"] == "status" for message in messages):
        told[user_group(user_id)] = [{"submission": str(submission_id)}]
    layer = get_channel_layer()
    try:
        for name, news in told.items():
            told_to_all = {"group": name, "events": news, "committed_at": committed_at}
            await layer.group_send(name, {"type": "submission.events", **told_to_all})
    except (redis.RedisError, OSError) as error:
        last = messages[-1]["seq"]
        which = {"submission": submission_id}
        logger.warning("events up to %s were not published: %s", last, error, extra=which)
