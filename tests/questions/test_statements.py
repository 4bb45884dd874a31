"""Statements: what authors write arrives readable, and nothing in it runs in a learner's browser."""

import re
from html.parser import HTMLParser

import pytest

from questions import statements
from questions.statements import StatementRefused, render


def test_headings_lists_tables_and_strikethrough_become_html() -> None:
    html = render("## Input\n\n- one\n- ~~two~~\n\n|a|\n|-|\n|1|\n")
    assert "<h2>Input</h2>" in html
    assert "<li><s>two</s></li>" in html
    assert "<td>1</td>" in html


def test_a_formula_between_dollars_becomes_mathml() -> None:
    html = render(r"for $1 \le a \le 10^9$ only")
    assert '<span class="math inline"><math' in html
    assert "<msup><mn>10</mn><mn>9</mn></msup>" in html


def test_a_formula_between_double_dollars_stands_on_its_own_line_wherever_it_is_written() -> None:
    assert '<div class="math block">' in render("$$\nx^2\n$$")
    in_text = render("so $$x^2$$ holds")
    assert '<p>so <span class="math block"><math' in in_text
    assert 'display="block"' in in_text


def test_an_escaped_dollar_and_prices_are_no_formulas() -> None:
    assert "<math" not in render(r"It costs \$5 and \$x, or $5 and $6.")
    assert r"costs $5" in render(r"It costs \$5.")


def test_a_formula_that_cannot_be_read_is_shown_as_it_was_written() -> None:
    assert r'<code class="math-error">\frac{</code>' in render(r"$\frac{$")


def test_a_command_that_is_not_known_marks_the_formula() -> None:
    assert r'<code class="math-error">\foo{x}</code>' in render(r"$\foo{x}$")
    assert "math-error" not in render(r"$\backslash$")


def test_bars_keep_no_distance_from_what_is_between_them() -> None:
    bars = re.findall(r"<mo([^>]*)>[|‖]</mo>", render(r"$|a|,|b| + \lVert c \rVert$"))
    assert len(bars) == 6
    assert all('lspace="0" rspace="0"' in attributes for attributes in bars)


@pytest.mark.parametrize(
    "formula", [r"\begin", r"\big", "{" * 1900, r"x^", r"\genfrac{a}", r"\left(", r"\skew 2 x", r"a_b_c"]
)
def test_no_broken_formula_breaks_the_page(formula: str) -> None:
    assert "math-error" in render(f"${formula}$") or "<math" in render(f"${formula}$")


def test_code_is_coloured_by_classes_and_an_unknown_language_stays_plain() -> None:
    assert '<span class="hl-k">def</span>' in render("```python\ndef f(): pass\n```")
    assert "<pre><code>a &lt; b\n</code></pre>" in render("```nonsense\na < b\n```")


def test_a_footnote_leads_there_and_back() -> None:
    html = render("word[^1]\n\n[^1]: explained")
    assert 'href="#fn1"' in html
    assert 'id="fn1"' in html
    assert 'href="#fnref1"' in html


def test_table_columns_are_aligned_by_class_since_pages_forbid_styles() -> None:
    html = render("|a|b|c|\n|:-|:-:|-:|\n|1|2|3|\n")
    assert [f'<td class="{side}">' in html for side in ("left", "center", "right")] == [True] * 3
    assert "style" not in html


FORBIDDEN = {"base", "button", "embed", "form", "iframe", "input", "link", "meta", "noscript", "object"} | {
    "script",
    "style",
    "svg",
}
HOSTILE = [
    r"$\text{<script>alert(1)</script>}$",
    r"$\texttt{<img src=x onerror=alert(1)>}$",
    r"$\href{javascript:alert(1)}{x}$",
    r'$\color{" onclick="alert(1)}x$',
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<img src='javascript:alert(1)'>",
    "![x](javascript:alert(1))",
    "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "<a href='vbscript:x'>x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<form action=/logout/><button>x</button></form>",
    "<style>body{display:none}</style>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "<math href='javascript:alert(1)'><mi xlink:href='javascript:alert(1)'>x</mi></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "```python\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|\n",
    "a[^<script>alert(1)</script>]\n\n[^<script>alert(1)</script>]: <script>alert(1)</script>",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_nothing_in_a_statement_can_run(source: str) -> None:
    elements = elements_in(render(source))
    assert not {tag for tag, _ in elements} & FORBIDDEN
    for _, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "xlink:href")]
        addresses = [attributes.get(name) or "" for name in ("href", "src")]
        assert not [
            one for one in addresses if re.match(r"\s*(javascript|vbscript|data)", one, re.IGNORECASE)
        ]


def elements_in(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """Every start tag with its attributes."""
    found: list[tuple[str, dict[str, str | None]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append((tag, dict(attrs)))  # type: ignore[method-assign]
    parser.feed(html)
    return found


def test_images_come_from_this_site_only() -> None:
    kept = render("![a](/media/a.png) ![b](/static/b.png) ![c](attachment:c.png)")
    assert kept.count("src=") == 3
    dropped = render(
        "![a](https://evil.example/a.png) ![b](//evil.example/b.png) ![c](/logout/) ![d](/static/../logout/)"
    )
    assert "src=" not in dropped


def test_ids_and_classes_of_the_pages_own_scripts_cannot_be_borrowed() -> None:
    html = render('<div id="source" class="toolbar math">x</div>')
    assert "source" not in html
    assert 'class="math"' in html


def test_links_leave_without_a_referrer() -> None:
    assert 'rel="noopener noreferrer"' in render("[x](https://example.org/)")


def test_a_statement_at_the_limit_is_rendered_and_one_byte_more_is_refused() -> None:
    assert render("é" * (statements.MAX_STATEMENT_BYTES // 2))
    with pytest.raises(StatementRefused, match="256 KiB"):
        render("é" * (statements.MAX_STATEMENT_BYTES // 2) + "a")


def test_a_formula_at_the_limit_is_rendered_and_one_character_more_is_refused() -> None:
    assert "<math" in render(f"${'x' * statements.MAX_FORMULA_CHARS}$")
    with pytest.raises(StatementRefused, match="2001 characters"):
        render(f"${'x' * (statements.MAX_FORMULA_CHARS + 1)}$")
