"""The learner's hints: the panel of the solve page, and the page that it is without scripts."""

import logging
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode
from uuid import UUID

import redis
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.http import require_http_methods, require_POST

from accounts.limits import Limited
from accounts.models import User
from hints import asking, panel
from hints.asking import HintsOff, LevelLocked
from hints.models import HintRequest
from questions.models import Question
from submissions.views import SeeOther

logger = logging.getLogger(__name__)

RENEWED_AFTER_S = 2
TRY_AGAIN_S = 5
PART = "panel"
HELPFUL = {"yes": True, "no": False}


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def hints(request: HttpRequest, slug: str) -> HttpResponse:
    """`?part=panel` gives only the panel, for scripts. A POST asks for the next level."""
    question = get_object_or_404(Question.objects.visible_to(request.user), slug=slug)
    try:
        return _ask(request, question) if request.method == "POST" else _page(request, question)
    except redis.RedisError as error:
        logger.error("hints cannot be asked for or shown: %s", error)
        return _retry_later(render(request, "503.html", status=503), TRY_AGAIN_S)


@require_POST
@login_required
def rate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whether one's own hint was helpful; one may change one's mind."""
    own = HintRequest.objects.hints().of(_user(request)).answered().exclude(question=None)
    rated = get_object_or_404(own.select_related("question"), pk=pk)
    if request.POST.get("helpful") not in HELPFUL:
        raise BadRequest("A hint was helpful, yes or no.")
    rated.was_helpful = HELPFUL[request.POST["helpful"]]
    rated.save(update_fields=["was_helpful"])
    assert rated.question is not None
    return SeeOther(_address(request, rated.question))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # who is not signed in does not come here
    return request.user


def _address(request: HttpRequest, question: Question) -> str:
    """Scripts go on with the panel alone."""
    page = reverse("hints", args=[question.slug])
    return f"{page}?{urlencode({'part': PART})}" if request.GET.get("part") == PART else page


def _ask(request: HttpRequest, question: Question) -> HttpResponse:
    """The page tells how it stands, also where there was nothing to ask for."""
    shown = panel.of(_user(request), question)
    attempt = shown.standing.attempt
    if not shown.offer or attempt is None:
        return SeeOther(_address(request, question))
    try:
        asking.ask_hint_about(attempt, shown.standing.next)
    except (HintsOff, LevelLocked):
        pass  # since it was shown
    except Limited as limited:
        wait = _duration(limited.retry_after_s)
        words = f"You have asked often in a short time. You can ask again in {wait}."
        refusal = _page(request, question, words, HTTPStatus.TOO_MANY_REQUESTS)
        return _retry_later(refusal, limited.retry_after_s)
    return SeeOther(_address(request, question))


def _duration(seconds: int) -> str:
    """In words, in whole minutes and rather too long: 50 minutes."""
    return timesince(timezone.now() - timedelta(seconds=seconds + 59))


def _retry_later(answer: HttpResponse, seconds: int) -> HttpResponse:
    answer["Retry-After"] = str(seconds)
    return answer


def _page(
    request: HttpRequest, question: Question, trouble: str = "", status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    shown = panel.of(_user(request), question)
    is_part = request.GET.get("part") == PART
    context = {
        "question": question,
        "panel": shown,
        "trouble": trouble or shown.trouble,
        "renewed_after_s": RENEWED_AFTER_S,
        "is_part": is_part,
    }
    answer = render(request, "hints/_panel.html" if is_part else "hints/page.html", context, status=status)
    answer["Cache-Control"] = "no-store" if is_part else "private"
    return answer
