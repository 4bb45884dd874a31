"""`manage.py restore PATH [--replace]`: the database as a backup has it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from judgeplatform import backup, stack
from judgeplatform.snapshots import SnapshotFailed


class Command(BaseCommand):
    help = "Put a backup back and bring it up to this release. Stop web and workers first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="what `manage.py backup` has made")
        parser.add_argument("--replace", action="store_true", help="throw away what the database holds")

    def handle(self, *args: Any, path: Path, replace: bool, **options: Any) -> None:
        try:
            with stack.hold_var(settings.VAR_DIR.resolve()):
                manifest = backup.restore(path, replace=replace)
        except (OSError, SnapshotFailed, backup.CannotRestore, stack.CannotStart) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"The database is as it was at {manifest.made_at}: {sum(manifest.rows.values())} rows."
        )
        self.stdout.write(
            "Workers take up what was waiting or being judged. Runs of then have lost their programs. "
            "Who was erased since is back: erase them again, by the numbers that were written down."
        )
