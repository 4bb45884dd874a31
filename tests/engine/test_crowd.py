"""Many submissions at once: each is judged in its turn, what is too much is refused, and nothing is left over."""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from .conftest import C, Engine, cgroups_of, processes_with, ready, start_process, started_engine, wait_until

WHEN = r"""
#include <stdio.h>
#include <time.h>
int main(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    printf("%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
}
"""
"""Tells when it began."""

SLEEPING = """
#include <unistd.h>
int main(void) { fork(); sleep(300); }
"""
BATCH = 20
CROWD = 200
ENDED = 3


def submitted(engine: Engine, count: int, source: str = WHEN, **parameters: Any) -> list[str]:
    """The tokens of `count` submissions, in their order."""
    tokens: list[str] = []
    item = {"source_code": source, "language_id": C, **parameters}
    for start in range(0, count, BATCH):
        answer = engine.post("/submissions/batch", json={"submissions": [item] * min(BATCH, count - start)})
        assert answer.status_code == 201, answer.text
        tokens += [one["token"] for one in answer.json()]
    return tokens


def begins(engine: Engine, tokens: list[str]) -> list[int]:
    """When each of them began, in nanoseconds, once all are judged; all must have been accepted."""
    found: list[int] = []
    for start in range(0, len(tokens), BATCH):
        listed = ",".join(tokens[start : start + BATCH])

        def shown(listed: str = listed) -> list[dict[str, Any]]:
            path = f"/submissions/batch?tokens={listed}&fields=status_id,stdout"
            results: list[dict[str, Any]] = engine.get(path).json()["submissions"]
            return results

        wait_until(lambda shown=shown: all(one["status_id"] >= ENDED for one in shown()), seconds=60)
        assert {one["status_id"] for one in shown()} == {ENDED}
        found += [int(one["stdout"]) for one in shown()]
    return found


def most_overtaken(moments: list[int]) -> int:
    """How many places before its turn one began at most, where `moments` are in the order of arrival."""
    places = {moment: place for place, moment in enumerate(sorted(moments))}
    return max(turn - places[moment] for turn, moment in enumerate(moments))


def descriptors_of(engine: Engine) -> int:
    return len(os.listdir(f"/proc/{engine.process.pid}/fd"))


def largest_mb(engine: Engine) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{engine.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


def groups_of_runs(engine: Engine) -> list[Path]:
    """The directories in which a running engine makes its runs' control groups, found at one of its runs."""
    for child in psutil.Process(engine.process.pid).children(recursive=True):
        try:
            found = cgroups_of(child.pid)
        except OSError:
            continue
        if found:
            return [group.parent for group in found]
    return []


@pytest.fixture
def small(run_dir) -> Iterator[Engine]:
    """An engine of two slots, which has compiled `WHEN`."""
    with started_engine(ENGINE_RUN_DIR=str(run_dir), JUDGE0_AUTH_TOKEN="", ENGINE_SLOTS="2") as engine:
        assert engine.run(WHEN, C)["status_id"] == ENDED
        yield engine


def test_of_two_hundred_at_once_none_is_lost_each_begins_in_its_turn_and_nothing_is_left(small, run_dir):
    files = sorted(run_dir.rglob("*"))
    descriptors = descriptors_of(small)
    tokens = submitted(small, CROWD)
    groups: list[Path] = []
    if "cgroup v" in small.announcement:
        wait_until(lambda: groups.extend(groups_of_runs(small)) or groups)
    moments = begins(small, tokens)

    assert len(moments) == len(set(tokens)) == CROWD
    # The one in the other slot may have been given it before, and begin after.
    assert most_overtaken(moments) <= 1
    assert largest_mb(small) < 150
    assert descriptors_of(small) == descriptors
    assert psutil.Process(small.process.pid).children(recursive=True) == []
    assert [path for group in groups for path in group.glob("run-*")] == []
    assert sorted(run_dir.rglob("*")) == files


def test_with_a_queue_of_100_exactly_the_excess_is_refused_and_one_slot_keeps_the_order():
    settings = {"ENGINE_MAX_QUEUE": "100", "ENGINE_SLOTS": "1", "JUDGE0_AUTH_TOKEN": ""}
    with started_engine(**settings) as engine:
        assert engine.run(WHEN, C)["status_id"] == ENDED
        [keeping_busy] = submitted(engine, 1, "#include <unistd.h>\nint main(void) { sleep(3); }")
        wait_until(lambda: is_running(engine, keeping_busy))
        tokens = submitted(engine, 100)
        item = {"source_code": WHEN, "language_id": C}
        refused = [
            *(engine.post("/submissions", json=item) for _ in range(5)),
            engine.post("/submissions/batch", json={"submissions": [item, item]}),
        ]
        assert is_running(engine, keeping_busy), "this machine is too slow for this test"
        assert {(one.status_code, one.text) for one in refused} == {(503, '{"error":"queue is full"}')}
        moments = begins(engine, tokens)
        assert moments == sorted(moments)
        assert engine.post("/submissions", json=item).status_code == 201


def sleeping(marker: str) -> list[int]:
    """The programs themselves, without what surrounds them."""
    found = []
    for pid in processes_with(marker):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"./a.out\0"):
                found.append(pid)
    return found


def is_running(engine: Engine, token: str) -> bool:
    return engine.get(f"/submissions/{token}?fields=status_id").json()["status_id"] == 2


def test_killed_while_twenty_programs_run_nothing_of_theirs_lives_on_or_is_there_after_a_restart(run_dir):
    marker = uuid.uuid4().hex
    settings = {"ENGINE_RUN_DIR": str(run_dir), "JUDGE0_AUTH_TOKEN": ""}
    with ready(start_process("--port", "0", "--slots", "20", **settings)) as engine:
        submitted(engine, 20, SLEEPING, command_line_arguments=marker)
        wait_until(lambda: len(sleeping(marker)) == 40, seconds=30)
        groups = [group for pid in sleeping(marker) for group in cgroups_of(pid)]
        assert bool(groups) == ("cgroup v" in engine.announcement)
        engine.process.kill()
        engine.process.wait(timeout=10)
        killed = time.monotonic()
        wait_until(lambda: not processes_with(marker), seconds=1)
        assert time.monotonic() - killed < 1.5
        [before] = run_dir.iterdir()
    with started_engine(**settings) as engine:
        assert engine.run('#include <stdio.h>\nint main(void) { puts("anew"); }', C)["stdout"] == b"anew\n"
        if not any(seat_of(path) == seat_of(before) and path != before for path in run_dir.iterdir()):
            pytest.skip("another engine of this machine has taken the dead one's seat meanwhile")
        assert not before.exists()
        assert not any(group.exists() for group in groups)


def seat_of(directory: Path) -> str:
    return directory.name.rpartition("-")[0]
