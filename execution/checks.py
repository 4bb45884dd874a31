"""System checks of the settings that say where programs are judged: nonsense stops `manage.py check` and a start."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host


@register
def backends_are_usable(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    if not settings.JUDGE0_URLS:
        return [
            Error(
                "JUDGE0_URLS is set but empty: nothing could be judged.",
                hint="Name at least one server, or unset it to use the embedded engine.",
                id="execution.E001",
            )
        ]
    return [
        *_check_urls(settings.JUDGE0_URLS),
        *_check_headers(settings.JUDGE0_HEADERS),
        *_check_polling(),
        *_check_isolation(),
        *_check_callbacks(settings.JUDGE0_CALLBACK_URL),
        *_check_what_is_opened(),
    ]


def _check_urls(urls: Sequence[str]) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for number, url in enumerate(urls, 1):
        if problem := _problem_with(url):
            # the address itself is not shown: it may hold a password
            found.append(Error(f"Address {number} of JUDGE0_URLS {problem}", id="execution.E002"))
    if len(set(urls)) < len(urls):
        found.append(Error("JUDGE0_URLS names a server twice.", id="execution.E003"))
    return found


def _problem_with(url: str) -> str:
    try:
        parts = urlsplit(url)
        address = (parts.scheme in ("http", "https"), parts.hostname, parts.port)
    except ValueError:
        return "is not a valid address."
    if not address[0] or not address[1]:
        return "must look like http://host:port."
    if parts.username or parts.password:
        return "carries a password: put credentials into JUDGE0_HEADERS_<n>, addresses are shown and logged."
    if parts.query or parts.fragment:
        return "must not have a query or a fragment."
    return ""


def _check_headers(headers: Sequence[Mapping[str, Any]]) -> list[CheckMessage]:
    return [
        Error(f"JUDGE0_HEADERS_{number} must be a JSON object of texts.", id="execution.E004")
        for number, own in enumerate(headers, 1)
        if not all(isinstance(value, str) and value.isprintable() for pair in own.items() for value in pair)
    ]


def _check_polling() -> list[CheckMessage]:
    if settings.JUDGE0_POLL_MIN_S <= settings.JUDGE0_POLL_MAX_S:
        return []
    return [Error("JUDGE0_POLL_MIN_S is larger than JUDGE0_POLL_MAX_S.", id="execution.E005")]


def _check_isolation() -> list[CheckMessage]:
    """Whoever reaches a public address is not somebody to whom one would give an account on this machine."""
    if not (settings.IS_PRODUCTION and settings.ENGINE_ALLOW_REDUCED):
        return []
    return [
        Error(
            "ENGINE_ALLOW_REDUCED is set in production, or with a PUBLIC_URL that is a public address.",
            hint="Unset it, and let the engine isolate fully: docs/engine.md says what that takes.",
            id="execution.E008",
        )
    ]


def _check_callbacks(url: str) -> list[CheckMessage]:
    if not url:
        return []
    if problem := _problem_with(url):
        return [Error(f"JUDGE0_CALLBACK_URL {problem}", id="execution.E006")]
    if not validate_host(urlsplit(url).hostname or "", settings.ALLOWED_HOSTS):
        return [
            Error(
                "The host of JUDGE0_CALLBACK_URL is not among ALLOWED_HOSTS: each callback would be refused.",
                id="execution.E007",
            )
        ]
    return []


def _check_what_is_opened() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.ENABLE_NETWORKING:
        found.append(
            Warning(
                "CODE_EXECUTOR_ENABLE_NETWORKING is on: where a server lets programs reach the network "
                "(Judge0's ALLOW_ENABLE_NETWORK), anybody who may run programs reaches what that server reaches. "
                "The embedded engine never lets them.",
                id="execution.W001",
            )
        )
    if settings.ENABLE_FILESYSTEM:
        found.append(
            Warning(
                "CODE_EXECUTOR_ENABLE_FILESYSTEM is on, without effect: runs bring no files along, and write "
                "none that are larger than what they may print.",
                id="execution.W002",
            )
        )
    return found
