"""What `manage.py check` says of the settings that name a language model."""

import sys

import pytest
from django.core import checks

from hints import providers
from hints.providers import Prompt, ProviderFailed

KEY = "sk-only-for-this-test-77"


@pytest.fixture
def found(settings):
    """The checks' ids after some settings were set."""

    def check(**changed):
        for name, value in changed.items():
            setattr(settings, name, value)
        messages = [one for one in checks.run_checks() if (one.id or "").startswith("hints.")]
        assert KEY not in str(messages)
        return [one.id for one in messages]

    settings.HINTS_PROVIDER = "auto"
    settings.ANTHROPIC_API_KEY = settings.OPENAI_API_KEY = ""
    settings.ANTHROPIC_BASE_URL = "https://api.anthropic.com"
    settings.OPENAI_BASE_URL = settings.OPENAI_BASE_URL_DEFAULT
    return check


def test_without_any_key_there_is_nothing_to_say(found):
    assert found() == []
    assert found(HINTS_PROVIDER="none", ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL="nonsense") == []


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_a_provider_that_is_wanted_needs_its_key(found, name):
    assert found(HINTS_PROVIDER=name) == ["hints.E001"]
    assert found(**{f"{name.upper()}_API_KEY": KEY}) == []
    assert found(**{f"{name.upper()}_API_KEY": f"{KEY}\n…"}) == ["hints.E003"]


def test_a_server_of_ones_own_needs_none_but_a_model_that_it_has(found):
    own = {"HINTS_PROVIDER": "openai", "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1"}
    assert found(**own) == ["hints.W002"]
    assert found(**own, OPENAI_MODEL="toy") == []


def test_who_has_no_key_is_told_of_a_server_of_ones_own(found):
    found(HINTS_PROVIDER="openai")
    (message,) = [one for one in checks.run_checks() if one.id == "hints.E001"]
    assert "OPENAI_BASE_URL" in message.hint


@pytest.mark.parametrize(
    "url",
    [
        "api.example.org",
        "ftp://api.example.org",
        "https://",
        "https://[",
        "http://host:99999",
        "https://a host",
        f"https://user:{KEY}@host",
        f"https://host/v1?key={KEY}",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(found, url):
    assert found(ANTHROPIC_API_KEY=KEY, ANTHROPIC_BASE_URL=url) == ["hints.E002"]


def test_a_provider_whose_sdk_is_missing_is_only_warned_of(found, monkeypatch):
    """Rules answer."""
    monkeypatch.setitem(sys.modules, "anthropic", None)  # as if it were not installed

    assert found(ANTHROPIC_API_KEY=KEY) == ["hints.W001"]
    with pytest.raises(ProviderFailed, match=r"requirements-ai\.txt") as failed:
        providers.chosen().ask(Prompt("", "", "hint", {}), lambda text: None)
    assert failed.value.code == "misconfigured"
