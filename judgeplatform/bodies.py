"""How large the body of a request may be, by its address; and what keeps larger ones out of daphne's memory.

Twisted keeps a body in a file, but daphne then reads all of it before anybody can refuse it.
"""

import io
from http import HTTPStatus
from typing import IO, Any, cast
from urllib.parse import unquote

from daphne import http_protocol
from django.conf import settings
from django.http import HttpResponse
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers

from judgeplatform import problems
from judgeplatform.access_log import REQUEST_ID, Visit, fit_id
from judgeplatform.stopping import stopping
from submissions.parsers import too_large


def most(path: str) -> int:
    """Bytes; more in the admin, where testcases are files, but not at the door to it."""
    if problems.is_api(path):
        return int(settings.MAX_BODY_BYTES)
    is_form_with_files = path.startswith("/admin/") and not path.startswith("/admin/login")
    return int(settings.MAX_UPLOAD_BYTES if is_form_with_files else settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def _most_of_all() -> int:
    return max(settings.MAX_BODY_BYTES, settings.MAX_UPLOAD_BYTES, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class BoundedRequest(http_protocol.WebRequest):
    """Daphne's, which answers 413 by itself where the body is too large."""

    def __init__(self, *args: Any) -> None:
        # Twisted would read forms itself, all of them, and answer in its own words where one is none.
        super().__init__(*args, parsePOSTFormSubmission=False)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  # Twisted's name
        """Keep no more than shows that it is too large for any address; which one it is for is not known yet."""
        if cast(IO[bytes], self.content).tell() <= _most_of_all():
            super().handleContentChunk(data)

    def process(self) -> Any:
        _distrust(self.requestHeaders)
        if stopping.has_begun:
            self._be_the_last()
        body = cast(IO[bytes], self.content)
        path = unquote(self.path.decode("latin-1"))
        cap = most(path)
        if body.seek(0, io.SEEK_END) <= cap:
            body.seek(0)
            return super().process()
        body.truncate(0)
        self._answer(path, problems.document(413, "too_large", too_large(cap)))
        return None

    def _answer(self, path: str, answer: HttpResponse) -> None:
        """Without the application: the id and the line are as it would have them."""
        scope = {"type": "http", "method": self.method.decode("latin-1"), "path": path}
        sent = b"".join(self.requestHeaders.getRawHeaders(REQUEST_ID.encode(), []))
        visit = Visit(scope, fit_id(sent.decode("latin-1")), answer.status_code)
        headers = [(name.encode(), value.encode()) for name, value in answer.items()]
        start = {"type": "http.response.start", "status": answer.status_code, "headers": headers}
        self.handle_reply(visit.note_sent(start))
        self.handle_reply({"type": "http.response.body", "body": answer.content})
        visit.tell_end()

    def _be_the_last(self) -> None:
        """On its connection: whoever sends more does so on another one, which somebody else takes."""
        cast(Any, self.channel).persistent = False
        self.responseHeaders.setRawHeaders(b"connection", [b"close"])


def _distrust(headers: Headers) -> None:
    """Take out what daphne would believe any client, or fail on."""
    headers.removeHeader(b"daphne-root-path")  # our redirects and links would begin with it
    protocols = headers.getRawHeaders(b"sec-websocket-protocol", [])
    if not all(one.isascii() for one in protocols):
        headers.removeHeader(b"sec-websocket-protocol")


def bound_daphne() -> None:
    """To be called before it listens. It has no setting for that."""
    http_protocol.WebRequest = BoundedRequest  # type: ignore[misc]
    for status in HTTPStatus:
        RESPONSES.setdefault(status, status.phrase.encode())  # Twisted has no words for some: 422, 429 …
