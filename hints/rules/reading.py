"""Rules about input: not read, not all of it, or read as something else."""

import re

from execution.types import DifferenceClass, Verdict
from hints import code
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import wrong
from hints.rules.telling import counted, found, name, quoted

ONE_LINE = {
    "python": re.compile(r"\binput\s*\(|\bstdin\s*\.\s*readline\s*\("),
    "c": re.compile(r"\b(?:fgets|gets|getline)\s*\("),
    "cpp": re.compile(r"\bgetline\s*\("),
    "java": re.compile(r"\.\s*(?:nextLine|readLine)\s*\("),
    "javascript": re.compile(r"\[\s*\d+\s*\]"),
}
MORE = re.compile(
    r"\bstdin\s*\.\s*(?:read|readlines)\s*\(|\bin\s+sys\s*\.\s*stdin\b|\bscanf\b|>>|\bnextInt\b|\bnext\s*\("
    r"|\bfor\b|\bwhile\b|\blines\s*\(|\bmap\s*\(\s*lambda|\bforEach\b|\bstdin\s*[,)]"
    r"|\bslice\b|\breduce\b|\.\s*map\b"
)
CONVERTS = re.compile(
    r"\b(?:int|float|Decimal|Number|BigInt|parse\w+|valueOf|next(?:Int|Long|Double))\b|[(=,]\s*\+\s*\w"
)
WORD_READS = {
    "cpp": re.compile(r">>\s*(\w+)"),
    "c": re.compile(r"\bscanf\s*\(\s*\"\s*\""),
    "java": re.compile(r"\.\s*next\s*\("),
}
LINE_READS = re.compile(r"\b(?:getline|fgets|gets|getchar|fread|nextLine|readLine|read)\s*\(|%\[|\bget\s*\(")
ENDS_LATE = re.compile(r"\bwhile\s*\(\s*!\s*(?:[\w:]+\.eof\s*\(|feof\s*\()")
ARGUMENTS = {
    "python": re.compile(r"\bsys\s*\.\s*argv\b"),
    "java": re.compile(r"\bargs\s*\[|\bargs\s*\.\s*length\b"),
    "javascript": re.compile(r"\bprocess\s*\.\s*argv\b"),
    "c": re.compile(r"\bargv\s*\["),
    "cpp": re.compile(r"\bargv\s*\["),
}

NUMBER_THEN_LINE = {
    "java": (re.compile(r"\.\s*next(?:Int|Long|Double)?\s*\("), re.compile(r"\.\s*nextLine\s*\(")),
    "cpp": (re.compile(r"\bcin\s*>>"), re.compile(r"\bgetline\s*\(")),
}
SKIPS = re.compile(r"\bignore\b|\bws\b|(?:^|[;{])\s*\w+\s*\.\s*nextLine\s*\(\s*\)\s*;", re.MULTILINE)
FIRST_OF_LINE = re.compile(r"\b(?:parseInt|parseFloat)\s*\(")
COUNTED = (
    "Read the statement's paragraph on input again.",
    "Print what you read, for yourself, and compare.",
)


def input_never_read(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    program = code.of(evidence)
    if seen is None or seen.verdict is not Verdict.WA or program.idioms is None or program.reads:
        return None
    if seen.input is not None and not seen.input.strip():
        return None
    return found(
        "input_never_read",
        0.95,
        case=seen,
        line=program.print_line,
        nudge="Where does your program get its input from?",
        concept=f"Each case gives another input on standard input; {program.idioms.read} reads it.",
        place=f"No line reads standard input, so on {name(seen)} the output is the same as on every other case.",
        plan=f"Begin by reading the values, with {program.idioms.read}. Compute with them instead of fixed ones.",
        next_steps=("Replace fixed values by what is read.", "Run all public cases."),
    )


def numbers_read_as_text(evidence: Evidence) -> Finding | None:
    """12 for 1 + 2."""
    seen = wrong.of(evidence)
    if seen is None or len(seen.integers) != 1 or len(seen.pairs) != 1:
        return None
    given = seen.input.split()
    got, want = seen.pairs[0]
    starts = range(len(given)) if len(given) <= 50 else range(2)
    joined = any(
        got == "".join(given[start:end])
        for start in starts
        for end in (start + 2, len(given))
        if end - start >= 2
    )
    if not joined or got in given:
        return None
    program = code.of(evidence)
    if program.family not in ("python", "javascript", "java") or CONVERTS.search(program.bare):
        return _side_by_side(seen, program)
    return found(
        "numbers_read_as_text",
        0.95,
        case=seen.case,
        line=program.read_line,
        nudge=f"You print {quoted(got)}. How could that come from the input {quoted(seen.input)}?",
        concept="What is read is text. Adding two texts puts them one after the other: 1 and 2 give 12.",
        place=f"{f'Line {program.read_line} reads text, and' if program.read_line else 'The input is text;'} nothing "
        f"turns it into numbers before they are added: {quoted(got)} instead of {quoted(want)}.",
        plan=f"Turn each part into a number as soon as it is read{_with_number(program)}. Then add.",
        next_steps=("Convert what you read into numbers.", "Run that case again."),
    )


def _side_by_side(seen: wrong.Wrong, program: code.Code) -> Finding:
    got, want = seen.pairs[0]
    return found(
        "values_side_by_side",
        0.9,
        case=seen.case,
        line=program.print_line,
        nudge=f"You print {quoted(got)}. How could that come from the input {quoted(seen.input)}?",
        concept="Values that are printed one after the other stand side by side. A plus beside a text joins, too.",
        place=f"On {name(seen.case)} {quoted(got)} is two values of the input side by side; "
        f"{quoted(want)} is expected.",
        plan="Compute the result first, and keep it in a variable. Then print that variable alone.",
        next_steps=("Compute before you print.", "Run that case again."),
    )


def _with_number(program: code.Code) -> str:
    return f", with {program.idioms.to_number}" if program.idioms else ""


def sorted_as_text(evidence: Evidence) -> Finding | None:
    """10 before 9."""
    seen = wrong.of(evidence)
    if seen is None or seen.tokens == seen.wanted or sorted(seen.tokens) != sorted(seen.wanted):
        return None
    values = [value for token in seen.tokens if (value := wrong.number(token)) is not None]
    wanted = [value for token in seen.wanted if (value := wrong.number(token)) is not None]
    if len(values) < len(seen.tokens) or seen.tokens != sorted(seen.tokens) or wanted != sorted(values):
        return None
    falls = next((n for n in range(len(values) - 1) if values[n] > values[n + 1]), None)
    if falls is None:
        return None
    first, then = seen.tokens[falls : falls + 2]
    line = code.of(evidence).line_of(r"\bsort(?:ed)?\s*\(")
    return found(
        "sorted_as_text",
        0.95,
        case=seen.case,
        line=line,
        nudge=f"Why does {first} come before {then} in your output?",
        concept="Texts are sorted by their characters: 10 comes before 9. JavaScript's sort does so with numbers, too.",
        place=f"{f'Line {line} sorts' if line else 'The program sorts'} as text: the values are right, their order is "
        "not.",
        plan="Make numbers of the texts before sorting, and tell the sort to compare them as numbers.",
        next_steps=("Sort numbers by their value.", "Run that case again."),
    )


def only_first_line_read(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    program = code.of(evidence)
    if seen is None or program.family not in ONE_LINE:
        return None
    given = [line for line in seen.input.split("\n") if line.strip()]
    reads = ONE_LINE[program.family].findall(program.bare)
    if len(given) < 2 or len(reads) != 1 or MORE.search(program.bare):
        return None
    line = program.line_of(ONE_LINE[program.family])
    if line is None or _may_be_called_twice(program, line):
        return None
    if program.family == "javascript" and "\\n" not in program.text:
        return None
    rest = "the second one" if len(given) == 2 else f"the other {len(given) - 1}"
    return found(
        "only_first_line_read",
        0.88,
        case=seen.case,
        line=line,
        nudge=f"The input has {counted(len(given), 'line')}. How many of them does your program read?",
        concept="One call reads one line. What is not read is lost, without a word.",
        place=f"Line {line} reads one line, and nothing reads {rest} of {name(seen.case)}.",
        plan="Find in the statement how many lines follow. Read that many in a loop, or all there are.",
        next_steps=COUNTED,
    )


def _may_be_called_twice(program: code.Code, line: int) -> bool:
    around = [one.name for one in program.functions if one.line <= line <= one.last]
    return any(len(re.findall(rf"\b{re.escape(name)}\b", program.bare)) > 2 for name in around)


def only_first_answered(evidence: Evidence) -> Finding | None:
    """Right as far as it goes."""
    seen = evidence.failure
    if seen is None or seen.difference is not DifferenceClass.TOO_SHORT:
        return None
    texts = wrong.of(evidence)
    program = code.of(evidence)
    told = (
        f"Of {counted(len(texts.wanted), 'value')} {len(texts.tokens)} came out on {name(seen)}, all right"
        if texts
        else f"On {name(seen)} the output is right as far as it goes, but ends too early"
    )
    return found(
        "only_first_answered",
        0.82,
        case=seen,
        line=program.print_line,
        nudge="Your output is right as far as it goes. What ends it too early?",
        concept="A loop may have one round too few, leave too early, or be missing where several values are asked for.",
        place=f"{told}.",
        plan="Count what the input asks for. Let a loop go round as often. Return or break only when all is printed.",
        next_steps=("Count the rounds of the loop that prints.", *COUNTED),
    )


def rest_of_line_read(evidence: Evidence) -> Finding | None:
    """A line is read after a number, and is the empty rest of the number's line."""
    seen = evidence.failure
    program = code.of(evidence)
    patterns = NUMBER_THEN_LINE.get(program.family)
    if seen is None or seen.verdict not in (Verdict.WA, Verdict.RTE) or patterns is None:
        return None
    number, line = (program.line_of(pattern) for pattern in patterns)
    if number is None or line is None or number > line or SKIPS.search(program.bare):
        return None
    if len(patterns[1].findall(program.bare)) != 1 or (seen.input and "\n" not in seen.input.strip()):
        return None
    return found(
        "rest_of_line_read",
        0.8,
        case=seen,
        line=line,
        nudge=f"Which text does line {line} read, right after a number was read?",
        concept="Reading a number stops right behind it: the end of that line is still to be read.",
        place=f"Line {number} reads a number. Line {line} then reads the rest of the same line, which is empty.",
        plan="After the number, read the rest of its line and forget it. Then read the line that you want.",
        next_steps=("Skip the line end after the number.", "Run the public cases again."),
    )


def first_of_line_read(evidence: Evidence) -> Finding | None:
    """JavaScript's parseInt stops at the first blank."""
    seen = wrong.of(evidence)
    program = code.of(evidence)
    if seen is None or program.family != "javascript" or re.search(r"\bsplit\b", program.bare):
        return None
    line = program.line_of(FIRST_OF_LINE)
    if line is None or not any(len(one.split()) > 1 for one in seen.input.split("\n")):
        return None
    return found(
        "first_of_line_read",
        0.85,
        case=seen.case,
        line=line,
        nudge="A line of the input has several numbers. Which of them do you get?",
        concept="parseInt takes the number at the beginning of a text and ignores what follows.",
        place=f"Line {line} turns a whole line into one number, so that all but its first one are lost.",
        plan="Split the line at its blanks. Turn each part into a number.",
        next_steps=COUNTED,
    )


def count_taken_as_value(evidence: Evidence) -> Finding | None:
    """The first number says how many follow, and was counted in."""
    seen = wrong.of(evidence)
    given = seen.input.split() if seen else []
    if seen is None or len(seen.integers) != 1 or len(given) < 3 or given[0] != str(len(given) - 1):
        return None
    got, want = seen.integers[0]
    if got - want != int(given[0]):
        return None
    return found(
        "count_taken_as_value",
        0.9,
        case=seen.case,
        line=code.of(evidence).read_line,
        nudge=f"Your result is {got - want} too large. Which number of the input is that?",
        concept="A first number that says how many follow is not one of them.",
        place=f"On {name(seen.case)} the first number, {given[0]}, is the count; the result is larger by just that.",
        plan="Read the count first, apart from the others. Then work with what follows only.",
        next_steps=COUNTED,
    )


def one_word_read(evidence: Evidence) -> Finding | None:
    """A line of several words, of which what reads words takes the first."""
    seen = wrong.of(evidence)
    program = code.of(evidence)
    pattern = WORD_READS.get(program.family)
    if seen is None or pattern is None or LINE_READS.search(program.text):
        return None
    line = _reads_a_word(program, pattern)
    given = next((one for one in seen.input.split("\n") if len(re.findall(r"[A-Za-z]+", one)) > 1), None)
    if line is None or given is None or program.loops_around(line):
        return None
    reads = len(re.findall(r">>|%|\bnext\w*\s*\(", program.text))
    if reads >= len(seen.input.split()):
        return None
    return found(
        "one_word_read",
        0.86,
        case=seen.case,
        line=line,
        nudge=f"How much of {quoted(given)} does line {line} read?",
        concept="Reading a word ends at the first blank. The rest of the line stays where it is, unread.",
        place=f"Line {line} reads one word; on {name(seen.case)} there are several in a line.",
        plan="Read the whole line, blanks included, with what your language has for lines. Then look "
        "at its characters.",
        next_steps=("Read a line instead of a word.", *COUNTED),
    )


def _reads_a_word(program: code.Code, pattern: re.Pattern[str]) -> int | None:
    """The line that reads into a text; in C a format, whose words only the text has."""
    if program.family == "c":
        lines = program.text.split("\n")
        return next((n for n in program.lines_of(pattern) if "%s" in lines[n - 1]), None)
    if program.family == "java":
        return program.line_of(pattern)
    texts = re.findall(r"\bstring\s+([\w, ]{1,80})", program.bare)
    names = {name.strip() for some in texts for name in some.split(",")}
    return next(
        (program.line_at(read.start()) for read in pattern.finditer(program.bare) if read[1] in names), None
    )


def end_asked_too_early(evidence: Evidence) -> Finding | None:
    """while (!feof(stdin)): the end is only known after reading has failed."""
    seen = evidence.failure
    program = code.of(evidence)
    line = program.line_of(ENDS_LATE) if program.family in ("c", "cpp") else None
    if seen is None or seen.verdict not in (Verdict.WA, Verdict.TLE, Verdict.OLE) or line is None:
        return None
    return found(
        "end_asked_too_early",
        0.8,
        case=seen,
        line=line,
        nudge=f"When does the condition in line {line} know that the input has ended?",
        concept="The end of the input is only known once reading has failed. Whoever asks before may go round once "
        "more, with the last value again.",
        place=f"Line {line} asks for the end of the input before it reads, not whether reading worked.",
        plan="Make reading itself the loop's condition: go on only while it gives a value.",
        next_steps=("Let the loop depend on reading.", *COUNTED),
    )


def arguments_are_no_input(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    program = code.of(evidence)
    line = program.line_of(ARGUMENTS[program.family]) if program.family in ARGUMENTS else None
    if seen is None or line is None or program.reads:
        return None
    return found(
        "arguments_are_no_input",
        0.98,
        case=seen,
        line=line,
        nudge=f"Where does line {line} get the input from?",
        concept="Arguments are what is written behind a program's name when it is started. Here nothing is: the input "
        "comes on standard input.",
        place=f"Line {line} looks at the program's arguments; nothing reads standard input.",
        plan="Read the values from standard input instead, in the order of the statement.",
        next_steps=("Read from standard input.", "Run the public cases again."),
    )


RULES: tuple[Rule, ...] = (
    arguments_are_no_input,
    end_asked_too_early,
    one_word_read,
    input_never_read,
    numbers_read_as_text,
    sorted_as_text,
    only_first_line_read,
    only_first_answered,
    rest_of_line_read,
    first_of_line_read,
    count_taken_as_value,
)
