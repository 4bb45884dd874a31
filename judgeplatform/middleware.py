"""What every request passes before it reaches a view."""

import codecs
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from judgeplatform import problems
from submissions.parsers import too_large

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "windows-1252")
KNOWN = {codecs.lookup(name).name for name in CHARSETS}

GetResponse = Callable[[HttpRequest], HttpResponse]


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


def _announced(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
