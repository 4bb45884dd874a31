"""Authors' checkers: run in the sandbox over many outputs at once, their faults never a learner's verdict."""

import base64
import json
import random
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from execution import checker_driver, checker_programs, feedback
from execution.engine import interactors
from execution.errors import CheckerFailed, LanguageUnavailable
from execution.groups import Group
from execution.pool import Pool
from execution.types import (
    Case,
    Checker,
    CheckerFile,
    CheckerKind,
    CheckerProgram,
    DifferenceClass,
    Limits,
    Program,
    Protocol,
    RunPolicy,
)
from tests.execution.conftest import judged_by, judging, judgings, pool_of, submitted, told_before, verdicts
from tests.fakes import not_compiled, printed, timed_out

LIMITS = Limits(time_ms=2000, memory_kib=128 * 1024, output_kib=1024)
ECHO = Program("python", b"import sys; sys.stdout.write(sys.stdin.read())")

# Accepts what is a multiple of the answer; the argument `strict` asks for the answer itself.
PYTHON = b"""
import sys
given, answer, feedback, *arguments = sys.argv[1:]
wanted, found = int(open(answer).read()), int(sys.stdin.read())
open(feedback + "judgemessage.txt", "a").write("%d for %d" % (found, wanted))
if found == wanted or (found % wanted == 0 and "strict" not in arguments):
    sys.exit(42)
open(feedback + "teammessage.txt", "w").write("not a multiple")
sys.exit(43)
"""
CPP_HEADER = b"#include <cstdio>\n#include <cstdlib>\nint number(FILE *file);\n"
CPP_MAIN = b"""#include "reading.h"
int main(int, char **words) { exit(number(stdin) % number(fopen(words[2], "r")) ? 43 : 42); }
"""
CPP_READING = (
    b'#include "reading.h"\nint number(FILE *file) { int n = 0; fscanf(file, "%d", &n); return n; }\n'
)
TESTLIB = b"""
import sys
given, output, answer = (int(open(path).read()) for path in sys.argv[1:])
if output == answer: sys.exit(0)
if output == 0: sys.exit(2)
if output % answer == 0:
    print("points 2.5 a multiple", file=sys.stderr)
    sys.exit(7)
sys.exit(1)
"""


def program(*files, **more):
    """Files as pairs of path and content, or one content: of a single file in Python."""
    named = [("checker.py", one) if isinstance(one, bytes) else one for one in files]
    read = tuple(CheckerFile(path, lambda data=data: data, path in ("build", "run")) for path, data in named)
    return CheckerProgram(read, **({"time_ms": 1000, "memory_kib": 256 * 1024} | more))


def checker(*files, arguments=(), **more):
    return Checker(CheckerKind.PROGRAM, arguments=arguments, program=program(*files, **more))


def numbers(*pairs, arguments=None):
    """A case for each (printed, answer); the program echoes its input."""
    return [
        Case(
            index,
            lambda printed=printed: b"%d\n" % printed,
            lambda answer=answer: b"%d\n" % answer,
            points=Decimal(10),
            public=True,
            arguments=arguments,
        )
        for index, (printed, answer) in enumerate(pairs, 1)
    ]


def judged(some, by, **more):
    return judged_by(Pool.from_settings(), some, program=ECHO, limits=LIMITS, checker=by, **more)


def failure(some, by, **more):
    with pytest.raises(CheckerFailed) as caught:
        judged(some, by, policy=RunPolicy.RUN_ALL, **more)
    return caught.value


# --- What they say -----------------------------------------------------------------------------------------------


def test_an_authors_checker_decides_all_cases_of_a_window_in_one_call(engine):
    steps = judged(numbers((4, 2), (6, 3), (5, 2), (7, 7)), checker(PYTHON), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC AC WA AC"
    assert [(step.role, step.indexes) for step in submitted(steps)] == [
        ("run", (1, 2, 3, 4)),
        ("check", (1,)),
    ]
    wrong = judgings(steps)[2]
    assert wrong.difference
    assert (wrong.difference.kind, wrong.difference.message) == (DifferenceClass.CHECKER, "not a multiple")
    assert wrong.feedback
    assert dict(wrong.feedback.files)["judgemessage.txt"] == b"5 for 2"


@pytest.mark.parametrize(
    "files",
    [
        [("check.cc", CPP_MAIN), ("more/reading.cpp", CPP_READING), ("reading.h", CPP_HEADER)],
        [
            ("main.c", CPP_MAIN.replace(b"reading.h", b"inc/r.h") + CPP_READING.partition(b"\n")[2]),
            ("inc/r.h", CPP_HEADER.replace(b"cstdio", b"stdio.h").replace(b"cstdlib", b"stdlib.h")),
        ],
        [("main.py", b"import other"), ("other.py", PYTHON)],
        [("build", b"cp script.txt run"), ("script.txt", b"#!/usr/bin/env python3\n" + PYTHON)],
    ],
    ids=["C++ with a header", "C", "Python in two files", "build and run"],
)
def test_it_is_written_in_c_cpp_python_or_comes_with_scripts(engine, files):
    steps = judged(numbers((4, 2), (5, 2)), checker(*files), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC WA"


def test_arguments_are_the_cases_own_or_else_the_checkers(engine):
    cases = [*numbers((4, 2)), *numbers((4, 2), (4, 2), arguments=())[1:]]

    steps = judged(cases, checker(PYTHON, arguments=("strict",)), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "WA AC"


def test_testlibs_exit_codes_are_another_protocol_and_give_points(engine):
    cases = numbers((2, 2), (4, 2), (3, 2), (0, 2))

    steps = judged(cases, checker(TESTLIB, protocol=Protocol.TESTLIB), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC AC WA WA"
    assert [step.points for step in judgings(steps)] == [10, Decimal("2.5"), 0, 0]


SCORES = b"""
import sys
name, number, code = open(sys.argv[1]).read().split()
open(sys.argv[3] + name, "w").write(number)
sys.exit(int(code))
"""


def scored(*lines):
    return [
        Case(n, lambda line=line: line.encode(), lambda: b"", points=Decimal(10))
        for n, line in enumerate(lines, 1)
    ]


def test_a_checker_may_give_points_of_its_own(engine):
    steps = judged(
        scored("score.txt 7.25 42", "score_multiplier.txt 0.25 42", "judgemessage.txt 1 42"),
        checker(SCORES),
        policy=RunPolicy.RUN_ALL,
    )

    assert [step.points for step in judgings(steps)] == [Decimal("7.25"), Decimal("2.5"), 10]


def test_more_points_than_a_case_has_are_the_checkers_fault_where_no_group_says_otherwise(fake):
    def generous(frames):
        told = json.loads(looked(frames).stdout)
        files = {"score.txt": base64.b64encode(b"10.5").decode()}
        return printed(json.dumps(told | {"files": files}).encode())

    server = judge0(fake, generous)
    with pytest.raises(CheckerFailed, match=r"gave case 1 10\.5 points, of 10 at most"):
        at(server, numbers((1, 1)))
    steps = at(server, numbers((1, 1)), groups=[Group()])

    assert judgings(steps)[0].points == Decimal("10.5")


def test_whatever_a_server_tells_of_files_only_sensible_ones_are_kept(fake):
    names = ["n" * 101, "a/b", "\ud800", "nul\0", *map(str, range(20)), "score_multiplier.txt"]

    def chatty(frames):
        told = json.loads(looked(frames).stdout)
        files = dict.fromkeys(names, base64.b64encode(b"0.5" + b" " * 70_000).decode())
        return printed(json.dumps(told | {"files": files}).encode())

    (only,) = judgings(at(judge0(fake, chatty), numbers((1, 1))))

    assert only.points == 5
    assert only.feedback
    kept = dict(only.feedback.files)
    assert len(kept) == feedback.MOST_FILES
    assert set(kept) < set(names[4:])
    assert len(kept["0"]) == feedback.MOST_FILE


def test_driver_engine_and_platform_mean_the_same_files():
    driver, engine = checker_driver, interactors
    assert (
        (driver.VALUES, driver.FIRST)
        == (engine._VALUES, engine._MESSAGES)
        == (feedback.VALUES, feedback.MESSAGES)
    )
    assert driver.MOST_FILE == engine._MOST_OF_ONE == feedback.MOST_FILE
    assert driver.MOST_FILES == engine._MOST_FILES == feedback.MOST_FILES
    assert driver.NAME == engine._NAME == feedback.NAME


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("score.txt 5 43", "does not accept"),
        ("score.txt nan 42", "no number"),
        ("score.txt many 42", "no number"),
        ("score_multiplier.txt 1.5 42", "from 0 to 1"),
        ("nextpass.in 1 42", "another pass"),
        ("judgemessage.txt told 0", "exit code 0"),
        ("judgemessage.txt told 1", "exit code 1"),
    ],
)
def test_what_the_protocol_does_not_know_is_the_checkers_fault(line, words):
    name, number, code = line.split()
    said = checker_programs.Said(
        checker_programs.Ended.EXIT, int(code), {name: number.encode()}, b"on standard error"
    )

    with pytest.raises(CheckerFailed, match=words) as caught:
        checker_programs.judgement(Protocol.KATTIS, said, scored("")[0])

    assert caught.value.case == 1
    assert "on standard error" in caught.value.notes
    assert number in caught.value.notes
    assert "on standard error" not in str(caught.value)


# --- What goes wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"while True: pass", "longer than it may"),
        (b"import os, time\nif os.fork(): raise SystemExit(0)\ntime.sleep(60)", "exit code 0"),
        (b"import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        (b"import sys\nfor _ in range(1 << 20): print('x' * 1024)", "exit code 1"),
        (b"import sys\nfile = open(sys.argv[3] + 'a.txt', 'w')\nwhile True: file.write('x' * 1024)", "exit code 1"),
        (b"import sys\nfor n in range(1000): open(sys.argv[3] + str(n), 'w').write('x' * (1 << 20))", "exit code 1"),
        (b"import os, sys\nos.chmod(sys.argv[3], 0)\nsys.exit(42)", "feedback directory"),
        (b"raise SystemError('told')", "exit code 1"),
    ],
    ids=["endless", "forks", "killed", "prints 1 GB", "writes 1 GB", "writes 1000 files", "locks feedback", "raises"],
)  # fmt: skip
def test_a_checker_that_fails_is_no_verdict_and_the_next_one_works(engine, source, words):
    error = failure(numbers((4, 2)), checker(source))

    assert error.code == "checker_failed"
    assert words in str(error)
    assert error.case == 1
    assert len(error.notes) < 200_000
    if b"told" in source:
        assert "told" in error.notes
    assert verdicts(judged(numbers((4, 2)), checker(PYTHON))) == "AC"


@pytest.mark.parametrize(
    ("files", "notes"),
    [
        ([b"if True print(1)"], "SyntaxError"),
        ([("a.cpp", b"int other() { return 1; }")], "main"),
        ([("a.cpp", b'#include "testlib.h"\nint main() {}')], "testlib.h, which is not among its files"),
        ([("Main.java", b"class Main {}")], "neither C, C\\+\\+ nor Python"),
        ([("a.py", b""), ("b.py", b"")], "main.py or __main__.py"),
        ([("a.py", b""), ("b.cpp", b"")], "several languages"),
        ([("build", b"true")], "no program called run"),
        ([], "no files"),
    ],
)
def test_what_cannot_be_compiled_is_told_to_its_author(engine, files, notes):
    error = failure(numbers((4, 2)), checker(*files))

    assert error.case is None
    with pytest.raises(AssertionError, match=notes):
        raise AssertionError(error.notes)


def test_a_failure_counts_only_when_its_case_is_due(engine):
    """Whatever the window: the first case fails, so nobody asks what the checker says of the second."""
    source = b"import sys\nnumber = int(sys.stdin.read())\nsys.exit(43 if number == 1 else 9)"
    cases = numbers((1, 1), (2, 2))

    steps = judged(cases, checker(source))
    told = told_before(
        judging(Pool.from_settings(), cases, program=ECHO, checker=checker(source), policy=RunPolicy.RUN_ALL),
        CheckerFailed,
    )

    assert verdicts(steps) == "WA SK"
    assert verdicts(told) == "WA"


# --- At a server that is no engine -------------------------------------------------------------------------------

MIB = 1024 * 1024


def looked(frames, code=42):
    """What the driver prints of these frames."""
    results, at = [], frames.index(b"\n") + 1
    while at < len(frames):
        end = frames.index(b"\n", at)
        head = json.loads(frames[at:end])
        at = end + 1 + head["input"] + head["answer"] + head["output"]
        results.append(json.dumps({"key": head["key"], "ended": "exit", "code": code}))
    return printed("\n".join(results).encode())


def judge0(fake, look=looked, **options):
    """A server that echoes inputs, and answers calls of checkers by `look`."""
    languages = {71: "Python (3.8.1)", 89: "Multi-file program"}
    return fake(
        lambda source, stdin: look(stdin) if source.startswith(b"PK") else printed(stdin),
        languages=languages,
        looks=0,
        **options,
    )


def at(server, some, by=None, **more):
    return judged_by(pool_of(server), some, program=ECHO, checker=by or checker(PYTHON), **more)


def checks_at(server):
    """The calls of checkers that came, as their bodies."""
    bodies = [request.body["submissions"] for request in server.asked("POST", "/submissions/batch")]
    return [item for items in bodies for item in items if item["language_id"] == 89]


def test_a_judge0_gets_a_zip_without_source_and_limits_that_it_has(fake):
    server = judge0(fake)

    steps = at(server, numbers((1, 1), (2, 2)), policy=RunPolicy.RUN_ALL)
    at(server, numbers((3, 3)))

    assert verdicts(steps) == "AC AC"
    first, second = checks_at(server)
    assert first["additional_files"] == second["additional_files"]
    assert "source_code" not in first
    assert (first["cpu_time_limit"], first["memory_limit"], first["max_file_size"]) == (2.0, 360_448, 4096)


def test_a_window_of_one_works_with_a_checker_too(fake):
    server = judge0(fake)

    assert verdicts(at(server, numbers((1, 1), (2, 2)), window_max=1)) == "AC AC"
    assert len(checks_at(server)) == 2


def test_an_interrupted_check_is_asked_for_where_it_went_and_not_made_again(fake):
    server = judge0(fake)
    some = numbers((1, 1), (2, 2))
    steps = at(server, some, policy=RunPolicy.RUN_ALL)
    before = submitted(steps)
    server.requests.clear()

    rest = at(server, some, policy=RunPolicy.RUN_ALL, resume=before)

    assert [step.role for step in before] == ["run", "check"]
    assert verdicts(rest) == "AC AC"
    assert server.asked("POST", "/submissions/batch") == []


def test_a_check_of_another_output_is_not_believed_but_made_again(fake):
    """As when a run was lost meanwhile, and the program does not print the same again."""
    server = judge0(fake)
    before = submitted(at(server, numbers((1, 1))))

    rest = at(server, numbers((2, 1)), resume=[step for step in before if step.role == "check"])

    assert verdicts(rest) == "AC"
    assert len(checks_at(server)) == 2


def large(*sizes):
    return [Case(n, lambda n=n: b"%d" % n, lambda size=size: bytes(size)) for n, size in enumerate(sizes, 1)]


def test_what_is_too_large_for_one_call_goes_in_several_and_a_case_that_is_too_large_is_named(fake):
    server = judge0(fake)

    steps = at(server, large(9 * MIB, 9 * MIB), policy=RunPolicy.RUN_ALL)
    with pytest.raises(CheckerFailed, match="too large") as caught:
        at(server, large(1, 65 * MIB), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC AC"
    assert len(checks_at(server)) == 3
    assert caught.value.case == 2


def test_a_large_case_goes_alone_with_the_memory_that_its_files_need(fake):
    server = judge0(fake)

    steps = at(server, large(1, 18 * MIB, 1), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC AC AC"
    small, alone, _ = (item["memory_limit"] for item in checks_at(server))
    assert alone - small >= 2 * 1024


def test_cases_that_a_call_had_no_time_for_are_asked_for_again(fake):
    """The sum of what cases may take is more than servers give; what they take is mostly little."""

    def slowly(frames):
        first = looked(frames).stdout.partition(b"\n")[0]
        return timed_out(first)

    server = judge0(fake, slowly)

    assert verdicts(at(server, numbers((1, 1), (2, 2), (3, 3)), policy=RunPolicy.RUN_ALL)) == "AC AC AC"
    assert len(checks_at(server)) == 3


@pytest.mark.parametrize(
    ("look", "error", "words"),
    [
        (lambda frames: printed(b"42"), CheckerFailed, "sandbox ended"),
        (lambda frames: printed(b'{"key": [], "ended": 1}\n[[[[\n\xff'), CheckerFailed, "sandbox ended"),
        (lambda frames: timed_out(), CheckerFailed, "longer than it may"),
        (lambda frames: not_compiled(b"checker.cpp:1: error"), CheckerFailed, "does not compile"),
        (lambda frames: not_compiled(b"lacks: a C++ compiler\n"), LanguageUnavailable, "lacks a C\\+\\+ compiler"),
    ],
    ids=["no JSON", "nonsense", "no time", "compile error", "no compiler"],
)  # fmt: skip
def test_whatever_a_server_answers_is_no_verdict(fake, look, error, words):
    with pytest.raises(error, match=words):
        at(judge0(fake, look), numbers((1, 1)))


def test_a_server_without_multi_file_programs_is_said_to_lack_them(fake):
    with pytest.raises(LanguageUnavailable):
        judged_by(pool_of(fake()), numbers((1, 1)), program=ECHO, checker=checker(PYTHON))


# --- How often ---------------------------------------------------------------------------------------------------


def test_the_engine_compiles_a_checker_once_for_all_calls(engine):
    """Each compilation would write another time into the program that it makes."""
    build = b"echo '#!/bin/sh' >run; echo echo $(date +%N) '>$3/judgemessage.txt; exit 42' >>run"
    own = checker(("build", build))

    first, second = (judgings(judged(numbers((n, 1)), own))[0].feedback for n in (1, 2))

    assert first
    assert first.files
    assert first == second


def test_the_same_submissions_get_the_same_verdicts_in_any_order_eight_at_once(engine):
    own = checker(PYTHON)
    programs = [numbers(*((n + k, 2) for k in range(n))) for n in range(1, 5)]

    def verdicts_of(n):
        return n, verdicts(judged(programs[n], own, policy=RunPolicy.RUN_ALL))

    order = [*range(4), *range(4)]
    random.shuffle(order)
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(verdicts_of, order))

    assert found == {(0, "WA"), (1, "AC WA"), (2, "WA AC WA"), (3, "AC WA AC WA")}
