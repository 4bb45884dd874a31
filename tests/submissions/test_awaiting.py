"""Answers that wait: through the real ASGI application, by which no thread waits."""

import asyncio
import threading
import time
from uuid import UUID

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connection

from accounts import keys
from submissions import awaiting, following, judging
from submissions.connections import in_thread
from submissions.models import Submission
from tests.connected import Http, played, session_cookie
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0, printed
from tests.stepwise import Stepwise, submit

pytestmark = pytest.mark.django_db(transaction=True)

SUBMIT = "/api/v1/submissions/"
RUN = "/api/v1/runs/"
CASES = [("1\n", "3\n", True), ("2\n", "3\n", False), ("3\n", "3\n", False)]


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def key(learner):
    return keys.make(user=learner, name="test", scopes=["submit", "read"])[1]


@pytest.fixture
def judge0(backends):
    with FakeJudge0(lambda source, stdin: printed(b"3\n"), looks=0) as judge0:
        backends(judge0.url)
        yield judge0


def program(question=None):
    question = question or make_question(cases=CASES)
    return {"question": question.slug, "language": "python", "source": "print(3)"}


async def judge_all(count: int = 1) -> None:
    """As a worker would that finds them; they need not be there yet."""
    judged: set[UUID] = set()
    while len(judged) < count:
        for pk in await in_thread(queued):
            await in_thread(judging.judge_submission, str(pk))
            judged.add(pk)
        await asyncio.sleep(0.01)


def queued():
    return list(Submission.objects.filter(status="queued").values_list("pk", flat=True))


@pytest.mark.parametrize("address", [SUBMIT, RUN])
def test_who_waits_gets_all_of_it_once_it_has_ended(judge0, key, address):
    """S0.24, C6: 200 with the final result; where to look for it later is told as well."""
    body = program()

    async def scenario():
        judged = asyncio.create_task(judge_all())
        answer = await Http("POST", f"{address}?wait=true", body, x_code_exec_key=key).start()
        await judged
        return answer, await answer.json()

    answer, told = played(scenario)

    assert answer.status == 200
    assert (told["status"], told["verdict"], told["final"]) == ("done", "AC", True)
    assert [case["verdict"] for case in told["results"]] == ["AC"] * (3 if address == SUBMIT else 1)
    assert answer.headers["location"] == f"{address}{told['id']}/"
    assert answer.headers["content-type"] == "application/json"
    assert "x-frame-options" in answer.headers  # what Django has added stays


@pytest.mark.parametrize("setting", [{"SYNC_WAIT_MAX_S": 0.1}, {"SYNC_WAITERS": 0}], ids=["late", "crowded"])
def test_who_cannot_wait_so_long_learns_where_to_look(judge0, settings, key, setting):
    """S0.25, C6: after SYNC_WAIT_MAX it is 202 as for anybody; at once where too many wait already."""
    for name, value in setting.items():
        setattr(settings, name, value)
    body = program()

    async def scenario():
        answer = await Http("POST", f"{SUBMIT}?wait=true", body, x_code_exec_key=key).start()
        return answer, await answer.json()

    answer, told = played(scenario, seconds=5)

    assert (answer.status, told["status"], told["final"]) == (202, "queued", False)
    assert answer.headers["location"] == f"{SUBMIT}{told['id']}/"


def test_what_is_refused_is_refused_at_once(key):
    async def scenario():
        answer = await Http("POST", f"{SUBMIT}?wait=true", {}, x_code_exec_key=key).start()
        return answer.status, (await answer.json())["code"]

    assert played(scenario, seconds=5) == (400, "invalid")


def test_a_run_that_found_no_server_is_502_also_where_it_was_waited_for(judge0, key):
    """What the view's rendering raises is a problem document, as if the view had raised it."""
    body = program()

    async def scenario():
        waiting = Http("POST", f"{RUN}?wait=true", body, x_code_exec_key=key)
        await waiting.send()
        while not await in_thread(queued):
            await asyncio.sleep(0.01)
        judge0.fail("500")
        await judge_all()
        answer = await waiting.head()
        return answer, await answer.json()

    answer, problem = played(scenario)

    assert (answer.status, problem["status"], problem["code"]) == (502, 502, "judge_unavailable")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["location"].startswith(RUN)


def test_where_the_database_fails_meanwhile_the_first_answer_counts(judge0, key, monkeypatch):
    """It was taken: a client that got an error would send it again."""
    monkeypatch.setattr(following, "ASK_AGAIN_S", 0.1)
    body = program()

    async def scenario():
        waiting = Http("POST", f"{SUBMIT}?wait=true", body, x_code_exec_key=key)
        await waiting.send()
        while not following._hubs or not await in_thread(queued):
            await asyncio.sleep(0.01)
        await in_thread(rename_table, "submissions_submission", "away")
        try:
            return (await waiting.head()).status
        finally:
            await in_thread(rename_table, "away", "submissions_submission")

    assert played(scenario) == 202


def rename_table(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


@pytest.mark.parametrize("first", ["answered", "too late", "gone"])
def test_who_waits_no_more_gives_the_place_to_another(judge0, settings, key, first):
    """Of one place here, in three ways."""
    settings.SYNC_WAITERS = 1
    settings.SYNC_WAIT_MAX_S = 0.1 if first == "too late" else 20
    body = program()

    async def scenario():
        waiting, next_one = (Http("POST", f"{SUBMIT}?wait=true", body, x_code_exec_key=key) for _ in range(2))
        await waiting.send()
        while not following._hubs:
            await asyncio.sleep(0.001)
        if first == "gone":
            await waiting.leave()
        else:
            await asyncio.gather(waiting.head(), judge_all(1 if first == "answered" else 0))
        settings.SYNC_WAIT_MAX_S = 20
        judged = asyncio.create_task(judge_all(1 if first == "answered" else 2))
        answer = await next_one.start()
        await judged
        return waiting.status, answer.status

    assert played(scenario) == ({"answered": 200, "too late": 202, "gone": 0}[first], 200)


def test_where_rendering_fails_as_it_never_should_the_first_answer_counts(learner, caplog):
    """It was taken: a client that got a 500 would send it again."""
    work = Stepwise(submit(learner))
    work.to_the_end()

    def render(ended):
        raise LookupError("a mistake of ours")

    async def view(scope, receive, send):
        ended = awaiting.AwaitedSubmission(work.submission.pk, 0, True, 5, render)
        scope[awaiting.SLOT].append(ended)
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"taken"})

    async def scenario():
        waiting = ApplicationCommunicator(awaiting.holding_answers(view), {"type": "http"})
        return [await waiting.receive_output(5) for _ in range(2)]

    start, body = played(scenario)

    assert (start["status"], body["body"]) == (202, b"taken")
    assert "a mistake of ours" in caplog.text


def test_who_leaves_is_waited_for_no_more(judge0, key):
    body = program()

    async def scenario():
        waiting = Http("POST", f"{SUBMIT}?wait=true", body, x_code_exec_key=key)
        await waiting.send()
        while not following._hubs:
            await asyncio.sleep(0.01)
        await waiting.leave()
        return len(following._hubs), await waiting.is_silent()

    assert played(scenario) == (0, True)


@pytest.mark.both_databases
@pytest.mark.usefixtures("keeping_no_connections")
def test_many_wait_at_once_without_a_thread_or_a_connection_each(judge0, settings, learner, key):
    """S0.24 (in part): all of them have their answer when it has ended."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "1000/minute"}
    body = program()

    async def scenario():
        before = threading.active_count()
        waiting = [Http("POST", f"{SUBMIT}?wait=true", body, x_code_exec_key=key) for _ in range(16)]
        for one in waiting:
            await one.send()
        # All are taken, and none is answered: then there are the threads that all share, and whoever is just looking.
        while (
            len(await in_thread(queued)) < 16
            or threading.active_count() > before + 8
            or await in_thread(connection_count) > 2
        ):
            await asyncio.sleep(0.01)
        assert all([await one.is_silent(0.01) for one in waiting])
        await judge_all(16)
        answers = await asyncio.gather(*(one.head() for one in waiting))
        return {one.status for one in answers}

    assert played(scenario, seconds=60) == {200}


def connection_count() -> int:
    """0 on SQLite, which has files."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return cursor.fetchone()[0]


# --- Long polling ----------------------------------------------------------------------------------------------


async def poll(submission, after: int, wait_s: int, cookie: str):
    address = f"{SUBMIT}{submission.pk}/events/?after={after}&wait={wait_s}"
    answer = await Http("GET", address, cookie=cookie).start()
    return answer, await answer.json()


def test_who_polls_and_waits_is_answered_when_there_is_something_new(learner):
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)

    async def scenario():
        at_once = await poll(work.submission, 0, 10, cookie)
        waiting = asyncio.create_task(poll(work.submission, 1, 10, cookie))
        while not following._hubs:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        await in_thread(work.claim)
        return at_once, await waiting

    (_, first), (answer, second) = played(scenario)

    assert [event["seq"] for event in first["events"]] == [1]
    assert [event["seq"] for event in second["events"]] == [2]
    assert second["queue"] is None
    assert (answer.status, answer.headers["cache-control"]) == (200, "private, no-cache")


def test_who_polls_and_waits_in_vain_is_told_that_there_is_nothing(learner):
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        began = time.monotonic()
        _, told = await poll(submission, 1, 1, cookie)
        return told, time.monotonic() - began

    told, seconds = played(scenario)

    assert (told["events"], told["final"]) == ([], False)
    assert 0.9 < seconds < 5


def test_what_has_ended_is_not_waited_for(learner):
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)
    work.to_the_end()

    _, told = played(lambda: poll(work.submission, 7, 20, cookie), seconds=5)

    assert (told["events"], told["final"]) == ([], True)


@pytest.mark.parametrize("wait", ["x", "-1", "601", "1.5"])
def test_how_long_one_waits_is_a_whole_number_of_seconds(client, learner, wait):
    client.force_login(learner)

    answer = client.get(f"{SUBMIT}{submit(learner).pk}/events/?wait={wait}")

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["wait"])


def test_where_there_is_no_asgi_it_is_waited_for_as_well(learner, client):
    """In a thread, as other servers have it."""
    client.force_login(learner)
    work = Stepwise(submit(learner))
    began = time.monotonic()
    judging_it = threading.Timer(0.2, closing_after(work.claim))
    judging_it.start()

    told = client.get(f"{SUBMIT}{work.submission.pk}/events/?after=1&wait=10").json()

    judging_it.join()
    assert [event["seq"] for event in told["events"]] == [2]
    assert time.monotonic() - began < 5
    assert client.head(f"{SUBMIT}{work.submission.pk}/events/?after=2&wait=10").status_code == 200


def closing_after(act):
    def acted():
        try:
            act()
        finally:
            connection.close()

    return acted
