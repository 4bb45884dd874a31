"""What became of a question's hints, for its authors: how many, who answered, did they help; never whose they were."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from hints.answers import Kind, Level
from hints.models import HintRequest
from questions.models import Question

LOOKED_AT = 5_000
"""The newest of a question's: so the page costs the same, however often it is asked."""
MOST_RULES = 20

_FIELDS = (
    "kind",
    "level",
    "status",
    "code",
    "rule",
    "provider",
    "model",
    "refused",
    "tokens_in",
    "tokens_out",
    "took_ms",
    "was_helpful",
    "created_at",
)


@dataclass(frozen=True)
class Tally:
    """Some requests that have something in common; `of_model` of its answers were written by a language model."""

    name: str
    asked: int
    answered: int
    of_model: int
    helped: int
    not_helped: int
    tokens_in: int
    tokens_out: int
    median_ms: int | None

    @property
    def of_rules(self) -> int:
        return self.answered - self.of_model


@dataclass(frozen=True)
class Usage:
    """`since` is when the oldest that was looked at was asked for; `is_all`: there are no older ones."""

    total: Tally
    kinds: tuple[Tally, ...]
    authors: tuple[Tally, ...]
    rules: tuple[Tally, ...]
    refused: tuple[tuple[str, int], ...]
    failed: tuple[tuple[str, int], ...]
    since: datetime | None
    is_all: bool


def usage(question: Question) -> Usage:
    newest = HintRequest.objects.filter(question=question).only(*_FIELDS)[:LOOKED_AT]
    found = list(newest)
    answered = [one for one in found if one.status == HintRequest.Status.DONE]
    by_rule = Counter(one.rule for one in answered if one.rule)
    return Usage(
        total=_tally("All", found),
        kinds=tuple(_tally(name, (one for one in found if _kind(one) == name)) for name in KINDS),
        authors=tuple(
            _tally(name, (one for one in answered if one.written_by == name))
            for name in sorted({one.written_by for one in answered})
        ),
        rules=tuple(
            _tally(rule, (one for one in answered if one.rule == rule))
            for rule, _ in by_rule.most_common(MOST_RULES)
        ),
        refused=tuple(Counter(reason for one in found for reason in one.refused).most_common()),
        failed=tuple(Counter(one.code for one in found if one.code).most_common()),
        since=found[-1].created_at if found else None,
        is_all=len(found) < LOOKED_AT,
    )


HINTS = {level: f"Level {level}, {level.name.lower()}" for level in Level}
OTHERS = {Kind.REVIEW: "Reviews", Kind.ANALYSIS: "Analyses"}
KINDS = (*HINTS.values(), *OTHERS.values())


def _kind(request: HintRequest) -> str:
    return HINTS[Level(request.level)] if request.level else OTHERS[Kind(request.kind)]


def _tally(name: str, requests: Iterable[HintRequest]) -> Tally:
    found = list(requests)
    answered = [one for one in found if one.status == HintRequest.Status.DONE]
    times = [one.took_ms for one in answered if one.took_ms is not None]
    return Tally(
        name=name,
        asked=len(found),
        answered=len(answered),
        of_model=sum(one.is_by_model for one in answered),
        helped=sum(one.was_helpful is True for one in found),
        not_helped=sum(one.was_helpful is False for one in found),
        tokens_in=sum(one.tokens_in for one in found),
        tokens_out=sum(one.tokens_out for one in found),
        median_ms=round(median(times)) if times else None,
    )
