"""`/api/v1/questions/`: the list, one question as who solves it sees it, and all its testcases for its authors."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.decorators import method_decorator
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.credentials import Credential
from accounts.permissions import HasScope
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution.languages import Language
from execution.types import Limits
from questions.conditional import conditional_page
from questions.cursors import MOST_A_PAGE, NewestFirst
from questions.models import Blob, Question, QuestionQuerySet, TestCase
from questions.previews import TEXT_CAP, shown
from questions.serializers import PageQuery, QuestionListQuery


def visible(request: Request) -> QuestionQuerySet:
    """Those that may be seen with the credential of the request."""
    assert isinstance(request.auth, Credential)
    return Question.objects.visible_with(request.auth)


class QuestionList(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        query = QuestionListQuery(data=request.query_params.dict(), context={"questions": visible(request)})
        query.is_valid(raise_exception=True)
        rows = query.matching().prefetch_related("tags").defer("statement", "statement_html")
        paginator = NewestFirst()
        page = paginator.paginate_queryset(rows, request, view=self)
        return paginator.get_paginated_response([summary(one) for one in page or []])


@method_decorator(conditional_page, name="dispatch")
class QuestionDetail(ApiView):
    """By slug or id."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, name: str) -> Response:
        question = get_object_or_404(visible(request).named(name))
        return Response(detail(question), headers={"Cache-Control": "private, no-cache"})


class MayChangeQuestions(BasePermission):
    message = "This is for authors."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.has_perm("questions.change_question"))


class CasePages(PageNumberPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = MOST_A_PAGE


class TestCaseList(ApiView):
    """Public and hidden cases with their answers, in the order of judging."""

    __test__ = False  # not a class for pytest

    permission_classes = (IsAuthenticated, HasScope, MayChangeQuestions)
    required_scopes = {"GET": Scope.TESTS_READ}

    def get(self, request: Request, name: str) -> Response:
        PageQuery(data=request.query_params.dict()).is_valid(raise_exception=True)
        question = get_object_or_404(visible(request).named(name))
        paginator = CasePages()
        rows = question.testcases.in_order().select_related("input", "answer")
        bare = rows.defer("input__data", "answer__data")
        page = paginator.paginate_queryset(bare, request, view=self) or []
        assert paginator.page is not None
        return paginator.get_paginated_response(_whole_cases(page, first=paginator.page.start_index()))


def summary(question: Question) -> dict[str, Any]:
    """As it stands in a list."""
    return {
        "id": str(question.pk),
        "slug": question.slug,
        "title": question.title,
        "summary": question.summary,
        "difficulty": question.difficulty,
        "tags": [tag.name for tag in question.tags.all()],
        "languages": [language.slug for language in question.languages()],
        "state": question.state,
        "created_at": question.created_at,
        "updated_at": question.updated_at,
        "url": question.get_absolute_url(),
    }


def detail(question: Question) -> dict[str, Any]:
    """All that who solves it may know: nothing of hidden cases but how many there are."""
    public = list(question.testcases.shown().in_order())
    limits, checker = question.judging_limits(), question.judging_checker()
    starters = dict(question.starter_codes.values_list("language", "source"))
    return summary(question) | {
        "statement": question.statement,
        "statement_html": question.statement_html,
        "limits": _limits(limits) | {"output_kib": limits.output_kib, "total_ms": limits.total_ms},
        "languages": [_language(one, limits, starters) for one in question.languages()],
        "checker": {
            "kind": checker.kind,
            "absolute_tolerance": checker.absolute,
            "relative_tolerance": checker.relative,
        },
        "groups": [
            {"path": group.path, "obtainable": None if group.obtainable is None else float(group.obtainable)}
            for group in question.obtainable_groups()
        ],
        "interactive": question.interactive,
        "available": not question.cannot_be_judged(),
        "run_policy": question.run_policy,
        "scoring": question.scoring,
        "explain_hidden": question.explain_hidden,
        "offers_hints": question.offers_hints,
        "public_cases": _cases(public, first=1),
        "hidden_cases": question.testcases.count() - len(public),
        "attachments": _attachments(question),
        "credits": question.credits,
        "source": question.source,
        "source_url": question.source_url,
        "licence": question.licence,
    }


def _attachments(question: Question) -> list[dict[str, Any]]:
    return [
        {"path": path, "bytes": size, "url": reverse("question-attachment", args=[question.pk, path])}
        for path, size in question.files.attachments().values_list("path", "blob__size")
    ]


def _limits(limits: Limits) -> dict[str, Any]:
    return {"time_ms": limits.time_ms, "memory_kib": limits.memory_kib}


def _language(language: Language, limits: Limits, starters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "slug": language.slug,
        "name": language.name,
        "limits": _limits(language.limits(limits)),
        "starter": starters.get(language.slug, ""),
    }


def _cases(cases: Sequence[TestCase], *, first: int) -> list[dict[str, Any]]:
    """With the beginnings of their texts; `truncated` where that is not all."""
    data = Blob.objects.beginnings(
        {pk for one in cases for pk in (one.input_id, one.answer_id)}, TEXT_CAP + 1
    )
    return [
        {
            "index": index,
            "input": shown(data[one.input_id]),
            "answer": shown(data[one.answer_id]),
            "truncated": any(len(data[pk]) > TEXT_CAP for pk in (one.input_id, one.answer_id)),
            "note": one.note,
        }
        for index, one in enumerate(cases, first)
    ]


def _whole_cases(cases: Sequence[TestCase], *, first: int) -> list[dict[str, Any]]:
    """What only authors may know of them, too."""
    return [
        told
        | {
            "public": one.is_public,
            "group": one.group,
            "points": float(one.points),
            "input_bytes": one.input.size,
            "answer_bytes": one.answer.size,
        }
        for one, told in zip(cases, _cases(cases, first=first), strict=True)
    ]
