"""Texts as people read them: output beside answer with the first difference marked, and places in source files.

Everything here turns plain text into safe HTML. It decides no verdict: what it marks follows the checker's idea of
equal lines, so that the eye is led to the right place.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from execution.types import CheckerKind

MAX_LINES = 300  # shown of one text; the first difference is always among them
LINES_BEFORE = 10
MAX_LINE = 2000

_INVISIBLE = re.compile(r"[\x00-\x20\x7f]+")
_SYMBOLS = {" ": "·", "\t": "→\t", "\r": r"\r"}  # by signs that every font has

Normal = Callable[[str], object]
_NORMAL: dict[CheckerKind, Normal] = {
    CheckerKind.EXACT: lambda line: line,
    CheckerKind.TRAILING_WHITESPACE: str.rstrip,
    CheckerKind.TOKENS: str.split,
    CheckerKind.CASE_INSENSITIVE: lambda line: line.lower().split(),
    CheckerKind.FLOATS: str.split,
    CheckerKind.LINES: str.split,
    CheckerKind.FLOAT_LINES: str.split,
    CheckerKind.UNORDERED_LINES: str.rstrip,
}


@dataclass(frozen=True)
class Line:
    html: SafeString
    differs: bool = False


@dataclass(frozen=True)
class Text:
    """`before` and `after` count the lines that are left out."""

    lines: list[Line]
    before: int = 0
    after: int = 0

    @property
    def is_empty(self) -> bool:
        return not self.lines


def plain(text: str) -> Text:
    lines = _split(text)
    shown = [Line(format_html("{}", _cut(line))) for line in lines[:MAX_LINES]]
    return Text(shown, after=max(0, len(lines) - MAX_LINES))


def beside(text: str, other: str, checker: CheckerKind) -> Text:
    """`text` with the lines marked in which it differs from `other`, blanks made visible in those."""
    mine, theirs = (
        _split(text, ends=checker is CheckerKind.EXACT),
        _split(other, ends=checker is CheckerKind.EXACT),
    )
    differing = list(_differing(mine, theirs, checker))
    first = differing.index(True) if True in differing else 0
    start = max(0, first - LINES_BEFORE)
    shown = []
    for number, line in enumerate(mine[start : start + MAX_LINES], start=start):
        if not differing[number]:
            shown.append(Line(format_html("{}", _cut(line.removesuffix("↵")))))
            continue
        counterpart = theirs[number] if number == first and number < len(theirs) else None
        shown.append(Line(_marked(_cut(line), counterpart, is_first=number == first), differs=True))
    return Text(shown, before=start, after=max(0, len(mine) - start - MAX_LINES))


def _split(text: str, *, ends: bool = False) -> list[str]:
    """Without line ends; with `ends` each line that has one carries a visible sign of it."""
    lines = text.split("\n")
    complete = [line + "↵" for line in lines[:-1]] if ends else lines[:-1]
    return complete + ([lines[-1]] if lines[-1] else [])


def _differing(mine: list[str], theirs: list[str], checker: CheckerKind) -> Iterator[bool]:
    normal = _NORMAL[checker]
    if checker is CheckerKind.UNORDERED_LINES:
        left = Counter(normal(line) for line in theirs)
        for line in mine:
            left[normal(line)] -= 1
            yield left[normal(line)] < 0
        return
    for line, other in zip_longest(mine, theirs):
        if line is None:
            return
        yield other is None or normal(line) != normal(other)


def _marked(line: str, other: str | None, *, is_first: bool) -> SafeString:
    """Blanks visible; of the first differing line what differs is underlined, all of it if nothing stands opposite."""
    if not is_first:
        return _visible(line)
    if other is None:
        return format_html("<mark>{}</mark>", _visible(line))
    start = _common(line, other)
    tail = _common(line[start:][::-1], other[start:][::-1])
    end = len(line) - tail
    if start == end:
        return _visible(line)
    return format_html(
        "{}<mark>{}</mark>{}", _visible(line[:start]), _visible(line[start:end]), _visible(line[end:])
    )


def _common(one: str, two: str) -> int:
    """How many characters both begin with."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two))
    )


def _visible(text: str) -> SafeString:
    parts: list[tuple[SafeString]] = []
    position = 0
    for blank in _INVISIBLE.finditer(text):
        signs = "".join(_SYMBOLS.get(char, f"\\x{ord(char):02x}") for char in blank[0])
        parts.append((format_html("{}<i>{}</i>", text[position : blank.start()], signs),))
        position = blank.end()
    parts.append((format_html("{}", text[position:]),))
    return format_html_join("", "{}", parts)


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LINE else line[:MAX_LINE] + "…"


@dataclass(frozen=True)
class Place:
    """Where words name a line of the program, from 1: `text[start:end]`. `said` is what that line of words goes on to
    say.
    """

    start: int
    end: int
    line: int
    column: int
    said: str


def places(text: str, source_file: str) -> Iterator[Place]:
    """Of compiler output, tracebacks and stack traces: `main.c:4:18: …`, `File "/box/script.py", line 4`."""
    name = re.escape(source_file)
    number = r"\d{1,9}"
    place = re.compile(
        rf"\b{name}:(?P<line>{number})(?::(?P<column>{number}))?(?P<rest>:[^\n]*)?"
        rf"|File \"[^\"\n]*\b{name}\", line (?P<python_line>{number})"
    )
    for found in place.finditer(text):
        rest = found["rest"] or ""
        yield Place(
            found.start(),
            found.end() - len(rest),
            int(found["line"] or found["python_line"]),
            int(found["column"] or 1),
            rest.strip(": "),
        )


def with_places(text: str, source_file: str) -> SafeString:
    """Compiler output or a traceback, its places in the program as links to the line (`#line-6`)."""
    parts: list[tuple[SafeString]] = []
    position = 0
    for place in places(text, source_file):
        before = text[position : place.start]
        parts.append((format_html("{}{}", before, _link(place, text[place.start : place.end])),))
        position = place.end
    parts.append((format_html("{}", text[position:]),))
    return format_html_join("", "{}", parts)


def _link(place: Place, named: str) -> SafeString:
    return format_html(
        '<a href="#line-{0}" data-line="{0}" data-column="{1}" data-kind="{2}" data-text="{3}">{4}</a>',
        place.line,
        place.column,
        "warning" if re.match(r"(warning|note)\b", place.said) else "error",
        place.said or "here",
        named,
    )
