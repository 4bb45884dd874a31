"""The search above the list of questions: text, difficulty, tag. What it does not understand it ignores."""

from django import forms
from django.db.models import Case, Q, Value, When

from questions.models import Question, QuestionQuerySet, Tag

EASIEST_FIRST = Case(
    *(When(difficulty=value, then=Value(place)) for place, value in enumerate(Question.Difficulty.values))
)


def with_words(questions: QuestionQuerySet, text: str) -> QuestionQuerySet:
    """Those that have each of the words in title or summary, or as slug."""
    for word in text.split():
        questions = questions.filter(Q(title__icontains=word) | Q(summary__icontains=word) | Q(slug=word))
    return questions


class QuestionSearch(forms.Form):
    q = forms.CharField(label="Search", required=False, max_length=120)
    difficulty = forms.ChoiceField(required=False, choices=[("", "Any"), *Question.Difficulty.choices])
    tag = forms.ModelChoiceField(
        queryset=Tag.objects.filter(questions__state=Question.State.PUBLISHED).distinct(),
        required=False,
        to_field_name="name",
        empty_label="Any",
    )

    def matching(self, questions: QuestionQuerySet) -> QuestionQuerySet:
        """Those of `questions` that fit the fields which are filled in and valid, the easiest first."""
        self.is_valid()
        wanted = self.cleaned_data
        questions = with_words(questions, wanted.get("q", ""))
        if wanted.get("difficulty"):
            questions = questions.filter(difficulty=wanted["difficulty"])
        if wanted.get("tag"):
            questions = questions.filter(tags=wanted["tag"])
        return questions.order_by(EASIEST_FIRST, "title")
