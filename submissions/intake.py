"""From what a client sends to a row that waits: was it sent before, is there room, is it too often, then the row.

What is refused on the way uses up nothing of the limit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import redis
from django import db
from django.db import transaction

from accounts import limits
from accounts.models import User
from execution.languages import Language
from questions.models import Question
from submissions import ephemeral, judging, lifecycle, receipts, waiting
from submissions.ephemeral import Trial
from submissions.models import Submission, Webhook


@dataclass(frozen=True, kw_only=True)
class NewSubmission:
    """A program to be graded. `metadata` is the client's own; `callback_url` is told the end."""

    language: Language
    source: str = field(repr=False)
    question: Question
    metadata: dict[str, Any] | None = None
    callback_url: str = ""

    kind = Submission.Kind.GRADED

    def prepare(self) -> None:
        """Nothing: all of it is in the row."""

    def start(self, user: User) -> Submission:
        return judging.submit(
            user=user,
            question=self.question,
            language=self.language,
            source=self.source,
            metadata=self.metadata,
        )


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A program to be tried on the public cases of its question, if it has one, and on those of `trial`."""

    language: Language
    source: str = field(repr=False)
    question: Question | None = None
    trial: Trial = field(default_factory=Trial, repr=False)
    metadata: dict[str, Any] | None = None
    callback_url: str = ""
    pk: UUID = field(default_factory=uuid4)

    kind = Submission.Kind.RUN

    def prepare(self) -> None:
        """Keep its texts before there is a row, which no worker may find without them.

        Outside of any transaction: a Redis that hangs would hold up everybody who writes. Should the row not come to
        be, they expire.
        """
        ephemeral.store(self.pk, source=self.source.encode(), trial=self.trial)

    def start(self, user: User) -> Submission:
        return judging.run(
            self.pk,
            user=user,
            question=self.question,
            language=self.language,
            source_bytes=len(self.source.encode()),
            metadata=self.metadata,
        )


Answer = Callable[[Submission], dict[str, Any]]


@dataclass(frozen=True)
class Taken:
    """`answer` is what the client is told now; where it sent the same before, what it was told then."""

    submission: Submission
    answer: dict[str, Any]
    is_repeated: bool = False


def take(
    new: NewSubmission | NewRun, *, user: User, answer: Answer, request: receipts.Request | None = None
) -> Taken:
    """A learner's program; it is safe after this. `request` is given where the client may send it more than once.

    `answer` may be asked within a transaction: it must ask nobody but the database.

    Raises NoBackend, QueueFull, Limited and receipts.KeyReused; redis.RedisError (of a run only) and django.db.Error
    where it could not be stored. Nothing was taken then.
    """
    if request is not None and (known := receipts.find(user, request)):
        return Taken(known.submission, known.answer, is_repeated=True)
    scope = lifecycle.LIMITED[new.kind]
    waiting.admit(new.kind, new.language.slug)
    limits.take(scope, str(user.pk))
    try:
        new.prepare()
        with transaction.atomic():
            submission = new.start(user)
            if new.callback_url:
                Webhook.objects.create(submission=submission, url=new.callback_url)
            told = answer(submission)
            if request is not None:
                receipts.keep(user, request, submission, told)
    except receipts.KnownMeanwhile:
        limits.refund(scope, str(user.pk))
        assert request is not None
        known = receipts.find(user, request)
        assert known is not None  # receipts are kept for longer than a request takes
        return Taken(known.submission, known.answer, is_repeated=True)
    except (db.Error, redis.RedisError):
        limits.refund(scope, str(user.pk))
        raise
    return Taken(submission, told)
