"""How the installation is, for staff: what is wrong first, in sentences, then what there is to know.

    the database    who waits, what is judged, what ended in errors, webhooks
    Redis           workers, sweepers, judge servers: nothing is known of them while it is away
    this machine    the disk of `var/`, versions

Each part costs a fixed number of queries, over what is unfinished or recent, never over all there is.
"""

import platform
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypedDict, cast

import django
import redis
from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Count, DurationField, ExpressionWrapper, Max, Min, Q, QuerySet
from django.db.models.functions import Now

from execution import languages
from submissions import backends, repairs, waiting
from submissions.backends import BackendStatus
from submissions.connections import redis_client
from submissions.dependencies import Check, Checks, checked
from submissions.models import Submission, Webhook
from submissions.repairs import Sweeps

LEAST_FREE_BYTES = 1024**3
LATE = timedelta(minutes=1)  # so long nobody stands in line while there are enough workers
STILL_S = 30.0  # sweepers go round every two seconds
ERRORS_OF = timedelta(hours=1)
MOST_RUNNING = 5
CANCELLED = "cancelled"  # an error that is nobody's fault
EACH_WORKER = ("hostname", "pid", "judging")


@dataclass(frozen=True)
class Lane:
    """A queue of workers. `stuck`: by language, how many stand outside the line since no server can judge them."""

    name: str
    in_line: int
    oldest: timedelta | None
    running: int
    stuck: Mapping[str, int]

    @property
    def is_late(self) -> bool:
        return self.oldest is not None and self.oldest > LATE

    @property
    def waits(self) -> str:
        """How long the oldest one has been in line."""
        if self.oldest is None:
            return "–"
        seconds = max(0, round(self.oldest.total_seconds()))
        return f"{seconds} s" if self.oldest <= LATE else f"{seconds // 60} min"


@dataclass(frozen=True)
class Worker:
    """`judging`: how many of its slots are busy; None where it has yet to say."""

    lane: str
    name: str
    place: str
    slots: int
    judging: int | None


class Mishaps(TypedDict):
    """Submissions that ended in an error: `reason` is its code, `message` how one of them was told."""

    reason: str
    count: int
    message: str


@dataclass(frozen=True)
class Disk:
    """In bytes."""

    free: int
    total: int

    @property
    def free_in_words(self) -> str:
        return f"{self.free / 1024**3:.1f} GiB"

    def __str__(self) -> str:
        return f"{self.free_in_words} of {self.total / 1024**3:.1f} GiB free"


@dataclass(frozen=True)
class Trouble:
    """What is the matter, and what to do about it; each a sentence. docs/health.md has the same in a table."""

    what: str
    remedy: str


@dataclass(frozen=True)
class Known:
    """What Redis says."""

    workers: Sequence[Worker]
    backends: Sequence[BackendStatus]
    sweeps: Sweeps


@dataclass(frozen=True)
class Overview:
    """`known` is None while Redis is away, `disk` where nothing can be learnt of it."""

    checks: Checks
    lanes: Sequence[Lane]
    mishaps: Sequence[Mishaps]
    running: Sequence[Submission]
    webhooks: Mapping[str, int]
    known: Known | None
    disk: Disk | None
    versions: Mapping[str, str]

    @property
    def troubles(self) -> list[Trouble]:
        """None: everything is fine."""
        return [*_of_dependencies(self.checks), *_of_work(self), *_of_machine(self)]


def overview() -> Overview:
    return Overview(
        checks=checked(),
        lanes=lanes(),
        mishaps=_mishaps(),
        running=_running(),
        webhooks=_webhooks(),
        known=_known(),
        disk=disk(),
        versions=_versions(),
    )


# --- What is wrong -------------------------------------------------------------------------------------------


def _of_dependencies(checks: Checks) -> Iterator[Trouble]:
    if not checks["database"].ok:
        yield Trouble("The database does not answer.", "Start it, or check DATABASE_URL.")
    elif not checks["migrations"].ok:
        yield Trouble(
            f"Of the database's migrations, {checks['migrations'].detail}.", "Run manage.py migrate."
        )
    if not checks["redis"].ok:
        yield Trouble(
            "Redis does not answer: what is graded is taken and waits, runs are refused.",
            "Start it, or check REDIS_URL. Nothing that is graded is lost.",
        )
    elif not checks["backends"].ok:
        yield _of_backends(checks["backends"])


def _of_backends(check: Check) -> Trouble:
    states = (check.servers or {}).values()
    if all(state == backends.State.UNKNOWN for state in states):
        detail = check.detail.removeprefix("unknown: ")
        return Trouble(
            f"Whether a judge server can be used is not known: {detail}.",
            "Right after a start, wait until each language was tried; else see that workers run.",
        )
    return Trouble(
        f"No judge server can be used (0 of {len(states)}).",
        "See “Judge servers” for why. What is graded waits, for MAX_QUEUE_AGE at most.",
    )


def _of_work(found: Overview) -> Iterator[Trouble]:
    if found.known is not None:
        yield from _of_crew(found.known)
    for lane in found.lanes:
        if lane.is_late:
            yield Trouble(
                f"The first in the queue “{lane.name}” has waited for {lane.waits}.",
                "Are workers and judge servers at work? Then add some of whichever is busy.",
            )
        for language, count in lane.stuck.items():
            yield Trouble(
                f"{count} in {language} wait for a judge server that can be used.",
                "See “Judge servers” for who has the language, and why it is not used.",
            )
    if failed := sum(one["count"] for one in found.mishaps if one["reason"] != CANCELLED):
        yield Trouble(
            f"{failed} ended in an error of ours within the last hour.",
            "See the codes below, and the log by a submission's id.",
        )


def _of_crew(known: Known) -> Iterator[Trouble]:
    for lane in settings.RQ_QUEUES:
        if not any(one.lane == lane for one in known.workers):
            yield Trouble(f"No worker serves the queue “{lane}”.", f"Start manage.py {command_of(lane)}.")
    idle_s = known.sweeps.idle_s
    if known.workers and (idle_s is None or idle_s > STILL_S):
        yield Trouble(
            "No worker sweeps: what a dead one was judging stays where it is.",
            "Start a worker anew, or run manage.py sweep --once.",
        )
    silent = [one.name for one in backends.waited_for(known.backends)]
    if silent and any(one.is_usable for one in known.backends):
        yield Trouble(
            f"No judge server can be used for {', '.join(silent)}.",
            "See “Judge servers” for who has the language, and why it is not used.",
        )


def command_of(lane: str) -> str:
    """What starts a worker of the queue."""
    return f"judge_worker --queue {lane}" if lane in Submission.LANES else f"{lane}_worker"


def _of_machine(found: Overview) -> Iterator[Trouble]:
    if found.disk is not None and found.disk.free < LEAST_FREE_BYTES:
        yield Trouble(f"Less than 1 GiB is free at {settings.VAR_DIR}.", "Make room there.")


# --- What the database says ----------------------------------------------------------------------------------


def lanes() -> list[Lane]:
    rows = list(_unfinished())
    return [
        _lane(name, [row for row in rows if row["kind"] in kinds]) for name, kinds in Submission.LANES.items()
    ]


def _unfinished() -> QuerySet[Submission, dict[str, Any]]:
    """Who has an `overdue_at`, which is indexed."""
    is_stuck = ExpressionWrapper(Q(unavailable_since__isnull=False), BooleanField())
    age = ExpressionWrapper(Now() - Min("created_at"), DurationField())
    rows = Submission.objects.filter(overdue_at__isnull=False).order_by()
    grouped = rows.annotate(is_stuck=is_stuck).values("kind", "language", "status", "is_stuck")
    return cast(QuerySet[Submission, dict[str, Any]], grouped.annotate(count=Count("pk"), age=age))


def _lane(name: str, rows: Sequence[dict[str, Any]]) -> Lane:
    queued = [row for row in rows if row["status"] == Submission.Status.QUEUED]
    in_line = [row for row in queued if not row["is_stuck"]]
    stuck: Counter[str] = Counter()
    for row in queued:
        if row["is_stuck"]:
            stuck[languages.get(row["language"]).name] += row["count"]
    return Lane(
        name=name,
        in_line=sum(row["count"] for row in in_line),
        oldest=max((row["age"] for row in in_line), default=None),
        running=sum(row["count"] for row in rows) - sum(row["count"] for row in queued),
        stuck=dict(stuck),
    )


def _mishaps() -> list[Mishaps]:
    """Most frequent first. Of runs and of what is graded, each is found by an index of its own."""
    began = Now() - ERRORS_OF
    recent = Q(kind=Submission.Kind.RUN, created_at__gte=began) | (
        ~Q(kind=Submission.Kind.RUN) & Q(finished_at__gte=began, texts_purged_at__isnull=True)
    )
    failed = Submission.objects.filter(recent, status=Submission.Status.ERROR).order_by()
    told = (
        failed.values("reason")
        .annotate(count=Count("pk"), message=Max("message"))
        .order_by("-count", "reason")
    )
    return [cast(Mishaps, row) for row in told]


def _running() -> list[Submission]:
    """Those that are judged for the longest time."""
    running = Submission.objects.filter(overdue_at__isnull=False, status=Submission.Status.RUNNING)
    return list(running.without_texts().order_by("started_at")[:MOST_RUNNING])


def _webhooks() -> dict[str, int]:
    waiting = Webhook.objects.filter(next_try_at__isnull=False)
    return waiting.aggregate(waiting=Count("pk"), failing=Count("pk", filter=Q(attempts__gt=0)))


# --- What Redis says -----------------------------------------------------------------------------------------


def _known() -> Known | None:
    try:
        return Known(_workers(), backends.statuses(), repairs.lately())
    except redis.RedisError:
        return None


def _workers() -> list[Worker]:
    crew = [
        (lane, name, slots)
        for lane in settings.RQ_QUEUES
        for name, slots in sorted(waiting.crew(lane).items())
    ]
    with redis_client().pipeline(transaction=False) as pipe:
        for _, name, _ in crew:
            pipe.hmget(f"rq:worker:{name}", EACH_WORKER)
        told = pipe.execute()
    return [
        Worker(lane, name, _place(host, pid), slots, None if judging is None else int(judging))
        for (lane, name, slots), (host, pid, judging) in zip(crew, told, strict=True)
    ]


def _place(host: bytes | None, pid: bytes | None) -> str:
    return f"{host.decode()}, process {pid.decode()}" if host and pid else ""


# --- What this machine says ----------------------------------------------------------------------------------


def disk() -> Disk | None:
    """That of `var/`, where this process sees it."""
    try:
        usage = shutil.disk_usage(settings.VAR_DIR)
    except OSError:
        return None
    return Disk(usage.free, usage.total)


def _versions() -> dict[str, str]:
    return {
        "Platform": settings.VERSION,
        "Python": platform.python_version(),
        "Django": django.get_version(),
        "Database": _database_version(),
    }


def _database_version() -> str:
    """As the open connection has it."""
    version = ".".join(map(str, connection.get_database_version()))
    return f"{connection.display_name} {version}"
