"""Judging one program against its cases: which cases are run, when judging stops, and what comes out.

    judge(…) → (Submitted,), (Judged, Judged), (Submitted,), (Judged,), … (Judged, Finished)

The pool decides where a case is run, a checker whether its output is right, `scoring` what that is worth. Nothing
here knows rows, users or HTTP. Verdicts come in the cases' order, and do not depend on how many were run at once.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from execution import languages, scoring
from execution.checkers import check
from execution.errors import BackendFault, JudgingError, LanguageUnavailable
from execution.pool import Ran, Ticket
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

WINDOW_MAX = 20

Inputs = Mapping[int, Callable[[], bytes]]  # by the case's index; read when the case is sent


class Backends(Protocol):
    """What runs programs; `execution.pool.Pool` is one."""

    def run(
        self,
        program: Program,
        inputs: Inputs,
        limits: Limits,
        placed: Mapping[int, Ticket] | None = None,
    ) -> Generator[Submitted | list[Ran], None, None]: ...


def judge(
    program: Program,
    cases: Sequence[Case],
    *,
    limits: Limits,
    checker: Checker,
    policy: RunPolicy,
    scoring: Scoring,
    backends: Backends,
    resume: Iterable[Step] = (),
    window_max: int = WINDOW_MAX,
) -> Generator[tuple[Step, ...], None, None]:
    """Judges the program, in steps; those that are known at the same moment come together. The last step is
    `Finished`, and every case has had one `Judged` by then.

    `limits` are the question's; the language's factor is applied here. Store what came before taking more:
    `resume` is what an interrupted judging stored, in order. What it judged is neither run nor yielded again, and
    what it submitted is asked for where it went. Close the iterator to stop.

    Under FAIL_FAST a window of 1, 2, 4 … `window_max` cases is run at once, so that an early failure costs little
    and a right program gets batches; RUN_ALL starts with `window_max`. Raises the errors of `execution.errors`,
    whereupon all that was yielded still holds, and ValueError when there is no case. Under RUN_ALL whatever the
    servers can run is judged before that, though not in order.
    """
    language = languages.find(program.language)
    if language is None:
        raise LanguageUnavailable(f"There is no language {program.language!r}.")
    if not cases:
        raise ValueError("There is nothing to judge by: no cases.")
    stored = list(resume)
    standing = _Standing(cases, policy, limits.total_ms)
    for item in stored:
        if isinstance(item, Judged):
            standing.note(item)
    placed = _tickets(stored)

    def run(inputs: Inputs) -> Generator[Submitted | list[Ran], None, None]:
        tickets = {index: placed[index] for index in inputs if index in placed}
        return backends.run(program, inputs, language.limits(limits), tickets)

    def end() -> tuple[Finished, ...]:
        return (standing.finished(scoring),) if standing.is_whole() else ()

    window = window_max if policy is RunPolicy.RUN_ALL else 1
    failure: JudgingError | None = None
    if standing.is_whole():
        yield end()
    while todo := standing.todo():
        some = standing.first(todo, max(window, sum(case.index in placed for case in todo)))
        try:
            for steps in _judge_some(some, standing, checker, run):
                yield *steps, *end()
        except JudgingError as error:
            failure = failure or error
            standing.lose(some)
            if policy is not RunPolicy.RUN_ALL or all(case.index in standing.lost for case in some):
                raise failure from None
        window = min(2 * window, window_max)
    if failure is not None and not standing.is_whole():
        raise failure


def _tickets(stored: Iterable[Step]) -> dict[int, Ticket]:
    """Where each case was sent last."""
    return {
        index: Ticket(item.backend, token)
        for item in stored
        if isinstance(item, Submitted)
        for index, token in zip(item.indexes, item.tokens, strict=True)
    }


def _judge_some(
    cases: Sequence[Case],
    standing: "_Standing",
    checker: Checker,
    run: Callable[[Inputs], Generator[Submitted | list[Ran], None, None]],
) -> Iterator[tuple[Submitted | Judged, ...]]:
    """Runs these cases at once and judges them in order; leaves as soon as the rest of them need no run."""
    order = deque(cases)
    arrived: dict[int, Ran] = {}
    inputs = {case.index: case.input for case in cases if not standing.skips(case)}
    if skipped := _judge_arrived(order, arrived, standing, checker):
        yield skipped
    if not order:
        return
    with closing(run(inputs)) as steps:
        try:
            for step in steps:
                if isinstance(step, Submitted):
                    yield (step,)
                    continue
                for ran in step:
                    # What does not compile would not have compiled for the first case either.
                    is_first = ran.run.failure is Verdict.CE and standing.is_untouched()
                    arrived[order[0].index if is_first else ran.index] = ran
                if judged := _judge_arrived(order, arrived, standing, checker):
                    yield judged
                if not order:
                    return
        except JudgingError:
            if standing.policy is RunPolicy.RUN_ALL and (
                judged := _judge_out_of_order(order, arrived, standing, checker)
            ):
                yield judged
            raise


def _judge_arrived(
    order: deque[Case], arrived: dict[int, Ran], standing: "_Standing", checker: Checker
) -> tuple[Judged, ...]:
    """As many from the front of `order` as can be decided now."""
    decided: list[Judged] = []
    while order:
        if standing.skips(order[0]):
            judged = Judged(order[0].index, None, Verdict.SK, Decimal(0))
        elif order[0].index in arrived:
            judged = _decide(order[0], arrived[order[0].index], checker, first=standing.is_untouched())
        else:
            break
        order.popleft()
        standing.note(judged)
        decided.append(judged)
    return tuple(decided)


def _judge_out_of_order(
    order: Iterable[Case], arrived: dict[int, Ran], standing: "_Standing", checker: Checker
) -> tuple[Judged, ...]:
    """What came back of these, where what is missing between them will not come any more."""
    decided: list[Judged] = []
    for case in order:
        ran = arrived.get(case.index)
        if ran is None or ran.run.failure is Verdict.CE or standing.skips(case):
            continue
        judged = _decide(case, ran, checker, first=standing.is_untouched())
        standing.note(judged)
        decided.append(judged)
    return tuple(decided)


def _decide(case: Case, ran: Ran, checker: Checker, *, first: bool) -> Judged:
    """Raises BackendFault where a program that has run does not compile any more: servers differ, and that is ours."""
    run = ran.run
    if run.failure is Verdict.CE and not first:
        raise BackendFault("Judges do not agree on whether it compiles.")
    difference = None
    if run.failure is None and case.answer is not None:
        difference = check(checker, run.output, case.answer())
    verdict = run.failure or (Verdict.WA if difference else Verdict.AC)
    if not first and verdict is not Verdict.CE:
        run = replace(run, compile_output=b"")  # the same warnings for every case; the first one has them
    return Judged(case.index, run, verdict, scoring.earned(case, verdict), ran.backend, difference)


class _Standing:
    """What is decided so far, and therefore which cases are still to be run."""

    def __init__(self, cases: Sequence[Case], policy: RunPolicy, total_ms: int) -> None:
        self.cases = sorted(cases, key=lambda case: case.index)
        self.policy = policy
        self.total_ms = total_ms
        self.judged: dict[int, Judged] = {}
        self.used_ms = 0
        self.stopped = False
        self.out_of_time = False
        self.failed_groups: set[str] = set()
        self.lost: set[int] = set()

    def note(self, judged: Judged) -> None:
        self.judged[judged.index] = judged
        if judged.run is None:
            return
        self.used_ms += judged.run.time_ms
        if judged.verdict is Verdict.CE:
            self.stopped = True
        elif judged.verdict is not Verdict.AC:
            self._note_failure(judged.index)
        if self.used_ms > self.total_ms and any(not self.skips(case) for case in self.todo()):
            self.stopped = self.out_of_time = True

    def _note_failure(self, index: int) -> None:
        if self.policy is RunPolicy.FAIL_FAST:
            self.stopped = True
        elif self.policy is RunPolicy.FAIL_FAST_PER_GROUP:
            self.failed_groups.add(next(case.group for case in self.cases if case.index == index))

    def skips(self, case: Case) -> bool:
        return self.stopped or case.group in self.failed_groups

    def is_untouched(self) -> bool:
        return not self.judged

    def lose(self, cases: Iterable[Case]) -> None:
        """Those of them that are not judged: no server can run them."""
        self.lost |= {case.index for case in cases if case.index not in self.judged}

    def is_whole(self) -> bool:
        return len(self.judged) == len(self.cases)

    def todo(self) -> list[Case]:
        """What is lost need not be run where it is skipped anyway."""
        left = [case for case in self.cases if case.index not in self.judged]
        return [case for case in left if case.index not in self.lost or self.skips(case)]

    def first(self, todo: Sequence[Case], size: int) -> list[Case]:
        """The first cases that hold `size` to be run, and those to be skipped between them."""
        chosen: list[Case] = []
        for case in todo:
            if not self.skips(case):
                if not size:
                    break
                size -= 1
            chosen.append(case)
        return chosen

    def finished(self, rule: Scoring) -> Finished:
        verdicts = [self.judged[case.index].verdict for case in self.cases]
        verdict = Verdict.TLE if self.out_of_time else scoring.overall(verdicts)
        points = sum((judged.points for judged in self.judged.values()), Decimal(0))
        score = scoring.score(rule, verdict=verdict, points=points, out_of=scoring.obtainable(self.cases))
        return Finished(verdict, score, "total_runtime" if self.out_of_time else "")
