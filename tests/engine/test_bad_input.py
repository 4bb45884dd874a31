"""Whatever a client sends is answered with what is wrong with it, never with a 500."""

from __future__ import annotations

import contextlib
import http.client
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import PYTHON, C

JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def message(field: str, *texts: str) -> dict[str, list[str]]:
    return {field: list(texts)}


BLANK = "can't be blank"
NUMBER = "is not a number"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"source_code": None}, message("source_code", BLANK)),
        ({"source_code": ""}, message("source_code", BLANK)),
        ({"source_code": " \n\t"}, message("source_code", BLANK)),
        ({"source_code": ["a"]}, message("source_code", BLANK)),
        ({"source_code": {"a": 1}}, message("source_code", BLANK)),
        ({"language_id": None}, message("language_id", BLANK, "language with id  doesn't exist")),
        ({"language_id": 9999}, message("language_id", "language with id 9999 doesn't exist")),
        ({"language_id": 89}, message("language_id", "language with id 89 doesn't exist")),
        ({"language_id": "python"}, message("language_id", "language with id 0 doesn't exist")),
        ({"language_id": 99999999999}, message("language_id", "language with id 99999999999 doesn't exist")),
        ({"cpu_time_limit": 60.01}, message("cpu_time_limit", "must be less than or equal to 60.0")),
        ({"cpu_time_limit": -1}, message("cpu_time_limit", "must be greater than or equal to 0")),
        ({"cpu_time_limit": "abc"}, message("cpu_time_limit", NUMBER)),
        ({"cpu_time_limit": True}, message("cpu_time_limit", NUMBER)),
        ({"cpu_time_limit": "nan"}, message("cpu_time_limit", NUMBER)),
        ({"cpu_time_limit": "1e999"}, message("cpu_time_limit", "must be less than or equal to 60.0")),
        ({"cpu_time_limit": 10**300}, message("cpu_time_limit", "must be less than or equal to 60.0")),
        ({"cpu_extra_time": 5.1}, message("cpu_extra_time", "must be less than or equal to 5.0")),
        ({"wall_time_limit": 125.5}, message("wall_time_limit", "must be less than or equal to 125.0")),
        ({"wall_time_limit": 0.9}, message("wall_time_limit", "must be greater than or equal to 1")),
        ({"memory_limit": 2097153}, message("memory_limit", "must be less than or equal to 2097152")),
        ({"memory_limit": 2047}, message("memory_limit", "must be greater than or equal to 2048")),
        ({"memory_limit": "x"}, message("memory_limit", NUMBER)),
        ({"stack_limit": 128001}, message("stack_limit", "must be less than or equal to 128000")),
        ({"stack_limit": -1}, message("stack_limit", "must be greater than or equal to 0")),
        (
            {"max_processes_and_or_threads": 121},
            message("max_processes_and_or_threads", "must be less than or equal to 120"),
        ),
        (
            {"max_processes_and_or_threads": 0},
            message("max_processes_and_or_threads", "must be greater than 0"),
        ),
        ({"max_file_size": 16385}, message("max_file_size", "must be less than or equal to 16384")),
        ({"number_of_runs": 21}, message("number_of_runs", "must be less than or equal to 20")),
        ({"number_of_runs": 0}, message("number_of_runs", "must be greater than 0")),
        (
            {"compiler_options": "x" * 513},
            message(
                "compiler_options",
                "is too long (maximum is 512 characters)",
                "setting compiler options is only allowed for compiled languages",
            ),
        ),
        (
            {"command_line_arguments": "x" * 513},
            message("command_line_arguments", "is too long (maximum is 512 characters)"),
        ),
        ({"command_line_arguments": "a\0b"}, message("command_line_arguments", "must not contain NUL")),
        (
            {"command_line_arguments": "a 'b"},
            message("command_line_arguments", "has a quote that is not closed"),
        ),
        ({"enable_network": True}, message("enable_network", "enabling network is not allowed")),
        ({"enable_network": "abc"}, message("enable_network", "enabling network is not allowed")),
        (
            {"enable_per_process_and_thread_time_limit": 1},
            message("enable_per_process_and_thread_time_limit", "this option cannot be enabled"),
        ),
        (
            {"callback_url": "http://127.0.0.1/"},
            message("callback_url", "setting callback is not allowed"),
        ),
        (
            {"additional_files": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="},
            message("additional_files", "setting additional files is not allowed"),
        ),
        (
            {"source_code": "", "cpu_time_limit": 99, "memory_limit": 0, "language_id": 1},
            message("source_code", BLANK)
            | message("language_id", "language with id 1 doesn't exist")
            | message("cpu_time_limit", "must be less than or equal to 60.0")
            | message("memory_limit", "must be greater than or equal to 2048"),
        ),
    ],
)
def test_what_is_out_of_bounds_is_named_with_judge0s_words(engine, changes, errors):
    body = {"source_code": "print(1)", "language_id": PYTHON} | changes
    answer = engine.post("/submissions", json=body)
    assert (answer.status_code, answer.json()) == (422, errors)


def test_an_empty_body_misses_source_and_language(engine):
    expected = {"source_code": [BLANK], "language_id": [BLANK, "language with id  doesn't exist"]}
    assert engine.post("/submissions", json={}).json() == expected
    assert engine.post("/submissions", data="{}", headers={"Content-Type": "text/plain"}).json() == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"language_id": "71"},
        {"language_id": 71.9},
        {"cpu_time_limit": 15, "wall_time_limit": 20, "memory_limit": 512000, "stack_limit": 128000},
        {"cpu_time_limit": "2", "cpu_extra_time": 0, "wall_time_limit": 1},
        {"cpu_time_limit": None, "memory_limit": 3000.7, "number_of_runs": 1.5},
        {"max_processes_and_or_threads": 120, "max_file_size": 4096},
        {"compiler_options": "", "callback_url": "", "additional_files": None},
        {"enable_network": "false", "redirect_stderr_to_stdout": 0},
        {"stdin": ["a"], "expected_output": {}, "unknown": 1},
    ],
)
def test_what_judge0_accepts_is_accepted(engine, changes):
    body = {"source_code": "print(1)", "language_id": PYTHON} | changes
    assert engine.post("/submissions", json=body).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"stack_limit": 0},
        {"max_processes_and_or_threads": 1},
        {"max_file_size": 0},
        {"memory_limit": 2048},
        {"cpu_time_limit": 0.001, "cpu_extra_time": 0},
        {"cpu_time_limit": 0, "wall_time_limit": 1},
        {"stdin": 12},
        {"command_line_arguments": "--\u2603 \x01"},
    ],
)
def test_bounds_may_be_foolish_but_end_with_an_ordinary_status(engine, changes):
    body = {"source_code": "int main(void){return 0;}", "language_id": C} | changes
    answer = engine.post("/submissions?wait=true&fields=status_id", json=body)
    assert (answer.status_code, answer.json()["status_id"] in (3, 5, 11)) == (201, True), answer.text


@pytest.mark.parametrize(
    "body",
    [
        b'{"source_code": ',
        b"\xff\xfe",
        b'{"source_code": "\xff", "language_id": 71}',
        b'{"source_code": "\\ud800", "language_id": 71}',
        b'{"source_code": "1", "language_id": 71, "compiler_options": "\\udfff"}',
        b'{"source_code": "1", "language_id": NaN}',
        b"[" * 100_000,
        b'{"source_code": "1", "language_id": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_not_json_or_not_unicode_is_a_bad_request(engine, body):
    answer = engine.post("/submissions", data=body, headers=JSON)
    assert (answer.status_code, answer.json()) == (400, {"status": 400, "error": "Bad Request"})
    answer = engine.post("/submissions", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.text) == (400, "")


@pytest.mark.parametrize("body", ["[1, 2]", '"text"', "5", "null", "true"])
def test_json_that_is_no_object_has_no_parameters(engine, body):
    assert engine.post("/submissions", data=body, headers=JSON).status_code == 422


def test_odd_items_of_a_batch_are_mistakes_of_their_own(engine):
    good = {"source_code": "print(1)", "language_id": PYTHON}
    answer = engine.post("/submissions/batch", json={"submissions": [None, "abc", 5, [good], good]})
    assert answer.status_code == 201
    assert [sorted(item) for item in answer.json()] == [["language_id", "source_code"]] * 3 + [["token"]]


def test_nul_bytes_in_a_source_are_the_programs_own_trouble(engine):
    body = {"source_code": "print('a\0b')", "language_id": PYTHON}
    answer = engine.post("/submissions?wait=true&fields=status_id", json=body)
    assert answer.json()["status_id"] == 11


def test_large_sources_and_inputs_are_taken(engine):
    source = "print(len(input()))  #" + "x" * 8_000_000
    result = engine.run(source, stdin="y" * 8_000_000)
    assert (result["status_id"], result["stdout"]) == (3, b"8000000\n")


def test_a_body_beyond_all_reason_is_too_large(engine):
    connection = http.client.HTTPConnection(urlsplit(engine.url).netloc, timeout=10)
    connection.putrequest("POST", "/submissions")
    for name, value in (JSON | {"Content-Length": str(10**12)}).items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_a_body_without_an_announced_length_is_cut_off_too(engine):
    """Its sender may see the answer or only a broken connection; the engine is well afterwards."""

    def pieces():
        for _ in range(80):
            yield b"x" * (1 << 20)

    with contextlib.suppress(requests.ConnectionError):
        assert engine.post("/submissions", data=pieces(), headers=JSON).status_code == 413
    assert engine.run("print(1)")["status_id"] == 3
