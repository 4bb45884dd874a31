"""`Idempotency-Key`: what is sent again makes nothing again, and is answered as it was the first time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from accounts import limits
from execution import languages
from submissions import connections, disclosure, intake, receipts, retention
from submissions.models import Receipt, Submission
from tests.asking import ADD, RUNS, SUBMISSIONS, V1, Api
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db(transaction=True)

KEY = {"Idempotency-Key": "one"}


@pytest.fixture
def learner():
    return make_user()


@pytest.fixture
def client(learner):
    return Api(learner)


def program(question, **changes) -> dict:
    return {"question": question.slug, "language": "python", "source": ADD} | changes


@pytest.mark.parametrize("address", [SUBMISSIONS, RUNS])
def test_the_same_request_is_answered_as_it_was_the_first_time(client, address):
    """Spaces and the order of names make no difference to what is the same."""
    question = make_question()
    body = program(question)
    first = client.send(address, body, **KEY)
    Submission.objects.update(status="running")

    again = client.send(address, dict(reversed(body.items())), **KEY)

    assert (first.status_code, again.status_code) == (202, 202)
    assert (again.json(), again["Location"]) == (first.json(), first["Location"])
    assert ("Idempotency-Replayed" in first, again["Idempotency-Replayed"]) == (False, "true")
    assert Submission.objects.count() == 1


@pytest.mark.both_databases
@pytest.mark.parametrize("address", [SUBMISSIONS, RUNS])
def test_fifty_at_once_with_one_key_are_one_submission_and_fifty_equal_answers(learner, settings, address):
    """And they use up one of the limit, although it is far lower than fifty."""
    scope = "run" if address == RUNS else "submit"
    settings.RATE_LIMITS = settings.RATE_LIMITS | {scope: "5/minute"}
    body = program(make_question())
    clients = [Api(learner) for _ in range(50)]
    connection.close()

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda one: one.send_in_thread(address, body, **KEY), clients))

    assert {answer.status_code for answer in answers} == {202}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert Submission.objects.count() == Receipt.objects.count() == 1
    assert clients[0].get(f"{V1}limits/").json()["rates"][scope]["remaining"] == 4


def test_while_redis_is_away_there_is_still_one_submission_a_key(learner, settings):
    body = program(make_question())
    clients = [Api(learner) for _ in range(10)]
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    for kept in (connections.redis_client, connections.queue, connections.pool):
        kept.cache_clear()
    try:
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(lambda one: one.send_in_thread(SUBMISSIONS, body, **KEY), clients))
    finally:
        for kept in (connections.redis_client, connections.queue, connections.pool):
            kept.cache_clear()

    assert {answer.status_code for answer in answers} == {202}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert Submission.objects.count() == 1


def test_the_same_key_with_another_request_is_422_and_makes_nothing(client):
    question = make_question()
    client.send(SUBMISSIONS, program(question), **KEY)

    others = [
        client.send(SUBMISSIONS, program(question, source="print(1)"), **KEY),
        client.send(SUBMISSIONS, {"not": "valid"}, **KEY),
        client.send(RUNS, program(question), **KEY),
    ]

    assert {(answer.status_code, answer.json()["code"]) for answer in others} == {
        (422, "idempotency_key_reused")
    }
    assert Submission.objects.count() == 1


def test_a_key_is_its_users_own(client):
    question = make_question()
    other = Api(make_user())

    first = client.send(SUBMISSIONS, program(question), **KEY)
    second = other.send(SUBMISSIONS, program(question), **KEY)

    assert first.json()["id"] != second.json()["id"]
    assert other.get(f"{V1}receipts/one/").json()["id"] == second.json()["id"]


def test_what_was_refused_is_not_remembered(client, settings):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "1/minute"}
    question = make_question()
    assert client.send(SUBMISSIONS, program(question, source=""), **KEY).status_code == 400
    assert client.send(SUBMISSIONS, program(question)).status_code == 202
    assert client.send(SUBMISSIONS, program(question), **KEY).status_code == 429

    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "5/minute"}
    taken = client.send(SUBMISSIONS, program(question), **KEY)

    assert (taken.status_code, "Idempotency-Replayed" in taken) == (202, False)


def test_what_was_taken_is_told_again_although_it_would_be_refused_now(client):
    question = make_question()
    first = client.send(SUBMISSIONS, program(question), **KEY)
    question.state = "archived"
    question.save(update_fields=["state"])

    again = client.send(SUBMISSIONS, program(question), **KEY)

    assert (again.status_code, again.json()) == (202, first.json())
    assert client.send(SUBMISSIONS, program(question)).status_code == 404


def test_who_sends_it_again_and_waits_gets_its_end(client, engine, work):
    """C6 (in part)"""
    body = program(make_question())
    first = client.send(SUBMISSIONS, body, **KEY)
    work()

    again = client.send(f"{SUBMISSIONS}?wait=true", body, **KEY)

    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert (again.json()["verdict"], again["Idempotency-Replayed"]) == ("AC", "true")


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "tab\t", "schlüssel"])
def test_a_key_of_anything_but_visible_ascii_is_400(client, key):
    answer = client.send(SUBMISSIONS, program(make_question()), **{"Idempotency-Key": key})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["Idempotency-Key"])
    assert Submission.objects.count() == 0


@pytest.mark.parametrize("key", ["x" * 255, "a/b?c#d%2f", '"quoted"'])
def test_what_a_key_has_made_can_be_asked_for(client, key):
    taken = client.send(RUNS, {"language": "python", "source": "print(1)"}, **{"Idempotency-Key": key})

    path = key.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
    told = client.get(f"{V1}receipts/{path}/").json()

    assert (told["key"], told["kind"], told["id"]) == (key, "run", taken.json()["id"])
    assert (told["location"], told["answer"]) == (taken["Location"], taken.json())
    assert Api(make_user()).get(f"{V1}receipts/{path}/").status_code == 404
    assert Api().get(f"{V1}receipts/{path}/").status_code == 401


def test_after_a_day_a_key_is_forgotten_and_its_submission_is_not(client):
    client.send(SUBMISSIONS, program(make_question()), **KEY)
    assert retention.purge_only("receipts") == 0
    Receipt.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))

    assert retention.purge_only("receipts") == 1
    assert client.get(f"{V1}receipts/one/").status_code == 404
    assert Submission.objects.count() == 1


def test_a_key_that_somebody_else_keeps_meanwhile_gives_back_what_was_taken(learner, settings):
    """Where nobody could be kept waiting, the database decides, after the limit was taken."""
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "5/minute"}
    question, request = make_question(), receipts.Request.of("one", "/x", {})
    program = {"language": languages.get("python"), "source": ADD, "question": question}
    first = intake.take(intake.NewSubmission(**program), user=learner, answer=disclosure.summary).submission

    class Overtaken(intake.NewSubmission):
        def prepare(self):
            receipts.keep(learner, request, first, {"first": True})

    taken = intake.take(Overtaken(**program), user=learner, answer=disclosure.summary, request=request)

    assert (taken.answer, taken.is_repeated, taken.submission) == ({"first": True}, True, first)
    assert (Submission.objects.count(), limits.standing("submit", str(learner.pk)).remaining) == (1, 4)


def test_a_receipt_that_cannot_be_kept_for_another_reason_is_an_error_and_gives_back_what_was_taken(
    learner, settings
):
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"submit": "5/minute"}
    request = receipts.Request.of("one", "/x", {})
    new = intake.NewSubmission(language=languages.get("python"), source=ADD, question=make_question())

    def kept_and_gone_again(submission: Submission) -> dict:
        return receipts.keep(learner, request, submission, {})  # it goes with the transaction that it spoils

    with pytest.raises(IntegrityError):
        intake.take(new, user=learner, answer=kept_and_gone_again, request=request)

    assert (Submission.objects.count(), limits.standing("submit", str(learner.pk)).remaining) == (0, 5)
