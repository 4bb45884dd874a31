"""Judge0's HTTP API over the submission queue: routes, authentication, errors.

What a client sees is what Judge0 1.13.1 was observed to answer: 422 with messages per field, 400 and
503 with `{"error": ...}`, 401 with an empty body, and 404 and 400 of the web framework's own that
are empty unless JSON is asked for. Nothing a client sends is a 500. `GET /engine` is ours.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from . import config, wire
from .artefacts import ArtefactCache
from .parameters import Invalid, NotUtf8, Parameters, parse
from .queue import Full, Slots, Submission, SubmissionQueue, client_name
from .representation import UnknownFields, chosen_fields, represent
from .toolchain import Language
from .verdict import IN_QUEUE, PROCESSING, STATUSES

_AUTH_HEADER = "X-Auth-Token"
_JSON = "application/json; charset=utf-8"
_NOT_TEXT = "cannot be converted to UTF-8, use base64_encoded=true query parameter"
_ONE_NOT_TEXT = f"some attributes for this submission {_NOT_TEXT}"
_SOME_NOT_TEXT = f"some attributes for one or more submissions {_NOT_TEXT}"


@dataclass(frozen=True)
class Parts:
    """What the routes answer from."""

    config: config.EngineConfig
    isolation: str
    languages: Mapping[int, Language]
    slots: Slots
    queue: SubmissionQueue
    artefacts: ArtefactCache


@dataclass(frozen=True)
class _Call:
    """A request that was let in, with its parameters from the query and the body, the body's last."""

    parameters: Mapping[str, object]
    client: str
    headers: Mapping[str, str]
    path: Mapping[str, str]

    @property
    def is_base64(self) -> bool:
        return self.parameters.get("base64_encoded") == "true"

    @property
    def waits(self) -> bool:
        return self.parameters.get("wait") == "true"

    @property
    def fields(self) -> tuple[str, ...]:
        """Raises UnknownFields."""
        wanted = self.parameters.get("fields")
        return chosen_fields(wanted if isinstance(wanted, str) else None)


_Handler = Callable[[Parts, _Call], Awaitable[Response]]


def application(parts: Parts) -> Starlette:
    def route(path: str, method: str, handler: _Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                return await handler(parts, await _let_in(parts.config.auth_tokens, request))
            except UnknownFields as error:
                return _refusal(400, f"invalid fields: [{', '.join(error.names)}]")
            except Full:
                return _refusal(503, "queue is full")
            except Invalid as error:
                return _json(error.errors, 422)
            except NotUtf8 as error:
                raise HTTPException(400) from error

        return Route(path, endpoint, methods=[method])

    async def home(request: Request) -> Response:
        return Response(media_type="text/html")

    return Starlette(
        routes=[
            Route("/", home),
            route("/submissions", "POST", _create),
            route("/submissions", "GET", _list),
            route("/submissions/batch", "POST", _create_batch),
            route("/submissions/batch", "GET", _show_batch),
            route("/submissions/{token}", "GET", _show),
            route("/submissions/{token}", "DELETE", _delete),
            route("/languages", "GET", _languages),
            route("/languages/all", "GET", _all_languages),
            route("/languages/{id}", "GET", _language),
            route("/statuses", "GET", _statuses),
            route("/config_info", "GET", _config_info),
            route("/about", "GET", _about),
            route("/version", "GET", _version),
            route("/workers", "GET", _workers),
            route("/authenticate", "POST", _authenticate),
            route("/authorize", "POST", _list),
            route("/engine", "GET", _engine),
        ],
        exception_handlers={HTTPException: _framework_error},
    )


# --- Submissions ----------------------------------------------------------------------------------


async def _create(parts: Parts, call: _Call) -> Response:
    parts.queue.check_room(1)
    fields = call.fields
    parameters = parse(call.parameters, parts.languages, is_base64=call.is_base64)
    submission = parts.queue.add(parameters, call.client)
    if not call.waits:
        return _json({"token": submission.token}, 201)
    await submission.finished.wait()
    try:
        return _json(represent(submission, fields, is_base64=call.is_base64), 201)
    except wire.NotText:
        return _json({"error": _ONE_NOT_TEXT, "token": submission.token}, 201)


async def _create_batch(parts: Parts, call: _Call) -> Response:
    given = call.parameters.get("submissions")
    items = [item for item in given if item is not None] if isinstance(given, list) else []
    if refusal := _wrong_batch_size(items):
        return refusal
    parts.queue.check_room(len(items))
    parsed = [_parsed_item(parts, call, item) for item in items]  # all, before the first is queued
    answers = [
        dict(it.errors) if isinstance(it, Invalid) else {"token": parts.queue.add(it, call.client).token}
        for it in parsed
    ]
    return _json(answers, 422 if all(isinstance(it, Invalid) for it in parsed) else 201)


def _parsed_item(parts: Parts, call: _Call, item: object) -> Parameters | Invalid:
    body = item if isinstance(item, dict) else {}
    try:
        return parse(body, parts.languages, is_base64=call.is_base64)
    except Invalid as error:
        return error


async def _show(parts: Parts, call: _Call) -> Response:
    fields = call.fields
    submission = _submission(parts, call)
    try:
        return _json(represent(submission, fields, is_base64=call.is_base64))
    except wire.NotText:
        return _refusal(400, _ONE_NOT_TEXT)


async def _show_batch(parts: Parts, call: _Call) -> Response:
    listed = call.parameters.get("tokens", call.headers.get("tokens", ""))
    tokens = listed.rstrip(",").split(",") if isinstance(listed, str) and listed.strip(",") else []
    if refusal := _wrong_batch_size(tokens):
        return refusal
    fields = call.fields
    shown: dict[str, bytes] = {}
    for token in dict.fromkeys(tokens):
        it = parts.queue.get(token)
        try:
            shown[token] = _dumped(it and represent(it, fields, is_base64=call.is_base64)).encode()
        except wire.NotText:
            return _refusal(400, _SOME_NOT_TEXT)
        await asyncio.sleep(0)  # each may be many megabytes: let others have their turn

    async def pieces() -> AsyncIterator[bytes]:  # never all in one piece of memory
        for position, token in enumerate(tokens):
            yield (b"," if position else b'{"submissions":[') + shown[token]
        yield b"]}"

    return StreamingResponse(pieces(), media_type=_JSON)


async def _delete(parts: Parts, call: _Call) -> Response:
    fields = call.fields
    submission = _submission(parts, call)
    if submission.status in (IN_QUEUE, PROCESSING):
        state = f"{submission.status} ({STATUSES[submission.status]})"
        return _refusal(400, f"submission cannot be deleted because its status is {state}")
    parts.queue.forget(submission)
    return _json(represent(submission, fields, is_base64=True))


async def _list(parts: Parts, call: _Call) -> Response:
    """What needs Judge0's second token, which this engine does not have."""
    return Response(status_code=403, media_type="text/html")


def _submission(parts: Parts, call: _Call) -> Submission:
    submission = parts.queue.get(call.path["token"].removesuffix(".json"))
    if submission is None:
        raise HTTPException(404)
    return submission


def _wrong_batch_size(items: Sequence[object]) -> Response | None:
    if not items:
        return _refusal(400, "there should be at least one submission in a batch")
    if len(items) > config.MAX_BATCH:
        most = f"less than or equal to {config.MAX_BATCH}"
        return _refusal(400, f"number of submissions in a batch should be {most}")
    return None


# --- About the server -----------------------------------------------------------------------------


async def _languages(parts: Parts, call: _Call) -> Response:
    return _json([{"id": it.id, "name": it.name} for it in _by_name(parts)])


async def _all_languages(parts: Parts, call: _Call) -> Response:
    return _json([{"id": it.id, "name": it.name, "is_archived": False} for it in _by_name(parts)])


async def _language(parts: Parts, call: _Call) -> Response:
    number = wire.cast_language_id(call.path["id"].removesuffix(".json"))
    language = parts.languages.get(number) if number is not None else None
    if language is None:
        raise HTTPException(404)
    compile_command = language.compile_command("%s") if language.is_compiled else None
    return _json(
        {
            "id": language.id,
            "name": language.name,
            "is_archived": False,
            "source_file": language.recipe.source_file,
            "compile_cmd": " ".join(compile_command) if compile_command else None,
            "run_cmd": " ".join(language.run_command("")),
        }
    )


def _by_name(parts: Parts) -> list[Language]:
    return sorted(parts.languages.values(), key=lambda language: language.name)


async def _statuses(parts: Parts, call: _Call) -> Response:
    return _json([{"id": number, "description": text} for number, text in STATUSES.items()])


async def _config_info(parts: Parts, call: _Call) -> Response:
    return _json(config.config_info(parts.config.max_queue))


async def _about(parts: Parts, call: _Call) -> Response:
    return _json({"version": config.JUDGE0_VERSION, "engine": "embedded"})


async def _version(parts: Parts, call: _Call) -> Response:
    return Response(config.JUDGE0_VERSION, media_type="text/plain")


async def _workers(parts: Parts, call: _Call) -> Response:
    return _json(
        [
            {
                "queue": config.JUDGE0_VERSION,
                "size": parts.queue.waiting,
                "available": parts.slots.count,
                "idle": parts.slots.idle,
                "working": parts.slots.count - parts.slots.idle,
                "paused": 0,
                "failed": 0,
            }
        ]
    )


async def _authenticate(parts: Parts, call: _Call) -> Response:
    return Response(media_type="text/html")


async def _engine(parts: Parts, call: _Call) -> Response:
    return _json(
        {
            "isolation": parts.isolation,
            "slots": parts.slots.count,
            "waiting": parts.queue.waiting,
            "artefacts": {
                "compilations": parts.artefacts.compilations,
                "hits": parts.artefacts.hits,
                "entries": len(parts.artefacts),
                "bytes": parts.artefacts.bytes,
                "max_bytes": parts.config.cache_bytes,
            },
        }
    )


# --- Requests and answers -------------------------------------------------------------------------


async def _let_in(tokens: tuple[str, ...], request: Request) -> _Call:
    """The call, if it carries an accepted token as header, query or body parameter; else a 401.

    Before a token was seen, no more of the body is read than it takes to find one there.
    """
    given: object = request.headers.get(_AUTH_HEADER) or request.query_params.get(_AUTH_HEADER)
    if not tokens:
        return _Call(await _read_parameters(request), "", request.headers, request.path_params)
    if given:
        client = _client(tokens, given)
        parameters = await _read_parameters(request)
    else:
        parameters = await _read_parameters(request, config.MAX_BODY_BYTES_TO_FIND_A_TOKEN)
        client = _client(tokens, parameters.get(_AUTH_HEADER))
    return _Call(parameters, client, request.headers, request.path_params)


def _client(tokens: tuple[str, ...], given: object) -> str:
    """The name of the client that shows the token `given`; a 401 if it is none of `tokens`."""
    token = given if isinstance(given, str) else ""
    secret = token.encode("utf-8", "surrogatepass")
    if not any(hmac.compare_digest(secret, accepted.encode()) for accepted in tokens):
        raise HTTPException(401)
    return client_name(token)


async def _read_parameters(request: Request, max_bytes: int = config.MAX_BODY_BYTES) -> dict[str, object]:
    """The parameters of the query and of a JSON or form body, as Rails merges them.

    Raises HTTPException for a body that is too large, too slow, not UTF-8, or not JSON though it
    says so.
    """
    parameters: dict[str, object] = dict(request.query_params)
    body = await _read_body(request, max_bytes)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" and body:
        parsed = _parse_json(body)
        parameters.update(parsed if isinstance(parsed, dict) else {})
    elif kind == "application/x-www-form-urlencoded" and body:
        parameters.update(_parse_form(body))
    return parameters


async def _read_body(request: Request, max_bytes: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > max_bytes:
        raise _too_large(max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(config.BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except ClientDisconnect as error:
        raise HTTPException(400) from error
    except TimeoutError as error:
        raise HTTPException(408) from error
    return bytes(body)


def _too_large(max_bytes: int) -> HTTPException:
    """A 401 for a body that is only too large for somebody without a token."""
    return HTTPException(413 if max_bytes == config.MAX_BODY_BYTES else 401)


def _parse_json(body: bytes) -> object:
    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(body.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error


def _parse_form(body: bytes) -> dict[str, object]:
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=config.MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise HTTPException(400) from error
    return dict(fields)


async def _framework_error(request: Request, error: Exception) -> Response:
    """Errors that Rails answers itself: empty, unless JSON is asked for. A wrong method is a 404."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 401:
        return Response(status_code=401, media_type="text/html")
    status = 404 if status == 405 else status
    texts = {400: "Bad Request", 404: "Not Found", 408: "Request Timeout", 413: "Payload Too Large"}
    accepts = request.headers.get("accept", "")
    if "application/json" in accepts or request.url.path.endswith(".json"):
        return _json({"status": status, "error": texts.get(status, "Error")}, status)
    return Response(status_code=status, media_type="text/html")


def _json(content: object, status: int = 200) -> Response:
    return Response(_dumped(content), status, media_type=_JSON)


def _dumped(content: object) -> str:
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))


def _refusal(status: int, message: str) -> Response:
    return _json({"error": message}, status)
