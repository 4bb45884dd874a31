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
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import (
    PYTHON,
    ROOT,
    C,
    Engine,
    encoded,
    memory_growth_kib,
    ready,
    resident_kib,
    started_engine,
    wait_until,
)

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
        "config.MAX_READING_BYTES = 10**6\n"
        "process.run(config.EngineConfig('127.0.0.1', 0, 1, '', (), 10, 10**7), process.say_on_stderr)\n"
    )
    with ready(subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, stderr=subprocess.PIPE)) as engine:
        yield engine


def connection(engine: Engine) -> socket.socket:
    address = urlsplit(engine.url)
    return socket.create_connection((address.hostname, address.port), timeout=5)


def open_files(engine: Engine) -> int:
    return len(list(Path("/proc", str(engine.process.pid), "fd").iterdir()))


def answer_to(engine: Engine, data: bytes) -> bytes:
    """What a client is told that sends `data` and waits for the end."""
    with connection(engine) as client, contextlib.suppress(ConnectionError):
        client.sendall(data)
        return client.makefile("rb").read()
    return b""


def longest_work_s(engine: Engine, act) -> float:
    """The most that the engine worked while another client waited for its version, as `act` was done.

    In seconds of its CPU time: how long that client waits depends on what else this machine does.
    """
    clock = ~engine.process.pid << 3 | 2  # CPUCLOCK_SCHED of that process (clock_getcpuclockid(3))
    longest = 0.0
    with concurrent.futures.ThreadPoolExecutor() as threads, requests.Session() as other:
        acting = threads.submit(act)
        while not acting.done():
            before = time.clock_gettime(clock)
            other.get(f"{engine.url}/version", headers=TOKEN, timeout=60)
            longest = max(longest, time.clock_gettime(clock) - before)
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

    assert longest_work_s(engine, act) < 1


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


BOMBS = {
    "lists": b"[" + b"[]," * (7 * MIB) + b"[]]",
    "texts": b"[" + b'"",' * (7 * MIB) + b'""]',
    "quotes in texts": b'{"a":"' + rb"\"," * (7 * MIB) + b'","b":[' + b"1," * MIB + b"1]}",
    "keys": b"{" + b'"":1,' * (4 * MIB) + b'"":1}',
    "depth": b"[" * (20 * MIB),
    "blanks": b"{" + b" " * (20 * MIB) + b"}",
    "digits": b'{"stdin":' + b"1" * (20 * MIB) + b"}",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_body_of_millions_of_values_is_refused_unparsed_and_others_are_served(engine, bomb):
    """Parsed, these would take gigabytes, and seconds in which nobody else is answered."""

    def act() -> None:
        answer = engine.post("/submissions", data=bomb, headers=JSON)
        error = "the body has more than 10000 values, or too much between its texts"
        assert (answer.status_code, answer.json()) == (400, {"error": error})

    work: list[float] = []
    growth = memory_growth_kib(engine, lambda: work.append(longest_work_s(engine, act)))
    assert growth < 100 * 1024
    assert work[0] < 1


def test_a_form_is_decoded_in_little_memory_or_not_at_all(engine):
    escapes = b"a=" + b"%41" * MIB

    def act() -> None:
        answer = engine.post("/submissions", data=escapes, headers=FORM)
        assert answer.status_code == 422
        answer = engine.post("/submissions", data=escapes * 2, headers=FORM)
        error = "the form has more than 4194304 bytes; send JSON"
        assert (answer.status_code, answer.json()) == (413, {"error": error})

    assert memory_growth_kib(engine, act) < 250 * 1024


def test_a_source_of_one_megabyte_and_an_input_of_sixty_four_are_taken_while_others_are_served(engine):
    source = "import sys; print(len(sys.stdin.buffer.read()))  #" + "x" * 1_000_000
    body = {"source_code": encoded(source), "language_id": PYTHON, "stdin": encoded(b"y" * 64 * MIB)}

    tokens = []

    def send() -> None:
        query = "base64_encoded=true&wait=true&fields=stdout,status_id,token"
        shown = engine.post(f"/submissions?{query}", json=body).json()
        tokens.append(shown.pop("token"))
        assert shown == {"stdout": encoded(f"{64 * MIB}\n") + "\n", "status_id": 3}

    def fetch() -> None:
        query = "base64_encoded=true&fields=stdin,status_id"
        answer = engine.get(f"/submissions/{tokens[0]}?{query}")
        assert "etag" not in answer.headers
        assert b64decode(answer.json()["stdin"]) == b"y" * 64 * MIB

    work: list[float] = []
    growth = memory_growth_kib(engine, lambda: work.append(longest_work_s(engine, send)))
    assert growth < 400 * 1024
    assert work[0] < 1
    growth = memory_growth_kib(engine, lambda: work.append(longest_work_s(engine, fetch)))
    assert growth < 20 * 1024
    assert work[1] < 0.2


def test_large_bodies_at_once_are_bounded_and_small_ones_taken_nevertheless(hasty):
    """All together; a body that is refused for that is worth another try, as with any full queue."""
    head = b"POST /submissions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    large = head + b"Content-Length: 900000\r\n\r\n"
    with connection(hasty) as first:
        first.sendall(large + b" " * 890_000)
        time.sleep(0.1)
        refused = answer_to(hasty, large + b" " * 120_000)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert refused.endswith(b'{"error":"queue is full"}')
        assert answer_to(hasty, head + b"Content-Length: 2\r\n\r\n{}").startswith(b"HTTP/1.1 422 ")
    time.sleep(0.1)
    assert answer_to(hasty, large + b"{}" + b" " * 899_998).startswith(b"HTTP/1.1 422 ")


def test_pipelined_requests_are_answered_one_after_the_other(engine):
    asked = [b"/version", b"/nope", b"/statuses", b"/version"]
    requests_ = [b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n" for path in asked[:-1]]
    last = b"GET " + asked[-1] + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    answers = answer_to(engine, b"".join(requests_) + last)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200", b"200"]
    assert answers.endswith(b"1.13.1")


POST = b"POST /submissions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n\0",
        b"GET  /  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 70_000 + b"\r\n",
        b"GET /" + b"x" * 400_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1e3\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300,
    ],
)
def test_what_is_no_http_is_a_client_error_without_any_traceback(engine, request_):
    answer = answer_to(engine, request_)
    assert answer[9:12] in (b"400", b"501", b"431", b""), answer[:200]
    assert b"Traceback" not in answer
    assert engine.get("/version").status_code == 200


def test_a_request_whose_head_does_not_end_is_cut_off(locked):
    def act() -> None:
        with connection(locked) as client, contextlib.suppress(ConnectionError):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            for _ in range(50):
                client.sendall(b"X: " + b"a" * MIB + b"\r\n")
            pytest.fail("it took 50 MiB of headers")

    assert memory_growth_kib(locked, act) < 10 * 1024


def test_more_connections_than_reasonable_are_hung_up_on_and_the_engine_recovers(locked):
    before = open_files(locked)
    with contextlib.ExitStack() as clients:
        for _ in range(600):
            clients.enter_context(connection(locked))
        time.sleep(0.2)
        assert open_files(locked) - before <= 513
    wait_until(lambda: open_files(locked) <= before + 1)
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


def hurried(engine: Engine, request_: bytes) -> socket.socket:
    """Of a client that sends `request_` and reads no more than the answer's first byte."""
    client = connection(engine)
    client.sendall(request_)
    assert client.recv(1) == b"H"
    return client


@pytest.fixture(scope="module")
def large(hasty) -> bytes:
    """A request for 16 MiB as base64."""
    body = {"source_code": f"print('x' * {16 * MIB - 1})", "language_id": PYTHON, "max_file_size": 16384}
    token = hasty.post("/submissions?wait=true&fields=token", json=body).json()["token"]
    path = f"/submissions/{token}?base64_encoded=true&fields=stdout"
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()


def test_answers_that_nobody_takes_are_neither_made_nor_waited_for(hasty, large):
    small = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 300
    before = open_files(hasty)

    def act() -> None:
        with contextlib.ExitStack() as clients:
            for request_ in [large] * 12 + [small]:
                clients.enter_context(hurried(hasty, request_))
            assert open_files(hasty) > before
            wait_until(lambda: open_files(hasty) <= before)

    assert memory_growth_kib(hasty, act) < 20 * 1024


def test_who_takes_a_large_answer_slowly_gets_all_of_it(hasty, large):
    with hurried(hasty, large) as client, client.makefile("rb") as answer:
        taken = 0
        for _ in range(5):
            time.sleep(0.3)
            taken += len(answer.read(2 * MIB))
        assert taken + len(answer.read()) > 22 * MIB


@pytest.mark.full
def test_who_waits_for_a_large_input_to_be_judged_makes_it_be_held_once(engine):
    source = "import sys, time; sys.stdin.read(); time.sleep(8)"
    body = {"source_code": source, "language_id": PYTHON, "stdin": encoded(b"y" * 30 * MIB)}
    before = resident_kib(engine)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        query = "base64_encoded=true&wait=true&fields=status_id"
        answer = threads.submit(
            engine.post, f"/submissions?{query}", json=body | {"source_code": encoded(source)}
        )
        wait_until(lambda: requests.get(f"{engine.url}/workers").json()[0]["working"])
        # Twice would be 70 MiB: once as it came, in base64. What the allocator keeps of earlier bodies varies.
        wait_until(lambda: resident_kib(engine) - before < 62 * 1024, 7.5)
        assert answer.result().json() == {"status_id": 3}


def test_a_web_page_cannot_use_an_engine_that_demands_no_token(engine, locked):
    page = {"Origin": "http://evil.example"}
    body = {"source_code": "print(1)", "language_id": PYTHON}
    answer = engine.post("/submissions", json=body, headers=page)
    error = "no web page may use this engine, since it demands no token"
    assert (answer.status_code, answer.json()) == (403, {"error": error})
    assert locked.post("/submissions", json=body, headers=page | TOKEN).status_code == 201


def test_who_waits_for_a_result_is_not_hung_up_on(hasty):
    assert hasty.run("import time; time.sleep(1.6); print('there')")["stdout"] == b"there\n"


def test_millions_of_lines_are_compared_in_little_memory_while_others_are_served(engine):
    source = "import sys; sys.stdout.write('\\n' * (16 * 1024 * 1024 - 1) + 'x')"
    work: list[float] = []

    def judge(expected: str) -> None:
        result = engine.run(source, max_file_size=16384, expected_output=encoded(expected))
        assert result["engine"]["killed"] is None
        assert result["status_id"] == 4

    growth = memory_growth_kib(engine, lambda: work.append(longest_work_s(engine, lambda: judge("y"))))
    assert growth < 250 * 1024
    assert work[0] < 1


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
