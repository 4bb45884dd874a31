"""Comparing outputs with answers: each rule, what is said of a difference, and that large data is no trouble."""

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.checkers import Strictness, check, strictness
from execution.types import Checker, CheckerKind, DifferenceClass

EXACT, TRAILING, TOKENS, CASELESS, UNORDERED = (
    Checker(kind)
    for kind in (
        CheckerKind.EXACT,
        CheckerKind.TRAILING_WHITESPACE,
        CheckerKind.TOKENS,
        CheckerKind.CASE_INSENSITIVE,
        CheckerKind.UNORDERED_LINES,
    )
)
LINES = Checker(CheckerKind.LINES)
FLOATS, FLOAT_LINES = (
    Checker(kind, absolute=1e-6, relative=1e-6) for kind in (CheckerKind.FLOATS, CheckerKind.FLOAT_LINES)
)
ALL = [EXACT, TRAILING, TOKENS, CASELESS, FLOATS, LINES, FLOAT_LINES, UNORDERED, Checker(CheckerKind.KATTIS)]
STRICT = Checker(CheckerKind.KATTIS, arguments=("space_change_sensitive", "float_tolerance", "1e-6"))
GOLDEN = Path(__file__).parent / "golden"


def said(checker, output, answer):
    difference = check(checker, output, answer)
    assert difference
    return difference


# --- The rules -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checker", "output", "answer", "is_right"),
    [
        (EXACT, b"1\n", b"1\n", True),
        (EXACT, b"1", b"1\n", False),
        (EXACT, b"1\r\n", b"1\n", False),
        (TRAILING, b"1", b"1\n", True),
        (TRAILING, b"1  \n2\t\r\n\n\n", b"1\n2", True),
        (TRAILING, b" 1\n", b"1\n", False),
        (TRAILING, b"1\n\n2\n", b"1\n2\n", False),
        (TRAILING, b"1  2\n", b"1 2\n", False),
        (TRAILING, b"\n \n", b"", True),
        (TOKENS, b" 1\r\n\n 2\t3 ", b"1 2 3\n", True),
        (TOKENS, b"12", b"1 2", False),
        (TOKENS, b"Yes", b"yes", False),
        (TOKENS, b"1.0", b"1", False),
        (TOKENS, b"1 2", b"1 2 3", False),
        (TOKENS, b"1 2 3", b"1 2", False),
        (TOKENS, b"", b" \n", True),
        (CASELESS, b"YES no\n", b"yes  NO", True),
        (CASELESS, b"yes", b"no", False),
        (CASELESS, "É".encode(), "é".encode(), False),  # ASCII letters only
        (LINES, b"\n\n 1   2\t\r\n \n3\n\n\n", b"1 2\n3", True),
        (LINES, b"1\r2", b"1\n2\n", True),
        (LINES, b"1 2 3\n", b"1\n2\n3\n", False),
        (LINES, b"1\n2 3\n", b"1 2\n3\n", False),
        (LINES, b"1 2", b"1 2\n3", False),
        (LINES, b"1\n2\n3", b"1\n2", False),
        (LINES, b"Yes", b"yes", False),
        (LINES, b"1.0", b"1", False),
        (LINES, b"12", b"1 2", False),
        (LINES, b" \n", b"", True),
        (FLOAT_LINES, b"1.0000001  x\n\n2\n", b"1 x\n2.0", True),
        (FLOAT_LINES, b"1.0 2.0\n", b"1\n2\n", False),
        (FLOAT_LINES, b"1\n2\n", b"1 2\n", False),
        (FLOAT_LINES, b"1.1\n2\n", b"1\n2\n", False),
        (FLOAT_LINES, b"x\n1", b"1\nx", False),
        (FLOATS, b"1.0000001 x\n", b"1 x", True),
        (FLOATS, b"1.00001", b"1", False),
        (FLOATS, b"1000000.5", b"1000000", True),  # relative
        (FLOATS, b"0.0000005", b"0", True),  # absolute
        (FLOATS, b"-0", b"0.0", True),
        (FLOATS, b"1e3 .5 +2 5.", b"1000 0.5 2 5", True),
        (FLOATS, b"x", b"y", False),
        (FLOATS, b"1", b"x", False),
        (FLOATS, b"1 2", b"1", False),
        (FLOATS, b"nan NaN", b"nan nan", True),
        (FLOATS, b"nan", b"1", False),
        (FLOATS, b"1", b"nan", False),
        (FLOATS, b"inf -Infinity", b"Infinity -inf", True),
        (FLOATS, b"-inf", b"inf", False),
        (FLOATS, b"1e308", b"inf", False),
        (FLOATS, b"inf", b"1", False),
        (FLOATS, b"1e999", b"1e998", False),  # too large for a number, and different as text
        (FLOATS, b"1e999", b"inf", False),
        (FLOATS, b"1_0", b"10", False),
        (FLOATS, b"0x10", b"16", False),
        (UNORDERED, b"2\n1 \n\n", b"1\n2", True),
        (UNORDERED, b"1\n1\n2", b"1\n2\n2", False),
        (UNORDERED, b"1 2", b"2 1", False),
        (UNORDERED, b"", b"\n\n", True),
    ],
)
def test_what_each_rule_takes_for_right(checker, output, answer, is_right):
    assert (check(checker, output, answer) is None) is is_right


def test_either_tolerance_suffices():
    absolute = Checker(CheckerKind.FLOATS, absolute=0.5)
    relative = Checker(CheckerKind.FLOATS, relative=0.5)

    assert check(absolute, b"0.5 1000", b"0 1000.5") is None
    assert check(relative, b"1500", b"1000") is None
    assert check(absolute, b"1500", b"1000")
    assert check(relative, b"0.5", b"0")


@pytest.mark.parametrize(
    ("arguments", "output", "answer", "is_right"),
    [
        ("", b" YES\v1\r\n", b"yes\f\n1", True),
        ("", b"1.0", b"1", False),
        ("", b"yes\xa0", b"yes", False),  # a blank is one of six bytes
        ("", "É".encode(), "é".encode(), False),  # letters are ASCII's
        ("", b"1 2", b"1", False),
        ("", b"", b"\n", True),
        ("case_sensitive", b"Yes", b"yes", False),
        ("case_sensitive", b" yes\n\n", b"yes", True),
        ("space_change_sensitive", b"a  b", b"a b", False),
        ("space_change_sensitive", b"a\tb", b"a b", False),
        ("space_change_sensitive", b"A b\n", b"a B\n", True),
        ("space_change_sensitive", b"a b", b"a b\n", False),
        ("space_change_sensitive", b" a", b"a", False),
        ("space_change_sensitive", b"\n", b"", False),
        ("float_tolerance 1e-6", b"0.0314", b"3.14e-2", True),
        ("float_tolerance 1e-6", b"0.00000099", b"0", True),
        ("float_tolerance 1e-6", b"1000000.5", b"1000000", True),
        ("float_tolerance 1e-6", b"1.00001", b"1", False),
        ("float_tolerance 0", b"1.0", b"1", True),
        ("float_absolute_tolerance 0.5", b"1000000.6", b"1000000", False),
        ("float_relative_tolerance 0.5", b"0.1", b"0", False),
        ("float_absolute_tolerance 0.1 float_relative_tolerance 0.1", b"109", b"100", True),
        ("float_tolerance 1", b"+0x1p3 .5 5. -0", b"8 0.5 5 0", True),
        ("float_tolerance 1", b"ABC 1,5", b"abc 1,5", True),  # no numbers
        ("float_tolerance 1 case_sensitive", b"ABC", b"abc", False),
        ("float_tolerance 1", b"one", b"1", False),
        ("float_tolerance 1", b"1", b"one", False),
        ("float_tolerance 1", b"INF nan", b"inf NaN", True),  # words
        ("float_tolerance 1", b"1e999", b"inf", False),
        ("float_tolerance 1", b"nan", b"1", False),
        ("float_tolerance 1", b"1", b"nan", False),
        ("float_tolerance 1", b"1e999", b"1e998", False),  # words, too: no double has room for them
        ("float_tolerance 1", b"1_0", b"10", False),
        ("float_tolerance 1", b"1.5f", b"1.5", False),
        ("float_tolerance 1", b"1." + b"0" * 2000, b"1", True),
        ("float_tolerance 0.5 space_change_sensitive", b"1.2  2", b"1 2", False),
        ("float_tolerance 0.5 space_change_sensitive", b"1.2 2", b"1 2", True),
    ],
)
def test_kattis_default_output_validator_is_followed_to_the_byte(arguments, output, answer, is_right):
    """As the problem package format has it, and as its own program was seen to judge thousands of random pairs. The
    one difference: to that program `1e` is a number.
    """
    checker = Checker(CheckerKind.KATTIS, arguments=tuple(arguments.split()))

    assert (check(checker, output, answer) is None) is is_right


def test_a_pair_whose_common_beginning_is_long_is_compared_by_the_same_rule():
    same = b"1.0 x\n" * 50_000

    assert check(STRICT, same + b"1.0000001 Y\n", same + b"1 y\n") is None
    assert said(STRICT, same + b"1  y\n", same + b"1 y\n").line == 50_001


def test_arguments_of_kattis_are_read_in_any_order():
    words = "float_absolute_tolerance 0.5 case_sensitive float_relative_tolerance 1e-9 space_change_sensitive"

    assert strictness(words.split()) == Strictness(True, True, 0.5, 1e-9)
    assert strictness([]) == Strictness()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("exact", "'exact'"),
        ("float_tolerance", "float_tolerance needs a number"),
        ("float_tolerance 1e-6x", "'1e-6x'"),
        ("float_tolerance -1", "'-1'"),
        ("float_tolerance nan", "'nan'"),
        ("float_tolerance inf", "'inf'"),
        ("case_sensitive case_sensitive", "'case_sensitive' is there twice"),
        ("float_tolerance 1 float_tolerance 1", "'float_tolerance' is there twice"),
        ("float_tolerance 1 float_absolute_tolerance 1", "beside another tolerance"),
        ("float_relative_tolerance 1 float_tolerance 1", "beside another tolerance"),
    ],
)
def test_an_argument_of_kattis_that_is_wrong_is_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        strictness(arguments.split())


def compared_by_judge0():
    recorded = json.loads((GOLDEN / "compare.json").read_text())["comparisons"]
    return [pytest.param(one, id=one["id"]) for one in recorded]


@pytest.mark.parametrize("recorded", compared_by_judge0())
def test_trailing_whitespace_is_the_rule_that_judge0_itself_was_seen_to_follow(recorded):
    """But for two oddities: to Judge0 no output equals nothing, and NUL is a blank."""
    output, answer = (base64.b64decode(recorded[name] or "") for name in ("stdout", "expected_output"))
    is_odd = recorded["stdout"] is None or b"\0" in output
    judge0_accepts = recorded["status"] == 3

    assert (check(TRAILING, output, answer) is None) is (judge0_accepts is not is_odd)


# --- What is said of a difference ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checker", "output", "answer", "kind", "line", "token"),
    [
        (TOKENS, b"", b"1", DifferenceClass.NO_OUTPUT, 0, 0),
        (EXACT, b"\n", b"1", DifferenceClass.NO_OUTPUT, 0, 0),
        (UNORDERED, b"", b"1", DifferenceClass.NO_OUTPUT, 0, 0),
        (TOKENS, b"1 2\n3 5 4\n", b"1 2\n3 4 5\n", DifferenceClass.VALUE, 2, 2),
        (TOKENS, b"1\n2\n", b"1\n2\n3\n", DifferenceClass.TOO_SHORT, 2, 0),
        (TOKENS, b"1\n2\n3 4", b"1\n2\n3", DifferenceClass.TOO_LONG, 3, 2),
        (TOKENS, b"hello", b"", DifferenceClass.TOO_LONG, 1, 1),
        (TOKENS, b"1 YES", b"1 yes", DifferenceClass.LETTER_CASE, 1, 2),
        (TOKENS, b"2\n1\n", b"1\n2\n", DifferenceClass.ORDER, 1, 1),
        (FLOATS, b"1 2.5", b"1 2.4", DifferenceClass.PRECISION, 1, 2),
        (FLOATS, b"YES", b"yes", DifferenceClass.LETTER_CASE, 1, 1),
        (FLOATS, b"one", b"1", DifferenceClass.VALUE, 1, 1),
        (EXACT, b"1\r\n2\r\n", b"1\n2\n", DifferenceClass.WHITESPACE, 1, 0),
        (EXACT, b"1\n2 \n", b"1\n2\n", DifferenceClass.WHITESPACE, 2, 0),
        (EXACT, b"1\n2", b"1\n2\n", DifferenceClass.WHITESPACE, 2, 0),
        (EXACT, b"", b"\n", DifferenceClass.WHITESPACE, 1, 0),
        (TRAILING, b"1\n2  3\n", b"1\n2 3\n", DifferenceClass.WHITESPACE, 2, 0),
        (TRAILING, b"1\n\n2\n", b"1\n2\n", DifferenceClass.WHITESPACE, 2, 0),
        (LINES, b"1\n2  3\n", b"1\n2\n3\n", DifferenceClass.WHITESPACE, 2, 2),
        (LINES, b"1\n2\n", b"1 2\n", DifferenceClass.WHITESPACE, 2, 1),
        (LINES, b"1 2\n", b"1\n2\n3\n", DifferenceClass.TOO_SHORT, 1, 0),
        (FLOAT_LINES, b"1 2.5", b"1 2.4", DifferenceClass.PRECISION, 1, 2),
        (CASELESS, b"A\nB", b"a\nc", DifferenceClass.VALUE, 2, 1),
        (UNORDERED, b"3\n1", b"1\n2\n3", DifferenceClass.TOO_SHORT, 0, 0),
        (UNORDERED, b"3\n1\n3", b"1\n3", DifferenceClass.TOO_LONG, 1, 0),
        (UNORDERED, b"3\n4", b"1\n3", DifferenceClass.VALUE, 2, 0),
        (UNORDERED, b"b  c\na", b"a\nb c", DifferenceClass.WHITESPACE, 1, 0),
        (UNORDERED, b"a\nB", b"b\na", DifferenceClass.LETTER_CASE, 2, 0),
    ],
)
def test_a_difference_has_a_class_and_a_place(checker, output, answer, kind, line, token):
    difference = said(checker, output, answer)

    assert (difference.kind, difference.line, difference.token) == (kind, line, token)


@pytest.mark.parametrize(
    ("checker", "output", "answer", "words"),
    [
        (TOKENS, b"5\n", b"6\n", "expected “6”, got “5”"),
        (TOKENS, b"1", b"1 2", "“2” should follow"),
        (TOKENS, b"1 2", b"1", "goes on with “2”"),
        (TOKENS, b"Yes", b"YES", "only upper and lower case differ"),
        (TOKENS, b"2\n1", b"1\n2", "another order"),
        (EXACT, b"1\r\n", b"1\n", "CRLF"),
        (EXACT, b"1 \n", b"1\n", "only trailing whitespace differs"),
        (EXACT, b"1", b"1\n", "only trailing whitespace differs"),
        (TRAILING, b" 1", b"1", "only blanks differ"),
        (FLOATS, b"1.1", b"1.0", "outside the tolerance"),
        (FLOATS, b"1.5", b"1", "absolute error 0.5 (at most 1e-06), relative error 0.5 (at most 1e-06)"),
        (FLOATS, b"0.5", b"0", "absolute error 0.5 (at most 1e-06)."),
        (STRICT, b"2 3", b"2 4", "absolute error 1 (at most 1e-06), relative error 0.25"),
        (STRICT, b"2  4", b"2 4", "only blanks differ; blanks and line ends count here"),
        (TOKENS, b"Yes", b"YES", "letter case counts here"),
        (LINES, b"1 2", b"1\n2", "the lines end elsewhere; where lines end counts here"),
        (UNORDERED, b"a b\tc", b"1", "“a·b→c”"),
        (UNORDERED, b"1", b"1\n2", "“2” should follow"),
    ],
)
def test_the_message_tells_people_which_rule_failed_and_how(checker, output, answer, words):
    assert words in said(checker, output, answer).message


def test_what_is_quoted_is_short_and_printable():
    difference = said(TOKENS, b"\x1b[31m\x00\xff" + b"x" * 1000, b"1")

    assert len(difference.message) < 200
    assert difference.message.isprintable()


def test_the_class_of_a_difference_says_nothing_about_the_data():
    assert {said(TOKENS, output, b"42").kind for output in (b"1", b"secret", b"7" * 50)} == {
        DifferenceClass.VALUE
    }


# --- Whatever the data ---------------------------------------------------------------------------------------

texts = st.lists(
    st.sampled_from([b"1", b"2", b"1.0", b"a", b"A", b" ", b"\n", b"\r\n", b"\t", b"\xff", b"\0"])
).map(b"".join)


@given(texts, texts)
def test_the_rules_go_from_strict_to_lenient(output, answer):
    rules = [EXACT, TRAILING, LINES, TOKENS, CASELESS]
    passed = [check(rule, output, answer) is None for rule in rules]

    assert passed == sorted(passed)


@given(texts, texts)
def test_every_rule_answers_for_any_bytes_and_takes_equal_ones_for_right(output, answer):
    for checker in ALL:
        assert check(checker, output, output) is None
        check(checker, output, answer)


@given(texts, texts)
def test_right_or_wrong_does_not_depend_on_which_is_the_answer(one, other):
    for checker in ALL:
        assert (check(checker, one, other) is None) is (check(checker, other, one) is None)


@given(
    st.lists(st.sampled_from([b"1", b"2 2", b"3"])).flatmap(
        lambda xs: st.tuples(st.just(xs), st.permutations(xs))
    )
)
def test_unordered_lines_do_not_mind_any_order(lines):
    one, other = (b"\n".join(some) for some in lines)

    assert check(UNORDERED, one, other) is None


@given(st.floats(1e-300, 1e300), st.floats(-1, 1))
def test_a_number_within_the_relative_tolerance_is_right(number, share):
    checker = Checker(CheckerKind.FLOATS, relative=1e-6)
    near, far = number * (1 + share * 0.9e-6), number * (1 + 1.1e-6)

    assert check(checker, b"%r" % near, b"%r" % number) is None
    assert check(checker, b"%r" % far, b"%r" % number)


# --- However much data ---------------------------------------------------------------------------------------

MIB = 1024 * 1024


@pytest.mark.parametrize("checker", [*ALL[:-1], STRICT], ids=lambda checker: checker.kind.value)
@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (b"123456789 12\n", b"123456789 12\r\n"),
        (b"a\n", b"a \n"),
        (b"0.5 ", b"0.5  "),
        (b"x", b"y"),
        (b"\n", b" "),
    ],
    ids=["line ends", "short lines", "one line", "one token", "only blanks"],
)
def test_data_that_differs_everywhere_takes_linear_time(checker, output, answer):
    output, answer = (text * (MIB // 4 // len(text)) for text in (output, answer))
    began = time.process_time()

    check(checker, output, answer)
    check(checker, output, answer + b" 1")

    assert time.process_time() - began < 1  # quadratic: minutes


@pytest.mark.parametrize("checker", ALL, ids=lambda checker: checker.kind.value)
def test_where_large_data_first_differs_at_its_end_that_is_found_at_once(checker):
    data = b"123456789 12\n" * (64 * MIB // 13)
    began = time.process_time()

    difference = said(checker, data + b"1\n", data + b"2\n")

    assert difference.line == data.count(b"\n") + 1
    assert time.process_time() - began < 5
