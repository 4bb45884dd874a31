"""S4: `/api/v1/executions/execute` and `/api/v1/executions/status/<id>`. (The websocket: `consumers`.)"""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.credentials import Credential
from accounts.scopes import Scope
from accounts.throttles import ApiView
from questions.serializers import LanguageField
from submissions import disclosure
from submissions.api import visible
from submissions.dialects import values
from submissions.dialects.bodies import DataField, one_case_run
from submissions.dialects.values import Detail
from submissions.models import Submission
from submissions.serializers import ProgramRules, SourceField, validated
from submissions.taking import take


class ExecuteBody(ProgramRules):
    code = SourceField(source="source")
    language = LanguageField()
    input_data = DataField(source="input", required=False, default="")


class Execute(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "run"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: one_case_run(validated(ExecuteBody, request)),
            now=lambda made: {"execution_id": str(made.pk)},
            look_at="s4-status",
        )


class Status(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        assert isinstance(request.auth, Credential)
        submission = get_object_or_404(visible(request).select_related("question"), pk=pk)
        return Response(told(disclosure.detail(submission), user_id=_user_id(submission, request.auth)))


def _user_id(submission: Submission, credential: Credential) -> str:
    """What the issuer of the token calls its user, else our number."""
    is_own = submission.user_id == credential.user.pk
    return credential.subject if is_own and credential.subject else str(submission.user_id)


def told(detail: Detail, *, user_id: str) -> dict[str, Any]:
    texts = values.texts(detail)
    created, started, ended = (detail[name] for name in ("created_at", "started_at", "finished_at"))
    return {
        "execution_id": detail["id"],
        "user_id": user_id,
        "code": detail["source"],
        "language": detail["language"],
        "input_data": next((case["input"] for case in detail["own_cases"]), ""),
        "status": values.v4_status(detail),
        "output": texts.output,
        "error_output": texts.error,
        "execution_time": values.seconds(detail["time_ms"]),
        "memory_usage": values.megabytes(detail["memory_kib"]),
        "created_at": values.instant(created),
        "updated_at": values.instant(ended or started or created),
        "completed_at": values.instant(ended),
        "metadata": detail["metadata"],
    }
