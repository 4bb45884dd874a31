"""What a rule has found in a program, told on four levels."""

from collections.abc import Callable
from dataclasses import dataclass

from hints.answers import Hint, Level
from hints.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`rule` names it, for statistics and tests. Every text names the line or the case that it speaks of, where one
    is known. `plan` is a procedure in words, never a program.
    """

    rule: str
    confidence: float
    nudge: str
    concept: str
    place: str
    plan: str
    next_steps: tuple[str, ...]
    line: int | None = None
    case: int | None = None

    def told(self, level: Level) -> Hint:
        """As a hint of this level; the concept is the approach, once the level has come to it."""
        texts = {
            Level.NUDGE: self.nudge,
            Level.CONCEPT: self.concept,
            Level.PLACE: self.place,
            Level.PLAN: self.plan,
        }
        approach = self.nudge if level == Level.NUDGE else self.concept
        return Hint(texts[level], self.confidence, approach, self.next_steps, self.line)


Rule = Callable[[Evidence], Finding | None]
"""None where it has nothing to say. It must be true of what it speaks of: a guess is told as one."""
