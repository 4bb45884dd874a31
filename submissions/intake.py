"""From what a learner sends to a row that waits: is there room, is it too often, then the row.

What is refused on the way uses up nothing of the limit.
"""

from collections.abc import Mapping
from typing import Any

import redis
from django import db

from accounts import limits
from accounts.models import User
from submissions import judging, lifecycle, waiting
from submissions.models import Submission


def take(kind: Submission.Kind, *, user: User, program: Mapping[str, Any]) -> Submission:
    """A learner's program, graded or run; `program` is what the serializer of its kind gives. It is safe after this.

    Raises NoBackend, QueueFull and Limited; redis.RedisError (of a run only) and django.db.Error where it could not be
    stored. Nothing was taken then.
    """
    scope = lifecycle.LIMITED[kind]
    waiting.admit(kind, program["language"].slug)
    limits.take(scope, str(user.pk))
    start = judging.run if kind == Submission.Kind.RUN else judging.submit
    try:
        return start(user=user, **program)
    except (db.Error, redis.RedisError):
        limits.refund(scope, str(user.pk))
        raise
