"""System checks of the settings that say who is let in: what would open a door too far stops a start."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


@register
def machines_need_a_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.REQUIRE_CODE_EXEC_KEY or settings.DEBUG:
        return []
    return [
        Error(
            "REQUIRE_CODE_EXEC_KEY is off: whoever has signed in could use what is for machines only.",
            hint="Switch it on. Off is for development with DEBUG.",
            id="accounts.E001",
        )
    ]


@register
def the_issuer_is_whole(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    wanted = ("AUTH_JWT_ISSUER", "AUTH_JWT_AUDIENCE", "AUTH_JWT_JWKS_URL")
    missing = [name for name in wanted if not getattr(settings, name)]
    if len(missing) == len(wanted):
        return []
    if missing:
        what = f"Tokens cannot be verified without {' and '.join(missing)}."
        return [Error(what, hint=f"Set all of {', '.join(wanted)}, or none.", id="accounts.E002")]
    if not _is_trustworthy(settings.AUTH_JWT_JWKS_URL):
        return [Error("AUTH_JWT_JWKS_URL must begin with https://.", id="accounts.E003")]
    return []


def _is_trustworthy(url: str) -> bool:
    """Whoever answers at that address says whose tokens are valid."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    return bool(parts.hostname) and (parts.scheme == "https" or is_local)


@register
def limits_are_shared(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG or settings.RATE_LIMIT_BACKEND != "locmem":
        return []
    return [
        Error(
            "RATE_LIMIT_BACKEND is locmem: each process would count for itself.",
            hint="Use redis. locmem is for development with DEBUG.",
            id="accounts.E010",
        )
    ]
