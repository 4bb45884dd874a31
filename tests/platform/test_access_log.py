"""Each request has an id and leaves one line, whoever answers it; nothing in it opens a door."""

import asyncio
import json
import re
import time
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import tickets
from judgeplatform.access_log import shown_path
from questions.models import Question
from submissions import judging, recovery
from submissions.models import Submission
from tests.connected import Http, played, received, session_cookie, socket
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.logged import logged
from tests.routes import routes
from tests.submissions.test_recovery import make_overdue
from tests.submissions.test_worker import start_worker, submit  # noqa: F401 (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)

ID = "X-Request-Id"


@pytest.fixture
def judge0(backends):
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), looks=0) as fake:
        backends(fake.url)
        yield fake


def addition() -> Question:
    return make_question(cases=[("1 2\n", "3\n", True)])


def access(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["logger"] == "judgeplatform.access" and line["level"] != "debug"]


async def answered(request: Http) -> Http:
    await request.start()
    async for _ in request.chunks():
        pass
    return request


def ask(method: str, address: str, body: Any = None, **headers: str) -> Http:
    return played(partial(answered, Http(method, address, body, **headers)))


def test_a_request_leaves_one_line_with_its_path_but_not_its_query():
    """S2.14, C5"""
    user = make_user()
    with logged() as lines:
        answer = ask(
            "GET", "/api/v1/submissions/?token=secret", cookie=session_cookie(user), x_request_id="a.b-7"
        )

    (line,) = access(lines)
    known = {
        "event": "request",
        "method": "GET",
        "path": "/api/v1/submissions/",
        "status": 200,
        "user_id": user.pk,
    }
    assert line.items() >= (known | {"request_id": "a.b-7"}).items()
    assert line["duration_ms"] > 0
    assert answer.headers["x-request-id"] == "a.b-7"
    assert "secret" not in repr(lines)


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "né", 'a"}'])
def test_an_id_that_does_not_fit_is_replaced_by_a_new_one(sent):
    with logged() as lines:
        answer = ask("GET", "/login/", x_request_id=sent)
        within = Client().get("/login/", headers={ID: sent})

    for given in (answer.headers["x-request-id"], within[ID]):
        assert re.fullmatch("[0-9a-f]{32}", given)
    assert [line["request_id"] for line in access(lines)] == [answer.headers["x-request-id"]]


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/nothing-here/", 404),
        ("GET", "/api/v1/submissions/", 401),
        ("POST", "/api/v1/runs/", 401),
        ("GET", "/api/v1/submissions/0b6f1c52-6f0e-4f0e-9a53-0b1c0a8d9a11/stream/", 401),
    ],
)
def test_refusals_have_an_id_and_a_line_too(method, address, status):
    with logged() as lines:
        answer = ask(method, address, origin="https://stranger.example")

    (line,) = access(lines)
    assert (line["status"], line["path"], answer.status) == (status, address, status)
    assert line["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/readyz?role=web"])
def test_what_is_asked_all_the_time_leaves_no_line_but_for_debug(address):
    with logged() as lines:
        answer = ask("GET", address)

    assert answer.headers["x-request-id"]
    assert access(lines) == []


@pytest.mark.parametrize("end", ["/", "", "/.", "/x"])
def test_links_that_let_somebody_in_are_not_told(end):
    """The secret is in the path there, and is good without the last slash, too: mail programs cut it."""
    user = make_user()
    name, token = urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
    with logged() as lines:
        ask("GET", f"/password/new/{name}/{token}{end}")
        ask("PUT", f"/callbacks/judge0/{uuid4()}/a-signature{end}", {})

    first, second = access(lines)
    assert first["path"] == "/password/new/***"
    assert second["path"].endswith("/***")
    assert token not in repr(lines)
    assert "a-signature" not in repr(lines)


@pytest.mark.parametrize(
    "route",
    [one for one in routes() if re.search("token|uidb64|signature|secret", one.path)],
    ids=lambda route: route.path,
)
def test_what_lets_somebody_in_is_shown_of_no_route(route):
    parts = re.findall(r"<(\w+)>", route.path)
    shown = shown_path(route.address({part: f"its-{part}" for part in parts}))

    assert [part for part in parts if f"its-{part}" in shown and part != "work_id"] == []


def test_a_socket_leaves_a_line_when_it_is_opened_and_one_when_it_is_closed():
    """C5: neither with the ticket that it came with."""
    user = make_user()
    ticket = tickets.issue(user_id=user.pk, scopes=["read"])

    async def scenario() -> list[tuple[bytes, bytes]]:
        live = socket(f"/ws/submissions/{uuid4()}/?token={ticket}", x_request_id="socket-1")
        await live.send_input({"type": "websocket.connect"})
        accepted = await live.receive_output(5)
        await received(live)
        await live.wait()
        return accepted["headers"]

    with logged() as lines:
        headers = played(scenario)

    opened, closed = access(lines)
    assert dict(headers)[b"x-request-id"] == b"socket-1"
    assert [line["event"] for line in (opened, closed)] == ["socket opened", "socket closed"]
    assert {line["request_id"] for line in (opened, closed)} == {"socket-1"}
    assert (closed["status"], closed["user_id"]) == (4404, user.pk)
    assert ticket not in repr(lines)


def test_a_stream_leaves_a_line_when_it_is_opened_and_one_when_it_is_closed():
    submission = submit()
    with logged() as lines:

        async def scenario() -> str:
            cookie = await sync_to_async(session_cookie)(submission.user)
            live = await Http("GET", f"/api/v1/submissions/{submission.pk}/stream/", cookie=cookie).start()
            await live.leave()
            return live.headers["x-request-id"]

        given = played(scenario)

    opened, closed = access(lines)
    assert [line["event"] for line in (opened, closed)] == ["stream opened", "request"]
    assert {line["request_id"] for line in (opened, closed)} == {given}
    assert (closed["status"], closed["user_id"]) == (200, submission.user_id)


def test_an_answer_that_waits_is_told_as_it_was_given_in_the_end(judge0):
    body = {"question": addition().slug, "language": "python", "source": "print(3)"}

    async def scenario() -> None:
        headers = {"x_code_exec_key": "key-one", "x_request_id": "waits"}
        request = Http("POST", "/api/v1/submissions/?wait=true", body, **headers)
        await request.send()
        while (row := await Submission.objects.afirst()) is None:
            await asyncio.sleep(0.01)
        await sync_to_async(judging.judge_submission)(str(row.pk))
        await request.head()

    with logged() as lines:
        played(scenario)

    (held,) = [line for line in lines if line["event"] == "an answer is held back"]
    (line,) = access(lines)
    assert held["submission"] == str(Submission.objects.get().pk)
    assert (line["status"], line["request_id"], held["request_id"]) == (200, "waits", "waits")


# --- All the way to the backend --------------------------------------------------------------------------------


def test_the_id_of_a_request_is_with_its_submission_at_every_worker_and_backend(start_worker, backends):  # noqa: F811
    """S2.14: also at the worker that takes it over from one that died."""
    body = {"question": addition().slug, "language": "python", "source": "print(3)"}
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), takes_s=1.5) as fake, logged() as lines:
        worker = start_worker(JUDGE0_URLS=fake.url, LOG_FORMAT="json")
        ask("POST", "/api/v1/submissions/", body, x_code_exec_key="key-one", x_request_id="edge-1")
        while not fake.asked("POST", "/submissions/batch"):
            assert worker.poll() is None
            time.sleep(0.01)
        worker.kill()
        (line,) = [one for one in map(json.loads, worker.stderr) if "kind" in one]
        count = len(fake.requests)
        submission = Submission.objects.get()
        make_overdue(submission)
        backends(fake.url)
        recovery.sweep()
        judging.judge_submission(str(submission.pk))

    submission.refresh_from_db()
    assert (submission.verdict, submission.attempt, submission.request_id) == ("AC", 2, "edge-1")
    assert (line["event"], line["attempt"], line["request_id"]) == ("execution.started", 1, "edge-1")
    of_it = [one for one in lines if one.get("submission") == str(submission.pk)]
    assert {one["request_id"] for one in of_it} == {"edge-1"}
    assert {"it had lost its worker", "execution.finished"} <= {one["event"] for one in of_it}
    for requests in (fake.requests[:count], fake.requests[count:]):
        sent = [one.headers.get(ID) for one in requests if one.path.startswith("/submissions")]
        assert set(sent) == {"edge-1"}
