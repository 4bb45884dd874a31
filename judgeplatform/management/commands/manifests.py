"""Kubernetes' manifests for this configuration: `manage.py manifests OVERLAY [--image IMAGE] [--engines N]`."""

from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from judgeplatform import manifests

MOST_ENGINES = 1000


class Command(BaseCommand):
    help = "Print the Kubernetes manifests of an overlay: its name in deploy/k8s/overlays, or a folder of your own."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("overlay")
        parser.add_argument("--image", default=manifests.APP, help="of web and workers")
        parser.add_argument(
            "--engines",
            type=_count,
            default=0,
            help="how many there are, all of which JUDGE0_URLS then names; else as the overlay says: 2",
        )

    def handle(self, *args: Any, overlay: str, image: str, engines: int, **options: Any) -> None:
        try:
            self.stdout.write(manifests.build(_folder(overlay), image=image, engines=engines))
        except manifests.CannotBuild as error:
            raise CommandError(str(error)) from error


def _count(text: str) -> int:
    if not (text.isdecimal() and 1 <= int(text) <= MOST_ENGINES):
        raise ArgumentTypeError(f"{text} is no number from 1 to {MOST_ENGINES}")
    return int(text)


def _folder(overlay: str) -> Path:
    for folder in (manifests.OVERLAYS / overlay, Path(overlay)):
        if (folder / "kustomization.yaml").is_file():
            return folder
    known = ", ".join(sorted(path.name for path in manifests.OVERLAYS.iterdir()))
    raise CommandError(f"There is no overlay {overlay}: there are {known}.")
