"""Hidden testcases never reach a learner: a secret is put into them, programs try to carry it out, and everything that
a learner receives and every line that is logged is searched for it, however it may be wrapped.

The addresses, the sockets and the streams come from the tables of the platform, so that none is forgotten.
"""

import asyncio
import base64
import gzip
import html
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import Client

from accounts import keys
from questions.models import Question
from submissions import judging
from submissions.models import Submission
from submissions.streams import JobStream, SubmissionStream
from tests import canary
from tests.connected import Http, played, session_cookie, socket
from tests.factories import make_case, make_question, make_user
from tests.fakes import FakeJudge0, Result, exited, printed, timed_out
from tests.logged import formatter
from tests.receivers import Receiver
from tests.routes import routes, sockets
from tests.submissions.test_run_privacy import everything_stored, forget_other_tests
from tests.submissions.test_webhooks import LOOPBACK, deliver

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


PARTS = {
    "/submissions/<pk>": [f"?part=result&case={index}" for index in range(1, 5)],
    "/api/v1/submissions/<pk>/events": ["?after=3"],
    "/api/challenges": ["?language=python"],
}
"""What else there is to be asked for at some addresses."""
NOT_SENT_TO = {"/logout", "/account/keys"}


def arguments(submission: Submission) -> dict[str, object]:
    """For every name in any address, so that a new one must be thought about."""
    question = "secretive"
    nothing: dict[str, object] = dict.fromkeys(
        ("work_id", "signature", "uidb64", "token", "rest"), submission.pk
    )
    nothing["path"] = "graph.png"
    return nothing | {"pk": submission.pk, "slug": question, "name": question, "key": str(submission.pk)}


def addresses(submission: Submission, *, about_it: bool) -> Iterator[str]:
    """All that there are, of every contract: those with the submission's id in them, or the others."""
    for route in routes():
        if not route.is_of_admin and ("<pk>" in route.shape) == about_it:
            address = route.address(arguments(submission))
            yield from (address + query for query in ["", *PARTS.get(route.shape, [])])


def content(answer: Any) -> bytes:
    """Also of an answer that is streamed."""
    if not getattr(answer, "is_async", False):
        return answer.getvalue()

    async def collected() -> bytes:
        return b"".join([chunk async for chunk in answer.streaming_content])

    return async_to_sync(collected)()


def read(client: Client, submission: Submission, *, about_it: bool) -> dict[str, bytes]:
    """All that a learner is answered, refusals included."""
    answers = {address: client.get(address) for address in addresses(submission, about_it=about_it)}
    assert sum(answer.status_code == 200 for answer in answers.values()) > 10
    return {address: content(answer) + repr(answer.headers).encode() for address, answer in answers.items()}


def refused(client: Client, submission: Submission) -> dict[str, bytes]:
    """What is said to who sends nonsense, to all addresses and to the admin."""
    sent = json.dumps(
        {"question": "secretive", "questionId": "secretive", "exerciseId": "secretive", "odd": 1}
    )
    found = {}
    for address in addresses(submission, about_it=False):
        if address.rstrip("/") not in NOT_SENT_TO:
            answer = client.post(address, sent, content_type="application/json")
            found[f"POST {address}"] = content(answer) + repr(answer.headers).encode()
    question = Question.objects.get(slug="secretive")
    for part in (f"question/{question.pk}/change/", f"testcase/{question.testcases.last().pk}/input/data/"):
        answer = client.get(f"/admin/questions/{part}")
        assert answer.status_code == 302
        found[part] = answer.content
    return found


async def follow_all(submission_id: object, cookie: str) -> dict[str, bytes]:
    """What every socket and every stream tells until the end, and who polls."""
    acts = {
        **{
            name: hear(socket(path, cookie=cookie), first)
            for name, (path, first) in sockets_of(submission_id).items()
        },
        **{path: stream(path, cookie) for path in streams_of(submission_id)},
        "polling": poll(f"/api/v1/submissions/{submission_id}/events/", cookie),
    }
    return dict(zip(acts, await asyncio.gather(*acts.values()), strict=True))


def sockets_of(submission_id: object) -> dict[str, tuple[str, dict[str, str] | None]]:
    """The address of each, and what is sent first."""
    orders = {"/ws/executions": {"subscribe": "executions", "job_id": str(submission_id)}}
    return {
        one.shape: (one.address({"pk": submission_id}), orders.get(one.shape))
        for one in sockets()
        if one.path != "/"
    }


def streams_of(submission_id: object) -> list[str]:
    found = [
        one.address({"pk": submission_id})
        for one in routes()
        if getattr(one.view, "cls", None) in (SubmissionStream, JobStream)
    ]
    assert len(found) == 3  # S1's also with a slash
    return found


async def hear(live: WebsocketCommunicator, first: dict[str, str] | None) -> bytes:
    """The socket for several ones has no end."""
    await live.connect()
    if first is not None:
        await live.send_json_to(first)
    told = b""
    while (output := await live.receive_output(10))["type"] == "websocket.send":
        told += output["text"].encode()
        if first is not None and json.loads(output["text"]).get("status") in ("done", "error"):
            await live.disconnect()
            break
    return told


async def stream(path: str, cookie: str) -> bytes:
    answer = await Http("GET", path, cookie=cookie).start()
    return b"".join([chunk async for chunk in answer.chunks()])


async def poll(address: str, cookie: str) -> bytes:
    told, after, is_over = b"", 0, False
    while not is_over:
        answer = await (await Http("GET", f"{address}?wait=5&after={after}", cookie=cookie).start()).json()
        told += json.dumps(answer).encode()
        after, is_over = max([after, *(one["seq"] for one in answer["events"])]), answer["final"]
    return told


def leaks_in(received: Mapping[str, bytes]) -> dict[str, list[str]]:
    return {where: found for where, data in received.items() if (found := canary.find(data))}


def leaks_in_log(records: Iterable[logging.LogRecord]) -> dict[str, list[str]]:
    """Of the words, and of all fields."""
    written = formatter()
    return leaks_in({f"log: {one.getMessage()[:80]}": written.format(one).encode() for one in records})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["submissions", "runs"])
def test_nothing_of_a_hidden_case_reaches_a_learner_or_a_log(engine, work, question, caplog, kind):
    """S0.6, S0.27, S2.13 (in part), S4.1: whatever the program does with its input, at every address there is."""
    caplog.set_level(logging.DEBUG)
    learner = make_user()
    client = Client(headers={"Cookie": session_cookie(learner)})
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
        leaks |= {(name, *leak) for leak in leaks_in(read(client, submission, about_it=True)).items()}
    leaks |= leaks_in(read(client, submission, about_it=False))
    leaks |= leaks_in(refused(client, submission))
    leaks |= leaks_in_log(caplog.records)
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


# --- While it is judged ----------------------------------------------------------------------------------------

GRADED = {
    "/api/v1/submissions/?wait=true": ("question", "source", "language"),
    "/v1/submissions?wait=true": ("questionId", "sourceCode", "languageId"),
    "/api/execute": ("question", "code", "lang"),
    "/api/execution/validate": ("exerciseId", "code", "language"),
}
"""What is graded, by each contract's words for question, source and language."""


def leaking(source: bytes, stdin: bytes) -> Result:
    """A program that puts its input wherever it can."""
    match source:
        case b"crash":
            return exited(1, stdin, stderr=stdin)
        case b"slow":
            return timed_out(stdin, stderr=stdin)
        case b"sneaky" if stdin == b"1 2\n":
            return printed(b"3\n")
    return printed(stdin, stderr=stdin)


@pytest.fixture
def judge0(backends, settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = LOOPBACK
    with FakeJudge0(leaking, looks=0) as fake:
        backends(fake.url)
        yield fake


async def whole(request: Http) -> bytes:
    await request.start()
    assert request.status in (200, 202)
    return b"".join([chunk async for chunk in request.chunks()])


async def followed(request: Http, cookie: str) -> tuple[Submission, dict[str, bytes]]:
    """The submission that the request makes, judged here, and all that is told of it meanwhile."""
    answer = asyncio.create_task(whole(request))
    queued = Submission.objects.filter(status="queued")
    while (submission := await queued.afirst()) is None:
        await asyncio.sleep(0.01)
    told = asyncio.create_task(follow_all(submission.pk, cookie))
    await sync_to_async(judging.judge_submission)(str(submission.pk))
    return submission, {"the answer": await answer} | await told


def told_of(address: str, source: str, **more: object) -> dict[str, bytes]:
    """By every way: who waits, follows, reads and repeats, and who is called."""
    learner = make_user()
    cookie, key = session_cookie(learner), keys.make(user=learner, name="", scopes=["submit", "read"])[1]
    headers = {"authorization": f"Api-Key {key}", "idempotency_key": "once"}
    with Receiver() as receiver:
        values = zip(GRADED[address], ("secretive", source, "python"), strict=True)
        body = dict(values) | {"callback_url": receiver.url} | more
        submission, told = played(partial(followed, Http("POST", address, body, **headers), cookie))
        deliver()
    told["the webhook"] = repr(receiver.calls).encode() + b"".join(call.body for call in receiver.calls)
    assert len(receiver.calls) == 1
    client = Client(headers={"Cookie": cookie})
    again = client.post(
        address, json.dumps(body), content_type="application/json", headers={"Idempotency-Key": "once"}
    )
    assert again["Idempotency-Replayed"] == "true"
    return told | {"the same again": again.content} | read(client, submission, about_it=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", GRADED)
def test_nothing_of_a_hidden_case_is_told_while_it_is_judged(judge0, question, caplog, address):
    """S0.6, S0.31 (in part): by sockets, streams, polling, answers that waited, webhooks and receipts."""
    caplog.set_level(logging.DEBUG)
    question.explain_hidden = True
    question.save(update_fields=["explain_hidden"])

    leaks = {
        (source, where)
        for source in ("echo", "crash", "slow", "sneaky")
        for where in leaks_in(told_of(address, source))
    }

    assert leaks == set()
    assert leaks_in_log(caplog.records) == {}


@pytest.mark.django_db(transaction=True)
def test_what_is_told_in_these_ways_would_be_found(judge0, question):
    question.testcases.update(visibility="public")

    found = set(leaks_in(told_of("/v1/submissions?wait=true", "echo", metadata={"mine": canary.SECRET})))

    assert {"the answer", "the same again", "the webhook"} < found
    assert any(where.startswith("/submissions/") for where in found)


# --- Runs: nothing of them is kept but for a while ---------------------------------------------------------------

OWN = {"input": canary.SECRET, "expected": canary.SECRET}
SOURCE = f"print({canary.SECRET!r})"
AD_HOC: dict[str, dict[str, Any]] = {
    "/api/v1/runs/": {"language": "python", "source": SOURCE, "input": canary.SECRET},
    "/v1/judge": {"languageId": "python", "sourceCode": SOURCE, "testCases": [OWN]},
    "/api/execute": {"lang": "python", "code": SOURCE, **OWN},
    "/api/execution/execute?wait=false": {"language": "python", "code": SOURCE, "input": canary.SECRET},
    "/api/execution/test?wait=false": {
        "language": "python",
        "code": SOURCE,
        "testCases": [OWN | {"description": canary.SECRET}],
    },
    "/api/v1/executions/execute": {"language": "python", "code": SOURCE, "input_data": canary.SECRET},
}


@pytest.mark.django_db(transaction=True)
def test_nothing_of_a_run_is_stored_or_logged_whatever_contract_it_came_by(judge0, caplog):
    """S4.21: only its owner sees it, in every way there is; of other things, the question is stored."""
    caplog.set_level(logging.DEBUG)
    forget_other_tests()
    make_question()
    user = make_user(is_staff=True, is_superuser=True)
    cookie, key = session_cookie(user), keys.make(user=user, name="", scopes=["submit", "read", "judge"])[1]
    for number, (address, body) in enumerate(AD_HOC.items()):
        headers = {"authorization": f"Api-Key {key}", "idempotency_key": str(number)}
        request = Http("POST", address, body, **headers)
        submission, told = played(partial(followed, request, cookie))
        told |= read(Client(headers={"Cookie": cookie}), submission, about_it=True)
        assert submission.kind == "run"
        assert {"/ws/executions", f"/api/stream/{submission.pk}/", f"/api/v1/runs/{submission.pk}/"} <= set(
            leaks_in(told)
        )
    forms = Client(headers={"Cookie": cookie})
    for page, action in (("/run/", {}), (f"/questions/{Question.objects.get().slug}/", {"action": "run"})):
        sent = forms.post(page, {"language": "python", "source": SOURCE, "input": canary.SECRET} | action)
        assert sent.status_code == 303
        judging.judge_submission(sent["Location"].split("/")[-2])

    assert canary.find(everything_stored()) == []
    assert leaks_in_log(caplog.records) == {}
