"""Tickets: good once, for a minute, to open a websocket or a stream where no header and no cookie can be sent.

They lie in Redis under their digest, and are taken out when they are used.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import cast

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts.errors import CannotVerify, InvalidCredential
from accounts.scopes import Scope

LASTS_S = 60
BEGINNING = "jt_"


@dataclass(frozen=True)
class Ticket:
    """`subject` as the credential's that asked for it."""

    user_id: int
    scopes: frozenset[Scope]
    subject: str = ""


def issue(*, user_id: int, scopes: Iterable[Scope], subject: str = "") -> str:
    """The text of a new ticket. Raises CannotVerify where Redis does not answer."""
    text = BEGINNING + secrets.token_hex(20)
    kept = json.dumps({"user": user_id, "scopes": sorted(scopes), "subject": subject})
    try:
        _redis().set(_name(text), kept, ex=LASTS_S)
    except redis.RedisError as error:
        raise CannotVerify("There are no tickets just now.") from error
    return text


def redeem(text: str) -> Ticket:
    """What it is good for, once. Raises InvalidCredential; CannotVerify where Redis does not answer."""
    try:
        kept = cast(bytes | None, _redis().getdel(_name(text)))
    except redis.RedisError as error:
        raise CannotVerify("Tickets cannot be looked up just now.") from error
    if kept is None:
        raise invalid()
    told = json.loads(kept)
    return Ticket(told["user"], frozenset(map(Scope, told["scopes"])), told["subject"])


def looks_like_one(text: str) -> bool:
    return text.startswith(BEGINNING)


def invalid() -> InvalidCredential:
    return InvalidCredential("invalid_ticket", "This ticket is not valid: it is good once, for a minute.")


def _name(text: str) -> str:
    return f"ticket:{hashlib.sha256(text.encode()).hexdigest()}"


@cache
def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=1, retry=Retry(NoBackoff(), 0)
    )
