"""By what somebody is let in, whatever carries it: requests, websockets and streams ask the same functions.

    X-Code-Exec-Key, Authorization: Api-Key …     a key
    Authorization: Bearer …                       a token of an OIDC issuer
    ?token=, subprotocol ticket.<…>               a token or a ticket; only of connections, which browsers open
    the session's cookie                          without headers; the page must be ours

The first one that is there counts, but a bad one is refused even if a good one is beside it.
"""

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from accounts import keys, tickets, tokens
from accounts.errors import CannotVerify, ForeignOrigin, InvalidCredential
from accounts.models import CODE_EXEC, User
from accounts.scopes import EVERYTHING, LEARNER, SERVICE, Scope

__all__ = [
    "CannotVerify",
    "Credential",
    "ForeignOrigin",
    "InvalidCredential",
    "Kind",
    "of_connection",
    "of_headers",
    "of_session",
]

SUBPROTOCOL = "ticket."


class Kind(StrEnum):
    SESSION = "session"
    KEY = "key"
    SERVICE = "service"  # of CODE_EXEC_KEY
    TOKEN = "token"  # noqa: S105 (of an OIDC issuer)
    TICKET = "ticket"


@dataclass(frozen=True)
class Credential:
    """`subject` is what the issuer calls the user of a token; empty otherwise."""

    user: User
    scopes: frozenset[Scope]
    kind: Kind
    subject: str = ""

    def has(self, scope: Scope) -> bool:
        return scope in self.scopes


def of_session(user: User) -> Credential:
    """Somebody who has signed in in a browser."""
    return Credential(user, EVERYTHING if user.acts_as_staff else LEARNER, Kind.SESSION)


def of_key(text: str) -> Credential:
    """Of a key in CODE_EXEC_KEY, or in the database. Raises InvalidCredential."""
    if _is_service_key(text):
        machine = User.objects.filter(username=CODE_EXEC, is_active=True).first()
        if machine is None:
            raise keys.invalid()
        return Credential(machine, SERVICE, Kind.SERVICE)
    key = keys.find(text)
    return Credential(key.user, keys.effective_scopes(key), Kind.KEY)


def of_token(text: str) -> Credential:
    """Of a token of our OIDC issuer. Raises InvalidCredential, or CannotVerify."""
    if keys.looks_like_one(text):
        words = "This is a key, no token. Keys go into X-Code-Exec-Key, or Authorization: Api-Key."
        raise InvalidCredential("invalid_token", words)
    subject = tokens.verified_subject(text)
    user = tokens.user_of(subject)
    return Credential(user, LEARNER, Kind.TOKEN, subject)


def of_ticket(text: str) -> Credential:
    """Of a ticket, which is used up by this. Raises InvalidCredential, or CannotVerify."""
    ticket = tickets.redeem(text)
    user = User.objects.filter(pk=ticket.user_id, is_active=True).first()
    if user is None:
        raise tickets.invalid()
    return Credential(user, ticket.scopes, Kind.TICKET, ticket.subject)


def of_headers(headers: Mapping[str, str]) -> Credential | None:
    """By headers under their lower-case names; None where there is no key and no token.

    Raises InvalidCredential, or CannotVerify. Other kinds of `Authorization` are none of ours: proxies have some.
    """
    return _first(_in_headers(headers))


def of_connection(scope: Mapping[str, Any]) -> Credential | None:
    """Who opens a websocket or a stream, by its ASGI scope; None where it shows nothing at all.

    Asks database, Redis and the issuer: to be called in a thread. Nothing of Django's or Channels' middleware is
    needed. A ticket is used up. Raises InvalidCredential, ForeignOrigin, or CannotVerify.
    """
    headers = _headers(scope)
    shown = [*_in_headers(headers), *_in_address(scope)]
    if shown:
        return _first(iter(shown))
    user = _signed_in(headers.get("cookie", ""))
    if user is None:
        return None
    origin = headers.get("origin")
    # Browsers name the page of every websocket; of a stream only where it is another site's.
    if not (scope["type"] != "websocket" if origin is None else _is_ours(origin)):
        raise ForeignOrigin
    return of_session(user)


def _is_service_key(text: str) -> bool:
    # Every key is compared, each in constant time: the time taken says nothing about which one was close.
    matches = [hmac.compare_digest(text.encode(), key.encode()) for key in settings.CODE_EXEC_KEYS]
    return any(matches)


def _in_headers(headers: Mapping[str, str]) -> Iterator[Credential]:
    if (key := headers.get("x-code-exec-key")) is not None:
        yield of_key(key)
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "api-key":
        yield of_key(value.strip())
    if scheme.lower() == "bearer":
        yield of_token(value.strip())


def _in_address(scope: Mapping[str, Any]) -> Iterator[Credential]:
    for text in parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("token", []):
        yield of_ticket(text) if tickets.looks_like_one(text) else of_token(text)
    for protocol in scope.get("subprotocols", []):
        if protocol.startswith(SUBPROTOCOL):
            yield of_ticket(protocol.removeprefix(SUBPROTOCOL))


def _first(found: Iterator[Credential]) -> Credential | None:
    """The first one, once none of them was refused."""
    credentials = list(found)
    return credentials[0] if credentials else None


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """As Django reads them: a header that is there twice is one value, which then fits nothing."""
    found: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return {name: ("; " if name == "cookie" else ",").join(values) for name, values in found.items()}


def _signed_in(cookie: str) -> User | None:
    """Whose session the cookie names; None too for one that has ended, or of a blocked user."""
    key = parse_cookie(cookie).get(settings.SESSION_COOKIE_NAME, "")
    if not key.isprintable():
        return None  # PostgreSQL would not even look for it
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = auth.get_user(request)
    return user if isinstance(user, User) else None


def _is_ours(origin: str) -> bool:
    """Of one of our hosts, whatever its port, or of an origin that Django's CSRF protection trusts."""
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    domain, _port = split_domain_port(page.netloc)
    trusted = [urlsplit(one) for one in settings.CSRF_TRUSTED_ORIGINS]
    return validate_host(domain, settings.ALLOWED_HOSTS) or any(
        page.scheme == one.scheme and is_same_domain(page.netloc, one.netloc.removeprefix("*"))
        for one in trusted
    )
