"""`manage.py export_learner USER PATH`: what “My account” gives a learner, for one who asks the operator."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from submissions import takeout


class Command(BaseCommand):
    help = "Write all that is kept of a user into a new zip file, which its owner alone can read."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="the name of the user")
        parser.add_argument("path", type=Path, help="the file to make; it must not be there")

    def handle(self, *args: Any, user: str, path: Path, **options: Any) -> None:
        whose = User.objects.filter(username=user).first()
        if whose is None:
            raise CommandError(f"There is no user {user}.")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path} cannot be made: {error.strerror}.") from error
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(takeout.pieces(whose))
        self.stdout.write(f"{path}: {path.stat().st_size} bytes")
