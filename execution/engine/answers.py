"""Answers in Judge0's form: compact JSON, errors of its own, and those that its web framework gives.

The framework's (an unknown token or address, what cannot be parsed) are empty unless JSON is asked for.

Answers with long texts are made while they are sent, a piece whenever the client has taken the one before:
none is ever held as a whole, and others are answered in between.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from .wire import PIECE_BYTES, LongText

JSON = "application/json; charset=utf-8"
_REVALIDATE = "max-age=0, private, must-revalidate"
_TEXTS = {400: "Bad Request", 404: "Not Found", 408: "Request Timeout", 413: "Payload Too Large"}


class Refused(Exception):
    """A request that is answered with `{"error": …}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


def json_answer(content: object, status: int = 200) -> Response:
    """`content` in JSON; only an object may have long texts, as its own members."""
    if isinstance(content, dict) and _has_long_texts(content):
        return streamed(pieces(content), status)
    return Response(dumped(content), status, media_type=JSON)


def streamed(parts: Iterable[str], status: int = 200) -> Response:
    """An answer that `parts` make, each of them quick to make."""

    async def in_turn() -> AsyncIterator[str]:
        gathered = ""
        for part in parts:
            gathered += part
            if len(gathered) >= PIECE_BYTES:
                yield gathered
                gathered = ""
                await asyncio.sleep(0)  # others shall have their turn, even if the client takes all at once
        yield gathered

    return StreamingResponse(in_turn(), status, media_type=JSON)


def pieces(content: Mapping[str, object]) -> Iterator[str]:
    """The JSON object, at once if it has no long texts."""
    if not _has_long_texts(content):
        yield dumped(content)
        return
    for position, (name, value) in enumerate(content.items()):
        yield f"{',' if position else '{'}{dumped(name)}:"
        if isinstance(value, LongText):
            yield '"'
            yield from (dumped(piece)[1:-1] for piece in value.pieces())
            yield '"'
        else:
            yield dumped(value)
    yield "}"


def _has_long_texts(content: Mapping[str, object]) -> bool:
    return any(isinstance(value, LongText) for value in content.values())


def dumped(content: object) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))


def refusal(status: int, message: str) -> Response:
    return json_answer({"error": message}, status)


def empty(status: int = 200) -> Response:
    return Response(status_code=status, headers={"Content-Type": "text/html"})


def conditional(request: Request, answer: Response) -> Response:
    """The answer to a GET with its weak ETag, or an empty 304 for a client that has it already."""
    if request.method != "GET" or answer.status_code != 200 or not getattr(answer, "body", b""):
        return answer  # what is streamed has no body to look at
    tag = f'W/"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _REVALIDATE}
    if tag in (known.strip() for known in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    answer.headers.update(headers)
    return answer


async def framework_error(request: Request, error: Exception) -> Response:
    """Errors that Rails answers itself, spelling the charset its own way. A wrong method is a 404."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    status = 404 if status == 405 else status
    wants_json = "application/json" in request.headers.get("accept", "") or request.url.path.endswith(".json")
    if status == 401:
        return empty(status)
    kind, content = "text/html", ""
    if wants_json:
        kind, content = "application/json", dumped({"status": status, "error": _TEXTS.get(status, "Error")})
    return Response(content, status, headers={"Content-Type": f"{kind}; charset=UTF-8"})
