"""`manage.py runengine`: the embedded engine alone, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import logging
import os
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from execution.engine import process
from execution.engine.config import MAX_SLOTS, EngineConfig
from execution.engine.problems import Problem
from execution.engine.terms import Terms
from execution.management.servers import ServerCommand

logger = logging.getLogger("execution.engine")


class Command(ServerCommand):
    help = "Run the embedded engine: Judge0's HTTP API over a sandbox on this machine."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=settings.ENGINE_PORT, help="0: any free one")
        parser.add_argument(
            "--slots",
            type=int,
            default=settings.ENGINE_SLOTS,
            help="programs that may run at once; 0: one per CPU",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            config = EngineConfig(
                host=options["host"],
                port=options["port"],
                slots=options["slots"] or min(len(os.sched_getaffinity(0)), MAX_SLOTS),
                run_dir=settings.ENGINE_RUN_DIR,
                auth_tokens=tuple(settings.ENGINE_AUTH_TOKEN.split()),
                authz_tokens=tuple(settings.ENGINE_AUTHZ_TOKEN.split()),
                max_queue=settings.ENGINE_MAX_QUEUE,
                result_ttl_s=settings.ENGINE_RESULT_TTL_S,
                cache_bytes=settings.ENGINE_CACHE_BYTES,
                allows_reduced=settings.ENGINE_MAY_BE_REDUCED,
                languages=tuple(settings.ENGINE_LANGUAGES),
                terms=Terms.read(settings.ENGINE_TERMS),
            )
            process.run(config, logger.info if settings.LOG_FORMAT == "json" else process.say_on_stderr)
        except Problem as problem:
            raise CommandError(str(problem)) from problem
