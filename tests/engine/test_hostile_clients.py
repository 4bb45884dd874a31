"""Clients that want to use the engine up: its memory, its time, its connections.

While one of them tries, others are served; without a token it does not come far.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import PYTHON, ROOT, C, Engine, encoded, memory_growth_kib, ready, started_engine

MIB = 1024 * 1024
TOKEN = {"X-Auth-Token": "secret"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def locked() -> Iterator[Engine]:
    """An engine that demands a token."""
    with started_engine(ENGINE_AUTH_TOKEN="secret", ENGINE_SLOTS="1") as engine:
        yield engine


@pytest.fixture(scope="module")
def hasty() -> Iterator[Engine]:
    """An engine whose patience with clients is half a second instead of a minute and more."""
    start = (
        "from execution.engine import config, process\n"
        "config.BODY_SECONDS = config.IDLE_SECONDS = 0.5\n"
        "process.run(config.EngineConfig('127.0.0.1', 0, 1, '', (), 10, 10**7), process.say_on_stderr)\n"
    )
    with ready(subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, stderr=subprocess.PIPE)) as engine:
        yield engine


def connection(engine: Engine) -> socket.socket:
    address = urlsplit(engine.url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def answer_to(engine: Engine, data: bytes) -> bytes:
    """What a client is told that sends `data` and waits for the end."""
    with connection(engine) as client, contextlib.suppress(ConnectionError):
        client.sendall(data)
        return client.makefile("rb").read()
    return b""


def longest_wait_s(engine: Engine, act) -> float:
    """The longest that another client waited for the engine's version while `act` was done."""
    longest = 0.0
    with concurrent.futures.ThreadPoolExecutor() as threads, requests.Session() as other:
        acting = threads.submit(act)
        while not acting.done():
            before = time.monotonic()
            other.get(f"{engine.url}/version", headers=TOKEN, timeout=60)
            longest = max(longest, time.monotonic() - before)
            time.sleep(0.01)
        acting.result()
    return longest


@pytest.mark.parametrize("field", ["compiler_options", "command_line_arguments"])
def test_megabytes_of_options_are_refused_without_being_split(engine, field):
    def act() -> None:
        body = {"source_code": "x", "language_id": C, field: "a" * 1_500_000}
        answer = engine.post("/submissions", json=body)
        expected = {field: ["is too long (maximum is 512 characters)"]}
        assert (answer.status_code, answer.json()) == (422, expected)

    assert longest_wait_s(engine, act) < 2


def test_without_a_token_a_large_body_is_not_even_read(locked):
    bodies = ((b'{"a":[' + b"[]," * (5 * MIB) + b"[]]}", JSON), (b"a=1&" * (4 * MIB), FORM))

    def act() -> None:
        for body, kind in bodies:
            with contextlib.suppress(requests.ConnectionError):  # hung up on while it still sends
                assert locked.post("/submissions", data=body, headers=kind).status_code == 401
            with contextlib.suppress(requests.ConnectionError):
                wrong = {"X-Auth-Token": "wrong", **kind}
                assert locked.post("/submissions", data=body, headers=wrong).status_code == 401

    assert memory_growth_kib(locked, act) < 20 * 1024
    assert locked.get("/languages", headers=TOKEN).status_code == 200


def test_a_token_may_be_in_a_small_body_but_not_in_a_large_one(locked):
    body = {"source_code": "print(1)", "language_id": PYTHON, **TOKEN}
    assert locked.post("/submissions", json=body).status_code == 201
    assert locked.post("/submissions", data=body).status_code == 201
    large = body | {"stdin": "x" * 65536}
    assert locked.post("/submissions", json=large).status_code == 401
    assert locked.post("/submissions", data=large).status_code == 401
    assert locked.post("/submissions", json=large, headers=TOKEN).status_code == 201


def test_a_form_of_thousands_of_fields_is_a_bad_request(engine):
    assert engine.post("/submissions", data=b"a=1&" * 5000, headers=FORM).status_code == 400


def test_a_request_whose_head_does_not_end_is_cut_off(locked):
    def act() -> None:
        with connection(locked) as client, contextlib.suppress(ConnectionError):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            for _ in range(50):
                client.sendall(b"X: " + b"a" * MIB + b"\r\n")
            pytest.fail("it took 50 MiB of headers")

    assert memory_growth_kib(locked, act) < 10 * 1024


def test_more_connections_than_reasonable_are_hung_up_on_and_the_engine_recovers(locked):
    def open_files() -> int:
        return len(list(Path("/proc", str(locked.process.pid), "fd").iterdir()))

    before = open_files()
    with contextlib.ExitStack() as clients:
        for _ in range(600):
            clients.enter_context(connection(locked))
        time.sleep(0.2)
        assert open_files() - before <= 513
    time.sleep(0.2)
    assert open_files() <= before + 1
    result = locked.post(
        "/submissions?wait=true", json={"source_code": "1", "language_id": 71}, headers=TOKEN
    )
    assert result.json()["status"]["id"] == 3


def test_a_body_that_does_not_come_is_not_waited_for(hasty):
    head = b"POST /submissions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    assert answer_to(hasty, head + b'Content-Length: 9\r\n\r\n{"a"').startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /"])
def test_who_sends_no_request_is_hung_up_on(hasty, data):
    before = time.monotonic()
    assert answer_to(hasty, data).count(b"HTTP/1.1 200 ") == data.count(b"\r\n\r\n")
    assert time.monotonic() - before < 3


def test_who_waits_for_a_result_is_not_hung_up_on(hasty):
    assert hasty.run("import time; time.sleep(1.6); print('there')")["stdout"] == b"there\n"


def test_millions_of_lines_are_compared_in_little_memory_while_others_are_served(engine):
    source = "import sys; sys.stdout.write('\\n' * (16 * 1024 * 1024 - 1) + 'x')"
    waits: list[float] = []

    def judge(expected: str) -> None:
        result = engine.run(source, max_file_size=16384, expected_output=encoded(expected))
        assert result["engine"]["killed"] is None
        assert result["status_id"] == 4

    growth = memory_growth_kib(engine, lambda: waits.append(longest_wait_s(engine, lambda: judge("y"))))
    assert growth < 250 * 1024
    assert waits[0] < 1


def test_a_submission_that_is_asked_for_twenty_times_is_sent_but_not_held_twenty_times(engine):
    body = {"source_code": "print('x' * 4_000_000, end='')", "language_id": PYTHON, "max_file_size": 4096}
    token = engine.post("/submissions?wait=true&fields=token", json=body).json()["token"]
    sizes = []

    def act() -> None:
        query = f"/submissions/batch?base64_encoded=true&fields=stdout&tokens={','.join([token] * 20)}"
        with engine.get(query, stream=True) as answer:
            sizes.append(sum(map(len, answer.iter_content(MIB))))

    assert memory_growth_kib(engine, act) < 60 * 1024
    assert sizes[0] > 20 * 5_300_000


def test_a_batch_with_an_item_that_is_no_text_queues_none_of_its_items(locked):
    slow = {"source_code": "import time; time.sleep(20)", "language_id": PYTHON}
    body = {"submissions": [slow, {"source_code": "\ud800", "language_id": PYTHON}]}
    assert locked.post("/submissions/batch", json=body, headers=TOKEN).status_code == 400
    (queue,) = locked.get("/workers", headers=TOKEN).json()
    assert (queue["size"], queue["working"]) == (0, 0)
