"""This process's connections: to Redis, to the queues in it, to the backends; and when to let the database's go."""

from functools import cache

import redis
from django.conf import settings
from django.db import connection
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from execution.pool import Pool


@cache
def redis_client() -> redis.Redis:
    """Gives up within a second: whoever asks holds a learner's request, and the sweeper repairs what is lost."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=0.5, socket_timeout=1, retry=Retry(NoBackoff(), 0)
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
