"""What authors type, checked: bytes stay as they were given, and typed text has the line ends of the judges."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse

from execution import languages
from questions import testcases
from questions.models import PREVIEW_BYTES, Blob, Question, TestCase
from questions.previews import as_text
from questions.statements import StatementRefused

MAX_EDITABLE_BYTES = 64 * 1024
PARTS = ("input", "answer")


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


class QuestionForm(forms.ModelForm[Question]):
    """The question without its testcases. Valid means that the instance's statement is rendered as well."""

    allowed_languages = forms.MultipleChoiceField(
        choices=languages.CHOICES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Tick none to allow every language, those of later versions too.",
    )

    class Meta:
        model = Question
        fields = "__all__"  # noqa: DJ007 (the admin's fieldsets name them)
        widgets = {
            "statement": forms.Textarea(attrs={"class": "code statement-source", "rows": 20}),
            "summary": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "title": forms.TextInput(attrs={"class": "vLargeTextField"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "statement" in self.fields:  # not for those who may only look
            self.fields["statement"].widget.attrs["data-preview"] = reverse(
                "admin:questions_question_preview"
            )

    def is_multipart(self) -> bool:
        """Always: URL encoding would make three bytes of one, and a long statement too large a request."""
        return True

    def clean_statement(self) -> str:
        try:
            self.instance.write_statement(self.cleaned_data["statement"])
        except StatementRefused as refused:
            raise forms.ValidationError(str(refused)) from refused
        return self.instance.statement


class TestCaseForm(forms.ModelForm[TestCase]):
    """Input and answer as text or as a file; a file wins over the text, and is taken byte for byte.

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

    class Meta:
        model = TestCase
        fields = ("question", "visibility", "order", "group", "points", "note")
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

    def _given(self, part: str) -> bytes | None:
        """The new data, or None where it stays as it is."""
        file: UploadedFile[Any] | None = self.cleaned_data.get(f"{part}_file")
        if file is not None:
            testcases.refuse_size(part, file.size or 0)
            return bytes(file.read())
        if self.fields[f"{part}_text"].disabled:
            return None
        text: str = self.cleaned_data.get(f"{part}_text", "")
        data = text.replace("\r\n", "\n").encode()
        testcases.refuse_size(part, len(data))
        return data


def _editable_text(sha256: str) -> str | None:
    """The data as text, or None when a textarea would not give the same bytes back."""
    data = bytes(Blob.objects.values_list("data", flat=True).get(pk=sha256))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return None if "\r" in text or "\0" in text else text
