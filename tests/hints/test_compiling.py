"""Hints for programs that did not even start, from what compilers and interpreters have really said."""

from dataclasses import replace

import pytest

from execution import languages
from execution.types import Verdict
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding
from hints.rules.compiling import RULES
from tests.hints.recorded import Recording, recordings

RECORDED = recordings("compiling")
GENERAL = {"syntax_error", "first_error"}  # they have something to say of all that is left
CLOSER = {  # the first knows more of what the second would speak of, too
    "missing_main": {"undefined_function"},
    "missing_include": {"missing_std", "undeclared_name"},
    "missing_std": {"undeclared_name"},
    "missing_import": {"undeclared_name", "no_such_member"},
    "statement_outside": {"undeclared_name"},
    "unknown_header": {"no_such_member"},
    "undeclared_name": {"no_such_member"},
    "other_language": {"missing_colon"},
    "assignment_in_condition": {"type_mismatch"},
    "lossy_conversion": {"type_mismatch"},
}


def refused(language: str, source: str, words: str) -> Evidence:
    return Evidence(language=languages.get(language), source=source, verdict=Verdict.CE, compile_output=words)


def found(evidence: Evidence) -> Finding:
    return next(finding for rule in RULES if (finding := rule(evidence)))


@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_what_was_said_is_told_by_the_rule_for_it_which_names_the_line(recording: Recording):
    finding = found(recording.evidence)

    assert (finding.rule, finding.line) == (recording.rule, recording.line)


@pytest.mark.parametrize("recording", RECORDED, ids=lambda one: one.name)
def test_no_rule_speaks_of_what_another_one_is_for(recording: Recording):
    said = {finding.rule for rule in RULES if (finding := rule(recording.evidence))}

    assert said - GENERAL - CLOSER.get(recording.rule, set()) <= {recording.rule}


def test_every_rule_has_a_recording():
    assert {rule.__name__ for rule in RULES} == {recording.rule for recording in RECORDED}


def test_every_rule_keeps_silent_about_a_program_that_compiled():
    passed = SeenCase(index=1, is_public=True, verdict=Verdict.AC, stderr="SyntaxError: quoted", exit_code=0)
    warned = "main.c:2:5: warning: implicit declaration of function ‘printf’"
    evidence = replace(refused("c", "int main(void) {\n}\n", warned), verdict=Verdict.AC, cases=(passed,))

    assert [rule(evidence) for rule in RULES] == [None] * len(RULES)


def test_where_the_next_line_is_blamed_the_one_that_lacks_the_semicolon_is_named():
    source = "int main(void) {\n    int a = 1\n\n    return a;\n}\n"

    finding = found(refused("c", source, "main.c:4:5: error: expected ‘,’ or ‘;’ before ‘return’\n"))

    assert (finding.rule, finding.line) == ("missing_semicolon", 2)
    assert "line 2 (“int a = 1”)" in finding.nudge


def test_a_misspelt_name_is_told_the_nearest_one_of_the_program_but_not_at_once():
    source = "int main(void) {\n    int total = 0;\n    return totl;\n}\n"

    finding = found(
        refused("c", source, "main.c:3:12: error: ‘totl’ undeclared (first use in this function)\n")
    )

    assert "There is total" in finding.place
    assert "total" not in finding.nudge + finding.concept


def test_a_name_that_is_like_no_other_is_compared_with_none():
    source = "int main(void) {\n    return zebra;\n}\n"

    finding = found(refused("c", source, "main.c:2:12: error: ‘zebra’ undeclared\n"))

    assert finding.rule == "undeclared_name"
    assert "There is" not in finding.place


def test_a_header_that_is_included_already_is_not_asked_for():
    source = "#include <vector>\nint main() { vector<int> v; }\n"

    finding = found(refused("cpp", source, "main.cpp:2:14: error: ‘vector’ was not declared in this scope\n"))

    assert finding.rule == "missing_std"


def test_with_the_namespace_in_use_it_is_not_missed():
    source = "#include <map>\nusing namespace std;\nint main() { map<int> m; sort(m); }\n"

    finding = found(refused("cpp", source, "main.cpp:3:14: error: ‘map’ was not declared in this scope\n"))

    assert finding.rule == "undeclared_name"


def test_quotes_of_other_compilers_locales_are_read_too():
    source = "int main(void) {\n    int a = 1\n    return a;\n}\n"

    finding = found(refused("c", source, "main.c:3:5: error: expected ',' or ';' before 'return'\n"))

    assert (finding.rule, finding.line) == ("missing_semicolon", 2)


def test_an_error_in_a_syntax_that_the_program_reads_itself_is_none_of_its_own():
    """Of Python's eval, say: there are frames of the program, so it did start."""
    words = (
        'Traceback (most recent call last):\n  File "/box/script.py", line 2, in <module>\n    print(eval(value))\n'
        '  File "<string>", line 1\n    1 +\nSyntaxError: invalid syntax\n'
    )
    case = SeenCase(index=1, is_public=True, verdict=Verdict.RTE, stderr=words, exit_code=1)
    evidence = Evidence(
        language=languages.get("python"),
        source="value = '1 +'\nprint(eval(value))\n",
        verdict=Verdict.RTE,
        cases=(case,),
    )

    assert [rule(evidence) for rule in RULES] == [None] * len(RULES)


def test_errors_of_languages_that_no_rule_knows_are_told_by_their_line():
    source = "package main\n\nfunc main() {\n\tx := 1\n}\n"

    finding = found(refused("go", source, "./main.go:4:2: x declared but not used\n"))

    assert (finding.rule, finding.line) == ("first_error", 4)
    assert "x declared but not used" in finding.place


def test_a_line_that_the_program_does_not_have_is_not_named():
    finding = found(refused("c", "int main(void) {}\n", "main.c:99:1: error: something else\n"))

    assert finding.line is None
    assert "99" not in finding.nudge + finding.concept + finding.place + finding.plan


def test_without_any_words_no_rule_guesses():
    assert [rule(refused("c", "int main(void) {}\n", " \n")) for rule in RULES] == [None] * len(RULES)
