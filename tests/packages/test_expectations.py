"""What a reference solution must show, and what judging showed."""

from decimal import Decimal

import pytest

from questions.expectations import (
    NoGlob,
    Rule,
    Shown,
    ShownCase,
    judged_as_expected,
    matches,
    possible_verdicts,
    rules_from_json,
    rules_to_json,
)


def shown(verdict: str, points: int = 0, **cases: str) -> Shown:
    """Cases by name, where _ is a slash."""
    return Shown(
        verdict,
        Decimal(points),
        [ShownCase(name.replace("_", "/"), one) for name, one in cases.items()],
        {"secret/small": Decimal(points)},
    )


def test_what_is_as_expected_has_no_differences() -> None:
    rules = [Rule(permitted=("AC", "WA"), required=("WA",)), Rule("sample", permitted=("AC",))]
    found = shown("WA", 30, sample_1="AC", secret_1="AC", secret_2="WA", secret_3="SK")
    assert judged_as_expected(found, expected=["WA"], score=(Decimal(30), Decimal(30)), rules=rules) == []


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (Rule(permitted=("AC", "TLE")), "Case secret/2 is WA, not AC or TLE."),
        (Rule(required=("TLE",)), "No case is TLE."),
        (Rule("secret/*", required=("TLE",)), "No case in secret/* is TLE."),
        (Rule("nowhere", required=("TLE",)), "No case in nowhere is TLE."),
        (Rule(score=(Decimal(40), Decimal(50))), "The score is 30, less than 40."),
        (
            Rule("secret/small", score=(Decimal(0), Decimal("2.5"))),
            "The score of secret/small is 30, more than 2.5.",
        ),
        (Rule(message="overflow"), "The checker says “overflow” of no case."),
    ],
)
def test_each_broken_rule_is_a_sentence(rule: Rule, sentence: str) -> None:
    found = shown("WA", 30, sample_1="AC", secret_2="WA")
    assert judged_as_expected(found, rules=[rule]) == [sentence]


def test_verdict_and_score_are_compared_as_a_whole() -> None:
    assert judged_as_expected(shown("CE"), expected=("AC", "WA")) == ["The verdict is CE, not AC or WA."]
    assert judged_as_expected(shown("AC", 100), score=(None, Decimal("99.999"))) == [
        "The score is 100, more than 99.999."
    ]
    assert judged_as_expected(shown("CE")) == []


def test_a_required_verdict_may_be_one_of_a_case_that_was_not_run() -> None:
    rule = Rule(permitted=("AC", "WA", "TLE"), required=("TLE",))
    assert judged_as_expected(shown("WA", secret_1="WA", secret_2="SK"), rules=[rule]) == []
    assert judged_as_expected(shown("WA", secret_1="WA", secret_2="AC"), rules=[rule]) == ["No case is TLE."]


def test_a_message_counts_in_the_cases_of_its_rule() -> None:
    found = Shown(
        "WA", cases=[ShownCase("secret/a", "AC", "fine"), ShownCase("secret/b", "WA", "line 3 differs")]
    )
    assert judged_as_expected(found, rules=[Rule("secret/b", message="line 3")]) == []
    assert judged_as_expected(found, rules=[Rule("secret/a", message="line 3")]) != []


@pytest.mark.parametrize(
    ("glob", "path", "is_match"),
    [
        ("secret", "secret/a/1", True),
        ("secret/*", "secret/a/1", True),
        ("secret/*-easy", "secret/1-easy", True),
        ("secret/*/1", "secret/1", False),
        ("*", "secret", True),
        ("secret/a*", "secret/b", False),
        ("{accepted,partial}/*.{py,c{c,pp}}", "accepted/x.cpp", True),
        ("{accepted,partial}/*.{py,c{c,pp}}", "accepted/x.c", False),
        ("a**b", "axxb", True),
        ("a**b", "a/b", False),
        ("a[12]?", "a1x", False),
        ("a[12]?", "a[12]?", True),
    ],
)
def test_a_star_stays_within_a_name_and_braces_are_alternatives(glob: str, path: str, is_match: bool) -> None:
    assert matches(glob, path) is is_match


def test_a_glob_cannot_grow_without_end() -> None:
    with pytest.raises(NoGlob):
        matches("{a,b}" * 40, "a")
    assert not matches("*a" * 100 + "b", "a" * 200)


@pytest.mark.parametrize(
    ("rules", "verdicts"),
    [
        ([], ()),
        ([Rule("sample", score=(Decimal(0), Decimal(1)))], ()),
        ([Rule(permitted=("AC",))], ("AC",)),
        ([Rule(permitted=("AC", "WA"), required=("WA",))], ("WA",)),
        ([Rule(permitted=("AC", "WA"))], ("AC", "WA")),
        (
            [Rule("sample", permitted=("AC",)), Rule("secret", required=("TLE",))],
            ("WA", "TLE", "MLE", "OLE", "RTE"),
        ),
    ],
)
def test_rules_tell_which_final_verdicts_are_possible(rules: list[Rule], verdicts: tuple[str, ...]) -> None:
    assert possible_verdicts(rules) == verdicts


def test_rules_survive_being_stored() -> None:
    rules = (
        Rule("secret/*", ("AC",), ("WA",), (Decimal("0.5"), Decimal(100)), "no"),
        Rule(score=(Decimal(0), Decimal(0))),
        Rule(),
    )
    stored = rules_to_json(rules)
    assert stored[1] == {"score": ["0", "0"]}
    assert rules_from_json(stored) == rules
