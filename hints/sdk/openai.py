"""OpenAI's models, and those of the many servers that speak like it: chat completions as a stream, by a schema."""

from collections.abc import Iterator

import openai
import openai.resources.chat  # which would be loaded while the answer's time runs
from django.conf import settings

from hints.providers import Access, Prompt, ProviderFailed
from hints.sdk.exchange import Exchange
from hints.sdk.told import Told

failure = openai.OpenAIError
NO_KEY = "none"
"""The SDK wants one, also where the server does not."""


def said(access: Access, prompt: Prompt, exchange: Exchange, told: Told) -> Iterator[str]:
    chunks = _client(access, exchange).chat.completions.create(
        model=access.model,
        max_completion_tokens=settings.HINTS_MAX_TOKENS,
        messages=[{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.data}],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": prompt.schema_name, "schema": prompt.schema, "strict": True},
        },
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in chunks:
        if chunk.usage is not None:
            told.tokens_in, told.tokens_out = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        for choice in chunk.choices:
            if choice.delta.refusal or choice.finish_reason == "content_filter":
                raise ProviderFailed("refused", "it declined to answer")
            if choice.delta.content:
                yield choice.delta.content


def _client(access: Access, exchange: Exchange) -> openai.OpenAI:
    return openai.OpenAI(
        api_key=access.key or NO_KEY,
        base_url=access.base_url,
        max_retries=1,
        timeout=exchange.client.timeout,
        http_client=exchange.client,
    )
