"""A client that knows nothing but the description: there it finds what to send, how, and what to expect."""

import json
from typing import Any
from uuid import uuid4

import pytest
import requests
from jsonschema import Draft202012Validator

from accounts.scopes import Scope
from tests.conftest import Stack
from tests.platform.running import manage

ANSWER_S = 40
WAITED_FOR = {
    "createSubmission": ("verdict", "AC"),
    "createRun": ("verdict", "AC"),
    "s0CreateSubmission": ("status", "passed"),
    "s0Judge": ("status", "passed"),
    "s3Execute": ("success", True),
    "s3Test": ("passedTests", 1),
    "s3Validate": ("isValid", True),
    "s3Hint": ("level", 1),
    "s3Hints": ("level", 1),
    "s3Review": ("source", "rules"),
    "s3Analyze": ("source", "rules"),
}
"""Operations that can be waited for, and what their example comes to."""


class Client:
    """`key` goes where the description says that keys go. Fields that are not described are not borne."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self.described = requests.get(f"{url}/api/v1/schema/", timeout=ANSWER_S).json()
        for schema in self.described["components"]["schemas"].values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)
        self.operations = {
            operation["operationId"]: (path, method, operation)
            for path, item in self.described["paths"].items()
            for method, operation in item.items()
        }

    def call(self, operation_id: str, /, body: Any = None, headers: Any = None, **given: Any) -> Any:
        """What is answered, once it was found to be as described; `body` is the description's example unless told.

        `given` are parameters, in the path or in the query.
        """
        path, method, operation = self.operations[operation_id]
        inside = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        in_query = {name: value for name, value in given.items() if name not in inside}
        answer = requests.request(
            method,
            self.url + path.format(**given),
            params=in_query,
            json=self.example(operation_id) if body is None and "requestBody" in operation else body,
            headers=self._credential(operation) | (headers or {}),
            timeout=ANSWER_S,
        )
        return self._read(answer, operation)

    def example(self, name: str) -> Any:
        """The first one of the operation's body."""
        _, _, operation = self.operations[name]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        return next(iter(examples.values()))["value"]

    def _credential(self, operation: dict[str, Any]) -> dict[str, str]:
        if not operation.get("security"):
            return {}
        (scheme,) = operation["security"][0]
        described = self.described["components"]["securitySchemes"][scheme]
        assert (described["type"], described["in"]) == ("apiKey", "header")
        return {described["name"]: self.key}

    def _read(self, answer: requests.Response, operation: dict[str, Any]) -> Any:
        assert answer.ok, answer.text
        described = operation["responses"][str(answer.status_code)]
        kind, _, _ = answer.headers["Content-Type"].partition(";")
        schema = described["content"][kind]["schema"]
        if kind == "text/event-stream":
            return [self._message(self._checked(event, schema), schema) for event in _events(answer.text)]
        return self._checked(answer.json() if kind == "application/json" else answer.text, schema)

    def _message(self, event: dict[str, str], schema: dict[str, Any]) -> Any:
        data = self._resolved(schema)["properties"]["data"]
        assert data["contentMediaType"] == "application/json"
        return self._checked(json.loads(event["data"]), data["contentSchema"])

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]

    def _checked(self, value: Any, schema: dict[str, Any]) -> Any:
        Draft202012Validator(schema | {"components": self.described["components"]}).validate(value)
        return value


def _events(text: str) -> list[dict[str, str]]:
    """As browsers read them, as far as ours go."""
    blocks = [block.splitlines() for block in text.split("\n\n") if "data: " in block]
    return [dict(line.split(": ", 1) for line in lines) for lines in blocks]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack.url, stack.running.started()["CODE_EXEC_KEY"])


def test_it_executes_follows_and_asks_for_the_status(client: Client):
    """S1.4"""
    job = client.call("executeJob")["job_id"]

    followed = client.call("streamJob", id=job)

    assert (followed[-1]["status"], followed[-1]["stdout"]) == ("done", "3\n")
    assert client.call("getJobStatus", id=job) == {"status": "done", "score": 100}


def test_it_follows_a_submission(client: Client):
    """S1.4 (in part)"""
    submission = client.call("createSubmission")["id"]

    followed = client.call("streamSubmission", id=submission)

    assert followed[-1]["final"]
    assert client.call("getSubmission", id=submission)["verdict"] == "AC"


@pytest.mark.parametrize("operation", WAITED_FOR)
def test_examples_can_be_sent_and_what_is_waited_for_is_as_described(client: Client, operation):
    name, expected = WAITED_FOR[operation]

    assert client.call(operation, wait="true")[name] == expected


def test_it_executes_and_asks_for_the_output(client: Client):
    execution = client.call("s4Execute")["execution_id"]

    client.call("streamSubmission", id=execution)

    assert client.call("s4GetStatus", id=execution)["output"] == "Hello World\n"


def test_all_that_can_be_read_is_as_described(client: Client, stack: Stack):
    """Of whoever may see all of it: questions with their cases, backends, somebody's submissions."""
    made = manage("create_api_key", "author", *(f"--scope={one}" for one in Scope), var=stack.running.var)
    author = Client(stack.url, made.stdout.strip())
    key = {"Idempotency-Key": uuid4().hex}
    submission = author.call("createSubmission", headers=key, wait="true")["id"]
    known = {"id": submission, "name": "sum", "key": key["Idempotency-Key"]}

    read = {name for name, (_, method, _) in author.operations.items() if method == "get"}
    for name in sorted(read):
        inside = {part: value for part, value in known.items() if f"{{{part}}}" in author.operations[name][0]}
        if name == "getRun":
            inside["id"] = author.call("createRun")["id"]
        if name == "s3GetHintRequest":
            inside["id"] = author.call("s3Review")["id"]
        author.call(name, **inside)

    assert len(read) > 25


def test_it_asks_how_a_submission_was_judged(client: Client):
    program = client.example("s0CreateSubmission")
    made = client.call("s0CreateSubmission", wait="true")

    judged = client.call("s0JudgeQuestion", program | {"submissionId": made["submissionId"]}, wait="true")

    assert judged == made


def test_each_example_of_a_body_is_tried_here(client: Client):
    with_examples = {
        name
        for name, (_, _, operation) in client.operations.items()
        if "examples" in operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    }

    assert with_examples == {*WAITED_FOR, "executeJob", "s4Execute"}
