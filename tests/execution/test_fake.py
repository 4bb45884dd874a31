"""The fake server is as unkind as the real one: it is held against recordings of a Judge0 1.13.1."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes import FakeJudge0, Result, printed

RECORDED = json.loads((Path(__file__).parent / "golden" / "judge0.json").read_text())["exchanges"]
TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def program(source: bytes, stdin: bytes) -> Result:
    """Does what the recorded programs did: they print a number, or bytes that are no text."""
    number = re.fullmatch(rb"print\((\d+)\)", source)
    return printed(number[1] + b"\n" if number else b"ok \xff\xfe\n")


@pytest.mark.parametrize("recorded", [pytest.param(one, id=one["id"]) for one in RECORDED])
def test_it_answers_as_was_recorded(fake, recorded):
    server = fake(program, looks=0, auth_token="tok-a" if "authn" in recorded["id"] else "")
    asked, answered = recorded["request"], recorded["response"]

    answer = requests.request(
        asked["method"],
        server.url + with_tokens_of(server, asked["path"], answered["body"]),
        headers=asked["headers"],
        json=asked.get("body_json"),
        timeout=5,
    )

    assert answer.status_code == answered["status"]
    assert kind(answer.headers["Content-Type"]) == kind(answered["content_type"])
    body = answer.json() if answer.text else ""
    assert comparable(body) == comparable(answered["body"])


def with_tokens_of(server: FakeJudge0, path: str, shown: Any) -> str:
    """The recorded path with tokens of programs that print what the recorded ones printed."""
    outputs = {}
    if isinstance(shown, dict):
        outputs = {it["token"]: it["stdout"] for it in shown.get("submissions") or [] if it}

    def stand_in(token: re.Match[str]) -> str:
        if token[0] == UNKNOWN:
            return UNKNOWN
        printed_number = re.fullmatch(r"(\d)\n", outputs.get(token[0], ""))
        source = f"print({printed_number[1]})" if printed_number else "something"
        items = {"submissions": [{"source_code": source, "language_id": 71}]}
        created = requests.post(f"{server.url}/submissions/batch", json=items, timeout=5)
        return created.json()[0]["token"]

    return TOKEN.sub(stand_in, path)


def kind(content_type: str) -> str:
    return content_type.partition(";")[0]


def comparable(body: Any) -> Any:
    """Without what differs from run to run."""
    match body:
        case dict():
            varying = {"token", "time", "memory"}
            return {name: None if name in varying else comparable(value) for name, value in body.items()}
        case list():
            return [comparable(value) for value in body]
        case _:
            return body


def test_the_single_get_is_a_second_old_and_the_batch_is_not(fake):
    server = fake(looks=1)
    items = {"submissions": [{"source_code": "eA==", "language_id": 71}]}
    created = requests.post(f"{server.url}/submissions/batch?base64_encoded=true", json=items, timeout=5)
    token = created.json()[0]["token"]

    def single():
        answer = requests.get(f"{server.url}/submissions/{token}?fields=status_id", timeout=5)
        return answer.json()["status_id"]

    def batch():
        answer = requests.get(f"{server.url}/submissions/batch?tokens={token}&fields=status_id", timeout=5)
        return answer.json()["submissions"][0]["status_id"]

    assert (single(), batch(), single()) == (1, 3, 1)
