"""Settings: what is read, refused and written down. (Whether production is safe: test_checks.py.)"""

import logging
import os
import re
import runpy
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as configured
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection

from judgeplatform.configuration import Configuration
from judgeplatform.management.commands import settings as command
from tests.platform.running import ROOT

PASSWORD = "hunter2-hunter2"


def settings_with(*without: str, **environment: str) -> dict[str, Any]:
    """What settings.py makes of the test run's environment with these variables; the platform's own stay."""
    kept = {name: value for name, value in os.environ.items() if name not in without}
    with mock.patch.dict(os.environ, kept | environment, clear=True):
        return runpy.run_path(str(ROOT / "judgeplatform" / "settings.py"))


def refusal(*without: str, **environment: str) -> str:
    with pytest.raises(ImproperlyConfigured) as refused:
        settings_with(*without, **environment)
    return str(refused.value)


# --- Words and numbers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "is_on"), [("true", True), ("ON", True), ("0", False), ("No", False), (" ", True)]
)
def test_a_flag_is_a_word_for_yes_or_no_and_empty_is_not_set(word, is_on):
    assert Configuration({"FLAG": word}).flag("FLAG", True, "") is is_on


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("DEBUG", "maybe", "DEBUG is 'maybe'; it must be true or false."),
        ("PORT", "80.5", "PORT must be a number."),
        ("PORT", "70000", "PORT is 70000; it must be 1 to 65535."),
        ("MAX_QUEUE_AGE", "nan", "MAX_QUEUE_AGE must be a number."),
        ("SYNC_WAIT_MAX", "nan", "SYNC_WAIT_MAX is nan; it must be 0 to 600."),
        ("RATE_LIMIT_SUBMIT", "often", "RATE_LIMIT_SUBMIT is 'often'; it must be like 20/minute."),
        ("RATE_LIMIT_SIGN_IN", "0/minute", "RATE_LIMIT_SIGN_IN is '0/minute'; it must be like 20/minute."),
        ("SIGNUP", "yes", "SIGNUP is 'yes'; it must be one of open, invite, closed."),
        ("DJANGO_ENV", "prod", "DJANGO_ENV is 'prod'; it must be one of production, development."),
        ("PUBLIC_URL", "judge.example.org", "PUBLIC_URL must be like https://judge.example.org."),
        (
            "PUBLIC_URL",
            "https://j.example SECRET_KEY=x",
            "PUBLIC_URL must be like https://judge.example.org.",
        ),
        ("PUBLIC_URL", "https://j.example/ x", "PUBLIC_URL must be like https://judge.example.org."),
        ("PUBLIC_URL", "https://j.example/judge", "PUBLIC_URL must be like https://judge.example.org."),
        ("TIME_ZONE", "Mars/Phobos", "TIME_ZONE is 'Mars/Phobos'; it must be like Europe/London."),
        ("TIME_ZONE", "Europe", "TIME_ZONE is 'Europe'; it must be like Europe/London."),
        (
            "REDIS_URL",
            "http://:hunter2@cache:6379",
            "REDIS_URL must be like redis://:password@host:6379/0, or unix:///path/to/socket.",
        ),
        ("JUDGE0_HEADERS_7", "{}", "JUDGE0_HEADERS_7 belongs to nothing: JUDGE0_URLS names 1."),
        ("JUDGE0_HEADERS_7_FILE", "/key", "JUDGE0_HEADERS_7_FILE belongs to nothing: JUDGE0_URLS names 1."),
        ("JUDGE0_HEADERS_1", '{"X-Key": "hunter2', "JUDGE0_HEADERS_1 is not JSON."),
        (
            "PROMETHEUS_MULTIPROC_DIR",
            "/nowhere/at all",
            "PROMETHEUS_MULTIPROC_DIR must be a directory that is there.",
        ),
        ("EMAIL_URL", "hunter2", "EMAIL_URL must be like smtp+tls://user:password@host:587."),
    ],
)
def test_nonsense_is_refused_by_name_in_one_sentence(variable, value, said):
    assert refusal(**{variable: value}) == said


def test_a_directory_for_metrics_that_is_set_to_nothing_is_not_set_for_the_library_that_asks_for_it_either():
    """It asks only whether the name is there, and would leave files in the working directory."""
    with mock.patch.dict(os.environ, {"PROMETHEUS_MULTIPROC_DIR": ""}):
        runpy.run_path(str(ROOT / "judgeplatform" / "settings.py"))
        assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


@pytest.mark.parametrize("percent", ["0", "101", "half", "-5"])
def test_cpu_is_a_percentage(percent):
    """S3.29 (in part): what the manifests make of it is tested with them."""
    assert refusal(CODE_EXECUTOR_MAX_CPU=percent).startswith("CODE_EXECUTOR_MAX_CPU ")
    assert settings_with()["CODE_EXECUTOR_MAX_CPU"] == 80
    assert settings_with(CODE_EXECUTOR_MAX_CPU="100")["CODE_EXECUTOR_MAX_CPU"] == 100


# --- The names that are promised -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            f"postgres://judge:{PASSWORD}@db.example.org:5433/contest",
            {
                "ENGINE": "judgeplatform.postgresql",
                "HOST": "db.example.org",
                "PORT": 5433,
                "NAME": "contest",
                "USER": "judge",
                "PASSWORD": PASSWORD,
            },
        ),
        ("sqlite:////srv/judge.sqlite3", {"ENGINE": "judgeplatform.sqlite", "NAME": "/srv/judge.sqlite3"}),
    ],
)
def test_the_database_is_the_one_that_its_url_names(url, expected):
    """S3.24"""
    database = settings_with(DATABASE_URL=url)["DATABASES"]["default"]

    assert {name: database[name] for name in expected} == expected


@pytest.mark.django_db
@pytest.mark.both_databases
def test_the_database_in_use_is_the_one_that_its_url_names():
    """S3.24"""
    named = os.environ.get("DATABASE_URL", "sqlite").partition(":")[0]

    assert connection.vendor == named


@pytest.mark.parametrize(
    "url",
    [
        PASSWORD,
        f"mysql://judge:{PASSWORD}@db/contest",
        f"postgres://judge:{PASSWORD}@db:port/contest",
        f"postgres://judge:{PASSWORD}@db",
        "sqlite://judge.sqlite3",
    ],
)
def test_what_names_no_database_is_refused_without_its_password(url):
    """S3.24"""
    said = refusal(DATABASE_URL=url)

    assert said.startswith("DATABASE_URL must be like postgres://")
    assert PASSWORD not in said


@pytest.mark.parametrize(
    ("given", "production"),
    [
        ({}, False),
        ({"DJANGO_ENV": "development"}, False),
        ({"DJANGO_ENV": "production"}, True),
        ({"PUBLIC_URL": "https://judge.example.org"}, True),
        ({"PUBLIC_URL": "https://judge.example.org", "DJANGO_ENV": "development"}, True),
        ({"NODE_ENV": "production"}, False),
    ],
)
def test_production_is_where_it_says_so_or_where_its_address_is_public(given, production):
    """S3.25 (in part): DJANGO_ENV is what NODE_ENV was."""
    made = settings_with(**given)

    assert made["IS_PRODUCTION"] is production
    assert made["DEBUG"] is False


def test_judges_that_a_bar_joins_are_equals_and_headers_are_counted_through_all_of_them():
    made = settings_with(
        JUDGE0_URLS="http://a/|http://b, http://c",
        JUDGE0_HEADERS_2='{"X": "b"}',
        JUDGE0_HEADERS_3='{"X": "c"}',
    )

    told = zip(made["JUDGE0_URLS"], made["JUDGE0_RANKS"], made["JUDGE0_HEADERS"], strict=True)
    assert [(url, rank, headers.get("X")) for url, rank, headers in told] == [
        ("http://a", 0, None),
        ("http://b", 0, "b"),
        ("http://c", 1, "c"),
    ]


# --- Secrets in files ------------------------------------------------------------------------------------------


def test_a_secret_may_be_in_a_file(tmp_path):
    (tmp_path / "key").write_text("of the file\n")
    (tmp_path / "headers").write_text('{"X-Key": "hosted"}')
    (tmp_path / "url").write_text("postgres://judge:pw@db/contest")
    made = settings_with(
        "SECRET_KEY",
        SECRET_KEY_FILE=str(tmp_path / "key"),
        JUDGE0_HEADERS_1_FILE=str(tmp_path / "headers"),
        DATABASE_URL="",
        DATABASE_URL_FILE=str(tmp_path / "url"),
    )

    assert made["SECRET_KEY"] == "of the file"
    assert made["JUDGE0_HEADERS"][0]["X-Key"] == "hosted"
    assert made["DATABASES"]["default"]["HOST"] == "db"


def test_a_secret_in_a_file_and_in_a_variable_is_refused_and_so_is_a_file_without_one(tmp_path):
    (tmp_path / "empty").write_text("\n")
    both = "SECRET_KEY and SECRET_KEY_FILE are both set: give one of them."

    assert refusal(SECRET_KEY_FILE=str(tmp_path / "empty")) == both
    assert refusal("SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "empty")).endswith("names is empty.")
    assert refusal("SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "none")).endswith("names cannot be read.")


def test_a_secret_in_a_file_wins_over_what_a_file_of_settings_says(tmp_path):
    (tmp_path / "up.env").write_text("CODE_EXEC_KEY=of-up\nREDIS_URL=redis://of-up\nSIGNUP=open\n")
    (tmp_path / "key").write_text("of-the-operator,another")
    environment = Configuration({"CODE_EXEC_KEY_FILE": str(tmp_path / "key"), "SIGNUP": "closed"})

    environment.read_file(tmp_path / "up.env")

    assert environment.words("CODE_EXEC_KEY", [], "", is_secret=True) == ["of-the-operator", "another"]
    assert environment.secret("REDIS_URL", "", "") == "redis://of-up"
    assert environment.text("SIGNUP", "", "") == "closed"


@pytest.mark.parametrize("line", [f"SECRET KEY={PASSWORD}", f"METRICS-TOKEN={PASSWORD}", PASSWORD])
def test_a_line_of_a_file_of_settings_that_is_none_is_refused_and_not_repeated(tmp_path, capfd, caplog, line):
    path = tmp_path / ".env"
    path.write_text(f"# what is set here\n\n  export SIGNUP='open'  \n{line}\n")

    with pytest.raises(ImproperlyConfigured) as refused:
        Configuration({}).read_file(path)

    assert str(refused.value) == f"{path}, line 4: it must be like NAME=value, or begin with #."
    assert PASSWORD not in caplog.text + "".join(capfd.readouterr())
    path.write_text(path.read_text().replace(line, "  # done"))
    environment = Configuration({})
    environment.read_file(path)
    assert environment.environment == {"SIGNUP": "open"}
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_who_starts_others_hands_them_the_secrets_themselves(tmp_path):
    """`up` decides by the names in its environment what it has to bring."""
    (tmp_path / "url").write_text("redis://elsewhere\n")
    variables = {"REDIS_URL_FILE": str(tmp_path / "url"), "SSL_CERT_FILE": "/etc/ssl/cert.pem"}
    environment = Configuration(variables)
    environment.secret("REDIS_URL", "", "")

    assert environment.without_files(variables) == {
        "REDIS_URL": "redis://elsewhere",
        "SSL_CERT_FILE": "/etc/ssl/cert.pem",
    }


# --- What is written down --------------------------------------------------------------------------------------


def test_the_document_lists_every_setting_and_is_up_to_date():
    document = (ROOT / command.DOCUMENT).read_text()

    assert command.with_tables(document, configured.CONFIGURATION) == document
    for name in configured.CONFIGURATION.settings:
        assert f"\n| `{name}` |" in document


def test_a_document_that_is_out_of_date_is_told_and_mended(tmp_path, settings):
    settings.BASE_DIR = tmp_path
    path = tmp_path / command.DOCUMENT
    path.parent.mkdir()
    path.write_text(f"Before.\n{command.BEGIN}\n| `OLD` |\n{command.END}\nAfter.\n")

    with pytest.raises(CommandError, match=r"run manage\.py settings"):
        call_command("settings", "--check")
    call_command("settings")
    call_command("settings", "--check")

    before, table, after = path.read_text().replace(command.END, command.BEGIN).split(command.BEGIN)
    assert (before, after) == ("Before.\n", "\nAfter.\n")
    assert "| `PORT` | 8000 | 1 to 65535 |" in table
    assert "OLD" not in table


def test_every_setting_says_what_it_means_and_in_which_section():
    for setting in configured.CONFIGURATION.settings.values():
        assert setting.meaning, setting
        assert setting.section in configured.CONFIGURATION.about, setting


def test_what_the_document_says_does_not_depend_on_who_asks():
    """Defaults that are computed are told in words."""
    mine = settings_with(
        DEBUG="1", PUBLIC_URL="https://judge.example.org", JUDGE0_READ_TIMEOUT_S="100", VAR_DIR=""
    )

    assert mine["CONFIGURATION"].settings == configured.CONFIGURATION.settings


def test_every_name_that_the_requirements_give_is_in_the_document():
    document = (ROOT / command.DOCUMENT).read_text()
    given = re.findall(r"\b[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+\b", (ROOT / "docs" / "requirements.md").read_text())

    assert [name for name in sorted(set(given)) if f"`{name}`" not in document] == []
