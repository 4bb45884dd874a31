"""From a request that brings a program to its answer: one way for our own API and for every dialect."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import user_of
from execution.errors import NoBackend
from submissions import disclosure, intake, receipts
from submissions.awaiting import answer_at_end
from submissions.connections import pool
from submissions.lifecycle import CANCELLED
from submissions.models import Submission
from submissions.serializers import WaitQuery, validated_query
from submissions.waiting import Place

Told = Callable[[Submission], dict[str, Any]]
"""How a contract tells a submission."""


class NotJudged(APIException):
    """For contracts whose answers have no place for our faults; the code is the submission's reason."""

    status_code = status.HTTP_502_BAD_GATEWAY


def wants_to_wait(request: Request, query: type[WaitQuery] = WaitQuery) -> bool:
    return bool(validated_query(query, request)["wait"] == "true")


def take(
    request: Request,
    new: Callable[[], intake.New],
    *,
    now: Told,
    look_at: str,
    waits: bool = False,
    at_end: Told = lambda ended: {},
    in_line: Callable[[Place], dict[str, Any]] = lambda place: {},
) -> Response:
    """202 with what `now` tells and where to look; who waits gets what `at_end` tells, if it ends in time.

    `new` reads the body, which is not looked at again where the same was sent before. `look_at` names the view.
    `in_line` tells its place in the queue, which is another each time: not to whoever sent a key, and is to be told
    the same again.
    """
    sent, user = receipts.sent_with(request), user_of(request)
    taken = sent and intake.repeated(user, sent)
    if not taken:
        taken = intake.take(new(), user=user, answer=now, request=sent)
    told = taken.answer | (in_line(taken.place) if taken.place and not sent else {})
    headers = {"Location": reverse(look_at, args=[taken.submission.pk])}
    if taken.is_repeated:
        headers[receipts.REPLAYED] = "true"
    held = Response(told, status=status.HTTP_202_ACCEPTED, headers=headers)
    # Without a server it may take long: who waits learns at once where to look.
    is_soon = waits and pool().is_available(taken.submission.language)
    return answer_at_end(request, taken.submission, at_end, held) if is_soon else held


def judged(ended: Submission) -> dict[str, Any]:
    """The detail of what has ended. Raises NoBackend for a run that found no server."""
    if ended.kind == Submission.Kind.RUN and ended.reason == NoBackend.code:
        raise NoBackend(ended.message)
    return disclosure.detail(ended)


def judged_by_us(ended: Submission) -> dict[str, Any]:
    """The same; raises NotJudged as well, for any other fault of ours."""
    detail = judged(ended)
    if ended.status == Submission.Status.ERROR and ended.reason != CANCELLED:
        raise NotJudged(ended.message, ended.reason)
    return detail
