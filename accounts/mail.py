"""Where messages go on a machine that sends no mail (no EMAIL_URL): into files that only their owner can read."""

from pathlib import Path
from typing import Any

from django.core.mail.backends import filebased

# They carry links that let people in.
OWNER_ONLY = 0o700
END_OF_MESSAGE = b"\n" + b"-" * 79 + b"\n"


class PrivateFiles(filebased.EmailBackend):
    """Django's file backend, whose directory is closed to everybody else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Path(self.file_path).chmod(OWNER_ONLY)
