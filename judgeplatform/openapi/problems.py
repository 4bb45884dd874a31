"""The answers that are problem documents (RFC 9457), with all codes that each may have."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

CONTENT_TYPE = "application/problem+json"
SCHEMA = "Problem"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is stable, `detail` is for people and may change.",
    "properties": {
        "type": {"type": "string", "enum": ["about:blank"]},
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; each answer lists its own."},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "additionalProperties": {},
            "description": "Where fields are to blame: by their names, what is wrong with each.",
        },
    },
    "required": ["type", "title", "status", "code", "detail"],
}

SECONDS = {"type": "integer", "minimum": 1}
RETRY_AFTER = {"Retry-After": {"schema": SECONDS, "description": "Seconds.", "required": True}}
SOMETIMES_RETRY_AFTER = {"Retry-After": {"schema": SECONDS, "description": "Seconds, where that is known."}}
CHALLENGE = {
    "WWW-Authenticate": {
        "schema": {"type": "string"},
        "description": "Which credentials are accepted.",
        "required": True,
    }
}


@dataclass(frozen=True)
class Problem:
    """`name` is that of the component; `headers` are OpenAPI's."""

    name: str
    status: int
    text: str
    codes: tuple[str, ...]
    headers: Mapping[str, Any] | None = None

    def as_openapi(self) -> dict[str, Any]:
        codes = ", ".join(f"`{code}`" for code in self.codes)
        schema = {"$ref": f"#/components/schemas/{SCHEMA}"}
        content = {CONTENT_TYPE: {"schema": schema, "example": self._example()}}
        described = {"description": f"{self.text} Code: {codes}.", "content": content}
        return (
            described | ({"headers": dict(self.headers)} if self.headers else {}) | {"x-codes": [*self.codes]}
        )

    def _example(self) -> dict[str, Any]:
        title = HTTPStatus(self.status).phrase
        told = {"type": "about:blank", "title": title, "status": self.status, "code": self.codes[0]}
        return told | {"detail": self.text}


BAD_REQUEST = Problem(
    "BadRequest",
    400,
    "What was sent cannot be used; `errors` names the fields.",
    ("invalid", "parse_error", "bad_request"),
)
UNAUTHENTICATED = Problem(
    "Unauthenticated",
    401,
    "No credential, or one that is not valid.",
    ("not_authenticated", "invalid_key", "invalid_token", "invalid_ticket"),
    CHALLENGE,
)
FORBIDDEN = Problem(
    "Forbidden",
    403,
    "The credential does not allow this.",
    ("missing_scope", "permission_denied", "foreign_origin"),
)
NO_HINT_YET = Problem(
    "NoHintYet",
    403,
    "The credential does not allow this, there are no hints for the question, or the level is not open yet.",
    (*FORBIDDEN.codes, "hints_off", "level_locked"),
)
NOT_FOUND = Problem(
    "NotFound", 404, "It is not there, or not yours to see.", ("not_found", "unknown_question")
)
NOT_ACCEPTABLE = Problem("NotAcceptable", 406, "There is no such form of it.", ("not_acceptable",))
NOT_QUEUED = Problem("NotQueued", 409, "It waits no more.", ("not_queued",))
DIFFERS = Problem(
    "Differs", 409, "The submission was made of something else; `errors` names what.", ("differs",)
)
TOO_LARGE = Problem("TooLarge", 413, "The body, or a field of it, is too large.", ("too_large",))
UNSUPPORTED_MEDIA_TYPE = Problem("UnsupportedMediaType", 415, "Bodies are JSON.", ("unsupported_media_type",))
KEY_REUSED = Problem(
    "KeyReused", 422, "The `Idempotency-Key` came with another request before.", ("idempotency_key_reused",)
)
RATE_LIMITED = Problem("RateLimited", 429, "Too often.", ("rate_limited",), RETRY_AFTER)
INTERNAL = Problem("Internal", 500, "A fault of ours.", ("internal",))
NO_BACKEND = Problem(
    "NoBackend", 502, "No server can run it now; nothing was used up.", ("judge_unavailable",), RETRY_AFTER
)
NOT_JUDGED = Problem(
    "NotJudged",
    502,
    "It could not be judged, by our fault.",
    (
        "judge_unavailable",
        "judge_busy",
        "judge_rejected",
        "judge_fault",
        "judging_error",
        "language_unavailable",
        "limits_unavailable",
        "interaction_unavailable",
        "checker_failed",
        "no_testcases",
        "expired",
        "timeout",
        "not_judged",
    ),
    SOMETIMES_RETRY_AFTER,
)
UNAVAILABLE = Problem(
    "Unavailable",
    503,
    "Not just now: something we need does not answer, or the queue is full.",
    ("unavailable", "queue_full"),
    RETRY_AFTER,
)
NO_HINT = Problem(
    "NoHint",
    503,
    "Not just now: something we need does not answer, or only a language model could tell.",
    (*UNAVAILABLE.codes, "provider_required", "provider_failed", "hint_lost"),
    SOMETIMES_RETRY_AFTER,
)
