"""How Judge0 writes and reads values: base64 with line breaks, numbers as strings, Rails' casts.

The odd rules here were observed on Judge0 1.13.1; its clients rely on some of them.
"""

from __future__ import annotations

import base64
import math
from datetime import datetime
from decimal import Decimal, InvalidOperation

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OUTSIDE = bytes(set(range(256)) - set(_ALPHABET) - {ord("=")})
_LINE = 60

_FALSE = frozenset({"", "0", "f", "F", "false", "FALSE", "off", "OFF", "False"})


class NotText(Exception):
    """Bytes that Judge0 cannot put into JSON unless they are asked for as base64."""


def decode_base64(text: str) -> bytes:
    """What Ruby's decode64 makes of it: foreign characters are skipped, padding is optional."""
    body = text.encode("utf-8", "replace").translate(None, _OUTSIDE).lstrip(b"=").partition(b"=")[0]
    if len(body) % 4 == 1:
        body = body[:-1]
    return base64.b64decode(body + b"=" * (-len(body) % 4))


def encode_base64(data: bytes) -> str:
    """MIME base64: a line break after every 60 characters and at the end."""
    text = base64.b64encode(data).decode("ascii")
    return "".join(f"{text[start : start + _LINE]}\n" for start in range(0, len(text), _LINE))


def plain_text(data: bytes) -> str:
    """`data` as text. Raises NotText for any byte outside of ASCII, valid UTF-8 included."""
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise NotText from error


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
    """A JSON number or its text; None when Rails' numericality check would not take it."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def cast_language_id(value: object) -> int | None:
    """An integer from the start of the text (Ruby's to_i: 0 where there is none), None for nothing."""
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else 0
    text = cast_text(value)
    if text is None or not text.strip():
        return None
    digits = ""
    for character in text.strip()[:20]:
        if not (character.isascii() and character.isdigit()) and not (character == "-" and not digits):
            break
        digits += character
    return int(digits) if digits.strip("-") else 0
