"""What a worker tells whoever watches it. (A whole worker: test_worker.py; one without database: test_health.py.)"""

import socket
import time
from dataclasses import dataclass

import pytest
import requests
from django.core.management import CommandError, call_command

from submissions import dependencies, leases, lifecycle, worker
from submissions.backends import visit
from submissions.connections import pool
from submissions.worker import make_worker
from submissions.worker_port import SEATS, WorkerPort, open_port
from tests.factories import make_question, make_user
from tests.fakes import FakeJudge0


@dataclass
class Watched:
    is_turning: bool = True
    phase: str = "judging"
    role: str = "worker"


@pytest.fixture(scope="module")
def opened():
    opened = open_port("127.0.0.1", 0, Watched())
    yield opened
    opened.close()


@pytest.fixture
def watched():
    return Watched()


@pytest.fixture
def port(opened, watched):
    opened.worker = watched
    return opened


def get(port: WorkerPort, path: str, method: str = "GET") -> requests.Response:
    return requests.request(method, f"http://127.0.0.1:{port.port}{path}", timeout=5)


def test_liveness_is_that_the_loop_turns_and_asks_neither_database_nor_redis(port, watched):
    """S1.57 (in part): without the `db` mark every query is refused."""
    assert (get(port, "/healthz").status_code, get(port, "/healthz").text) == (200, "ok\n")

    watched.is_turning = False

    assert get(port, "/healthz").status_code == 503


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_while_it_judges_and_has_all_that_it_needs_for_that(port, watched, backends):
    """S2.17 (in part)"""
    with FakeJudge0() as judge0:
        backends(judge0.url)
        unvisited = get(port, "/readyz")
        visit(pool().servers[0])
        dependencies.forget()
        ready = get(port, "/readyz")
        phases = {}
        for watched.phase in ("starting", "stopping"):
            phases[watched.phase] = get(port, "/readyz")

    assert (unvisited.status_code, unvisited.headers["Retry-After"]) == (503, "5")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert ready.json()["checks"]["worker"] == {"ok": True, "detail": "judging"}
    for phase, answer in phases.items():
        assert answer.status_code == 503
        assert answer.json()["checks"]["worker"] == {"ok": False, "detail": phase}


@pytest.mark.django_db(transaction=True)
def test_its_metrics_are_in_prometheus_format_without_any_credential(port):
    answer = get(port, "/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "\njudge_inflight " in answer.text


def test_it_serves_nothing_else(port):
    assert get(port, "/").status_code == get(port, "/admin/").status_code == 404
    assert get(port, "/healthz", "POST").status_code == 501
    assert get(port, "/healthz", "HEAD").text == ""


def test_clients_that_dawdle_do_not_keep_others_from_an_answer(port):
    """They would otherwise have the worker started anew, with all that it judges."""
    dawdlers = [socket.create_connection(("127.0.0.1", port.port), timeout=5) for _ in range(2 * SEATS)]
    for one in dawdlers:
        one.sendall(b"GET /heal")

    assert get(port, "/healthz").status_code == 200

    assert dawdlers[0].recv(1) == b"", "whoever came first is cut off"
    for one in dawdlers:
        one.close()


def test_a_port_that_is_taken_is_a_sentence_at_the_start(port, settings):
    settings.WORKER_HTTP_PORT = port.port

    with pytest.raises(
        CommandError, match=f"^Port {port.port} on 127.0.0.1 cannot be used .*WORKER_HTTP_PORT"
    ):
        call_command("judge_worker")


def test_a_worker_does_not_share_the_metrics_of_web_processes(settings, tmp_path):
    settings.PROMETHEUS_MULTIPROC_DIR = str(tmp_path)
    with pytest.raises(CommandError, match="PROMETHEUS_MULTIPROC_DIR"):
        call_command("judge_worker")


# --- Whether a worker's loop turns ---------------------------------------------------------------------------


def test_a_loop_that_stands_still_is_noticed(monkeypatch):
    monkeypatch.setattr(worker, "STANDSTILL_S", 0.05)
    standing = make_worker("default", 1)
    assert standing.is_turning

    time.sleep(0.06)

    assert not standing.is_turning
    with standing.connection.pipeline() as pipe:
        standing.heartbeat(pipeline=pipe)  # as the loop does, also where `rq suspend` has it wait
    assert standing.is_turning


@pytest.mark.django_db(transaction=True)
def test_a_judging_that_hangs_is_a_worker_that_is_not_well(settings):
    settings.JUDGE_WATCHDOG_S = 0.02
    turning = make_worker("default", 1)
    submission = lifecycle.create(
        kind="graded", user=make_user(), question=make_question(), language="python", source_bytes=0
    )
    claim = lifecycle.claim(submission, revision="r", cases_total=1)
    with leases.held(claim) as lease:
        assert turning.is_turning
        lease.grow_older(1)
        lease.grow_older(1)

        assert not turning.is_turning
