"""Recovery from cron: `manage.py sweep --once`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from submissions import recovery


class Command(BaseCommand):
    help = "Find submissions that nobody works on and bring them on their way again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", required=True, help="one round, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"repaired {recovery.sweep()} submissions")
