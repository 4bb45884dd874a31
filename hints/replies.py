"""What a language model's words must be to count as an answer: a JSON document by the schema of its kind.

    text ─▶ JSON ─▶ the schema, with its bounds ─▶ lines that the program has ─▶ Hint, Review or Analysis
              └──────────────┴─▶ NotAnAnswer

It says nothing of whether the answer may be shown: that is the guard's.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Never

from jsonschema import Draft202012Validator, ValidationError

from hints.answers import Analysis, Answer, Complexity, Hint, Kind, NotAnAnswer, Remark, Review, Severity

MOST = 64 * 1024
"""Characters of a reply."""
MOST_OF_HINT = 2000


def _text(most: int, about: str) -> dict[str, Any]:
    return {"type": "string", "pattern": r"\S", "maxLength": most, "description": about}


def _list(items: dict[str, Any], most: int, about: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most, "description": about}


def _number(most: int, about: str) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": most, "description": about}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """All are required, as strict modes want it; they come in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_REMARK = _object(
    line={"type": "integer", "description": "The line of the program, by its number."},
    type=_text(30, "One short word: correctness, performance, style, unused …"),
    message=_text(500, "What is the matter, in one or two sentences."),
    severity={"type": "string", "enum": [one.value for one in Severity]},
)
_REVIEW = {
    "overall_score": _number(100, "How good the program is, 0 to 100."),
    "suggestions": _list(_REMARK, 30, "What could be better, by line."),
    "strengths": _list(_text(300, "One sentence."), 10, "What is good."),
    "improvements": _list(_text(300, "One sentence."), 10, "What to work on, the most important first."),
}
_BOUNDED: dict[Kind, dict[str, Any]] = {
    Kind.HINT: _object(
        hint=_text(MOST_OF_HINT, "What the learner reads: at most five sentences of plain text."),
        confidence=_number(1, "How sure you are that it is true of this program, 0 to 1."),
        approach=_text(1000, "The idea behind it, in one or two sentences."),
        next_steps=_list(_text(300, "One sentence."), 6, "What the learner can do now, at most four."),
        line={
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "description": "The line it is about; null where there is none.",
        },
    ),
    Kind.REVIEW: _object(**_REVIEW),
    Kind.ANALYSIS: _object(
        **_REVIEW,
        complexity=_object(
            time={"type": "string", "maxLength": 60, "description": "Such as O(n log n); empty if unknown."},
            space={"type": "string", "maxLength": 60, "description": "The same of memory."},
            explanation={"type": "string", "maxLength": 1000, "description": "What both rest on."},
        ),
        issues=_list(_REMARK, 30, "What makes the program wrong or may do so, by line."),
    ),
}
_BOUNDS = {"pattern", "maxLength", "minimum", "maximum", "maxItems"}


def _without_bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Strict modes refuse schemas that have some: each provider, and each server that speaks like it, others."""
    return {
        name: _without_bounds(value) if isinstance(value, dict) else value
        for name, value in schema.items()
        if name not in _BOUNDS
    }


SCHEMAS: dict[Kind, dict[str, Any]] = {kind: _without_bounds(schema) for kind, schema in _BOUNDED.items()}
"""What a model is asked to keep to."""
_VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in _BOUNDED.items()}

_BEGINNING = re.compile(r'\s*\{\s*"hint"\s*:\s*"')
_CHARACTERS = re.compile(r'(?:[^"\\\x00-\x1f]|\\u[0-9a-fA-F]{4}|\\["\\/bfnrt])*')


def parse(kind: Kind, text: str, lines: int) -> Answer:
    """The answer in a reply about a program of so many lines. Remarks on other lines are left out.

    Raises NotAnAnswer, which repeats nothing of the text.
    """
    document = _document(text)
    try:
        _VALIDATORS[kind].validate(document)
    except ValidationError as error:
        raise NotAnAnswer(f"it breaks its schema ({error.validator})") from None
    if kind == Kind.HINT:
        return _hint(document, lines)
    return _review(document, lines) if kind == Kind.REVIEW else _analysis(document, lines)


def beginning(text: str) -> str:
    """What can be told already of the hint in a reply that is still being written; empty for anything else.

    Raises NotAnAnswer once it is longer than a hint may be.
    """
    start = _BEGINNING.match(text)
    if start is None:
        return ""
    said = _CHARACTERS.match(text, start.end())
    told: str = json.loads(f'"{said[0]}"') if said else ""
    if len(told) > MOST_OF_HINT:
        raise NotAnAnswer("its hint is too long")
    # Half of a pair of surrogates: the other half is still to come.
    return told.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")


def _document(text: str) -> Any:
    if len(text) > MOST:
        raise NotAnAnswer("it is too long")
    try:
        document = json.loads(text, parse_constant=_refuse)
        plain = all(_is_plain(one) for one in _texts(document))
    except (ValueError, RecursionError):
        raise NotAnAnswer("it is not JSON") from None
    if not plain:
        raise NotAnAnswer("it has characters that no database keeps")
    return document


def _refuse(constant: str) -> Never:
    raise ValueError(constant)  # NaN and Infinity, which JSON does not know


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)


def _is_plain(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _hint(document: dict[str, Any], lines: int) -> Hint:
    line = document["line"]
    return Hint(
        hint=document["hint"],
        confidence=float(document["confidence"]),
        approach=document["approach"],
        next_steps=tuple(document["next_steps"]),
        line=int(line) if line is not None and 1 <= line <= lines else None,
    )


def _review(document: dict[str, Any], lines: int) -> Review:
    return Review(
        overall_score=float(document["overall_score"]),
        suggestions=_remarks(document["suggestions"], lines),
        strengths=tuple(document["strengths"]),
        improvements=tuple(document["improvements"]),
    )


def _analysis(document: dict[str, Any], lines: int) -> Analysis:
    review = _review(document, lines)
    return Analysis(
        overall_score=review.overall_score,
        suggestions=review.suggestions,
        strengths=review.strengths,
        improvements=review.improvements,
        complexity=Complexity(**document["complexity"]),
        issues=_remarks(document["issues"], lines),
    )


def _remarks(remarks: Iterable[dict[str, Any]], lines: int) -> tuple[Remark, ...]:
    return tuple(
        Remark(int(one["line"]), one["type"], one["message"], Severity(one["severity"]))
        for one in remarks
        if 1 <= one["line"] <= lines
    )
