"""What these tests share: fake servers, pools of them that do not dawdle, and short ways to say cases."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from execution.judge import judge
from execution.pool import Backend, Patience, Pool
from execution.types import (
    Case,
    Checker,
    Finished,
    Judged,
    Limits,
    Program,
    RunPolicy,
    Scoring,
    Step,
    Submitted,
    Verdict,
)
from tests.fakes import FakeJudge0, echo

PYTHON = Program("python", b"print(input())")
LIMITS, TOKENS, WEIGHTED = Limits(), Checker(), Scoring()
PATIENT = Patience()
HASTY = Patience(compile_s=0.05, margin_s=0.05, queue_s=2.0, busy_s=0.3)


@pytest.fixture
def fake() -> Iterator[Callable[..., FakeJudge0]]:
    """Starts fake servers; they stop with the test."""
    with ExitStack() as stack:

        def start(program: Any = echo, **options: Any) -> FakeJudge0:
            return stack.enter_context(FakeJudge0(program, **options))

        yield start


def pool_of(
    *servers: FakeJudge0 | str | Sequence[FakeJudge0], patience: Patience = PATIENT, **options: Any
) -> Pool:
    """Of servers in the order in which they are tried; several together are equals."""
    backends = [
        Backend(one if isinstance(one, str) else one.url, rank=rank)
        for rank, equals in enumerate(servers)
        for one in ([equals] if isinstance(equals, str | FakeJudge0) else equals)
    ]
    quick = {"connect_timeout_s": 1.0, "read_timeout_s": 0.5, "poll_min_s": 0.001, "poll_max_s": 0.02}
    return Pool(backends, patience=patience, **(quick | options))


def cases(
    answers: Sequence[bytes | None],
    *,
    groups: Sequence[str] | None = None,
    points: Sequence[int] | None = None,
) -> list[Case]:
    """One case for each answer; its input is its index, so `echo` is right where the answer is the index."""
    return [
        Case(
            index,
            input=lambda index=index: b"%d\n" % index,  # type: ignore[misc]
            answer=None if answer is None else (lambda answer=answer: answer),  # type: ignore[misc]
            group=groups[index - 1] if groups else "",
            points=Decimal(points[index - 1] if points else 1),
        )
        for index, answer in enumerate(answers, 1)
    ]


def right(count: int) -> list[bytes | None]:
    """Answers that `echo` gives."""
    return [b"%d" % index for index in range(1, count + 1)]


def wrong_at(count: int, *failing: int) -> list[bytes | None]:
    return [b"something else" if index in failing else b"%d" % index for index in range(1, count + 1)]


def one_by_one(together: Any) -> Iterator[Any]:
    """The items of what comes in lists and tuples, also what does not; closing this closes that."""
    with closing(together):
        for items in together:
            yield from items if isinstance(items, (list, tuple)) else [items]


def judging(
    pool: Any,
    some: Sequence[Case],
    *,
    program: Program = PYTHON,
    limits: Limits = LIMITS,
    checker: Checker = TOKENS,
    policy: RunPolicy = RunPolicy.FAIL_FAST,
    scoring: Scoring = WEIGHTED,
    **more: Any,
) -> Iterator[Step]:
    """What judging yields, step by step."""
    return one_by_one(
        judge(
            program,
            some,
            limits=limits,
            checker=checker,
            policy=policy,
            scoring=scoring,
            backends=pool.access() if isinstance(pool, Pool) else pool,
            **more,
        )
    )


def judged_by(pool: Any, some: Sequence[Case], **more: Any) -> list[Step]:
    """Everything that judging yields."""
    return list(judging(pool, some, **more))


def told_before(steps: Iterator[Any], error: type[Exception]) -> list[Any]:
    """What came until this error was raised."""
    told: list[Any] = []
    with pytest.raises(error):
        told.extend(steps)
    return told


def verdicts(steps: Sequence[Step]) -> str:
    """Of the cases, in the order in which they came: "AC WA SK"."""
    return " ".join(step.verdict for step in steps if isinstance(step, Judged))


def submitted(steps: Sequence[Step]) -> list[Submitted]:
    return [step for step in steps if isinstance(step, Submitted)]


def judgings(steps: Sequence[Step]) -> list[Judged]:
    return [step for step in steps if isinstance(step, Judged)]


def finish(steps: Sequence[Step]) -> Finished:
    """How it ended, without points and the case that decided it."""
    return replace(last(steps), points=Decimal(0), decided_by=None)


def last(steps: Sequence[Step]) -> Finished:
    assert isinstance(steps[-1], Finished)
    return steps[-1]


def ended(verdict: Verdict, score: str | None, reason: str = "") -> Finished:
    return Finished(verdict, None if score is None else Decimal(score), reason)
