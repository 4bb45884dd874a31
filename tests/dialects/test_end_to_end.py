"""Each contract through the whole platform: HTTP as its clients speak it, real Redis, worker, engine and sandbox."""

import random
import time
from pathlib import Path

import pytest

from tests.clients import Learner

ADD = "a, b = map(int, input().split())\nprint(a + b)\n"


@pytest.fixture(scope="module")
def learner(stack):
    return Learner(stack.url, *stack.learner)


def post(learner, address, body):
    headers = {"X-CSRFToken": learner.http.cookies["csrftoken"], "Referer": learner.url}
    return learner.http.post(f"{learner.url}{address}", json=body, headers=headers, timeout=60)


def get(learner, address):
    answer = learner.http.get(f"{learner.url}{address}", timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(learner, address, *final):
    deadline = time.monotonic() + 60
    while (found := get(learner, address))["status"] not in final:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_s0_a_submission_is_polled_to_its_end_and_another_one_is_waited_for(learner):
    """S3.55, S0.24, S0.25"""
    program = {"questionId": "sum", "languageId": "python", "sourceCode": ADD}

    polled = post(learner, "/v1/submissions", program)
    waited_for = post(learner, "/v1/submissions?wait=true", program | {"sourceCode": "print(1)"})

    assert polled.status_code == 202
    found = until(learner, polled.headers["Location"], "passed", "failed", "error")
    assert (found["status"], found["passed"], found["total"]) == ("passed", 8, 8)
    assert (waited_for.status_code, waited_for.json()["status"]) == (200, "failed")


def test_s1_a_job_is_polled_to_its_score(learner):
    """S3.55, S1.30"""
    job = post(
        learner, "/api/execute", {"code": ADD, "lang": "python", "input": "1 2", "expected": "4"}
    ).json()

    assert until(learner, f"/api/status/{job['job_id']}", "done", "error") == {"status": "done", "score": 30}


def test_s3_a_program_is_executed_tested_and_validated_in_one_request_each(learner):
    """S3.55, S3.5 (in part)"""
    program = {"code": ADD, "language": "python"}
    cases = [{"input": "1 2\n", "expected": "3"}, {"input": "1\n", "expected": "1"}]

    executed = post(learner, "/api/execution/execute", program | {"input": "20 22\n"})
    tested = post(learner, "/api/execution/test", program | {"testCases": cases})
    validated = post(learner, "/api/execution/validate", program | {"exerciseId": "sum"})

    assert {answer.status_code for answer in (executed, tested, validated)} == {200}
    assert (executed.json()["output"], executed.json()["success"]) == ("42\n", True)
    assert [result["passed"] for result in tested.json()["results"]] == [True, False]
    assert "ValueError" in tested.json()["results"][1]["error"]
    assert validated.json()["isValid"] is True
    history = get(learner, "/api/execution/history?page_size=3")["results"]
    assert [one["id"] for one in history] == [a.json()["id"] for a in (validated, tested, executed)]


ADDING = {
    "python": ADD,
    "cpp": "#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << '\\n'; }",
    "java": """
        import java.util.Scanner;
        class Main {
            public static void main(String[] arguments) {
                Scanner in = new Scanner(System.in);
                System.out.println(in.nextInt() + in.nextInt());
            }
        }""",
    "javascript": "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number)\nconsole.log(a + b)",
}
PRINTING = {
    "python": "print({0})",
    "cpp": '#include <cstdio>\nint main() {{ puts("{0}"); }}',
    "java": "class Main {{ public static void main(String[] arguments) {{ System.out.println({0}); }} }}",
    "javascript": "console.log({0})",
}
TOOLS = {"java": "javac", "javascript": "node"}


@pytest.mark.parametrize("language", ADDING)
def test_a_program_computes_and_a_constant_is_found_out(learner, language):
    """S3.5, S3.6: nobody knows the input before."""
    if language in TOOLS and not Path("/usr/bin", TOOLS[language]).exists():
        pytest.skip(f"there is no {TOOLS[language]} below /usr")
    pairs = [random.sample(range(10_000, 1_000_000), 2) for _ in range(2)]
    cases = [{"input": f"{a} {b}\n", "expected": str(a + b)} for a, b in pairs]

    def tested(code):
        body = {"code": code, "language": language, "testCases": cases}
        return [one["passed"] for one in post(learner, "/api/execution/test", body).json()["results"]]

    executed = post(
        learner,
        "/api/execution/execute",
        {"code": ADDING[language], "language": language, "input": cases[0]["input"]},
    )
    assert (executed.json()["output"], executed.json()["success"]) == (cases[0]["expected"] + "\n", True)
    assert tested(ADDING[language]) == [True, True]
    assert tested(PRINTING[language].format(cases[0]["expected"])) == [True, False]


def test_s4_an_execution_is_polled_from_pending_to_completed(learner):
    """S3.55, S4.14 (in part)"""
    body = {"code": "print('Hello World')", "language": "python", "input_data": ""}
    pk = post(learner, "/api/v1/executions/execute", body).json()["execution_id"]

    found = until(learner, f"/api/v1/executions/status/{pk}", "completed", "error")

    assert (found["status"], found["output"], found["error_output"]) == ("completed", "Hello World\n", "")
    assert found["execution_time"].endswith("s")
    assert found["memory_usage"].endswith("MB")
