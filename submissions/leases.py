"""Signs of life for the submissions that this process is judging: one thread renews them all.

It works in any worker, RQ's own too: the thread starts with the first claim of a process.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django import db

from submissions import lifecycle

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 10.0

_claims: set[lifecycle.Claim] = set()
_lock = threading.Lock()
_thread: threading.Thread | None = None


@contextmanager
def held(claim: lifecycle.Claim) -> Iterator[None]:
    """Renew this claim until the block ends. A claim that was lost is noticed by the next write, not here."""
    with _lock:
        _claims.add(claim)
        _ensure_thread()
    try:
        yield
    finally:
        with _lock:
            _claims.discard(claim)


def in_flight() -> list[lifecycle.Claim]:
    with _lock:
        return list(_claims)


def _ensure_thread() -> None:
    global _thread
    if _thread is None or not _thread.is_alive():  # a forked child inherits the name but not the thread
        _thread = threading.Thread(target=_renew_for_ever, name="leases", daemon=True)
        _thread.start()


def _renew_for_ever() -> None:
    wake = threading.Event()
    while not wake.wait(RENEW_EVERY_S):
        claims = in_flight()
        if not claims:
            continue
        db.close_old_connections()
        for claim in claims:
            try:
                lifecycle.renew(claim)
            except lifecycle.Fenced:
                logger.info("submission %s was taken over", claim.submission_id)
            except db.Error as error:
                logger.warning("leases cannot be renewed now: %s", error)
                break
        db.connection.close()
