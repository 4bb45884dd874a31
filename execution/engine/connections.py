"""What clients' connections may cost: their number, the size of a request's head, and patience with both
those who send nothing and those who do not take what they asked for.

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
        "proxy_headers": False,
        "h11_max_incomplete_event_size": config.MAX_HEAD_BYTES,
        "limit_concurrency": min(config.MAX_CONNECTIONS, descriptors // 4),
        "timeout_keep_alive": config.IDLE_SECONDS,
    }


class Connection(H11Protocol):
    """uvicorn's, hanging up where that one waits.

    From `limit_concurrency` connections on uvicorn answers 503, but only to whoever sends a request,
    and it waits for ever: for the rest of a request, and for answers to be taken. Each connection holds a
    descriptor that runs need, and what was not taken.
    """

    _patience: asyncio.TimerHandle | None = None
    _times_taken = 0
    """How often the client had taken so much that writing went on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > 2 * (self.limit_concurrency or 0):
            transport.abort()
        else:
            self._look_again_later()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    def resume_writing(self) -> None:
        self._times_taken += 1
        super().resume_writing()

    def _look_again_later(self) -> None:
        self._patience = self.loop.call_later(
            config.IDLE_SECONDS, self._hang_up_if_still_at, self._progress()
        )

    def _progress(self) -> tuple[object, int, int]:
        """What changes when a request comes, and when an answer is written or taken: the request, and bytes."""
        return self.cycle, self._times_taken, self.transport.get_write_buffer_size()

    def _hang_up_if_still_at(self, before: tuple[object, int, int]) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        is_untaken = self.transport.get_write_buffer_size() > 0
        if self._progress() != before or (is_answering and not is_untaken):
            self._look_again_later()
        else:
            self.transport.abort()  # nothing is there to be sent that anybody takes
