"""Hidden testcases never reach a learner: a secret is put into them, programs try to carry it out, and everything that
a learner receives and every line that is logged is searched for it, however it may be wrapped.
"""

import asyncio
import base64
import gzip
import html
import json
import logging
from urllib.parse import quote

import pytest
from django.test import Client

from submissions.models import Submission
from tests import canary
from tests.factories import make_case, make_question, make_user
from tests.submissions.test_live import session_cookie, socket

PROGRAMS = {
    "prints its input": ("python", "import sys; print(sys.stdin.read())"),
    "prints it to stderr": ("python", "import sys; sys.stderr.write(sys.stdin.read()); print(3)"),
    "puts it into an exception": ("python", "import sys; raise ValueError(sys.stdin.read())"),
    "exits with it": ("python", "import sys; sys.exit(sys.stdin.read())"),
    "prints it encoded": ("python", "import sys, base64; print(base64.b64encode(sys.stdin.buffer.read()))"),
    "puts it into a compile error": ("c", '#include "/dev/stdin"\nint main(){}'),
    "passes the public case and prints the hidden": (
        "python",
        "import sys; data = sys.stdin.read(); print(3 if data == '1 2\\n' else data)",
    ),
    "is right": ("python", "import sys; print(3)"),
}


def wrap(secret: bytes) -> dict[str, bytes]:
    text = secret.decode()
    return {
        "raw": secret,
        "in JSON": json.dumps({"output": text}).encode(),
        "in HTML": html.escape(text).encode(),
        "in a URL": quote(text, safe="").encode(),
        "base64": base64.b64encode(secret),
        "base64, shifted by one": base64.b64encode(b"x" + secret),
        "base64, shifted by two": base64.b64encode(b"xy" + secret),
        "MIME base64 in JSON": json.dumps(base64.encodebytes(b"0" * 50 + secret).decode()).encode(),
        "gzipped": b"head" + gzip.compress(b"before" + secret),
    }


@pytest.mark.parametrize("how", wrap(b"x"))
def test_the_search_finds_a_planted_leak(how):
    """S0.6: a search that finds nothing proves nothing unless it can find."""
    assert canary.find(b"some bytes " + wrap(canary.SECRET.encode())[how] + b" more bytes")


def test_the_search_finds_nothing_where_nothing_is():
    assert canary.find(b"quite harmless, \x1f\x8b but with a broken gzip header") == []


@pytest.fixture
def question():
    question = make_question(
        cases=[("1 2\n", "3\n", True)], slug="secretive", run_policy="run_all", checker="exact"
    )
    make_case(question, f"{canary.SECRET}\n", "3\n")
    make_case(question, "0 0\n", f"{canary.SECRET}\n", group="answers")
    make_case(question, "9\n", "3\n", note=canary.SECRET)
    return question


def everything(client: Client, submission: Submission, cookie: str) -> dict[str, bytes]:
    """All that its owner can get of it, by address."""
    api = f"/api/v1/submissions/{submission.pk}/"
    pages = [
        "/questions/",
        "/questions/secretive/",
        "/submissions/",
        f"/submissions/{submission.pk}/",
        *[f"/submissions/{submission.pk}/?part=result&case={index}" for index in range(1, 5)],
        "/questions/secretive/history/",
        "/api/v1/submissions/",
        api,
        f"{api}events/",
        f"{api}events/?after=3",
    ]
    received = {}
    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200, address
        received[address] = answer.content + repr(answer.headers).encode()

    async def follow() -> bytes:
        live = socket(submission.pk, cookie)
        await live.connect()
        messages = b""
        while (output := await live.receive_output(10))["type"] == "websocket.send":
            messages += output["text"].encode()
        return messages

    received["websocket"] = asyncio.run(follow())
    return received


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["submissions", "runs"])
def test_nothing_of_a_hidden_case_reaches_a_learner_or_a_log(engine, work, question, caplog, kind):
    """S0.6, S0.27, S2.13 (in part), S4.1: whatever the program does with its input."""
    caplog.set_level(logging.DEBUG)
    learner = make_user()
    client = Client()
    client.force_login(learner)
    cookie = session_cookie(learner)
    ids = {}
    for name, (language, source) in PROGRAMS.items():
        body = {"question": "secretive", "language": language, "source": source}
        answer = client.post(f"/api/v1/{kind}/", json.dumps(body), content_type="application/json")
        ids[name] = answer.json()["id"]

    work()

    leaks = {}
    for name, pk in ids.items():
        submission = Submission.objects.get(pk=pk)
        assert submission.is_final, name
        for address, data in everything(client, submission, cookie).items():
            if found := canary.find(data):
                leaks[name, address] = found
    for record in caplog.records:
        if found := canary.find(record.getMessage().encode()):
            leaks["log", record.name] = found
    assert leaks == {}


@pytest.mark.django_db(transaction=True)
def test_the_secret_was_really_there_to_be_found(engine, work, question):
    """The same programs, where the author has made the cases public: now it is shown."""
    question.testcases.update(visibility="public")
    learner = make_user()
    client = Client()
    client.force_login(learner)
    body = {"question": "secretive", "language": "python", "source": PROGRAMS["prints its input"][1]}
    pk = client.post("/api/v1/submissions/", json.dumps(body), content_type="application/json").json()["id"]
    work()

    assert canary.find(client.get(f"/api/v1/submissions/{pk}/").content)


@pytest.mark.django_db(transaction=True)
def test_the_rows_of_hidden_cases_hold_no_bytes_of_the_program(engine, work, question):
    from execution import languages
    from submissions import judging

    submission = judging.submit(
        user=make_user(),
        question=question,
        language=languages.get("python"),
        source=PROGRAMS["prints its input"][1],
    )
    work()

    for result in submission.case_results.filter(public=False):
        assert (bytes(result.output), bytes(result.stderr), result.difference_message) == (b"", b"", "")
