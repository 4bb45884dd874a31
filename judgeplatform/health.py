"""`/healthz`: this process answers. `/readyz`: what it depends on does too.

S4 calls them `/health/` and `/health/ready`.

Web replicas are probed with `/readyz?role=web`: they can take submissions as long as the database is there, so
Redis and the backends are reported but not fatal. How backends are is what workers have found; the web never talks to
one.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import redis
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from submissions import backends
from submissions.connections import redis_client

FATAL_FOR_WEB = {"database"}
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
def readyz(request: HttpRequest) -> JsonResponse:
    checks = {"database": _database(), "redis": _redis(), "backends": _backends()}
    is_web = request.GET.get("role") == "web"
    fatal = [name for name in checks if not is_web or name in FATAL_FOR_WEB]
    ready = all(checks[name]["ok"] for name in fatal)
    return JsonResponse({"ready": ready, "checks": checks}, status=200 if ready else 503)


def _database() -> dict[str, Any]:
    def ask() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    return _check(ask)


def _redis() -> dict[str, Any]:
    return _check(redis_client().ping)


def _backends() -> dict[str, Any]:
    try:
        found = backends.statuses()
    except redis.RedisError:
        return {"ok": False, "detail": "unknown: Redis does not answer"}
    if all(one.state is backends.State.UNKNOWN for one in found):
        return {"ok": False, "detail": "unknown: no worker has reported lately"}
    usable = sum(one.is_usable for one in found)
    return {"ok": usable > 0, "detail": f"{usable} of {len(found)} can be used"}


def _check(ask: Callable[[], object]) -> dict[str, Any]:
    try:
        ask()
    except (DatabaseError, redis.RedisError) as error:
        return {"ok": False, "detail": type(error).__name__}
    return {"ok": True, "detail": "answers"}
