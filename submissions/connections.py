"""This process's connections: to Redis, to the queues in it, to the backends; and when to let the database's go."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

import redis
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections, connection
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from execution.pool import Pool

P = ParamSpec("P")
T = TypeVar("T")


DATABASE_FAILS = (InterfaceError, InternalError, OperationalError)
"""What a database raises that is away, full or read-only: nobody's mistake, and over some time."""


ANSWERS_WITHIN_S = 1
"""Redis: whoever asks holds a learner's request, and the sweeper repairs what is lost."""


@cache
def redis_client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=ANSWERS_WITHIN_S / 2,
        socket_timeout=ANSWERS_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
    )


@cache
def queue(name: str) -> Queue:
    """The RQ queue `default` or `low`; kept, since making one opens connections and loads scripts."""
    return Queue(name, connection=redis_client(), serializer=JSONSerializer, default_timeout=-1)


@cache
def pool() -> Pool:
    """The backends, with what all workers know of them."""
    return Pool.from_settings(redis_client())


def rest_connection() -> None:
    """Something is waited for, and more may wait than a server has connections. (SQLite's is a file.)"""
    if connection.vendor != "sqlite":
        connection.close()


_threads = ThreadPoolExecutor(4, thread_name_prefix="live")
"""For all sockets, streams and waiting answers of this process: none has a thread of its own."""

_doormen = ThreadPoolExecutor(4, thread_name_prefix="admission")
"""For those who open one: credentials may take seconds (an issuer that is away), and hold up nobody who is in."""


async def in_thread(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `act` gives, which may use the database; its connection is closed after that."""
    return await _in(_threads, act, *args, **kwargs)


async def at_the_door(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for who is not admitted yet, in other threads."""
    return await _in(_doormen, act, *args, **kwargs)


async def _in(threads: ThreadPoolExecutor, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    def acted() -> T:
        close_old_connections()
        try:
            return act(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(acted, thread_sensitive=False, executor=threads)()
