"""Groups of cases: what is run, and what verdict and points come of it."""

from decimal import Decimal

import pytest

from execution.errors import CheckerFailed
from execution.groups import Aggregation, Group, GroupVerdict, by_groups, by_policy, unstopped
from execution.types import Case, Judged, Run, RunPolicy, Verdict


def cases_in(*places: str, points: int | str = 1) -> list[Case]:
    """One case for each of these groups."""
    return [
        Case(index, bytes, bytes, group=place, points=Decimal(points), name=f"{place}/{index}")
        for index, place in enumerate(places, 1)
    ]


def judged_in(tree, cases, shown: str, gave: dict[int, str] | None = None) -> str:
    """Judges the cases, which would show these verdicts; gives those that came of it. `gave`: a checker's points."""
    came = []
    for case, letters in zip(cases, shown.split(), strict=True):
        verdict = Verdict(letters)
        if tree.skips(case):
            tree.note(Judged(case.index, None, Verdict.SK, Decimal(0)))
            came.append("SK")
            continue
        points = Decimal((gave or {}).get(case.index, case.points))
        if verdict is not Verdict.AC:
            points = tree.earns(case.index, verdict)
        tree.note(Judged(case.index, Run(None), verdict, points))
        came.append(letters)
    return " ".join(came)


def outcome_of(cases, shown, *groups, gave=None):
    """Of the whole: verdicts of the cases, verdict, points, and the case that decided."""
    tree = by_groups(cases, groups)
    came = judged_in(tree, cases, shown, gave)
    return came, tree.result.verdict.value, f"{tree.points.normalize():f}", tree.result.case


WHOLE = Group(stops=False, ignores_sample=True)


@pytest.mark.parametrize(
    ("rule", "shown", "expected"),
    [
        (Group(stops=False), "AC WA RTE TLE", ("AC WA RTE TLE", "RTE", "1", 3)),
        (Group(stops=False), "WA AC WA AC", ("WA AC WA AC", "WA", "2", 1)),
        (
            Group(stops=False, verdict=GroupVerdict.FIRST_ERROR),
            "AC WA RTE TLE",
            ("AC WA RTE TLE", "WA", "1", 2),
        ),
        (Group(verdict=GroupVerdict.ALWAYS_ACCEPT), "AC WA AC AC", ("AC WA SK SK", "AC", "1", None)),
        (Group(stops=False, accepts_any=True), "WA WA AC WA", ("WA WA AC WA", "AC", "1", None)),
        (Group(stops=False, points=Aggregation.MIN), "AC AC AC AC", ("AC AC AC AC", "AC", "1", None)),
        (Group(stops=False, points=Aggregation.MIN), "AC WA AC AC", ("AC WA AC AC", "WA", "0", 2)),
        (Group(stops=False, points=Aggregation.MAX), "WA AC WA WA", ("WA AC WA WA", "WA", "1", 1)),
        (Group(stops=False, points=Aggregation.AVG), "AC AC WA WA", ("AC AC WA WA", "WA", "0.5", 3)),
        # What was not reached does not count, as in Kattis's grader.
        (Group(points=Aggregation.AVG), "AC WA AC AC", ("AC WA SK SK", "WA", "0.5", 2)),
        (Group(reject_points=Decimal("0.25")), "AC WA AC AC", ("AC WA SK SK", "WA", "1.25", 2)),
        (Group(needs_acceptance=True), "AC AC AC OLE", ("AC AC AC OLE", "OLE", "0", 4)),
    ],
)
def test_a_group_is_graded_as_kattis_default_grader_does(rule, shown, expected):
    assert outcome_of(cases_in("", "", "", ""), shown, rule) == expected


def test_a_group_stops_by_its_subgroups_verdicts_not_by_their_cases():
    cases = cases_in("a", "a", "b", "b", "c")
    always = Group("a", verdict=GroupVerdict.ALWAYS_ACCEPT)
    runs_on = Group("b", stops=False)

    assert outcome_of(cases, "WA AC AC WA AC", Group(), always, runs_on) == ("WA SK AC WA SK", "WA", "1", 4)


def test_the_sample_does_not_count_where_it_is_ignored():
    cases = cases_in("sample", "secret/small", "secret/large")

    assert outcome_of(cases, "WA AC AC", WHOLE) == ("WA AC AC", "AC", "2", None)
    assert outcome_of(cases[:1], "WA", WHOLE) == ("WA", "WA", "0", 1)
    assert outcome_of(cases, "WA AC AC", Group(ignores_sample=True)) == ("WA SK SK", "WA", "0", 1)


def test_pass_fail_gives_all_or_nothing_and_what_is_required_must_have_been_accepted():
    """As the format of 2023-07 has it."""
    cases = cases_in("sample", "secret/a", "secret/a", "secret/b", "secret/c", points=0)
    groups = (
        WHOLE,
        Group("secret", stops=False, maximum=Decimal(100)),
        Group("secret/a", points=Aggregation.PASS_FAIL, maximum=Decimal(30)),
        Group("secret/b", points=Aggregation.PASS_FAIL, maximum=Decimal(50), requires=("sample", "secret/a")),
        Group("secret/c", points=Aggregation.PASS_FAIL, maximum=Decimal(20)),
    )

    assert outcome_of(cases, "AC AC AC AC AC", *groups) == ("AC AC AC AC AC", "AC", "100", None)
    assert outcome_of(cases, "AC AC WA AC AC", *groups) == ("AC AC WA SK AC", "WA", "20", 3)
    assert outcome_of(cases, "TLE AC AC AC AC", *groups) == ("TLE AC AC SK AC", "TLE", "50", 1)


def test_a_requirement_may_be_a_case_and_one_that_comes_later_is_none():
    cases = cases_in("a", "b", "c")
    groups = (Group(stops=False), Group("b", requires=("a/1",)), Group("a", requires=("c",)))

    assert outcome_of(cases, "WA AC AC", *groups) == ("WA SK AC", "WA", "1", 1)


def test_a_group_shows_what_it_has_so_far_and_a_minimum_only_at_its_end():
    cases = cases_in("sum", "sum", "min", "min", points=10)
    tree = by_groups(cases, [Group(stops=False), Group("min", points=Aggregation.MIN)])
    seen = []

    for case in cases:
        tree.note(Judged(case.index, Run(None), Verdict.AC, case.points))
        around = tree.standings_around(case.index)[0]
        seen.append((around.path, around.verdict, int(around.earned), around.obtainable, int(tree.points)))

    assert seen == [
        ("sum", None, 10, 20, 10),
        ("sum", Verdict.AC, 20, 20, 20),
        ("min", None, 0, 10, 20),
        ("min", Verdict.AC, 10, 10, 30),
    ]


def test_rounded_shares_of_a_maximum_make_it_whole_and_more_than_it_is_the_authors_fault():
    cases = cases_in("a", "a", "a", points="33.333333")
    rule = Group("a", stops=False, maximum=Decimal(100))

    assert outcome_of(cases, "AC AC AC", rule)[2] == "100"
    assert outcome_of(cases, "AC AC AC", rule, gave={3: "33.3"})[2] == "99.966666"
    with pytest.raises(CheckerFailed, match="The group a got 101"):
        outcome_of(cases, "AC AC AC", rule, gave={3: "34.333334"})


def test_cases_whose_own_points_are_more_than_their_group_has_earn_what_it_has():
    cases = cases_in("a", "a", "b", points=50)
    groups = (Group(stops=False, maximum=Decimal(60)), Group("a", stops=False, maximum=Decimal(20)))

    assert outcome_of(cases, "AC AC AC", *groups) == ("AC AC AC", "AC", "60", None)
    assert outcome_of(cases, "AC AC WA", *groups)[2] == "20"
    with pytest.raises(CheckerFailed, match="The group a got 101"):
        outcome_of(cases, "AC AC AC", *groups, gave={1: "51"})


def test_a_group_without_bound_has_no_maximum_and_an_authors_checker_makes_one_of_every_group():
    cases = cases_in("a", "b")

    assert by_groups(cases, [Group()]).maximum == 2
    assert by_groups(cases, [Group()], is_bounded=False).maximum is None
    assert by_groups(cases, [Group(maximum=Decimal(7))], is_bounded=False).maximum == 7


def test_what_was_cut_off_earns_what_it_has_and_a_minimum_nothing():
    """S2.8: the time for all cases was used up."""
    cases = cases_in("sum", "min", "min", points=10)
    tree = by_groups(cases, [Group(stops=False), Group("min", points=Aggregation.MIN)])
    judged_in(tree, cases[:2], "AC AC")

    tree.cut(Verdict.TLE, 2)
    judged_in(tree, cases[2:], "AC")

    assert (tree.result.verdict, tree.result.case, tree.points) == (Verdict.TLE, 2, 10)
    assert [group.verdict for group in tree.standings()] == [Verdict.AC, Verdict.TLE]


@pytest.mark.parametrize(
    ("policy", "came"),
    [
        (RunPolicy.FAIL_FAST, "AC WA SK SK SK"),
        (RunPolicy.RUN_ALL, "AC WA AC AC AC"),
        (RunPolicy.FAIL_FAST_PER_GROUP, "AC WA SK AC SK"),
    ],
)
def test_a_policy_takes_groups_by_their_whole_names_wherever_their_cases_are(policy, came):
    cases = cases_in("a", "a/b", "a/b", "", "a/b")
    tree = by_policy(cases, policy)

    assert judged_in(tree, cases, "AC WA AC AC AC") == came
    assert (tree.result.verdict, tree.result.case) == (Verdict.WA, 2)
    assert [group.path for group in tree.standings()] == ["a", "a/b"]


def test_groups_that_do_not_stop_run_all_and_keep_the_verdict_that_stopping_gives():
    cases = cases_in("secret/a", "secret/a", "secret/a", "secret/b", "secret/b")
    groups = (WHOLE, Group("secret", stops=False), Group("secret/a"))
    shown = "WA RTE AC AC TLE"

    came, verdict, _, decided_by = outcome_of(cases, shown, *groups)
    assert (came, verdict, decided_by) == ("WA SK SK AC TLE", "TLE", 5)
    came, verdict, _, decided_by = outcome_of(cases, shown, *unstopped(groups, cases))
    assert (came, verdict, decided_by) == (shown, "TLE", 5)
    by_group = {group.path: group.verdict for group in unstopped(groups, cases)}
    assert by_group["secret/a"] is by_group["secret/b"] is GroupVerdict.FIRST_ERROR
    assert by_group["secret"] is GroupVerdict.WORST_ERROR
