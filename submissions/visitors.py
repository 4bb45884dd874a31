"""Who opens a socket or a stream: may they follow this submission, how far are they, are they still there.

The first is asked when the connection is opened, and not again while it is: whoever is blocked, or loses a key, hears
the end of what is being followed, and is refused the next time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from django import db
from prometheus_client import Gauge
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts import limits
from accounts.authentication import HeaderAuthentication, Unavailable
from accounts.credentials import CannotVerify, Credential, ForeignOrigin, InvalidCredential, of_connection
from accounts.scopes import Scope
from accounts.throttles import count_stranger, site_of
from submissions.models import Submission

OPEN = Gauge(
    "judge_connections_open",
    "Connections that this process keeps open: websockets, streams, answers that wait for an end.",
    ["kind"],
    multiprocess_mode="livesum",
)
SOCKETS, STREAMS, ANSWERS = map(OPEN.labels, ("websocket", "stream", "answer"))

TRY_AGAIN = 4503
LIMITED = 4429
UNAUTHENTICATED = 4401
FORBIDDEN = 4403
NOT_FOUND = 4404

FOR_THE_LOG = "judgeplatform.log"
"""In the ASGI scope: a dict of what whoever serves has found out about the client, such as `user_id`."""

Connection = Mapping[str, Any]
"""An ASGI scope; the word `scope` is taken."""
Channel = Callable[..., Awaitable[Any]]
Application = Callable[[dict[str, Any], Channel, Channel], Awaitable[None]]


class Refused(Exception):
    """`close_code` is what a socket says; `problem` what the API would have raised, and `answer` how it looks."""

    def __init__(self, close_code: int, problem: Exception) -> None:
        super().__init__(str(problem))
        self.close_code = close_code
        self.problem = problem

    @property
    def answer(self) -> Response:
        found = answer_of(self.problem)
        assert found is not None  # only what has an answer is put into it
        return found


def identify(connection: Connection) -> Credential:
    """Who opens it, and may read. To be called in a thread. Raises Refused.

    Strangers are slowed down as they are at the API's other doors.
    """
    try:
        credential = of_connection(connection)
    except InvalidCredential as error:
        problem = exceptions.AuthenticationFailed(str(error), code=error.code)
        raise _stranger(connection, problem, has_shown_something=True) from error
    except ForeignOrigin as error:
        raise Refused(FORBIDDEN, exceptions.PermissionDenied(str(error), code=error.code)) from error
    except (CannotVerify, db.Error) as error:
        raise try_again() from error
    if credential is None:
        raise _stranger(connection, exceptions.NotAuthenticated(), has_shown_something=False)
    if not credential.has(Scope.READ):
        missing = exceptions.PermissionDenied(f"The scope {Scope.READ!s} is needed.", code="missing_scope")
        raise Refused(FORBIDDEN, missing)
    connection.get(FOR_THE_LOG, {})["user_id"] = credential.user.pk
    return credential


def find(credential: Credential, submission_id: UUID) -> Submission:
    """The row, if it may be followed by this. To be called in a thread. Raises Refused."""
    try:
        return Submission.objects.kept().visible_with(credential).without_texts().get(pk=submission_id)
    except Submission.DoesNotExist as error:
        raise Refused(NOT_FOUND, exceptions.NotFound()) from error
    except db.Error as error:
        raise try_again() from error


def admit(connection: Connection, submission_id: UUID) -> Submission:
    """Both. To be called in a thread. Raises Refused."""
    return find(identify(connection), submission_id)


def _stranger(connection: Connection, problem: Any, *, has_shown_something: bool) -> Refused:
    """With what DRF's views add to it, by the first of our authenticators."""
    address = str((connection.get("client") or [""])[0])
    try:
        count_stranger(site_of(address), has_shown_something=has_shown_something)
    except limits.Limited as error:
        return Refused(LIMITED, error)
    first: Any = HeaderAuthentication()
    problem.auth_header = first.authenticate_header(None)
    return Refused(UNAUTHENTICATED, problem)


def try_again() -> Refused:
    """The database does not answer."""
    return Refused(TRY_AGAIN, Unavailable("This cannot be followed just now; please try again soon."))


def answer_of(error: Exception) -> Response | None:
    """What a view of the API that raises this answers; None where that would be a 500."""
    handle: Any = api_settings.EXCEPTION_HANDLER
    answer: Response | None = handle(error, {})
    return answer


def seen(connection: Connection) -> int:
    """The number of the last message that the client has: `Last-Event-ID`, else `?after=`, else 0."""
    query = parse_qs(connection["query_string"].decode("latin-1"))
    return first_number([last_event_id(connection), *query.get("after", [])])


def last_event_id(connection: Connection) -> str:
    """As the client has sent it, whatever it is; empty where it has not."""
    sent: bytes = dict(connection["headers"]).get(b"last-event-id", b"")
    return sent.decode("latin-1")


def first_number(values: Iterable[str]) -> int:
    """Whatever is no number counts as none; 0 where there is none at all."""
    fit = (int(one) for one in values if one.isascii() and one.isdigit() and len(one) < 10)
    return next(fit, 0)


async def gone(receive: Channel) -> None:
    """Until the client of an HTTP request has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def until_one_ends(*acts: Coroutine[Any, Any, None]) -> None:
    """All at once until the first one is done; the others are cancelled. What that one raises is raised."""
    tasks = [asyncio.ensure_future(act) for act in acts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
