"""What is unsafe in production stops every process; what is misspelt is named. (Nonsense: test_configuration.)"""

import secrets
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
import requests
import yaml
from django.core.checks import run_checks

from judgeplatform import checks
from judgeplatform.stack import free_port
from tests.platform.running import ROOT, clean_environment, leashed, manage

KEY = secrets.token_urlsafe(50)
TOKEN = secrets.token_urlsafe(32)


@pytest.fixture
def production(settings):
    """Settings as they are where all is well."""
    good = {
        "DJANGO_ENV": "production",
        "DJANGO_ENV_IS_GIVEN": True,
        "IS_PRODUCTION": True,
        "IS_HTTPS": True,
        "PUBLIC_URL": "https://judge.example.org",
        "PUBLIC_HOST": "judge.example.org",
        "ALLOWED_HOSTS": ["judge.example.org", "localhost"],
        "CSRF_TRUSTED_ORIGINS": ["https://judge.example.org"],
        "CORS_ALLOWED_ORIGINS": ["https://app.example.org"],
        "SECURE_HSTS_SECONDS": 31536000,
        "DEBUG": False,
        "SECRET_KEY": KEY,
        "SECRET_KEY_WAS_MADE_HERE": False,
        "CODE_EXEC_KEYS": [TOKEN],
        "JUDGE0_AUTH_TOKEN": TOKEN,
        "JUDGE0_AUTHZ_TOKEN": "",
        "ENGINE_AUTH_TOKEN": f"{TOKEN} {TOKEN[::-1]}",
        "METRICS_TOKEN": TOKEN,
        "IS_SQLITE": False,
    }
    for name, value in good.items():
        setattr(settings, name, value)
    return settings


def found(*, deploy: bool = False) -> list[str]:
    return [str(message.id) for message in run_checks(tags=[checks.TAG], include_deployment_checks=deploy)]


def test_where_all_is_well_nothing_is_said(production):
    assert found() == found(deploy=True) == []


@pytest.mark.parametrize(
    ("number", "unsafe"),
    [
        ("E001", {"DEBUG": True}),
        ("E002", {"SECRET_KEY_WAS_MADE_HERE": True}),
        ("E003", {"SECRET_KEY": KEY[:31]}),
        ("E003", {"SECRET_KEY": "a" * 60}),
        ("E003", {"SECRET_KEY": "please Change Me before this goes to production"}),
        ("E003", {"SECRET_KEY": f"django-insecure-{KEY}"}),
        ("E004", {"CODE_EXEC_KEYS": [TOKEN, "short"]}),
        ("E004", {"JUDGE0_AUTH_TOKEN": TOKEN[:15]}),
        ("E004", {"JUDGE0_AUTHZ_TOKEN": "change-me-change-me"}),
        ("E004", {"ENGINE_AUTH_TOKEN": f"{TOKEN} short"}),
        ("E004", {"METRICS_TOKEN": "metrics"}),
        ("E005", {"IS_HTTPS": False}),
        ("E006", {"ALLOWED_HOSTS": ["*"]}),
        ("E007", {"ALLOWED_HOSTS": ["localhost"]}),
        ("E008", {"CSRF_TRUSTED_ORIGINS": ["https://judge.example.org", "http://judge.example.org"]}),
    ],
)
def test_what_is_unsafe_in_production_is_an_error_and_nothing_elsewhere(production, number, unsafe):
    for name, value in unsafe.items():
        setattr(production, name, value)

    assert found() == [f"judgeplatform.{number}"]
    assert all(KEY[:15] not in str(message) and TOKEN[:15] not in str(message) for message in run_checks())
    production.IS_PRODUCTION = False
    assert found() == []


@pytest.mark.parametrize(
    ("number", "weak"),
    [
        ("W001", {"SECRET_KEY_WAS_MADE_HERE": True}),
        (
            "W001",
            {
                "SECRET_KEY_WAS_MADE_HERE": True,
                "DJANGO_ENV": "development",
                "DJANGO_ENV_IS_GIVEN": True,
            },
        ),
        ("W002", {"IS_SQLITE": True}),
        ("W003", {"SECURE_HSTS_SECONDS": 3600}),
        ("W004", {"CORS_ALLOWED_ORIGINS": ["http://app.example.org"]}),
    ],
)
def test_what_one_machine_may_do_without_is_a_warning_of_deployments(production, number, weak):
    production.DJANGO_ENV_IS_GIVEN = False
    for name, value in weak.items():
        setattr(production, name, value)

    assert found() == []
    assert found(deploy=True) == [f"judgeplatform.{number}"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.20.1.2", "::1"])
def test_this_machine_itself_may_be_reached_without_https(production, host):
    production.IS_HTTPS, production.PUBLIC_HOST = False, host
    production.ALLOWED_HOSTS = [host, "[::1]"]

    assert found() == []


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("JUDGE0_URL", "Is JUDGE0_URLS meant?"),
        ("RATE_LIMIT_SUBMITS", "Is RATE_LIMIT_SUBMIT meant?"),
        ("CODE_EXECUTOR_TIMEOUTS", "Is CODE_EXECUTOR_TIMEOUT meant?"),
        ("DATABASE_URI", "Is DATABASE_URL meant?"),
        ("SECRETKEY", "Is SECRET_KEY meant?"),
        ("JUDGE0_TELEMETRY", "docs/settings.md lists all."),
        ("PORT_FILE", None),
        ("JUDGE0_HEADERS_12", None),
        ("SECRET_KEY_FILE", None),
        ("ENGINE_MAX_CPU_TIME_LIMIT", None),
        ("HOSTNAME", None),
        ("HOME", None),
    ],
)
def test_a_variable_that_looks_like_a_setting_and_is_none_is_named_with_the_nearest(
    monkeypatch, variable, hint
):
    monkeypatch.setenv(variable, "1")

    told = [message for message in run_checks() if message.id == "judgeplatform.W010"]

    assert [(message.msg, message.hint) for message in told] == (
        [(f"{variable} is no setting.", hint)] if hint else []
    )


# --- In processes of their own -----------------------------------------------------------------------------------


def test_neither_web_nor_worker_starts_with_what_is_unsafe(tmp_path):
    unsafe = clean_environment(
        tmp_path,
        DJANGO_ENV="production",
        PUBLIC_URL="https://localhost",
        SECRET_KEY=KEY,
        METRICS_TOKEN="short",
    )
    commands = [
        [sys.executable, "-m", "daphne", "-p", str(free_port()), "judgeplatform.asgi:application"],
        [sys.executable, "manage.py", "judge_worker", "--burst"],
    ]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    leashed(*command),
                    cwd=ROOT,
                    env=unsafe,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for command in commands
        ]
        for process in started:
            _, said = process.communicate(timeout=60)
            assert process.returncode != 0
            assert "METRICS_TOKEN is a placeholder, or shorter than 16 characters." in said


def test_a_deployment_with_the_settings_of_the_manifests_has_nothing_to_complain_about(tmp_path):
    """`check --deploy` adds Django's own checks, and those of the API's description."""
    base = yaml.safe_load((ROOT / "deploy/k8s/base/kustomization.yaml").read_text())
    (settings,) = [one for one in base["configMapGenerator"] if one["name"] == "settings"]
    configured = dict(literal.split("=", 1) for literal in settings["literals"])
    secret = {
        "SECRET_KEY": KEY,
        "DATABASE_URL": "postgres://judge:password@127.0.0.1:1/judge",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "CODE_EXEC_KEY": TOKEN,
        "JUDGE0_AUTH_TOKEN": TOKEN,
        "METRICS_TOKEN": TOKEN,
    }

    checked = manage("check", "--deploy", "--fail-level", "WARNING", var=tmp_path, **configured, **secret)

    assert checked.returncode == 0, checked.stderr
    assert "no issues" in checked.stdout


def await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "it ended"
        try:
            requests.get(url, timeout=5).raise_for_status()
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")


def test_the_webs_script_listens_where_host_and_port_say(tmp_path):
    """S3.25 (with DJANGO_ENV, see test_configuration). It also logs what is misspelt."""
    port = free_port()
    here = clean_environment(tmp_path, HOST="127.0.0.2", PORT=str(port), JUDGE0_URL="misspelt")
    here["PATH"] = f"{ROOT / '.venv/bin'}:{here['PATH']}"
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(leashed("deploy/start-web"), cwd=ROOT, env=here, stderr=stderr)
    try:
        await_answer(f"http://127.0.0.2:{port}/healthz", process)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
        assert "JUDGE0_URL is no setting." in log.read_text()
    finally:
        process.terminate()
        process.wait(20)


def test_up_listens_where_host_and_port_say(tmp_path):
    """S3.25"""
    with socket.create_server(("127.0.0.2", 0)) as taken:
        port = taken.getsockname()[1]
        refused = manage("up", var=tmp_path / "var", HOST="127.0.0.2", PORT=str(port))

    assert f"Port {port} on 127.0.0.2 cannot be used" in refused.stderr
