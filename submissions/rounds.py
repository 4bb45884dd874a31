"""What a worker does again and again beside judging, each sort of it in a thread of its own.

What waits for other servers must not share a thread with the sweeper, which must never be late.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import redis
from django import db

from execution.errors import JudgingError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    name: str
    step: Callable[[], object]
    every_s: float


class Rounds(threading.Thread):
    """Goes its rounds for as long as the process lives, whatever happens in one of them.

    An error that it has no name for ends the process, so that whoever keeps it running starts it again, rather than
    leaving a worker that judges and, say, never sweeps.
    """

    def __init__(self, name: str, *rounds: Round) -> None:
        super().__init__(name=name, daemon=True)
        self._rounds = rounds

    def run(self) -> None:
        due = dict.fromkeys(self._rounds, 0.0)
        pause = threading.Event()
        try:
            while True:
                for one in self._rounds:
                    if time.monotonic() >= due[one]:
                        _go(one)
                        due[one] = time.monotonic() + one.every_s
                pause.wait(max(0.0, min(due.values()) - time.monotonic()))
        finally:
            logger.critical("the %s has failed; the worker ends with it", self.name, exc_info=True)
            os._exit(1)


def _go(one: Round) -> None:
    """A round may fail for want of the database, Redis or a backend; the next one comes."""
    try:
        one.step()
    except (db.Error, redis.RedisError, JudgingError) as error:
        logger.warning("%s: %s: %s", one.name, type(error).__name__, error)
    finally:
        db.connection.close()
