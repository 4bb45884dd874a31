"""What clients send: the same rules for the API and for the page's form.

Raises NotFound for a question that one may not see, TooLarge over a cap, ValidationError naming the field otherwise.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from rest_framework import serializers, status
from rest_framework.exceptions import APIException

from accounts.models import User
from execution import languages
from execution.languages import Language
from questions.models import Question
from submissions.ephemeral import OwnCase, Trial
from submissions.intake import NewRun
from submissions.models import Submission


class TooLarge(APIException):
    """`errors` names the field, as in a ValidationError."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.errors = {field: [text]}


class UnknownQuestion(APIException):
    """The same answer whether it does not exist or may not be seen."""

    status_code = status.HTTP_404_NOT_FOUND
    default_code = "unknown_question"
    default_detail = "There is no such question."
    errors = {"question": [default_detail]}


class SourceField(serializers.CharField):
    """Source code as text: kept as it is, whitespace included."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        source = super().run_validation(data)
        if not isinstance(source, str):
            return source
        if not source.strip():
            raise serializers.ValidationError("The program is empty.", code="blank")
        check_size(source, "source", settings.MAX_SOURCE_BYTES)
        return source


def check_size(value: str, field: str, cap: int) -> None:
    """Raise TooLarge unless `value` is at most `cap` bytes of UTF-8. (DRF has refused NUL and surrogates by then.)"""
    size = len(value.encode())
    if size > cap:
        raise TooLarge(field, f"{size} bytes are too many; at most {cap} are allowed.")


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


class QuestionField(serializers.CharField):
    """A slug or an id, to the question if the context's `user` may see it."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        name = super().run_validation(data)
        if not isinstance(name, str):
            return name
        user: User | AnonymousUser = self.context["user"]
        visible = Question.objects.visible_to(user)
        pk = _uuid(name)
        question = visible.filter(Q(slug=name) | Q(pk=pk) if pk else Q(slug=name)).first()
        if question is None:
            raise UnknownQuestion
        return question


def _uuid(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


class ProgramSerializer(serializers.Serializer):
    language = LanguageField()
    source = SourceField()  # type: ignore[assignment]  # a field of that name hides DRF's `source` on purpose

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        question, language = attrs.get("question"), attrs["language"]
        if question is not None and language not in question.languages():
            allowed = ", ".join(one.slug for one in question.languages())
            raise serializers.ValidationError(
                {"language": [f"{language.name} is not allowed for this question; allowed are {allowed}."]}
            )
        return attrs


class SubmitSerializer(ProgramSerializer):
    question = QuestionField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "testCases" in self.initial_data or "test_cases" in self.initial_data:
            raise serializers.ValidationError(
                {"testCases": ["A submission is judged against the question's own testcases only."]}
            )
        if not attrs["question"].testcases.exists():
            raise serializers.ValidationError(
                {"question": ["It has no testcases yet; nothing can be judged."]}
            )
        return super().validate(attrs)


class RunSerializer(ProgramSerializer):
    question = QuestionField(required=False, default=None, allow_null=True)
    input = serializers.CharField(
        required=False, default=None, allow_null=True, allow_blank=True, trim_whitespace=False
    )

    def validate_input(self, value: str | None) -> str | None:
        if value is not None:
            check_size(value, "input", settings.MAX_RUN_STDIN_BYTES)
        return value


def run_of(sent: dict[str, Any]) -> NewRun:
    """What a RunSerializer has validated."""
    own = () if sent["input"] is None else (OwnCase(sent["input"].encode()),)
    return NewRun(
        language=sent["language"], source=sent["source"], question=sent["question"], trial=Trial(cases=own)
    )


class ListQuery(serializers.Serializer):
    """Filters of one's own list."""

    question = serializers.CharField(required=False)
    kind = serializers.ChoiceField(choices=Submission.Kind.choices, required=False)
    status = serializers.ChoiceField(choices=Submission.Status.choices, required=False)

    def filters(self) -> dict[str, Any]:
        columns = {"question": "question__slug", "kind": "kind", "status": "status"}
        return {columns[name]: value for name, value in self.validated_data.items()}


class WaitQuery(serializers.Serializer):
    """Whether a client that sends a program wants to wait for its end."""

    wait = serializers.ChoiceField(choices=("true", "false"), default="false")


class EventsQuery(serializers.Serializer):
    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
