"""How many lines of program a text has, in whatever language and however it is set.

    a line in a fence                   one line, whatever it says
    what stands in backticks            a line where it is a statement; names, calls and expressions are none
    any other line                      a line where it reads as a program does, not as prose

Several statements in one line are as many lines. A line that the learner's own program has is none: a review quotes it.
Prose is told by words in a row, which programs seldom have but in quotes; "for each number, add it to the sum" has.
"""

import re
from collections.abc import Container, Iterable, Iterator

FENCE = re.compile(r"\s*(?:```|~~~)")
INLINE = re.compile(r"`{1,3}([^`\n]+)`{1,3}")
MARKER = re.compile(
    r"\s*(?:[-*+•>]\s+|(?:\d{1,3}|[a-z])[.):]\s+|(?:line|zeile|step)\s+\d+\s*:\s*)*", re.IGNORECASE
)
QUOTED = re.compile(r'"[^"\n]*"|(?<!\w)\'[^\'\n]*\'')
BLANK = re.compile(r"\s+")
WRITTEN_NEWLINE = re.compile(r"\\n(?=\s*[A-Za-z_}#])")
LOOP_HEAD = re.compile(r"\b(for\s*)\([^()]*(?:\([^()]*\)[^()]*)*\)")
SEPARATOR = re.compile(r"[;{}]+")

WORD = re.compile(r"[^\W\d_]{2,}")
NAME = re.compile(r"\w+")
SIGN = re.compile(r"[=(){}\[\];<>+*/%&|!^~$@#\\]|->|::|(?<=\s)-\w|:=|\*\*|\.\w")
PROSE = re.compile(r"(?<![.\w])[^\W\d_]{2,}(?![(\[.\w])")
PREAMBLE = re.compile(
    r"#\s*(?:include|define|pragma)\b|#!|<\?php|using\s+(?:namespace\s+)?[\w:]+\s*[;=]|package\s+\w+;?$"
    r"|import\s+[\w.{*]+(?:(?:\s*,\s*|\s+(?:as|from)\s+)[\w.*\"']+)*;?$|from\s+[\w.]+\s+import\b|use\s+\w+(?:::\w+)*;"
    r"|(?:public|private|static)\s+\w+\s+\w+"
)
ASSIGNMENT = re.compile(
    r"(?:(?:var|let|const|my|local|auto|final|int|long|double|float|char|bool|string)\s+)*"
    r"[$@*&]?\w[\w.\[\]$>-]*(?:\s*,\s*[$*]?\w[\w.\[\]]*)*(?:\s*:\s*[\w\[\]]+)?\s*(?:[-+*/%&|^]|//|\*\*|<<|>>|:)?=(?!=)"
)
CALL = re.compile(r"(?!O\()[\w.:$>-]+!?\s*\(.*\)\s*[;:{,]?$")
STREAM = re.compile(r"(?:std::)?(?:cin|cout|cerr)\s*(?:>>|<<)")
CLOSING = frozenset(
    {"end", "end;", "end.", "begin", "fi", "done", "esac", "then", "do", "else", "else:", "try:"}
)
OPENING = re.compile(
    r"(?:for|while|if|elif|elsif|else\s+if|unless|until|switch|case|match|def|class|struct|fn|func|function|sub|with|try"
    r"|except|catch|return|yield|print|println|echo|puts|printf|readln|writeln|read|write|raise|throw|foreach|procedure"
    r"|program|public|private|static|void|int|long|double|float|char|bool|unsigned|vector|string)\b"
)
_KEYWORDS_LISTED = """
for while if elif elsif else unless until switch case match def class struct fn func function sub with try except
catch return yield print println echo puts printf readln writeln read write raise throw foreach procedure program
public private static void int long double float char bool unsigned const auto var let my local in of not and or
is do then end begin new null None True False true false lambda string vector import from as using mut impl
String System std self this
"""
KEYWORDS = frozenset(_KEYWORDS_LISTED.split())


def code_lines(text: str, known: Container[str] = ()) -> int:
    """Without those that are among `known_lines`."""
    return sum(
        1
        for line in _lines(WRITTEN_NEWLINE.sub("\n", text))
        for statement in _statements(line)
        if _bare(statement) not in known
    )


def known_lines(own: Iterable[str]) -> frozenset[str]:
    """Of texts of one's own; they may be quoted."""
    lines = (line for text in own for line in text.splitlines())
    return frozenset(one for line in lines for one in (_bare(line), *map(_bare, _parts(line))))


def _lines(text: str) -> Iterator[str]:
    """Those that are program."""
    is_fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            is_fenced = not is_fenced
            continue
        if is_fenced:
            yield from [line] if line.strip() else []
            continue
        spans = INLINE.findall(line)
        prose = INLINE.sub("`", line)
        # A line that is nothing but what stands in backticks is set as code.
        yield from (
            span for span in spans if is_program(span) and (_is_statement(span) or not prose.strip("` \t"))
        )
        if is_program(prose):
            yield prose


def is_program(line: str) -> bool:
    """Does it read as a line of a program, and not as prose, a list of numbers or a formula in words."""
    said = MARKER.sub("", line, count=1).strip()
    if not said:
        return False
    if PREAMBLE.match(said) or said in CLOSING:
        return True
    bare = QUOTED.sub('""', said)
    if _words_in_a_row(bare) > 2:
        return False
    return _has_the_look(bare)


def _has_the_look(bare: str) -> bool:
    words = _words_in_a_row(bare)
    if bare.endswith((";", "{", "}")) or STREAM.match(bare):
        return True
    if words <= 1 and (ASSIGNMENT.match(bare) or CALL.match(bare)):
        return True
    if OPENING.match(bare):
        return words <= 1 and (bare.endswith(":") or bool(SIGN.search(bare)) or len(NAME.findall(bare)) <= 2)
    return words <= 1 and len(SIGN.findall(bare)) >= 4


def _words_in_a_row(bare: str) -> int:
    """The most that stand side by side with nothing but blanks between them, keywords aside."""
    most = row = 0
    for word in bare.split():
        row = row + 1 if PROSE.fullmatch(word.strip(",.:;!?")) and word.strip(",.:;!?") not in KEYWORDS else 0
        most = max(most, row)
    return most


def _is_statement(span: str) -> bool:
    """Something that does something, not a name, a value or an expression that one speaks of."""
    bare = QUOTED.sub('""', span.strip())
    return bool(
        PREAMBLE.match(bare)
        or ASSIGNMENT.match(bare)
        or STREAM.match(bare)
        or ";" in bare.rstrip(";")
        or "{" in bare
        or (OPENING.match(bare) and len(NAME.findall(bare)) > 2)
        or len(SIGN.findall(bare)) >= 6
    )


def _statements(line: str) -> list[str]:
    return _parts(line) or [line]


def _parts(line: str) -> list[str]:
    """Its statements, where there are several; the head of a loop is part of one."""
    bare = LOOP_HEAD.sub(r"\1", QUOTED.sub('""', line))
    return [part for part in SEPARATOR.split(bare) if NAME.search(part)]


def _bare(line: str) -> str:
    """As it is compared: without blanks, list markers and what ends it."""
    return BLANK.sub("", MARKER.sub("", line, count=1)).rstrip(";{}:,")
