"""What clients may ask for: languages by any of their names, pages and filters of lists."""

from typing import Any, NoReturn

from rest_framework import serializers

from execution import languages
from execution.languages import Language
from questions.cursors import MOST_A_PAGE
from questions.models import Question, QuestionQuerySet
from questions.search import with_words


class LanguageField(serializers.Field):
    """Our slug, an alias, or a released Judge0's id."""

    def to_internal_value(self, data: Any) -> Language:
        named = languages.find(data) if isinstance(data, str | int) else None
        if named is None and isinstance(data, str) and data.isascii() and data.isdigit() and len(data) < 6:
            named = languages.find(int(data))
        if named is None:
            allowed = ", ".join(language.slug for language in languages.LANGUAGES)
            raise serializers.ValidationError(f"Unknown language; known are {allowed}.", code="unknown")
        return named

    def to_representation(self, value: Language) -> str:
        return value.slug


class ChoiceField(serializers.ChoiceField):
    """DRF's, which does not say what can be chosen."""

    def fail(self, key: str, **kwargs: Any) -> NoReturn:
        if key == "invalid_choice":
            allowed = ", ".join(map(str, self.choices))
            raise serializers.ValidationError(f"Unknown; known are {allowed}.", code=key)
        super().fail(key, **kwargs)


class PageQuery(serializers.Serializer):
    """How many of a list are wanted at once."""

    page_size = serializers.IntegerField(min_value=1, max_value=MOST_A_PAGE, required=False)


class QuestionListQuery(PageQuery):
    """Filters of the list of questions; the context's `questions` are those among which one looks."""

    q = serializers.CharField(required=False, max_length=120)
    tag = serializers.CharField(required=False, max_length=40)
    difficulty = ChoiceField(choices=Question.Difficulty.choices, required=False)
    language = LanguageField(required=False)

    def validate_tag(self, value: str) -> str:
        if not self.context["questions"].filter(tags__name=value).exists():
            raise serializers.ValidationError("No question has this tag.", code="unknown")
        return value

    def matching(self) -> QuestionQuerySet:
        wanted, questions = self.validated_data, self.context["questions"]
        questions = with_words(questions, wanted.get("q", ""))
        if "tag" in wanted:
            questions = questions.filter(tags__name=wanted["tag"])
        if "difficulty" in wanted:
            questions = questions.filter(difficulty=wanted["difficulty"])
        return questions.in_language(wanted["language"].slug) if "language" in wanted else questions
