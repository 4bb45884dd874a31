"""System checks of the settings that say which language model is asked. None repeats a key or an address."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from hints import providers
from hints.providers import Access, Name


@register
def models_can_be_asked(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    asked = [access for access in map(providers.access, Name) if _is_wanted(access)]
    return [found for access in asked for found in _problems(access)]


def _is_wanted(access: Access) -> bool:
    if settings.HINTS_PROVIDER == "auto":
        return access.is_given
    return access.name == settings.HINTS_PROVIDER


def _problems(access: Access) -> Iterator[CheckMessage]:
    prefix = access.name.upper()
    if not access.is_given:
        or_server = "" if access.name != Name.OPENAI else ", or OPENAI_BASE_URL to a server of yours"
        yield Error(
            f"HINTS_PROVIDER is {access.name}, but {prefix}_API_KEY is not set: no model would ever answer.",
            hint=f"Set it{or_server}, or HINTS_PROVIDER=none.",
            id="hints.E001",
        )
    if access.is_elsewhere and access.model == settings.OPENAI_MODEL_DEFAULT:
        yield Warning(
            f"OPENAI_BASE_URL is set, but OPENAI_MODEL is not: that server is asked for {access.model}.",
            hint="Set OPENAI_MODEL to a model that the server has.",
            id="hints.W002",
        )
    if problem := _problem_with(access.base_url):
        yield Error(f"{prefix}_BASE_URL {problem}", id="hints.E002")
    if not (access.key.isascii() and access.key.isprintable()):
        yield Error(f"{prefix}_API_KEY has characters that no header may have.", id="hints.E003")
    if not access.name.has_sdk:
        yield Warning(
            f"The Python package {access.name} is not installed: rules answer instead of its models.",
            hint="bin/setup --ai installs what requirements-ai.txt names.",
            id="hints.W001",
        )


def _problem_with(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or any(character.isspace() for character in url):
        return "must look like https://host or http://host:port/v1."
    if parts.username or parts.password or parts.query or parts.fragment:
        return "must have no password, no query and no fragment."
    return ""
