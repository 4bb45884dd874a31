"""`manage.py up`: one command starts everything, proves it, keeps it running, and ends it in order."""

import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from judgeplatform.stack import Stack, free_port, short_directory
from tests.platform.running import ROOT, RunningPlatform, clean_environment, is_gone, manage


def sentence_of(refused: "subprocess.CompletedProcess[str]") -> str:
    """The one sentence of a command that could not start."""
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    (sentence,) = refused.stderr.strip().splitlines()
    return sentence


def test_check_starts_everything_judges_a_sample_and_ends_with_exit_code_0(first_start):
    """S1.6"""
    assert first_start.returncode == 0, first_start.stdout + first_start.stderr
    assert "is ready" in first_start.stdout


def test_the_first_start_prints_the_passwords_and_the_second_does_not(first_start, platform):
    passwords = re.findall(r"^\s*(learner|author)\b.*\b(\S{8,})$", first_start.stdout, re.MULTILINE)
    assert {name for name, _ in passwords} == {"learner", "author"}
    for _, password in passwords:
        assert password not in platform.output


def test_the_start_is_told_in_a_few_lines_and_passwords_where_people_look(first_start):
    lines = first_start.stdout.splitlines()
    ready = next(number for number, line in enumerate(lines) if "is ready" in line)
    assert [line for line in lines[:ready] if line.strip()] == []
    block = lines[ready : lines.index("", ready)]
    assert len(block) == 7
    assert sum("created, password" in line for line in block) == 2
    assert sum("isolated by bubblewrap" in line for line in lines) == 1
    (languages,) = [line for line in block if line.startswith("  Languages: ")]
    assert {"C", "C++", "Python"} <= set(languages.removeprefix("  Languages: ").rstrip(".").split(", "))
    assert "redis" not in first_start.stdout


def test_the_second_start_takes_no_longer_than_ten_seconds(platform):
    (took,) = re.findall(r"is ready \(([\d.]+) s\)", platform.output)
    assert float(took) <= 10


def test_what_runs_is_told_to_other_commands_in_a_file_for_its_owner_only(platform):
    assert set(platform.started()) == {
        "PUBLIC_URL",
        "CODE_EXEC_KEY",
        "REDIS_URL",
        "JUDGE0_URLS",
        "JUDGE0_AUTH_TOKEN",
    }
    assert stat.S_IMODE((platform.var / "up.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(platform.var.stat().st_mode) == 0o700


def test_the_key_for_machines_lasts_over_starts_in_a_file_for_its_owner_only(first_start, platform):
    """`first_start` made it, another start uses it."""
    file = platform.var / "code_exec_key"
    assert platform.started()["CODE_EXEC_KEY"] == file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_mtime < psutil.Process(platform.process.pid).create_time()


def test_everything_listens_on_loopback_only(platform):
    listening = [
        connection.laddr.ip
        for child in platform.children()
        for connection in child.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


def test_web_and_workers_are_processes_of_their_own(platform):
    """S1.37"""
    pids = {
        platform.child("daphne").pid,
        platform.child("judge_worker", "default").pid,
        platform.child("judge_worker", "low").pid,
        platform.child("hints_worker").pid,
        platform.child("runengine").pid,
    }
    assert len(pids) == 5


def test_a_killed_worker_is_reported_in_one_line_and_started_again(platform):
    seen, worker = len(platform.lines), platform.child("judge_worker", "default")
    worker.kill()
    platform.wait_for("worker was ended by SIGKILL; starting it again", after=seen, timeout_s=10)
    platform.wait_for("judging from queue default", after=seen, timeout_s=20)
    assert platform.child("judge_worker", "default").pid != worker.pid


def test_a_killed_engine_comes_back_at_the_same_address(platform):
    seen, engine = len(platform.lines), platform.child("runengine")
    engine.kill()
    platform.wait_for("engine was ended by SIGKILL; starting it again", after=seen, timeout_s=10)
    started = platform.started()
    deadline = time.monotonic() + 20
    while True:
        try:
            answer = requests.get(
                f"{started['JUDGE0_URLS']}/about",
                headers={"X-Auth-Token": started["JUDGE0_AUTH_TOKEN"]},
                timeout=5,
            )
            break
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert answer.status_code == 200


def test_the_access_log_tells_nobodys_query(platform):
    requests.get(f"{platform.url}/healthz?token=canary-of-the-query", timeout=5)
    requests.get(f"{platform.url}/nowhere?token=canary-of-the-query", timeout=5)
    time.sleep(0.3)
    assert "canary-of-the-query" not in platform.output


def test_a_second_platform_on_the_same_data_is_refused(platform):
    sentence = sentence_of(manage("up", "--port", str(free_port()), var=platform.var))
    assert f"already runs on {platform.var} (process {platform.process.pid})" in sentence
    assert (platform.var / "up.env").exists()


def test_a_taken_port_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        sentence = sentence_of(manage("up", "--port", str(port), var=tmp_path / "var"))
    assert f"Port {port} on 127.0.0.1 cannot be used" in sentence
    assert "--port" in sentence


def test_a_port_that_does_not_exist_is_one_sentence(tmp_path):
    sentence = sentence_of(manage("up", "--port", "70000", var=tmp_path / "var"))
    assert sentence == "Port 70000 does not exist: --port takes 1 to 65535."


def test_settings_that_make_no_sense_are_one_sentence(tmp_path):
    for command in ("up", "migrate", "smoke"):
        refused = manage(command, var=tmp_path / "var", MAX_SOURCE_BYTES="many")
        assert sentence_of(refused) == "MAX_SOURCE_BYTES must be a number."


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path):
    nobody = f"postgres://nobody@127.0.0.1:{free_port()}/none"
    refused = manage("up", "--port", str(free_port()), var=tmp_path / "var", DATABASE_URL=nobody)
    assert "The database cannot be used" in sentence_of(refused)


def test_an_engine_that_cannot_start_is_one_sentence(tmp_path):
    (tmp_path / "not-a-directory").touch()
    refused = manage(
        "up",
        "--port",
        str(free_port()),
        var=tmp_path / "var",
        ENGINE_RUN_DIR=str(tmp_path / "not-a-directory"),
    )
    sentence = sentence_of(refused)
    assert "“engine” ended with exit code 1" in sentence
    assert "ENGINE_RUN_DIR" in sentence


@pytest.fixture(scope="module")
def after_a_crash(tmp_path_factory):
    """A platform whose predecessor was killed: the old `up.env` names a Redis and an engine that are gone.

    Both had the same key from their operator. The new one is started by a script, in the background.
    """
    var = tmp_path_factory.mktemp("crashed") / "var"
    var.mkdir()
    left = short_directory() / "redis.sock"
    left.touch()
    (var / "up.env").write_text(
        f"REDIS_URL=unix://{left}?db=0\nJUDGE0_URLS=http://127.0.0.1:9\nCODE_EXEC_KEY=theirs\n"
    )
    running = RunningPlatform(var, free_port(), True, CODE_EXEC_KEY="theirs")
    try:
        running.wait_for("is ready")
        assert not left.parent.exists()
        yield running
    finally:
        running.stop()


@pytest.mark.full
def test_what_a_killed_platform_left_is_not_taken_for_configuration(after_a_crash):
    assert Path(urlsplit(after_a_crash.started()["REDIS_URL"]).path).exists()
    assert not after_a_crash.started()["JUDGE0_URLS"].endswith(":9")


@pytest.mark.full
def test_what_its_operator_says_holds_even_if_the_killed_platform_was_told_the_same(after_a_crash):
    assert after_a_crash.started()["CODE_EXEC_KEY"] == "theirs"
    assert not (after_a_crash.var / "code_exec_key").exists()


@pytest.mark.full
def test_interrupted_in_the_background_it_ends_all_its_processes_in_order_with_exit_code_0(after_a_crash):
    running = after_a_crash
    children = running.children()
    socket_directory = Path(urlsplit(running.started()["REDIS_URL"]).path).parent
    assert running.stop(by=signal.SIGINT) == 0
    assert [child for child in children if not is_gone(child)] == []
    assert not (running.var / "up.env").exists()
    assert not socket_directory.exists()
    log = (running.var / "log" / "redis.log").read_text()
    assert "Redis is now ready to exit" in log


@pytest.mark.full
def test_a_platform_of_tests_dies_with_the_test_run(tmp_path):
    """Else a test run that is killed leaves engines behind."""
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
import psutil
from judgeplatform.stack import free_port
from tests.platform.running import RunningPlatform
running = RunningPlatform(Path({str(tmp_path / "var")!r}), free_port())
running.wait_for("is ready")
kept = psutil.Process(running.process.pid).children()
print(running.process.pid, *[child.pid for child in kept], flush=True)
running.process.wait()
"""
    run = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=clean_environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    processes = [psutil.Process(int(pid)) for pid in run.stdout.readline().split()]
    assert len(processes) == 6
    run.kill()
    run.wait(5)
    psutil.wait_procs(processes, timeout=5)
    assert [process for process in processes if not is_gone(process)] == []


def test_terminated_while_it_starts_it_ends_with_exit_code_0_and_leaves_nothing(tmp_path):
    running = RunningPlatform(tmp_path / "var", free_port())
    deadline = time.monotonic() + 30
    while not (running.var / "up.env").exists():
        assert time.monotonic() < deadline, running.output
        time.sleep(0.02)
    children = running.children()
    assert running.stop(by=signal.SIGTERM) == 0, running.output
    assert [child for child in children if not is_gone(child)] == []
    assert not (running.var / "up.env").exists()


def test_behind_a_trusted_proxy_the_web_believes_what_it_says_about_addresses(tmp_path):
    def web_of(*, trusts_proxy: bool) -> tuple[str, ...]:
        elsewhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "JUDGE0_URLS": "http://127.0.0.1:1"}
        stack = Stack(tmp_path, ROOT, "127.0.0.1", 8000, 1.0, trusts_proxy, elsewhere)
        return stack.web().command

    assert "--proxy-headers" in web_of(trusts_proxy=True)
    assert "--proxy-headers" not in web_of(trusts_proxy=False)


@pytest.mark.parametrize(("port", "ports"), [(9100, ["9100", "9101", "9102"]), (0, ["0", "0", "0"])])
@pytest.mark.full
def test_each_worker_tells_how_it_is_at_a_port_of_its_own(tmp_path, port, ports):
    elsewhere = {"REDIS_URL": "redis://127.0.0.1:1/0", "JUDGE0_URLS": "http://127.0.0.1:1"}
    stack = Stack(tmp_path, ROOT, "127.0.0.1", 8000, 1.0, False, elsewhere, worker_http_port=port)

    assert [worker.environment["WORKER_HTTP_PORT"] for worker in stack.workers()] == ports


@pytest.mark.parametrize(
    ("host", "operators", "allowed"),
    [
        ("127.0.0.1", {}, "1"),
        ("::1", {"PUBLIC_URL": "http://localhost:9000"}, "1"),
        ("0.0.0.0", {}, None),
        ("127.0.0.1", {"PUBLIC_URL": "https://localhost"}, None),
        ("127.0.0.1", {"PUBLIC_URL": "http://judge.example.org"}, None),
        ("127.0.0.1", {"ENGINE_ALLOW_REDUCED": "0"}, "0"),
        ("0.0.0.0", {"ENGINE_ALLOW_REDUCED": "1"}, "1"),
    ],
)
def test_the_engine_may_do_with_less_isolation_only_while_nobody_else_can_submit(
    tmp_path, host, operators, allowed
):
    stack = Stack(tmp_path, ROOT, host, 8000, 1.0, False, {"REDIS_URL": "redis://127.0.0.1:1/0", **operators})
    assert stack.engine().environment.get("ENGINE_ALLOW_REDUCED") == allowed


def test_killed_outright_it_takes_its_processes_with_it(tmp_path):
    script = f"""
import sys; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from judgeplatform.supervisor import Service, Supervisor
keeper = Supervisor(lambda name, line: print(line, flush=True), Path("/"))
keeper.start(Service("sleeper", ("/bin/sh", "-c", "echo $$; exec sleep 60"), {{}}, 0))
keeper.watch()
"""
    keeper = subprocess.Popen(
        [sys.executable, "-c", script], env=clean_environment(tmp_path), stdout=subprocess.PIPE, text=True
    )
    assert keeper.stdout is not None
    sleeper = psutil.Process(int(keeper.stdout.readline()))
    keeper.kill()
    keeper.wait(5)
    psutil.wait_procs([sleeper], timeout=5)
    assert is_gone(sleeper)
