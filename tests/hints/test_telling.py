"""How rules say things, whatever they say."""

from dataclasses import replace
from typing import Any

from execution import languages
from execution.types import Verdict
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding
from hints.rules.telling import UNNAMED, about, found

FAILED = SeenCase(index=2, is_public=True, verdict=Verdict.WA)
PASSED = SeenCase(index=2, is_public=True, verdict=Verdict.AC)
TEXTS = {"nudge": "Why?", "concept": "So it is.", "place": "There it is.", "plan": "Do it."}


def finding(**more: Any) -> Finding:
    return found("rule", 0.5, next_steps=("Go on.",), **(TEXTS | more))


def texts(finding: Finding) -> tuple[str, ...]:
    return finding.nudge, finding.concept, finding.place, finding.plan


def test_before_what_does_not_say_where_stands_a_sentence_that_does():
    """S3.15 (in part): a line or a case is named on each level."""
    told = finding(line=3, case=FAILED)

    assert texts(told) == (
        "Public case 2 failed. Why?",
        "Public case 2 failed. So it is.",
        "Look at line 3. There it is.",
        "Look at line 3. Do it.",
    )


def test_what_says_where_by_itself_is_left_as_it_is():
    told = finding(line=3, case=FAILED, nudge="Does line 3 end?", place="On hidden case 4 it does not.")

    assert (told.nudge, told.place) == ("Does line 3 end?", "On hidden case 4 it does not.")


def test_of_a_case_that_passed_it_is_not_said_that_it_failed():
    assert texts(finding(case=PASSED)) == tuple(TEXTS.values())


def test_a_plan_has_one_step_a_line():
    told = finding(
        line=3, plan="1. Look for the end. 2. Is it in line 3? 3. Write “x”. 4. Run line 3. Then go on."
    )

    assert told.plan.split("\n") == [
        "1. Look for the end.",
        "2. Is it in line 3?",
        "3. Write “x”.",
        "4. Run line 3. Then go on.",
    ]


def test_a_rule_is_called_as_its_function_and_is_silent_where_it_hears_nothing() -> None:
    def source(evidence: Evidence) -> str | None:
        return evidence.source or None

    @about(source)
    def shouting(source: str) -> Finding:
        return replace(finding(nudge=source), rule=UNNAMED)

    loud, still = (Evidence(language=languages.get("c"), source=source) for source in ("HEY", ""))

    assert (shouting(still), shouting(loud).rule, shouting(loud).nudge) == (None, "shouting", "HEY")
