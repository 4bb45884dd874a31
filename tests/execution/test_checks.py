"""Settings that cannot be meant are refused before anything starts."""

import pytest
from django.core.checks import run_checks


def found(settings, urls, headers=None):
    settings.JUDGE0_URLS = urls
    settings.JUDGE0_HEADERS = headers if headers is not None else [{}] * len(urls)
    return [problem.id for problem in run_checks() if str(problem.id).startswith("execution.")]


def test_usable_servers_are_no_problem(settings):
    assert (
        found(settings, ["http://127.0.0.1:2358", "https://judge.example.org/api"], [{}, {"X-Key": "k"}])
        == []
    )


def test_set_but_empty_is_an_error(settings):
    assert found(settings, []) == ["execution.E001"]


@pytest.mark.parametrize(
    "url",
    ["127.0.0.1:2358", "ftp://x", "http://", "http://x:99999", "http://[::1", "http://x?a=1", "http://u:p@x"],
)
def test_what_is_no_address_is_an_error_and_its_password_is_not_shown(settings, url):
    assert found(settings, [url]) == ["execution.E002"]
    assert all("u:p" not in str(problem) for problem in run_checks())


def test_the_same_server_twice_is_an_error(settings):
    assert found(settings, ["http://x", "http://x"]) == ["execution.E003"]


@pytest.mark.parametrize("headers", [{"X-Key": 7}, {"X-Key": "a\r\nb"}, {"X\n": "a"}])
def test_headers_that_no_request_could_carry_are_an_error(settings, headers):
    assert found(settings, ["http://x"], [headers]) == ["execution.E004"]


def test_polling_that_starts_slower_than_it_may_get_is_an_error(settings):
    settings.JUDGE0_POLL_MIN_S, settings.JUDGE0_POLL_MAX_S = 2.0, 1.0

    assert found(settings, ["http://x"]) == ["execution.E005"]


@pytest.mark.parametrize(("in_production", "allowed"), [(True, True), (True, False), (False, True)])
def test_an_engine_with_less_isolation_is_refused_in_production(settings, in_production, allowed):
    settings.IS_PRODUCTION, settings.ENGINE_ALLOW_REDUCED = in_production, allowed

    assert found(settings, ["http://x"]) == (["execution.E008"] if in_production and allowed else [])


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:8000", "https://localhost/judge"])
def test_callbacks_may_be_off_or_come_to_a_host_that_is_served(settings, url):
    settings.JUDGE0_CALLBACK_URL = url

    assert found(settings, ["http://x"]) == []


@pytest.mark.parametrize(
    "url", ["web:8000", "ftp://localhost", "http://", "http://localhost?a=1", "http://u:p@x"]
)
def test_callbacks_to_what_is_no_address_are_an_error_and_its_password_is_not_shown(settings, url):
    settings.JUDGE0_CALLBACK_URL = url

    assert found(settings, ["http://x"]) == ["execution.E006"]
    assert all("u:p" not in str(problem) for problem in run_checks())


def test_callbacks_to_a_host_that_is_not_served_are_an_error(settings):
    settings.JUDGE0_CALLBACK_URL = "http://elsewhere.example.org"

    assert found(settings, ["http://x"]) == ["execution.E007"]
