"""How things stand for all processes together, as database and Redis say when somebody scrapes a process.

It is the same at every process, so queries take the maximum of it, never the sum. Where database or Redis does not
answer, or not in time, what the other one knows is told all the same. However many scrape a process at once, each is
asked once. Counting rows costs what is unfinished, not what there is.
"""

import logging
import platform
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from typing import Any, cast

import django
import redis
from django import db
from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, Min, Q
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from execution import breaker
from execution.judge0 import name_of
from execution.probes import Standing
from submissions import backends, waiting
from submissions.backends import BackendStatus
from submissions.connections import queue
from submissions.dependencies import Asked
from submissions.models import Submission, Webhook

logger = logging.getLogger(__name__)

AWAY = (db.Error, redis.RedisError, TimeoutError)
UNREADABLE = (ValueError, KeyError, TypeError)
"""What another version of this program has kept there may raise."""

Source = Asked[list[Metric]]


def gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=labels)


class Cluster(Collector):
    """`sources` are the installation's own unless others are given."""

    def __init__(self, sources: Mapping[str, Source] | None = None) -> None:
        self._sources = _sources() if sources is None else sources

    def collect(self) -> Iterator[Metric]:
        yield _build()
        up = gauge(
            "judge_dependency_up",
            "1 where it answered this scrape, 0 where not, not in time, or with what cannot be read.",
            "dependency",
        )
        asked = {name: source.ask() for name, source in self._sources.items()}
        for name, source in self._sources.items():
            try:
                yield from source.answered(asked[name])
            except AWAY + UNREADABLE as error:
                logger.warning("%s tells no metrics: %s", name, type(error).__name__)
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
        yield up


@cache
def _sources() -> Mapping[str, Source]:
    return {"database": Asked(lambda: list(of_database())), "redis": Asked(lambda: list(of_redis()))}


def forget() -> None:
    """What was told so far counts no more: for tests, which change the world between two questions."""
    _sources.cache_clear()


def _build() -> Metric:
    build = gauge("judge_build_info", "Always 1; what runs is in the labels.", "version", "python", "django")
    build.add_metric([settings.VERSION, platform.python_version(), django.get_version()], 1)
    return build


# --- What the database says ------------------------------------------------------------------------------------


def of_database() -> Iterator[Metric]:
    unfinished = gauge(
        "judge_submissions_unfinished", "Submissions that are queued or running.", "kind", "status"
    )
    found = {(row["kind"], row["status"]): row for row in _unfinished()}
    for kind in Submission.Kind:
        for status in Submission.UNFINISHED:
            row = found.get((kind, status))
            unfinished.add_metric([kind, status], row["count"] if row else 0)
    yield unfinished
    waiting_rows = [row for (_, status), row in found.items() if status == Submission.Status.QUEUED]
    yield from _queues(waiting_rows)
    webhooks = gauge("judge_webhooks_waiting", "Ends of submissions that receivers are yet to be told.")
    webhooks.add_metric([], Webhook.objects.filter(next_try_at__isnull=False).count())
    yield webhooks


def _unfinished() -> Iterable[Mapping[str, Any]]:
    """By kind and status; those are the rows that have an `overdue_at`, which is indexed."""
    in_line = Q(unavailable_since__isnull=True)
    age = ExpressionWrapper(Now() - Min("created_at", filter=in_line), DurationField())
    rows = Submission.objects.filter(overdue_at__isnull=False).order_by().values("kind", "status")
    counted = rows.annotate(count=Count("pk"), in_line=Count("pk", filter=in_line), age=age)
    return cast(Iterable[Mapping[str, Any]], counted)


def _queues(queued: list[Mapping[str, Any]]) -> Iterator[Metric]:
    depth = gauge("judge_queue_depth", "Submissions that wait in line for a worker.", "queue")
    oldest = gauge("judge_queue_oldest_seconds", "Age of the oldest one in line; 0 without any.", "queue")
    stuck = gauge(
        "judge_queue_awaiting_backend",
        "Submissions outside the line: no backend can judge them now.",
        "queue",
    )
    for lane, kinds in Submission.LANES.items():
        rows = [row for row in queued if row["kind"] in kinds]
        in_line = sum(row["in_line"] for row in rows)
        ages = [row["age"] for row in rows if row["age"] is not None]
        depth.add_metric([lane], in_line)
        oldest.add_metric([lane], max([*ages, timedelta()]).total_seconds())
        stuck.add_metric([lane], sum(row["count"] for row in rows) - in_line)
    most = gauge("judge_queue_limit", "MAX_QUEUE_DEPTH: beyond it learners' programs are refused.")
    most.add_metric([], settings.MAX_QUEUE_DEPTH)
    yield from (depth, oldest, stuck, most)


# --- What Redis says -------------------------------------------------------------------------------------------


def of_redis() -> Iterator[Metric]:
    jobs = gauge("judge_queue_jobs", "Jobs in the queue in Redis, which is only the doorbell.", "queue")
    workers = gauge("judge_workers", "Worker processes that have announced themselves lately.", "queue")
    slots = gauge("judge_worker_slots", "Jobs that these workers do at once.", "queue")
    for lane in settings.RQ_QUEUES:
        announced = waiting.crew(lane).values()
        jobs.add_metric([lane], queue(lane).count)
        workers.add_metric([lane], len(announced))
        slots.add_metric([lane], sum(announced))
    yield from (jobs, workers, slots)
    yield from _backends(backends.statuses())


def _backends(found: list[BackendStatus]) -> Iterator[Metric]:
    usable = gauge("judge_backends_usable", "Backends that programs are sent to.")
    usable.add_metric([], sum(one.is_usable for one in found))
    state = gauge("judge_backend_state", "1 for how the backend is, 0 for the others.", "backend", "state")
    switch = gauge(
        "judge_backend_breaker_state", "1 for its breaker's state, 0 for the others.", "backend", "state"
    )
    runs = gauge("judge_backend_runs_in_flight", "Runs that workers have there now.", "backend")
    most = gauge("judge_backend_runs_limit", "JUDGE0_MAX_INFLIGHT: the most they may have there.", "backend")
    depth = gauge("judge_backend_queue_depth", "Runs that wait there, as it says itself.", "backend")
    workers = gauge("judge_backend_workers", "Workers that it has, as it says itself.", "backend")
    honest = gauge(
        "judge_backend_probe_ok",
        "1 where it judges known programs in the language rightly, 0 where wrongly; missing where nobody knows.",
        "backend",
        "language",
    )
    for name, one in {name_of(one.url): one for one in found}.items():
        for each in backends.State:
            state.add_metric([name, each], one.state is each)
        for switched in breaker.State:
            switch.add_metric([name, switched], one.breaker is switched)
        if one.in_flight is not None:
            runs.add_metric([name], one.in_flight)
        most.add_metric([name], one.most_in_flight)
        if one.report is not None and one.report.waiting is not None and one.report.workers is not None:
            depth.add_metric([name], one.report.waiting)
            workers.add_metric([name], one.report.workers)
        for pair in one.pairs:
            if pair.offered and pair.standing is not Standing.UNKNOWN:
                honest.add_metric([name, pair.language.slug], pair.standing is Standing.GOOD)
    yield from (usable, state, switch, runs, most, depth, workers, honest)
