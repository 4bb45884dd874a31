"""`manage.py export_package SLUG PATH`: a question as a problem package that others can read."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from questions import exporting
from questions.models import Question
from questions.packages.values import Format, PackageRefused, Remark


class Command(BaseCommand):
    help = "Write a question as a zip in Kattis's problem package format."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the question's slug or id")
        parser.add_argument("path", type=Path, help="the zip to write, or the folder to write it into")
        parser.add_argument(
            "--format",
            choices=[version.value for version in exporting.FORMATS],
            help="without it the one that the question came in, else kattis-2023-07",
        )

    def handle(self, *args: Any, slug: str, path: Path, **options: Any) -> None:
        question = Question.objects.named(slug).first()
        if question is None:
            raise CommandError(f"There is no question “{slug}”.")
        version = Format(options["format"]) if options["format"] else exporting.usual_format(question)
        target = path / exporting.file_name(question) if path.is_dir() else path
        try:
            remarks = _write(question, version, target)
        except PackageRefused as refused:
            raise CommandError(f"{question.slug}: {refused}") from refused
        except OSError as error:
            raise CommandError(f"{target}: {error.strerror}") from error
        self.stdout.write(f"{question.slug}: written to {target} as {version.value}")
        for remark in remarks:
            self.stdout.write(f"  {remark}")


def _write(question: Question, version: Format, target: Path) -> tuple[Remark, ...]:
    """What is there under this name is replaced once all is written."""
    place = target.with_name(f".{target.name}.part")
    try:
        with place.open("wb") as file:
            remarks = exporting.export(question, version, file)
        place.replace(target)
    finally:
        place.unlink(missing_ok=True)
    return remarks
