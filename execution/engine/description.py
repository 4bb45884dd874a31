"""The API in OpenAPI 3.1, as `/openapi.json` gives it: what is there, not what is possible beside it.

Bounds and defaults are the terms', so they are this very engine's. What Judge0 bears with (numbers as texts,
all of it as a form or in the query, `.json` behind an address) is told in words only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from . import config
from .config import EngineConfig
from .jobs import Killed
from .representation import DEFAULT_FIELDS, FIELD_NAMES
from .terms import LEAST, Terms
from .verdict import OUTPUT_LIMIT, STATUSES

_Schema = dict[str, Any]

_ABOUT = """Judge0's API, as its release {version} answers it, by the judge platform's engine.

Parameters may be in a JSON body, in a form or in the query; numbers may be texts. `.json` may stand behind each
address. Errors of single fields are a 422 with messages by field, others `{{"error": "…"}}`. A 404, and a 400 for
JSON that is none, are empty unless `Accept: application/json` asks for words; those for want of a token always are."""


def describe(engine: EngineConfig, languages: Collection[int]) -> _Schema:
    """`languages` are the ids of those that are offered."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Judge engine",
            "version": config.JUDGE0_VERSION,
            "description": _ABOUT.format(version=config.JUDGE0_VERSION),
        },
        "security": [{"token": []}] if engine.auth_tokens else [],
        "paths": _paths(engine),
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "administrator": {"type": "apiKey", "in": "header", "name": "X-Auth-User"},
            },
            "schemas": {
                "NewSubmission": _new_submission(engine.terms, languages),
                "Submission": _submission(),
                "Error": _object(error=_text()),
                "FrameworkError": _object(status={"type": "integer"}, error=_text()),
                "FieldErrors": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": _text()},
                },
            },
        },
    }


# --- Schemas --------------------------------------------------------------------------------------


def _text(description: str = "", **more: Any) -> _Schema:
    return {"type": "string"} | ({"description": description} if description else {}) | more


def _or_null(schema: _Schema) -> _Schema:
    return schema | {"type": [schema["type"], "null"]}


def _object(**properties: _Schema) -> _Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_INTEGER: _Schema = {"type": "integer"}
_FLAG: _Schema = {"type": "boolean"}
_ANYTHING: _Schema = {"type": "object"}
_BASE64 = "base64 if base64_encoded is true"
_SECONDS = _or_null(_text("seconds", pattern=r"^[0-9]+\.[0-9]{1,3}$"))
_TOKEN = _text(format="uuid")
_STATUS = _object(id={"type": "integer", "enum": list(STATUSES)}, description=_text())
_LANGUAGE = _object(id=_INTEGER, name=_text())
_ENGINE = _object(
    killed=_or_null(
        _text(
            "the limit that ended the program", enum=[*(limit.value for limit in Killed), OUTPUT_LIMIT, None]
        )
    ),
    signal=_or_null(_INTEGER),
    oom=_FLAG,
    stdout_truncated=_FLAG,
    stderr_truncated=_FLAG,
)


_INTERACTED = _object(
    exit_code=_or_null(_INTEGER),
    signal=_or_null(_INTEGER),
    killed=_or_null(_text("what ended it", enum=[*(limit.value for limit in Killed), OUTPUT_LIMIT, None])),
    ended_first=_FLAG,
    time=_text("seconds"),
    wall_time=_text("seconds"),
    memory=_INTEGER,
    stderr=_text("base64"),
    files={"type": "object", "additionalProperties": _text("base64")},
    feedback_complete=_FLAG,
    compile_output=_or_null(_text("base64; why it could not be run")),
)


def _interactor(terms: Terms) -> _Schema:
    names = ("cpu_time_limit", "memory_limit", "max_file_size")
    return {
        "type": ["object", "null"],
        "description": "whoever the program talks with; its texts are base64",
        "properties": {
            "files": _text("a zip with `run` and, to make it, `compile`"),
            "input": _or_null(_text()),
            "answer": _or_null(_text()),
            "arguments": _or_null(_array(_text()) | {"description": "of `run`"}),
            "accepts": {"type": "integer", "minimum": 0, "maximum": 255, "default": 0},
            **{name: _number(terms, name) for name in names},
        },
        "required": ["files"],
    }


def _number(terms: Terms, name: str) -> _Schema:
    """One of the numbers that a submission may carry."""
    most, least = terms.most(name), LEAST[name]
    kind = "integer" if isinstance(most, int) else "number"
    bounds = {"minimum": 1 if least is None else least, "maximum": most}
    return _or_null({"type": kind} | bounds) | {"default": getattr(terms, name)}


def _new_submission(terms: Terms, languages: Collection[int]) -> _Schema:
    options = _or_null(_text(maxLength=config.MAX_OPTIONS_CHARACTERS))
    flags = ("time", "memory")
    properties = {
        "source_code": _text(f"{_BASE64}; it must not be blank, but for language 89"),
        "language_id": {"type": "integer", "enum": sorted(languages)},
        "compiler_options": options | {"description": "for compiled languages"},
        "command_line_arguments": options,
        "stdin": _or_null(_text(_BASE64)),
        "expected_output": _or_null(_text(_BASE64)),
        **{name: _number(terms, name) for name in LEAST},
        **{f"enable_per_process_and_thread_{flag}_limit": _or_null(_FLAG) for flag in flags},
        "redirect_stderr_to_stdout": _or_null(_FLAG),
        "enable_network": {"type": ["boolean", "null"], "enum": [False, None], "description": "not offered"},
        "callback_url": _or_null(_text("of a host that may be called; PUT there at the end", format="uri")),
        "additional_files": _or_null(_text("a zip, always in base64")),
        "interactor": _interactor(terms),
    }
    return {"type": "object", "properties": properties, "required": ["language_id"]}


def _submission() -> _Schema:
    """All the fields that `fields` can choose; which are there depends on it."""
    text, timestamp = _or_null(_text(_BASE64)), _text(format="date-time")
    known: dict[str, _Schema] = {
        "source_code": text,
        "stdin": text,
        "expected_output": text,
        "stdout": text,
        "stderr": text,
        "compile_output": text,
        "message": text,
        "created_at": timestamp,
        "finished_at": _or_null(timestamp),
        **dict.fromkeys(
            ("time", "wall_time", "cpu_time_limit", "cpu_extra_time", "wall_time_limit"), _SECONDS
        ),
        **dict.fromkeys(("memory", "exit_code", "exit_signal"), _or_null(_INTEGER)),
        "token": _TOKEN,
        **dict.fromkeys(
            ("compiler_options", "command_line_arguments", "callback_url", "additional_files"), text
        ),
        **dict.fromkeys(("redirect_stderr_to_stdout", "enable_network"), _FLAG),
        **{f"enable_per_process_and_thread_{limit}_limit": _FLAG for limit in ("time", "memory")},
        "status": _STATUS,
        "language": _LANGUAGE,
        "engine": _or_null(_ENGINE),
        "interactor": _or_null(_INTERACTED),
    }
    properties = {name: known.get(name, _INTEGER) for name in FIELD_NAMES}
    return {"type": "object", "properties": properties, "additionalProperties": False}


# --- Parameters -----------------------------------------------------------------------------------


def _query(name: str, schema: _Schema, description: str = "") -> _Schema:
    told = {"description": description} if description else {}
    return {"name": name, "in": "query", "schema": schema} | told


def _in_path(name: str, schema: _Schema) -> _Schema:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_TRUE_OR_FALSE = _text(enum=["true", "false"], default="false")
_NAMES = "|".join((*FIELD_NAMES, r"\*"))
_IS_BASE64 = _query("base64_encoded", _TRUE_OR_FALSE, "whether texts are base64, in both directions")
_WAIT = _query("wait", _TRUE_OR_FALSE, "whether to answer at the end, with the result")
_FIELDS = _query(
    "fields",
    _text(pattern=f"^(({_NAMES})(,({_NAMES}))*)?$", default=",".join(DEFAULT_FIELDS)),
    "which fields to show, between commas; * for all",
)
_PAGES = [_query(name, {"type": "integer", "minimum": 1}) for name in ("page", "per_page")]


def _tokens(terms: Terms) -> _Schema:
    most = terms.max_submission_batch_size
    schema = _array(_TOKEN) | {"minItems": 1, "maxItems": most}
    return _query("tokens", schema) | {"required": True, "style": "form", "explode": False}


# --- Answers --------------------------------------------------------------------------------------

_EMPTY = {"text/html": {"schema": _text(maxLength=0)}}
_ERROR = {"application/json": {"schema": _ref("Error")}}
_FRAMEWORK_ERROR = {"application/json": {"schema": _ref("FrameworkError")}, **_EMPTY}
_ANY_ERROR = {
    "application/json": {"schema": {"anyOf": [_ref("Error"), _ref("FrameworkError")]}},
    **_EMPTY,
}

_ANSWERS: dict[int, tuple[str, _Schema]] = {
    304: ("It is as If-None-Match says.", {}),
    400: ("Something is wrong with the request as a whole.", _ANY_ERROR),
    401: ("No accepted X-Auth-Token.", _EMPTY),
    403: (
        "No accepted X-Auth-User; or no X-Auth-Token is demanded, and a web page asks.",
        {**_ERROR, **_EMPTY},
    ),
    404: ("There is no such thing.", _FRAMEWORK_ERROR),
    408: ("The body did not come in time.", _ERROR),
    413: ("The body, the form or the query is too large.", _ERROR),
    415: ("The body is compressed.", _ERROR),
    422: ("Fields are wrong: messages by field.", {"application/json": {"schema": _ref("FieldErrors")}}),
    503: ("The queue is full, or it is in maintenance.", _ERROR),
}
_ALWAYS = (400, 401, 403, 408, 413, 415, 503)


def _json(schema: _Schema) -> _Schema:
    return {"application/json": {"schema": schema}}


def _answers(status: int, content: _Schema, errors: Iterable[int]) -> _Schema:
    told = {status: ("It worked.", content)} | {code: _ANSWERS[code] for code in (*_ALWAYS, *errors)}
    return {
        str(code): {"description": said, "content": shown} for code, (said, shown) in sorted(told.items())
    }


# --- Operations -----------------------------------------------------------------------------------


def _operation(
    name: str,
    summary: str,
    content: _Schema,
    *errors: int,
    status: int = 200,
    parameters: Iterable[_Schema] = (),
    body: _Schema | None = None,
    is_for_administrators: bool = False,
) -> _Schema:
    operation: _Schema = {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": _answers(status, content, errors),
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json(body)}
    if is_for_administrators:
        operation["security"] = [{"token": [], "administrator": []}]
    return operation


def _paths(engine: EngineConfig) -> _Schema:
    paths: dict[str, _Schema] = {
        "/": {"get": _operation("home", "Nothing, for everybody", _EMPTY) | {"security": []}},
        **_submission_paths(engine),
        **_information_paths(),
    }
    token, check = _operation("authenticate", "Is the token accepted?", _EMPTY), "Is it an administrator's?"
    authorized = _operation("authorize", check, _EMPTY, 403, is_for_administrators=bool(engine.authz_tokens))
    return paths | {"/authenticate": {"post": token}, "/authorize": {"post": authorized}}


def _submission_paths(engine: EngineConfig) -> _Schema:
    new, submission = _ref("NewSubmission"), _ref("Submission")
    token, one = _object(token=_TOKEN), [_in_path("token", _TOKEN)]
    not_text = _object(error=_text(), token=_TOKEN)
    batch = {
        "type": "object",
        "properties": {"submissions": _a_batch(engine.terms, new)},
        "required": ["submissions"],
    }
    made = _json(_array({"anyOf": [token, _ref("FieldErrors")]}))
    several = _array(_or_null_ref("Submission"))
    is_guarded = bool(engine.authz_tokens)
    create_batch = _operation(
        "createBatch", "Make several", made, 422, status=201, parameters=[_IS_BASE64], body=batch
    )
    create_batch["responses"]["422"]["content"] = made
    return {
        "/submissions": {
            "post": _operation(
                "createSubmission",
                "Make a submission",
                _json({"anyOf": [token, submission, not_text]}),
                422,
                status=201,
                parameters=[_IS_BASE64, _WAIT, _FIELDS],
                body=new,
            ),
            "get": _operation(
                "listSubmissions",
                "All of them, the newest first",
                _json(_object(submissions=several, meta=_page())),
                403,
                parameters=[_IS_BASE64, _FIELDS, *_PAGES],
                is_for_administrators=is_guarded,
            ),
        },
        "/submissions/batch": {
            "post": create_batch,
            "get": _operation(
                "getBatch",
                "Several; null for those that are unknown",
                _json(_object(submissions=several)),
                parameters=[_IS_BASE64, _FIELDS, _tokens(engine.terms)],
            ),
        },
        "/submissions/{token}": {
            "get": _operation(
                "getSubmission",
                "One",
                _json(submission),
                304,
                404,
                parameters=[*one, _IS_BASE64, _FIELDS],
            ),
            "delete": _operation(
                "deleteSubmission",
                "Forget one that has ended; the answer's texts are base64",
                _json(submission),
                403,
                404,
                parameters=[*one, _FIELDS],
                is_for_administrators=is_guarded,
            ),
        },
    }


def _or_null_ref(name: str) -> _Schema:
    return {"anyOf": [_ref(name), {"type": "null"}]}


def _a_batch(terms: Terms, items: _Schema) -> _Schema:
    return _array(items) | {"minItems": 1, "maxItems": terms.max_submission_batch_size}


def _page() -> _Schema:
    maybe = _or_null(_INTEGER)
    return _object(
        current_page=_INTEGER,
        next_page=maybe,
        prev_page=maybe,
        total_pages=_INTEGER,
        total_count=_INTEGER,
    )


def _information_paths() -> _Schema:
    archived = _object(id=_INTEGER, name=_text(), is_archived=_FLAG)
    maybe = _or_null(_text())
    language = _object(**archived["properties"], source_file=maybe, compile_cmd=maybe, run_cmd=maybe)
    plain = {"text/plain": {"schema": _text()}}
    told: dict[str, tuple[str, str, _Schema]] = {
        "/languages": ("listLanguages", "Languages that can be judged", _json(_array(_LANGUAGE))),
        "/languages/all": ("listAllLanguages", "The same, in Judge0's other form", _json(_array(archived))),
        "/statuses": ("listStatuses", "What may become of a submission", _json(_array(_STATUS))),
        "/config_info": ("getConfiguration", "Switches, defaults and bounds", _json(_ANYTHING)),
        "/about": ("getAbout", "What this is", _json(_object(version=_text(), engine=_text()))),
        "/version": ("getVersion", "Judge0's release whose API this is", plain),
        "/isolate": ("getIsolation", "How programs are isolated", plain),
        "/license": ("getLicense", "Under which terms it may be used", plain),
        "/system_info": ("getSystem", "The machine", _json(_ANYTHING)),
        "/statistics": ("getStatistics", "Submissions that are kept, counted", _json(_ANYTHING)),
        "/workers": ("listWorkers", "What waits and what runs", _json(_array(_ANYTHING))),
        "/engine": ("getEngine", "Isolation, slots, compiled programs", _json(_ANYTHING)),
        "/openapi.json": ("getDescription", "This", _json(_ANYTHING)),
    }
    paths: dict[str, _Schema] = {
        path: {"get": _operation(name, summary, content, 304, *([404] if path == "/license" else []))}
        for path, (name, summary, content) in told.items()
    }
    one = [_in_path("id", _INTEGER)]
    paths["/languages/{id}"] = {
        "get": _operation("getLanguage", "One", _json(language), 304, 404, parameters=one)
    }
    return paths
