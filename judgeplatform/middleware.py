"""What every request passes before it reaches a view."""

import codecs
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django_prometheus.middleware import PrometheusAfterMiddleware

from judgeplatform import problems
from submissions.connections import DATABASE_FAILS
from submissions.parsers import too_large

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "windows-1252")
KNOWN = {codecs.lookup(name).name for name in CHARSETS}

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class Measured(PrometheusAfterMiddleware):
    """django-prometheus's counts by view, method and status, but that no word of a client's becomes a label."""

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)  # type: ignore[no-untyped-call]
        # A series that begins with a burst shows no increase, and there is an alert for these.
        self.metrics.responses_by_status.labels(status="500")

    def label_metric(self, metric: Any, request: HttpRequest, response: Any = None, **labels: str) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)  # type: ignore[no-untyped-call]
        return super().label_metric(metric, request, response, **labels)  # type: ignore[no-untyped-call]

    def process_request(self, request: HttpRequest) -> None:
        with suppress(ValueError):  # a length that is no number, which Django takes for none
            super().process_request(request)  # type: ignore[no-untyped-call]


def refuse_odd_charsets(get_response: GetResponse) -> GetResponse:
    """400 for a body in what Python calls an encoding but is no text (`hex`, `zlib` …): Django would fail on it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if not _is_known(charset):
            words = f"The body must be in one of {', '.join(CHARSETS)}."
            if problems.is_api(request.path_info):
                return problems.document(400, "bad_request", words)
            raise BadRequest(words)
        return get_response(request)

    return middleware


def _is_known(charset: str) -> bool:
    """By any of its names: `utf8`, `latin1` …"""
    try:
        return codecs.lookup(charset).name in KNOWN
    except (LookupError, ValueError):
        return False


def refuse_null_characters(get_response: GetResponse) -> GetResponse:
    """400 for one in an address or a session's cookie: PostgreSQL would not even look for such a text."""

    def middleware(request: HttpRequest) -> HttpResponse:
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        if "\0" in request.path_info or "\0" in session:
            raise BadRequest("There is a null character in the address or in the session's cookie.")
        return get_response(request)

    return middleware


def refuse_large_bodies(get_response: GetResponse) -> GetResponse:
    """413 for a body to the API that says itself that it is too large: no view, no parser looks at it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if problems.is_api(request.path_info) and _announced(request) > settings.MAX_BODY_BYTES:
            return problems.document(413, "too_large", too_large(settings.MAX_BODY_BYTES))
        return get_response(request)

    return middleware


class RefusedWhileTheDatabaseFails:
    """503 and when to try again, instead of a 500, for what a view could not do for want of the database."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DATABASE_FAILS):
            return None
        logger.error("the database fails: %s", exception)
        return problems.not_now(request)


def _announced(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0


ASKED_BY_ADDRESS = (
    "/healthz",
    "/health",
    "/health/",
    "/readyz",
    "/health/ready",
    "/health/ready/",
    "/metrics",
)


def let_probes_in(get_response: GetResponse) -> GetResponse:
    """Who probes or scrapes one replica of several knows its address only: it is taken to have asked by our name.

    Nothing that is answered there depends on the name.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info in ASKED_BY_ADDRESS:
            request.META["HTTP_HOST"] = settings.PUBLIC_HOST
        return get_response(request)

    return middleware
