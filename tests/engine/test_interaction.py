"""Programs that talk with an interactor: who is right, who is blamed, and that neither reaches the other."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import (
    PYTHON,
    QUICK_TO_PROVE,
    Engine,
    decoded,
    encoded,
    processes_with,
    started_engine,
    wait_until,
)

MULTI_FILE = 89
ACCEPTS, REJECTS = 42, 43

GUESSED = """
import os, sys
number, tries = int(open('input').read()), int(open('answer').read())
for turn in range(tries):
    line = sys.stdin.readline()
    if not line:
        break
    if int(line) == number:
        print('correct', flush=True)
        open('feedback/judgemessage.txt', 'w').write(f'after {turn + 1}')
        sys.exit(42)
    print('higher' if int(line) < number else 'lower', flush=True)
sys.exit(43)
"""
BISECTION = """
low, high = 1, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    said = input()
    if said == 'correct':
        break
    low, high = (middle + 1, high) if said == 'higher' else (low, middle - 1)
"""
ALWAYS_FIVE = "while True: print(5, flush=True); input()"


def zipped(**files: str) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return encoded(buffer.getvalue())


def python_interactor(source: str, **more: Any) -> dict[str, Any]:
    files = {"checker": source, "run": 'mkdir -p feedback; exec python3 checker "$@"'}
    return {
        "files": zipped(**files),
        "input": encoded("700"),
        "answer": encoded("20"),
        "arguments": ["input", "answer", "feedback/"],
        "accepts": ACCEPTS,
    } | more


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with started_engine(
        JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="2", ENGINE_LANGUAGES=f"{QUICK_TO_PROVE},multi-file"
    ) as running:
        yield running


def talk(engine: Engine, program: str, interactor: dict[str, Any], **more: Any) -> dict[str, Any]:
    """All of Judge0's fields and the engine's own; what the interactor left as bytes."""
    body = {"source_code": encoded(program), "language_id": PYTHON, "interactor": interactor, **more}
    answer = engine.post("/submissions?base64_encoded=true&wait=true&fields=*,engine,interactor", json=body)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    told = result["interactor"]
    told["stderr"] = decoded(told["stderr"])
    told["files"] = {name: decoded(data) for name, data in told["files"].items()}
    return result


def test_a_right_program_is_accepted_and_what_the_interactor_left_comes_back(engine):
    result = talk(engine, BISECTION, python_interactor(GUESSED))
    assert (result["status_id"], result["stdout"], result["exit_code"]) == (3, None, 0)
    told = result["interactor"]
    assert (told["exit_code"], told["signal"], told["killed"]) == (ACCEPTS, None, None)
    assert told["files"] == {"judgemessage.txt": b"after 9"}
    assert 0 < float(result["time"]) < 1


def test_an_interactor_that_says_no_first_ends_the_program_whatever_that_does(engine):
    for program in (ALWAYS_FIVE, "import time; print(1, flush=True); time.sleep(60)"):
        before = time.monotonic()
        result = talk(engine, program, python_interactor(GUESSED, answer=encoded("1")))
        assert (result["status_id"], result["interactor"]["exit_code"]) == (4, REJECTS)
        assert result["interactor"]["ended_first"]
        assert (result["exit_code"], result["engine"]["killed"]) == (0, None)
        assert time.monotonic() - before < 6


@pytest.mark.parametrize(
    ("program", "status", "killed"),
    [
        ("while True: pass", 5, "cpu"),
        ("import time; time.sleep(60)", 5, "wall"),
        ("1/0", 11, None),
        ("import os; os.abort()", 11, None),
    ],
    ids=["busy", "silent", "exits with 1", "aborts"],
)
def test_a_program_that_fails_before_the_interactor_has_ended_is_to_blame(engine, program, status, killed):
    limits = {"cpu_time_limit": 0.3, "cpu_extra_time": 0, "wall_time_limit": 1}
    if killed == "cpu":
        limits["wall_time_limit"] = 10
    result = talk(engine, program, python_interactor(GUESSED), **limits)
    assert (result["status_id"], result["engine"]["killed"]) == (status, killed)
    assert not result["interactor"]["ended_first"]
    assert result["interactor"]["exit_code"] == REJECTS  # it has seen the end of what the program said


def test_a_program_that_ends_well_before_it_has_an_answer_is_wrong(engine):
    result = talk(engine, "print(3)", python_interactor(GUESSED))
    assert (result["status_id"], result["interactor"]["exit_code"]) == (4, REJECTS)


def test_what_a_program_says_after_the_interactor_was_content_is_forgotten(engine):
    program = "import sys\nfor _ in range(30_000): print(_)\nsys.exit(int(len(sys.stdin.read()) > 9))"
    result = talk(engine, program, python_interactor("input(); raise SystemExit(42)"))
    assert (result["status_id"], result["interactor"]["exit_code"]) == (3, ACCEPTS)


def test_a_program_that_says_without_end_is_stopped_at_its_output_limit(engine):
    reader = "import sys\nfor line in sys.stdin: pass\nraise SystemExit(42)"
    result = talk(engine, "while True: print('x' * 99)", python_interactor(reader), max_file_size=512)
    assert (result["status_id"], result["engine"]["killed"]) == (11, "output")
    assert result["engine"]["stdout_truncated"]


def test_an_interactor_that_says_without_end_is_stopped_at_its_own(engine):
    result = talk(
        engine,
        "import sys\nfor line in sys.stdin: pass",
        python_interactor("while True: print('x' * 99)", max_file_size=256),
    )
    assert result["interactor"]["killed"] == "output"


def test_how_an_interactor_fails_is_told_beside_what_the_program_did(engine):
    crashed = talk(engine, BISECTION, python_interactor("import sys; input(); sys.exit('no such file')"))
    assert (crashed["interactor"]["exit_code"], crashed["interactor"]["stderr"]) == (1, b"no such file\n")
    hangs = python_interactor("while True: pass", cpu_time_limit=0.2)
    hung = talk(engine, "print(1)", hangs)["interactor"]
    assert (hung["killed"], hung["exit_code"]) == ("cpu", None)


SCORED = "open('feedback/score.txt', 'w').write('0.25')\n"


@pytest.mark.parametrize(
    ("source", "shown", "complete"),
    [
        ("for n in range(900): open(f'feedback/{n:03}', 'w').write('x' * 4000)\n" + SCORED, 16, True),
        ("for n in range(6): open(f'feedback/a{n}', 'w').write('x' * 70000)\n" + SCORED, 7, True),
        ("import os\nos.mkdir('feedback/s')\nfor name in ('s/a', 'a b', 'n' * 101): "
         "open('feedback/' + name, 'w')\n" + SCORED, 1, True),
        ("for n in range(9): open(f'feedback/{n}', 'w').write('x' * 10**6)\n" + SCORED, 0, False),
        (SCORED + "import os\nos.chmod('feedback', 0)", 0, False),
    ],
    ids=["many", "large", "odd names", "too large", "unreadable"],
)  # fmt: skip
def test_what_decides_is_never_lost_among_what_an_interactor_writes(engine, source, shown, complete):
    told = talk(engine, "print(1)", python_interactor(source, accepts=0))["interactor"]
    assert told["feedback_complete"] is complete
    assert len(told["files"]) == shown
    if complete:
        assert told["files"]["score.txt"] == b"0.25"
        assert sum(map(len, told["files"].values())) <= 256 * 1024


def test_an_interactor_that_does_not_compile_is_told_so_and_nothing_is_run(engine):
    broken = {"files": zipped(compile="echo no compiler; exit 1", run="true")}
    result = talk(engine, BISECTION, broken)
    assert (result["status_id"], result["time"]) == (13, None)
    assert decoded(result["interactor"]["compile_output"]) == b"no compiler\n"


def test_an_interactor_is_compiled_once_for_all_that_bring_the_same(engine):
    compiled = {
        "compile": "cp checker made",
        "checker": GUESSED,
        "run": 'mkdir feedback; exec python3 made "$@"',
    }
    interactor = python_interactor("", files=zipped(**compiled))
    talk(engine, BISECTION, interactor)
    before = engine.compilations()
    for number in ("1", "999"):
        assert talk(engine, BISECTION, interactor | {"input": encoded(number)})["status_id"] == 3
    assert engine.compilations() == before


HOSTILE = """
import os, signal, sys
found = []
def attempt(name, act):
    try:
        if act(): found.append(name)
    except OSError:
        pass
def others():
    return [it for it in os.listdir('/proc') if it.isdigit() and it not in ('1', str(os.getpid()))]
attempt('sees processes', others)
attempt('reads the answer', lambda: open('/box/answer').read())
attempt('reads the input', lambda: open('/box/input').read())
attempt('reads init', lambda: os.listdir('/proc/1/fd'))
attempt('has more descriptors', lambda: [it for it in os.listdir('/proc/self/fd') if int(it) > 3])
for pid in range(2, 400):
    if pid != os.getpid():
        attempt('kills', lambda: os.kill(pid, signal.SIGKILL) or True)
print(' '.join(found) or 'nothing', flush=True)
"""


def test_neither_of_the_two_sees_kills_or_reads_what_is_the_others(engine):
    listens = "open('feedback/seen.txt', 'w').write(input()); raise SystemExit(42)"
    result = talk(engine, HOSTILE, python_interactor(listens))
    assert result["interactor"]["files"] == {"seen.txt": b"nothing"}
    theirs = HOSTILE.replace("print(' '.join(found) or 'nothing', flush=True)", "") + (
        "os.makedirs('feedback', exist_ok=True)\n"
        "open('feedback/found.txt', 'w').write(' '.join(sorted(set(found))))\nsys.exit(42)\n"
    )
    told = talk(engine, "input()", python_interactor(theirs))["interactor"]
    assert told["files"] == {"found.txt": b"reads the answer reads the input"}


def test_more_of_them_than_there_are_slots_wait_for_each_other_and_all_end(engine):
    body = {
        "source_code": encoded(BISECTION),
        "language_id": PYTHON,
        "interactor": python_interactor(GUESSED),
    }
    answer = engine.post("/submissions/batch?base64_encoded=true", json={"submissions": [body] * 8})
    tokens = ",".join(it["token"] for it in answer.json())

    def ended() -> bool:
        shown = engine.get(f"/submissions/batch?tokens={tokens}&fields=status_id").json()["submissions"]
        return [it["status_id"] for it in shown] == [3] * 8

    wait_until(ended, 30)


def test_nothing_of_either_is_left_when_the_engine_stops_in_the_middle():
    with started_engine(
        JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="1", ENGINE_LANGUAGES="python,multi-file"
    ) as engine:
        waits = "import sys, time; time.sleep(600)"
        body = {
            "source_code": encoded(waits),
            "language_id": PYTHON,
            "wall_time_limit": 60,
            "interactor": python_interactor(waits, arguments=["stays-behind"]),
        }
        assert engine.post("/submissions?base64_encoded=true", json=body).status_code == 201
        wait_until(lambda: processes_with("stays-behind"))
        wait_until(lambda: engine.get("/workers").json()[0]["idle"] == 0)
    assert not processes_with("stays-behind")


@pytest.mark.parametrize(
    ("interactor", "complaint"),
    [
        ("a text", "is not an object"),
        ({}, "files can't be blank"),
        ({"files": "eA==", "arguments": "input"}, "arguments is not a list of texts"),
        ({"files": "eA==", "arguments": ["a\nb"]}, "arguments is not a list of texts"),
        ({"files": "eA==", "accepts": 256}, "accepts is not an exit code"),
        ({"files": "eA==", "memory_limit": 1}, "memory_limit must be greater than or equal to 2048"),
    ],
)
def test_what_is_no_interactor_is_refused_field_by_field(engine, interactor, complaint):
    body = {"source_code": encoded("1"), "language_id": PYTHON, "interactor": interactor}
    answer = engine.post("/submissions?base64_encoded=true", json=body)
    assert (answer.status_code, answer.json()) == (422, {"interactor": [complaint]})


def test_the_engine_announces_it_and_ordinary_clients_never_see_it(engine):
    assert engine.get("/config_info").json()["engine"]["interactive"] is True
    assert "interactor" not in engine.run("print(1)")
