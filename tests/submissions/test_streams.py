"""Server-sent events, through the real ASGI application; and what Django answers where there is none."""

import asyncio
import json
import threading

import psutil
import pytest
from django.test import Client
from django.urls import reverse

from accounts import keys, tickets
from accounts.scopes import LEARNER
from submissions import event_stream
from submissions.connections import in_thread
from submissions.models import Submission
from tests import connected
from tests.connected import Http, played, received, session_cookie
from tests.factories import make_author, make_user
from tests.stepwise import Stepwise, run, submit

pytestmark = pytest.mark.django_db(transaction=True)


def ours(submission: Submission) -> str:
    return f"/api/v1/submissions/{submission.pk}/stream/"


def s1(submission: Submission) -> str:
    return f"/api/stream/{submission.pk}"


def key_of(user, *scopes: str) -> str:
    return keys.make(user=user, name="test", scopes=scopes or ("read",))[1]


async def read(address: str, **headers: str):
    """Status, and all events of a stream that ends."""
    stream = await Http("GET", address, **headers).start()
    if stream.status != 200:
        return stream.status, None if stream.status == 204 else await stream.json()
    return stream.status, [event async for event in stream.events()]


def test_a_stream_tells_every_message_with_its_number_and_ends_with_the_last_one():
    """S1.10, S1.56"""
    learner = make_user()
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)

    async def scenario():
        stream = await Http("GET", ours(work.submission), cookie=cookie).start()
        judged = asyncio.create_task(in_thread(work.to_the_end))
        events = [event async for event in stream.events()]
        await judged
        return stream, events

    stream, events = played(scenario)

    numbered = [(seq, data) for seq, data in events if seq is not None]
    assert [seq for seq, _ in numbered] == [data["seq"] for _, data in numbered] == [1, 2, 3, 4, 5, 6, 7]
    assert [data["final"] for _, data in numbered] == [False] * 6 + [True]
    assert {data["type"] for seq, data in events if seq is None} <= {"queue"}
    assert stream.status == 200
    assert stream.headers == {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "vary": "Origin",
        "x-request-id": stream.headers["x-request-id"],
    }


def test_s1_streams_an_event_for_each_transition_with_status_score_and_output():
    """S1.3, S1.36: `{status, score}` rises before the final one; what is graded has no output."""
    learner = make_user()
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)
    work.to_the_end()

    _, events = played(lambda: read(s1(work.submission), cookie=cookie))

    told = [(data["status"], data["score"]) for _, data in events]
    assert told == [
        ("queued", None),
        ("running", None),
        ("running", 25),
        ("running", 50),
        ("running", 75),
        ("running", 100),
        ("done", 100),
    ]
    assert {data["stdout"] for _, data in events} == {None}
    assert {data["job_id"] for _, data in events} == {str(work.submission.pk)}


def test_the_output_of_a_run_comes_with_its_end():
    """S1.36 (in part): it is in Redis only, and joined when the message is made."""
    learner = make_user()
    work, cookie = Stepwise(run(learner)), session_cookie(learner)
    work.to_the_end()

    _, events = played(lambda: read(s1(work.submission), cookie=cookie))

    assert [data["stdout"] for _, data in events] == [None, None, None, "3\n"]


@pytest.mark.parametrize("address", [ours, s1])
@pytest.mark.parametrize("after", [{"last_event_id": "5"}, {"query": "?after=5"}])
def test_who_comes_back_gets_what_was_missed_and_after_the_final_one_is_told_to_stop(address, after):
    learner = make_user()
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)
    work.to_the_end()
    query, headers = after.get("query", ""), {k: v for k, v in after.items() if k != "query"}

    async def scenario():
        rest = await read(address(work.submission) + query, cookie=cookie, **headers)
        return rest, await read(address(work.submission), cookie=cookie, last_event_id="7")

    (status, events), ended = played(scenario)

    assert (status, [seq for seq, _ in events]) == (200, [6, 7])
    assert ended == (204, None)


@pytest.mark.parametrize("junk", ["x", "-1", "1e9", "²", "99999999999"])
def test_a_last_event_id_that_is_no_number_counts_as_none(junk):
    learner = make_user()
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)
    work.to_the_end()
    header = junk.encode().decode("latin-1")

    _, events = played(lambda: read(ours(work.submission), cookie=cookie, last_event_id=header))

    assert len(events) == 7


def test_a_silent_stream_says_that_it_is_still_there(monkeypatch):
    monkeypatch.setattr(event_stream, "PING_S", 0.05)
    learner = make_user()
    submission, cookie = submit(learner), session_cookie(learner)

    async def scenario():
        stream = await Http("GET", f"{ours(submission)}?after=1", cookie=cookie).start()
        parts = stream.chunks()
        chunks = [await anext(parts) for _ in range(4)]
        await stream.leave()
        return chunks

    chunks = played(scenario)

    assert chunks[0] == b"retry: 2000\n\n"
    assert chunks.count(b": still there\n\n") >= 2


# --- Who may ---------------------------------------------------------------------------------------------------


def stranger_cookie(submission):
    return {"cookie": session_cookie(make_user())}


REFUSED = {
    "nobody": (lambda _: {}, 401, "not_authenticated"),
    "a bad key": (lambda _: {"x_code_exec_key": "nonsense"}, 401, "invalid_key"),
    "a stranger": (stranger_cookie, 404, "not_found"),
    "a key without read": (
        lambda submission: {"x_code_exec_key": key_of(submission.user, "submit")},
        403,
        "missing_scope",
    ),
    "a foreign page": (
        lambda submission: {
            "cookie": session_cookie(submission.user),
            "origin": "http://evil.example",
        },
        403,
        "foreign_origin",
    ),
    "an author with a key for reading": (
        lambda _: {"x_code_exec_key": key_of(make_author())},
        404,
        "not_found",
    ),
}


@pytest.mark.parametrize("address", [ours, s1])
@pytest.mark.parametrize("who", REFUSED)
def test_who_may_not_follow_it_is_told_why_in_a_problem_document(address, who):
    """S4.19 (in part): a stranger cannot tell it from one that does not exist."""
    headers, status, code = REFUSED[who]
    submission = submit(make_user())
    shown = headers(submission)

    answered, problem = played(lambda: read(address(submission), **shown))

    assert (answered, problem["status"], problem["code"]) == (status, status, code)


def test_a_refusal_is_a_problem_document_that_says_how_to_come_in():
    submission = submit(make_user())

    async def scenario():
        return (await Http("GET", ours(submission)).start()).headers

    headers = played(scenario)

    assert headers["content-type"] == "application/problem+json"
    assert headers["www-authenticate"].startswith("Api-Key")
    assert headers["cache-control"] == "no-store"


def test_a_stranger_who_keeps_guessing_is_slowed_down(settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"bad-credential": "2/minute"}
    submission = submit(make_user())

    async def scenario():
        return [(await read(ours(submission), x_code_exec_key=f"guess-{n}"))[0] for n in range(3)]

    assert played(scenario) == [401, 401, 429]


def test_a_ticket_opens_a_stream_once():
    """C5 (in part): EventSource sends no headers."""
    work = Stepwise(submit(make_user()))
    work.to_the_end()
    ticket = tickets.issue(user_id=work.submission.user_id, scopes=LEARNER)

    async def scenario():
        address = f"{ours(work.submission)}?token={ticket}"
        return [(await read(address))[0] for _ in range(2)]

    assert played(scenario) == [200, 401]


@pytest.mark.parametrize(("origin", "told"), [("https://lms.example", True), ("https://evil.example", False)])
def test_pages_of_allowed_origins_may_read_it_with_a_key(settings, origin, told):
    settings.CORS_ALLOWED_ORIGINS = ["https://lms.example"]
    work = Stepwise(submit(make_user()))
    work.to_the_end()
    key = key_of(work.submission.user)

    async def scenario():
        return await Http("GET", ours(work.submission), x_code_exec_key=key, origin=origin).start()

    answer = played(scenario)

    assert answer.status == 200
    assert answer.headers.get("access-control-allow-origin") == (origin if told else None)


# --- Many ------------------------------------------------------------------------------------------------------


def open_files() -> int:
    return len([one for one in psutil.Process().open_files() if "sqlite3" in one.path])


def test_many_streams_and_sockets_have_no_thread_and_no_connection_each_and_all_hear_the_news():
    """S1.10; its figures with hundreds of them are those of benchmarks/live.py."""
    learner = make_user()
    work, cookie = Stepwise(submit(learner)), session_cookie(learner)
    work.claim()

    async def scenario():
        before = threading.active_count(), open_files()
        address = f"/ws/submissions/{work.submission.pk}/?after=1"
        sockets = [connected.socket(address, cookie=cookie) for _ in range(60)]
        opened = [Http("GET", f"{ours(work.submission)}?after=1", cookie=cookie) for _ in range(20)]
        await asyncio.gather(*(one.connect() for one in sockets), *(one.start() for one in opened))

        async def next_of_each():
            told = await asyncio.gather(*(anext(one.events()) for one in opened))
            return {seq for seq, _ in told} | {(await received(one, 1))[0]["seq"] for one in sockets}

        first, meanwhile = await next_of_each(), (threading.active_count(), open_files())
        await in_thread(work.case, 1)
        second = await next_of_each()
        await asyncio.gather(*(one.disconnect() for one in sockets), *(one.leave() for one in opened))
        return before, meanwhile, first, second

    before, meanwhile, first, second = played(scenario)

    assert (first, second) == ({2}, {3})
    assert meanwhile[0] <= before[0] + 8 + 2  # the threads that all of them share, and the event bus
    # SQLite closes files late where another connection of the process is open.
    assert meanwhile[1] <= before[1] + 8


# --- Where there is no ASGI ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keys_told"), [("api-submission-stream", {"type"}), ("s1-stream", {"stdout"})]
)
def test_django_itself_answers_what_there_is_and_the_client_comes_back_for_more(name, keys_told):
    learner = make_user()
    work = Stepwise(submit(learner))
    work.claim()
    client = Client()
    client.force_login(learner)
    address = reverse(name, args=[work.submission.pk])

    first = client.get(address, headers={"Accept": "text/event-stream"})
    work.case(1)
    second = client.get(address, headers={"Last-Event-ID": "2"})
    work.finish()

    assert (first.status_code, first["Content-Type"]) == (200, "text/event-stream")
    assert [line for line in first.content.decode().splitlines() if line.startswith("id")] == [
        "id: 1",
        "id: 2",
    ]
    assert second.content.count(b"id: ") == 1
    assert keys_told <= json.loads(second.content.decode().split("data: ")[1]).keys()
    assert client.get(address, headers={"Last-Event-ID": "4"}).status_code == 204
    assert (
        Client().get(address, headers={"Accept": "text/event-stream"}).json()["code"] == "not_authenticated"
    )


@pytest.mark.parametrize("address", [ours, s1])
def test_any_other_method_is_djangos_to_answer(address):
    learner = make_user()
    submission = submit(learner)
    key = key_of(learner)

    async def scenario():
        posted = await Http("POST", address(submission), {}, x_code_exec_key=key).start()
        head = await Http("HEAD", address(submission), x_code_exec_key=key).start()
        return posted, await posted.json(), head

    posted, problem, head = played(scenario)

    assert (posted.status, problem["code"]) == (405, "method_not_allowed")
    assert (head.status, head.headers["content-type"]) == (200, "text/event-stream")
