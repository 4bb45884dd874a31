"""LaTeX statements to Markdown, as far as they are understood: what is not is named, and its text is kept.

    source ──prepared──▶ without comments, own commands replaced ──_Marks──▶ which brace and which \\end closes what
           ──_Converter──▶ Markdown: each range of the text once, at most MAX_DEPTH levels of ranges within ranges

The subset is that of the problem package format (2023-07, “LaTeX Environment and Supported Subset”) and of Polygon's
statements. It takes anything: what is no LaTeX comes out as text. Formulas go through as they are, for
`questions.statements` to show; text is escaped, so that it stays text in Markdown.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote

from questions.statements import MAX_FORMULA_CHARS

MAX_DEPTH = 40
MAX_LEFTOVERS = 50
MAX_NEWLINES_OF_VERB = 1000
MAX_GROWTH = 100_000  # characters that own commands may add


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LITERAL = ("verbatim", "Verbatim", "lstlisting", "minted", "comment")
_DISPLAYED = {
    "displaymath": "",
    "equation": "",
    "math": "",
    "align": "split",
    "alignat": "split",
    "eqnarray": "split",
    "flalign": "split",
    "gather": "matrix",
    "multline": "matrix",
}
_HEADINGS = {
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "chapter": 2,
}
_SECTIONS = {
    "Input": "Input",
    "InputFile": "Input",
    "Output": "Output",
    "OutputFile": "Output",
    "Interaction": "Interaction",
    "Scoring": "Scoring",
    "Constraints": "Constraints",
    "SubtaskWithCost": "Subtask",
    "Note": "Notes",
    "Notes": "Notes",
    "Explanation": "Explanation",
    "Explanations": "Explanations",
}
_THROUGH = {
    "document": "",
    "center": "",
    "flushleft": "",
    "flushright": "",
    "figure": "[",
    "table": "[",
    "minipage": "[{",
    "wrapfigure": "[{[{",
    "wraptable": "[{[{",
    "samepage": "",
    "small": "",
    "problem": "{",
    "tutorial": "{",
}
_TAKES = {  # what follows a command that has no meaning here
    "label": "{",
    "vspace": "{",
    "hspace": "{",
    "setlength": "{{",
    "addtolength": "{{",
    "setcounter": "{{",
    "documentclass": "[{",
    "usepackage": "[{",
    "pagestyle": "{",
    "thispagestyle": "{",
    "phantom": "{",
    "vphantom": "{",
    "hphantom": "{",
    "lstset": "{",
    "graphicspath": "{",
    "captionsetup": "{",
    "cline": "{",
    "cmidrule": "[{",
    "linebreak": "[",
    "nolinebreak": "[",
    "pagebreak": "[",
    "nopagebreak": "[",
    "exmp": "{{",
    "exmpfile": "{{{",
    "renewcommand": "{[{",
    "color": "{",
    "arraystretch": "",
}
_MEANINGLESS = _words(
    """noindent indent centering raggedright raggedleft bigskip medskip smallskip newpage clearpage cleardoublepage
    hfill vfill hrule tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge rm sc normalfont
    sffamily rmfamily upshape mdseries leavevmode protect relax maketitle hline toprule midrule bottomrule null
    allowbreak sloppy ignorespaces unskip xspace selectfont nextsample remainingsamples Example Examples
    displaystyle textstyle strut break begingroup endgroup par"""
)
_TEXTS = {
    "ldots": "…",
    "dots": "…",
    "textellipsis": "…",
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textunderscore": "_",
    "textbar": "|",
    "textless": "<",
    "textgreater": ">",
    "textquotedbl": '"',
    "textquotesingle": "'",
    "textquoteleft": "‘",
    "textquoteright": "’",
    "textquotedblleft": "“",
    "textquotedblright": "”",
    "textasteriskcentered": "*",
    "textdollar": "$",
    "textendash": "–",
    "textemdash": "—",
    "textdegree": "°",
    "textregistered": "®",
    "texttrademark": "™",
    "textbullet": "•",
    "copyright": "©",
    "pounds": "£",
    "euro": "€",
    "S": "§",
    "P": "¶",
    "dag": "†",
    "ddag": "‡",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
    "quad": " ",
    "qquad": " ",
    "space": " ",
    "thinspace": " ",
    "aa": "å",
    "AA": "Å",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ss": "ß",
    "i": "ı",
    "j": "ȷ",
    "lq": "‘",
    "rq": "’",
    "guillemotleft": "«",
    "guillemotright": "»",
    "textperiodcentered": "·",
}
_SIGNS = {"-": "", "/": "", "!": "", "@": "", ",": " ", ":": " ", ";": " ", " ": " ", "\n": " ", "\t": " "}
_ACCENTS = {
    "`": "\u0300",
    "'": "\u0301",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    "u": "\u0306",
    ".": "\u0307",
    '"': "\u0308",
    "r": "\u030a",
    "H": "\u030b",
    "v": "\u030c",
    "d": "\u0323",
    "c": "\u0327",
    "k": "\u0328",
    "b": "\u0331",
}
_LIGATURES = {
    "---": "—",
    "--": "–",
    "``": "“",
    "''": "”",
    "<<": "«",
    ">>": "»",
    "`": "‘",
    "'": "’",
    "~": "\u00a0",
}
_STYLES = {
    "textbf": "strong",
    "bf": "strong",
    "bfseries": "strong",
    "textit": "em",
    "it": "em",
    "itshape": "em",
    "textsl": "em",
    "sl": "em",
    "slshape": "em",
    "emph": "em",
    "em": "em",
    "underline": "u",
    "uline": "u",
    "sout": "s",
    "st": "s",
    "texttt": "code",
    "t": "code",
    "tt": "code",
    "ttfamily": "code",
    "textsuperscript": "sup",
    "textsubscript": "sub",
}
_DECLARED = frozenset({"bf", "bfseries", "it", "itshape", "sl", "slshape", "em", "tt", "ttfamily"})
_PLAIN = frozenset(
    {"text", "textrm", "textsf", "textsc", "textup", "textmd", "textnormal", "mbox", "fbox", "hbox"}
)
_MARKDOWN_SIGNS = {"strong": "**", "em": "*"}

_COMMAND = r"\\(?:[A-Za-z]+\*?|.)"
_SCANNED = re.compile(
    rf"\\begin[ \t]*\{{(?P<begin>[A-Za-z]+)\*?\}}|\\end[ \t]*\{{(?P<end>[A-Za-z]+)\*?\}}|{_COMMAND}|[{{}}%]",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"\\begin[ \t]*\{(?P<begin>[A-Za-z]+)\*?\}|(?P<end>\\end[ \t]*\{[A-Za-z]+\*?\})"
    r"|\\(?P<command>[A-Za-z]+)\*?[ \t]*(?:\n(?![ \t]*\n))?"
    r"|\\(?P<sign>.)|(?P<dollars>\$\$?)|(?P<brace>[{}])|(?P<paragraph>\n[ \t]*\n\s*)"
    r"|(?P<ligature>---?|``|''|<<|>>|[`'~])|(?P<cell>&)|(?P<text>[^\\${}\n`'~&<>-]+)|(?P<other>.)",
    re.DOTALL,
)
_VERB = re.compile(r"\\(?:verb|lstinline)\*?(?P<sign>[^A-Za-z\s*{\[])[^\n]{0,1000}?(?P=sign)")
_ADDRESS = re.compile(r"\\(?:url|href|path)[ \t]*(?P<address>\{)[^{}\n]{0,2000}\}")
_IN_FORMULA = re.compile(r"\\.|[{$]|\n[ \t]*\n", re.DOTALL)
_COMMENT = re.compile(r"%[^\n]*\n?[ \t]*")
_DEFINED = re.compile(
    r"\\(?:(?:re|provide)?newcommand|renewcommand|DeclareMathOperator)\*?[ \t]*(?:\{[ \t]*\\(?P<name>[A-Za-z]+)[ \t]*\}"
    r"|\\(?P<bare>[A-Za-z]+))(?P<arguments>[ \t]*\[[^\]\n]{0,40}\])*[ \t]*(?=\{)"
    r"|\\def[ \t]*\\(?P<defined>[A-Za-z]+)(?P<parameters>[ \t]*#[^{\n]{0,40})?[ \t]*(?=\{)"
)
_OWN = re.compile(r"\\([A-Za-z]+)")
_SIMPLE_ESCAPE = re.compile(r"\\([_{}%#&$])")
_NO_PLAIN_CODE = re.compile(r"[\\${}\n]")
_ESCAPED = re.compile(r"[\\`*_\[\]<$~]|&(?=[#A-Za-z])")
_BLOCK_START = re.compile(r"(?P<sign>[#+=>|:-])|(?P<number>\d{1,9})(?=[.)])")
_LIST = re.compile(r"(?:- |(\d+)\. )")
_DIGITS = re.compile(r"\d*")
_BLANKS = re.compile(r"[ \t\r\n]+")
_LENGTH = re.compile(r"[ \t]*-?[\d.]+[ \t]*(?:pt|em|ex|cm|mm|in)\b")
_FORMULA_EXTRA = re.compile(r"\\(?:label|tag)\*?\{[^{}]{0,200}\}|\\nonumber|\\notag|\\displaystyle")


@dataclass(frozen=True)
class Converted:
    """`title` is empty where the source names none; `leftovers` are what the converter did not understand."""

    markdown: str
    title: str = ""
    leftovers: tuple[str, ...] = ()


def to_markdown(source: str, *, pictures: Collection[str] = ()) -> Converted:
    """Never raises. `pictures` are the paths of those that there are, empty: nobody knows.

    Samples are left out: pages show them. A formula that is too long to be shown comes as code.
    """
    leftovers: dict[str, None] = {}
    text = _prepared(source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""), leftovers)
    converter = _Converter(text, pictures, leftovers)
    out = _Out()
    converter.convert(out, 0, len(text), 0)
    markdown = _joined(out.done())
    return Converted(
        f"{markdown}\n" if markdown else "", converter.title, tuple(converter.leftovers)[:MAX_LEFTOVERS]
    )


# --- Before it is read: comments, and commands of the author's own ------------------------------------------------


def _prepared(text: str, leftovers: dict[str, None]) -> str:
    """Without comments and definitions, with what was defined in its places; literal text stays as it is."""
    marks = _Marks(text)
    own: dict[str, str] = {}
    pieces: list[str] = []
    growth = place = 0
    for start, end, kind in marks.interesting:
        if start < place:
            continue
        pieces.append(text[place:start])
        place = end
        if kind == "%":
            comment = _COMMENT.match(text, start)
            assert comment
            # An empty line after a comment still ends a paragraph.
            place = comment.end() if text[comment.end() : comment.end() + 1] != "\n" else comment.end() - 1
        elif kind == "definition":
            place = _define(text, start, marks, own, leftovers)
        else:
            body = own.get(text[start + 1 : end])
            if body is None or growth + len(body) > MAX_GROWTH:
                pieces.append(text[start:end])
            else:
                growth += len(body)
                pieces.append(body)
    return "".join([*pieces, text[place:]])


def _define(text: str, start: int, marks: "_Marks", own: dict[str, str], leftovers: dict[str, None]) -> int:
    """Note one without arguments; where it ends. Others are among the leftovers."""
    found = _DEFINED.match(text, start)
    assert found
    name = found["name"] or found["bare"] or found["defined"]
    close = marks.closing.get(found.end())
    if close is None:
        return found.end()
    if found["arguments"] or found["parameters"]:
        leftovers[f"\\{name}, a command with arguments"] = None
        return close + 1
    body = _OWN.sub(lambda used: own.get(used[1], used[0]), text[found.end() + 1 : close])
    if len(body) <= MAX_GROWTH // 10:
        is_operator = text.startswith("\\DeclareMathOperator", start)
        own[name] = f"\\operatorname{{{body}}}" if is_operator else body
    return close + 1


class _Marks:
    """Where braces and environments are closed, by where they begin, in one pass. What nothing closes is left out.

    `environments` has where the content and where the whole ends; within literal ones nothing is looked at.
    `interesting` are comments, definitions and commands.
    """

    def __init__(self, text: str) -> None:
        self.closing: dict[int, int] = {}
        self.environments: dict[int, tuple[int, int]] = {}
        self.interesting: list[tuple[int, int, str]] = []
        self._braces: list[int] = []
        self._open: list[tuple[str, int]] = []
        place = 0
        missing: set[str] = set()
        while found := _SCANNED.search(text, place):
            place = found.end()
            if found[0] == "%":
                self.interesting.append((found.start(), found.end(), "%"))
                place = text.find("\n", place) % (len(text) + 1)
            elif literal := _VERB.match(text, found.start()) or _ADDRESS.match(text, found.start()):
                place = literal.end()
                if literal.re is _ADDRESS:
                    self.closing[literal.start("address")] = place - 1
            elif found["begin"] in _LITERAL and found["begin"] not in missing:
                place = self._literal(text, found, missing)
            elif found["begin"]:
                self._open.append((found["begin"], found.start()))
            elif found["end"]:
                self._close(found["end"], found)
            else:
                self._other(text, found)

    def _literal(self, text: str, found: re.Match[str], missing: set[str]) -> int:
        for closing in (f"\\end{{{found['begin']}}}", f"\\end{{{found['begin']}*}}"):
            end = text.find(closing, found.end())
            if end >= 0:
                self.environments[found.start()] = (end, end + len(closing))
                return end + len(closing)
        missing.add(found["begin"])
        return found.end()

    def _close(self, name: str, found: re.Match[str]) -> None:
        """What was opened in between and is still open is closed by nothing."""
        if not any(name == opened for opened, _ in self._open[-MAX_DEPTH:]):
            return
        while self._open:
            opened, start = self._open.pop()
            if opened == name:
                self.environments[start] = (found.start(), found.end())
                return

    def _other(self, text: str, found: re.Match[str]) -> None:
        match found[0]:
            case "{":
                self._braces.append(found.start())
            case "}":
                if self._braces:
                    self.closing[self._braces.pop()] = found.start()
            case command if command[1:2].isalpha():
                kind = "definition" if _DEFINED.match(text, found.start()) else "command"
                self.interesting.append((found.start(), found.end(), kind))


# --- Markdown ----------------------------------------------------------------------------------------------------


@dataclass
class _Out:
    """Blocks of Markdown, and the pieces of the paragraph that is being written; of a list, its items."""

    blocks: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    items: list[list[str]] | None = None

    def write(self, piece: str) -> None:
        self.pieces.append(piece)

    def formula(self, content: str) -> None:
        """Digits beside it belong to it: Markdown takes no dollar beside a digit for one of a formula."""
        while self.pieces and not self.pieces[-1]:
            self.pieces.pop()
        last = self.pieces[-1] if self.pieces else ""
        if last.startswith("$") and last.endswith("$") and len(last) > 1:
            content = f"{last[1:-1]} {content}"
            self.pieces.pop()
        elif last[-1:].isdigit():
            kept = last.rstrip("0123456789")
            content = last[len(kept) :] + content
            self.pieces[-1] = kept
        self.pieces.append(f"${content}$")

    def end_paragraph(self) -> None:
        lines = "".join(self.pieces).split("\\\n")
        self.pieces = []
        tidy = [_started(_BLANKS.sub(" ", line).strip(" ")) for line in lines]
        while tidy and not tidy[-1]:
            tidy.pop()
        text = "\\\n".join(line for line in tidy if line)
        if text:
            self.blocks.append(text)

    def block(self, block: str) -> None:
        self.end_paragraph()
        if block:
            self.blocks.append(block)

    def next_item(self) -> None:
        assert self.items is not None
        self.end_paragraph()
        self.items.append(self.blocks)
        self.blocks = []

    def done(self) -> list[str]:
        self.end_paragraph()
        return self.blocks


def _started(line: str) -> str:
    """So that the line begins no heading, list, quotation or table."""
    found = _BLOCK_START.match(line)
    if not found:
        return line
    return f"{found['number']}\\{line[found.end() :]}" if found["number"] else f"\\{line}"


def _joined(blocks: list[str]) -> str:
    """Two lists, one after the other, need something between them to stay two."""
    pieces: list[str] = []
    for block in blocks:
        if pieces and _LIST.match(block) and _LIST.match(pieces[-1]):
            pieces.append("<!-- -->")
        pieces.append(block)
    return "\n\n".join(pieces)


def _escaped(text: str) -> str:
    return _ESCAPED.sub(lambda sign: f"\\{sign[0]}", text)


def _code(text: str) -> str:
    fence = "`"
    while fence in text:
        fence += "`"
    inner = _BLANKS.sub(" ", text)
    pad = " " if inner[:1] == "`" or inner[-1:] == "`" else ""
    return f"{fence}{pad}{inner}{pad}{fence}" if inner.strip() else ""


def _fenced(text: str, language: str = "") -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text.strip(chr(10))}\n{fence}"


def _styled(tag: str, text: str) -> str:
    """Blanks at the ends stay outside, where Markdown would not see an end in them."""
    inner = text.strip()
    if not inner:
        return text
    before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    sign = _MARKDOWN_SIGNS.get(tag)
    if sign and inner[0].isalnum() and inner[-1].isalnum():
        return f"{before}{sign}{inner}{sign}{after}"
    return f"{before}<{tag}>{inner}</{tag}>{after}"


# --- The converter -----------------------------------------------------------------------------------------------


@dataclass
class _Converter:
    text: str
    pictures: Collection[str]
    leftovers: dict[str, None]
    title: str = ""
    _place: int = 0

    def __post_init__(self) -> None:
        self._marks = _Marks(self.text)

    def convert(self, out: _Out, start: int, end: int, depth: int, cells: "_Cells | None" = None) -> None:
        """Write a range of the text; `cells` take the place of `out` in a table."""
        if depth > MAX_DEPTH:
            self._leave(f"what is nested more than {MAX_DEPTH} levels deep")
            out.write(_escaped(self.text[start:end]))
            return
        place = start
        while place < end:
            found = _TOKEN.match(self.text, place, end)
            assert found
            self._place = found.end()
            self._token(out if cells is None else cells.out, found, end, depth, cells)
            place = self._place

    def _token(self, out: _Out, found: re.Match[str], end: int, depth: int, cells: "_Cells | None") -> None:
        kind = found.lastgroup
        match kind:
            case "text":
                out.write(_escaped(_BLANKS.sub(" ", found[0])))
            case "other":
                out.write(" " if found[0] == "\n" else _escaped(found[0]))
            case "ligature":
                out.write(_LIGATURES[found[0]])
            case "paragraph":
                out.write(" ") if cells else out.end_paragraph()
            case "cell":
                cells.next() if cells else out.write(self._ampersand())
            case "dollars":
                self._dollars(out, found, end)
            case "brace":
                self._brace(out, found, end, depth)
            case "begin":
                self._environment(out, found, end, depth)
            case "end":
                self._leave(found[0])
            case "sign":
                self._sign(out, found["sign"], end, cells)
            case "command":
                self._command(out, found, end, depth)

    def _leave(self, what: str) -> None:
        if len(self.leftovers) < MAX_LEFTOVERS:
            self.leftovers[what] = None

    # --- what follows a command ---

    def _skip_blanks(self, end: int) -> None:
        while self._place < end and self.text[self._place] in " \t\n":
            self._place += 1

    def _range(self, end: int) -> tuple[int, int] | None:
        """Of the argument in braces that follows; None where there is none, and then nothing is passed over."""
        before = self._place
        self._skip_blanks(end)
        close = self._marks.closing.get(self._place)
        if close is None or close >= end:
            self._place = before
            return None
        start, self._place = self._place + 1, close + 1
        return start, close

    def _raw(self, end: int) -> str:
        found = self._range(end)
        return self.text[found[0] : found[1]] if found else ""

    def _optional(self, end: int) -> str:
        before = self._place
        self._skip_blanks(end)
        close = self.text.find("]", self._place, min(end, self._place + 300))
        if self.text[self._place : self._place + 1] != "[" or close < 0:
            self._place = before
            return ""
        start, self._place = self._place + 1, close + 1
        return self.text[start:close]

    def _take(self, what: str, end: int) -> None:
        for one in what:
            self._optional(end) if one == "[" else self._range(end)

    def _blocks(self, end: int, depth: int) -> list[str]:
        """The argument that follows, converted; of one without braces its character."""
        found = self._range(end)
        if found is None:
            self._skip_blanks(end)
            letter = self.text[self._place : min(self._place + 1, end)]
            if not letter or letter in "\\{}$&":
                return []
            self._place += 1
            return [_escaped(letter)]
        place = self._place
        out = _Out()
        self.convert(out, *found, depth + 1)
        self._place = place
        # Blanks at the ends matter within a sentence.
        blocks = out.done()
        content = self.text[found[0] : found[1]]
        if len(blocks) == 1:
            blocks[0] = f"{' ' * content[:1].isspace()}{blocks[0]}{' ' * content[-1:].isspace()}"
        return blocks

    def _inline(self, end: int, depth: int) -> str:
        return " ".join(self._blocks(end, depth))

    # --- formulas ---

    def _dollars(self, out: _Out, found: re.Match[str], end: int) -> None:
        close = self._closing_dollar(found.end(), end, found[0])
        if close is None:
            out.write("\\$" * len(found[0]))
        else:
            self._place = close + len(found[0])
            self._formula(
                out, self._with_digits(self.text[found.end() : close], end), is_displayed=found[0] == "$$"
            )

    def _with_digits(self, content: str, end: int) -> str:
        """Markdown takes no dollar before a digit for one of a formula."""
        digits = _DIGITS.match(self.text, self._place, end)
        if not digits or not digits[0]:
            return content
        self._place = digits.end()
        return content.rstrip() + digits[0]

    def _closing_dollar(self, place: int, end: int, sign: str) -> int | None:
        """Not one in braces, and not one of the next paragraph."""
        while found := _IN_FORMULA.search(self.text, place, end):
            place = found.end()
            if found[0] == "{":
                place = self._marks.closing.get(found.start(), place)
            elif found[0] == "$" and self.text.startswith(sign, found.start()):
                return found.start()
            elif found[0][0] == "\n" and sign == "$":
                return None
        return None

    def _formula(self, out: _Out, content: str, *, is_displayed: bool) -> None:
        latex = _BLANKS.sub(" ", _FORMULA_EXTRA.sub("", content)).strip()
        latex = latex.replace("{aligned}", "{split}").replace(
            "{gathered}", "{matrix}"
        )  # which pages can show
        if len(latex) > MAX_FORMULA_CHARS:
            self._leave(f"a formula of {len(latex)} characters")
            out.block(_fenced(latex))
        elif not latex:
            return
        elif is_displayed:
            out.block(f"$$\n{latex}\n$$")
        elif latex.endswith("\\"):  # it would escape the dollar
            out.formula(f"{latex} {{}}")
        else:
            out.formula(latex)

    def _bracketed(self, out: _Out, closing: str, end: int) -> None:
        """\\( … \\) and \\[ … \\]."""
        close = self._next(closing, end)
        if close is None:
            self._leave(f"\\{'(' if closing[1] == ')' else '['} without {closing}")
            return
        content = self.text[self._place : close]
        self._place = close + 2
        self._formula(out, self._with_digits(content, end), is_displayed=closing == "\\]")

    def _next(self, sign: str, end: int) -> int | None:
        """Where it is next, by a list of all its places that is made once."""
        if sign not in self._places:
            self._places[sign] = [one.start() for one in re.finditer(re.escape(sign), self.text)]
            self._places[sign].reverse()
        places = self._places[sign]
        while places and places[-1] < self._place:
            places.pop()
        return places[-1] if places and places[-1] < end else None

    _places: dict[str, list[int]] = field(default_factory=dict)

    # --- groups and signs ---

    def _brace(self, out: _Out, found: re.Match[str], end: int, depth: int) -> None:
        close = self._marks.closing.get(found.start())
        if found[0] == "}" or close is None or close >= end:
            return
        self._group(out, found.end(), close, depth)
        self._place = close + 1

    def _group(self, out: _Out, start: int, end: int, depth: int) -> None:
        """A declaration such as \\bf at its beginning, perhaps after one of size, holds for all of it."""
        found = _TOKEN.match(self.text, start, end)
        while found and found["command"] in _MEANINGLESS:
            found = _TOKEN.match(self.text, found.end(), end)
        name = found["command"] if found else None
        if not found or name not in _DECLARED:
            self.convert(out, start, end, depth + 1)
            return
        inner = _Out()
        self.convert(inner, found.end(), end, depth + 1)
        self._style(out, _STYLES[name], inner.done())

    def _style(self, out: _Out, tag: str, blocks: list[str]) -> None:
        if len(blocks) == 1:
            out.write(_styled(tag, blocks[0]))
        else:
            for block in blocks:
                out.block(block)

    def _sign(self, out: _Out, sign: str, end: int, cells: "_Cells | None") -> None:
        if sign == "\\":
            self._optional(end)
            cells.next_row() if cells else out.write("\\\n")
        elif sign in "([":
            self._bracketed(out, "\\)" if sign == "(" else "\\]", end)
        elif sign in _ACCENTS:
            self._accent(out, sign, end)
        elif sign == "&":
            out.write(self._ampersand())
        else:
            out.write(_SIGNS.get(sign, _escaped(sign)))

    def _ampersand(self) -> str:
        """Not one with which HTML names a character."""
        following = self.text[self._place : self._place + 1]
        return "\\&" if following.isalpha() or following == "#" else "&"

    def _accent(self, out: _Out, sign: str, end: int) -> None:
        argument = self._raw(end)
        if not argument and self._place < end and self.text[self._place] not in "\\{}$":
            argument = self.text[self._place]
            self._place += 1
        base = argument.removeprefix("\\")[:1].replace("ı", "i")
        if base.isalpha():
            out.write(
                unicodedata.normalize("NFC", base + _ACCENTS[sign])
                + _escaped(argument.removeprefix("\\")[1:])
            )
        else:
            out.write(_escaped(sign if sign in "~^" and not argument else argument))

    # --- commands ---

    def _command(self, out: _Out, found: re.Match[str], end: int, depth: int) -> None:
        name = found["command"]
        if name in _TEXTS:
            self._text(out, name, found)
        elif name in _STYLES and name not in _DECLARED:
            self._styled_argument(out, name, end, depth)
        elif name in _PLAIN:
            out.write(self._inline(end, depth))
        elif name in _HEADINGS or name in _SECTIONS:
            self._heading(out, name, end, depth)
        elif name in _TAKES:
            self._take(_TAKES[name], end)
        elif name in _ACCENTS:
            self._accent(out, name, end)
        elif name in _MEANINGLESS or name in _DECLARED:
            if name == "par":
                out.end_paragraph()
        elif handler := _COMMANDS.get(name):
            handler(self, out, end, depth)
        else:
            self._unknown(out, name, end)

    def _text(self, out: _Out, name: str, found: re.Match[str]) -> None:
        """Blanks after the command belong to it; after what looks like a word or sign, authors mean them."""
        out.write(_escaped(_TEXTS[name]))
        if found[0].endswith((" ", "\n", "\t")) and name in ("ldots", "dots", "textellipsis"):
            out.write(" ")

    def _styled_argument(self, out: _Out, name: str, end: int, depth: int) -> None:
        tag = _STYLES[name]
        before = self._place
        raw = _SIMPLE_ESCAPE.sub(r"\1", self._raw(end)) if tag == "code" else ""
        after = self._place
        is_plain = not _NO_PLAIN_CODE.search(self.text[before:after].strip()[1:-1].replace("\\_", "_"))
        if raw and is_plain:
            out.write(_code(raw.replace("~", " ")))
            return
        self._place = before
        self._style(out, tag, self._blocks(end, depth))

    def _heading(self, out: _Out, name: str, end: int, depth: int) -> None:
        if name in _SECTIONS:
            out.block(f"## {_SECTIONS[name]}")
            return
        self._optional(end)
        title = self._inline(end, depth).replace("\\\n", " ").strip()
        out.block(f"{'#' * _HEADINGS[name]} {title}" if title else "")

    def _unknown(self, out: _Out, name: str, end: int) -> None:
        """Of a command with an argument that is shown; of others their name, which may be all that they say."""
        self._leave(f"\\{name}")
        if self.text[self._place : self._place + 1] not in ("{", "["):
            out.write(_escaped(f"\\{name} "))
        self._optional(end)

    def _title(self, out: _Out, end: int, depth: int) -> None:
        raw = _BLANKS.sub(" ", self._raw(end)).strip()
        plain = _SIMPLE_ESCAPE.sub(r"\1", raw)
        for sign in ("---", "--", "``", "''", "~"):
            plain = plain.replace(sign, _LIGATURES[sign].replace("\u00a0", " "))
        self.title = self.title or (raw if "$" in raw.replace("\\$", "") else plain)

    def _item(self, out: _Out, end: int, depth: int) -> None:
        if out.items is None:
            self._leave("\\item outside a list")
            out.end_paragraph()
            return
        out.next_item()
        if label := self._optional(end).strip():
            out.write(f"{_styled('strong', _escaped(label))} ")

    def _picture(self, out: _Out, end: int, depth: int) -> None:
        self._optional(end)
        out.write(self._image(self._raw(end).strip(), ""))

    def _illustration(self, out: _Out, end: int, depth: int) -> None:
        self._range(end)
        file = self._raw(end).strip()
        caption = self._inline(end, depth).strip()
        out.block(self._image(file, ""))
        out.block(_styled("em", caption))

    def _image(self, file: str, words: str) -> str:
        """Named as the package has it: LaTeX knows its ending, if it is left out."""
        name = file.removeprefix("./")
        if self.pictures and name not in self.pictures:
            found = sorted(
                one for one in self.pictures if PurePosixPath(one).with_suffix("") == PurePosixPath(name)
            )
            if not found:
                by_name = PurePosixPath(name).name
                found = sorted(
                    one
                    for one in self.pictures
                    if by_name in (PurePosixPath(one).name, PurePosixPath(one).stem)
                )
            if not found:
                self._leave(f"the picture {name[:100]}, which is not there or cannot be shown")
            name = found[0] if found else name
        return f"![{words}]({quote(name)})" if name else ""

    def _caption(self, out: _Out, end: int, depth: int) -> None:
        self._optional(end)
        caption = self._inline(end, depth).strip()
        out.block(_styled("em", caption))

    def _url(self, out: _Out, end: int, depth: int) -> None:
        address = _SIMPLE_ESCAPE.sub(r"\1", self._raw(end)).strip()
        out.write(self._link(address, _escaped(address)))

    def _href(self, out: _Out, end: int, depth: int) -> None:
        address = _SIMPLE_ESCAPE.sub(r"\1", self._raw(end)).strip()
        out.write(self._link(address, self._inline(end, depth)))

    def _link(self, address: str, words: str) -> str:
        return f"[{words}]({quote(address, safe=':/?#@!$&*+,;=%~-._')})" if address else words

    def _epigraph(self, out: _Out, end: int, depth: int) -> None:
        blocks = self._blocks(end, depth)
        source = self._inline(end, depth).strip()
        out.block(_quoted([*blocks, *([f"— {source}"] if source else [])]))

    def _footnote(self, out: _Out, end: int, depth: int) -> None:
        out.write(f" ({self._inline(end, depth).strip()})")

    def _verb(self, out: _Out, end: int, depth: int) -> None:
        self._optional(end)
        delimiter = self.text[self._place : min(self._place + 1, end)]
        most = min(end, self._place + MAX_NEWLINES_OF_VERB)
        close = (
            self.text.find("}" if delimiter == "{" else delimiter, self._place + 1, most) if delimiter else -1
        )
        if close < 0 or delimiter.isspace():
            self._leave("\\verb without an end")
            return
        out.write(_code(self.text[self._place + 1 : close]))
        self._place = close + 1

    def _break(self, out: _Out, end: int, depth: int) -> None:
        out.write("\\\n")

    def _rule(self, out: _Out, end: int, depth: int) -> None:
        self._take("[{{", end)

    def _skip_length(self, out: _Out, end: int, depth: int) -> None:
        if found := _LENGTH.match(self.text, self._place, end):
            self._place = found.end()

    def _paragraph_title(self, out: _Out, end: int, depth: int) -> None:
        out.end_paragraph()
        out.write(_styled("strong", self._inline(end, depth)) + " ")

    def _second(self, out: _Out, end: int, depth: int) -> None:
        """\\textcolor{red}{text}, \\multicolumn … : only the last argument is text."""
        self._range(end)
        out.write(self._inline(end, depth))

    def _third(self, out: _Out, end: int, depth: int) -> None:
        self._take("{[{", end)
        out.write(self._inline(end, depth))

    def _sized(self, out: _Out, end: int, depth: int) -> None:
        """\\scalebox{0.5}{text}, \\parbox{3cm}{text}: blocks stay blocks."""
        self._take("[{", end)
        for block in self._blocks(end, depth):
            out.block(block)

    # --- environments ---

    def _environment(self, out: _Out, found: re.Match[str], end: int, depth: int) -> None:
        name = found["begin"]
        marked = self._marks.environments.get(found.start())
        if marked is None or marked[1] > end:
            self._leave(f"\\begin{{{name}}} without an end")
            return
        inner_end, after = marked
        if name in _LITERAL:
            self._literal(out, name, inner_end)
        elif name in _DISPLAYED:
            self._displayed(out, name, inner_end)
        elif name in ("tabular", "tabularx", "tabulary", "longtable", "array"):
            self._table(out, name, inner_end, depth)
        elif name in ("itemize", "enumerate", "description", "compactitem", "compactenum"):
            self._list(out, name, inner_end, depth)
        elif name in ("quote", "quotation", "verse"):
            inner = _Out()
            self.convert(inner, self._place, inner_end, depth + 1)
            out.block(_quoted(inner.done()))
        elif name not in ("example", "examplewide", "examplethree"):
            self._through(out, name, inner_end, depth)
        self._place = after

    def _through(self, out: _Out, name: str, end: int, depth: int) -> None:
        """Its content, perhaps below a heading."""
        out.end_paragraph()
        if name in ("problem", "tutorial"):
            self._title(out, end, depth)
            self._take("{{{{", end)
        elif name in _SECTIONS:
            out.block(f"## {_SECTIONS[name]}")
        elif name in _THROUGH:
            self._take(_THROUGH[name], end)
        else:
            self._leave(f"\\begin{{{name}}}")
        self.convert(out, self._place, end, depth + 1)
        out.end_paragraph()

    def _literal(self, out: _Out, name: str, end: int) -> None:
        options = ""
        if self.text[self._place : self._place + 1] == "[":
            options = self._optional(end)
        if name == "minted":
            self._range(end)
        if name != "comment":
            language = re.search(r"language=\{?([A-Za-z+]{1,20})", options)
            out.block(_fenced(self.text[self._place : end], language[1].lower() if language else ""))

    def _displayed(self, out: _Out, name: str, end: int) -> None:
        content = self.text[self._place : end]
        inner = _DISPLAYED[name]
        if name == "math":
            self._formula(out, content, is_displayed=False)
            return
        self._formula(
            out, f"\\begin{{{inner}}}{content}\\end{{{inner}}}" if inner else content, is_displayed=True
        )

    def _list(self, out: _Out, name: str, end: int, depth: int) -> None:
        self._optional(end)
        inner = _Out(items=[])
        self.convert(inner, self._place, end, depth + 1)
        inner.next_item()
        assert inner.items
        before, items = inner.items[0], inner.items[1:]
        for block in before:
            out.block(block)
        is_numbered = name in ("enumerate", "compactenum")
        texts = [
            _listed(f"{number}. " if is_numbered else "- ", item) for number, item in enumerate(items, 1)
        ]
        is_loose = any(len([one for one in item if not _LIST.match(one)]) > 1 for item in items)
        out.block(("\n\n" if is_loose else "\n").join(texts))

    def _table(self, out: _Out, name: str, end: int, depth: int) -> None:
        self._take("[{" if name in ("tabularx", "tabulary") else "[", end)
        form = self._raw(end)
        cells = _Cells()
        self.convert(out, self._place, end, depth + 1, cells)
        out.block(_table(cells.rows(), form))


@dataclass
class _Cells:
    """A table while it is read. A cell is one paragraph."""

    out: _Out = field(default_factory=_Out)
    _row: list[str] = field(default_factory=list)
    _rows: list[list[str]] = field(default_factory=list)

    def next(self) -> None:
        text = "<br>".join(block.replace("\n", " ") for block in self.out.done())
        if text.startswith("$$ ") and text.endswith(" $$"):
            text = f"${text[3:-3]}$"
        # A bar would end the cell, even in a formula; there \| is another sign.
        self._row.append(text.replace("\\|", "\\Vert{}").replace("|", "\\|"))
        self.out = _Out()

    def next_row(self) -> None:
        self.next()
        if any(self._row):
            self._rows.append(self._row)
        self._row = []

    def rows(self) -> list[list[str]]:
        self.next_row()
        return self._rows


def _table(rows: list[list[str]], form: str) -> str:
    """The first row is the heading: Markdown knows no table without."""
    if not rows:
        return ""
    width = max(map(len, rows))
    signs = {"l": ":---", "c": ":---:", "r": "---:"}
    aligned = [signs[one] for one in re.sub(r"\{[^{}]{0,100}\}", "", form) if one in signs]
    aligned = (aligned + ["---"] * width)[:width]
    lines = [row + [""] * (width - len(row)) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], aligned, *lines[1:]])


def _quoted(blocks: list[str]) -> str:
    text = _joined(blocks)
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n")) if text else ""


def _listed(sign: str, blocks: list[str]) -> str:
    """An item; what follows its first line stands as deep as that."""
    text = ""
    for block in blocks:
        text += block if not text else ("\n" if _LIST.match(block) else "\n\n") + block
    indent = " " * len(sign)
    return sign + "\n".join(
        line if number == 0 or not line else indent + line for number, line in enumerate(text.split("\n"))
    )


_Handler = Callable[[_Converter, _Out, int, int], None]

_COMMANDS: dict[str, _Handler] = {
    "problemname": _Converter._title,
    "item": _Converter._item,
    "includegraphics": _Converter._picture,
    "illustration": _Converter._illustration,
    "caption": _Converter._caption,
    "url": _Converter._url,
    "href": _Converter._href,
    "epigraph": _Converter._epigraph,
    "footnote": _Converter._footnote,
    "verb": _Converter._verb,
    "lstinline": _Converter._verb,
    "newline": _Converter._break,
    "rule": _Converter._rule,
    "vskip": _Converter._skip_length,
    "hskip": _Converter._skip_length,
    "paragraph": _Converter._paragraph_title,
    "textcolor": _Converter._second,
    "raisebox": _Converter._second,
    "multicolumn": _Converter._third,
    "multirow": _Converter._third,
    "scalebox": _Converter._sized,
    "resizebox": _Converter._sized,
    "parbox": _Converter._sized,
}
