"""What is kept of the files that an author's checker leaves behind, whoever tells of them."""

import re
from collections.abc import Iterable

VALUES = ("score.txt", "score_multiplier.txt", "nextpass.in")  # they decide
MESSAGES = ("judgemessage.txt", "teammessage.txt")
MOST_FILE = 64 * 1024
MOST_FILES = 16
NAME = re.compile(r"[\w.-]{1,100}")


def kept(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Of those with sensible names the beginnings, those that mean something first: a server may say anything."""
    sensible = sorted((name, data[:MOST_FILE]) for name, data in files if NAME.fullmatch(name))
    return dict(sorted(sensible, key=_rank)[:MOST_FILES])


def _rank(file: tuple[str, bytes]) -> tuple[bool, bool]:
    return file[0] not in VALUES, file[0] not in MESSAGES
