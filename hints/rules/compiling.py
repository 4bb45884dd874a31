"""Programs that did not even start: compile errors, and what Python, Node.js and Java's launcher refuse to run.

They speak of the first error only, since those after it often follow from it. The last rule tells the line of
whatever the others do not know.
"""

import re
from collections.abc import Callable

from django.utils.text import capfirst

from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules import places
from hints.rules.places import Said, lines_with, similar_name
from hints.rules.telling import UNNAMED, Told, about, found

_Q = "[‘'`\"]"  # compilers quote in the ways of their locale
_C = ("c", "cpp", "cpp20", "cpp23")
_CPP = ("cpp", "cpp20", "cpp23")
_PYTHON = ("python",)

_HEADERS = {
    "algorithm": "sort reverse max_element min_element accumulate lower_bound upper_bound next_permutation unique",
    "bitset": "bitset",
    "climits": "INT_MAX INT_MIN LLONG_MAX LLONG_MIN",
    "cmath": "sqrt pow floor ceil round",
    "cstdio": "printf scanf puts getchar",
    "cstring": "memset strlen strcmp memcpy",
    "deque": "deque",
    "functional": "greater function",
    "iomanip": "setprecision setw setfill",
    "iostream": "cin cout endl cerr",
    "map": "map multimap",
    "numeric": "iota accumulate gcd lcm",
    "queue": "queue priority_queue",
    "set": "set multiset",
    "sstream": "stringstream istringstream ostringstream",
    "stack": "stack",
    "string": "string getline to_string stoi stol stoll",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "vector": "vector",
}
_HEADER_OF = {name: header for header, names in _HEADERS.items() for name in names.split()}
_PACKAGES = {
    "java.io": "BufferedReader InputStreamReader PrintWriter IOException StreamTokenizer",
    "java.math": "BigInteger BigDecimal",
    "java.util": "Scanner ArrayList List Map HashMap Set HashSet Arrays Collections Deque ArrayDeque Queue LinkedList "
    "PriorityQueue TreeMap TreeSet Stack StringTokenizer Iterator Random Comparator",
    "java.util.stream": "IntStream Collectors Stream",
}
_PACKAGE_OF = {name: package for package, names in _PACKAGES.items() for name in names.split()}
_SPELT = {
    "string": "String",
    "system": "System",
    "Sytem": "System",
    "integer": "Integer",
    "Int": "int",
}  # Java


def refused(
    pattern: str = "", *, kind: str = "", languages: tuple[str, ...] = ()
) -> Callable[[Told[Said]], Rule]:
    """A rule on programs that were refused with words like these, in one of these languages (none: in any)."""

    def heard(evidence: Evidence) -> Said | None:
        said = places.refusal(evidence)
        if said is None or (kind and said.kind != kind):
            return None
        is_of_these = not languages or evidence.language.slug in languages
        return said.catch(pattern, said.message) if is_of_these else None

    return about(heard)


def _finding(said: Said, *, nudge: str, concept: str, place: str, plan: str, sure: float = 0.9) -> Finding:
    return found(
        UNNAMED,
        sure,
        nudge=nudge,
        concept=concept,
        place=place,
        plan=plan,
        next_steps=(
            f"Read {said.there} word by word." if said.line else "Read the whole message once.",
            "Mend the first error only, then run again: later ones often follow from it.",
        ),
        line=said.line,
        case=said.case,
    )


def _above(said: Said) -> Said:
    """The line before it that has something in it."""
    assert said.line is not None
    above = (number for number in range(said.line - 1, 0, -1) if said.evidence.lines[number - 1].strip())
    return said.moved(next(above, None))


@refused(r"class (\w+) is public, should be declared in a file named|Could not find or load main class Main")
def wrong_class_name(said: Said) -> Finding | None:
    """javac refuses a public class of another name, the launcher finds no Main."""
    if "wrong name" in said.words:
        return None
    line = said.line or next(iter(lines_with(said.evidence, r"\bclass\s+\w")), None)
    said = said.moved(line)
    name = said.word or next(iter(re.findall(r"\bclass\s+(\w+)", said.code)), "another name")
    return _finding(
        said,
        nudge=f"Your program is kept in the file Main.java. Which class does {said.at} declare?",
        concept=f"Java looks for the class that has the name of its file: Main. Where {said.there} declares "
        "another one, it finds nothing to start.",
        place=f"On {said.at} the class is called {name}; the one with the method main must be called Main.",
        plan=f"1. On {said.there}, give the class {name} the name Main. 2. Change the name wherever else "
        "the program uses it. 3. Leave all the rest as it is.",
    )


@refused("Could not find or load main class Main")
def package_line(said: Said) -> Finding | None:
    if "wrong name" not in said.words:
        return None
    said = said.moved(next(iter(lines_with(said.evidence, r"^\s*package\b")), None))
    return _finding(
        said,
        nudge=f"Does a program of one file need what {said.at} says?",
        concept=f"A package is a folder: after {said.there}, Java looks for the class in that folder. Here "
        "the program stands alone, in no folder.",
        place=f"{capfirst(said.at)} puts the class Main into a package, so Java does not find it where it "
        "is.",
        plan=f"1. Delete {said.there}. 2. Keep the imports. 3. Run again.",
    )


@refused()
def missing_main(said: Said) -> Finding | None:
    """Linkers miss it by name, Java's launcher says what is wrong with it."""
    if not re.search(rf"undefined reference to {_Q}main'|Main method ", said.words):
        return None
    shape = (
        "public static void main(String[] args)" if said.evidence.language.slug == "java" else "int main()"
    )
    line = next(iter(lines_with(said.evidence, r"\bmain\s*\(")), None)
    if line is not None:
        said = said.moved(line)
        seen = f"There is a main on {said.at}, but it is not declared as it must be."
    else:
        seen = f"None of lines 1 to {len(said.evidence.lines)} declares a main."
    return _finding(
        said,
        nudge=f"Where shall your program begin? Read on from {said.at if line else 'line 1'}.",
        concept=f"A program in {said.evidence.language.name} starts in a function of a fixed name and form: "
        f"{shape}. From line {line or 1} on there is none like that.",
        place=seen,
        plan=f"1. {f'Change line {line}' if line else 'After line 1, write a function'}, so that its head "
        f"reads {shape}. 2. Let it read the input, call your functions, and print the result.",
    )


@refused()
def undefined_function(said: Said) -> Finding | None:
    """The linker finds a call of what is declared at most."""
    missed = re.search(rf"undefined reference to {_Q}(\w+)", said.words)
    if missed is None:
        return None
    name = missed[1]
    called = lines_with(said.evidence, rf"\b{name}\s*\(")
    said = said.moved(called[-1] if called else None)
    similar = similar_name(said.evidence, name)
    return _finding(
        said,
        nudge=f"Who has written the function {name}, which {said.at} speaks of?",
        concept=f"Declaring or calling a function is not enough: somewhere it needs a body. For {name}, of "
        f"{said.there}, the linker found none.",
        place=f"{capfirst(said.at)} uses {name}, and nothing defines it"
        + (f"; there is {similar}, which is spelt nearly so." if similar else "."),
        plan=f"1. Find out what {name} on {said.there} is to do. 2. Write it above its first use, or use "
        "the name of the function that you have. 3. Compare parameters and types of both.",
    )


@refused(
    rf"{_Q}(?:std::)?(\w+)[’'\"] (?:was not declared|undeclared|is not a member of|does not name a type)"
    rf"|unknown type name {_Q}(\w+)|implicit declaration of function {_Q}(\w+)",
    languages=_C,
)
def missing_include(said: Said) -> Finding | None:
    """gcc often says which header has the name; for others we know it."""
    name = said.word
    header = _header_of(name, said)
    if header is None or lines_with(said.evidence, rf"\b(class|struct|define)\s+{name}\b"):
        return None
    if re.search(
        rf"(?m)^[ \t]*#[ \t]*include[ \t]*<({re.escape(header)}|bits/stdc\+\+\.h)>", said.evidence.source
    ):
        return None
    return _finding(
        said,
        nudge=f"Where does the name {name} on {said.at} come from, and have you told the compiler?",
        concept=f"What the standard library offers is known only once its header is included. {name}, on "
        f"{said.there}, belongs to one that is not.",
        place=f"{capfirst(said.at)} uses {name}, which is in the header <{header}>.",
        plan=f"1. Include <{header}> at the top of the program. 2. Leave {said.there} as it is, and run "
        "again.",
    )


def _header_of(name: str, said: Said) -> str | None:
    noted = re.search(rf"{_Q}(?:std::)?{name}[’'\"] is defined in header {_Q}<([\w.]+)>", said.words)
    noted = noted or re.search(
        rf"include {_Q}<([\w.]+)>[’'\"] or provide a declaration of {_Q}{name}\b", said.words
    )
    if noted:
        return noted[1]
    return _HEADER_OF.get(name) if said.evidence.language.slug in _CPP else None


@refused(rf"{_Q}(\w+)[’'\"] was not declared", languages=_CPP)
def missing_std(said: Said) -> Finding | None:
    if said.word not in _HEADER_OF or re.search(r"\busing\s+namespace\s+std\b", said.evidence.source):
        return None
    return _finding(
        said,
        nudge=f"In which namespace does {said.word}, on {said.at}, live?",
        concept=f"The names of C++'s standard library live in the namespace std; {said.word} alone, on "
        f"{said.there}, means one of your own.",
        place=f"{capfirst(said.at)} says {said.word} without its namespace.",
        plan=f"1. Write std:: before {said.word} on {said.there}, and everywhere else; or say once, below "
        "the includes, that you use the namespace. 2. Run again.",
    )


@refused("cannot find symbol")
def missing_import(said: Said) -> Finding | None:
    symbol = re.search(r"symbol: +(?:class|variable) (\w+)", said.words)
    if symbol is None or symbol[1] not in _PACKAGE_OF:
        return None
    name, package = symbol[1], _PACKAGE_OF[symbol[1]]
    return _finding(
        said,
        nudge=f"Java does not know {name} by itself. Where does the class of {said.at} come from?",
        concept=f"Only java.lang is there from the start. Every other class, such as {name} on "
        f"{said.there}, must be imported from its package.",
        place=f"{capfirst(said.at)} uses {name}, which is in the package {package}, and nothing imports it.",
        plan=f"1. Import {name} from {package} at the top, before the class. 2. Leave {said.there} as it is.",
    )


@refused(r"^([^\n:]*): No such file or directory|^package ([\w.]+) does not exist|^cannot find symbol")
def unknown_header(said: Said) -> Finding | None:
    imported = re.match(r"\s*import\s+([\w.]+)", said.code)
    name = said.word or (imported[1] if imported else None)
    if name is None:
        return None
    return _finding(
        said,
        nudge=f"Is {name}, on {said.at}, spelt as it is called, and is it part of the language itself?",
        concept=f"Only the standard library is there. {name}, on {said.there}, is not part of it, at least "
        "not under this name: capitals count, too.",
        place=f"{capfirst(said.at)} asks for {name}, which does not exist here.",
        plan=f"1. Look up how {name} is really called. 2. If it is no part of the standard library, do "
        f"without it. 3. Change {said.there}.",
    )


@refused("does not name a type|expected declaration specifiers or")
def statement_outside(said: Said) -> Finding | None:
    """A statement between functions: the compiler waits for a declaration there."""
    if not re.search(r"<<|>>|^\s*[\w.\[\]]+\s*(\(|[-+*/]?=[^=])", said.code):
        return None
    return _finding(
        said,
        nudge=f"In which function does {said.at} stand?",
        concept=f"Outside functions things are only declared; whatever is done, as on {said.there}, is done "
        "in a function.",
        place=f"{capfirst(said.at)} does something, but stands in no function.",
        plan=f"1. See whether a bracket above {said.there} closes a function too early. 2. Move the "
        "statement into the function that it belongs to, perhaps main.",
    )


@refused(
    rf"{_Q}(\w+)[’'\"] (?:was not declared|undeclared|has not been declared|does not name a type)"
    rf"|unknown type name {_Q}(\w+)|^cannot find symbol|use of undeclared identifier {_Q}(\w+)"
)
def undeclared_name(said: Said) -> Finding | None:
    """Also a misspelt one: then the nearest name in the program is told."""
    symbol = re.search(r"symbol: +(?:variable|class|method) (\w+)", said.words)
    name = said.word or (symbol[1] if symbol else None)
    if name is None or re.search(r"location: +(?:variable|package|class String\b)", said.words[:600]):
        return None
    similar = (_SPELT.get(name) if said.evidence.language.slug == "java" else None) or similar_name(
        said.evidence, name
    )
    return _finding(
        said,
        nudge=f"Where is {name}, which {said.at} uses, declared?",
        concept="Every name must be declared before it is used, in the same block or one around it, spelt "
        f"alike, capitals and all. {name}, on {said.there}, is not.",
        place=f"{capfirst(said.at)} uses {name}, which the compiler does not know there."
        + (f" There is {similar}: is that the one you mean?" if similar else ""),
        plan=f"1. Decide what {name} on {said.there} shall be. 2. "
        + (
            f"If it is {similar}, spell it so. "
            if similar
            else "Declare it, with its type, before this line. "
        )
        + "3. If it is declared in an inner block, declare it further out.",
    )


@refused(r"stray|extended character|invalid character|illegal character|Invalid or unexpected token")
def wrong_quotes(said: Said) -> Finding | None:
    """Quotes of a word processor."""
    quote = re.search("[“”„‘’«»]", said.code)
    if quote is None:
        return None
    return _finding(
        said,
        nudge=f"Look closely at the quotes on line {said.line}: are they those of a keyboard?",
        concept=f"Programs know only the straight quotes \" and '. Word processors and web pages turn them into curly "
        f"ones, as on line {said.line}.",
        place=f"On line {said.line} stands {quote[0]}, which means nothing in {said.evidence.language.name}.",
        plan=f"1. Delete the quotes on line {said.line} and type them again. 2. Look for others that were "
        "copied.",
    )


@refused(
    r"missing terminating|unclosed (?:string|character) literal|unterminated|EOL while scanning"
    r"|(Invalid or unexpected token)"
)
def unclosed_string(said: Said) -> Finding | None:
    if said.word and not _has_odd_quotes(said.code):
        return None
    return _finding(
        said,
        nudge=f"Where does the text that begins on {said.at} end?",
        concept=f"A text begins and ends with the same quote, on one line. The one on {said.there} never "
        "ends, so all that follows is taken for a part of it.",
        place=f"On {said.at} a quote is opened and not closed.",
        plan=f"1. Count the quotes on line {said.line}: there must be as many closing as opening ones. 2. "
        "Close the text where it is to end. 3. A quote inside a text needs a backslash before it.",
    )


def _has_odd_quotes(code: str) -> bool:
    return any(code.count(quote) % 2 for quote in "\"'`")


@refused(
    r"unmatched '(.)'|^Unexpected token '([)}\]])'|(class), interface, (?:enum|or)"
    rf"|expected (?:identifier or .\(.|declaration|unqualified-id) before {_Q}([)}}])[’'\"]"
    r"|closing parenthesis '(.)' does not match"
)
def extra_bracket(said: Said) -> Finding | None:
    bracket = "}" if said.word == "class" else said.word
    if bracket not in said.code:
        return None
    return _finding(
        said,
        nudge=f"Which bracket does the {bracket} on {said.at} close?",
        concept=f"Each closing bracket ends the one opened last. For the {bracket} on {said.there} none of "
        "its kind is open any more.",
        place=f"The {bracket} on {said.at} has no partner: it is one too many, or one before it was closed "
        "too early.",
        plan="1. Indent the program by its brackets. 2. Go through them from the top, counting up for each "
        f"that opens and down for each that closes, up to line {said.line}. 3. Remove or add the one where "
        "the count is wrong.",
    )


@refused(
    r"'(.)' was never closed|(?:at end of input|reached end of file while parsing|Unexpected end of input)"
    rf"|^missing (\)) after argument list|expected {_Q}([)\]}}])[’'\"]|^'([)\]}}])' expected|^'\)' or ',' expected"
    r"|a function-definition is not allowed here|unexpected EOF while parsing|^Unexpected token '\{'"
)
def unclosed_bracket(said: Said) -> Finding:
    bracket = said.word
    kind = f"the bracket {bracket}" if bracket else "a bracket"
    opened = re.search(r"main\.\w+:(\d{1,9}):\d+: note: to match this", said.words)
    begun = f" The one in question is opened on line {opened[1]}." if opened else ""
    return _finding(
        said,
        nudge=f"Is every bracket that is opened up to {said.at} closed again?",
        concept=f"Brackets come in pairs. At {said.there} {said.evidence.language.name} still waits for {kind} "
        "to have its partner.",
        place=f"A pair of brackets is not complete at {said.at}.{begun}",
        plan="1. Indent the program by its brackets. 2. Count those that open and those that close, from "
        f"the top to line {said.line}. 3. Where more are open than you mean, close one.",
    )


@refused(rf"expected (?:{_Q}[=,][’'\"],? (?:or )?)*{_Q};[’'\"](?: before {_Q}(\S+?)[’'\"])?|^';' expected")
def missing_semicolon(said: Said) -> Finding | None:
    """gcc names what comes after the gap: where that begins a line, the gap is on the line before."""
    if said.line is None:
        return None
    if said.word and said.code.lstrip().startswith(said.word):
        said = _above(said)
    gap = "between the parts of the for" if re.search(r"\bfor\s*\(", said.code) else "most likely at the end"
    return _finding(
        said,
        nudge=f"How does the compiler know where a statement ends? Look at {said.at}.",
        concept=f"In {said.evidence.language.name} a statement ends with a semicolon, not with its line. The one "
        f"on {said.there} goes on into what follows.",
        place=f"On {said.at} a semicolon is missing, {gap}.",
        plan=f"1. Put a semicolon on {said.there}, {gap}. 2. Run again: other errors may be gone with it.",
    )


@refused("invalid syntax|expected ':'", languages=_PYTHON)
def other_language(said: Said) -> Finding | None:
    """Words of other languages in a Python program."""
    foreign = re.search(r"\belse\s+if\b|&&|\|\||\+\+|--|!(?!=)|\bcout\b|\bint\s+\w+\s*=|;\s*$", said.code)
    if foreign is None:
        return None
    return _finding(
        said,
        nudge=f"Is what stands on {said.at} Python, or another language?",
        concept="Python says elif for “else if”, and, or and not for “&&”, “||” and “!”, has no “++” and "
        f"declares no types. {capfirst(said.there)} does otherwise.",
        place=f"On {said.at}, “{foreign[0].strip()}” is none of Python's words.",
        plan=f"1. Say in words what {said.there} is to do. 2. Look up how Python writes just that. 3. Look "
        "for the same in other lines.",
    )


@refused("expected ':'")
def missing_colon(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What does Python expect at the end of {said.at}, before an indented block?",
        concept="if, elif, else, for, while, def and class end with a colon; the block below belongs to "
        f"them. {capfirst(said.there)} has none where it should be.",
        place=f"{capfirst(said.at)} lacks a colon.",
        plan=f"1. Put a colon at the end of the condition or head on line {said.line}. 2. Indent what "
        "belongs to it.",
    )


@refused(kind="TabError")
def mixed_tabs(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"Is {said.at} indented with the same character as the lines around it?",
        concept="Python tells blocks by indentation. Tabs and spaces may look alike, and are not: "
        f"{said.there} is indented with one, its block with the other.",
        place=f"{capfirst(said.at)} mixes tabs and spaces with the lines above it.",
        plan="1. Choose spaces, four for each level. 2. Replace every tab in the program, beginning with "
        f"line {said.line}.",
    )


@refused(kind="IndentationError")
def wrong_indentation(said: Said) -> Finding:
    head = re.search(r"on line (\d+)", said.message)
    what = (
        f"line {head[1]} opens a block, and {said.at} is not indented below it"
        if head
        else f"{said.at} begins further right than its block, with no line above that opens one"
        if said.has("unexpected indent")
        else f"{said.at} goes back to a depth at which no block begins"
    )
    return _finding(
        said,
        nudge=f"To which block does {said.at} belong, and does it stand below the others of that block?",
        concept="In Python indentation says what belongs together: after a colon further in, then back to "
        f"exactly the depth of a block around. {capfirst(said.there)} does not fit.",
        place=f"{what[0].upper()}{what[1:]}.",
        plan=f"1. Decide to which if, loop or function line {said.line} belongs. 2. Give it as many spaces "
        "as the other lines of that block. 3. Four spaces for each level keep it readable.",
    )


@refused("Missing parentheses in call to 'print'")
def old_print(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"Which version of Python is {said.at} written for?",
        concept=f"In Python 3 print is a function, called with parentheses like any other; {said.there} is "
        "Python 2.",
        place=f"{capfirst(said.at)} calls print without parentheses.",
        plan=f"1. Put what line {said.line} prints in parentheses. 2. Do so for each print. 3. Mind other "
        "changes: / of two integers gives a fraction now, // does not.",
    )


@refused(
    "Maybe you meant '=='|cannot be converted to boolean|lvalue required as left|Invalid left-hand side"
    "|unexpected type|cannot assign to"
)
def assignment_in_condition(said: Said) -> Finding | None:
    """A single = where two values are compared."""
    if not re.search(r"\b(if|while|elif)\b[^\n]*[^=!<>]=[^=]", said.code):
        return None
    return _finding(
        said,
        nudge=f"Does {said.at} compare, or does it assign?",
        concept="One = gives a variable a value; whether two values are equal asks ==. "
        f"{capfirst(said.there)} has the first where a condition is wanted.",
        place=f"In the condition on {said.at} stands =, where a comparison must stand.",
        plan=f"1. Read the condition on line {said.line} aloud: “if … is equal to …”. 2. Write == for that. "
        "3. Look at other conditions, too.",
    )


@refused("missing return statement")
def missing_return(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What does the function that ends on line {said.line} give back if no condition in it holds?",
        concept="A function with a result must return one on every way through it. One way to line "
        f"{said.line} has no return.",
        place=f"The function that ends on line {said.line} can come to its end without returning anything.",
        plan=f"1. Follow each branch of the function down to line {said.line}. 2. Where one falls out at "
        "the end, say what the result is then. 3. Return it there.",
    )


@refused(r"ISO C\+\+ forbids declaration of .* with no type|return type required|return type defaults to")
def missing_return_type(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What kind of value does the function on {said.at} give back?",
        concept="A function's type stands before its name; void where it gives nothing back. "
        f"{capfirst(said.there)} names none.",
        place=f"On {said.at} the type before the function's name is missing.",
        plan=f"1. Look at what the function on line {said.line} returns. 2. Write that type before its name.",
    )


@refused(r"variable (\w+) might not have been initialized|Missing initializer in const")
def uninitialised(said: Said) -> Finding:
    name = said.word or "the constant"
    return _finding(
        said,
        nudge=f"What is the value of {name} when the program comes to {said.at}?",
        concept=f"What is read must have been given a value before, on every way there. At {said.there} "
        f"{name} may have none.",
        place=f"{capfirst(said.at)}: {name} has no value yet.",
        plan=f"1. Find where {name} is declared. 2. Decide what it is to be at first. 3. Give it that value "
        f"there, or in every branch before line {said.line}.",
    )


@refused(
    rf"(?:redefinition|redeclaration|conflicting declaration|conflicting types).*?{_Q}(?:[\w:]+ )?(\w+)"
    r"|(?:variable|method|class) (\w+).* is already defined|Identifier '(\w+)' has already been declared"
    r"|duplicate class: (\w+)"
)
def declared_twice(said: Said) -> Finding:
    name = said.word or "the name"
    return _finding(
        said,
        nudge=f"Is the {name} on {said.at} a new one, or one that you have already?",
        concept="A name can be declared once in a block; afterwards it is used without its type or keyword. "
        f"{name} is declared again on {said.there}.",
        place=f"{capfirst(said.at)} declares {name}, which is declared before.",
        plan=f"1. If line {said.line} means the same {name}, only give it a new value. 2. If it means "
        "another thing, choose another name, here and wherever it is used.",
    )


@refused(r"possible lossy conversion from (\w+) to (\w+)")
def lossy_conversion(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"Does every value of type {said.caught[0]} fit into type {said.caught[1]}? Look at {said.at}.",
        concept=f"Java narrows no number by itself: {said.caught[0]} holds values that {said.caught[1]} cannot. So it "
        f"refuses {said.there}.",
        place=f"The value on {said.at} is of type {said.caught[0]}; type {said.caught[1]} is wanted.",
        plan=f"1. Ask how large the value on line {said.line} can become. 2. If it may be large or a "
        f"fraction, keep it in type {said.caught[0]}. 3. Only if it surely fits, convert it, saying so.",
    )


@refused(
    "incompatible types|cannot convert|invalid conversion|invalid operands|no match for .operator"
    "|bad operand types|incompatible type for|makes integer from pointer|makes pointer from integer"
    "|aggregate value used|cannot be dereferenced"
)
def type_mismatch(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"Of what types are the values on {said.at}, and do they go together?",
        concept=f"Every value has a type, and an operation takes only some. On {said.there} two meet that "
        f"do not fit: {said.brief}.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Write down the type of each part of line {said.line}. 2. Find the part that is not what "
        "you thought. 3. Change its declaration, convert it, or use what its type offers.",
    )


@refused(
    r"too (?:few|many) arguments to|cannot be applied to given types|no matching function for call"
    r"|no suitable (?:method|constructor)|constructor .* cannot be applied"
)
def wrong_arguments(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"How many values, and of which types, does the function want that {said.at} calls?",
        concept="A call must give what the function's parameters ask for, in number, order and type. On "
        f"{said.there} it does not: {said.brief}.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Find the declaration of the function that line {said.line} calls. 2. Put its parameters "
        "and your arguments side by side. 3. Mend the one that differs; two numbers may need the same type.",
    )


@refused(rf"has no member named {_Q}(\w+)|cannot find symbol")
def no_such_member(said: Said) -> Finding | None:
    symbol = re.search(r"symbol: +(?:method|variable|class) (\w+)", said.words)
    name = said.word or (symbol[1] if symbol else None)
    if name is None:
        return None
    return _finding(
        said,
        nudge=f"Does the thing on {said.at} have a {name}?",
        concept="A type has only the members that it declares, and their names differ from language to "
        f"language and type to type. {name}, on {said.there}, is none of them.",
        place=f"On {said.at}, {name} does not exist for that type.",
        plan=f"1. Find the type of what stands before {name} on line {said.line}. 2. Look up what it "
        "offers. 3. Use the one that does what you mean.",
    )


@refused(r"read-only|cannot assign a value to final variable|discards qualifiers")
def constant_changed(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"May what {said.at} changes be changed?",
        concept=f"const and final promise that a value stays as it is; {said.there} breaks the promise.",
        place=f"{capfirst(said.at)} gives a new value to something declared const or final.",
        plan="1. Find where it is declared. 2. If it has to change, take const or final away. 3. If not, "
        f"line {said.line} needs a variable of its own.",
    )


@refused(r"non-static (?:method|variable) (\w+).* cannot be referenced")
def static_context(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"To which object does {said.word}, on {said.at}, belong?",
        concept="main is static: it runs without any object of the class. What is not static, as "
        f"{said.word} on {said.there}, belongs to an object.",
        place=f"{capfirst(said.at)} uses {said.word}, which is not static, from a static method.",
        plan=f"1. If {said.word} needs no object, make it static. 2. Else make an object first, and use its "
        f"{said.word} on line {said.line}.",
    )


@refused(r"unreported exception (\w+)")
def unreported_exception(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What can go wrong in the call on {said.at}, and who deals with it?",
        concept=f"Java wants an answer for every checked exception. {capfirst(said.there)} can throw "
        f"{said.word}, and the method neither catches nor declares it.",
        place=f"The method around {said.at} does not say that it throws {said.word}.",
        plan=f"1. Declare in the head of the method around line {said.line} that it throws {said.word}. 2. "
        "Do the same for methods that call it, up to main.",
    )


@refused("unreachable statement|unreachable code")
def unreachable(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"How can the program ever come to {said.at}?",
        concept="After return, break, continue or a loop without end nothing more is run; Java refuses what "
        f"stands there, {said.there}.",
        place=f"Nothing leads to {said.at}: what stands before it always leaves, or never ends.",
        plan=f"1. Look at the statement before line {said.line}. 2. If it is a loop, give it a way to end. "
        "3. If it leaves the block, put the two in the right order.",
    )


@refused(rf"{_Q}else[’'\"] without a? ?(?:previous )?{_Q}if|Unexpected token 'else'")
def else_without_if(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"To which if does the else on {said.at} belong?",
        concept="An else follows its if directly. A semicolon after the condition, or two statements "
        f"without braces, end the if before {said.there}.",
        place=f"Before the else on {said.at} the if has ended already.",
        plan=f"1. Look for a semicolon right after the condition above line {said.line}. 2. Put braces "
        "around what belongs to the if.",
    )


@refused(r"'(return|yield|await|break|continue)' (?:outside|not in|not properly)|Illegal (return)")
def outside_function(said: Said) -> Finding:
    word = said.word
    return _finding(
        said,
        nudge=f"In which function or loop does {said.at} stand?",
        concept=f"“{word}” leaves a function or a loop. {capfirst(said.there)} stands in none: its "
        "indentation or its braces put it outside.",
        place=f"The “{word}” on {said.at} is outside any function or loop it could leave.",
        plan=f"1. Decide what line {said.line} is to end. 2. If a function or loop, move it inside, by "
        "indentation or braces. 3. If the program, print the result instead.",
    )


@refused("forgot a comma")
def missing_comma(said: Said) -> Finding:
    return _finding(
        said,
        nudge=f"What separates the values on {said.at}?",
        concept="Arguments and elements are separated by commas, values joined by operators. On "
        f"{said.there} two stand side by side with neither.",
        place=f"On {said.at} a comma or an operator is missing between two values.",
        plan=f"1. Go through line {said.line} value by value. 2. Put a comma, or the operator that you "
        "mean, between those that touch.",
        sure=0.8,
    )


@refused("invalid syntax", languages=_PYTHON)
def reserved_word(said: Said) -> Finding | None:
    """A keyword of Python's as a name."""
    keywords = "and|as|class|def|del|from|global|import|in|is|lambda|not|or|pass|with"
    name = re.match(rf"\s*({keywords})\s*=", said.code)
    if name is None:
        return None
    return _finding(
        said,
        nudge=f"May a variable be called {name[1]}? Look at {said.at}.",
        concept=f"Words of the language itself cannot be names; {name[1]}, on {said.there}, is one of them.",
        place=f"{capfirst(said.at)} gives a value to {name[1]}, a keyword of Python.",
        plan=f"1. Choose another name on line {said.line}. 2. Use it wherever the old one stood.",
    )


@refused(kind="SyntaxError")
def syntax_error(said: Said) -> Finding:
    """Where the interpreter does not understand, but nothing above knows why."""
    return _finding(
        said,
        nudge=f"{said.evidence.language.name} cannot read {said.at}. Is anything missing there, or at the end of "
        "the line before?",
        concept="A syntax error means that the form is wrong, whatever the meaning: a missing operator, "
        f"bracket or quote at or before {said.there}. Nothing of the program was run.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Take line {said.line} apart: names, operators, brackets, quotes. 2. Compare each with how "
        "the language writes it. 3. If all is well, look at the line before.",
        sure=0.6,
    )


@refused()
def first_error(said: Said) -> Finding:
    """Whatever else a compiler says."""
    return _finding(
        said,
        nudge=f"What does the compiler's first message say of {said.at}?",
        concept=f"A compiler reads from top to bottom and tells where it was lost: at {said.there}, or just "
        "before. The first error counts; later ones often follow from it.",
        place=f"{capfirst(said.at)}: {said.brief}.",
        plan=f"1. Read the first message, of {said.there}, word by word. 2. Look at that place and the one "
        "before it. 3. Change one thing, then run again.",
        sure=0.5,
    )


RULES: tuple[Rule, ...] = (
    wrong_class_name,
    package_line,
    missing_main,
    missing_include,
    missing_std,
    missing_import,
    wrong_quotes,
    unclosed_string,
    undefined_function,
    statement_outside,
    unknown_header,
    undeclared_name,
    no_such_member,
    other_language,
    missing_colon,
    old_print,
    mixed_tabs,
    wrong_indentation,
    assignment_in_condition,
    outside_function,
    reserved_word,
    missing_comma,
    missing_return,
    missing_return_type,
    uninitialised,
    declared_twice,
    lossy_conversion,
    type_mismatch,
    wrong_arguments,
    constant_changed,
    static_context,
    unreported_exception,
    unreachable,
    else_without_if,
    extra_bracket,
    missing_semicolon,
    unclosed_bracket,
    syntax_error,
    first_error,
)
