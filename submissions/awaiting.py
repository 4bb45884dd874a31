"""An answer that waits for something (such as an end) without a thread or a database connection while it does.

    client ──request──▶ holding_answers ──▶ Django: a view gives the answer that counts by now, and leaves in the ASGI
                          │                          scope what it waits for
                          ├── keeps that answer back, and lets what is awaited come
    client ◀──answer──────┘   it has come: 200 with what is told of it; else the answer kept back

Where no `holding_answers` is around (another kind of server, tests), the view waits in its own thread.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import redis
from django.conf import settings
from django.db.models import QuerySet
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from submissions import waiting
from submissions.connections import DATABASE_FAILS, in_thread
from submissions.following import Gone, Unavailable, follow
from submissions.models import Submission, SubmissionQuerySet
from submissions.visitors import ANSWERS, Application, Channel, answer_of, gone, until_one_ends

logger = logging.getLogger(__name__)

SLOT = "submissions.awaiting"  # in the ASGI scope
OF_THE_BODY = {b"content-length", b"content-type", b"etag"}

Render = Callable[[Submission], dict[str, Any]]
Message = dict[str, Any]


class Awaited(Protocol):
    """What is waited for, for so many seconds, and how it is told once it has come; `log_fields` say which it is."""

    @property
    def seconds(self) -> float: ...

    @property
    def log_fields(self) -> dict[str, Any]: ...

    def rows(self) -> QuerySet[Any]:
        """There is one once it has come."""

    async def come(self) -> None:
        """Until it has come. Raises Gone and Unavailable."""

    def told(self) -> dict[str, Any] | None:
        """With the row as it is then, in whatever thread; None where no more can be told.

        What it raises and the API has an answer for is the answer.
        """


@dataclass(frozen=True)
class AwaitedSubmission:
    """The end of a submission or, without `is_end`, any event after this number."""

    submission_id: UUID
    after: int
    is_end: bool
    seconds: float
    render: Render

    @property
    def log_fields(self) -> dict[str, Any]:
        return {"submission": self.submission_id}

    def rows(self) -> SubmissionQuerySet:
        rows = Submission.objects.filter(pk=self.submission_id)
        return rows.final() if self.is_end else rows.filter(seq__gt=self.after)

    async def come(self) -> None:
        async with aclosing(follow(self.submission_id, self.after)) as messages:
            async for message in messages:
                if "seq" in message and not self.is_end:
                    return

    def told(self) -> dict[str, Any] | None:
        """None is for what was taken, and whose owner must hear of that."""
        try:
            submission = Submission.objects.select_related("question").get(pk=self.submission_id)
            return self.render(submission)
        except (Submission.DoesNotExist, *DATABASE_FAILS, redis.RedisError) as error:
            logger.error("no more can be told of it: %s", error, extra=self.log_fields)
            return None


def answer_at_end(request: Request, submission: Submission, render: Render, held: Response) -> Response:
    """To be returned by an API view: 200 with what `render` makes of the submission, if it ends in SYNC_WAIT_MAX.

    As `answer_later` does; `render` gets the row with its question.
    """
    awaited = AwaitedSubmission(submission.pk, submission.seq, True, settings.SYNC_WAIT_MAX_S, render)
    return answer_later(request, awaited, held)


def answer_at_news(
    request: Request, submission: Submission, after: int, seconds: float, render: Render, held: Response
) -> Response:
    """The same for the next event after this number, or the end, within so many seconds."""
    awaited = AwaitedSubmission(submission.pk, after, False, min(seconds, settings.SYNC_WAIT_MAX_S), render)
    return answer_later(request, awaited, held)


def answer_later(request: Request, awaited: Awaited, held: Response) -> Response:
    """To be returned by an API view: 200 with what is told of it, if it comes in time.

    Otherwise, and where the database or Redis do not answer, `held` (a 202) counts. The later answer keeps its
    headers.
    """
    if request.method == "HEAD":
        return held
    slot: list[Awaited] | None = getattr(request._request, "scope", {}).get(SLOT)
    if slot is not None:
        slot.append(awaited)
        return held
    if not waiting.await_row(awaited.rows(), awaited.seconds):
        return held
    told = awaited.told()
    return held if told is None else Response(told, headers=dict(held.headers))


# --- Around Django ---------------------------------------------------------------------------------------------


def holding_answers(application: Application) -> Application:
    """The ASGI application, but that answers to be waited for are kept back; at most SYNC_WAITERS at once."""
    count = 0

    async def serve(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
        nonlocal count
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        slot: list[Awaited] = []
        held: list[Message] = []

        async def send_or_hold(message: Message) -> None:
            if (slot and count < settings.SYNC_WAITERS) or held:
                held.append(message)
            else:
                await send(message)

        await application({**scope, SLOT: slot}, receive, send_or_hold)
        if held:
            logger.info("an answer is held back", extra=slot[0].log_fields)
            count += 1
            ANSWERS.inc()
            try:
                await until_one_ends(gone(receive), _send_later(slot[0], held, send))
            finally:
                count -= 1
                ANSWERS.dec()

    return serve


async def _send_later(awaited: Awaited, held: Sequence[Message], send: Channel) -> None:
    later = await _later(awaited) if held[0]["status"] < 400 else None
    for message in held if later is None else _as_messages(later, held[0]["headers"]):
        await send(message)


async def _later(awaited: Awaited) -> Response | None:
    """None where the answer that is kept back counts."""
    try:
        async with asyncio.timeout(awaited.seconds):
            await awaited.come()
    except (TimeoutError, Gone, Unavailable):
        return None
    return await in_thread(_rendered, awaited)


def _rendered(awaited: Awaited) -> Response | None:
    try:
        told = awaited.told()
    except Exception as error:
        problem = answer_of(error)
        if problem is None:
            logger.exception("it cannot be told", extra=awaited.log_fields)
        return problem
    return None if told is None else Response(told, content_type="application/json")


def _as_messages(later: Response, headers: Sequence[tuple[bytes, bytes]]) -> list[Message]:
    body = JSONRenderer().render(later.data)
    kept = [(name, value) for name, value in headers if name.lower() not in OF_THE_BODY]
    own = {**later.headers, "Content-Type": str(later.content_type), "Content-Length": str(len(body))}
    added = [(name.encode(), value.encode("latin-1")) for name, value in own.items()]
    return [
        {"type": "http.response.start", "status": later.status_code, "headers": [*kept, *added]},
        {"type": "http.response.body", "body": body},
    ]
