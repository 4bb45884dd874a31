"""Submissions and runs, what has become of them, receipts, and webhooks."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from execution.types import DifferenceClass, Verdict
from judgeplatform.openapi.operations import (
    CURSOR,
    SUBMISSION_ID,
    UNCHANGED,
    Described,
    Operation,
    answer,
    in_path,
    page_of,
    sent,
    told,
)
from judgeplatform.openapi.problems import NO_BACKEND, NOT_FOUND, NOT_QUEUED
from questions.serializers import PageQuery
from submissions import api, webhook_views
from submissions.models import VERDICTS, Submission
from submissions.serializers import (
    EventsQuery,
    ListQuery,
    RunListQuery,
    RunSerializer,
    SubmitSerializer,
    WaitQuery,
)

OUTCOMES = ("passed", "failed", "error")


class AnyObject(serializers.DictField):
    """JSON of a client's own."""


class CaseCounts(serializers.Serializer):
    total = serializers.IntegerField()
    judged = serializers.IntegerField()
    passed = serializers.IntegerField()


class Points(serializers.Serializer):
    earned = serializers.FloatField()
    obtainable = serializers.FloatField(allow_null=True, help_text="Null without a bound, and while queued.")


class GroupTold(Points):
    """How a group of cases stands."""

    path = serializers.CharField(help_text="Such as `secret/small`, which is within `secret`.")
    verdict = serializers.ChoiceField(
        [verdict.value for verdict in Verdict],
        allow_null=True,
        help_text="Null until it has ended; `SK`: not run.",
    )


class State(serializers.Serializer):
    """Where a submission stands."""

    status = serializers.ChoiceField(
        Submission.Status.values, help_text="`error`: it could not be judged, by our fault."
    )
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True, help_text="There once it is `done`.")
    outcome = serializers.ChoiceField(OUTCOMES, allow_null=True, help_text="There once it is final.")
    score = serializers.FloatField(
        allow_null=True, help_text="0 to 100; while it is judged, as far as it is. Null without points."
    )
    points = Points(help_text="On the question's own scale; while it is judged, as far as it is.")
    reason = serializers.CharField(help_text="Code of an error, or what explains a verdict; may be empty.")
    message = serializers.CharField(help_text="The reason, for people.")
    retryable = serializers.BooleanField(help_text="Whether it is worth while to send it again.")
    final = serializers.BooleanField(help_text="Whether nothing will change any more.")
    attempt = serializers.IntegerField(help_text="How often judging has begun.")
    cases = CaseCounts()
    time_ms = serializers.IntegerField(allow_null=True, help_text="Of the slowest case.")
    memory_kib = serializers.IntegerField(allow_null=True, help_text="Of the largest case.")


class QuestionOfSubmission(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()


class SubmissionSummary(State):
    """A submission or a run, without its texts."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(Submission.Kind.values)
    question = QuestionOfSubmission(allow_null=True)
    language = serializers.CharField()
    seq = serializers.IntegerField(help_text="The number of its last event.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    source_bytes = serializers.IntegerField()
    metadata = AnyObject(allow_null=True, help_text="As it was sent.")
    url = serializers.CharField(help_text="The page that shows it.")


class ListedSubmission(SubmissionSummary):
    """As it stands in a list."""

    expired = serializers.BooleanField(help_text="A run of which nothing else is kept.")


class Place(serializers.Serializer):
    """In the queue."""

    position = serializers.IntegerField(help_text="1 for the next one.")
    estimated_wait_s = serializers.IntegerField(allow_null=True)


class TakenSubmission(SubmissionSummary):
    """Just taken."""

    queue = Place(allow_null=True)


class OwnCase(serializers.Serializer):
    """A case that came with a run."""

    note = serializers.CharField()
    input = serializers.CharField()
    answer = serializers.CharField(allow_null=True)


class CaseTold(serializers.Serializer):
    """How one case went."""

    index = serializers.IntegerField(help_text="From 1, in the order of judging.")
    group = serializers.CharField(help_text="May be empty.")
    points = serializers.FloatField(help_text="Obtainable.")
    earned = serializers.FloatField()
    public = serializers.BooleanField()
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict], help_text="`SK`: not run.")
    verdict_name = serializers.CharField()
    time_ms = serializers.IntegerField(allow_null=True)
    memory_kib = serializers.IntegerField(allow_null=True)
    difference = serializers.ChoiceField([kind.value for kind in DifferenceClass], allow_null=True)


class CaseWithTexts(CaseTold):
    """The same; the fields from `own_input` on are those of public cases only."""

    own_input = serializers.BooleanField(required=False, help_text="It came with the run.")
    note = serializers.CharField(required=False)
    input = serializers.CharField(required=False)
    answer = serializers.CharField(required=False, allow_null=True)
    output = serializers.CharField(required=False)
    stderr = serializers.CharField(required=False)
    difference_message = serializers.CharField(required=False)
    exit_code = serializers.IntegerField(required=False, allow_null=True)
    signal = serializers.IntegerField(required=False, allow_null=True)
    truncated = serializers.BooleanField(required=False)


class SubmissionDetail(TakenSubmission):
    """All that its owner may see. Texts are shown by their beginnings."""

    source = serializers.CharField(  # type: ignore[assignment]  # DRF's own `source` is hidden on purpose
        allow_null=True, help_text="The program; of a run null once it has expired."
    )
    compile_output = serializers.CharField()
    outdated = serializers.BooleanField(
        help_text="Whether an older version of its question gave the verdict. Never of a run."
    )
    own_cases = OwnCase(many=True)
    groups = GroupTold(many=True, help_text="In the order of judging; none of a run.")
    results = CaseWithTexts(many=True)


class Event(State):
    """A change. They are numbered from 1."""

    seq = serializers.IntegerField()
    submission = serializers.UUIDField()


class StatusEvent(Event):
    type = serializers.ChoiceField(["status"])


class CaseEvent(Event):
    """A case was judged."""

    type = serializers.ChoiceField(["case"])
    case = CaseTold()


class SnapshotEvent(Event):
    """Instead of events that are kept no more."""

    type = serializers.ChoiceField(["snapshot"])
    groups = GroupTold(many=True)
    results = CaseTold(many=True)


class QueueNews(serializers.Serializer):
    """Its place in the queue has changed; others move it, so this has no number."""

    type = serializers.ChoiceField(["queue"])
    submission = serializers.UUIDField()
    queue = Place()


EVENTS: dict[str, serializers.Serializer | type[serializers.Serializer]] = {
    "status": StatusEvent,
    "case": CaseEvent,
    "snapshot": SnapshotEvent,
}
AnyEvent = PolymorphicProxySerializer(
    component_name="AnyEvent",
    serializers=EVENTS,
    resource_type_field_name="type",
    many=True,
)
FollowedMessage = PolymorphicProxySerializer(
    component_name="FollowedMessage",
    serializers=EVENTS | {"queue": QueueNews},
    resource_type_field_name="type",
)


@extend_schema_field(AnyEvent)
class EventsField(serializers.ListField):
    pass


class Events(serializers.Serializer):
    events = EventsField()
    final = serializers.BooleanField(help_text="Whether there will be no more.")
    queue = Place(allow_null=True, help_text="There while it is queued.")


class Receipt(serializers.Serializer):
    """What the first request with an Idempotency-Key has made, and what it was told."""

    key = serializers.CharField()
    created_at = serializers.DateTimeField()
    kind = serializers.ChoiceField(Submission.Kind.values)
    id = serializers.UUIDField()
    location = serializers.CharField()
    answer = AnyObject()


class Webhook(serializers.Serializer):
    """Who is told that a submission has ended, and whether that has worked."""

    submission = serializers.UUIDField()
    url = serializers.CharField(help_text="Without its query, which may hold a secret.")
    state = serializers.ChoiceField(["waiting", "delivered", "given_up"])
    attempts = serializers.IntegerField()
    last_status = serializers.IntegerField(allow_null=True)
    last_error = serializers.CharField()
    next_try_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


ID = "0b6f1c52-6f0e-4f0e-9a53-0b1c0a8d9a11"
PROGRAM = "print(sum(map(int, input().split())))"
TAKEN: dict[str, Any] = {
    "id": ID,
    "kind": "graded",
    "question": {"id": "5b5f6a1e-7c44-4a0b-9a55-0c8c1d0f6c11", "slug": "sum", "title": "Sum"},
    "language": "python",
    "seq": 1,
    "status": "queued",
    "verdict": None,
    "outcome": None,
    "score": None,
    "points": {"earned": 0.0, "obtainable": None},
    "reason": "",
    "message": "",
    "retryable": False,
    "final": False,
    "attempt": 0,
    "cases": {"total": 0, "judged": 0, "passed": 0},
    "time_ms": None,
    "memory_kib": None,
    "created_at": "2026-01-05T09:00:00Z",
    "started_at": None,
    "finished_at": None,
    "source_bytes": 37,
    "metadata": {"attempt": "3rd"},
    "url": f"/submissions/{ID}/",
    "queue": {"position": 1, "estimated_wait_s": 2},
}
SUBMIT: OpenApiExample = sent(
    "A program for a question",
    {"question": "sum", "language": "python", "source": PROGRAM, "metadata": {"attempt": "3rd"}},
)
RUN = sent("A program and an input", {"language": "python", "source": PROGRAM, "input": "1 2\n"})

SubmissionPage = page_of(ListedSubmission(many=True), "SubmissionPage")
WebhookPage = page_of(Webhook(many=True), "WebhookPage")

ENDED = "It has ended, while you waited (`?wait=true`)."
HELD = "Taken; `Location` says where to look."
LISTED = answer(SubmissionPage, "Newest first, one's own only.")

OPERATIONS: Described = {
    (api.SubmissionList, "GET"): Operation(
        id="listSubmissions",
        tag="Submissions",
        summary="List all that one has submitted and run",
        query=ListQuery,
        parameters=(CURSOR,),
        answers={200: LISTED},
        problems=(NOT_FOUND,),
    ),
    (api.SubmissionList, "POST"): Operation(
        id="createSubmission",
        tag="Submissions",
        summary="Have a program graded",
        text="It is judged against all testcases of the question, and kept.",
        body=SubmitSerializer,
        query=WaitQuery,
        answers={
            202: answer(TakenSubmission, HELD, told("Queued", TAKEN, "202")),
            200: answer(SubmissionDetail, ENDED),
        },
        problems=(NOT_FOUND,),
        examples=(SUBMIT,),
        makes_something=True,
    ),
    (api.SubmissionDetail, "GET"): Operation(
        id="getSubmission",
        tag="Submissions",
        summary="Get a submission or a run",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(SubmissionDetail, "As it is now."), 304: UNCHANGED},
        is_conditional=True,
    ),
    (api.SubmissionCancel, "POST"): Operation(
        id="cancelSubmission",
        tag="Submissions",
        summary="Take one back while it is queued",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(SubmissionSummary, "It has ended, with the reason `cancelled`.")},
        problems=(NOT_QUEUED,),
    ),
    (api.SubmissionEvents, "GET"): Operation(
        id="listEvents",
        tag="Live",
        summary="Get what has changed",
        text="The events after the one you have seen; with `wait`, the answer is kept back until there is one.",
        query=EventsQuery,
        parameters=(SUBMISSION_ID,),
        answers={200: answer(Events, "In their order; none where nothing has changed."), 304: UNCHANGED},
        is_conditional=True,
    ),
    (api.RunList, "GET"): Operation(
        id="listRuns",
        tag="Runs",
        summary="List one's runs",
        query=RunListQuery,
        parameters=(CURSOR,),
        answers={200: LISTED},
        problems=(NOT_FOUND,),
    ),
    (api.RunList, "POST"): Operation(
        id="createRun",
        tag="Runs",
        summary="Run a program",
        text="On an input of your own, on the public cases of a question, or on both. It counts for nothing, and its"
        " program, input and output are forgotten after a while.",
        body=RunSerializer,
        query=WaitQuery,
        answers={202: answer(TakenSubmission, HELD), 200: answer(SubmissionDetail, ENDED)},
        problems=(NOT_FOUND, NO_BACKEND),
        examples=(RUN,),
        makes_something=True,
    ),
    (api.RunDetail, "GET"): Operation(
        id="getRun",
        tag="Runs",
        summary="Get a run",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(SubmissionDetail, "As it is now."), 304: UNCHANGED},
        is_conditional=True,
    ),
    (api.ReceiptDetail, "GET"): Operation(
        id="getReceipt",
        tag="Submissions",
        summary="Find out what an Idempotency-Key has made",
        parameters=(in_path("key", "The key, as it was sent."),),
        answers={200: answer(Receipt, "What it has made.")},
    ),
    (webhook_views.WebhookList, "GET"): Operation(
        id="listWebhooks",
        tag="Webhooks",
        summary="List one's webhooks",
        query=PageQuery,
        parameters=(CURSOR,),
        answers={200: answer(WebhookPage, "Newest first.")},
        problems=(NOT_FOUND,),
    ),
}
