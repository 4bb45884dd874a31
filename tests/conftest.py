"""What tests share: real servers, and ways to let the platform do its work inside a test."""

import gc
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests
from django.conf import settings
from django.db import connection

from accounts import tokens
from judgeplatform.stack import free_port
from submissions import cluster, dependencies
from submissions.connections import pool, redis_client
from submissions.worker import make_worker
from tests import environment
from tests.access import World
from tests.hints.fake_provider import Fails, FakeProvider
from tests.issuer import Issuer
from tests.platform.running import RunningPlatform, leashed

ROOT = Path(__file__).resolve().parent.parent
METRICS_TOKEN = "a token for tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of journeys use several connections, so their data must be committed; they see the migrations' rows."""
    for item in items:
        mark = item.get_closest_marker("django_db")
        if mark is not None and mark.kwargs.get("transaction"):
            item.add_marker(pytest.mark.django_db(**mark.kwargs, serialized_rollback=True), append=False)


def pytest_collection_finish() -> None:
    """The tests stay to the end: who looks for garbage need not look through all of them each time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_redis() -> Iterator[None]:
    redis_client().flushall()
    pool.cache_clear()
    dependencies.forget()
    cluster.forget()
    yield
    pool.cache_clear()


@pytest.fixture(autouse=True)
def _quick_settings(settings) -> None:
    """Passwords are hashed quickly, and pages rendered without `collectstatic`; a running platform is tried too."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def keeping_no_connections(monkeypatch) -> None:
    """Whoever counts those to PostgreSQL that are in use must not meet those that are kept for the next one."""
    if connection.vendor == "postgresql":
        monkeypatch.setitem(connection.settings_dict, "IDLE_CONNECTIONS", 0)
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's has it


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """The address of a real embedded engine, the one that the settings point to."""
    process = subprocess.Popen(
        leashed(sys.executable, "manage.py", "runengine", "--port", str(environment.ENGINE_PORT)), cwd=ROOT
    )
    url = settings.JUDGE0_URLS[0]
    try:
        _await_answer(f"{url}/languages", process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the engine did not start; see its output above"
        try:
            requests.get(url, timeout=2)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")


@pytest.fixture
def work() -> Callable[..., None]:
    """Let our worker judge in this process until the queue is empty."""

    def until_empty(queue: str = "default", concurrency: int = 4) -> None:
        kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            make_worker(queue, concurrency).judge(burst=True)
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    return until_empty


@pytest.fixture
def backends(settings) -> Callable[..., None]:
    """Point the platform at these backends instead of the engine."""

    def use(*urls: str) -> None:
        settings.JUDGE0_URLS = list(urls)
        settings.JUDGE0_HEADERS = settings.JUDGE0_HEADERS[:1] * len(urls)
        settings.JUDGE0_RANKS = list(range(len(urls)))
        pool.cache_clear()

    return use


@pytest.fixture(scope="session")
def oidc_issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def world(oidc_issuer, settings, db) -> World:
    """All that there is to get at, and nothing that slows down who asks for it."""
    for name, value in oidc_issuer.settings().items():
        setattr(settings, name, value)
    tokens._keys.cache_clear()
    settings.SIGNUP = "open"
    settings.SYNC_WAIT_MAX_S = 0.0
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, "100000/minute")
    return World(oidc_issuer)


@dataclass(frozen=True)
class Stack:
    """A running platform: real Redis, engine, workers and web server; `learner` and `author` are name and password.

    `watched_at`: the first worker's WORKER_HTTP_PORT.
    """

    running: RunningPlatform
    learner: tuple[str, str]
    author: tuple[str, str]
    watched_at: int

    @property
    def url(self) -> str:
        return self.running.url

    def child(self, *words: str) -> psutil.Process:
        """The process of the platform whose command line has all these words."""
        return self.running.child(*words)


NO_ANSWER = Fails(400)


@pytest.fixture(scope="session")
def model() -> Iterator[FakeProvider]:
    """The language model that `stack` asks for hints; rules answer, for it gives none unless a test says what."""
    with FakeProvider(NO_ANSWER) as fake:
        yield fake


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, model: FakeProvider) -> Iterator[Stack]:
    """`manage.py up` with the sample questions, started once for all tests that need a whole platform."""
    # Many tests share its one learner.
    settings = {"RATE_LIMIT_SUBMIT": "1000/minute", "RATE_LIMIT_RUN": "1000/minute", "SIGNUP": "open"}
    settings["ENGINE_LANGUAGES"] = "c,cpp,python,java,javascript"
    settings["METRICS_TOKEN"] = METRICS_TOKEN
    settings |= {"HINTS_PROVIDER": "openai", "OPENAI_BASE_URL": model.openai_url, "OPENAI_MODEL": "fake"}
    watched_at = first_of_free_ports(3)
    settings["WORKER_HTTP_PORT"] = str(watched_at)
    running = RunningPlatform(tmp_path_factory.mktemp("stack") / "var", free_port(), **settings)
    try:
        running.wait_for("is ready")
        logins = {name: _login_of(name, running) for name in ("learner", "author")}
        yield Stack(running, **logins, watched_at=watched_at)
    finally:
        running.stop()


def first_of_free_ports(count: int) -> int:
    """Of a platform's workers the second one takes the next, and so on."""
    while True:
        port = free_port()
        with ExitStack() as probes, suppress(OSError, OverflowError):
            for nth in range(1, count):
                probes.enter_context(socket.socket()).bind(("127.0.0.1", port + nth))
            return port


def _login_of(username: str, running: RunningPlatform) -> tuple[str, str]:
    """`up` prints new users' passwords once."""
    found = re.search(rf"\b{username}: created, password (\S+)", running.output)
    assert found, running.output
    return username, found[1]
