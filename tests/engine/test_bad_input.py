"""Whatever a client sends is answered with what is wrong with it, never with a 500."""

from __future__ import annotations

import contextlib
import gzip
import http.client
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
import requests

from execution.engine.wire import cast_number

from .conftest import PYTHON, C

JSON = {"Accept": "application/json", "Content-Type": "application/json"}


def message(field: str, *texts: str) -> dict[str, list[str]]:
    return {field: list(texts)}


BLANK = "can't be blank"
NUMBER = "is not a number"


@pytest.mark.parametrize(
    ("text", "number"),
    [(" 2_048.5 ", "2048.5"), ("+1e1", "10"), (".5", "0.5"), ("-0", "0")]
    + [(text, None) for text in ("", "\uff12", "_1", "1_", "1__0", "0x1", "1 0", "inf", "NaN", "e1", ".")],
)
def test_numbers_are_read_as_ruby_reads_them(text, number):
    assert cast_number(text) == (number and Decimal(number))


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
            {"callback_url": "http://127.0.0.1/"},
            message("callback_url", "setting callback is not allowed"),
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
        b'{"source_code": "1", "language_id": NaN}',
        b'{"source_code": "1", "language_id": 71, "stdin": "\n"}',
        b'\xef\xbb\xbf{"source_code": "1", "language_id": 71}',
        b"'",
        b"\0",
    ],
)
def test_a_body_that_is_no_json_is_a_bad_request_in_judge0s_few_words(engine, body):
    answer = engine.post("/submissions", data=body, headers=JSON)
    assert (answer.status_code, answer.json()) == (400, {"status": 400, "error": "Bad Request"})
    answer = engine.post("/submissions", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.text) == (400, "")


FORM = "application/x-www-form-urlencoded"
GOOD = b'{"source_code": "print(1)", "language_id": 71}'
UTF16 = GOOD.decode().encode("utf-16")


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        (b"\xff\xfe", {}, "the body is not UTF-8"),
        (b'{"source_code": "\xff", "language_id": 71}', {}, "the body is not UTF-8"),
        (UTF16, {"Content-Type": "application/json; charset=utf-16"}, "the body is not UTF-8"),
        (b'{"source_code": "\\ud800", "language_id": 71}', {}, "source_code is not Unicode"),
        (GOOD[:-1] + b', "stdin": "\\udfff"}', {}, "stdin is not Unicode"),
        (GOOD[:-1] + b', "compiler_options": "\\udfff"}', {}, "compiler_options is not Unicode"),
        (b"[" * 50_000, {}, "the body is nested too deeply"),
        (b'{"a":' * 10_000, {}, "the body is nested too deeply"),
        (GOOD[:-1] + b', "stdin": ' + b"9" * 5000 + b"}", {}, "the body has a number of too many digits"),
        (GOOD[5:], {"Content-Type": None}, "the body has no Content-Type, and is no JSON"),
        (b"a=%ff", {"Content-Type": FORM}, "the form is not UTF-8"),
        (b"a=\xff", {"Content-Type": FORM}, "the form is not UTF-8"),
        (b"a=1&" * 5000, {"Content-Type": FORM}, "the form has more than 100 fields"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_bad_request_that_says_why(engine, body, headers, error):
    answer = engine.post("/submissions", data=body, headers=JSON | headers)
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "nonsense"])
def test_compressed_bodies_are_not_understood(engine, encoding):
    headers = JSON | {"Content-Encoding": encoding}
    answer = engine.post("/submissions", data=gzip.compress(GOOD), headers=headers)
    error = "the body must not be compressed (Content-Encoding)"
    assert (answer.status_code, answer.json()) == (415, {"error": error})


@pytest.mark.parametrize(
    "kind",
    [None, "application/json; charset=latin-1", "APPLICATION/JSON ;x", 'application/json; charset="utf-8"'],
)
def test_json_is_read_whatever_is_said_of_its_charset_and_without_a_content_type(engine, kind):
    answer = engine.post("/submissions", data=GOOD, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/x-yaml", "nonsense", "/"]
)
def test_bodies_of_other_kinds_are_not_looked_at(engine, kind):
    answer = engine.post("/submissions", data=GOOD, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["source_code"]) == (422, [BLANK])


def test_a_query_that_is_not_unicode_is_a_bad_request(engine):
    answer = engine.get("/languages?fields=%ff")
    assert (answer.status_code, answer.json()) == (400, {"error": "the query is not UTF-8"})


def test_of_keys_that_come_twice_the_last_one_counts(engine):
    body = b'{"source_code": "", "language_id": 1, "source_code": "print(7)", "language_id": 71}'
    shown = engine.post("/submissions?wait=true&fields=stdout", data=body, headers=JSON).json()
    assert shown == {"stdout": "7\n"}


ODD_NUMBERS = [
    *("1e999", "-1e999", "1e-999", '"1e999999999"', '"-1e999999999"', '"1e-999999999"', '"0e999999999"'),
    *('"inf"', "-0", "9" * 4000, f'"{"9" * 100_000}"', '"\u0661"', "0.1" + "1" * 60_000),
    *('""', '" "', "[1]", "{}", "true"),
]


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=lambda number: number[:12])
def test_odd_numbers_are_taken_or_refused_field_by_field(engine, number):
    names = ["cpu_time_limit", "memory_limit", "number_of_runs", "stack_limit", "language_id"]
    odd = ", ".join(f'"{name}": {number}' for name in names)
    answer = engine.post("/submissions", data=f'{{"source_code": "1", {odd}}}', headers=JSON)
    assert answer.status_code == 422
    assert set(answer.json()) <= set(names)


@pytest.mark.parametrize("field", ["tokens", "fields"])
def test_millions_of_names_are_refused_in_few_words(engine, field):
    body = {field: "x," * 10_000_000, "source_code": "1", "language_id": PYTHON}
    answer = engine.get("/submissions/batch", json=body)
    assert answer.status_code == 400
    assert len(answer.content) < 1000


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
        for _ in range(120):
            yield b"x" * (1 << 20)

    with contextlib.suppress(requests.ConnectionError):
        assert engine.post("/submissions", data=pieces(), headers=JSON).status_code == 413
    assert engine.run("print(1)")["status_id"] == 3
