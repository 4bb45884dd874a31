"""What clients' connections may cost: their number, the size of a request's head, and patience.

All of it holds for whoever can reach the port, before a token was shown. It is about sockets; what a
request's body may cost is `server`'s.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from . import config


def uvicorn_options() -> dict[str, Any]:
    """h11 and not httptools, which takes headers of any size. It costs 0.1 ms a request."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return {
        "http": Connection,
        "ws": "none",
        "h11_max_incomplete_event_size": config.MAX_HEAD_BYTES,
        "limit_concurrency": min(config.MAX_CONNECTIONS, descriptors // 4),
        "timeout_keep_alive": config.IDLE_SECONDS,
    }


class Connection(H11Protocol):
    """uvicorn's, hanging up where that one waits.

    From `limit_concurrency` connections on uvicorn answers 503, but only to whoever sends a request,
    and it waits for the rest of one for ever: each of them holds a descriptor that runs need.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * (self.limit_concurrency or 0):
            transport.abort()
        else:
            self._wait_for_another_than(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def _wait_for_another_than(self, last: object) -> None:
        self._patience = self.loop.call_later(config.IDLE_SECONDS, self._hang_up_if_still_at, last)

    def _hang_up_if_still_at(self, last: object) -> None:
        """Hang up if no request's head came after the request `last`, and that one is answered."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.cycle is not last:
            self._wait_for_another_than(self.cycle)
        else:
            self.transport.close()
