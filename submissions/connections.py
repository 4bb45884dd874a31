"""This process's connection to Redis, and the queues in it."""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer


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
