"""What can be said of a verdict where no other rule knows more. It still names the case that failed."""

from execution.types import DifferenceClass, Verdict
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding, Rule
from hints.rules import wrong
from hints.rules.telling import before, counted, found, name, quoted

CLASSES = {
    DifferenceClass.WHITESPACE: "only blanks or line ends differ",
    DifferenceClass.LETTER_CASE: "only upper and lower case differ",
    DifferenceClass.NO_OUTPUT: "nothing was printed",
    DifferenceClass.TOO_SHORT: "the output is right as far as it goes, but ends too early",
    DifferenceClass.TOO_LONG: "the output is right, but goes on",
    DifferenceClass.ORDER: "the lines are right, but in another order",
    DifferenceClass.PRECISION: "a number is outside the tolerance",
    DifferenceClass.CHECKER: "the question's checker does not accept it",
    DifferenceClass.VALUE: "a value is wrong",
}
LIMITS = {
    Verdict.TLE: (
        "came to the time limit",
        "Ask how many steps the largest input takes, and which of them are repeated.",
    ),
    Verdict.MLE: (
        "came to the memory limit",
        "Ask what is kept that is not needed any more, and how large it gets.",
    ),
    Verdict.OLE: ("came to the output limit", "Look for the loop that prints, and for what ends it."),
    Verdict.RTE: (
        "stopped before it was done",
        "Look for indexes, divisions, and input that is not as you expect.",
    ),
}


def wrong_on_public_case(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    if seen is None:
        return None
    return found(
        "wrong_on_public_case",
        0.3,
        case=seen.case,
        nudge=f"Take the input of {name(seen.case)}. What should your program print for it, step by step?",
        concept="Following one input by hand shows the first step at which program and statement part.",
        place=_differs(seen),
        plan="Write down each variable after each step for that input. Find the first value that is not what you "
        "expect. Correct the line that made it.",
        next_steps=(
            "Go through that case by hand.",
            "Print intermediate values while you look, then remove that.",
        ),
    )


def _differs(seen: wrong.Wrong) -> str:
    number, mine, theirs = seen.first
    if not seen.any_order:
        return (
            f"On {name(seen.case)}, in line {number} of the output, {quoted(theirs)} is expected and "
            f"{quoted(mine)} printed."
        )
    told = [f"{quoted(mine)} is printed and not expected"] if mine else []
    told += [f"{quoted(theirs)} is missing"] if theirs else []
    return f"On {name(seen.case)} {'; '.join(told) or 'lines are printed more or less often than expected'}."


def wrong_on_hidden_case(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    if seen is None or seen.verdict is not Verdict.WA or seen.output is not None:
        return None
    how = f" What is told of it: {CLASSES[seen.difference]}." if seen.difference else ""
    return found(
        "wrong_on_hidden_case",
        0.3,
        case=seen,
        nudge=f"{_passed(evidence, seen)} Which kind of input is not among the public cases?",
        concept="Hidden cases try the bounds of the statement: the smallest, the largest, equal "
        "values, zero, negatives.",
        place=f"{_passed(evidence, seen)}{how}",
        plan="Read the bounds in the statement. For each, make an input as small as possible that reaches it. Work "
        "out the answer by hand, and run your program on it.",
        next_steps=(
            "Run it on an input of your own at each bound.",
            "Compare with an answer worked out by hand.",
        ),
    )


def limit_or_crash(evidence: Evidence) -> Finding | None:
    """Any other failure."""
    seen = evidence.failure
    if seen is None or seen.verdict not in LIMITS:
        return None
    what, look = LIMITS[seen.verdict]
    return found(
        "limit_or_crash",
        0.2,
        case=seen,
        nudge=f"On {name(seen)} the program {what}. What is special about that input?",
        concept=look,
        place=_passed(evidence, seen),
        plan="Make an input of your own: first the smallest that is allowed, then the largest. Run it on both.",
        next_steps=(
            "Run it on a small and on a large input of your own.",
            "Compare what it does on the two.",
        ),
    )


def _passed(evidence: Evidence, seen: SeenCase) -> str:
    passed = before(evidence, seen)
    if not passed:
        return f"{name(seen).capitalize()} failed, and no case before it passed."
    return f"{counted(passed, 'case')} passed before {name(seen)} failed."


def something(evidence: Evidence) -> Finding:
    """Where there is not even a case."""
    name = evidence.verdict.value if evidence.verdict else "nothing"
    return found(
        "something",
        0.1,
        nudge=f"The verdict is {name}. Read the first message of the compiler, or the first case that failed.",
        concept="The first message counts: later ones often only follow from it.",
        place="No line and no case is known here.",
        plan="Take lines out until it works, then put them back one by one: the last one is where to look.",
        next_steps=("Begin with a smaller program that works.", "Add one step at a time."),
    )


RULES: tuple[Rule, ...] = (wrong_on_public_case, wrong_on_hidden_case, limit_or_crash, something)
