"""How much a rejudge of a thousand submissions delays learners.

    python benchmarks/rejudge.py [--json] [--samples N]

A whole platform is started for it (SQLite, Redis, two workers, web, the engine). A learner submits a small program
again and again and waits for its verdict: while nothing else is judged, then while a thousand submissions that each
use some CPU time are rejudged. The goal is the issue's: no submit waits for more than one window of a rejudge, here
all the cases of one of these programs, as long as it takes while the platform is idle.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.pop(0)  # this directory, in which `platform` is not the standard library's
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import requests

from benchmarks.figures import Figure, at_most, beside, show
from judgeplatform.stack import free_port
from tests.platform.running import RunningPlatform, manage

REJUDGED = 1000
SAMPLES = 60
LIGHT = "print(sum(map(int, input().split())))"
HEAVY = f"import time\nwhile time.process_time() < 0.3: pass\n{LIGHT}"
POLL_S = 0.01
BETWEEN_S = 0.2

PREPARE = f"""
from django.utils import timezone
from accounts.models import User
from questions.models import Question
from submissions.models import Submission
question = Question.objects.get(slug="sum")
user = User.objects.get(username="code-exec")
Submission.objects.bulk_create(
    Submission(kind="graded", question=question, user=user, language="python", source={HEAVY!r}, source_bytes=80,
               status="done", verdict="AC", score=100, attempt=1, seq=5, finished_at=timezone.now())
    for _ in range({REJUDGED})
)
"""
START = """
from accounts.models import User
from questions.models import Question
from submissions import rejudging
question = Question.objects.get(slug="sum")
rejudging.start(question=question, choice=rejudging.Choice(), user=User.objects.get(username="system"))
"""
LEFT = """
from submissions.models import Submission
print("left", Submission.objects.filter(kind="rejudge").unfinished().count())
"""


class Learner:
    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.headers["X-Code-Exec-Key"] = "benchmark"

    def judged_s(self, source: str) -> float:
        """From sending it to its verdict."""
        # No two are the same, so that nothing is compiled already.
        sent = {"question": "sum", "language": "python", "source": f"{source}  # {time.monotonic_ns()}"}
        started = time.perf_counter()
        answer = self.http.post(f"{self.url}/api/v1/submissions/", json=sent, timeout=60)
        assert answer.status_code == 202, answer.text
        address = f"{self.url}/api/v1/submissions/{answer.json()['id']}/"
        while not (found := self.http.get(address, timeout=60).json())["final"]:
            time.sleep(POLL_S)
        assert found["verdict"] == "AC", found
        return time.perf_counter() - started

    def several_s(self, source: str, count: int) -> list[float]:
        taken = []
        for _ in range(count):
            taken.append(self.judged_s(source))
            time.sleep(BETWEEN_S)
        return taken


def left(var: Path) -> int:
    """How many rejudges are not judged yet."""
    told = manage("shell", "-c", LEFT, var=var).stdout
    return int(told.rpartition("left ")[2])


def measured(samples: int) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        var = Path(scratch) / "var"
        running = RunningPlatform(
            var, free_port(), RATE_LIMIT_SUBMIT="1000000/minute", CODE_EXEC_KEY="benchmark"
        )
        try:
            running.wait_for("is ready", timeout_s=180)
            learner = Learner(running.url)
            learner.several_s(LIGHT, 5)
            alone = learner.several_s(LIGHT, samples)
            window_s = statistics.median(learner.several_s(HEAVY, 5))
            for code in (PREPARE, START):
                done = manage("shell", "-c", code, var=var)
                assert done.returncode == 0, done.stderr
            while (before := left(var)) < REJUDGED // 2:  # some are judged while the rest is made
                time.sleep(1)
            started = time.perf_counter()
            beside_it = learner.several_s(LIGHT, samples)
            took_s = time.perf_counter() - started
            after = left(var)
            assert after > 0, "all was rejudged before the learner was done"
        finally:
            running.stop()
    how = f"submit to verdict, {samples} times"
    delay_s = max(beside_it) - statistics.median(alone)
    return [
        beside(
            "window",
            window_s,
            "s",
            "one of the programs that are rejudged, alone",
        ),
        beside("alone_p50", statistics.median(alone), "s", how),
        beside("alone_worst", max(alone), "s", how),
        beside("rejudging_p50", statistics.median(beside_it), "s", f"{how}, while {REJUDGED} are rejudged"),
        beside("rejudging_worst", max(beside_it), "s", f"{how}, while {REJUDGED} are rejudged"),
        at_most(
            "worst_delay",
            delay_s,
            "s",
            round(window_s, 2),
            "rejudging_worst less alone_p50; at most one window",
        ),
        beside("rejudged", (before - after) / took_s, "/s", "rejudges meanwhile"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    options = parser.parse_args()
    show(measured(options.samples), as_json=options.json)


if __name__ == "__main__":
    main()
