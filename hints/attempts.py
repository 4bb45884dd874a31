"""Which levels of hints are open to a learner at a question: each one after another failed attempt.

    no hint yet             a failed attempt opens level 1
    level n was given       another attempt opens level n + 1, or level 4 again
    a hint is on its way    nothing opens

Another attempt is one made after that level was given, with a program that no hint was about; blanks and ends of lines
make no other program. An attempt is a graded submission, or a run of the question that failed: a run that passes says
nothing of hidden cases. Of a run only what Redis still keeps can be told, so one that has expired counts no more.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from execution.languages import Language
from execution.types import Verdict
from hints.answers import Level
from hints.models import HintRequest
from questions.models import Question
from submissions import ephemeral
from submissions.models import CaseResult, Submission, SubmissionQuerySet

LOOKED_AT = 20  # of the newest: nobody means an attempt that is longer ago
FAILED = CaseResult.objects.filter(submission=OuterRef("pk")).exclude(verdict__in=(Verdict.AC, Verdict.SK))
PASSING_RUN = Q(kind=Submission.Kind.RUN) & ~Q(verdict=Verdict.CE) & ~Exists(FAILED.exclude(input_sha256=""))
"""It failed no case of the question: what a case of one's own expects is one's own business."""


class WhyNot(StrEnum):
    """Why no further level is open."""

    OFF = "off"
    NO_ATTEMPT = "no_attempt"
    SOLVED = "solved"
    NO_NEW_ATTEMPT = "no_new_attempt"


WORDS = {
    WhyNot.OFF: "There are no hints for this question.",
    WhyNot.NO_ATTEMPT: "Run or submit a program first: there is a hint once one has failed.",
    WhyNot.SOLVED: "Your last program passed: there is nothing to hint at.",
    WhyNot.NO_NEW_ATTEMPT: "The next level opens when you have changed your program and it has failed again.",
}


@dataclass(frozen=True)
class Standing:
    """`given` is the highest level so far, `next` the one that is open now, above it or once more the last, `attempt`
    what a hint would be about: the latest one, if it failed. `why_not` says why there is no next one.
    """

    given: Level | None
    next: Level | None
    attempt: Submission | None
    why_not: WhyNot | None = None

    @property
    def highest(self) -> Level | None:
        """The highest level that may be asked for."""
        return self.next or self.given

    @property
    def words(self) -> str:
        """What opens the next one, for people; empty where it is open."""
        return WORDS[self.why_not] if self.why_not else ""


def standing(user: User, question: Question) -> Standing:
    """Raises redis.RedisError where the attempts are runs and Redis does not answer."""
    given = _Given(user, question)
    if not question.offers_hints:
        return Standing(given.level, None, None, WhyNot.OFF)
    attempt, source = _latest(user, question)
    if attempt is None:
        return Standing(given.level, None, None, WhyNot.NO_ATTEMPT)
    if attempt.is_solved:
        return Standing(given.level, None, None, WhyNot.SOLVED)
    if given.is_followed_by(source, attempt.created_at):
        return Standing(given.level, given.next, attempt)
    return Standing(given.level, None, attempt, WhyNot.NO_NEW_ATTEMPT)


def opened_by(user: User, question: Question, source: str, made_at: datetime | None = None) -> Level:
    """The highest level that a failed attempt with this program opens; it is still to be made without `made_at`."""
    given = _Given(user, question)
    return given.next if given.level is None or given.is_followed_by(source, made_at) else given.level


def judged(
    user: User, question: Question | None, source: str, language: Language | None
) -> Submission | None:
    """The user's latest judging of exactly this program for the question, perhaps not over yet.

    Those that came to no verdict by our fault do not count, nor do runs that passed where there is another judging.
    """
    if question is None:
        return None
    alike = _attempts(user, question).filter(source_bytes=len(source.encode()))
    alike = alike.exclude(status=Submission.Status.ERROR)
    if language is not None:
        alike = alike.filter(language=language.slug)
    telling = alike.exclude(PASSING_RUN)[:LOOKED_AT]
    passing = alike.filter(PASSING_RUN)[:LOOKED_AT]
    return next((one for one in chain(telling, passing) if source_of(one) == source), None)


def source_of(submission: Submission) -> str | None:
    """None for a run that is no longer kept. Raises redis.RedisError."""
    if submission.kind != Submission.Kind.RUN:
        return submission.source
    texts = ephemeral.load(submission.pk)
    return None if texts is None else texts.source.decode()


def fingerprint(source: str) -> str:
    """By which a program is known again, whatever its blanks and ends of lines."""
    return hashlib.sha256("".join(source.split()).encode()).hexdigest()


def _attempts(user: User, question: Question) -> SubmissionQuerySet:
    """Newest first."""
    kinds = (Submission.Kind.GRADED, Submission.Kind.RUN)
    mine = Submission.objects.filter(user=user, question=question, kind__in=kinds).kept()
    return mine.select_related("question").order_by("-created_at")


def _latest(user: User, question: Question) -> tuple[Submission, str] | tuple[None, str]:
    """The latest attempt whose program is known, and the program."""
    found = _attempts(user, question).filter(status=Submission.Status.DONE).exclude(PASSING_RUN)
    for one in found[:LOOKED_AT]:
        if (source := source_of(one)) is not None:
            return one, source
    return None, ""


class _Given:
    """The hints that gave something away, those on their way included."""

    def __init__(self, user: User, question: Question) -> None:
        counting = HintRequest.objects.of(user).hints().counting().filter(question=question)
        self._hints = counting.exclude(verdict=Verdict.AC)
        self._highest = self._hints.order_by("-level", "created_at").first()

    @property
    def level(self) -> Level | None:
        return None if self._highest is None else Level(self._highest.level or Level.NUDGE)  # each has one

    @property
    def next(self) -> Level:
        return Level(min((self.level or 0) + 1, Level.PLAN))

    def is_followed_by(self, source: str, made_at: datetime | None) -> bool:
        """Whether an attempt made then (None: still to be made) with this program opens the next level."""
        if self._highest is None:
            return True
        given_at = self._highest.finished_at or self._highest.created_at
        if made_at is not None and made_at <= given_at:
            return False
        known = Q(source_sha256=fingerprint(source)) | Q(status__in=HintRequest.UNFINISHED)
        return not self._hints.filter(known).exists()
