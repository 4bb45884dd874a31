"""Whom a webhook may call: receivers on the public Internet, and networks that the operator allows.

    receiver_of(url)      what the URL itself says: when it is stored, and again before each try
    addresses_of(host)    what its name stands for just now: right before each try

Whoever calls it connects to one of those very addresses. A name that is asked for again may answer something else.
"""

import ipaddress
import socket
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

MAX_URL = 2000
PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024  # below it are mail and other services that a request should not be talked into
IPV6_UNICAST = ipaddress.IPv6Network("2000::/3")  # neither mapped nor translated (NAT64), local or multicast
REFUSED = [
    ipaddress.ip_network(network)
    for network in (
        "2001::/23",  # protocols, among them Teredo: an IPv4 address in disguise
        "2002::/16",  # 6to4: the same
        "3fff::/20",  # documentation; unknown to Python 3.11
        "192.88.99.0/24",  # the way to 6to4
        "192.0.0.0/24",  # protocols, and a cloud's metadata; known to Python 3.11.7 in part only
        "168.63.129.16/32",  # public by its number, but Azure's door to the host of a machine
    )
]

Address = IPv4Address | IPv6Address


class NotAllowed(Exception):
    """Nothing may be sent there. Its words are for whoever gave the URL, and tell no addresses."""


@dataclass(frozen=True)
class Receiver:
    """A URL that may be called. `host` is ASCII and without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def authority(self) -> str:
        """As the header Host has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """The same for all ways to write the same host and port; not for two names of one address."""
        host = str(_literal(self.host) or self.host.rstrip("."))
        return f"{self.scheme}://{replace(self, host=host).authority}"


def receiver_of(url: str) -> Receiver:
    """Raises NotAllowed, in words for people, for what can be told without asking for the name."""
    if len(url) > MAX_URL:
        raise NotAllowed(f"It is longer than {MAX_URL} characters.")
    if " " in url or not url.isprintable():
        raise NotAllowed("It contains blanks or control characters.")
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise NotAllowed("It is not a URL.") from error
    if parts.scheme not in PORTS:
        raise NotAllowed("It must begin with http:// or https://.")
    if parts.auth is not None:
        raise NotAllowed("It must not contain a user name or a password.")
    host = (parts.host or "").strip("[]")
    if not host or "%" in host:
        raise NotAllowed("It names no host.")
    port = PORTS[parts.scheme] if parts.port is None else parts.port
    if port not in PORTS.values() and port < FIRST_FREE_PORT:
        raise NotAllowed(f"Its port must be 80, 443, or {FIRST_FREE_PORT} and above.")
    literal = _literal(host)
    if literal is not None and not _may_be_called(literal):
        raise NotAllowed("It names an address that is not public.")
    return Receiver(parts.scheme, host, port, parts.request_uri)


def addresses_of(receiver: Receiver) -> list[str]:
    """Where to connect, the best first. Raises NotAllowed where there is nothing, or any of it may not be called.

    It may take as long as the system's resolver does.
    """
    try:
        found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(_may_be_called(ipaddress.ip_address(one)) for one in addresses):
        raise NotAllowed("Its host's name leads to no public address.")
    return addresses


def _literal(host: str) -> Address | None:
    """The address that `host` is, also in the shorter ways of writing it, such as 127.1; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


def _may_be_called(address: Address) -> bool:
    if any(address in network for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return True
    if isinstance(address, IPv6Address) and address not in IPV6_UNICAST:
        return False
    is_refused = address.is_multicast or any(address in network for network in REFUSED)
    return address.is_global and not is_refused
