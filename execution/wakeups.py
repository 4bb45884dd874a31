"""A backend's callback as a bell: whoever waits for its runs looks at once instead of a little later.

    url_for(base, work) → sent with a submission → PUT by the backend → is_ours → ring(work) → wait(work) returns

It is a hint and nothing more. What the backend says in it is not read, since anybody could say it; a bell that does
not ring costs time only. Judge0 signs nothing, so our signature is in the address.
"""

import time

import redis
from django.utils.crypto import constant_time_compare, salted_hmac

PATH = "callbacks/judge0"
RINGS_FOR_S = 60  # a bell that nobody hears falls silent
LONGEST_BLOCK_S = 0.5  # clients of Redis give up a silent connection after a second
SHORTEST_BLOCK_S = 0.01  # Redis takes less than a millisecond for none, which is for ever


def url_for(base: str, work_id: str) -> str:
    """The address to which a backend says that something of this work has ended."""
    return f"{base}/{PATH}/{work_id}/{_signature(work_id)}/"


def is_ours(work_id: str, signature: str) -> bool:
    return constant_time_compare(signature, _signature(work_id))


def ring(client: redis.Redis, work_id: str) -> None:
    """Wakes who waits for this work, or will wait within a minute; many rings are as one. May raise RedisError."""
    key = _key(work_id)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.rpush(key, 1)
        pipeline.ltrim(key, 0, 0)
        pipeline.expire(key, RINGS_FOR_S)
        pipeline.execute()


def wait(client: redis.Redis, work_id: str, timeout_s: float) -> bool:
    """Whether the bell rang, which ends the waiting; without Redis the time passes all the same."""
    until = time.monotonic() + timeout_s
    try:
        while (left := until - time.monotonic()) > SHORTEST_BLOCK_S:
            if client.blpop([_key(work_id)], timeout=min(left, LONGEST_BLOCK_S)):
                return True
    except redis.RedisError:
        pass
    time.sleep(max(0.0, until - time.monotonic()))
    return False


def _key(work_id: str) -> str:
    return f"wake:{work_id}"


def _signature(work_id: str) -> str:
    return salted_hmac("execution.wakeups", work_id, algorithm="sha256").hexdigest()
