"""What is measured, in Prometheus's text format: for whoever scrapes the web or a worker.

this process        counters and histograms, each defined in the module that knows the fact. Where several processes
                    serve one address (PROMETHEUS_MULTIPROC_DIR), those of all of them
the installation    `cluster`: what database and Redis say, once for each scrape, the same at every process
"""

from collections.abc import Iterator

from django.conf import settings
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from submissions.cluster import Cluster

# When each of the series began: twice as many series, and nobody asks.
disable_created_metrics()  # type: ignore[no-untyped-call]

OF_DJANGO_RQ = "rq_request_processing_seconds_total"


def exposition() -> tuple[bytes, str]:
    """All of it, and its content type. Where database or Redis does not answer in time, it goes on without."""
    together = CollectorRegistry(auto_describe=False)
    together.register(Counted())
    together.register(Cluster())
    return generate_latest(together), CONTENT_TYPE_LATEST


class Counted(Collector):
    """What processes count while they work.

    Without the one that django-rq defines as soon as it is imported: it is empty, and promtool refuses its name.
    """

    def collect(self) -> Iterator[Metric]:
        return (metric for metric in _source().collect() if metric.name != OF_DJANGO_RQ)


def _source() -> Collector:
    if settings.PROMETHEUS_MULTIPROC_DIR:
        return MultiProcessCollector(None, settings.PROMETHEUS_MULTIPROC_DIR)  # type: ignore[no-untyped-call]
    return REGISTRY
