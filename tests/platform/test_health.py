"""Liveness and readiness."""

import shutil
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from judgeplatform.stack import free_port
from submissions.backends import visit
from submissions.connections import pool
from submissions.dependencies import Check, Dependency
from tests.chaos.stack import Stack
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
    """S2.36, S2.37: the body lists each dependency, backends by numbers; it is open to all, so no more of them."""
    answer = Client().get("/readyz")

    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer.json() == {
        "ready": True,
        "checks": {
            "database": {"ok": True, "detail": "answers"},
            "migrations": {"ok": True, "detail": "none is missing"},
            "redis": {"ok": True, "detail": "answers"},
            "backends": {"ok": True, "detail": "1 of 1 can be used", "servers": {"1": "up"}},
        },
    }


@pytest.mark.django_db
def test_when_all_backends_are_down_it_is_not_ready_but_the_web_still_takes_submissions(backends):
    """S2.17 (in part), S2.36: all backends down → 503, but for the web, which reports it."""
    backends("http://127.0.0.1:1", "http://127.0.0.1:2")
    visit(pool().servers[0])

    answer = Client().get("/readyz")
    web = Client().get("/readyz?role=web")

    told = {"ok": False, "detail": "0 of 2 can be used", "servers": {"1": "down", "2": "unknown"}}
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert (web.status_code, web.json()["ready"]) == (200, True)
    assert answer.json()["checks"]["backends"] == web.json()["checks"]["backends"] == told


@pytest.mark.django_db
def test_a_role_that_nobody_has_is_refused_and_the_roles_are_named():
    answer = Client().get("/readyz?role=engine")

    assert answer.status_code == 400
    assert "web and worker" in answer.json()["detail"]


@pytest.mark.django_db
def test_when_no_worker_has_reported_backends_are_unknown():
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["backends"]["ok"]) == (503, False)


@pytest.mark.django_db
def test_a_server_whose_runs_fail_is_not_counted_though_it_answers(reported):
    for _ in range(3):
        pool().breakers[pool().servers[0].url].failed()

    checks = Client().get("/readyz").json()["checks"]

    assert checks["backends"]["detail"] == "0 of 1 can be used"


@pytest.mark.django_db
def test_when_the_database_is_away_nothing_is_ready(reported, monkeypatch):
    """S2.36"""
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/at all")

    answer = Client().get("/readyz?role=web")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert not answer.json()["checks"]["database"]["ok"]
    assert "nowhere" not in answer.text


@pytest.mark.django_db(transaction=True)
def test_a_database_that_lacks_a_migration_is_not_ready():
    """A new version's replicas take no traffic before its migrations have run."""
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("submissions", "0004_languages_without_migrations")
    try:
        answer = Client().get("/readyz?role=web")
    finally:
        recorder.record_applied("submissions", "0004_languages_without_migrations")

    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"] == {"ok": False, "detail": "1 are missing"}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz?role=web", "/health/ready?role=web", "/metrics"])
def test_a_replica_that_is_asked_by_its_address_answers_as_by_its_name(path):
    """Kubernetes probes pods, and Prometheus scrapes them, by addresses that no setting knows."""
    asked = Client().get(path, headers={"Host": "10.1.2.3:8000"}).status_code

    assert asked == Client().get(path).status_code != 400


class Hanging:
    """Something that answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.let_go = threading.Event()

    def __call__(self) -> dict[str, Check]:
        self.asked += 1
        assert self.let_go.wait(10)
        return {"it": Check(True, "answers")}


def test_what_hangs_is_waited_for_until_a_deadline_and_is_not_asked_again_meanwhile():
    """A database that is frozen must neither hold up probes nor gather threads."""
    hanging = Hanging()
    dependency = Dependency(("it", "its twin"), hanging, deadline_s=0.2)
    began = time.monotonic()

    silent = [dependency.answered(dependency.ask()) for _ in range(5)]

    assert time.monotonic() - began < 2
    assert silent == [dict.fromkeys(("it", "its twin"), Check(False, "has not answered for 0.2 s"))] * 5
    assert hanging.asked == 1

    hanging.let_go.set()
    late = dependency.ask()
    late.found.result(5)
    assert dependency.answered(late) == {"it": Check(True, "answers")}


def test_an_answer_serves_all_who_come_within_a_second():
    prompt = Hanging()
    prompt.let_go.set()
    dependency = Dependency(("it",), prompt)

    for _ in range(20):
        assert dependency.answered(dependency.ask())["it"].ok

    assert prompt.asked == 1


# --- With processes of its own, on a PostgreSQL that stops ---------------------------------------------------


@pytest.fixture
def on_postgres():
    """Web and worker beside a PostgreSQL of their own; the worker tells how it is at `watched`."""
    # Not below pytest's own directory: whichever pytest starts next closes that to PostgreSQL's user.
    directory = Path(tempfile.mkdtemp(prefix="judge-health-"))
    platform = Stack(directory)
    with FakeJudge0() as judge0:
        platform.watched = f"http://127.0.0.1:{free_port()}"
        platform.environment |= {
            "JUDGE0_URLS": judge0.url,
            "JUDGE0_PROBE_EVERY_S": "0",
            "WORKER_HTTP_PORT": platform.watched.rpartition(":")[2],
        }
        try:
            platform.start("postgres", "redis", "worker-1", "web")
            yield platform
        finally:
            platform.stop()
            shutil.rmtree(directory, ignore_errors=True)


def asked(url: str) -> tuple[int, dict[str, bool]]:
    answer = requests.get(url, timeout=10)
    return answer.status_code, {name: check["ok"] for name, check in answer.json()["checks"].items()}


def await_status(url: str, status: int) -> None:
    deadline = time.monotonic() + 20
    while asked(url)[0] != status:
        assert time.monotonic() < deadline, requests.get(url, timeout=10).text
        time.sleep(0.1)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")  # PostgreSQL's wheel minds, and goes on
def test_with_postgres_stopped_neither_web_nor_worker_is_ready_until_it_is_back(on_postgres):
    """S2.17: frozen, it is given up after a few seconds; liveness asks for none of it."""
    web, worker = f"{on_postgres.url}/readyz?role=web", f"{on_postgres.watched}/readyz"
    postgres = on_postgres.parts["postgres"]
    await_status(worker, 200)
    assert asked(web)[0] == asked(f"{on_postgres.url}/readyz")[0] == 200
    assert set(asked(worker)[1]) == {"database", "migrations", "redis", "backends", "worker"}

    server = psutil.Process(postgres.process.pid)
    frozen = [server, *server.children(recursive=True)]  # those that serve connections, too
    for one in frozen:
        one.suspend()
    time.sleep(1)  # what was answered just now counts for so long
    began = time.monotonic()
    assert [asked(web)[0], asked(worker)[0]] == [503, 503]
    assert time.monotonic() - began < 8
    for one in frozen:
        one.resume()
    await_status(web, 200)

    postgres.stop()
    postgres.process.wait(10)
    await_status(web, 503)
    await_status(worker, 503)
    assert asked(web)[1]["redis"] is True
    assert asked(worker)[1]["database"] is False
    alive = [requests.get(f"{one}/healthz", timeout=5) for one in (on_postgres.url, on_postgres.watched)]
    assert [one.status_code for one in alive] == [200, 200]

    postgres.start()
    await_status(web, 200)
    await_status(worker, 200)
