"""Requests bent by hypothesis: whatever comes, the answer is below 500, in time, and tells no internals."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from execution.engine.parameters import Invalid, NotUtf8, Parameters, parse
from execution.engine.terms import LEAST, Terms
from execution.engine.toolchain import RECIPES, Language
from execution.engine.wire import decode_base64, encode_base64

from .conftest import PYTHON, Engine

GOOD = {
    "source_code": "print(1)",
    "language_id": PYTHON,
    "stdin": "",
    "cpu_time_limit": 1,
    "number_of_runs": 1,
}
FIELDS = [
    *("source_code", "language_id", "stdin", "expected_output", "compiler_options", "command_line_arguments"),
    *LEAST,
    *(f"enable_per_process_and_thread_{limit}_limit" for limit in ("time", "memory")),
    *("redirect_stderr_to_stdout", "enable_network", "additional_files"),
    *("wait", "fields", "base64_encoded", "submissions", "tokens", "page", "per_page", "X-Auth-Token"),
]
KINDS = [
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "multipart/form-data",
    "",
    "\xe9",
]

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 1e308, 2**63, -1, 0])
names = texts.map(lambda text: text.encode("utf-8", "replace"))
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars, lambda some: st.lists(some, max_size=3) | st.dictionaries(texts, some, max_size=3)
)
objects = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=6).map(lambda odd: GOOD | odd)
documents = objects | values | st.lists(objects, max_size=4).map(lambda items: {"submissions": items})
paths = st.sampled_from(["/submissions", "/submissions?wait=true", "/submissions/batch", "/authorize"])


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """JSON, most of it with some bytes changed, lost, or doubled."""
    body = bytearray(json.dumps(draw(documents)).encode())
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body)))
        body[start : start + draw(st.integers(0, 5))] = draw(st.binary(max_size=5))
    return bytes(body)


def gently(examples: int) -> Callable[[Any], Any]:
    """The same examples each time; a busy machine is no finding."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def check(engine: Engine, answer: requests.Response) -> None:
    assert answer.status_code < 500, (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    if answer.headers["content-type"].startswith("application/json"):
        answer.json()


def ask(engine: Engine, path: str, body: bytes, kind: str) -> None:
    check(engine, engine.post(path, data=body, headers={"Content-Type": kind.encode("latin-1")}))


@gently(100)
@given(path=paths, body=bent())
def test_bent_json_is_answered(engine, path, body):
    ask(engine, path, body, "application/json")


@gently(50)
@given(path=paths, body=st.binary(max_size=200) | bent(), kind=st.sampled_from(KINDS))
def test_any_bytes_of_any_kind_are_answered(engine, path, body, kind):
    ask(engine, path, body, kind)


HEADERS = [
    "Accept",
    "Accept-Encoding",
    "X-Auth-Token",
    "X-Auth-User",
    "If-None-Match",
    "tokens",
    "Content-Encoding",
]


@gently(50)
@given(
    path=st.sampled_from(
        ["/submissions", "/submissions/batch", "/languages", "/config_info", "/", "/languages/71"]
    ),
    query=st.dictionaries(st.sampled_from(FIELDS) | names, st.binary(max_size=20), max_size=4),
    headers=st.dictionaries(
        st.sampled_from(HEADERS), st.text(st.characters(min_codepoint=33, max_codepoint=255), max_size=20)
    ),
)
def test_odd_queries_and_headers_are_answered(engine, path, query, headers):
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    check(engine, engine.get(path, params=query, headers=encoded))


# --- Without a server: many more in the same time ---------------------------------------------------

(_PYTHON,) = (Language(recipe, "/usr/bin/python3", "3") for recipe in RECIPES if recipe.id == PYTHON)


def parsed(body: dict[str, object], *, is_base64: bool) -> Parameters | set[str] | None:
    """The parameters, or the names of what is wrong; None where a text is not Unicode."""
    try:
        return parse(body, {PYTHON: _PYTHON}, Terms(), is_base64=is_base64)
    except NotUtf8:
        return None
    except Invalid as error:
        return set(error.errors)


@gently(200)
@given(body=st.dictionaries(st.sampled_from(FIELDS), scalars, max_size=4), is_base64=st.booleans())
def test_parameters_are_within_their_bounds_or_refused_by_name(body, is_base64):
    found, terms = parsed(GOOD | body, is_base64=is_base64), Terms()
    if isinstance(found, Parameters):
        assert found.source.strip()
        assert 0 <= found.cpu_time_limit_s <= terms.max_cpu_time_limit
        assert 1 <= found.number_of_runs <= terms.max_number_of_runs
        assert 2048 <= found.memory_limit_kib <= terms.max_memory_limit
        assert 1 <= found.processes <= terms.max_max_processes_and_or_threads
    elif found is not None:
        assert found
        assert found <= set(FIELDS)


@gently(200)
@given(data=st.binary(max_size=300), noise=st.text("*-_ \n\té!", max_size=5), at=st.integers(0, 400))
def test_base64_is_read_back_whatever_stands_between(data, noise, at):
    text = encode_base64(data)
    assert decode_base64(text) == data
    assert decode_base64(text[:at] + noise + text[at:]) == data
    assert decode_base64(text.rstrip("=\n")) == data
    assert decode_base64(base64.b64encode(data).decode()) == data


@pytest.mark.full
@gently(3000)
@given(path=paths, body=st.binary(max_size=200) | bent(), kind=st.sampled_from(KINDS[:3]))
def test_many_more_bodies_are_answered(engine, path, body, kind):
    ask(engine, path, body, kind)
