"""Programs with nothing to correct: accepted, or not judged."""

from execution.types import Verdict
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules.telling import found, name


def accepted(evidence: Evidence) -> Finding | None:
    """Of a run only the public cases are known, so nothing is said of the others."""
    if evidence.verdict is not Verdict.AC or evidence.failures:
        return None
    is_run = all(case.is_public for case in evidence.cases)
    timed = [case for case in evidence.cases if case.time_ms is not None]
    slowest = max(timed, key=lambda case: case.time_ms or 0, default=None)
    return found(
        "accepted",
        1.0,
        nudge="It passes all cases that were run. Would it also do so on the smallest and the largest input?"
        if is_run
        else "It passes all cases: there is nothing to correct. Would it still be quick on larger input?",
        concept="A few cases do not show that a program is right: there may be others, at the bounds of the statement."
        if is_run
        else "A program that is right can be made clearer, and compared with other ways to solve it.",
        place="No case failed."
        + (f" The slowest was {name(slowest)}, with {slowest.time_ms} ms." if slowest else ""),
        plan="Submit it to learn about all cases. Before that, try the smallest and the largest "
        "input that the statement "
        "allows."
        if is_run
        else "Read it once more: names, repetition, how its time grows with the input.",
        next_steps=("Submit it, if you have only run it.", "Ask for a review of the program."),
    )


def not_judged(evidence: Evidence) -> Finding | None:
    if evidence.verdict is not None:
        return None
    return found(
        "not_judged",
        1.0,
        nudge="This program has not been judged, so nothing is known of what it does. Run it first.",
        concept="A hint rests on what happened: a verdict, an output, a message of the compiler.",
        place="No place can be told before the program was run. If judging failed, that was not your program's fault.",
        plan="Run it on the public cases, then ask again.",
        next_steps=("Run the program on the public cases.", "Ask for a hint about that run."),
    )


RULES: tuple[Rule, ...] = (accepted, not_judged)
