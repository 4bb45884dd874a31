"""Comparing a program's output with the answer: is it right, and if not, what is different.

    check(checker, output, answer) -> None            it is right
                                   -> Difference      it is not: a class for everybody, a message for public cases

Bytes all through. Blanks are ASCII white space; letter case is that of ASCII letters. Time and memory are linear:
an output may have 64 MiB.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from itertools import chain, islice, starmap, zip_longest
from operator import eq

from execution.types import Checker, CheckerKind, Difference, DifferenceClass

BLOCK = 64 * 1024
QUOTED = 60
LONGEST_NUMBER = 400  # longer tokens are compared as text: no sensible number has so many digits

TOKEN = re.compile(rb"\S+")
BLANK = re.compile(rb"\s")

Equal = Callable[[bytes, bytes], bool]


def check(checker: Checker, output: bytes, answer: bytes) -> Difference | None:
    """None when the output is right by the checker's rule, else how it differs."""
    if output == answer:
        return None
    if not output.strip() and answer.strip():
        return Difference(DifferenceClass.NO_OUTPUT, "Nothing was printed, but something was expected.")
    same = _same_lines(output, answer)
    difference = _compare(checker, output[same:], answer[same:])
    return difference and _placed(difference, output.count(b"\n", 0, same))


def _compare(checker: Checker, output: bytes, answer: bytes) -> Difference | None:
    match checker.kind:
        case CheckerKind.EXACT:
            return _explain(output, answer, eq)
        case CheckerKind.TRAILING_WHITESPACE:
            same = all(starmap(eq, zip_longest(_lines(output), _lines(answer))))
            return None if same else _explain(output, answer, eq)
        case CheckerKind.TOKENS:
            return _compare_tokens(output, answer, eq)
        case CheckerKind.CASE_INSENSITIVE:
            return _compare_tokens(output, answer, _same_but_for_case)
        case CheckerKind.FLOATS:
            return _compare_tokens(output, answer, _Close(checker.absolute, checker.relative))
        case CheckerKind.UNORDERED_LINES:
            return _compare_unordered(output, answer)


def _same_lines(output: bytes, answer: bytes) -> int:
    """How many bytes at the start are whole lines that both have: no rule needs to look at these, and in large
    data they are nearly all.
    """
    end = 0
    while end < len(output) and output[end : end + BLOCK] == answer[end : end + BLOCK]:
        end += BLOCK
    return output.rfind(b"\n", 0, min(end, len(output), len(answer))) + 1


def _placed(difference: Difference, before: int) -> Difference:
    """With its place in the whole output, of which `before` lines were left out, in number and words."""
    line = difference.line + before if difference.line or before else 0
    where = (
        f"Line {line}, token {difference.token}: " if difference.token else f"Line {line}: " if line else ""
    )
    message = f"{where}{difference.message}."
    return replace(difference, line=line, message=message if where else message[0].upper() + message[1:])


# --- The rules -----------------------------------------------------------------------------------------------


def _same_but_for_case(left: bytes, right: bytes) -> bool:
    return left.lower() == right.lower()


class _Close:
    """Whether two tokens are the same number, give or take; what is no number is compared as text.

    nan is only close to nan, an infinity only to itself.
    """

    def __init__(self, absolute: float, relative: float) -> None:
        self.absolute = absolute
        self.relative = relative

    def __call__(self, output: bytes, answer: bytes) -> bool:
        if output == answer:
            return True
        found, expected = _number(output), _number(answer)
        if found is None or expected is None:
            return False
        if math.isfinite(found) and math.isfinite(expected):
            off = abs(found - expected)
            return off <= self.absolute or off <= self.relative * abs(expected)
        return found == expected or (math.isnan(found) and math.isnan(expected))


def _number(token: bytes) -> float | None:
    """The token's value; None where it is no decimal number, or too large to be told from infinity."""
    if len(token) > LONGEST_NUMBER or b"_" in token:
        return None
    try:
        value = float(token)
    except ValueError:
        return None
    if math.isinf(value) and b"n" not in token.lower():  # written in digits: 1e999
        return None
    return value


def _compare_tokens(output: bytes, answer: bytes, equal: Equal) -> Difference | None:
    if _first_difference(output, answer, equal) is None:
        return None
    return _explain(output, answer, equal)


def _compare_unordered(output: bytes, answer: bytes) -> Difference | None:
    """The same lines, each as often, in any order; trailing blanks and empty lines do not count."""
    found, expected = _bag(output), _bag(answer)
    surplus, missing = found - expected, expected - found
    if not surplus and not missing:
        return None
    if not surplus:
        line = next(line for line in _lines(answer) if line in missing)
        return Difference(DifferenceClass.TOO_SHORT, f"{_quote(line)} should follow, on a line of its own")
    at, line = next((at, line) for at, line in enumerate(_lines(output), 1) if line in surplus)
    if not missing:
        return Difference(DifferenceClass.TOO_LONG, f"{_quote(line)} is one line too many", at)
    if _bag(output, _tidy) == _bag(answer, _tidy):
        return Difference(DifferenceClass.WHITESPACE, "only blanks differ", at)
    if _bag(output, bytes.lower) == _bag(answer, bytes.lower):
        return Difference(DifferenceClass.LETTER_CASE, "only upper and lower case differ", at)
    return Difference(DifferenceClass.VALUE, f"{_quote(line)} is not among the expected lines", at)


# --- Explaining a difference ---------------------------------------------------------------------------------


def _explain(output: bytes, answer: bytes, equal: Equal) -> Difference:
    """How two texts differ that the rule does not take for the same; `equal` is the rule for two tokens."""
    position = _first_difference(output, answer, equal)
    if position is None:
        return _only_whitespace(output, answer)
    found, expected = _nth(output, position), _nth(answer, position)
    if found is None:
        return _too_short(output, expected)
    line, token = _place(output, found)
    if expected is None:
        message = f"the expected output ends here, but the output goes on with {_quote(found[0])}"
        return Difference(DifferenceClass.TOO_LONG, message, line, token)
    if _first_difference(output.lower(), answer.lower(), equal) is None:
        kind, remark = DifferenceClass.LETTER_CASE, "only upper and lower case differ: "
    elif _bag(output) == _bag(answer):
        kind, remark = DifferenceClass.ORDER, "the lines are right, but in another order: "
    elif isinstance(equal, _Close) and None not in (_number(found[0]), _number(expected[0])):
        kind, remark = DifferenceClass.PRECISION, "outside the tolerance: "
    else:
        kind, remark = DifferenceClass.VALUE, ""
    message = f"{remark}expected {_quote(expected[0])}, got {_quote(found[0])}"
    return Difference(kind, message, line, token)


def _too_short(output: bytes, expected: re.Match[bytes] | None) -> Difference:
    line = output.rstrip().count(b"\n") + 1 if output.strip() else 0
    following = _quote(expected[0]) if expected else "more"
    return Difference(
        DifferenceClass.TOO_SHORT, f"the output ends; it is right so far, but {following} should follow", line
    )


def _only_whitespace(output: bytes, answer: bytes) -> Difference:
    """The tokens are the same, the texts are not."""
    kind = DifferenceClass.WHITESPACE
    if output.replace(b"\r\n", b"\n") == answer.replace(b"\r\n", b"\n"):
        message = "only line ends differ, CRLF in one place and LF in the other"
        return Difference(kind, message, _first_line(output, answer, bytes))
    if line := _first_line(output.rstrip(), answer.rstrip(), bytes.rstrip):
        return Difference(kind, "only blanks differ", line)
    return Difference(kind, "only trailing whitespace differs", _first_line(output, answer, bytes))


def _first_line(output: bytes, answer: bytes, form: Callable[[bytes], bytes]) -> int:
    """The first line whose `form` differs, from 1; 0 if none does."""
    pairs = zip_longest(BytesIO(output), BytesIO(answer), fillvalue=b"")
    return next((at for at, (left, right) in enumerate(pairs, 1) if form(left) != form(right)), 0)


# --- Reading text --------------------------------------------------------------------------------------------


def _tokens(data: bytes) -> Iterator[bytes]:
    return chain.from_iterable(map(bytes.split, _blocks(data)))


def _blocks(data: bytes) -> Iterator[bytes]:
    """The data in pieces that end at a blank, so that millions of tokens need not exist at once."""
    start = 0
    while start < len(data):
        blank = BLANK.search(data, start + BLOCK)
        end = blank.end() if blank else len(data)
        yield data[start:end]
        start = end


def _lines(data: bytes) -> Iterator[bytes]:
    """Without trailing blanks, and without the empty lines at the end."""
    return map(bytes.rstrip, BytesIO(data.rstrip()))


def _bag(data: bytes, form: Callable[[bytes], bytes] = bytes) -> Counter[bytes]:
    """How often each line occurs, in a form; empty lines do not count."""
    return Counter(map(form, filter(None, _lines(data))))


def _tidy(line: bytes) -> bytes:
    return b" ".join(line.split())


def _first_difference(output: bytes, answer: bytes, equal: Equal) -> int | None:
    """The number, from 0, of the first token that differs or that only one of them has."""
    pairs = zip_longest(_tokens(output), _tokens(answer))
    if equal is eq:
        return next((n for n, (left, right) in enumerate(pairs) if left != right), None)
    for n, (left, right) in enumerate(pairs):
        if left != right and (left is None or right is None or not equal(left, right)):
            return n
    return None


def _nth(data: bytes, position: int) -> re.Match[bytes] | None:
    return next(islice(TOKEN.finditer(data), position, None), None)


def _place(data: bytes, token: re.Match[bytes]) -> tuple[int, int]:
    """Line, and token on that line, both from 1."""
    start = data.rfind(b"\n", 0, token.start()) + 1
    return data.count(b"\n", 0, start) + 1, len(data[start : token.start()].split()) + 1


def _quote(data: bytes) -> str:
    """For people: cut, and what cannot be printed is shown as an escape."""
    text = data[: 4 * QUOTED].decode(errors="backslashreplace")
    cut = text if len(text) <= QUOTED else text[:QUOTED] + "…"
    return f"“{''.join(c if c.isprintable() else repr(c)[1:-1] for c in cut)}”"
