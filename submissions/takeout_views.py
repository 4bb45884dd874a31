"""“My account” gives everybody a file with all that is kept of them."""

from collections.abc import AsyncIterator, Iterator
from typing import cast

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts import limits
from accounts.models import User
from accounts.views import of_account, too_many_requests
from submissions import takeout
from submissions.connections import in_thread

FILENAME = "my-data.zip"


@of_account
def export(request: HttpRequest) -> HttpResponseBase:
    user = cast(User, request.user)
    try:
        limits.take("export", str(user.pk))
    except limits.Limited as limited:
        return too_many_requests(request, limited)
    return StreamingHttpResponse(
        _as_it_is_made(takeout.pieces(user)),
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{FILENAME}"'},
    )


async def _as_it_is_made(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Django would first collect all of what is no asynchronous iterator."""
    while (piece := await in_thread(next, pieces, None)) is not None:
        yield piece
