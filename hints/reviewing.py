"""Reviews and analyses without a language model: what linters remark, what judging has shown, what can be measured.

The score is simple, so that everybody can count it again, and fewer or lighter remarks never make it lower:

    100, less 15 for each error (60 at most), 5 for each warning (30 at most), 1 for each lesser remark (10 at most)
    no more than 20 where it does not compile
    no more than 20 + 40 × the share of cases that it passed, where it was judged and does not pass all
    no more than 80 where no linter could read it

Nothing here knows a hidden case: evidence has none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from execution.languages import Language
from execution.types import VERDICT_NAMES, Verdict
from hints import linters, measures, rules
from hints.answers import Analysis, Complexity, Remark, Review, Severity
from hints.evidence import Evidence
from hints.linters import Linted
from hints.linters import LinterFailed as LinterFailed
from hints.linters import NoLinter as NoLinter
from hints.measures import Shape
from hints.remarks import COMPILE, in_order
from submissions.disclosure import TEXT_CAP

MOST_REMARKS = 20
COSTS = {Severity.ERROR: (15, 60), Severity.WARNING: (5, 30), Severity.INFO: (1, 10)}  # of one, of all
NOT_COMPILED_MOST, NONE_PASSED_MOST, ALL_BUT_PASSED_MOST, UNREAD_MOST = 20.0, 20.0, 60.0, 80.0

LONG_LINE, LONG_FUNCTION, DEEP = 120, 60, 5
MANY_USES, MANY_SHORT_NAMES = 3, 6
USUAL_SHORT_NAMES = "ijkmnxy_"
SHORT_FUNCTION = 25
QUOTED_LINES = 5


def review(language: Language, source: str, evidence: Evidence | None) -> Review:
    """Raises NoLinter and LinterFailed. `evidence` is None for code that was not judged."""
    seen = _look(language, source, evidence)
    return Review(
        overall_score=seen.score,
        suggestions=tuple([*seen.failure, *seen.remarks][:MOST_REMARKS]),
        strengths=tuple(_strengths(seen)),
        improvements=tuple(_improvements(seen)),
    )


def analyse(language: Language, source: str, evidence: Evidence | None) -> Analysis:
    """As `review`; what makes the program wrong, or may do so, is among the issues and not the suggestions."""
    seen = _look(language, source, evidence)
    grave = [remark for remark in seen.remarks if remark.severity is Severity.ERROR]
    light = [remark for remark in seen.remarks if remark.severity is not Severity.ERROR]
    return Analysis(
        overall_score=seen.score,
        suggestions=tuple(light[:MOST_REMARKS]),
        strengths=tuple(_strengths(seen)),
        improvements=tuple(_improvements(seen)),
        complexity=_complexity(seen.shape, seen.evidence),
        issues=tuple([*seen.failure, *grave][:MOST_REMARKS]),
    )


@dataclass(frozen=True)
class _Seen:
    """`remarks` are all, `failure` is the one about why judging failed it, where it did."""

    linted: Linted
    shape: Shape | None
    evidence: Evidence | None
    remarks: tuple[Remark, ...]
    failure: tuple[Remark, ...]

    @property
    def compiles(self) -> bool:
        return self.linted.is_valid and (self.evidence is None or self.evidence.verdict is not Verdict.CE)

    @property
    def score(self) -> float:
        found = [remark.severity for remark in self.remarks]
        lost = sum(min(found.count(severity) * cost, most) for severity, (cost, most) in COSTS.items())
        return round(min(100.0 - lost, *self._bounds()), 1)

    def _bounds(self) -> Iterator[float]:
        yield 100.0
        if not self.compiles:
            yield NOT_COMPILED_MOST
        if self.failure and self.evidence and self.evidence.cases:
            share = _passed(self.evidence) / len(self.evidence.cases)
            yield NONE_PASSED_MOST + (ALL_BUT_PASSED_MOST - NONE_PASSED_MOST) * share
        if self.linted.missing:
            yield UNREAD_MOST


def _look(language: Language, source: str, evidence: Evidence | None) -> _Seen:
    linted = linters.lint(language, source)
    shape = measures.measure(language, source)
    remarks = in_order([*linted.remarks, *_measured(source, shape)], source)
    return _Seen(linted, shape, evidence, remarks, tuple(_failure(source, evidence)))


def _failure(source: str, evidence: Evidence | None) -> Iterator[Remark]:
    """At most one: what judging found, as the first hint tells it. At line 1 where no line is known."""
    if evidence is None or evidence.verdict in (None, Verdict.AC):
        return
    finding = rules.find(evidence)
    line = finding.line if finding.line and finding.line <= source.count("\n") + 1 else 1
    name = VERDICT_NAMES[evidence.verdict]
    yield Remark(line, "correctness", f"{name}. {finding.nudge}", Severity.ERROR)


def _passed(evidence: Evidence) -> int:
    return sum(case.verdict is Verdict.AC for case in evidence.cases)


# --- What can be measured ------------------------------------------------------------------------------------


def _measured(source: str, shape: Shape | None) -> Iterator[Remark]:
    for number, line in enumerate(source.split("\n"), 1):
        if len(line) > LONG_LINE:
            yield _style(number, f"This line has {len(line)} characters: nobody sees it whole.")
    if shape is not None:
        yield from _hard_to_follow(shape)
        yield from _unnamed(shape)


def _hard_to_follow(shape: Shape) -> Iterator[Remark]:
    longest = shape.longest
    if longest and longest.lines > LONG_FUNCTION:
        words = f"`{longest.name}` has {longest.lines} lines: parts of it could be functions of their own."
        yield Remark(longest.line, "complexity", words, Severity.INFO)
    if shape.depth > DEEP:
        words = f"{shape.depth} loops and branches are nested here: hard to follow, and to get right."
        yield Remark(shape.deepest, "complexity", words, Severity.WARNING)


def _unnamed(shape: Shape) -> Iterator[Remark]:
    for number in shape.numbers:
        if len(number.lines) >= MANY_USES:
            words = f"{number.text} stands here and on {len(number.lines) - 1} more places: give it a name."
            yield _style(number.lines[0], words)
    short = [name for name in shape.short_names if name.text not in USUAL_SHORT_NAMES]
    if len(short) >= MANY_SHORT_NAMES:
        names = ", ".join(f"`{name.text}`" for name in short)
        yield _style(
            short[0].lines[0], f"{len(short)} names are single letters ({names}): say what they hold."
        )


def _style(line: int, words: str) -> Remark:
    return Remark(line, "style", words, Severity.INFO)


# --- In words ------------------------------------------------------------------------------------------------


def _strengths(seen: _Seen) -> Iterator[str]:
    if seen.evidence is not None:
        yield from _shown(seen.evidence)
    yield from _clean(seen.linted)
    shape = seen.shape
    if shape and shape.longest and len(shape.functions) > 1 and shape.longest.lines <= SHORT_FUNCTION:
        yield f"Its {len(shape.functions)} functions are short: the longest has {shape.longest.lines} lines."


def _shown(evidence: Evidence) -> Iterator[str]:
    """What judging showed that is good."""
    count, passed = len(evidence.cases), _passed(evidence)
    if evidence.verdict is Verdict.AC and count:
        yield f"Passes {_all_cases(count)}{_in_time(evidence)}."
        if evidence.memory_kib is not None and 2 * evidence.memory_kib < evidence.limits.memory_kib:
            yield f"Uses {_mib(evidence.memory_kib)} of {_mib(evidence.limits.memory_kib)} at most."
    elif passed:
        yield f"Passes {passed} of {count} cases."


def _all_cases(count: int) -> str:
    return "the only case" if count == 1 else f"all {count} cases"


def _in_time(evidence: Evidence) -> str:
    slowest = _slowest_ms(evidence)
    if slowest is None:
        return ""
    which = "" if len(evidence.cases) == 1 else " the slowest"
    return f",{which} in {slowest} ms of {evidence.limits.time_ms} ms"


def _slowest_ms(evidence: Evidence) -> int | None:
    return max((case.time_ms for case in evidence.cases if case.time_ms is not None), default=None)


def _mib(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB" if kib >= 10 * 1024 else f"{kib / 1024:.1f} MiB"


def _clean(linted: Linted) -> Iterator[str]:
    if linted.missing:
        return
    if not linted.remarks:
        yield f"`{linted.by}` has nothing to remark."
    elif all(remark.severity is Severity.INFO for remark in linted.remarks):
        yield f"`{linted.by}` finds nothing that looks like a mistake."


_ADVICE = {
    COMPILE: "First mend what keeps it from running",
    "correctness": "Look at what may not do what you mean",
    "unused": "Remove what is never used",
    "performance": "Make cheaper what is done more dearly than it need be",
    "complexity": "Split what is hard to follow",
    "style": "Make it easier to read",
}
"""In the order in which it helps."""


def _improvements(seen: _Seen) -> Iterator[str]:
    yield from (remark.message for remark in seen.failure)
    if seen.linted.missing:
        yield seen.linted.missing
    for kind, advice in _ADVICE.items():
        lines = [remark.line for remark in seen.remarks if remark.type == kind]
        if lines:
            yield f"{advice}: {_lines(lines)}."
    if seen.evidence is not None:
        yield from _little_room(seen.evidence)


def _lines(lines: Iterable[int]) -> str:
    """Each once, in order; a long list ends with how many more there are."""
    named = [str(line) for line in sorted(set(lines))]
    if len(named) == 1:
        return f"line {named[0]}"
    *first, last = named[:QUOTED_LINES]
    if len(named) > QUOTED_LINES:
        first, last = named[:QUOTED_LINES], f"{len(named) - QUOTED_LINES} more"
    return f"lines {', '.join(first)} and {last}"


def _little_room(evidence: Evidence) -> Iterator[str]:
    slowest = _slowest_ms(evidence)
    if evidence.verdict is Verdict.AC and slowest is not None and 2 * slowest > evidence.limits.time_ms:
        yield f"The slowest case took {slowest} ms of {evidence.limits.time_ms} ms: there is little room left."


# --- Complexity ----------------------------------------------------------------------------------------------


def _complexity(shape: Shape | None, evidence: Evidence | None) -> Complexity:
    """`space` is left to those who know what the program keeps; what it used is in the explanation."""
    told = [*_told_by_form(shape), *(_told_by_judging(evidence) if evidence else ())]
    return Complexity(time=_time(shape), space="", explanation=" ".join(told))


def _time(shape: Shape | None) -> str:
    """An estimate where loops that count are all there is; empty where the form does not tell."""
    if shape is None or not shape.nest or shape.recursive or shape.has_costly_calls:
        return ""
    if not all(loop.is_counted for loop in shape.nest):
        return ""
    power = len(shape.nest)
    if power == 1:
        return "O(n log n)" if shape.sorts else "O(n)"
    return f"O(n^{power})"


def _told_by_form(shape: Shape | None) -> Iterator[str]:
    if shape is None:
        yield "It could not be read, so nothing is told of its loops."
        return
    if not shape.nest and not shape.recursive:
        yield "There is no loop whose turns depend on the input, and no function that calls itself."
    if shape.nest:
        yield _told_of_loops(shape)
    if shape.recursive:
        yield f"`{shape.recursive.name}` (line {shape.recursive.line}) calls itself: how often decides what it costs."
    if shape.sorts:
        yield "Sorting n things takes about n log n steps."


def _told_of_loops(shape: Shape) -> str:
    lines = [loop.line for loop in shape.nest]
    uncounted = [loop.line for loop in shape.nest if not loop.is_counted]
    if len(lines) == 1:
        said = f"No loop whose turns depend on the input stands in another; the first is at line {lines[0]}."
    else:
        said = f"{len(lines)} loops are nested ({_lines(lines)}): with n turns each, that is n^{len(lines)} turns."
    if uncounted:
        said += f" How many turns the loop at line {uncounted[0]} makes, its form does not tell."
    elif shape.has_costly_calls:
        said += " What is called in loops comes on top of that."
    return said


def _told_by_judging(evidence: Evidence) -> Iterator[str]:
    if evidence.verdict is Verdict.CE:
        return
    slowest = _slowest_ms(evidence)
    if any(case.verdict is Verdict.TLE for case in evidence.cases):
        yield f"It was stopped: a case took longer than the {evidence.limits.time_ms} ms that are allowed."
    elif slowest is not None:
        yield f"Its slowest case took {slowest} ms of {evidence.limits.time_ms} ms."
    if evidence.memory_kib is not None:
        yield f"It used {_mib(evidence.memory_kib)} of {_mib(evidence.limits.memory_kib)}."
    yield from _growth(evidence)


WORTH_MEASURING_MS, LONGER = 50, 10


def _growth(evidence: Evidence) -> Iterator[str]:
    """How time grew with input, where public cases are different enough to show it."""
    cases = [
        (len(case.input), case.time_ms, case.index)
        for case in evidence.cases
        if case.input and len(case.input) < TEXT_CAP and case.time_ms
    ]
    if len(cases) < 2:
        return
    (short, quick_ms, first), (long, slow_ms, last) = min(cases), max(cases)
    if slow_ms >= WORTH_MEASURING_MS and long >= LONGER * short:
        longer, slower = long // short, f"{slow_ms / quick_ms:.0f}"
        yield f"Case {last} has {longer} times as much input as case {first} and took {slower} times as long."
