"""What is answered: hints, reviews, analyses. Whoever made it, rules or a language model, it has this shape."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    HINT = "hint"
    REVIEW = "review"
    ANALYSIS = "analysis"


class Level(IntEnum):
    """How much a hint gives away. None gives a solution."""

    NUDGE = 1  # a question that makes one look at the right place
    CONCEPT = 2  # what one has to know for it
    PLACE = 3  # where it is, and why
    PLAN = 4  # what to do, step by step, in words: pseudo-code


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Hint:
    """`confidence` is 0–1; `line` is one of the program, from 1."""

    hint: str
    confidence: float
    approach: str
    next_steps: tuple[str, ...]
    line: int | None = None


@dataclass(frozen=True)
class Remark:
    """On one line of the program, from 1. `type` is a short word: style, correctness, performance, unused …"""

    line: int
    type: str
    message: str
    severity: Severity


@dataclass(frozen=True)
class Review:
    """`overall_score` is 0–100."""

    overall_score: float
    suggestions: tuple[Remark, ...]
    strengths: tuple[str, ...]
    improvements: tuple[str, ...]


@dataclass(frozen=True)
class Complexity:
    """Estimates such as `O(n log n)`, empty where nobody can tell; `explanation` says what they rest on."""

    time: str
    space: str
    explanation: str


@dataclass(frozen=True)
class Analysis(Review):
    """`issues` are what makes the program wrong or may do so; `suggestions` are about the rest."""

    complexity: Complexity
    issues: tuple[Remark, ...]


Answer = Hint | Review | Analysis


class NotAnAnswer(Exception):
    """What came is not of the shape that was asked for."""
