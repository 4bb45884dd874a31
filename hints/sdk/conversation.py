"""One question to a provider and its answer, whichever SDK it is asked with."""

from collections.abc import Callable, Iterator
from typing import Protocol

import httpx2

from hints.providers import Access, Prompt, Reply
from hints.sdk.exchange import GARBLED, Exchange
from hints.sdk.told import Told


class Sdk(Protocol):
    """A module of this package: what its SDK raises, and how it asks, noting in `told` what that cost."""

    @property
    def failure(self) -> type[Exception]: ...

    def said(self, access: Access, prompt: Prompt, exchange: Exchange, told: Told) -> Iterator[str]: ...


def ask(sdk: Sdk, access: Access, prompt: Prompt, on_text: Callable[[str], None]) -> Reply:
    told = Told()
    with Exchange() as exchange:
        for piece in _pieces(sdk, access, prompt, exchange, told):
            told.add(piece, on_text)
        exchange.refuse_if_late()
    return told.reply(access.model)


def _pieces(sdk: Sdk, access: Access, prompt: Prompt, exchange: Exchange, told: Told) -> Iterator[str]:
    try:
        yield from sdk.said(access, prompt, exchange, told)
    except (sdk.failure, httpx2.HTTPError, *GARBLED) as error:
        raise exchange.failed(error) from None
