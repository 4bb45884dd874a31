"""S1: `/api/execute`, `/api/status/<id>`, `/api/executions`. (The stream and the websocket: `streams`, `consumers`.)

With a question it is graded. Without one it is a run: with `expected` scored by its verdict (AC 100, WA 30, else 0),
without it not at all.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import user_of
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution.types import ScoringMode
from questions.cursors import NewestFirst
from questions.serializers import LanguageField
from submissions import disclosure, intake
from submissions.api import visible
from submissions.dialects import values
from submissions.dialects.bodies import DataField, one_case_run
from submissions.dialects.values import Detail
from submissions.models import Submission
from submissions.serializers import GradedRules, QuestionField, SourceField, validated
from submissions.taking import take


class ExecuteBody(GradedRules):
    code = SourceField(source="source")
    lang = LanguageField(source="language")
    question = QuestionField(required=False, default=None, allow_null=True)
    input = DataField(required=False, default=None, allow_null=True)
    expected = DataField(required=False, default=None, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["question"] is None:
            return attrs
        own = [name for name in ("input", "expected") if attrs[name] is not None]
        if own:
            words = "A submission is judged against the question's own testcases only."
            raise serializers.ValidationError({name: [words] for name in own})
        return super().validate(attrs)


class Execute(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "run"}  # or `submit`, by what is asked for

    def post(self, request: Request) -> Response:
        if isinstance(request.data, Mapping) and request.data.get("question") is not None:
            self.throttle_scope = {"POST": "submit"}
        return take(
            request,
            lambda: _new(validated(ExecuteBody, request)),
            now=lambda made: {"job_id": str(made.pk)},
            look_at="s1-status",
        )


def _new(sent: dict[str, Any]) -> intake.New:
    if sent["question"] is None:
        return one_case_run(sent, ScoringMode.VERDICT_MAP)
    return intake.NewSubmission(**{name: sent[name] for name in sent.keys() - {"input", "expected"}})


class Status(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        state = disclosure.state(get_object_or_404(visible(request).without_texts(), pk=pk))
        return Response({"status": values.v1_status(state), "score": values.whole(state["score"])})


class NewestFew(NewestFirst):
    """With their texts, which may be long."""

    page_size = 10
    max_page_size = 25


class Executions(ApiView):
    """One's own; of expired runs nothing is left to be shown."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        own = Submission.objects.kept().filter(user=user_of(request)).select_related("question")
        paginator = NewestFew()
        page = paginator.paginate_queryset(own, request, view=self)
        rows = page or []
        details = disclosure.details(rows)
        return paginator.get_paginated_response([told(details[one.pk], user_id=one.user_id) for one in rows])


class OneExecution(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        rows = visible(request).select_related("question")
        submission = get_object_or_404(rows, pk=pk)
        return Response(told(disclosure.detail(submission), user_id=submission.user_id))


def told(detail: Detail, *, user_id: int) -> dict[str, Any]:
    texts = values.texts(detail)
    return {
        "id": detail["id"],
        "user_id": str(user_id),
        "language": detail["language"],
        "code": detail["source"],
        "status": values.v1_status(detail),
        "score": values.whole(detail["score"]),
        "stdout": texts.output,
        "stderr": texts.error,
        "created_at": values.instant(detail["created_at"]),
        "metadata": detail["metadata"],
    }
