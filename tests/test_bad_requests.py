"""Whatever is sent to whatever address: the right 4xx or close code, never a fault of ours, nothing taken or logged.

The addresses, and what would be right to send there, come from `tests.access`. Who asks may do everything.
"""

import json
import re
import socket as tcp
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from submissions.models import Submission
from submissions.parsers import DEEPEST
from tests import connected
from tests.access import CALLERS, LINES, SOCKETS, Line, World, client_of, undone
from tests.canary import CORE
from tests.connected import Http, played, session_cookie
from tests.issuer import private_key
from tests.routes import Route, pages, routes, sockets

SECRET = CORE.decode()
KEY, PERSON = CALLERS["an administrator's key"], CALLERS["an administrator"]
JSON = "application/json"


def api(*, with_body: bool) -> list[tuple[Route, Line]]:
    """What may be posted to the API."""
    return [
        (route, line)
        for route in pages()
        if route.shape.startswith(("/api/", "/v1/"))
        for line in LINES[route.shape]
        if line.method == "POST" and (line.body is not None) == with_body
    ]


def once(asked: list[tuple[Route, Line]]) -> list[tuple[Route, Line]]:
    """Without the same once more with a slash, and without a second line of the same."""
    return list({route.shape: (route, line) for route, line in asked}.values())


def is_problem(answer: Any) -> bool:
    return answer["Content-Type"] == "application/problem+json" and {"code", "detail"} <= answer.json().keys()


@pytest.fixture
def quiet(caplog) -> Iterator[None]:
    """What is sent has a secret in it, and no log has."""
    yield
    assert SECRET not in caplog.text


# --- Bodies ----------------------------------------------------------------------------------------------------

BODIES: dict[str, tuple[str, bytes, set[int]]] = {
    "a form": ("application/x-www-form-urlencoded", f"source={SECRET}".encode(), {415}),
    "a form with files": ("multipart/form-data; boundary=x", f"--x\r\n\r\n{SECRET}\r\n--x--".encode(), {415}),
    "plain text": ("text/plain", b"{}", {415}),
    "XML": ("application/xml", f"<a>{SECRET}</a>".encode(), {415}),
    "no media type": ("", b"{}", {415}),
    "a media type that is none": ("json", b"{}", {415}),
    "an encoding that is no text": (f"{JSON}; charset=zlib", b"{}", {400}),
    "a wide encoding": (f"{JSON}; charset=utf-16", "{}".encode("utf-16"), {400}),
    "nothing": (JSON, b"", {400}),
    "half a document": (JSON, f'{{"source": "{SECRET}'.encode(), {400}),
    "no UTF-8": (JSON, b'{"source": "\xff\xfe"}', {400}),
    "a name twice": (JSON, f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode(), {400}),
    "a name twice, deeper": (JSON, b'{"metadata": {"a": {"b": 1, "b": 2}}}', {400}),
    "no number": (JSON, b'{"metadata": {"a": NaN}}', {400}),
    "a number of many digits": (JSON, b'{"metadata": %s}' % (b"9" * 10_000), {400}),
    "a number without end": (JSON, b'{"metadata": {"a": 1e999}}', {400}),
    "lists in lists that never end": (JSON, b"[" * 100_000, {400}),
    "objects in objects that never end": (JSON, b'{"a":' * 100_000, {400}),
    "lists in too many lists": (JSON, b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), {400}),
    "a list": (JSON, f'["{SECRET}"]'.encode(), {400}),
    "a text": (JSON, f'"{SECRET}"'.encode(), {400}),
    "a number": (JSON, b"7", {400}),
    "null": (JSON, b"null", {400}),
    "an empty object": (JSON, b"{}", {400}),
    "half a character": (JSON, rb'{"source": "\ud800", "\udfff": "\ud800"}', {400}),
    "a null character": (JSON, rb'{"source": "\u0000", "\u0000": "\u0000"}', {400}),
}
"""By what is wrong: media type, body, and what may be answered."""


def test_a_body_that_is_no_sensible_json_is_refused_by_every_contract(world, quiet):
    """S3.33 (in part)."""
    client, before = client_of(KEY, world), Submission.objects.count()
    for what, (kind, body, statuses) in BODIES.items():
        for route, line in once(api(with_body=True)):
            answer = client.generic("POST", line.address(route, world), body, kind)
            assert answer.status_code in statuses, (what, route, answer.content)
            assert is_problem(answer), (what, route)
        for route, line in api(with_body=False):
            with undone():
                answer = client.generic("POST", line.address(route, world), body, kind)
            assert answer.status_code < 500, (what, route)
    assert Submission.objects.count() == before


def test_a_field_that_nobody_knows_is_refused_by_name_by_every_contract(world, quiet):
    """S3.33 (in part)."""
    client = client_of(KEY, world)
    for route, line in api(with_body=True):
        assert line.body is not None
        sent = line.body(world) | {"sourcecode": SECRET, "verdict": "AC"}
        answer = client.generic("POST", line.address(route, world), json.dumps(sent), JSON)
        assert answer.status_code == 400, route
        assert {"sourcecode", "verdict"} <= answer.json()["errors"].keys(), route


def test_a_body_over_the_cap_is_413_at_every_address_of_the_api_whoever_sends_it(world, settings, quiet):
    settings.MAX_BODY_BYTES = 1000
    for client in (Client(), client_of(KEY, world)):
        for route, line in api(with_body=True) + api(with_body=False):
            answer = client.generic("POST", line.address(route, world), SECRET * 200, JSON)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), route


@pytest.mark.django_db(transaction=True)
def test_a_body_over_the_cap_whose_length_nobody_said_is_413_too(world, settings, quiet):
    settings.MAX_BODY_BYTES = 1000
    headers = KEY.shows(world)
    addresses = [line.address(route, world) for route, line in api(with_body=True)]

    async def answers() -> list[int]:
        return [
            (await Http("POST", one, {"source": SECRET * 200}, **headers).start()).status for one in addresses
        ]

    assert played(answers) == [413] * len(addresses)


# --- Bodies that are nearly right --------------------------------------------------------------------------------

texts = st.text(max_size=20) | st.sampled_from(["\0", "\ud800", "python", "published", "1e9", "٣", SECRET])
numbers = st.integers() | st.floats() | st.sampled_from([2**63, -1, 10**400, 0.1])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
places = st.integers(0, 20)


def with_something_else(body: dict[str, Any], place: int, value: Any) -> dict[str, Any]:
    """One of its fields, or one more."""
    names = [*body, "metadata", "callback_url", "testCases", "input"]
    return body | {names[place % len(names)]: value}


@pytest.mark.django_db
@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(place=places, value=values)
def test_no_value_of_any_field_is_a_fault_of_ours(world, caplog, place, value):
    """S3.35 (in part): what is wrong with it is said in a problem document."""
    client = client_of(KEY, world)
    for route, line in once(api(with_body=True)):
        assert line.body is not None
        sent = with_something_else(line.body(world), place, value)
        with undone():
            answer = client.generic("POST", line.address(route, world), json.dumps(sent), JSON)
        assert answer.status_code < 500, (route, sent, answer.content)
        assert answer.status_code < 400 or is_problem(answer), (route, sent)
    assert SECRET not in caplog.text


# --- Addresses, queries, forms, headers ------------------------------------------------------------------------

NAMES = (
    *(
        "page",
        "page_size",
        "cursor",
        "q",
        "tag",
        "difficulty",
        "state",
        "language",
        "kind",
        "status",
        "verdict",
    ),
    *(
        "question",
        "created_after",
        "created_before",
        "after",
        "case",
        "part",
        "from",
        "next",
        "code",
        "format",
    ),
)
ODD = ["\0", "9" * 5000, "é%" * 300, "9999-12-31T23:59:59.999Z", "a\r\nb: c"]


@pytest.mark.both_databases
@pytest.mark.parametrize("value", ODD)
def test_no_query_is_a_fault_of_ours(value, world):
    client = client_of(PERSON, world)
    whole = "&".join(f"{name}={quote(value)}" for name in NAMES)
    for route in pages():
        for line in LINES[route.shape]:
            if line.method == "GET":
                address = line.address(route, world)
                joined = f"{address}{'&' if line.query else '?'}{whole}"
                assert client.get(joined).status_code < 500, route


@pytest.mark.both_databases
@pytest.mark.parametrize("part", ["a%00b", "%ff", "9" * 3000])
def test_no_address_is_a_fault_of_ours(part, world):
    client = client_of(PERSON, world)
    for route in routes():
        names = re.findall(r"<(\w+)>", route.path)
        for method in ("GET", "POST", "PUT") if names else ():
            with undone():
                answer = client.generic(method, route.address(dict.fromkeys(names, part)), b"", JSON)
            assert answer.status_code < 500, (method, route)


@pytest.mark.both_databases
@pytest.mark.parametrize("name", ["nobody", "a learner"])
def test_no_form_is_a_fault_of_ours(name, world, quiet):
    client = client_of(CALLERS[name], world)
    forms = [(route, line) for route in pages() for line in LINES[route.shape] if line.is_form]
    for route, line in forms:
        assert line.body is not None
        for value in (f"\0{SECRET}", SECRET * 500, f"é😀{SECRET}"):
            for field in [*line.body(world), "next", "username", "code"]:
                with undone():
                    answer = client.post(line.address(route, world), line.body(world) | {field: value})
                assert answer.status_code < 500, (route, field)
        for kind in ("multipart/form-data", "multipart/form-data; boundary=x", JSON, "text/plain", ""):
            with undone():
                answer = client.generic("POST", line.address(route, world), b"\xff\0--x\r\n\r\n&a=%ff", kind)
            assert answer.status_code < 500, (route, kind)


@pytest.mark.both_databases
@pytest.mark.django_db
@pytest.mark.parametrize(
    "cookie", [r'sessionid="\000\000\000\000\000\000\000\000"', "sessionid=" + "x" * 3000]
)
def test_a_cookie_that_no_session_ever_had_is_no_fault_of_ours(cookie):
    client = Client(headers={"Cookie": cookie}, raise_request_exception=False)
    for address in ("/questions/", "/account/", "/login/", "/api/v1/submissions/", "/admin/"):
        assert client.get(address).status_code < 500


HEADERS = ("Authorization", "X-Code-Exec-Key", "Idempotency-Key", "If-None-Match", "Accept", "Last-Event-ID")


def test_no_header_is_a_fault_of_ours(world, quiet):
    client = client_of(KEY, world)
    asked = [(one, LINES[one.shape][-1]) for one in pages() if one.shape.startswith("/api/v1/s")]
    for value in ("", "Api-Key", "Bearer é\0", f"Api-Key {SECRET}", "Bearer a.b.c", "x" * 9000, ",;="):
        for name in HEADERS:
            for route, line in asked:
                body, address = json.dumps(line.body(world) if line.body else {}), line.address(route, world)
                with undone():
                    answer = client.generic(line.method, address, body, JSON, headers={name: value})
                assert answer.status_code < 500, (route, name, value)


def test_who_has_signed_in_and_would_sign_up_is_led_to_a_page_of_ours(world):
    client = client_of(PERSON, world)
    for next_page in ("é", "nowhere", "//evil.example", "https://evil.example", "javascript:x"):
        answer = client.get("/signup/", {"next": next_page})
        assert answer.status_code == 302
        assert "evil" not in answer["Location"]


def raw(url: str, request: bytes) -> bytes:
    """The beginning of what a server answers to that."""
    place = urlsplit(url)
    with tcp.create_connection((place.hostname, place.port), 5) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def test_no_client_says_where_our_links_begin(stack):
    """Daphne would take it from a header; and it would fail on protocols of websockets that are no ASCII."""
    host = b"Host: 127.0.0.1\r\nConnection: close\r\n"
    moved = raw(stack.url, b"GET /account/ HTTP/1.1\r\n" + host + b"Daphne-Root-Path: @evil.example\r\n\r\n")
    odd = raw(stack.url, b"GET /account/ HTTP/1.1\r\n" + host + b"Daphne-Root-Path: \xff\r\n\r\n")
    upgrade = (
        b"GET /ws/executions/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    sockets = [
        raw(stack.url, upgrade + one + b"\r\n\r\n")
        for one in (b"Daphne-Root-Path: /x", b"Sec-WebSocket-Protocol: ticket.\xff")
    ]

    for answer in (moved, odd):
        assert answer.startswith(b"HTTP/1.1 302")
        assert b"\r\nLocation: /login/?next=/account/\r\n" in answer
    assert [answer[:12] for answer in sockets] == [b"HTTP/1.1 101"] * 2


# --- What stays connected --------------------------------------------------------------------------------------


def forged(world: World) -> dict[str, str]:
    issuer = world.issuer
    claims = jwt.decode(issuer.token("owner"), options={"verify_signature": False})
    return {
        "no signature": jwt.encode(claims, "", algorithm="none", headers={"kid": issuer.kid}),
        "a secret as the key": jwt.encode(claims, SECRET * 8, algorithm="HS256", headers={"kid": issuer.kid}),
        "a key that nobody knows": issuer.token("owner", key=private_key("other"), headers={"kid": "other"}),
        "another's key": issuer.token("owner", key=private_key("other")),
        "another issuer": issuer.token("owner", iss="https://evil.example"),
        "another audience": issuer.token("owner", aud="somebody else"),
        "expired": issuer.token("owner", exp=1),
        "no token at all": SECRET,
    }


@pytest.mark.django_db(transaction=True)
def test_a_forged_token_opens_nothing(world, quiet, caplog):
    """S4.22 (in part), C4 (in part): in a header and in an address, of requests, streams and sockets."""
    pk = world.submission.pk
    gates = [f"/api/v1/submissions/{pk}/", f"/api/v1/submissions/{pk}/stream/", f"/api/stream/{pk}"]
    doors = [one.address({"pk": pk}) for one in sockets() if one.path != "/"]

    async def codes(token: str) -> set[int]:
        shown = {"authorization": f"Bearer {token}"}
        found = {(await Http("GET", one, **shown).start()).status for one in gates}
        found |= {(await Http("GET", f"{one}?token={token}").start()).status for one in gates}
        for live in [
            *(connected.socket(one, authorization=shown["authorization"]) for one in doors),
            *(connected.socket(f"{one}?token={token}") for one in doors),
        ]:
            assert (await live.connect())[0]
            found.add((await live.receive_output(10))["code"])
        return found

    for how, token in forged(world).items():
        assert played(lambda token=token: codes(token)) == {401, 4401}, how
        assert token not in caplog.text


FRAMES: dict[str, str | bytes] = {
    "binary": SECRET.encode(),
    "huge": SECRET * 10_000,
    "no JSON": SECRET,
    "half of JSON": '{"subscribe": "executions"',
    "deep": "[" * 4000,
    "a list": "[]",
    "a null": "null",
    "half a character": r'{"subscribe": "executions", "job_id": "\ud800"}',
    "no id": '{"subscribe": "executions", "job_id": {"a": 1}}',
    "both at once": '{"subscribe": "executions", "unsubscribe": "executions", "job_id": "mine"}',
    "a blank": " ",
}
CLOSED_BY = {("/ws/executions", "binary"): 4400, ("/ws/executions", "huge"): 4413}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("shape", [shape for shape in SOCKETS if shape != "/"])
def test_a_frame_that_nobody_understands_closes_the_socket_or_harms_nobody(shape, world, quiet):
    """Sockets of one submission hear nothing; the other one says what it would understand."""
    (route,) = {one.shape: one for one in sockets() if one.shape == shape}.values()
    cookie = session_cookie(world.users["owner"])

    async def told(frame: str | bytes) -> list[dict[str, Any]]:
        live = connected.socket(route.address({"pk": world.waiting.pk}), cookie=cookie)
        await live.connect()
        await live.send_to(**({"bytes_data": frame} if isinstance(frame, bytes) else {"text_data": frame}))
        if shape != "/ws/executions":
            first = [await live.receive_output(10)]
            await live.disconnect()
            return first
        answer = await live.receive_output(10)
        if answer["type"] == "websocket.close":
            return [answer]
        await live.send_json_to({"subscribe": "executions", "job_id": "mine"})
        answers = [answer, await live.receive_output(10)]
        await live.disconnect()
        return answers

    for name, frame in FRAMES.items():
        answers = played(lambda frame=frame: told(frame))
        if (shape, name) in CLOSED_BY:
            assert [one["code"] for one in answers] == [CLOSED_BY[shape, name]], name
        elif shape == "/ws/executions":
            assert [json.loads(one["text"])["type"] for one in answers] == ["error", "subscribed"], name
        else:
            assert [one["type"] for one in answers] == ["websocket.send"], name
