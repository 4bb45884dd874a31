"""How much of a reference solution stands in a text, as it is or with other names.

Both are read as tokens (words and signs). Compared are rows of them: `ROW` tokens as they are, `ROW_OF_SHAPE` with
every name made the same. Rows that the learner's own texts have do not count, nor do a solution's comments. A text is
too like a solution that has at least `ENOUGH` of its rows, which is ten tokens, and the `SHARE` of them or `MANY`,
which is about four lines.

Measured on the samples' 25 solutions: hints as good ones are, with expressions such as `letters[::-1]`, have none of
the rows or up to 0.10 of them, the heart of a solution told as one expression up to 0.18, the two lines of it that
matter from 0.24 on, with other names from 0.28 on.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename

from execution import languages
from hints.disguises import plain
from questions.models import Question

ROW = 5
ROW_OF_SHAPE = 8
ENOUGH = 6
SHARE = 0.2
MANY = 40
SOURCE_CHARACTERS = 64 * 1024

TOKEN = re.compile(r"\w+|[^\w\s]")
_KEPT_LISTED = """
and break case class const continue def do done double echo elif else end fi float for fn foreach func function if
import in include int let long my new not or print printf public puts read return static string then until using var
vector void while with
"""
KEPT = frozenset(_KEPT_LISTED.split())
"""Words that stay as they are where names are made the same; all others are names."""


Rows = frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class _Solution:
    """The rows that only it has."""

    rows: Rows
    shapes: Rows

    def is_much_of(self, rows: Rows, shapes: Rows) -> bool:
        return _is_much(self.rows, rows, SHARE) or _is_much(self.shapes, shapes, SHARE)

    def is_touched_by(self, rows: Rows, shapes: Rows) -> bool:
        return not (self.rows.isdisjoint(rows) and self.shapes.isdisjoint(shapes))


class Solutions:
    """The reference solutions of a question, whatever their verdict: a wrong one is nearly right."""

    def __init__(self, question: Question | None, known: Iterable[str]) -> None:
        sources = (
            list(question.reference_solutions.values_list("language", "source"))
            if question is not None
            else []
        )
        rows, shapes = _rows("\n".join(known) if sources else "")
        self._solutions = [
            _Solution(its_rows - rows, its_shapes - shapes)
            for language, source in sources
            for its_rows, its_shapes in (_rows(_without_comments(language, source[:SOURCE_CHARACTERS])),)
        ]

    def are_told_in(self, reading: str) -> bool:
        """Is it much of one of them."""
        if not self._solutions:
            return False
        rows, shapes = _rows(reading)
        return any(one.is_much_of(rows, shapes) for one in self._solutions)

    def are_touched_in(self, reading: str, follows: str = "") -> bool:
        """Is a part of one of them, however small, in it, or does one begin there and go on in what follows."""
        if not self._solutions:
            return False
        tokens, more = TOKEN.findall(plain(reading)), TOKEN.findall(plain(follows))
        rows = _in_rows(tokens + more[: ROW - 1], ROW)
        shapes = _in_rows([_shape(token) for token in tokens + more[: ROW_OF_SHAPE - 1]], ROW_OF_SHAPE)
        return any(one.is_touched_by(rows, shapes) for one in self._solutions)


def _is_much(own: Rows, there: Rows, share: float) -> bool:
    found = len(own & there)
    return found >= ENOUGH and (found >= share * len(own) or found >= MANY)


def _rows(text: str) -> tuple[Rows, Rows]:
    tokens = TOKEN.findall(plain(text))
    return _in_rows(tokens, ROW), _in_rows([_shape(token) for token in tokens], ROW_OF_SHAPE)


def _in_rows(tokens: list[str], length: int) -> Rows:
    return frozenset(zip(*(tokens[start:] for start in range(length)), strict=False))


def _shape(token: str) -> str:
    return "v" if (token[0].isalpha() or token[0] == "_") and token not in KEPT else token


def _without_comments(language: str, source: str) -> str:
    lexer = _lexer(languages.get(language).source_file)
    if lexer is None:
        return source
    return "".join(text for kind, text in lexer().get_tokens(source) if not _is_comment(kind))


@lru_cache
def _lexer(name: str) -> type[Lexer] | None:
    """That of a file; looking for it takes long."""
    return find_lexer_class_for_filename(name)


def _is_comment(kind: tuple[str, ...]) -> bool:
    """Pygments takes `#include` for one, and it is none."""
    return kind[:1] == ("Comment",) and kind[1:2] not in (("Preproc",), ("PreprocFile",))
