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
from submissions import ephemeral, judging, lifecycle, receipts, waiting, webhooks
from submissions.ephemeral import Trial
from submissions.models import Submission


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


New = NewSubmission | NewRun
Answer = Callable[[Submission], dict[str, Any]]


@dataclass(frozen=True)
class Taken:
    """`answer` is what the client is told now; where it sent the same before, what it was told then.

    `place` is where it stood in the queue when it was taken, as far as that was known; None where it is repeated.
    """

    submission: Submission
    answer: dict[str, Any]
    place: waiting.Place | None = None

    @property
    def is_repeated(self) -> bool:
        return self.place is None


def take(new: New, *, user: User, answer: Answer, request: receipts.Request | None = None) -> Taken:
    """A learner's program; it is safe after this. `request` is given where the client may send it more than once.

    Whether the same was sent before is asked once more, when nobody else asks. `answer` may be asked within a
    transaction: it must ask nobody but the database.

    Raises NoBackend, QueueFull, Limited and receipts.KeyReused; redis.RedisError (of a run only) and django.db.Error
    where it could not be stored. Nothing was taken then.
    """
    if request is None:
        return _take(new, user, answer, None)
    with receipts.alone(user, request):
        return repeated(user, request) or _take(new, user, answer, request)


def repeated(user: User, request: receipts.Request) -> Taken | None:
    """What the same request has made before; None where it is new. Raises receipts.KeyReused."""
    known = receipts.find(user, request)
    return None if known is None else Taken(known.submission, known.answer)


def _take(new: New, user: User, answer: Answer, request: receipts.Request | None) -> Taken:
    scope = lifecycle.LIMITED[new.kind]
    place = waiting.admit(new.kind, new.language.slug)
    limits.take(scope, str(user.pk))
    try:
        new.prepare()
        with transaction.atomic():
            submission = new.start(user)
            if new.callback_url:
                webhooks.add(submission, new.callback_url)
            told = answer(submission)
            if request is not None:
                told = receipts.keep(user, request, submission, told)
    except (db.Error, redis.RedisError) as error:
        limits.refund(scope, str(user.pk))
        # Somebody with the same key may have been faster.
        if (
            request is not None
            and isinstance(error, db.IntegrityError)
            and (known := repeated(user, request))
        ):
            return known
        raise
    return Taken(submission, told, place)
