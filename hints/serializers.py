"""What clients send to ask for hints, reviews and analyses, in S3's words."""

from typing import Any

from rest_framework import serializers

from hints.answers import Level
from questions.serializers import LanguageField
from submissions.serializers import QuestionField, SourceField, StrictSerializer, TextField, check_size

MAX_ERROR_MESSAGE_BYTES = 16 * 1024


class ErrorMessageField(TextField):
    """What the learner says that went wrong: a claim."""

    def __init__(self) -> None:
        super().__init__(required=False, default="", allow_null=True, source="error_message")

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values("" if data is None else data)

    def to_internal_value(self, data: object) -> str:
        message = super().to_internal_value(data)
        check_size(message, "errorMessage", MAX_ERROR_MESSAGE_BYTES)
        return message


class HintBody(StrictSerializer):
    exerciseId = QuestionField(source="question")
    userCode = SourceField(source="source")
    errorMessage = ErrorMessageField()
    language = LanguageField(required=False, default=None, allow_null=True)


class HintsBody(HintBody):
    level = serializers.IntegerField(
        required=False, default=None, allow_null=True, min_value=min(Level), max_value=max(Level)
    )

    def validate_level(self, value: int | None) -> Level | None:
        return None if value is None else Level(value)


class ReviewBody(StrictSerializer):
    code = SourceField(source="source")
    language = LanguageField(required=False, default=None, allow_null=True)
    exerciseId = QuestionField(source="question", required=False, default=None, allow_null=True)


class AnalysisBody(ReviewBody):
    pass


class RatingBody(StrictSerializer):
    helpful = serializers.BooleanField(source="was_helpful")
