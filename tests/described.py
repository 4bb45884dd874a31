"""Whether an API does as it is described: what schemathesis finds, as one failure of a test, and one answer alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema

from judgeplatform.openapi.views import description


def strict_description() -> dict[str, Any]:
    """Clients must bear fields that they do not know; what we answer has none but those that are described."""
    described: dict[str, Any] = json.loads(description("json"))
    for schema in described["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return described


def is_as_described(answer: Any, method: str, address: str, status: str = "200") -> bool:
    """Whether an answer of our API has the shape that is described there, and nothing more."""
    described = strict_description()
    told = described["paths"][address][method]["responses"][status]["content"]["application/json"]["schema"]
    return Draft202012Validator(told | {"components": described["components"]}).is_valid(answer)


def complain_of(schema: BaseSchema) -> None:
    """Fails with all that it finds, once for each operation and check."""
    found = [one for event in from_schema(schema).execute() for one in _complaints(event)]
    if found:
        pytest.fail("\n\n".join(dict(found).values()), pytrace=False)


def _complaints(event: Any) -> Iterator[tuple[Any, str]]:
    if isinstance(event, events.FatalError):
        raise event.exception
    if isinstance(event, events.NonFatalError):
        yield (event.label, event.value), f"{event.label}: {event.value}"
    if isinstance(event, events.ScenarioFinished):
        recorded = event.recorder
        for case_id, checks in recorded.checks.items():
            for check in checks:
                if (failed := check.failure_info) is not None:
                    answer = recorded.interactions[case_id].response
                    words = f"{recorded.label} {check.name}: {failed.failure.title}. {failed.failure.message}"
                    told = answer.text[:1000] if answer else ""
                    yield (recorded.label, check.name), f"{words}\n{failed.code_sample}\n{told}"
