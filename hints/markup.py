"""A hint's text as HTML: paragraphs, lists, code in backticks. Anything else in it stays text, as it was written."""

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["list", "fence", "backticks", "escape", "newline"]
)
_CLEANER = nh3.Cleaner(
    tags={"p", "br", "ol", "ul", "li", "pre", "code"}, attributes={"ol": {"start"}}, url_schemes=set()
)


def as_html(text: str) -> SafeString:
    """Neither links nor images, headings or HTML: a hint is words, whoever wrote it."""
    return mark_safe(_CLEANER.clean(_MARKDOWN.render(text)))  # noqa: S308 (cleaned)
