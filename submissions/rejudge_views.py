"""Rejudging in the admin: choosing submissions of a question, watching them, seeing what would change, deciding.

Looking is for who may see submissions; all else for who may also change questions and add rejudge sets.
"""

from collections.abc import Callable
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from execution import languages
from questions.models import Question
from submissions import rejudging, revisions
from submissions.models import VERDICTS, RejudgeSet

SHOWN = 100
LOOKED_FOR = ("questions.view_question", "submissions.view_submission")
DONE_FOR = ("questions.change_question", "submissions.view_submission", "submissions.add_rejudgeset")


class Moment(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class ChoiceForm(forms.Form):
    """What is chosen; whatever is left empty excludes none."""

    since = forms.DateTimeField(label="Submitted since", required=False, widget=Moment)
    until = forms.DateTimeField(label="Until", required=False, widget=Moment)
    verdicts = forms.MultipleChoiceField(
        label="Verdict",
        required=False,
        choices=[*((one, one) for one in VERDICTS), (rejudging.ERROR, "not judged (our fault)")],
        widget=forms.CheckboxSelectMultiple,
    )
    languages = forms.MultipleChoiceField(
        label="Language", required=False, choices=languages.choices, widget=forms.CheckboxSelectMultiple
    )
    users = forms.CharField(
        label="Learners", required=False, max_length=5000, help_text="Names, with blanks between them."
    )
    only_outdated = forms.BooleanField(
        label="Only what was judged with an older version of the question", required=False
    )
    reason = forms.CharField(
        label="Reason", required=False, max_length=200, help_text="For other authors, and for later."
    )

    def choice(self, question: Question) -> rejudging.Choice:
        given = self.cleaned_data
        return rejudging.Choice(
            since=given["since"],
            until=given["until"],
            verdicts=tuple(given["verdicts"]),
            languages=tuple(given["languages"]),
            users=tuple(given["users"].split()),
            revision=revisions.current(question) if given["only_outdated"] else "",
        )


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What may be chosen, how many that is, and the question's sets. For the admin, which has let in staff only."""
    question = _question(request, pk, LOOKED_FOR)
    form = ChoiceForm(request.POST)  # without anything it chooses all
    if request.POST.get("action") == "start" and form.is_valid():
        return _start(request, question, form)
    return _chooser(request, question, form)


def _start(request: HttpRequest, question: Question, form: ChoiceForm) -> HttpResponse:
    _require(request, DONE_FOR)
    assert isinstance(request.user, User)
    try:
        made = rejudging.start(
            question=question,
            choice=form.choice(question),
            user=request.user,
            reason=form.cleaned_data["reason"],
        )
    except rejudging.NotNow as error:
        form.add_error(None, str(error))
        return _chooser(request, question, form)
    _log(request, question, f"Started rejudging {made.total} submissions.")
    return redirect("admin-rejudge-set", question.pk, made.pk)


def _chooser(request: HttpRequest, question: Question, form: ChoiceForm) -> HttpResponse:
    is_valid = form.is_valid() or set(form.errors) == {NON_FIELD_ERRORS}
    count = rejudging.choose(question, form.choice(question)).count() if is_valid else None
    sets = question.rejudge_sets.select_related("started_by")
    context = {
        "title": f"Rejudge “{question.title}”",
        "form": form,
        "count": count,
        "sets": sets,
        "is_open": any(one.state not in RejudgeSet.ENDED for one in sets),
        "to_decide": next((one for one in sets if _is_judged(one)), None),
    }
    return _answer(request, "admin/rejudge.html", question, context)


@require_safe
def one_set(request: HttpRequest, pk: UUID, rejudge_set: UUID) -> HttpResponse:
    """How it stands and what would change; those that change first."""
    question = _question(request, pk, LOOKED_FOR)
    found = _set(question, rejudge_set)
    shown: tuple[str, ...] = ("source", "compile_output", "of__source", "of__compile_output")
    rows = rejudging.with_differences(found).select_related("of__user").defer(*shown)
    context = {
        "title": f"Rejudging “{question.title}”",
        "set": found,
        "now": rejudging.progress(found),
        "goes_on": _goes_on(found),
        "page": Paginator(rows, SHOWN).get_page(request.GET.get("page")),
    }
    return _answer(request, "admin/rejudge_set.html", question, context)


def _goes_on(one: RejudgeSet) -> bool:
    """Whether the page will show something else soon, by itself."""
    return one.state not in RejudgeSet.ENDED and not _is_judged(one)


def _is_judged(one: RejudgeSet) -> bool:
    """To its end, so that only an author goes on with it."""
    return one.state == RejudgeSet.State.JUDGING and not one.rejudges.unfinished().exists()


@require_POST
def apply(request: HttpRequest, pk: UUID, rejudge_set: UUID) -> HttpResponse:
    return _decide(request, pk, rejudge_set, rejudging.apply, "Applied the rejudging of {} submissions.")


@require_POST
def discard(request: HttpRequest, pk: UUID, rejudge_set: UUID) -> HttpResponse:
    return _decide(request, pk, rejudge_set, rejudging.discard, "Discarded the rejudging of {} submissions.")


def _decide(
    request: HttpRequest, pk: UUID, rejudge_set: UUID, act: Callable[[RejudgeSet], None], words: str
) -> HttpResponseRedirect:
    question = _question(request, pk, DONE_FOR)
    found = _set(question, rejudge_set)
    try:
        act(found)
    except rejudging.NotNow as error:
        messages.error(request, str(error))
    else:
        _log(request, question, words.format(found.total))
    return redirect("admin-rejudge-set", question.pk, found.pk)


def _log(request: HttpRequest, question: Question, words: str) -> None:
    assert isinstance(request.user, User)
    LogEntry.objects.log_actions(request.user.pk, [question], CHANGE, words, single_object=True)


def _require(request: HttpRequest, permissions: tuple[str, ...]) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _question(request: HttpRequest, pk: UUID, permissions: tuple[str, ...]) -> Question:
    _require(request, permissions)
    return get_object_or_404(Question.objects.defer("statement", "statement_html"), pk=pk)


def _set(question: Question, pk: UUID) -> RejudgeSet:
    return get_object_or_404(
        RejudgeSet.objects.select_related("question", "started_by"), question=question, pk=pk
    )


def _answer(
    request: HttpRequest, template: str, question: Question, context: dict[str, object]
) -> TemplateResponse:
    told = context | {"question": question, "may_change": request.user.has_perms(DONE_FOR)}
    return TemplateResponse(request, template, admin.site.each_context(request) | told)
