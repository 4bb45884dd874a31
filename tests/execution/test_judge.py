"""Judging a program: which cases run, what comes out in which order, and where an interrupted judging goes on."""

import itertools
from decimal import Decimal

import pytest

from execution.errors import BackendFault, LanguageUnavailable, NoBackend
from execution.types import (
    Case,
    Checker,
    CheckerKind,
    Judged,
    Limits,
    Program,
    RunPolicy,
    Scoring,
    ScoringMode,
    Submitted,
    Verdict,
)
from tests.execution.conftest import (
    cases,
    ended,
    finish,
    judged_by,
    judging,
    judgings,
    last,
    pool_of,
    right,
    submitted,
    told_before,
    verdicts,
    wrong_at,
)
from tests.fakes import Result, exited, internal_error, not_compiled, printed, timed_out


def test_a_right_program_is_accepted_and_the_source_reaches_the_judge_unharmed(fake):
    """S1.21, S1.29"""
    server = fake()
    source = 'print("š \x00 \r\n")'.encode() + b"\xff"

    steps = judged_by(pool_of(server), cases(right(3)), program=Program("python", source))

    assert verdicts(steps) == "AC AC AC"
    assert finish(steps) == ended(Verdict.AC, "100.00")
    assert {run[0] for run in server.runs} == {source}


def test_the_answer_never_leaves_the_worker(fake):
    """C14: what ran is compared here."""
    server = fake()

    judged_by(pool_of(server), cases([b"sekret", b"sekret"]), policy=RunPolicy.RUN_ALL)

    assert all(
        "expected_output" not in item
        for request in server.asked("POST", "/submissions/batch")
        for item in request.body["submissions"]
    )
    assert "sekret" not in str(server.requests)


def test_fail_fast_stops_at_the_first_failure_and_a_window_of_one_runs_nothing_behind_it(fake):
    """S0.10"""
    server = fake()

    steps = judged_by(pool_of(server), cases(wrong_at(5, 2)), window_max=1)

    assert verdicts(steps) == "AC WA SK SK SK"
    assert finish(steps) == ended(Verdict.WA, "20.00")
    assert len(server.runs) == 2


def test_the_window_grows_so_that_right_programs_get_batches(fake):
    server = fake()

    steps = judged_by(pool_of(server), cases(right(25)), window_max=8)

    assert [len(step.indexes) for step in submitted(steps)] == [1, 2, 4, 8, 8, 2]


def test_the_window_is_no_larger_than_the_batches_that_the_server_takes(fake):
    server = fake(config={"max_submission_batch_size": 3})

    steps = judged_by(pool_of(server), cases(right(10)), policy=RunPolicy.RUN_ALL)

    assert [len(step.indexes) for step in submitted(steps)] == [3, 3, 3, 1]
    assert verdicts(steps) == " ".join(["AC"] * 10)


@pytest.mark.parametrize("policy", list(RunPolicy))
@pytest.mark.parametrize("failing", [(), (1,), (6,), (3, 5, 9), (12,)])
def test_what_the_learner_sees_does_not_depend_on_the_window(fake, policy, failing):
    some = cases(wrong_at(12, *failing), groups=list("aaaabbbbcccc"))

    seen = [
        [
            step
            for step in judged_by(pool_of(fake()), some, policy=policy, window_max=window)
            if not isinstance(step, Submitted)
        ]
        for window in (1, 4, 20)
    ]

    def without_place(steps):
        return [(s.index, s.verdict, s.points) if isinstance(s, Judged) else s for s in steps]

    assert without_place(seen[0]) == without_place(seen[1]) == without_place(seen[2])
    assert [step.index for step in judgings(seen[0])] == list(range(1, 13))


def test_a_failure_is_told_without_waiting_for_the_cases_behind_it(fake):
    def program(source, stdin):
        return printed(stdin, takes_s=30 if stdin.strip() in (b"3", b"4", b"5") else 0)

    server = fake(program)

    steps = judged_by(pool_of(server), cases(wrong_at(7, 2)), window_max=8)

    assert verdicts(steps) == "AC WA SK SK SK SK SK"


def test_run_all_runs_all_in_full_batches(fake):
    server = fake()

    steps = judged_by(pool_of(server), cases(wrong_at(5, 2, 4)), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "AC WA AC WA AC"
    assert [len(step.indexes) for step in submitted(steps)] == [5]
    assert finish(steps) == ended(Verdict.WA, "60.00")


def test_fail_fast_per_group_skips_only_the_rest_of_the_failing_group(fake):
    server = fake()
    some = cases(wrong_at(7, 2), groups=["a", "a", "a", "b", "b", "a", "c"])

    steps = judged_by(pool_of(server), some, policy=RunPolicy.FAIL_FAST_PER_GROUP, window_max=1)

    assert verdicts(steps) == "AC WA SK AC AC SK AC"
    assert len(server.runs) == 5


@pytest.mark.parametrize("policy", list(RunPolicy))
def test_a_compile_error_is_told_once_on_the_first_case_with_the_compilers_words(fake, policy):
    server = fake(lambda source, stdin: not_compiled("error: ‘x’".encode()))

    steps = judged_by(pool_of(server), cases(right(4)), policy=policy)

    assert verdicts(steps) == "CE SK SK SK"
    first = judgings(steps)[0]
    assert first.run
    assert first.run.compile_output.decode() == "error: ‘x’"
    assert finish(steps) == ended(Verdict.CE, "0.00")


def test_a_compile_error_costs_one_run_under_fail_fast(fake):
    server = fake(lambda source, stdin: not_compiled(b"no"))

    judged_by(pool_of(server), cases(right(30)))

    assert len(server.runs) == 1


def test_a_right_program_needs_at_most_thirty_batches_for_five_hundred_cases(fake):
    server = fake(looks=0)

    steps = judged_by(pool_of(server), cases(right(500)))

    assert finish(steps).verdict is Verdict.AC
    assert len(server.asked("POST", "/submissions/batch")) <= 30


def test_warnings_are_kept_with_the_first_case_only(fake):
    server = fake(lambda source, stdin: printed(stdin, compile_output=b"warning: unused"))

    steps = judged_by(pool_of(server), cases(right(3)))

    assert [step.run.compile_output for step in judgings(steps) if step.run] == [b"warning: unused", b"", b""]


def test_the_total_runtime_ends_judging_where_it_is_used_up(fake):
    """S2.8"""
    server = fake(lambda source, stdin: printed(stdin, time="1.0"))

    used_up = judged_by(pool_of(server), cases(right(5)), limits=Limits(total_ms=2999), window_max=20)
    just_enough = judged_by(pool_of(server), cases(right(3)), limits=Limits(total_ms=3000))

    assert verdicts(used_up) == "AC AC AC SK SK"
    assert finish(used_up) == ended(Verdict.TLE, "60.00", "total_runtime")
    assert finish(just_enough) == ended(Verdict.AC, "100.00")


@pytest.mark.parametrize("policy", RunPolicy)
def test_a_total_runtime_that_only_the_last_case_exceeds_costs_nothing(fake, policy):
    """S2.8: nothing was left to be skipped."""
    server = fake(lambda source, stdin: printed(stdin, time="0.9"))

    steps = judged_by(pool_of(server), cases(right(2)), limits=Limits(total_ms=1000), policy=policy)

    assert finish(steps) == ended(Verdict.AC, "100.00")


def test_the_total_runtime_holds_when_all_cases_are_run(fake):
    """S2.8"""
    server = fake(lambda source, stdin: printed(stdin, time="1.0"))

    steps = judged_by(
        pool_of(server), cases(wrong_at(5, 1)), limits=Limits(total_ms=2500), policy=RunPolicy.RUN_ALL
    )

    assert verdicts(steps) == "WA AC AC SK SK"
    assert finish(steps) == ended(Verdict.TLE, "40.00", "total_runtime")


def test_a_failure_that_ends_judging_anyway_is_not_called_total_runtime(fake):
    server = fake(lambda source, stdin: printed(stdin, time="1.0"))

    steps = judged_by(pool_of(server), cases(wrong_at(3, 2)), limits=Limits(total_ms=1500))

    assert finish(steps) == ended(Verdict.WA, "33.33")


def test_the_same_output_passes_or_fails_by_the_questions_checker(fake):
    """S0.13"""
    server = fake(lambda source, stdin: printed(b"1  \n"))
    some = cases([b"1\n"])

    exact = judged_by(pool_of(server), some, checker=Checker(CheckerKind.EXACT))
    lenient = judged_by(pool_of(server), some, checker=Checker(CheckerKind.TRAILING_WHITESPACE))

    assert (verdicts(exact), verdicts(lenient)) == ("WA", "AC")
    difference = judgings(exact)[0].difference
    assert difference
    assert "whitespace" in difference.message


def test_bytes_that_are_no_text_are_compared_as_they_are(fake):
    server = fake(lambda source, stdin: printed(b"\xff\xfe\n"))

    steps = judged_by(pool_of(server), cases([b"\xff\xfe\n", b"\xff\xfd\n"]))

    assert verdicts(steps) == "AC WA"


def test_a_program_that_prints_nothing_is_right_where_nothing_is_expected(fake):
    """Judge0 itself cannot say so: it takes no output for different from everything."""
    server = fake(lambda source, stdin: printed(b""))

    assert verdicts(judged_by(pool_of(server), cases([b"", b"1"]))) == "AC WA"


def test_a_broken_limit_wins_over_a_right_output(fake):
    server = fake(lambda source, stdin: timed_out(stdin) if stdin == b"2\n" else exited(3, stdin))

    steps = judged_by(pool_of(server), cases(right(3)), policy=RunPolicy.RUN_ALL)

    assert verdicts(steps) == "RTE TLE RTE"
    assert finish(steps) == ended(Verdict.RTE, "0.00")


def test_without_an_answer_a_case_is_accepted_when_the_program_ends_well_and_there_is_no_score(fake):
    server = fake(lambda source, stdin: printed(b"whatever") if stdin == b"1\n" else exited(1))

    fine = judged_by(pool_of(server), cases([None]))
    failed = judged_by(pool_of(server), cases([None, None]), policy=RunPolicy.RUN_ALL)

    assert finish(fine) == ended(Verdict.AC, None)
    assert (verdicts(failed), finish(failed)) == ("AC RTE", ended(Verdict.RTE, None))


def test_a_case_without_an_answer_carries_no_points(fake):
    steps = judged_by(pool_of(fake()), cases([*right(2), None], points=[1, 1, 50]))

    assert [step.points for step in judgings(steps)] == [1, 1, 0]
    assert finish(steps).score == 100


@pytest.mark.parametrize(
    ("mode", "score"),
    [
        (ScoringMode.WEIGHTED, "75.00"),
        (ScoringMode.ALL_OR_NOTHING, "0.00"),
        (ScoringMode.VERDICT_MAP, "30.00"),
    ],
)
def test_the_score_follows_the_questions_mode(fake, mode, score):
    steps = judged_by(pool_of(fake()), cases(wrong_at(2, 2), points=[3, 1]), scoring=Scoring(mode))

    assert finish(steps) == ended(Verdict.WA, score)


def test_the_languages_factor_is_applied_to_the_time_limit_and_the_wall_limit_follows(fake):
    server = fake()

    for language in ("python", "cpp"):
        judged_by(
            pool_of(server), cases(right(1)), program=Program(language, b"x"), limits=Limits(2000, 65536, 64)
        )

    python, cpp = (request.body["submissions"][0] for request in server.asked("POST", "/submissions/batch"))
    assert (python["cpu_time_limit"], python["wall_time_limit"], python["cpu_extra_time"]) == (6.0, 13.0, 0)
    assert (cpp["cpu_time_limit"], cpp["wall_time_limit"]) == (2.0, 5.0)
    assert (cpp["memory_limit"], cpp["max_file_size"], cpp["enable_network"]) == (65536, 64, False)


def test_inputs_and_answers_are_read_only_when_they_are_needed(fake):
    read = []

    def reader(name, data):
        def read_it():
            read.append(name)
            return data

        return read_it

    some = [Case(n, reader(f"input {n}", b"x"), reader(f"answer {n}", b"y")) for n in (1, 2, 3)]

    judged_by(pool_of(fake()), some, window_max=1)

    assert read == ["input 1", "answer 1"]


def test_an_interrupted_judging_goes_on_without_running_a_judged_case_again(fake):
    server = fake()
    some = cases(wrong_at(9, 8))
    whole = judged_by(pool_of(server), some)

    for stored in range(len(whole)):
        before = len(server.runs)
        rest = judged_by(pool_of(server), some, resume=whole[:stored])
        judged = {step.index for step in judgings(whole[:stored])}

        assert [s.index for s in judgings(rest)] == [i for i in range(1, 10) if i not in judged]
        assert finish(rest) == finish(whole)
        run_again = {int(stdin) for _, stdin in server.runs[before:]}
        assert not run_again & judged


def test_tokens_that_the_server_still_knows_are_asked_for_instead_of_run_again(fake):
    server = fake()
    some = cases(right(3))
    stored = list(
        itertools.islice(judging(pool_of(server), some), 3)
    )  # the first case, and two more submitted
    assert [type(step) for step in stored] == [Submitted, Judged, Submitted]

    rest = judged_by(pool_of(server), some, resume=stored)

    assert verdicts(rest) == "AC AC"
    assert submitted(rest) == []
    assert len(server.runs) == 3


def test_tokens_that_the_server_has_forgotten_are_run_again(fake):
    server = fake()
    some = cases(right(3))
    stored = list(itertools.islice(judging(pool_of(server), some), 3))
    server.forget()

    rest = judged_by(pool_of(server), some, resume=stored)

    assert verdicts(rest) == "AC AC"
    assert [step.indexes for step in submitted(rest)] == [(2, 3)]


def test_tokens_of_a_server_that_is_no_longer_configured_are_run_elsewhere(fake):
    some = cases(right(3))
    stored = list(itertools.islice(judging(pool_of(fake()), some), 3))
    other = fake()

    rest = judged_by(pool_of(other), some, resume=stored)

    assert verdicts(rest) == "AC AC"
    assert len(other.runs) == 2


def test_the_runtime_that_was_used_before_an_interruption_counts(fake):
    server = fake(lambda source, stdin: printed(stdin, time="1.0"))
    some = cases(right(5))
    stored = judged_by(pool_of(server), some, limits=Limits(total_ms=2500))[:2]

    rest = judged_by(pool_of(server), some, limits=Limits(total_ms=2500), resume=stored)

    assert verdicts(rest) == "AC AC SK SK"
    assert finish(rest).reason == "total_runtime"


def test_a_judging_that_was_interrupted_before_its_last_word_only_says_it(fake):
    some = cases(wrong_at(3, 1))
    whole = judged_by(pool_of(fake()), some)

    assert judged_by(pool_of(), some, resume=whole[:-1]) == [last(whole)]


def test_a_closed_judging_asks_for_nothing_more(fake):
    server = fake()
    steps = judging(pool_of(server), cases(right(9)))
    next(steps)

    steps.close()

    assert len(server.runs) == 1
    assert list(steps) == []


def test_when_judging_cannot_go_on_what_was_told_before_holds(fake):
    server = fake()
    steps = judging(pool_of(server), cases(right(4)), window_max=1)
    told = [next(steps), next(steps)]

    server.stop()
    with pytest.raises(NoBackend):
        list(steps)

    assert verdicts(told) == "AC"


@pytest.mark.parametrize("fault", ["500", "garbage", "hang"])
def test_of_ten_cases_one_at_a_server_that_fails_leaves_nine_when_all_are_run(fake, fault):
    """S3.37"""

    def program(source, stdin):
        if stdin != b"4\n":
            return printed(stdin)
        server.fail(fault)
        return printed(stdin, takes_s=30)

    server = fake(program)

    told = told_before(
        judging(pool_of(server, read_timeout_s=0.1), cases(right(10)), policy=RunPolicy.RUN_ALL), NoBackend
    )

    assert [step.index for step in judgings(told)] == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert verdicts(told) == " ".join(["AC"] * 9)
    assert len(server.asked("POST", "/submissions/batch")) == 1


def test_a_case_that_nobody_can_run_costs_no_case_of_later_windows_when_all_are_run(fake):
    """S3.37"""
    server = fake(lambda source, stdin: internal_error() if stdin == b"2\n" else printed(stdin))

    told = told_before(
        judging(pool_of(server), cases(right(9)), policy=RunPolicy.RUN_ALL, window_max=3), BackendFault
    )

    assert [step.index for step in judgings(told)] == [1, 3, 4, 5, 6, 7, 8, 9]


def test_nothing_is_told_out_of_order_where_judging_may_stop_early(fake):
    server = fake(lambda source, stdin: internal_error() if stdin == b"2\n" else printed(stdin))

    told = told_before(judging(pool_of(server), cases(right(9))), BackendFault)

    assert [step.index for step in judgings(told)] == [1]


def test_where_nothing_comes_back_no_further_window_is_tried(fake):
    server = fake(lambda source, stdin: internal_error())

    assert told_before(
        judging(pool_of(server), cases(right(9)), policy=RunPolicy.RUN_ALL, window_max=3), BackendFault
    )

    assert {stdin for _, stdin in server.runs} == {b"1\n", b"2\n", b"3\n"}


def test_an_interrupted_judging_that_lost_a_case_runs_only_that_one(fake):
    is_broken = [True]
    server = fake(
        lambda source, stdin: internal_error() if is_broken[0] and stdin == b"2\n" else printed(stdin)
    )
    told = told_before(judging(pool_of(server), cases(right(4)), policy=RunPolicy.RUN_ALL), BackendFault)
    is_broken[0] = False
    runs = len(server.runs)

    rest = judged_by(pool_of(server), cases(right(4)), policy=RunPolicy.RUN_ALL, resume=judgings(told))

    assert [step.index for step in judgings(rest)] == [2]
    assert (finish(rest), len(server.runs)) == (ended(Verdict.AC, "100.00"), runs + 1)


def test_an_unknown_language_is_no_verdict():
    with pytest.raises(LanguageUnavailable):
        judged_by(pool_of(), cases(right(1)), program=Program("cobol", b"x"))


def test_judging_by_no_cases_is_refused():
    with pytest.raises(ValueError, match="no cases"):
        judged_by(pool_of(), [])


def test_cases_are_told_with_what_they_used_and_where(fake):
    server = fake(lambda source, stdin: Result(stdout=stdin, time="0.123", wall_time="0.2", memory=4096))

    (case,) = judgings(judged_by(pool_of(server), cases(right(1))))

    assert case.run
    assert (case.run.time_ms, case.run.wall_ms, case.run.memory_kib) == (123, 200, 4096)
    assert (case.run.exit_code, case.run.output, case.backend) == (0, b"1\n", server.url)
    assert case.points == Decimal(1)


def test_what_ran_on_one_server_and_does_not_compile_on_the_next_is_our_fault(fake):
    """Servers differ in their compilers; the learner is not to pay for that."""
    first = fake(lambda source, stdin: printed(stdin, takes_s=0 if stdin == b"1\n" else 30))
    second = fake(lambda source, stdin: not_compiled(b"error: unknown feature"))
    steps = judging(pool_of(first, second), cases(right(2)), policy=RunPolicy.RUN_ALL)
    told = list(itertools.islice(steps, 2))
    assert verdicts(told) == "AC"

    first.stop()
    with pytest.raises(BackendFault, match="agree"):
        list(steps)
