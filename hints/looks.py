"""Which language a program looks like, where nobody says: by words that hardly any other language has.

It is a guess. Dialects of one language look alike; the one that learners are offered first is meant.
"""

import re
from collections.abc import Iterable

from execution.languages import Language

LOOKED_AT = 20_000  # characters


def _sign(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


# From the surest to the least sure: a program may have words of those that come after its own.
SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("php", _sign(r"<\?php")),
    ("java", _sign(r"^import java|\bSystem\.(?:out|in|err)\b|\bpublic static void main\b")),
    ("go", _sign(r"^package main\b")),
    ("rust", _sign(r"\bfn main\(|^use std::|\blet mut\b")),
    ("cpp", _sign(r"^#include ?<(?:\w+>|bits/)|\bstd::|\busing namespace\b|\bcout\b")),
    ("c", _sign(r"^#include\b|\bint main\(")),
    ("pascal", _sign(r"(?i:^program \w+;|\b(?:writeln|readln)\b|^begin$)")),
    ("perl", _sign(r"\bmy [$@%(]|<STDIN>|^use strict\b|\bchomp\b[ (]*(?:my )?\$")),
    ("bash", _sign(r"^#!.*\b(?:ba|z)?sh$|^[ \t]*(?:fi|done|esac)$|\becho .?\$|^[ \t]*read (?:-r )?\w")),
    ("lua", _sign(r"\blocal \w+|\bio\.(?:read|write|lines)\b")),
    ("javascript", _sign(r"\bconsole\.log\b|\brequire\(|^[ \t]*(?:const|let|var|function) \w")),
    ("ruby", _sign(r"\bputs\b|\bgets\b|\bSTDIN\.|^[ \t]*end$")),
    ("python", _sign(r"\binput\(|\bprint\(|^[ \t]*(?:def|for|while|if|with|class) .*:|^(?:import|from) \w")),
)


def language_of(source: str, among: Iterable[Language]) -> Language | None:
    """The one of these that the program looks like; None where it looks like none of them."""
    beginning, offered = source[:LOOKED_AT], list(among)
    for slug, sign in SIGNS:
        kin = [one for one in offered if slug in (one.slug, one.starts_as)]
        if kin and sign.search(beginning):
            return kin[0]
    return None
