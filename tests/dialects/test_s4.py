"""S4: executions and health, through HTTP. (Its websocket: tests/submissions.)"""

import uuid

import pytest
from django.test import Client

from submissions import events
from submissions.dialects import values
from submissions.models import Submission
from tests.dialects.conftest import JUDGED, judge, post, refused, told
from tests.factories import make_question
from tests.issuer import Issuer

pytestmark = pytest.mark.django_db

EXECUTE = "/api/v1/executions/execute"
EXAMPLE = {"code": "print('Hello World')", "language": "python", "input_data": ""}


@pytest.fixture
def bearer(settings, db):
    """A client with a token of our issuer, for somebody whom the issuer calls so."""
    with Issuer() as issuer:
        for name, value in issuer.settings().items():
            setattr(settings, name, value)
        yield lambda sub: Client(headers={"Authorization": f"Bearer {issuer.token(sub)}"})


def execute(client, **changes) -> str:
    return told(post(client, EXECUTE, EXAMPLE | changes), 202)["execution_id"]


def status(client, pk) -> dict:
    return told(client.get(f"/api/v1/executions/status/{pk}"))


@JUDGED
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_example_of_the_contract_works_as_it_is(bearer, judge0, slash):
    """S4.8, S4.9, S4.14 (in part), S4.2 (in part)"""
    client = bearer("firebase-uid")

    answer = post(client, EXECUTE + slash, EXAMPLE)
    body = told(answer, 202)
    judge()

    assert body.keys() == {"execution_id"}
    assert answer["Location"] == f"/api/v1/executions/status/{body['execution_id']}"
    assert told(client.get(answer["Location"] + slash))["output"] == EXAMPLE["code"]


@JUDGED
def test_an_execution_is_told_with_all_its_fields(bearer, judge0):
    """S4.17, C11"""
    client = bearer("firebase-uid")
    pk = execute(client, code="echo", input_data="hello\n")

    waiting = status(client, pk)
    judge()
    ended = status(client, pk)

    assert waiting == {
        "execution_id": pk,
        "user_id": "firebase-uid",
        "code": "echo",
        "language": "python",
        "input_data": "hello\n",
        "status": "pending",
        "output": None,
        "error_output": None,
        "execution_time": None,
        "memory_usage": None,
        "created_at": waiting["created_at"],
        "updated_at": waiting["created_at"],
        "completed_at": None,
        "metadata": None,
    }
    assert ended == waiting | {
        "status": "completed",
        "output": "hello\n",
        "error_output": "a warning\n",
        "execution_time": "0.02s",
        "memory_usage": "3.4MB",
        "updated_at": ended["completed_at"],
        "completed_at": ended["completed_at"],
    }
    assert ended["created_at"] < ended["completed_at"]
    assert len("2025-06-22T10:30:00.000Z") == len(ended["completed_at"]) == len(ended["created_at"])


def test_without_a_token_a_user_is_called_by_our_number(client, learner):
    """S4.17"""
    assert status(client, execute(client))["user_id"] == str(learner.pk)


@JUDGED
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("crash", "Traceback: boom\n"),
        ("slow", "Time limit exceeded"),
        ("broken", "\nmain.py:1: error: what?\n"),
    ],
)
def test_a_program_that_fails_is_completed_with_what_it_complained_about(client, judge0, code, error):
    """C2"""
    pk = execute(client, code=code)
    judge()

    found = status(client, pk)
    assert (found["status"], found["error_output"]) == ("completed", error)


@JUDGED
def test_a_fault_of_ours_is_an_error(client, judge0):
    """C2"""
    pk = execute(client, code="impossible")
    judge()

    found = status(client, pk)
    assert (found["status"], found["output"]) == ("error", None)
    assert "our fault" in found["error_output"]


@JUDGED
def test_an_execution_goes_from_pending_over_running_to_completed_and_then_expires(client, judge0, settings):
    """S4.15, S4.16, S4.3 (in part): running is not said before a worker has it."""
    assert told(post(Client(), EXECUTE, EXAMPLE), 401)
    pk = execute(client)
    row = Submission.objects.get()
    log = [status(client, pk)["status"]]
    assert [event["status"] for event in events.after(row, 0)] == ["queued"]

    judge()
    row.refresh_from_db()
    told_live = [values.s4_message(pk, event)["data"]["status"] for event in events.after(row, 0)]
    log.append(status(client, pk)["status"])
    settings.EXECUTION_TTL_S = 0

    assert list(dict.fromkeys(told_live)) == ["pending", "running", "completed"]
    assert log == ["pending", "completed"]
    assert refused(client.get(f"/api/v1/executions/status/{pk}"), 404) == []


def test_executions_of_others_and_of_nobody_are_not_found(client, stranger):
    """S4.19 (in part)"""
    pk = execute(client)

    assert refused(stranger.get(f"/api/v1/executions/status/{pk}"), 404) == []
    assert refused(client.get(f"/api/v1/executions/status/{uuid.uuid4()}"), 404) == []
    assert refused(Client().get(f"/api/v1/executions/status/{pk}"), 401) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"language": "cobol"}, ["language"]),
        ({"code": " "}, ["code"]),
        ({"input_data": 5.5, "code": None}, ["code", "input_data"]),
        ({"question": "sum"}, ["question"]),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(client, changes, named):
    assert refused(post(client, EXECUTE, EXAMPLE | changes)) == named


def test_health_has_the_names_of_the_contract_too(db):
    """S4.11"""
    client = Client()

    assert [client.get(address).status_code for address in ("/health/", "/health", "/healthz")] == [200] * 3
    ready, theirs = client.get("/readyz"), client.get("/health/ready")
    assert (theirs.status_code, theirs.json()) == (ready.status_code, ready.json())
    assert theirs.status_code == client.get("/health/ready/").status_code == 503


@JUDGED
def test_every_contract_reads_every_job_of_its_owner(client, machine, judge0):
    """C10"""
    question = make_question()
    graded = {"questionId": question.slug, "sourceCode": "sum", "languageId": 71}
    run = {"source": "sum", "language": "python", "question": question.slug}
    ids = [
        told(post(client, "/v1/submissions", graded), 202)["submissionId"],
        told(post(client, "/api/execute", {"code": "sum", "lang": "py"}), 202)["job_id"],
        told(post(client, "/api/execution/execute?wait=false", {"code": "sum", "language": "python3"}), 202)[
            "id"
        ],
        execute(client, code="sum"),
        told(post(client, "/api/v1/runs/", run), 202)["id"],
    ]
    for _ in ids:
        judge()

    for pk in ids:
        assert told(client.get(f"/v1/submissions/{pk}"))["status"] == "passed"
        assert told(client.get(f"/api/status/{pk}"))["status"] == "done"
        assert told(client.get(f"/api/executions/{pk}"))["id"] == pk
        assert told(client.get(f"/api/execution/{pk}"))["status"] == "done"
        assert status(client, pk)["status"] == "completed"
        assert told(client.get(f"/api/v1/submissions/{pk}/"))["status"] == "done"
