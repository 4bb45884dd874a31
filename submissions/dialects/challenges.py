"""S3's challenges: questions in its words. Hidden cases are in none of them, and solutions for authors only."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.credentials import Credential
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution.types import Verdict
from questions.api import visible
from questions.models import Blob, Question, QuestionQuerySet, TestCase
from questions.previews import TEXT_CAP, shown
from questions.serializers import LanguageField
from submissions.dialects.s1 import NewestFew
from submissions.serializers import validated_query


class ChallengeQuery(serializers.Serializer):
    """In which language the starting code is wanted; otherwise it is the first one that has any."""

    language = LanguageField(required=False, default=None)


class Challenges(ApiView):
    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        paginator = NewestFew()
        page = paginator.paginate_queryset(_visible(request), request, view=self)
        return paginator.get_paginated_response(_told(page or [], request))


class Challenge(ApiView):
    """By the question's id or slug."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request, name: str) -> Response:
        (told,) = _told([get_object_or_404(_visible(request).named(name))], request)
        return Response(told)


def _visible(request: Request) -> QuestionQuerySet:
    return visible(request).prefetch_related("starter_codes", "reference_solutions")


def _told(questions: Sequence[Question], request: Request) -> list[dict[str, Any]]:
    assert isinstance(request.auth, Credential)
    language = validated_query(ChallengeQuery, request)["language"]
    is_author = _may_see_solutions(request.auth)
    cases = _public_cases(questions)
    return [
        {
            "id": str(question.pk),
            "slug": question.slug,
            "title": question.title,
            "description": question.summary,
            "instructions": question.statement,
            "startingCode": _starting_code(question, language and language.slug),
            "testCases": cases[question.pk],
        }
        | ({"solution": _solution(question)} if is_author else {})
        for question in questions
    ]


def _may_see_solutions(credential: Credential) -> bool:
    user = credential.user
    is_author = user.is_staff and user.has_perm("questions.change_question")
    return credential.has(Scope.TESTS_READ) and is_author


def _public_cases(questions: Iterable[Question]) -> dict[UUID, list[dict[str, str]]]:
    """By the question's id."""
    rows = list(TestCase.objects.shown().filter(question__in=questions).in_order())
    data = Blob.objects.beginnings({pk for row in rows for pk in (row.input_id, row.answer_id)}, TEXT_CAP)
    told: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        given, answer = shown(data[row.input_id]), shown(data[row.answer_id])
        told[row.question_id].append({"input": given, "expected": answer, "description": row.note})
    return told


def _starting_code(question: Question, language: str | None) -> str:
    starters = (one for one in question.starter_codes.all() if language in (None, one.language))
    return next((one.source for one in starters), "")


def _solution(question: Question) -> str | None:
    """The first program that is known to be right."""
    right = (one for one in question.reference_solutions.all() if one.expected == [Verdict.AC])
    return next((one.source for one in right), None)
