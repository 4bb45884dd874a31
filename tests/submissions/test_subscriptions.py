"""`/ws/executions/`: S1's channel of several jobs, subscribed to one by one."""

import json
import uuid

import pytest

from submissions import consumers
from submissions.connections import in_thread
from tests import connected
from tests.connected import played, received, session_cookie
from tests.factories import make_user
from tests.stepwise import Stepwise, run, submit

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = "/ws/executions/"


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def cookie(learner):
    return session_cookie(learner)


def subscribe(job) -> dict[str, str]:
    return {"subscribe": "executions", "job_id": str(job)}


def unsubscribe(job) -> dict[str, str]:
    return {"unsubscribe": "executions", "job_id": str(job)}


async def opened(cookie: str):
    live = connected.socket(ADDRESS, cookie=cookie)
    await live.connect()
    return live


async def send(live, *orders) -> list[dict]:
    """What is answered to each; what is told of jobs meanwhile is left out."""
    answers = []
    for order in orders:
        await live.send_to(text_data=order if isinstance(order, str) else json.dumps(order))
        while (told := (await received(live, 1))[0])["type"] == "update":
            pass
        answers.append(told)
    return answers


def test_who_subscribes_to_a_job_hears_its_status_score_and_output(learner, cookie):
    """S1.31, S1.32, S1.55: the output of what is graded is null."""
    graded, tried = Stepwise(submit(learner)), Stepwise(run(learner))

    async def scenario():
        live = await opened(cookie)
        answers = await send(live, *(subscribe(one.submission.pk) for one in (graded, tried)))
        for one in (graded, tried):
            await in_thread(one.to_the_end)
        told = []
        while sum(one["status"] == "done" for one in told) < 2:
            told += await received(live, 1)
        quiet = await live.receive_nothing()
        await live.disconnect()
        return answers, told, quiet

    answers, told, quiet = played(scenario)

    ids = [str(one.submission.pk) for one in (graded, tried)]
    assert answers == [{"type": "subscribed", "channel": "executions", "job_id": pk} for pk in ids]
    assert {"status", "stdout", "score"} <= set.intersection(*(set(one) for one in told))
    of_graded, of_tried = ([one for one in told if one["job_id"] == pk] for pk in ids)
    assert [one["score"] for one in of_graded][-5:] == [25, 50, 75, 100, 100]
    assert {one["stdout"] for one in of_graded} == {None}
    assert (of_tried[-1]["status"], of_tried[-1]["stdout"], of_tried[-1]["score"]) == ("done", "3\n", None)
    assert quiet


@pytest.mark.parametrize("order", [subscribe("mine"), {"subscribe": "executions", "mine": True}])
def test_who_subscribes_to_ones_own_hears_of_all_that_there_is_and_that_comes(learner, cookie, order):
    """S1.31, C15: filtered by the user."""
    stranger = make_user()
    first = Stepwise(submit(learner))

    async def scenario():
        live = await opened(cookie)
        (answer,) = await send(live, order)
        told = await received(live, 1)
        await in_thread(submit, stranger)
        second = await in_thread(submit, learner)
        told += await received(live, 1)
        await in_thread(first.claim)
        told += await received(live, 1)
        quiet = await live.receive_nothing()
        await live.disconnect()
        return answer, told, second, quiet

    answer, told, second, quiet = played(scenario)

    assert (answer["type"], answer["job_id"]) == ("subscribed", "mine")
    assert [(one["job_id"], one["status"]) for one in told] == [
        (str(first.submission.pk), "queued"),
        (str(second.pk), "queued"),
        (str(first.submission.pk), "running"),
    ]
    assert quiet


@pytest.mark.parametrize("name", ["its id", "mine"])
def test_who_unsubscribes_hears_no_more(learner, cookie, name):
    """S1.31 (in part)"""
    work = Stepwise(submit(learner))
    job = work.submission.pk if name == "its id" else name

    async def scenario():
        live = await opened(cookie)
        await send(live, subscribe(job))
        await received(live, 1)
        answers = await send(live, unsubscribe(job), unsubscribe(job))
        await in_thread(work.claim)
        quiet = await live.receive_nothing(0.3)
        await live.disconnect()
        return answers, quiet

    answers, quiet = played(scenario)

    assert [one["type"] for one in answers] == ["unsubscribed"] * 2
    assert quiet


NAMED = "its id"


@pytest.mark.parametrize(
    ("orders", "times"),
    [
        ([(subscribe, NAMED), (subscribe, NAMED)], 1),
        ([(subscribe, "mine"), (subscribe, NAMED)], 1),
        ([(subscribe, NAMED), (subscribe, "mine")], 1),
        ([(subscribe, NAMED), (subscribe, "mine"), (unsubscribe, NAMED)], 1),
        ([(subscribe, "mine"), (subscribe, NAMED), (unsubscribe, "mine")], 1),
        ([(subscribe, NAMED), (subscribe, "mine"), (unsubscribe, "mine"), (unsubscribe, NAMED)], 0),
    ],
)
def test_a_job_is_told_once_as_long_as_any_subscription_wants_it(learner, cookie, orders, times):
    """S1.31 (in part): what was before its first subscription once, and what comes."""
    work, later = Stepwise(submit(learner)), submit(learner)

    async def scenario():
        live = await opened(cookie)
        told = []
        for order, name in orders:
            await live.send_to(text_data=json.dumps(order(work.submission.pk if name == NAMED else name)))
            told += await received(live, 1)
            wanted = {str(work.submission.pk)} | ({str(later.pk)} if name == "mine" else set())
            while not wanted <= {one["job_id"] for one in told if one["type"] == "update"}:
                told += await received(live, 1)
        assert await live.receive_nothing()
        await in_thread(work.to_the_end)
        told += await received(live, 6 * times)
        quiet = await live.receive_nothing()
        await live.disconnect()
        of_it = [one for one in told if one["type"] == "update" and one["job_id"] == str(work.submission.pk)]
        return [one["status"] for one in of_it], quiet

    assert played(scenario) == (["queued", *[*["running"] * 5, "done"] * times], True)


def test_so_many_subscriptions_are_begun_in_a_minute(learner, cookie, monkeypatch):
    """Here 2; each may be of a large output, and who does not read lets them pile up."""
    monkeypatch.setattr(consumers, "MOST_BEGUN", 2)
    job = submit(learner).pk

    async def scenario():
        live = await opened(cookie)
        answers = await send(live, *[subscribe(job), unsubscribe(job)] * 3)
        monkeypatch.setattr(consumers, "MINUTE_S", 0.0)  # it is over
        answers += await send(live, subscribe(job), subscribe(job))
        await live.disconnect()
        return [one.get("code", one["type"]) for one in answers]

    begun, refused = ["subscribed", "unsubscribed"], ["rate_limited", "unsubscribed"]
    assert played(scenario) == [*begun, *begun, *refused, "subscribed", "subscribed"]


def test_a_job_of_somebody_else_is_refused_like_one_that_does_not_exist(cookie):
    """S1.31, S4.19 (in part)."""
    foreign, unknown = submit(make_user()).pk, uuid.uuid4()

    async def scenario():
        live = await opened(cookie)
        answers = await send(live, subscribe(foreign), subscribe(unknown))
        await live.disconnect()
        return answers

    answers = played(scenario)

    assert [one["job_id"] for one in answers] == [str(foreign), str(unknown)]
    assert [one | {"job_id": None} for one in answers] == [
        {"type": "error", "code": "not_found", "detail": "Not found.", "job_id": None}
    ] * 2


def test_a_socket_has_so_many_subscriptions_and_what_has_ended_counts_no_more(learner, cookie, monkeypatch):
    """S1.31 (in part): 50, here 2."""
    assert consumers.MOST_SUBSCRIPTIONS == 50
    monkeypatch.setattr(consumers, "MOST_SUBSCRIPTIONS", 2)
    works = [Stepwise(submit(learner)) for _ in range(3)]
    ids = [one.submission.pk for one in works]

    async def scenario():
        live = await opened(cookie)
        answers = await send(live, *map(subscribe, ids), subscribe(ids[0]))
        await in_thread(works[0].to_the_end)
        while (await received(live, 1))[0]["status"] != "done":
            pass
        answers += await send(live, subscribe(ids[2]))
        await live.disconnect()
        return answers

    answers = played(scenario)

    assert [one["type"] for one in answers] == [
        "subscribed",
        "subscribed",
        "error",
        "subscribed",
        "subscribed",
    ]
    assert answers[2]["code"] == "too_many_subscriptions"


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        "null",
        "[" * 4000,
        "{}",
        '{"subscribe": "all"}',
        '{"subscribe": "executions"}',
        '{"subscribe": "executions", "job_id": 7}',
        '{"subscribe": "executions", "job_id": null}',
        '{"subscribe": "executions", "job_id": "x"}',
        '{"subscribe": "executions", "unsubscribe": "executions", "job_id": "mine"}',
    ],
)
def test_what_is_no_order_is_refused_and_the_socket_stays_open(cookie, frame):
    async def scenario():
        live = await opened(cookie)
        answers = await send(live, frame, subscribe("mine"))
        await live.disconnect()
        return answers

    assert [one.get("code", one["type"]) for one in played(scenario)] == ["invalid", "subscribed"]


@pytest.mark.parametrize(
    ("frame", "code"),
    [({"bytes_data": b"{}"}, 4400), ({"text_data": " " * 5000}, 4413)],
    ids=["binary", "huge"],
)
def test_what_is_no_text_or_too_much_of_it_closes_the_socket(cookie, frame, code):
    async def scenario():
        live = await opened(cookie)
        await live.send_to(**frame)
        return await live.receive_output(5)

    assert played(scenario) == {"type": "websocket.close", "code": code}


@pytest.mark.parametrize(
    ("headers", "code"),
    [({}, 4401), ({"x_code_exec_key": "nonsense"}, 4401), ({"origin": "http://evil.example"}, 4403)],
)
def test_who_shows_nothing_good_is_closed_with_a_code(cookie, headers, code):
    """S4.22 (in part)."""
    shown = headers | ({"cookie": cookie} if "origin" in headers else {})

    async def scenario():
        live = connected.socket(ADDRESS, **shown)
        assert (await live.connect())[0]
        return await live.receive_output(5)

    assert played(scenario) == {"type": "websocket.close", "code": code}
