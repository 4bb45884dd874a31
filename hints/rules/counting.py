"""Rules about values: numbers that are too large for their type, lose their fraction, or are off by one."""

import re

from execution.types import DifferenceClass, Verdict
from hints import code
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import wrong
from hints.rules.telling import found, name, quoted

FIXED = ("c", "cpp", "java")
LARGEST_32, LARGEST_64, LARGEST_DOUBLE = 2**31 - 1, 2**63 - 1, 2**53
INT = re.compile(r"\b(?:int|Integer|short|unsigned)\b(?!\s*main\b)(?!\s*\()")
DIVIDES = re.compile(r"(?<![/*<])/(?![/*=])")
FLOORS = re.compile(
    r"//|\bMath\s*\.\s*(?:floor|trunc|round)\b|\|\s*0\b|\bint\s*\((?!\s*(?:input\b|sys\b|\w+\s*\)))"
)
CONDITION = re.compile(r"\bif\b|\?|\bswitch\b|\bmatch\b|&&|\|\|")
SUBTRACTS = re.compile(r"[\w)\]]\s*-=?(?![->])")
SINGLE = re.compile(r"\bfloat\b")
LOOPS = re.compile(r"\bfor\b|\bwhile\b|\brange\s*\(")
FROM_ZERO = re.compile(
    r"\b(?:\w*(?:max|best|big|larg|high|top|most)\w*|m|mx)\s*=\s*0\s*(?:[;,\n]|$)", re.IGNORECASE
)
BY_HAND = ("Work that case out by hand.", "Run it again on that case.")


def _only(lines: list[int]) -> int | None:
    """The line to name: none where several could be meant."""
    return lines[0] if len(lines) == 1 else None


def overflow(evidence: Evidence) -> Finding | None:
    """The expected value does not fit, and what was printed is what is left of it."""
    seen = wrong.of(evidence)
    program = code.of(evidence)
    if seen is None or program.family not in FIXED:
        return None
    for got, want in seen.integers:
        bits = 32 if abs(got) <= 2 * LARGEST_32 + 1 else 64
        if (got - want) % 2**bits:
            continue
        line = _only(program.lines_of(INT)) if bits == 32 else None
        kind = program.idioms.large_integer if bits == 32 and program.idioms else "a type for larger numbers"
        return found(
            "overflow",
            0.97,
            case=seen.case,
            line=line,
            nudge=f"{want} is expected. What is the {'smallest' if want < 0 else 'largest'} number that your variable "
            "can hold?",
            concept=f"An integer of {bits} bits ends at {LARGEST_32 if bits == 32 else LARGEST_64}; beyond it starts "
            "again at the other end, without a word.",
            place=f"{f'Line {line} declares' if line else 'The program uses'} an integer of {bits} bits; {want} does "
            f"not fit, {got} is what is left of it.",
            plan=f"Find the variables and products that can grow that large. Give all of them {kind}, also what "
            "is between two operations.",
            next_steps=("Choose a larger type for sums and products.", *BY_HAND),
        )
    return None


def beyond_exact_doubles(evidence: Evidence) -> Finding | None:
    """JavaScript's numbers, and doubles elsewhere, are exact up to 2^53."""
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers:
        return None
    got, want = seen.pairs[0]
    exact, near = wrong.integer(want), wrong.number(got)
    if (
        exact is None
        or near is None
        or abs(exact) <= LARGEST_DOUBLE
        or abs(near - exact) > 1e-12 * abs(exact)
    ):
        return None
    program = code.of(evidence)
    if "e" in got.lower() or not _computes_with_doubles(program):
        return None
    kind = program.idioms.large_integer if program.idioms else "an integer type"
    return found(
        "beyond_exact_doubles",
        0.96,
        case=seen.case,
        line=program.print_line,
        nudge=f"Only the last digits of {quoted(got)} are wrong. How many digits does your kind of number keep?",
        concept="A floating-point number keeps about 16 digits: integers are exact up to 2 to the power of 53 only. "
        "Every ordinary number in JavaScript is one.",
        place=f"On {name(seen.case)} {want} is expected; it has more digits than such a number keeps.",
        plan=f"From reading to printing, use {kind}; do not mix the two kinds.",
        next_steps=("Replace the type of the large values.", *BY_HAND),
    )


def _computes_with_doubles(program: code.Code) -> bool:
    if program.family == "javascript":
        return not re.search(r"\bBigInt\b|\b\d+n\b", program.bare)
    division = DIVIDES if program.family == "python" else re.compile(r"\bpow\s*\(|\bMath\s*\.\s*pow\b")
    return bool(re.search(r"\b(?:float|double)\b", program.bare) or division.search(program.bare))


def fraction_lost(evidence: Evidence) -> Finding | None:
    """3 where 3.5 is expected."""
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers:
        return None
    cut = all(got == int(want) for got, want in seen.numbers if abs(want) < 1e15)
    if not cut or not any(want != int(want) for _, want in seen.numbers if abs(want) < 1e15):
        return None
    program = code.of(evidence)
    line = _only(program.lines_of(DIVIDES if program.family in FIXED else FLOORS))
    if any(wrong.number(token) is not None and wrong.integer(token) is None for token in seen.input.split()):
        line = None  # it may be lost when reading
    got, want = seen.pairs[0]
    return found(
        "fraction_lost",
        0.9,
        case=seen.case,
        line=line,
        nudge=f"{quoted(want)} is expected, you print {quoted(got)}. Where does the fraction get lost?",
        concept="Dividing two integers gives an integer in C, C++ and Java, as // does in Python. "
        "Reading into an integer "
        "drops what is behind the point, too.",
        place=f"On {name(seen.case)} {got} is printed where {want} is expected; perhaps "
        f"{f'line {line} drops' if line else 'reading or a division drops'} what is behind the point.",
        plan="Look at each type on the way from reading to printing. Make the values floating-point "
        "numbers before they are "
        "divided, and keep the result in such a variable.",
        next_steps=("Print the values after reading, and after each division.", *BY_HAND),
    )


def imprecise(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers:
        return None
    close = all(abs(got - want) <= 1e-2 * max(1.0, abs(want)) for got, want in seen.numbers)
    whole = all(float(got).is_integer() and float(want).is_integer() for got, want in seen.numbers)
    if not close or whole:
        return None
    program = code.of(evidence)
    line = program.line_of(SINGLE) if program.family in FIXED else None
    got, want = seen.pairs[0]
    return found(
        "imprecise",
        0.85,
        case=seen.case,
        line=line or program.print_line,
        nudge=f"{quoted(got)} is close to {quoted(want)}, but not close enough. Where do you round?",
        concept="Each rounding on the way, and a type with few digits such as float, makes the result less exact.",
        place=f"{f'Line {line} uses float, which keeps 7 digits' if line else f'On {name(seen.case)}'}: {got} is "
        f"printed where {want} is expected.",
        plan="Compute with the most exact type, do not round before the end, print as many decimals as asked for.",
        next_steps=("Print more decimals, round only when printing.", *BY_HAND),
    )


def off_by_one(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    all_seen = wrong.public(evidence)
    off = {got - want for one in all_seen for got, want in one.integers}
    lines = code.of(evidence).lines_of(LOOPS)
    if seen is None or off not in ({1}, {-1}) or not all(one.integers for one in all_seen) or not lines:
        return None
    got, want = seen.integers[0]
    line = _only(lines)
    more = "large" if got > want else "small"
    return found(
        "off_by_one",
        0.72 if len(all_seen) > 1 else 0.5,
        case=seen.case,
        line=line,
        nudge=f"Your result is one too {more}. Does a loop, or a count, begin or end one too early or too late?",
        concept="Counting from 0 or from 1, and whether the last value is included, decides on one more or less.",
        place=f"{f'Look at the bounds in line {line}: ' if line else ''}{got} is printed where {want} is expected.",
        plan="Go through the smallest input by hand: the first round, the last one, and what is counted in each.",
        next_steps=("Check where each loop begins and ends.", *BY_HAND),
    )


def value_left_out(evidence: Evidence) -> Finding | None:
    """A sum that misses the first or last number of the input."""
    seen = wrong.of(evidence)
    if seen is None or len(seen.integers) != 1 or len(seen.pairs) != 1:
        return None
    got, want = seen.integers[0]
    given = [value for token in seen.input.split() if (value := wrong.integer(token)) is not None]
    if len(given) < 3 or want - got not in (given[0], given[-1]) or abs(want - got) < 2:
        return None
    which = "last" if want - got == given[-1] else "first"
    line = code.of(evidence).line_of(LOOPS)
    return found(
        "value_left_out",
        0.75,
        case=seen.case,
        line=line,
        nudge=f"{want - got} is missing in your result. Where does that number stand in the input?",
        concept="Perhaps a loop leaves one value out: its bounds say which one is the first, and which the last.",
        place=f"{f'Look at the loop of line {line}: the' if line else 'The'} difference to the expected {want} is the "
        f"{which} number of the input, {want - got}.",
        plan=f"Follow the loop for three values. Is the {which} one visited? Move that bound by one.",
        next_steps=("Check where the loop begins and ends.", *BY_HAND),
    )


def sign_turned(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers or any(got != -want or not want for got, want in seen.numbers):
        return None
    got, want = seen.pairs[0]
    minus = SUBTRACTS.search(code.of(evidence).bare)
    lost = "where does the sign change"
    return found(
        "sign_turned",
        0.9,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"{quoted(got)} for {quoted(want)}: {'which subtraction is the wrong way round' if minus else lost}?",
        concept="Which of two numbers is taken from which decides on the sign; a distance has none.",
        place=f"On {name(seen.case)} the value is right but for its sign: {want} is expected.",
        plan="Look at each step that decides on the sign. Say in words what it does, and compare with the statement.",
        next_steps=("Check each step that changes a sign.", *BY_HAND),
    )


def largest_from_zero(evidence: Evidence) -> Finding | None:
    """The largest of negative numbers, begun with 0."""
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers or any(got != 0 or want >= 0 for got, want in seen.numbers):
        return None
    line = _only(code.of(evidence).lines_of(FROM_ZERO))
    return found(
        "largest_from_zero",
        0.92 if line else 0.45,
        case=seen.case,
        line=line,
        nudge="You print 0, a negative number is expected. With which value does your search begin?",
        concept="A largest value that begins with 0 stays 0 when all others are negative.",
        place=f"{f'Line {line} begins with 0' if line else 'Perhaps the search begins with 0'}, which is larger than "
        f"{seen.pairs[0][1]}.",
        plan="Begin with the first value of the input, or with one that is smaller than all that are allowed.",
        next_steps=("Begin with the first value.", *BY_HAND),
    )


def same_for_all_cases(evidence: Evidence) -> Finding | None:
    """One output for different answers."""
    seen = wrong.of(evidence)
    public = [case for case in evidence.cases if case.output is not None and case.answer is not None]
    if seen is None or len(public) < 2 or not seen.tokens or len({case.output for case in public}) != 1:
        return None
    if len({case.answer for case in public}) == 1 or CONDITION.search(code.of(evidence).bare):
        return None
    return found(
        "same_for_all_cases",
        0.6,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"You print {quoted(seen.output)} on every public case. What in your program depends on the input?",
        concept="Different inputs have different answers; what is printed has to be computed from what was read.",
        place=f"On {name(seen.case)} the output is the same as on the others, but {quoted(seen.answer)} is expected.",
        plan="Follow the value that is printed back to where it comes from. It has to come from the input.",
        next_steps=("Follow the printed value back to the input.", *BY_HAND),
    )


def one_line_missing(evidence: Evidence) -> Finding | None:
    """All lines but the first."""
    seen = wrong.of(evidence)
    if seen is None or len(seen.wanted_lines) < 2 or seen.lines != seen.wanted_lines[1:]:
        return None
    line = _only(code.of(evidence).lines_of(LOOPS))
    return found(
        "one_line_missing",
        0.8,
        case=seen.case,
        line=line,
        nudge=f"Your output begins with {quoted(seen.lines[0])}. Which line should be before it?",
        concept="A loop that starts at 1 where counting starts at 0 leaves the first element out.",
        place=f"{f'Look at where the loop of line {line} starts: ' if line else ''}the first expected line is missing.",
        plan="Write down the first round of the loop by hand. Start one earlier.",
        next_steps=("Check where the loop begins.", *BY_HAND),
    )


def perhaps_too_small(evidence: Evidence) -> Finding | None:
    """Hidden cases fail, public ones pass, and all integers have 32 bits: a guess."""
    seen = evidence.failure
    program = code.of(evidence)
    if seen is None or seen.is_public or seen.verdict is not Verdict.WA or program.family not in FIXED:
        return None
    line = program.line_of(INT)
    if line is None or re.search(r"\blong\b|\bint64_t\b|\bBigInteger\b", program.bare):
        return None
    if seen.difference not in (None, DifferenceClass.VALUE):
        return None
    return found(
        "perhaps_too_small",
        0.45,
        case=seen,
        line=line,
        nudge="Small cases pass. How large can the result become with the largest input?",
        concept=f"Perhaps it is this: an integer of 32 bits ends at {LARGEST_32}, and sums and "
        "products get there soon.",
        place=f"Line {line} declares such an integer, and no variable of the program is larger.",
        plan="Work out the largest possible result from the bounds in the statement. If it does not fit, use a larger "
        "type for it and for all on the way to it.",
        next_steps=("Run it on a large input of your own.", "Compare the bounds with the type."),
    )


RULES: tuple[Rule, ...] = (
    overflow,
    beyond_exact_doubles,
    fraction_lost,
    imprecise,
    off_by_one,
    value_left_out,
    sign_turned,
    largest_from_zero,
    same_for_all_cases,
    one_line_missing,
    perhaps_too_small,
)
