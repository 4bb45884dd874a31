"""Record how long the embedded engine is at a run, by language, for simulated servers to tell ever after.

    python -m benchmarks.record_service_times [LANGUAGE …]     writes benchmarks/service_times.json

An engine with one slot judges batches of a program that it has not seen before. The first case of a batch pays for
the compilation; of all others the time between two ends is how long one occupied the slot: to start the sandbox, to
run the program, to tidy up. The programs are those of probes, which add two numbers: the least that a run costs in a
language. What learners' programs compute comes on top.
"""

import json
import os
import platform
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.engine import Client, encoded, engine
from benchmarks.service_times import RECORD, Times
from execution import languages
from execution.probes import PROGRAMS

RECORDED = ("python", "c", "cpp", "java", "javascript", "go", "rust")
BATCHES = 5
CASES = 20


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    return f"{os.cpu_count()} CPUs, {model}, Linux {platform.release()}, Python {platform.python_version()}"


def main(slugs: Sequence[str]) -> None:
    with engine(ENGINE_LANGUAGES=",".join(slugs), ENGINE_SLOTS="1") as started:
        client = started.client()
        found = {slug: _measured(client, slug) for slug in slugs}
    record = {
        "recorded_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "programs": "of probes: they add two numbers",
        "languages": {slug: asdict(times) for slug, times in found.items()},
    }
    RECORD.write_text(json.dumps(record) + "\n")
    for slug, times in found.items():
        print(f"{slug:<12} compile {times.compile_s * 1000:5.0f} ms   run {times.run_s * 1000:5.0f} ms")


def _measured(client: Client, slug: str) -> Times:
    number = _number(client, slug)
    _batch(client, slug, number)  # not the very first, which also loads the compiler from the disk
    times = Times([], [])
    for _ in range(BATCHES):
        first, *others = _batch(client, slug, number)
        times.first_s.append(first)
        times.next_s.extend(others)
    return times


def _number(client: Client, slug: str) -> int:
    language = languages.find(slug)
    assert language is not None
    offered = client.ask("GET", "/languages")
    return next(int(one["id"]) for one in offered if language.judge0_name.match(one["name"]))


def _batch(client: Client, slug: str, number: int) -> list[float]:
    """Seconds that each case of a fresh program took, in their order."""
    source = PROGRAMS[slug].format(comment=secrets.token_hex(8))
    item: dict[str, Any] = {"source_code": encoded(source), "language_id": number, "stdin": encoded("1 2 0")}
    shown = client.batch([item] * CASES, "created_at,finished_at")
    ends = sorted(datetime.fromisoformat(one["finished_at"]) for one in shown)
    begins = [min(datetime.fromisoformat(one["created_at"]) for one in shown), *ends]
    return [round((end - begin).total_seconds(), 5) for begin, end in zip(begins, ends, strict=False)]


if __name__ == "__main__":
    main(sys.argv[1:] or RECORDED)
