"""`manage.py purge [--dry-run]`: retention from cron, for installations whose workers come and go."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from submissions import retention


class Command(BaseCommand):
    help = "Delete what has been kept for long enough; docs/data.md says what and how long. Workers do so every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only, delete nothing")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        for name, count in (retention.due() if dry_run else retention.purge()).items():
            self.stdout.write(f"{name}: {count} {'would go' if dry_run else 'gone'}")
