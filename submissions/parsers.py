"""Request bodies: JSON of bounded size and depth, in which every name of an object stands once."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from submissions.serializers import TooLarge, depth_of

DEEPEST = 50


class BoundedJSONParser(JSONParser):
    """JSON of at most MAX_BODY_BYTES; DRF itself would read a body of any size.

    Of a name that stands twice, one reader takes the first value and another the last: it is refused.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = _read(stream)
        charset = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            parsed = json.loads(
                body.decode(charset), object_pairs_hook=_object, parse_constant=_refuse_constant
            )
        except RecursionError as error:
            raise _too_deep() from error
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        if depth_of(parsed) > DEEPEST:
            raise _too_deep()
        return parsed


def _read(stream: IO[bytes]) -> bytes:
    cap = settings.MAX_BODY_BYTES
    try:
        body = stream.read(cap + 1)
    except UnreadablePostError as error:
        raise ParseError("The body broke off.") from error
    if len(body) > cap:
        raise TooLarge("body", too_large(cap))
    return body


def too_large(cap: int) -> str:
    return f"The request body is too large; at most {cap} bytes are allowed."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ParseError(f"JSON parse error - the name {name[:80]!r} stands twice in one object.")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _too_deep() -> ParseError:
    return ParseError(f"JSON parse error - it is nested too deeply; {DEEPEST} levels are allowed.")
