"""LaTeX statements as Markdown: what each construct becomes, and what becomes of garbage."""

import random
import time
from html.parser import HTMLParser

import pytest

from questions import statements
from questions.packages.latex import MAX_DEPTH, to_markdown


def markdown(latex: str) -> str:
    return to_markdown(latex).markdown.strip()


def html(latex: str) -> str:
    return statements.render(to_markdown(latex).markdown)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(latex: str) -> str:
    """The words that somebody reads."""
    parser = _Text()
    parser.feed(html(latex))
    return parser.text.strip()


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("one\ntwo\n\n\nthree", "one two\n\nthree"),
        ("``a'' `b' <<c>> 1--2 x---y 1~km \\ldots", "“a” ‘b’ «c» 1–2 x—y 1\u00a0km …"),
        ("\\textbf{a} {\\bf b} \\emph{c} {\\it d} \\texttt{e\\_f}", "**a** **b** *c* *d* `e_f`"),
        ("\\texttt{a $n$} \\underline{b} \\sout{c}", "<code>a $n$</code> <u>b</u> <s>c</s>"),
        ("\\section*{Input}\nx", "## Input\n\nx"),
        ("\\subsection{A \\& B}", "### A & B"),
        ("\\begin{Interaction}x\\end{Interaction}", "## Interaction\n\nx"),
        ("\\InputFile\nx\n\\OutputFile\ny", "## Input\n\nx\n\n## Output\n\ny"),
        ("\\begin{itemize}\\item a \\item b\\end{itemize}", "- a\n- b"),
        ("\\begin{enumerate}\\item a\\begin{itemize}\\item b\\end{itemize}\\end{enumerate}", "1. a\n   - b"),
        ("\\begin{quote}a\n\nb\\end{quote}", "> a\n>\n> b"),
        ("\\begin{verbatim}\n50% {*\n\\end{verbatim}", "```\n50% {*\n```"),
        ("\\begin{lstlisting}[language=Python]\nx = 1\n\\end{lstlisting}", "```python\nx = 1\n```"),
        ("\\verb|50%{| % gone\nb", "`50%{` b"),
        ("\\url{https://a.example/b_c%20d}", "[https://a.example/b\\_c%20d](https://a.example/b_c%20d)"),
        ("\\href{https://a.example}{b}", "[b](https://a.example)"),
        ("\\epigraph{a}{b}", "> a\n>\n> — b"),
        ("a\\\\b\\newline c", "a\\\nb\\\nc"),
        ("\\'e \\\"{o} \\c{c} \\v s \\aa", "é ö ç š å"),
        ("a 100\\% \\# \\$ \\_ \\{ \\}", "a 100% # \\$ \\_ { }"),
        ("\\newcommand{\\most}{10^5} $n \\le \\most$", "$n \\le 10^5$"),
        ("\\def\\name{Bob} \\name, \\name", "Bob, Bob"),
        ("\\DeclareMathOperator{\\lcm}{lcm} $\\lcm(a)$", "$\\operatorname{lcm}(a)$"),
        ("\\(a\\) and \\[b\\]", "$a$ and\n\n$$\nb\n$$"),
        ("10$^{15}$, $n$2, $a$$b$", "$10^{15}$, $n2$, $a b$"),
        ("\\begin{align*}a &= b\\end{align*}", "$$\n\\begin{split}a &= b\\end{split}\n$$"),
        ("\\begin{center}\\includegraphics[width=3cm]{a b.png}\\end{center}", "![](a%20b.png)"),
        ("\\illustration{0.3}{a.png}{b}", "![](a.png)\n\n*b*"),
        ("a \\footnote{b} \\vspace{1cm} \\noindent \\nextsample \\remainingsamples", "a (b)"),
    ],
)
def test_what_the_format_knows_becomes_markdown(latex: str, expected: str) -> None:
    converted = to_markdown(latex)
    assert converted.markdown.strip() == expected
    assert converted.leftovers == ()


def test_a_table_keeps_its_alignment_and_bars_in_formulas() -> None:
    latex = (
        "\\begin{tabular}{|l|cr|}\\hline A & b|c & $|x|$ \\\\ \\hline\n"
        "\\multicolumn{1}{c}{d} & \\multirow{2}{*}{e} & $\\|y\\|$ \\\\\\cline{1-2}\\end{tabular}"
    )
    assert markdown(latex).splitlines()[:2] == ["| A | b\\|c | $\\|x\\|$ |", "| :--- | :---: | ---: |"]
    assert html(latex).count("<math") == 2
    assert '<td class="center">e</td>' in html(latex)


@pytest.mark.parametrize(
    "text",
    ["<b>x</b> & &amp; *y* _z_ [a](b)", "1. no list", "- no list", "x > y < z", "[^1]: a", "|a|b|", "a  `b"],
)
def test_text_stays_text(text: str) -> None:
    """Neither HTML nor Markdown comes out of words."""
    latex = text.replace("&", "\\&").replace("_", "\\_").replace("  `", "  \\textasciitilde{}")
    expected = latex.replace("\\&", "&").replace("\\_", "_").replace("\\textasciitilde{}", "~")
    assert " ".join(shown(latex).split()) == " ".join(expected.split())


def test_a_title_is_plain_text() -> None:
    assert to_markdown("\\problemname{A \\& B -- ``C''}x").title == "A & B – “C”"
    polygon = to_markdown("\\begin{problem}{Sums}{stdin}{stdout}{1 s}{64 MB}x\\end{problem}")
    assert (polygon.title, polygon.markdown, polygon.leftovers) == ("Sums", "x\n", ())


def test_what_is_not_understood_is_named_and_its_text_kept() -> None:
    converted = to_markdown("\\shout{Hello} \\alpha \\begin{boxed}World\\end{boxed} \\newcommand{\\x}[1]{#1}")
    assert {"Hello", "World", "alpha"} <= set(
        shown("\\shout{Hello} \\begin{boxed}World\\end{boxed} alpha").split()
    )
    assert "World" in converted.markdown
    assert converted.leftovers == (
        "\\x, a command with arguments",
        "\\shout",
        "\\alpha",
        "\\begin{boxed}",
    )


def test_pictures_are_found_without_their_endings_and_missing_ones_named() -> None:
    converted = to_markdown("\\includegraphics{img/a}\\includegraphics{b.pdf}", pictures=["img/a.png"])
    assert "![](img/a.png)" in converted.markdown
    assert "b.pdf" in converted.leftovers[0]


def test_a_formula_that_is_too_long_comes_as_code() -> None:
    latex = "$" + "x + " * 1000 + "y$"
    assert "```" in markdown(latex)
    assert "4001 characters" in to_markdown(latex).leftovers[0]
    html(latex)


COMMANDS = """{ } $ $$ \\( \\) \\[ \\] & \\\\ % | ` ' - < > _ * # \\ a 1 é \\item \\item[ ] \\textbf \\texttt{ \\verb|
\\begin{itemize} \\end{itemize} \\begin{tabular}{ll} \\end{tabular} \\begin{verbatim} \\end{verbatim} \\c \\' {p} \\bf
\\illustration \\y \\x \\newcommand{\\x}{ \\def\\y{\\y\\y} \\href{ \\includegraphics[ \\begin{align} \\end{align}"""
PIECES = [*COMMANDS.split(), " ", "\n", "\n\n", "\0"]


def test_garbage_is_taken_without_an_error() -> None:
    chance = random.Random(5)
    for _ in range(400):
        source = "".join(chance.choices(PIECES, k=chance.randrange(80)))
        statements.render(to_markdown(source, pictures=["p.png"]).markdown)


@pytest.mark.parametrize(
    "piece", ["{", "$", "\\(", "\\begin{quote}", "\\textbf{", "\\url{", "\\verb|", "\\item["]
)
def test_ten_times_as_much_takes_about_ten_times_as_long(piece: str) -> None:
    """Nothing is looked through again and again, whatever is not closed; 25 leaves room for a busy machine."""

    def took(count: int) -> float:
        began = time.process_time()
        to_markdown(piece * count)
        return time.process_time() - began

    took(100)
    assert took(10_000) < 25 * max(took(1000), 0.005)


def test_deep_nesting_is_cut_and_named() -> None:
    depth = 3 * MAX_DEPTH
    converted = to_markdown("\\textbf{" * depth + "core" + "}" * depth)
    assert "core" in converted.markdown
    assert f"more than {MAX_DEPTH} levels" in converted.leftovers[0]


def test_own_commands_cannot_grow_without_end() -> None:
    doubling = "".join(f"\\def\\{chr(97 + i)}q{{\\{chr(96 + i)}q\\{chr(96 + i)}q}}" for i in range(1, 26))
    converted = to_markdown("\\def\\aq{ha}" + doubling + "\\zq" * 100)
    assert len(converted.markdown) < 300_000
