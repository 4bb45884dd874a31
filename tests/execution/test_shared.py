"""What workers know in common, and what they do where Redis does not tell."""

import json
import time
from dataclasses import dataclass

import pytest
import redis
from django.conf import settings

from execution.shared import QUIET_S, Shared, read_record
from submissions.connections import redis_client

NOWHERE = "unix:///nowhere/redis.sock"


def test_redis_answers_what_is_asked_of_it():
    redis_client().set("colour", "blue")

    assert Shared(redis_client()).ask(lambda client: client.get("colour"), otherwise=b"red") == b"blue"


def test_what_nobody_shares_is_as_if_nothing_were_known():
    assert Shared().ask(lambda client: client.get("colour"), otherwise=b"red") == b"red"


def test_where_redis_is_away_the_answer_is_that_of_knowing_nothing(caplog):
    away = Shared(redis.Redis.from_url(NOWHERE))

    assert away.ask(lambda client: client.get("colour"), otherwise=b"red") == b"red"
    assert "nothing of each other" in caplog.text


def test_after_a_failure_redis_is_left_alone_for_a_moment_and_then_asked_again():
    """One that hangs would slow down every step."""
    shared = Shared(redis.Redis.from_url(NOWHERE))
    asked = []

    def ask(client: redis.Redis) -> int:
        asked.append(1)
        return int(client.incr("number"))

    assert [shared.ask(ask, otherwise=0) for _ in range(3)] == [0, 0, 0]
    assert len(asked) == 1

    shared.client = redis.Redis.from_url(settings.REDIS_URL)
    time.sleep(QUIET_S)
    assert shared.ask(ask, otherwise=0) == 1


# --- What other versions keep --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    at: float
    words: tuple[str, ...] = ()
    count: int | None = None


@pytest.mark.parametrize(
    ("kept", "seen"),
    [
        ({"at": 1, "words": ["a"], "count": None}, Seen(1.0, ("a",))),
        ({"at": 1.5, "colour": "blue"}, Seen(1.5)),
        ({"words": []}, None),
        ({"at": "noon"}, None),
        ({"at": 1, "words": "a"}, None),
        ({"at": 1, "count": [2]}, None),
        ([1], None),
        (1, None),
        (None, None),
    ],
)
def test_what_is_kept_is_read_as_far_as_this_version_understands_it(kept, seen):
    assert read_record(Seen, json.dumps(kept).encode()) == seen


@pytest.mark.parametrize("kept", [None, b"", b"\xff", b"{"])
def test_what_is_no_record_says_nothing(kept):
    assert read_record(Seen, kept) is None
