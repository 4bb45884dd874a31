"""What the bodies of all contracts hold, whatever they call it."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from execution.types import ScoringMode
from questions.serializers import ChoiceField
from submissions import intake
from submissions.ephemeral import OwnCase, Trial
from submissions.serializers import StrictSerializer, TextField, WaitQuery, check_size


class DataField(TextField):
    """Input or answer of a case."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        if isinstance(value, str):
            check_size(value, str(self.field_name), settings.MAX_RUN_STDIN_BYTES)
        return value


class CasesField(serializers.ListField):
    """One's own testcases: at least one, at most MAX_RUN_TESTCASES."""

    def __init__(self, child: StrictSerializer, **kwargs: Any) -> None:
        super().__init__(child=child, allow_empty=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        most = settings.MAX_RUN_TESTCASES
        if isinstance(data, list) and len(data) > most:
            raise serializers.ValidationError(f"{len(data)} are too many; at most {most} are allowed.")
        return super().to_internal_value(data)


class WaitUnlessToldQuery(WaitQuery):
    wait = ChoiceField(choices=("true", "false"), default="true")


def one_case_run(sent: dict[str, Any], scoring: ScoringMode = ScoringMode.WEIGHTED) -> intake.NewRun:
    """Of a validated body with an `input` and perhaps what is `expected`; either may be None."""
    given, expected = sent.pop("input") or "", sent.pop("expected", None)
    own = OwnCase(given.encode(), None if expected is None else expected.encode())
    return intake.NewRun(trial=Trial((own,), scoring=scoring), **sent)
