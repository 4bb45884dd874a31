"""The description of the API: whole, valid, and there for everybody."""

import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from judgeplatform.openapi.schema import OPERATIONS

ADDRESS = "/api/v1/schema/"
DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"
CODE = re.compile(r"`(\w+)`")

pytestmark = pytest.mark.django_db


@pytest.fixture
def described() -> dict:
    return Client().get(ADDRESS).json()


def test_every_view_of_the_api_is_described_and_the_description_is_valid(capsys):
    """S1.4 (in part)"""
    call_command("spectacular", "--validate", "--fail-on-warn")

    assert capsys.readouterr().err == ""


def test_the_description_is_for_everybody_as_json_and_as_yaml():
    as_json = Client().get(ADDRESS)
    as_yaml = Client().get(ADDRESS, headers={"Accept": "application/yaml"})

    assert as_json["Content-Type"] == "application/json"
    assert as_yaml["Content-Type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.content)
    assert as_json.json()["openapi"] == "3.1.0"


def test_who_has_the_description_is_not_sent_it_again():
    first = Client().get(ADDRESS)

    again = Client().get(ADDRESS, headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_what_cannot_be_had_is_refused_as_json():
    answer = Client().get(ADDRESS, headers={"Accept": "application/xml"})

    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")
    assert json.loads(answer.content)["code"] == "not_acceptable"


def test_streams_and_websockets_are_described_though_django_serves_neither(described):
    """S1.4 (in part)"""
    for address in ("/api/v1/submissions/{id}/stream/", "/api/stream/{id}"):
        assert "text/event-stream" in described["paths"][address]["get"]["responses"]["200"]["content"]
    assert set(described["x-websockets"]) == {
        "/ws/submissions/{id}/",
        "/ws/executions/",
        "/api/v1/executions/ws/{id}",
    }


def test_operations_have_names_of_their_own_and_none_is_described_that_is_gone(described):
    names = [one["operationId"] for item in described["paths"].values() for one in item.values()]

    assert len(names) == len(set(names))
    assert {operation.id for operation in OPERATIONS.values()} <= set(names)


def test_an_operation_names_the_scope_that_it_needs(described):
    for_machines = described["paths"]["/v1/judge"]["post"]["security"]
    to_read = described["paths"]["/api/v1/questions/"]["get"]["security"]

    assert {"codeExecKey": ["judge"]} in for_machines
    assert {"bearer": ["read"]} in to_read
    assert not any("bearer" in one for one in for_machines)


def test_each_code_of_a_problem_is_explained_in_the_documentation(described):
    told = DOCUMENT.read_text().partition("## Errors")[2].partition("## ")[0]
    explained = {
        code
        for row in re.findall(r"^\| \d.*", told, re.MULTILINE)
        for code in CODE.findall(row.split("|")[2])
    }
    described_codes = {
        code for one in described["components"]["responses"].values() for code in one["x-codes"]
    }

    assert explained == described_codes | {"method_not_allowed"}
