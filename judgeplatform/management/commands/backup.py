"""`manage.py backup PATH`: the whole database in one file, while the platform runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from judgeplatform import backup
from judgeplatform.snapshots import SnapshotFailed


class Command(BaseCommand):
    help = "Write the database into a new file, which its owner alone can read, and check it. The platform may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="the file to make; it must not be there")

    def handle(self, *args: Any, path: Path, **options: Any) -> None:
        try:
            manifest = backup.make(path)
        except (SnapshotFailed, backup.CannotRestore) as error:
            raise CommandError(str(error)) from error
        except OSError as error:  # its own words may name a file that is nobody's business
            said = f"{path} cannot be made: {error.strerror}." if error.strerror else str(error)
            raise CommandError(said) from error
        self.stdout.write(
            f"{path}: {path.stat().st_size} bytes, {sum(manifest.rows.values())} rows. Not in it:"
        )
        self.stdout.write(
            "what Redis holds of runs, SECRET_KEY and the other settings: keep those elsewhere."
        )
