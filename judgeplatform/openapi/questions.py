"""Questions and their cases."""

from rest_framework import serializers

from execution.types import CheckerKind, RunPolicy, ScoringMode
from judgeplatform.openapi.operations import (
    CURSOR,
    UNCHANGED,
    Described,
    Operation,
    answer,
    in_path,
    in_query,
    page_of,
    told,
)
from judgeplatform.openapi.problems import NOT_FOUND
from questions import api
from questions.models import Question
from questions.serializers import PageQuery, QuestionListQuery

NAME = in_path("name", "The question's slug or id.")


class QuestionSummary(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()
    summary = serializers.CharField(help_text="One sentence; may be empty.")
    difficulty = serializers.ChoiceField(Question.Difficulty.values)
    tags = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField(), help_text="Those that are allowed.")
    state = serializers.ChoiceField(Question.State.values)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    url = serializers.CharField(help_text="The page on which it is solved.")


class ProgramLimits(serializers.Serializer):
    time_ms = serializers.IntegerField()
    memory_kib = serializers.IntegerField()


class AllLimits(ProgramLimits):
    output_kib = serializers.IntegerField()
    total_ms = serializers.IntegerField(help_text="For all cases together.")


class LanguageOfQuestion(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    limits = ProgramLimits(help_text="As they hold for this language.")
    starter = serializers.CharField(help_text="What to begin with; may be empty.")


class ComparedHow(serializers.Serializer):
    kind = serializers.ChoiceField([kind.value for kind in CheckerKind])
    absolute_tolerance = serializers.FloatField(help_text="Of `floats` and `float_lines`.")
    relative_tolerance = serializers.FloatField(help_text="Of `floats` and `float_lines`.")


class PublicCase(serializers.Serializer):
    index = serializers.IntegerField(help_text="From 1.")
    input = serializers.CharField()
    answer = serializers.CharField()
    truncated = serializers.BooleanField(help_text="Whether these are only the beginnings.")
    note = serializers.CharField(help_text="May be empty.")


class GroupOfQuestion(serializers.Serializer):
    path = serializers.CharField(help_text="Such as `secret/small`, which is within `secret`.")
    obtainable = serializers.FloatField(allow_null=True, help_text="Points; null without a bound.")


class AttachmentOfQuestion(serializers.Serializer):
    path = serializers.CharField(help_text="Its name, perhaps in folders.")
    bytes = serializers.IntegerField()
    url = serializers.CharField(
        help_text="Where it is downloaded, by a browser that is signed in where it must."
    )


class QuestionDetail(QuestionSummary):
    statement = serializers.CharField(help_text="Markdown.")
    statement_html = serializers.CharField()
    limits = AllLimits()
    languages = LanguageOfQuestion(many=True)  # type: ignore[assignment]  # in full, not only by their slugs
    checker = ComparedHow()
    groups = GroupOfQuestion(many=True)
    interactive = serializers.BooleanField(
        help_text="Whether the program talks with the checker; nobody sees the cases then, and a run takes no input."
    )
    available = serializers.BooleanField(help_text="Whether there may be a server that can judge it.")
    run_policy = serializers.ChoiceField([policy.value for policy in RunPolicy])
    scoring = serializers.ChoiceField([mode.value for mode in ScoringMode])
    explain_hidden = serializers.BooleanField(
        help_text="Whether one is told what kind of difference there was on a hidden case."
    )
    offers_hints = serializers.BooleanField(
        help_text="Whether hints, reviews and analyses are offered for it."
    )
    public_cases = PublicCase(many=True)
    hidden_cases = serializers.IntegerField(help_text="How many there are beside these.")
    attachments = AttachmentOfQuestion(many=True)
    credits = serializers.CharField(help_text="Who made it; may be empty, as the following.")
    source = serializers.CharField(help_text="Where it was used first.")  # type: ignore[assignment]  # a field's own
    source_url = serializers.CharField()
    licence = serializers.CharField()


class WholeCase(PublicCase):
    public = serializers.BooleanField()
    group = serializers.CharField(help_text="May be empty.")
    points = serializers.FloatField()
    input_bytes = serializers.IntegerField()
    answer_bytes = serializers.IntegerField()


EXAMPLE = {
    "id": "5b5f6a1e-7c44-4a0b-9a55-0c8c1d0f6c11",
    "slug": "sum",
    "title": "Sum",
    "summary": "Add two numbers.",
    "difficulty": "easy",
    "tags": ["arithmetic"],
    "languages": ["python", "cpp", "c"],
    "state": "published",
    "created_at": "2026-01-05T09:00:00Z",
    "updated_at": "2026-01-05T09:00:00Z",
    "url": "/questions/sum/",
}

QuestionPage = page_of(QuestionSummary(many=True), "QuestionPage")
CasePage = page_of(WholeCase(many=True), "CasePage", count=serializers.IntegerField())

OPERATIONS: Described = {
    (api.QuestionList, "GET"): Operation(
        id="listQuestions",
        tag="Questions",
        summary="List questions",
        query=QuestionListQuery,
        parameters=(CURSOR,),
        answers={
            200: answer(
                QuestionPage,
                "Newest first.",
                told("One question", {"next": None, "previous": None, "results": [EXAMPLE]}, "200"),
            )
        },
        problems=(NOT_FOUND,),
    ),
    (api.QuestionDetail, "GET"): Operation(
        id="getQuestion",
        tag="Questions",
        summary="Get a question",
        text="All that who solves it may know: of hidden cases only how many there are.",
        parameters=(NAME,),
        answers={200: answer(QuestionDetail, "The question."), 304: UNCHANGED},
        is_conditional=True,
    ),
    (api.TestCaseList, "GET"): Operation(
        id="listTestCases",
        tag="Questions",
        summary="List all testcases of a question",
        text="For its authors: hidden ones, too, in the order of judging.",
        query=PageQuery,
        parameters=(NAME, in_query("page", "From 1.", int)),
        answers={200: answer(CasePage, "With the beginnings of their texts.")},
    ),
}
