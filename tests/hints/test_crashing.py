"""Hints for programs that crashed, from what runtimes have really said, and how the programs ended."""

import re
import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from execution import languages
from execution.types import Verdict
from hints import evidence as evidences
from hints.answers import Level
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding
from hints.rules import compiling, crashing
from hints.rules.crashing import RULES
from submissions import disclosure, intake
from submissions.intake import NewRun
from submissions.models import Submission
from tests.factories import make_question, make_user
from tests.hints.recorded import Recording, recordings

RECORDED = recordings("crashing")
ALL = RECORDED + recordings("compiling")
GENERAL = {"uncaught", "ended_by_signal", "aborted", "unknown_crash"}  # of whatever is left
CLOSER = {  # the first knows more of what the second would speak of, too
    "past_input": {"taken_from_empty", "nothing_used"},
    "taken_from_empty": {"index_out_of_range"},
    "number_too_large": {"not_a_number"},
    "nothing_used": {"no_such_attribute", "types_mixed"},
    "forgotten_return": {"segmentation_fault"},
}
PLACE_ALONE = re.compile(r"Look at line \d+\.|\w+ case \d+ failed\.")
LIVE = {"c/semicolon", "cpp/at", "java/nosuch", "python/colon", "javascript/undefined2"}


def crashed(language: str, source: str, **case: Any) -> Evidence:
    seen: dict[str, Any] = {"index": 1, "is_public": True, "verdict": Verdict.RTE} | case
    return Evidence(
        language=languages.get(language), source=source, verdict=Verdict.RTE, cases=(SeenCase(**seen),)
    )


def found(evidence: Evidence) -> Finding:
    return next(finding for rule in RULES if (finding := rule(evidence)))


@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_what_was_said_is_told_by_the_rule_for_it_which_names_line_and_case(recording: Recording):
    finding = found(recording.evidence)

    assert (finding.rule, finding.line, finding.case) == (recording.rule, recording.line, 1)


@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_no_rule_speaks_of_what_another_one_is_for(recording: Recording):
    said = {finding.rule for rule in RULES if (finding := rule(recording.evidence))}

    assert said - GENERAL - CLOSER.get(recording.rule, set()) <= {recording.rule}


def test_every_rule_has_a_recording_but_those_for_what_nobody_tells():
    silent = {"unknown_crash", "hidden_crash"}

    assert {rule.__name__ for rule in RULES} - silent == {recording.rule for recording in RECORDED}


@pytest.mark.parametrize("recording", ALL, ids=lambda one: one.name)
def test_all_four_levels_name_the_place_and_none_shows_a_program(recording: Recording):
    """S3.15 (in part): each text of each rule, as it is told."""
    rules = (*compiling.RULES, *crashing.RULES)
    finding = next(one for rule in rules if (one := rule(recording.evidence)))
    told = [finding.told(level) for level in Level]

    assert all(re.search(r"\b(line|lines|case) \d", hint.hint, re.IGNORECASE) for hint in told), told
    assert all(len(hint.hint) < 700 for hint in told)
    assert all("\n" not in hint.hint for hint in told[:3])
    assert in_steps(told[3].hint), told[3].hint
    assert len({hint.hint for hint in told}) == 4
    assert "?" in told[0].hint
    assert all(0 < hint.confidence <= 1 and hint.next_steps for hint in told)
    assert all(hint.line is None or 1 <= hint.line <= len(recording.evidence.lines) for hint in told)


def in_steps(plan: str) -> bool:
    """One on each line, numbered; before them there may be a line on where to look."""
    steps = [line for line in plan.split("\n") if not PLACE_ALONE.fullmatch(line)]
    numbered = all(step.startswith(f"{number}. ") for number, step in enumerate(steps, start=1))
    return len(steps) > 1 and numbered and not re.search(r"[.?:”] \d\. ", plan)


def test_a_crash_is_no_matter_of_a_program_that_was_answered_wrongly():
    wrong = SeenCase(index=1, is_public=True, verdict=Verdict.WA, stderr="EOFError: none", exit_code=0)
    evidence = replace(crashed("python", "print(1)\n"), verdict=Verdict.WA, cases=(wrong,))

    assert [rule(evidence) for rule in RULES] == [None] * len(RULES)


def test_a_program_that_only_writes_of_an_error_has_ended_by_itself():
    evidence = crashed(
        "python", "import sys\nsys.exit(2)\n", stderr="IndexError: list index out of range\n", exit_code=2
    )

    finding = found(evidence)

    assert (finding.rule, finding.line) == ("own_exit_code", 2)
    assert "exit code 2" in finding.place


def test_the_innermost_line_of_the_program_is_named_not_one_of_a_library():
    words = (
        'Traceback (most recent call last):\n  File "/box/script.py", line 2, in <module>\n    heapq.heappop([])\n'
        '  File "/usr/lib/python3.11/heapq.py", line 99, in heappop\n    last = heap.pop()\n'
        "IndexError: pop from empty list\n"
    )

    finding = found(crashed("python", "import heapq\nheapq.heappop([])\n", stderr=words, exit_code=1))

    assert (finding.rule, finding.line) == ("taken_from_empty", 2)


def test_where_a_division_may_be_in_several_lines_none_is_named():
    source = "int main(void) {\n    int a = 1 / n;\n    return a % n; // or / m\n}\n"

    finding = found(crashed("c", source, signal=8))

    assert (finding.rule, finding.line) == ("division_by_zero", None)
    assert "public case 1" in finding.place


def test_a_division_in_a_comment_or_a_text_is_no_place_to_look_at():
    source = (
        '// a / b\n#include <stdio.h>\nint main(void) { puts("%d/%d"); }\nint f(int n) { return 1 / n; }\n'
    )

    assert found(crashed("c", source, signal=8)).line == 4


def test_neither_is_one_in_a_comment_of_several_lines():
    source = "/* the mean is\n   sum / n */\n#include <sys/types.h>\nint f(int n) { return 1 / n; }\n"

    assert found(crashed("c", source, signal=8)).line == 4


def test_of_a_hidden_crash_only_its_number_is_told_and_what_hidden_cases_are_like():
    public = SeenCase(index=1, is_public=True, verdict=Verdict.AC, stderr="", exit_code=0)
    hidden = SeenCase(index=2, is_public=False, verdict=Verdict.RTE)
    evidence = replace(crashed("cpp", "int main() {}\n"), cases=(public, hidden))

    finding = found(evidence)

    assert (finding.rule, finding.case, finding.line) == ("hidden_crash", 2, None)
    assert all("hidden case 2" in finding.told(level).hint for level in Level)
    assert "1 other case passed" in finding.concept


def test_what_the_learner_sends_along_explains_a_hidden_crash_less_surely():
    """S3.41 (in part): the message is a claim, and told as one."""
    words = (
        'Traceback (most recent call last):\n  File "script.py", line 1, in <module>\n'
        "ZeroDivisionError: division by zero\n"
    )
    hidden = crashed("python", "print(1 // int(input()))\n", index=4, is_public=False)

    finding = found(replace(hidden, error_message=words))

    assert (finding.rule, finding.line, finding.case) == ("division_by_zero", 1, None)
    assert "the run whose message you sent" in finding.place
    assert finding.confidence < 0.5
    assert found(hidden).rule == "hidden_crash"


def test_where_the_words_of_a_public_crash_are_gone_one_is_told_to_run_it_again():
    finding = found(crashed("python", "print(1)\n", stderr=None))

    assert finding.rule == "unknown_crash"


def test_two_crashes_of_one_program_are_told_apart():
    """S3.15 (in part)"""
    source = "n = int(input())\nprint(10 // n)\n"
    frame = 'Traceback (most recent call last):\n  File "/box/script.py", line {}, in <module>\n{}\n'
    not_read = crashed(
        "python",
        source,
        exit_code=1,
        stderr=frame.format(1, "ValueError: invalid literal for int() with base 10: 'x'"),
    )
    divided = crashed(
        "python",
        source,
        index=2,
        exit_code=1,
        stderr=frame.format(2, "ZeroDivisionError: integer division by zero"),
    )

    hints = [found(evidence).told(Level.NUDGE).hint for evidence in (not_read, divided)]

    assert "line 1 (“n = int(input())”)" in hints[0]
    assert "line 2 (“print(10 // n)”)" in hints[1]
    assert "public case 2" in hints[1]


HOSTILE = (
    'x"' + '\\"' * 4_000,
    "a[" * 4_000,
    "/*" * 4_000,
    "if = " * 1_600,
    "\n" * 8_000,
    "main.c:1: " * 800,
    "a.out: Assertion `" * 450,
    "redefinition of ‘" * 480,
    "Traceback (most recent call last):\n" + "x: " * 2_700,
    'Exception in thread "' * 400,
    "terminate called after throwing an instance of '" * 170,
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_programs_and_words_that_are_made_to_take_long_do_not(text: str):
    ended = crashed("c", text, stderr=text, signal=11)
    refused = replace(ended, verdict=Verdict.CE, compile_output=text)
    started = time.process_time()

    for rule in (*RULES, *compiling.RULES):
        rule(ended)
        rule(refused)

    assert time.process_time() - started < 2


@pytest.mark.django_db(transaction=True)
def test_real_compilers_and_runtimes_still_say_what_was_recorded(engine, work):
    """In each of the five languages something that does not start, or that crashes."""
    live = [recording for recording in ALL if recording.name in LIVE]
    assert len(live) == len(LIVE)
    submitted = [submit(recording) for recording in live]

    work()

    for recording, pk in zip(live, submitted, strict=True):
        evidence = evidences.of(Submission.objects.get(pk=pk))
        finding = next(one for rule in (*compiling.RULES, *crashing.RULES) if (one := rule(evidence)))
        assert (finding.rule, finding.line) == (recording.rule, recording.line), recording.name


def submit(recording: Recording) -> UUID:
    question = make_question([(recording.input, "none\n", True)])
    new = NewRun(language=recording.language, source=recording.source, question=question)
    return intake.take(new, user=make_user(), answer=disclosure.summary).submission.pk
