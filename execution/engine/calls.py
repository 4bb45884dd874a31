"""Requests: who may make them, and their parameters from header, query and body.

A token may be in a header, in the query or in the body, as Judge0 takes it. Before a token was seen, no
more of the body is read than it takes to find one there.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from . import config
from .answers import Refused
from .bodies import BodyReader
from .queue import client_name
from .representation import chosen_fields

_AUTHN_HEADER = "X-Auth-Token"
_AUTHZ_HEADER = "X-Auth-User"


@dataclass(frozen=True)
class Call:
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

    def is_authorised(self, tokens: tuple[str, ...]) -> bool:
        """Whether it shows one of the `tokens` for administrators."""
        return _is_one_of(tokens, self.headers.get(_AUTHZ_HEADER) or self.parameters.get(_AUTHZ_HEADER))


async def let_in(tokens: tuple[str, ...], reader: BodyReader, request: Request) -> Call:
    """The call, if it carries an accepted token as header, query or body parameter; else a 401.

    Where no token is needed, only what no web page can have sent: browsers tell their pages' origin.
    """
    given: object = request.headers.get(_AUTHN_HEADER) or request.query_params.get(_AUTHN_HEADER)
    if not tokens:
        if "origin" in request.headers:
            raise Refused(403, "no web page may use this engine, since it demands no token")
        return Call(await reader.parameters(request), "", request.headers, request.path_params)
    if given:
        client = _client(tokens, given)
        parameters = await reader.parameters(request)
    else:
        parameters = await reader.parameters(request, config.MAX_BODY_BYTES_TO_FIND_A_TOKEN)
        client = _client(tokens, parameters.get(_AUTHN_HEADER))
    return Call(parameters, client, request.headers, request.path_params)


def _client(tokens: tuple[str, ...], given: object) -> str:
    """The name of the client that shows the token `given`; a 401 if it is none of `tokens`."""
    if not _is_one_of(tokens, given):
        raise HTTPException(401)
    return client_name(str(given))


def _is_one_of(tokens: tuple[str, ...], given: object) -> bool:
    secret = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else b""
    return any(hmac.compare_digest(secret, accepted.encode()) for accepted in tokens)
