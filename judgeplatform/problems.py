"""How errors look: below `/api/` and `/v1/` RFC 9457 problem documents with a stable `code`; elsewhere pages."""

import logging
from http import HTTPStatus
from typing import Any

import redis
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import get_template
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.limits import Limited
from execution.errors import NoBackend
from submissions.connections import DATABASE_FAILS
from submissions.receipts import KeyReused
from submissions.waiting import QueueFull

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
SOON = {"Retry-After": "5"}
NOT_NOW = "Nothing can be taken or shown just now; please try again soon."
API = ("/api/", "/v1/")


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None (a 500) for what is not a client's doing."""
    if isinstance(error, Limited):
        return _problem(429, "rate_limited", str(error), headers={"Retry-After": str(error.retry_after_s)})
    if isinstance(error, QueueFull):
        return _problem(503, "queue_full", str(error), headers={"Retry-After": str(error.retry_after_s)})
    if isinstance(error, NoBackend):
        return _problem(502, error.code, str(error), headers=SOON)
    if isinstance(error, KeyReused):
        return _problem(422, "idempotency_key_reused", str(error))
    if isinstance(error, redis.RedisError):
        detail = "Runs cannot be taken or shown just now; please try again soon."
        return _problem(503, "unavailable", detail, headers=SOON)
    if isinstance(error, DATABASE_FAILS):
        logger.error("the database fails: %s", error)
        return _problem(503, "unavailable", NOT_NOW, headers=SOON)
    if isinstance(error, RequestDataTooBig):
        return _problem(413, "too_large", "The request body is too large.")
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    is_passing = getattr(error, "is_passing", error.status_code == HTTPStatus.SERVICE_UNAVAILABLE)
    headers = SOON.copy() if is_passing else {}
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
    document = _document(status, code, detail)
    if errors:
        document["errors"] = errors
    return Response(_unicode(document), status=status, headers=headers, content_type=CONTENT_TYPE)


def _document(status: int, code: Any, detail: str) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code if isinstance(code, str) else "error",
        "detail": detail,
    }


def _unicode(value: Any) -> Any:
    """Errors quote what was sent, and JSON can carry halves of characters, which cannot be sent back."""
    if isinstance(value, dict):
        return {_unicode(name): _unicode(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_unicode(part) for part in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


# --- What does not come from a view of the API -------------------------------------------------------------------


def is_api(path: str) -> bool:
    return path.startswith(API)


def document(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(_document(status, code, detail), status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """413 where the reason is the size."""
    is_too_large = isinstance(exception, RequestDataTooBig)
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_too_large else HTTPStatus.BAD_REQUEST
    if is_api(request.path_info):
        code = "too_large" if is_too_large else "bad_request"
        return document(status, code, "The request cannot be understood.")
    answer = defaults.bad_request(request, exception)
    answer.status_code = status
    return answer


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request.path_info):
        return document(403, "permission_denied", "This is not allowed.")
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request.path_info):
        return document(404, "not_found", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def not_now(request: HttpRequest) -> HttpResponse:
    """The database is away, full or read-only."""
    if is_api(request.path_info):
        answer = document(503, "unavailable", NOT_NOW)
    else:
        answer = HttpResponse(get_template("503.html").render(), status=503)
    for name, value in SOON.items():
        answer[name] = value
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    if is_api(request.path_info):
        return document(500, "internal", "Something went wrong on our side; it has been noted.")
    return defaults.server_error(request)
