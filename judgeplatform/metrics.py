"""`GET /metrics`: what Prometheus scrapes at the web, with METRICS_TOKEN; staff may look at it too.

To anybody else there is nothing here. (Workers serve the same at WORKER_HTTP_PORT, which is for the cluster only.)
"""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.models import User
from submissions.exposition import exposition

SCHEME = "Bearer "


@csrf_exempt
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if not _has_token(request) and not _is_staff(request.user):
        raise Http404
    text, content_type = exposition()
    return HttpResponse(text, content_type=content_type, headers={"Cache-Control": "no-store"})


def _is_staff(user: User | AnonymousUser) -> bool:
    return user.is_authenticated and user.acts_as_staff


def _has_token(request: HttpRequest) -> bool:
    """Whether it shows the token. Where none is set nobody has it."""
    shown = request.headers.get("Authorization", "")
    return bool(settings.METRICS_TOKEN) and constant_time_compare(shown, SCHEME + settings.METRICS_TOKEN)
