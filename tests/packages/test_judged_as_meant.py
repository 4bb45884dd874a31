"""Packages of Polygon and DMOJ, judged by a real engine: their solutions get the verdicts and points they say."""

from decimal import Decimal
from pathlib import Path

import pytest

from execution.pool import Pool
from execution.types import Case, Checker, CheckerFile, CheckerProgram, Finished, Limits, Program, Scoring
from questions.packages.values import Package, PackageSolution
from tests.execution.conftest import judged_by, last
from tests.packages.test_dmoj import DmojPackage, batch, case
from tests.packages.test_polygon import PolygonPackage, group

RIGHT = "print(sum(map(int, input().split())))\n"
WRONG_IN_THE_SECOND = "a, b = map(int, input().split())\nprint(0 if b == 2 else a + b)\n"
WRONG_IN_THE_LAST = "a, b = map(int, input().split())\nprint(0 if b == 5 else a + b)\n"


def judged(package: Package, solution: PackageSolution) -> Finished:
    """Without rows: what importing keeps of a package, as values."""
    cases = [
        Case(
            number,
            one.input.read,
            one.answer.read,
            group=one.group,
            points=one.points,
            public=one.public,
            name=one.name,
        )
        for number, one in enumerate(package.cases, start=1)
    ]
    files = tuple(CheckerFile(file.path, file.read) for file in package.checker.files)
    checker = Checker(
        package.checker.kind,
        package.checker.absolute,
        package.checker.relative,
        program=CheckerProgram(files, package.checker.protocol) if files else None,
    )
    steps = judged_by(
        Pool.from_settings(),
        cases,
        program=Program(solution.language, solution.source.encode()),
        limits=Limits(time_ms=5000),
        checker=checker,
        policy=package.policy,
        scoring=Scoring(package.scoring),
        groups=package.groups,
    )
    return last(steps)


def test_polygons_groups_are_worth_what_they_say(engine: str, tmp_path: Path) -> None:
    rows = [("0", "0"), ("1", "30"), ("1", "0"), ("2", "35"), ("2", "35")]
    groups = (
        group("0", "complete-group")
        + group("1", "complete-group", "0", points="30")
        + group("2", "each-test", "0")
    )
    package = PolygonPackage(tmp_path, groups=groups).tests(
        *({"group": name, "points": n} for name, n in rows)
    )
    package.solution("right.py", "main", "python.3", RIGHT)
    package.solution("second.py", "wrong-answer", "python.3", WRONG_IN_THE_SECOND)
    package.solution("last.py", "wrong-answer", "python.3", WRONG_IN_THE_LAST)
    read = package.read()
    finished = [judged(read, solution) for solution in read.solutions]
    assert [
        (one.verdict in solution.expected, one.points)
        for one, solution in zip(finished, read.solutions, strict=True)
    ] == [
        (True, Decimal(100)),
        (True, Decimal(70)),
        (True, Decimal(65)),
    ]


@pytest.mark.parametrize(
    ("source", "verdict", "points"),
    [
        ("print(*reversed(input().split()), sep='\\n')\n", "AC", 100),  # in another order and on other lines
        ("line = input()\nprint(0 if '3' in line else line)\n", "WA", 30),
        ("line = input()\nprint(0 if '1' in line else line)\n", "WA", 0),
    ],
)
def test_dmojs_batches_depend_on_each_other_and_words_come_in_any_order(
    engine: str, tmp_path: Path, source: str, verdict: str, points: int
) -> None:
    rows = [
        case("1", points=10),
        batch("1", "2", points=20),
        batch("2", "3", points=0),
        batch("1", points=70),
    ]
    package = DmojPackage(tmp_path, test_cases=rows, checker="unordered")
    for stem in "123":
        package.write(f"{stem}.in", f"{stem} x y").write(f"{stem}.out", f"{stem} x y")
    finished = judged(package.read(), PackageSolution("a.py", "python", source, ()))
    assert (finished.verdict, finished.points) == (verdict, points)


@pytest.mark.parametrize(
    ("source", "verdict", "points"), [("print(input())", "AC", 1), ("print(2)", "WA", 0)]
)
def test_dmojs_pretests_earn_nothing_and_keep_the_rest_from_being_run(
    engine: str, tmp_path: Path, source: str, verdict: str, points: int
) -> None:
    package = DmojPackage(tmp_path, pretest_test_cases=[case("1"), batch("1", "3")], test_cases=[case("2")])
    for stem in "123":
        package.write(f"{stem}.in", stem).write(f"{stem}.out", stem)
    finished = judged(package.read(), PackageSolution("a.py", "python", source, ()))
    assert (finished.verdict, finished.points) == (verdict, points)
