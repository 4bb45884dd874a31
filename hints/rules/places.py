"""What compilers, interpreters and runtimes say of a program, and of which of its lines.

It reads the words of gcc, javac, Python and Node.js (it holds on to what versions have in common), and finds the line
in those of others. It does not know what the words mean: rules do.
"""

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import Self

from execution.types import Verdict
from hints import code as programs
from hints.evidence import Evidence, SeenCase
from hints.rules.telling import name, quoted
from submissions import lines

SHORT = 60  # a line of this many characters may be quoted
LONG = 140
_MOST = 1000  # characters of a line are looked at: what is longer was not written by hand
_MOST_NAMES = 3000  # of one program are looked at for a similar one

_SYNTAX = re.compile(r"(?m)^(SyntaxError|IndentationError|TabError): ([^\n]*)")
_ERROR = re.compile(r"\berror: ([^\n]*)")
_LAUNCHER = re.compile(r"(?m)^Error: ((?:Could not find|Main method)[^\n]*)")
_TRACEBACK = "Traceback (most recent call last):"
_PYTHON = re.compile(r"(?m)^([A-Za-z_][\w.]*)(?:: ([^\n]*))?$")
_JAVA = re.compile(r"(?m)^(?:Exception in thread \"[^\"\n]*\" |Caused by: )([\w.$]+)(?:: ([^\n]*))?$")
_NODE = re.compile(r"(?m)^([A-Z]\w*Error|Error)(?: \[\w+\])?(?:: ([^\n]*))?$")
_CPP = re.compile(
    r"(?m)^terminate called after throwing an instance of '([^'\n]*)'(?:\n  what\(\): +([^\n]*))?"
)
_ASSERT = re.compile(r"(?m)^[^\n]{1,200} (Assertion) [`'‘]([^\n]{0,200})['’] failed\.$")

_ASIDE = re.compile(r" ?\{aka [^}\n]*\}| \(first use in this function\)|; did you mean[^?\n]*\?")
_NAME = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, kw_only=True)
class Said:
    """`kind` is `error`, or the exception's type as its language writes it; `words` are all that was said.

    `line` is one of the program's, from 1, and `code` what stands there; None and empty where no line is named. `case`
    is the one that the program crashed on; None where that is not known, or it did not even start. `caught` is what
    a rule's pattern caught of what was said.
    """

    evidence: Evidence = field(repr=False)
    kind: str
    message: str
    words: str
    line: int | None = None
    code: str = ""
    case: SeenCase | None = None
    caught: tuple[str | None, ...] = ()

    @property
    def at(self) -> str:
        """`line 4 (“print(total)”)`; the program where no line is named."""
        if self.line is None:
            return "your program"
        is_short = 0 < len(self.code.strip()) <= SHORT
        return f"line {self.line} ({quoted(self.code.strip())})" if is_short else f"line {self.line}"

    @property
    def there(self) -> str:
        """The same without what stands there."""
        return "the place in question" if self.line is None else f"line {self.line}"

    @property
    def on(self) -> str:
        """`public case 2`, of a crash."""
        return name(self.case) if self.case else "the run whose message you sent"

    @property
    def brief(self) -> str:
        """Its message, so far as it can be read at a glance; its kind where it has none."""
        text = _ASIDE.sub("", self.message).strip(" ;.") or self.kind
        return text if len(text) <= LONG else f"{text[:LONG]}…"

    @property
    def word(self) -> str:
        """The first that was caught; empty where nothing was."""
        return next((one for one in self.caught if one), "")

    def has(self, pattern: str) -> bool:
        return re.search(pattern, self.message) is not None

    def catch(self, pattern: str, text: str) -> Self | None:
        """The same with what the pattern catches of the text; None where it does not fit."""
        found = re.search(pattern, text)
        return replace(self, caught=found.groups()) if found else None

    def moved(self, line: int | None) -> Self:
        """The same of another line, where that is the one to look at; None is none."""
        return self if line is None else replace(self, line=line, code=self.evidence.lines[line - 1][:_MOST])


def refusal(evidence: Evidence) -> Said | None:
    """Why the program did not even start: the compiler's first error, or what the interpreter found before it ran."""
    if evidence.verdict is Verdict.CE:
        return _compiler_error(evidence) if evidence.compile_output.strip() else None
    case = evidence.failure
    if case is None or case.verdict is not Verdict.RTE or not case.stderr:
        return None
    if evidence.language.slug == "java":
        found = _LAUNCHER.search(case.stderr)
        return _said(evidence, "error", found[1], case.stderr, None, case) if found else None
    found, line = _SYNTAX.search(case.stderr), _last_line(case.stderr, evidence)
    if found is None or line is None or _has_run(case.stderr, evidence):
        return None
    return _said(evidence, found[1], found[2], case.stderr, line, case)


def _has_run(stderr: str, evidence: Evidence) -> bool:
    """A program may find errors in a syntax itself, of JSON, say: then there are frames of its own."""
    frame = rf"(?m)^    at [^\n]*\b{re.escape(evidence.language.source_file)}:\d"
    return _TRACEBACK in stderr or re.search(frame, stderr) is not None


def _compiler_error(evidence: Evidence) -> Said:
    """Of the program's own places the first that is an error; or else the first that is no mere warning."""
    words = evidence.compile_output
    found = list(lines.places(words, evidence.language.source_file))
    errors = [place for place in found if re.match(r"(fatal )?error\b", place.said)]
    others = [place for place in found if place.said and not re.match(r"(warning|note)\b", place.said)]
    place = next(iter(errors or others), None)
    if place is None:
        return _said(evidence, "error", words.strip().split("\n")[0], words, None)
    told = _ERROR.search(
        words[place.start :]
    )  # of templates, the line that uses one comes before what is wrong
    message = told[1] if told else place.said
    return _said(evidence, "error", message, words[place.start :], place.line)


def crash(evidence: Evidence) -> Said | None:
    """What the runtime says of the crash on the case to talk about; of a hidden one, what the learner says it said.

    None where it says nothing of an exception.
    """
    case = evidence.failure
    if case is None or case.verdict is not Verdict.RTE or refusal(evidence):
        return None
    words = case.stderr if case.is_public else evidence.error_message
    for read in (_python, _java, _node, _cpp):
        if (said := read(evidence, case if case.is_public else None, words or "")) is not None:
            return said
    return None


def ending(evidence: Evidence) -> Said | None:
    """A crash on a case whose end may be known, but of which the runtime says nothing that `crash` could read."""
    case = evidence.failure
    if (
        case is None
        or case.verdict is not Verdict.RTE
        or not case.is_public
        or refusal(evidence)
        or crash(evidence)
    ):
        return None
    return Said(evidence=evidence, kind="end", message="", words=case.stderr or "", case=case)


def _python(evidence: Evidence, case: SeenCase | None, stderr: str) -> Said | None:
    _, header, words = stderr.rpartition(_TRACEBACK)
    found = _PYTHON.search(words)
    if not header or found is None:
        return None
    return _said(
        evidence, found[1], found[2] or "", words, _last_line(words[: found.start()], evidence), case
    )


def _java(evidence: Evidence, case: SeenCase | None, stderr: str) -> Said | None:
    """What caused the rest is told last."""
    found = list(_JAVA.finditer(stderr))
    if not found:
        return None
    kind, message = found[-1].groups(default="")
    words = stderr[found[-1].start() :]
    line = _first_line(words, evidence) or _first_line(stderr, evidence)
    return _said(evidence, kind.rpartition(".")[2], message, words, line, case)


def _node(evidence: Evidence, case: SeenCase | None, stderr: str) -> Said | None:
    found = _NODE.search(stderr)
    if found is None or "\n    at " not in stderr:
        return None
    return _said(evidence, found[1], found[2] or "", stderr, _first_line(stderr, evidence), case)


def _cpp(evidence: Evidence, case: SeenCase | None, stderr: str) -> Said | None:
    found = _CPP.search(stderr) or _ASSERT.search(stderr)
    if found is None:
        return None
    return _said(evidence, found[1], found[2] or "", stderr, _first_line(found[0], evidence), case)


def _said(
    evidence: Evidence, kind: str, message: str, words: str, line: int | None, case: SeenCase | None = None
) -> Said:
    known = line if line is not None and 1 <= line <= len(evidence.lines) else None
    said = Said(evidence=evidence, kind=kind[:_MOST], message=message[:_MOST], words=words, case=case)
    return said.moved(known)


def _first_line(words: str, evidence: Evidence) -> int | None:
    return next((place.line for place in lines.places(words, evidence.language.source_file)), None)


def _last_line(words: str, evidence: Evidence) -> int | None:
    """Of the innermost frame, where the last one called is told last."""
    found = [place.line for place in lines.places(words, evidence.language.source_file)]
    return found[-1] if found else None


def lines_with(evidence: Evidence, pattern: str) -> list[int]:
    """Lines that have it in their code, from 1; not in a comment or a text between quotes."""
    return [number for number, line in enumerate(_code(evidence), start=1) if re.search(pattern, line)]


def only_line(evidence: Evidence, pattern: str) -> int | None:
    """The one line that has it; None where none or several have."""
    found = lines_with(evidence, pattern)
    return found[0] if len(found) == 1 else None


def _code(evidence: Evidence) -> list[str]:
    """Without what C's preprocessor reads."""
    lines = programs.of(evidence).lines
    return ["" if line.lstrip().startswith("#") else line[:_MOST] for line in lines]


def similar_name(evidence: Evidence, wanted: str) -> str | None:
    """The name in the program that is most like this one, which stands nowhere else for anything."""
    names = dict.fromkeys(found for line in _code(evidence) for found in _NAME.findall(line))
    others = [other for other in list(names)[:_MOST_NAMES] if other != wanted and len(other) <= SHORT]
    same = next((other for other in others if other.lower() == wanted.lower()), None)
    return same or next(iter(difflib.get_close_matches(wanted[:SHORT], others, n=1, cutoff=0.75)), None)
