"""Callbacks: who may be called, what they are told, what happens to those who do not listen."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from execution import wakeups
from execution.engine import callbacks
from execution.engine.callback_hosts import CallbackHosts
from execution.engine.callbacks import Callbacks
from execution.engine.parameters import parse
from execution.engine.problems import Problem
from execution.engine.queue import Submission
from execution.engine.terms import Terms
from execution.engine.toolchain import RECIPES, Language
from execution.engine.verdict import ACCEPTED, Result
from submissions.connections import redis_client
from tests.receivers import HANG, Call, Receiver

from .conftest import PYTHON, C, Engine, decoded, started_engine, wait_until

HELLO = {"source_code": "print('hi')", "language_id": PYTHON}
PATIENCE_S, PAUSE_S = 0.3, 0.02
(_PYTHON,) = (Language(recipe, "/usr/bin/python3", "3") for recipe in RECIPES if recipe.id == PYTHON)


# --- Who may be called ----------------------------------------------------------------------------

SOME = "web, judge.example:8443 [::1]:80"
NO_URL = "must be an http or https URL"


@pytest.mark.parametrize(
    ("hosts", "url", "objection"),
    [
        ("", "http://web/", "setting callback is not allowed"),
        (SOME, "http://web/x?y=1", None),
        (SOME, "https://WEB:8000", None),
        (SOME, "https://judge.example:8443/", None),
        (SOME, "http://[::1]/", None),
        (SOME, "https://judge.example/", "host judge.example with port 443 is not allowed"),
        (SOME, "http://[::1]:81/", "host [::1] with port 81 is not allowed"),
        (SOME, "http://[::1]:0/", "host [::1] with port 0 is not allowed"),
        (SOME, "http://web.example/", "host web.example with port 80 is not allowed"),
        (SOME, "http://web./", "host web. with port 80 is not allowed"),
        (SOME, "http://127.0.0.1/web", "host 127.0.0.1 with port 80 is not allowed"),
        (SOME, "http://other#@web/", "host other with port 80 is not allowed"),
        (SOME, "http://other\\@web/", "host other with port 80 is not allowed"),
        (SOME, "http://web@other/", "must not contain a user name or a password"),
        (SOME, "not a url", NO_URL),
        (SOME, "web", NO_URL),
        (SOME, "ftp://web/", NO_URL),
        (SOME, "http:///x", NO_URL),
        (SOME, "http://web:99999/", NO_URL),
        (SOME, "http://web/\0", NO_URL),
        (SOME, "http://web/\r\nX: y", NO_URL),
        (SOME, "http://web/\ud800", NO_URL),
        (SOME, f"http://web/{'x' * 2000}", "is too long (maximum is 2000 characters)"),
        ("*", "http://any.example:1/", None),
        ("*", "gopher://any.example/", NO_URL),
    ],
)
def test_only_hosts_that_the_operator_named_may_be_called(hosts, url, objection):
    assert CallbackHosts.read(hosts).objection(url) == objection


@pytest.mark.parametrize("hosts", ["http://web", "web/x", "a@b", "web:http", "[::1", "*.example:x"])
def test_hosts_that_are_none_are_a_problem_at_the_start(hosts):
    with pytest.raises(Problem, match="ENGINE_CALLBACK_HOSTS"):
        CallbackHosts.read(hosts)


def test_the_engine_says_why_it_would_not_call(guarded):
    body = HELLO | {"callback_url": "http://10.0.0.1/"}
    answer = guarded.post("/submissions", json=body)
    errors = {"callback_url": ["host 10.0.0.1 with port 80 is not allowed"]}
    assert (answer.status_code, answer.json()) == (422, errors)
    info = guarded.get("/config_info").json()
    told = {"enable_callbacks": True, "callbacks_max_tries": 3, "callbacks_timeout": 5.0}
    assert info.items() >= told.items()


# --- What they are told ---------------------------------------------------------------------------


def told(receiver: Receiver, token: str) -> Call:
    wait_until(lambda: any(token.encode() in call.body for call in receiver.calls))
    (call,) = (call for call in receiver.calls if token.encode() in call.body)
    return call


@pytest.mark.parametrize(
    ("body", "status", "texts"),
    [
        (HELLO, 3, {"stdout": b"hi\n"}),
        ({"source_code": "import sys; sys.exit(2)"}, 11, {"message": b"Exited with error status 2"}),
        ({"source_code": "int main(){ return x; }", "language_id": C}, 6, {"compile_output": b"undeclared"}),
    ],
    ids=["accepted", "runtime error", "compilation error"],
)
def test_the_receiver_is_told_the_default_fields_with_texts_in_base64(guarded, body, status, texts):
    with Receiver() as receiver:
        sent = HELLO | body | {"callback_url": f"{receiver.url}?x=1"}
        token = guarded.post("/submissions?base64_encoded=false&fields=*", json=sent).json()["token"]
        call = told(receiver, token)
    shown = json.loads(call.body)
    assert (call.method, call.target, call.headers["Content-Type"]) == (
        "PUT",
        "/told?x=1",
        "application/json",
    )
    assert shown == guarded.get(f"/submissions/{token}?base64_encoded=true").json()
    assert shown["status"]["id"] == status
    for name, text in texts.items():
        assert text in decoded(shown[name])
    url = guarded.get(f"/submissions/{token}?fields=callback_url").json()["callback_url"]
    assert url == sent["callback_url"]


def test_each_submission_of_a_batch_calls_back(guarded):
    with Receiver() as receiver:
        items = [HELLO | {"callback_url": receiver.url} for _ in range(3)]
        answer = guarded.post("/submissions/batch", json={"submissions": items})
        wait_until(lambda: len(receiver.calls) == 3)
    assert {json.loads(call.body)["token"] for call in receiver.calls} == {
        it["token"] for it in answer.json()
    }


def test_receivers_that_hang_hold_up_neither_answers_nor_slots(guarded):
    with Receiver(statuses=[HANG] * 20) as receiver:
        hanging = HELLO | {"callback_url": receiver.url}
        before = time.monotonic()
        for _ in range(3):
            assert guarded.post("/submissions?wait=true", json=hanging).json()["stdout"] == "hi\n"
        guarded.post("/submissions/batch", json={"submissions": [hanging] * 9})
        assert guarded.post("/submissions?wait=true", json=HELLO).json()["stdout"] == "hi\n"
        assert time.monotonic() - before < 4
        wait_until(lambda: len(receiver.calls) >= callbacks.MOST_AT_ONCE)


@pytest.mark.django_db(transaction=True)
def test_our_own_platform_is_woken_by_the_engine(guarded, live_server):
    """As with JUDGE0_CALLBACK_URL: the whole way, from the address that is given out to who waits."""
    work = str(uuid.uuid4())
    url = wakeups.url_for(live_server.url, work)
    assert guarded.post("/submissions", json=HELLO | {"callback_url": url}).status_code == 201
    assert wakeups.wait(redis_client(), work, 20)


# --- Who does not listen --------------------------------------------------------------------------


def submission(callback_url: str) -> Submission:
    body = {"source_code": "1", "language_id": PYTHON, "callback_url": callback_url}
    terms = Terms(callback_hosts=CallbackHosts.read("*"))
    parameters = parse(body, {PYTHON: _PYTHON}, terms, is_base64=False)
    made = Submission(str(uuid.uuid4()), parameters, datetime.now(UTC), ACCEPTED, Result(ACCEPTED))
    made.finished.set()
    return made


def call_back(receiver: Receiver, *, calls: int, is_known: bool = True) -> None:
    """Tells `receiver` of one submission, until it is told or given up: that many calls."""

    async def story() -> None:
        it = submission(receiver.url)
        known = {it.token: it} if is_known else {}
        teller = Callbacks(known.get, 3, PATIENCE_S, first_pause_s=PAUSE_S)
        teller.follow(it, receiver.url)
        while teller.pending:
            await asyncio.sleep(0.005)

    asyncio.run(story())
    assert len(receiver.calls) == calls


@pytest.mark.parametrize(
    ("statuses", "calls"),
    [
        ([503, 500, 204], 3),
        ([HANG, 200], 2),
        ([404], 1),
        ([429], 1),
        ([302], 1),
        ([307], 1),
        ([500] * 9, 3),
    ],
    ids=["5xx", "no answer", "404", "429", "302", "307", "5xx for ever"],
)
def test_what_is_not_heard_is_said_again_but_not_for_ever(
    statuses: Sequence[int], calls: int, caplog: pytest.LogCaptureFixture
):
    with Receiver(statuses=statuses) as elsewhere, Receiver(statuses=statuses, location=elsewhere.url) as it:
        call_back(it, calls=calls)
        assert not elsewhere.calls
    given_up = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    expected = [f"engine: a callback to 127.0.0.1:{it.port} is given up: answer 500"]
    assert given_up == (expected if statuses[-1] == 500 else [])


def test_the_pauses_grow():
    with Receiver(statuses=[500] * 3) as receiver:
        call_back(receiver, calls=3)
    first, second, third = (call.at for call in receiver.calls)
    assert second - first >= PAUSE_S
    assert third - second >= 4 * PAUSE_S


def test_who_cannot_be_connected_to_is_given_up_and_the_path_stays_secret(caplog):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    unreachable = Receiver()
    unreachable.url = f"http://127.0.0.1:{port}/secret"
    call_back(unreachable, calls=0)
    assert f"a callback to 127.0.0.1:{port} is given up: no answer (NewConnectionError)" in caplog.text
    assert "secret" not in caplog.text


def test_of_a_submission_that_was_deleted_meanwhile_nobody_is_told():
    with Receiver() as receiver:
        call_back(receiver, calls=0, is_known=False)


def test_callbacks_that_wait_are_bounded(caplog):
    async def story(url: str) -> int:
        it = submission(url)
        teller = Callbacks({it.token: it}.get, 1, 5)
        for _ in range(callbacks.MOST_WAITING + 5):
            teller.follow(it, url)
        for _ in range(3):
            await asyncio.sleep(0)
        return teller.drop()

    with Receiver(statuses=[HANG] * 1000) as receiver:
        assert asyncio.run(story(receiver.url)) == callbacks.MOST_WAITING
    assert caplog.text.count("is dropped: 1000 wait") == 5


def test_an_engine_that_stops_drops_what_waits_and_says_so():
    with Receiver(statuses=[HANG] * 5) as receiver:
        with started_engine(
            JUDGE0_AUTH_TOKEN="", ENGINE_CALLBACK_HOSTS="127.0.0.1", ENGINE_SLOTS="1"
        ) as engine:
            body = HELLO | {"callback_url": receiver.url}
            assert engine.post("/submissions?wait=true", json=body).status_code == 201
            unfinished = body | {"source_code": "import time; time.sleep(30)"}
            assert engine.post("/submissions", json=unfinished).status_code == 201
            wait_until(lambda: receiver.calls)
            before = time.monotonic()
            said = stopped(engine)
        assert "engine: 2 callbacks are dropped\n" in said
        assert time.monotonic() - before < 4
        assert len(receiver.calls) == 1


def stopped(engine: Engine) -> str:
    """What it says while it stops."""
    process: Any = engine.process
    process.terminate()
    said: bytes = process.stderr.read()
    assert process.wait(timeout=20) == 0
    return said.decode()
