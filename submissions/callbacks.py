"""Where a backend says that a run has ended. It is a hint: nothing that it says is read, only where it says it."""

import logging
from uuid import UUID

import redis
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from execution import wakeups
from submissions.connections import redis_client

log = logging.getLogger(__name__)


@csrf_exempt  # a backend has no session; the signature in the address says that we gave it out
@require_http_methods(["PUT"])
def judge0(request: HttpRequest, work_id: UUID, signature: str) -> HttpResponse:
    """204 whether or not it wakes somebody: a Judge0 would only try again, and keep a worker busy with that."""
    if not wakeups.is_ours(str(work_id), signature):
        raise Http404
    try:
        wakeups.ring(redis_client(), str(work_id))
    except redis.RedisError as error:
        log.warning("a backend's callback wakes nobody: %s", error)
    return HttpResponse(status=204)
