"""What is no view of the API's own kind: this description, health, and websockets, for which OpenAPI has no words."""

from typing import Any

from judgeplatform.contents import LINKS, Contents
from judgeplatform.openapi.operations import UNCHANGED, Described, Operation, answer
from judgeplatform.openapi.problems import BAD_REQUEST, RETRY_AFTER
from judgeplatform.openapi.views import Schema
from submissions import consumers, visitors
from submissions.backends import State
from submissions.dependencies import FATAL

CONTENTS = {
    "type": "object",
    "properties": {name: {"type": "string", "format": "uri-reference"} for name in LINKS},
    "required": [*LINKS],
}
OPERATIONS: Described = {
    (Contents, "GET"): Operation(
        id="getContents",
        tag="Platform",
        summary="Get the addresses of everything",
        answers={200: answer(CONTENTS, "By name.")},
    ),
    (Schema, "GET"): Operation(
        id="getSchema",
        tag="Platform",
        summary="Get this description",
        text="As JSON, or as YAML where `Accept` asks for it.",
        answers={
            200: answer({"type": "object", "additionalProperties": {}}, "OpenAPI 3.1."),
            304: UNCHANGED,
        },
        is_conditional=True,
    ),
}

# --- Health ----------------------------------------------------------------------------------------------------

CHECK: dict[str, Any] = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "detail": {"type": "string"}},
    "required": ["ok", "detail"],
}
SERVERS = {
    "type": "object",
    "additionalProperties": {"type": "string", "enum": State.values},
    "description": "By their numbers in `JUDGE0_URLS`, from 1.",
}
CHECK_OF_BACKENDS = CHECK | {"properties": CHECK["properties"] | {"servers": SERVERS}}
CHECKS = {"database": CHECK, "migrations": CHECK, "redis": CHECK, "backends": CHECK_OF_BACKENDS}
READINESS = {
    "type": "object",
    "properties": {
        "ready": {"type": "boolean"},
        "checks": {"type": "object", "properties": CHECKS, "required": [*CHECKS]},
    },
    "required": ["ready", "checks"],
}
ROLE = {
    "name": "role",
    "in": "query",
    "schema": {"type": "string", "enum": [*FATAL]},
    "description": "Whose readiness it is: all is fatal for a worker, and without a role; for the web only the "
    "database and its migrations are.",
}


def _alive(operation_id: str) -> dict[str, Any]:
    text = {"text/plain": {"schema": {"type": "string", "enum": ["ok\n"]}}}
    answers = {"200": {"description": "It does.", "content": text}}
    return _health(operation_id, "Whether the web answers", answers)


def _ready(operation_id: str) -> dict[str, Any]:
    content = {"application/json": {"schema": READINESS}}
    not_ready = {
        "description": "Not ready; `checks` names the part.",
        "content": content,
        "headers": RETRY_AFTER,
    }
    answers = {
        "200": {"description": "Ready.", "content": content},
        "400": {"$ref": f"#/components/responses/{BAD_REQUEST.name}"},
        "503": not_ready,
    }
    return _health(operation_id, "Whether what it depends on answers, too", answers, [ROLE])


def _health(operation_id: str, summary: str, answers: Any, parameters: Any = ()) -> dict[str, Any]:
    told = {"operationId": operation_id, "summary": summary, "tags": ["Platform"], "security": []}
    return {"get": told | ({"parameters": [*parameters]} if parameters else {}) | {"responses": answers}}


PATHS = {
    "/healthz": _alive("isAlive"),
    "/readyz": _ready("isReady"),
    "/health/": _alive("s4IsAlive"),
    "/health/ready": _ready("s4IsReady"),
}

# --- Websockets ------------------------------------------------------------------------------------------------

CLOSE_CODES = {
    str(consumers.FINISHED): "That was the final message.",
    str(consumers.NOT_TEXT): "Binary, where words are expected.",
    str(consumers.TOO_LARGE): "A frame is too large.",
    str(visitors.TRY_AGAIN): "Come back later.",
    str(visitors.LIMITED): "Too often; come back later.",
    str(visitors.UNAUTHENTICATED): "No credential, or one that is not valid.",
    str(visitors.FORBIDDEN): "A page of another site with nothing but a cookie, or no scope `read`.",
    str(visitors.NOT_FOUND): "It is not there, or not yours to see.",
}
OPENED_BY = (
    "`?token=` with a ticket or a token, the subprotocol `ticket.TICKET`, the headers of any other request, or the"
    " cookie of a page of ours."
)


def _websocket(summary: str, text: str, messages: Any, sent: Any = None) -> dict[str, Any]:
    told = {"summary": summary, "description": text, "openedBy": OPENED_BY, "closeCodes": CLOSE_CODES}
    return told | {"messages": messages} | ({"sent": sent} if sent else {})


JOB_UPDATE = {
    "type": "object",
    "properties": {
        "type": {"const": "update"},
        "channel": {"const": consumers.CHANNEL},
        "job_id": {"type": "string", "format": "uuid"},
        "status": {"enum": ["queued", "running", "done", "error"]},
        "score": {"type": ["integer", "null"]},
        "stdout": {"type": ["string", "null"]},
        "stderr": {"type": ["string", "null"]},
    },
}
SUBSCRIBED = {
    "type": "object",
    "properties": {
        "type": {"enum": ["subscribed", "unsubscribed", "error"]},
        "channel": {"const": consumers.CHANNEL},
        "job_id": {"type": ["string", "null"]},
        "code": {"type": "string"},
        "detail": {"type": "string"},
    },
}
SUBSCRIPTION = {
    "type": "object",
    "properties": {
        "subscribe": {"const": consumers.CHANNEL},
        "unsubscribe": {"const": consumers.CHANNEL},
        "job_id": {"type": "string", "description": f'An id, or "{consumers.MINE}" for all of one\'s own.'},
    },
}
EXECUTION_UPDATE = {
    "type": "object",
    "properties": {
        "type": {"const": "execution_update"},
        "execution_id": {"type": "string", "format": "uuid"},
        "data": {
            "type": "object",
            "properties": {
                "status": {"enum": ["pending", "running", "completed", "error"]},
                "output": {"type": ["string", "null"]},
                "error_output": {"type": ["string", "null"]},
                "execution_time": {"type": ["string", "null"]},
            },
        },
    },
}

WEBSOCKETS = {
    "/ws/submissions/{id}/": _websocket(
        "Follow a submission",
        "The messages of `streamSubmission`, one a frame, after `?after=`. It is closed after the final one.",
        {"$ref": "#/components/schemas/FollowedMessage"},
    ),
    "/ws/executions/": _websocket(
        "Follow several jobs",
        f"What is subscribed to, at most {consumers.MOST_SUBSCRIPTIONS} at once.",
        {"oneOf": [JOB_UPDATE, SUBSCRIBED]},
        SUBSCRIPTION,
    ),
    "/api/v1/executions/ws/{id}": _websocket(
        "Follow an execution", "It is closed after the final message.", EXECUTION_UPDATE
    ),
}
