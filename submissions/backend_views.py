"""What staff see of the backends: `GET /api/v1/backends/`, and “Judge servers” in the admin."""

from typing import Any

import redis
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import HasScope
from accounts.scopes import Scope
from accounts.throttles import ApiView
from submissions import backends
from submissions.backends import BackendStatus, Pair, State


class IsStaffWhoSeeSubmissions(BasePermission):
    def has_permission(self, request: Request | HttpRequest, view: APIView | None = None) -> bool:
        return bool(request.user.is_staff and request.user.has_perm("submissions.view_submission"))


class NothingKnown(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "How the judge servers are is not known now; please ask again soon."


class BackendList(ApiView):
    """In the order of JUDGE0_URLS."""

    permission_classes = (IsStaffWhoSeeSubmissions, HasScope)
    required_scopes = {"GET": Scope.ADMIN}

    def get(self, request: Request) -> Response:
        try:
            return Response(
                [_told(one) for one in backends.statuses()], headers={"Cache-Control": "no-store"}
            )
        except redis.RedisError as error:
            raise NothingKnown from error


def _told(backend: BackendStatus) -> dict[str, Any]:
    report = backend.report
    return {
        "url": backend.url,
        "state": backend.state,
        "since": backend.since,
        "breaker": backend.breaker,
        "in_flight": backend.in_flight,
        "max_in_flight": backend.most_in_flight,
        "languages": [_told_pair(pair) for pair in backend.pairs],
        "keeps_data": report.keeps_data if report else None,
        "queue": {"waiting": report.waiting, "workers": report.workers} if report else None,
        "detail": report.detail if report else "",
        "checked_at": backend.checked_at,
    }


def _told_pair(pair: Pair) -> dict[str, Any]:
    return {
        "slug": pair.language.slug,
        "offered": pair.offered,
        "standing": pair.standing,
        "since": pair.since,
        "detail": pair.last.detail if pair.last else "",
        "checked_at": pair.checked_at,
        "took_ms": pair.last.took_ms if pair.last else None,
    }


def page(request: HttpRequest) -> HttpResponse:
    """For the admin, which has let in staff only."""
    if not IsStaffWhoSeeSubmissions().has_permission(request):
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": "Judge servers", "now": timezone.now()}
    try:
        found = backends.statuses()
    except redis.RedisError:
        return TemplateResponse(request, "admin/backends.html", context | {"is_redis_away": True})
    context |= {
        "backends": found,
        "is_unvisited": all(one.state is State.UNKNOWN for one in found),
        "waited_for": [language.name for language in backends.waited_for(found)],
        "max_queue_age_min": round(settings.MAX_QUEUE_AGE_S / 60),
        "is_probing": settings.JUDGE0_PROBE_EVERY_S > 0,
        "probe_every_s": settings.JUDGE0_PROBE_EVERY_S,
    }
    return TemplateResponse(request, "admin/backends.html", context)
