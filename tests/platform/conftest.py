"""One platform for all tests of this folder: started once with `--check`, then for good."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from judgeplatform.stack import free_port
from tests.platform.running import RunningPlatform, manage


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform") / "var"


@pytest.fixture(scope="session")
def first_start(var: Path) -> "subprocess.CompletedProcess[str]":
    """`up --check` on a machine that has never seen the platform."""
    return manage("up", "--check", "--port", str(free_port()), var=var)


@pytest.fixture(scope="session")
def platform(first_start: "subprocess.CompletedProcess[str]", var: Path) -> Iterator[RunningPlatform]:
    assert first_start.returncode == 0, first_start.stdout + first_start.stderr
    running = RunningPlatform(var, free_port())
    try:
        running.wait_for("is ready")
        yield running
    finally:
        running.stop()
