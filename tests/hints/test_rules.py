"""The rules on output, values, input, time and memory: of what each speaks, and of what it keeps silent."""

import re
from dataclasses import replace

import pytest

from execution.types import CheckerKind, Verdict
from hints import rules
from hints.answers import Level
from hints.findings import Finding
from hints.rules import compiling, crashing
from tests.hints.recorded import recordings
from tests.hints.recorded.outputs import Outcome, outcomes

OUTCOMES = outcomes()
SPEAKS = [outcome for outcome in OUTCOMES if outcome.speaks]
SILENT = [outcome for outcome in OUTCOMES if not outcome.speaks]
NAMES = {rule.__name__ for rule in rules.RULES}
ELSEWHERE = {rule.__name__ for module in (compiling, crashing) for rule in module.RULES}
EVERY_CASE = {"accepted", "not_judged", "something"}  # they speak of no case that failed
PLACED = re.compile(r"\b(?:lines?|cases?) \d", re.IGNORECASE)
CODE = re.compile(r"```|[;{}]$|^\s{4}", re.MULTILINE)


def name(outcome: Outcome) -> str:
    return f"{outcome.rule}-{outcome.evidence.language.slug}"


def said(outcome: Outcome) -> dict[str, Finding]:
    """By the names of rules: one may speak of two things that look alike."""
    found = [finding for rule in rules.RULES if (finding := rule(outcome.evidence))]
    return {finding.rule: finding for finding in found}


@pytest.mark.parametrize("outcome", SPEAKS, ids=name)
def test_of_all_rules_the_one_for_it_is_told_with_its_line(outcome: Outcome):
    finding = rules.find(outcome.evidence)

    assert (finding.rule, finding.line) == (outcome.rule, outcome.line)


@pytest.mark.parametrize("outcome", SILENT, ids=name)
def test_a_rule_keeps_silent_about_what_only_looks_like_it(outcome: Outcome):
    assert outcome.rule not in said(outcome)


def test_every_rule_has_something_that_it_speaks_of_and_something_that_it_keeps_silent_about():
    assert {outcome.rule for outcome in SPEAKS} >= NAMES - ELSEWHERE
    assert {outcome.rule for outcome in SILENT} >= NAMES - ELSEWHERE - {"something"}


def test_rules_have_names_of_their_own():
    assert len(NAMES) == len(rules.RULES) > 40


@pytest.mark.parametrize("outcome", SPEAKS, ids=name)
def test_four_levels_in_plain_words_name_the_place_and_show_no_program(outcome: Outcome):
    """S3.15 (in part): a nudge asks; the place is named; a plan is words."""
    finding = rules.find(outcome.evidence)
    told = [finding.told(level) for level in Level]
    texts = [hint.hint for hint in told]

    assert len(set(texts)) == 4
    assert all(0 < hint.confidence <= 1 and hint.next_steps for hint in told)
    assert all(hint.line is None or 1 <= hint.line <= len(outcome.evidence.lines) for hint in told)
    assert not CODE.search("\n".join(texts))
    if outcome.rule not in EVERY_CASE:
        assert "?" in finding.nudge
        assert PLACED.search(finding.place)
        assert finding.case is not None


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one.hidden], ids=name)
def test_nothing_of_a_hidden_case_is_told(outcome: Outcome):
    told = " ".join(str(rule(outcome.evidence)) for rule in rules.RULES)

    assert [text for text in outcome.hidden if text.strip() in told] == []


@pytest.mark.parametrize("outcome", SPEAKS, ids=name)
def test_without_its_texts_a_case_is_told_less_of_but_no_rule_breaks(outcome: Outcome):
    """As of a hidden case, of one cut short, of one that was not reached."""
    bare = [
        replace(case, is_public=False, input=None, answer=None, output=None, stderr=None)
        for case in outcome.evidence.cases
    ]
    cut = [replace(case, is_truncated=True) for case in outcome.evidence.cases]
    for cases in (bare, cut, bare[:0]):
        assert rules.find(replace(outcome.evidence, cases=tuple(cases))).nudge


def test_the_surest_finding_is_told_and_the_last_resort_only_where_there_is_no_other():
    told = [rules.find(outcome.evidence) for outcome in SPEAKS]
    sure = [max(found.confidence for found in said(outcome).values()) for outcome in SPEAKS]

    assert [finding.confidence for finding in told] == sure
    assert {finding.rule for finding in told} == {outcome.rule for outcome in SPEAKS}


def test_where_any_order_will_do_the_line_that_is_too_much_is_told_wherever_it_stands():
    outcome = next(one for one in SPEAKS if one.evidence.checker is CheckerKind.UNORDERED_LINES)

    place = rules.find(outcome.evidence).place

    assert "“fig”" in place
    assert "pear" not in place


@pytest.mark.parametrize(
    "recording", recordings("compiling")[::9] + recordings("crashing")[::9], ids=lambda one: one.name
)
def test_what_compilers_and_runtimes_say_comes_before_what_outputs_look_like(recording):
    assert rules.find(recording.evidence).rule in ELSEWHERE


def test_of_a_program_that_was_skipped_or_ended_oddly_there_is_still_something_to_say():
    evidence = next(one.evidence for one in SPEAKS if one.rule == "accepted")
    for verdict in Verdict:
        assert rules.find(replace(evidence, verdict=verdict, cases=())).nudge
