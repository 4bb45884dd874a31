"""The websocket of a submission, through the real ASGI application and the real channel layer."""

import asyncio
import json
from decimal import Decimal
from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection

from execution import languages
from execution.types import Finished, Judged, Run, Verdict
from judgeplatform.asgi import application
from submissions import consumers, judging, lifecycle
from submissions.models import Submission
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed

pytestmark = pytest.mark.django_db(transaction=True)


def session_cookie(user) -> str:
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


def socket(submission_id, cookie: str = "", after: int = 0, origin: str = "http://127.0.0.1:8000"):
    headers = [(b"origin", origin.encode()), (b"host", b"127.0.0.1:8000"), (b"cookie", cookie.encode())]
    return WebsocketCommunicator(application, f"/ws/submissions/{submission_id}/?after={after}", headers)


def submit(user) -> Submission:
    return judging.submit(
        user=user, question=make_question(), language=languages.get("python"), source="print(3)"
    )


def judge_one_case(submission):
    claim = lifecycle.claim(submission, revision="r", cases_total=2)
    assert claim is not None
    case = submission.question.testcases.values_for_judging()[0]
    lifecycle.record(claim, {1: case}, [Judged(1, Run(failure=None), Verdict.AC, points=Decimal(1))])
    return claim


def follow(scenario):
    """Run an async scenario from a synchronous test, whose rows it shares."""
    return asyncio.run(asyncio.wait_for(scenario(), 20))


def test_who_connects_gets_what_was_before_then_what_happens_and_then_the_end():
    """S0.21: every change arrives, once and in order."""
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie)
        assert (await live.connect())[0]
        first = await live.receive_json_from()
        assert (await live.receive_json_from())["type"] == "queue"
        claim = await sync_to_async(judge_one_case)(submission)
        await sync_to_async(lifecycle.record)(claim, {}, [Finished(Verdict.AC, None)])
        rest = [await live.receive_json_from() for _ in range(3)]
        return [first, *rest], await live.receive_output()

    messages, closed = follow(scenario)

    assert [message["seq"] for message in messages] == [1, 2, 3, 4]
    assert [message["status"] for message in messages] == ["queued", "running", "running", "done"]
    assert messages[2]["case"]["verdict"] == "AC"
    assert [message["final"] for message in messages] == [False, False, False, True]
    assert closed == {"type": "websocket.close", "code": 1000}


def test_for_one_job_the_worker_polls_writes_rows_and_broadcasts(backends):
    """S1.38: all three seen from outside."""
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await sync_to_async(judging.judge_submission)(str(submission.pk))
        messages = []
        while (output := await live.receive_output(10))["type"] == "websocket.send":
            messages.append(json.loads(output["text"]))
        return messages

    with FakeJudge0(lambda source, stdin: printed(b"3\n")) as judge0:
        backends(judge0.url)
        messages = follow(scenario)

    assert judge0.asked("GET", "/submissions/batch")
    submission.refresh_from_db()
    assert (submission.status, submission.verdict) == ("done", "WA")
    assert [message["status"] for message in messages] == ["running", "running", "running", "done"]


def test_who_reconnects_gets_only_what_was_missed():
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)
    judge_one_case(submission)

    async def scenario():
        live = socket(submission.pk, cookie, after=2)
        await live.connect()
        message = await live.receive_json_from()
        assert await live.receive_nothing()
        await live.disconnect()
        return message

    assert follow(scenario)["seq"] == 3


def test_what_the_channel_layer_loses_arrives_all_the_same(monkeypatch):
    """The layer is a hint; the database is asked again."""
    monkeypatch.setattr(consumers, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await sync_to_async(Submission.objects.filter(pk=submission.pk).update)(seq=2)
        await sync_to_async(submission.events.create)(
            seq=2, type="status", payload={"final": False, "status": "queued"}
        )
        message = await live.receive_json_from(timeout=5)
        await live.disconnect()
        return message

    assert follow(scenario)["seq"] == 2


def test_who_waits_is_told_the_place_in_the_queue_whenever_it_has_changed(monkeypatch):
    """S2.23 (in part): it has no number, since it is no change of the submission."""
    monkeypatch.setattr(consumers, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    earlier, submission = submit(make_user()), submit(learner)
    cookie = session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        second = await live.receive_json_from()
        assert await live.receive_nothing(0.3)
        await sync_to_async(lifecycle.cancel)(earlier)
        first = await live.receive_json_from(timeout=5)
        await live.disconnect()
        return second, first

    second, first = follow(scenario)

    assert second == {
        "type": "queue",
        "submission": str(submission.pk),
        "queue": {"position": 2, "estimated_wait_s": None},
    }
    assert first["queue"]["position"] == 1


def test_who_is_given_back_is_told_the_place_again_though_it_is_the_same(monkeypatch):
    monkeypatch.setattr(consumers, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    def interrupt():
        claim = lifecycle.claim(submission, revision="r", cases_total=2)
        assert claim is not None
        lifecycle.give_back(claim)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        before = await live.receive_json_from()
        await sync_to_async(interrupt)()
        rest = [await live.receive_json_from(timeout=5) for _ in range(3)]
        await live.disconnect()
        return before, rest

    before, (running, queued, again) = follow(scenario)

    assert (running["status"], queued["status"]) == ("running", "queued")
    assert (again["type"], again["queue"]) == ("queue", before["queue"])


def test_who_cancels_is_told_the_end():
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await live.receive_json_from()
        await sync_to_async(lifecycle.cancel)(submission)
        return await live.receive_json_from(), await live.receive_output()

    event, closed = follow(scenario)

    assert (event["seq"], event["status"], event["reason"], event["final"]) == (2, "error", "cancelled", True)
    assert closed == {"type": "websocket.close", "code": 1000}


def test_when_the_database_fails_the_socket_is_closed_so_that_the_client_comes_back(monkeypatch):
    """One that stays open and silent would deceive it."""
    monkeypatch.setattr(consumers, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await sync_to_async(rename_table)("submissions_submission", "away")
        try:
            return await live.receive_output(10)
        finally:
            await sync_to_async(rename_table)("away", "submissions_submission")

    assert follow(scenario) == {"type": "websocket.close", "code": 1013}


def rename_table(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_when_the_submission_is_deleted_the_socket_is_closed(monkeypatch):
    monkeypatch.setattr(consumers, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await sync_to_async(submission.delete)()
        return await live.receive_output(10)

    assert follow(scenario) == {"type": "websocket.close", "code": 4404}


def test_any_other_address_is_closed_with_a_code():
    async def scenario():
        live = WebsocketCommunicator(
            application,
            "/ws/nonsense/",
            [(b"origin", b"http://127.0.0.1:8000"), (b"host", b"127.0.0.1:8000")],
        )
        assert (await live.connect())[0]
        return await live.receive_output()

    assert follow(scenario) == {"type": "websocket.close", "code": 4404}


@pytest.mark.parametrize(
    ("who", "code"), [("nobody", 4401), ("a stranger", 4404), ("the owner of another", 4404)]
)
def test_who_may_not_see_it_is_accepted_and_closed_with_a_code(who, code):
    """S4.10, S4.19 (in part): a close before accept would reach browsers without a code."""
    submission = submit(make_user())
    stranger = make_user()
    submit(stranger)
    cookie = "" if who == "nobody" else session_cookie(stranger)

    async def scenario():
        live = socket(submission.pk, cookie)
        assert (await live.connect())[0]
        return await live.receive_output()

    assert follow(scenario) == {"type": "websocket.close", "code": code}


def test_a_page_of_another_site_is_not_let_in():
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        return await socket(submission.pk, cookie, origin="http://evil.example").connect()

    assert follow(scenario)[0] is False


@pytest.mark.parametrize("sent", ["{}", "no json", '{"type": "submission.events"}'])
def test_what_a_client_sends_is_ignored(sent):
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie)
        await live.connect()
        assert [(await live.receive_json_from())["type"] for _ in range(2)] == ["status", "queue"]
        await live.send_to(text_data=sent)
        quiet = await live.receive_nothing()
        await live.disconnect()
        return quiet

    assert follow(scenario)
