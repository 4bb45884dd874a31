"""Comparing outputs with answers: each rule, what is said of a difference, and that large data is no trouble."""

import base64
import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.checkers import check
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
FLOATS = Checker(CheckerKind.FLOATS, absolute=1e-6, relative=1e-6)
ALL = [EXACT, TRAILING, TOKENS, CASELESS, FLOATS, UNORDERED]
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
    rules = [EXACT, TRAILING, TOKENS, CASELESS]
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


@pytest.mark.parametrize("checker", ALL, ids=lambda checker: checker.kind.value)
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
def test_a_mebibyte_that_differs_everywhere_takes_seconds_at_most(checker, output, answer):
    output, answer = (text * (MIB // len(text)) for text in (output, answer))
    began = time.process_time()

    check(checker, output, answer)
    check(checker, output, answer + b" 1")

    assert time.process_time() - began < 4


@pytest.mark.parametrize("checker", ALL, ids=lambda checker: checker.kind.value)
def test_where_large_data_first_differs_at_its_end_that_is_found_at_once(checker):
    data = b"123456789 12\n" * (64 * MIB // 13)
    began = time.process_time()

    difference = said(checker, data + b"1\n", data + b"2\n")

    assert difference.line == data.count(b"\n") + 1
    assert time.process_time() - began < 5
