"""The real SDKs against a server on loopback that answers as the providers do."""

import itertools
import logging
import os
import subprocess
import sys
import time

import pytest

from hints import providers, replies
from hints.answers import Kind
from hints.models import HintRequest
from hints.providers import Prompt, ProviderFailed
from hints.replies import SCHEMAS
from tests.hints import fake_provider as fake
from tests.hints.fake_provider import Fails, FakeProvider, Says

KEY = "sk-only-for-this-test-5f3a"
PROMPT = Prompt(system="You help.", data='{"program": "1| x"}', schema_name="hint", schema=SCHEMAS[Kind.HINT])


@pytest.fixture(params=["anthropic", "openai"])
def name(request):
    return request.param


@pytest.fixture
def told(settings, name):
    """A server, and settings that lead there: `told(says…)` starts asking."""
    with FakeProvider(Says(fake.hint())) as server:
        settings.HINTS_PROVIDER = name
        settings.ANTHROPIC_API_KEY = settings.OPENAI_API_KEY = KEY
        settings.ANTHROPIC_BASE_URL, settings.OPENAI_BASE_URL = server.url, server.openai_url
        settings.HINTS_TIMEOUT_S = 20.0
        settings.HINTS_MAX_TOKENS = 4000
        yield server


def ask(on_text=lambda text: None):
    return providers.chosen().ask(PROMPT, on_text)


def failure(on_text=lambda text: None):
    with pytest.raises(ProviderFailed) as failed:
        ask(on_text)
    return failed.value


def test_an_answer_comes_piece_by_piece_and_then_whole_with_its_cost(told, settings, name):
    """S3.23 (in part)"""
    seen = []
    reply = ask(seen.append)

    assert reply.text == seen[-1] == fake.hint()
    assert len(seen) > 5
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(seen))
    assert (reply.tokens_in, reply.tokens_out) == (fake.TOKENS_IN, fake.TOKENS_OUT)
    assert reply.model == getattr(settings, f"{name.upper()}_MODEL")


def test_the_model_is_told_what_is_ours_apart_from_what_others_wrote_and_the_schema(told, settings, name):
    ask()

    asked = told.asked[0]
    assert asked.system == PROMPT.system
    assert asked.data == {"program": "1| x"}
    assert asked.body["model"] == getattr(settings, f"{name.upper()}_MODEL")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    if name == "anthropic":
        assert asked.body["output_config"]["format"] == {"type": "json_schema", "schema": PROMPT.schema}
        assert asked.body["max_tokens"] == 4000
    else:
        assert asked.body["response_format"]["json_schema"] == {
            "name": "hint",
            "schema": PROMPT.schema,
            "strict": True,
        }
        assert asked.body["max_completion_tokens"] == 4000


@pytest.mark.parametrize("kind", list(Kind))
def test_the_schemas_are_such_as_anthropic_takes(kind):
    """Its SDK knows what is not taken, and would change it."""
    import anthropic

    taken = anthropic.transform_schema(SCHEMAS[kind])

    assert _without_types_of_enums(taken) == _without_types_of_enums(SCHEMAS[kind])


def _without_types_of_enums(schema):
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_types_of_enums(value)
        for name, value in schema.items()
        if name != "type" or "enum" not in schema
    }


@pytest.mark.parametrize(
    ("saying", "code", "times"),
    [
        (Fails(429, {"Retry-After": "0.01"}), "busy", 2),
        (Fails(429, {"Retry-After": "3600"}), "busy", 1),
        (
            Fails(429, {"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT", "Retry-After-Ms": "9999999"}),
            "busy",
            1,
        ),
        (Fails(500, {"Retry-After": "0.01"}), "unavailable", 2),
        (Fails(503, {"Retry-After": "nan"}), "unavailable", 1),
        (Fails(400), "misconfigured", 1),
        (Fails(401, body=f"Incorrect API key provided: {KEY}"), "misconfigured", 1),
        (Fails(403), "misconfigured", 1),
        (Fails(404), "misconfigured", 1),
        (Fails(302, {"Location": "http://127.0.0.1:9/"}), "misconfigured", 1),
        (fake.Breaks(fake.hint()), "unavailable", 1),
        (fake.Declines(), "refused", 1),
        (Says(""), "unavailable", 1),
        (fake.Pages("<html>Welcome to our proxy</html>"), "unavailable", 1),
        (
            fake.Pages("data: 7\n\nevent: message_start\ndata: {nonsense\n\n", "text/event-stream"),
            "unavailable",
            1,
        ),
        (
            fake.Pages("data: [1]\n\nevent: message_delta\ndata: {}\n\n", "text/event-stream"),
            "unavailable",
            1,
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_failure_has_a_code_and_nothing_of_what_was_sent_or_said(told, saying, code, times):
    told.says(saying)

    failed = failure()

    assert failed.code == code
    assert len(told.asked) == times
    assert KEY not in f"{failed!r} {failed} {failed.__cause__}"
    assert "Incorrect" not in str(failed)


def test_after_one_failure_it_is_asked_once_more(told):
    told.says(Fails(529, {"Retry-After": "0.01"}), Says(fake.hint()))

    assert ask().text == fake.hint()
    assert len(told.asked) == 2


def test_a_server_that_is_not_there_is_unavailable(told, settings):
    settings.ANTHROPIC_BASE_URL = settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"

    assert failure().code == "unavailable"


@pytest.mark.parametrize("saying", [fake.Silent(), fake.Drips(), fake.Trickles()], ids=repr)
def test_whoever_does_not_come_to_an_end_has_its_time_and_no_more(told, settings, saying):
    settings.HINTS_TIMEOUT_S = 0.25
    told.says(saying)
    began = time.monotonic()

    assert failure().code == "timeout"
    assert time.monotonic() - began < 2  # the pause before a retry that then finds its time over


@pytest.mark.parametrize(("tokens", "most"), [(50, 50 * 1024), (4000, replies.MOST)])
def test_whoever_says_too_much_is_cut_off(told, settings, tokens, most):
    settings.HINTS_MAX_TOKENS = tokens
    told.says(fake.Flows("word " * 200))
    seen = [""]

    assert failure(seen.append).code == "unavailable"
    assert 0 < len(seen[-1]) <= most


def test_what_is_compressed_is_not_read(told):
    told.says(fake.Pages("whatever", "text/event-stream", {"Content-Encoding": "gzip"}))

    assert failure().code == "unavailable"


def test_what_the_reader_raises_ends_the_request(told):
    told.says(fake.Flows("word "))

    class Enough(Exception):
        pass

    def stop(text):
        raise Enough

    with pytest.raises(Enough):
        ask(stop)
    assert told.was_left.wait(5)


def test_neither_key_nor_prompt_is_logged_or_shown(told, settings, caplog):
    """Also where somebody turns on all that there is."""
    for logger in ("anthropic", "openai", "httpx2", "httpcore2"):
        logging.getLogger(logger).setLevel(logging.DEBUG)
    told.says(Says(fake.hint()), Fails(401, body=KEY))
    with caplog.at_level(logging.DEBUG):
        ask()
        failed = failure()

    kept = caplog.text + repr(providers.chosen()) + repr(failed) + repr(PROMPT)
    assert KEY not in kept
    assert "1| x" not in kept
    assert KEY.encode() in told.bytes  # so that the fake would have shown it


def test_either_key_enables_its_provider_and_none_means_rules(settings):
    """S3.23"""
    settings.HINTS_PROVIDER = "auto"
    settings.OPENAI_BASE_URL = settings.OPENAI_BASE_URL_DEFAULT

    def chosen(anthropic, openai):
        settings.ANTHROPIC_API_KEY, settings.OPENAI_API_KEY = anthropic, openai
        found = providers.chosen()
        return found and found.name

    assert chosen("", "") is None
    assert chosen(KEY, "") == "anthropic"
    assert chosen("", KEY) == "openai"
    assert chosen(KEY, KEY) == "anthropic"

    settings.HINTS_PROVIDER = "openai"
    assert chosen(KEY, KEY) == "openai"
    settings.HINTS_PROVIDER = "none"
    assert chosen(KEY, KEY) is None


def test_a_server_of_ones_own_needs_no_key(settings):
    with FakeProvider(Says(fake.hint())) as server:
        settings.HINTS_PROVIDER = "auto"
        settings.ANTHROPIC_API_KEY = settings.OPENAI_API_KEY = ""
        settings.OPENAI_BASE_URL = server.openai_url

        assert ask().text == fake.hint()
        assert server.asked[0].path == "/v1/chat/completions"


def test_a_models_name_is_kept_as_far_as_there_is_room_and_asked_for_whole(told, settings, name):
    model = "toy/" * 40
    setattr(settings, f"{name.upper()}_MODEL", model)

    assert ask().model == model[: HintRequest._meta.get_field("model").max_length]
    assert told.asked[0].body["model"] == model


def test_the_log_can_tell_a_wrong_key_from_a_wrong_address(told):
    told.says(Fails(401), Fails(404))

    assert [str(failure()) for _ in range(2)] == [
        "it answered with status 401",
        "it answered with status 404",
    ]


def test_no_proxy_of_the_environment_gets_to_see_it(told, monkeypatch):
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)

    assert ask().text == fake.hint()


def test_nothing_of_an_sdk_is_imported_before_a_worker_gets_ready_to_ask_and_all_of_it_then():
    """It takes seconds, which no answer's time is to pay for."""
    program = (
        "import django, os, sys; os.environ['DJANGO_SETTINGS_MODULE'] = 'judgeplatform.settings'; django.setup();"
        "import hints.answering, hints.checks, hints.views;"
        "there = lambda: [name for name in ('anthropic', 'openai.resources.chat', 'httpx2') if name in sys.modules];"
        "provider = hints.providers.chosen(); before = there(); provider.prepare(); print(before, there())"
    )
    env = {**os.environ, "HINTS_PROVIDER": "openai", "OPENAI_API_KEY": KEY}
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)

    assert found.stdout.strip() == "[] ['openai.resources.chat', 'httpx2']", found.stderr
