"""What a linter says of a program, in one shape, and why one may say nothing.

CannotLint
├── NoLinter         there is none for the language: now and later
└── LinterFailed     no judge compiles now: our fault
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hints.answers import Remark, Severity

COMPILE = "compile"  # the type of what keeps a program from running at all
CHARACTERS = 300  # of a message

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


class CannotLint(Exception):
    """The message is for learners."""


class NoLinter(CannotLint):
    pass


class LinterFailed(CannotLint):
    pass


@dataclass(frozen=True)
class Linted:
    """What `by` (such as `ruff`) remarked. `missing` says which remarks could not be had, and what to do instead."""

    by: str
    remarks: tuple[Remark, ...]
    missing: str = ""

    @property
    def is_valid(self) -> bool:
        """It is a program of its language."""
        return all(remark.type != COMPILE for remark in self.remarks)


def told(line: int, kind: str, message: str, code: str, severity: Severity) -> Remark:
    """The linter's words as a sentence's beginning, its code in brackets at the end."""
    printable = "".join(one if one.isprintable() else " " for one in message)
    words = " ".join(printable.split())[:CHARACTERS]
    return Remark(line, kind, words[:1].upper() + words[1:] + (f" [{code}]" if code else ""), severity)


def in_order(remarks: Iterable[Remark], source: str) -> tuple[Remark, ...]:
    """The most severe first, then by line; each once, and only those on a line of the program.

    What keeps it from running comes first: other flaws may only seem to be there because of it.
    """
    last = source.count("\n") + 1
    there = {remark for remark in remarks if 1 <= remark.line <= last}
    return tuple(sorted(there, key=_place))


def _place(remark: Remark) -> tuple[int, bool, int, str]:
    return _ORDER[remark.severity], remark.type != COMPILE, remark.line, remark.message
