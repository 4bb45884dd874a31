"""The language models that may be asked. Off unless the operator gives a key.

chosen() ─▶ ask ─▶ hints.sdk, imported for it ─▶ Anthropic, OpenAI, or a server that speaks like OpenAI
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from django.conf import settings


@dataclass(frozen=True)
class Prompt:
    """`system` and `schema` are ours, the same for everybody; `data` is a JSON document with all that others wrote."""

    system: str
    data: str = field(repr=False)
    schema_name: str
    schema: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Reply:
    """The whole text, which is to be a JSON document by the schema, and what it cost."""

    text: str = field(repr=False)
    model: str
    tokens_in: int
    tokens_out: int


Code = Literal["unavailable", "busy", "timeout", "refused", "misconfigured"]


class ProviderFailed(Exception):
    """It gave no answer. The message repeats nothing of what was sent or said: it is for the log."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


class Provider(Protocol):
    @property
    def name(self) -> str: ...

    def ask(self, prompt: Prompt, on_text: Callable[[str], None]) -> Reply:
        """`on_text` gets all that has come so far, each time that there is more; what it raises ends the request.

        Raises ProviderFailed.
        """


class Name(StrEnum):
    """In the order in which one is chosen; each is what its SDK is called, too."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"

    @property
    def has_sdk(self) -> bool:
        return find_spec(self) is not None


@dataclass(frozen=True)
class Access:
    """To a provider, by its SDK."""

    name: Name
    model: str
    key: str = field(repr=False)
    base_url: str = field(repr=False)

    @property
    def is_given(self) -> bool:
        """Servers that only speak like OpenAI often ask for no key."""
        return bool(self.key) or self.is_elsewhere

    @property
    def host(self) -> str:
        """Nothing else of its address may be shown. Empty where that is none."""
        try:
            return urlsplit(self.base_url).hostname or ""
        except ValueError:
            return ""

    @property
    def is_elsewhere(self) -> bool:
        """At a server that only speaks like OpenAI."""
        return self.name == Name.OPENAI and self.base_url != settings.OPENAI_BASE_URL_DEFAULT

    def ask(self, prompt: Prompt, on_text: Callable[[str], None]) -> Reply:
        if not self.name.has_sdk:
            message = f"{self.name} is not installed: see requirements-ai.txt"
            raise ProviderFailed("misconfigured", message)
        from hints.sdk import conversation

        return conversation.ask(self._sdk(), self, prompt, on_text)

    def prepare(self) -> None:
        """Imports its SDK, which takes seconds: else whoever asks first waits for that, too."""
        if self.name.has_sdk:
            self._sdk()

    def _sdk(self) -> Any:
        return import_module(f"hints.sdk.{self.name}")


def access(name: Name) -> Access:
    """By the settings."""
    if name == Name.ANTHROPIC:
        return Access(name, settings.ANTHROPIC_MODEL, settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL)
    return Access(name, settings.OPENAI_MODEL, settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL)


def chosen() -> Access | None:
    """By the settings; None where there is none: then rules answer."""
    if settings.HINTS_PROVIDER in set(Name):
        return access(Name(settings.HINTS_PROVIDER))
    if settings.HINTS_PROVIDER == "none":
        return None
    return next((found for found in map(access, Name) if found.is_given), None)
