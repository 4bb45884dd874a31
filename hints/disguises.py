"""The ways in which one text may be said in another: spelt backwards, spaced out, encoded, in letters that look alike.

    text ─▶ as it is, escapes undone ─▶ each as it is, drawn together, backwards, in rot13
                             └─▶ what its base64 and hexadecimal words hold ─▶ the same

It knows what everybody knows; a cipher that two have agreed on, or a paraphrase, it cannot read.
"""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator

ESCAPE = re.compile(
    r"(?:\\u|&#x)([0-9a-f]{4}|[0-9a-f]{2});?|(?:\\x|%)([0-9a-f]{2})|&#([0-9]{1,5});?|\\[nrtbf]", re.IGNORECASE
)
SPACED_OUT = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,3}[^\W_](?![^\W_])){3,}")
BETWEEN = re.compile(r"[\W_]+")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}")
HEXADECIMAL = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){4,}")
LOOK_ALIKES = str.maketrans("авеёкмнорстухіјѕԁɡαεικνορτυχ", "abeekmhopctyxijsdgaeikvoptux")
"""Cyrillic and Greek letters that are drawn as Latin ones."""


def plain(text: str) -> str:
    """As one reads it: without case, accents, invisible characters and differences that are not seen."""
    return _without_marks(text).casefold().translate(LOOK_ALIKES)


def readings(text: str) -> Iterator[str]:
    """All that the text may say, itself first; none twice."""
    seen = set()
    for said in _said(_without_marks(text)):
        for reading in (said, said[::-1], codecs.encode(said, "rot13")):
            if reading not in seen:
                seen.add(reading)
                yield reading


def decoded(text: str) -> Iterator[str]:
    """What its words hold that are base64 or hexadecimal, as far as that is text."""
    yield from _held(BASE64, text, _from_base64)
    yield from _held(HEXADECIMAL, text, _from_hexadecimal)


def unescaped(text: str) -> str:
    """As JSON, HTML and addresses mean it."""
    return ESCAPE.sub(_unescaped, text)


def _said(text: str) -> Iterator[str]:
    for written in {text: None, unescaped(text): None}:
        yield written
        yield SPACED_OUT.sub(lambda found: BETWEEN.sub("", found[0]), written)
        yield from decoded(written)


def _without_marks(text: str) -> str:
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return "".join(one for one in parts if unicodedata.category(one) not in ("Mn", "Me", "Cf"))


def _unescaped(escape: re.Match[str]) -> str:
    hexadecimal = escape[1] or escape[2]
    code = int(hexadecimal, 16) if hexadecimal else int(escape[3] or 32)
    return chr(code) if 32 <= code < 0xD800 else " "


def _held(pattern: re.Pattern[str], text: str, decode: Callable[[str], bytes]) -> Iterator[str]:
    for found in pattern.finditer(text):
        try:
            held = decode(found[0]).decode()
        except (binascii.Error, ValueError):
            continue
        if sum(one.isprintable() or one.isspace() for one in held) == len(held):
            yield held


def _from_base64(word: str) -> bytes:
    usable = word[: len(word) - (len(word) % 4 == 1)]
    return base64.b64decode(
        usable.translate(str.maketrans("-_", "+/")) + "=" * (-len(usable) % 4), validate=True
    )


def _from_hexadecimal(word: str) -> bytes:
    return bytes.fromhex(word.replace(":", " "))
