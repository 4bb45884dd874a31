"""What drf-spectacular asks: each operation as its view and its description tell it, and the document around them."""

from collections.abc import Iterator, Sequence
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.drainage import error
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from judgeplatform.openapi import (
    accounts,
    around,
    dialects,
    fields,
    hints,
    offers,
    operations,
    problems,
    questions,
    streams,
    submissions,
)
from judgeplatform.openapi.fields import JsonSchema
from judgeplatform.openapi.operations import Described, Operation
from judgeplatform.openapi.problems import Problem
from submissions.api import NothingHere
from submissions.serializers import SourceField, StrictSerializer

OPERATIONS: Described = {
    **questions.OPERATIONS,
    **submissions.OPERATIONS,
    **streams.OPERATIONS,
    **offers.OPERATIONS,
    **accounts.OPERATIONS,
    **dialects.OPERATIONS,
    **hints.OPERATIONS,
    **around.OPERATIONS,
}
TICKET = {
    "type": "apiKey",
    "in": "query",
    "name": "token",
    "description": "A ticket, or a token. Addresses are written to logs on the way: prefer tickets.",
}

Endpoint = tuple[str, str, str, Any]
"""Address, its regular expression, method, callback."""


class AutoSchema(openapi.AutoSchema):
    """One operation."""

    @property
    def operation(self) -> Operation:
        return OPERATIONS[type(self.view), self.method]

    def is_excluded(self) -> bool:
        is_described = (type(self.view), self.method) in OPERATIONS
        if not is_described:
            error(f"{self.method} {self.path} is not described in judgeplatform.openapi")
        return not is_described

    def get_operation_id(self) -> str:
        return self.operation.id

    def get_summary(self) -> str:
        return self.operation.summary

    def get_description(self) -> str:  # type: ignore[override]  # DRF's own has arguments, drf-spectacular's none
        return " ".join(part for part in (self.operation.text, *self._rules()) if part)

    def _rules(self) -> Iterator[str]:
        if self._is_guarded:
            yield f"Scope: `{fields.required_scope(self)}`."
        if limit := self._limit:
            yield f"Limit: `{limit}`."

    def get_tags(self) -> list[str]:
        return [self.operation.tag]

    def get_auth(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_auth()
        if self.operation.takes_tickets:
            self._register("ticket", ResolvedComponent.SECURITY_SCHEMA, TICKET)
            found.append({"ticket": [str(fields.required_scope(self))]})
        return found

    def get_request_serializer(self) -> Any:
        return self.operation.body

    def get_response_serializers(self) -> Any:
        return dict(self.operation.answers)

    def get_override_parameters(self) -> list[Any]:
        """Those of the request and, as drf-spectacular has it, the headers of answers."""
        described = self.operation
        found: list[Any] = [*described.parameters]
        found += [described.query] if described.query else []
        found += operations.MAKING if described.makes_something else ()
        found += operations.CONDITIONAL if described.is_conditional else ()
        found += operations.LIMITED if self._limit else ()
        return found

    def get_examples(self) -> list[OpenApiExample]:
        return [*self.operation.examples]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction)
        self._register(problems.SCHEMA, ResolvedComponent.SCHEMA, problems.PROBLEM)
        for problem in self._problems():
            self._register(problem.name, ResolvedComponent.RESPONSE, problem.as_openapi())
            found[str(problem.status)] = {"$ref": f"#/components/responses/{problem.name}"}
        return dict(sorted(found.items()))

    def _problems(self) -> Iterator[Problem]:
        """By what the view tells of itself, and what is described."""
        yield problems.BAD_REQUEST  # be it only for its charset
        if self._is_guarded:
            yield problems.UNAUTHENTICATED
            yield problems.FORBIDDEN
        if "{" in self.path:
            yield problems.NOT_FOUND
        yield problems.NOT_ACCEPTABLE
        if self.method == "POST":
            yield problems.TOO_LARGE
        if self.operation.body:
            yield problems.UNSUPPORTED_MEDIA_TYPE
        if self.operation.makes_something:
            yield problems.KEY_REUSED
        yield problems.RATE_LIMITED  # be it only as a stranger
        yield problems.INTERNAL
        yield problems.UNAVAILABLE
        yield from self.operation.problems  # of the same status they say more

    def _register(self, name: str, kind: str, schema: dict[str, Any]) -> None:
        self.registry.register_on_missing(ResolvedComponent(name, kind, schema, object=name))

    @property
    def _is_guarded(self) -> bool:
        view: Any = self.view
        return bool(view.authentication_classes)

    @property
    def _limit(self) -> str | None:
        view: Any = self.view
        limit: str | None = view.throttle_scope.get(self.method)
        return limit

    def get_serializer_name(self, serializer: serializers.Serializer, direction: Any) -> str:
        """Several contracts have an `ExecuteBody`."""
        package, _, module = type(serializer).__module__.rpartition(".")
        prefix = module.upper() if package == "submissions.dialects" else ""
        return prefix + type(serializer).__name__

    def _map_serializer(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> JsonSchema:
        """What validates a body inherits words that are for us."""
        schema: JsonSchema = super()._map_serializer(serializer, direction, bypass_extensions)
        kind = serializer if isinstance(serializer, type) else type(serializer)
        if direction == "request" and not kind.__dict__.get("__doc__"):
            schema.pop("description", None)
        return schema | {"additionalProperties": False} if issubclass(kind, StrictSerializer) else schema

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> JsonSchema:
        """Where nothing is what one gets by sending nothing, it is no value that could be sent."""
        meta: JsonSchema = super()._get_serializer_field_meta(field, direction)
        is_unsendable = meta.get("default") == "" and not getattr(field, "allow_blank", False)
        return {name: value for name, value in meta.items() if not (is_unsendable and name == "default")}

    def _insert_field_validators(self, field: Any, schema: JsonSchema) -> None:
        """Programs may be blank for DRF only, which would say so in its own words."""
        if not isinstance(field, SourceField):
            super()._insert_field_validators(field, schema)


# --- The document ----------------------------------------------------------------------------------------------


def without_doubles(endpoints: Sequence[Endpoint]) -> list[Endpoint]:
    """Of an address that works with and without a slash at its end, the one without."""
    served = [one for one in endpoints if one[3].cls is not NothingHere]
    addresses = {path for path, *_ in served}
    return [one for one in served if not (one[0].endswith("/") and one[0].rstrip("/") in addresses)]


def complete(result: JsonSchema, generator: Any, request: Any, public: bool) -> JsonSchema:
    """With what is no view of the API, and without what drf-spectacular notes for itself."""
    whole = result | {"paths": result["paths"] | around.PATHS, "x-websockets": around.WEBSOCKETS}
    told: JsonSchema = _without("x-spec-enum-id", whole)
    return told


def _without(name: str, part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without(name, value) for key, value in part.items() if key != name}
    return [_without(name, one) for one in part] if isinstance(part, list) else part
