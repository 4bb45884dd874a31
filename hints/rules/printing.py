"""Rules about how an answer is printed: what is right but does not look as it should, and what should not be there."""

import re
from collections import Counter

from execution.types import CheckerKind, DifferenceClass
from hints import code
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import wrong
from hints.rules.telling import counted, found, name, quoted

PUNCTUATION = str.maketrans(dict.fromkeys("[](){},;:'\"", " "))
WHOLE_WITH_POINT = re.compile(r"-?\d{1,40}\.0+\Z|-?\d(?:\.\d{1,20})?e\+\d{1,3}\Z")
OBJECT = re.compile(
    r"\[[A-Z][\w.]*;@[0-9a-f]+|\[[A-Z]@[0-9a-f]+|\b[A-Z][\w.$]*@[0-9a-f]{4,}"
    r"|\[object \w+\]|\[Function|<[\w. ]+ at 0x[0-9a-f]+>|<(?:function|generator|built-in)[^<>\n]{0,60}>"
)
PLACEHOLDER = re.compile(
    r"\{[^{}\n]{0,40}\}|\$\{[^{}\n]{1,40}\}|%(?:\.\d)?(?:d|s|f|lf|ld|lld|i|c)\b|\\n|/n$", re.MULTILINE
)
NOTHING = frozenset({"None", "null", "undefined"})
INFINITY = re.compile(r"\binf\b|\b\w*INFINITY\b|\bInfinity\b|\binfinity\b|\bHUGE_VAL\b")
GUARD = re.compile(r"^if\s+__name__\s*==\s*([\"'])(?!__main__\1)", re.MULTILINE)
CONTAINS = frozenset("[](){}'\"")
NOT_A_NUMBER = frozenset({"nan", "-nan", "inf", "-inf", "infinity", "-infinity"})
BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}
COMPARE = ("Compare your output with the expected one, character by character.", "Run it again on that case.")
BY_LINES = "Here it counts on which line a word is; how many blanks are between words does not."
HOW_IT_COMPARES = {
    CheckerKind.EXACT: "Here every blank and every line end counts.",
    CheckerKind.TRAILING_WHITESPACE: "Here blanks inside a line count, those at its end do not.",
    CheckerKind.LINES: BY_LINES,
    CheckerKind.FLOAT_LINES: BY_LINES,
    CheckerKind.UNORDERED_LINES: "Here lines may come in any order, but what is in a line has to agree.",
}


def never_called(evidence: Evidence) -> Finding | None:
    """The program defines functions and calls none of them."""
    seen = evidence.failure
    program = code.of(evidence)
    if seen is None or seen.difference is not DifferenceClass.NO_OUTPUT or not program.functions:
        return None
    if program.family not in ("python", "javascript"):
        return None
    inner = _all_print_in(program)
    if inner is None:
        return None
    return found(
        "never_called",
        0.95,
        case=seen,
        line=inner.line,
        nudge=f"Nothing was printed. Which line starts the work of {inner.name}?",
        concept="A definition only says what a function does. It does nothing until it is called.",
        place=f"Line {inner.line} defines {inner.name}, but no line of the program calls it.",
        plan=f"Keep {inner.name} as it is. After it, outside of it, add one line that calls it.",
        next_steps=(f"Call {inner.name} once, below its definition.", "Run the public cases again."),
    )


def _all_print_in(program: code.Code) -> code.Function | None:
    """The first function that prints, if only functions do that nobody calls."""
    alone = [one for one in program.functions if len(re.findall(rf"\b{one.name}\b", program.bare)) == 1]
    prints = program.lines_of(program.idioms.prints) if program.idioms else []
    around = [next((one for one in alone if one.line <= line <= one.last), None) for line in prints]
    return around[0] if around and all(around) else None


def wrong_main_guard(evidence: Evidence) -> Finding | None:
    """if __name__ == "main"."""
    seen = evidence.failure
    program = code.of(evidence)
    guard = GUARD.search(program.text) if program.family == "python" else None
    if seen is None or seen.difference is not DifferenceClass.NO_OUTPUT or guard is None:
        return None
    line = program.line_at(guard.start())
    return found(
        "wrong_main_guard",
        0.97,
        case=seen,
        line=line,
        nudge=f"Nothing was printed. Does the condition in line {line} ever hold?",
        concept="When Python runs a program, __name__ is __main__, with two underscores before and behind.",
        place=f"Line {line} compares __name__ with another word, so nothing below it is done.",
        plan="Correct the word in that condition, or leave the condition out.",
        next_steps=("Compare the word letter by letter.", "Run the public cases again."),
    )


def nothing_printed(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    program = code.of(evidence)
    if seen is None or seen.difference is not DifferenceClass.NO_OUTPUT:
        return None
    word = program.idioms.print if program.idioms else "the instruction that prints"
    where = (
        f"On {name(seen)} no line that prints a value was reached. Look at the conditions and loops around it."
        if program.prints
        else f"No line of the program prints anything, so {name(seen)} gets an empty output."
    )
    return found(
        "nothing_printed",
        0.9,
        case=seen,
        nudge="Your program ended without printing anything. Where should the result be printed?",
        concept=f"Only what {word} writes to standard output is compared; what a function returns is not.",
        place=where,
        plan="Compute the result, print it once at the end, outside of any condition that may not hold.",
        next_steps=(
            f"Add {word} for the result, or find why it is not reached.",
            "Run the public cases again.",
        ),
    )


def prompt_printed(evidence: Evidence) -> Finding | None:
    """Python's input() prints what it is given."""
    seen = wrong.of(evidence)
    program = code.of(evidence)
    if seen is None or program.family != "python":
        return None
    for call in re.finditer(r"\binput\s*\(\s*f?([\"'])", program.bare):
        end = program.text.find(call[1], call.end())
        prompt = program.text[call.end() : max(end, call.end())].strip()
        if prompt and prompt in seen.output:
            line = program.line_at(call.start())
            return found(
                "prompt_printed",
                0.97,
                case=seen.case,
                line=line,
                nudge=f"Your output has {quoted(prompt)} in it. Is that expected?",
                concept="What input() is given is printed, and everything that is printed is compared.",
                place=f"Line {line} gives input() the text {quoted(prompt)}, so it becomes part of the output.",
                plan="Read without any text: leave the parentheses of input() empty. Print the result alone.",
                next_steps=("Take the text out of every input().", "Run the public cases again."),
            )
    return None


def words_around_the_answer(evidence: Evidence) -> Finding | None:
    """The answer is there, and words that nobody asked for."""
    seen = wrong.of(evidence)
    extra = _added(seen) if seen and seen.wanted else []
    words = [word for word in extra if any(char.isalpha() for char in word)]
    if seen is None or not words or any(word in seen.answer or word in NOTHING for word in words):
        return None
    program = code.of(evidence)
    line = _line_with(program, words[0]) if len(words[0]) > 1 else None
    told = f"Line {line} prints" if line else f"On {name(seen.case)} the program prints"
    return found(
        "words_around_the_answer",
        0.93,
        case=seen.case,
        line=line,
        nudge=f"The right values are there. What else is in your output, such as {quoted(words[0])}?",
        concept="The output is read by a program, not by people: only the asked values belong in it.",
        place=f"{told} {quoted(' '.join(words))}, which is not part of the expected output.",
        plan="Print the values alone: no label, no sentence, nothing to help you while testing.",
        next_steps=("Remove the additional words.", *COMPARE),
    )


def _added(seen: wrong.Wrong) -> list[str]:
    """What is in the output besides the answer; nothing where the answer is not in it."""
    left = iter(seen.wanted)
    want = next(left, None)
    added = []
    for token in seen.tokens:
        bare = token.strip(".:,;!=")
        if want is not None and want in (token, bare):
            want = next(left, None)
        elif want is not None and want[-1].isdigit() and want == _without_label(bare):
            added.append(bare.replace(want, ""))
            want = next(left, None)
        else:
            added.append(token)
    return added if want is None else []


def _without_label(token: str) -> str:
    """3 of Sum:3, a+b=3 and 3n."""
    return re.split(r"[=:]", token)[-1].rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _line_with(program: code.Code, text: str) -> int | None:
    """The first line that prints and has this text."""
    lines = program.text.split("\n")
    if program.idioms is None:
        return None
    return next((n for n in program.lines_of(program.idioms.prints) if text in lines[n - 1]), None)


def boolean_words(evidence: Evidence) -> Finding | None:
    """True for true or yes, 1 for true."""
    seen = wrong.of(evidence)
    if seen is None or not seen.pairs:
        return None
    same = all(
        got.lower() in BOOLEANS and BOOLEANS.get(want.lower()) is BOOLEANS[got.lower()]
        for got, want in seen.pairs
    )
    got, want = next((pair for pair in seen.pairs if pair[0].lower() != pair[1].lower()), ("", ""))
    if not same or not want.isalpha():
        return None
    line = code.of(evidence).print_line
    return found(
        "boolean_words",
        0.95,
        case=seen.case,
        line=line,
        nudge=f"You print {quoted(got)}. Which word does the statement ask for?",
        concept="A language prints its truth values in its own way; the expected words are those of the statement.",
        place=f"On {name(seen.case)} {quoted(want)} is expected and {quoted(got)} printed: the meaning is right.",
        plan=f"Ask for the condition. If it holds, print one word, otherwise the other, spelt as {quoted(want)}.",
        next_steps=("Print the statement's words instead of the truth value.", *COMPARE),
    )


def letter_case(evidence: Evidence) -> Finding | None:
    seen = next((case for case in evidence.failures if case.difference is DifferenceClass.LETTER_CASE), None)
    if seen is None or not (seen.is_public or seen is evidence.failure):
        return None
    texts = next((one for one in wrong.public(evidence) if one.case is seen), None)
    pair = f": {quoted(texts.first[2])} is expected, {quoted(texts.first[1])} printed" if texts else ""
    return found(
        "letter_case",
        0.9,
        case=seen,
        line=code.of(evidence).print_line,
        nudge="Look at capital and small letters in your output. Are they as in the statement?",
        concept="Letters are compared as they are written: Yes, YES and yes are three different outputs.",
        place=f"On {name(seen)} only upper and lower case differ{pair}.",
        plan="Find each text that the program prints. Copy its spelling from the statement.",
        next_steps=("Copy the words from the statement.", *COMPARE),
    )


def only_blanks_differ(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    if seen is None or seen.difference is not DifferenceClass.WHITESPACE:
        return None
    texts = wrong.of(evidence)
    line = code.of(evidence).print_line
    where = f" Line {line} prints it." if line else ""
    return found(
        "only_blanks_differ",
        0.92,
        case=seen,
        line=line,
        nudge="All values are right. What stands between them, and at the end of each line?",
        concept=HOW_IT_COMPARES.get(evidence.checker, "Blanks and line ends count here."),
        place=f"On {name(seen)} {_blanks(texts)}.{where}",
        plan="Collect the values of a line, join them with what the statement asks for, end the line once.",
        next_steps=("Print a line in one piece, its values joined.", *COMPARE),
    )


def _blanks(texts: wrong.Wrong | None) -> str:
    """Which blanks differ."""
    if texts is None:
        return "only blanks or line ends differ"
    if "\r" in texts.output and "\r" not in texts.answer:
        return "your lines end with a carriage return, the expected ones do not"
    if texts.output == texts.answer.rstrip("\n"):
        return "the newline at the end is missing"
    if texts.output.rstrip() == texts.answer.rstrip():
        return "there are other blanks or empty lines at the end of the output"
    if "\n" in texts.output.strip() and "\n" not in texts.answer.strip():
        return "the values stand on several lines, but are expected on one"
    number, mine, theirs = texts.first
    if mine.split() == theirs.split():
        return (
            f"the blanks of the output's line {number} differ: expected {quoted(theirs)}, got {quoted(mine)}"
        )
    return f"the lines are broken elsewhere, from the output's line {number} on"


def lines_in_another_order(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    if seen is None or seen.difference is not DifferenceClass.ORDER:
        return None
    texts = wrong.of(evidence)
    reverse = texts is not None and texts.lines == texts.wanted_lines[::-1]
    how = "exactly the other way round" if reverse else "not in the expected order"
    return found(
        "lines_in_another_order",
        0.9,
        case=seen,
        line=code.of(evidence).print_line,
        nudge="All lines are right. In which order does the statement want them?",
        concept="The order of the output is part of the answer: that of the input, or a sorted one, ties included.",
        place=f"On {name(seen)} the lines are right but {how}.",
        plan="Collect the lines first. Bring them into the order that the statement names. Then print them.",
        next_steps=("Read again which order is asked for, and what breaks ties.", *COMPARE),
    )


def object_printed(evidence: Evidence) -> Finding | None:
    """[I@1b6d, [object Object], <generator object …>: the thing instead of its content."""
    seen = wrong.of(evidence)
    thing = OBJECT.search(seen.output) if seen else None
    if seen is None or thing is None or thing[0] in seen.answer:
        return None
    line = code.of(evidence).print_line
    return found(
        "object_printed",
        0.97,
        case=seen.case,
        line=line,
        nudge=f"What is {quoted(thing[0])} in your output?",
        concept="Printing a container, an object or a function prints its name and address, not what is in it.",
        place=f"On {name(seen.case)} the program prints {quoted(thing[0])}: the thing itself, not its values.",
        plan="Go through the elements. Print each, or join them into one text first. Call what is a function.",
        next_steps=("Turn it into text yourself, element by element.", "Run that case again."),
    )


def nothing_returned(evidence: Evidence) -> Finding | None:
    """None, null or undefined where a value is expected."""
    seen = wrong.of(evidence)
    got = next((token for token in seen.tokens if token in NOTHING), "") if seen else ""
    if seen is None or not got or got in seen.wanted:
        return None
    line = code.of(evidence).print_line
    return found(
        "nothing_returned",
        0.93,
        case=seen.case,
        line=line,
        nudge=f"Your output contains {got}. Which expression has no value there?",
        concept=f"A function that ends without return, or a place that nothing was stored in, gives {got}.",
        place=f"On {name(seen.case)} {got} is printed: a function returns nothing, or what is read does not exist.",
        plan="Look at each function whose result is used: every way through it has to return a value. "
        "Do not print the result of something that prints already.",
        next_steps=(
            f"Find where {got} comes from: print the parts of the expression.",
            "Run that case again.",
        ),
    )


def nan_printed(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    got = next((token for token in seen.tokens if token.lower() in NOT_A_NUMBER), "") if seen else ""
    if seen is None or not got or got in seen.wanted:
        return None
    if "nan" not in got.lower() and INFINITY.search(evidence.source):
        return _infinity_left(evidence, seen, got)
    return found(
        "nan_printed",
        0.92,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"Your output contains {got}. Which calculation has no result for this input?",
        concept=f"{got} comes from text that is no number, a division by zero, the root of a negative number, "
        "or a value that was never set.",
        place=f"On {name(seen.case)} a calculation gives {got} instead of {quoted(seen.first[2])}.",
        plan="Check each value right after it is read: is it a number? Then check each divisor before dividing.",
        next_steps=("Print the values just after reading them, for yourself.", "Run that case again."),
    )


def _infinity_left(evidence: Evidence, seen: wrong.Wrong, got: str) -> Finding:
    program = code.of(evidence)
    lines = [number for number, line in enumerate(program.text.split("\n"), 1) if INFINITY.search(line)]
    return found(
        "infinity_left",
        0.9,
        case=seen.case,
        line=lines[0] if len(lines) == 1 else None,
        nudge=f"Your output contains {got}. Which variable begins with that, and what should replace it?",
        concept="What a search begins with stays, if no value is ever compared with it, or if the comparison is the "
        "wrong way round.",
        place=f"On {name(seen.case)} {got} is printed where {quoted(seen.first[2])} is expected; the program sets a "
        "variable to it.",
        plan="Follow that variable through the first round: is it compared, in the right direction, and replaced?",
        next_steps=("Print that variable in each round, for yourself.", "Run that case again."),
    )


def placeholder_printed(evidence: Evidence) -> Finding | None:
    """{name}, ${name}, %d or \\n as they stand in the program."""
    seen = wrong.of(evidence)
    sign = PLACEHOLDER.search(seen.output) if seen else None
    if seen is None or sign is None or sign[0] in seen.answer or sign[0] in seen.input:
        return None
    if sign[0] not in evidence.source:
        return None
    line = _line_with(code.of(evidence), sign[0])
    return found(
        "placeholder_printed",
        0.94,
        case=seen.case,
        line=line,
        nudge=f"Your output contains {quoted(sign[0])} as it stands in the program. What should be there?",
        concept="A placeholder is only replaced in a text of the right kind: Python's f before the quotes, "
        "JavaScript's backticks, a format string with its values; a newline is a backslash and n.",
        place=f"{f'Line {line} prints' if line else 'The program prints'} {quoted(sign[0])} literally.",
        plan="Mark the text as one with placeholders in your language, or print the value beside the text. In formats "
        "of C, two % print one, and take no value.",
        next_steps=("Correct the text that is printed.", *COMPARE),
    )


def container_printed(evidence: Evidence) -> Finding | None:
    """[1, 2] for 1 2: only brackets, commas and quotes are too many."""
    seen = wrong.of(evidence)
    if seen is None or seen.output.split() == seen.wanted:
        return None
    if seen.output.translate(PUNCTUATION).split() != seen.answer.translate(PUNCTUATION).split():
        return None
    if not CONTAINS & (set(seen.output) - set(seen.answer)):
        return _other_signs(evidence, seen)
    line = code.of(evidence).print_line
    number, mine, theirs = seen.first
    return found(
        "container_printed",
        0.95,
        case=seen.case,
        line=line,
        nudge="The values are right. Which signs stand around and between them?",
        concept="A list that is printed as a whole brings its brackets and commas along, in each language its own.",
        place=f"On {name(seen.case)} line {number} of the output is {quoted(mine)}, expected is {quoted(theirs)}.",
        plan="Turn each value into text. Join the texts with the separator that the statement shows. Print that.",
        next_steps=("Join the values instead of printing the whole container.", *COMPARE),
    )


def _other_signs(evidence: Evidence, seen: wrong.Wrong) -> Finding:
    number, mine, theirs = seen.first
    return found(
        "other_signs_between",
        0.95,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge="The values are right. Which signs stand between them, and after them?",
        concept="Every sign of the output is compared: commas, colons and semicolons, too.",
        place=f"On {name(seen.case)} line {number} of the output is {quoted(mine)}, expected is {quoted(theirs)}.",
        plan="Compare the two lines sign by sign. Print between the values just what the statement shows.",
        next_steps=("Copy the signs from the statement.", *COMPARE),
    )


def glued_together(evidence: Evidence) -> Finding | None:
    """12 for 1 2: nothing was printed between the values."""
    seen = wrong.of(evidence)
    if seen is None or len(seen.tokens) >= len(seen.wanted) or "".join(seen.tokens) != "".join(seen.wanted):
        return None
    line = code.of(evidence).print_line
    return found(
        "glued_together",
        0.95,
        case=seen.case,
        line=line,
        nudge="The digits are right. Where does one value end and the next one begin?",
        concept="Some ways of printing put nothing after a value: blanks and newlines have to be printed too.",
        place=f"On {name(seen.case)} {counted(len(seen.wanted), 'value')} are expected, but they stand together "
        f"as {quoted(seen.tokens[0])}.",
        plan="After each value print a blank or a newline, as the statement shows it.",
        next_steps=("Print the separators.", *COMPARE),
    )


def point_zero(evidence: Evidence) -> Finding | None:
    """3.0 for 3."""
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers or any(got != want for got, want in seen.numbers):
        return None
    if not all(WHOLE_WITH_POINT.match(got) and wrong.integer(want) is not None for got, want in seen.pairs):
        return None
    program = code.of(evidence)
    lines = program.lines_of(re.compile(r"(?<![/*])/(?![/*=])|\b(?:double|float)\b"))
    line = lines[0] if len(lines) == 1 else None
    got, want = seen.pairs[0]
    return found(
        "point_zero",
        0.96,
        case=seen.case,
        line=line,
        nudge=f"You print {got}. Of which type is your result?",
        concept="An ordinary division, or a floating-point variable, gives a number that is printed with a point.",
        place=f"{f'Line {line} makes it a floating-point number' if line else 'It is a floating-point number'}: "
        f"{got} is printed where {want} is expected.",
        plan="Stay with integers all the way: divide with the integer division of your language, keep the result "
        "in an integer variable.",
        next_steps=("Replace the floating-point step by one with integers.", *COMPARE),
    )


def number_format(evidence: Evidence) -> Finding | None:
    """0.5 for 0.50: the same number, otherwise written."""
    seen = wrong.of(evidence)
    if seen is None or not seen.numbers or any(got != want for got, want in seen.numbers):
        return None
    got, want = seen.pairs[0]
    decimals = len(want.partition(".")[2])
    return found(
        "number_format",
        0.9,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"Your value is right, but {quoted(want)} is written otherwise than {quoted(got)}. How?",
        concept="How many decimals are printed is a matter of the format, not of the value.",
        place=f"On {name(seen.case)} {quoted(want)} is expected, with {counted(decimals, 'decimal')}; you print "
        f"{quoted(got)}.",
        plan="Keep the calculation. When printing, use a format with the number of decimals that is asked for.",
        next_steps=("Print with a fixed number of decimals.", *COMPARE),
    )


def printed_in_a_loop(evidence: Evidence) -> Finding | None:
    """Steps on the way are printed too: the answer is the last line of the output."""
    seen = wrong.of(evidence)
    if seen is None or not seen.wanted or len(seen.wanted_lines) > 1 or len(seen.lines) < 2:
        return None
    if seen.lines[-1] != seen.wanted_lines[0]:
        return None
    program = code.of(evidence)
    line = _prints_in_a_loop(program)
    loop = program.loops_around(line)[-1].line if line else None
    return found(
        "printed_in_a_loop",
        0.9 if line else 0.7,
        case=seen.case,
        line=line,
        nudge=f"Your last line is right. Why are there {counted(len(seen.lines), 'line')}?",
        concept="What stands inside a loop is done in every round; what stands after it is done once.",
        place=f"Line {line} prints inside the loop of line {loop}, so each round prints."
        if line
        else f"On {name(seen.case)} values are printed before the answer.",
        plan="Let the loop only compute. Print once, after the loop has ended.",
        next_steps=("Move the printing behind the loop, and take out what was for testing.", *COMPARE),
    )


def _prints_in_a_loop(program: code.Code) -> int | None:
    """The only line that does."""
    lines = program.lines_of(program.idioms.prints) if program.idioms else []
    lines = [line for line in lines if program.loops_around(line)]
    return lines[0] if len(lines) == 1 else None


def printed_twice(evidence: Evidence) -> Finding | None:
    """All lines that are expected, and no others, but some more often."""
    seen = wrong.of(evidence)
    if seen is None or not seen.wanted or seen.missing or not seen.extra:
        return None
    if not set(seen.extra) <= set(seen.wanted_lines) or seen.extra == [""]:
        return None
    often = seen.extra[0]
    line = _prints_in_a_loop(code.of(evidence))
    return found(
        "printed_twice",
        0.92,
        case=seen.case,
        line=line,
        nudge=f"How often is {quoted(often)} expected in the output, and how often do you print it?",
        concept="A loop that goes over the input meets equal values again and again. What is printed once has to be "
        "remembered, or each value be visited once.",
        place=f"On {name(seen.case)} {quoted(often)} is printed {counted(Counter(seen.lines)[often], 'time')}, "
        f"and expected {counted(Counter(seen.wanted_lines)[often], 'time')}.",
        plan="Remember what was printed, and print only what is new. Or collect the different values "
        "first, and go over "
        "these.",
        next_steps=("Print each line as often as it is expected.", *COMPARE),
    )


def output_goes_on(evidence: Evidence) -> Finding | None:
    seen = evidence.failure
    if seen is None or seen.difference is not DifferenceClass.TOO_LONG:
        return None
    texts = wrong.of(evidence)
    if texts and not texts.wanted:
        return _nothing_expected(evidence, texts)
    told = f"goes on with {quoted(' '.join(texts.tokens[len(texts.wanted) :]))}" if texts else "goes on"
    if texts and texts.any_order:
        told = f"has {quoted(texts.extra[0])} too much" if texts.extra else "has a line too often"
    return found(
        "output_goes_on",
        0.75,
        case=seen,
        line=code.of(evidence).print_line,
        nudge="What is expected is in your output. What is there besides, and when should it not be printed?",
        concept="A loop that does one round too many, or a line for testing that was left in, prints too much.",
        place=f"On {name(seen)} the output is right, but {told}.",
        plan="Find the line that prints what is too much. Ask when it should not be reached. Add that condition.",
        next_steps=("Count the rounds of the loop around the last print.", *COMPARE),
    )


def _nothing_expected(evidence: Evidence, seen: wrong.Wrong) -> Finding:
    return found(
        "nothing_expected",
        0.93,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"What is expected on {name(seen.case)}, and what do you print there?",
        concept="Where there is no answer, often nothing is to be printed at all; only the statement "
        "says whether a word "
        "stands for it.",
        place=f"On {name(seen.case)} nothing is expected, and {quoted(seen.output)} is printed.",
        plan="Ask whether there is something to print. Only then print it.",
        next_steps=("Print only where there is something to print.", *COMPARE),
    )


def another_number_of_values(evidence: Evidence) -> Finding | None:
    """One value where two are expected."""
    seen = wrong.of(evidence)
    if seen is None or not seen.tokens or not seen.wanted:
        return None
    number, mine, theirs = seen.first
    got, want = len(mine.split()), len(theirs.split())
    if got == want or not got or not want:
        return None
    return found(
        "another_number_of_values",
        0.4,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge=f"On {name(seen.case)}, how many values belong in line {number} of the output?",
        concept="How many values are printed, and how many in a line, is part of the answer.",
        place=f"On {name(seen.case)} line {number} of the output is {quoted(mine)}, {counted(got, 'value')}; expected "
        f"{'is' if want == 1 else 'are'} {want}, {quoted(theirs)}.",
        plan="Say for each expected value what it is. Find which of them the program does not "
        "compute, or does not print.",
        next_steps=("Read again what the statement wants printed.", *COMPARE),
    )


def input_echoed(evidence: Evidence) -> Finding | None:
    seen = wrong.of(evidence)
    if seen is None or not seen.tokens or seen.tokens != seen.input.split():
        return None
    return found(
        "input_echoed",
        0.7,
        case=seen.case,
        line=code.of(evidence).print_line,
        nudge="What you print is what you were given. Which step is still missing, or changes nothing?",
        concept="The program reads and prints; between the two it has to compute what the statement asks for.",
        place=f"On {name(seen.case)} the output is the input; {quoted(seen.first[2])} is expected.",
        plan="Write down by hand how to get from the input to the expected output. Put these steps between "
        "reading and printing.",
        next_steps=("Solve that case on paper.", "Put the steps into the program."),
    )


def errors_printed_as_output(evidence: Evidence) -> Finding | None:
    """The answer went to standard error."""
    seen = wrong.of(evidence)
    if seen is None or seen.tokens or not seen.case.stderr or seen.case.stderr.split() != seen.wanted:
        return None
    program = code.of(evidence)
    line = program.line_of(r"\bstderr\b|\bcerr\b|\bSystem\s*\.\s*err\b|\bconsole\s*\.\s*error\b")
    return found(
        "errors_printed_as_output",
        0.98,
        case=seen.case,
        line=line,
        nudge="Your values are right, but they are not in your output. Where did you print them?",
        concept="A program has two outputs: the standard one, which is compared, and one for errors, which is not.",
        place=f"{f'Line {line} prints' if line else 'The program prints'} to standard error.",
        plan="Print the result to standard output; leave standard error to messages for yourself.",
        next_steps=("Print to standard output.", "Run that case again."),
    )


RULES: tuple[Rule, ...] = (
    errors_printed_as_output,
    wrong_main_guard,
    never_called,
    nothing_printed,
    prompt_printed,
    object_printed,
    placeholder_printed,
    words_around_the_answer,
    boolean_words,
    letter_case,
    only_blanks_differ,
    lines_in_another_order,
    nothing_returned,
    nan_printed,
    container_printed,
    glued_together,
    point_zero,
    number_format,
    printed_in_a_loop,
    printed_twice,
    output_goes_on,
    another_number_of_values,
    input_echoed,
)
