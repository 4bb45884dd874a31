"""The worker, then the engine, of a running platform is killed while ten submissions are judged."""

import time

import pytest

from tests.clients import Learner

RIGHT = """
import time
a, b = map(int, input().split())
until = time.process_time() + 0.1
while time.process_time() < until:
    pass
print(a + b)
"""
WRONG = RIGHT.replace("a + b", "abs(a) + abs(b)")
BROKEN = RIGHT.replace("print(a + b)", "raise SystemExit(3)")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("victim", [("judge_worker", "default"), ("runengine",)], ids=["worker", "engine"])
def test_killed_in_the_middle_of_ten_submissions_all_ten_end_once_in_the_right_verdict(stack, victim):
    """S0.15, S1.5 (in part): the supervisor starts it again; what was being judged is judged all the same."""
    learner = Learner(stack.url, *stack.learner)
    programs = [(RIGHT, "AC"), (WRONG, "WA"), (RIGHT, "AC"), (BROKEN, "RTE"), (RIGHT, "AC")] * 2
    ids = [learner.submit("sum", "python", source) for source, _ in programs]
    while sum(learner.get(pk)["status"] == "running" for pk in ids) < 2:
        time.sleep(0.02)

    stack.child(*victim).kill()

    found = [learner.wait(pk, 120) for pk in ids]
    assert [one["verdict"] for one in found] == [verdict for _, verdict in programs]
    for pk, one in zip(ids, found, strict=True):
        assert [case["index"] for case in one["results"]] == list(range(1, one["cases"]["total"] + 1))
        numbers = [event["seq"] for event in learner.events(pk)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert [event["final"] for event in learner.events(pk)].count(True) == 1
