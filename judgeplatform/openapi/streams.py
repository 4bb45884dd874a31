"""Server-sent events. They are served before Django is asked, with the same answers as their views have."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction
from rest_framework import serializers

from judgeplatform.openapi.operations import (
    SUBMISSION_ID,
    Described,
    Operation,
    answer,
    in_header,
    in_query,
    told,
)
from judgeplatform.openapi.submissions import FollowedMessage
from submissions import streams
from submissions.event_stream import CONTENT_TYPE
from submissions.models import Submission

SEEN = (
    SUBMISSION_ID,
    in_header("Last-Event-ID", "The last event that you have seen; browsers send it by themselves."),
    in_query("after", "The same, where no header can be sent. What is no number counts as 0."),
)
EVENTS = """retry: 2000

data: {"type": "queue", "submission": "0b6f…", "queue": {"position": 1, "estimated_wait_s": 2}}

id: 2
data: {"seq": 2, "type": "status", "submission": "0b6f…", "status": "running", …}

id: 3
data: {"seq": 3, "type": "case", …, "case": {"index": 1, "verdict": "AC", …}}

"""
JOB = """retry: 2000

id: 2
data: {"job_id": "0b6f…", "status": "running", "score": null, "stdout": null, "stderr": null}

id: 3
data: {"job_id": "0b6f…", "status": "done", "score": 100, "stdout": "3\\n", "stderr": ""}

"""


class JobMessage(serializers.Serializer):
    """`stdout` and `stderr` come with the final one."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(Submission.Status.values)
    score = serializers.IntegerField(allow_null=True)
    stdout = serializers.CharField(allow_null=True)
    stderr = serializers.CharField(allow_null=True)


class JsonText(serializers.CharField):
    """A text that is JSON of this."""

    def __init__(self, message: Any) -> None:
        super().__init__()
        self.message = message


UNNAMED = serializers.ChoiceField(["message"], required=False, help_text="Never sent: that is its default.")


class SubmissionNews(serializers.Serializer):
    """One event of the stream."""

    id = serializers.CharField(required=False, help_text="The message's number, if it has one.")
    event = UNNAMED
    data = JsonText(FollowedMessage)  # type: ignore[assignment]  # a field of that name hides DRF's on purpose


class JobNews(serializers.Serializer):
    """One event of the stream."""

    id = serializers.CharField()
    event = UNNAMED
    data = JsonText(JobMessage)  # type: ignore[assignment]


class JsonTextInOpenApi(OpenApiSerializerFieldExtension):
    target_class = JsonText

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        message = auto_schema.resolve_serializer(self.target.message, direction).ref
        return {"type": "string", "contentMediaType": "application/json", "contentSchema": message}


EVENTS_TOLD = "The events, one after the other, as they happen."
NO_MORE = answer(None, "You have seen the final one: do not come back.")

OPERATIONS: Described = {
    (streams.SubmissionStream, "GET"): Operation(
        id="streamSubmission",
        tag="Live",
        summary="Follow a submission",
        text="An event for each change, as `listEvents` tells them, and one without a number whenever its place in"
        " the queue changes. It ends after the final one.",
        parameters=SEEN,
        answers={
            (200, CONTENT_TYPE): answer(SubmissionNews, EVENTS_TOLD, told("Events", EVENTS, "200")),
            204: NO_MORE,
        },
        takes_tickets=True,
    ),
    (streams.JobStream, "GET"): Operation(
        id="streamJob",
        tag="S1",
        summary="Follow a job",
        text="It ends after the final event.",
        parameters=SEEN,
        answers={
            (200, CONTENT_TYPE): answer(JobNews, EVENTS_TOLD, told("Events", JOB, "200")),
            204: NO_MORE,
        },
        takes_tickets=True,
    ),
}
