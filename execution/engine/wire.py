"""How Judge0 writes and reads values: base64 with line breaks, numbers as strings, Rails' casts.

The odd rules here were observed on Judge0 1.13.1; its clients rely on some of them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OUTSIDE = bytes(set(range(256)) - set(_ALPHABET) - {ord("=")})
_LINE_BYTES = 45
"""That make a line of 60 characters."""
PIECE_BYTES = 1024 * _LINE_BYTES
"""So few that their text is made in less than a millisecond."""
_NUMBER = re.compile(r"[+-]?(\d+(_\d+)*)?(\.\d+(_\d+)*)?(e[+-]?\d+(_\d+)*)?", re.ASCII | re.IGNORECASE)

_FALSE = frozenset({"", "0", "f", "F", "false", "FALSE", "off", "OFF", "False"})


class NotText(Exception):
    """Bytes that Judge0 cannot put into JSON unless they are asked for as base64."""


@dataclass(frozen=True)
class LongText:
    """The text of many bytes, made piece by piece: as a whole it takes memory, and time of others."""

    data: bytes
    encode: Callable[[bytes], str]
    """Of a piece; the pieces' texts, one behind the other, are the whole's."""

    def pieces(self) -> Iterator[str]:
        for start in range(0, len(self.data), PIECE_BYTES):
            yield self.encode(self.data[start : start + PIECE_BYTES])


def decode_base64(text: str) -> bytes:
    """What Ruby's decode64 makes of it: foreign characters are skipped, padding is optional."""
    with contextlib.suppress(ValueError):  # the usual case, several times as fast
        return base64.b64decode(text, validate=True)
    body = text.encode("utf-8", "replace").translate(None, _OUTSIDE).lstrip(b"=").partition(b"=")[0]
    if len(body) % 4 == 1:
        body = body[:-1]
    return base64.b64decode(body + b"=" * (-len(body) % 4))


def encode_base64(data: bytes) -> str:
    """MIME base64: a line break after every 60 characters and at the end."""
    starts = range(0, len(data), _LINE_BYTES)
    return b"".join(binascii.b2a_base64(data[start : start + _LINE_BYTES]) for start in starts).decode()


def base64_text(data: bytes) -> str | LongText:
    return _text(data, encode_base64)


def plain_text(data: bytes) -> str | LongText:
    """`data` as text. Raises NotText for any byte outside of ASCII, valid UTF-8 included."""
    if not data.isascii():
        raise NotText
    return _text(data, bytes.decode)


def _text(data: bytes, encode: Callable[[bytes], str]) -> str | LongText:
    return encode(data) if len(data) <= PIECE_BYTES else LongText(data, encode)


def decimal_text(value: float) -> str:
    """Seconds as Judge0 writes them: at least one decimal place, no trailing zeros, at most ms."""
    whole, _, places = f"{value:.3f}".partition(".")
    return f"{whole}.{places.rstrip('0') or '0'}"


def timestamp(moment: datetime | None) -> str | None:
    """ISO 8601 with milliseconds; `moment` is in UTC."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def cast_text(value: object) -> str | None:
    """A scalar as text; lists and objects are dropped, as Rails' parameter filter drops them."""
    if value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def cast_flag(value: object) -> bool:
    """Anything is true but a handful of words for false."""
    text = cast_text(value)
    return text is not None and text not in _FALSE


def cast_number(value: object) -> Decimal | None:
    """A JSON number or its text; None when Rails' numericality check (Ruby's Float) would not take it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def cast_language_id(value: object) -> int | None:
    """An integer from the start of the text, None for nothing."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    text = cast_text(value)
    return leading_integer(text) if text is not None and text.strip() else None


def leading_integer(value: object) -> int:
    """What Ruby's to_i makes of the text: 0 where none begins with digits."""
    digits = ""
    for character in (cast_text(value) or "").strip()[:20]:
        if not (character.isascii() and character.isdigit()) and not (character == "-" and not digits):
            break
        digits += character
    return int(digits) if digits.strip("-") else 0
