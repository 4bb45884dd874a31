"""How an engine starts, refuses to start, stops, and dies; and what it leaves behind: nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from .conftest import PYTHON, ROOT, Engine, processes_with, start_process, started_engine, wait_until

CGROUPS = Path("/sys/fs/cgroup")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """A directory that every user may enter, as sandboxes need (pytest's own are private)."""
    path = Path(tempfile.mkdtemp(prefix="judge-engine-tests-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def start_sleeping(engine: Engine, marker: str) -> None:
    """Submit a program that sleeps long, and wait until it runs."""
    source = "import os, time\nos.fork()\ntime.sleep(300)"
    body = {"source_code": source, "language_id": PYTHON, "command_line_arguments": marker}
    assert engine.post("/submissions", json=body).status_code == 201
    wait_until(lambda: len(programs_with(marker)) >= 2)


def programs_with(marker: str) -> list[int]:
    """Those of the processes that are the program itself, not what surrounds it."""
    found = []
    for pid in processes_with(marker):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"script.py" in words and b"--" not in words:
            found.append(pid)
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


def test_it_says_what_it_offers_and_how_it_isolates(engine):
    assert "C (GCC" in engine.announcement
    assert "Python (3." in engine.announcement
    assert re.search(r"\d+ slots", engine.announcement)
    assert re.search(
        r"isolation: bubblewrap .* seccomp; .* by (cgroup v[12]|no cgroups)", engine.announcement
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_kills_what_runs_and_leaves_nothing(run_dir, number):
    marker = uuid.uuid4().hex
    with started_engine(ENGINE_RUN_DIR=str(run_dir), ENGINE_AUTH_TOKEN="") as engine:
        start_sleeping(engine, marker)
        groups = cgroups_of(programs_with(marker)[0])
        assert bool(groups) == ("cgroup v" in engine.announcement)
        assert len(list(run_dir.iterdir())) == 1
        engine.process.send_signal(number)
        assert engine.process.wait(timeout=10) == 0
        wait_until(lambda: not processes_with(marker), seconds=2)
        assert list(run_dir.iterdir()) == []
        for group in groups:
            assert not group.parent.exists()


def test_killed_without_warning_it_takes_its_sandboxes_along(run_dir):
    marker = uuid.uuid4().hex
    with started_engine(ENGINE_RUN_DIR=str(run_dir), ENGINE_AUTH_TOKEN="") as engine:
        start_sleeping(engine, marker)
        engine.process.kill()
        engine.process.wait(timeout=10)
        wait_until(lambda: not processes_with(marker), seconds=2)


def test_a_client_that_waits_when_the_engine_stops_is_told_so():
    with started_engine(ENGINE_AUTH_TOKEN="") as engine:
        ends: list[dict] = []
        source = "import time; time.sleep(60)"
        waiting = threading.Thread(target=lambda: ends.append(engine.run(source)))
        waiting.start()
        wait_until(lambda: requests.get(f"{engine.url}/workers", timeout=5).json()[0]["working"] == 1)
        engine.process.terminate()
        waiting.join(timeout=10)
        assert (ends[0]["status_id"], ends[0]["message"]) == (13, b"The engine was stopped.")
        assert engine.process.wait(timeout=10) == 0


def test_two_engines_do_not_get_into_each_others_way(engine):
    with started_engine(ENGINE_AUTH_TOKEN="") as other:
        source = "import time; time.sleep(0.3); print('ran')"
        ends: list[bytes] = []
        threads = [
            threading.Thread(target=lambda it=it: ends.append(it.run(source)["stdout"]))
            for it in (engine, other) * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ends == [b"ran\n"] * 4
    assert engine.run("print('still here')")["stdout"] == b"still here\n"


def complaint(process: subprocess.Popen[bytes]) -> str:
    """What an engine said that could not start; it must be a sentence, no traceback, exit code 1."""
    _, said = process.communicate(timeout=30)
    text = said.decode()
    assert process.returncode == 1, text
    assert "Traceback" not in text
    return text


def test_a_port_that_is_taken_is_one_clear_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        text = complaint(start_process("--port", port))
    assert f"cannot listen on 127.0.0.1:{port}" in text
    assert "--port" in text


def test_a_foolish_number_of_slots_is_one_clear_sentence():
    assert "1 to 64 slots" in complaint(start_process("--port", "0", "--slots", "65"))


def test_a_run_directory_that_others_may_not_enter_is_one_clear_sentence(run_dir):
    run_dir.chmod(0o500 if os.geteuid() else 0o700)
    text = complaint(start_process("--port", "0", ENGINE_RUN_DIR=str(run_dir)))
    assert str(run_dir) in text
    assert "ENGINE_RUN_DIR" in text


def start_without(*paths: str, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """An engine on a machine that looks like this one without the files `paths`."""
    real = {os.path.realpath(path) for path in paths if os.path.exists(path)}
    hidden = [word for path in real for word in ("--ro-bind", "/dev/null", path)]
    return subprocess.Popen(
        ["bwrap", "--die-with-parent", "--dev-bind", "/", "/", *options, *hidden, "--",
         sys.executable, "manage.py", "runengine", "--port", "0"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def test_a_missing_bubblewrap_is_one_clear_sentence():
    text = complaint(start_without("/usr/bin/bwrap"))
    assert "apt-get install bubblewrap" in text


def test_a_missing_compiler_is_one_clear_sentence():
    text = complaint(start_without("/usr/bin/gcc", "/usr/bin/cc", "/usr/bin/clang"))
    assert "apt-get install gcc libc6-dev" in text


def test_a_machine_that_cannot_isolate_is_one_clear_sentence():
    text = complaint(start_without(options=("--unshare-user", "--disable-userns")))
    assert "bubblewrap cannot isolate programs here" in text
    assert "unprivileged user namespaces" in text


def test_a_platform_that_programs_could_read_is_one_clear_sentence():
    """Sandboxes show /usr: answers that lie below it would be readable."""
    options = ("--tmpfs", "/usr/src", "--ro-bind", str(ROOT), "/usr/src/app", "--chdir", "/usr/src/app")
    text = complaint(start_without(options=options))
    assert "The platform lies in /usr/src/app" in text
    assert "move it elsewhere" in text


def test_a_language_whose_tool_is_missing_is_not_offered():
    process = start_without("/usr/bin/g++", "/usr/bin/c++", "/usr/bin/clang++")
    assert process.stderr is not None
    said = []
    for raw in process.stderr:
        said.append(raw.decode())
        if "listening" in said[-1]:
            break
    (engine,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(engine), signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    process.stderr.close()
    assert "C (GCC" in said[-1]
    assert "C++" not in said[-1]
    assert any("C++ is not offered" in line for line in said)
