"""What an operator may set under Judge0's names, and what clients are told then."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from execution.engine.artefacts import ArtefactCache
from execution.engine.bubblewrap import Bubblewrap
from execution.engine.callbacks import Callbacks
from execution.engine.cgroups import NoCgroups
from execution.engine.config import EngineConfig
from execution.engine.parts import Parts
from execution.engine.problems import Problem
from execution.engine.queue import SubmissionQueue
from execution.engine.sandbox import Sandbox
from execution.engine.server import application
from execution.engine.slots import Slots, Turn
from execution.engine.terms import LEAST, Terms
from execution.engine.toolchain import RECIPES, Language
from execution.engine.verdict import Judge

from .conftest import PYTHON, ROOT, C, start_process

DOCUMENTATION = (ROOT / "docs" / "engine.md").read_text()
HELLO = {"source_code": "print('hi')", "language_id": PYTHON}
MAIN = {"source_code": "int main() {}", "language_id": C}
LANGUAGES = {
    recipe.id: Language(recipe, f"/usr/bin/{recipe.tools[0]}", version="1")
    for recipe in RECIPES
    if recipe.id in (C, PYTHON)
}


@contextlib.asynccontextmanager
async def no_slot(turn: Turn) -> AsyncIterator[int]:
    await asyncio.sleep(60)
    yield 0


class Client:
    """Of an application in this process, in an event loop that runs only while it is asked something."""

    def __init__(self, app: Starlette, runner: asyncio.Runner) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://engine")
        self._runner = runner

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self._runner.run(self._http.request(method, path, json=body))


@contextlib.contextmanager
def server(directory: Path, **terms: Any) -> Iterator[Client]:
    """The API on these terms, in this process; nothing that is submitted is ever run."""
    config = EngineConfig("", 0, 1, "", (), max_queue=3, cache_bytes=0, terms=replace(Terms(), **terms))
    sandbox = Sandbox(Bubblewrap(directory / "box", "bwrap", None, memory_is_counted=False), NoCgroups())
    artefacts = ArtefactCache(directory, 1000)
    queue = SubmissionQueue(Judge(sandbox, artefacts, no_slot), config.max_queue, kept_s=60)
    callbacks = Callbacks(queue.get, 1, 1)
    parts = Parts(config, "none", LANGUAGES, Slots(1), queue, artefacts, callbacks)
    with asyncio.Runner() as runner:
        yield Client(application(parts), runner)
        runner.run(queue.close())


@pytest.mark.parametrize(
    ("terms", "request_", "status", "answer"),
    [
        (
            {"maintenance_mode": True},
            ("POST", "/submissions", HELLO),
            503,
            {"error": "Judge0 is currently in maintenance."},
        ),
        (
            {"maintenance_mode": True},
            ("POST", "/submissions/batch", {"submissions": [HELLO]}),
            503,
            {"error": "Judge0 is currently in maintenance."},
        ),
        (
            {"maintenance_mode": True},
            ("DELETE", "/submissions/x", None),
            503,
            {"error": "Judge0 is currently in maintenance."},
        ),
        (
            {"enable_wait_result": False},
            ("POST", "/submissions?wait=true", HELLO),
            400,
            {"error": "wait not allowed"},
        ),
        (
            {"enable_batched_submissions": False},
            ("POST", "/submissions/batch", {"submissions": [HELLO]}),
            400,
            {"error": "batched submissions are not allowed"},
        ),
        (
            {"enable_batched_submissions": False},
            ("GET", "/submissions/batch?tokens=x", None),
            400,
            {"error": "batched submissions are not allowed"},
        ),
        (
            {"max_submission_batch_size": 1},
            ("GET", "/submissions/batch?tokens=x,y", None),
            400,
            {"error": "number of submissions in a batch should be less than or equal to 1"},
        ),
        (
            {"enable_submission_delete": False},
            ("DELETE", "/submissions/x", None),
            400,
            {"error": "delete not allowed"},
        ),
        (
            {"enable_compiler_options": False},
            ("POST", "/submissions", MAIN | {"compiler_options": "-O3"}),
            422,
            {"compiler_options": ["setting compiler options is not allowed"]},
        ),
        (
            {"allowed_languages_for_compiler_options": ("C++", "Rust", "Go")},
            ("POST", "/submissions", MAIN | {"compiler_options": "-O3"}),
            422,
            {"compiler_options": ["setting compiler options is only allowed for C++, Rust and Go"]},
        ),
        (
            {"enable_command_line_arguments": False},
            ("POST", "/submissions", HELLO | {"command_line_arguments": "-v"}),
            422,
            {"command_line_arguments": ["setting command line arguments is not allowed"]},
        ),
        (
            {"enable_additional_files": False},
            ("POST", "/submissions", HELLO | {"additional_files": "UEsFBgAAAAA="}),
            422,
            {"additional_files": ["setting additional files is not allowed"]},
        ),
        (
            {"allow_enable_per_process_and_thread_time_limit": False},
            ("POST", "/submissions", HELLO | {"enable_per_process_and_thread_time_limit": True}),
            422,
            {"enable_per_process_and_thread_time_limit": ["this option cannot be enabled"]},
        ),
        (
            {"max_cpu_time_limit": 7.5, "max_memory_limit": 200_000},
            ("POST", "/submissions", HELLO | {"cpu_time_limit": 7.6, "memory_limit": 200_001}),
            422,
            {
                "cpu_time_limit": ["must be less than or equal to 7.5"],
                "memory_limit": ["must be less than or equal to 200000"],
            },
        ),
    ],
)
def test_what_is_switched_off_or_out_of_bounds_is_refused_in_judge0s_words(
    tmp_path, terms, request_, status, answer
):
    method, path, body = request_
    with server(tmp_path, **terms) as client:
        got = client.request(method, path, body)
        assert (got.status_code, got.json()) == (status, answer)


def test_what_a_submission_does_not_say_is_as_the_terms_say(tmp_path):
    terms: dict[str, Any] = {
        "cpu_time_limit": 1.5,
        "memory_limit": 64_000,
        "number_of_runs": 2,
        "redirect_stderr_to_stdout": True,
        "enable_per_process_and_thread_memory_limit": True,
        "allowed_languages_for_compiler_options": ("C",),
    }
    with server(tmp_path, **terms) as client:
        token = client.request("POST", "/submissions", MAIN | {"compiler_options": "-O3"}).json()["token"]
        shown = client.request("GET", f"/submissions/{token}?fields=*").json()
        assert shown["cpu_time_limit"] == "1.5"
        for name in (
            "memory_limit",
            "number_of_runs",
            "redirect_stderr_to_stdout",
            "enable_per_process_and_thread_memory_limit",
        ):
            assert shown[name] == terms[name]
        told = client.request("GET", "/config_info").json()
        assert told["allowed_languages_for_compile_options"] == ["C"]
        assert {name: told[name] for name in terms if name in told} == {
            name: value for name, value in terms.items() if name in told
        }
        assert len(terms.keys() & told.keys()) == 5


def test_requests_are_looked_at_in_judge0s_order(tmp_path):
    """Switched on, then room, then fields, then the submission itself."""
    with server(tmp_path, enable_wait_result=False) as client:
        path = "/submissions?wait=true&fields=nope"
        assert client.request("POST", path, {}).json() == {"error": "wait not allowed"}
        path = "/submissions?fields=nope"
        assert client.request("POST", path, {}).json() == {"error": "invalid fields: [nope]"}
        for _ in range(3):
            assert client.request("POST", "/submissions", HELLO).status_code == 201
        assert client.request("POST", path, {}).json() == {"error": "queue is full"}
        assert client.request("POST", "/submissions/batch", {"submissions": [HELLO] * 21}).status_code == 503


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"ENGINE_CPU_TIME_LIMIT": "61"},
            "ENGINE_CPU_TIME_LIMIT is 61.0; it must be 0 to 60.0, which is ENGINE_MAX_CPU_TIME_LIMIT.",
        ),
        (
            {"ENGINE_MAX_WALL_TIME_LIMIT": "0.5"},
            "ENGINE_WALL_TIME_LIMIT is 10.0; it must be 1 to 0.5, which is ENGINE_MAX_WALL_TIME_LIMIT.",
        ),
        (
            {"ENGINE_MEMORY_LIMIT": "2047"},
            "ENGINE_MEMORY_LIMIT is 2047; it must be 2048 to 2097152, which is ENGINE_MAX_MEMORY_LIMIT.",
        ),
        ({"ENGINE_STACK_LIMIT": "-1"}, "ENGINE_STACK_LIMIT is -1; it must be 0 to 1000000000."),
        ({"ENGINE_CPU_EXTRA_TIME": "nan"}, "ENGINE_CPU_EXTRA_TIME is nan; it must be 0 to 1000000000."),
        ({"ENGINE_MAX_FILE_SIZE": "1.5"}, "ENGINE_MAX_FILE_SIZE is '1.5'; it must be a whole number."),
        ({"ENGINE_CPU_TIME_LIMIT": "much"}, "ENGINE_CPU_TIME_LIMIT is 'much'; it must be a number."),
        ({"ENGINE_MAINTENANCE_MODE": "yes"}, "ENGINE_MAINTENANCE_MODE is 'yes'; it must be true or false."),
        ({"ENGINE_MAX_SUBMISSION_BATCH_SIZE": "0"}, "ENGINE_MAX_SUBMISSION_BATCH_SIZE must be above 0."),
        (
            {
                "ENGINE_ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT": "true",
                "ENGINE_ALLOW_ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT": "false",
            },
            "ENGINE_ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT needs "
            "ENGINE_ALLOW_ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT.",
        ),
    ],
)
def test_nonsense_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(Problem) as refused:
        Terms.read(given)
    assert str(refused.value) == sentence


def test_settings_are_read_by_name():
    given = {
        "ENGINE_MAX_CPU_TIME_LIMIT": " 15 ",
        "ENGINE_ENABLE_SUBMISSION_DELETE": "False",
        "ENGINE_ALLOWED_LANGUAGES_FOR_COMPILER_OPTIONS": "C C++",
        "ENGINE_MEMORY_LIMIT": "",
    }
    assert Terms.read(given) == Terms(
        max_cpu_time_limit=15.0,
        enable_submission_delete=False,
        allowed_languages_for_compiler_options=("C", "C++"),
    )


def test_an_engine_with_nonsensical_terms_does_not_start():
    said = complaint_with(ENGINE_MAX_MEMORY_LIMIT="lots")
    assert said.endswith("ENGINE_MAX_MEMORY_LIMIT is 'lots'; it must be a whole number.")


def test_an_engine_with_a_misspelt_setting_does_not_start_and_the_documented_ones_are_known():
    documented = re.findall(r"^\| `(ENGINE_[A-Z_]+)` \| (\d*)", DOCUMENTATION, re.MULTILINE)
    assert len(documented) > 9
    said = complaint_with(**dict(documented), ENGINE_MAX_QUEUE_SIZE="5", ENGINE_MEMORY_LIMT="")
    unknown = "ENGINE_MAX_QUEUE_SIZE, ENGINE_MEMORY_LIMT"
    assert said.endswith(f"No setting of the engine is called {unknown}: see docs/engine.md.")


def complaint_with(**settings: str) -> str:
    process = start_process("--port", "0", **settings)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    return said.decode().strip()


def test_every_term_is_documented():
    names = [field.name for field in fields(Terms)]
    assert {f"max_{name}" for name in LEAST} <= {*names}
    assert [name for name in names if name.upper() not in DOCUMENTATION] == []
