"""What an operation of the API is described with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from judgeplatform.openapi.problems import Problem
from submissions import receipts

Serializer = type[serializers.Serializer] | serializers.BaseSerializer


@dataclass(frozen=True)
class Operation:
    """One method of one address. What the view tells by itself is not repeated.

    `answers` has what is answered, without problems, by status, or by status and media type where that is not JSON.
    `problems` are those beyond what every operation of its kind may answer.
    """

    id: str
    tag: str
    summary: str
    answers: Mapping[Any, OpenApiResponse]
    text: str = ""
    body: type[serializers.Serializer] | None = None
    query: type[serializers.Serializer] | None = None
    parameters: tuple[OpenApiParameter, ...] = ()
    problems: tuple[Problem, ...] = ()
    examples: tuple[OpenApiExample, ...] = ()
    makes_something: bool = False  # a submission or a run, from a body that may be sent twice
    is_conditional: bool = False  # it has an ETag, and what has not changed is not sent again
    takes_tickets: bool = False  # in the address, where browsers send no headers


Described = Mapping[tuple[type, str], Operation]
"""By view and method."""


def answer(
    body: Serializer | Mapping[str, Any] | None, words: str, *examples: OpenApiExample
) -> OpenApiResponse:
    return OpenApiResponse(body, words, examples=list(examples))


def sent(name: str, value: Any) -> OpenApiExample:
    """An example of a body."""
    return OpenApiExample(name, value=value, request_only=True)


def told(name: str, value: Any, *statuses: str) -> OpenApiExample:
    """An example of an answer with one of these statuses."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=list(statuses))


def page_of(item: Serializer, name: str, **more: serializers.Field) -> type[serializers.Serializer]:
    """A page of a list; `next` and `previous` are addresses."""
    fields = {
        **more,
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": item,
    }
    return type(name, (serializers.Serializer,), fields)


def in_path(name: str, words: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.PATH, description=words)


def in_query(name: str, words: str, kind: Any = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=words)


def in_header(name: str, words: str, kind: Any = str) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=words)


def header_of_answers(
    name: str, words: str, statuses: list[int], kind: Any = str, *, required: bool = False
) -> OpenApiParameter:
    return OpenApiParameter(
        name, kind, OpenApiParameter.HEADER, description=words, response=statuses, required=required
    )


SUBMISSION_ID = OpenApiParameter("id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)
CURSOR = in_query("cursor", "From `next` or `previous` of another page; otherwise the newest come first.")
LOCATION = header_of_answers(
    "Location", "Where to look.", [200, 202], {"type": "string", "format": "uri-reference"}, required=True
)
MAKING = (
    in_header(
        receipts.HEADER,
        "A key of your own for this request. Sent again with it, the request is answered as it was the first time,"
        f" and nothing is made twice. Kept for a day; at most {receipts.LONGEST_KEY} visible characters of ASCII.",
        {"type": "string", "pattern": f"^[!-~]{{1,{receipts.LONGEST_KEY}}}$"},
    ),
    LOCATION,
    header_of_answers(
        receipts.REPLAYED,
        "There, where the same was sent before.",
        [200, 202],
        {"type": "string", "enum": ["true"]},
    ),
)
CONDITIONAL = (
    in_header("If-None-Match", "The `ETag` that you have."),
    header_of_answers("ETag", "Changes with the answer; missing where it was waited for.", [200, 304]),
)
LIMITED = (
    header_of_answers("RateLimit-Limit", "How many there are in a window.", [200, 202], int),
    header_of_answers("RateLimit-Remaining", "How many are left.", [200, 202], int),
    header_of_answers("RateLimit-Reset", "Seconds until there is one more.", [200, 202], int),
)
UNCHANGED = answer(None, "It is as you have it.")
