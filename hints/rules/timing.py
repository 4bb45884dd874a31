"""Rules about too much: time, memory, output."""

import re

from execution.types import Verdict
from hints import code
from hints.code import Code, Loop
from hints.evidence import Evidence, SeenCase
from hints.findings import Finding, Rule
from hints.rules.telling import before, counted, found, name

SLEEPS = re.compile(r"\b(?:sleep|usleep|sleep_for|nanosleep|setTimeout|Thread\s*\.\s*sleep)\s*\(")
REMEMBERS = re.compile(r"\b(?:memo|cache|lru_cache|dp|seen|table|known)\w*", re.IGNORECASE)
SHIFTS = re.compile(
    r"\.\s*(?:pop\s*\(\s*0\s*\)|insert\s*\(\s*0\s*,|shift\s*\(|unshift\s*\(|remove\s*\(\s*0\s*\)|erase\s*\(\s*\w+\s*\."
    r"\s*begin)"
)
SEARCHES = re.compile(
    r"\b(?:if|while|and|or|not)\s+[^\n:]{0,60}?\bin\s+(\w+)|\.\s*(?:indexOf|includes|index|count)\s*\("
)
SCANF_LOOP = re.compile(r"\bwhile\s*\(\s*scanf\s*\([^()]*\)\s*\)")
HUGE = re.compile(
    r"(?:\[|\]\s*\*|\b(?:malloc|calloc|Array|ArrayList|bytearray|reserve|resize|list\s*\(\s*range)\s*\("
    r"|\bvector\s*<[^;()\n]{0,40}>\s*\w*\s*\()[^;[\]\n%]{0,40}?"
    r"(?:\b\d[\d_']{7,}|\b10\s*\*\*\s*(?:[89]|\d\d)|\b[1-9](?:\.\d)?e(?:[89]|\d\d)\b)"
)
TWO_DIMENSIONS = re.compile(r"\[\s*(\w{1,30})\s*\]\s*\[\s*(\w{1,30})\s*\]")
CONSTANT = re.compile(r"#define\s+(\w+)\s+(\d{1,9})\b|\bconst\w*\s+(?:int\s+)?(\w+)\s*=\s*(\d{1,9})\b")
MANY_ELEMENTS = 10_000_000
FEW_ROUNDS = re.compile(r"[<>]=?\s*\d{1,3}\s*;|\brange\s*\(\s*(?:\d{1,3}\s*,\s*)?\d{1,3}\s*\)")
GROWS = re.compile(
    r"\.\s*(?:append|push|push_back|add|insert|put|extend|emplace_back)\s*\(|\+=\s*[\[\"']|\bmalloc\s*\("
)
SLOW_READS = {
    "python": (re.compile(r"\binput\s*\("), "input() in a loop", "sys.stdin"),
    "java": (re.compile(r"\bScanner\b"), "Scanner", "BufferedReader"),
    "cpp": (re.compile(r"\bendl\b"), "endl, which empties the buffer each time,", "a newline character"),
}
BOUNDS = ("Take the largest input of the statement, count the steps.", "Run it on a large input of your own.")


def _failed(evidence: Evidence, *verdicts: Verdict) -> SeenCase | None:
    seen = evidence.failure
    return seen if seen and seen.verdict in verdicts else None


def _endless(program: Code) -> Loop | None:
    return next((loop for loop in program.loops if loop.never_ends), None)


def _lines_of(loop: Loop) -> str:
    return f"line {loop.line}" if loop.line == loop.last else f"lines {loop.line} to {loop.last}"


def reads_for_ever(evidence: Evidence) -> Finding | None:
    """while (scanf(…)): at the end of the input it gives -1, which holds."""
    seen = _failed(evidence, Verdict.TLE, Verdict.OLE)
    program = code.of(evidence)
    line = program.line_of(SCANF_LOOP) if program.family in ("c", "cpp") else None
    if seen is None or line is None:
        return None
    return found(
        "reads_for_ever",
        0.95,
        case=seen,
        line=line,
        nudge=f"What does scanf in line {line} give at the end of the input?",
        concept="scanf returns how many values it has read, and EOF, which is -1, at the end. Only 0 counts as false.",
        place=f"The loop of line {line} goes on after the end of the input, since -1 counts as true.",
        plan="Go on only as long as scanf returns the number of values that you asked for.",
        next_steps=("Compare what scanf returns.", "Run the public cases again."),
    )


def endless_loop(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.TLE)
    loop = _endless(code.of(evidence))
    if seen is None or loop is None:
        return None
    return found(
        "endless_loop",
        0.96 if seen.is_public else 0.85,
        case=seen,
        line=loop.line,
        nudge=f"When does the loop that begins in line {loop.line} end?",
        concept="A loop whose condition always holds ends only by break, return, or the end of the program.",
        place=f"Nothing in {_lines_of(loop)} leaves the loop that begins there.",
        plan="Say in words when the work is done. Make that the loop's condition, or leave the loop at that point.",
        next_steps=("Give the loop an end.", "Run the public cases again."),
    )


def stuck_loop(evidence: Evidence) -> Finding | None:
    """Nothing changes what the condition asks for."""
    seen = _failed(evidence, Verdict.TLE, Verdict.OLE, Verdict.MLE)
    loop = next((one for one in code.of(evidence).loops if one.stuck_on), None)
    if seen is None or loop is None:
        return None
    names = " or ".join(loop.stuck_on)
    return found(
        "stuck_loop",
        0.95 if seen.is_public else 0.85,
        case=seen,
        line=loop.line,
        nudge=f"Which value changes from one round to the next in the loop of line {loop.line}?",
        concept="A loop ends when its condition does not hold any more, so something in it has to change.",
        place=f"The loop of line {loop.line} asks for {names}, and nothing in {_lines_of(loop)} changes that.",
        plan=f"Decide how {loop.stuck_on[0]} comes nearer to the end in each round. Add that step to the loop.",
        next_steps=("Change the loop's variable in every round.", "Run the public cases again."),
    )


def sleeping(evidence: Evidence) -> Finding | None:
    """Real time has passed, computing time hardly."""
    seen = _failed(evidence, Verdict.TLE)
    if seen is None or seen.time_ms is None or seen.time_ms > 0.5 * evidence.limits.time_ms:
        return None
    line = code.of(evidence).line_of(SLEEPS)
    return found(
        "sleeping",
        0.96 if line else 0.5,
        case=seen,
        line=line,
        nudge="Your program hardly computed anything in that time. Was it waiting for something?",
        concept="Real time is limited, too: who sleeps, or waits for what never comes, is stopped.",
        place=f"Line {line} waits instead of computing."
        if line
        else f"On {name(seen)} the judge may have been busy: try again. If it comes again, something "
        "in the program waits.",
        plan="Take out every pause. Read only from standard input, and only what is there.",
        next_steps=("Remove what waits.", "Run that case again."),
    )


def recursion_repeats_itself(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.TLE)
    program = code.of(evidence)
    twice = next((one for one in program.functions if one.calls_of_itself >= 2), None)
    if seen is None or twice is None or REMEMBERS.search(program.bare):
        return None
    looks_up = re.search(r"\[|\bin\b|\.\s*(?:get|has|containsKey|count|find)\s*\(", twice.body)
    call = rf"\b{re.escape(twice.name)}\s*\(\s*\w+\s*-\s*\d+\s*\)"
    again = re.search(rf"{call}\s*\+\s*{call}", twice.body) and not looks_up
    return found(
        "recursion_repeats_itself",
        0.88 if again else 0.45,
        case=seen,
        line=twice.line,
        nudge=f"How often is {twice.name} called with the same values?",
        concept="A function that calls itself twice may double its work with each step; what is known need not be "
        "computed again.",
        place=f"Line {twice.line}: {twice.name} calls itself {counted(twice.calls_of_itself, 'time')}, "
        f"{'and remembers no result' if again else 'perhaps with the same values again'}.",
        plan="Keep each result under the values it is for. Look there first, and compute only what "
        "is missing. Or begin "
        "with the smallest and build up.",
        next_steps=("Remember results.", *BOUNDS),
    )


def shifts_in_a_loop(evidence: Evidence) -> Finding | None:
    return _costly(
        evidence,
        SHIFTS,
        "shifts_in_a_loop",
        0.78,
        nudge="What happens to all others when the first element is taken out or put in?",
        concept="In an array all elements move when the first one comes or goes: each such step costs as much as there "
        "are elements.",
        place="adds or removes at the front, and does so in a loop.",
        plan="Use a queue that is open at both ends, or keep a position instead of removing.",
    )


def searches_in_a_loop(evidence: Evidence) -> Finding | None:
    program = code.of(evidence)
    if re.search(r"\bset\b|\w*Set\b|\w*Map\b|\bdict\b|\bCounter\b|\{\}", program.bare):
        return None
    return _costly(
        evidence,
        SEARCHES,
        "searches_in_a_loop",
        0.6,
        nudge="How many elements are looked at to find out whether one is there?",
        concept="Searching a list looks at one element after the other. A set, or a map, answers at once.",
        place="asks whether something is there, and does so in a loop. In a list or text each such "
        "question takes longer "
        "the more there is.",
        plan="Find out how long what is searched can become. If it is long, keep it in a set or map "
        "as well, and ask that.",
    )


def _costly(
    evidence: Evidence, pattern: re.Pattern[str], rule: str, sure: float, *, place: str, **texts: str
) -> Finding | None:
    seen = _failed(evidence, Verdict.TLE)
    program = code.of(evidence)
    line = next((n for n in program.lines_of(pattern) if program.loops_around(n)), None)
    if seen is None or line is None:
        return None
    return found(rule, sure, case=seen, line=line, place=f"Line {line} {place}", next_steps=BOUNDS, **texts)


def nested_loops(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.TLE)
    program = code.of(evidence)
    nests = [_long_loops_around(program, loop) for loop in program.loops]
    nest = max(nests, key=len, default=[])
    if seen is None or len(nest) < 2:
        return None
    outer, deepest, depth = nest[0], nest[-1], len(nest)
    passed = before(evidence, seen)
    told = f" Before {name(seen)}, {counted(passed, 'case')} passed in time." if passed else ""
    return found(
        "nested_loops",
        0.65,
        case=seen,
        line=deepest.line,
        nudge=f"How often is line {deepest.line} reached, if the input is as large as allowed?{told}",
        concept=f"The rounds of {depth} loops in one another multiply. If each goes over the whole "
        "input, twice the input "
        f"takes at least {2**depth} times as long.",
        place=f"In {_lines_of(outer)} there are {depth} loops in one another, the innermost in line {deepest.line}.",
        plan="Ask what the inner loop finds out each time. Perhaps sorting first, a running value, or a map makes it "
        "needless.",
        next_steps=BOUNDS,
    )


def _long_loops_around(program: Code, loop: Loop) -> list[Loop]:
    """It and those around it, without those that go round a few times whatever the input is."""
    around = [one for one in program.loops_around(loop.line) if one.last >= loop.last]
    return [one for one in around if not FEW_ROUNDS.search(program.lines[one.line - 1])]


def slow_input(evidence: Evidence) -> Finding | None:
    """A guess, where nothing else is slow."""
    seen = _failed(evidence, Verdict.TLE)
    program = code.of(evidence)
    if seen is None or program.family not in SLOW_READS or not program.loops:
        return None
    pattern, what, better = SLOW_READS[program.family]
    line = program.line_of(pattern)
    if line is None:
        return None
    return found(
        "slow_input",
        0.4,
        case=seen,
        line=line,
        nudge="If there are very many lines, how long do reading and printing alone take?",
        concept="Perhaps it is this: reading or printing piece by piece costs more than computing does.",
        place=f"Line {line} uses {what} where many lines may come.",
        plan=f"Read and print in large pieces; {better} is quicker. Then measure again.",
        next_steps=BOUNDS,
    )


def all_cases_together(evidence: Evidence) -> Finding | None:
    if evidence.reason != "total_runtime":
        return None
    last = next((case for case in reversed(evidence.cases) if case.verdict is not Verdict.SK), None)
    return found(
        "all_cases_together",
        0.97,
        case=last,
        nudge="No single case need be too slow: all together took too long. What is done again for each of them?",
        concept="There is a limit for all cases together, besides that of each.",
        place="The cases up to this one used up the time for all of them.",
        plan="Find what every run does whatever the input is. Make it smaller, or do it only where it is needed.",
        next_steps=BOUNDS,
    )


def grows_without_end(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.MLE, Verdict.RTE)
    loop = _endless(code.of(evidence))
    if seen is None or loop is None or not GROWS.search(loop.body):
        return None
    return found(
        "grows_without_end",
        0.92 if seen.verdict is Verdict.MLE else 0.6,
        case=seen,
        line=loop.line,
        nudge=f"What grows with each round of the loop in line {loop.line}, and when does that stop?",
        concept="What is added in a loop that never ends fills the memory before the time is up.",
        place=f"The loop of line {loop.line} never ends, and adds to a container in each round.",
        plan="Say when the work is done, and leave the loop there.",
        next_steps=("Give the loop an end.", "Run the public cases again."),
    )


def too_large_from_the_start(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.MLE)
    program = code.of(evidence)
    lines = program.lines_of(HUGE) or _large_tables(program)
    if seen is None or not lines:
        return None
    mib = evidence.limits.memory_kib // 1024
    return found(
        "too_large_from_the_start",
        0.88,
        case=seen,
        line=lines[0],
        nudge=f"How much memory does line {lines[0]} ask for? {mib} MiB are allowed.",
        concept="A container needs the size of an element as often as it has elements: 100 million integers are "
        "400 million bytes.",
        place=f"Line {lines[0]} makes room for very many elements at once.",
        plan="Work out how many elements the statement's bounds really need. Keep only those, or "
        "none but the last few.",
        next_steps=("Work out the size in bytes.", "Make it as large as the input asks for."),
    )


def _large_tables(program: Code) -> list[int]:
    """Where an array of two dimensions is declared that has very many elements."""
    known = {found[1] or found[3]: int(found[2] or found[4]) for found in CONSTANT.finditer(program.bare)}

    def size(text: str) -> int:
        return int(text) if text.isdecimal() and len(text) < 10 else known.get(text, 0)

    sizes = [(TWO_DIMENSIONS.search(line), number) for number, line in enumerate(program.lines, 1)]
    return [number for found, number in sizes if found and size(found[1]) * size(found[2]) >= MANY_ELEMENTS]


def keeps_too_much(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.MLE)
    program = code.of(evidence)
    line = next((n for n in program.lines_of(GROWS) if program.loops_around(n)), None)
    if seen is None or line is None:
        return None
    return found(
        "keeps_too_much",
        0.6,
        case=seen,
        line=line,
        nudge=f"Which of the values that line {line} keeps are needed again?",
        concept="Often a running value, such as a sum or the last two elements, replaces all that came before.",
        place=f"Line {line} adds to a container in a loop; it may grow with each round.",
        plan="Go through what is kept. Drop what no later step reads; compute the result while reading.",
        next_steps=BOUNDS,
    )


def prints_for_ever(evidence: Evidence) -> Finding | None:
    seen = _failed(evidence, Verdict.OLE)
    program = code.of(evidence)
    if seen is None or program.idioms is None:
        return None
    loops = [loop for n in program.lines_of(program.idioms.prints) for loop in program.loops_around(n)]
    loop = next((loop for loop in loops if loop.never_ends), next(iter(loops), None))
    if loop is None:
        return None
    return found(
        "prints_for_ever",
        0.95 if loop.never_ends else 0.7,
        case=seen,
        line=loop.line,
        nudge=f"How often does the loop of line {loop.line} print?",
        concept="More output than allowed nearly always comes from a loop that does not end, or prints in every round.",
        place=f"The loop of line {loop.line} prints{' and nothing in it leaves it' if loop.never_ends else ''}.",
        plan="Find what should end the loop, and whether printing belongs behind it.",
        next_steps=("Give the loop an end, or print after it.", "Run the public cases again."),
    )


RULES: tuple[Rule, ...] = (
    all_cases_together,
    reads_for_ever,
    endless_loop,
    stuck_loop,
    sleeping,
    recursion_repeats_itself,
    shifts_in_a_loop,
    searches_in_a_loop,
    nested_loops,
    slow_input,
    grows_without_end,
    too_large_from_the_start,
    keeps_too_much,
    prints_for_ever,
)
