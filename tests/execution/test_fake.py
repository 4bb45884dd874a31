"""The fake server is as unkind as the real one: it is held against recordings of a Judge0 1.13.1."""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes import FakeJudge0, Result, exited, not_compiled, printed

GOLDEN = json.loads((Path(__file__).parent / "golden" / "judge0.json").read_text())
RECORDED, DELETES, CALLBACKS = GOLDEN["exchanges"], GOLDEN["deletes"], GOLDEN["callbacks"]
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

    assert_like(answered, answer)


def assert_like(recorded: Any, answer: requests.Response) -> None:
    assert answer.status_code == recorded["status"]
    assert kind(answer.headers["Content-Type"]) == kind(recorded["content_type"])
    body = answer.json() if answer.text else ""
    assert comparable(body) == comparable(recorded["body"])


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


# --- Configuration and deleting ------------------------------------------------------------------------------


def test_its_configuration_is_a_judge0s_where_deleting_is_off_unless_it_is_switched_on(fake):
    said = requests.get(f"{fake().url}/config_info", timeout=5).json()

    assert said == GOLDEN["config_info"] | {"enable_submission_delete": False}


def token_of(server: FakeJudge0, **headers: str) -> str:
    items = {"submissions": [{"source_code": "print(1)", "language_id": 71}]}
    created = requests.post(f"{server.url}/submissions/batch", json=items, headers=headers, timeout=5)
    return created.json()[0]["token"]


@pytest.mark.parametrize("recorded", [pytest.param(one, id=one["id"]) for one in DELETES])
def test_it_refuses_to_delete_as_was_recorded(fake, recorded):
    asked, answered = recorded["request"], recorded["response"]
    server = fake(
        looks=100,
        auth_token="tok-a",
        authz_token=asked["headers"].get("X-Auth-User", "").replace("bad", "adm-a"),
        config={"enable_submission_delete": True},
    )
    token = token_of(server, **{"X-Auth-Token": "tok-a"})
    if "Processing" in str(answered["body"]):
        batch = f"{server.url}/submissions/batch?tokens={token}"
        requests.get(batch, headers={"X-Auth-Token": "tok-a"}, timeout=5)

    answer = requests.delete(f"{server.url}/submissions/{token}", headers=asked["headers"], timeout=5)

    assert_like(answered, answer)


def test_what_has_ended_is_shown_once_more_and_gone(fake):
    server = fake(program, looks=0, authz_token="adm", config={"enable_submission_delete": True})
    token = token_of(server)
    url, headers = f"{server.url}/submissions/{token}", {"X-Auth-User": "adm"}

    first, second = (requests.delete(url, headers=headers, timeout=5) for _ in range(2))

    assert (first.status_code, first.json()["stdout"]) == (200, "MQo=\n")
    assert second.status_code == 404


def test_nothing_is_deleted_where_that_is_off(fake):
    server = fake(looks=0, authz_token="adm")
    url = f"{server.url}/submissions/{token_of(server)}"

    answer = requests.delete(url, headers={"X-Auth-User": "adm"}, timeout=5)

    assert (answer.status_code, answer.json()) == (400, {"error": "delete not allowed"})


# --- Callbacks -----------------------------------------------------------------------------------------------


class Receiver(ThreadingHTTPServer):
    """Where callbacks go; `status` is what it answers, 0 breaks the connection."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _PutHandler)
        self.status = status
        self.received: list[tuple[str, Any, Any]] = []
        self.came = threading.Semaphore(0)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _PutHandler(BaseHTTPRequestHandler):
    server: Receiver

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers, body))
        if self.server.status:
            self.send_response(self.server.status)
            self.end_headers()
        self.server.came.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def recorded_programs(source: bytes, stdin: bytes) -> Result:
    """What the programs of the recorded callbacks did."""
    if source.startswith(b"int main"):
        return not_compiled(COMPILERS_WORDS)
    return exited(2) if b"exit(2)" in source else printed(re.findall(rb"'(.*)'", source)[0] + b"\n")


COMPILERS_WORDS = "main.c: In function ‘main’:\n".encode()


@pytest.mark.parametrize("recorded", [pytest.param(one, id=one["id"]) for one in CALLBACKS])
def test_it_calls_back_as_was_recorded(fake, receiver, recorded):
    """Eight fields in base64 whatever was asked for, one PUT whatever is answered to it."""
    receiver.status = 500 if "500" in recorded["id"] else 200
    server = fake(recorded_programs, looks=100)
    item = recorded["request"]["body_json"]
    path = recorded["request"]["path"].replace("/submissions", "/submissions/batch")
    callback = receiver.url + recorded["received"][0]["path"]

    requests.post(
        server.url + path, json={"submissions": [item | {"callback_url": callback}]}, timeout=5
    ).raise_for_status()

    assert receiver.came.acquire(timeout=5)
    assert not receiver.came.acquire(timeout=0.05)
    (was,) = recorded["received"]
    ((came_to, headers, body),) = receiver.received
    assert came_to == was["path"]
    assert {name: headers[name] for name in was["headers"]} == was["headers"]
    assert list(body) == list(was["body_json"])
    compiled = {
        "compile_output": None if was["body_json"]["compile_output"] is None else body["compile_output"]
    }
    assert comparable(body) == comparable(was["body_json"] | compiled)


def test_the_callback_comes_when_the_program_has_ended_and_the_result_is_there_before_it(fake, receiver):
    server = fake(recorded_programs, looks=100, takes_s=0.1)
    items = [{"source_code": "print('hi')", "language_id": 71, "callback_url": receiver.url}]
    began = time.monotonic()
    answer = requests.post(f"{server.url}/submissions/batch", json={"submissions": items}, timeout=5)
    token = answer.json()[0]["token"]

    assert receiver.came.acquire(timeout=5)

    assert time.monotonic() - began >= 0.1
    batch = requests.get(f"{server.url}/submissions/batch?tokens={token}&fields=status_id", timeout=5)
    assert batch.json()["submissions"] == [{"status_id": 3}]


def test_a_callback_whose_connection_breaks_comes_again_but_not_for_ever(fake, receiver):
    """Recorded were six: Judge0 tries three times, and Ruby repeats each PUT once."""
    receiver.status = 0
    server = fake(recorded_programs)
    items = [{"source_code": "print('hi')", "language_id": 71, "callback_url": receiver.url}]

    requests.post(f"{server.url}/submissions/batch", json={"submissions": items}, timeout=5)

    assert all(receiver.came.acquire(timeout=5) for _ in range(3))
    assert not receiver.came.acquire(timeout=0.05)


def test_callbacks_may_be_switched_off(fake):
    server = fake(config={"enable_callbacks": False})
    items = [{"source_code": "x", "language_id": 71, "callback_url": "http://127.0.0.1:1"}]

    answer = requests.post(f"{server.url}/submissions/batch", json={"submissions": items}, timeout=5)

    assert (answer.status_code, answer.json()) == (
        422,
        [{"callback_url": ["setting callback is not allowed"]}],
    )
