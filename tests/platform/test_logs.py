"""What is in a log line, and what never is: from real processes and real failures."""

import json
import logging
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import IntegrityError, connection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from accounts import keys, tickets
from judgeplatform import logs
from judgeplatform.stack import free_port
from submissions import judging
from submissions.connections import queue
from submissions.models import Submission
from tests import canary
from tests.connected import Http, played
from tests.factories import make_question, make_user
from tests.issuer import Issuer
from tests.logged import formatter, logged
from tests.platform.running import ROOT, clean_environment, leashed
from tests.submissions.test_worker import await_, submit

PASSWORD = "hunter2-correct-horse"


def written(**fields: Any) -> dict[str, Any]:
    """A record with these fields, as it is written."""
    with logged() as lines:
        logging.getLogger("a.logger").warning("something", extra=fields)
    return lines[0]


# --- What is taken out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "written_down"),
    [
        (f"Error connecting to redis://:{PASSWORD}@h:6379/0.", "Error connecting to redis://h:6379/0."),
        (f"postgres://judge:{PASSWORD}@db/judge?password={PASSWORD}", "postgres://db/judge"),
        (f"https://a.example/x?token={PASSWORD} is away", "https://a.example/x is away"),
        (f"Authorization: Bearer {PASSWORD}", "Authorization: ***"),
        (f"it said Bearer {PASSWORD} twice", "it said Bearer *** twice"),
        (f"{{'X-Auth-Token': '{PASSWORD}'}}", "{'X-Auth-Token': ***"),
        (f"GET /x?ticket={PASSWORD}&after=3", "GET /x?ticket=***&after=3"),
        ("jk_0123abcd_" + "5" * 48 + " was refused", "jk_*** was refused"),
        ("jt_" + "0a" * 20, "jt_***"),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl!", "***!"),
        ("Resolver404: {'path': 'password/new/MQ/c8x-0a'}", "Resolver404: {'path': 'password/new/***'}"),
        ("https://a.example/redis://judge:pass@h/x?y", "https://a.example/redis://h/x"),
        (
            "Application instance <Task> for connection <WebRequest at 0x7f method=GET "
            "uri=/password/new/MQ/token/?q=x clientproto=HTTP/1.1> took too long",
            "Application instance <Task> for connection <WebRequest at 0x7f method=GET "
            "uri=*** clientproto=HTTP/1.1> took too long",
        ),
        (f"it broke\nDETAIL:  Failing row contains (1, print(1).\n{PASSWORD}, null).", "it broke\n***"),
        (f"Failing row contains (1, print(1).\n{PASSWORD}, null).", "Failing row contains ***"),
        ("a key twice\nDETAIL:  Key (username)=(alice) already exists.", "a key twice\n***"),
        (
            "IntegrityError('a key twice\\nDETAIL:  Key (email)=(a@b.c) …')",
            "IntegrityError('a key twice\\n***",
        ),
        (f"no such column\nLINE 1: INSERT INTO x VALUES ('{PASSWORD}')\n      ^", "no such column\n***"),
        ("?: (security.W004) unset.\n\tHINT: Set it.\n\n?: (judge.W010) odd.", None),
        ("a token such as this one: http://127.0.0.1:2358/languages", None),
    ],
)
def test_credentials_are_taken_out_of_what_is_said(said, written_down):
    assert logs.without_secrets(said) == (written_down or said)


@pytest.mark.parametrize(
    "name", ["token", "api_key", "Authorization", "set-cookie", "password", "dsn", "secret_id"]
)
def test_a_field_with_the_name_of_a_secret_has_no_value(name):
    assert written(**{name: PASSWORD})[name] == "***"


@pytest.mark.parametrize(
    "unit", ["a-", "eyJ-", "eyJa.", "://", "a=", "Bearer ", "Failing row contains (", "\nDETAIL:", " | "]
)
def test_however_long_a_text_is_it_is_looked_through_once(unit):
    """Anybody may send a path of 16 KB, and the event loop waits meanwhile; in the square it would take seconds."""
    text = unit * (64 * 1024 // len(unit))
    began = time.thread_time()

    logs.without_secrets(text)

    assert time.thread_time() - began < 0.5


def test_fields_have_a_greatest_length():
    line = written(path=f"{'z' * 480} redis://judge:{PASSWORD}", said="y" * 500)

    assert line["path"] == f"{'z' * 480} redis://… (cut)"
    assert line["said"] == "y" * 500


def test_of_a_long_exception_the_middle_is_left_out():
    with logged() as lines:
        try:
            try:
                raise ValueError("one\n" * 5000)
            except ValueError as error:
                raise RuntimeError("x" * 20_000) from error
        except RuntimeError:
            logging.getLogger("a").exception("y" * 20_000)

    event, told = lines[0]["event"], lines[0]["exception"]
    assert event == "y" * 16_384 + "… (cut)"
    assert 16_000 < len(told) <= 16_384
    assert told.startswith("Traceback")
    assert re.search(r"\nRuntimeError: x+… \(cut\)$", told)


def test_what_is_no_plain_value_is_not_written():
    """Django hands its requests to its loggers; shown, they would tell the query."""
    line = written(
        request=object(), status_code=404, source_bytes=7, monkey="see", nothing=None, rate=math.inf
    )

    assert {"request", "nothing"}.isdisjoint(line)
    assert line["rate"] == "inf"  # JSON has no number for it
    assert (line["status_code"], line["source_bytes"], line["monkey"]) == (404, 7, "see")


def as_text(**record: Any) -> str:
    """What comes after the time."""
    parts = dict(logs.configuration("text", "INFO")["formatters"]["text"])
    made = logging.makeLogRecord({"name": "a.b", "levelno": 20, "levelname": "INFO", **record})
    return parts.pop("()")(**parts).format(made)[len("2026-11-22 09:30:00") :]


def test_a_text_line_can_be_read_and_stays_one_line():
    line = as_text(msg="said %s", args=("so",), path="/x\ny", n=3)

    assert line == ' INFO a.b: said so path="/x\\ny" n=3'


def test_nobody_makes_a_text_line_of_their_own_nor_reaches_the_terminal():
    forged = "wörds\n2026-11-22 09:30:00 CRITICAL a: x\x1b[2J"
    error = ValueError(forged)

    line, *traceback = as_text(msg="refused: %s", args=(forged,), exc_info=(ValueError, error, None)).split(
        "\n"
    )

    assert line == r" INFO a.b: refused: wörds\n2026-11-22 09:30:00 CRITICAL a: x\x1b[2J"
    assert traceback == ["    ValueError: wörds", r"    2026-11-22 09:30:00 CRITICAL a: x\x1b[2J"]


def test_an_exception_is_told_without_the_values_of_variables():
    kept = PASSWORD.upper()
    try:
        raise ValueError(len(kept))
    except ValueError as error:
        record = logging.makeLogRecord({"name": "a", "exc_info": (ValueError, error, error.__traceback__)})

    line = json.loads(formatter().format(record))

    assert line["exception"].endswith("ValueError: 21")
    assert kept not in line["exception"]


@pytest.mark.parametrize("level", ["DEBUG", "ERROR", "CRITICAL"])
def test_what_is_less_than_the_level_is_not_logged_whoever_says_it(level):
    """Some loggers have a level of their own, such as Django's and RQ's."""
    code = (
        "import logging, sys; from judgeplatform import logs; logs.configure(logs.configuration('json', sys.argv[1]))\n"
        "for name in ('django.security', 'rq.worker', 'ours'): logging.getLogger(name).error('said')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, level], cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert (ran.returncode, ran.stderr.count('"said"')) == (0, 0 if level == "CRITICAL" else 3)


def test_of_what_a_database_complains_of_a_traceback_tells_the_first_line():
    """Its language is the server's; what comes after its part of the traceback is still there."""
    with logged() as lines:
        try:
            try:
                raise IntegrityError(f"clé dupliquée\nDÉTAIL : Key (1, {PASSWORD.lower()}\n\nprint(1).\n)")
            except IntegrityError as error:
                raise RuntimeError("so it ended") from error
        except RuntimeError:
            logging.getLogger("a").exception("it failed")

    told = lines[0]["exception"]
    assert "IntegrityError: clé dupliquée\n\nThe above" in told
    assert (told.count("Traceback"), told.endswith("RuntimeError: so it ended")) == (2, True)


# --- Real failures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", logs.FORMATS)
def test_a_worker_that_does_not_reach_redis_does_not_tell_the_password(form, tmp_path: Path):
    """S2.15: the words in which it ends are a record, too."""
    url = f"redis://judge:{PASSWORD}@127.0.0.1:1/0?client_name={PASSWORD}"
    ended = subprocess.run(
        [sys.executable, "manage.py", "judge_worker"],
        cwd=ROOT,
        env=clean_environment(tmp_path, REDIS_URL=url, LOG_FORMAT=form),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Redis does not answer" in ended.stderr
    assert PASSWORD not in ended.stderr
    if form == "json":
        assert {json.loads(line)["level"] for line in ended.stderr.splitlines()} <= {"warning", "error"}


@pytest.mark.django_db
def test_a_row_that_the_database_refuses_is_not_told():
    """A name that is taken, say: PostgreSQL tells it."""
    name = PASSWORD.upper()
    make_user(username=name)
    with logged() as lines:
        try:
            make_user(username=name)
        except IntegrityError as error:
            logging.getLogger("a").exception("it failed: %s", error)

    line = next(line for line in lines if line["logger"] == "a")
    assert name not in repr(line)
    assert "username" in line["exception"]


@pytest.mark.django_db(transaction=True)
def test_a_backend_that_is_away_is_named_without_its_credentials(backends):
    backends(f"http://judge:{PASSWORD}@127.0.0.1:1")
    with logged() as lines:
        judging.judge_submission(str(submit().pk))

    assert any("127.0.0.1:1" in line["event"] for line in lines)
    assert PASSWORD not in repr(lines)
    assert Submission.objects.get().status == "queued"


@pytest.mark.django_db(transaction=True)
def test_tokens_that_are_refused_are_told_nowhere(oidc_issuer: Issuer, settings):
    """S2.13 (in part): in headers and queries, at DEBUG."""
    for name, value in oidc_issuer.settings().items():
        setattr(settings, name, value)
    token = oidc_issuer.token(exp=1)

    async def ask() -> list[int]:
        address = "/api/v1/submissions/"
        asked = [
            Http("GET", address, authorization=f"Bearer {token}"),
            Http("GET", f"{address}?token={token}"),
        ]
        return [(await one.start()).status for one in asked]

    with logged() as lines:
        assert played(ask) == [401, 401]
    assert lines
    assert [part for part in token.split(".") if part in repr(lines)] == []


# --- Whole processes -------------------------------------------------------------------------------------------


SOURCE = f"import sys; print(sys.stdin.read()); sys.exit({canary.SECRET!r})"


class Process:
    """One of the platform's, that writes JSON of all levels; what it says comes line by line."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.said: list[str] = []
        self._process = subprocess.Popen(
            leashed(sys.executable, "-u", *command),
            cwd=ROOT,
            env={**os.environ, "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self.said.extend(self._process.stdout)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while not any(text in line for line in self.said):
            assert time.monotonic() < deadline, f"no {text!r} in {self.said}"
            assert self._process.poll() is None, self.said
            time.sleep(0.02)

    def stop(self) -> int:
        """By SIGTERM; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        self._reader.join(10)
        return code


@dataclass
class Platform:
    """Engine, worker and web on the test's database and Redis."""

    url: str
    engine: Process
    worker: Process
    web: Process

    @property
    def all(self) -> tuple[Process, ...]:
        return self.web, self.worker, self.engine


@pytest.fixture
def platform() -> Iterator[Platform]:
    port, engine_port = free_port(), free_port()
    shared = {
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "JUDGE0_URLS": f"http://127.0.0.1:{engine_port}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    engine = ("manage.py", "runengine", "--port", str(engine_port))
    web = ("-m", "daphne", "-v", "0", "-p", str(port), "judgeplatform.asgi:application")
    started = Platform(
        shared["PUBLIC_URL"],
        Process(*engine, ENGINE_LANGUAGES="python", **shared),
        Process("manage.py", "judge_worker", **shared),
        Process(*web, **shared),
    )
    yield started
    for process in started.all:
        process.stop()


SOURCE = f"import sys; print(sys.stdin.read()); sys.exit({canary.SECRET!r})"
ASKED: dict[str, dict[str, Any]] = {
    "/api/v1/submissions/": {"language": "python", "source": SOURCE, "question": "secretive"},
    "/api/v1/runs/": {"language": "python", "source": SOURCE, "input": canary.SECRET},
    "/v1/judge": {
        "languageId": "python",
        "sourceCode": SOURCE,
        "testCases": [{"input": canary.SECRET, "expected": canary.SECRET}],
    },
    "/api/execute": {"lang": "python", "code": SOURCE, "input": canary.SECRET, "expected": canary.SECRET},
    "/api/v1/executions/execute": {"language": "python", "code": SOURCE, "input_data": canary.SECRET},
}


@pytest.mark.django_db(transaction=True)
def test_all_that_web_worker_and_engine_say_is_json_and_tells_no_program_no_data_and_no_token(platform):
    """S2.13, S2.15, S3.53: from start to SIGTERM, at DEBUG, with failures in a view and in a job."""
    user = make_user(is_staff=True, is_superuser=True)
    make_question(cases=[(f"{canary.SECRET}\n", f"{canary.SECRET}\n", False)], slug="secretive")
    key = keys.make(user=user, name="", scopes=["submit", "read", "judge"])[1]
    ticket = tickets.issue(user_id=user.pk, scopes=["read"])
    with requests.Session() as http:
        http.trust_env = False
        platform.engine.wait_for("listening on")
        platform.worker.wait_for("judging from queue")
        await_(lambda: _answers(http, platform.url))
        for address, body in ASKED.items():
            sent = http.post(platform.url + address, json=body, headers={"Authorization": f"Api-Key {key}"})
            assert sent.status_code in (200, 202), sent.text
        http.post(f"{platform.url}/api/v1/runs/", json=SOURCE, headers={"Authorization": f"Api-Key {key}"})
        http.get(
            f"{platform.url}/api/v1/submissions/", headers={"Authorization": "Bearer eyJhbGciOi.eyJz.c2"}
        )
        assert http.get(f"{platform.url}/login/?next={canary.SECRET}").status_code == 500
        large = http.post(
            f"{platform.url}/api/v1/runs/?x={canary.SECRET}", b" " * 2**20, headers={"X-Request-Id": "large"}
        )
        assert (large.status_code, large.headers["X-Request-Id"]) == (413, "large")
    address = f"{platform.url}/ws/submissions/{Submission.objects.last().pk}/?token={ticket}"
    with connect(address.replace("http", "ws", 1), proxy=None) as live, suppress(ConnectionClosed):
        while True:
            live.recv(20)
    queue("default").enqueue_call(judging.JOB, args=("no-id",))
    platform.worker.wait_for("is not a valid UUID")
    await_(lambda: not Submission.objects.unfinished().exists())

    assert [process.stop() for process in platform.all] == [0, 0, 0]
    for process in platform.all:
        lines = [json.loads(line) for line in process.said]
        assert all(line.keys() >= {"event", "level", "logger", "timestamp"} for line in lines)
        assert [line for line in process.said if canary.find(line.encode())] == []
        assert [text for text in (key, ticket, "eyJ") if text in "".join(process.said)] == []
    of_web = [json.loads(line) for line in platform.web.said]
    (refused,) = [line for line in of_web if line.get("request_id") == "large"]
    assert (refused["method"], refused["path"], refused["status"]) == ("POST", "/api/v1/runs/", 413)
    (failed,) = [line for line in of_web if line["event"] == "request_failed"]
    assert "Traceback" in failed["exception"]
    assert (failed["request"], len(failed["request_id"])) == ("GET /login/", 32)


def _answers(http: requests.Session, url: str) -> bool:
    try:
        return http.get(f"{url}/healthz").ok
    except requests.ConnectionError:
        return False
