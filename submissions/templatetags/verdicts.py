"""Verdicts in words, for templates."""

from django import template

from execution.types import VERDICT_NAMES, Verdict

register = template.Library()


@register.filter
def verdict_name(verdict: str) -> str:
    return VERDICT_NAMES[Verdict(verdict)]
