"""Judge0's own Python SDK (`judge0` on PyPI), unchanged, is content with this engine (or the server at JUDGE0_URL)."""

from __future__ import annotations

from typing import Any

import judge0
import pytest
from judge0 import File, Filesystem, LanguageAlias, Status, Submission, TestCase
from judge0.retry import RegularPeriodRetry

from .conftest import PYTHON, Server

SUM = "print(sum(map(int, input().split())))"


@pytest.fixture
def client(server: Server) -> judge0.Client:
    headers = {"X-Auth-Token": server.token} if server.token else {}
    return judge0.Client(server.url, headers, retry_strategy=RegularPeriodRetry(wait_time_sec=0.01))


def run(client: judge0.Client, source: str, language: LanguageAlias = judge0.PYTHON, **options: Any) -> Any:
    return judge0.run(client=client, source_code=source, language=language, **options)


def test_a_client_reads_languages_statuses_and_configuration(client):
    assert client.version == "1.13.1"
    assert {judge0.Status(status["id"]) for status in client.get_statuses()} == set(judge0.Status)
    assert client.get_language(PYTHON).name.startswith("Python (3.")
    assert client.config.max_submission_batch_size == 20
    for language in (judge0.C, judge0.CPP, judge0.CPP_GCC, judge0.PYTHON3):
        assert client.is_language_supported(language)


def test_a_client_with_a_wrong_token_is_refused(server):
    if not server.token:
        pytest.skip("the server at JUDGE0_URL demands no token (JUDGE0_AUTH_TOKEN)")
    with pytest.raises(RuntimeError, match="Authentication failed"):
        judge0.Client(server.url, {"X-Auth-Token": "another"})


def test_one_program_is_run_to_its_end(client):
    done = run(client, "import sys; print('č', input()); sys.exit(3)", stdin="ž")
    assert done.status is Status.RUNTIME_ERROR_NZEC
    assert (done.stdout, done.exit_code, done.stderr) == ("č ž\n", 3, None)
    assert done.time > 0
    assert done.wall_time > 0
    assert done.memory > 0
    assert done.finished_at >= done.created_at


@pytest.mark.parametrize("cases", [1, 25])
def test_several_testcases_are_judged_each_and_more_than_a_batch_in_several(client, cases):
    wanted = [TestCase(f"{n} {n}", str(2 * n)) for n in range(cases)]
    wanted.append(TestCase("1 1", "3"))
    done = run(client, SUM, test_cases=wanted)
    assert [one.status for one in done] == [Status.ACCEPTED] * cases + [Status.WRONG_ANSWER]


def test_several_programs_in_several_languages_are_run_side_by_side(client):
    programs = [
        Submission(source_code="print(1)", language=judge0.PYTHON),
        Submission(source_code='#include <stdio.h>\nint main() { puts("2"); }', language=judge0.C),
        Submission(source_code="#include <iostream>\nint main() { std::cout << 3; }", language=judge0.CPP),
    ]
    done = judge0.run(client=client, submissions=programs)
    assert [one.stdout for one in done] == ["1\n", "2\n", "3"]


def test_what_the_compiler_says_is_told(client):
    done = run(client, "int main() { return x; }", judge0.C)
    assert done.status is Status.COMPILATION_ERROR
    assert "‘x’ undeclared" in done.compile_output


def test_limits_of_a_submission_are_kept(client):
    done = run(client, "while True: pass", cpu_time_limit=0.2, cpu_extra_time=0, wall_time_limit=5)
    assert done.status is Status.TIME_LIMIT_EXCEEDED


def test_additional_files_lie_beside_the_program(client):
    files = Filesystem(content=[File(name="data/number.txt", content="42")])
    done = run(client, "print(open('data/number.txt').read())", additional_files=files)
    assert (done.status, done.stdout) == (Status.ACCEPTED, "42\n")


def test_a_program_of_several_files_is_compiled_and_run_by_its_own_scripts(client):
    scripts = [File(name="compile", content="gcc part.c -o part"), File(name="run", content="./part")]
    part = File(name="part.c", content='#include <stdio.h>\nint main() { puts("whole"); }')
    program = Submission(
        source_code="", language=judge0.MULTI_FILE, additional_files=Filesystem(content=[*scripts, part])
    )
    done = judge0.run(client=client, submissions=program)
    assert (done.status, done.stdout) == (Status.ACCEPTED, "whole\n")
