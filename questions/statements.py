"""Statements: Markdown in, HTML out that is safe to put into a page as it is.

    source ─▶ markdown-it (tables, footnotes, $formulas$) ─▶ HTML, not to be trusted ─▶ nh3 ─▶ HTML for pages

Cleaning comes last and is what makes the result safe: raw HTML passes through Markdown, and latex2mathml
does not escape the text in a formula. No style attribute leaves this module, so pages can forbid them. Who
keeps or shows the result is not its business.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import nh3
from latex2mathml import converter, exceptions
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import find_lexer_class_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

MAX_STATEMENT_BYTES = 256 * 1024
MAX_FORMULA_CHARS = 2000

# latex2mathml has no common base class; a broken formula can make its own code stumble too (found by fuzzing).
_FORMULA_ERRORS: tuple[type[Exception], ...] = (
    *(error for error in vars(exceptions).values() if isinstance(error, type)),
    ValueError,
    LookupError,
    TypeError,
    StopIteration,
    RecursionError,
)

_UNKNOWN_COMMAND = "<mi>\\"  # latex2mathml takes a command that it does not know for the name of a variable
_BAR = re.compile(
    r'<mo(?P<attributes>(?: fence="false"| stretchy="false")*)>(?P<sign>&#x0007C;|&#x02016;)</mo>'
)


class StatementRefused(ValueError):
    """The statement is larger than we render; the message tells its author what to change."""


def render(markdown: str, *, pictures: str = "") -> str:
    """The statement as HTML; raises StatementRefused above MAX_STATEMENT_BYTES or MAX_FORMULA_CHARS.

    A formula that is not understood is shown as it was written, marked; so is, unmarked, code in an unknown language.
    An image whose address is a relative path is one of the files whose addresses begin with `pictures`.
    """
    if len(markdown.encode()) > MAX_STATEMENT_BYTES:
        raise StatementRefused(f"The statement may have at most {MAX_STATEMENT_BYTES // 1024} KiB.")
    return _cleaner(pictures).clean(_MARKDOWN.render(markdown))


# --- Markdown -----------------------------------------------------------------------------------------------


def _formula(latex: str, options: dict[str, Any]) -> str:
    """MathML, or the source where it cannot be read. Not escaped: nh3 must see it."""
    if len(latex) > MAX_FORMULA_CHARS:
        raise StatementRefused(
            f"A formula has {len(latex)} characters; at most {MAX_FORMULA_CHARS} are allowed: {latex[:40]}…"
        )
    try:
        mathml = converter.convert(latex, display="block" if options["display_mode"] else "inline")
    except _FORMULA_ERRORS:
        return _broken_formula(latex)
    return _broken_formula(latex) if _UNKNOWN_COMMAND in mathml else _BAR.sub(_tight_bar, mathml)


def _broken_formula(latex: str) -> str:
    return f'<code class="math-error">{escapeHtml(latex)}</code>'


def _tight_bar(bar: re.Match[str]) -> str:
    """As in TeX, a bar keeps no distance. MathML would take the inner ones of |a|,|b| for operators."""
    return f'<mo lspace="0" rspace="0"{bar["attributes"]}>{bar["sign"]}</mo>'


def _display_formula_in_text(
    renderer: RendererProtocol, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """The plugin would put a div into the paragraph, which a browser takes as the paragraph's end."""
    return (
        f'<span class="math block">{_formula(tokens[index].content.strip(), {"display_mode": True})}</span>'
    )


def _highlight(code: str, language: str, attributes: str) -> str:
    """Spans with classes, or nothing (markdown-it then escapes the code itself)."""
    if not language:
        return ""
    try:
        lexer = find_lexer_class_by_name(language)()
    except ClassNotFound:
        return ""
    return highlight(code, lexer, _FORMATTER)


def _align_by_class(state: StateCore) -> None:
    """Table cells carry their alignment as a style, which a strict page does not apply."""
    for token in state.tokens:
        if token.type in ("th_open", "td_open") and (style := token.attrs.pop("style", "")):
            token.attrSet("class", str(style).removeprefix("text-align:"))


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True, "highlight": _highlight})
    markdown.enable(["table", "strikethrough"])
    markdown.use(footnote_plugin)
    markdown.use(
        dollarmath_plugin,
        allow_labels=False,
        allow_space=False,
        allow_digits=False,
        double_inline=True,
        renderer=_formula,
    )
    markdown.add_render_rule("math_inline_double", _display_formula_in_text)
    markdown.core.ruler.push("align_by_class", _align_by_class)
    return markdown


# --- Cleaning -----------------------------------------------------------------------------------------------


def _words(text: str) -> set[str]:
    return set(text.split())


_TEXT_TAGS = nh3.ALLOWED_TAGS | {"section"}
_MATH_TAGS = _words(
    """math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow ms mspace msqrt mstyle msub msubsup msup
    mtable mtd mtext mtr munder munderover"""
)
_MATH_ATTRIBUTES = _words(
    """accent accentunder columnalign columnlines columnspacing depth display displaystyle fence form height
    largeop linebreak linethickness lspace mathcolor mathbackground mathsize mathvariant maxsize minsize
    movablelimits notation rowlines rowspacing rspace scriptlevel separator stretchy voffset width xmlns"""
)
_CLASS_PREFIX = "hl-"
_FORMATTER = HtmlFormatter(nowrap=True, classprefix=_CLASS_PREFIX)
_CLASSES = {_CLASS_PREFIX + name for name in STANDARD_TYPES.values() if name} | _words(
    """math inline block math-error left center right
    footnote-ref footnotes-sep footnotes footnotes-list footnote-item footnote-backref"""
)
_FOOTNOTE_ID = re.compile(r"fn(ref)?\d+(:\d+)?")
_IMAGE_ADDRESS = re.compile(r"(/media/|/static/|attachment:)[\w-][\w./-]*")
_RELATIVE_PATH = re.compile(r"(\./)?(?P<path>[^/:?#\\][^:?#\\]*)")


def _keep_attribute(pictures: str, tag: str, name: str, value: str) -> str | None:
    """The value to keep, or None: classes and ids of our own making, images of this site only.

    An id of the author's choice could stand in for an element that a page's script looks up.
    """
    match (tag, name):
        case (_, "class"):
            return " ".join(word for word in value.split() if word in _CLASSES) or None
        case (_, "id"):
            return value if _FOOTNOTE_ID.fullmatch(value) else None
        case ("img", "src"):
            return _image_address(pictures, value)
        case ("a", "href") if value.lower().startswith("attachment:"):
            return None
    return value


def _image_address(pictures: str, value: str) -> str | None:
    if ".." in value:
        return None
    if _IMAGE_ADDRESS.fullmatch(value):
        return value
    relative = _RELATIVE_PATH.fullmatch(value)
    return pictures + quote(unquote(relative["path"])) if pictures and relative else None


def _cleaner(pictures: str) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=_TEXT_TAGS | _MATH_TAGS,
        clean_content_tags={"script", "style"},
        attributes=_ATTRIBUTES,
        attribute_filter=partial(_keep_attribute, pictures),
        url_schemes={"http", "https", "mailto", "attachment"},
    )


_MARKDOWN = _markdown()
_ATTRIBUTES = {
    "*": {"class", "id", "title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start", "type"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
    **dict.fromkeys(_MATH_TAGS, _MATH_ATTRIBUTES),
}
