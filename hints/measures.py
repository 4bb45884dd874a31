"""The shape of a program as its text shows it: functions, blocks, loops in loops, functions that call themselves.

Python is parsed (never run); C, C++ and Java are read word by word, without comments and texts in quotes.
What a macro or a template makes of a program, this does not know.
"""

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from execution.languages import Language

NAME = "the_program"
LIKE_C = ("c_cpp", "java")  # editor modes
LARGE, DIGITS = 100, 20  # of a number that deserves a name
MOST_OPEN = 200  # blocks in blocks; whoever nests deeper is not measured
SORTS = ("sort", "sorted", "stable_sort", "qsort")
SLICE, IN = "[:]", "in"  # Python's, which may go through all there is
GO_THROUGH = (
    *(
        "sum",
        "max_of",
        "min_of",
        "list",
        "set",
        "dict",
        "tuple",
        "reversed",
        "any",
        "all",
        "accumulate",
        "fill",
    ),
    *("count", "index", "insert", "remove", "pop_at", "find", "replace", "split", "strip", "join", "reverse"),
    *("strlen", "strcmp", "strcpy", "strcat", "strstr", "strchr", "memset", "memcpy", "memmove", "erase"),
    *("substr", "substring", "contains", "indexOf", "equals", "compareTo", "copyOf", "copyOfRange"),
    *("max_element", "min_element"),
)

# The parser of newer Pythons warns of a program's oddities on our standard error, quoting it.
warnings.filterwarnings("ignore", module=NAME)


@dataclass(frozen=True)
class Function:
    """`lines` is its length, from its first line to its last."""

    name: str
    line: int
    lines: int
    calls_itself: bool


@dataclass(frozen=True)
class Loop:
    """`is_fixed`: it makes the same number of turns on every input. `is_counted`: once for each of so many things."""

    line: int
    is_fixed: bool
    is_counted: bool


@dataclass(frozen=True)
class Used:
    """A name or number, and the lines on which it stands."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """`nest` are the loops of the deepest nest (without those that are fixed), the outermost first; `depth` is how
    deep blocks are nested at most (loops, branches), at line `deepest`. `numbers` are those from LARGE on that stand
    there as such, `short_names` (of Python only) the variables of one letter, both with all their lines.
    """

    functions: tuple[Function, ...] = ()
    nest: tuple[Loop, ...] = ()
    depth: int = 0
    deepest: int = 1
    sorts: bool = False
    called_in_loops: frozenset[str] = frozenset()
    numbers: tuple[Used, ...] = ()
    short_names: tuple[Used, ...] = ()

    @property
    def has_costly_calls(self) -> bool:
        """A loop calls what may have loops itself: a function of the program, or one that goes through all there is."""
        costly = {*SORTS, *GO_THROUGH, SLICE, IN, *(one.name for one in self.functions)}
        return not costly.isdisjoint(self.called_in_loops)

    @property
    def recursive(self) -> Function | None:
        return next((one for one in self.functions if one.calls_itself), None)

    @property
    def longest(self) -> Function | None:
        return max(self.functions, key=lambda one: one.lines, default=None)


def measure(language: Language, source: str) -> Shape | None:
    """None where the language is not known here, or the program is not one of it."""
    if language.slug == "python":
        return _measure_python(source)
    if language.editor_mode in LIKE_C:
        return _Reader(source).shape()
    return None


@dataclass
class _Found:
    """What is known so far, while somebody walks through a program."""

    shape: Shape = field(default_factory=Shape)
    functions: list[Function] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    called_in_loops: set[str] = field(default_factory=set)
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    short_names: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def enter(self, line: int, blocks: int, loops: Sequence[Loop]) -> None:
        """A block begins that is the innermost of so many, in these loops."""
        if blocks > self.shape.depth:
            self.shape = replace(self.shape, depth=blocks, deepest=line)
        open_ended = tuple(loop for loop in loops if not loop.is_fixed)
        if len(open_ended) > len(self.shape.nest):
            self.shape = replace(self.shape, nest=open_ended)

    def call(self, name: str, loops: Sequence[Loop]) -> None:
        self.called.add(name)
        if any(not loop.is_fixed for loop in loops):
            self.called_in_loops.add(name)

    def end(self) -> Shape:
        return replace(
            self.shape,
            functions=tuple(self.functions),
            sorts=not self.called.isdisjoint(SORTS),
            called_in_loops=frozenset(self.called_in_loops),
            numbers=_used(self.numbers),
            short_names=_used(self.short_names),
        )


def _used(lines: Mapping[str, Sequence[int]]) -> tuple[Used, ...]:
    return tuple(Used(text, tuple(found)) for text, found in lines.items())


# --- Python --------------------------------------------------------------------------------------------------


def _measure_python(source: str) -> Shape | None:
    found = _Found()
    try:
        _walk(ast.parse(source, NAME).body, found, 0, ())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # also what is nested too deeply for Python itself
    return found.end()


_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.Try, ast.Match)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _walk(nodes: Iterable[ast.AST], found: _Found, blocks: int, loops: tuple[Loop, ...]) -> None:
    """`blocks` and `loops` are those around, within the innermost function."""
    for node in nodes:
        inner_blocks, inner_loops = blocks, loops
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner_blocks, inner_loops = 0, ()
                found.functions.append(_python_function(node))
            case ast.For() | ast.AsyncFor():
                inner_loops = (*loops, _python_loop(node.lineno, node.iter))
            case ast.While():
                inner_loops = (*loops, Loop(node.lineno, is_fixed=False, is_counted=False))
            case ast.Call():
                found.call(_as_it_costs(node), loops)
            case ast.Slice():
                found.call(SLICE, loops)
            case ast.Compare(
                ops=[*_, ast.In() | ast.NotIn()], comparators=[*_, ast.Name() | ast.Attribute()]
            ):
                found.call(IN, loops)
            case ast.Constant(value=int(value)) if LARGE <= value < 10**DIGITS:
                found.numbers[str(value)].append(node.lineno)
            case ast.Name(id=name, ctx=ast.Store()) if len(name) == 1:
                found.short_names[name].append(node.lineno)
        if isinstance(node, _COMPREHENSIONS):
            inner_loops = (*loops, *(_python_loop(node.lineno, one.iter) for one in node.generators))
            found.enter(node.lineno, blocks, inner_loops)
        if isinstance(node, _BLOCKS):
            inner_blocks = blocks + 1
            found.enter(node.lineno, inner_blocks, inner_loops)
        _walk(_before(node), found, blocks, loops)
        _walk(_inside(node), found, inner_blocks, inner_loops)


def _before(node: ast.AST) -> list[ast.expr]:
    """What is worked out once, before the first turn: the things that a loop goes over."""
    if isinstance(node, _COMPREHENSIONS):
        return [node.generators[0].iter]
    return [node.iter] if isinstance(node, ast.For | ast.AsyncFor) else []


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The rest of what it consists of. An `elif` is beside its `if`, not in it."""
    before = _before(node)
    if not isinstance(node, ast.If):
        for child in ast.iter_child_nodes(node):
            parts = ast.iter_child_nodes(child) if isinstance(child, ast.comprehension) else (child,)
            yield from (part for part in parts if part not in before)
        return
    while True:
        yield from (node.test, *node.body)
        match node.orelse:
            case [ast.If() as beside]:
                node = beside
            case last:
                yield from last
                return


def _python_loop(line: int, over: ast.expr) -> Loop:
    return Loop(line, is_fixed=_is_fixed(over), is_counted=True)


def _is_fixed(over: ast.expr) -> bool:
    """A literal, or a range between numbers."""
    if isinstance(over, ast.Call):
        return _called(over) == "range" and all(isinstance(one, ast.Constant) for one in over.args)
    return isinstance(over, ast.Constant | ast.Tuple | ast.List | ast.Set)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _as_it_costs(call: ast.Call) -> str:
    """Its name; that of the largest of a list, and of taking out at a place, tells them from the quick ones."""
    match _called(call), call.args:
        case (("max" | "min" as name), [_]):
            return f"{name}_of"
        case "pop", [_]:
            return "pop_at"
        case name, _:
            return name


def _python_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
    """A call of its own name; as a method's, that of `self`."""
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
    calls_itself = any(_called(one) == node.name and _is_own(one.func) for one in calls)
    return Function(node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1, calls_itself)


def _is_own(called: ast.expr) -> bool:
    return isinstance(called, ast.Name) or (
        isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "self"
    )


# --- C, C++, Java --------------------------------------------------------------------------------------------

_UNREAD = re.compile(
    r"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/)?|\"(?:[^\"\\\n]|\\.)*\"?|(?<!\d)'(?:[^'\\\n]|\\.)*'?|^[ \t]*#[^\n]*",
    re.MULTILINE | re.DOTALL,
)
_WORD = re.compile(r"\w+|\+\+|--|[-+*/%<>&|^]=|<<|>>|[][(){};<>=,]|\n")
_LOOPS, _BRANCHES = ("for", "while", "do"), ("if", "else", "switch", "try", "catch", "finally")
_AFTER_HEADER = ("const", "noexcept", "override", "final")


@dataclass
class _Open:
    """What has begun and not ended: a `word` of `_LOOPS`, `_BRANCHES`, a function's name after `()`, or nothing."""

    word: str
    line: int
    loop: Loop | None = None
    name: str = ""
    has_brace: bool = False
    calls_itself: bool = False


class _Reader:
    """Goes once through the words of a program, keeping what is open."""

    def __init__(self, source: str) -> None:
        self.words = _words(source)
        self.at = 0
        self.found = _Found()
        self.open: list[_Open] = []
        self.callee = ""  # the last name before parentheses, in this statement

    def shape(self) -> Shape | None:
        """None where it is nested too deeply."""
        while self.at < len(self.words):
            if len(self.open) > MOST_OPEN:
                return None
            word, line = self.words[self.at]
            self.at += 1
            self._read(word, line)
        return self.found.end()

    def _read(self, word: str, line: int) -> None:
        match word:
            case "{":
                self._open_brace(line)
            case "}":
                self._close_brace(line)
            case ";":
                self._end_statement()
            case "=":
                self.callee = ""
            case "for" | "while" | "do" | "if" | "else" | "switch" | "try" | "catch" | "finally":
                self._control(word, line)
            case "(":
                self._call()
            case _ if word.isdecimal() and len(word) <= DIGITS and int(word) >= LARGE:
                self.found.numbers[word].append(line)

    def _control(self, word: str, line: int) -> None:
        header = self._header()
        loop = _c_loop(word, line, header) if word in _LOOPS else None
        self.open.append(_Open(word, line, loop))
        self.callee = ""
        for name, after in pairwise(header) if loop else ():
            if after == "(":
                self.found.call(name, self._loops())  # again before each turn
        blocks = sum(one.word not in ("", "else") for one in self._in_function())
        self.found.enter(line, blocks, self._loops())

    def _header(self) -> list[str]:
        """The words in the parentheses that follow."""
        if self.at >= len(self.words) or self.words[self.at][0] != "(":
            return []
        start, depth = self.at + 1, 0
        while self.at < len(self.words):
            word = self.words[self.at][0]
            self.at += 1
            if word == "(" and depth:
                self._call()
            depth += (word == "(") - (word == ")")
            if not depth:
                break
        return [word for word, _ in self.words[start : self.at - 1]]

    def _call(self) -> None:
        name, before = (self.words[self.at - back][0] if self.at >= back else "" for back in (2, 3))
        if not name.isidentifier() or before == "new":
            self.callee = ""
            return
        self.callee = name
        self.found.call(name, self._loops())
        for one in self.open:
            one.calls_itself = one.calls_itself or (one.name == name != "")

    def _open_brace(self, line: int) -> None:
        if self.open and self.open[-1].word and not self.open[-1].has_brace:
            self.open[-1].has_brace = True
        else:
            name = self.callee if self._follows_parameters() else ""
            self.open.append(_Open("", line, name=name, has_brace=True))
        self.callee = ""

    def _follows_parameters(self) -> bool:
        """The brace just read comes after `)`, or after `) const`, `) throws Exception`."""
        between: list[str] = []
        for word, _ in reversed(self.words[max(0, self.at - 12) : self.at - 1]):
            if word == ")":
                return "throws" in between or all(one in _AFTER_HEADER for one in between)
            between.append(word)
        return False

    def _close_brace(self, line: int) -> None:
        while self.open and not self.open[-1].has_brace:
            self.open.pop()
        if self.open:
            closed = self.open.pop()
            if closed.name:
                lines = line - closed.line + 1
                self.found.functions.append(Function(closed.name, closed.line, lines, closed.calls_itself))
        self._end_statement()

    def _end_statement(self) -> None:
        """What has no braces of its own ends with its statement."""
        self.callee = ""
        while self.open and not self.open[-1].has_brace:
            self.open.pop()

    def _in_function(self) -> list[_Open]:
        start = max((at for at, one in enumerate(self.open) if one.name), default=-1)
        return self.open[start + 1 :]

    def _loops(self) -> list[Loop]:
        return [one.loop for one in self._in_function() if one.loop]


def _words(source: str) -> list[tuple[str, int]]:
    """With their lines. What is not read keeps its line breaks."""
    read = _UNREAD.sub(lambda found: " " + "\n" * found[0].count("\n"), source)
    words, line = [], 1
    for found in _WORD.finditer(read):
        if found[0] == "\n":
            line += 1
        else:
            words.append((found[0], line))
    return words


def _c_loop(word: str, line: int, header: list[str]) -> Loop:
    """A `for` that counts by one up to something, or goes over a collection, is counted."""
    if word != "for":
        return Loop(line, is_fixed=False, is_counted=False)
    if ";" not in header:
        return Loop(line, is_fixed=False, is_counted=True)
    _, _, rest = _split(header)
    condition, _, step = _split(rest)
    counts = ("++" in step or "--" in step) and ("<" in condition or ">" in condition)
    bounds = [one for one in condition if one[0].isalnum() or one[0] == "_"]
    is_fixed = counts and len(bounds) == 2 and bounds[-1].isdigit() and "++" in step
    return Loop(line, is_fixed=is_fixed, is_counted=counts)


def _split(words: list[str]) -> tuple[list[str], str, list[str]]:
    """At the first semicolon."""
    at = words.index(";") if ";" in words else len(words)
    return words[:at], ";", words[at + 1 :]
