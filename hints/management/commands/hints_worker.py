"""Answer who asks for hints: `manage.py hints_worker [--concurrency N] [--burst]`.

A process of its own: it waits for judgings and for language models, and keeps nobody's program from being judged.
"""

import threading
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from hints import (
    answering,  # noqa: F401 (so that it is ready, and what it counts is told from the start)
    providers,
)
from hints.asking import QUEUE
from submissions.management.commands import judge_worker
from submissions.rounds import Round, Rounds
from submissions.worker import ANNOUNCE_EVERY_S, ThreadedWorker


class Command(judge_worker.Command):
    help = "Answer who asks for hints, reviews and analyses, many at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--concurrency", type=int, default=settings.HINTS_CONCURRENCY)
        parser.add_argument("--burst", action="store_true", help="stop when the queue is empty")

    def handle(self, *args: Any, **options: Any) -> None:
        if provider := providers.chosen():
            provider.prepare()
        super().handle(*args, queue=QUEUE, **options)

    def let_be_watched(self, worker: ThreadedWorker) -> None:
        """It does its work without judges, too."""
        worker.role = "hints"
        super().let_be_watched(worker)

    def housekeeping(self, worker: ThreadedWorker) -> list[threading.Thread]:
        """What is lost is given up by whoever asks again; nothing else is to be done."""
        return [Rounds("announcing", Round("announce", worker.announce, ANNOUNCE_EVERY_S))]
