"""What counts as an answer of a model, and what of it is taken."""

import json
import time
from contextlib import suppress

import pytest

from hints import replies
from hints.answers import Analysis, Complexity, Hint, Kind, NotAnAnswer, Remark, Review, Severity
from tests.hints import fake_provider as fake

LINES = 5


def parse(text, kind=Kind.HINT):
    return replies.parse(kind, text, LINES)


def test_a_hint_is_read():
    assert parse(fake.hint(confidence=1, line=5)) == Hint(
        hint="Which numbers does your loop leave out? Try the first public case by hand.",
        confidence=1.0,
        approach="Follow the loop on a small input.",
        next_steps=("Write down each value of the loop's variable.",),
        line=5,
    )


def test_a_review_and_an_analysis_are_read():
    review = Review(
        overall_score=70.0,
        suggestions=(Remark(1, "style", "The name says little.", Severity.INFO),),
        strengths=("It is short.",),
        improvements=("Names that say what they hold.",),
    )
    assert parse(fake.review(), Kind.REVIEW) == review
    assert parse(fake.analysis(), Kind.ANALYSIS) == Analysis(
        **vars(review),
        complexity=Complexity("O(n)", "O(1)", "One loop over the input."),
        issues=(Remark(2, "correctness", "The last one is left out.", Severity.ERROR),),
    )


@pytest.mark.parametrize("line", [0, -1, LINES + 1, 10**30, None])
def test_a_hint_about_a_line_that_there_is_not_is_about_none(line):
    assert parse(fake.hint(line=line)).line is None


def test_remarks_on_lines_that_there_are_not_are_dropped():
    """S3.16 (in part)"""
    remarks = [
        {"line": line, "type": "style", "message": f"On line {line}.", "severity": "warning"}
        for line in (-3, 0, 1, LINES, LINES + 1, 10**30)
    ]
    review = parse(fake.review(suggestions=remarks), Kind.REVIEW)
    analysis = parse(fake.analysis(issues=remarks), Kind.ANALYSIS)

    assert [one.line for one in review.suggestions] == [1, LINES]
    assert [one.line for one in analysis.issues] == [1, LINES]


def without(name, text):
    return json.dumps({key: value for key, value in json.loads(text).items() if key != name})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sorry, I cannot do that.",
        "```json\n" + fake.hint() + "\n```",
        fake.hint()[:-5],
        "[]",
        "null",
        "[" * 30_000,
        "9" * 10_000,
        " " * (replies.MOST + 1),
        fake.hint(confidence=1.01),
        fake.hint(confidence=-0.01),
        fake.hint(confidence="high"),
        fake.hint(confidence=True),
        fake.hint(confidence=float("nan")),
        fake.hint().replace("0.8", "1e999"),
        fake.hint(hint=""),
        fake.hint(hint=" \n\t"),
        fake.hint(hint=None),
        fake.hint(hint="x" * 2001),
        fake.hint(hint="a\0b"),
        fake.hint(hint="half a pair: \ud83d"),
        fake.hint(next_steps="one"),
        fake.hint(next_steps=["step"] * 7),
        fake.hint(next_steps=[["nested"]]),
        fake.hint(line="2"),
        fake.hint(line=2.5),
        fake.hint(solution="print(42)"),
        without("approach", fake.hint()),
        fake.review(),
    ],
    ids=lambda text: text[:40],
)
def test_what_breaks_the_schema_is_no_answer_and_nothing_of_it_is_repeated(text):
    with pytest.raises(NotAnAnswer) as refused:
        parse(text)
    assert len(str(refused.value)) < 60


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.REVIEW, fake.hint()),
        (Kind.REVIEW, fake.analysis()),
        (Kind.REVIEW, fake.review(overall_score=101)),
        (Kind.REVIEW, fake.review(suggestions=[{"line": 1}])),
        (
            Kind.REVIEW,
            fake.review(suggestions=[{"line": 1, "type": "a", "message": "b", "severity": "fatal"}]),
        ),
        (Kind.ANALYSIS, fake.review()),
        (Kind.ANALYSIS, fake.review(complexity="O(n)", issues=[])),
    ],
)
def test_a_review_keeps_to_its_schema(kind, text):
    with pytest.raises(NotAnAnswer):
        parse(text, kind)


@pytest.mark.parametrize("kind", list(Kind))
def test_what_models_are_asked_to_keep_to_is_what_strict_modes_know(kind):
    """All fields are required, nothing else is allowed, and no bounds: providers refuse schemas that have some."""

    def objects(schema):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            if isinstance(value, dict):
                yield from objects(value)

    found = list(objects(replies.SCHEMAS[kind]))
    assert found
    for schema in found:
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    text = json.dumps(replies.SCHEMAS[kind])
    assert not any(
        f'"{bound}"' in text for bound in ("minimum", "maximum", "maxLength", "maxItems", "pattern")
    )


def test_a_hint_that_is_still_being_written_can_be_read_so_far():
    text = fake.hint(hint='Look at "sum":\n\\ 100 % \U0001f600 done')
    seen = [replies.beginning(text[:length]) for length in range(len(text) + 1)]

    assert seen[-1] == 'Look at "sum":\n\\ 100 % \U0001f600 done'
    assert all(seen[-1].startswith(one) for one in seen)
    assert seen[10] == ""
    assert "Look" in seen


@pytest.mark.parametrize("text", ["", "{", "Sorry", '{"other": "a', '["hint": "a', fake.review()])
def test_of_anything_else_there_is_nothing_to_read(text):
    assert replies.beginning(text) == ""


@pytest.mark.parametrize(
    "text",
    ['{"hint": "' + "\\u0041" * 10_000, " " * 60_000, '{"hint"' + " " * 60_000, '{"hint": "' + "\\" * 60_000],
    ids=["escapes", "blanks", "blanks inside", "backslashes"],
)
def test_reading_takes_time_in_proportion_to_the_length(text):
    began = time.process_time()
    with suppress(NotAnAnswer):
        replies.beginning(text)
    with pytest.raises(NotAnAnswer):
        parse(text)
    assert time.process_time() - began < 0.2
