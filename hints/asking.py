"""From asking to a row that waits: the use cases of hints, reviews and analyses.

ask ──▶ is it offered, which judging (none: the public cases are run), which level, is it too often
        row QUEUED, texts in Redis ──after commit──▶ queue `hints`: hints.answering.answer(id)

What is refused on the way uses up nothing of the limit, nor does what was asked before: the same judging has one hint
of each level, and so has a program whose hint is on its way.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

import redis
from django import db
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from accounts import limits
from accounts.models import User
from execution import languages
from execution.errors import NoBackend
from execution.languages import Language
from hints import attempts, kept
from hints.answers import Kind, Level
from hints.attempts import WORDS, WhyNot
from hints.looks import language_of
from hints.models import HintRequest
from questions.models import Question
from submissions import intake
from submissions.connections import queue
from submissions.models import Submission
from submissions.receipts import one_by_one
from submissions.waiting import QueueFull

logger = logging.getLogger(__name__)

JOB = "hints.answering.answer"
QUEUE = "hints"
SCOPE = "ai"

# Why there is no answer.
LOST = "hint_lost"
NOT_JUDGED = "not_judged"
PROVIDER_REQUIRED = "provider_required"
PROVIDER_FAILED = "provider_failed"
WHY_NONE = {
    LOST: "It was lost, by our fault; it used up nothing.",
    NOT_JUDGED: "The program could not be judged, by our fault; it used up nothing.",
    PROVIDER_REQUIRED: "This needs a language model, and none is set up here.",
    PROVIDER_FAILED: "The language model gave no answer that can be shown; it used up nothing.",
}


class HintsOff(APIException):
    status_code = status.HTTP_403_FORBIDDEN
    default_code = "hints_off"
    default_detail = WORDS[WhyNot.OFF]


class LevelLocked(APIException):
    """The words say what opens it."""

    status_code = status.HTTP_403_FORBIDDEN
    default_code = "level_locked"


def ask_hint(
    *,
    user: User,
    question: Question,
    source: str,
    language: Language | None = None,
    level: Level | None = None,
    error_message: str = "",
) -> HintRequest:
    """About the latest judging of exactly this program; where there is none, the public cases are run.

    Without a level it is the highest that is open. Raises HintsOff, LevelLocked, ValidationError (the language cannot
    be told, or is not allowed); Limited, NoBackend, QueueFull, redis.RedisError and db.Error, after which nothing was
    taken.
    """
    _refuse_where_off(question)
    with one_by_one(_turn(user, question)):
        found = attempts.judged(user, question, source, language)
        spoken = _language(language, question, source, found)
        return _hint(_New(Kind.HINT, user, question, spoken, source, found, error_message), level)


def ask_hint_about(submission: Submission, level: Level | None = None) -> HintRequest:
    """The same about an attempt that is known, for its owner; its program must still be kept, or nothing can be said.

    Raises what `ask_hint` does; LevelLocked also where the program has expired.
    """
    question, source = submission.question, attempts.source_of(submission)
    assert question is not None  # an attempt is one at a question
    _refuse_where_off(question)
    if source is None:
        raise LevelLocked(WORDS[WhyNot.NO_ATTEMPT])
    language = languages.get(submission.language)
    with one_by_one(_turn(submission.user, question)):
        return _hint(_New(Kind.HINT, submission.user, question, language, source, submission), level)


def ask_review(
    *, user: User, source: str, language: Language | None = None, question: Question | None = None
) -> HintRequest:
    """Of code alone, or of a program for a question; of that the latest judging is told, and it is run without one.

    Raises what `ask_hint` does.
    """
    return _opinion(Kind.REVIEW, user, source, language, question)


def ask_analysis(
    *, user: User, source: str, language: Language | None = None, question: Question | None = None
) -> HintRequest:
    """As `ask_review`."""
    return _opinion(Kind.ANALYSIS, user, source, language, question)


def give_up_lost(user: User) -> None:
    """What nobody will answer any more has failed, by our fault, and uses up nothing."""
    for request in HintRequest.objects.of(user).lost():
        fail(request, LOST)


def fail(request: HintRequest, code: str, **known: Any) -> bool:
    """It ends without an answer and uses up nothing; False where it had ended before. `known` are more columns."""
    waiting = HintRequest.objects.filter(pk=request.pk, status__in=HintRequest.UNFINISHED)
    if not waiting.update(status=HintRequest.Status.FAILED, code=code, finished_at=Now(), **known):
        return False
    failed = HintRequest.objects.get(pk=request.pk)
    assert failed.finished_at is not None
    ago_s = (failed.finished_at - failed.created_at).total_seconds()
    transaction.on_commit(lambda: limits.refund(SCOPE, str(request.user_id), ago_s=ago_s), robust=True)
    return True


@dataclass(frozen=True)
class _New:
    kind: Kind
    user: User
    question: Question | None
    language: Language
    source: str = field(repr=False)
    submission: Submission | None
    error_message: str = field(default="", repr=False)


# --- Which hint ------------------------------------------------------------------------------------------------


def _turn(user: User, question: Question) -> str:
    """Whoever asks twice at once is answered once, and opens one level."""
    return f"hints:{user.pk}:{question.pk}"


def _hint(new: _New, wanted: Level | None) -> HintRequest:
    give_up_lost(new.user)
    level = _level(new, wanted)
    return _known(new, level) or _take(new, level)


def _level(new: _New, wanted: Level | None) -> Level:
    """Raises LevelLocked. Of a program that passed there is nothing to be opened."""
    assert new.question is not None  # hints are about one
    made_at = None
    if new.submission is not None:
        made_at = new.submission.created_at
        if new.submission.is_solved:
            return Level.NUDGE
    highest = attempts.opened_by(new.user, new.question, new.source, made_at)
    if wanted is not None and wanted > highest:
        raise LevelLocked(WORDS[WhyNot.NO_NEW_ATTEMPT])
    return wanted or highest


def _known(new: _New, level: Level) -> HintRequest | None:
    """The hint of this level about this judging, or one that is on its way about this program."""
    same = Q(
        source_sha256=attempts.fingerprint(new.source),
        language=new.language.slug,
        status__in=HintRequest.UNFINISHED,
    )
    if new.submission is not None:
        same |= Q(submission=new.submission)
    own = HintRequest.objects.of(new.user).hints().counting().filter(question=new.question, level=level)
    return own.filter(same).first()


def _opinion(
    kind: Kind, user: User, source: str, language: Language | None, question: Question | None
) -> HintRequest:
    if question is not None:
        _refuse_where_off(question)
    give_up_lost(user)
    found = attempts.judged(user, question, source, language)
    spoken = _language(language, question, source, found)
    return _take(_New(kind, user, question, spoken, source, found))


def _refuse_where_off(question: Question) -> None:
    if not question.offers_hints:
        raise HintsOff


def _language(
    given: Language | None, question: Question | None, source: str, found: Submission | None
) -> Language:
    """The one that was named, or that of the judging, or the only one, or the one that it looks like."""
    offered = list(languages.LANGUAGES) if question is None else question.languages()
    language = given or (languages.get(found.language) if found else _guessed(source, offered))
    slugs = ", ".join(one.slug for one in offered)
    if language is None:
        raise ValidationError({"language": [f"It cannot be told from the code; say one of {slugs}."]})
    if language not in offered and found is None:
        words = f"{language.name} is not allowed for this question; allowed are {slugs}."
        raise ValidationError({"language": [words]})
    return language


def _guessed(source: str, offered: list[Language]) -> Language | None:
    return offered[0] if len(offered) == 1 else language_of(source, offered)


# --- Taking it -------------------------------------------------------------------------------------------------


def _take(new: _New, level: Level | None = None) -> HintRequest:
    limits.take(SCOPE, str(new.user.pk))
    try:
        return _stored(new, level, new.submission or _run(new))
    except (db.Error, redis.RedisError, NoBackend, QueueFull, limits.Limited):
        limits.refund(SCOPE, str(new.user.pk))
        raise


def _run(new: _New) -> Submission | None:
    """The public cases, on the run quota; nothing is run of code without a question."""
    if new.question is None:
        return None
    run = intake.NewRun(language=new.language, source=new.source, question=new.question)
    return intake.take(run, user=new.user, answer=lambda made: {}).submission


def _stored(new: _New, level: Level | None, submission: Submission | None) -> HintRequest:
    request = HintRequest(
        kind=new.kind,
        user=new.user,
        question=new.question,
        submission=submission,
        level=level,
        language=new.language.slug,
        source_sha256=attempts.fingerprint(new.source),
    )
    # Before there is a row, which no worker may find without them; outside of any transaction.
    kept.store(request.pk, kept.Texts(new.source, new.error_message))
    try:
        with transaction.atomic():
            request.save(force_insert=True)
            transaction.on_commit(lambda: _ring(request), robust=True)
    except db.Error:
        kept.forget(request.pk)  # erasure goes by rows, and would not find it
        raise
    return request


def _ring(request: HintRequest) -> None:
    """Where Redis does not answer nobody comes, and after LOST_AFTER it is lost."""
    queue(QUEUE).enqueue_call(
        JOB,
        args=(str(request.pk),),
        job_id=f"hint-{request.pk}",
        result_ttl=0,
        failure_ttl=86400,
        timeout=-1,
    )
