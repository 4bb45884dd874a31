"""What schemathesis finds in an API that does otherwise than it is described, as one failure of a test."""

from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis.engine import events, from_schema
from schemathesis.schemas import BaseSchema


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
