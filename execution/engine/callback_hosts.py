"""Whom callbacks may reach: the hosts that the operator allows, and nobody else.

A program's author chooses the address, and the engine may stand where others cannot reach: so nothing is
called that was not named. An entry is `*` (any), `host` (any port of it) or `host:port`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from .problems import Problem

_ANY = "*"
_MAX_CHARACTERS = 2000
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class CallbackHosts:
    """`hosts` as `read` writes them; none: nobody may be called."""

    hosts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Self:
        """The hosts that `text` names, between blanks or commas. Raises Problem."""
        return cls(frozenset(_entry(word) for word in text.replace(",", " ").split()))

    def objection(self, url: str) -> str | None:
        """Why `url` may not be called, in words for who sent it; None if it may."""
        if not self.hosts:
            return "setting callback is not allowed"
        if len(url) > _MAX_CHARACTERS:
            return f"is too long (maximum is {_MAX_CHARACTERS} characters)"
        parts = _parsed(url)
        if parts is None or parts.scheme not in _PORTS or not parts.host:
            return "must be an http or https URL"
        if parts.auth is not None:
            return "must not contain a user name or a password"
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        if self.hosts.isdisjoint({_ANY, parts.host, f"{parts.host}:{port}"}):
            return f"host {parts.host} with port {port} is not allowed"
        return None


NOWHERE = CallbackHosts()


def _parsed(url: str) -> Url | None:
    """By the parser that whoever calls it uses too: there is no second opinion on what the host is."""
    if " " in url or not url.isprintable():
        return None
    try:
        return parse_url(url)
    except LocationParseError:
        return None


def _entry(word: str) -> str:
    parts = _parsed(f"http://{word}")
    if word == _ANY:
        return _ANY
    if parts is None or not parts.host or parts.netloc != word.lower():
        raise Problem(f"ENGINE_CALLBACK_HOSTS has {word!r}: it takes hosts, host:port, or * for any.")
    return word.lower()
