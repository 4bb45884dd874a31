"""What a provider has said so far."""

from collections.abc import Callable
from dataclasses import dataclass, field

from hints import replies
from hints.providers import ProviderFailed, Reply

MOST_TOKENS = 2**31 - 1
MOST_OF_MODEL = 100
"""Characters of its name. Both are what a column holds."""


@dataclass
class Told:
    text: str = field(default="", repr=False)
    tokens_in: int = 0
    tokens_out: int = 0

    def add(self, piece: str, on_text: Callable[[str], None]) -> None:
        """Raises ProviderFailed once it is longer than any answer, and what `on_text` raises."""
        self.text += piece
        if len(self.text) > replies.MOST:
            raise ProviderFailed("unavailable", "it does not come to its end")
        on_text(self.text)

    def reply(self, model: str) -> Reply:
        """Raises ProviderFailed where it said nothing, as servers do that speak something else."""
        if not self.text:
            raise ProviderFailed("unavailable", "it said nothing")
        return Reply(self.text, model[:MOST_OF_MODEL], _count(self.tokens_in), _count(self.tokens_out))


def _count(said: object) -> int:
    """Nobody checks what servers say of themselves."""
    return min(max(said, 0), MOST_TOKENS) if isinstance(said, int) else 0
