"""Anthropic's models: its Messages API as a stream, with an answer by a schema."""

from collections.abc import Iterator

import anthropic
from django.conf import settings

from hints.providers import Access, Prompt, ProviderFailed
from hints.sdk.exchange import Exchange
from hints.sdk.told import Told

failure = anthropic.AnthropicError


def said(access: Access, prompt: Prompt, exchange: Exchange, told: Told) -> Iterator[str]:
    events = _client(access, exchange).messages.create(
        model=access.model,
        max_tokens=settings.HINTS_MAX_TOKENS,
        system=prompt.system,
        messages=[{"role": "user", "content": prompt.data}],
        output_config={"format": {"type": "json_schema", "schema": prompt.schema}},
        stream=True,
    )
    for event in events:
        if event.type == "message_start":
            told.tokens_in = event.message.usage.input_tokens
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            yield event.delta.text
        elif event.type == "message_delta":
            told.tokens_out = event.usage.output_tokens
            if event.delta.stop_reason == "refusal":
                raise ProviderFailed("refused", "it declined to answer")


def _client(access: Access, exchange: Exchange) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key=access.key,
        base_url=access.base_url,
        max_retries=1,
        timeout=exchange.client.timeout,
        http_client=exchange.client,
        open_telemetry=False,
    )
