"""How the web stops: what has begun is answered first.

Told to stop (SIGTERM), daphne would cancel every request at once. Here it

    takes no new connection
    answers on those that there are, each for the last time (`Connection: close`)
    goes once nothing is being answered any more, at the latest MARGIN_S after an answer that waits for a verdict must
    be given; connections that are open get LINGER_S to be used

Websockets and streams are not waited for: whoever follows comes back, elsewhere, with the last number.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from daphne.server import Server
from django.conf import settings
from twisted.internet import defer, reactor, tcp

LINGER_S = 1.0
MARGIN_S = 5.0
LOOK_S = 0.05

Channel = Callable[..., Awaitable[Any]]
Application = Callable[[dict[str, Any], Channel, Channel], Awaitable[None]]


class Stopping:
    """Of one process: what is being answered in it, and whether it was told to stop."""

    def __init__(self) -> None:
        self.has_begun = False
        self.answering = 0

    def counting_answers(self, application: Application) -> Application:
        """The ASGI application; its requests over HTTP are waited for."""

        async def answer(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
            self.answering += 1
            try:
                await application(scope, receive, send)
            finally:
                self.answering -= 1

        return answer

    async def to_its_end(self) -> None:
        self.has_begun = True
        began = time.monotonic()
        for port in _readers(tcp.Port):
            port.stopListening()
        while time.monotonic() < began + settings.SYNC_WAIT_MAX_S + MARGIN_S:
            is_lingering = time.monotonic() < began + LINGER_S and _readers(tcp.Server)
            if not self.answering and not is_lingering:
                return
            await asyncio.sleep(LOOK_S)


def _readers(kind: type) -> list[Any]:
    return [one for one in cast(Any, reactor).getReaders() if isinstance(one, kind)]


stopping = Stopping()


def stop_daphne_gently() -> None:
    """To be called before it runs. It has no setting for that: it cancels what it answers where Twisted asks it to."""
    daphne: Any = Server
    cancel_all = daphne.kill_all_applications

    def answer_then_cancel(server: Any) -> Any:
        ended = defer.Deferred.fromFuture(asyncio.ensure_future(stopping.to_its_end()))
        return ended.addCallback(lambda _: cancel_all(server))

    daphne.kill_all_applications = answer_then_cancel
