"""Judge0's HTTP API over the submission queue: routes, and what becomes of submissions.

What a client sees is what Judge0 1.13.1 was observed to answer: 422 with messages per field, 400 and
503 with `{"error": ...}`, 401 and 403 with an empty body. Nothing a client sends is a 500. Requests are
looked at in Judge0's order: may it, is it switched on, is there room, are the fields known, is it valid.

Listing everything and deleting are for administrators (X-Auth-User). Where no administrator has been named,
nobody lists, but whoever may submit may delete: tokens of submissions are secrets of those who made them.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import config, information, wire
from .answers import (
    Refused,
    conditional,
    dumped,
    empty,
    framework_error,
    json_answer,
    pieces,
    refusal,
    streamed,
)
from .calls import Call, let_in
from .parameters import Invalid, NotUtf8, Parameters, parse
from .parts import Parts
from .queue import Full, Submission
from .representation import UnknownFields, represent
from .verdict import IN_QUEUE, PROCESSING, STATUSES

_NOT_TEXT = "cannot be converted to UTF-8, use base64_encoded=true query parameter"
_ONE_NOT_TEXT = f"some attributes for this submission {_NOT_TEXT}"
_SOME_NOT_TEXT = f"some attributes for one or more submissions {_NOT_TEXT}"
_PER_PAGE = 20

_Handler = Callable[[Parts, Call], Awaitable[Response]]


def application(parts: Parts) -> Starlette:
    def route(path: str, method: str, handler: _Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                answer = await handler(parts, await let_in(parts.config.auth_tokens, parts.bodies, request))
                return conditional(request, answer)
            except Refused as error:
                return refusal(error.status, error.message)
            except UnknownFields as error:
                return refusal(400, f"invalid fields: [{', '.join(error.names)}]")
            except Full:
                return refusal(503, "queue is full")
            except Invalid as error:
                return json_answer(error.errors, 422)
            except NotUtf8 as error:
                return refusal(400, f"{error} is not Unicode")

        return Route(path, endpoint, methods=[method])

    async def home(request: Request) -> Response:
        return empty()

    answered = [
        route(path + suffix, method, handler) for suffix in (".json", "") for path, method, handler in ROUTES
    ]
    return Starlette(
        routes=[Route("/", home), *answered], exception_handlers={HTTPException: framework_error}
    )


# --- Making submissions ---------------------------------------------------------------------------


async def _create(parts: Parts, call: Call) -> Response:
    _check_maintenance(parts)
    if call.waits and not parts.config.terms.enable_wait_result:
        raise Refused(400, "wait not allowed")
    parts.queue.check_room(1)
    fields, is_base64 = call.fields, call.is_base64
    (parameters,) = await _parsed(parts, call, [call.parameters])
    if isinstance(parameters, Invalid):
        raise parameters
    submission = _add(parts, parameters, call)
    if not call.waits:
        return json_answer({"token": submission.token}, 201)
    del call  # its texts, which the submission holds too, for as long as that may take
    await submission.finished.wait()
    try:
        return json_answer(represent(submission, fields, is_base64=is_base64), 201)
    except wire.NotText:
        return json_answer({"error": _ONE_NOT_TEXT, "token": submission.token}, 201)


async def _create_batch(parts: Parts, call: Call) -> Response:
    _check_maintenance(parts)
    _check_batches(parts)
    given = call.parameters.get("submissions")
    items = [item for item in given if item is not None] if isinstance(given, list) else []
    parts.queue.check_room(len(items))
    _check_batch_size(parts, items)
    bodies = [item if isinstance(item, dict) else {} for item in items]
    parsed = await _parsed(parts, call, bodies)  # all, before the first is queued
    answers = [
        dict(it.errors) if isinstance(it, Invalid) else {"token": _add(parts, it, call).token}
        for it in parsed
    ]
    return json_answer(answers, 422 if all(isinstance(it, Invalid) for it in parsed) else 201)


def _add(parts: Parts, parameters: Parameters, call: Call) -> Submission:
    submission = parts.queue.add(parameters, call.client)
    if parameters.callback_url is not None:
        parts.callbacks.follow(submission, parameters.callback_url)
    return submission


async def _parsed(
    parts: Parts, call: Call, bodies: Sequence[Mapping[str, object]]
) -> list[Parameters | Invalid]:
    """Raises NotUtf8; Full, if there was room for all before, but is no longer."""

    def parsed(body: Mapping[str, object]) -> Parameters | Invalid:
        try:
            return parse(body, parts.languages, parts.config.terms, is_base64=call.is_base64)
        except Invalid as error:
            return error

    if sum(map(_characters, bodies)) <= config.SMALL_BODY_BYTES:
        return [parsed(body) for body in bodies]
    everything = await asyncio.to_thread(lambda: [parsed(body) for body in bodies])
    parts.queue.check_room(len(bodies))
    return everything


def _characters(body: Mapping[str, object]) -> int:
    return sum(len(value) for value in body.values() if isinstance(value, str))


# --- Showing and deleting them --------------------------------------------------------------------


async def _show(parts: Parts, call: Call) -> Response:
    fields = call.fields
    submission = _submission(parts, call)
    try:
        return json_answer(represent(submission, fields, is_base64=call.is_base64))
    except wire.NotText:
        return refusal(400, _ONE_NOT_TEXT)


async def _show_batch(parts: Parts, call: Call) -> Response:
    _check_batches(parts)
    fields = call.fields
    most = parts.config.terms.max_submission_batch_size
    listed = call.headers.get("tokens", call.parameters.get("tokens"))
    tokens = listed.rstrip(",").split(",", most) if isinstance(listed, str) and listed.strip(",") else []
    _check_batch_size(parts, tokens)
    return await _several([parts.queue.get(token) for token in tokens], fields, call)


async def _list(parts: Parts, call: Call) -> Response:
    if not call.is_authorised(parts.config.authz_tokens):
        return empty(403)
    fields = call.fields
    page, per_page = _count(call, "page", 1), _count(call, "per_page", _PER_PAGE)
    everything = parts.queue.newest_first()
    pages = max(1, -(-len(everything) // per_page))
    meta = {
        "current_page": page,
        "next_page": page + 1 if page < pages else None,
        "prev_page": page - 1 if page > 1 else None,
        "total_pages": pages,
        "total_count": len(everything),
    }
    first = (page - 1) * per_page
    return await _several(everything[first : first + per_page], fields, call, f',"meta":{dumped(meta)}')


def _count(call: Call, name: str, default: int) -> int:
    given = call.parameters.get(name)
    number = default if given is None else wire.leading_integer(given)
    if number <= 0:
        raise Refused(400, f"invalid {name}: {number}")
    return number


async def _several(
    submissions: Sequence[Submission | None], fields: tuple[str, ...], call: Call, rest: str = ""
) -> Response:
    """`{"submissions": […]}`, with `rest` behind it."""
    shown = [copy.copy(submission) for submission in submissions]  # one that ends meanwhile still does not
    if not call.is_base64:
        for submission in filter(None, shown):
            try:
                represent(submission, fields, is_base64=False)
            except wire.NotText:
                return refusal(400, _SOME_NOT_TEXT)
            await asyncio.sleep(0)  # others shall have their turn
    return streamed(_written(shown, fields, rest, is_base64=call.is_base64))


def _written(
    shown: Sequence[Submission | None], fields: tuple[str, ...], rest: str, *, is_base64: bool
) -> Iterator[str]:
    yield '{"submissions":['
    for position, submission in enumerate(shown):
        yield "," * bool(position)
        if submission is None:
            yield "null"
        else:
            yield from pieces(represent(submission, fields, is_base64=is_base64))
    yield f"]{rest}}}"


async def _delete(parts: Parts, call: Call) -> Response:
    administrators = parts.config.authz_tokens
    if administrators and not call.is_authorised(administrators):
        return empty(403)
    _check_maintenance(parts)
    fields = call.fields
    if not parts.config.terms.enable_submission_delete:
        raise Refused(400, "delete not allowed")
    submission = _submission(parts, call)
    if submission.status in (IN_QUEUE, PROCESSING):
        state = f"{submission.status} ({STATUSES[submission.status]})"
        raise Refused(400, f"submission cannot be deleted because its status is {state}")
    parts.queue.forget(submission)
    return json_answer(represent(submission, fields, is_base64=True))


def _submission(parts: Parts, call: Call) -> Submission:
    submission = parts.queue.get(call.path["token"])
    if submission is None:
        raise HTTPException(404)
    return submission


# --- What may be asked for ------------------------------------------------------------------------


def _check_maintenance(parts: Parts) -> None:
    if parts.config.terms.maintenance_mode:
        raise Refused(503, "Judge0 is currently in maintenance.")


def _check_batches(parts: Parts) -> None:
    if not parts.config.terms.enable_batched_submissions:
        raise Refused(400, "batched submissions are not allowed")


def _check_batch_size(parts: Parts, items: Sequence[object]) -> None:
    most = parts.config.terms.max_submission_batch_size
    if not items:
        raise Refused(400, "there should be at least one submission in a batch")
    if len(items) > most:
        raise Refused(400, f"number of submissions in a batch should be less than or equal to {most}")


async def _authenticate(parts: Parts, call: Call) -> Response:
    return empty()


async def _authorize(parts: Parts, call: Call) -> Response:
    return empty(200 if call.is_authorised(parts.config.authz_tokens) else 403)


ROUTES: tuple[tuple[str, str, _Handler], ...] = (
    ("/submissions", "POST", _create),
    ("/submissions", "GET", _list),
    ("/submissions/batch", "POST", _create_batch),
    ("/submissions/batch", "GET", _show_batch),
    ("/submissions/{token}", "GET", _show),
    ("/submissions/{token}", "DELETE", _delete),
    ("/languages", "GET", information.languages),
    ("/languages/all", "GET", information.all_languages),
    ("/languages/{id}", "GET", information.language),
    ("/statuses", "GET", information.statuses),
    ("/config_info", "GET", information.config_info),
    ("/about", "GET", information.about),
    ("/version", "GET", information.version),
    ("/isolate", "GET", information.isolate),
    ("/license", "GET", information.license_text),
    ("/system_info", "GET", information.system_info),
    ("/statistics", "GET", information.statistics),
    ("/workers", "GET", information.workers),
    ("/engine", "GET", information.engine),
    ("/openapi.json", "GET", information.openapi),
    ("/authenticate", "POST", _authenticate),
    ("/authorize", "POST", _authorize),
)
