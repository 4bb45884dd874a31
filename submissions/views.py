"""The learner's pages: questions with one's progress, solving one, one's submissions. All work without scripts.

Scripts fetch parts of the same pages (`?part=result`, the history), so that a result looks the same everywhere.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from rest_framework.exceptions import ValidationError

from accounts import limits
from accounts.models import User
from execution import languages
from execution.errors import NoBackend
from execution.languages import Language
from execution.types import Limits, ScoringMode, Verdict
from questions.models import Blob, Question
from questions.search import QuestionSearch
from submissions import disclosure, ephemeral, intake, judging, lifecycle, report, revisions, waiting
from submissions.backends import offered_nowhere
from submissions.connections import DATABASE_FAILS
from submissions.models import Submission, is_solution
from submissions.serializers import RunSerializer, SubmitSerializer, TooLarge, run_of

logger = logging.getLogger(__name__)

QUESTIONS_A_PAGE = 50
SUBMISSIONS_A_PAGE = 25
ATTEMPTS_SHOWN = 30
TRY_AGAIN_S = 5
RENEWED_OFTEN_S, RENEWED_SELDOM_S = 2, 10


class SeeOther(HttpResponseRedirect):
    """After a POST: read the answer there, by GET."""

    status_code = 303


@require_safe
def question_list(request: HttpRequest) -> HttpResponse:
    search = QuestionSearch(request.GET)
    questions = search.matching(Question.objects.visible_to(request.user)).prefetch_related("tags")
    page = Paginator(questions.defer("statement", "statement_html"), QUESTIONS_A_PAGE).get_page(
        request.GET.get("page")
    )
    marks = progress(request.user, list(page))
    return render(
        request,
        "questions/list.html",
        {"search": search, "page": page, "rows": [(one, marks.get(one.pk, "")) for one in page]},
    )


def progress(user: User | AnonymousUser, questions: list[Question]) -> dict[UUID, str]:
    """`solved` or `attempted` for those of `questions` that the user has submitted something to."""
    if not user.is_authenticated:
        return {}
    judged = Submission.objects.graded().filter(user=user, question__in=questions, verdict__isnull=False)
    marks: dict[UUID, str] = {}
    rows = judged.order_by().values_list("question_id", "verdict", "score").distinct()
    for question_id, verdict, score in rows:
        if is_solution(verdict, score):
            marks[question_id] = "solved"
        elif verdict != Verdict.CE:
            marks.setdefault(question_id, "attempted")
    return marks


@dataclass(frozen=True)
class Draft:
    """What stands in the form. `is_given`: it was sent or asked for, so no stored draft may take its place."""

    language: Language
    source: str
    own_input: str = ""
    is_given: bool = False
    errors: dict[str, list[str]] = field(default_factory=dict)
    retry_after_s: int | None = None


@require_http_methods(["GET", "HEAD", "POST"])
def solve(request: HttpRequest, slug: str) -> HttpResponse:
    question = get_object_or_404(Question.objects.visible_to(request.user), slug=slug)
    if request.method != "POST":
        return _solve_page(request, question, _first_draft(request, question))
    if not request.user.is_authenticated:
        return redirect_to_login(question.get_absolute_url())
    return _send(request, request.user, question)


def _send(request: HttpRequest, user: User, question: Question) -> HttpResponse:
    """Take the form as the API takes JSON; what is wrong with it is told on the same page, nothing typed is lost."""
    action = request.POST.get("action")
    if action not in ("run", "submit"):
        raise BadRequest("The form's action is run or submit.")
    source, own_input = _text(request, "source"), _text(request, "input")
    sent = {"question": question.slug, "language": request.POST.get("language", ""), "source": source}
    # An empty box means no input of one's own: a form cannot say it otherwise.
    serializer = (
        RunSerializer(data=sent | {"input": own_input or None}, context={"user": user})
        if action == "run"
        else SubmitSerializer(data=sent, context={"user": user})
    )
    language = languages.find(sent["language"]) or question.languages()[0]
    draft = Draft(language, source, own_input, is_given=True)
    return _answer(serializer, draft, lambda told, status: _solve_page(request, question, told, status))


@dataclass(frozen=True)
class Refusal:
    """Why a program was not taken. `errors` by field, or by none."""

    status: int
    errors: dict[str, list[str]]
    retry_after_s: int | None = None


def _answer(
    serializer: RunSerializer | SubmitSerializer, draft: Draft, page: Callable[[Draft, int], HttpResponse]
) -> HttpResponse:
    """To the page of what was taken; or `page` again, with the draft and why it was not taken, and that status."""
    taken = _take(serializer)
    if isinstance(taken, Submission):
        return SeeOther(reverse("submission", args=[taken.pk]))
    is_limited = taken.status == HTTPStatus.TOO_MANY_REQUESTS
    told = replace(draft, errors=taken.errors, retry_after_s=taken.retry_after_s if is_limited else None)
    answer = page(told, taken.status)
    if taken.retry_after_s is not None:
        answer["Retry-After"] = str(taken.retry_after_s)
    return answer


def _take(serializer: RunSerializer | SubmitSerializer) -> Submission | Refusal:
    """Take what a form has sent for the user of the serializer's context."""
    try:
        serializer.is_valid(raise_exception=True)
        given = serializer.validated_data
        new = run_of(given) if isinstance(serializer, RunSerializer) else intake.NewSubmission(**given)
        return intake.take(new, user=serializer.context["user"], answer=disclosure.summary).submission
    except ValidationError as error:
        return Refusal(400, _by_field(error))
    except TooLarge as error:
        return Refusal(413, error.errors)
    except limits.Limited as limited:
        return Refusal(429, {}, limited.retry_after_s)
    except waiting.QueueFull as full:
        return Refusal(503, {"": [str(full)]}, full.retry_after_s)
    except NoBackend as error:
        return Refusal(502, {"": [str(error)]}, TRY_AGAIN_S)
    except (redis.RedisError, *DATABASE_FAILS) as error:
        logger.error("a program cannot be taken: %s", error)
        return Refusal(503, {"": ["It cannot be taken just now; please try again soon."]}, TRY_AGAIN_S)


def _text(request: HttpRequest, name: str) -> str:
    """Browsers send line ends of forms as CR LF, whatever was typed."""
    return request.POST.get(name, "").replace("\r\n", "\n")


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    detail = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    return {name: [str(text) for text in texts] for name, texts in detail.items()}


def _first_draft(request: HttpRequest, question: Question) -> Draft:
    """The program of the submission named by `?from=`; else the starter code of the language used last."""
    wanted = _uuid(request.GET.get("from", ""))
    if wanted:
        attempts = Submission.objects.visible_to(request.user).graded().filter(question=question)
        attempt = get_object_or_404(attempts, pk=wanted)
        return Draft(languages.get(attempt.language), attempt.source, is_given=True)
    offered = _offered(question.languages())
    last = _attempts(request.user, question).values_list("language", flat=True).first()
    language = next((one for one in offered if one.slug == last), offered[0])
    return Draft(language, language.starter(_starters(question)))


def _offered(those: Sequence[Language], chosen: Language | None = None) -> list[Language]:
    """Of these languages, those that some backend may have, and the one that is chosen already."""
    lacking = offered_nowhere()
    return [one for one in those if one.slug not in lacking or one == chosen] or list(those)


def _small_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _starters(question: Question) -> dict[str, str]:
    return dict(question.starter_codes.values_list("language", "source"))


def _solve_page(request: HttpRequest, question: Question, draft: Draft, status: int = 200) -> HttpResponse:
    public = list(question.testcases.public().in_order())
    data = Blob.objects.beginnings(question.testcases.shown().blob_ids(), disclosure.TEXT_CAP)
    context = {
        "question": question,
        "offered": _offered(question.languages(), draft.language),
        "draft": draft,
        "public_cases": [
            {
                "index": index,
                "input": disclosure.text(data[case.input_id]),
                "answer": disclosure.text(data[case.answer_id]),
                "note": case.note,
            }
            for index, case in enumerate([] if question.interactive else public, start=1)
        ],
        "public_count": len(public),
        "hidden_count": question.testcases.count() - len(public),
        "attachments": question.files.attachments().values("path", "blob__size"),
        "groups": _groups(question),
        "limits": _limits(question.judging_limits(), draft.language),
        "max_source": f"{settings.MAX_SOURCE_BYTES // 1024} KiB",
        "page_data": _page_data(request.user, question, draft),
        **_history_of(request.user, question),
    }
    return render(request, "submissions/solve.html", context, status=status)


def _groups(question: Question) -> list[tuple[str, str]]:
    """Of a question that is judged by groups: what they are called, and what each gives, if it gives any points."""
    if not question.groups or question.scoring != ScoringMode.WEIGHTED:
        return []
    return [
        (report.group_name(group.path), report.points(group.obtainable))
        for group in question.obtainable_groups()
        if group.obtainable and report.group_name(group.path)
    ]


def _limits(of_all: Limits, language: Language) -> dict[str, str]:
    """Time and memory in words, as they hold for the language."""
    own = language.limits(of_all)
    return {"time": report.duration(own.time_ms), "memory": report.memory(own.memory_kib)}


def _page_data(user: User | AnonymousUser, question: Question, draft: Draft) -> dict[str, Any]:
    """What the solve page's scripts need to know."""
    starters = _starters(question)
    of_all = question.judging_limits()
    return _writing_data(user, draft, _newest(user, question)) | {
        "question": question.slug,
        "signIn": f"{reverse('login')}?next={question.get_absolute_url()}&draft=1",
        "submitUrl": reverse("api-submissions"),
        "canRun": not question.has_nothing_to_run_on(),
        "historyUrl": reverse("solve-history", args=[question.slug]),
        "hintsUrl": reverse("hints", args=[question.slug]),
        "languages": {
            language.slug: _language_data(language, of_all, starters)
            for language in _offered(question.languages(), draft.language)
        },
    }


def _writing_data(user: User | AnonymousUser, draft: Draft, newest: Submission | None) -> dict[str, Any]:
    """What the scripts need to know of any page where one writes and runs a program."""
    return {
        "user": str(user.pk) if user.is_authenticated else None,
        "runUrl": reverse("api-runs"),
        "given": draft.is_given,
        "resume": newest and _to_follow(newest),
        "retryAfter": draft.retry_after_s,
    }


def _language_data(language: Language, of_all: Limits, starters: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": language.name,
        "mode": language.editor_mode,
        "modeUrl": static(f"ace/mode-{language.editor_mode}.js"),
        "starter": language.starter(starters),
        "limits": _limits(of_all, language),
    }


def _newest(user: User | AnonymousUser, question: Question | None) -> Submission | None:
    """One's latest submission or run, so that its result is there again after a reload; runs fade soon."""
    if not user.is_authenticated:
        return None
    kept_since = timezone.now() - timedelta(seconds=settings.EXECUTION_TTL_S)
    graded, run = Q(kind=Submission.Kind.GRADED), Q(kind=Submission.Kind.RUN, created_at__gt=kept_since)
    own = Submission.objects.filter(graded | run, user=user, question=question)
    return own.defer("source", "compile_output").first()


def _to_follow(submission: Submission) -> dict[str, Any]:
    """What scripts need to know to go on with it."""
    return {"id": str(submission.pk), "seq": submission.seq, "final": submission.is_final}


def _attempts(user: User | AnonymousUser, question: Question) -> QuerySet[Submission]:
    """One's own graded submissions, newest first; no code is loaded."""
    if not user.is_authenticated:
        return Submission.objects.none()
    own = Submission.objects.graded().filter(question=question, user=user)
    return own.defer("source", "compile_output")


@require_safe
@login_required
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """One's attempts at a question, as the part of the solve page that scripts renew."""
    question = get_object_or_404(Question.objects.visible_to(request.user), slug=slug)
    context = {"question": question} | _history_of(request.user, question)
    return render(request, "submissions/_history.html", context)


def _history_of(user: User | AnonymousUser, question: Question) -> dict[str, Any]:
    attempts = list(_attempts(user, question)[:ATTEMPTS_SHOWN])
    for one in attempts:
        one.question = question
    return {"attempts": attempts, "outdated": revisions.outdated(attempts)}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def playground(request: HttpRequest) -> HttpResponse:
    """Run any program on an input of one's own: no question, nothing counted, nothing kept for long."""
    assert isinstance(request.user, User)
    if request.method != "POST":
        return _playground_page(request, _kept_draft(request), 200)
    source, own_input = _text(request, "source"), _text(request, "input")
    sent = {"language": request.POST.get("language", ""), "source": source, "input": own_input}
    language = languages.find(sent["language"]) or languages.LANGUAGES[0]
    draft = Draft(language, source, own_input, is_given=True)
    serializer = RunSerializer(data=sent, context={"user": request.user})
    return _answer(serializer, draft, lambda told, status: _playground_page(request, told, status))


def _kept_draft(request: HttpRequest) -> Draft:
    """Program and input of the run named by `?from=`, for as long as they are kept; else a skeleton."""
    wanted = _uuid(request.GET.get("from", ""))
    if wanted is None:
        language = _offered(languages.LANGUAGES)[0]
        return Draft(language, language.skeleton)
    runs = Submission.objects.visible_to(request.user).kept().filter(kind=Submission.Kind.RUN)
    run = get_object_or_404(runs, pk=wanted)
    texts = ephemeral.load(run.pk)
    if texts is None:
        raise Http404
    own_input = texts.trial.cases[0].input if texts.trial.cases else b""
    return Draft(
        languages.get(run.language), texts.source.decode(), disclosure.text(own_input), is_given=True
    )


def _playground_page(request: HttpRequest, draft: Draft, status: int) -> HttpResponse:
    of_all = judging.run_limits()
    offered = _offered(languages.LANGUAGES, draft.language)
    page_data = _writing_data(request.user, draft, _newest(request.user, None)) | {
        "signIn": f"{reverse('login')}?next={reverse('playground')}&draft=1",
        "languages": {one.slug: _language_data(one, of_all, {}) for one in offered},
    }
    context = {
        "offered": offered,
        "draft": draft,
        "limits": _limits(of_all, draft.language),
        "page_data": page_data,
    }
    return render(request, "submissions/playground.html", context, status=status)


@require_safe
@login_required
def submission_list(request: HttpRequest) -> HttpResponse:
    own = Submission.objects.graded().filter(user=request.user.pk).without_texts()
    page = Paginator(own, SUBMISSIONS_A_PAGE).get_page(request.GET.get("page"))
    open_questions = _open_questions(request.user, page)
    return render(request, "submissions/list.html", {"page": page, "open_questions": open_questions})


def _open_questions(user: User | AnonymousUser, submissions: Iterable[Submission]) -> set[UUID]:
    """Those of the submissions' questions that have a page for the user: links to others would lead nowhere."""
    questions = [one.question_id for one in submissions if one.question_id]
    return set(Question.objects.visible_to(user).filter(pk__in=questions).values_list("pk", flat=True))


@require_safe
@login_required
def submission_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One submission; `?case=` chooses a case, `?part=result` gives only the result, for scripts."""
    visible = Submission.objects.visible_to(request.user).select_related("question", "user")
    submission = get_object_or_404(visible, pk=pk)
    wanted = request.GET.get("case", "")
    told = report.of(submission, _small_number(wanted))
    context = {
        "submission": submission,
        "report": told,
        "language": languages.get(submission.language),
        "source_lines": (told.shown["source"] or "").splitlines(),
        "open_questions": _open_questions(request.user, [submission]),
        "is_outdated": told.shown["outdated"],
        "page_data": _to_follow(submission),
        "renewed_after_s": _renewed_after_s(submission),
    }
    is_part = request.GET.get("part") == "result"
    answer = render(request, "submissions/_result.html" if is_part else "submissions/page.html", context)
    answer["Cache-Control"] = "no-store" if is_part else "private"
    return answer


def _renewed_after_s(submission: Submission) -> int:
    """Of the page without scripts. Each time takes the focus from its button, which who waits for long may want."""
    is_fresh = timezone.now() - submission.created_at < timedelta(seconds=RENEWED_SELDOM_S)
    is_quick = is_fresh or submission.status != Submission.Status.QUEUED
    return RENEWED_OFTEN_S if is_quick else RENEWED_SELDOM_S


@require_POST
def cancel(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Cancel one's own submission while it waits. Its page tells how it stands, also where it was too late."""
    page = reverse("submission", args=[pk])
    if not request.user.is_authenticated:
        return redirect_to_login(page)
    lifecycle.cancel(get_object_or_404(Submission.objects.without_texts(), pk=pk, user=request.user))
    return SeeOther(page)
