"""What authors type, checked: bytes stay as they were given, and typed text has the line ends of the judges."""

import json
import shlex
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from execution import languages
from execution.types import VERDICT_NAMES, CheckerKind, RunPolicy, Scoring, ScoringMode, Verdict
from questions import checker_files, factors, groups, publishing, testcases
from questions.models import PREVIEW_BYTES, Blob, Question, QuestionFile, ReferenceSolution, TestCase
from questions.previews import as_text
from questions.statements import StatementRefused

MAX_EDITABLE_BYTES = 64 * 1024
PARTS = ("input", "answer")
LIMITS = (
    "time_limit_ms",
    "memory_limit_kib",
    "output_limit_kib",
    "checker_time_limit_ms",
    "checker_memory_limit_kib",
)

CHECKERS = {
    CheckerKind.EXACT: "every byte is the same",
    CheckerKind.TRAILING_WHITESPACE: "the lines are, but for blanks at their ends and empty lines at the end",
    CheckerKind.TOKENS: "the words are, whatever blanks and line ends are between them",
    CheckerKind.CASE_INSENSITIVE: "the words are, in capitals or not",
    CheckerKind.FLOATS: "the words are, where two numbers may differ by either tolerance",
    CheckerKind.LINES: "the words of each line are; empty lines do not count",
    CheckerKind.FLOAT_LINES: "the words of each line are, where two numbers may differ by either tolerance",
    CheckerKind.UNORDERED_LINES: "the lines are, in any order",
    CheckerKind.KATTIS: "Kattis's default output validator says so, as strict as the arguments have it",
    CheckerKind.PROGRAM: "a program of yours says so; its files are added on the page “Checker”",
}
RUN_POLICIES = {
    RunPolicy.FAIL_FAST: "the first case that fails ends judging; later cases are not run and earn nothing",
    RunPolicy.RUN_ALL: "every case is run",
    RunPolicy.FAIL_FAST_PER_GROUP: "a case that fails ends its group; the other groups go on",
}
SCORINGS = {
    ScoringMode.WEIGHTED: "the share of the points that were earned",
    ScoringMode.ALL_OR_NOTHING: "100 if every case passes, else 0",
    ScoringMode.VERDICT_MAP: "by the verdict alone: {}, else 0",
}


def _explained(sentence: str, words: dict[Any, str]) -> SafeString:
    """Help for a field of choices: a line for each of them."""
    rows = ((key.value.replace("_", " "), text) for key, text in words.items())
    return format_html("{}<br>{}", sentence, format_html_join("", "<b>{}</b>: {}<br>", rows))


def _scorings() -> dict[ScoringMode, str]:
    points = ", ".join(f"{verdict} {score}" for verdict, score in Scoring().verdict_points.items())
    return {mode: text.format(points) for mode, text in SCORINGS.items()}


class CodeField(forms.CharField):
    """A program: blanks are kept, line ends become LF (a browser sends CRLF), at most MAX_SOURCE_BYTES."""

    widget = forms.Textarea(attrs={"class": "code", "rows": 12, "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"strip": False, "widget": self.widget})

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")

    def validate(self, value: str) -> None:
        super().validate(value)
        if len(value.encode()) > settings.MAX_SOURCE_BYTES:
            raise forms.ValidationError(f"A program may have at most {settings.MAX_SOURCE_BYTES} bytes.")


class PointsField(forms.DecimalField):
    """Shown with as many places as it has: 1, not 1.000000."""

    def prepare_value(self, value: Any) -> Any:
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class GroupsField(forms.JSONField):
    """Groups of testcases as JSON, one a line."""

    widget = forms.Textarea(attrs={"class": "code", "rows": 6, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return super().prepare_value(value)
        lines = ",\n ".join(json.dumps(group, ensure_ascii=False) for group in value)
        return f"[{lines}]" if value else ""

    def clean(self, value: Any) -> list[dict[str, Any]]:
        given = super().clean(value)
        try:
            return groups.to_json(groups.from_json([] if given is None else given))
        except groups.GroupsRefused as refused:
            raise forms.ValidationError(list(refused.errors)) from refused


class FactorsField(forms.JSONField):
    """Time factors by language as JSON."""

    widget = forms.TextInput(attrs={"class": "vLargeTextField code", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "" if value == {} else super().prepare_value(value)

    def clean(self, value: Any) -> dict[str, float]:
        given = super().clean(value)
        try:
            return factors.checked({} if given is None else given)
        except factors.FactorsRefused as refused:
            raise forms.ValidationError(str(refused)) from refused


class WordsField(forms.JSONField):
    """Words for a checker as a JSON list; None where nothing is given, which is not the same as no words."""

    widget = forms.TextInput(attrs={"class": "vLargeTextField code", "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        return "" if value is None else super().prepare_value(value)

    def clean(self, value: Any) -> list[str] | None:
        given = super().clean(value)
        if given is None or (isinstance(given, list) and all(isinstance(word, str) for word in given)):
            return given
        raise forms.ValidationError('A list of words is needed, such as ["float_tolerance", "1e-6"].')


class SecureURLField(forms.URLField):
    """An address without a scheme is meant to be https."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"assume_scheme": "https"})


class QuestionForm(forms.ModelForm[Question]):
    """The question without its testcases. Valid means that the instance's statement is rendered as well."""

    allowed_languages = forms.MultipleChoiceField(
        choices=languages.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick none to allow every language, those of later versions too.",
    )
    groups = GroupsField(
        required=False,
        help_text=format_html(
            "What groups of testcases are worth, and when they stop, in place of the run policy: <code>{}</code>. "
            "docs/authoring.md tells all keys. Empty: the run policy.",
            '[{"path": "", "stops": false}, {"path": "small", "points": "min", "maximum": "30"}]',
        ),
    )
    time_factors = FactorsField(
        required=False,
        help_text=format_html(
            "By language, <code>*</code> for all others: <code>{}</code>. Empty: those of the platform.",
            '{"python": 3, "*": 1}',
        ),
    )

    class Meta:
        model = Question
        fields = "__all__"  # noqa: DJ007 (the admin's fieldsets name them)
        field_classes = {"source_url": SecureURLField}
        widgets = {
            "statement": forms.Textarea(attrs={"class": "code statement-source", "rows": 20}),
            "summary": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "title": forms.TextInput(attrs={"class": "vLargeTextField"}),
        }
        help_texts = {
            "checker": _explained("An output is right when, compared with the answer,", CHECKERS),
            "run_policy": _explained("Which cases are run:", RUN_POLICIES),
            "scoring": _explained("What a program gets, from 0 to 100:", _scorings()),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "statement" in self.fields:  # not for those who may only look
            self.fields["statement"].widget.attrs["data-preview"] = (
                f"{reverse('admin:questions_question_preview')}?question={self.instance.pk}"
            )
            for name in LIMITS:
                self._bound(name)
            self.fields["checker_arguments"].widget.attrs["class"] = "vLargeTextField"
        if self.instance._state.adding:
            self.fields["title"].widget.attrs["autofocus"] = True

    def _bound(self, name: str) -> None:
        """By the model's bounds alone; the form field's own would say that 0 is the least."""
        field = self.fields[name]
        column = cast("models.PositiveIntegerField[int, int]", Question._meta.get_field(name))
        field.validators = list(column.validators)
        for validator in field.validators:
            if isinstance(validator, MinValueValidator):
                field.widget.attrs["min"] = validator.limit_value
            elif isinstance(validator, MaxValueValidator):
                field.widget.attrs["max"] = validator.limit_value

    def is_multipart(self) -> bool:
        """Always: URL encoding would make three bytes of one, and a long statement too large a request."""
        return True

    def clean_statement(self) -> str:
        try:
            self.instance.write_statement(self.cleaned_data["statement"])
        except StatementRefused as refused:
            raise forms.ValidationError(str(refused)) from refused
        return self.instance.statement

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "time_limit_ms" in self.changed_data and "time_limit_is_derived" not in self.changed_data:
            cleaned["time_limit_is_derived"] = False  # who writes another limit means it
        kind = cleaned.get("checker")
        if cleaned.get("interactive") and kind != CheckerKind.PROGRAM:
            self.add_error("interactive", "Only the checker “program” can talk with a learner's program.")
        if kind and (
            refusal := publishing.refusal_of_arguments(
                CheckerKind(kind), cleaned.get("checker_arguments", "")
            )
        ):
            self.add_error("checker_arguments", refusal)
        return cleaned


class ReferenceSolutionForm(forms.ModelForm[ReferenceSolution]):
    """A program with what judging it must show."""

    expected = forms.MultipleChoiceField(
        label="Verdicts",
        choices=[(verdict.value, VERDICT_NAMES[verdict]) for verdict in Verdict if verdict is not Verdict.SK],
        required=False,
        initial=[Verdict.AC.value],
        widget=forms.CheckboxSelectMultiple,
        help_text="Judging it must give one of these; tick none if any will do.",
    )

    class Meta:
        model = ReferenceSolution
        fields = (
            "question",
            "name",
            "language",
            "source",
            "expected",
            "score_low",
            "score_high",
            "bounds_time_limit",
        )
        widgets = {"question": forms.HiddenInput}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        is_kept_unjudged = self.instance.skipped and not {"language", "source"} & set(self.changed_data)
        for name in ("language", "source"):
            if not is_kept_unjudged and not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "Without it, it cannot be judged.")
        low, high = cleaned.get("score_low"), cleaned.get("score_high")
        if low is not None and high is not None and low > high:
            self.add_error("score_high", "The most is less than the least.")
        return cleaned


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Any number of files, those of a folder as well."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        given = data if isinstance(data, list) else [data] if data else []
        return [super(ManyFilesField, self).clean(one, initial) for one in given]


class CheckerFilesForm(forms.Form):
    """Files of a question's checker to be added or replaced, by their names, and to be deleted."""

    added = ManyFilesField(
        label="Files",
        required=False,
        help_text="C, C++ or Python with its headers, or with “build” and “run” scripts.",
    )
    folder = forms.CharField(
        required=False, max_length=200, help_text="Below which they belong, such as include; usually none."
    )
    delete = forms.ModelMultipleChoiceField(
        queryset=QuestionFile.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, question: Question, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.question = question
        self.rows = checker_files.of(question)
        self.fields["delete"].queryset = self.rows  # type: ignore[attr-defined]  # of a field of models

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        folder = cleaned.get("folder", "").strip("/")
        given: dict[str, bytes] = {}
        for file in cleaned.get("added", []):
            path = f"{folder}/{file.name}" if folder else file.name
            given[path] = bytes(file.read())
        try:
            checker_files.refuse(self.question, given, cleaned.get("delete", ()))
        except checker_files.FilesRefused as refused:
            self.add_error("added", str(refused))
        return cleaned | {"given": given}

    def save(self) -> None:
        checker_files.change(self.question, self.cleaned_data["given"], self.cleaned_data["delete"])


class TestCaseForm(forms.ModelForm[TestCase]):
    """Input and answer as text or as a file, which is taken byte for byte and may replace a text, but not a new one.

    Text that a textarea cannot give back unchanged (large, not UTF-8, with CR) is shown shortened and read-only.
    """

    __test__ = False  # not a class for pytest

    input_text = forms.CharField(
        label="Input", required=False, strip=False, widget=forms.Textarea(attrs={"class": "code", "rows": 8})
    )
    input_file = forms.FileField(label="… or a file", required=False, allow_empty_file=True)
    answer_text = forms.CharField(
        label="Answer", required=False, strip=False, widget=forms.Textarea(attrs={"class": "code", "rows": 8})
    )
    answer_file = forms.FileField(label="… or a file", required=False, allow_empty_file=True)
    arguments = WordsField(
        label="Checker's arguments",
        required=False,
        help_text=format_html(
            "In place of the question's: <code>{}</code>, or <code>[]</code> for none. Empty: the question's.",
            '["float_tolerance", "1e-6"]',
        ),
    )

    class Meta:
        model = TestCase
        fields = ("question", "name", "visibility", "order", "group", "points", "arguments", "note")
        widgets = {"question": forms.HiddenInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for part in PARTS:
                self._show(part, getattr(self.instance, f"{part}_id"))

    def _show(self, part: str, sha256: str) -> None:
        field = self.fields[f"{part}_text"]
        size = Blob.objects.values_list("size", flat=True).get(pk=sha256)
        text = _editable_text(sha256) if size <= MAX_EDITABLE_BYTES else None
        if text is None:
            field.disabled = True
            field.initial = as_text(Blob.objects.first_bytes(sha256, PREVIEW_BYTES))
            field.help_text = (
                f"{size} bytes, of which the first are shown: download it, or replace it by a file."
            )
        else:
            field.initial = text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance._state.adding and (question := cleaned.get("question")):
            try:
                testcases.refuse_one_more(question)
            except testcases.TestCaseRefused as refused:
                self.add_error(None, str(refused))
        for part in PARTS:
            try:
                cleaned[part] = self._given(part)
            except testcases.TestCaseRefused as refused:
                self.add_error(
                    f"{part}_file" if self.files.get(f"{part}_file") else f"{part}_text", str(refused)
                )
        return cleaned

    def clean_arguments(self) -> list[str] | None:
        words: list[str] | None = self.cleaned_data["arguments"]
        question = self.cleaned_data.get("question")
        if words and question:
            kind = CheckerKind(question.checker)
            if (refusal := publishing.refusal_of_arguments(kind, shlex.join(words))) is not None:
                raise forms.ValidationError(refusal)
        return words

    def _given(self, part: str) -> bytes | None:
        """The new data, or None where it stays as it is."""
        file: UploadedFile[Any] | None = self.cleaned_data.get(f"{part}_file")
        if file is not None:
            if self._is_typed(part):
                raise testcases.TestCaseRefused(
                    part, f"The {part} is given twice, as text and as a file: take one of them away."
                )
            testcases.refuse_size(part, file.size or 0)
            return bytes(file.read())
        if self.fields[f"{part}_text"].disabled:
            return None
        text: str = self.cleaned_data.get(f"{part}_text", "")
        data = text.replace("\r\n", "\n").encode()
        testcases.refuse_size(part, len(data))
        return data

    def _is_typed(self, part: str) -> bool:
        """Whether the text is another than the page showed."""
        field = self.fields[f"{part}_text"]
        text: str = self.cleaned_data.get(f"{part}_text", "")
        return not field.disabled and text.replace("\r\n", "\n") != (field.initial or "")


def _editable_text(sha256: str) -> str | None:
    """The data as text, or None when a textarea would not give the same bytes back."""
    data = bytes(Blob.objects.values_list("data", flat=True).get(pk=sha256))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text else text
