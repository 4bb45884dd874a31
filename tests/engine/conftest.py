"""A real engine in a process of its own, as `manage.py runengine` starts it, and a client for it.

Nothing here is skipped when the machine cannot isolate programs: the engine then does not start, and
every test fails with the sentence it said.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
C, CPP, PYTHON = 50, 54, 71
START_S = 30
CGROUPS = Path("/sys/fs/cgroup")
TOKEN, ADMINISTRATOR = "a-token", "an-administrator"
QUICK_TO_PROVE = "c,cpp,python"


def encoded(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@dataclass
class Engine:
    """A running engine, and what it said when it started."""

    process: subprocess.Popen[bytes]
    url: str
    announcement: str
    session: requests.Session = field(default_factory=requests.Session)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, self.url + path, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.request("POST", path, **options)

    def run(self, source: str | bytes, language: int = PYTHON, **parameters: Any) -> dict[str, Any]:
        """Run to the end; all fields, with the encoded texts as bytes (empty for null)."""
        body = {"source_code": encoded(source), "language_id": language, **parameters}
        if "stdin" in body:
            body["stdin"] = encoded(body["stdin"])
        answer = self.post("/submissions?base64_encoded=true&wait=true&fields=*,engine", json=body)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        for name in ("stdout", "stderr", "compile_output", "message"):
            result[name] = decoded(result[name])
        return result

    def compilations(self) -> int:
        count: int = self.get("/engine").json()["artefacts"]["compilations"]
        return count


@contextlib.contextmanager
def started_engine(**environment: str) -> Iterator[Engine]:
    """An engine on a free port, stopped at the end."""
    with ready(start_process("--port", "0", **environment)) as engine:
        yield engine


@contextlib.contextmanager
def ready(process: subprocess.Popen[bytes]) -> Iterator[Engine]:
    """The engine that was started as `process`, once it listens; stopped at the end."""
    try:
        announcement = _read_announcement(process)
        found = re.search(r"listening on (http://\S+),", announcement)
        assert found, announcement
        engine = Engine(process, found[1], announcement)
        yield engine
        engine.session.close()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(timeout=20)
        assert process.stderr is not None
        process.stderr.close()


def start_process(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "runengine", *arguments],
        cwd=ROOT,
        env=os.environ | {"ENGINE_LANGUAGES": QUICK_TO_PROVE} | environment,
        stderr=subprocess.PIPE,
    )


def _read_announcement(process: subprocess.Popen[bytes]) -> str:
    assert process.stderr is not None
    said = []
    for raw in process.stderr:
        said.append(raw.decode(errors="replace"))
        if "listening on" in said[-1]:
            return "".join(said)
    pytest.fail(f"the engine did not start: {''.join(said)}")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with started_engine(JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="2") as running:
        yield running


@pytest.fixture(scope="session")
def guarded() -> Iterator[Engine]:
    """An engine that demands tokens, and calls back on loopback only; its session shows the tokens."""
    with started_engine(
        ENGINE_AUTH_TOKEN=TOKEN,
        ENGINE_AUTHZ_TOKEN=ADMINISTRATOR,
        ENGINE_CALLBACK_HOSTS="127.0.0.1, localhost",
        ENGINE_SLOTS="2",
    ) as running:
        running.session.headers.update({"X-Auth-Token": TOKEN, "X-Auth-User": ADMINISTRATOR})
        yield running


@pytest.fixture(scope="session")
def as_judge0() -> Iterator[Engine]:
    """An engine with the bounds and the tokens of the Judge0 that was recorded; its session shows one."""
    with started_engine(
        ENGINE_AUTH_TOKEN="tok-a tok-b",
        ENGINE_AUTHZ_TOKEN="adm-a adm-b",
        ENGINE_MAX_CPU_TIME_LIMIT="15",
        ENGINE_MAX_WALL_TIME_LIMIT="20",
        ENGINE_MAX_MEMORY_LIMIT="512000",
        ENGINE_MAX_MAX_FILE_SIZE="4096",
        ENGINE_MAX_QUEUE="100",
        ENGINE_CALLBACK_HOSTS="127.0.0.1",
        ENGINE_CALLBACKS_TIMEOUT="0.2",
        ENGINE_LANGUAGES=f"{QUICK_TO_PROVE},multi-file",
        ENGINE_SLOTS="2",
    ) as running:
        running.session.headers.update({"X-Auth-Token": "tok-a"})
        yield running


@dataclass(frozen=True)
class Server:
    """What the suites for any server that speaks Judge0's API examine."""

    url: str
    token: str
    """To be shown as X-Auth-Token; empty: it demands none."""
    is_ours: bool


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """The one that JUDGE0_URL and JUDGE0_AUTH_TOKEN name, or an engine started for it."""
    if url := os.environ.get("JUDGE0_URL"):
        return Server(url.rstrip("/"), os.environ.get("JUDGE0_AUTH_TOKEN", ""), is_ours=False)
    return Server(request.getfixturevalue("as_judge0").url, "tok-a", is_ours=True)


def memory_growth_kib(engine: Engine, act: Callable[[], object]) -> int:
    """How far the engine's resident memory rises while `act` is done."""
    Path(f"/proc/{engine.process.pid}/clear_refs").write_text("5")  # VmHWM begins anew (proc(5))
    before = resident_kib(engine)
    act()
    return resident_kib(engine, "VmHWM") - before


def resident_kib(engine: Engine, name: str = "VmRSS") -> int:
    status = Path(f"/proc/{engine.process.pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1])


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


def processes_with(marker: str) -> list[int]:
    """Pids of all processes of the machine that carry `marker` in their command line."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and marker.encode() in (path / "cmdline").read_bytes():
                found.append(int(path.name))
    return found


def cgroups_of(pid: int) -> list[Path]:
    """The run's control groups as directories, where they can be seen."""
    found = []
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        directory = CGROUPS / controller / path.lstrip("/") if controller else CGROUPS / path.lstrip("/")
        if "/judge-engine-" in path and directory.is_dir():
            found.append(directory)
    return found


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A directory that every user may enter, as sandboxes need (pytest's own are private)."""
    path = Path(tempfile.mkdtemp(prefix="judge-engine-tests-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)
