"""Groups of cases: which of them are still run once one has failed, and what verdict and points come of them.

    ""                 the whole
    ├── sample         paths as in a package's data folder; for other questions a group is a child of the whole
    └── secret
        ├── small
        └── large

A group's result is made of the results of its cases and subgroups, in the order of judging. Both published formats
come down to this: in Kattis's legacy format a group's verdict and points are made by its grader's flags
(`worst_error`, `first_error`, `always_accept`, `accept_if_any_accepted`, `sum`, `avg`, `min`, `max`, `ignore_sample`),
in the one of 2023-07 by `aggregation`, `score` and `require_pass`. So do our own run policies. Pure: no runs, no rows.

    tree.note(judged) ──▶ its groups' tallies ──a group has ended──▶ its result ──▶ the tally of the one above it …

A group ends when its last case is decided, or when something in it was rejected and it stops there. What was not
reached by then does not count, as if it did not exist.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from execution.errors import CheckerFailed
from execution.types import Case, Checker, GroupStanding, Judged, RunPolicy, Verdict

NOTHING = Decimal(0)
SIX_PLACES = Decimal("0.000001")
WORST_FIRST = (Verdict.CE, Verdict.RTE, Verdict.MLE, Verdict.TLE, Verdict.OLE, Verdict.WA)


class Aggregation(StrEnum):
    """How a group's points are made of those of its cases and subgroups."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    PASS_FAIL = "pass_fail"  # noqa: S105  (`maximum` if all is accepted, else none)


class GroupVerdict(StrEnum):
    """How a group's verdict is made of those of its cases and subgroups, unless all are accepted."""

    WORST_ERROR = "worst_error"
    FIRST_ERROR = "first_error"
    ALWAYS_ACCEPT = "always_accept"


@dataclass(frozen=True)
class Group:
    """`stops`: what is left of the group is not run once something in it was not accepted (on_reject: break).

    `reject_points` is what a failed case of the group earns; an accepted one earns its own points, or what the
    checker gives it. `minimum` and `maximum` are the least and most points of the group, None: no bound is known.
    `requires` are paths of groups (or names of cases) before it: unless all of them are accepted, nothing of it is
    run and it earns nothing. `ignores_sample`: of the whole, only what follows the first child counts.
    `needs_acceptance`: it earns nothing unless it is accepted, as the whole of a legacy package.
    """

    path: str = ""
    verdict: GroupVerdict = GroupVerdict.WORST_ERROR
    accepts_any: bool = False
    points: Aggregation = Aggregation.SUM
    ignores_sample: bool = False
    stops: bool = True
    reject_points: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    requires: tuple[str, ...] = ()
    needs_acceptance: bool = False


@dataclass(frozen=True)
class Result:
    """What a case or a group came to; SK where nothing of it counts. `case` made the verdict, None where none did."""

    verdict: Verdict
    points: Decimal
    case: int | None = None


class Tally:
    """The results of a group's children so far, as far as its own result needs them."""

    def __init__(self) -> None:
        self.count = 0
        self.accepted = 0
        self.total = NOTHING
        self.least: Decimal | None = None
        self.most: Decimal | None = None
        self.first: tuple[int, Verdict] | None = None
        self.worst: tuple[int, int] | None = None

    def add(self, result: Result) -> None:
        self.count += 1
        self.accepted += result.verdict is Verdict.AC
        self.total += result.points
        self.least = _least(self.least, result.points)
        self.most = _most(self.most, result.points)
        if result.case is not None and result.verdict in WORST_FIRST:
            self.first = min(self.first or (result.case, result.verdict), (result.case, result.verdict))
            worst = WORST_FIRST.index(result.verdict), result.case
            self.worst = min(self.worst or worst, worst)

    def verdict(self, rule: Group) -> tuple[Verdict, int | None]:
        """With the case that made it."""
        is_accepted = self.first is None or (rule.accepts_any and self.accepted)
        if is_accepted or rule.verdict is GroupVerdict.ALWAYS_ACCEPT:
            return Verdict.AC, None
        assert self.first is not None
        assert self.worst is not None
        if rule.verdict is GroupVerdict.FIRST_ERROR:
            return self.first[1], self.first[0]
        return WORST_FIRST[self.worst[0]], self.worst[1]


@dataclass
class _Node:
    """A group with its cases and subgroups. `left` counts the cases below it that are not decided yet.

    `is_reached`: something of it was run, or was not only because of what it requires. `result` is None until it
    has ended; `sample` is that of its first child where that does not count.
    """

    rule: Group
    parent: "_Node | None"
    children: "list[_Node | Case]" = field(default_factory=list)
    subgroups: "list[_Node]" = field(default_factory=list)
    maximum: Decimal | None = None
    size: int = 0  # cases below it
    left: int = 0
    first_index: int = 0
    last_index: int = 0
    is_reached: bool = False
    is_given_more: bool = False  # a checker gave a case of it more than its points
    is_ending: bool = False
    tally: Tally = field(default_factory=Tally)
    sample: Result | None = None
    result: Result | None = None

    @property
    def counting(self) -> "list[_Node | Case]":
        """Those of its children that count."""
        return self.children[1:] if self.rule.ignores_sample and len(self.children) > 1 else self.children

    def counts(self, child: "_Node | Case") -> bool:
        return not self.rule.ignores_sample or child is not self.children[0] or len(self.children) == 1

    def with_ancestors(self) -> "Iterator[_Node]":
        """From itself up to the whole."""
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def standing(self) -> GroupStanding:
        verdict = None if self.result is None else self.result.verdict
        return GroupStanding(self.rule.path, verdict, rounded(self.points()), self.maximum)

    def points(self) -> Decimal:
        """So far; a minimum and all-or-nothing are nothing before the end."""
        if self.result is not None:
            return self.result.points
        if self.rule.points in (Aggregation.MIN, Aggregation.PASS_FAIL):
            return NOTHING
        if self.rule.needs_acceptance and self.tally.verdict(self.rule)[0] is not Verdict.AC:
            return NOTHING
        running = [child for child in self.subgroups if child.is_reached and child.result is None]
        points = [child.points() for child in running if self.counts(child)]
        if self.rule.points is Aggregation.MAX:
            return max([*points, *([] if self.tally.most is None else [self.tally.most])], default=NOTHING)
        total = self.tally.total + sum(points, NOTHING)
        return self._cut(total / len(self.counting) if self.rule.points is Aggregation.AVG else total)

    def graded(self) -> Result:
        """Its result, with what is in the tally by now."""
        if self.sample is not None and not self.tally.count:
            self.tally.add(
                self.sample
            )  # nothing behind it was reached, so it is the last of those that are there
        if not self.tally.count:
            return Result(Verdict.SK, NOTHING)
        verdict, case = self.tally.verdict(self.rule)
        if self.rule.needs_acceptance and verdict is not Verdict.AC:
            return Result(verdict, NOTHING, case)
        return Result(verdict, self._within_maximum(self._last_points()), case)

    def _last_points(self) -> Decimal:
        tally = self.tally
        match self.rule.points:
            case Aggregation.SUM:
                return tally.total
            case Aggregation.MIN:
                return tally.least or NOTHING
            case Aggregation.MAX:
                return tally.most or NOTHING
            case Aggregation.AVG:
                return tally.total / tally.count
            case Aggregation.PASS_FAIL:
                has_all = tally.accepted == tally.count == len(self.counting)
                return (tally.total if self.maximum is None else self.maximum) if has_all else NOTHING

    def _cut(self, points: Decimal) -> Decimal:
        """At most the maximum, where its cases' own points are more: that is no fault of the checker."""
        maximum = self.rule.maximum
        return points if maximum is None or self.is_given_more else min(points, maximum)

    def _within_maximum(self, points: Decimal) -> Decimal:
        """Shares of a maximum that were rounded to six places make it whole again."""
        points = self._cut(points)
        if self.rule.maximum is None:
            return points
        if abs(points - self.rule.maximum) <= self.size * SIX_PLACES / 2:
            return self.rule.maximum
        if points > self.rule.maximum:
            name = f"The group {self.rule.path}" if self.rule.path else "The whole"
            raise CheckerFailed(
                f"{name} got {points.normalize():f} points, of {self.rule.maximum.normalize():f} at most.",
                case=self.last_index,
            )
        return points


class Tree:
    """What is known of the groups of some cases, which are noted one after the other as they are decided."""

    def __init__(self, cases: Sequence[Case], rules: "Rules", *, is_bounded: bool) -> None:
        """`is_bounded`: no case earns more than its points, so that groups without a maximum have one all the same."""
        self.is_bounded = is_bounded
        self._root = _Node(rules.of_whole, None)
        self._homes: dict[int, _Node] = {}
        self._cases = {case.index: case for case in cases}
        self._by_name: dict[str, int] = {case.name: case.index for case in cases if case.name}
        self._nodes: dict[str, _Node] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._failure: Result | None = None
        self._cut: Result | None = None
        for case in sorted(cases, key=lambda case: case.index):
            self._plant(case, rules)
        _set_maximum(self._root, is_bounded=is_bounded)

    def _plant(self, case: Case, rules: "Rules") -> None:
        node = self._root
        for path in rules.ancestry(case.group):
            if path not in self._nodes:
                self._nodes[path] = _Node(rules.of(path), node, first_index=case.index)
                node.children.append(self._nodes[path])
                node.subgroups.append(self._nodes[path])
            node = self._nodes[path]
        node.children.append(case)
        self._homes[case.index] = node
        for one in node.with_ancestors():
            one.size += 1
            one.left += 1
            one.last_index = case.index

    @property
    def maximum(self) -> Decimal | None:
        """The most points of the whole, None where there is no bound."""
        return self._root.maximum

    @property
    def runs_all(self) -> bool:
        """Whether every case is run, whatever the others show."""
        return not any(node.rule.stops or node.rule.requires for node in (self._root, *self._nodes.values()))

    @property
    def points(self) -> Decimal:
        """Of the whole so far; once all is decided, for good."""
        return rounded(self._root.points())

    @property
    def result(self) -> Result:
        """Of the whole, once it has ended."""
        assert self._root.result is not None
        return self._root.result

    def standings(self) -> list[GroupStanding]:
        """Of all groups but the whole, in the order of judging, those above before those within."""
        return [node.standing() for node in self._nodes.values() if node.rule.path]

    def standings_around(self, index: int) -> tuple[GroupStanding, ...]:
        """Of the groups that a case is in."""
        return tuple(node.standing() for node in self._homes[index].with_ancestors() if node.rule.path)

    def skips(self, case: Case) -> bool:
        """Whether it is not to be run, by what is known now."""
        return any(
            node.is_ending or self._unmet(node) is not None
            for node in self._homes[case.index].with_ancestors()
        )

    def earns(self, index: int, verdict: Verdict) -> Decimal | None:
        """What a case earns that was run and failed; None where it was not."""
        has_failed = verdict not in (Verdict.AC, Verdict.SK) and self._cases[index].answer is not None
        return self._homes[index].rule.reject_points if has_failed else None

    def note(self, judged: Judged) -> None:
        """Raises CheckerFailed where a group gets more points than it has, because a checker gave them."""
        home = self._homes[judged.index]
        self._verdicts[judged.index] = judged.verdict
        for node in home.with_ancestors():
            node.left -= 1
        if judged.run is None:
            self._block(home)
        else:
            case = self._cases[judged.index]
            for node in home.with_ancestors():
                node.is_reached = True
                node.is_given_more |= judged.points > _most_of(case, home)
            self._add(home, case, self._noted(judged))
        for node in home.with_ancestors():
            if not node.left:
                self._end(node)

    def cut(self, verdict: Verdict, case: int) -> None:
        """Nothing more is run, and this is the verdict. To be told before the last case is noted."""
        self._cut = Result(verdict, NOTHING, case)
        self._end(self._root)

    def _noted(self, judged: Judged) -> Result:
        points = rounded(judged.points)
        if judged.verdict is Verdict.AC:
            return Result(Verdict.AC, points)
        result = Result(judged.verdict, points, judged.index)
        self._failure = self._failure or result
        return result

    def _add(self, node: _Node, child: _Node | Case, result: Result) -> None:
        """A child of the group has a result."""
        if node.counts(child):
            node.tally.add(result)
        else:
            node.sample = result
        if node.rule.stops and result.verdict is not Verdict.AC:
            self._end(node)

    def _end(self, node: _Node) -> None:
        if node.is_ending:
            return
        node.is_ending = True
        for child in node.subgroups:
            self._end(child)
        self._settle(node, self._cut_off(node, self._cut) if self._cut and node.left else node.graded())

    def _cut_off(self, node: _Node, cut: Result) -> Result:
        """What a group comes to whose cases could not all be run: what it has earned so far."""
        if not node.is_reached and node.parent is not None:
            return Result(Verdict.SK, NOTHING)
        return replace(cut, points=NOTHING if node.rule.needs_acceptance else node.points())

    def _settle(self, node: _Node, result: Result) -> None:
        node.result = result
        if node.parent is not None and node.is_reached:
            self._add(node.parent, node, result)

    def _block(self, home: _Node) -> None:
        """Of a case that is skipped: the outermost of its groups that lacks what it requires has failed with that."""
        for node in reversed([*home.with_ancestors()]):
            if node.is_ending:
                return
            missing = self._unmet(node)
            if missing is not None:
                node.is_ending = node.is_reached = True
                for child in node.subgroups:
                    self._end(child)
                self._settle(node, missing)
                return

    def _unmet(self, node: _Node) -> Result | None:
        """What the first of those that it requires came to, and that was not accepted."""
        for name in node.rule.requires:
            result = self._result_of(name, before=node)
            if result is not None and result.verdict is Verdict.SK:
                result = self._failure  # it was not run because of what had failed before
            if result is not None and result.verdict is not Verdict.AC:
                return replace(result, points=NOTHING)
        return None

    def _result_of(self, name: str, *, before: _Node) -> Result | None:
        """Of a group or case; None where it has none yet, or does not come before."""
        if name in self._nodes:
            node = self._nodes[name]
            return node.result if node.last_index < before.first_index else None
        index = self._by_name.get(name)
        if index is None or index not in self._verdicts or index > before.first_index:
            return None
        return Result(self._verdicts[index], NOTHING, index)


@dataclass(frozen=True)
class Rules:
    """Which groups a case is in, and how each of them is judged."""

    of_whole: Group
    of: Callable[[str], Group]
    ancestry: Callable[[str], Sequence[str]]


def tree_of(cases: Sequence[Case], policy: RunPolicy, groups: Sequence[Group], checker: Checker) -> Tree:
    """By the groups where there are any, else by the policy.

    Only an author's checker can give a case more than its points.
    """
    if groups:
        return by_groups(cases, groups, is_bounded=checker.program is None)
    return by_policy(cases, policy)


def by_groups(cases: Sequence[Case], groups: Sequence[Group], *, is_bounded: bool = True) -> Tree:
    """By a question's own groups; those that it does not name have a Group's defaults."""
    named = {group.path: group for group in groups}
    rules = Rules(named.get("", Group()), lambda path: named.get(path) or Group(path), _ancestry)
    return Tree(cases, rules, is_bounded=is_bounded)


def by_policy(cases: Sequence[Case], policy: RunPolicy) -> Tree:
    """The first failure is the verdict, points are added, and a group is one whatever slashes are in its name."""

    def rule(path: str, *, stops: bool) -> Group:
        return Group(path, GroupVerdict.FIRST_ERROR, stops=stops)

    return Tree(
        cases,
        Rules(
            rule("", stops=policy is RunPolicy.FAIL_FAST),
            lambda path: rule(path, stops=policy is not RunPolicy.RUN_ALL),
            lambda path: (path,),
        ),
        is_bounded=True,
    )


def unstopped(groups: Sequence[Group], cases: Sequence[Case]) -> tuple[Group, ...]:
    """The same groups, none of which stops. The verdict of one that would have is still that of its first failure."""
    named = {group.path: group for group in groups}
    paths = {"", *named, *(path for case in cases for path in _ancestry(case.group))}
    return tuple(_unstopped(named.get(path, Group(path))) for path in sorted(paths))


def _unstopped(group: Group) -> Group:
    is_first = group.stops and group.verdict is GroupVerdict.WORST_ERROR
    return replace(group, stops=False, verdict=GroupVerdict.FIRST_ERROR if is_first else group.verdict)


def rounded(points: Decimal) -> Decimal:
    """As points are stored."""
    return points.quantize(SIX_PLACES, ROUND_HALF_UP)


def _ancestry(path: str) -> list[str]:
    """secret/small: secret, then secret/small."""
    names = path.split("/") if path else []
    return ["/".join(names[: depth + 1]) for depth in range(len(names))]


def _set_maximum(node: _Node, *, is_bounded: bool) -> None:
    """That of its rule, else what its children can earn together."""
    for child in node.subgroups:
        _set_maximum(child, is_bounded=is_bounded)
    node.maximum = node.rule.maximum
    if node.maximum is None and is_bounded:
        node.maximum = _together(node)


def _together(node: _Node) -> Decimal | None:
    each = [child.maximum if isinstance(child, _Node) else _most_of(child, node) for child in node.counting]
    known = [points for points in each if points is not None]
    if len(known) < len(each):
        return None
    match node.rule.points:
        case Aggregation.MIN:
            return min(known, default=NOTHING)
        case Aggregation.MAX:
            return max(known, default=NOTHING)
        case Aggregation.AVG:
            return sum(known, NOTHING) / max(len(known), 1)
        case Aggregation.SUM | Aggregation.PASS_FAIL:
            return sum(known, NOTHING)


def _most_of(case: Case, node: _Node) -> Decimal:
    return NOTHING if case.answer is None else max(case.points, node.rule.reject_points)


def _least(known: Decimal | None, points: Decimal) -> Decimal:
    return points if known is None else min(known, points)


def _most(known: Decimal | None, points: Decimal) -> Decimal:
    return points if known is None else max(known, points)
