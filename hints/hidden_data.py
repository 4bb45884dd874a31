"""Whether a text tells something of hidden cases: their inputs, answers and notes, and what solutions are called.

The text's letters and digits are looked for in the data's, so neither case, blanks, commas nor quotes hide anything.
What is looked for starts at each word of the text and is as short as can be no coincidence: some `BITS` of it, more
where there is more data in which anything can be found. Roughly that is one number of seven digits, a row of short
numbers that have seven together, a word of ten letters, six letters and digits mixed, or five words in a row; any
part of a longer word too. What the learner has is no secret, nor are the numbers that every programmer knows.

Of each input and answer the first `BLOB_BYTES` are looked at, of all together `TOTAL_BYTES`, small ones first. What
lies beyond is not compared with anything: it was never sent to anybody who could repeat it.
"""

import math
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from django.db.models import QuerySet

from hints.disguises import plain
from questions.models import Blob, Question, TestCase

BITS = 20.0
BITS_ABOVE_SIZE = 7.0  # of a hundred and more such texts, one is found by chance
BLOB_BYTES = 256 * 1024
TOTAL_BYTES = 8 * 1024 * 1024

WORD = re.compile(r"[^\W_]+")
NO_WORD = re.compile(r"[\W_]+")
LONG_WORD = 10
FAMOUS = frozenset(
    str(number + change)
    for power in (7, 8, 15, 16, 31, 32, 53, 63, 64)
    for number in (2**power,)
    for change in (-1, 0, 1)
) | {"998244353", "1000000007", "123456789", "1234567890", "3141592653", "314159", "2718281828"}

_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalnum())


class HiddenData:
    """Of one question, or of none; `known` are texts that the learner has. Read once, when it is made."""

    def __init__(self, question: Question | None, known: Iterable[str]) -> None:
        self._hidden = _joined([] if question is None else _hidden_of(question))
        public = [] if question is None or not self._hidden else _public_of(question)
        self._known = _joined([*public, *(text.encode(errors="replace") for text in known)])
        self._harmless: set[str] = set()
        self.bits = max(BITS, math.log2(len(self._hidden) + 1) + BITS_ABOVE_SIZE)
        """What it takes to be no coincidence."""

    def is_told_in(self, reading: str) -> bool:
        """What was found harmless is not looked for again: a text that grows costs what is new in it."""
        if not self._hidden:
            return False
        return any(self._is_secret(piece) for piece in pieces(plain(reading), self.bits))

    def _is_secret(self, piece: str) -> bool:
        if piece in self._harmless:
            return False
        sought = piece.encode(errors="replace")
        if sought in self._hidden and sought not in self._known:
            return True
        self._harmless.add(piece)
        return False


def pieces(text: str, bits: float) -> Iterator[str]:
    """The shortest rows of words, drawn together, that are no coincidence, one from each word that starts one."""
    words = WORD.findall(text)
    weights = [weight(word) for word in words]
    for start, word in enumerate(words):
        if weights[start] >= bits:
            size = math.ceil(len(word) * bits / weights[start])
            yield from (word[place : place + size] for place in range(len(word) - size + 1))
            continue
        total = 0.0
        for end in range(start, len(words)):
            total += weights[end]
            if total >= bits:
                yield "".join(words[start : end + 1])
                break


def weight(word: str) -> float:
    """How many bits one would need to guess it, roughly; equal characters in a row count once."""
    if word in FAMOUS:
        return 0.0
    changes = sum(1 for _ in groupby(word))
    if word.isdecimal():
        return 3.3 * changes
    if not word.isalpha():
        return 3.5 * changes
    return 2.0 * changes if changes >= LONG_WORD else min(changes, 4.0)


def _hidden_of(question: Question) -> list[bytes]:
    cases = question.testcases.exclude(pk__in=question.testcases.shown())
    names = question.reference_solutions.values_list("name", flat=True)
    return [*_data_of(cases), *(name.encode() for name in names)]


def _public_of(question: Question) -> list[bytes]:
    return _data_of(question.testcases.shown())


def _data_of(cases: QuerySet[TestCase]) -> list[bytes]:
    """Their notes, inputs and answers."""
    rows = list(cases.values_list("input_id", "input__size", "answer_id", "answer__size", "note"))
    sizes = {blob: size for row in rows for blob, size in (row[:2], row[2:4])}
    notes = [row[4].encode() for row in rows if row[4]]
    return [*notes, *_beginnings(sizes).values()]


def _beginnings(sizes: dict[str, int]) -> dict[str, bytes]:
    """Of blobs by their hashes and sizes, the small ones first, as far as there is room."""
    chosen, room = [], TOTAL_BYTES
    for sha256, size in sorted(sizes.items(), key=lambda item: item[1]):
        room -= min(size, BLOB_BYTES)
        if room < 0:
            break
        chosen.append(sha256)
    return Blob.objects.beginnings(chosen, BLOB_BYTES)


def _joined(texts: Iterable[bytes]) -> bytes:
    return b"\n".join(map(_drawn_together, texts))


def _drawn_together(data: bytes) -> bytes:
    """Its letters and digits only."""
    if data.isascii():
        return data.translate(_LOWER, _NO_LETTERS)
    return NO_WORD.sub("", plain(data.decode(errors="replace"))).encode(errors="replace")
