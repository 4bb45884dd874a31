"""Programs that talk with an author's checker: what a server is told of the checker, and what it says understood.

    files, compile, run ─zip─▶ a server that lets programs talk (the embedded engine), with each run:
                               the case's input, its answer and the checker's arguments
    exit code, feedback ◀────  how the checker ended, beside how the program did

Who ends first decides. A checker that says no while the program still runs is right, whatever the program did when
nobody listened any more; otherwise the program's own failure counts, and only then what the checker says.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from execution import checker_programs
from execution.checker_programs import Ended, Judgement, Said
from execution.errors import BackendFault
from execution.judge0 import TALK_MS
from execution.types import Case, Checker, CheckerProgram, Interactor, Program, Protocol, Run, Verdict

INPUT, ANSWER, FEEDBACK = "input", "answer", "feedback/"
TOO_LATE = ("cpu", "wall")


def joined(program: Program, checker: Checker, cases: Sequence[Case]) -> Program:
    """The program with whom it shall talk in these cases. Raises CheckerFailed where that cannot be compiled."""
    author = checker.program
    if author is None or not author.interactive:
        return program
    interactor = Interactor(
        files=checker_programs.talking(author),
        accepts=0 if author.protocol is Protocol.TESTLIB else 42,
        time_ms=author.time_ms,
        memory_kib=author.memory_kib,
        output_kib=author.output_kib,
        answers={case.index: case.answer for case in cases if case.answer is not None},
        arguments={case.index: _arguments(author, checker, case) for case in cases},
    )
    return replace(program, interactor=interactor)


def _arguments(author: CheckerProgram, checker: Checker, case: Case) -> tuple[str, ...]:
    own = checker.arguments if case.arguments is None else case.arguments
    if author.protocol is Protocol.TESTLIB:
        return (INPUT, f"{FEEDBACK}output", ANSWER, *own)
    return (INPUT, ANSWER, FEEDBACK, *own)


def judgement(author: CheckerProgram, case: Case, run: Run) -> Judgement | None:
    """What the checker says of the case; None where the program's own failure says more.

    Raises CheckerFailed, and BackendFault where the server does not tell.
    """
    told = run.interacted
    if run.failure in (Verdict.CE, Verdict.OLE):
        return None
    if told is None:
        raise BackendFault("The judge does not tell what the checker found.")
    if told.compile_output is not None:
        raise checker_programs.not_compiled(told.compile_output)
    if run.failure is Verdict.TLE and told.killed in TOO_LATE:
        return None  # both waited for each other
    said = _said(run)
    if run.failure is Verdict.TLE and min(told.time_ms, run.wall_ms - run.time_ms) > TALK_MS:
        used, most = told.time_ms / 1000, TALK_MS / 1000
        why = f"The program waited while it used {used:g} s of CPU time, of {most:g} s at most."
        raise checker_programs.failed(said, case, why)
    found = checker_programs.judgement(author.protocol, said, case)
    return None if run.failure else found


def _said(run: Run) -> Said:
    told = run.interacted
    assert told is not None
    files = dict(told.files)
    said = partial(Said, files=files, printed=told.messages)
    if told.killed in TOO_LATE:
        return said(Ended.TIME, 0)
    if told.killed == "output":
        return said(Ended.OTHERWISE, 0, why="It said more to the program than it may.")
    if told.killed:
        return said(Ended.OTHERWISE, 0, why=f"It was ended: {told.killed}.")
    if told.signal is not None:
        return said(Ended.SIGNAL, told.signal)
    if told.exit_code is None:
        return said(Ended.START, 0)
    if not told.feedback_complete:
        return said(Ended.FEEDBACK, 0)
    return said(Ended.EXIT, told.exit_code)
