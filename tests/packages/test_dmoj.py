"""DMOJ's problems: init.yml, its batches and patterns, the archive in the package, and what is refused."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from execution.groups import Aggregation
from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode
from questions.packages import read
from questions.packages.dmoj import SAME_LETTERS, SAME_WORDS
from questions.packages.tree import opened
from questions.packages.values import Format, Package, PackageRefused
from tests.packages.zips import zipped


class DmojPackage:
    """A problem of DMOJ's; `keys` are those of init.yml. Everything returns the package."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.folder = folder
        self.write("init.yml", yaml.safe_dump(keys))

    def write(self, path: str, content: str | bytes) -> Self:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def cases(self, *stems: str) -> Self:
        for stem in stems:
            self.write(f"{stem}.in", "1\n").write(f"{stem}.out", "1\n")
        return self

    def listed(self) -> Self:
        """A batch and a case, with their files."""
        rows = [{"batched": [case("1"), case("2")], "points": 3}, case("3", points=1)]
        return self.write("init.yml", yaml.safe_dump({"test_cases": rows})).cases("1", "2", "3")

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    def read(self) -> Package:
        with opened(self.folder) as tree:
            return read(tree)


def case(stem: str, **keys: Any) -> dict[str, Any]:
    return {"in": f"{stem}.in", "out": f"{stem}.out", **keys}


def batch(*stems: str, **keys: Any) -> dict[str, Any]:
    return {"batched": [case(stem) for stem in stems], **keys}


def refused(package: DmojPackage) -> str:
    with pytest.raises(PackageRefused) as refusal:
        package.read()
    return str(refusal.value)


def shape(package: Package) -> list[tuple[str, str, bool, str, tuple[str, ...]]]:
    return [(one.path, one.points, one.stops, str(one.maximum), one.requires) for one in package.groups]


def test_cases_have_points_one_each_where_nothing_else_is_said(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases=[case("1"), case("2", points=5)]).cases("1", "2").read()
    assert [(one.name, one.points, one.public) for one in package.cases] == [
        ("1", Decimal(1), False),
        ("2", Decimal(5), False),
    ]
    assert (package.format, package.groups) == (Format.DMOJ, ())
    assert (package.scoring, package.policy) == (ScoringMode.WEIGHTED, RunPolicy.RUN_ALL)
    assert (package.checker.kind, package.limits.time_ms, package.time_factors) == (
        CheckerKind.LINES,
        None,
        {"*": 1.0},
    )


def test_in_a_batch_the_worst_case_counts_and_it_may_depend_on_others(tmp_path: Path) -> None:
    rows = [case("1", points=10), batch("2", "3", points=20), batch("4", "2", points=70, dependencies=[1])]
    package = DmojPackage(tmp_path, test_cases=rows).cases("1", "2", "3", "4").read()
    assert [(one.name, one.group, one.points) for one in package.cases] == [
        ("1", "cases-1", 10),
        ("batch-1/2", "batch-1", 20),
        ("batch-1/3", "batch-1", 20),
        ("batch-2/4", "batch-2", 70),
        ("batch-2/2", "batch-2", 70),
    ]
    assert shape(package) == [
        ("", Aggregation.SUM, False, "100", ()),
        ("cases-1", Aggregation.SUM, False, "10", ()),
        ("batch-1", Aggregation.MIN, True, "20", ()),
        ("batch-2", Aggregation.MIN, True, "70", ("batch-1",)),
    ]


def test_nothing_is_run_after_a_failed_case_without_points(tmp_path: Path) -> None:
    rows = [case("1", points=0), case("2", points=0), case("3"), batch("4"), case("5")]
    package = DmojPackage(tmp_path, test_cases=rows).cases(*"12345").read()
    assert shape(package) == [
        ("", Aggregation.SUM, False, "3", ()),
        ("cases-1", Aggregation.SUM, True, "0", ()),
        ("cases-2", Aggregation.SUM, False, "1", ("cases-1",)),
        ("batch-1", Aggregation.MIN, True, "1", ("cases-1",)),
        ("cases-4", Aggregation.SUM, False, "1", ("cases-1",)),
    ]


def test_pretests_are_run_before_everything_else_and_have_no_points(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, pretest_test_cases=[case("p", points=9)], test_cases=[case("1")])
    found = package.cases("p", "1").read()
    assert [(one.name, one.points) for one in found.cases] == [("p", 0), ("1", 1)]
    assert shape(found)[1:] == [
        ("cases-1", Aggregation.SUM, True, "0", ()),
        ("cases-2", Aggregation.SUM, False, "1", ("cases-1",)),
    ]


def test_a_problem_without_any_points_is_all_or_nothing(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, points=0, test_cases=[case("1"), case("2")]).cases("1", "2").read()
    assert (package.scoring, package.policy, package.groups) == (
        ScoringMode.ALL_OR_NOTHING,
        RunPolicy.FAIL_FAST,
        (),
    )


def test_cases_come_from_the_archive_and_the_folder_comes_first(tmp_path: Path) -> None:
    archive = zipped([("d/1.in", b"zip"), ("d/1.out", b"zip"), ("d/2.in", b"zip"), ("d/2.out", b"zip")])
    package = DmojPackage(tmp_path, archive="data.zip", test_cases=[case("d/1"), case("d/2")])
    package.write("data.zip", archive.getvalue()).cases("d/2")
    assert [one.input.read() for one in package.read().cases] == [b"zip\n", b"1\n"]


def test_a_missing_file_is_a_fault_that_names_it(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases=[case("1"), {"in": "1.in"}, case("gone")]).cases("1").read()
    assert [str(remark) for remark in package.remarks if remark.is_fault] == [
        "init.yml: test_cases[2].out: names no file",
        "init.yml: test_cases[3].in: names gone.in, which is not there",
        "init.yml: test_cases[3].out: names gone.out, which is not there",
    ]


def test_line_ends_are_made_as_dmoj_makes_them_unless_data_is_binary(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases=[case("1"), case("2", binary_data=True)])
    for stem in "12":
        package.write(f"{stem}.in", b"a\r\nb").write(f"{stem}.out", b"")
    assert [one.input.read() for one in package.read().cases] == [b"a\nb\n", b"a\r\nb"]


def test_without_a_list_cases_are_found_by_their_names(tmp_path: Path) -> None:
    names = ["2.1", "10", "1", "2.2"]
    archive = zipped([(f"sum.{name}.{end}", name.encode()) for name in names for end in ("in", "out")])
    package = DmojPackage(tmp_path, archive="a.zip", points=5).write("a.zip", archive.getvalue()).read()
    assert [(one.name, one.group, one.points) for one in package.cases] == [
        ("sum.1", "cases-1", 5),
        ("batch-1/sum.2.1", "batch-1", 5),
        ("batch-1/sum.2.2", "batch-1", 5),
        ("sum.10", "cases-3", 5),
    ]


def test_patterns_and_points_of_its_own_find_cases(tmp_path: Path) -> None:
    package = DmojPackage(
        tmp_path,
        test_cases={
            "input_format": r"^in_(?P<case>[a-z])$",
            "output_format": r"^out_(?P<case>[a-z])$",
            "case_points": [3, 4],
        },
    )
    for name in ("in_b", "out_b", "in_a", "out_a"):
        package.write(name, "")
    assert [(one.input.path, one.points) for one in package.read().cases] == [("in_a", 3), ("in_b", 4)]


def test_a_pattern_that_is_none_is_refused(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases={"input_format": "("}).cases("1")
    assert refused(package) == "init.yml: test_cases.input_format: it is no regular expression"


# Checkers


@pytest.mark.parametrize(
    ("said", "kind", "tolerances"),
    [
        ("standard", CheckerKind.LINES, (0, 0)),
        ("identical", CheckerKind.EXACT, (0, 0)),
        ({"name": "identical", "args": {"pe_allowed": False}}, CheckerKind.EXACT, (0, 0)),
        ("rstripped", CheckerKind.TRAILING_WHITESPACE, (0, 0)),
        ("linecount", CheckerKind.TRAILING_WHITESPACE, (0, 0)),
        ("sorted", CheckerKind.UNORDERED_LINES, (0, 0)),
        ("floats", CheckerKind.FLOAT_LINES, (1e-6, 1e-6)),
        ({"name": "floats", "args": {"precision": 3}}, CheckerKind.FLOAT_LINES, (1e-3, 1e-3)),
        ({"name": "floats", "args": {"error_mode": "absolute"}}, CheckerKind.FLOAT_LINES, (1e-6, 0)),
        ("floatsrel", CheckerKind.FLOAT_LINES, (0, 1e-6)),
        ("unordered", CheckerKind.PROGRAM, (0, 0)),
        ({"name": "sorted", "args": {"split_on": "whitespace"}}, CheckerKind.PROGRAM, (0, 0)),
        ("easy", CheckerKind.PROGRAM, (0, 0)),
    ],
)
def test_dmojs_own_checkers_are_ours_or_small_programs(
    tmp_path: Path, said: Any, kind: CheckerKind, tolerances: tuple[float, float]
) -> None:
    checker = DmojPackage(tmp_path, test_cases=[case("1")], checker=said).cases("1").read().checker
    assert (checker.kind, (checker.absolute, checker.relative)) == (kind, tolerances)


@pytest.mark.parametrize(
    ("source", "output", "code"),
    [
        (SAME_WORDS, "b a\na", 42),
        (SAME_WORDS, "b a a a", 43),
        (SAME_LETTERS, "B AA", 42),
        (SAME_LETTERS, "bbA", 43),
    ],
)
def test_the_programs_for_dmojs_checkers_answer_as_theirs(
    tmp_path: Path, source: str, output: str, code: int
) -> None:
    (tmp_path / "answer").write_text("a b\na\n")
    called = [sys.executable, "-c", source, str(tmp_path / "input"), str(tmp_path / "answer"), str(tmp_path)]
    assert subprocess.run(called, input=output, text=True, check=False).returncode == code


def test_a_bridged_checker_is_run_as_testlibs_are(tmp_path: Path) -> None:
    args = {"files": ["c/check.cpp", "testlib.h"], "lang": "CPP17", "type": "testlib", "time_limit": 3,
            "memory_limit": 65536}  # fmt: skip
    package = DmojPackage(tmp_path, test_cases=[case("1")], checker={"name": "bridged", "args": args})
    checker = (
        package.cases("1").write("c/check.cpp", '#include "testlib.h"').write("testlib.h", "").read().checker
    )
    assert (checker.kind, checker.protocol) == (CheckerKind.PROGRAM, Protocol.TESTLIB)
    assert [file.path for file in checker.files] == ["check.cpp", "testlib.h"]
    assert (checker.time_ms, checker.memory_kib) == (3000, 65536)


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"checker": "check.py"}, "check.py is a checker written for DMOJ alone"),
        ({"checker": "psychic"}, "psychic is not known"),
        ({"checker": {"name": "bridged", "args": {"files": "gone.cpp"}}}, "gone.cpp: a file of the checker is missing"),
        ({"checker": {"name": "bridged", "args": {"files": "1.in", "type": "coci"}}}, "one of default, testlib"),
        ({"checker": {"name": "bridged", "args": {}}}, "the checker has no files"),
        ({"checker": {"name": "floats", "args": {"precision": "very"}}}, "expected a number"),
        ({"custom_judge": "judge.py"}, "written in Python for DMOJ alone"),
        ({"interactive": {"files": "i.cpp"}}, "interactor"),
        ({"signature_grader": {"entry": "a.c"}}, "linked with a grader"),
        ({"generator": "gen.cpp"}, "made by a program"),
        ({"file_io": {"input": "a"}}, "in place of standard input"),
        ({"output_only": True}, "outputs are handed in"),
        ({"archive": "gone.zip"}, "gone.zip: the archive of testcases is missing"),
    ],
)  # fmt: skip
def test_what_we_cannot_judge_refuses_the_problem(tmp_path: Path, keys: dict[str, Any], reason: str) -> None:
    assert reason in refused(DmojPackage(tmp_path, **{"test_cases": [case("1")], **keys}).cases("1"))


def test_a_checker_of_a_single_case_refuses_the_problem(tmp_path: Path) -> None:
    package = DmojPackage(tmp_path, test_cases=[case("1", checker="identical")]).cases("1")
    assert refused(package) == (
        "init.yml: test_cases[1].checker: a checker for single cases is not supported"
    )


def test_unknown_keys_are_named_and_what_lies_beside_is_taken(tmp_path: Path) -> None:
    package = DmojPackage(
        tmp_path, test_cases=[case("1", colour="red")], **{"test_cases++": "x", "output_limit_length": 65536}
    )
    package.cases("1").write("statement.md", "# Sum\n\nAdd.\n").write("submissions/accepted/a.py", "")
    found = package.read()
    assert (found.title, found.limits.output_kib, len(found.solutions)) == ("Sum", 64, 1)
    assert sorted(map(str, found.remarks)) == [
        "init.yml: test_cases++ is not known",
        "init.yml: test_cases[1].colour is not known",
    ]
