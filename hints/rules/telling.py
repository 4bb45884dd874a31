"""How rules say things: a finding that names its place, one step a line, cases by name, data in quotes.

And how a rule is made of a function: it tells of what was heard, and its name is the rule's.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from hints.evidence import Evidence, SeenCase
from hints.findings import Finding, Rule

QUOTED = 60
PLACED = re.compile(r"\b(?:lines?|cases?) \d", re.IGNORECASE)
STEP = re.compile(r"(?<=[.?”]) (?=[1-9]\. )")  # “… on line 3. 4. Treat …”
UNNAMED = ""  # a finding's rule, until `about` gives it its name

Heard = TypeVar("Heard")
Told = Callable[[Heard], Finding | None]


def about(heard: Callable[[Evidence], Heard | None]) -> Callable[[Told[Heard]], Rule]:
    """A rule of a function that says something of what was heard; where nothing was, neither does the rule."""

    def made(told: Told[Heard]) -> Rule:
        @wraps(told)
        def rule(evidence: Evidence) -> Finding | None:
            what = heard(evidence)
            finding = None if what is None else told(what)
            return finding and replace(finding, rule=rule.__name__)

        return rule

    return made


def found(
    rule: str,
    confidence: float,
    *,
    nudge: str,
    concept: str,
    place: str,
    plan: str,
    next_steps: tuple[str, ...],
    line: int | None = None,
    case: SeenCase | None = None,
) -> Finding:
    """A finding; before a text that does not say where, there is a sentence that does, and none where all passed."""
    at_line = f"Look at line {line}. " if line else ""
    at_case = f"{name(case)[0].upper()}{name(case)[1:]} failed. " if case and case.has_failed else ""
    return Finding(
        rule=rule,
        confidence=confidence,
        nudge=_placed(at_case or at_line, nudge),
        concept=_placed(at_case or at_line, concept),
        place=_placed(at_line or at_case, place),
        plan=STEP.sub("\n", _placed(at_line or at_case, plan)),
        next_steps=next_steps,
        line=line,
        case=case.index if case else None,
    )


def _placed(where: str, text: str) -> str:
    return text if PLACED.search(text) else where + text


def name(case: SeenCase) -> str:
    kind = "your own" if case.is_own else "public" if case.is_public else "hidden"
    return f"{kind} case {case.index}"


def quoted(text: str) -> str:
    """On one line, cut: “3 4”."""
    line = "↵".join(text.strip("\n")[: 4 * QUOTED].split("\n"))
    shown = "".join(char if char.isprintable() else " " for char in line)
    return f"“{shown if len(shown) <= QUOTED else shown[:QUOTED] + '…'}”"


def before(evidence: Evidence, case: SeenCase) -> int:
    """How many cases passed before this one."""
    return sum(1 for other in evidence.cases if other.index < case.index and not other.has_failed)


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
