"""S3: execute, test, validate, history and challenges, through HTTP."""

from dataclasses import replace

import pytest
from django.test import Client

from accounts import keys
from execution.breaker import Breaker
from execution.shared import Shared
from submissions.connections import redis_client
from submissions.models import Execution, Submission
from tests.dialects.conftest import (
    JUDGED,
    acting,
    judge,
    judged_meanwhile,
    judged_ones,
    post,
    refused,
    told,
)
from tests.factories import make_author, make_question, make_solution

pytestmark = pytest.mark.django_db

EXECUTE, TEST, VALIDATE, HISTORY = (
    f"/api/execution/{name}" for name in ("execute", "test", "validate", "history")
)
CASES = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]
NUMBER = (int, float)


def program(**changes) -> dict:
    return {"code": "echo", "language": "python", "input": "hello\n"} | changes


def trial(count, **changes) -> dict:
    cases = [
        {"input": f"{n} 0\n", "expected": f"{n}", "description": f"case {n}"} for n in range(1, count + 1)
    ]
    return {"code": "sum", "language": "python", "testCases": cases} | changes


# --- Execute -------------------------------------------------------------------------------------------------------


@JUDGED
def test_a_program_is_run_and_its_output_is_the_answer(client, judge0):
    """S3.1, S3.7, S3.8, S3.52, C6"""
    body = told(judged_meanwhile(client, EXECUTE, program(metadata={"from": "editor"})))

    assert (body["output"], body["error"], body["success"]) == ("hello\n", None, True)
    assert (body["executionTime"], body["memoryKb"], body["stderr"]) == (16, 3492, "a warning\n")
    assert (body["status"], body["metadata"]) == ("done", {"from": "editor"})
    assert body["id"] == str(Execution.objects.get().pk)


@JUDGED
@pytest.mark.parametrize(
    ("code", "output", "error"),
    [
        ("crash", "half", "Traceback: boom"),
        ("slow", "half", "Time limit exceeded"),
        ("broken", "", "error: what?"),
    ],
)
def test_a_program_that_fails_is_an_answer_like_any_other(client, judge0, code, output, error):
    """S3.8, C2"""
    body = told(judged_meanwhile(client, EXECUTE + "/", program(code=code)))

    assert (body["output"], body["success"]) == (output, False)
    assert error in body["error"]
    assert isinstance(body["executionTime"], NUMBER)


@JUDGED
def test_what_takes_too_long_is_answered_with_where_to_look(client, judge0, settings):
    """S3.7, C6"""
    settings.SYNC_WAIT_MAX_S = 0.1

    answer = post(client, EXECUTE, program())

    body = told(answer, 202)
    assert (body["status"], body["output"], body["error"], body["success"]) == ("queued", None, None, None)
    judge()
    found = told(client.get(answer["Location"]))
    assert (found["status"], found["output"], found["error"]) == ("done", "hello\n", None)


def test_who_does_not_want_to_wait_need_not(client):
    assert told(post(client, f"{EXECUTE}?wait=false", program()), 202)["status"] == "queued"


@JUDGED
def test_a_fault_of_the_judge_is_a_problem_with_a_code_and_no_page(client, judge0, backends):
    """S3.35, S3.40, C8 (in part)"""
    faulty = judged_meanwhile(client, EXECUTE, program(code="impossible"))
    backends("http://127.0.0.1:1")
    away = judged_meanwhile(client, EXECUTE, program())

    assert [told(answer, 502)["code"] for answer in (faulty, away)] == ["judge_fault", "judge_unavailable"]
    assert faulty["Content-Type"] == away["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("address", "body", "named"),
    [
        (EXECUTE, {}, ["code", "language"]),
        (EXECUTE, {"code": [7], "language": [], "input": {}}, ["code", "input", "language"]),
        (EXECUTE, program(additional_files="zip"), ["additional_files"]),
        (TEST, {"testCases": "all"}, ["code", "language", "testCases"]),
        (VALIDATE, {}, ["code", "exerciseId", "language"]),
        (VALIDATE, program(exerciseId="x", testCases=[]), ["input", "testCases"]),
    ],
)
def test_wrong_types_and_names_are_told_field_by_field(client, address, body, named):
    """S3.33"""
    make_question(slug="x")

    assert refused(post(client, address, body)) == named
    assert not Submission.objects.exists()


# --- Test ----------------------------------------------------------------------------------------------------------


@JUDGED
def test_every_case_is_run_and_told_with_what_came_out(client, judge0):
    """S3.2, S3.9, S3.10, S3.36, C7: 10 cases are one batch, and one that fails stops none of the others."""
    body = trial(10)
    body["testCases"][3] |= {"expected": "wrong"}
    del body["testCases"][4]["description"]

    found = told(judged_meanwhile(client, TEST, body))

    assert (found["totalTests"], found["passedTests"]) == (10, 9)
    assert found["results"][0] == {
        "index": 1,
        "input": "1 0\n",
        "expected": "1",
        "actual": "1\n",
        "passed": True,
        "executionTime": 16,
        "description": "case 1",
    }
    assert [result["passed"] for result in found["results"]] == [n != 4 for n in range(1, 11)]
    assert found["results"][3]["actual"] == "4\n"
    assert "description" not in found["results"][4]
    assert [len(request.body["submissions"]) for request in judge0.asked("POST", "/submissions/batch")] == [
        10
    ]


@JUDGED
@pytest.mark.parametrize(("code", "error"), [("crash", "Traceback: boom"), ("broken", "error: what?")])
def test_a_case_that_crashes_has_no_output_but_an_error(client, judge0, code, error):
    """S3.10"""
    found = told(judged_meanwhile(client, TEST, trial(2, code=code)))

    assert (found["totalTests"], found["passedTests"]) == (2, 0)
    for result in found["results"]:
        assert (result["actual"], result["passed"]) == (None, False)
        assert error in result["error"]


@JUDGED
def test_of_ten_cases_one_that_no_server_can_run_is_one_error(client, judge0):
    """S3.37, S3.35"""
    found = told(judged_meanwhile(client, TEST, trial(10, code="poisoned")))

    assert (found["totalTests"], found["passedTests"], found["status"]) == (10, 9, "error")
    assert [result["index"] for result in found["results"]] == list(range(1, 11))
    (failed,) = [result for result in found["results"] if not result["passed"]]
    assert (failed["index"], failed["input"], failed["expected"], failed["actual"]) == (4, "4 0\n", "4", None)
    assert "our fault" in failed["error"]


@JUDGED
@pytest.mark.parametrize("fault", ["500", "garbage", "hang"])
def test_of_ten_cases_one_at_a_server_that_fails_is_one_error(client, judge0, settings, fault):
    """S3.37"""
    settings.JUDGE0_READ_TIMEOUT_S = 0.2

    def program(source, stdin):
        if stdin == b"4 0\n":
            judge0.fail(fault)
            return replace(acting(source, stdin), takes_s=30)
        return acting(source, stdin)

    judge0.program = program

    found = told(judged_meanwhile(client, TEST, trial(10)))

    assert (found["totalTests"], found["passedTests"]) == (10, 9)
    assert [bool(result.get("error")) for result in found["results"]] == [n == 4 for n in range(1, 11)]


@JUDGED
def test_where_no_case_at_all_could_be_run_that_is_a_problem(client, judge0):
    """S3.35"""
    answer = judged_meanwhile(client, TEST, trial(2, code="impossible"))

    assert told(answer, 502)["code"] == "judge_fault"


@pytest.mark.parametrize("count", [0, 51])
def test_no_cases_or_too_many_are_refused(client, count):
    """S3.9"""
    assert refused(post(client, TEST, trial(count))) == ["testCases"]


def test_as_many_cases_as_the_setting_says_are_taken(client, settings):
    settings.MAX_RUN_TESTCASES = 2

    assert post(client, f"{TEST}?wait=false", trial(2)).status_code == 202
    assert refused(post(client, TEST, trial(3))) == ["testCases"]


# --- Validate ------------------------------------------------------------------------------------------------------


def validation(question, **changes) -> dict:
    return {"code": "sum", "language": "python", "exerciseId": str(question.pk)} | changes


@JUDGED
def test_a_solution_is_validated_by_the_questions_cases_and_kept(client, learner, judge0):
    """S3.3, S3.12, S3.38, S3.44"""
    question = make_question(cases=CASES)

    body = told(judged_meanwhile(client, VALIDATE, validation(question)))

    assert (body["isValid"], body["score"], body["feedback"]) == (True, 100.0, "All 3 tests passed.")
    results = body["testResults"]["results"]
    assert (body["testResults"]["totalTests"], body["testResults"]["passedTests"]) == (3, 3)
    assert (results[0]["input"], results[0]["expected"], results[0]["actual"]) == ("1 2\n", "3\n", "3\n")
    assert results[1:] == [{"index": n, "hidden": True, "passed": True} for n in (2, 3)]
    kept = Submission.objects.get()
    assert (kept.kind, kept.user, kept.question, kept.source) == ("graded", learner, question, "sum")


@JUDGED
@pytest.mark.parametrize(
    ("code", "feedback"),
    [
        ("echo", "Wrong answer on test 1"),
        ("crash", "Runtime error on test 1. 0 of 3 tests passed."),
        ("broken", "It does not compile: main.py:1: error: what?"),
    ],
)
def test_the_feedback_says_what_failed(client, judge0, code, feedback):
    """S3.12"""
    body = told(judged_meanwhile(client, VALIDATE, validation(make_question(cases=CASES), code=code)))

    assert (body["isValid"], body["score"]) == (False, 0.0)
    assert body["feedback"].startswith(feedback)


@JUDGED
def test_of_a_hidden_case_only_that_it_failed_is_told(client, judge0):
    """S3.12, C18"""
    question = make_question(cases=[("3\n", "3\n", True), ("7 7\n", "secret\n", False)])

    body = told(judged_meanwhile(client, VALIDATE, validation(question)))

    assert body["testResults"]["results"][1] == {"index": 2, "hidden": True, "passed": False}
    assert body["feedback"] == "Wrong answer on test 2, which is hidden. 1 of 2 tests passed."
    assert "secret" not in str(body)


@JUDGED
def test_a_case_that_was_skipped_is_told_from_one_that_failed(client, judge0):
    """C7 (in part)"""
    cases = [("1\n", "1\n", True), ("2\n", "2\n", False), ("3\n", "3\n", False)]
    question = make_question(cases=cases, run_policy="fail_fast")

    body = told(judged_meanwhile(client, VALIDATE, validation(question, code="wrong")))

    public, *hidden = body["testResults"]["results"]
    assert ("skipped" in public, public["passed"]) == (False, False)
    skipped = {"hidden": True, "passed": False, "skipped": True}
    assert hidden == [{"index": 2} | skipped, {"index": 3} | skipped]


def test_an_unknown_exercise_is_not_found(client):
    """S3.11"""
    assert refused(post(client, VALIDATE, {"code": "sum", "language": "python", "exerciseId": "x"}), 404) == [
        "exerciseId"
    ]


def test_without_a_server_a_solution_is_taken_and_waits(client, judge0, settings):
    """C8 (in part)"""
    for _ in range(settings.JUDGE0_BREAKER_FAILURES):
        Breaker(Shared(redis_client()), judge0.url).failed()

    body = told(post(client, VALIDATE, validation(make_question())), 202)

    assert (body["status"], body["isValid"], body["testResults"]) == ("queued", None, None)


# --- History -------------------------------------------------------------------------------------------------------


@JUDGED
def test_the_history_has_ones_own_runs_and_submissions_newest_first(client, stranger, judge0):
    """S3.4, S3.13, S3.43, S3.45"""
    run = told(post(client, f"{EXECUTE}?wait=false", program(metadata={"n": 1})), 202)["id"]
    judge()
    question = make_question(cases=CASES)
    graded = told(post(client, f"{VALIDATE}?wait=false", validation(question, code="crash")), 202)["id"]
    judge()
    told(post(stranger, f"{EXECUTE}?wait=false", program()), 202)

    newest, oldest = told(client.get(HISTORY))["results"]

    assert (newest["id"], oldest["id"]) == (graded, run)
    created_at = oldest.pop("createdAt")
    assert created_at.endswith("Z")
    assert oldest == {
        "id": run,
        "status": "done",
        "metadata": {"n": 1},
        "exerciseId": None,
        "code": "echo",
        "language": "python",
        "output": "hello\n",
        "error": None,
        "executionTime": 16,
        "testResults": oldest["testResults"],
        "score": None,
    }
    assert (newest["exerciseId"], newest["code"], newest["score"]) == (str(question.pk), "crash", 0.0)
    assert newest["testResults"]["totalTests"] == 3


def test_the_history_comes_in_pages(client):
    """S3.13"""
    runs = [told(post(client, f"{EXECUTE}?wait=false", program()), 202)["id"] for _ in range(3)]

    first = told(client.get(f"{HISTORY}?page_size=2"))
    second = told(client.get(first["next"]))

    assert [one["id"] for one in first["results"] + second["results"]] == runs[::-1]


def test_a_page_of_the_history_costs_the_same_however_long_it_is(
    client, learner, django_assert_max_num_queries
):
    """Although it has the texts of all public cases."""
    judged_ones(learner, 5)

    with django_assert_max_num_queries(7):
        items = told(client.get(HISTORY))["results"]

    results = [one["testResults"] and one["testResults"]["results"] for one in items]
    assert results[1::2] == [None] * 5, "they are queued"
    for number, (public, hidden) in enumerate(results[::2]):
        given = (public["input"], public["expected"], public["actual"], public["description"])
        assert given == (f"{4 - number} 1\n", f"{5 - number}\n", "printed", f"case {4 - number}")
        assert hidden == {"index": 2, "hidden": True, "passed": False}


@JUDGED
def test_a_run_past_its_time_is_expired_in_the_history_and_gone_elsewhere(client, judge0, settings):
    """C3 (in part)"""
    run = told(post(client, f"{EXECUTE}?wait=false", program()), 202)["id"]
    judge()
    settings.EXECUTION_TTL_S = 0

    (item,) = told(client.get(HISTORY))["results"]

    assert (item["id"], item["status"], item["executionTime"]) == (run, "expired", 16)
    assert [item[name] for name in ("code", "output", "error", "testResults")] == [None] * 4
    assert client.get(f"/api/execution/{run}").status_code == 404


# --- Challenges ----------------------------------------------------------------------------------------------------


@pytest.fixture
def challenge():
    question = make_question(cases=CASES, summary="Add two numbers.", slug="add")
    question.starter_codes.create(language="c", source="int main() {}")
    question.starter_codes.create(language="python", source="a, b = ")
    make_solution(question, source="print('the solution')", name="a-right-one")
    return question


def test_a_challenge_is_a_question_with_its_public_cases(client, challenge):
    """S3.42"""
    found = told(client.get(f"/api/challenges/{challenge.pk}"))

    assert found == {
        "id": str(challenge.pk),
        "slug": "add",
        "title": challenge.title,
        "description": "Add two numbers.",
        "instructions": challenge.statement,
        "startingCode": "int main() {}",
        "testCases": [{"input": "1 2\n", "expected": "3\n", "description": ""}],
    }
    assert told(client.get("/api/challenges"))["results"] == [found]
    assert told(client.get("/api/challenges/add/?language=py"))["startingCode"] == "a, b = "
    assert refused(client.get("/api/challenges/nothing"), 404) == []


def test_a_solution_is_for_authors_with_a_credential_for_it(challenge):
    """S3.42"""
    author = make_author()
    session, reader, examiner = Client(), Client(), Client()
    session.force_login(author)
    for client, scopes in ((reader, ["read"]), (examiner, ["read", "tests:read"])):
        _key, text = keys.make(user=author, name="test", scopes=scopes)
        client.defaults["HTTP_AUTHORIZATION"] = f"Api-Key {text}"

    found = [told(client.get("/api/challenges/add")) for client in (session, examiner, reader)]

    assert [one.get("solution") for one in found] == ["print('the solution')"] * 2 + [None]
    assert "solution" not in found[2]


def test_drafts_are_nobodys_challenge_but_authors(client):
    make_question(slug="draft", state="draft")

    assert client.get("/api/challenges/draft").status_code == 404
    assert told(client.get("/api/challenges"))["results"] == []


def test_a_page_of_challenges_costs_the_same_however_many_there_are(client, django_assert_max_num_queries):
    for _ in range(5):
        make_solution(make_question(cases=CASES))

    with django_assert_max_num_queries(8):
        assert len(told(client.get("/api/challenges"))["results"]) == 5
