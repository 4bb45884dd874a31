"""What all workers know in common of the backends, kept in Redis.

Redis being away is no reason not to judge: whoever asks then gets the answer it would have if nothing were known.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

import redis

logger = logging.getLogger(__name__)

QUIET_S = 1.0  # how long nobody asks again after a failure: a Redis that hangs must not slow every step down

Answer = TypeVar("Answer")


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
