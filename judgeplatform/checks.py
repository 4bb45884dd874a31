"""System checks of what is unsafe in production, and of variables that nobody reads.

Production is where DJANGO_ENV says so or PUBLIC_URL is https. Errors stop `manage.py …`, a worker (which is started
by it), and the web (judgeplatform.asgi asks for them). None repeats a secret.
"""

import difflib
import ipaddress
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.management.base import SystemCheckError
from django.http.request import validate_host

from judgeplatform.configuration import NTH

logger = logging.getLogger(__name__)

TAG = "judgeplatform"
LEAST_SECRET_KEY = 32
LEAST_SECRET = 16
"""Characters. A token of 16 from 64 different ones has 96 bits."""
PLACEHOLDERS = ("changeme", "replaceme", "djangoinsecure", "yoursecret", "secretkey", "onlyforcollecting")
LEAST_HSTS_S = 24 * 3600
OURS = ("JUDGE0_", "JUDGE_", "CODE_EXEC", "RATE_LIMIT_", "AUTH_JWT_", "RETENTION_", "WORKER_HTTP_", "HINTS_")
"""How our names begin. Unknown ones that begin with ENGINE_ are the engine's to refuse."""
THEIRS = ("JUDGE0_STORE_PASSWORD",)
"""What docker-compose.yml reads and the platform does not."""
CLOSE = 0.85


def refuse_what_a_check_finds() -> None:
    """Raise SystemCheckError for what would stop `manage.py check`; log what it would only say."""
    told = [found for found in checks.run_checks() if not found.is_silenced()]
    if wrong := [found for found in told if found.is_serious()]:
        raise SystemCheckError("\n".join(str(found) for found in wrong))
    for found in told:
        logger.warning("%s", found)


@register(TAG)
def production_is_safe(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.IS_PRODUCTION:
        return []
    return [*_what_it_shows(), *_secrets(), *_who_reaches_it()]


@register(TAG, deploy=True)
def production_is_complete(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What one machine may do without: only `check --deploy` says it."""
    return [*_what_each_machine_has_of_its_own(), *_what_browsers_are_told()]


def _what_it_shows() -> Iterator[CheckMessage]:
    if settings.DEBUG:
        yield Error(
            "DEBUG is on: pages of errors would show code, settings and data.",
            hint="Unset it.",
            id="judgeplatform.E001",
        )


def _secrets() -> Iterator[CheckMessage]:
    made = "python3 -c 'import secrets; print(secrets.token_urlsafe(50))' makes a good one."
    if settings.SECRET_KEY_WAS_MADE_HERE:
        if settings.DJANGO_ENV_IS_GIVEN and settings.DJANGO_ENV == "production":
            yield Error(
                "SECRET_KEY is not set: this machine made one, which no other web or worker has.",
                hint="Set SECRET_KEY or SECRET_KEY_FILE; on one machine the file can be var/secret_key.",
                id="judgeplatform.E002",
            )
    elif len(settings.SECRET_KEY) < LEAST_SECRET_KEY or _is_placeholder(settings.SECRET_KEY):
        yield Error(
            f"SECRET_KEY is a placeholder, or shorter than {LEAST_SECRET_KEY} characters.",
            hint=made,
            id="judgeplatform.E003",
        )
    for name, values in _tokens().items():
        if any(len(value) < LEAST_SECRET or _is_placeholder(value) for value in values):
            yield Error(
                f"{name} is a placeholder, or shorter than {LEAST_SECRET} characters.",
                hint=made,
                id="judgeplatform.E004",
            )


def _tokens() -> dict[str, list[str]]:
    """By the names of their settings; what is not set is not there."""
    return {
        "CODE_EXEC_KEY": settings.CODE_EXEC_KEYS,
        "JUDGE0_AUTH_TOKEN": [settings.JUDGE0_AUTH_TOKEN] if settings.JUDGE0_AUTH_TOKEN else [],
        "JUDGE0_AUTHZ_TOKEN": [settings.JUDGE0_AUTHZ_TOKEN] if settings.JUDGE0_AUTHZ_TOKEN else [],
        "ENGINE_AUTH_TOKEN": settings.ENGINE_AUTH_TOKEN.split(),
        "ENGINE_AUTHZ_TOKEN": settings.ENGINE_AUTHZ_TOKEN.split(),
        "METRICS_TOKEN": [settings.METRICS_TOKEN] if settings.METRICS_TOKEN else [],
    }


def _is_placeholder(secret: str) -> bool:
    letters = re.sub("[^a-z]", "", secret.lower())
    return len(set(secret)) < 5 or any(word in letters for word in PLACEHOLDERS)


def _who_reaches_it() -> Iterator[CheckMessage]:
    if not settings.IS_HTTPS and not _is_this_machine(settings.PUBLIC_HOST):
        yield Error(
            "PUBLIC_URL is not https: passwords and keys would travel for everybody to read.",
            hint="Put a proxy with a certificate in front, or set DJANGO_ENV=development.",
            id="judgeplatform.E005",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Error(
            "ALLOWED_HOSTS contains *: links in messages would lead where whoever asks wants.",
            hint="Name the hosts.",
            id="judgeplatform.E006",
        )
    elif not validate_host(settings.PUBLIC_HOST, settings.ALLOWED_HOSTS):
        yield Error(
            "The host of PUBLIC_URL is not among ALLOWED_HOSTS: every request would be refused.",
            id="judgeplatform.E007",
        )
    if settings.IS_HTTPS and not all(_is_https(origin) for origin in settings.CSRF_TRUSTED_ORIGINS):
        yield Error(
            "CSRF_TRUSTED_ORIGINS names one that is not https: whoever is on the way could send forms.",
            id="judgeplatform.E008",
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_https(origin: str) -> bool:
    return urlsplit(origin).scheme == "https"


def _what_each_machine_has_of_its_own() -> Iterator[CheckMessage]:
    if settings.SECRET_KEY_WAS_MADE_HERE:
        yield Warning(
            "SECRET_KEY is not set: this machine made one, which no other web or worker has.",
            hint="Set SECRET_KEY or SECRET_KEY_FILE.",
            id="judgeplatform.W001",
        )
    if settings.IS_SQLITE:
        yield Warning(
            "The database is SQLite, which is for one machine and a class.",
            hint="Set DATABASE_URL to a PostgreSQL.",
            id="judgeplatform.W002",
        )


def _what_browsers_are_told() -> Iterator[CheckMessage]:
    if settings.SECURE_HSTS_SECONDS < LEAST_HSTS_S:
        yield Warning(
            f"SECURE_HSTS_SECONDS is {settings.SECURE_HSTS_SECONDS}: browsers hardly remember to come by https.",
            hint=f"Set at least {LEAST_HSTS_S}, or unset it.",
            id="judgeplatform.W003",
        )
    if not all(_is_https(origin) for origin in settings.CORS_ALLOWED_ORIGINS):
        yield Warning(
            "CORS_ALLOWED_ORIGINS names one that is not https: whoever is on the way could change its pages.",
            id="judgeplatform.W004",
        )


@register(TAG)
def no_variable_is_misspelt(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """What nobody reads changes nothing, and whoever set it believes that it does."""
    return [
        Warning(f"{variable} is no setting.", hint=hint, id="judgeplatform.W010")
        for variable, hint in _misspelt(settings.CONFIGURATION.environment)
    ]


def _misspelt(variables: Any) -> Iterator[tuple[str, str]]:
    known = [name.removesuffix(NTH) for name in settings.CONFIGURATION.settings]
    for variable in sorted(variables):
        if settings.CONFIGURATION.setting_of(variable) or variable.startswith(("ENGINE_", *THEIRS)):
            continue
        nearest = difflib.get_close_matches(variable, known, n=1, cutoff=CLOSE)
        if nearest and nearest != [variable]:
            yield variable, f"Is {nearest[0]} meant?"
        elif variable.startswith(OURS):
            yield variable, "docs/settings.md lists all."
