"""`/api/v1/submissions/` and `/api/v1/runs/`: take a program, tell how it goes."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import redis
from django.db import InterfaceError, OperationalError
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.scopes import Scope
from execution.errors import NoBackend
from submissions import disclosure, events, intake, lifecycle, waiting
from submissions.connections import pool
from submissions.models import Submission, SubmissionQuerySet
from submissions.serializers import (
    EventsQuery,
    ListQuery,
    RunSerializer,
    SubmitSerializer,
    WaitQuery,
    run_of,
)

logger = logging.getLogger(__name__)


class NotQueued(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "not_queued"
    default_detail = "It waits no more: it is being judged, or has ended."


class NewestFirst(CursorPagination):
    page_size = 25
    ordering = ("-created_at", "-id")

    def decode_cursor(self, request: Request) -> Cursor | None:
        """DRF hands a position on unseen; ours is a time, and what is none must not reach the database."""
        cursor = super().decode_cursor(request)
        if cursor is None or cursor.position is None:
            return cursor
        try:
            position = parse_datetime(str(cursor.position))
            in_range = position is not None and is_aware(position) and 1 < position.year < 9999
        except ValueError:
            in_range = False
        if not in_range:
            raise NotFound(self.invalid_cursor_message)
        return cursor


def owned(request: Request) -> SubmissionQuerySet:
    return Submission.objects.visible_to(request.user).select_related("question")


class SubmissionList(APIView):
    required_scopes = {"GET": Scope.READ, "POST": Scope.SUBMIT}

    def get(self, request: Request) -> Response:
        query = ListQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        rows = Submission.objects.filter(user=_user(request)).without_texts()
        paginator = NewestFirst()
        page = paginator.paginate_queryset(rows.filter(**query.filters()), request, view=self)
        return paginator.get_paginated_response([disclosure.summary(one) for one in page or []])

    def post(self, request: Request) -> Response:
        sent, wait = _validated(SubmitSerializer, request), _wants_to_wait(request)
        submission = intake.take(intake.NewSubmission(**sent), user=_user(request), answer=_taken).submission
        # Without a server it may take long; who waits for an answer learns at once where to look.
        is_soon = wait and pool().is_available(submission.language)
        return _answer(submission, "api-submission", wait=is_soon)


class SubmissionDetail(APIView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        return Response(disclosure.detail(get_object_or_404(owned(request), pk=pk)))


class SubmissionCancel(APIView):
    required_scopes = {"POST": Scope.SUBMIT}

    def post(self, request: Request, pk: UUID) -> Response:
        own = Submission.objects.filter(user=_user(request)).without_texts()
        if lifecycle.cancel(get_object_or_404(own, pk=pk)) is None:
            raise NotQueued
        return Response(disclosure.summary(own.get(pk=pk)))


class SubmissionEvents(APIView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        query = EventsQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        submission = get_object_or_404(owned(request).without_texts(), pk=pk)
        return Response(
            {
                "events": events.after(submission, query.validated_data["after"]),
                "final": submission.is_final,
                "queue": disclosure.queue(submission),
            }
        )


class RunList(APIView):
    required_scopes = {"POST": Scope.SUBMIT}

    def post(self, request: Request) -> Response:
        sent, wait = _validated(RunSerializer, request), _wants_to_wait(request)
        submission = intake.take(run_of(sent), user=_user(request), answer=_taken).submission
        return _answer(submission, "api-run", wait=wait)


class RunDetail(APIView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        runs = owned(request).filter(kind=Submission.Kind.RUN)
        return Response(disclosure.detail(get_object_or_404(runs, pk=pk)))


class NothingHere(APIView):
    """Any other address below the API's: a problem document, not a page."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is nothing at this address. (All addresses end with a slash.)")


def _user(request: Request) -> User:
    """Who asks; the permission class has let nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def _taken(submission: Submission) -> dict[str, Any]:
    """As it is answered with 202; its place in the queue is looked up after that."""
    return disclosure.summary(submission) | {"queue": None}


def _validated(serializer_class: type[Any], request: Request) -> dict[str, Any]:
    serializer = serializer_class(data=request.data, context={"user": request.user})
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _wants_to_wait(request: Request) -> bool:
    query = WaitQuery(data=request.query_params.dict())  # of a QueryDict, nothing would count as left out
    query.is_valid(raise_exception=True)
    return bool(query.validated_data["wait"] == "true")


def _answer(submission: Submission, view_name: str, *, wait: bool) -> Response:
    """200 with all of it where the end was waited for and came in time; else 202 with where to look.

    Raises NoBackend for a run that was waited for and found no server. Nothing else: it is taken, and a client that
    got an error would send it again.
    """
    ended = waiting.await_end(submission) if wait else None
    headers = {"Location": reverse(view_name, args=[submission.pk])}
    if ended is not None and ended.kind == Submission.Kind.RUN and ended.reason == NoBackend.code:
        raise NoBackend(ended.message)
    told = None if ended is None else _unless_away(disclosure.detail, ended)
    if told is not None:
        return Response(told, headers=headers)
    summary = disclosure.summary(submission) | {"queue": _unless_away(disclosure.queue, submission)}
    return Response(summary, status=status.HTTP_202_ACCEPTED, headers=headers)


def _unless_away(
    tell: Callable[[Submission], dict[str, Any] | None], submission: Submission
) -> dict[str, Any] | None:
    """None where the database or Redis, which is asked for it, does not answer just now."""
    try:
        return tell(submission)
    except (InterfaceError, OperationalError, redis.RedisError) as error:
        logger.error("%s was taken; no more can be told of it: %s", submission.pk, error)
        return None
