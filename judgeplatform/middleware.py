"""What every request passes before it reaches a view."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "windows-1252")

GetResponse = Callable[[HttpRequest], HttpResponse]


def refuse_odd_charsets(get_response: GetResponse) -> GetResponse:
    """400 for a body in what Python calls an encoding but is no text (`hex`, `zlib` …): Django would fail on it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in CHARSETS:
            raise BadRequest(f"The body must be in one of {', '.join(CHARSETS)}.")
        return get_response(request)

    return middleware
