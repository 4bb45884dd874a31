"""What works on this machine, what does not, and what to do: `manage.py doctor`.

It looks and tries, and changes nothing. A running `up` is found through `var/up.env`; where none runs and nothing
else is configured, it tells whether one could start. The only place outside the engine that knows the engine's code.

    ok        works
    off       waits for the next bin/run, which starts or makes it, or could be added: no fault
    PROBLEM   does not work, or would not
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis
import requests
from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from execution.engine import toolchain
from execution.engine.problems import Problem
from execution.engine.requirements import problems
from hints.providers import chosen
from judgeplatform import stack
from judgeplatform.stack import CannotStart
from submissions.connections import redis_client
from submissions.dependencies import missing_migrations, redis_trouble
from submissions.overview import LEAST_FREE_BYTES, command_of, disk, lanes
from submissions.waiting import crew

MOST_CLOCK_DIFFERENCE_S = 2.0
TIMEOUT_S = 5.0


class State(StrEnum):
    OK = "ok"
    OFF = "off"
    PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """`text` says what is fine, or what is wrong and what to do about it."""

    about: str
    state: State
    text: str


class Command(BaseCommand):
    help = (
        "Tell what works on this machine and what does not, with what to do. Exit code 1 if something does not; what "
        "bin/run has yet to start is off, which is no fault."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        parts = (
            platform,
            sandbox,
            var_directory,
            database,
            redis_server,
            backends,
            workers,
            queues,
            hints,
            configuration,
        )
        findings = [finding for part in parts for finding in part()]
        for finding in findings:
            self.stdout.write(f"{finding.state:<8} {finding.about:<10} {finding.text}")
        if any(finding.state is State.PROBLEM for finding in findings):
            raise SystemExit(1)


def is_left_to_up(*names: str) -> bool:
    """Nobody configured any of these variables, and no `up` runs: the next `up` brings what they would name."""
    operators = settings.CONFIGURATION.without_files(
        stack.operators_environment(settings.VAR_DIR, settings.BASE_DIR / ".env")
    )
    return not any(name in operators for name in names) and not stack.is_running(settings.VAR_DIR)


def waits_for_up() -> bool:
    return is_left_to_up("REDIS_URL") or is_left_to_up(*stack.NAMES_OF_BACKENDS)


def platform() -> Iterator[Finding]:
    """Nothing where the parts run elsewhere: then there is no `up` to speak of."""
    if stack.is_running(settings.VAR_DIR):
        yield Finding("platform", State.OK, "runs")
    elif waits_for_up():
        yield Finding("platform", State.OFF, "the platform is not running; bin/run starts it")


def sandbox() -> Iterator[Finding]:
    found = problems()
    if found and not problems(reduced_is_allowed=may_be_reduced()):
        found = []
        yield Finding(
            "sandbox",
            State.OK,
            "programs can be compiled, and isolated with REDUCED ISOLATION only (docs/engine.md)",
        )
    elif not found:
        yield Finding("sandbox", State.OK, "programs can be compiled and isolated")
    yield from (Finding("sandbox", State.PROBLEM, text) for text in found)
    yield from judged_languages()


def may_be_reduced() -> bool:
    """Whether the engine that this clone would start may do with less isolation."""
    return bool(settings.ENGINE_MAY_BE_REDUCED) or stack.is_for_this_machine_only(
        settings.HOST, settings.PUBLIC_URL
    )


def judged_languages() -> Iterator[Finding]:
    """What the engine would offer here; a language that only some platforms have is no fault where it is missing."""
    try:
        recipes = toolchain.chosen(settings.ENGINE_LANGUAGES)
    except Problem as problem:
        yield Finding("languages", State.PROBLEM, str(problem))
        return
    absent = toolchain.missing(recipes)
    there = [one.title for one in recipes if not any(one in group for group in absent.values())]
    if there:
        yield Finding("languages", State.OK, f"compilers and interpreters are there for {', '.join(there)}")
    for package, group in absent.items():
        is_fault = settings.ENGINE_LANGUAGES or any(one.slug in toolchain.BASIC for one in group)
        yield Finding(
            "languages",
            State.PROBLEM if is_fault else State.OFF,
            f"{', '.join(one.title for one in group)}: not offered; apt-get install {package} would add it",
        )


def var_directory() -> Iterator[Finding]:
    var = settings.VAR_DIR
    try:
        with tempfile.TemporaryFile(dir=var):
            yield Finding("data", State.OK, f"{var} can be written")
    except OSError as error:
        yield Finding(
            "data", State.PROBLEM, f"{var} cannot be written ({error.strerror}): own it, or set VAR_DIR"
        )
        return
    space = disk()
    if space is None:
        yield Finding("disk", State.PROBLEM, f"how much is free at {var} cannot be told")
        return
    words = f"{space.free_in_words} free at {var}"
    if space.free >= LEAST_FREE_BYTES:
        yield Finding("disk", State.OK, words)
    else:
        yield Finding("disk", State.PROBLEM, f"{words}: at least 1 GiB should be; make room")


def database() -> Iterator[Finding]:
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    try:
        missing = missing_migrations()
    except DatabaseError as error:
        reason = str(error).strip().partition("\n")[0]
        yield Finding("database", State.PROBLEM, f"{engine} does not answer ({reason}): check DATABASE_URL")
        return
    yield Finding("database", State.OK, f"{engine} answers")
    if missing:
        state = State.OFF if is_left_to_up("DATABASE_URL") else State.PROBLEM
        yield Finding(
            "migrations", state, f"{len(missing)} are missing: bin/run or manage.py migrate applies them"
        )
        return
    yield Finding("migrations", State.OK, "none is missing")
    yield clock()


def clock() -> Finding:
    """The database's clock decides who is overdue; people read this machine's."""
    theirs = User.objects.annotate(now=Now()).values_list("now", flat=True)[0]
    difference_s = abs((theirs - timezone.now()).total_seconds())
    if difference_s <= MOST_CLOCK_DIFFERENCE_S:
        return Finding("clock", State.OK, "the database's agrees with this machine's")
    return Finding(
        "clock",
        State.PROBLEM,
        f"the database's is {difference_s:.0f} s away from this machine's: synchronise both (NTP)",
    )


def redis_server() -> Iterator[Finding]:
    if is_left_to_up("REDIS_URL"):
        try:
            yield Finding("redis", State.OFF, f"not running; bin/run starts {stack.redis_server()}")
        except CannotStart as error:
            yield Finding("redis", State.PROBLEM, str(error))
        return
    try:
        memory = redis_client().info("memory")
    except redis.RedisError as error:
        yield Finding(
            "redis",
            State.PROBLEM,
            f"it {redis_trouble(error)}: check REDIS_URL, or start bin/run",
        )
        return
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        yield Finding("redis", State.OK, "answers")
    else:
        yield Finding(
            "redis",
            State.PROBLEM,
            f"may drop queued work: set maxmemory-policy to noeviction, not {policy}",
        )


def backends() -> Iterator[Finding]:
    if is_left_to_up(*stack.NAMES_OF_BACKENDS):
        yield Finding("backend", State.OFF, "not running; bin/run starts the engine")
        return
    if not settings.JUDGE0_URLS:
        yield Finding(
            "backend", State.PROBLEM, "JUDGE0_URLS is set but empty: name a Judge0 server, or unset it"
        )
    for url, headers in zip(settings.JUDGE0_URLS, settings.JUDGE0_HEADERS, strict=True):
        try:
            status = requests.get(f"{url}/languages", headers=headers, timeout=TIMEOUT_S).status_code
        except requests.RequestException as error:
            yield Finding(
                "backend", State.PROBLEM, f"{url} does not answer ({type(error).__name__}): check JUDGE0_URLS"
            )
            continue
        if status == 200:
            yield Finding("backend", State.OK, f"{url} answers")
        else:
            yield Finding(
                "backend",
                State.PROBLEM,
                f"{url} answers {status}: check JUDGE0_AUTH_TOKEN and JUDGE0_HEADERS_<n>",
            )


def workers() -> Iterator[Finding]:
    """Those of all machines, by queue. Nothing while Redis is away, which is a finding of its own."""
    if waits_for_up():
        yield Finding("workers", State.OFF, "not running; bin/run starts them")
        return
    for lane in settings.RQ_QUEUES:
        try:
            slots = crew(lane).values()
        except redis.RedisError:
            return
        if slots:
            yield Finding("workers", State.OK, f"“{lane}”: {len(slots)}, for {sum(slots)} at once")
        else:
            yield Finding(
                "workers",
                State.PROBLEM,
                f"none serves the queue “{lane}”: start manage.py {command_of(lane)}",
            )


def queues() -> Iterator[Finding]:
    """Nothing before the platform runs, and while the database is away, which is a finding of its own."""
    if waits_for_up():
        return
    try:
        found = lanes()
    except DatabaseError:
        return
    for lane in found:
        words = f"“{lane.name}”: {lane.in_line} in line"
        if lane.is_late:
            advice = "see that workers and judge servers are at work, or add some"
            yield Finding("queue", State.PROBLEM, f"{words}, the first for {lane.waits}: {advice}")
        else:
            yield Finding("queue", State.OK, words)


def hints() -> Iterator[Finding]:
    """Who writes them; a model is not asked, since that costs."""
    access = chosen()
    if access is None:
        yield Finding("hints", State.OK, "written by rules")
    else:
        yield Finding("hints", State.OK, f"written by {access.model} at {access.host}")


def configuration() -> Iterator[Finding]:
    found = [message for message in checks.run_checks() if message.level >= checks.WARNING]
    for message in found:
        yield Finding("settings", State.PROBLEM, f"{message.msg} {message.hint or ''}".strip())
    if not found:
        yield Finding("settings", State.OK, "nothing contradicts itself")
