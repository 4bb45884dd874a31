"""S0: submit, judge-question, judge, through HTTP."""

import uuid

import pytest
from django.test import Client

from execution.types import Checker, CheckerKind
from submissions.dialects.s0 import ComparisonField
from submissions.models import CaseResult, Placement, Submission
from tests.dialects.conftest import JUDGED, judge, judged_meanwhile, post, refused, told
from tests.factories import make_question, make_user

pytestmark = pytest.mark.django_db

SUBMIT, JUDGE_QUESTION, JUDGE = "/v1/submissions", "/v1/judge-question", "/v1/judge"
CASES = [("1 2\n", "3\n", True), ("5 5\n", "10\n", False), ("-4 1\n", "-3\n", False)]
SHAPE = {
    *("status", "verdict", "score", "passed", "total", "firstFailure", "tests", "timeMs", "memoryKb"),
    *("message", "metadata"),
}  # fmt: skip
KNOWN_AT_ONCE = {"status", "submissionId"}


def program(question, /, **changes) -> dict:
    return {"questionId": str(question.pk), "languageId": 71, "sourceCode": "sum"} | changes


def submit(client, question, **changes) -> str:
    return told(post(client, SUBMIT, program(question, **changes)), 202)["submissionId"]


def own_cases(*pairs) -> list[dict]:
    return [{"input": given, "expected": expected} for given, expected in pairs]


# --- Submit --------------------------------------------------------------------------------------------------------


@JUDGED
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_submission_is_taken_in_camel_case_and_polled_to_its_end(client, stranger, judge0, slash):
    """S0.7, S0.25, C10"""
    answer = post(client, SUBMIT + slash, program(make_question(cases=CASES)))

    body = told(answer, 202)
    assert body.keys() == SHAPE | {"submissionId"}
    assert {name: value for name, value in body.items() if value is not None} == {
        "submissionId": str(Submission.objects.get().pk),
        "status": "queued",
    }
    assert answer["Location"] == f"/v1/submissions/{body['submissionId']}"

    judge()
    found = told(client.get(answer["Location"] + slash))
    assert (found["status"], found["verdict"], found["score"], found["passed"], found["total"]) == (
        "passed", "AC", 100, 3, 3,
    )  # fmt: skip
    assert stranger.get(answer["Location"]).status_code == 404
    assert refused(Client().get(answer["Location"]), 401) == []


@JUDGED
def test_who_waits_gets_the_end_in_the_answer(client, judge0):
    """S0.24, C6"""
    answer = judged_meanwhile(client, f"{SUBMIT}?wait=true", program(make_question(cases=CASES)))

    assert (told(answer)["status"], told(answer)["passed"]) == ("passed", 3)


@JUDGED
def test_a_public_failure_shows_both_sides_and_a_hidden_one_its_verdict_only(client, judge0):
    """S0.30, C12, C18"""
    public = submit(client, make_question(cases=CASES), sourceCode="echo")
    judge()
    hidden = submit(client, make_question(cases=[("3", "3", True), ("7 7", "secret", False)]))
    judge()

    first, second = (told(client.get(f"{SUBMIT}/{pk}")) for pk in (public, hidden))
    assert first["firstFailure"] == {
        "index": 1, "visibility": "public", "verdict": "WA", "actual": "1 2\n", "expected": "3\n",
    }  # fmt: skip
    assert second["firstFailure"] == {"index": 2, "visibility": "hidden", "verdict": "WA"}
    assert [(test["index"], test["input"]) for test in second["tests"]] == [(1, "3")]
    assert (second["status"], second["passed"], second["total"]) == ("failed", 1, 2)
    assert "secret" not in str(second)


@JUDGED
def test_what_does_not_compile_says_why(client, judge0):
    pk = submit(client, make_question(cases=CASES), sourceCode="broken")
    judge()

    found = told(client.get(f"{SUBMIT}/{pk}"))
    assert (found["status"], found["verdict"], found["firstFailure"]["index"]) == ("failed", "CE", 1)
    assert "error: what?" in found["message"]


@pytest.mark.parametrize("missing", ["questionId", "sourceCode", "languageId"])
def test_each_missing_field_is_named(client, missing):
    body = program(make_question())
    del body[missing]

    assert refused(post(client, SUBMIT, body)) == [missing]
    assert not Submission.objects.exists()


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"testCases": []}, 400, ["testCases"]),
        ({"source": "sum"}, 400, ["source"]),
        ({"languageId": "cobol"}, 400, ["languageId"]),
        ({"languageId": 54}, 400, ["languageId"]),  # C++, which the question does not allow
        ({"sourceCode": ["sum"]}, 400, ["sourceCode"]),
        ({"sourceCode": "x" * 70_000}, 413, ["sourceCode"]),
        ({"questionId": "nothing"}, 404, ["questionId"]),
    ],
)
def test_what_cannot_be_taken_is_refused_by_its_name_in_this_contract(client, changes, status, named):
    """S0.12, S3.33"""
    question = make_question(allowed_languages=["python"])

    assert refused(post(client, SUBMIT, program(question, **changes)), status) == named
    assert not Submission.objects.exists()


@pytest.mark.parametrize("language", ["python", "py", "71", 71])
def test_a_language_is_its_slug_an_alias_or_a_judge0_id(client, language):
    """C10"""
    submit(client, make_question(), languageId=language)

    assert Submission.objects.get().language == "python"


def test_the_same_key_makes_one_submission_and_one_answer(client):
    question = make_question()

    answers = [post(client, SUBMIT, program(question), **{"Idempotency-Key": "once"}) for _ in range(3)]

    assert {told(answer, 202)["submissionId"] for answer in answers} == {str(Submission.objects.get().pk)}
    assert [answer.get("Idempotency-Replayed") for answer in answers] == [None, "true", "true"]
    other = post(client, SUBMIT, program(question, sourceCode="echo"), **{"Idempotency-Key": "once"})
    assert told(other, 422)["code"] == "idempotency_key_reused"


def test_what_the_client_sends_for_itself_comes_back(client):
    """S3.51"""
    body = told(post(client, SUBMIT, program(make_question(), metadata={"lesson": 4})), 202)

    assert (
        body["metadata"] == told(client.get(f"{SUBMIT}/{body['submissionId']}"))["metadata"] == {"lesson": 4}
    )


# --- Judge a submission that there is ------------------------------------------------------------------------------


def attach(client, question, pk, query="", **changes):
    return post(client, JUDGE_QUESTION + query, program(question, submissionId=pk, **changes))


@JUDGED
def test_a_machine_attaches_to_the_judging_that_there_is_and_nothing_is_judged_twice(machine, judge0):
    """S0.8, S0.9: both calls in turn, ten times, before and after it is judged."""
    question = make_question(cases=CASES)
    key = {"Idempotency-Key": "one"}
    pk = told(post(machine, SUBMIT, program(question), **key), 202)["submissionId"]

    before = [attach(machine, question, pk) for _ in range(5)]
    judge()
    after = []
    for _ in range(10):
        assert told(post(machine, SUBMIT, program(question), **key), 202)["submissionId"] == pk
        after.append(attach(machine, question, pk))

    assert {told(answer, 202)["status"] for answer in before} == {"queued"}
    assert {told(answer, 200)["status"] for answer in after} == {"passed"}
    assert all(answer.json().keys() == SHAPE | {"submissionId"} for answer in [*before, *after])
    assert {answer["Location"] for answer in after} == {f"/v1/submissions/{pk}"}
    assert (Submission.objects.count(), Submission.objects.get().attempt) == (1, 1)
    assert CaseResult.objects.count() == sum(len(one.indexes) for one in Placement.objects.all()) == 3


@JUDGED
def test_a_machine_that_waits_gets_the_end(machine, judge0):
    """S0.8, S0.24"""
    question = make_question(cases=CASES)
    pk = submit(machine, question)

    answer = judged_meanwhile(machine, f"{JUDGE_QUESTION}?wait=true", program(question, submissionId=pk))

    assert (told(answer)["submissionId"], told(answer)["status"]) == (pk, "passed")
    assert told(attach(machine, question, pk, "?wait=true"))["status"] == "passed"


@pytest.mark.parametrize("missing", ["questionId", "submissionId", "languageId", "sourceCode"])
def test_each_missing_field_of_judge_question_is_named(machine, missing):
    """S0.8"""
    question = make_question()
    body = program(question, submissionId=submit(machine, question))
    del body[missing]

    assert refused(post(machine, JUDGE_QUESTION, body)) == [missing]


@pytest.mark.parametrize("name", ["questionId", "languageId", "sourceCode"])
def test_a_submission_of_something_else_is_a_conflict(machine, name):
    """S0.8"""
    question = make_question()
    pk = submit(machine, question)
    other = {"questionId": make_question().slug, "languageId": "c", "sourceCode": "echo"}

    answer = attach(machine, question, pk, **{name: other[name]})

    assert refused(answer, 409) == [name]
    assert told(answer, 409)["code"] == "differs"


def test_a_submission_of_somebody_else_or_nobody_is_not_found(machine, client):
    """S0.8, S0.19 (in part)"""
    question = make_question()

    assert refused(attach(machine, question, submit(client, question)), 404) == []
    assert refused(attach(machine, question, str(uuid.uuid4())), 404) == []


@pytest.mark.parametrize("address", [JUDGE_QUESTION, JUDGE])
def test_the_endpoints_for_machines_are_for_nobody_else(client, machine, address, settings):
    """S0.16 (in part), S0.19 (in part)"""
    assert refused(post(Client(), address, {}), 401) == []
    assert told(post(client, address, {}), 403)["code"] == "missing_scope"
    assert refused(post(machine, address, {}))
    settings.CODE_EXEC_KEYS = []
    assert refused(post(client, address, {}), 404) == []


# --- Judge -----------------------------------------------------------------------------------------------------------


def judging(**changes) -> dict:
    cases = own_cases(("1 2", "3"), ("1 1", "0"), ("2 2", "4"))
    return {"languageId": "python", "sourceCode": "sum", "testCases": cases} | changes


@JUDGED
def test_a_program_is_judged_by_cases_that_come_with_it_until_one_fails(machine, judge0):
    """S0.9b, C12"""
    answer = judged_meanwhile(machine, f"{JUDGE}?wait=true", judging())

    body = told(answer)
    assert body.keys() == SHAPE
    assert (body["status"], body["verdict"], body["passed"], body["total"]) == ("failed", "WA", 1, 3)
    assert body["score"] == pytest.approx(33.33)
    failure = {"index": 2, "visibility": "public", "verdict": "WA", "actual": "2\n", "expected": "0"}
    assert body["firstFailure"] == failure
    assert [(test["input"], test["verdict"]) for test in body["tests"]] == [("1 2", "AC"), ("1 1", "WA")]
    assert (body["timeMs"], body["memoryKb"]) == (16, 3492)
    assert list(Submission.objects.get().case_results.values_list("verdict", flat=True)) == ["AC", "WA", "SK"]


@JUDGED
def test_the_answer_of_who_does_not_wait_has_the_same_keys_and_says_where_to_look(machine, judge0):
    """S0.9b, S0.9"""
    answer = post(machine, JUDGE, judging())
    body = told(answer, 202)
    judge()

    assert body.keys() == SHAPE
    assert {name for name, value in body.items() if value is not None} == {"status"}
    found = told(machine.get(answer["Location"]))
    assert found.keys() == SHAPE | {"submissionId"}
    assert found["status"] == "failed"


@pytest.mark.parametrize(
    ("comparison", "checker"),
    [
        ("exact", Checker(CheckerKind.EXACT)),
        ("trailing_whitespace", Checker(CheckerKind.TRAILING_WHITESPACE)),
        ("trailingWhitespace", Checker(CheckerKind.TRAILING_WHITESPACE)),
        ("Ignore-Case", Checker(CheckerKind.CASE_INSENSITIVE)),
        ("unordered lines", Checker(CheckerKind.UNORDERED_LINES)),
        ("floats", Checker(CheckerKind.FLOATS, 1e-6, 1e-6)),
        ({"mode": "numeric", "tolerance": 0.5}, Checker(CheckerKind.FLOATS, 0.5, 0.5)),
        ({"mode": "tokens"}, Checker(CheckerKind.TOKENS)),
    ],
)
def test_a_comparison_is_one_of_our_checkers_by_several_names(comparison, checker):
    """S0.9b"""
    assert ComparisonField().run_validation(comparison) == checker


@JUDGED
@pytest.mark.parametrize(("comparison", "verdict"), [("exact", "WA"), ("trailing_whitespace", "AC")])
def test_outputs_are_compared_as_the_request_says(machine, judge0, comparison, verdict):
    """S0.9b"""
    body = judging(testCases=[{"input": "1 2", "expectedOutput": "3"}], outputComparison=comparison)
    address = post(machine, JUDGE, body)["Location"]
    judge()

    assert told(machine.get(address))["verdict"] == verdict


@pytest.mark.parametrize(
    ("changes", "status", "named"),
    [
        ({"testCases": []}, 400, ["testCases"]),
        ({"testCases": [{"input": "1"}]}, 400, ["testCases"]),
        ({"testCases": [{"input": "1", "expected": "1", "expectedOutput": "1"}]}, 400, ["testCases"]),
        ({"testCases": [{"input": "1", "expected": "1", "points": 3}]}, 400, ["testCases"]),
        ({"testCases": own_cases(*[("1", "1")] * 51)}, 400, ["testCases"]),
        ({"testCases": own_cases(("x" * 65_537, "1"))}, 413, ["input"]),
        ({"outputComparison": "telepathy"}, 400, ["outputComparison"]),
        ({"outputComparison": {"mode": "floats", "tolerance": "much"}}, 400, ["outputComparison"]),
        ({"outputComparison": {"mode": "floats", "tolerance": True}}, 400, ["outputComparison"]),
        ({"outputComparison": {"mode": "floats", "slack": 1}}, 400, ["outputComparison"]),
        ({"questionId": "sum"}, 400, ["questionId"]),
    ],
)
def test_cases_and_comparisons_that_make_no_sense_are_refused(machine, changes, status, named):
    assert refused(post(machine, JUDGE, judging(**changes)), status) == named


@JUDGED
def test_without_a_server_who_waits_learns_that_it_is_our_fault(machine, backends):
    backends("http://127.0.0.1:1")

    answer = judged_meanwhile(machine, f"{JUDGE}?wait=true", judging())

    assert told(answer, 502)["code"] == "judge_unavailable"


def test_staff_without_the_scope_admin_see_their_own_only(machine, client):
    pk = submit(client, make_question())

    assert machine.get(f"{SUBMIT}/{pk}").status_code == 404
    boss = Client()
    boss.force_login(make_user(is_staff=True, is_superuser=True))
    assert told(boss.get(f"{SUBMIT}/{pk}"))["status"] == "queued"
