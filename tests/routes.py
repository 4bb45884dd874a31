"""Every address of the platform, read from Django's resolver and from the websockets' table, not written down again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLResolver, get_resolver, resolve

from judgeplatform.urls import websocket_urlpatterns

CONVERTER = re.compile(r"<\w+:(\w+)>")


@dataclass(frozen=True)
class Route:
    """`shape` is how it is written in tables: `/v1/submissions/<pk>`, the same with and without a slash at its end."""

    pattern: str
    view: Any

    @property
    def path(self) -> str:
        """With its names in place of what stands there."""
        return CONVERTER.sub(r"<\1>", simplify_regex(self.pattern))

    @property
    def shape(self) -> str:
        return self.path.rstrip("/") or "/"

    @property
    def is_of_admin(self) -> bool:
        return self.shape.startswith("/admin")

    def address(self, arguments: Mapping[str, object]) -> str:
        """With `arguments` by name in their places."""
        return re.sub(r"<(\w+)>", lambda found: str(arguments[found[1]]), self.path)

    def serves(self, address: str) -> bool:
        """Whether it, and no route before it, is asked for that."""
        return resolve(address).route == self.pattern


def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns))


def pages() -> list[Route]:
    """All but the admin's."""
    return [route for route in routes() if not route.is_of_admin]


def sockets() -> list[Route]:
    return list(_walk(websocket_urlpatterns))


def _walk(patterns: Sequence[Any], before: str = "") -> Iterator[Route]:
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, before + str(one.pattern))
        else:
            yield Route(before + str(one.pattern), one.callback)
