"""How a question's reference solutions stand, for its page in the admin."""

from django import template

from questions.models import Question
from submissions.verification import Standing, standing

register = template.Library()


@register.simple_tag
def standing_of_solutions(question: Question) -> Standing:
    return standing(question)
