"""Signs of life for the submissions that this process is judging: one thread renews them all, in one statement.

A judging says by `Lease.beat` that it goes on. One that has not for JUDGE_WATCHDOG_S hangs: its lease is not renewed
any more, so that the sweeper gives the submission to somebody else. Nothing can end its thread but the end of the
process, for which our worker asks `is_stuck`.

It works in any worker, RQ's own too: the thread starts with the first claim of a process.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django import db
from django.conf import settings
from prometheus_client import Gauge

from submissions import lifecycle

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 5.0

IN_FLIGHT = Gauge("judge_inflight", "Submissions that are being judged here.", multiprocess_mode="livesum")


class Lease:
    """The right to judge a submission, for as long as the judging goes on."""

    def __init__(self, claim: lifecycle.Claim) -> None:
        self.claim = claim
        self.is_hung = False
        self.is_lost = False
        self._quiet_s = 0.0
        self._has_beaten = True

    def beat(self) -> None:
        """To be called at each step: it goes on."""
        self._has_beaten = True

    def grow_older(self, seconds: float) -> None:
        """A round of so many seconds is over; only whole rounds without a beat count."""
        self._quiet_s = 0.0 if self._has_beaten else self._quiet_s + seconds
        self._has_beaten = False
        if self._quiet_s > settings.JUDGE_WATCHDOG_S and not self.is_hung:
            self.is_hung = True
            logger.critical(
                "a judging hangs: nothing has happened for %.0f s",
                self._quiet_s,
                extra={"submission": self.claim.submission_id},
            )


_leases: set[Lease] = set()
_given_up: set[lifecycle.Claim] = set()
"""Claims that are to be let go once the database answers."""
_lock = threading.Lock()
_thread: threading.Thread | None = None


@contextmanager
def held(claim: lifecycle.Claim) -> Iterator[Lease]:
    """Renew this claim until the block ends or hangs. That a claim was lost is noticed by the next write, not here.

    An error that ends the block, other than that, lets the claim go.
    """
    lease = Lease(claim)
    with _lock:
        _leases.add(lease)
        _ensure_thread()
    try:
        with IN_FLIGHT.track_inprogress():
            yield lease
    except lifecycle.Fenced:
        raise
    except BaseException:
        _discard(lease)  # before: it would be renewed
        let_go(claim)
        raise
    finally:
        _discard(lease)


def _discard(lease: Lease) -> None:
    with _lock:
        _leases.discard(lease)


def let_go(claim: lifecycle.Claim) -> None:
    """Tell the sweeper that nobody goes on with it; where the database does not answer, as soon as it does."""
    try:
        db.connection.close_if_unusable_or_obsolete()
        lifecycle.let_go(claim)
    except db.Error as error:
        logger.warning("it cannot be let go now: %s", error, extra={"submission": claim.submission_id})
        with _lock:
            _given_up.add(claim)
            _ensure_thread()


def in_flight() -> list[lifecycle.Claim]:
    """What is being judged here, without what hangs and what is known to be somebody else's by now."""
    return [lease.claim for lease in _held_now() if not lease.is_lost and not lease.is_hung]


def hung() -> list[lifecycle.Claim]:
    """What hangs here; a hung one that goes on after all still counts, until it ends."""
    return [lease.claim for lease in _held_now() if lease.is_hung]


def is_stuck() -> bool:
    """Whether this process can no longer be trusted with submissions: one hangs, or nobody renews them."""
    leases = _held_now()
    return any(lease.is_hung for lease in leases) or bool(leases and not _is_renewing())


def _held_now() -> list[Lease]:
    with _lock:
        return list(_leases)


def _is_renewing() -> bool:
    return _thread is not None and _thread.is_alive()


def _ensure_thread() -> None:
    global _thread
    if not _is_renewing():  # a forked child inherits the name but not the thread
        _thread = threading.Thread(target=_renew_for_ever, name="leases", daemon=True)
        _thread.start()


def _renew_for_ever() -> None:
    """Time is counted in rounds, so that a process that was frozen as a whole does not take itself for hung."""
    pause = threading.Event()
    while True:
        every_s = min(RENEW_EVERY_S, settings.JUDGE_WATCHDOG_S / 4)
        pause.wait(every_s)
        leases = _held_now()
        for lease in leases:
            lease.grow_older(every_s)
        _renew([lease for lease in leases if not lease.is_hung and not lease.is_lost])
        _let_go_the_rest()


def _let_go_the_rest() -> None:
    with _lock:
        claims = list(_given_up)
    if not claims:
        return
    try:
        for claim in claims:
            lifecycle.let_go(claim)
            with _lock:
                _given_up.discard(claim)
    except db.Error as error:
        logger.warning("%d submissions cannot be let go now: %s", len(claims), error)
    finally:
        db.connection.close()


def _renew(leases: list[Lease]) -> None:
    if not leases:
        return
    try:
        lost = lifecycle.renew([lease.claim for lease in leases])
    except db.Error as error:
        logger.warning("leases cannot be renewed now: %s", error)
        return
    finally:
        db.connection.close()
    for lease in leases:
        if lease.claim in lost and lease in _held_now():
            lease.is_lost = True
            logger.info("it is no longer judged here", extra={"submission": lease.claim.submission_id})
