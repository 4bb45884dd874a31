"""Comparing a program's output with the answer: is it right, and if not, what is different.

    check(checker, output, answer) -> None            it is right
                                   -> Difference      it is not: a class for everybody, a message for public cases

Bytes all through. Blanks are ASCII white space; letter case is that of ASCII letters. Time and memory are linear:
an output may have 64 MiB. What an author's own program says is not known here: see `checker_programs`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import chain, islice, starmap, zip_longest
from operator import eq

from execution.types import Checker, CheckerKind, Difference, DifferenceClass

BLOCK = 64 * 1024
QUOTED = 60
LONGEST_NUMBER = 10_000  # longer tokens are compared as text: no sensible number has so many digits

TOKEN = re.compile(rb"\S+")
BLANK = re.compile(rb"\s")
PIECE = re.compile(rb"\s+|\S+")
HEXADECIMAL = re.compile(rb"[+-]?0[xX]")
COUNTS = {
    DifferenceClass.WHITESPACE: "; blanks and line ends count here",
    DifferenceClass.LETTER_CASE: "; letter case counts here",
}
LINES_COUNT = COUNTS | {DifferenceClass.WHITESPACE: "; where lines end counts here"}
LINE_END = b"\n"
VISIBLE = str.maketrans({" ": "·", "\t": "→", "\r": "␍", "\n": "↵"})

Equal = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class Strictness:
    """What the arguments of KATTIS come to; a tolerance that is not given is None."""

    case_sensitive: bool = False
    space_change_sensitive: bool = False
    absolute: float | None = None
    relative: float | None = None


def strictness(arguments: Sequence[str]) -> Strictness:
    """By the words of Kattis's default output validator (problem package format, “Default output validator
    specification”). Raises ValueError, which names the argument that is wrong, unknown, or there twice.
    """
    found: dict[str, float] = {}
    words = iter(arguments)
    for word in words:
        if word in found:
            raise ValueError(f"The checker's argument {_shown(word)} is there twice.")
        if word in ("case_sensitive", "space_change_sensitive"):
            found[word] = 1
        elif word in ("float_tolerance", "float_absolute_tolerance", "float_relative_tolerance"):
            found[word] = _tolerance(word, next(words, None))
        else:
            raise ValueError(f"The checker knows no argument {_shown(word)}.")
    both = found.pop("float_tolerance", None)
    absolute, relative = (found.get(f"float_{sort}_tolerance") for sort in ("absolute", "relative"))
    if both is not None and (absolute, relative) != (None, None):
        raise ValueError("The checker's argument float_tolerance is there beside another tolerance.")
    return Strictness(
        "case_sensitive" in found,
        "space_change_sensitive" in found,
        both if absolute is None else absolute,
        both if relative is None else relative,
    )


def _tolerance(word: str, value: str | None) -> float:
    if value is None:
        raise ValueError(f"The checker's argument {word} needs a number after it.")
    number = _kattis_number(value.encode(errors="replace"))
    if number is None or number < 0:
        raise ValueError(f"The checker's argument {word} needs a number after it, not {_shown(value)}.")
    return number


def _shown(word: str) -> str:
    return f"{word!a:.60}"


def check(checker: Checker, output: bytes, answer: bytes) -> Difference | None:
    """None when the output is right by the checker's rule, else how it differs.

    Raises ValueError where the arguments of KATTIS are none.
    """
    if output == answer:
        return None
    if not output.strip() and answer.strip():
        return Difference(DifferenceClass.NO_OUTPUT, "Nothing was printed, but something was expected.")
    same = _same_lines(output, answer)
    difference = _compare(checker, output[same:], answer[same:])
    counts = LINES_COUNT if checker.kind in (CheckerKind.LINES, CheckerKind.FLOAT_LINES) else COUNTS
    return difference and _placed(difference, output.count(b"\n", 0, same), counts)


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
        case CheckerKind.LINES:
            return _compare_by_lines(output, answer, eq)
        case CheckerKind.FLOAT_LINES:
            return _compare_by_lines(output, answer, _Close(checker.absolute, checker.relative))
        case CheckerKind.UNORDERED_LINES:
            return _compare_unordered(output, answer)
        case CheckerKind.KATTIS:
            return _compare_kattis(strictness(checker.arguments), output, answer)
        case CheckerKind.PROGRAM:
            raise ValueError("An author's checker is a program to be run.")


def _same_lines(output: bytes, answer: bytes) -> int:
    """How many bytes at the start are whole lines that both have: no rule needs to look at these, and in large
    data they are nearly all.
    """
    end = 0
    while end < len(output) and output[end : end + BLOCK] == answer[end : end + BLOCK]:
        end += BLOCK
    return output.rfind(b"\n", 0, min(end, len(output), len(answer))) + 1


def _placed(difference: Difference, before: int, counts: Mapping[DifferenceClass, str]) -> Difference:
    """With its place in the whole output, of which `before` lines were left out, in number and words; `counts` tells
    what matters here of what else might not.
    """
    line = difference.line + before if difference.line or before else 0
    where = (
        f"Line {line}, token {difference.token}: " if difference.token else f"Line {line}: " if line else ""
    )
    message = f"{where}{difference.message}{counts.get(difference.kind, '')}."
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

    def remark(self, output: bytes, answer: bytes) -> str:
        """By how much two numbers differ that are not close; empty where they are none."""
        return _errors(_number(output), _number(answer), self.absolute, self.relative)


class _Kattis:
    """Whether two tokens are the same to Kattis's default output validator.

    A number in the answer asks for a number, wherever a tolerance is given; nan and infinities are words.
    """

    def __init__(self, strict: Strictness) -> None:
        self.strict = strict
        self.has_tolerance = (strict.absolute, strict.relative) != (None, None)
        self.close = _Close(
            -1.0 if strict.absolute is None else strict.absolute,
            -1.0 if strict.relative is None else strict.relative,
        )

    def __call__(self, output: bytes, answer: bytes) -> bool:
        if output == answer:
            return True
        if self.has_tolerance and (expected := _kattis_number(answer)) is not None:
            found = _kattis_number(output)
            if found is None:
                return False
            off = abs(found - expected)
            return off <= self.close.absolute or off <= self.close.relative * abs(expected)
        return not self.strict.case_sensitive and _same_but_for_case(output, answer)

    def remark(self, output: bytes, answer: bytes) -> str:
        if not self.has_tolerance:
            return ""
        strict = self.strict
        return _errors(_kattis_number(output), _kattis_number(answer), strict.absolute, strict.relative)


def _errors(
    found: float | None, expected: float | None, absolute: float | None, relative: float | None
) -> str:
    """`absolute error 0.1 (at most 1e-06), relative error 0.05 (at most 1e-06)`, as far as it makes sense."""
    if found is None or expected is None or not (math.isfinite(found) and math.isfinite(expected)):
        return ""
    off = abs(found - expected)
    said = [f"absolute error {off:.6g}" + (f" (at most {absolute:g})" if absolute is not None else "")]
    if expected:
        share = off / abs(expected)
        said.append(
            f"relative error {share:.6g}" + (f" (at most {relative:g})" if relative is not None else "")
        )
    return ", ".join(said)


def _kattis_number(token: bytes) -> float | None:
    """A finite number as C reads it, hexadecimal ones too (IEEE 754-2008's character sequences)."""
    if HEXADECIMAL.match(token):
        return _hexadecimal(token)
    value = _number(token)
    return value if value is not None and math.isfinite(value) else None


def _hexadecimal(token: bytes) -> float | None:
    if len(token) > LONGEST_NUMBER or b"_" in token:
        return None
    try:
        return float.fromhex(token.decode("ascii", "replace"))
    except (ValueError, OverflowError):
        return None


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


def _compare_by_lines(output: bytes, answer: bytes, equal: Equal) -> Difference | None:
    """The same tokens on the same lines; empty lines and blanks between tokens do not count."""
    tokens = 0
    for left, right in zip_longest(_tokens_and_line_ends(output), _tokens_and_line_ends(answer)):
        if left != right and (left is None or right is None or not _same_on_lines(left, right, equal)):
            break
        tokens += left != LINE_END
    else:
        return None
    found = _nth(output, tokens)
    if found is None or _first_difference(output, answer, equal) is not None:
        return _explain(output, answer, equal)
    message = "the words are right, but the lines end elsewhere"
    return Difference(DifferenceClass.WHITESPACE, message, *_place(output, found))


def _same_on_lines(left: bytes, right: bytes, equal: Equal) -> bool:
    return LINE_END not in (left, right) and equal(left, right)


def _compare_kattis(strict: Strictness, output: bytes, answer: bytes) -> Difference | None:
    equal = _Kattis(strict)
    if not strict.space_change_sensitive:
        return _compare_tokens(output, answer, equal)
    pairs = zip_longest(_pieces(output), _pieces(answer), fillvalue=b"")
    if all(left == right or (not _is_blank(left + right) and equal(left, right)) for left, right in pairs):
        return None
    return _explain(output, answer, equal)


def _pieces(data: bytes) -> Iterator[bytes]:
    """Tokens, and the blanks between them."""
    return (piece[0] for piece in PIECE.finditer(data))


def _is_blank(pieces: bytes) -> bool:
    """Whether one of the two is white space, or missing."""
    return pieces[:1].isspace() or pieces[-1:].isspace()


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
    elif isinstance(equal, _Close | _Kattis) and (errors := equal.remark(found[0], expected[0])):
        kind, remark = DifferenceClass.PRECISION, "outside the tolerance: "
    else:
        kind, remark = DifferenceClass.VALUE, ""
    message = f"{remark}expected {_quote(expected[0])}, got {_quote(found[0])}"
    if kind is DifferenceClass.PRECISION:
        message = f"{message}; {errors}"
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


def _tokens_and_line_ends(data: bytes) -> Iterator[bytes]:
    """Tokens, with one LINE_END between those that are not on the same line."""
    has_begun = has_ended = False
    for block in _blocks(data):
        for number, line in enumerate(block.replace(b"\r", LINE_END).split(LINE_END)):
            has_ended |= number > 0
            if words := line.split():
                if has_begun and has_ended:
                    yield LINE_END
                yield from words
                has_begun, has_ended = True, False


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
    """For people: cut, blanks visible, and what cannot be printed as an escape."""
    text = data[: 4 * QUOTED].decode(errors="backslashreplace")
    cut = (text if len(text) <= QUOTED else text[:QUOTED] + "…").translate(VISIBLE)
    return f"“{''.join(c if c.isprintable() else repr(c)[1:-1] for c in cut)}”"
