"""S3: `/api/execution/execute`, `test`, `validate` and `history`.

What runs or judges waits for the end unless told `?wait=false`; what takes longer is answered 202 with the address of
one item of the history. Times are milliseconds; a status is queued, running, done, error or, in the history, expired.
Our faults are problem documents, but for `test`: there a case that no server could run is one result with an error.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.permissions import user_of
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution.types import RunPolicy, Verdict
from questions.serializers import LanguageField
from submissions import disclosure, intake, report
from submissions.api import visible
from submissions.dialects import values
from submissions.dialects.bodies import CasesField, DataField, WaitUnlessToldQuery, one_case_run
from submissions.dialects.s1 import NewestFew
from submissions.dialects.values import Detail, first_failure
from submissions.ephemeral import OwnCase, Trial
from submissions.models import Submission
from submissions.serializers import (
    GradedRules,
    ProgramRules,
    QuestionField,
    SourceField,
    StrictSerializer,
    TextField,
    validated,
)
from submissions.taking import judged_by_us, take, wants_to_wait

LOOK_AT = "s3-execution"
EXPIRED = "expired"
PASSED_WITHOUT_POINTS = 100.0


class ExecuteBody(ProgramRules):
    code = SourceField(source="source")
    language = LanguageField()
    input = DataField(required=False, default="")


class CaseBody(StrictSerializer):
    input = DataField()
    expected = DataField()
    description = TextField(required=False, default="", max_length=200)


class TestBody(ProgramRules):
    __test__ = False  # not a class for pytest

    code = SourceField(source="source")
    language = LanguageField()
    testCases = CasesField(CaseBody(), source="cases")


class ValidateBody(GradedRules):
    code = SourceField(source="source")
    language = LanguageField()
    exerciseId = QuestionField(source="question")


class Execute(ApiView):
    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "run"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: one_case_run(validated(ExecuteBody, request)),
            now=lambda made: executed(disclosure.untold(made)),
            look_at=LOOK_AT,
            waits=wants_to_wait(request, WaitUnlessToldQuery),
            at_end=lambda ended: executed(judged_by_us(ended)),
        )


def executed(detail: Detail) -> dict[str, Any]:
    texts, is_over = values.texts(detail), detail["final"]
    success = detail["verdict"] == Verdict.AC
    return _named(detail) | {
        "output": (texts.output or "") if is_over else None,
        "error": None if success or not is_over else texts.error,
        "executionTime": (detail["time_ms"] or 0) if is_over else None,
        "success": success if is_over else None,
        "stderr": texts.error if success else None,
        "memoryKb": detail["memory_kib"],
    }


class Test(ApiView):
    __test__ = False

    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "run"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: _test_of(validated(TestBody, request)),
            now=lambda made: tested(disclosure.untold(made)),
            look_at=LOOK_AT,
            waits=wants_to_wait(request, WaitUnlessToldQuery),
            at_end=_tested_as_far_as_possible,
        )


def _test_of(sent: dict[str, Any]) -> intake.NewRun:
    own = tuple(
        OwnCase(case["input"].encode(), case["expected"].encode(), case["description"])
        for case in sent.pop("cases")
    )
    return intake.NewRun(trial=Trial(own, policy=RunPolicy.RUN_ALL), **sent)


def _tested_as_far_as_possible(ended: Submission) -> dict[str, Any]:
    """Raises NoBackend or NotJudged where not a single case was run."""
    return tested(disclosure.detail(ended) if ended.cases_judged else judged_by_us(ended))


def tested(detail: Detail) -> dict[str, Any]:
    has_begun = detail["cases"]["total"] > 0
    return _named(detail) | {
        "totalTests": detail["cases"]["total"] if has_begun else None,
        "passedTests": detail["cases"]["passed"] if has_begun else None,
        "results": results(detail) if has_begun else None,
    }


class Validate(ApiView):
    """A submission like any other: it is kept, and counts."""

    required_scopes = {"POST": Scope.SUBMIT}
    throttle_scope = {"POST": "submit"}

    def post(self, request: Request) -> Response:
        return take(
            request,
            lambda: intake.NewSubmission(**validated(ValidateBody, request)),
            now=lambda made: validity(disclosure.untold(made)),
            look_at=LOOK_AT,
            waits=wants_to_wait(request, WaitUnlessToldQuery),
            at_end=lambda ended: validity(judged_by_us(ended)),
        )


def validity(detail: Detail) -> dict[str, Any]:
    is_over = detail["final"]
    return _named(detail) | {
        "isValid": (detail["verdict"] == Verdict.AC) if is_over else None,
        "score": _score(detail) if is_over else None,
        "testResults": _test_results(detail) if is_over else None,
        "feedback": feedback(detail),
    }


def _score(detail: Detail) -> float:
    if detail["score"] is None and detail["verdict"] == Verdict.AC:
        return PASSED_WITHOUT_POINTS
    return float(detail["score"] or 0)


def feedback(detail: Detail) -> str:
    """A sentence or two, by rules."""
    if detail["verdict"] is None:
        return detail["message"] or "It is not judged yet."
    passed, total = detail["cases"]["passed"], detail["cases"]["total"]
    if detail["verdict"] == Verdict.AC:
        return f"All {total} tests passed." if total > 1 else "The test passed."
    if detail["verdict"] == Verdict.CE:
        return f"It does not compile: {_first_line(detail['compile_output'])}"
    return f"{_what_failed(detail)} {passed} of {total} tests passed."


def _first_line(text: str) -> str:
    return next(
        (line.strip() for line in text.splitlines() if line.strip()), "the compiler does not say why."
    )


def _what_failed(detail: Detail) -> str:
    case = first_failure(detail)
    if case is None:
        return report.REASONS.get(detail["reason"], "")
    where = f"test {case['index']}" if case["public"] else f"test {case['index']}, which is hidden"
    difference = report.DIFFERENCE_NAMES.get(case["difference"] or "")
    return f"{case['verdict_name']} on {where}{f': {difference}' if difference else ''}."


class History(ApiView):
    """One's own runs and submissions. What a run was is forgotten after a while; that it was is not."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        own = Submission.objects.filter(user=user_of(request)).select_related("question").with_expiry()
        paginator = NewestFew()
        page = paginator.paginate_queryset(own, request, view=self)
        rows = page or []
        details = disclosure.details([one for one in rows if not one.has_expired])
        items = [
            expired(disclosure.untold(one)) if one.has_expired else item(details[one.pk]) for one in rows
        ]
        return paginator.get_paginated_response(items)


class OneExecution(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, pk: UUID) -> Response:
        rows = visible(request).select_related("question")
        return Response(item(disclosure.detail(get_object_or_404(rows, pk=pk))))


def item(detail: Detail) -> dict[str, Any]:
    """One item of the history in full."""
    texts, success = values.texts(detail), detail["verdict"] == Verdict.AC
    return _named(detail) | {
        "exerciseId": detail["question"] and detail["question"]["id"],
        "code": detail["source"],
        "language": detail["language"],
        "output": texts.output,
        "error": None if success else texts.error or None,
        "executionTime": detail["time_ms"],
        "testResults": _test_results(detail) if detail["final"] else None,
        "score": detail["score"],
        "createdAt": values.instant(detail["created_at"]),
    }


def expired(detail: Detail) -> dict[str, Any]:
    """Of a run that is no longer kept."""
    forgotten = dict.fromkeys(("code", "output", "error", "testResults"))
    return item(detail) | forgotten | {"status": EXPIRED}


def _test_results(detail: Detail) -> dict[str, Any]:
    cases = detail["cases"]
    return {"totalTests": cases["total"], "passedTests": cases["passed"], "results": results(detail)}


def results(detail: Detail) -> list[dict[str, Any]]:
    """Public cases in full, hidden ones as passed or not. One's own cases are all there once it has ended."""
    judged = {case["index"]: case for case in detail["results"]}
    first_own = detail["cases"]["total"] - len(detail["own_cases"]) + 1
    own_cases = dict(enumerate(detail["own_cases"], first_own)) if detail["final"] else {}
    return [
        _result(index, judged.get(index, {}), own_cases.get(index, {}), detail)
        for index in sorted(judged.keys() | own_cases.keys())
    ]


def _result(index: int, case: Mapping[str, Any], own: Mapping[str, Any], detail: Detail) -> dict[str, Any]:
    passed = case.get("verdict") == Verdict.AC
    skipped = {"skipped": True} if case.get("verdict") == Verdict.SK else {}
    if not own and "output" not in case:
        return {"index": index, "hidden": True, "passed": passed} | skipped
    given = own or case
    has_answered = case.get("verdict") in (Verdict.AC, Verdict.WA)
    result = {
        "index": index,
        "input": given["input"],
        "expected": given["answer"],
        "actual": case["output"] if has_answered and "output" in case else None,
        "passed": passed,
        "executionTime": case.get("time_ms") or 0,
    } | skipped
    if given["note"]:
        result["description"] = given["note"]
    if not passed and (error := _error(case, detail)):
        result["error"] = error
    return result


def _error(case: Mapping[str, Any], detail: Detail) -> str:
    """Why there is nothing to compare, or what a program complained about that printed something wrong."""
    if detail["verdict"] == Verdict.CE:
        return detail["compile_output"] or "Compile error"
    if not case:
        return detail["message"] or "Not run"
    return values.case_error(case, "") or ("Not run" if case["verdict"] == Verdict.SK else "")


def _named(detail: Detail) -> dict[str, Any]:
    """What every answer carries beside what the contract asks for."""
    return {"id": detail["id"], "status": values.v1_status(detail), "metadata": detail["metadata"]}
