"""How an engine starts, refuses to start, stops, and dies; and what it leaves behind: nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
import requests

from .conftest import (
    PYTHON,
    ROOT,
    C,
    Engine,
    cgroups_of,
    processes_with,
    ready,
    start_process,
    started_engine,
    wait_until,
)


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


def test_it_starts_without_the_rest_of_the_platform(engine):
    """Neither what speaks to databases nor what renders statements and verifies tokens costs its start or memory."""
    loaded = Path(f"/proc/{engine.process.pid}/maps").read_text()
    assert "site-packages" in loaded
    assert re.findall(r"/(_?sqlite3|psycopg\w*|nh3|cryptography)[/.]", loaded) == []


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
    with started_engine(ENGINE_RUN_DIR=str(run_dir), JUDGE0_AUTH_TOKEN="") as engine:
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
        assert engine.process.stderr is not None
        assert engine.process.stderr.read().endswith(b"engine: stopped\n")


def test_killed_without_warning_it_takes_its_sandboxes_along(run_dir):
    marker = uuid.uuid4().hex
    with started_engine(ENGINE_RUN_DIR=str(run_dir), JUDGE0_AUTH_TOKEN="") as engine:
        start_sleeping(engine, marker)
        engine.process.kill()
        engine.process.wait(timeout=10)
        wait_until(lambda: not processes_with(marker), seconds=2)


def test_a_client_that_waits_when_the_engine_stops_is_told_so():
    with started_engine(JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="1", ENGINE_LANGUAGES="python") as engine:
        assert ", 1 slot, languages Python" in engine.announcement
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
    with started_engine(JUDGE0_AUTH_TOKEN="") as other:
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


def test_a_foolish_port_is_one_clear_sentence():
    assert "or 0 for any free one, not 99999." in complaint(start_process("--port", "99999"))


def test_a_foolish_number_of_slots_is_one_clear_sentence():
    assert "1 to 32 slots" in complaint(start_process("--port", "0", "--slots", "65"))


def test_a_run_directory_that_others_may_not_enter_is_one_clear_sentence(run_dir):
    run_dir.chmod(0o500 if os.geteuid() else 0o700)
    text = complaint(start_process("--port", "0", ENGINE_RUN_DIR=str(run_dir)))
    assert str(run_dir) in text
    assert "ENGINE_RUN_DIR" in text


CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def child_of(pid: int) -> int:
    """The only one."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


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


def test_in_a_container_of_its_own_it_is_pid_1_and_works(run_dir):
    """As where a container's command is the engine: what it is called in there is somebody else in a sandbox."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot imitate a container")
    process = subprocess.Popen(
        [*CONTAINER, sys.executable, "manage.py", "runengine", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"JUDGE0_AUTH_TOKEN": "", "ENGINE_LANGUAGES": "c", "ENGINE_RUN_DIR": str(run_dir)},
        stderr=subprocess.PIPE,
    )
    with ready(process) as engine:
        assert engine.run("int main(void) { return 3; }", C)["exit_code"] == 3
        os.kill(child_of(process.pid), signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert list(run_dir.iterdir()) == []


@pytest.mark.parametrize(("last_words", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137)])
def test_where_it_is_pid_1_the_dead_of_others_are_buried(last_words, code):
    """Nobody waits for the child of a child that is gone, as a sandbox's first process is when bubblewrap is killed."""
    if os.geteuid() != 0:
        pytest.skip("not root: cannot imitate a container")
    source = f"""
import glob, os, sys, time
from execution.engine.pid1 import leave_it_to_a_parent
leave_it_to_a_parent()
if (child := os.fork()) == 0:
    os._exit(0 if os.fork() else time.sleep(0.05) or 0)
os.waitpid(child, 0)
until = time.monotonic() + 10
while len(left := glob.glob("/proc/[0-9]*")) > 2 and time.monotonic() < until:
    time.sleep(0.01)
print(len(left), os.getppid(), flush=True)
{last_words}
"""
    ended = subprocess.run(
        [*CONTAINER, sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (ended.stdout, ended.stderr) == ("2 1\n", "")
    assert ended.returncode == code


def test_a_root_that_may_not_kill_is_one_clear_sentence():
    """As with --cap-drop ALL and a few others added: its programs would stay, whatever the walls."""
    if os.geteuid() != 0:
        pytest.skip("not root: has no such right to lose")
    command = [
        "setpriv",
        "--bounding-set=-kill",
        "--inh-caps=-kill",
        sys.executable,
        "manage.py",
        "runengine",
    ]
    process = subprocess.Popen([*command, "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE)
    assert "--cap-add KILL" in complaint(process)


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
    os.kill(child_of(process.pid), signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    process.stderr.close()
    assert "C (GCC" in said[-1]
    assert "C++" not in said[-1]
    assert any("not offered, for want of a compiler or interpreter below /usr: C++" in line for line in said)


@pytest.mark.parametrize(("languages", "offered"), [("bash, c", {46, 50}), ("perl", {85})])
def test_it_offers_no_other_languages_than_it_is_told(languages, offered):
    with started_engine(ENGINE_LANGUAGES=languages, JUDGE0_AUTH_TOKEN="") as engine:
        assert {language["id"] for language in engine.get("/languages").json()} == offered


def test_a_language_that_it_does_not_know_is_one_clear_sentence():
    text = complaint(start_process("--port", "0", ENGINE_LANGUAGES="c,cobol,pyhton"))
    assert "ENGINE_LANGUAGES names cobol, pyhton; there are only c, cpp, cpp20, cpp23, python" in text


def test_root_does_without_user_namespaces_where_they_are_forbidden():
    """As with user.max_user_namespaces=0 or AppArmor: the other namespaces, and a drop of rights behind them."""
    if os.geteuid() != 0:
        pytest.skip("not root: without user namespaces an ordinary user can make no others")
    launcher = [sys.executable, "-m", "tests.engine.confined", "--without-user-namespaces", "--"]
    process = subprocess.Popen(
        [*launcher, sys.executable, "manage.py", "runengine", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"JUDGE0_AUTH_TOKEN": "", "ENGINE_LANGUAGES": "c,python"},
        stderr=subprocess.PIPE,
    )
    source = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name, os.getuid() not in (0, 65534))"
    with ready(process) as engine:
        assert "isolation: bubblewrap with pid, network" in engine.announcement
        assert engine.run(source)["stdout"] == b"nobody True\n"
        assert engine.run("int main(void) { return 3; }", C)["exit_code"] == 3
