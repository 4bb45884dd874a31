"""Output beside answer, and places in programs, as HTML."""

import pytest

from execution.types import CheckerKind
from submissions import lines


def shown(text: lines.Text) -> list[str]:
    return [("≠ " if line.differs else "  ") + line.html for line in text.lines]


def test_the_first_difference_is_underlined_and_later_ones_are_only_marked():
    text = lines.beside("1\n25\n3\n9\n", "1\n24\n3\n8\n", CheckerKind.TOKENS)

    assert shown(text) == ["  1", "≠ 2<mark>5</mark>", "  3", "≠ 9"]


def test_what_the_checker_does_not_mind_is_not_marked():
    assert not any(line.differs for line in lines.beside("a  b \n", "a b\n", CheckerKind.TOKENS).lines)
    assert not any(line.differs for line in lines.beside("A\n", "a\n", CheckerKind.CASE_INSENSITIVE).lines)
    assert not any(
        line.differs for line in lines.beside("2\n1\n", "1\n2\n", CheckerKind.UNORDERED_LINES).lines
    )


def test_blanks_are_visible_where_they_make_the_difference():
    text = lines.beside("a \tb\r\n", "a b\n", CheckerKind.EXACT)

    assert shown(text) == ["≠ a<i>·</i><mark><i>→\t</i>b<i>\\r</i></mark>↵"]


def test_a_missing_last_line_end_is_visible_when_output_is_compared_exactly():
    mine, theirs = "a", "a\n"

    assert shown(lines.beside(mine, theirs, CheckerKind.EXACT)) == ["≠ a"]
    assert shown(lines.beside(theirs, mine, CheckerKind.EXACT)) == ["≠ a<mark>↵</mark>"]


def test_a_line_that_has_nothing_opposite_is_marked_whole():
    assert shown(lines.beside("1\n2\n", "1\n", CheckerKind.TOKENS)) == ["  1", "≠ <mark>2</mark>"]


def test_a_long_text_is_cut_around_its_first_difference():
    right = [str(n) for n in range(5000)]
    wrong = [*right[:4000], "x", *right[4001:]]

    text = lines.beside("\n".join(wrong), "\n".join(right), CheckerKind.TOKENS)

    assert text.before == 4000 - lines.LINES_BEFORE
    assert len(text.lines) == lines.MAX_LINES
    assert text.before + len(text.lines) + text.after == 5000
    assert any(line.differs for line in text.lines)


@pytest.mark.parametrize("make", [lines.plain, lambda text: lines.beside(text, "", CheckerKind.EXACT)])
def test_nothing_in_a_text_becomes_markup(make):
    html = make("<script>alert(1)</script>\n&amp;").lines[0].html

    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_compiler_output_links_to_its_places():
    html = lines.with_places("main.cpp:6:13: error: expected ‘;’ before <T>\n", "main.cpp")

    assert 'href="#line-6" data-line="6" data-column="13" data-kind="error"' in html
    assert 'data-text="error: expected ‘;’ before &lt;T&gt;"' in html
    assert html.endswith("</a>: error: expected ‘;’ before &lt;T&gt;\n")


def test_warnings_and_tracebacks_link_too_and_other_files_do_not():
    warning = lines.with_places("main.c:2:5: warning: unused", "main.c")
    traceback = lines.with_places('  File "/box/main.py", line 3, in <module>', "main.py")

    assert 'data-kind="warning"' in warning
    assert 'data-line="3" data-column="1"' in traceback
    assert "<a" not in lines.with_places('File "/usr/lib/python3/ast.py", line 50', "main.py")
    assert "<a" not in lines.with_places("other.c:2:5: error: x", "main.c")
