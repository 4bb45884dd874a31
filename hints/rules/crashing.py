"""Programs that began to run and crashed: exceptions, signals, exit codes.

Of a public case the runtime's own words and its end are known. Of a hidden one nothing is but that it crashed, and
what the learner sends along: the last rule says so, and what hidden cases are like in general.
"""

import re
import sys
from collections.abc import Callable

from django.utils.text import capfirst

from execution.types import Verdict
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import places
from hints.rules.places import Said, lines_with, only_line, similar_name
from hints.rules.telling import UNNAMED, Told, about, counted, found, name
from questions.previews import TEXT_CAP

SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGSEGV, SIGPIPE = 4, 6, 7, 8, 9, 11, 13
_SHOWN_LINES = 4


def crashed(pattern: str = "", signal: int | None = None) -> Callable[[Told[Said]], Rule]:
    """A rule on crashes with words like these, looked for in `Type: message`; or without any, by this signal."""

    def heard(evidence: Evidence) -> Said | None:
        said = places.crash(evidence)
        caught = said.catch(pattern, f"{said.kind}: {said.message}") if said else None
        return caught or (_ended_by(evidence, signal) if signal else None)

    return about(heard)


def ended(*signals: int) -> Callable[[Told[Said]], Rule]:
    """A rule on crashes of which the runtime says nothing, by one of these signals; without them, of any kind."""
    return about(lambda evidence: _ended_by(evidence, *signals) if signals else places.ending(evidence))


def _ended_by(evidence: Evidence, *signals: int) -> Said | None:
    said = places.ending(evidence)
    return said if said and said.case and said.case.signal in signals else None


def _placed(said: Said, pattern: str) -> Said:
    """With the one line that it can be, where the runtime names none."""
    return said if said.line else said.moved(only_line(said.evidence, pattern))


def _finding(said: Said, *, nudge: str, concept: str, place: str, plan: str, sure: float = 0.9) -> Finding:
    return found(
        UNNAMED,
        sure if said.case else sure / 2,
        nudge=nudge,
        concept=concept,
        place=place,
        plan=plan,
        next_steps=(
            f"Run {said.on} again, and print the values that {said.there} uses to standard error.",
            f"Go through {said.on} by hand until you come to that point.",
        ),
        line=said.line,
        case=said.case,
    )


def _lines_of_input(said: Said) -> str:
    """Of the case's input, where all of it is known."""
    given = said.case.input if said.case else None
    if given is None or len(given) >= TEXT_CAP:
        return ""
    return f" Its input has {counted(len(given.splitlines()), 'line')}."


@crashed(r"^EOFError|Cannot parse null string|readLine\(\)\" is null|^NoSuchElementException")
def past_input(said: Said) -> Finding | None:
    if said.kind == "NoSuchElementException" and "java.util.Scanner." not in said.words:
        return None
    return _finding(
        said,
        nudge=f"On {said.on}, how much input is left when the program comes to {said.at}?",
        concept="A program may read only as much as there is. Either it reads more often than the statement "
        f"says, or what it takes for one line or number has another form; at {said.there}, on {said.on}, "
        "nothing was left.",
        place=f"{capfirst(said.at)} reads on after the end of the input of {said.on}.{_lines_of_input(said)}",
        plan=f"1. Put the statement's input format beside the input of {said.on}. 2. Count how often the "
        f"program reads before {said.there}, loops included. 3. Read several values of one line at once, "
        "and only as many lines as there are.",
    )


@crashed(
    r"out_of_range: sto|Exceeds the limit \(\d+ digits\)"
    r"|(?:NumberFormat|InputMismatch)Exception: For input string: \"-?\d{10,}\""
)
def number_too_large(said: Said) -> Finding:
    said = _placed(said, r"\bsto\w+\s*\(")
    return _finding(
        said,
        nudge=f"How large is the number that {said.at} reads on {said.on}, and does it fit?",
        concept=f"A type holds numbers up to a bound. The one that {said.there} reads on {said.on} is "
        "beyond it.",
        place=f"{capfirst(said.at)} is given a number on {said.on} that its type cannot hold.",
        plan="1. Look up in the statement how large values may become. 2. Choose a type that holds them. 3. "
        f"Read into that type at {said.there}, and compute in it.",
    )


@crashed(
    r"invalid literal for int\(\) with base \d+: b?'([^\n]*)'|could not convert string to float: '([^\n]*)'"
    r"|NumberFormatException: For input string: \"([^\n]*)\"|InputMismatchException|NumberFormatException: empty"
    r"|invalid_argument: sto|Cannot convert ([^\n]*) to a BigInt"
)
def not_a_number(said: Said) -> Finding:
    said = _placed(said, r"\bsto\w+\s*\(")
    text = next((one for one in said.caught if one is not None), None)
    return _finding(
        said,
        nudge=f"What exactly is in the text that {said.at} turns into a number on {said.on}?",
        concept="Only a text that is a number and nothing else can be turned into one: no second number, no "
        f"letter, no fraction for an integer, not nothing. On {said.on} {said.there} is given another.",
        place=f"On {said.on} {said.at} is given {_what(text)}.",
        plan=f"1. Look at the input of {said.on}: where does that text come from? 2. If several values "
        "stand on one line, split it first. 3. If the line is empty or the input over, do not read it. 4. "
        f"Convert each at {said.there}.",
    )


def _what(text: str | None) -> str:
    if text is None:
        return "something that is no number"
    if not text.strip("\\n "):
        return "an empty text (an empty line, or the end of the input)"
    shown = text if len(text) <= places.SHORT else f"{text[: places.SHORT]}…"
    if len(text.split()) > 1:
        return f"“{shown}”: several values at once"
    return f"“{shown}”"


@crashed(r"(too many|not enough) values to unpack \(expected (?:at least )?(\d+)(?:, got (\d+))?")
def unpacking(said: Said) -> Finding:
    got = (
        f"{said.caught[2]} came"
        if said.caught[2]
        else "more came"
        if said.caught[0] == "too many"
        else "fewer came"
    )
    return _finding(
        said,
        nudge=f"How many values stand on the right of {said.at} on {said.on}, and how many names on the "
        "left?",
        concept="Taking several values apart needs exactly as many names as values. How many a line of "
        f"input has depends on the case; on {said.on} {said.there} met another number.",
        place=f"{capfirst(said.at)} wants {said.caught[1]} values; on {said.on} {got}.",
        plan=f"1. Print what {said.there} takes apart on {said.on}. 2. Compare it with the input format. 3. "
        "Read another line, keep all values in a list, or name as many as there are.",
    )


@crashed(
    r"pop from (?:an )?empty|EmptyStackException|empty sequence|empty iterable|empty range"
    r"|^IndexError: index out of range$|^NoSuchElementException|Reduce of empty array|iterable argument is empty"
)
def taken_from_empty(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"How many elements are left on {said.on} when the program comes to {said.at}?",
        concept="From an empty list, stack or queue nothing can be taken, nor its largest element. On "
        f"{said.on} it is empty at {said.there}.",
        place=f"{capfirst(said.at)} takes from something that is empty on {said.on}.",
        plan=f"1. Follow on {said.on} what is put in and what is taken out. 2. Decide what is right when "
        f"nothing is left. 3. Ask whether it is empty before {said.there}.",
    )


@crashed(
    r"^IndexError|IndexOutOfBoundsException|out_of_range: (?:vector|basic_string|deque|array|string|span)"
)
def index_out_of_range(said: Said) -> Finding:
    said = _placed(said, r"\.(?:at|substr|erase|insert)\s*\(")
    return _finding(
        said,
        nudge=f"On {said.on}, which index does {said.at} use, and which is the last that exists?",
        concept=f"Indexes run from 0 to the length less one. On {said.on} {said.there} asks for another: "
        f"{_bounds(said)}.",
        place=f"{capfirst(said.at)} goes out of range on {said.on}: {_bounds(said)}.",
        plan=f"1. Before {said.there}, print the index and the length on {said.on}. 2. See whether the "
        "index starts at 1, runs one too far, or the list is shorter than you think. 3. Change the loop's "
        "bounds, or ask before you look.",
    )


def _bounds(said: Said) -> str:
    """As the runtime tells them."""
    told = re.search(r"[Ii]ndex:? (-?\d+) out of bounds for length (\d+)", said.message)
    told = told or re.search(
        r"\(which is (\d+)\) >=? (?:this->size\(\)|_Nm) \(which is (\d+)\)", said.message
    )
    if told:
        return f"index {told[1]} where the length is {told[2]}"
    return said.message.strip() or said.kind


@crashed(
    r"NegativeArraySize|length_error|Invalid (?:array|string) length|Invalid count value|bad_array_new_length"
)
def impossible_size(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"How large shall the thing be that {said.at} makes on {said.on}?",
        concept=f"Nothing can have a negative or an immense size. On {said.on} a size was computed that is "
        f"one of them ({said.message or said.kind}).",
        place=f"{capfirst(said.at)} makes something of an impossible size on {said.on}.",
        plan=f"1. Print the size before it is used at {said.there}. 2. Find out where it comes from: a "
        "value not read yet, a difference below zero, an overflow. 3. Mend it there.",
    )


@crashed(r"^KeyError: ([^\n]*)|out_of_range: (?:map|unordered_map)::at|_Map_base::at")
def key_missing(said: Said) -> Finding:
    said = _placed(said, r"\.at\s*\(")
    key = f"the key {said.word}" if said.word and len(said.word) <= places.SHORT else "a key"
    return _finding(
        said,
        nudge=f"Which keys are in the dictionary when {said.at} looks something up on {said.on}?",
        concept=f"Looking up a key that was never put in is an error. On {said.on} {said.there} does so.",
        place=f"{capfirst(said.at)} looks up {key} on {said.on}, which is not there.",
        plan="1. See where keys are put in, and of what type they are: 1 and '1' differ. 2. Decide what a "
        f"missing key means. 3. At {said.there}, ask first, or look up with a default.",
    )


@crashed(
    r"'(None)Type'|(Null)PointerException|properties of (undefined|null)|\b(undefined|null) is not"
    r"|Cannot convert (undefined|null)|bad_(optional)_access"
)
def nothing_used(said: Said) -> Finding:
    """None, null and undefined."""
    word = said.word.replace("Null", "null").replace("optional", "nothing")
    reasons = {
        "None": "a function without return gives None, and so do methods that change a list in place",
        "undefined": "an index or line beyond the last one, a missing property, a function without return",
        "nothing": "an optional that was never given a value",
    }
    reason = reasons.get(word, "a variable never set, a look-up that found nothing, the end of the input")
    return _finding(
        said,
        nudge=f"On {said.on}, what has a value at {said.at}, and what has none?",
        concept=f"{capfirst(word)} stands for “no value” and has neither methods nor elements. It comes "
        f"from many places: {reason}. On {said.on} one reached {said.there}.",
        place=f"{capfirst(said.at)} uses {word} as if it were a value, on {said.on}: {said.brief}."
        f"{_lines_of_input(said) if word == 'undefined' else ''}",
        plan=f"1. Find out which part of {said.there} is {word}. 2. Go back to where it was set, on "
        f"{said.on}. 3. Set it there, return a value there, or ask before it is used.",
    )


@crashed(r"^ZeroDivisionError|/ by zero|Division by zero", SIGFPE)
def division_by_zero(said: Said) -> Finding:
    said = _placed(said, r"[^/*]/[^/*=]|%|/=")
    return _finding(
        said,
        nudge=f"On {said.on}, what is it that {said.at} divides by?",
        concept=f"A division by zero has no result, and no remainder. On {said.on} a divisor is "
        f"zero at {said.there}.",
        place=f"{capfirst(said.at)} divides by zero on {said.on}.",
        plan=f"1. Find the divisor at {said.there}, and what makes it zero on {said.on}. 2. Work out what "
        "the answer is then. 3. Treat that case before you divide.",
    )


@crashed(r"^RecursionError|StackOverflowError|Maximum call stack size")
def endless_recursion(said: Said) -> Finding:
    limit = (
        " Python stops at about 1000 calls within each other."
        if said.evidence.language.slug == "python"
        else ""
    )
    return _finding(
        said,
        nudge=f"When does the function around {said.at} stop calling itself on {said.on}?",
        concept="Recursion needs a case that is answered without another call, and each call must come "
        f"nearer to it. On {said.on} the calls at {said.there} went too deep.{limit}",
        place=f"{capfirst(said.at)} calls again and again on {said.on}, until there is no room for another "
        "call.",
        plan=f"1. Write down the arguments of the first calls at {said.there} on {said.on}. 2. If they "
        "never come to the end, mend the base case or the step. 3. If they do and are only too many, use a "
        "loop.",
    )


@crashed(r"UnboundLocalError: (?:cannot access )?local variable '(\w+)'|Cannot access '(\w+)' before")
def used_before_value(said: Said) -> Finding:
    name = said.word
    why = (
        f"A function that assigns to {name} anywhere has a variable {name} of its own, whatever there is outside"
        if said.caught[0]
        else "A variable declared by let or const exists only from its declaration on"
    )
    return _finding(
        said,
        nudge=f"Which {name} does {said.at} use, and has it a value by then?",
        concept=f"{why}. At {said.there} it has no value yet.",
        place=f"{capfirst(said.at)} uses {name} before it has a value.",
        plan=f"1. Find where {name} gets its first value. 2. Put that before {said.there}, on every way "
        "there. 3. What comes from outside a function is best handed in and returned.",
    )


@crashed(r"^NameError: name '(\w+)'|^ReferenceError: (\w+) is not defined")
def unknown_name(said: Said) -> Finding:
    """Also a module that is not imported, and what only browsers have."""
    name = said.word
    return _finding(
        said,
        nudge=f"Where does the name {name}, which {said.at} uses, get its meaning?",
        concept="A name means something only after it was assigned, defined or imported, spelt alike, "
        f"capitals and all. {name}, at {said.there}, was not.",
        place=f"{capfirst(said.at)} uses {name}, which is not defined.{_meant(said.evidence, name)}",
        plan=f"1. Decide what {name} at {said.there} shall be. 2. Spell it as it is spelt elsewhere, give "
        "it a value first, or import it. 3. Look at the block in which it is set: is that always run?",
    )


def _meant(evidence: Evidence, name: str) -> str:
    if evidence.language.slug == "python" and name in sys.stdlib_module_names:
        return " It is a module of the standard library, and nothing imports it."
    if name in ("prompt", "alert", "document", "window", "readline"):
        return " Browsers may have it; Node.js, where the program runs, has not."
    similar = similar_name(evidence, name)
    return f" There is {similar}: is that the one you mean?" if similar else ""


@crashed(r"No module named '([^'\n]+)'|cannot import name '(\w+)'|Cannot find module '([^'\n]+)'")
def unknown_module(said: Said) -> Finding:
    name = said.word
    return _finding(
        said,
        nudge=f"Is {name}, which {said.at} imports, part of the language's own library?",
        concept=f"Programs run with the standard library alone. {name}, at {said.there}, is not in it, at "
        "least not under this name.",
        place=f"{capfirst(said.at)} imports {name}, which does not exist here.",
        plan=f"1. See whether {name} is misspelt. 2. If it belongs to a package that one installs, do "
        f"without it. 3. Remove {said.there} if nothing needs it.",
    )


@crashed(r"FileNotFound|ENOENT: no such file|NoSuchFileException")
def file_missing(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"From where does {said.at} read, and where does the input come from here?",
        concept="The input comes through standard input; there are no files beside the program. "
        f"{capfirst(said.there)} opens one.",
        place=f"{capfirst(said.at)} opens a file that does not exist where {said.on} is run.",
        plan=f"1. Read from standard input where {said.there} opens a file. 2. Print results to standard "
        "output.",
    )


@crashed(
    r"Assignment to constant variable|does not support item assignment|read only prop|UnsupportedOperationException"
)
def unchangeable(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"May what {said.at} changes be changed?",
        concept="Some things stay as they are once they are made: constants, Python's strings and tuples, "
        f"Java's List.of. On {said.on} {said.there} changes one.",
        place=f"{capfirst(said.at)} changes what cannot be changed: {said.brief}.",
        plan=f"1. Find where the thing that {said.there} changes is made. 2. Make it of a kind that can be "
        "changed, or make a new one with the changed value.",
    )


@crashed(r"'(\w+)' object is not callable|^TypeError: ([^\n]{1,60}) is not a (?:function|constructor)")
def not_a_function(said: Said) -> Finding:
    what = f"a value of type {said.caught[0]}" if said.caught[0] else said.caught[1]
    return _finding(
        said,
        nudge=f"What is it that {said.at} calls, and is it a function?",
        concept="Parentheses after a name call it, so it must be a function. A variable with a function's "
        f"name hides the function; a method may be called otherwise for this type. {capfirst(said.there)} "
        "met one of these.",
        place=f"{capfirst(said.at)} calls {what}, which is no function.",
        plan=f"1. Find what is called at {said.there}, and where it got its value. 2. If a variable hides a "
        "function, rename the variable. 3. If a method is missing, look up what this type offers.",
    )


@crashed(r"AttributeError: (?:'([\w.]+)' object|type object '(\w+)'|module '(\w+)') has no attribute '(\w+)'")
def no_such_attribute(said: Said) -> Finding:
    owner = said.word
    return _finding(
        said,
        nudge=f"Of what type is the thing at {said.at}, and has that type a {said.caught[3]}?",
        concept=f"Each type has its own methods, and their names differ between languages. {owner} has no "
        f"{said.caught[3]}, which {said.there} asks for.",
        place=f"{capfirst(said.at)} asks {owner} for {said.caught[3]}, which it does not have.",
        plan=f"1. Look up what {owner} offers. 2. If it has what you mean under another name, use that at "
        f"{said.there}. 3. If the value should be of another type, find where it became {owner}.",
    )


@crashed(
    r"takes (?:from |exactly |at (?:least|most) )?(?:\d+|no) [^\n]*argument|missing \d+ required"
    r"|expected (?:at (?:least|most) )?\d+ arguments?|unexpected keyword argument"
)
def mismatched_call(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"How many values does the function want that {said.at} calls, and how many does it get?",
        concept=f"A call gives one value for each parameter. {capfirst(said.there)} does not: {said.brief}.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Put the function's parameters beside the arguments at {said.there}. 2. Add or remove what "
        "differs. 3. A method of a class has self as its first parameter.",
    )


@crashed(r"changed size during iteration|mutated during iteration|ConcurrentModification")
def changed_while_walking(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What happens, within the loop at {said.at}, to the thing that it walks through?",
        concept="While a loop walks through a collection, nothing may be added or removed. The loop at "
        f"{said.there} does.",
        place=f"{capfirst(said.at)} walks through a collection that its own loop changes, on {said.on}.",
        plan=f"1. Find what the loop at {said.there} adds or removes. 2. Note the changes in a second "
        "collection and make them after the loop, or walk through a copy.",
    )


@crashed(
    r"unsupported operand|can only concatenate|not supported between|indices must be|has no len|not subscriptable"
    r"|is not iterable|cannot be interpreted as|unhashable|must be str|Cannot mix BigInt|ClassCastException"
    r"|can't multiply|bad operand type|TypeError: [^\n]*argument must be|cannot unpack"
)
def types_mixed(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"Of what type is each value at {said.at} on {said.on}? What was read is text at first.",
        concept="An operation takes values of some types only: a text and a number cannot be added, a "
        f"number has no elements. On {said.on} {said.there} has a value of another type than it needs.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Print the type of each value at {said.there}. 2. Find the one that you took for another. "
        "3. Convert it where it comes from, or use what its type offers.",
    )


@crashed(r"^MemoryError|bad_alloc|OutOfMemoryError")
def out_of_memory(said: Said) -> Finding:
    limit = f"{said.evidence.limits.memory_kib // 1024} MiB"
    return _finding(
        said,
        nudge=f"On {said.on}, how much does {said.at} want at once?",
        concept=f"A program may use {limit} here. On {said.on} {said.there} asked for more than there was.",
        place=f"{capfirst(said.at)} asked for more memory on {said.on} than the {limit} allow.",
        plan=f"1. Estimate how many elements there are at {said.there}, and their size. 2. If a size is "
        "computed, check it; if something grows without end, stop it. 3. Keep only what is still needed.",
    )


@crashed(r"math (?:domain|range) error|^OverflowError")
def outside_domain(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"With which value does {said.at} compute on {said.on}?",
        concept="Not every function has a value everywhere: no root or logarithm below zero, and floats end "
        f"at about 1.8e308. On {said.on} {said.there} leaves what is possible.",
        place=f"{capfirst(said.at)}: {said.brief}, on {said.on}.",
        plan=f"1. Print the value that {said.there} is given. 2. Decide what is right for it. 3. Where "
        "integers serve, stay with integers.",
    )


@crashed(r"^Assertion")
def assertion(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What does {said.at} claim, and why is it not so on {said.on}?",
        concept=f"An assertion ends the program where what it claims is false. On {said.on} the one at "
        f"{said.there} is.",
        place=f"The assertion at {said.at} does not hold on {said.on}.",
        plan=f"1. Print the values in the assertion at {said.there} on {said.on}. 2. If the claim is right, "
        "find what broke it before. 3. If it is not, take it away.",
    )


@ended()
def broken_heap(said: Said) -> Finding | None:
    broken = re.search(
        r"double free|free\(\): [\w ]{1,60}|malloc\(\): |realloc\(\): |corrupted|munmap_chunk|stack smashing",
        said.words,
    )
    if broken is None:
        return None
    said = _placed(said, r"\bfree\s*\(|\bdelete\b")
    return _finding(
        said,
        nudge=f"Does {said.at} write beyond the end of an array, or free something twice, on {said.on}?",
        concept="Beside your arrays lies the memory's own book-keeping. Who writes past an end, or frees "
        f"twice, breaks it; it is noticed later, as here on {said.on}.",
        place=f"On {said.on} the runtime found broken memory (“{broken[0].strip()}”); {said.at} is a place "
        "to look at."
        if said.line
        else f"On {said.on} the runtime found broken memory (“{broken[0].strip()}”).{_indexing(said)}",
        plan=f"1. For each array, compare its size with the largest index that {said.on} uses. 2. A text of "
        "n letters needs n + 1 places. 3. Free each thing once.",
    )


@ended(SIGSEGV, SIGBUS, SIGILL, SIGABRT)
def forgotten_return(said: Said) -> Finding | None:
    """In C++ the end of a function without its return is whatever the compiler made of it: often a crash."""
    warning = re.search(
        r"main\.\w+:(\d{1,9}):[^\n]{0,200}(?:no return statement|control reaches end of non-void)",
        said.evidence.compile_output,
    )
    if warning is None or int(warning[1]) > len(said.evidence.lines):
        return None
    said = said.moved(int(warning[1]))
    return _finding(
        said,
        nudge=f"What does the function that ends at {said.at} return?",
        concept="A function with a result that ends without return does anything, in C++ often a crash, as "
        f"on {said.on}. The compiler warns of line {said.line}.",
        place=f"The function that ends at {said.at} promises a result and may come to its end without one.",
        plan=f"1. Follow each way through the function down to {said.there}. 2. Return the result on each; "
        "if there is none, give the function the type void.",
        sure=0.8,
    )


@ended(SIGSEGV, SIGBUS)
def segmentation_fault(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"On {said.on}, does every index and every pointer of your program point to something that is "
        "yours?",
        concept="A segmentation fault means that memory was touched which is not the program's: an index "
        f"outside its array, a pointer to nothing, calls within calls without end. It happened on {said.on}.",
        place=f"On {said.on} the program touched foreign memory.{_indexing(said)}",
        plan=f"1. With the values of {said.on}, write down for each array its size and the largest index "
        "used. 2. See that each pointer is set before it is followed. 3. If functions call themselves, look "
        "for the end of it. 4. Very large arrays belong outside functions.",
        sure=0.7,
    )


def _indexing(said: Said) -> str:
    """Where it may have been, if these are few."""
    found = lines_with(said.evidence, r"\w\[[^\]\[]{0,80}[A-Za-z_]|->|\bscanf\b")
    if not 0 < len(found) <= _SHOWN_LINES:
        return ""
    shown = ", ".join(str(line) for line in found)
    return f" It indexes or follows pointers on line{'' if len(found) == 1 else 's'} {shown}."


@crashed("BrokenPipeError|EPIPE", SIGPIPE)
def closed_pipe(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"To whom does {said.at} write on {said.on}, and is anybody still reading?",
        concept=f"Who writes to a pipe that is closed at the other end is ended. It happened on {said.on}.",
        place=f"On {said.on} {said.at} wrote into a closed pipe.",
        plan=f"1. See whether the program starts others or closes its output before {said.on} is answered. "
        "2. Print to standard output only, and less.",
        sure=0.6,
    )


@ended(SIGABRT)
def aborted(said: Said) -> Finding:
    said = _placed(said, r"\babort\s*\(")
    return _finding(
        said,
        nudge=f"What does your program, or its library, find so wrong on {said.on} that it gives up?",
        concept="SIGABRT is sent by the program itself: abort, a failed check, an exception that nobody "
        f"catches. So it ended on {said.on}.",
        place=f"On {said.on} {said.at} aborted (signal 6).",
        plan=f"1. Read what was written to standard error on {said.on}. 2. Find the call that gives up. 3. "
        "Mend what it complains of.",
        sure=0.6,
    )


@ended()
def ended_by_signal(said: Said) -> Finding | None:
    number = said.case.signal if said.case else None
    if number is None:
        return None
    name = {SIGILL: "SIGILL, an impossible instruction", SIGKILL: "SIGKILL, from outside"}.get(number, "")
    return _finding(
        said,
        nudge=f"What is your program doing on {said.on} when it is ended by signal {number}?",
        concept=f"A signal ends a program that cannot go on{f' ({name})' if name else ''}. The program did "
        f"not come to its end on {said.on}.",
        place=f"On {said.on} signal {number} ended the program.",
        plan=f"1. Print to standard error how far {said.on} comes. 2. Narrow the place down. 3. Look there "
        "for what may be undefined: a missing return, an index, an uninitialised value.",
        sure=0.5,
    )


@crashed()
def uncaught(said: Said) -> Finding:
    """Any other exception; also the program's own."""
    own = re.search(r"^\s*(raise|throw)\b|\bthrow\s+\w", said.code)
    about = f"{said.kind}{f': {said.brief}' if said.message else ''}"
    return _finding(
        said,
        nudge=f"On {said.on}, why does {said.at} {'throw' if own else 'fail with'} {said.kind}?",
        concept=f"An exception that nobody catches ends the program. On {said.on} it is {said.kind}, "
        f"{'thrown by your own code' if own else 'from what is called'} at {said.there}.",
        place=f"{capfirst(said.at)} ends the program on {said.on} with {about}.",
        plan=f"1. Look up when {said.kind} is thrown. 2. Print the values at {said.there} on {said.on}. 3. "
        "See that it cannot come to that, or treat the case before.",
        sure=0.7,
    )


@ended()
def own_exit_code(said: Said) -> Finding | None:
    code = said.case.exit_code if said.case else None
    if not code:
        return None
    said = _placed(said, r"\bexit\s*\(|\breturn\s+-?[1-9]")
    words = said.words.strip().split("\n")[0][: places.LONG]
    wrote = f" It wrote “{words}” to standard error." if words else ""
    return _finding(
        said,
        nudge=f"With which number does {said.at} end the program on {said.on}, and what does it mean?",
        concept="A program that ends with another exit code than 0 says that it failed, whatever it has "
        f"printed. On {said.on} it ended with {code}.",
        place=f"On {said.on} {said.at} ended with exit code {code}.{wrote}",
        plan=f"1. Find what ends the program on {said.on}: exit, or what main returns. 2. If it is done "
        "then, end with 0. 3. If something was wrong, mend that.",
        sure=0.8,
    )


@ended()
def unknown_crash(said: Said) -> Finding:
    """A public case of which no words are kept."""
    return _finding(
        said,
        nudge=f"What happens when you run {said.on} once more?",
        concept=f"A crash has a cause that the runtime tells. What it said on {said.on} is not kept any "
        "more.",
        place=f"On {said.on} the program crashed; more is not known now.",
        plan=f"1. Run the public cases again. 2. Read what is written to standard error on {said.on}. 3. "
        "Ask for a hint then.",
        sure=0.3,
    )


_LANGUAGE_RISKS = {
    "python": "an index or a key that does not exist, more than 1000 calls within each other, a line that is empty",
    "java": "an index out of bounds, a number beyond int when it is read, too many calls within each other",
    "javascript": "something undefined, too many calls within each other",
}


def hidden_crash(evidence: Evidence) -> Finding | None:
    """Nothing of it is known but its number; so it is about hidden cases in general."""
    case = evidence.failure
    if case is None or case.is_public or case.verdict is not Verdict.RTE:
        return None
    on = name(case)
    passed = sum(one.verdict is Verdict.AC for one in evidence.cases)
    risks = _LANGUAGE_RISKS.get(
        evidence.language.slug, "an index outside an array, a division by zero, a pointer to nothing"
    )
    return found(
        "hidden_crash",
        0.4,
        nudge=f"Your program crashed on {on}, and no public case shows it. Which inputs does the statement "
        "allow that the public ones do not have?",
        concept="Hidden cases are other inputs within the same limits: often larger, sometimes the smallest "
        f"possible, empty, negative, or all alike. What {on} holds is not told; {passed} other "
        f"case{'' if passed == 1 else 's'} passed.",
        place=f"On {on} the program crashed. In {evidence.language.name} that often is: {risks}.",
        plan="1. Read the limits in the statement. 2. Make inputs of your own: the smallest, the largest, "
        f"with negative or equal values. 3. Run each as your own case until one crashes as {on} did. 4. "
        "Then go by what the runtime says of it.",
        next_steps=(
            "Run the program on the smallest input that the statement allows.",
            "Run it on the largest, made by a small program.",
        ),
        case=case,
    )


RULES: tuple[Rule, ...] = (
    past_input,
    number_too_large,
    not_a_number,
    unpacking,
    taken_from_empty,
    index_out_of_range,
    impossible_size,
    key_missing,
    nothing_used,
    division_by_zero,
    endless_recursion,
    used_before_value,
    unknown_name,
    unknown_module,
    file_missing,
    unchangeable,
    not_a_function,
    no_such_attribute,
    mismatched_call,
    changed_while_walking,
    types_mixed,
    out_of_memory,
    outside_domain,
    assertion,
    broken_heap,
    forgotten_return,
    segmentation_fault,
    closed_pipe,
    aborted,
    ended_by_signal,
    uncaught,
    own_exit_code,
    unknown_crash,
    hidden_crash,
)
