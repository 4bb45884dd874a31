"""The engine keeps to its own description: each route is in it, and schemathesis believes it word by word.

A short and always equal run here; more of it with `bin/test --full`. The platform's API has the same in
tests/test_api_as_described.py.
"""

from __future__ import annotations

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig

from execution.engine import server
from execution.engine.jobs import Killed
from execution.engine.representation import FIELD_NAMES
from tests.described import complain_of

from .conftest import ADMINISTRATOR, PYTHON, TOKEN, Engine

SOURCE = "print(input())"
UNREACHABLE = "http://127.0.0.1:9/"
"""An allowed host; nothing listens there, and nothing leaves this machine."""


def test_each_route_is_described_and_nothing_else_is(guarded):
    routes = {(path, method.lower()) for path, method, _ in server.ROUTES}
    paths = guarded.get("/openapi.json").json()["paths"]
    assert {(path, method) for path, it in paths.items() for method in it} == routes | {("/", "get")}


def test_the_description_tells_this_engines_own_bounds_and_fields(guarded):
    schemas = guarded.get("/openapi.json").json()["components"]["schemas"]
    assert tuple(schemas["Submission"]["properties"]) == FIELD_NAMES
    info, new = guarded.get("/config_info").json(), schemas["NewSubmission"]["properties"]
    for name in ("cpu_time_limit", "memory_limit", "number_of_runs"):
        assert (new[name]["default"], new[name]["maximum"]) == (info[name], info[f"max_{name}"])
    assert new["language_id"]["enum"] == sorted(it["id"] for it in guarded.get("/languages").json())
    assert schemas["NewSubmission"]["required"] == ["language_id"]  # multi-file programs have no source
    killed = schemas["Submission"]["properties"]["engine"]["properties"]["killed"]["enum"]
    assert {limit.value for limit in Killed} < {*killed}


# --- Schemathesis ---------------------------------------------------------------------------------

WRONG_BUT_AS_DESCRIBED = ["2xx", "400", "401", "403", "404", "422"]
"""No schema says which tokens there are, what is blank once it is decoded, or which options go with what."""


def configuration(engine: Engine, token: str, *, is_known: bool, examples: int) -> SchemathesisConfig:
    often = {"probability": 0.6}
    keys = {"token": {"api_key": TOKEN}, "administrator": {"api_key": ADMINISTRATOR}}
    few = {"generation": {"max-examples": examples}}
    return SchemathesisConfig.from_dict(
        {
            "base-url": engine.url,
            "seed": 1,
            "continue-on-failure": True,
            "suppress-health-check": ["all"],  # a busy machine is no finding
            "request-timeout": 60,
            "generation": {"deterministic": True, "with-security-parameters": False},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": WRONG_BUT_AS_DESCRIBED},
                # Judge0 takes numbers as texts, drops lists, and answers a wrong method with a 404.
                "negative_data_rejection": {"enabled": False},
                "unsupported_method": {"enabled": False},
            },
            "dictionaries": {
                "tokens": {"values": [token]},
                "sources": {"values": [SOURCE]},
                "receivers": {"values": [UNREACHABLE]},
            },
            "parameters": {
                "path.token": {"dictionary": "tokens"} | often,
                "query.tokens": {"dictionary": "tokens"} | often,
                "body.source_code": {"dictionary": "sources"} | often,
                "body.callback_url": {"dictionary": "receivers", "probability": 1.0},
            },
            "phases": {"fuzzing": few, "stateful": few, "coverage": {"enabled": examples > 10}},
            **({"auth": {"openapi": keys}} if is_known else {}),
        }
    )


def complain(settings: SchemathesisConfig, engine: Engine) -> None:
    described = engine.get("/openapi.json").json()
    complain_of(schemathesis.openapi.from_dict(described, config=settings))


@pytest.fixture
def token(guarded) -> str:
    body = {"source_code": SOURCE, "language_id": PYTHON, "stdin": "1"}
    made: str = guarded.post("/submissions?wait=true&fields=token", json=body).json()["token"]
    return made


@pytest.mark.parametrize(("is_known", "examples"), [(True, 8), (False, 2)], ids=["with tokens", "without"])
def test_whoever_asks_is_answered_as_described(guarded, token, is_known, examples):
    complain(configuration(guarded, token, is_known=is_known, examples=examples), guarded)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("is_known", [True, False], ids=["with tokens", "without"])
def test_whoever_asks_at_length_is_answered_as_described(guarded, token, is_known):
    complain(configuration(guarded, token, is_known=is_known, examples=40), guarded)
