"""What was recorded of how long the embedded engine is at a run, by language: `service_times.json`.

`python -m benchmarks.record_service_times` records it anew.
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

RECORD = Path(__file__).with_name("service_times.json")


@dataclass(frozen=True)
class Times:
    """Seconds that a slot was occupied: by each first case of a batch, and by each other."""

    first_s: list[float]
    next_s: list[float]

    @property
    def compile_s(self) -> float:
        """What a first case takes longer than others, at the median."""
        return max(0.0, statistics.median(self.first_s) - statistics.median(self.next_s))

    @property
    def run_s(self) -> float:
        return statistics.median(self.next_s)

    def submission_s(self, cases: int) -> float:
        """What a fresh program occupies slots for, on the average."""
        return statistics.mean(self.first_s) + (cases - 1) * statistics.mean(self.next_s)


def recorded() -> dict[str, Times]:
    """By language."""
    return {slug: Times(**times) for slug, times in json.loads(RECORD.read_text())["languages"].items()}
