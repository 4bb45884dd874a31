"""A hint that is still being written: what may be shown of it already is told, a sentence or so at a time.

    all that the model has said so far ─▶ the hint in it ─▶ the guard ─▶ pieces

However many pieces it comes in, it is looked at once in STEP characters, and never beyond what a hint may have.
"""

from hints.guard import Guard
from hints.pieces import Pieces
from hints.replies import beginning

STEP = 40
"""Characters: some six words."""


class Growing:
    """What one try of a model says."""

    def __init__(self, guard: Guard, pieces: Pieces) -> None:
        self._guard = guard
        self._pieces = pieces
        self._seen = 0
        self._shown = 0

    def show(self, so_far: str) -> None:
        """Raises NotAnAnswer and Refused."""
        text = beginning(so_far)
        if len(text) < self._seen + STEP:
            return
        self._seen = len(text)
        self._shown = self._guard.safe_length(text, self._shown)
        if self._shown:
            self._pieces.text(text[: self._shown])
