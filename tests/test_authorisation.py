"""Who may do what, at every address and for every caller. `tests.access` is the table; the addresses come from Django.

A new route or socket without a line in the table fails here, and a line without a route. What is new in the admin
fails where it is open to more than administrators.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import path

from accounts import webhook_secrets
from tests import access, connected
from tests.access import (
    BY_TICKET,
    CALLERS,
    FOREIGN,
    LET_IN,
    LINES,
    SOCKETS,
    TO_SIGN_IN,
    Caller,
    Line,
    World,
    ask,
    client_of,
)
from tests.connected import Http, played
from tests.routes import Route, pages, routes, sockets

MADE_SECRETS = re.compile(rb"jk_\w{8}_\w+|jt_\w+")
STATUS_OF = {4401: 401, 4403: 403, 4404: 404}


# --- The table is whole ----------------------------------------------------------------------------------------


def test_every_route_and_every_socket_is_in_the_table_and_nothing_else_is():
    """S0.19 (in part)."""
    assert {route.shape for route in pages()} == set(LINES)
    assert {route.shape for route in sockets()} == set(SOCKETS)


def test_each_line_asks_the_route_that_it_is_about(world):
    """A route before it may be asked instead."""
    for route in pages():
        for line in LINES[route.shape]:
            assert route.serves(line.address(route, world).partition("?")[0]), route


def nothing(request) -> HttpResponse:
    return HttpResponse("nobody has thought of who may see this")


urlpatterns = [path("api/v1/new/", nothing), path("v1/submissions", nothing)]


@pytest.mark.urls(__name__)
def test_a_new_route_would_be_found_missing_and_an_open_door_be_found(world):
    assert {route.shape for route in pages()} - set(LINES) == {"/api/v1/new"}
    assert list(differences(CALLERS["nobody"], world)) == [("POST /v1/submissions", LET_IN, 401)]


# --- Each caller at each door ----------------------------------------------------------------------------------


def outcome(answer: Any) -> int:
    """The status of a refusal, TO_SIGN_IN, or LET_IN."""
    if answer.status_code == 302 and answer["Location"].startswith(("/login/", "/admin/login/")):
        return TO_SIGN_IN
    return LET_IN if answer.status_code < 400 else int(answer.status_code)


def wanted(line: Line, caller: Caller) -> int:
    """A page of another site reads nothing that it is shown, and can send nothing."""
    is_forged = caller.is_foreign and line.method == "POST" and line.rule is not access.nothing_there
    return 403 if is_forged else line.rule(caller)


def differences(
    caller: Caller, world: World, secrets: set[bytes] | None = None
) -> Iterator[tuple[str, int, int]]:
    """What was asked for, what came of it, and what the table wants, where it wants something else.

    What comes to be secret on the way is added to `secrets`.
    """
    client = client_of(caller, world)
    for route in routes():
        for line in LINES.get(route.shape, []):
            address = line.address(route, world)
            answer = ask(client, line.method, address, line, world)
            if secrets is not None:
                # Joined: what is made while it is sent has no content.
                secrets.update(MADE_SECRETS.findall(b"".join(answer)))
            if outcome(answer) != wanted(line, caller):
                yield f"{line.method} {address}", outcome(answer), wanted(line, caller)


@pytest.mark.parametrize("name", CALLERS)
def test_each_caller_gets_what_the_table_says_and_no_more(name, world, caplog):
    """S0.19, S4.2, C4: 401 without a credential, 403 without the scope, 404 for what is somebody else's."""
    secrets: set[bytes] = set()

    assert list(differences(CALLERS[name], world, secrets)) == []

    shown = {word for value in CALLERS[name].shows(world).values() for word in re.split("[ =]", value)}
    secrets |= {word.encode() for word in shown if len(word) > 12}
    secrets |= {webhook_secrets.secret_of(user).encode() for user in world.users.values()}
    assert [secret for secret in secrets if secret in caplog.text.encode()] == []


@pytest.mark.parametrize("name", ["an administrator", "an administrator's key"])
def test_methods_that_the_table_does_not_name_do_nothing_for_anybody(name, world):
    """S0.19 (in part)."""
    client = client_of(CALLERS[name], world)
    taken = []
    for route in pages():
        lines = LINES[route.shape]
        named = {line.method for line in lines} | access.SHOWN_BY.get(route.shape, set())
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - named:
            answer = ask(client, method, lines[0].address(route, world), None, world)
            if not 300 <= answer.status_code < 500:
                taken.append((method, route.shape, answer.status_code))
    assert taken == []


@pytest.mark.parametrize("name", ["nobody", "another learner", "a learner's key to submit"])
def test_who_asks_for_the_head_alone_is_asked_the_same(name, world):
    """S0.19 (in part)."""
    caller = CALLERS[name]
    client = client_of(caller, world)
    for route in pages():
        for line in LINES[route.shape]:
            if line.method == "GET":
                answer = ask(client, "HEAD", line.address(route, world), None, world)
                assert outcome(answer) == wanted(line, caller), route


# --- What stays connected --------------------------------------------------------------------------------------

Door = tuple[str, str, Any, dict[str, str], int]
"""Who asks, the address, what is sent first, the headers, and what the table wants."""


def doors(world: World, table: dict[str, list[Line]], of: list[Route]) -> Iterator[Door]:
    for name, caller in (CALLERS | BY_TICKET).items():
        for route in of:
            for line in table[route.shape]:
                # A ticket opens one door only.
                address = f"{line.address(route, world)}?{caller.query(world)}"
                headers = caller.shows(world) | ({"origin": FOREIGN} if caller.is_foreign else {})
                is_refused = caller.is_foreign and line.rule is not access.nothing_there
                yield (
                    name,
                    address,
                    line.body and line.body(world),
                    headers,
                    403 if is_refused else line.rule(caller),
                )


async def socket_outcome(address: str, sent: Any, headers: dict[str, str]) -> int:
    live = connected.socket(address, subprotocols=None, **headers)
    is_accepted, _ = await live.connect()
    assert is_accepted
    if sent is not None:
        await live.send_json_to(sent)
    output = await live.receive_output(10)
    if output["type"] == "websocket.close":
        return STATUS_OF[output["code"]]
    await live.disconnect()
    return 404 if json.loads(output["text"]).get("code") == "not_found" else LET_IN


async def stream_outcome(address: str, sent: Any, headers: dict[str, str]) -> int:
    stream = await Http("GET", address, **headers).start()
    await stream.leave()
    return LET_IN if stream.status < 400 else stream.status


@pytest.mark.django_db(transaction=True)
def test_each_caller_connects_to_what_the_table_says_and_no_more(world, caplog):
    """S4.19, S4.22: a cookie with its origin, a ticket, a key or a token, at every socket and stream."""
    streams = [route for route in pages() if route.shape.endswith(("/stream", "/stream/<pk>"))]
    assert len(streams) == 4  # S1's also with a slash
    ways = [
        *((socket_outcome, *door) for door in doors(world, SOCKETS, sockets())),
        *((stream_outcome, *door) for door in doors(world, LINES, streams)),
    ]

    async def differing() -> list[tuple[str, str, int, int]]:
        outcomes = [await way(address, sent, headers) for way, _, address, sent, headers, _ in ways]
        return [
            (name, address, found, wanted)
            for found, (_, name, address, _, _, wanted) in zip(outcomes, ways, strict=True)
            if found != wanted
        ]

    assert played(differing, 60) == []
    assert MADE_SECRETS.findall(caplog.text.encode()) == []


# --- The admin -------------------------------------------------------------------------------------------------


def seen_in_admin(caller: Caller, world: World) -> tuple[set[str], set[str]]:
    """What is open, and what breaks."""
    client, opened, broken = client_of(caller, world), set(), set()
    for route in routes():
        if route.is_of_admin:
            address = route.address(access.arguments_of_admin(route, world))
            for method in ("GET", "POST"):
                answer = ask(client, method, address, None, world)
                if outcome(answer) == LET_IN:
                    opened.add(route.shape)
                if answer.status_code >= 500:
                    broken.add(route.shape)
    return opened, broken


@pytest.mark.parametrize("name", access.ADMIN)
def test_the_admin_is_open_to_staff_who_have_the_right_to_it(name, world):
    """S0.19 (in part)."""
    opened, broken = seen_in_admin(CALLERS[name], world)

    assert opened - access.LEADING_ON == access.ADMIN[name]
    assert broken == set()


def test_administrators_find_every_page_of_the_admin(world):
    opened, broken = seen_in_admin(CALLERS["an administrator"], world)

    assert opened >= access.OF_AUTHORS
    assert broken == set()
