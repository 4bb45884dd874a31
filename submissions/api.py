"""`/api/v1/submissions/` and `/api/v1/runs/`: take a program, tell how it goes."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import Resolver404, resolve, reverse
from django.utils.decorators import method_decorator
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.credentials import Credential
from accounts.permissions import user_of
from accounts.scopes import Scope
from accounts.throttles import ApiView
from questions.conditional import conditional_page
from questions.cursors import NewestFirst
from submissions import disclosure, events, intake, lifecycle
from submissions.awaiting import answer_at_news
from submissions.models import Receipt, Submission, SubmissionQuerySet
from submissions.serializers import (
    EventsQuery,
    ListQuery,
    RunListQuery,
    RunSerializer,
    SubmitSerializer,
    run_of,
    validated,
    validated_query,
)
from submissions.taking import judged, take, wants_to_wait


class NotQueued(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "not_queued"
    default_detail = "It waits no more: it is being judged, or has ended."


class SubmissionList(ApiView):
    required_scopes = {"GET": Scope.READ, "POST": Scope.SUBMIT}
    throttle_scope = {"POST": "submit"}

    def get(self, request: Request) -> Response:
        return _listed(self, request, Submission.objects.all(), ListQuery)

    def post(self, request: Request) -> Response:
        return _take(
            request, lambda: intake.NewSubmission(**validated(SubmitSerializer, request)), "api-submission"
        )


@method_decorator(conditional_page, name="dispatch")
class SubmissionDetail(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        rows = visible(request).select_related("question")
        return _detail(get_object_or_404(rows, pk=pk))


class SubmissionCancel(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}

    def post(self, request: Request, pk: UUID) -> Response:
        own = Submission.objects.kept().filter(user=user_of(request)).without_texts()
        if lifecycle.cancel(get_object_or_404(own, pk=pk)) is None:
            raise NotQueued
        return Response(disclosure.summary(own.get(pk=pk)))


@method_decorator(conditional_page, name="dispatch")
class SubmissionEvents(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        query = validated_query(EventsQuery, request)
        after, wait_s = query["after"], query["wait"]

        def told(submission: Submission) -> dict[str, Any]:
            return {
                "events": events.after(submission, after),
                "final": submission.is_final,
                "queue": disclosure.queue(submission),
            }

        submission = get_object_or_404(visible(request).without_texts(), pk=pk)
        answer = _as_it_is_now(told(submission))
        if not wait_s or submission.is_final or submission.seq != after:
            return answer
        return answer_at_news(request, submission, after, wait_s, told, answer)


class RunList(ApiView):
    required_scopes = {"GET": Scope.READ, "POST": Scope.SUBMIT}
    throttle_scope = {"POST": "run"}

    def get(self, request: Request) -> Response:
        return _listed(self, request, Submission.objects.filter(kind=Submission.Kind.RUN), RunListQuery)

    def post(self, request: Request) -> Response:
        return _take(request, lambda: run_of(validated(RunSerializer, request)), "api-run")


@method_decorator(conditional_page, name="dispatch")
class RunDetail(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        runs = visible(request).filter(kind=Submission.Kind.RUN).select_related("question")
        return _detail(get_object_or_404(runs, pk=pk))


class ReceiptDetail(ApiView):
    """What one's request with this Idempotency-Key has made."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, key: str) -> Response:
        own = Receipt.objects.select_related("submission").filter(user=user_of(request))
        receipt = get_object_or_404(own, key=key)
        made = receipt.submission
        is_run = made.kind == Submission.Kind.RUN
        return Response(
            {
                "key": receipt.key,
                "created_at": receipt.created_at,
                "kind": made.kind,
                "id": str(made.pk),
                "location": reverse("api-run" if is_run else "api-submission", args=[made.pk]),
                "answer": receipt.answer,
            }
        )


class NothingHere(ApiView):
    """Any other address below the API's: a problem document, not a page."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        more = " (All addresses end with a slash.)" if _lacks_a_slash(request.path_info) else ""
        raise NotFound(f"There is nothing at this address.{more}")


def _lacks_a_slash(path: str) -> bool:
    """Whether one more would lead to something."""
    try:
        found: Any = resolve(f"{path}/").func
    except Resolver404:
        return False
    return getattr(found, "cls", None) is not NothingHere


def visible(request: Request) -> SubmissionQuerySet:
    """Those that may be asked for with the credential of the request."""
    assert isinstance(request.auth, Credential)
    return Submission.objects.visible_with(request.auth).kept()


def _listed(
    view: ApiView, request: Request, rows: SubmissionQuerySet, query_class: type[RunListQuery]
) -> Response:
    """One's own among the rows, also runs of which nothing else is kept."""
    query = query_class(data=request.query_params.dict(), context={"credential": request.auth})
    query.is_valid(raise_exception=True)
    own = rows.filter(user=user_of(request), **query.filters()).without_texts().with_expiry()
    paginator = NewestFirst()
    page = paginator.paginate_queryset(own, request, view=view)
    told = [disclosure.summary(one) | {"expired": one.has_expired} for one in page or []]
    return paginator.get_paginated_response(told)


def _take(request: Request, new: Callable[[], intake.New], look_at: str) -> Response:
    return take(
        request,
        new,
        now=lambda made: disclosure.summary(made) | {"queue": None},
        in_line=lambda place: {"queue": asdict(place)},
        look_at=look_at,
        waits=wants_to_wait(request),
        at_end=lambda ended: judged(ended) | {"queue": None},
    )


def _as_it_is_now(told: dict[str, Any]) -> Response:
    """To be asked for again and again: where it is as the client has it, `conditional_page` answers 304."""
    return Response(told, headers={"Cache-Control": "private, no-cache"})


def _detail(submission: Submission) -> Response:
    return _as_it_is_now(disclosure.detail(submission) | {"queue": disclosure.queue(submission)})
