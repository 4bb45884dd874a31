"""What a follower's messages are in the words of each contract that has any."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import redis
from django import db

from submissions import disclosure
from submissions.connections import in_thread
from submissions.dialects import values
from submissions.following import Message, Unavailable
from submissions.models import Submission

Words = Callable[[UUID, Message], Awaitable[Message | None]]
"""None: there are none for this message, and it is not sent."""


async def ours(submission_id: UUID, message: Message) -> Message | None:
    return message


async def s1(submission_id: UUID, message: Message) -> Message | None:
    return await _in(values.s1_message, submission_id, message)


async def s4(submission_id: UUID, message: Message) -> Message | None:
    return await _in(values.s4_message, submission_id, message)


async def _in(build: Callable[..., dict[str, Any]], submission_id: UUID, message: Message) -> Message | None:
    """The final one has the output. Raises Unavailable: without it, it would say that there was none."""
    if "seq" not in message:
        return None
    if not message["final"]:
        return build(submission_id, message)
    try:
        return build(submission_id, message, await in_thread(_texts, submission_id))
    except (db.Error, redis.RedisError) as error:
        raise Unavailable from error


def _texts(submission_id: UUID) -> values.Texts:
    submission = Submission.objects.kept().select_related("question").filter(pk=submission_id).first()
    return values.UNTOLD if submission is None else values.texts(disclosure.detail(submission))
