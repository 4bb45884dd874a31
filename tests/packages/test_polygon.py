"""Polygon's packages: problem.xml and what it names, as its author means it, or refused by name."""

import json
from pathlib import Path
from typing import Self
from xml.sax.saxutils import quoteattr

import pytest

from execution.groups import Aggregation, GroupVerdict
from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode
from questions.packages import read
from questions.packages.tree import opened
from questions.packages.values import Format, Package, PackageRefused

XML = """\
<?xml version="1.0" encoding="utf-8" standalone="no"?>
<problem revision="7" short-name="the-sum" url="https://example.org/p1">
    <names><name language="russian" value="Сумма"/><name language="english" value="The Sum"/></names>
    <statements>
        <statement charset="UTF-8" language="english" mathjax="true" path="statements/english/problem.tex"
                   type="application/x-tex"/>
    </statements>
    <judging cpu-name="x" cpu-speed="3600" input-file="" output-file="" {judging}>
        <testset name="tests">
            <time-limit>1500</time-limit>
            <memory-limit>268435456</memory-limit>
            <test-count>{count}</test-count>
            <input-path-pattern>tests/%02d</input-path-pattern>
            <answer-path-pattern>tests/%02d.a</answer-path-pattern>
            <tests>{tests}</tests>
            <groups>{groups}</groups>
        </testset>
    </judging>
    <files>
        <resources><file path="files/testlib.h" type="h.g++"/></resources>
        <executables/>
        <attachments>{attachments}</attachments>
    </files>
    <assets>
        {checker}
        <validators><validator><source path="files/v.cpp" type="cpp.g++17"/></validator></validators>
        <solutions>{solutions}</solutions>
    </assets>
    <properties><property name="tests-wellformed" value="true"/></properties>
    <tags><tag value="math"/><tag value="*800"/></tags>
    {more}
</problem>
"""
OWN_CHECKER = (
    '<checker type="testlib" name="check.cpp"><source path="files/check.cpp" type="cpp.g++17"/>'
    '<binary path="check.exe" type="exe.win32"/><copy path="check.cpp"/></checker>'
)


def element(kind: str, inner: str = "", **attributes: str) -> str:
    said = "".join(f" {key.rstrip('_')}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{kind}{said}>{inner}</{kind}>"


class PolygonPackage:
    """A full package, sum of two numbers: a sample and a hidden case at first. Everything returns the package."""

    def __init__(self, folder: Path, **xml: str) -> None:
        self.folder = folder
        self._xml = {"judging": "", "groups": "", "attachments": "", "more": "", **xml}
        self._xml.setdefault("checker", '<checker name="std::wcmp.cpp" type="testlib"/>')
        self._tests: list[str] = []
        self._solutions: list[str] = []
        self.write("files/testlib.h", "// testlib\n").write("files/check.cpp", '#include "testlib.h"\n')
        self.write(
            "statements/english/problem-properties.json",
            json.dumps(
                {"name": "The Sum", "legend": "Add.", "input": "Two.", "notes": "", "authorName": "Ada"}
            ),
        )
        self.test(sample="true").test()

    def write(self, path: str, content: str | bytes) -> Self:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self._described() if path != "problem.xml" else self

    def without(self, path: str) -> Self:
        (self.folder / path).unlink()
        return self

    def tests(self, *rows: dict[str, str]) -> Self:
        """These in place of those that are there."""
        self._tests.clear()
        for row in rows:
            self.test(**row)
        return self

    def test(self, method: str = "manual", **attributes: str) -> Self:
        self._tests.append(element("test", method=method, **attributes))
        number = len(self._tests)
        return self.write(f"tests/{number:02}", f"1 {number}\n").write(
            f"tests/{number:02}.a", f"{1 + number}\n"
        )

    def solution(self, name: str, tag: str, type_: str = "cpp.g++17", source: str = "int main() {}") -> Self:
        path = f"solutions/{name}"
        self._solutions.append(element("solution", element("source", path=path, type=type_), tag=tag))
        return self.write(path, source)

    def xml(self, **parts: str) -> Self:
        self._xml |= parts
        return self._described()

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def read(self) -> Package:
        with opened(self.folder) as tree:
            return read(tree)

    def _described(self) -> Self:
        parts = {"count": str(len(self._tests)), "tests": "".join(self._tests), **self._xml}
        return self.write("problem.xml", XML.format(solutions="".join(self._solutions), **parts))


def refused(package: PolygonPackage) -> str:
    with pytest.raises(PackageRefused) as refusal:
        package.read()
    return str(refusal.value)


def group(name: str, policy: str, *needed: str, **attributes: str) -> str:
    inner = element("dependencies", "".join(element("dependency", group=one) for one in needed))
    return element("group", inner, **{"name": name, "points-policy": policy}, **attributes)


def test_a_full_package_is_read_whole(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).read()
    assert (package.format, package.name, package.title) == (Format.POLYGON, "the-sum", "The Sum")
    assert package.statement.markdown == "Add.\n\n## Input\n\nTwo.\n"
    assert (package.statement.language, package.credits, package.tags) == ("en", "Ada", ("math", "*800"))
    assert (package.limits.time_ms, package.limits.memory_kib) == (1500, 262144)
    assert [(case.name, case.public, case.answer.path) for case in package.cases] == [
        ("tests/01", True, "tests/01.a"),
        ("tests/02", False, "tests/02.a"),
    ]
    assert (package.scoring, package.policy) == (ScoringMode.ALL_OR_NOTHING, RunPolicy.FAIL_FAST)
    assert package.time_factors == {"*": 1.0}
    assert package.metadata == {"revision": "7", "url": "https://example.org/p1"}
    assert not package.remarks


def test_samples_come_first_and_descriptions_of_the_others_are_notes_for_authors(tmp_path: Path) -> None:
    rows = [{"description": "large"}, {"sample": "true", "description": "File 1.in"}]
    cases = PolygonPackage(tmp_path).tests(*rows).read().cases
    assert [(case.name, case.note) for case in cases] == [("tests/02", ""), ("tests/01", "large")]


def test_a_statement_is_put_together_from_its_sections_where_there_are_no_properties(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).without("statements/english/problem-properties.json")
    package.write("statement-sections/english/legend.tex", "Add them.").write(
        "statement-sections/english/scoring.tex", "Ten each."
    )
    package.write("statement-sections/english/a.png", b"")
    statement = package.read().statement
    assert statement.markdown == "Add them.\n\n## Scoring\n\nTen each.\n"
    assert [picture.path for picture in statement.pictures] == ["a.png"]


def test_without_an_english_statement_the_first_is_taken(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path)
    description = (tmp_path / "problem.xml").read_text().replace("english", "russian", 2)
    description = description.replace('<name language="russian" value="The Sum"/>', "")
    package.write("statements/russian/problem-properties.json", json.dumps({"legend": "Сложите."}))
    package.write("problem.xml", description.replace("statements/english", "statements/russian"))
    found = package.read()
    assert (found.title, found.statement.language, found.statement.markdown) == ("Сумма", "ru", "Сложите.\n")


def test_a_statement_that_is_only_printed_is_an_attachment(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).without("statements/english/problem-properties.json")
    description = (tmp_path / "problem.xml").read_text().replace("application/x-tex", "application/pdf")
    package.write("statements/english/problem.tex", b"%PDF").write("problem.xml", description)
    found = package.read()
    assert [(file.path, file.read()) for file in found.attachments] == [("problem.tex", b"%PDF")]
    assert [remark.message.partition(":")[0] for remark in found.remarks] == ["no statement that can be read"]


def test_tests_that_are_still_to_be_generated_refuse_the_package(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).test("generated", cmd="gen 5").without("tests/03")
    assert refused(package) == "tests/03: is missing: its tests are not generated; download the full package"


def test_answers_that_are_all_missing_refuse_the_package(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).without("tests/01.a").without("tests/02.a")
    assert "download the full package" in refused(package)


def test_one_missing_file_of_a_manual_test_is_a_fault(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).without("tests/02.a").read()
    assert [str(remark) for remark in package.remarks if remark.is_fault] == [
        "tests/02.a: is missing; test 2 needs it"
    ]
    assert [case.name for case in package.cases] == ["tests/01"]


# Points


def test_points_without_groups_are_those_of_the_cases(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path).tests({"points": "0"}, {"points": "40"}, {"points": "60.5"}).read()
    assert [str(case.points) for case in package.cases] == ["0", "40", "60.5"]
    assert (package.scoring, package.policy, package.groups) == (ScoringMode.WEIGHTED, RunPolicy.RUN_ALL, ())


def test_groups_are_all_or_nothing_or_test_by_test_and_depend_on_each_other(tmp_path: Path) -> None:
    rows = [("0", "0"), ("1", "10"), ("1", "10"), ("2", "0"), ("2", "70"), ("3", "10")]
    package = PolygonPackage(
        tmp_path,
        groups=group("0", "complete-group")
        + group("1", "each-test", "0")
        + group("2", "complete-group", "0", "1", points="70.0")
        + group("3", "complete-group"),
    ).tests(*({"group": name, "points": points} for name, points in rows))
    found = package.read()
    assert [case.group for case in found.cases] == [name for name, _ in rows]
    assert [(one.path, one.points, one.stops, str(one.maximum), one.requires) for one in found.groups] == [
        ("", Aggregation.SUM, False, "100.0", ()),
        ("0", Aggregation.PASS_FAIL, True, "0", ()),
        ("1", Aggregation.SUM, False, "20", ("0",)),
        ("2", Aggregation.PASS_FAIL, True, "70.0", ("0", "1")),
        ("3", Aggregation.PASS_FAIL, True, "10", ()),
    ]
    assert {one.verdict for one in found.groups} == {GroupVerdict.FIRST_ERROR}


def test_groups_without_points_do_not_decide(tmp_path: Path) -> None:
    found = PolygonPackage(tmp_path, groups=group("1", "complete-group")).tests({"group": "1"}, {}).read()
    assert (found.groups, found.scoring) == ((), ScoringMode.ALL_OR_NOTHING)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        (group("1", "complete-group", "2"), "group 1 depends on 2, which is not before it"),
        (group("1", "complete-group", "9"), "group 1 depends on 9, which is not before it"),
        (group("1", "best-of"), "group 1 has the unknown points-policy best-of"),
        (group("1", "each-test", points="many"), "points is no number"),
    ],
)
def test_groups_that_cannot_be_judged_refuse_the_package(tmp_path: Path, groups: str, reason: str) -> None:
    rows = [{"group": "1", "points": "1"}, {"group": "2", "points": "1"}]
    assert reason in refused(PolygonPackage(tmp_path, groups=groups).tests(*rows))


# Checkers


@pytest.mark.parametrize(
    ("name", "kind", "tolerances"),
    [
        ("wcmp", CheckerKind.TOKENS, (0, 0)),
        ("ncmp", CheckerKind.TOKENS, (0, 0)),
        ("lcmp", CheckerKind.LINES, (0, 0)),
        ("nyesno", CheckerKind.CASE_INSENSITIVE, (0, 0)),
        ("rcmp", CheckerKind.FLOATS, (1.5e-6, 0)),
        ("rcmp4", CheckerKind.FLOATS, (1e-4, 1e-4)),
        ("rcmp9", CheckerKind.FLOATS, (1e-9, 1e-9)),
    ],
)
def test_testlibs_own_checkers_are_ours(
    tmp_path: Path, name: str, kind: CheckerKind, tolerances: tuple[float, float]
) -> None:
    checker = PolygonPackage(tmp_path, checker=f'<checker name="std::{name}.cpp"/>').read().checker
    assert (checker.kind, (checker.absolute, checker.relative)) == (kind, tolerances)


@pytest.mark.parametrize("checker", [OWN_CHECKER, OWN_CHECKER.replace("check.cpp", "std::uncmp.cpp", 1)])
def test_any_other_checker_is_run_with_the_headers_of_the_package(tmp_path: Path, checker: str) -> None:
    found = PolygonPackage(tmp_path, checker=checker).read().checker
    assert (found.kind, found.protocol) == (CheckerKind.PROGRAM, Protocol.TESTLIB)
    assert [file.path for file in found.files] == ["check.cpp", "testlib.h"]


def test_without_points_every_test_counts_the_same(tmp_path: Path) -> None:
    assert [case.points for case in PolygonPackage(tmp_path).read().cases] == [1, 1]


def test_what_we_cannot_judge_refuses_the_package(tmp_path: Path) -> None:
    own = {"checker": OWN_CHECKER}
    packages = {
        "programs use the file sum.in in place of standard input": {"judging": 'x="" '},
        "run several times": {"judging": 'run-count="2"'},
        "it has an interactor": {"checker": OWN_CHECKER + "<interactor/>"},
        "files/grader.cpp: programs are linked with it": {
            "attachments": '</attachments><resources><file path="files/grader.cpp" type="cpp.g++17">'
            '<assets><asset name="solution"/></assets></file></resources><attachments>'
        },
        "gives points as per cent": {**own, "judging": 'treat-points-from-checker-as-percent="true"'},
        "no testlib checker in C++": {"checker": OWN_CHECKER.replace("cpp.g++17", "java11")},
        "the checker's source is missing": {"checker": OWN_CHECKER.replace("files/check", "files/gone")},
        "has no checker": {"checker": ""},
        "an attachment is missing": {"attachments": '<file path="files/gone.zip"/>'},
    }
    for number, (reason, xml) in enumerate(packages.items()):
        package = PolygonPackage(tmp_path / str(number), **xml)
        if "sum.in" in reason:
            description = (package.folder / "problem.xml").read_text()
            package.write("problem.xml", description.replace('input-file=""', 'input-file="sum.in"'))
        assert reason in refused(package)
    no_header = PolygonPackage(tmp_path / "header", **own).without("files/testlib.h")
    assert (
        refused(no_header) == "files/check.cpp: The checker includes testlib.h, which is not among its files."
    )


# Solutions and the rest


def test_solutions_get_what_their_tags_say(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path)
    for tag in ("main", "wrong-answer", "time-limit-exceeded", "time-limit-exceeded-or-accepted",
                "time-limit-exceeded-or-memory-limit-exceeded", "rejected", "do-not-run"):  # fmt: skip
        package.solution(f"{tag}.cpp", tag)
    assert {
        solution.path[10:-4]: (solution.expected, solution.bounds, solution.skipped)
        for solution in package.read().solutions
    } == {
        "main": (("AC",), "lower", ""),
        "wrong-answer": (("WA",), "", ""),
        "time-limit-exceeded": (("TLE",), "upper", ""),
        "time-limit-exceeded-or-accepted": (("TLE", "AC"), "", ""),
        "time-limit-exceeded-or-memory-limit-exceeded": (("TLE", "MLE"), "", ""),
        "rejected": (("WA", "TLE", "MLE", "OLE", "RTE", "CE"), "", ""),
        "do-not-run": ((), "", "not run: the package says so"),
    }


@pytest.mark.parametrize(
    ("kind", "language"),
    [
        ("cpp.g++17", "cpp"), ("cpp.g++20-64", "cpp20"), ("cpp.ms2017", "cpp"), ("c.gcc", "c"), ("python.3", "python"),
        ("python.pypy3-64", "python"), ("java21", "java"), ("pas.fpc", "pascal"), ("rust.2021", "rust"), ("go", "go"),
        ("python.2", ""), ("kotlin19", ""), ("csharp.mono", ""),
    ],
)  # fmt: skip
def test_polygons_languages_are_ours_or_skipped(tmp_path: Path, kind: str, language: str) -> None:
    (solution,) = PolygonPackage(tmp_path).solution("a", "main", kind).read().solutions
    assert (solution.language, solution.skipped) == (language, "" if language else f"no language for {kind}")


def test_attachments_are_for_learners_and_unknown_elements_are_named(tmp_path: Path) -> None:
    package = PolygonPackage(
        tmp_path,
        attachments='<file path="files/kit.zip" location="/all"/>',
        more='<novelty a="1"/>',
        judging='weather="rain"',
    ).write("files/kit.zip", b"PK")
    found = package.read()
    assert [(file.path, file.read()) for file in found.attachments] == [("kit.zip", b"PK")]
    assert [str(remark) for remark in found.remarks] == [
        "problem.xml: not understood: judging@weather",
        "problem.xml: not understood: novelty",
    ]


def test_other_testsets_are_named_as_not_read(tmp_path: Path) -> None:
    package = PolygonPackage(tmp_path)
    description = (tmp_path / "problem.xml").read_text()
    package.write("problem.xml", description.replace("</judging>", '<testset name="pretests"/></judging>'))
    assert [str(remark) for remark in package.read().remarks] == [
        "problem.xml: not read: the testset pretests"
    ]


def test_java_is_started_by_a_class_main(tmp_path: Path) -> None:
    source = "import java.util.*; public class Sol { public static void main(String[] a) {} }"
    (found,) = PolygonPackage(tmp_path).solution("Sol.java", "main", "java11", source).read().solutions
    assert "class Main" in found.source
    assert "public class" not in found.source
