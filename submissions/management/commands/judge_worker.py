"""Judge submissions: `manage.py judge_worker [--queue default|low] [--concurrency N] [--burst]`."""

import logging
import os
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from submissions.worker import housekeeping, make_worker


class Command(BaseCommand):
    help = "Judge submissions from one queue, many at once, and recover what was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", choices=["default", "low"], default="default")
        parser.add_argument("--concurrency", type=int, default=settings.JUDGE_CONCURRENCY)
        parser.add_argument("--burst", action="store_true", help="stop when the queue is empty")

    def handle(self, *args: Any, queue: str, concurrency: int, burst: bool, **options: Any) -> None:
        try:
            worker = make_worker(queue, concurrency)
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        if not burst:
            for thread in housekeeping(worker):
                thread.start()
        exit_code = worker.judge(burst=burst)
        # What was given back is judged elsewhere by now; its thread here must not hold up the end.
        logging.shutdown()
        self.stdout.flush()
        os._exit(exit_code)
