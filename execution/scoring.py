"""What cases earn, and what points are worth as a score. Pure: no runs, no rows.

A case that has no answer carries no points, whatever its verdict.
"""

from decimal import ROUND_HALF_UP, Decimal

from execution.types import Case, Scoring, ScoringMode, Verdict

FULL = Decimal("100.00")
NOTHING = Decimal("0.00")
ALMOST_FULL = Decimal("99.99")


def earned(case: Case, verdict: Verdict) -> Decimal:
    """The points that this verdict earns on this case: all of them or none."""
    return case.points if verdict is Verdict.AC and case.answer is not None else Decimal(0)


def score(scoring: Scoring, *, verdict: Verdict, points: Decimal, out_of: Decimal | None) -> Decimal | None:
    """0–100 with two places. Rounding alone never makes it 100.

    None where there was nothing to earn, and where points are to be a share of what has no bound.
    """
    if out_of is not None and out_of <= 0:
        return None
    match scoring.mode:
        case ScoringMode.WEIGHTED:
            return None if out_of is None else _share(points, out_of)
        case ScoringMode.ALL_OR_NOTHING:
            return FULL if verdict is Verdict.AC else NOTHING
        case ScoringMode.VERDICT_MAP:
            return _two_places(scoring.verdict_points.get(verdict, NOTHING))


def so_far(points: Decimal, out_of: Decimal | None) -> Decimal | None:
    """What the points of the cases that are judged are worth, by whatever mode the end is scored."""
    return _share(points, out_of) if out_of is not None and out_of > 0 else None


def _share(points: Decimal, out_of: Decimal) -> Decimal:
    if points >= out_of:
        return FULL
    return min(_two_places(points * 100 / out_of), ALMOST_FULL)


def _two_places(value: Decimal) -> Decimal:
    return min(max(value, NOTHING), FULL).quantize(Decimal("0.01"), ROUND_HALF_UP)
