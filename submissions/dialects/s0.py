"""S0: `/v1/submissions`, and for machines `/v1/judge-question` and `/v1/judge`.

All of them tell a judging in one shape, null where it is not known yet:

    status        queued, running, passed, failed, error
    verdict, score, passed, total, timeMs, memoryKb
    firstFailure  index, visibility, verdict; of a public case also actual and expected
    tests         the public cases that are judged
    message       the compiler's words, or why it could not be judged
    metadata      the client's own
"""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.urls import reverse
from rest_framework import serializers, status
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import MachineEndpoint
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution.types import Checker, CheckerKind, RunPolicy, Verdict
from questions.serializers import LanguageField
from submissions import disclosure, intake
from submissions.api import visible
from submissions.awaiting import answer_at_end
from submissions.dialects.bodies import CasesField, DataField
from submissions.dialects.values import Detail, first_failure, v0_status
from submissions.ephemeral import OwnCase, Trial
from submissions.models import Submission
from submissions.serializers import (
    GradedRules,
    ProgramRules,
    QuestionField,
    SourceField,
    StrictSerializer,
    validated,
)
from submissions.taking import judged, take, wants_to_wait

LOOK_AT = "s0-submission"
TOLERANCE = 1e-6
COMPARISONS = {
    "strict": CheckerKind.EXACT,
    "trim": CheckerKind.TRAILING_WHITESPACE,
    "trim_end": CheckerKind.TRAILING_WHITESPACE,
    "ignore_trailing_whitespace": CheckerKind.TRAILING_WHITESPACE,
    "ignore_whitespace": CheckerKind.TOKENS,
    "ignore_case": CheckerKind.CASE_INSENSITIVE,
    "float": CheckerKind.FLOATS,
    "numeric": CheckerKind.FLOATS,
    "unordered": CheckerKind.UNORDERED_LINES,
    "ignore_order": CheckerKind.UNORDERED_LINES,
} | {kind.value: kind for kind in CheckerKind}
"""What `outputComparison` may be called: our checkers, and other words for them."""


class Differs(APIException):
    """`errors` names the fields that are not what the submission was made of."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "differs"
    default_detail = "The submission was made of something else."

    def __init__(self, fields: list[str]) -> None:
        super().__init__()
        self.errors = {name: ["The submission has another one."] for name in fields}


class SubmissionBody(GradedRules):
    questionId = QuestionField(source="question")
    languageId = LanguageField(source="language")
    sourceCode = SourceField(source="source")


class JudgeQuestionBody(StrictSerializer):
    questionId = QuestionField()
    submissionId = serializers.UUIDField()
    languageId = LanguageField()
    sourceCode = SourceField()


class ComparisonField(serializers.Field):
    """A name, or an object {mode, tolerance} with the tolerance of `floats`, absolute and relative."""

    def to_internal_value(self, data: Any) -> Checker:
        given = data if isinstance(data, dict) else {"mode": data}
        if unknown := given.keys() - {"mode", "tolerance"}:
            raise serializers.ValidationError(f"There is no such setting: {min(unknown, key=str)}.")
        kind = COMPARISONS.get(_snake_case(given.get("mode")))
        if kind is None:
            allowed = ", ".join(member.value for member in CheckerKind)
            raise serializers.ValidationError(f"Unknown comparison; known are {allowed}.", code="unknown")
        tolerance = _tolerance(given.get("tolerance", TOLERANCE))
        return Checker(kind, tolerance, tolerance) if kind is CheckerKind.FLOATS else Checker(kind)


def _snake_case(name: Any) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[-\s]", "_", name).lower() if isinstance(name, str) else ""


def _tolerance(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1e300:
        raise serializers.ValidationError("The tolerance must be a number, 0 or more.")
    return float(value)


class CaseBody(StrictSerializer):
    """`expected` may also be called `expectedOutput`."""

    input = DataField()
    expected = DataField(required=False)
    expectedOutput = DataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("expected" in attrs) == ("expectedOutput" in attrs):
            raise serializers.ValidationError({"expected": ["Either this or expectedOutput is required."]})
        return attrs


class JudgeBody(ProgramRules):
    languageId = LanguageField(source="language")
    sourceCode = SourceField(source="source")
    testCases = CasesField(CaseBody(), source="cases")
    outputComparison = ComparisonField(source="checker", default=Checker)


class Submissions(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "submit"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: intake.NewSubmission(**validated(SubmissionBody, request)),
            now=lambda made: told_with_id(disclosure.untold(made)),
            look_at=LOOK_AT,
            waits=wants_to_wait(request),
            at_end=lambda ended: told_with_id(disclosure.detail(ended)),
        )


class OneSubmission(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        rows = visible(request).select_related("question")
        return Response(told_with_id(disclosure.detail(get_object_or_404(rows, pk=pk))))


class JudgeQuestion(MachineEndpoint, ApiView):
    """Attaches to the judging that the submission has had since it was made, and begins none."""

    required_scopes = {"POST": Scope.JUDGE}

    def post(self, request: Request) -> Response:
        sent, waits = validated(JudgeQuestionBody, request), wants_to_wait(request)
        graded = visible(request).graded().select_related("question")
        submission = get_object_or_404(graded, pk=sent["submissionId"])
        if differing := _differing(submission, sent):
            raise Differs(differing)
        held = Response(
            told_with_id(disclosure.detail(submission)),
            status=status.HTTP_200_OK if submission.is_final else status.HTTP_202_ACCEPTED,
            headers={"Location": reverse(LOOK_AT, args=[submission.pk])},
        )
        if submission.is_final or not waits:
            return held
        return answer_at_end(request, submission, lambda ended: told_with_id(disclosure.detail(ended)), held)


def _differing(submission: Submission, sent: Mapping[str, Any]) -> list[str]:
    same = {
        "questionId": submission.question_id == sent["questionId"].pk,
        "languageId": submission.language == sent["languageId"].slug,
        "sourceCode": submission.source == sent["sourceCode"],
    }
    return [name for name, is_same in same.items() if not is_same]


class Judge(MachineEndpoint, ApiView):
    """A program against cases that come with it, one after the other until one fails."""

    required_scopes = {"POST": Scope.JUDGE}
    throttle_scope = {"POST": "run"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: _run_of(validated(JudgeBody, request)),
            now=lambda made: told(disclosure.untold(made)),
            look_at=LOOK_AT,
            waits=wants_to_wait(request),
            at_end=lambda ended: told(judged(ended)),
        )


def _run_of(sent: dict[str, Any]) -> intake.NewRun:
    cases = [
        (case["input"], case.get("expected", case.get("expectedOutput", ""))) for case in sent.pop("cases")
    ]
    own = tuple(OwnCase(given.encode(), expected.encode()) for given, expected in cases)
    trial = Trial(own, sent.pop("checker"), RunPolicy.FAIL_FAST)
    return intake.NewRun(trial=trial, **sent)


def told_with_id(detail: Detail) -> dict[str, Any]:
    return {"submissionId": detail["id"]} | told(detail)


def told(detail: Detail) -> dict[str, Any]:
    has_begun = detail["final"] or detail["status"] == Submission.Status.RUNNING
    cases, failure = detail["cases"], first_failure(detail)
    compiler = detail["compile_output"] if detail["verdict"] == Verdict.CE else ""
    return {
        "status": v0_status(detail),
        "verdict": detail["verdict"],
        "score": detail["score"],
        "passed": cases["passed"] if has_begun else None,
        "total": cases["total"] if has_begun else None,
        "firstFailure": failure and _failure(failure),
        "tests": [_test(case) for case in detail["results"] if "output" in case] if has_begun else None,
        "timeMs": detail["time_ms"],
        "memoryKb": detail["memory_kib"],
        "message": compiler or detail["message"] or None,
        "metadata": detail["metadata"],
    }


def _failure(case: Mapping[str, Any]) -> dict[str, Any]:
    """Of a hidden case nothing that its program has printed, and nothing that it was given."""
    shown = {"actual": case["output"], "expected": case["answer"]} if "output" in case else {}
    visibility = "public" if case["public"] else "hidden"
    return {"index": case["index"], "visibility": visibility, "verdict": case["verdict"]} | shown


def _test(case: Mapping[str, Any]) -> dict[str, Any]:
    return _failure(case) | {
        "input": case["input"],
        "stderr": case["stderr"],
        "timeMs": case["time_ms"],
        "memoryKb": case["memory_kib"],
    }
