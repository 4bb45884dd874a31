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

from execution import interaction, languages, scoring
from execution.checker_programs import Checks, Judgement
from execution.checkers import check
from execution.errors import BackendFault, CheckerFailed, JudgingError, LanguageUnavailable
from execution.groups import Group, Tree, tree_of
from execution.pool import Ran, Ticket
from execution.types import (
    Case,
    Checker,
    Difference,
    Finished,
    Judged,
    Limits,
    Program,
    Run,
    RunPolicy,
    Scoring,
    Step,
    Submitted,
    Verdict,
)

WINDOW_MAX = 20
MOST_POINTS = Decimal(10) ** 9

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
    groups: Sequence[Group] = (),
    resume: Iterable[Step] = (),
    window_max: int = WINDOW_MAX,
) -> Generator[tuple[Step, ...], None, None]:
    """Judges the program, in steps; those that are known at the same moment come together. The last step is
    `Finished`, and every case has had one `Judged` by then.

    `groups`, where there are any, say which cases are run and what they are worth, else `policy` does; `scoring` how
    verdict and points become a score.
    `limits` are the question's; the language's factor is applied here. Store what came before taking more:
    `resume` is what an interrupted judging stored, in order. What it judged is neither run nor yielded again, and
    what it submitted is asked for where it went. Close the iterator to stop.

    Where a failure may stop judging, a window of 1, 2, 4 … `window_max` cases is run at once, so that an early one
    costs little and a right program gets batches; where all are run it starts with `window_max`. Raises the errors
    of `execution.errors`, whereupon all that was yielded still holds, and ValueError when there is no case. Where all
    are run, whatever the servers can run is judged before that, though not in order.
    """
    language = languages.find(program.language)
    if language is None:
        raise LanguageUnavailable(f"There is no language {program.language!r}.")
    if not cases:
        raise ValueError("There is nothing to judge by: no cases.")
    stored = list(resume)
    tree = tree_of(cases, policy, groups, checker)
    standing = _Standing(cases, tree, scoring, limits.total_ms)
    for item in stored:
        if isinstance(item, Judged):
            standing.note(item)
    program = interaction.joined(program, checker, cases)
    placed = _tickets(stored, "run")
    checks = _checks(checker, backends, _tickets(stored, "check"))
    ruling = _Ruling(checker, checks, is_bounded=tree.is_bounded)

    def run(inputs: Inputs) -> Generator[Submitted | list[Ran], None, None]:
        tickets = {index: placed[index] for index in inputs if index in placed}
        return backends.run(program, inputs, language.limits(limits), tickets)

    def end() -> tuple[Finished, ...]:
        return (standing.finished(),) if standing.is_whole() else ()

    window = window_max if tree.runs_all else 1
    failure: JudgingError | None = None
    if standing.is_whole():
        yield end()
    while todo := standing.todo():
        some = standing.first(todo, max(window, sum(case.index in placed for case in todo)))
        try:
            for steps in _judge_some(some, standing, ruling, run):
                yield *steps, *end()
        except CheckerFailed:
            raise
        except JudgingError as error:
            failure = failure or error
            standing.lose(some)
            if not tree.runs_all or all(case.index in standing.lost for case in some):
                raise failure from None
        window = min(2 * window, window_max)
    if failure is not None and not standing.is_whole():
        raise failure


def replayed(
    judged: Iterable[Judged],
    cases: Sequence[Case],
    *,
    limits: Limits,
    checker: Checker,
    policy: RunPolicy,
    scoring: Scoring,
    groups: Sequence[Group] = (),
) -> Finished:
    """What judging by these rules would have ended with, where all cases have been judged by rules that skip fewer."""
    known = {one.index: one for one in judged}
    standing = _Standing(cases, tree_of(cases, policy, groups, checker), scoring, limits.total_ms)
    for case in standing.cases:
        standing.note(_not_run(case) if standing.skips(case) else known[case.index])
    return standing.finished()


def _not_run(case: Case) -> Judged:
    return Judged(case.index, None, Verdict.SK, Decimal(0))


def _checks(checker: Checker, backends: Backends, placed: Mapping[int, Ticket]) -> Checks | None:
    if checker.program is None or checker.program.interactive:
        return None
    return Checks(checker.program, checker.arguments, backends.run, placed)


def _tickets(stored: Iterable[Step], role: str) -> dict[int, Ticket]:
    """Where each case was sent last, to be run or to be checked."""
    return {
        index: Ticket(item.backend, token)
        for item in stored
        if isinstance(item, Submitted) and item.role == role
        for index, token in zip(item.indexes, item.tokens, strict=True)
    }


def _judge_some(
    cases: Sequence[Case],
    standing: "_Standing",
    ruling: "_Ruling",
    run: Callable[[Inputs], Generator[Submitted | list[Ran], None, None]],
) -> Iterator[tuple[Submitted | Judged, ...]]:
    """Runs these cases at once and judges them in order; leaves as soon as the rest of them need no run."""
    order = deque(cases)
    arrived: dict[int, Ran] = {}
    inputs = {case.index: case.input for case in cases if not standing.skips(case)}
    if skipped := _judge_arrived(order, arrived, standing, ruling):
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
                if judged := _judge_arrived(order, arrived, standing, ruling):
                    yield judged
                if not order:
                    return
            while order:
                if some := ruling.awaited(order, arrived, standing):
                    yield from ruling.look(some)
                judged = _judge_arrived(order, arrived, standing, ruling)
                if not judged and not some:
                    return  # the others did not come back
                if judged:
                    yield judged
        except CheckerFailed:
            raise
        except JudgingError:
            if standing.tree.runs_all:
                while some := ruling.awaited(order, arrived, standing):
                    yield from ruling.look(some)
            if standing.tree.runs_all and (judged := _judge_out_of_order(order, arrived, standing, ruling)):
                yield judged
            raise


def _judge_arrived(
    order: deque[Case], arrived: dict[int, Ran], standing: "_Standing", ruling: "_Ruling"
) -> tuple[Judged, ...]:
    """As many from the front of `order` as can be decided now. Raises what keeps the first of them from it."""
    decided: list[Judged] = []
    while order:
        if standing.skips(order[0]):
            judged = _not_run(order[0])
        elif (ran := arrived.get(order[0].index)) and not ruling.awaits(order[0], ran):
            try:
                judged = ruling.decide(order[0], ran, first=standing.is_untouched())
            except JudgingError:
                if not decided:
                    raise
                break
        else:
            break
        order.popleft()
        decided.append(standing.note(judged))
    return tuple(decided)


def _judge_out_of_order(
    order: Iterable[Case], arrived: dict[int, Ran], standing: "_Standing", ruling: "_Ruling"
) -> tuple[Judged, ...]:
    """What came back of these, where what is missing between them will not come any more."""
    decided: list[Judged] = []
    for case in order:
        ran = arrived.get(case.index)
        if ran is None or ran.run.failure is Verdict.CE or standing.skips(case) or ruling.awaits(case, ran):
            continue
        judged = ruling.decide(case, ran, first=standing.is_untouched())
        decided.append(standing.note(judged))
    return tuple(decided)


class _Ruling:
    """Whether what a program did on a case is right: by a rule at once, by an author's checker after it has looked."""

    def __init__(self, checker: Checker, checks: Checks | None, *, is_bounded: bool) -> None:
        """`is_bounded`: no case earns more than its points, whatever an author's checker says."""
        self.is_bounded = is_bounded
        self.checker = checker
        self.checks = checks

    def awaits(self, case: Case, ran: Ran) -> bool:
        return self.checks is not None and self.checks.awaits(case, ran.run)

    def awaited(
        self, cases: Iterable[Case], arrived: Mapping[int, Ran], standing: "_Standing"
    ) -> list[tuple[Case, Run]]:
        """What the author's checker is to look at, in order."""
        some = [
            (case, arrived[case.index])
            for case in cases
            if case.index in arrived and not standing.skips(case)
        ]
        return [(case, ran.run) for case, ran in some if self.awaits(case, ran)]

    def look(self, some: Sequence[tuple[Case, Run]]) -> Iterator[tuple[Submitted]]:
        assert self.checks is not None  # else nothing awaits it
        for submitted in self.checks.look(some):
            yield (submitted,)

    def decide(self, case: Case, ran: Ran, *, first: bool) -> Judged:
        """Raises CheckerFailed, and BackendFault where a program that has run does not compile any more: servers
        differ, and that is ours.
        """
        run = ran.run
        if run.failure is Verdict.CE and not first:
            raise BackendFault("Judges do not agree on whether it compiles.")
        judged = self._judged(case, ran)
        if first or judged.verdict is Verdict.CE:
            return judged
        return replace(
            judged, run=replace(run, compile_output=b"")
        )  # the same warnings for all; the first has them

    def _judged(self, case: Case, ran: Ran) -> Judged:
        run = ran.run
        author = self.checker.program
        if author and author.interactive and (heard := interaction.judgement(author, case, run)):
            return self._as_found(case, ran, heard)
        if run.failure is not None or case.answer is None:
            verdict = run.failure or Verdict.AC
            return Judged(case.index, run, verdict, scoring.earned(case, verdict), ran.backend)
        if self.checks is None:
            difference = self._compare(case, run.output, case.answer())
            verdict = Verdict.WA if difference else Verdict.AC
            return Judged(case.index, run, verdict, scoring.earned(case, verdict), ran.backend, difference)
        return self._as_found(case, ran, self.checks.judgement(case))

    def _as_found(self, case: Case, ran: Ran, found: Judgement) -> Judged:
        verdict = Verdict.WA if found.difference else Verdict.AC
        points = scoring.earned(case, verdict) if found.points is None or found.difference else found.points
        most = scoring.earned(case, Verdict.AC)
        if self.is_bounded and points > most:
            given = f"{points.normalize():f} points, of {most.normalize():f} at most"
            raise CheckerFailed(f"The checker gave case {case.index} {given}.", case=case.index)
        return Judged(case.index, ran.run, verdict, points, ran.backend, found.difference, found.feedback)

    def _compare(self, case: Case, output: bytes, answer: bytes) -> Difference | None:
        checker = self.checker
        if case.arguments is not None:
            checker = replace(checker, arguments=case.arguments)
        try:
            return check(checker, output, answer)
        except ValueError as error:
            raise CheckerFailed(
                f"The checker's arguments for case {case.index} are wrong.", case=case.index, notes=str(error)
            ) from error


class _Standing:
    """What is decided so far, and therefore which cases are still to be run."""

    def __init__(self, cases: Sequence[Case], tree: Tree, rule: Scoring, total_ms: int) -> None:
        self.cases = sorted(cases, key=lambda case: case.index)
        self.tree = tree
        self.rule = rule
        self.total_ms = total_ms
        self.judged: dict[int, Judged] = {}
        self.used_ms = 0
        self.out_of_time = False
        self.lost: set[int] = set()

    def note(self, judged: Judged) -> Judged:
        """The same with what it comes to; raises CheckerFailed where a group gets more points than it has."""
        points = self.tree.earns(judged.index, judged.verdict)
        noted = judged if points is None else replace(judged, points=points)
        self.judged[judged.index] = noted
        if judged.verdict is Verdict.CE:
            self.tree.cut(Verdict.CE, judged.index)
        self.tree.note(noted)
        if judged.run is not None:
            self._use(judged.index, judged.run.time_ms)
        so_far = self.tree.points
        if max(abs(noted.points), abs(so_far)) > MOST_POINTS:
            raise CheckerFailed("There are more points than can be kept.", case=judged.index)
        return replace(
            noted,
            points_so_far=so_far,
            score_so_far=scoring.so_far(so_far, self.tree.maximum),
            groups=self.tree.standings_around(judged.index),
        )

    def _use(self, index: int, time_ms: int) -> None:
        self.used_ms += time_ms
        if self.used_ms > self.total_ms and any(not self.skips(case) for case in self.todo()):
            self.out_of_time = True
            self.tree.cut(Verdict.TLE, index)

    def skips(self, case: Case) -> bool:
        return self.tree.skips(case)

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

    def finished(self) -> Finished:
        end, points, out_of = self.tree.result, self.tree.points, self.tree.maximum
        score = scoring.score(self.rule, verdict=end.verdict, points=points, out_of=out_of)
        reason = "total_runtime" if self.out_of_time else ""
        return Finished(end.verdict, score, reason, points, end.case)
