"""Our fields and credentials in the words of OpenAPI. drf-spectacular finds what is defined here by itself."""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction
from rest_framework.permissions import SAFE_METHODS

from accounts.permissions import MachineEndpoint
from accounts.scopes import LEARNER, Scope
from execution.languages import LANGUAGES
from execution.types import CheckerKind
from submissions.dialects.s0 import COMPARISONS

JsonSchema = dict[str, Any]


class LanguageInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "questions.serializers.LanguageField"

    def get_name(self) -> str:
        return "Language"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        names = [name for language in LANGUAGES for name in (language.slug, *language.aliases)]
        ids = sorted({number for language in LANGUAGES for number in language.judge0_ids})
        return {
            "description": "A slug, an alias, or the id of a released Judge0; `/api/v1/languages/` lists them.",
            "oneOf": [{"type": "string", "enum": names}, {"type": "integer", "enum": ids}],
        }


class MetadataInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "submissions.serializers.MetadataField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        return {
            "type": "object",
            "additionalProperties": {},
            "description": "Your own, told again with what is made of this; at most 4 KiB.",
        }


class SourceInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "submissions.serializers.SourceField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        # What is blank for Python; `\S` would be some characters more.
        return {"type": "string", "pattern": r"[^\s\u001c-\u001f\u0085]", "description": "The program."}


class CallbackInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "submissions.serializers.CallbackField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        return {
            "type": "string",
            "format": "uri",
            "description": "An http or https address on the public Internet; it is told the end.",
        }


class CasesInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "submissions.dialects.bodies.CasesField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        mapped = auto_schema._map_serializer_field(self.target, direction, bypass_extensions=True)
        return mapped | {"minItems": 1, "description": "`/api/v1/limits/` says how many there may be."}


class CaseInOpenApi(OpenApiSerializerExtension):
    target_class = "submissions.dialects.s0.CaseBody"

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return mapped | {"oneOf": [{"required": ["expected"]}, {"required": ["expectedOutput"]}]}


class ExecuteInOpenApi(OpenApiSerializerExtension):
    target_class = "submissions.dialects.s1.ExecuteBody"

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        """With a question, no cases of one's own."""
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        nothing = {"type": "null"}
        return mapped | {
            "if": {"properties": {"question": {"type": "string"}}, "required": ["question"]},
            "then": {"properties": {"input": nothing, "expected": nothing}},
        }


class ComparisonInOpenApi(OpenApiSerializerFieldExtension):
    target_class = "submissions.dialects.s0.ComparisonField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> JsonSchema:
        mode = {"type": "string", "enum": sorted(COMPARISONS)}
        tolerance = {"type": "number", "minimum": 0, "maximum": 1e300, "description": "Of floats."}
        both = {
            "type": "object",
            "properties": {"mode": mode, "tolerance": tolerance},
            "required": ["mode"],
            "additionalProperties": False,
        }
        return {"oneOf": [mode, both], "description": f"`{CheckerKind.TOKENS}` unless told."}


class HeadersInOpenApi(OpenApiAuthenticationExtension):
    """Tokens are never for machines or staff."""

    target_class = "accounts.authentication.HeaderAuthentication"
    name = ["codeExecKey", "apiKey", "bearer"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[JsonSchema]:
        return [
            {"type": "apiKey", "in": "header", "name": "X-Code-Exec-Key", "description": "A key."},
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "The same as `Api-Key KEY`.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token of the OIDC issuer that the platform trusts, if it does.",
            },
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        scope = required_scope(auto_schema)
        names = self.name if scope in LEARNER else self.name[:2]
        return [{name: [str(scope)]} for name in names]


class SessionInOpenApi(OpenApiAuthenticationExtension):
    """Both of the definitions are always there; only what changes something needs the second."""

    target_class = "accounts.authentication.SessionAuthentication"
    name = ["session", "csrf"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[JsonSchema]:
        return [
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "Of somebody who has signed in, for pages of ours.",
            },
            {
                "type": "apiKey",
                "in": "header",
                "name": "X-CSRFToken",
                "description": "The session's CSRF token, from our pages.",
            },
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> dict[str, list[Any]]:
        session: dict[str, list[Any]] = {"session": [str(required_scope(auto_schema))]}
        return session if auto_schema.method in SAFE_METHODS else session | {"csrf": []}


def required_scope(auto_schema: AutoSchema) -> Scope:
    view: Any = auto_schema.view
    return (
        Scope.JUDGE if isinstance(view, MachineEndpoint) else Scope(view.required_scopes[auto_schema.method])
    )
