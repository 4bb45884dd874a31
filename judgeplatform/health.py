"""`/healthz`: this process answers. `/readyz`: what it depends on does too.

S4 calls them `/health/` and `/health/ready`.

Web replicas are probed with `/readyz?role=web`: they can take submissions as long as the database is there, so
Redis and the backends are reported but not fatal. How backends are is what workers have found; the web never talks to
one. Workers answer the same at a port of their own: `submissions.worker_port`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from judgeplatform import problems
from submissions.dependencies import FATAL, readiness

ALIVE = b"ok\n"
ALIVE_AT = ("/healthz", "/health/", "/health")

Channel = Callable[..., Awaitable[Any]]
Application = Callable[[dict[str, Any], Channel, Channel], Awaitable[None]]


@csrf_exempt  # whoever posts hears that there is nothing to be posted
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ALIVE, content_type="text/plain")


def answering_healthz(application: Application) -> Application:
    """The ASGI application, but that ALIVE_AT needs no thread: it is answered while all of them are busy."""

    async def answer(scope: dict[str, Any], receive: Channel, send: Channel) -> None:
        is_asked = scope["type"] == "http" and scope["path"] in ALIVE_AT
        if not is_asked or scope["method"] not in ("GET", "HEAD"):
            await application(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(ALIVE))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else ALIVE})

    return answer


@csrf_exempt
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Without a role, as for a worker: everything must be there."""
    role = request.GET.get("role", "worker")
    if role not in FATAL:
        return problems.document(400, "invalid", f"There is no such role; there are {' and '.join(FATAL)}.")
    found = readiness(role)
    headers = {"Cache-Control": "no-store"} | ({} if found.ready else problems.SOON)
    return JsonResponse(found.told(), status=200 if found.ready else 503, headers=headers)
