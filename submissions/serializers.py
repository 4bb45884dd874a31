"""What clients send: the same rules for the API and for the page's form.

Raises NotFound for a question that one may not see, TooLarge over a cap, ValidationError naming the field otherwise.
The context of a serializer has the `user`, and of the API also the `credential` that the request came with.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accounts.credentials import Credential
from accounts.models import User
from questions.models import Question, QuestionQuerySet
from questions.serializers import ChoiceField, PageQuery
from questions.serializers import LanguageField as LanguageField
from submissions import webhooks
from submissions.ephemeral import OwnCase, Trial
from submissions.intake import NewRun
from submissions.models import VERDICTS, Submission

MAX_METADATA_BYTES = 4096
MAX_METADATA_DEPTH = 20
NAMED_AT_MOST = 10  # of the fields that nobody knows: an answer must not grow with what was sent


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

    def __init__(self, field: str) -> None:
        super().__init__()
        self.errors = {field: [self.default_detail]}


class TextField(serializers.CharField):
    """Text and nothing that could be read as one; kept as it is, whitespace included."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, allow_blank=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class SourceField(TextField):
    """Source code."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        source = super().run_validation(data)
        if not isinstance(source, str):
            return source
        if not source.strip():
            raise serializers.ValidationError("The program is empty.", code="blank")
        check_size(source, str(self.field_name), settings.MAX_SOURCE_BYTES)
        return source


def check_size(value: str, field: str, cap: int) -> None:
    """Raise TooLarge unless `value` is at most `cap` bytes of UTF-8. (DRF has refused NUL and surrogates by then.)"""
    size = len(value.encode())
    if size > cap:
        raise TooLarge(field, f"{size} bytes are too many; at most {cap} are allowed.")


class QuestionField(serializers.CharField):
    """A slug or an id, to the question if the context's user may see it."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        name = super().run_validation(data)
        if not isinstance(name, str):
            return name
        question = self._visible().named(name).first()
        if question is None:
            raise UnknownQuestion(str(self.field_name))
        return question

    def _visible(self) -> QuestionQuerySet:
        credential: Credential | None = self.context.get("credential")
        if credential is not None:
            return Question.objects.visible_with(credential)
        user: User | AnonymousUser = self.context["user"]
        return Question.objects.visible_to(user)


class MetadataField(serializers.Field):
    """The client's own JSON object, kept with what it sends and told again: at most 4 KiB of it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, allow_null=True, default=None, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("It must be an object.", code="invalid")
        if depth_of(data) > MAX_METADATA_DEPTH:
            raise serializers.ValidationError(f"At most {MAX_METADATA_DEPTH} objects or lists may be nested.")
        if any(isinstance(part, str) and "\0" in part for part in parts_of(data)):
            raise serializers.ValidationError("Null characters are not allowed.")
        try:
            size = len(json.dumps(data, ensure_ascii=False, allow_nan=False).encode())
        except ValueError as error:  # no number, or a half of a character
            raise serializers.ValidationError("Numbers must be finite, and texts Unicode.") from error
        if size > MAX_METADATA_BYTES:
            raise serializers.ValidationError(f"{size} bytes are too many; at most {MAX_METADATA_BYTES}.")
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


def parts_of(value: Any) -> Iterator[Any]:
    """The value, and all that is in it, names included. Does not recurse: a client says how deep it is."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(_inside(part))
        if isinstance(part, dict):
            yield from part


def depth_of(value: Any) -> int:
    """How many objects and lists are nested in one another; 0 for anything else."""
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [part for one in level for part in _inside(one)]
    return depth


def _inside(value: Any) -> Collection[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


class CallbackField(serializers.URLField):
    """Where the client wants to be told the end."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, default="", max_length=2000, validators=[webhooks.check_url], **kwargs
        )


class StrictSerializer(serializers.Serializer):
    """Refuses by name what it does not know, beside whatever else is wrong.

    `refused` has the sentences for names of which more is to be said.
    """

    refused: Mapping[str, str] = {}

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data) if isinstance(data, Mapping) else {}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(cast(dict[str, Any], error.detail) | unknown) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return value

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        names = [name for name in data if name not in self.fields][:NAMED_AT_MOST]
        return {name: [self.refused.get(name, "There is no such field.")] for name in names}


class SentSerializer(StrictSerializer):
    """What every body may carry that makes a submission or a run."""

    metadata = MetadataField()
    callback_url = CallbackField()


class ProgramRules(SentSerializer):
    """Of a program: its `language` and `source`, perhaps its `question`, by whatever names a body has them."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        question, language = attrs.get("question"), attrs["language"]
        if question is not None and language not in question.languages():
            allowed = ", ".join(one.slug for one in question.languages())
            words = f"{language.name} is not allowed for this question; allowed are {allowed}."
            raise serializers.ValidationError({self.name_of("language"): [words]})
        return attrs

    def name_of(self, value: str) -> str:
        """What the body calls it."""
        return next(name for name, field in self.fields.items() if field.source == value)


class GradedRules(ProgramRules):
    """Of a program that is to be graded, for a `question`."""

    refused = dict.fromkeys(
        ("testCases", "test_cases"), "A submission is judged against the question's own testcases only."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["question"].testcases.exists():
            words = "It has no testcases yet; nothing can be judged."
            raise serializers.ValidationError({self.name_of("question"): [words]})
        return super().validate(attrs)


class ProgramSerializer(ProgramRules):
    language = LanguageField()
    source = SourceField()  # type: ignore[assignment]  # a field of that name hides DRF's `source` on purpose


class SubmitSerializer(GradedRules, ProgramSerializer):
    question = QuestionField()


class RunSerializer(ProgramSerializer):
    question = QuestionField(required=False, default=None, allow_null=True)
    input = TextField(required=False, default=None, allow_null=True)

    def validate_input(self, value: str | None) -> str | None:
        if value is not None:
            check_size(value, "input", settings.MAX_RUN_STDIN_BYTES)
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        question = attrs["question"]
        if question is not None and question.interactive and attrs["input"] is not None:
            words = "This question's checker talks with your program, so there is no input of your own."
            raise serializers.ValidationError({"input": [words]})
        if question is not None and question.has_nothing_to_run_on():
            words = (
                "Its checker talks with your program, and no case is public: there is nothing to run it on."
            )
            raise serializers.ValidationError({"question": [words]})
        return super().validate(attrs)


def run_of(sent: dict[str, Any]) -> NewRun:
    """What a RunSerializer has validated."""
    own = () if sent["input"] is None else (OwnCase(sent["input"].encode()),)
    return NewRun(
        language=sent["language"],
        source=sent["source"],
        question=sent["question"],
        trial=Trial(cases=own),
        metadata=sent["metadata"],
        callback_url=sent["callback_url"],
    )


def validated(serializer_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The body of a request to the API."""
    context = {"user": request.user, "credential": request.auth}
    serializer = serializer_class(data=request.data, context=context)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def validated_query(serializer_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
    """The query of a request to the API; what is not known there is passed over."""
    serializer = serializer_class(
        data=request.query_params.dict()
    )  # of a QueryDict, nothing counts as left out
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class RunListQuery(PageQuery):
    """Filters of one's own runs; the context has the `credential`."""

    question = serializers.CharField(required=False, max_length=50)
    status = ChoiceField(choices=Submission.Status.choices, required=False)
    verdict = ChoiceField(choices=VERDICTS, required=False)
    language = LanguageField(required=False)
    created_after = serializers.DateTimeField(required=False)
    created_before = serializers.DateTimeField(required=False)

    def validate_question(self, value: str) -> Question:
        """By slug or id; also one that can be seen no more, if one has submitted to it."""
        credential: Credential = self.context["credential"]
        named = Question.objects.named(value)
        own = named.filter(submissions__user=credential.user)
        question = named.visible_with(credential).first() or own.first()
        if question is None:
            raise serializers.ValidationError(UnknownQuestion.default_detail, code="unknown")
        return question

    def validate_created_after(self, value: datetime) -> datetime:
        return _in_our_days(value)

    def validate_created_before(self, value: datetime) -> datetime:
        return _in_our_days(value)

    def filters(self) -> dict[str, Any]:
        """By columns. (`language` is a Language before.)"""
        columns = {"created_after": "created_at__gt", "created_before": "created_at__lt"}
        wanted = {name: value for name, value in self.validated_data.items() if name != "page_size"}
        if "language" in wanted:
            wanted["language"] = wanted["language"].slug
        return {columns.get(name, name): value for name, value in wanted.items()}


def _in_our_days(moment: datetime) -> datetime:
    """Databases know fewer centuries than we can write down."""
    if not 1900 < moment.year < 9000:
        raise serializers.ValidationError("This is too far from now.")
    return moment


class ListQuery(RunListQuery):
    """Filters of all that one has submitted and run."""

    kind = ChoiceField(choices=Submission.Kind.choices, required=False)


class WaitQuery(serializers.Serializer):
    """Whether a client that sends a program wants to wait for its end."""

    wait = ChoiceField(choices=("true", "false"), default="false")


class EventsQuery(serializers.Serializer):
    """`wait`: for how many seconds the answer may be kept back while there is nothing after `after`."""

    after = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0)
    wait = serializers.IntegerField(min_value=0, max_value=600, default=0)
