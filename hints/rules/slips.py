"""Slips of the pen that compile: what was written is a program, but hardly the one that was meant."""

import ast
import re

from execution.types import Verdict
from hints import code
from hints.evidence import Evidence
from hints.findings import Finding, Rule
from hints.rules.telling import found

BRACES = ("c", "cpp", "java", "javascript")
ASSIGNED = re.compile(r"\b(?:if|while)\s*\(\s*\w+\s*=\s*\w+\s*\)")
HEADER = re.compile(r"\b(?:for|if|while)\s*\(")
CARET = re.compile(r"\b[a-z]\w*\s*\^\s*\d\b")
LITERAL_COMPARED = re.compile(r"[!=]=\s*\"|\"\s*[!=]=")
DECLARES_TEXTS = {"java": re.compile(r"\bString\s+([\w,\s]+)"), "c": re.compile(r"\bchar\s+([\w,\s[\]]+\[)")}
COMPARED = re.compile(r"(?<![\w.\])])(\w+)\s*[!=]=\s*(\w+)(?![\w.(\[])")
AGAIN = ("Correct that line.", "Run the public cases again.")


def _program(evidence: Evidence, *families: str) -> code.Code | None:
    """One that ran and failed, in one of these languages."""
    seen = evidence.failure
    if seen is None or seen.verdict not in (Verdict.WA, Verdict.TLE, Verdict.OLE):
        return None
    program = code.of(evidence)
    return program if program.family in families else None


def _line(evidence: Evidence, pattern: re.Pattern[str], *families: str) -> int | None:
    program = _program(evidence, *families)
    return next(iter(program.lines_of(pattern)), None) if program else None


def condition_assigns(evidence: Evidence) -> Finding | None:
    line = _line(evidence, ASSIGNED, "c", "cpp", "javascript")
    if line is None:
        return None
    return found(
        "condition_assigns",
        0.86,
        case=evidence.failure,
        line=line,
        nudge=f"Does the condition in line {line} compare, or does it assign?",
        concept="One sign of equality assigns, two compare. An assignment as a condition holds unless it assigns 0.",
        place=f"The condition of line {line} changes a variable instead of comparing it.",
        plan=f"Decide which two things line {line} should compare, and compare them.",
        next_steps=AGAIN,
    )


def empty_body(evidence: Evidence) -> Finding | None:
    program = _program(evidence, *BRACES)
    line = _empty_body(program) if program else None
    if line is None:
        return None
    return found(
        "empty_body",
        0.87,
        case=evidence.failure,
        line=line,
        nudge=f"What belongs to line {line}, and what is done whatever it says?",
        concept="A semicolon is an empty statement: right after the parentheses, it is the whole body.",
        place=f"Line {line} ends with a semicolon, so the lines below do not belong to it.",
        plan="Take that semicolon away, put braces around what belongs to it.",
        next_steps=AGAIN,
    )


def _empty_body(program: code.Code) -> int | None:
    """Where a semicolon ends a header and what follows looks as if it belonged to it."""
    for header in HEADER.finditer(program.bare):
        closed = program.closes.get(header.end() - 1)
        ends = (
            re.compile(r"[ \t]*;[ \t]*\n\s*?([ \t]*)(\S)").match(program.bare, closed + 1) if closed else None
        )
        if ends is None:
            continue
        line = program.line_at(header.start())
        own = len(program.lines[line - 1]) - len(program.lines[line - 1].lstrip())
        is_do = program.bare[: header.start()].rstrip().endswith("}")
        if not is_do and (ends[2] == "{" or (ends[2] != "}" and len(ends[1]) > own)):
            return line
    return None


def caret_is_no_power(evidence: Evidence) -> Finding | None:
    line = _line(evidence, CARET, *BRACES, "python")
    if line is None:
        return None
    return found(
        "caret_is_no_power",
        0.65,
        case=evidence.failure,
        line=line,
        nudge=f"What does the sign ^ in line {line} compute?",
        concept="^ is no power but the exclusive or of two numbers' bits: 5 ^ 2 is 7.",
        place=f"Line {line} uses ^. If you meant a power there, that is why the value is wrong.",
        plan="For a square multiply the value by itself; for other powers use what your language has for it.",
        next_steps=AGAIN,
    )


def texts_compared_by_identity(evidence: Evidence) -> Finding | None:
    program = _program(evidence, *DECLARES_TEXTS)
    line = _texts_compared(program) if program else None
    if line is None:
        return None
    return found(
        "texts_compared_by_identity",
        0.85,
        case=evidence.failure,
        line=line,
        nudge=f"What does == ask of the two texts in line {line}?",
        concept="On texts, == asks in C and Java whether they are the same thing in memory, not whether they have "
        "the same content.",
        place=f"Line {line} compares texts with == or !=; a text that was read is never the same object as yours.",
        plan="Compare their contents, with the function or method that your language has for that.",
        next_steps=AGAIN,
    )


def _texts_compared(program: code.Code) -> int | None:
    declared = DECLARES_TEXTS[program.family].findall(program.bare)
    alone = re.compile(r"\s*(\w+)\s*\[\w*\]?\s*" if program.family == "c" else r"\s*(\w+)\s*")
    names = (alone.fullmatch(name) for some in declared for name in some.split(","))
    texts = {name[1] for name in names if name}
    for number, line in enumerate(program.lines, 1):
        if LITERAL_COMPARED.search(line) or any(texts.issuperset(pair) for pair in COMPARED.findall(line)):
            return number
    return None


def starts_unset(evidence: Evidence) -> Finding | None:
    """A local variable in C or C++ that is added to before it has a value."""
    seen = evidence.failure
    program = code.of(evidence)
    if seen is None or seen.verdict is not Verdict.WA or program.family not in ("c", "cpp"):
        return None
    for declared in re.finditer(r"(\bstatic\s+)?\b(?:int|long|double|float)\s+([\w, ]{1,80});", program.bare):
        opened = program.bare.count("{", 0, declared.start()) - program.bare.count("}", 0, declared.start())
        if declared[1] or opened <= 0:
            continue
        for name in declared[2].replace(" ", "").split(","):
            rest = program.bare[declared.end() : declared.end() + 4000]
            use = re.search(rf"\b{re.escape(name)}\b(?!\s*\[)\s*(\S\S?)?", rest) if name else None
            if use and use[1] in ("+=", "*=", "-=", "++"):
                return _starts_unset(evidence, name, program.line_at(declared.start()))
    return None


def _starts_unset(evidence: Evidence, name: str, line: int) -> Finding:
    return found(
        "starts_unset",
        0.9,
        case=evidence.failure,
        line=line,
        nudge=f"What is the value of {name} before anything is added to it?",
        concept="In C and C++ a variable of a function that is given no value holds whatever was in memory there.",
        place=f"Line {line} declares {name} without a value, and the first use of it changes what it holds.",
        plan=f"Give {name} its first value where it is declared: 0 for a sum or a count, 1 for a product.",
        next_steps=AGAIN,
    )


METHODS = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "replace", "split", "join", "capitalize", "title"}
)


def result_thrown_away(evidence: Evidence) -> Finding | None:
    """`s.lower()`, `i + 1` or `a == b` as a whole line of Python."""
    program = _program(evidence, "python")
    nodes = ast.walk(program.tree) if program and program.tree else ()
    lines = [node.lineno for node in nodes if isinstance(node, ast.Expr) and _does_nothing(node.value)]
    if not lines:
        return None
    line = min(lines)
    return found(
        "result_thrown_away",
        0.9,
        case=evidence.failure,
        line=line,
        nudge=f"Where does the result of line {line} go?",
        concept="An expression computes a value and changes nothing. Texts cannot be changed: their methods give a "
        "new one.",
        place=f"Line {line} computes a value, and nothing keeps it.",
        plan=f"Give what line {line} computes a name, or put it where it is needed.",
        next_steps=AGAIN,
    )


def _does_nothing(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Attribute) and value.func.attr in METHODS
    return isinstance(value, ast.BinOp | ast.Compare) and not any(
        isinstance(part, ast.Call | ast.NamedExpr) for part in ast.walk(value)
    )


def reversed_is_no_text(evidence: Evidence) -> Finding | None:
    """`s == reversed(s)` never holds in Python."""
    line = _line(evidence, re.compile(r"[!=]=\s*reversed\s*\(|\breversed\s*\(\s*\w+\s*\)\s*[!=]="), "python")
    if line is None:
        return None
    return found(
        "reversed_is_no_text",
        0.93,
        case=evidence.failure,
        line=line,
        nudge=f"Of which type are the two things that line {line} compares?",
        concept="reversed() gives neither a text nor a list but something to go through; it equals none of them.",
        place=f"Line {line} compares with reversed(), so == never holds there.",
        plan="Make a text, or a list, of what reversed() gives. Then compare two of a kind.",
        next_steps=AGAIN,
    )


RULES: tuple[Rule, ...] = (
    condition_assigns,
    empty_body,
    caret_is_no_power,
    texts_compared_by_identity,
    starts_unset,
    result_thrown_away,
    reversed_is_no_text,
)
