"""Liveness and readiness."""

import pytest
import requests
from django.db import DatabaseError, connection
from django.test import Client

from submissions.backends import visit
from submissions.connections import pool
from tests.fakes import FakeJudge0


def test_liveness_touches_neither_database_nor_backend():
    """S2.35: without the `db` mark pytest-django refuses every query."""
    assert Client().get("/healthz").status_code == 200


def test_liveness_needs_no_thread_of_the_web(stack):
    """It is answered by the event loop itself; Django, asked directly, says the same."""
    answer = requests.get(f"{stack.url}/healthz", timeout=10)

    assert (answer.status_code, answer.text) == (200, Client().get("/healthz").content.decode())
    assert requests.head(f"{stack.url}/healthz", timeout=10).text == ""


@pytest.fixture
def reported(backends):
    with FakeJudge0() as judge0:
        backends(judge0.url)
        visit(pool().servers[0])
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
    visit(pool().servers[0])

    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["backends"]["ok"]) == (503, False)
    assert Client().get("/readyz?role=web").status_code == 200


@pytest.mark.django_db
def test_when_no_worker_has_reported_backends_are_unknown():
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["backends"]["ok"]) == (503, False)


@pytest.mark.django_db
def test_a_server_whose_runs_fail_is_not_counted_though_it_answers(reported):
    for _ in range(3):
        pool().breakers[pool().servers[0].url].failed()

    checks = Client().get("/readyz").json()["checks"]

    assert checks["backends"] == {"ok": False, "detail": "0 of 1 can be used"}


@pytest.mark.django_db
def test_when_the_database_is_away_nothing_is_ready(reported):
    """S2.36"""

    def away(execute, sql, params, many, context):
        raise DatabaseError("gone")

    with connection.execute_wrapper(away):
        answer = Client().get("/readyz?role=web")

    assert (answer.status_code, answer.json()["checks"]["database"]["ok"]) == (503, False)
