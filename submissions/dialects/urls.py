"""The addresses of all contracts; each works with and without a slash at its end, as clients were told by others."""

from typing import Any

from django.urls import URLPattern, path

from submissions.dialects import challenges, s0, s1, s3, s4


def both(route: str, view: Any, name: str) -> list[URLPattern]:
    """The name is that of the address without a slash."""
    return [path(route, view.as_view(), name=name), path(f"{route}/", view.as_view())]


urlpatterns = [
    *both("v1/submissions", s0.Submissions, "s0-submissions"),
    *both("v1/submissions/<uuid:pk>", s0.OneSubmission, "s0-submission"),
    *both("v1/judge-question", s0.JudgeQuestion, "s0-judge-question"),
    *both("v1/judge", s0.Judge, "s0-judge"),
    *both("api/execute", s1.Execute, "s1-execute"),
    *both("api/status/<uuid:pk>", s1.Status, "s1-status"),
    *both("api/executions", s1.Executions, "s1-executions"),
    *both("api/executions/<uuid:pk>", s1.OneExecution, "s1-execution"),
    *both("api/execution/execute", s3.Execute, "s3-execute"),
    *both("api/execution/test", s3.Test, "s3-test"),
    *both("api/execution/validate", s3.Validate, "s3-validate"),
    *both("api/execution/history", s3.History, "s3-history"),
    *both("api/execution/<uuid:pk>", s3.OneExecution, "s3-execution"),
    *both("api/challenges", challenges.Challenges, "s3-challenges"),
    *both("api/challenges/<str:name>", challenges.Challenge, "s3-challenge"),
    *both("api/v1/executions/execute", s4.Execute, "s4-execute"),
    *both("api/v1/executions/status/<uuid:pk>", s4.Status, "s4-status"),
]
