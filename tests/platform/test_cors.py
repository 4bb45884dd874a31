"""Pages of other origins: refused until an operator allows them, then let in to the API and to nothing else."""

import pytest
from django.core.checks import run_checks
from django.test import Client

APP = "https://app.example"
STRANGER = "https://stranger.example"
ALLOWED = "Access-Control-Allow-Origin"

API = "/api/v1/submissions/"
ADDRESSES = (API, "/api/v1/runs/", "/api/v1/nothing-here/", "/v1/submissions")


@pytest.fixture
def allowed(settings):
    settings.CORS_ALLOWED_ORIGINS = [APP]


def preflight(address: str, origin: str = APP):
    """What a browser asks before it sends JSON and a key."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-code-exec-key",
    }
    return Client(headers=headers).options(address)


def words(value: str) -> set[str]:
    return {word.strip().lower() for word in value.split(",")}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_foreign_page_may_read_anything_as_it_is_delivered(address):
    assert ALLOWED not in preflight(address).headers
    assert ALLOWED not in Client(headers={"Origin": APP}).get(address).headers


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_allowed_page_may_send_a_program_with_a_key_and_not_with_a_cookie(allowed, address):
    answer = preflight(address)

    assert answer.status_code == 200
    assert answer.headers[ALLOWED] == APP
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert words(answer.headers["Access-Control-Allow-Methods"]) == {"get", "head", "options", "post"}
    assert words(answer.headers["Access-Control-Allow-Headers"]) >= {
        "authorization",
        "content-type",
        "idempotency-key",
        "if-none-match",
        "last-event-id",
        "x-code-exec-key",
    }


def test_an_allowed_page_may_read_why_it_is_refused_and_where_to_look_next(allowed):
    answer = Client(headers={"Origin": APP}).get(API)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers[ALLOWED] == APP
    assert "origin" in words(answer.headers["Vary"])
    assert words(answer.headers["Access-Control-Expose-Headers"]) >= {
        "etag",
        "idempotency-replayed",
        "location",
        "ratelimit-remaining",
        "retry-after",
        "www-authenticate",
    }


def test_what_is_refused_before_any_view_may_be_read_too(allowed):
    odd = Client(headers={"Origin": APP}).generic("POST", API, b"x", "application/json; charset=hex")

    assert (odd.status_code, odd.headers[ALLOWED]) == (400, APP)


@pytest.mark.parametrize("origin", [STRANGER, "http://app.example", APP + ":8443", "null", "", "https://["])
def test_any_other_page_is_told_nothing(allowed, origin):
    assert ALLOWED not in preflight(API, origin).headers
    assert ALLOWED not in Client(headers={"Origin": origin}).get(API).headers


@pytest.mark.parametrize("address", ["/login/", "/admin/login/", "/healthz", "/static/css/app.css", "/"])
@pytest.mark.django_db
def test_pages_are_for_no_other_origin_ever(allowed, address):
    assert ALLOWED not in preflight(address).headers
    assert ALLOWED not in Client(headers={"Origin": APP}).get(address).headers


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "*"])
def test_what_is_no_origin_is_refused_when_the_platform_starts(settings, origin):
    settings.CORS_ALLOWED_ORIGINS = [origin]

    assert [problem for problem in run_checks() if str(problem.id).startswith("corsheaders.")]
