"""Bring the tables of docs/settings.md up to date, or see whether they are: `manage.py settings [--check]`.

They come from what judgeplatform/settings.py says of each setting. What is around them is written by hand.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from judgeplatform.configuration import Configuration, Setting

DOCUMENT = "docs/settings.md"
BEGIN = "<!-- The tables: written by `manage.py settings` from judgeplatform/settings.py. -->"
END = "<!-- End of the tables. -->"
HEAD = "| Name | Default | May be | Meaning |\n|---|---|---|---|"


class Command(BaseCommand):
    help = "Bring the tables of docs/settings.md up to date; with --check only see whether they are."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; exit code 1 if it is out of date"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = settings.BASE_DIR / DOCUMENT
        current = path.read_text()
        wanted = with_tables(current, settings.CONFIGURATION)
        if current == wanted:
            return
        if check:
            raise CommandError(f"{DOCUMENT} is out of date: run manage.py settings.")
        path.write_text(wanted)


def with_tables(document: str, configuration: Configuration) -> str:
    before, _, rest = document.partition(BEGIN)
    after = rest.partition(END)[2]
    tables = "\n\n".join(_section(title, configuration) for title in configuration.about)
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"


def _section(title: str, configuration: Configuration) -> str:
    rows = _rows(setting for setting in configuration.settings.values() if setting.section == title)
    table = "\n".join([HEAD, *rows])
    return "\n\n".join(filter(None, [f"## {title}", configuration.about[title], table]))


def _rows(settings: Iterator[Setting]) -> Iterator[str]:
    for setting in settings:
        secret = "**secret**" if setting.is_secret else ""
        allowed = ", ".join(filter(None, [secret, setting.allowed])) or "text"
        meaning = setting.meaning.replace("|", r"\|")  # else it would end the cell, in code as well
        yield f"| `{setting.name}` | {setting.default} | {allowed} | {meaning} |"
