"""What all workers know in common of the backends, kept in Redis.

Redis being away is no reason not to judge: whoever asks then gets the answer it would have if nothing were known.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_origin, get_type_hints

import redis

logger = logging.getLogger(__name__)

QUIET_S = 1.0  # how long nobody asks again after a failure: a Redis that hangs must not slow every step down

Answer = TypeVar("Answer")
Record = TypeVar("Record")


class Shared:
    """`client` None: nothing is shared, each process is alone (commands, tests of a pool)."""

    def __init__(self, client: redis.Redis | None = None) -> None:
        self.client = client
        self._quiet_until = 0.0

    def ask(self, question: Callable[[redis.Redis], Answer], *, otherwise: Answer) -> Answer:
        """The answer, or `otherwise` where Redis does not give one."""
        if self.client is None or time.monotonic() < self._quiet_until:
            return otherwise
        try:
            return question(self.client)
        except redis.RedisError as error:
            self._quiet_until = time.monotonic() + QUIET_S
            logger.warning("workers know nothing of each other for now: %s", error)
            return otherwise


def read_record(kind: type[Record], kept: bytes | str | None) -> Record | None:
    """A dataclass of plain values from the JSON that a process kept of it; what it does not know is passed over.

    None where nothing was kept, or what another version of this program kept, and this one cannot understand.
    """
    if kept is None:
        return None
    hints = get_type_hints(kind)
    try:
        told: Mapping[str, Any] = json.loads(kept)
        values = {name: _plain(told[name], hint) for name, hint in hints.items() if name in told}
        return kind(**values)
    except (ValueError, TypeError) as error:
        logger.debug("a %s of another version says nothing: %s", kind.__name__, error)
        return None


def _plain(value: Any, hint: Any) -> Any:
    """`value` as JSON gives it, as the field wants it; TypeError where it cannot be."""
    if isinstance(value, list):
        value = tuple(value)
    if hint is float and isinstance(value, int):
        value = float(value)
    if not isinstance(value, tuple if get_origin(hint) is tuple else hint):
        raise TypeError(f"{value!r} is no {hint}")
    return value
