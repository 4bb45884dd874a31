"""The API of submissions and runs, through HTTP: what it takes, what it refuses and how, who may see what."""

import base64
import json
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection
from django.test import Client as DjangoClient
from django.test.utils import CaptureQueriesContext

from accounts.models import CODE_EXEC
from execution.breaker import Breaker
from execution.shared import Shared
from submissions import connections
from submissions.models import Submission
from tests.factories import make_author, make_question, make_user, service_user

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"
SUBMIT = "/api/v1/submissions/"
RUN = "/api/v1/runs/"


class Client(DjangoClient):
    """What answers a request can connect to nothing (Redis and databases are at unix sockets or files here)."""

    def request(self, **request):
        def refuse(self, address):
            raise AssertionError(f"the web process connects to {address}")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket.socket, "connect", _unless_unix(refuse, socket.socket.connect))
            return super().request(**request)


def _unless_unix(refuse, connect):
    def guarded(self, address):
        return connect(self, address) if self.family == socket.AF_UNIX else refuse(self, address)

    return guarded


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    client = Client()
    client.force_login(learner)
    return client


def post(client: Client, address: str, body: object, **headers: str):
    return client.post(address, json.dumps(body), content_type="application/json", headers=headers)


def program(question, /, **changes) -> dict:
    return {"question": question.slug, "language": "python", "source": ADD} | changes


def test_a_submission_is_taken_with_202_and_an_address_to_look_at(client, learner):
    """S0.1, S1.2, S1.7, S1.8, S2.1, S2.2: one row, the id at once, nothing judged in the request.

    How fast it is under load is measured by benchmarks/submit.py.
    """
    question = make_question()

    answer = post(client, SUBMIT, program(question))

    (submission,) = Submission.objects.all()
    assert (answer.status_code, submission.user, submission.status) == (202, learner, "queued")
    assert answer.json()["id"] == str(submission.pk)
    assert answer["Location"] == f"/api/v1/submissions/{submission.pk}/"
    assert client.get(answer["Location"]).json()["status"] == "queued"


def test_a_learner_polls_a_submission_to_its_end_and_nobody_else_sees_it(client, engine, work):
    """S0.11"""
    address = post(client, SUBMIT, program(make_question()))["Location"]
    work()

    found = client.get(address).json()
    assert (found["status"], found["verdict"], found["score"]) == ("done", "AC", 100)

    stranger = Client()
    stranger.force_login(make_user())
    assert stranger.get(address).status_code == 404
    assert stranger.get(address + "events/").status_code == 404
    assert Client().get(address).status_code == 401


def test_results_survive_the_loss_of_redis(client, engine, work):
    """S1.9, S4.5: what counts is in the database."""
    from submissions.connections import redis_client

    address = post(client, SUBMIT, program(make_question()))["Location"]
    work()
    redis_client().flushall()

    found = client.get(address).json()
    assert (found["verdict"], [case["verdict"] for case in found["results"]]) == ("AC", ["AC", "AC"])


def test_a_public_failure_shows_input_answer_and_output(client, engine, work):
    """S0.22, S0.30"""
    address = post(client, SUBMIT, program(make_question(), source="print(4)"))["Location"]
    work()

    (first, second) = client.get(address).json()["results"]
    assert (first["verdict"], first["input"], first["answer"], first["output"]) == (
        "WA", "1 2\n", "3\n", "4\n",
    )  # fmt: skip
    assert first["difference"] == "value"
    assert first["difference_message"]
    assert second["verdict"] == "SK"


def test_a_hidden_failure_shows_index_and_verdict_only(client, engine, work):
    """S0.30, S0.6 (in part)"""
    address = post(client, SUBMIT, program(make_question(), source="print(3)"))["Location"]
    work()

    hidden = client.get(address).json()["results"][1]
    assert (hidden["index"], hidden["verdict"], hidden["public"], hidden["difference"]) == (
        2,
        "WA",
        False,
        None,
    )
    assert not {"input", "answer", "output", "stderr", "difference_message", "exit_code", "signal"} & set(
        hidden
    )


def test_a_question_may_tell_the_class_of_difference_on_hidden_cases(client, engine, work):
    question = make_question(
        cases=[("1 2\n", "3\n", True), ("1 1\n", "2 \n", False)], checker="exact", explain_hidden=True
    )
    address = post(client, SUBMIT, program(question))["Location"]
    work()

    assert client.get(address).json()["results"][1]["difference"] == "whitespace"


def test_a_public_case_that_was_hidden_since_is_shown_no_more(client, engine, work):
    question = make_question()
    address = post(client, SUBMIT, program(question))["Location"]
    work()
    question.testcases.update(visibility="hidden")

    first = client.get(address).json()["results"][0]
    assert "input" not in first
    assert "output" not in first


def test_a_run_shows_public_cases_and_ones_own_input_and_keeps_no_code_in_the_database(client, engine, work):
    """S4.21 (in part): a run's code, input and output are in Redis only."""
    answer = post(client, RUN, program(make_question(), input="20 22\n"))
    work()

    found = client.get(answer["Location"]).json()
    public, own = found["results"]
    assert (found["kind"], found["status"], found["verdict"]) == ("run", "done", "AC")
    assert (public["output"], public["answer"]) == ("3\n", "3\n")
    assert (own["own_input"], own["input"], own["answer"], own["output"]) == (True, "20 22\n", None, "42\n")
    row = Submission.objects.get()
    assert (row.source, row.compile_output) == ("", "")
    assert [bytes(result.output) for result in row.case_results.all()] == [b"", b""]


def test_a_run_does_not_need_a_question(client, engine, work):
    answer = post(client, RUN, {"language": "python", "source": "print(input()[::-1])", "input": "abc"})
    work()

    found = client.get(answer["Location"]).json()
    assert (found["question"], found["score"], found["results"][0]["output"]) == (None, None, "cba\n")


def test_after_its_time_to_live_a_run_shows_no_code_any_more(client, engine, work):
    from submissions.connections import redis_client

    answer = post(client, RUN, {"language": "python", "source": "print(1)"})
    work()
    redis_client().delete(f"run:{answer.json()['id']}")

    found = client.get(answer["Location"]).json()
    assert (found["source"], found["status"]) == (None, "done")


def test_the_list_shows_ones_own_newest_first(client, learner):
    question = make_question()
    ids = [post(client, SUBMIT, program(question)).json()["id"] for _ in range(3)]
    post(client, RUN, program(question))
    other = Client()
    other.force_login(make_user())
    post(other, SUBMIT, program(question))

    listed = client.get(SUBMIT, {"kind": "graded", "question": question.slug}).json()

    assert [one["id"] for one in listed["results"]] == ids[::-1]
    assert "source" not in listed["results"][0]


def test_events_after_a_number_are_given_by_polling_too(client, engine, work):
    address = post(client, SUBMIT, program(make_question()))["Location"]
    first = client.get(address + "events/").json()
    work()
    rest = client.get(address + "events/", {"after": first["events"][-1]["seq"]}).json()

    assert ([event["seq"] for event in first["events"]], first["final"]) == ([1], False)
    assert ([event["seq"] for event in rest["events"]], rest["final"]) == ([2, 3, 4, 5], True)


# --- Waiting in the queue, and for the end -----------------------------------------------------------------------


def test_what_waits_knows_its_place_wherever_one_asks(client, engine, work):
    question = make_question()
    post(client, SUBMIT, program(question))
    time.sleep(0.002)  # SQLite's clock counts thousandths
    taken = post(client, SUBMIT, program(question))
    address = taken["Location"]

    second = {"position": 2, "estimated_wait_s": None}
    assert taken.json()["queue"] == second
    assert client.get(address).json()["queue"] == second
    assert client.get(address + "events/").json()["queue"] == second
    assert "queue" not in client.get(SUBMIT).json()["results"][0]

    work()
    assert client.get(address).json()["queue"] is None
    assert client.get(address + "events/").json()["queue"] is None


def test_when_the_queue_is_full_it_is_503_with_the_time_to_wait_and_below_it_202(client, settings):
    """S2.23: and the refusal uses up nothing of the limit."""
    settings.MAX_QUEUE_DEPTH = 2
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "3/minute", "run": "1/minute"}
    question = make_question()
    below = [post(client, SUBMIT, program(question)) for _ in range(2)]

    refused = [post(client, address, program(question)) for address in (SUBMIT, RUN) for _ in range(3)]

    assert [answer.status_code for answer in below] == [202, 202]
    assert {(answer.status_code, answer.json()["code"], answer["Retry-After"]) for answer in refused} == {
        (503, "queue_full", "10")
    }
    assert Submission.objects.count() == 2
    settings.MAX_QUEUE_DEPTH = 100
    assert post(client, SUBMIT, program(question)).status_code == 202
    assert post(client, RUN, program(question)).status_code == 202


@pytest.mark.parametrize("address", [SUBMIT, RUN])
def test_what_waits_is_cancelled_by_its_owner(client, address):
    pk = post(client, address, program(make_question())).json()["id"]

    answer = post(client, f"{SUBMIT}{pk}/cancel/", {})

    assert (answer.status_code, answer.json()["id"]) == (200, pk)
    told = client.get(f"{SUBMIT}{pk}/").json()
    assert (told["status"], told["reason"], told["retryable"], told["queue"]) == (
        "error", "cancelled", True, None,
    )  # fmt: skip


def test_what_waits_no_more_cannot_be_cancelled(client, engine, work):
    address = post(client, SUBMIT, program(make_question()))["Location"]
    work()

    refused = post(client, address + "cancel/", {})

    assert (refused.status_code, refused.json()["code"]) == (409, "not_queued")
    assert client.get(address).json()["verdict"] == "AC"


def test_nobody_but_its_owner_cancels_a_submission(client):
    """Not even staff, who may see it."""
    pk = post(client, SUBMIT, program(make_question())).json()["id"]
    stranger, author = Client(), Client()
    stranger.force_login(make_user())
    author.force_login(make_author())

    for somebody in (stranger, author):
        assert post(somebody, f"{SUBMIT}{pk}/cancel/", {}).status_code == 404
    assert post(Client(), f"{SUBMIT}{pk}/cancel/", {}).status_code == 401
    assert client.get(f"{SUBMIT}{pk}/cancel/").status_code == 405
    assert Submission.objects.get().status == "queued"


@pytest.fixture
def waiter(learner):
    """Sends with `wait=true` in a thread; a worker in this one, which connects to the engine, judges meanwhile."""
    browser = DjangoClient()
    browser.force_login(learner)

    def send(address, body):
        try:
            return post(browser, f"{address}?wait=true", body)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        yield lambda address, body: threads.submit(send, address, body)


def await_job():
    while not connections.queue("default").count:
        time.sleep(0.01)


THREE_CASES = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]


@pytest.mark.parametrize("address", [SUBMIT, RUN])
def test_who_waits_gets_the_final_result_in_the_answer(waiter, engine, work, address):
    """S0.24 (in part)"""
    answered = waiter(address, program(make_question(cases=THREE_CASES)))
    await_job()
    work()

    answer = answered.result(30)
    assert (answer.status_code, answer["Location"]) == (200, f"{address}{answer.json()['id']}/")
    assert (answer.json()["verdict"], answer.json()["final"]) == ("AC", True)
    assert {case["verdict"] for case in answer.json()["results"]} == {"AC"}


@pytest.mark.parametrize("address", [SUBMIT, RUN])
def test_who_waits_longer_than_the_cap_gets_202_as_anybody(client, settings, address):
    """S0.24 (in part)"""
    settings.SYNC_WAIT_MAX_S = 0.3
    started = time.monotonic()

    answer = post(client, f"{address}?wait=true", program(make_question()))

    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer["Location"] == f"{address}{answer.json()['id']}/"
    assert 0.3 <= time.monotonic() - started < 2


@pytest.mark.parametrize("address", [SUBMIT, RUN])
@pytest.mark.parametrize("wait", ["1", "True", "yes", ""])
def test_wait_is_true_or_false_and_nothing_else(client, address, wait):
    answer = post(client, f"{address}?wait={wait}", program(make_question()))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["wait"])
    assert Submission.objects.count() == 0
    assert post(client, f"{address}?wait=false", program(make_question())).status_code == 202


def break_backends(settings):
    """As if workers had found that none of them works."""
    for url in settings.JUDGE0_URLS:
        for _ in range(settings.JUDGE0_BREAKER_FAILURES):
            Breaker(Shared(connections.redis_client()), url).failed()


@pytest.mark.parametrize("query", ["", "?wait=true"])
def test_while_no_backend_works_a_run_is_502_at_once_and_leaves_nothing_behind(client, settings, query):
    """(S2.18, C8): in less than 50 ms, without a call to Judge0 (the client of this test would not let it through)."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"run": "1/minute"}
    body = program(make_question())
    break_backends(settings)

    answers, times = [], []
    for _ in range(5):
        started = time.perf_counter()
        answers.append(post(client, RUN + query, body))
        times.append(time.perf_counter() - started)

    assert {(answer.status_code, answer.json()["code"], answer["Retry-After"]) for answer in answers} == {
        (502, "judge_unavailable", "5")
    }
    assert min(times) < 0.05
    assert Submission.objects.count() == 0
    connections.redis_client().delete(*connections.redis_client().keys("backend:*"))
    assert post(client, RUN, body).status_code == 202


def test_while_no_backend_works_what_is_graded_is_taken_at_once_also_from_who_would_wait(client, settings):
    """S2.18 (in part), C8 (in part)"""
    break_backends(settings)
    started = time.monotonic()

    answer = post(client, f"{SUBMIT}?wait=true", program(make_question()))

    assert (answer.status_code, Submission.objects.get().status) == (202, "queued")
    assert time.monotonic() - started < 2


def test_a_run_that_is_waited_for_and_finds_no_backend_is_502(waiter, backends, work):
    backends("http://127.0.0.1:1")
    answered = waiter(RUN, program(make_question()))
    await_job()
    work()

    answer = answered.result(30)
    assert (answer.status_code, answer.json()["code"]) == (502, "judge_unavailable")


@contextmanager
def failing(words: str):
    """The database refuses whatever has these words, as if it were full, locked or just gone."""

    def refuse(execute, sql, params, many, context):
        if words in sql:
            raise OperationalError("disk I/O error")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


@pytest.mark.parametrize("query", ["", "?wait=true"])
@pytest.mark.parametrize("words", ['FROM "submissions_submission" WHERE', "FROM"])
def test_what_was_taken_is_never_answered_with_an_error(client, settings, query, words):
    """A client that got one would send it again. Only reading fails here."""
    settings.SYNC_WAIT_MAX_S = 0.5
    question = make_question()
    with failing_after_the_row(words):
        answer = post(client, SUBMIT + query, program(question))

    submission = Submission.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"{SUBMIT}{submission.pk}/")
    assert answer.json()["id"] == str(submission.pk)
    assert answer.json()["question"]["slug"] == question.slug


@contextmanager
def failing_after_the_row(words: str):
    """As `failing`, once the row of a submission is committed."""
    is_taken = False

    def refuse(execute, sql, params, many, context):
        nonlocal is_taken
        if is_taken and not connection.in_atomic_block and words in sql:
            raise OperationalError("server closed the connection unexpectedly")
        is_taken = is_taken or sql.startswith('INSERT INTO "submissions_submission"')
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield


def test_who_waited_and_cannot_be_told_the_end_learns_where_to_look(learner, engine, work):
    browser = DjangoClient()
    browser.force_login(learner)
    question = make_question()

    def send():
        try:
            with failing("submissions_caseresult"):
                return post(browser, f"{SUBMIT}?wait=true", program(question))
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        answered = threads.submit(send)
        await_job()
        work()
        answer = answered.result(30)

    assert answer.status_code == 202
    assert client_of(learner).get(answer["Location"]).json()["verdict"] == "AC"


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(("address", "scope"), [(SUBMIT, "submit"), (RUN, "run")])
def test_what_the_database_does_not_take_uses_up_nothing_of_the_limit(client, settings, address, scope):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {scope: "1/minute"}
    body = program(make_question())

    with failing('INSERT INTO "submissions_submission"'):
        refused = post(client, address, body)

    assert (refused.status_code, refused["Retry-After"]) == (503, "5")
    assert [post(client, address, body).status_code for _ in range(2)] == [202, 429]


# --- Machines ------------------------------------------------------------------------------------------------


def test_the_service_key_acts_as_the_user_code_exec():
    """S2.11: a correct key is admitted, a wrong one is 401."""
    service_user(CODE_EXEC)
    question = make_question()

    taken = post(Client(), SUBMIT, program(question), **{"X-Code-Exec-Key": "key-two"})
    refused = post(Client(), SUBMIT, program(question), **{"X-Code-Exec-Key": "key-three"})

    assert (taken.status_code, Submission.objects.get().user.username) == (202, CODE_EXEC)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_key")


def test_without_a_credential_it_is_401_and_with_a_session_a_csrf_token_is_needed(learner):
    question = make_question()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(learner)

    assert post(Client(), SUBMIT, program(question)).status_code == 401
    assert post(strict, SUBMIT, program(question)).status_code == 403


# --- Bad input: a clear answer that names the field, and never a row ------------------------------------------


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"question": "no-such-question"}, 404, "question"),
        ({"question": str(uuid.uuid4())}, 404, "question"),
        ({"question": 12}, 404, "question"),
        ({"question": ["sum"]}, 400, "question"),
        ({"question": "nul\0"}, 400, "question"),
        ({"language": "brainfuck"}, 400, "language"),
        ({"language": 99999}, 400, "language"),
        ({"language": None}, 400, "language"),
        ({"language": {"a": 1}}, 400, "language"),
        ({"language": True}, 400, "language"),
        ({"source": ""}, 400, "source"),
        ({"source": " \n\t"}, 400, "source"),
        ({"source": None}, 400, "source"),
        ({"source": ["x"]}, 400, "source"),
        ({"source": "print(1)\0"}, 400, "source"),
        ({"source": "print('\ud800')"}, 400, "source"),
        ({"source": "#" * (64 * 1024 + 1)}, 413, "source"),
        ({"source": "é" * (32 * 1024) + "#"}, 413, "source"),
    ],
)
@pytest.mark.parametrize("address", [SUBMIT, RUN])
def test_a_program_that_cannot_be_taken_is_refused_by_field(client, address, changes, status, field):
    """S0.32, S2.5"""
    answer = post(client, address, program(make_question(), **changes))

    assert (answer.status_code, list(answer.json()["errors"])) == (status, [field])
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"]
    assert Submission.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "field"), [({"question": None}, "question"), ({"testCases": [{"input": "1"}]}, "testCases")]
)
def test_what_only_grading_forbids_is_refused_for_submissions(client, changes, field):
    """S0.12: testcases of the client never grade."""
    answer = post(client, SUBMIT, program(make_question(), **changes))

    assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    assert Submission.objects.count() == 0


def test_a_question_without_testcases_takes_no_submissions_and_uses_up_no_limit(client, settings):
    """Nobody could judge them; a run on one's own input needs none."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "1/minute"}
    question = make_question(cases=())

    refused = [post(client, SUBMIT, program(question)) for _ in range(3)]

    assert {answer.status_code for answer in refused} == {400}
    assert refused[0].json()["errors"] == {"question": ["It has no testcases yet; nothing can be judged."]}
    assert Submission.objects.count() == 0
    assert post(client, RUN, program(question, input="1 2\n")).status_code == 202
    assert post(client, SUBMIT, program(make_question())).status_code == 202


def test_a_source_of_exactly_the_cap_is_taken_and_the_cap_is_a_setting(client, settings):
    """S2.5"""
    settings.MAX_SOURCE_BYTES = 20
    question = make_question()

    assert post(client, SUBMIT, program(question, source="#" * 20)).status_code == 202
    assert post(client, SUBMIT, program(question, source="#" * 21)).status_code == 413


def test_own_input_over_the_cap_is_refused(client, settings):
    """S2.7 (in part)"""
    settings.MAX_RUN_STDIN_BYTES = 5

    assert post(client, RUN, program(make_question(), input="12345")).status_code == 202
    refused = post(client, RUN, program(make_question(), input="123456"))
    assert (refused.status_code, list(refused.json()["errors"])) == (413, ["input"])


def test_a_missing_field_is_named(client):
    answer = post(client, SUBMIT, {})

    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"question", "language", "source"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"text"', b'{"source": "\xff"}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_400(client, body):
    answer = client.post(SUBMIT, body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_body_beyond_all_caps_is_413_and_another_media_type_415(client, settings):
    settings.MAX_BODY_BYTES = 1000

    assert client.post(SUBMIT, b" " * 1001, content_type="application/json").status_code == 413
    assert client.post(SUBMIT, {"source": "x"}).status_code == 415


def test_a_draft_is_unknown_to_learners_and_can_be_tried_by_authors(client):
    question = make_question(state="draft")
    author = Client()
    author.force_login(make_author())

    assert post(client, SUBMIT, program(question)).status_code == 404
    assert post(author, SUBMIT, program(question)).status_code == 202


def test_a_language_that_the_question_does_not_allow_is_refused_by_name(client):
    answer = post(client, SUBMIT, program(make_question(allowed_languages=["c", "cpp"])))

    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        {"language": ["Python 3 is not allowed for this question; allowed are cpp, c."]},
    )


def test_too_many_submissions_in_a_minute_are_429_with_the_time_to_wait(client, settings):
    """S2.41 (in part)"""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "2/minute"}
    question = make_question()

    answers = [post(client, SUBMIT, program(question)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 61
    assert answers[2].json()["code"] == "rate_limited"
    assert Submission.objects.count() == 2


def test_no_learner_can_write_a_result(client):
    """S0.18"""
    address = post(client, SUBMIT, program(make_question()))["Location"]

    for method in (client.put, client.patch, client.delete, client.post):
        answer = method(address, json.dumps({"verdict": "AC"}), content_type="application/json")
        assert answer.status_code == 405
    assert Submission.objects.get().verdict is None


@pytest.mark.parametrize("query", [{"after": "x"}, {"after": "-1"}, {"after": "99999999999999"}])
def test_a_bad_number_to_start_from_is_400(client, query):
    address = post(client, SUBMIT, program(make_question()))["Location"]

    assert client.get(address + "events/", query).status_code == 400


@pytest.mark.parametrize(
    "position",
    ["p=abc", "p=%00", "p=2024-13-01T00:00", "r=1&p=zzz", "p=9999-12-31T23:59:59-14:00", "o=x", "\xff"],
)
def test_a_bad_cursor_is_404(client, position):
    cursor = base64.b64encode(position.encode()).decode()

    assert client.get(SUBMIT, {"cursor": cursor}).status_code == 404
    assert client.get(SUBMIT, {"cursor": position}).status_code == 404


@pytest.mark.parametrize("charset", ["hex", "zlib", "rot13", "unicode_escape", "no-such", "utf-7"])
@pytest.mark.parametrize("address", ["/login/", SUBMIT])
def test_a_body_in_an_odd_charset_is_400(client, address, charset):
    for media_type in ("application/json", "application/x-www-form-urlencoded"):
        answer = client.generic("POST", address, b"username=x", f"{media_type}; charset={charset}")
        assert answer.status_code == 400
        assert address == "/login/" or "utf-8" in answer.json()["detail"]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "latin1", "ascii", "cp1252"])
def test_a_charset_may_go_by_any_of_its_names(client, charset):
    body = json.dumps(program(make_question())).encode()

    answer = client.generic("POST", SUBMIT, body, f"application/json; charset={charset}")

    assert answer.status_code == 202


def test_a_number_of_many_digits_is_400_or_ignored_never_an_error_of_ours(client):
    question = make_question()
    digits = "9" * 5000
    pk = post(client, SUBMIT, program(question)).json()["id"]

    assert post(client, SUBMIT, program(question, language=digits)).status_code == 400
    assert post(client, SUBMIT, program(question, language=int(digits[:100]))).status_code == 400
    assert client.get(f"/submissions/{pk}/", {"case": digits}).status_code == 200
    assert client.get(f"/questions/{question.slug}/", {"from": digits}).status_code == 200


def test_while_redis_is_away_runs_are_503_and_submissions_are_taken(client, settings):
    question = make_question()
    run = post(client, RUN, program(question))["Location"]
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    connections.redis_client.cache_clear()
    connections.queue.cache_clear()
    try:
        refused = post(client, RUN, program(question))
        shown = client.get(run)
        page = client.post(
            f"/questions/{question.slug}/",
            {"language": "python", "source": ADD, "action": "run", "input": ""},
        )
        taken = post(client, SUBMIT, program(question))
    finally:
        connections.redis_client.cache_clear()
        connections.queue.cache_clear()

    assert (refused.status_code, refused.json()["code"], refused["Retry-After"]) == (503, "unavailable", "5")
    assert shown.status_code == 503
    assert (page.status_code, b"try again soon" in page.content) == (503, True)
    assert taken.status_code == 202
    assert Submission.objects.count() == 2


def test_while_the_database_is_away_the_answer_is_a_problem_document_that_says_when_to_come_back(client):
    question = make_question()
    connection.close()
    name, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], "/nowhere/db.sqlite3"
    try:
        answer = post(client, SUBMIT, program(question))
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")


@pytest.mark.parametrize("public_cases", [2, 12])
def test_a_submission_costs_the_same_few_queries_however_many_cases_it_has(
    client, engine, work, django_assert_max_num_queries, public_cases
):
    question = make_question(
        cases=[("1 2\n", "3\n", True), *((f"{n} 0\n", f"{n}\n", True) for n in range(public_cases - 1))]
    )
    address = post(client, SUBMIT, program(question))["Location"]
    work()

    with django_assert_max_num_queries(8):
        assert len(client.get(address).json()["results"]) == public_cases
    with django_assert_max_num_queries(14):
        client.get(f"/questions/{question.slug}/")


def test_lists_events_and_cancelling_load_no_programs_and_no_statements(client):
    address = post(client, SUBMIT, program(make_question()))["Location"]

    with CaptureQueriesContext(connection) as queries:
        assert client.get(SUBMIT).status_code == 200
        assert client.get(address + "events/").status_code == 200
        assert post(client, address + "cancel/", {}).status_code == 200

    asked = " ".join(query["sql"] for query in queries)
    assert '"source_bytes"' in asked
    assert '"submissions_submission"."source"' not in asked
    assert '"statement"' not in asked
    assert '"statement_html"' not in asked


def test_cancelling_costs_few_queries(client, django_assert_max_num_queries):
    address = post(client, SUBMIT, program(make_question()))["Location"]

    with django_assert_max_num_queries(11):
        assert post(client, address + "cancel/", {}).status_code == 200


def test_an_expired_run_shows_no_texts_at_all(client, engine, work):
    answer = post(client, RUN, {"language": "python", "source": "print(1)", "input": "abc"})
    work()
    connections.redis_client().delete(f"run:{answer.json()['id']}")

    (case,) = client.get(answer["Location"]).json()["results"]
    assert not {"input", "output", "stderr"} & set(case)


def test_of_a_hidden_case_not_even_the_exit_code_is_kept(client, engine, work):
    """A program may exit with a byte of its input."""
    question = make_question(cases=[("1 2\n", "3\n", True), ("K\n", "3\n", False)])
    source = (
        "import sys\ndata = sys.stdin.read()\nprint(3)\nsys.exit(0 if data == '1 2\\n' else ord(data[0]))"
    )
    post(client, SUBMIT, program(question, source=source))
    work()

    hidden = Submission.objects.get().case_results.get(index=2)
    assert (hidden.verdict, hidden.exit_code, hidden.signal) == ("RTE", None, None)


@pytest.mark.parametrize("path", ["nonsense/", "submissions/not-a-uuid/", "submissions"])
def test_any_other_address_of_the_api_is_a_problem_document(path):
    for ask in (Client().get, Client().post, Client().delete):
        answer = ask(f"/api/v1/{path}")
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_a_bad_filter_is_400_naming_it(client):
    answer = client.get(SUBMIT, {"kind": "nonsense"})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["kind"])
