"""What cases earn, and what points are worth as a score."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution import scoring
from execution.types import Case, Scoring, ScoringMode, Verdict

AC, WA, TLE = Verdict.AC, Verdict.WA, Verdict.TLE


def case(points, *, has_answer=True):
    return Case(1, bytes, bytes if has_answer else None, points=Decimal(points))


def test_points_are_earned_by_accepted_cases_with_an_answer():
    assert scoring.earned(case(3), AC) == 3
    assert scoring.earned(case(3), WA) == 0
    assert scoring.earned(case(3, has_answer=False), AC) == 0


@pytest.mark.parametrize(
    ("points", "out_of", "expected"),
    [(1, 3, "33.33"), (2, 3, "66.67"), (0, 3, "0.00"), (3, 3, "100.00"), (99999, 100000, "99.99")],
)
def test_a_weighted_score_is_the_share_of_the_points_and_never_rounded_up_to_100(points, out_of, expected):
    score = scoring.score(Scoring(), verdict=WA, points=Decimal(points), out_of=Decimal(out_of))

    assert str(score) == expected


def test_all_or_nothing_gives_100_for_accepted_and_else_0():
    rule = Scoring(ScoringMode.ALL_OR_NOTHING)

    scores = [scoring.score(rule, verdict=v, points=Decimal(9), out_of=Decimal(10)) for v in (AC, WA)]

    assert scores == [100, 0]


def test_a_verdict_map_gives_what_it_names_and_else_0():
    rule = Scoring(ScoringMode.VERDICT_MAP, {AC: Decimal(80), TLE: Decimal("12.345")})

    scores = [scoring.score(rule, verdict=v, points=Decimal(1), out_of=Decimal(1)) for v in (AC, TLE, WA)]

    assert scores == [Decimal("80.00"), Decimal("12.35"), Decimal("0.00")]


@pytest.mark.parametrize("mode", list(ScoringMode))
def test_where_nothing_can_be_earned_there_is_no_score(mode):
    assert scoring.score(Scoring(mode), verdict=AC, points=Decimal(0), out_of=Decimal(0)) is None


def test_without_a_bound_the_verdict_alone_can_make_a_score():
    scores = [scoring.score(Scoring(m), verdict=AC, points=Decimal(7), out_of=None) for m in ScoringMode]

    assert scores == [None, 100, 100]


@given(st.lists(st.tuples(st.decimals(0, 1000, places=2), st.booleans()), min_size=1))
def test_a_score_is_between_0_and_100_with_two_places_and_full_only_for_all_points(cases):
    out_of = sum((points for points, _ in cases), Decimal(0))
    points = sum((points for points, passed in cases if passed), Decimal(0))

    score = scoring.score(Scoring(), verdict=AC, points=points, out_of=out_of)

    if score is not None:
        assert 0 <= score <= 100
        assert score.as_tuple().exponent == -2
        assert (score == 100) is (points == out_of)
