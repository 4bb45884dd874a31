"""A public case that was answered wrongly, and where its output leaves the answer."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from math import isclose

from execution.types import CheckerKind, Verdict
from hints.evidence import Evidence, SeenCase
from questions.previews import TEXT_CAP

LONGEST_NUMBER = 40
CLOSE = 1e-9
NUMBERS = (CheckerKind.FLOATS, CheckerKind.FLOAT_LINES)


@dataclass(frozen=True)
class Wrong:
    """Its texts are whole. What differs is what its checker lets differ: no order of lines where any will do, no
    spelling of numbers where they are compared as such.
    """

    case: SeenCase
    input: str = field(repr=False)
    answer: str = field(repr=False)
    output: str = field(repr=False)
    checker: CheckerKind = CheckerKind.TOKENS

    @property
    def any_order(self) -> bool:
        return self.checker is CheckerKind.UNORDERED_LINES

    @cached_property
    def tokens(self) -> list[str]:
        """Of the output."""
        return self.output.split()

    @cached_property
    def wanted(self) -> list[str]:
        """The tokens of the answer."""
        return self.answer.split()

    @cached_property
    def lines(self) -> list[str]:
        """Of the output, without blanks at their ends, without the empty ones at the end."""
        return [line.rstrip() for line in self.output.rstrip().split("\n")]

    @cached_property
    def wanted_lines(self) -> list[str]:
        return [line.rstrip() for line in self.answer.rstrip().split("\n")]

    @cached_property
    def extra(self) -> list[str]:
        """Lines of the output that are not in the answer, wherever they stand."""
        return list((Counter(self.lines) - Counter(self.wanted_lines)).elements())

    @cached_property
    def missing(self) -> list[str]:
        """Lines of the answer that are not in the output, wherever they stand."""
        return list((Counter(self.wanted_lines) - Counter(self.lines)).elements())

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Tokens that differ, the program's first; none where there are more of the one than of the other."""
        mine, theirs = self.tokens, self.wanted
        if self.any_order:
            if len(self.extra) != 1 or len(self.missing) != 1:
                return []
            mine, theirs = self.extra[0].split(), self.missing[0].split()
        if len(mine) != len(theirs):
            return []
        return [(got, want) for got, want in zip(mine, theirs, strict=True) if not self._agree(got, want)]

    @cached_property
    def numbers(self) -> list[tuple[float, float]]:
        """The same as numbers; none where one of them is no number."""
        pairs = [(number(got), number(want)) for got, want in self.pairs]
        whole = [(got, want) for got, want in pairs if got is not None and want is not None]
        return whole if len(whole) == len(pairs) else []

    @cached_property
    def integers(self) -> list[tuple[int, int]]:
        """The same as integers; none where one of them is none."""
        pairs = [(integer(got), integer(want)) for got, want in self.pairs]
        whole = [(got, want) for got, want in pairs if got is not None and want is not None]
        return whole if len(whole) == len(pairs) else []

    @cached_property
    def first(self) -> tuple[int, str, str]:
        """The first line that differs, from 1, what is in it, and what should be: empty where there is none."""
        if self.any_order:
            mine, theirs = next(iter(self.extra), ""), next(iter(self.missing), "")
            return self.lines.index(mine) + 1 if mine in self.lines else len(self.lines) + 1, mine, theirs
        length = max(len(self.lines), len(self.wanted_lines))
        ours = self.lines + [""] * (length - len(self.lines))
        others = self.wanted_lines + [""] * (length - len(self.wanted_lines))
        at = next((n for n in range(length) if not self._lines_agree(ours[n], others[n])), 0)
        return at + 1, ours[at], others[at]

    def _lines_agree(self, mine: str, theirs: str) -> bool:
        got, want = mine.split(), theirs.split()
        return mine == theirs or (
            self.checker in NUMBERS and len(got) == len(want) and all(map(self._agree, got, want))
        )

    def _agree(self, got: str, want: str) -> bool:
        if got == want or self.checker not in NUMBERS:
            return got == want
        mine, theirs = number(got), number(want)
        return mine is not None and theirs is not None and isclose(mine, theirs, rel_tol=CLOSE, abs_tol=CLOSE)


def of(evidence: Evidence) -> Wrong | None:
    """None where the failure to talk about is none of these, or too long to be shown whole."""
    return _of(evidence, evidence.failure) if evidence.failure else None


def public(evidence: Evidence) -> list[Wrong]:
    """All that are wrong in this way."""
    return [seen for case in evidence.failures if (seen := _of(evidence, case))]


def _of(evidence: Evidence, case: SeenCase) -> Wrong | None:
    if case.verdict is not Verdict.WA or case.is_truncated:
        return None
    if case.answer is None or case.output is None or case.input is None:
        return None
    if any(len(text.encode()) >= TEXT_CAP for text in (case.input, case.answer, case.output)):
        return None
    return Wrong(case, case.input, case.answer, case.output, evidence.checker)


def number(token: str) -> float | None:
    if len(token) > LONGEST_NUMBER or "_" in token or not any(char.isdigit() for char in token):
        return None
    try:
        return float(token)
    except ValueError:
        return None


def integer(token: str) -> int | None:
    digits = token.removeprefix("-")
    return int(token) if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER else None
