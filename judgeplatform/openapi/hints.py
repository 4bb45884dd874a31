"""Hints, reviews and analyses, in S3's words."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hints import api
from hints.answers import Kind, Level, Severity
from hints.models import HintRequest
from hints.serializers import AnalysisBody, HintBody, HintsBody, RatingBody, ReviewBody
from judgeplatform.openapi.operations import LOCATION, Described, Operation, answer, in_path, sent, told
from judgeplatform.openapi.problems import NO_HINT, NO_HINT_YET, NOT_FOUND, NOT_JUDGED
from submissions.dialects.bodies import WaitUnlessToldQuery

ID = "0b6f1c52-6f0e-4f0e-9a53-0b1c0a8d9a11"
PROGRAM = "a, b = input().split()\nprint(a + b)\n"
HELD = "It is not answered yet; look again at `Location`."
LEVELS = [level.value for level in Level]
REQUEST_ID = in_path("id", "From the answer, or from its `Location`.")


class HintSource(serializers.Serializer):
    id = serializers.UUIDField()
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF's own is hidden on purpose
        ["rules", "model"], help_text="Whether our rules wrote it, or a language model, which may be wrong."
    )


class HintTold(HintSource):
    level = serializers.ChoiceField(LEVELS, help_text="1 a nudge, 2 the concept, 3 the place, 4 the plan.")
    hint = serializers.CharField()
    confidence = serializers.FloatField(min_value=0, max_value=1)
    suggestedApproach = serializers.CharField()
    nextSteps = serializers.ListField(child=serializers.CharField())
    line = serializers.IntegerField(allow_null=True, help_text="Of the program, from 1.")


class LevelTold(serializers.Serializer):
    level = serializers.ChoiceField(LEVELS)
    hint = serializers.CharField(allow_null=True, help_text="The latest of this level; null without any.")
    unlocked = serializers.BooleanField()


class HintsTold(HintTold):
    """That hint, and what there is of each level."""

    hints = LevelTold(many=True)


class RemarkTold(serializers.Serializer):
    line = serializers.IntegerField()
    type = serializers.CharField(help_text="A short word, such as style or correctness.")
    message = serializers.CharField()
    severity = serializers.ChoiceField([severity.value for severity in Severity])


class ReviewTold(HintSource):
    overall_score = serializers.FloatField(min_value=0, max_value=100)
    suggestions = RemarkTold(many=True)
    strengths = serializers.ListField(child=serializers.CharField())
    improvements = serializers.ListField(child=serializers.CharField())


class ComplexityTold(serializers.Serializer):
    """Estimates, such as `O(n log n)`; empty where nobody can tell."""

    time = serializers.CharField()
    space = serializers.CharField()
    explanation = serializers.CharField()


class AnalysisTold(ReviewTold):
    complexity = ComplexityTold()
    issues = RemarkTold(many=True)


# An analysis is a review, too; so it is any of them, not one.
ANSWERS = [{"$ref": f"#/components/schemas/{name}"} for name in ("HintTold", "AnalysisTold", "ReviewTold")]


@extend_schema_field({"anyOf": [*ANSWERS, {"type": "null"}]})
class AnswerField(serializers.Field):
    """One of them, or null."""


class HintRequestTold(serializers.Serializer):
    """What has become of it; `answer` is null until it is done."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField([kind.value for kind in Kind])
    status = serializers.ChoiceField(HintRequest.Status.values)
    code = serializers.CharField(help_text="Why it failed; else empty.")
    level = serializers.ChoiceField(LEVELS, allow_null=True, help_text="Of hints.")
    language = serializers.CharField()
    helpful = serializers.BooleanField(allow_null=True, help_text="As it was rated.")
    createdAt = serializers.DateTimeField()
    finishedAt = serializers.DateTimeField(allow_null=True)
    answer = AnswerField()


HINT: dict[str, Any] = {
    "id": ID,
    "source": "rules",
    "level": 1,
    "hint": "On public case 1 your program printed “12”; what did you expect + to do there?",
    "confidence": 0.8,
    "suggestedApproach": "Look at what kind of value input gives you.",
    "nextSteps": ["Run it with 1 and 2, and print the type of a."],
    "line": 2,
}
WORDS = (
    "It is about your latest judging of exactly this code; where there is none, the public cases are run first, which"
    " counts for the limit `run`. Each level opens after another failed attempt with another program. What was asked"
    " before of the same judging is answered again, and counts for nothing."
)
ASK = {"exerciseId": "sum", "userCode": PROGRAM}
CODE = {"code": PROGRAM, "language": "python"}

OPERATIONS: Described = {
    (api.Hint, "POST"): Operation(
        id="s3Hint",
        tag="S3",
        summary="Get a hint",
        text=f"Of the highest level that is open. {WORDS}",
        body=HintBody,
        query=WaitUnlessToldQuery,
        parameters=(LOCATION,),
        answers={
            200: answer(HintTold, "The hint.", told("A nudge", HINT, "200")),
            202: answer(HintRequestTold, HELD),
        },
        problems=(NO_HINT_YET, NOT_FOUND, NOT_JUDGED, NO_HINT),
        examples=(sent("A program that failed", ASK),),
    ),
    (api.Hints, "POST"): Operation(
        id="s3Hints",
        tag="S3",
        summary="Get a hint of a level",
        text=f"Without `level` of the highest one that is open. {WORDS}",
        body=HintsBody,
        query=WaitUnlessToldQuery,
        parameters=(LOCATION,),
        answers={200: answer(HintsTold, "The hint, and all levels."), 202: answer(HintRequestTold, HELD)},
        problems=(NO_HINT_YET, NOT_FOUND, NOT_JUDGED, NO_HINT),
        examples=(sent("The first level", ASK | {"level": 1}),),
    ),
    (api.Review, "POST"): Operation(
        id="s3Review",
        tag="S3",
        summary="Get a program reviewed",
        text="By linters and compilers, or by a language model. With `exerciseId` it knows how the program was judged.",
        body=ReviewBody,
        query=WaitUnlessToldQuery,
        parameters=(LOCATION,),
        answers={200: answer(ReviewTold, "The review."), 202: answer(HintRequestTold, HELD)},
        problems=(NO_HINT_YET, NOT_FOUND, NOT_JUDGED, NO_HINT),
        examples=(sent("Code alone", CODE), sent("Of a question", CODE | {"exerciseId": "sum"})),
    ),
    (api.Analyze, "POST"): Operation(
        id="s3Analyze",
        tag="S3",
        summary="Get a program analysed",
        text="As a review, with the complexity and with what may be wrong.",
        body=AnalysisBody,
        query=WaitUnlessToldQuery,
        parameters=(LOCATION,),
        answers={200: answer(AnalysisTold, "The analysis."), 202: answer(HintRequestTold, HELD)},
        problems=(NO_HINT_YET, NOT_FOUND, NOT_JUDGED, NO_HINT),
        examples=(sent("Code alone", CODE),),
    ),
    (api.OneRequest, "GET"): Operation(
        id="s3GetHintRequest",
        tag="S3",
        summary="Get what was asked for",
        parameters=(REQUEST_ID,),
        answers={200: answer(HintRequestTold, "As it is now.")},
    ),
    (api.Rating, "POST"): Operation(
        id="s3RateHint",
        tag="S3",
        summary="Say whether it was helpful",
        text="One may change one's mind.",
        body=RatingBody,
        parameters=(REQUEST_ID,),
        answers={200: answer(HintRequestTold, "As it is now.")},
    ),
}
