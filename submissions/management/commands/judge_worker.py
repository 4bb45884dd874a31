"""Judge submissions: `manage.py judge_worker [--queue default|low] [--concurrency N] [--burst]`."""

import logging
import os
import threading
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from execution.management.servers import ServerCommand
from submissions.worker import ThreadedWorker, housekeeping, make_worker
from submissions.worker_port import CannotListen, open_port


class Command(ServerCommand):
    help = "Judge submissions from one queue, many at once, and recover what was lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--queue", choices=["default", "low"], default="default")
        parser.add_argument("--concurrency", type=int, default=settings.JUDGE_CONCURRENCY)
        parser.add_argument("--burst", action="store_true", help="stop when the queue is empty")

    def handle(self, *args: Any, queue: str, concurrency: int, burst: bool, **options: Any) -> None:
        if settings.PROMETHEUS_MULTIPROC_DIR:
            raise CommandError("PROMETHEUS_MULTIPROC_DIR is for the web only: unset it for workers.")
        try:
            worker = make_worker(queue, concurrency)
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        if not burst:
            self.let_be_watched(worker)
            for thread in self.housekeeping(worker):
                thread.start()
        exit_code = worker.judge(burst=burst)
        # What was given back is judged elsewhere by now; its thread here must not hold up the end.
        logging.shutdown()
        self.stdout.flush()
        os._exit(exit_code)

    def housekeeping(self, worker: ThreadedWorker) -> list[threading.Thread]:
        return housekeeping(worker)

    def let_be_watched(self, worker: ThreadedWorker) -> None:
        if not settings.WORKER_HTTP_PORT:
            return
        try:
            open_port(settings.WORKER_HTTP_HOST, settings.WORKER_HTTP_PORT, worker)
        except CannotListen as error:
            raise CommandError(str(error)) from error
