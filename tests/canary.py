"""Looking for a secret in bytes, however it may have been wrapped on the way."""

import base64
import html
import json
import re
import urllib.parse
import zlib

SECRET = "Kanari<&'\"7f3a9c\\/zwitschert+sehr leise"
# Its parts matter too: a program may print it without blanks, a template may break it at a line's end.
CORE = b"7f3a9c"


def find(haystack: bytes) -> list[str]:
    """Names of the wrappings in which the secret's core, or the whole secret, is in `haystack`."""
    whole = SECRET.encode()
    wrapped = {
        "raw": CORE,
        "json": json.dumps(SECRET)[1:-1].encode(),
        "html": html.escape(SECRET).encode(),
        "url": urllib.parse.quote(SECRET, safe="").encode(),
        "hex": CORE.hex().encode(),
        "utf-16": CORE.decode().encode("utf-16-le"),
    }
    found = [name for name, form in wrapped.items() if form in haystack]
    # MIME base64 breaks lines, and JSON then writes the breaks as \n.
    joined = re.sub(rb"\\n|\\r|\s", b"", haystack)
    found += [f"base64+{n}" for n, form in enumerate(_base64_forms(CORE)) if form in joined]
    found += [f"base64+{n}" for n, form in enumerate(_base64_forms(whole)) if form in joined]
    found += [f"{name} in {how}" for how, plain in _unpacked(haystack) for name in find(plain)]
    return found


def _base64_forms(secret: bytes) -> list[bytes]:
    """How it looks inside of a longer base64 text, for each of the three ways in which it may be aligned."""
    forms = []
    for shift in range(3):
        usable = secret[: len(secret) - (len(secret) + shift) % 3]
        encoded = base64.b64encode(b"\0" * shift + usable)
        forms.append(encoded[-(-shift * 8 // 6) :])
    return forms


def _unpacked(haystack: bytes) -> list[tuple[str, bytes]]:
    """What zlib or gzip streams in it hold."""
    result = []
    for how, start, bits in (("gzip", b"\x1f\x8b", 31), ("zlib", b"\x78", 15)):
        for match in re.finditer(re.escape(start), haystack):
            try:
                plain = zlib.decompressobj(bits).decompress(haystack[match.start() :])
            except zlib.error:
                continue
            if plain:
                result.append((how, plain))
    return result
