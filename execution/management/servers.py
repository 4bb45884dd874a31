"""Commands that serve until they are told to stop: their words are for whoever collects logs."""

import io
import logging
from typing import Any, TextIO

from django.conf import settings
from django.core.management.base import BaseCommand

logger = logging.getLogger(__name__)


class ServerCommand(BaseCommand):
    """With LOG_FORMAT=json whatever it, or Django for it, would print is a record, such as a system check's warning."""

    def __init__(self, stdout: TextIO | None = None, stderr: TextIO | None = None, **options: Any) -> None:
        if settings.LOG_FORMAT == "json":
            stdout, stderr = stdout or _Records(logging.INFO), stderr or _Records(logging.ERROR)
        super().__init__(stdout, stderr, **options)


class _Records(io.StringIO):
    """Each piece that is written is one record."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self._level = level

    def write(self, text: str) -> int:
        if text.strip():
            logger.log(self._level, "%s", text.strip())
        return len(text)
