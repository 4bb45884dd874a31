"""What the platform offers: `/api/v1/languages/` and `/api/v1/limits/`."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import limits
from accounts.scopes import Scope
from accounts.throttles import ApiView
from execution import languages
from execution.languages import Language
from questions.cursors import MOST_A_PAGE
from submissions import judging
from submissions.backends import offered_nowhere
from submissions.connections import pool
from submissions.disclosure import TEXT_CAP
from submissions.serializers import MAX_METADATA_BYTES

PER_USER = ("submit", "run", "ai", "ticket")


class LanguageList(ApiView):
    """The languages that programs may be written in, and whether a server judges them now."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        lacking = offered_nowhere()
        return Response([_told(language, lacking) for language in languages.LANGUAGES])


def _told(language: Language, lacking: frozenset[str]) -> dict[str, Any]:
    return {
        "slug": language.slug,
        "name": language.name,
        "aliases": language.aliases,
        "editor_mode": language.editor_mode,
        "judge0_ids": language.judge0_ids,
        "available": language.slug not in lacking and pool().is_available(language.slug),
    }


class LimitList(ApiView):
    """All caps, and how often one may still do what. Asking uses up nothing."""

    required_scopes = {"GET": Scope.READ}

    def get(self, request: Request) -> Response:
        rates = {scope: _rate(scope, str(request.user.pk)) for scope in settings.RATE_LIMITS}
        return Response({"caps": caps(), "rates": rates}, headers={"Cache-Control": "no-store"})


def caps() -> dict[str, float]:
    """Units are part of the names. `run_time_ms` is before the language's factor."""
    return {
        "source_bytes": settings.MAX_SOURCE_BYTES,
        "testcases": settings.MAX_TESTCASES,
        "testcase_input_bytes": settings.MAX_STDIN_BYTES,
        "run_input_bytes": settings.MAX_RUN_STDIN_BYTES,
        "run_testcases": settings.MAX_RUN_TESTCASES,
        "run_time_ms": judging.run_limits().time_ms,
        "run_memory_mib": settings.MAX_MEMORY_MIB,
        "total_runtime_s": settings.MAX_TOTAL_RUNTIME_S,
        "body_bytes": settings.MAX_BODY_BYTES,
        "metadata_bytes": MAX_METADATA_BYTES,
        "shown_bytes": TEXT_CAP,
        "page_size": MOST_A_PAGE,
        "queue_depth": settings.MAX_QUEUE_DEPTH,
        "sync_wait_s": settings.SYNC_WAIT_MAX_S,
        "run_kept_s": settings.EXECUTION_TTL_S,
    }


def _rate(scope: str, user: str) -> dict[str, Any]:
    """What is left is told of limits that count for users; the others count for addresses or names."""
    standing = limits.standing(scope, user)
    told = {"limit": standing.limit, "window_s": standing.window_s}
    if scope not in PER_USER:
        return told
    return told | {"remaining": standing.remaining, "reset_s": standing.reset_s}
