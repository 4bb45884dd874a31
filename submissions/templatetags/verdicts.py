"""Verdicts and times in words, for templates."""

from django import template

from execution.types import VERDICT_NAMES, Verdict
from submissions import report

register = template.Library()
register.filter("duration", report.duration)
register.filter("points", report.points)


@register.filter
def verdict_name(verdict: str) -> str:
    return VERDICT_NAMES[Verdict(verdict)]
