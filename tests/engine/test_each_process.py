"""Limits that a submission asks for per process instead of for all of its processes together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Engine

TIME, MEMORY = (f"enable_per_process_and_thread_{limit}_limit" for limit in ("time", "memory"))

BUSY = """
import os, time
def use_up(seconds):
    while time.process_time() < seconds: pass
"""
TWO_BUSY = BUSY + "\nif os.fork(): os.wait()\nuse_up(0.8)\nprint('done')"
ONE_BUSY = BUSY + "\nuse_up(9)"
STUBBORN = "import signal; signal.signal(signal.SIGXCPU, signal.SIG_IGN)" + ONE_BUSY
LIMIT = {"cpu_time_limit": 1, "cpu_extra_time": 0, "wall_time_limit": 15}


@pytest.fixture(scope="module")
def timed(engine: Engine) -> list[dict]:
    """What became of each, run side by side."""
    asked = [
        (TWO_BUSY, {TIME: True}),
        (TWO_BUSY, {}),
        (ONE_BUSY, {TIME: True}),
        (STUBBORN, {TIME: True}),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda it: engine.run(it[0], **LIMIT, **it[1]), asked))


def test_processes_may_together_use_more_time_than_each_may(timed):
    allowed, refused, _, _ = timed
    assert (allowed["status"]["id"], allowed["stdout"]) == (3, b"done\ndone\n")
    assert float(allowed["time"]) > 1
    assert allowed[TIME] is True
    assert (refused["status"]["id"], refused[TIME]) == (5, False)


def test_a_process_that_alone_uses_more_is_over_the_limit_whatever_it_does_about_the_signal(timed):
    for result in timed[2:]:
        assert (result["status"]["id"], result["message"]) == (5, b"Time limit exceeded")
        assert result["engine"]["killed"] == "cpu"
        assert 0.9 < float(result["time"]) < 3


def test_the_address_space_of_each_process_ends_at_the_limit(engine):
    hungry = "block = bytearray(200 << 20); print('had it')"
    result = engine.run(hungry, memory_limit=100_000, **{MEMORY: True})
    assert (result["status"]["id"], result["exit_code"]) == (11, 1)
    assert b"MemoryError" in result["stderr"]
    two = "import os\nif os.fork(): os.wait()\nblock = bytearray(60 << 20); block[::4096] = b'x' * len(block[::4096])"
    assert engine.run(two, memory_limit=100_000, **{MEMORY: True})["status"]["id"] == 3
