"""The websocket of a submission, through the real ASGI application and the real channel layer."""

import asyncio
import contextlib
import json
import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts import credentials, keys, tickets
from accounts.scopes import LEARNER
from execution import languages
from execution.types import Finished, Judged, Run, Verdict
from submissions import following, judging, lifecycle
from submissions.connections import at_the_door, in_thread, redis_client
from submissions.models import Submission
from tests import connected, stepwise
from tests.connected import played, received, session_cookie
from tests.factories import make_author, make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.issuer import Issuer

pytestmark = pytest.mark.django_db(transaction=True)


def socket(submission_id, cookie: str = "", after: int = 0, **more: Any):
    return connected.socket(f"/ws/submissions/{submission_id}/?after={after}", cookie=cookie, **more)


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


def test_who_connects_gets_what_was_before_then_what_happens_and_then_the_end():
    """S0.21: every change arrives, once and in order."""
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie)
        assert (await live.connect())[0]
        first = await live.receive_json_from()
        assert (await live.receive_json_from())["type"] == "queue"
        claim = await in_thread(judge_one_case, submission)
        await in_thread(lifecycle.record, claim, {}, [Finished(Verdict.AC, None)])
        rest = [await live.receive_json_from() for _ in range(3)]
        return [first, *rest], await live.receive_output()

    messages, closed = played(scenario)

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
        await in_thread(judging.judge_submission, str(submission.pk))
        messages = []
        while (output := await live.receive_output(10))["type"] == "websocket.send":
            messages.append(json.loads(output["text"]))
        return [message for message in messages if message["type"] != "queue"]

    with FakeJudge0(lambda source, stdin: printed(b"3\n")) as judge0:
        backends(judge0.url)
        messages = played(scenario)

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

    assert played(scenario)["seq"] == 3


def test_what_the_channel_layer_loses_arrives_all_the_same(monkeypatch):
    """The layer is a hint; the database is asked again."""
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await in_thread(Submission.objects.filter(pk=submission.pk).update, seq=2)
        await in_thread(
            submission.events.create, seq=2, type="status", payload={"final": False, "status": "queued"}
        )
        message = await live.receive_json_from(timeout=5)
        await live.disconnect()
        return message

    assert played(scenario)["seq"] == 2


def test_who_waits_is_told_the_place_in_the_queue_whenever_it_has_changed(monkeypatch):
    """S2.23 (in part): it has no number, since it is no change of the submission."""
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    earlier, submission = submit(make_user()), submit(learner)
    cookie = session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        second = await live.receive_json_from()
        assert await live.receive_nothing(0.3)
        await in_thread(lifecycle.cancel, earlier)
        first = await live.receive_json_from(timeout=5)
        await live.disconnect()
        return second, first

    second, first = played(scenario)

    assert second == {
        "type": "queue",
        "submission": str(submission.pk),
        "queue": {"position": 2, "estimated_wait_s": None},
    }
    assert first["queue"]["position"] == 1


def test_who_is_given_back_is_told_the_place_again_though_it_is_the_same(monkeypatch):
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
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
        await in_thread(interrupt)
        rest = [await live.receive_json_from(timeout=5) for _ in range(3)]
        await live.disconnect()
        return before, rest

    before, (running, queued, again) = played(scenario)

    assert (running["status"], queued["status"]) == ("running", "queued")
    assert (again["type"], again["queue"]) == ("queue", before["queue"])


def test_who_cancels_is_told_the_end():
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await live.receive_json_from()
        await in_thread(lifecycle.cancel, submission)
        return await live.receive_json_from(), await live.receive_output()

    event, closed = played(scenario)

    assert (event["seq"], event["status"], event["reason"], event["final"]) == (2, "error", "cancelled", True)
    assert closed == {"type": "websocket.close", "code": 1000}


def test_when_the_database_fails_the_socket_is_closed_so_that_the_client_comes_back(monkeypatch):
    """One that stays open and silent would deceive it."""
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await in_thread(rename_table, "submissions_submission", "away")
        try:
            return await live.receive_output(10)
        finally:
            await in_thread(rename_table, "away", "submissions_submission")

    assert played(scenario) == {"type": "websocket.close", "code": 4503}


def rename_table(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def test_when_the_submission_is_deleted_the_socket_is_closed(monkeypatch):
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie, after=1)
        await live.connect()
        await in_thread(submission.delete)
        return await live.receive_output(10)

    assert played(scenario) == {"type": "websocket.close", "code": 4404}


def test_any_other_address_is_closed_with_a_code():
    async def scenario():
        live = connected.socket("/ws/nonsense/")
        assert (await live.connect())[0]
        return await live.receive_output()

    assert played(scenario) == {"type": "websocket.close", "code": 4404}


# --- Who may ---------------------------------------------------------------------------------------------------


def ours(submission) -> str:
    return f"/ws/submissions/{submission.pk}/"


def s4(submission) -> str:
    return f"/api/v1/executions/ws/{submission.pk}"


def key_of(user, *scopes: str) -> str:
    return keys.make(user=user, name="test", scopes=scopes or ("read",))[1]


def closing(address: str, **more) -> dict:
    """How a socket is closed before it was told anything."""

    async def scenario():
        live = connected.socket(address, **more)
        assert (await live.connect())[0]  # a close before accept would reach browsers without a code
        return await live.receive_output(5)

    return played(scenario)


REFUSED = {
    "nobody": (lambda _: {}, 4401),
    "an expired token": (lambda _: {"token": "expired"}, 4401),
    "a forged token": (lambda _: {"token": "forged"}, 4401),
    "a bad key": (lambda _: {"x_code_exec_key": "nonsense"}, 4401),
    "a ticket that is none": (lambda _: {"subprotocols": ["ticket.jt_0"]}, 4401),
    "a session that is none": (lambda _: {"cookie": "sessionid=nonsense"}, 4401),
    "a key without read": (lambda one: {"x_code_exec_key": key_of(one.user, "submit")}, 4403),
    "a foreign page": (
        lambda one: {"cookie": session_cookie(one.user), "origin": "http://evil.example"},
        4403,
    ),
    "no page at all": (lambda one: {"cookie": session_cookie(one.user), "origin": ""}, 4403),
    "a stranger": (lambda _: {"cookie": session_cookie(make_user())}, 4404),
    "a stranger's key": (lambda _: {"x_code_exec_key": key_of(make_user())}, 4404),
    "an author's key for reading": (lambda _: {"x_code_exec_key": key_of(make_author())}, 4404),
}


@pytest.mark.parametrize("address", [ours, s4])
@pytest.mark.parametrize("who", REFUSED)
def test_who_may_not_follow_it_is_accepted_and_closed_with_a_code(settings, address, who):
    """S4.10, S4.19 (in part), S4.22."""
    shown, code = REFUSED[who]
    submission = submit(make_user())
    with Issuer() as issuer:
        for name, value in issuer.settings().items():
            setattr(settings, name, value)
        more = shown(submission)
        query = {
            "": "",
            "expired": f"?token={issuer.token(exp=1)}",
            "forged": f"?token={issuer.token(headers={'kid': 'other'})}",
        }[more.pop("token", "")]
        closed = closing(address(submission) + query, **more)

    assert closed == {"type": "websocket.close", "code": code}


@pytest.mark.parametrize("address", [ours, s4])
def test_of_a_run_that_has_expired_nothing_is_told(settings, address):
    """C3 (in part)."""
    settings.EXECUTION_TTL_S = 0
    learner = make_user()

    closed = closing(address(stepwise.run(learner)), cookie=session_cookie(learner))

    assert closed == {"type": "websocket.close", "code": 4404}


def test_a_token_of_the_issuer_opens_a_socket_from_any_page(settings):
    """C5, S4.10: nothing but a cookie lets other sites act for somebody."""
    with Issuer() as issuer:
        for name, value in issuer.settings().items():
            setattr(settings, name, value)
        learner = credentials.of_token(issuer.token("alice")).user
        submission = submit(learner)
        address = f"{s4(submission)}?token={issuer.token('alice')}"

        async def scenario():
            live = connected.socket(address, origin="https://lms.example")
            await live.connect()
            told = await received(live, 1)
            await live.disconnect()
            return told

        (told,) = played(scenario)

    assert (told["execution_id"], told["data"]["status"]) == (str(submission.pk), "pending")


@pytest.mark.parametrize("place", ["query", "subprotocol"])
def test_a_ticket_opens_a_socket_once(place):
    """C5: as a subprotocol it is the one that is chosen, or browsers would close."""
    learner = make_user()
    submission = submit(learner)
    ticket = tickets.issue(user_id=learner.pk, scopes=LEARNER)
    address, offered = ours(submission), None
    if place == "query":
        address += f"?token={ticket}"
    else:
        offered = ["v1", f"ticket.{ticket}"]

    async def scenario():
        live, again = (connected.socket(address, subprotocols=offered) for _ in range(2))
        _, chosen = await live.connect()
        told = await received(live, 1)
        await live.disconnect()
        await again.connect()
        return chosen, told[0]["seq"], await again.receive_output(5)

    chosen, seq, closed = played(scenario)

    assert chosen == (None if place == "query" else f"ticket.{ticket}")
    assert seq == 1
    assert closed["code"] == 4401


def test_who_keeps_guessing_is_let_in_no_more_and_may_come_back_later(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"bad-credential": "2/minute"}
    submission = submit(make_user())

    codes = [closing(ours(submission), x_code_exec_key=f"guess-{n}")["code"] for n in range(3)]

    assert codes == [4401, 4401, 4429]


@contextlib.asynccontextmanager
async def all_busy(threads):
    """As if credentials or the database took long: no thread of these is free."""
    free = threading.Event()
    busy = [asyncio.create_task(threads(free.wait)) for _ in range(8)]
    try:
        await asyncio.sleep(0)
        yield
    finally:
        free.set()
        await asyncio.gather(*busy)


def test_who_is_let_in_slowly_holds_up_nobody_who_is_in():
    """An issuer that is away costs seconds each."""
    learner = make_user()
    work, cookie = stepwise.Stepwise(submit(learner)), session_cookie(learner)

    async def scenario():
        live = socket(work.submission.pk, cookie, after=1)
        await live.connect()
        assert (await live.receive_json_from())["type"] == "queue"
        async with all_busy(at_the_door):
            await asyncio.to_thread(in_this_thread(work.to_the_end))
            told = await received(live)
        return told[-1]

    assert played(scenario) == {"type": "websocket.close", "code": 1000}


def in_this_thread(act):
    def acted():
        try:
            act()
        finally:
            connection.close()

    return acted


@pytest.mark.parametrize("address", [ours, s4, lambda _: "/ws/executions/", "stream"])
def test_whoever_comes_is_heard_while_those_who_are_in_are_busy(address):
    submission = submit(make_user())

    async def scenario():
        async with all_busy(in_thread):
            if address == "stream":
                stream = f"/api/v1/submissions/{submission.pk}/stream/"
                return (await connected.Http("GET", stream).start()).status
            live = connected.socket(address(submission))
            await live.connect()
            return (await live.receive_output(5))["code"]

    assert played(scenario, seconds=5) == (401 if address == "stream" else 4401)


# --- S4 --------------------------------------------------------------------------------------------------------


def test_s4_is_told_every_transition_in_its_words_and_the_output_with_the_end():
    """S4.4, S4.12, S4.13 (in part): each frame has the same shape; then the socket is closed."""
    learner = make_user()
    work = stepwise.Stepwise(stepwise.run(learner))
    cookie = session_cookie(learner)

    async def scenario():
        live = connected.socket(s4(work.submission), cookie=cookie)
        await live.connect()
        first = await received(live, 1)
        await in_thread(work.to_the_end)
        return first + await received(live)

    *frames, closed = played(scenario)

    assert closed == {"type": "websocket.close", "code": 1000}
    assert [frame["data"]["status"] for frame in frames] == ["pending", "running", "running", "completed"]
    for frame in frames:
        assert frame.keys() == {"type", "execution_id", "data"}
        assert (frame["type"], frame["execution_id"]) == ("execution_update", str(work.submission.pk))
        assert frame["data"].keys() == {"status", "output", "error_output", "execution_time"}
    assert [frame["data"]["output"] for frame in frames] == [None, None, None, "3\n"]
    assert frames[-1]["data"]["execution_time"] == "0.05s"


def test_while_the_output_cannot_be_had_s4_is_not_told_that_there_was_none(monkeypatch):
    """Redis is away for a moment: the client comes back."""
    learner = make_user()
    work = stepwise.Stepwise(stepwise.run(learner))
    cookie = session_cookie(learner)
    work.to_the_end()
    redis_client().delete(f"run:{work.submission.pk}")
    redis_client().set(f"run:{work.submission.pk}", "of a wrong type, so that reading it fails")

    async def scenario():
        live = connected.socket(s4(work.submission), cookie=cookie)
        await live.connect()
        return await received(live)

    *frames, closed = played(scenario)

    assert "completed" not in {frame["data"]["status"] for frame in frames}
    assert closed["code"] == 4503


# --- Coming back -----------------------------------------------------------------------------------------------


async def by_socket(submission, after: int, cookie: str):
    live = connected.socket(f"{ours(submission)}?after={after}", cookie=cookie)
    await live.connect()
    while "seq" not in (message := (await received(live, 1))[0]):
        pass
    await live.disconnect()
    return message


async def by_stream(submission, after: int, cookie: str):
    address = f"/api/v1/submissions/{submission.pk}/stream/"
    stream = await connected.Http("GET", address, cookie=cookie, last_event_id=str(after)).start()
    async for seq, message in stream.events():
        if seq is not None:
            await stream.leave()
            return message
    raise AssertionError("it ended too early")


async def by_polling(submission, after: int, cookie: str):
    address = f"/api/v1/submissions/{submission.pk}/events/?after={after}&wait=10"
    answer = await connected.Http("GET", address, cookie=cookie).start()
    return (await answer.json())["events"][0]


@pytest.mark.parametrize("ask", [by_socket, by_stream, by_polling])
def test_who_is_cut_off_after_every_message_loses_none_and_gets_none_twice(ask):
    """S0.21, S4.14 (in part): what happens meanwhile happens while it connects, or before, or after."""
    learner = make_user()
    work, cookie = stepwise.Stepwise(stepwise.submit(learner)), session_cookie(learner)
    told: list[int] = []

    async def scenario():
        steps = iter(work.steps())
        final = False
        while not final:
            after = told[-1] if told else 0
            asking = asyncio.create_task(ask(work.submission, after, cookie))
            await asyncio.sleep(0.005 * (len(told) % 3))
            if (step := next(steps, None)) is not None:
                await in_thread(step)
            message = await asking
            told.append(message["seq"])
            final = message["final"]

    played(scenario)

    assert told == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    "sent",
    [
        {"text_data": "{}"},
        {"text_data": "no json"},
        {"text_data": '{"type": "submission.events"}'},
        {"text_data": "[" * 100_000},
        {"bytes_data": b"\xff\x00"},
    ],
    ids=["empty", "no JSON", "an internal name", "deep", "binary"],
)
def test_what_a_client_sends_is_ignored(sent):
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        live = socket(submission.pk, cookie)
        await live.connect()
        assert [(await live.receive_json_from())["type"] for _ in range(2)] == ["status", "queue"]
        await live.send_to(**sent)
        quiet = await live.receive_nothing()
        await live.disconnect()
        return quiet

    assert played(scenario)
