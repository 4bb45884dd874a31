"""Programs that talk with an author's checker: the library and a real engine together, and servers that cannot."""

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from execution import interaction
from execution.errors import BackendFault, CheckerFailed, InteractionUnavailable
from execution.judge0 import wall_limit_s
from execution.pool import Pool
from execution.types import (
    Case,
    Checker,
    CheckerFile,
    CheckerKind,
    CheckerProgram,
    Interacted,
    Limits,
    Program,
    Protocol,
    Run,
    Submitted,
    Verdict,
)
from tests.execution.conftest import finish, judged_by, judgings, pool_of

LIMITS = Limits(time_ms=100, memory_kib=128 * 1024, output_kib=256)
CASES = [Case(n, partial(b"%d\n".__mod__, n), lambda: b"12\n") for n in (1, 500, 1000)]

GUESS = r"""
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
int main(int argc, char **argv) {
    std::ifstream input(argv[1]), answer(argv[2]);
    std::string feedback = argv[3];
    int number, tries, guess;
    input >> number;
    answer >> tries;
    if (argc > 4) tries = atoi(argv[4]);
    for (int turn = 0; turn < tries && scanf("%d", &guess) == 1; turn++) {
        if (guess == number) {
            std::ofstream(feedback + "judgemessage.txt") << "after " << turn + 1 << " tries";
            puts("correct");
            return 42;
        }
        puts(guess < number ? "higher" : "lower");
        fflush(stdout);
    }
    std::ofstream(feedback + "teammessage.txt") << "Too many guesses.";
    return 43;
}
"""
BISECTION = b"""
low, high = 1, 1000
while True:
    middle = (low + high) // 2
    print(middle, flush=True)
    said = input()
    if said == 'correct':
        break
    low, high = (middle + 1, high) if said == 'higher' else (low, middle - 1)
"""


def talking_to(source: str, path: str = "guess.cpp", **more: Any) -> Checker:
    arguments = more.pop("arguments", ())
    files = (CheckerFile(path, source.encode),)
    program = CheckerProgram(files, interactive=True, **({"time_ms": 500} | more))
    return Checker(CheckerKind.PROGRAM, arguments=arguments, program=program)


def judged(source: bytes, checker: Checker, cases: list[Case] = CASES) -> list[Any]:
    program = Program("python", source)
    return judged_by(Pool.from_settings(), cases, program=program, limits=LIMITS, checker=checker)


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        (BISECTION, Verdict.AC),
        (b"while True: print(5, flush=True); input()", Verdict.WA),
        (b"print(5)", Verdict.WA),
        (b"input()", Verdict.TLE),
        (b"1/0", Verdict.RTE),
        (b"print('1 ' * 200_000)", Verdict.OLE),
        (b"def f(:", Verdict.CE),
    ],
    ids=["right", "wrong", "ends early", "waits too", "crashes", "says too much", "no compilation"],
)
def test_each_program_gets_its_verdict_from_the_talk(engine, source, verdict):
    checker = talking_to(GUESS)
    if verdict is Verdict.OLE:
        checker = talking_to("import sys\nfor line in sys.stdin: pass\nsys.exit(42)", "main.py")
    if verdict is Verdict.CE:
        program = Program("cpp", source)
        steps = judged_by(Pool.from_settings(), CASES, program=program, limits=LIMITS, checker=checker)
    else:
        steps = judged(source, checker, CASES if verdict is Verdict.AC else CASES[1:2])
    assert finish(steps).verdict is verdict


def test_what_the_checker_left_is_told_with_each_case_and_its_arguments_count(engine):
    first = judgings(judged(BISECTION, talking_to(GUESS), CASES[1:2]))[0]
    assert first.feedback
    assert dict(first.feedback.files) == {"judgemessage.txt": b"after 1 tries"}
    cases = [replace(CASES[0], arguments=("3",))]
    (second,) = judgings(judged(BISECTION, talking_to(GUESS, arguments=("20",)), cases))
    assert second.verdict is Verdict.WA
    assert second.difference
    assert second.difference.message == "Too many guesses."


def test_an_interactor_of_testlibs_kind_says_zero_for_right(engine):
    source = (
        "import sys\nassert sys.argv[2:4] == ['feedback/output', 'answer']\nsys.exit(int(input() != '7'))"
    )
    checker = talking_to(source, "main.py", protocol=Protocol.TESTLIB)
    assert finish(judged(b"print(7)", checker)).verdict is Verdict.AC
    assert finish(judged(b"print(8)", checker)).verdict is Verdict.WA


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("input(); raise SystemExit(1)", "exit code 1"),
        ("import os; input(); os.abort()", "signal 6"),
        ("while True: pass", "longer than it may"),
        ("while True: print('x' * 1000)", "more to the program than it may"),
        ("def f(:", "does not compile"),
    ],
    ids=["another exit code", "a signal", "hangs", "says too much", "no compilation"],
)
def test_a_checker_that_fails_is_no_verdict(engine, source, words):
    checker = talking_to(source, "main.py", time_ms=300, output_kib=64)
    listens = b"import sys\nprint(1, flush=True)\nfor line in sys.stdin: pass"
    with pytest.raises(CheckerFailed) as caught:
        judged(listens, checker, CASES[:1])
    assert words in f"{caught.value} {caught.value.notes}"


def test_servers_that_cannot_are_passed_over_and_where_none_can_that_is_said(engine, backends, fake):
    server = fake()
    backends(server.url, engine)
    steps = judged(BISECTION, talking_to(GUESS), CASES[:1])
    assert finish(steps).verdict is Verdict.AC
    assert judgings(steps)[0].backend == engine
    backends(server.url)
    with pytest.raises(InteractionUnavailable):
        judged(BISECTION, talking_to(GUESS), CASES[:1])


ACCEPTED, REFUSED = Interacted(exit_code=42), Interacted(exit_code=43)


@pytest.mark.parametrize(
    ("failure", "told", "found"),
    [
        (None, ACCEPTED, True),
        (None, REFUSED, False),
        (Verdict.RTE, ACCEPTED, None),
        (Verdict.RTE, REFUSED, None),
        (Verdict.TLE, Interacted(killed="wall"), None),
        (Verdict.OLE, Interacted(killed="stopped"), None),
        (Verdict.CE, None, None),
    ],
)
def test_the_programs_failure_counts_before_what_the_checker_says(failure, told, found):
    program = talking_to(GUESS).program
    assert program
    heard = interaction.judgement(program, CASES[0], Run(failure, interacted=told))
    assert (heard and heard.difference is None) is found


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Verdict.RTE, Interacted(exit_code=1)),
        (Verdict.RTE, Interacted(killed="wall")),
        (None, Interacted(killed="cpu")),
        (None, Interacted(signal=11)),
        (None, Interacted(exit_code=42, feedback_complete=False)),
        (None, Interacted(compile_output=b"error")),
    ],
)
def test_a_checkers_failure_counts_before_all_else(failure, told):
    program = talking_to(GUESS).program
    assert program
    with pytest.raises(CheckerFailed):
        interaction.judgement(program, CASES[0], Run(failure, interacted=told))


def test_a_server_that_does_not_tell_of_the_checker_is_at_fault():
    program = talking_to(GUESS).program
    assert program
    with pytest.raises(BackendFault):
        interaction.judgement(program, CASES[0], Run(None))


def test_who_talks_may_wait_for_the_checker_as_well():
    assert wall_limit_s(Limits(time_ms=1000)) == 3
    assert wall_limit_s(Limits(time_ms=1000), 2_000) == 5
    assert wall_limit_s(Limits(time_ms=1000), 60_000) == 6


def test_a_program_that_waited_for_a_slow_checker_is_not_to_blame():
    program = talking_to(GUESS).program
    assert program
    slow = Interacted(exit_code=43, time_ms=3_500)
    with pytest.raises(CheckerFailed, match=r"used 3\.5 s of CPU time, of 3 s"):
        interaction.judgement(program, CASES[0], Run(Verdict.TLE, time_ms=20, wall_ms=5_000, interacted=slow))
    busy = Run(Verdict.TLE, time_ms=1_000, wall_ms=1_100, interacted=slow)
    assert interaction.judgement(program, CASES[0], busy) is None


def test_answers_count_for_what_fits_into_one_request(fake):
    some = [Case(n, lambda: b"7", lambda: bytes(5 << 20)) for n in range(1, 5)]
    program = interaction.joined(Program("python", b"print(7)"), talking_to(GUESS), some)
    server = fake(engine=True, config={"engine": {"interactive": True}})
    with closing(
        pool_of(server).access().run(program, {case.index: case.input for case in some}, LIMITS)
    ) as sent:
        steps = [next(sent), next(sent)]
    assert [step.indexes for step in steps if isinstance(step, Submitted)] == [(1, 2), (3, 4)]
