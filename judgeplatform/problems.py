"""How errors look: of the API, RFC 9457 problem documents with a stable `code`; a page for a form that is too large."""

import logging
from http import HTTPStatus
from typing import Any

import redis
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.limits import Limited
from execution.errors import NoBackend
from submissions.waiting import QueueFull

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
SOON = {"Retry-After": "5"}


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None (a 500) for what is not a client's doing."""
    if isinstance(error, Limited):
        return _problem(429, "rate_limited", str(error), headers={"Retry-After": str(error.retry_after_s)})
    if isinstance(error, QueueFull):
        return _problem(503, "queue_full", str(error), headers={"Retry-After": str(error.retry_after_s)})
    if isinstance(error, NoBackend):
        return _problem(502, error.code, str(error), headers=SOON)
    if isinstance(error, redis.RedisError):
        detail = "Runs cannot be taken or shown just now; please try again soon."
        return _problem(503, "unavailable", detail, headers=SOON)
    if isinstance(error, InterfaceError | OperationalError):
        logger.error("the database does not answer: %s", error)
        return _problem(
            503, "unavailable", "Nothing can be taken or shown just now; please try again soon.", headers=SOON
        )
    if isinstance(error, RequestDataTooBig):
        return _problem(413, "too_large", "The request body is too large.")
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = SOON.copy() if error.status_code == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.ValidationError):
        by_field = _by_field(error.detail)
        detail = f"What was sent is not valid: {', '.join(by_field)}."
        return _problem(400, "invalid", detail, by_field, headers)
    errors = getattr(error, "errors", None)
    return _problem(error.status_code, error.get_codes(), str(error.detail), errors, headers)


def _by_field(detail: Any) -> dict[str, Any]:
    return detail if isinstance(detail, dict) else {"non_field_errors": detail}


def _problem(
    status: int,
    code: Any,
    detail: str,
    errors: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code if isinstance(code, str) else "error",
        "detail": detail,
    }
    if errors:
        document["errors"] = errors
    return Response(document, status=status, headers=headers, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's page for bad requests; 413 where the reason is the size."""
    answer = defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        answer.status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return answer
