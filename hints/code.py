"""A program as rules read it: its words without comments and without what stands in quotes, its loops and functions.

It is no parser but for Python, whose own is at hand: of the languages with braces it knows brackets and a few words.
All of it is linear in the program's length, whatever the program looks like.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice

from execution.languages import Language
from hints.evidence import Evidence, with_newlines
from hints.measures import NAME as NAME_OF_PROGRAM

BLOCKS_MAX = 200  # loops, and functions; each holds its own text, and they may be in one another

C_LIKE = re.compile(
    r'//[^\n]*|/\*[\s\S]*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"?|\'(?:\\.|[^\'\\\n])*\'?|`(?:\\[\s\S]|[^`\\])*`?'
)
PYTHON_LIKE = re.compile(
    r'#[^\n]*|"""[\s\S]*?(?:"""|\Z)|\'\'\'[\s\S]*?(?:\'\'\'|\Z)'
    r'|"(?:\\[\s\S]|[^"\\\n])*"?|\'(?:\\[\s\S]|[^\'\\\n])*\'?'
)
NOT_NEWLINE = re.compile(r"[^\n]")
LOOP = re.compile(r"\b(for|while)\s*\(")
FUNCTION = re.compile(r"\b(\w+)\s*\([^(){};]*\)\s*(?:throws\s[\w\s,]*)?\{")
ARROW = re.compile(r"\b(\w+)\s*=\s*(?:async\b\s*)?(?:\([^()]*\)|\w+)\s*=>\s*\{")
NO_FUNCTIONS = frozenset({"for", "while", "if", "switch", "catch", "function", "synchronized", "else"})
ASSIGNS = re.compile(r"(?<![=!<>])(?:<<|>>|[-+*/%&|^:])?=(?![=>])")
STEPS = re.compile(r"\b(\w+)\s*(?:\+\+|--)|(?:\+\+|--)\s*(\w+)|>>\s*(\w+)|&\s*(\w+)|\b(\w+)\s*\.")
INDEXED = re.compile(r"\[[^\]\[]*\]")
NAME = re.compile(r"\b[A-Za-z_]\w*")
STATEMENT = re.compile(r"[;:{}\n](?!=)")
LEAVES = re.compile(
    r"\b(?:break|return|exit|quit|_exit|abort|raise|throw|goto|yield)\b|\b(?:input|next\w*)\s*\("  # these raise
)
CALLS = re.compile(r"\b(\w+)\s*\(|(?:^|[;{}\n])\s*\*+\s*\w+[^=\n;]*=|->")
HARMLESS = frozenset(
    {
        "if",
        "for",
        "while",
        "switch",
        "return",
        "print",
        "printf",
        "println",
        "log",
        "puts",
        "len",
        "abs",
        "min",
        "max",
    }
)
READERS = re.compile(
    r"/dev/(?:stdin|fd)|_unlocked\b|\b(?:freopen|ifstream|fopen|mmap|syscall|open|IO)\b|\bconsole\s*\("
)
WORDS = frozenset({"true", "false", "True", "False", "None", "null", "not", "and", "or", "in", "is", "len"})


@dataclass(frozen=True)
class Idioms:
    """How a language says what every program does; patterns for its code, words for people."""

    reads: re.Pattern[str]
    prints: re.Pattern[str]
    read: str
    read_all: str
    print: str
    to_number: str
    large_integer: str


_C_READS = r"\b(?:scanf|fscanf|fgets|gets|getchar|getc|fgetc|getline|fread|read)\s*\("
_C_PRINTS = r"\b(?:printf|fprintf|puts|putchar|fputs|putc|fputc|fwrite|write)\s*\("

IDIOMS = {
    "python": Idioms(
        reads=re.compile(r"\binput\b|\bos\s*\.\s*read\b|\bstdin\b|\bopen\s*\(\s*0|\bfileinput\b"),
        prints=re.compile(r"\bprint\s*\(|\bstdout\b|\bos\.write\b"),
        read="input()",
        read_all="sys.stdin.read().split()",
        print="print()",
        to_number="int()",
        large_integer="int, and // instead of /",
    ),
    "c": Idioms(
        reads=re.compile(_C_READS),
        prints=re.compile(_C_PRINTS),
        read="scanf",
        read_all="a loop while scanf returns the number of values asked for",
        print="printf",
        to_number="the format %d of scanf",
        large_integer="the type long long (%lld in formats)",
    ),
    "cpp": Idioms(
        reads=re.compile(_C_READS + r"|\bcin\b"),
        prints=re.compile(_C_PRINTS + r"|\bcout\b|\bstd::print(?:ln)?\b"),
        read="cin >>",
        read_all="a loop on cin >> value",
        print="cout <<",
        to_number="cin >> into an int",
        large_integer="long long",
    ),
    "java": Idioms(
        reads=re.compile(r"\bSystem\s*\.\s*in\b"),
        prints=re.compile(r"\bSystem\s*\.\s*out\b|\bPrintWriter\b|\bBufferedWriter\b"),
        read="Scanner or BufferedReader",
        read_all="a loop while the Scanner hasNext()",
        print="System.out.println",
        to_number="nextInt() or Integer.parseInt",
        large_integer="long",
    ),
    "javascript": Idioms(
        reads=re.compile(r"\breadFileSync\b|\bstdin\b|\breadline\b|\breadSync\b|\bprompt\s*\("),
        prints=re.compile(r"\bconsole\s*\.|\bstdout\b|\bwriteSync\b|\bwriteFileSync\b"),
        read="readFileSync(0)",
        read_all="readFileSync(0) split at white space",
        print="console.log",
        to_number="Number()",
        large_integer="BigInt",
    ),
}


@dataclass(frozen=True)
class Block:
    """Lines from 1, both included; `body` has no comments and empty quotes."""

    line: int
    last: int
    body: str = field(repr=False)


@dataclass(frozen=True)
class Loop(Block):
    """`condition` is that of a `while`, empty where it has none to end by; None of a loop that counts.
    `depth` is 1 for a loop in no other.
    """

    condition: str | None
    depth: int = 1

    @property
    def never_ends(self) -> bool:
        """Nothing in it can leave it."""
        bare = "" if self.condition is None else self.condition.strip("() ")
        if self.condition is None or bare not in ("", "True", "true", "1"):
            return False
        return not LEAVES.search(self.body)

    @property
    def stuck_on(self) -> tuple[str, ...]:
        """The names in its condition, if nothing in the loop changes any of them; empty otherwise."""
        told = self.condition
        if told is None or re.search(r"\w\s*\(|\+\+|--|>>|&(?!&)|(?<![=!<>])=(?!=)", told):
            return ()
        names = tuple(dict.fromkeys(name for name in NAME.findall(told) if name not in WORDS))
        if not names or LEAVES.search(self.body) or set(names) & changed(self.body):
            return ()
        calls = (found[1] for found in CALLS.finditer(self.body))
        return names if all(name in HARMLESS for name in calls) else ()


@dataclass(frozen=True)
class Function(Block):
    name: str

    @property
    def calls_of_itself(self) -> int:
        return len(re.findall(rf"\b{re.escape(self.name)}\s*\(", self.body))


@dataclass(frozen=True)
class Code:
    """`family` is a language without its year: cpp for C++20. `text` is the program, `bare` the same with comments
    and the contents of quotes blanked: characters stay where they were.
    """

    family: str
    text: str = field(repr=False)
    bare: str = field(repr=False)

    @property
    def idioms(self) -> Idioms | None:
        """None for languages of which rules know nothing."""
        return IDIOMS.get(self.family)

    @cached_property
    def lines(self) -> list[str]:
        """Bare; line 1 is at 0."""
        return self.bare.split("\n")

    def line_of(self, pattern: re.Pattern[str] | str) -> int | None:
        """The first line that has it, outside comments and quotes."""
        found = re.search(pattern, self.bare)
        return self.line_at(found.start()) if found else None

    def lines_of(self, pattern: re.Pattern[str]) -> list[int]:
        return [number for number, line in enumerate(self.lines, 1) if pattern.search(line)]

    def line_at(self, place: int) -> int:
        return self.bare.count("\n", 0, place) + 1

    @property
    def read_line(self) -> int | None:
        """The first line that reads input."""
        return self.line_of(self.idioms.reads) if self.idioms else None

    @property
    def print_line(self) -> int | None:
        """The only line that prints; None where there are several, or none."""
        lines = self.lines_of(self.idioms.prints) if self.idioms else []
        return lines[0] if len(lines) == 1 else None

    @property
    def prints(self) -> bool:
        return bool(self.idioms and self.idioms.prints.search(self.bare))

    @property
    def reads(self) -> bool:
        """It has what reads standard input, or may do so: files are one way to it."""
        return bool(self.idioms and self.idioms.reads.search(self.bare)) or bool(READERS.search(self.text))

    def loops_around(self, line: int) -> list[Loop]:
        return [loop for loop in self.loops if loop.line <= line <= loop.last]

    @cached_property
    def tree(self) -> ast.Module | None:
        """Of Python that can be parsed."""
        if self.family != "python":
            return None
        try:
            return ast.parse(self.text, NAME_OF_PROGRAM)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # what the parser says of odd programs
            return None

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        found = _loops_of_tree(self) if self.tree else _loops_in_braces(self)
        return tuple(_nested(sorted(islice(found, BLOCKS_MAX), key=lambda loop: (loop.line, -loop.last))))

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        found = _functions_of_tree(self) if self.tree else _functions_in_braces(self)
        return tuple(islice(found, BLOCKS_MAX))

    @cached_property
    def closes(self) -> dict[int, int]:
        """Where the bracket that opens at a place is closed."""
        opened: list[int] = []
        pairs: dict[int, int] = {}
        for found in re.finditer(r"[(){}]", self.bare):
            if found[0] in "({":
                opened.append(found.start())
            elif opened:
                pairs[opened.pop()] = found.start()
        return pairs

    def block(self, first: int, last: int) -> str:
        return "\n".join(self.lines[first - 1 : last])


def of(evidence: Evidence) -> Code:
    return read(evidence.source, evidence.language)


@lru_cache(maxsize=8)  # every rule looks at the same program
def read(source: str, language: Language) -> Code:
    family = language.starts_as or language.slug
    source = with_newlines(source)
    quoted = C_LIKE if family in ("c", "cpp", "java", "javascript", "go", "php") else PYTHON_LIKE
    return Code(family, source, quoted.sub(_blanked, source))


def _blanked(found: re.Match[str]) -> str:
    """Blanks for a comment, and for what is between quotes."""
    text = found[0]
    if text[0] in "#/" or len(text) < 2:
        return NOT_NEWLINE.sub(" ", text)
    return text[0] + NOT_NEWLINE.sub(" ", text[1:-1]) + text[-1]


def changed(body: str) -> set[str]:
    """The names that something may change in these lines; rather one too many."""
    names = {name for found in STEPS.finditer(body) for name in found.groups() if name}
    for statement in STATEMENT.split(body):
        if found := ASSIGNS.search(statement):
            names |= set(NAME.findall(INDEXED.sub("", statement[: found.start()])))
    return names


def _loops_in_braces(code: Code) -> Iterator[Loop]:
    if code.idioms is None or code.family == "python":
        return
    for found in LOOP.finditer(code.bare):
        opened = found.end() - 1
        closed = code.closes.get(opened)
        if closed is None:
            continue
        start, end = _body(code, closed + 1)
        header = code.bare[opened + 1 : closed]
        if (
            found[1] == "while"
            and not code.bare[closed + 1 : end].strip(" ;\n")
            and _is_end_of_do(code, found)
        ):
            continue
        condition = _condition(found[1], header)
        body = code.bare[start:end]
        yield Loop(code.line_at(found.start()), code.line_at(end), body + _step(found[1], header), condition)


def _condition(word: str, header: str) -> str | None:
    if word == "while":
        return header
    parts = header.split(";")
    return "" if len(parts) == 3 and not parts[1].strip() else None


def _step(word: str, header: str) -> str:
    """What a `for` does after each round belongs to its body."""
    return "\n" + header.rpartition(";")[2] if word == "for" else ""


def _is_end_of_do(code: Code, found: re.Match[str]) -> bool:
    return code.bare[: found.start()].rstrip().endswith("}") and "do" in code.bare


def _body(code: Code, place: int) -> tuple[int, int]:
    """From where to where the statement after a loop's header goes."""
    rest = re.compile(r"\s*").match(code.bare, place)
    start = rest.end() if rest else place
    if code.bare[start : start + 1] == "{":
        return start, code.closes.get(start, len(code.bare))
    end = code.bare.find(";", start)
    opened = code.bare.find("{", start, end if end >= 0 else None)
    if opened >= 0:
        return start, code.closes.get(opened, len(code.bare))
    return start, end if end >= 0 else len(code.bare)


def _loops_of_tree(code: Code) -> Iterator[Loop]:
    for node in ast.walk(code.tree or ast.Module([], [])):
        if not isinstance(node, ast.For | ast.While):
            continue
        last = node.end_lineno or node.lineno
        header, body = code.lines[node.lineno - 1], code.block(node.lineno + 1, last)
        if last == node.lineno:
            header, _, body = header.partition(":")
        condition = header.strip().removeprefix("while").rstrip(": ") if isinstance(node, ast.While) else None
        yield Loop(node.lineno, last, body, condition)


def _nested(loops: list[Loop]) -> Iterator[Loop]:
    """With their depth; they come in the order of their lines."""
    around: list[Loop] = []
    for loop in loops:
        while around and around[-1].last < loop.line:
            around.pop()
        around.append(loop)
        yield Loop(loop.line, loop.last, loop.body, loop.condition, len(around))


def _functions_in_braces(code: Code) -> Iterator[Function]:
    if code.idioms is None or code.family == "python":
        return
    patterns = (FUNCTION, ARROW) if code.family == "javascript" else (FUNCTION,)
    for pattern in patterns:
        for found in pattern.finditer(code.bare):
            opened = found.end() - 1
            closed = code.closes.get(opened)
            if closed is not None and found[1] not in NO_FUNCTIONS:
                body = code.bare[opened:closed]
                yield Function(code.line_at(found.start()), code.line_at(closed), body, found[1])


def _functions_of_tree(code: Code) -> Iterator[Function]:
    for node in ast.walk(code.tree or ast.Module([], [])):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.body[0].lineno, node.end_lineno or node.lineno
            yield Function(node.lineno, last, code.block(first, last), node.name)
