"""What a reference solution must show to be what its author says it is. Values and comparison; no rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from execution.types import Verdict

MAX_ALTERNATIVES = 64
TOLERANCE = Decimal("0.0001")  # of points: a third of a hundred has no last digit

# What the published formats call RTE and WA: they know neither a limit of memory nor one of output. The final
# verdict of a program that does not compile is of no case.
_OF_CASES = (Verdict.AC, Verdict.WA, Verdict.TLE, Verdict.MLE, Verdict.OLE, Verdict.RTE)

_BRACES = re.compile(r"\{([^{}]*)\}")


class NoGlob(ValueError):
    """It has more braces than we follow."""


@dataclass(frozen=True)
class Rule:
    """About some of the cases: each one's verdict is `permitted`, at least one's is `required` (empty: any).

    `cases` is a glob over names of cases and paths of groups below the data folder ("": all); `*` does not match a
    slash, `{a,b}` is either. `score` bounds the points of the group named by `cases`. `message` must stand in some
    feedback of the checker.
    """

    cases: str = ""
    permitted: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    score: tuple[Decimal, Decimal] | None = None
    message: str = ""

    def about(self, name: str) -> bool:
        return not self.cases or matches(self.cases, name)


@dataclass(frozen=True)
class ShownCase:
    """What judging showed of one case: its verdict (SK: not run), and what its checker said to authors."""

    name: str
    verdict: str
    message: str = ""


@dataclass(frozen=True)
class Shown:
    """What judging showed of a solution; points are on the question's own scale, those of groups by their paths."""

    verdict: str
    points: Decimal = Decimal(0)
    cases: Sequence[ShownCase] = ()
    group_points: Mapping[str, Decimal] = field(default_factory=dict)


def judged_as_expected(
    shown: Shown,
    *,
    expected: Collection[str] = (),
    score: tuple[Decimal | None, Decimal | None] = (None, None),
    rules: Sequence[Rule] = (),
) -> list[str]:
    """What differs from what the author expects, a sentence each; none where all is as it should be.

    `expected` are the verdicts of which the final one must be one (empty: any); `score` are the least and the most
    points. Rules hold for the cases that were run: where judging stopped early, a required verdict may be one of a
    case that was not, so it is missed only once all cases of its rule have been run.
    """
    differences = []
    if expected and shown.verdict not in expected:
        differences.append(f"The verdict is {shown.verdict}, not {_either(expected)}.")
    differences += _outside("The score", shown.points, score)
    for rule in rules:
        differences += _broken(rule, shown)
    return differences


def _broken(rule: Rule, shown: Shown) -> list[str]:
    cases = [case for case in shown.cases if rule.about(case.name)]
    run = [case for case in cases if case.verdict != Verdict.SK]
    place = f" in {rule.cases}" if rule.cases else ""
    return [
        *_not_permitted(rule, run),
        *_not_required(rule, run, place, all_run=len(run) == len(cases)),
        *_wrong_score(rule, shown),
        *_no_message(rule, run, place),
    ]


def _not_permitted(rule: Rule, run: list[ShownCase]) -> list[str]:
    if not rule.permitted:
        return []
    return [
        f"Case {case.name} is {case.verdict}, not {_either(rule.permitted)}."
        for case in run
        if case.verdict not in rule.permitted
    ][:1]


def _not_required(rule: Rule, run: list[ShownCase], place: str, *, all_run: bool) -> list[str]:
    if not rule.required or not all_run or any(case.verdict in rule.required for case in run):
        return []
    return [f"No case{place} is {_either(rule.required)}."]


def _wrong_score(rule: Rule, shown: Shown) -> list[str]:
    if rule.score is None:
        return []
    if not rule.cases:
        return _outside("The score", shown.points, rule.score)
    return [
        sentence
        for path, points in shown.group_points.items()
        if path and any(_fits(path, glob) for glob in _alternatives(rule.cases))
        for sentence in _outside(f"The score of {path}", points, rule.score)
    ]


def _no_message(rule: Rule, run: list[ShownCase], place: str) -> list[str]:
    if not rule.message or any(rule.message in case.message for case in run):
        return []
    return [f"The checker says “{rule.message}” of no case{place}."]


def _outside(what: str, points: Decimal, bounds: tuple[Decimal | None, Decimal | None]) -> list[str]:
    least, most = bounds
    if least is not None and points < least - TOLERANCE:
        return [f"{what} is {_plain(points)}, less than {_plain(least)}."]
    if most is not None and points > most + TOLERANCE:
        return [f"{what} is {_plain(points)}, more than {_plain(most)}."]
    return []


def possible_verdicts(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The final verdicts of a solution that follows the rules, where all cases have a say; empty: any."""
    if not any(rule.permitted or rule.required for rule in rules):
        return ()
    possible = [verdict for verdict in _OF_CASES if not any(_excludes(rule, verdict) for rule in rules)]
    return tuple(verdict.value for verdict in possible)


def _excludes(rule: Rule, verdict: Verdict) -> bool:
    """AC needs all cases, so it falls with any rule that requires another; others with what holds for all cases."""
    if verdict is Verdict.AC:
        return not _allows(rule.required, verdict) or not _allows(rule.permitted, verdict)
    return not rule.cases and not _allows(rule.permitted, verdict)


def _allows(verdicts: tuple[str, ...], verdict: Verdict) -> bool:
    return not verdicts or verdict in verdicts


# Globs


def matches(glob: str, path: str) -> bool:
    """Whether the glob fits the path or a folder of it. Raises NoGlob."""
    parts = path.split("/")
    return any(
        _fits("/".join(parts[:count]), one)
        for one in _alternatives(glob)
        for count in range(1, len(parts) + 1)
    )


def _fits(path: str, glob: str) -> bool:
    """`*` stays within its part of the path; all other characters mean themselves."""
    parts, patterns = path.split("/"), glob.strip("/").split("/")
    return len(parts) == len(patterns) and all(
        fnmatchcase(part, _only_stars(pattern)) for part, pattern in zip(parts, patterns, strict=True)
    )


def _only_stars(pattern: str) -> str:
    return re.sub(r"\*+", "*", pattern.replace("[", "[[]").replace("?", "[?]"))


def _alternatives(glob: str) -> list[str]:
    """The glob without braces, once for each combination of what is in them; innermost braces come first."""
    waiting, found = [glob], []
    while waiting:
        one = waiting.pop()
        braces = _BRACES.search(one)
        if braces is None:
            found.append(one)
        else:
            before, after = one[: braces.start()], one[braces.end() :]
            waiting += [f"{before}{choice}{after}" for choice in reversed(braces[1].split(","))]
        if len(waiting) + len(found) > MAX_ALTERNATIVES:
            raise NoGlob(f"{glob[:60]} has more than {MAX_ALTERNATIVES} alternatives")
    return found


def refuse_unusable(glob: str) -> None:
    """Raises NoGlob where `matches` would."""
    _alternatives(glob)


# As JSON, as ReferenceSolution keeps them


def rules_to_json(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """What says nothing is left out; numbers are texts."""
    return [_rule_to_json(rule) for rule in rules]


def _rule_to_json(rule: Rule) -> dict[str, Any]:
    said: dict[str, Any] = {
        "cases": rule.cases,
        "permitted": list(rule.permitted),
        "required": list(rule.required),
        "score": None if rule.score is None else [_plain(bound) for bound in rule.score],
        "message": rule.message,
    }
    return {key: value for key, value in said.items() if value}


def rules_from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            cases=one.get("cases", ""),
            permitted=tuple(one.get("permitted", ())),
            required=tuple(one.get("required", ())),
            score=_bounds(one.get("score")),
            message=one.get("message", ""),
        )
        for one in stored
    )


def _bounds(stored: Sequence[str] | None) -> tuple[Decimal, Decimal] | None:
    if stored is None:
        return None
    least, most = stored
    return Decimal(least), Decimal(most)


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _either(verdicts: Collection[str]) -> str:
    return " or ".join(verdicts)
