"""Each request has an id and leaves one line when it is over, whoever has answered it.

    client ──▶ logging_requests ──▶ websockets, streams, answers that wait, /healthz
                     │         └──▶ Requests ──▶ Django's views
                     └── X-Request-Id in every answer; who it was is left in the ASGI scope by whoever finds it out

The id is in all that is logged meanwhile, in the row of a submission and with it at the worker and the backend.
Addresses are shown without their query, and without what in them is a secret.
"""

import logging
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from django_structlog.middlewares import RequestMiddleware
from structlog.contextvars import bind_contextvars, bound_contextvars

from submissions.visitors import FOR_THE_LOG, Application, Channel

logger = logging.getLogger("judgeplatform.access")

REQUEST_ID = "X-Request-Id"
_NAME = REQUEST_ID.lower().encode()
_FIT = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ASKED_ALL_THE_TIME = re.compile(r"/(healthz|health|health/|health/ready/?|readyz|metrics|static/.*)")
_LETS_IN = re.compile(r"(?is)(/password/new/|/callbacks/judge0/[^/]*/).+")
"""What follows opens a door also where the address is none of ours: without its last slash, say."""
_GONE = {"http": 499, "websocket": 1006}
"""What is told where the client has gone first: nginx's number for it, and RFC 6455's."""


def fit_id(sent: str) -> str:
    """The client's, if it can stand in a header, a column and a line; else a new one."""
    return sent if _FIT.fullmatch(sent) else uuid.uuid4().hex


def shown_path(path: str) -> str:
    """Without what would let a reader of logs in, such as the end of a link for a new password."""
    return _LETS_IN.sub(r"\1***", path)


# --- Around all that is served ---------------------------------------------------------------------------------


@dataclass
class Visit:
    """One request, or one websocket, as far as it has got."""

    scope: Mapping[str, Any]
    request_id: str
    status: int  # or a websocket's close code
    began: float = field(default_factory=time.monotonic)
    found_out: dict[str, Any] = field(default_factory=dict)

    def tell(self, event: str, level: int, **more: object) -> None:
        if self.scope["path"] and _ASKED_ALL_THE_TIME.fullmatch(self.scope["path"]):
            level = logging.DEBUG
        if logger.isEnabledFor(level):
            asked = {"method": self.scope.get("method", "WEBSOCKET"), "path": shown_path(self.scope["path"])}
            logger.log(level, event, extra={"request_id": self.request_id, **asked, **self.found_out, **more})

    def tell_end(self) -> None:
        seconds = time.monotonic() - self.began
        level = logging.WARNING if 500 <= self.status < 600 else logging.INFO
        event = "socket closed" if self.scope["type"] == "websocket" else "request"
        self.tell(event, level, status=self.status, duration_ms=round(seconds * 1000, 1))

    def note_sent(self, message: dict[str, Any]) -> dict[str, Any]:
        """The message as it goes out."""
        match message["type"]:
            case "http.response.start":
                self.status = message["status"]
                headers = [pair for pair in message.get("headers", []) if pair[0].lower() != _NAME]
                if (b"content-type", b"text/event-stream") in headers:
                    self.tell("stream opened", logging.INFO)
                return {**message, "headers": [*headers, (_NAME, self.request_id.encode())]}
            case "websocket.accept":
                self.tell("socket opened", logging.INFO)
                return {
                    **message,
                    "headers": [*message.get("headers", []), (_NAME, self.request_id.encode())],
                }
            case "websocket.close":
                self.status = message.get("code", 1000)
        return message


def logging_requests(application: Application) -> Application:
    """The ASGI application, each of whose requests has an id and leaves a line."""

    async def serve(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
            return
        others = [pair for pair in scope["headers"] if pair[0].lower() != _NAME]
        sent = b"".join(value for name, value in scope["headers"] if name.lower() == _NAME)
        visit = Visit(scope, fit_id(sent.decode("latin-1")), _GONE[scope["type"]])
        known = {"headers": [*others, (_NAME, visit.request_id.encode())], FOR_THE_LOG: visit.found_out}

        async def sending(message: dict[str, Any]) -> None:
            await send(visit.note_sent(message))

        async def receiving() -> Any:
            message = await receive()
            if message["type"] == "websocket.disconnect" and visit.status == _GONE["websocket"]:
                visit.status = message.get("code") or visit.status
            return message

        try:
            with bound_contextvars(request_id=visit.request_id):
                await application({**scope, **known}, receiving, sending)
        except Exception:
            visit.status = 500  # so the server answers
            raise
        finally:
            visit.tell_end()

    return serve


# --- In Django -------------------------------------------------------------------------------------------------


class Requests(RequestMiddleware):
    """django-structlog's: the id and the user are in all that is logged, and what a view fails of.

    Its own lines at the begin and the end are for DEBUG. It looks at nobody whom the view has not looked at: that
    would cost a query, and fail where the database does.
    """

    def prepare(self, request: HttpRequest) -> None:
        request.META["HTTP_X_REQUEST_ID"] = fit_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        super().prepare(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        response.headers[REQUEST_ID] = request.META["HTTP_X_REQUEST_ID"]
        if (user_id := _user_id(request)) is not None:
            getattr(request, "scope", {}).get(FOR_THE_LOG, {})["user_id"] = user_id
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {shown_path(request.path_info)}"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        if (user_id := _user_id(request)) is not None:
            bind_contextvars(user_id=user_id)


def _user_id(request: HttpRequest) -> int | None:
    """As far as somebody has asked for it."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return getattr(user, "pk", None)
