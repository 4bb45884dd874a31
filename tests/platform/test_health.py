"""Liveness and readiness."""

import pytest
from django.db import DatabaseError, connection
from django.test import Client

from submissions import recovery
from submissions.connections import redis_client
from tests.fakes import FakeJudge0


def test_liveness_touches_neither_database_nor_backend():
    """S2.35: without the `db` mark pytest-django refuses every query."""
    assert Client().get("/healthz").status_code == 200


@pytest.fixture
def reported(backends):
    with FakeJudge0() as judge0:
        backends(judge0.url)
        recovery.report_backends()
        yield


@pytest.mark.django_db
def test_ready_means_that_database_redis_and_a_backend_answer(reported):
    """S2.36, S2.37"""
    answer = Client().get("/readyz")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert set(answer.json()["checks"]) == {"database", "redis", "backends"}


@pytest.mark.django_db
def test_when_all_backends_are_down_it_is_not_ready_but_the_web_still_takes_submissions(backends):
    """S2.36"""
    backends("http://127.0.0.1:1")
    recovery.report_backends()

    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["backends"]["ok"]) == (503, False)
    assert Client().get("/readyz?role=web").status_code == 200


@pytest.mark.django_db
def test_when_no_worker_has_reported_backends_are_unknown():
    redis_client().delete(recovery.HEALTH_KEY)

    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["backends"]["ok"]) == (503, False)


@pytest.mark.django_db
def test_when_the_database_is_away_nothing_is_ready(reported):
    """S2.36"""

    def away(execute, sql, params, many, context):
        raise DatabaseError("gone")

    with connection.execute_wrapper(away):
        answer = Client().get("/readyz?role=web")

    assert (answer.status_code, answer.json()["checks"]["database"]["ok"]) == (503, False)
