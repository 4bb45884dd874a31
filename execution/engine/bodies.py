"""What comes with a request: the parameters of its query and its body, in bounded time and memory.

    Content-Type                          the body is
    application/json, or none at all      JSON
    application/x-www-form-urlencoded     a form
    anything else                         not looked at, as in Judge0

Python reads millions of tiny values into gigabytes, for seconds in which nobody else is answered. So JSON
is counted before it is parsed, forms are small, and large bodies come one after the other.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from . import config
from .answers import Refused
from .queue import Full

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


class BodyReader:
    """Reads the bodies of all requests; together they never hold more than MAX_READING_BYTES."""

    def __init__(self) -> None:
        self._held = 0
        self._parsing = asyncio.Lock()

    async def parameters(self, request: Request, max_bytes: int = config.MAX_BODY_BYTES) -> dict[str, object]:
        """The parameters of the query and the body, the body's last, as Rails merges them.

        Raises Refused; HTTPException(401) if a body that may have only `max_bytes` until a token was seen
        has more; HTTPException(400) for what is no JSON though it says so; Full.
        """
        parameters: dict[str, object] = dict(_parse_form(request.scope["query_string"], "query"))
        body = bytearray()
        try:
            await self._read(request, body, max_bytes)
            if body:
                parameters.update(await self._parse(request, body))
        finally:
            self._held -= len(body)
        return parameters

    async def _read(self, request: Request, body: bytearray, max_bytes: int) -> None:
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > max_bytes:
            raise _too_large(max_bytes)
        try:
            async with asyncio.timeout(config.BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > max_bytes:
                        raise _too_large(max_bytes)
                    if self._held > config.MAX_READING_BYTES and len(body) > config.SMALL_BODY_BYTES:
                        raise Full
        except ClientDisconnect as error:
            raise HTTPException(400) from error
        except TimeoutError as error:
            raise Refused(408, f"the body did not come within {config.BODY_SECONDS} seconds") from error

    async def _parse(self, request: Request, body: bytearray) -> dict[str, object]:
        if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise Refused(415, "the body must not be compressed (Content-Encoding)")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == _FORM:
            return dict(_parse_form(body, "form"))
        if kind not in (_JSON, ""):
            return {}
        try:
            if len(body) <= config.SMALL_BODY_BYTES:
                return _parse_json(body)
            async with self._parsing:  # one at a time; until Python has read that one, nobody is answered
                return await asyncio.to_thread(_parse_json, body)
        except json.JSONDecodeError as error:
            if not kind:
                raise Refused(400, "the body has no Content-Type, and is no JSON") from error
            raise HTTPException(400) from error


def _too_large(max_bytes: int) -> Exception:
    """A 401 for a body that is only too large for somebody without a token."""
    if max_bytes < config.MAX_BODY_BYTES:
        return HTTPException(401)
    return Refused(413, f"the body has more than {max_bytes} bytes")


# --- JSON -----------------------------------------------------------------------------------------


def _parse_json(body: bytearray) -> dict[str, object]:
    """Without parameters if it is no object. Raises json.JSONDecodeError, Refused."""
    if len(body) > config.SMALL_BODY_BYTES:
        _refuse_many_values(body)
    try:
        parsed = json.loads(body.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Refused(400, "the body is not UTF-8") from error
    except RecursionError as error:
        raise Refused(400, "the body is nested too deeply") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # Python reads no integers of thousands of digits
        raise Refused(400, "the body has a number of too many digits") from error
    return parsed if isinstance(parsed, dict) else {}


def _no_constant(name: str) -> object:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


def _refuse_many_values(body: bytearray) -> None:
    """Raises Refused for more than a batch of submissions can need, at the speed of memory."""
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")  # so that each quote begins or ends a text
    if unescaped.count(b'"') <= 2 * config.MAX_JSON_VALUES:
        between_texts = b"".join(unescaped.split(b'"')[::2])
        values = sum(between_texts.count(mark) for mark in (b",", b"[", b"{"))
        if values <= config.MAX_JSON_VALUES and len(between_texts) <= config.MAX_JSON_BYTES_BETWEEN_TEXTS:
            return
    raise Refused(
        400, f"the body has more than {config.MAX_JSON_VALUES} values, or too much between its texts"
    )


# --- Forms ----------------------------------------------------------------------------------------


def _parse_form(form: bytes | bytearray, what: str) -> list[tuple[str, str]]:
    """Raises Refused; `what` it is called there."""
    if len(form) > config.MAX_FORM_BYTES:
        raise Refused(413, f"the {what} has more than {config.MAX_FORM_BYTES} bytes; send JSON")
    if form.count(b"&") >= config.MAX_FORM_FIELDS:
        raise Refused(400, f"the {what} has more than {config.MAX_FORM_FIELDS} fields")
    try:
        return parse_qsl(form.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise Refused(400, f"the {what} is not UTF-8") from error
