"""What judgings leave at backends. Judge0 keeps programs and outputs for ever: where it lets us, they are deleted.

That is done after the verdict, so that nobody waits for it, by one of the workers at a time. A placement's row stays
until nothing of it is left at its backend, so that whoever dies, it is deleted in the end; for a backend that is gone,
or that never ends what it took, GIVE_UP_AFTER. Connections are its own: a backend that is slow at deleting takes
none from judgings.
"""

import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from execution.errors import JudgingError
from execution.judge0 import Judge0
from execution.pool import Pool
from submissions.backends import own_servers
from submissions.connections import pool, redis_client
from submissions.models import Placement, Submission

logger = logging.getLogger(__name__)

CLEAR_EVERY_S = 5.0
LONGEST_S = 10.0  # at one backend, before the others have their turn
BATCH = 1000
TURN_KEY = "leftovers:turn"
TURN_MS = 60_000
GIVE_UP_AFTER = timedelta(hours=1)


def clear() -> None:
    """One round over all backends. Nothing is done while another worker is at it."""
    if not redis_client().set(TURN_KEY, 1, nx=True, px=TURN_MS):
        return
    try:
        servers = _servers_beside(pool())
        for url in _left().order_by().values_list("backend", flat=True).distinct():
            if url in servers:
                redis_client().set(TURN_KEY, 1, px=TURN_MS)
                _clear_at(servers[url])
        _give_up()
    finally:
        redis_client().delete(TURN_KEY)


@lru_cache(maxsize=1)
def _servers_beside(pool: Pool) -> Mapping[str, Judge0]:
    """By address; kept for as long as the pool is, with their connections and what they say of themselves."""
    return {server.url: server for server in own_servers()}


def _left() -> QuerySet[Placement]:
    return Placement.objects.filter(submission__in=Submission.objects.final())


def _clear_at(server: Judge0) -> None:
    left = _left().filter(backend=server.url)
    try:
        ceilings = server.ceilings()
        if ceilings.forgets_by_itself or not ceilings.deletes:
            left.delete()
        else:
            _delete_there(server, left)
    except JudgingError as error:
        logger.info("what %s was sent is deleted later: %s", server.url, error)


def _delete_there(server: Judge0, left: QuerySet[Placement]) -> None:
    """Oldest first; what still runs there is left for another round."""
    gone: list[int] = []
    until = time.monotonic() + LONGEST_S
    placements = list(left[:BATCH])
    connection.close()  # the server may take its time
    try:
        for placement in placements:
            if time.monotonic() > until:
                break
            kept = [token for token in placement.tokens if not server.delete(token)]
            if not kept:
                gone.append(placement.pk)
    finally:
        Placement.objects.filter(pk__in=gone).delete()


def _give_up() -> None:
    count, _ = _left().filter(submission__finished_at__lt=Now() - GIVE_UP_AFTER).delete()
    if count:
        logger.warning("%d batches of programs could not be deleted at their backends and stay there", count)
