"""What hints may know of a program: what its learner sees, and nothing else."""

import pytest

from execution import languages
from execution.types import CheckerKind, Verdict
from hints import evidence
from submissions import disclosure, ephemeral, intake
from submissions.ephemeral import OwnCase, Trial
from submissions.intake import NewRun, NewSubmission
from submissions.models import Submission
from tests.factories import make_question, make_user

CANARY = "8315407"
PYTHON = languages.get("python")
REPEATS_ITS_INPUT = (
    "import sys\ngiven = input()\nprint(given)\nprint(given, file=sys.stderr)\nsys.exit(len(given) > 3)\n"
)


def judged(work, *new: NewRun | NewSubmission) -> list[Submission]:
    user = make_user()
    taken = [intake.take(one, user=user, answer=disclosure.summary).submission.pk for one in new]
    work()
    return [Submission.objects.get(pk=pk) for pk in taken]


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_of_public_cases_all_is_known_of_hidden_ones_nothing_that_a_program_can_fill(engine, work):
    """S3.20, S3.21, S3.22 (in part)"""
    question = make_question(
        [("1 2\n", "3\n", True), (CANARY, CANARY, False)],
        run_policy="run_all",
        explain_hidden=True,
        time_limit_ms=900,
        checker="floats",
    )
    own = Trial(cases=(OwnCase(b"77\n"),))
    graded, ran, failed = judged(
        work,
        NewSubmission(language=PYTHON, source=REPEATS_ITS_INPUT, question=question),
        NewRun(language=PYTHON, source=REPEATS_ITS_INPUT, question=question, trial=own),
        NewRun(language=PYTHON, source="if 1\n    print(1)\n"),
    )

    seen = evidence.of(graded, error_message="it broke")
    public, hidden = seen.cases

    assert (seen.title, seen.statement, seen.source) == (
        question.title,
        question.statement,
        REPEATS_ITS_INPUT,
    )
    assert (seen.verdict, seen.checker, seen.error_message) == (Verdict.WA, CheckerKind.FLOATS, "it broke")
    assert seen.limits == PYTHON.limits(question.judging_limits())
    assert seen.time_ms is not None
    assert seen.memory_kib is not None
    assert (public.input, public.answer, public.output, public.stderr) == ("1 2\n", "3\n", "1 2\n", "1 2\n")
    assert (public.verdict, public.exit_code, public.difference_message != "") == (Verdict.WA, 0, True)

    assert (hidden.index, hidden.is_public, hidden.verdict) == (2, False, Verdict.RTE)
    assert {hidden.input, hidden.answer, hidden.output, hidden.stderr, hidden.exit_code, hidden.signal} == {
        None
    }
    assert CANARY not in "".join(str(vars(part)) for part in (seen, public, hidden))
    assert seen.failures == (public, hidden)
    assert seen.failure == public

    with_own = evidence.of(ran)
    assert [(case.index, case.is_own, case.input) for case in with_own.cases] == [
        (1, False, "1 2\n"),
        (2, True, "77\n"),
    ]

    alone = evidence.of(failed)
    assert (alone.title, alone.statement, alone.verdict) == ("", "", Verdict.RTE)
    assert "SyntaxError: expected ':'" in (alone.cases[0].stderr or "")

    ephemeral.forget(ran.pk)
    expired = evidence.of(ran)
    assert (expired.source, [case.input for case in expired.cases]) == ("", [None, None])


def test_code_that_was_not_judged_has_no_verdict_and_no_cases():
    alone = evidence.of_code(PYTHON, "print(1)\nprint(2)")

    assert (alone.verdict, alone.cases, alone.failure) == (None, (), None)
    assert alone.lines == ["print(1)", "print(2)"]


def test_where_only_hidden_cases_have_failed_the_first_of_them_is_talked_about():
    cases = (
        evidence.SeenCase(index=1, is_public=True, verdict=Verdict.AC),
        evidence.SeenCase(index=2, is_public=False, verdict=Verdict.TLE),
        evidence.SeenCase(index=3, is_public=False, verdict=Verdict.SK),
    )
    seen = evidence.Evidence(language=PYTHON, source="", verdict=Verdict.TLE, cases=cases)

    assert seen.failure == cases[1]
    assert seen.failures == cases[1:2]


def test_a_program_does_not_show_in_what_is_logged_of_it():
    assert CANARY not in repr(evidence.of_code(PYTHON, CANARY))
