"""What works on this machine, what does not, and what to do: `manage.py doctor`.

It looks and tries, and changes nothing. A running `up` is found through `var/up.env`; where none runs and nothing
else is configured, it tells whether one could start. The only place outside the engine that knows the engine's code.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis
import requests
from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from execution.engine.requirements import missing_languages, problems
from judgeplatform import stack
from judgeplatform.stack import CannotStart
from submissions.connections import redis_client

LEAST_FREE_BYTES = 1024**3
MOST_CLOCK_DIFFERENCE_S = 2.0
TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """`text` says what is fine, or what is wrong and what to do about it."""

    about: str
    ok: bool
    text: str


class Command(BaseCommand):
    help = "Tell what works on this machine and what does not, with what to do. Exit code 1 if something does not."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [*sandbox(), *var_directory(), *database(), *redis_server(), *backends(), *configuration()]
        for finding in findings:
            self.stdout.write(f"{'ok' if finding.ok else 'PROBLEM':<8} {finding.about:<10} {finding.text}")
        if not all(finding.ok for finding in findings):
            raise SystemExit(1)


def is_left_to_up(*names: str) -> bool:
    """Nobody configured any of these variables, and no `up` runs: the next `up` brings what they would name."""
    operators = stack.operators_environment(settings.VAR_DIR)
    return not any(name in operators for name in names) and not (settings.VAR_DIR / "up.env").exists()


def sandbox() -> Iterator[Finding]:
    found = problems()
    yield from (Finding("sandbox", False, text) for text in found)
    if not found:
        yield Finding("sandbox", True, "programs can be compiled and isolated")
    missing = missing_languages()
    yield from (Finding("languages", False, text) for text in missing)
    if not missing:
        yield Finding("languages", True, "the compilers and interpreters are there")


def var_directory() -> Iterator[Finding]:
    var = settings.VAR_DIR
    try:
        with tempfile.TemporaryFile(dir=var):
            yield Finding("data", True, f"{var} can be written")
    except OSError as error:
        yield Finding("data", False, f"{var} cannot be written ({error.strerror}): own it, or set VAR_DIR")
        return
    free = shutil.disk_usage(var).free
    words = f"{free / 1024**3:.1f} GiB free at {var}"
    if free >= LEAST_FREE_BYTES:
        yield Finding("disk", True, words)
    else:
        yield Finding("disk", False, f"{words}: at least 1 GiB should be; make room")


def database() -> Iterator[Finding]:
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        yield Finding("database", False, f"{engine} does not answer ({reason}): check DATABASE_URL")
        return
    yield Finding("database", True, f"{engine} answers")
    if waiting:
        yield Finding(
            "migrations", False, f"{len(waiting)} are missing: run manage.py migrate (bin/run does it)"
        )
        return
    yield Finding("migrations", True, "none is missing")
    yield clock()


def clock() -> Finding:
    """The database's clock decides who is overdue; people read this machine's."""
    theirs = User.objects.annotate(now=Now()).values_list("now", flat=True)[0]
    difference_s = abs((theirs - timezone.now()).total_seconds())
    if difference_s <= MOST_CLOCK_DIFFERENCE_S:
        return Finding("clock", True, "the database's agrees with this machine's")
    return Finding(
        "clock",
        False,
        f"the database's is {difference_s:.0f} s away from this machine's: synchronise both (NTP)",
    )


def redis_server() -> Iterator[Finding]:
    if is_left_to_up("REDIS_URL"):
        try:
            yield Finding("redis", True, f"does not run now; manage.py up starts {stack.redis_server()}")
        except CannotStart as error:
            yield Finding("redis", False, str(error))
        return
    try:
        memory = redis_client().info("memory")
    except redis.RedisError as error:
        yield Finding(
            "redis",
            False,
            f"{settings.REDIS_URL} does not answer ({type(error).__name__}): check REDIS_URL, or start bin/run",
        )
        return
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        yield Finding("redis", True, "answers")
    else:
        yield Finding(
            "redis",
            False,
            f"may drop queued work: set maxmemory-policy to noeviction, not {policy}",
        )


def backends() -> Iterator[Finding]:
    if is_left_to_up(*stack.NAMES_OF_BACKENDS):
        yield Finding("backend", True, "does not run now; manage.py up starts the engine")
        return
    if not settings.JUDGE0_URLS:
        yield Finding("backend", False, "JUDGE0_URLS is set but empty: name a Judge0 server, or unset it")
    for url, headers in zip(settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, strict=True):
        try:
            status = requests.get(f"{url}/languages", headers=headers, timeout=TIMEOUT_S).status_code
        except requests.RequestException as error:
            yield Finding(
                "backend", False, f"{url} does not answer ({type(error).__name__}): check JUDGE0_URLS"
            )
            continue
        if status == 200:
            yield Finding("backend", True, f"{url} answers")
        else:
            yield Finding(
                "backend", False, f"{url} answers {status}: check JUDGE0_AUTH_TOKEN and JUDGE0_HEADERS_<n>"
            )


def configuration() -> Iterator[Finding]:
    found = [message for message in checks.run_checks() if message.level >= checks.WARNING]
    for message in found:
        yield Finding("settings", False, f"{message.msg} {message.hint or ''}".strip())
    if not found:
        yield Finding("settings", True, "nothing contradicts itself")
