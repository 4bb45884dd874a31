"""What may be shown of what a language model has written: no program, no solution, no hidden data.

    text ─▶ all that it may say (`disguises`) ─▶ lines of program       more than LINES      (`code_lines`)
                                              ├▶ reference solutions    much of one          (`likeness`)
                                              └▶ hidden cases           anything of them     (`hidden_data`)

It looks at text and at data that the model never had; it does not know what was asked, so nothing in the question can
talk it into anything. A paraphrase, or a cipher that is not among the disguises, it cannot tell: that hidden data does
not leak rests on its never being sent, and the guard is the second lock.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice

from hints.code_lines import code_lines, known_lines
from hints.disguises import decoded, plain, readings, unescaped
from hints.hidden_data import WORD, HiddenData, weight
from hints.likeness import ROW_OF_SHAPE, TOKEN, Solutions
from questions.models import Question

LINES = 3
TEXT_CHARACTERS = 64 * 1024
ENDS_TRIED = 3

SENTENCE = re.compile(r"(?:[.!?][\"')»”]?(?=\s)|[。！？]|\n)")
LAST_WORD = re.compile(r"\S*\Z")


class Reason(StrEnum):
    CODE = "code"  # more than three lines of program
    SOLUTION = "solution"  # much of a reference solution
    HIDDEN = "hidden"  # something of a hidden case


class Refused(Exception):
    """The text may not be shown. Nothing of it is in the message."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"it was refused: {reason}")
        self.reason = reason


class Guard:
    """For answers about one question, or none. `known` are texts that the learner has: they are no secret.

    What the question shows to everybody is known without being told: statement, starter code, public cases. All data
    is read when the guard is made.
    """

    def __init__(self, question: Question | None, known: tuple[str, ...]) -> None:
        self._own = known_lines(known)
        shown = (*known, *_shown(question)) if question else known
        self._solutions = Solutions(question, shown)
        self._hidden = HiddenData(question, shown)

    def check(self, text: str) -> None:
        """Raises Refused; also for what is too long to be an answer."""
        if len(text) > TEXT_CHARACTERS:
            raise Refused(Reason.CODE)
        said = list(readings(text))
        if any(self._hidden.is_told_in(reading) for reading in said):
            raise Refused(Reason.HIDDEN)
        if any(self._solutions.are_told_in(reading) for reading in said):
            raise Refused(Reason.SOLUTION)
        if any(code_lines(one, self._own) > LINES for one in (text, *decoded(text))):
            raise Refused(Reason.CODE)

    def safe_length(self, text: str, before: int = 0) -> int:
        """How many characters at the start of a text that is still being written may be shown already.

        They end with a sentence, and nothing that may follow can make them a part of what would be refused, but for
        the number of lines of code. It is `before`, what was found safe when the text was shorter, where no more can
        be. Raises Refused where there is too much already.
        """
        # A word that is still being written may become another one.
        written = text[: LAST_WORD.search(text).start()]  # type: ignore[union-attr]  # it matches nothing, too
        self.check(written)
        ends = islice(self._ends(written, before), ENDS_TRIED)
        return next((end for end in ends if self._is_safe(written, end)), before)

    def _ends(self, written: str, before: int) -> Iterator[int]:
        """Of sentences, the last one first; after each there is all that could begin before it and go on after it."""
        tokens, said, meant, last = 0, 0.0, 0.0, len(written)
        for end in reversed([found.end() for found in SENTENCE.finditer(written, before)]):
            sentence, last = written[end:last], end
            tokens += len(TOKEN.findall(sentence))
            said += _least_weight(sentence)
            meant += _least_weight(unescaped(sentence))
            if tokens >= ROW_OF_SHAPE and min(said, meant) >= self._hidden.bits:
                yield end

    def _is_safe(self, written: str, end: int) -> bool:
        begun, rest = written[:end], written[end:]
        if begun.count("`") % 2 or self._solutions.are_touched_in(begun, rest):
            return False
        return not any(self._solutions.are_touched_in(reading) for reading in readings(begun))


def _least_weight(text: str) -> float:
    """In whatever reading: what is short may be one letter of a word that is spaced out or encoded."""
    return sum(weight(word) for word in WORD.findall(plain(text)) if len(word) > 2)


def _shown(question: Question) -> list[str]:
    starters = question.starter_codes.values_list("source", flat=True)
    groups = question.testcases.values_list("group", flat=True)
    return [
        question.title,
        question.summary,
        question.statement,
        *starters,
        *set(groups),
    ]
