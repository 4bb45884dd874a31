"""S3's `/api/ai/hint`, `hints`, `review` and `analyze`, and what was asked for at `/api/ai/requests/<id>`.

Whoever asks waits for the answer unless told `?wait=false`; what takes longer is answered 202 with the address of the
request. Our faults are problem documents.
"""

import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import user_of
from accounts.scopes import Scope
from accounts.throttles import ApiView
from hints import asking, attempts, pieces
from hints.answers import Kind, Level
from hints.models import HintRequest, HintRequestQuerySet
from hints.serializers import AnalysisBody, HintBody, HintsBody, RatingBody, ReviewBody
from submissions.awaiting import answer_later
from submissions.connections import DATABASE_FAILS
from submissions.dialects.bodies import WaitUnlessToldQuery
from submissions.following import Unavailable
from submissions.serializers import validated
from submissions.taking import NotJudged, wants_to_wait

logger = logging.getLogger(__name__)

LOOK_AT = "ai-request"

Told = Callable[[HintRequest], dict[str, Any]]
"""How an answer is told."""


class NoAnswer(APIException):
    """The code is the request's: provider_failed or hint_lost."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class NoProvider(NoAnswer):
    """Asking again does not help."""

    is_passing = False


FAILURES = {asking.NOT_JUDGED: NotJudged, asking.PROVIDER_REQUIRED: NoProvider}


class Hint(ApiView):
    """The highest level that is open."""

    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": asking.SCOPE}

    def post(self, request: Request) -> Response:
        return _answer(request, asking.ask_hint(user=user_of(request), **validated(HintBody, request)), hint)


class Hints(ApiView):
    """The same, of a level that one may choose, with all that there are."""

    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": asking.SCOPE}

    def post(self, request: Request) -> Response:
        return _answer(
            request, asking.ask_hint(user=user_of(request), **validated(HintsBody, request)), hints
        )


class Review(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": asking.SCOPE}

    def post(self, request: Request) -> Response:
        asked = asking.ask_review(user=user_of(request), **validated(ReviewBody, request))
        return _answer(request, asked, opinion)


class Analyze(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": asking.SCOPE}

    def post(self, request: Request) -> Response:
        asked = asking.ask_analysis(user=user_of(request), **validated(AnalysisBody, request))
        return _answer(request, asked, opinion)


class OneRequest(ApiView):
    """One's own, whatever has become of it."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        asking.give_up_lost(user_of(request))
        return Response(state(get_object_or_404(_own(request), pk=pk)))


class Rating(ApiView):
    """Whether it was helpful; one may change one's mind."""

    required_scopes = {"POST": Scope.SUBMIT}

    def post(self, request: Request, pk: UUID) -> Response:
        was_helpful = validated(RatingBody, request)["was_helpful"]
        rated = get_object_or_404(_own(request).answered(), pk=pk)
        rated.was_helpful = was_helpful
        rated.save(update_fields=["was_helpful"])
        return Response(state(rated))


def _own(request: Request) -> HintRequestQuerySet:
    return HintRequest.objects.of(user_of(request))


# --- Waiting for it --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AwaitedAnswer:
    """The end of a request; see `submissions.awaiting`."""

    request_id: UUID
    seconds: float
    tell: Told

    @property
    def log_fields(self) -> dict[str, Any]:
        return {"hint": self.request_id}

    def rows(self) -> HintRequestQuerySet:
        return HintRequest.objects.filter(pk=self.request_id).exclude(status__in=HintRequest.UNFINISHED)

    async def come(self) -> None:
        """Raises Unavailable where nothing more is heard of it."""
        async with aclosing(pieces.follow(self.request_id)) as coming:
            async for piece in coming:
                if piece.is_end:
                    return
        raise Unavailable

    def told(self) -> dict[str, Any] | None:
        try:
            return answered(HintRequest.objects.get(pk=self.request_id), self.tell)
        except (HintRequest.DoesNotExist, *DATABASE_FAILS) as error:
            logger.error("no more can be told of it: %s", error, extra=self.log_fields)
            return None


def _answer(request: Request, asked: HintRequest, tell: Told) -> Response:
    location = {"Location": reverse(LOOK_AT, args=[asked.pk])}
    if asked.status == HintRequest.Status.DONE:
        return Response(tell(asked), headers=location)
    held = Response(state(asked), status=status.HTTP_202_ACCEPTED, headers=location)
    if not wants_to_wait(request, WaitUnlessToldQuery):
        return held
    return answer_later(request, AwaitedAnswer(asked.pk, settings.SYNC_WAIT_MAX_S, tell), held)


def answered(ended: HintRequest, tell: Told) -> dict[str, Any]:
    """Raises NoAnswer or NotJudged where it has none."""
    if ended.status != HintRequest.Status.DONE:
        code = ended.code or asking.LOST
        raise FAILURES.get(code, NoAnswer)(asking.WHY_NONE[code], code)
    return tell(ended)


# --- In S3's words ---------------------------------------------------------------------------------------------


def state(request: HintRequest) -> dict[str, Any]:
    """As it stands; `answer` is null until it is done."""
    tell = hint if request.kind == Kind.HINT else opinion
    return {
        "id": str(request.pk),
        "kind": request.kind,
        "status": request.status,
        "code": request.code,
        "level": request.told_level,
        "language": request.language,
        "helpful": request.was_helpful,
        "createdAt": request.created_at,
        "finishedAt": request.finished_at,
        "answer": tell(request) if request.status == HintRequest.Status.DONE else None,
    }


def hint(request: HintRequest) -> dict[str, Any]:
    answer: Any = request.answer
    return {
        "id": str(request.pk),
        "level": request.told_level,
        "source": _source(request),
        "hint": answer["hint"],
        "confidence": answer["confidence"],
        "suggestedApproach": answer["approach"],
        "nextSteps": answer["next_steps"],
        "line": answer["line"],
    }


def hints(request: HintRequest) -> dict[str, Any]:
    """With the latest of each level that the learner has had at this question."""
    assert request.question is not None  # hints are about one
    own = HintRequest.objects.of(request.user).hints().filter(question=request.question)
    given = own.given().newest_of_each_level() | {request.told_level: request}
    texts = {level: _text(one) for level, one in given.items()}
    standing = attempts.standing(request.user, request.question)
    highest = max(level or 0 for level in (standing.highest, *texts))
    levels = [
        {"level": level, "hint": texts.get(level), "unlocked": level <= highest} for level in map(int, Level)
    ]
    return {"hints": levels} | hint(request)


def _text(request: HintRequest) -> str:
    answer: Any = request.answer
    return str(answer["hint"])


def opinion(request: HintRequest) -> dict[str, Any]:
    """A review or an analysis, as it is kept."""
    answer: Any = request.answer
    return {"id": str(request.pk), "source": _source(request), **answer}


def _source(request: HintRequest) -> str:
    return "model" if request.is_by_model else "rules"
