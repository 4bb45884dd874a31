"""What a process with LOG_FORMAT=json would write to stderr."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from judgeplatform import logs


def formatter() -> logging.Formatter:
    parts = dict(logs.configuration("json", "DEBUG")["formatters"]["json"])
    made: logging.Formatter = parts.pop("()")(**parts)
    return made


@contextmanager
def logged(level: int = logging.DEBUG) -> Iterator[list[dict[str, Any]]]:
    """All records, in the order in which they come, as fields."""
    lines: list[dict[str, Any]] = []

    class Lines(io.StringIO):
        def write(self, text: str) -> int:
            lines.extend(map(json.loads, filter(None, text.split("\n"))))
            return len(text)

    handler, root = logging.StreamHandler(Lines()), logging.getLogger()
    handler.setFormatter(formatter())
    handler.setLevel(level)
    root.addHandler(handler)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
