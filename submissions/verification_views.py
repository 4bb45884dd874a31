"""A question's reference solutions in the admin: what each should get and what it got, and having them judged.

Reached from the question's page; scripts renew the table while something is judged. For who may see submissions.
"""

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from questions.models import Question
from submissions import verification

PAGE = "admin-verification"


@require_safe
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """For the admin, which has let in staff only."""
    if not request.user.has_perms(["questions.view_question", "submissions.view_submission"]):
        raise PermissionDenied
    question = get_object_or_404(Question.objects.defer("statement", "statement_html"), pk=pk)
    found = verification.results(question)
    suggestion = verification.suggested_limit(question, found)
    context = {
        "title": f"Reference solutions of “{question.title}”",
        "question": question,
        "results": found,
        "standing": verification.standing_of(found),
        "suggestion": suggestion,
        "goes_on": goes_on(question, found, suggestion),
        "is_suggested": suggestion is not None and is_news(question, suggestion),
        "may_change": may_change(request),
    }
    return TemplateResponse(request, "admin/verification.html", admin.site.each_context(request) | context)


@require_POST
def start(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have them judged, and watch."""
    question = _to_change(request, pk)
    assert isinstance(request.user, User)
    if not verification.start(question=question, user=request.user):
        messages.info(request, "There is nothing to judge, or it is being judged already.")
    return _back(question)


@require_POST
def set_limit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the time limit that comes of the results as they are now; then all are judged anew under it."""
    question = _to_change(request, pk)
    assert isinstance(request.user, User)
    suggestion = verification.suggested_limit(question, verification.results(question))
    if suggestion is None:
        messages.error(request, "No solution is known by which the time limit could be set.")
        return _back(question)
    verification.set_limit(question, suggestion.limit_ms)
    verification.start(question=question, user=request.user)
    messages.success(
        request, f"The time limit is {suggestion.limit_ms} ms now; the solutions are judged under it."
    )
    return _back(question)


def goes_on(
    question: Question, found: list[verification.Result], suggestion: verification.Suggestion | None
) -> bool:
    """Whether something is still judged, or will be without anybody's doing: a worker sets a measured limit soon."""
    if verification.standing_of(found).unfinished:
        return True
    is_measured = question.time_limit_is_derived and suggestion is not None
    return is_measured and bool(verification.measured_lately([question.pk]))


def is_news(question: Question, suggestion: verification.Suggestion) -> bool:
    return question.time_limit_is_derived or suggestion.limit_ms != question.time_limit_ms


def may_change(request: HttpRequest) -> bool:
    return request.user.has_perms(["questions.change_question", "submissions.view_submission"])


def _to_change(request: HttpRequest, pk: UUID) -> Question:
    if not may_change(request):
        raise PermissionDenied
    return get_object_or_404(Question, pk=pk)


def _back(question: Question) -> HttpResponseRedirect:
    return redirect(PAGE, question.pk)
