"""The contracts that clients of earlier systems already speak: S0, S1, S3, S4, with their names for fields."""

from typing import Any

from rest_framework import serializers

from execution.types import Verdict
from judgeplatform.openapi.operations import (
    CURSOR,
    LOCATION,
    SUBMISSION_ID,
    Described,
    Operation,
    answer,
    in_path,
    in_query,
    page_of,
    sent,
    told,
)
from judgeplatform.openapi.problems import DIFFERS, NO_BACKEND, NOT_FOUND, NOT_JUDGED
from judgeplatform.openapi.submissions import ENDED, HELD, AnyObject
from submissions.dialects import challenges, s0, s1, s3, s4
from submissions.dialects.bodies import WaitUnlessToldQuery
from submissions.dialects.values import V4
from submissions.models import VERDICTS, Submission
from submissions.serializers import WaitQuery

STATUSES = Submission.Status.values
V0 = ("queued", "running", "passed", "failed", "error")
ID = "0b6f1c52-6f0e-4f0e-9a53-0b1c0a8d9a11"
FEW = s1.NewestFew
PAGE_SIZE = in_query(
    "page_size",
    "How many are wanted at once.",
    {"type": "integer", "minimum": 1, "maximum": FEW.max_page_size, "default": FEW.page_size},
)
NAME = in_path("name", "The question's slug or id.")


def metadata() -> AnyObject:
    return AnyObject(allow_null=True, help_text="As it was sent.")


# --- S0 --------------------------------------------------------------------------------------------------------


class FirstFailure(serializers.Serializer):
    """Of a hidden case no more than these three."""

    index = serializers.IntegerField()
    visibility = serializers.ChoiceField(["public", "hidden"])
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    actual = serializers.CharField(required=False)
    expected = serializers.CharField(required=False, allow_null=True)


class TestJudged(FirstFailure):
    """A public case."""

    __test__ = False  # not a class for pytest

    input = serializers.CharField()
    stderr = serializers.CharField()
    timeMs = serializers.IntegerField(allow_null=True)
    memoryKb = serializers.IntegerField(allow_null=True)


class Judging(serializers.Serializer):
    """Null is what is not known yet."""

    status = serializers.ChoiceField(V0)
    verdict = serializers.ChoiceField(VERDICTS, allow_null=True)
    score = serializers.FloatField(allow_null=True)
    passed = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    firstFailure = FirstFailure(allow_null=True)
    tests = TestJudged(many=True, allow_null=True)
    timeMs = serializers.IntegerField(allow_null=True)
    memoryKb = serializers.IntegerField(allow_null=True)
    message = serializers.CharField(
        allow_null=True, help_text="The compiler's words, or why it could not be judged."
    )
    metadata = metadata()


class JudgingOfSubmission(Judging):
    submissionId = serializers.UUIDField()


PROGRAM = "print(sum(map(int, input().split())))"
JUDGE = sent(
    "Two cases",
    {
        "languageId": "python",
        "sourceCode": PROGRAM,
        "testCases": [{"input": "1 2\n", "expected": "3\n"}, {"input": "2 2\n", "expected": "4\n"}],
        "outputComparison": "trim",
    },
)

S0: Described = {
    (s0.Submissions, "POST"): Operation(
        id="s0CreateSubmission",
        tag="S0",
        summary="Have a program graded",
        body=s0.SubmissionBody,
        query=WaitQuery,
        answers={202: answer(JudgingOfSubmission, HELD), 200: answer(JudgingOfSubmission, ENDED)},
        problems=(NOT_FOUND, NO_BACKEND),
        examples=(sent("A program", {"questionId": "sum", "languageId": "python", "sourceCode": PROGRAM}),),
        makes_something=True,
    ),
    (s0.OneSubmission, "GET"): Operation(
        id="s0GetSubmission",
        tag="S0",
        summary="Get a submission",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(JudgingOfSubmission, "As it is now.")},
    ),
    (s0.JudgeQuestion, "POST"): Operation(
        id="s0JudgeQuestion",
        tag="S0",
        summary="Judge a submission, or ask how it was judged",
        text="For machines. It attaches to the judging that the submission has had since it was made, and begins none."
        " Where there is no key for machines, there is nothing at this address.",
        body=s0.JudgeQuestionBody,
        query=WaitQuery,
        parameters=(LOCATION,),
        answers={202: answer(JudgingOfSubmission, HELD), 200: answer(JudgingOfSubmission, "It has ended.")},
        problems=(NOT_FOUND, DIFFERS),
    ),
    (s0.Judge, "POST"): Operation(
        id="s0Judge",
        tag="S0",
        summary="Judge a program against cases that come with it",
        text="For machines. The cases are run one after the other until one fails.",
        body=s0.JudgeBody,
        query=WaitQuery,
        answers={202: answer(Judging, HELD), 200: answer(Judging, ENDED)},
        problems=(NOT_FOUND, NO_BACKEND),
        examples=(JUDGE,),
        makes_something=True,
    ),
}

# --- S1 --------------------------------------------------------------------------------------------------------


class Job(serializers.Serializer):
    job_id = serializers.UUIDField()


class JobStatus(serializers.Serializer):
    status = serializers.ChoiceField(STATUSES)
    score = serializers.IntegerField(
        allow_null=True, help_text="0 to 100; while it is judged, as far as it is. Null without any points."
    )


class JobDetail(JobStatus):
    id = serializers.UUIDField()
    user_id = serializers.CharField()
    language = serializers.CharField()
    code = serializers.CharField(allow_null=True)
    stdout = serializers.CharField(allow_null=True)
    stderr = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    metadata = metadata()


JobPage = page_of(JobDetail(many=True), "JobPage")
EXECUTE_JOB = sent(
    "A program and an input", {"code": PROGRAM, "lang": "python", "input": "1 2\n", "expected": "3\n"}
)

S1: Described = {
    (s1.Execute, "POST"): Operation(
        id="executeJob",
        tag="S1",
        summary="Run a program, or have it graded",
        text="With a `question` it is graded, and its limit is `submit`; without one it is run, and scored only where"
        " something is `expected`.",
        body=s1.ExecuteBody,
        answers={202: answer(Job, HELD, told("A job", {"job_id": ID}, "202"))},
        problems=(NOT_FOUND, NO_BACKEND),
        examples=(EXECUTE_JOB,),
        makes_something=True,
    ),
    (s1.Status, "GET"): Operation(
        id="getJobStatus",
        tag="S1",
        summary="Get a job's status and score",
        parameters=(SUBMISSION_ID,),
        answers={
            200: answer(
                JobStatus, "As it is now.", told("Halfway", {"status": "running", "score": 50}, "200")
            )
        },
    ),
    (s1.Executions, "GET"): Operation(
        id="listJobs",
        tag="S1",
        summary="List one's jobs",
        parameters=(CURSOR, PAGE_SIZE),
        answers={200: answer(JobPage, "Newest first.")},
        problems=(NOT_FOUND,),
    ),
    (s1.OneExecution, "GET"): Operation(
        id="getJob",
        tag="S1",
        summary="Get a job",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(JobDetail, "As it is now.")},
    ),
}

# --- S3 --------------------------------------------------------------------------------------------------------


class Named(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(STATUSES)
    metadata = metadata()


class Executed(Named):
    """Null is what is not known yet."""

    output = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    executionTime = serializers.IntegerField(allow_null=True, help_text="Milliseconds.")
    success = serializers.BooleanField(allow_null=True)
    stderr = serializers.CharField(allow_null=True)
    memoryKb = serializers.IntegerField(allow_null=True)


class CaseTested(serializers.Serializer):
    """Of a hidden case, `index`, `hidden`, `passed` and, where it was not run, `skipped`."""

    index = serializers.IntegerField()
    passed = serializers.BooleanField()
    hidden = serializers.BooleanField(required=False)
    skipped = serializers.BooleanField(required=False, help_text="It was not run: an earlier one had failed.")
    input = serializers.CharField(required=False)
    expected = serializers.CharField(required=False, allow_null=True)
    actual = serializers.CharField(required=False, allow_null=True)
    executionTime = serializers.IntegerField(required=False, help_text="Milliseconds.")
    description = serializers.CharField(required=False)
    error = serializers.CharField(required=False)


class TestResults(serializers.Serializer):
    __test__ = False

    totalTests = serializers.IntegerField()
    passedTests = serializers.IntegerField()
    results = CaseTested(many=True)


class Tested(Named):
    """Null is what is not known yet."""

    totalTests = serializers.IntegerField(allow_null=True)
    passedTests = serializers.IntegerField(allow_null=True)
    results = CaseTested(many=True, allow_null=True)


class Validity(Named):
    """Null is what is not known yet."""

    isValid = serializers.BooleanField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    testResults = TestResults(allow_null=True)
    feedback = serializers.CharField()


class HistoryItem(Named):
    status = serializers.ChoiceField([*STATUSES, s3.EXPIRED])
    exerciseId = serializers.UUIDField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    language = serializers.CharField()
    output = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True)
    executionTime = serializers.IntegerField(allow_null=True, help_text="Milliseconds.")
    testResults = TestResults(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    createdAt = serializers.DateTimeField()


class ChallengeCase(serializers.Serializer):
    input = serializers.CharField()
    expected = serializers.CharField()
    description = serializers.CharField()


class ChallengeTold(serializers.Serializer):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    title = serializers.CharField()
    description = serializers.CharField()
    instructions = serializers.CharField(help_text="Markdown.")
    startingCode = serializers.CharField()
    testCases = ChallengeCase(many=True, help_text="The public ones.")
    solution = serializers.CharField(required=False, allow_null=True, help_text="For authors.")


HistoryPage = page_of(HistoryItem(many=True), "HistoryPage")
ChallengePage = page_of(ChallengeTold(many=True), "ChallengePage")
TEST = sent(
    "One case",
    {"code": PROGRAM, "language": "python", "testCases": [{"input": "1 2\n", "expected": "3\n"}]},
)

S3: Described = {
    (s3.Execute, "POST"): Operation(
        id="s3Execute",
        tag="S3",
        summary="Run a program",
        body=s3.ExecuteBody,
        query=WaitUnlessToldQuery,
        answers={200: answer(Executed, "It has ended."), 202: answer(Executed, HELD)},
        problems=(NOT_JUDGED,),
        examples=(sent("A program and an input", {"code": PROGRAM, "language": "python", "input": "1 2\n"}),),
        makes_something=True,
    ),
    (s3.Test, "POST"): Operation(
        id="s3Test",
        tag="S3",
        summary="Test a program with cases that come with it",
        text="All of them are run. A case that could not be run by our fault is one result with an error.",
        body=s3.TestBody,
        query=WaitUnlessToldQuery,
        answers={200: answer(Tested, "It has ended."), 202: answer(Tested, HELD)},
        problems=(NOT_JUDGED,),
        examples=(TEST,),
        makes_something=True,
    ),
    (s3.Validate, "POST"): Operation(
        id="s3Validate",
        tag="S3",
        summary="Have a program graded",
        body=s3.ValidateBody,
        query=WaitUnlessToldQuery,
        answers={200: answer(Validity, "It has ended."), 202: answer(Validity, HELD)},
        problems=(NOT_FOUND, NOT_JUDGED),
        examples=(sent("A program", {"code": PROGRAM, "language": "python", "exerciseId": "sum"}),),
        makes_something=True,
    ),
    (s3.History, "GET"): Operation(
        id="s3History",
        tag="S3",
        summary="List one's runs and submissions",
        parameters=(CURSOR, PAGE_SIZE),
        answers={200: answer(HistoryPage, "Newest first.")},
        problems=(NOT_FOUND,),
    ),
    (s3.OneExecution, "GET"): Operation(
        id="s3GetExecution",
        tag="S3",
        summary="Get one item of the history",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(HistoryItem, "As it is now.")},
    ),
    (challenges.Challenges, "GET"): Operation(
        id="s3ListChallenges",
        tag="S3",
        summary="List questions",
        query=challenges.ChallengeQuery,
        parameters=(CURSOR, PAGE_SIZE),
        answers={200: answer(ChallengePage, "Newest first.")},
        problems=(NOT_FOUND,),
    ),
    (challenges.Challenge, "GET"): Operation(
        id="s3GetChallenge",
        tag="S3",
        summary="Get a question",
        query=challenges.ChallengeQuery,
        parameters=(NAME,),
        answers={200: answer(ChallengeTold, "The question.")},
    ),
}

# --- S4 --------------------------------------------------------------------------------------------------------


class ExecutionId(serializers.Serializer):
    execution_id = serializers.UUIDField()


class ExecutionTold(serializers.Serializer):
    """Null is what is not known yet."""

    execution_id = serializers.UUIDField()
    user_id = serializers.CharField(help_text="The token's `sub`, else our number.")
    code = serializers.CharField(allow_null=True)
    language = serializers.CharField()
    input_data = serializers.CharField()
    status = serializers.ChoiceField(list(V4.values()))
    output = serializers.CharField(allow_null=True)
    error_output = serializers.CharField(allow_null=True)
    execution_time = serializers.RegexField(r"^\d+\.\d\ds$", allow_null=True, help_text="Such as 0.05s.")
    memory_usage = serializers.RegexField(r"^\d+\.\dMB$", allow_null=True, help_text="Such as 2.1MB.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    metadata = metadata()


EXECUTION: dict[str, Any] = {
    "execution_id": ID,
    "user_id": "firebase_uid",
    "code": "print('Hello')",
    "language": "python",
    "input_data": "",
    "status": "completed",
    "output": "Hello\n",
    "error_output": "",
    "execution_time": "0.05s",
    "memory_usage": "2.1MB",
    "created_at": "2025-06-22T10:30:00.000Z",
    "updated_at": "2025-06-22T10:30:02.000Z",
    "completed_at": "2025-06-22T10:30:02.000Z",
    "metadata": None,
}
EXECUTE = sent("Hello World", {"code": "print('Hello World')", "language": "python", "input_data": ""})

S4: Described = {
    (s4.Execute, "POST"): Operation(
        id="s4Execute",
        tag="S4",
        summary="Run a program",
        body=s4.ExecuteBody,
        answers={202: answer(ExecutionId, HELD, told("An execution", {"execution_id": ID}, "202"))},
        problems=(NO_BACKEND,),
        examples=(EXECUTE,),
        makes_something=True,
    ),
    (s4.Status, "GET"): Operation(
        id="s4GetStatus",
        tag="S4",
        summary="Get an execution",
        parameters=(SUBMISSION_ID,),
        answers={200: answer(ExecutionTold, "As it is now.", told("It has ended", EXECUTION, "200"))},
    ),
}

OPERATIONS: Described = {**S0, **S1, **S3, **S4}
