"""Packages in Kattis's format, read as values: what each version says of cases, groups, solutions and limits."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.groups import Aggregation, Group, GroupVerdict, by_groups
from execution.types import Case, CheckerKind, Judged, Run, Verdict
from questions.expectations import Rule
from questions.packages import kattis, tree
from questions.packages.values import Format, Package, PackageCase, PackageRefused, PackageSolution
from tests.packages.kit import (
    CRASH,
    LEGACY,
    NEWER,
    RIGHT,
    SAME_TOKENS,
    UUID,
    VERSIONS,
    WRONG,
    KattisPackage,
    checked,
    every_verdict,
    guessing,
    subtasks,
    sums,
)

LATEST = "2025-09"
BY_VERSION = pytest.mark.parametrize("version", VERSIONS)
NOT_ACCEPTED = {"WA", "TLE", "MLE", "OLE", "RTE", "CE"}


def read(package: KattisPackage) -> Package:
    with tree.opened(package.folder) as opened:
        return kattis.read(opened)


def refusal(package: KattisPackage) -> str:
    with pytest.raises(PackageRefused) as caught:
        read(package)
    return str(caught.value)


def remarks(package: Package) -> str:
    return "\n".join(map(str, package.remarks))


def case(package: Package, name: str) -> PackageCase:
    return next(one for one in package.cases if one.name == name)


def group(package: Package, path: str) -> Group:
    return next(one for one in package.groups if one.path == path)


def solution(package: Package, path: str) -> PackageSolution:
    return next(one for one in package.solutions if one.path == f"submissions/{path}")


# What all versions have in common


@BY_VERSION
def test_a_plain_package_is_read_whole(tmp_path: Path, version: str) -> None:
    package = read(sums(tmp_path / "sum", version, license="cc by-sa", source="A contest"))
    assert package.title == "The Sum"
    assert package.statement.markdown.strip() == "Print the sum of each line."
    assert [(one.name, one.public, one.group) for one in package.cases] == [
        ("sample/1", True, "sample"),
        ("secret/1-small", False, "secret"),
        ("secret/2-large", False, "secret"),
    ]
    assert package.cases[2].input.read() == b"1000 2000\n"
    assert package.cases[2].answer.read() == b"3000\n"
    assert (package.uuid, package.licence, package.source) == (UUID, "cc by-sa", "A contest")
    assert package.checker.kind is CheckerKind.KATTIS
    assert (package.groups, package.time_factors) == ((), {"*": 1.0})
    assert [file.path for file in package.kept if "valid" in file.path] == ["input_validators/any.py"]
    assert package.remarks == ()


@pytest.mark.parametrize(
    ("version", "format_"),
    [
        (None, Format.KATTIS_LEGACY),
        ("legacy-icpc", Format.KATTIS_LEGACY),
        ("2023-07", Format.KATTIS_2023_07),
        ("draft", Format.KATTIS_2023_07),
        (LATEST, Format.KATTIS_2025_09),
    ],
)
def test_a_version_is_known_by_all_its_names(tmp_path: Path, version: str | None, format_: Format) -> None:
    built = sums(tmp_path / "sum", LEGACY if format_ is Format.KATTIS_LEGACY else NEWER)
    keys = f"problem_format_version: {version}\n" if version else ""
    assert read(built.write("problem.yaml", f"{keys}name: The Sum\n")).format is format_


def test_an_unknown_version_is_refused_by_name(tmp_path: Path) -> None:
    assert "3000-01 is none of legacy" in refusal(sums(tmp_path / "sum", problem_format_version="3000-01"))


def test_limits_are_in_the_units_of_the_platform(tmp_path: Path) -> None:
    limits = {"memory": 64, "output": 2, "code": 10, "time_limit": 1.5, "time_resolution": 0.1} | {
        "time_multipliers": {"ac_to_time_limit": 3, "time_limit_to_tle": 4},
        "validation_time": 7,
        "validation_memory": 100,
    }
    package = read(sums(tmp_path / "sum", NEWER, limits=limits).checker(SAME_TOKENS))
    assert package.limits.time_ms == 1500
    assert (package.limits.memory_kib, package.limits.output_kib, package.limits.source_kib) == (
        65536,
        2048,
        10,
    )
    assert (package.limits.ac_to_limit, package.limits.limit_to_tle) == (3.0, 4.0)
    assert package.limits.resolution_ms == 100
    assert (package.checker.time_ms, package.checker.memory_kib) == (7000, 102400)


@pytest.mark.parametrize(
    ("file", "text", "time_ms"),
    [
        (".timelimit", "2\n", 2000),
        ("domjudge-problem.ini", "name = 'Sum'\ntimelimit='0.5'\n", 500),
        ("domjudge-problem.ini", "name = 'Sum'\n", None),
    ],
)
def test_a_time_limit_may_stand_in_a_file_of_its_own(
    tmp_path: Path, file: str, text: str, time_ms: int | None
) -> None:
    package = read(sums(tmp_path / "sum").without(".timelimit").write(file, text))
    assert package.limits.time_ms == time_ms
    assert (package.limits.ac_to_limit, package.limits.limit_to_tle) == (5.0, 2.0)


@BY_VERSION
def test_without_a_time_limit_it_is_left_open(tmp_path: Path, version: str) -> None:
    package = read(sums(tmp_path / "sum", version, limits=None).without(".timelimit"))
    assert (package.limits.time_ms, package.limits.memory_kib) == (None, None)


def test_authors_are_named_without_their_addresses(tmp_path: Path) -> None:
    credits_ = {"authors": ["Ada L <ada@example.org>", {"name": "Bo"}], "testers": "Cy"}
    package = read(sums(tmp_path / "new", LATEST, credits=credits_))
    assert package.credits == "Ada L, Bo"
    assert package.metadata["kept"]["problem.yaml"] == {"credits.testers": "Cy"}
    assert read(sums(tmp_path / "old", author="Ada L and Bo Anders, Cy")).credits == "Ada L, Bo Anders, Cy"


def test_a_source_may_be_a_text_a_map_or_several(tmp_path: Path) -> None:
    several = [{"name": "NWERC", "url": "https://nwerc.example/"}, "SWERC"]
    package = read(sums(tmp_path / "new", NEWER, source=several, keywords=["graphs", "dp"]))
    assert (package.source, package.source_url) == ("NWERC, SWERC", "https://nwerc.example/")
    assert package.tags == ("graphs", "dp")
    assert read(sums(tmp_path / "old", keywords="graphs dp")).tags == ("graphs", "dp")


def test_languages_become_ours_and_the_others_are_named(tmp_path: Path) -> None:
    package = read(sums(tmp_path / "sum", NEWER, languages=["python3", "cobol"]))
    assert package.languages == ("python",)
    assert "cobol is not offered here" in remarks(package)
    assert "none of them is offered" in refusal(sums(tmp_path / "b", NEWER, languages=["cobol"]))


def test_constants_stand_in_statement_checker_solutions_and_groups(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER, constants={"most": 7, "eps": "1e-6"})
    built.statement("At most {{most}}, not {{least}}.\n").solution(
        "accepted/right.py", RIGHT + "# {{most}}\n"
    )
    built.checker(SAME_TOKENS + "# {{most}}\n")
    built.group("secret", output_validator_args=["float_tolerance", "{{eps}}"])
    package = read(built)
    assert "At most 7, not {{least}}." in package.statement.markdown
    assert package.solutions[0].source.endswith("# 7\n")
    checker = package.checker.files[0]
    assert checker.read().endswith(b"# 7\n")
    assert checker.size == len(checker.read())
    assert case(package, "secret/1-small").arguments == ("float_tolerance", "1e-6")


# Statements


def test_english_is_shown_other_languages_are_kept(tmp_path: Path) -> None:
    names = {"sv": "Summan", "en": "The Sum"}
    package = read(sums(tmp_path / "sum", NEWER, name=names).statement("Skriv summan.\n", "sv"))
    assert (package.title, package.statement.language) == ("The Sum", "en")
    assert "statement/problem.sv.md" in [file.path for file in package.kept]
    swedish = sums(tmp_path / "b", NEWER, name={"sv": "Summan"}).statement("Skriv summan.\n", "sv")
    package = read(swedish.without("statement/problem.en.md"))
    assert (package.title, package.statement.language) == ("Summan", "sv")


def test_a_latex_title_may_have_a_plain_one(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", name=None)
    built.write(
        "problem_statement/problem.tex", "\\problemname{$x^2$}\n%% plainproblemname: x squared\nText.\n"
    )
    assert read(built.without("problem_statement/problem.en.tex")).title == "x squared"


def test_pictures_come_with_the_statement_and_a_pdf_is_attached(tmp_path: Path) -> None:
    built = (
        sums(tmp_path / "sum", NEWER)
        .write("statement/cave.png", b"\x89PNG")
        .write("attachments/a/b.txt", "b")
    )
    package = read(built)
    assert [file.path for file in package.statement.pictures] == ["cave.png"]
    assert [file.path for file in package.attachments] == ["a/b.txt"]
    built.without("statement/problem.en.md").write("statement/problem.en.pdf", b"%PDF")
    package = read(built)
    assert [file.path for file in package.attachments] == ["problem.en.pdf", "a/b.txt"]


def test_without_a_statement_there_is_a_fault_that_names_the_folder(tmp_path: Path) -> None:
    package = read(sums(tmp_path / "sum").without("problem_statement/problem.en.tex"))
    assert [(one.file, one.is_fault) for one in package.remarks] == [("problem_statement", True)]


def test_a_conversation_becomes_a_sample_in_the_statement(tmp_path: Path) -> None:
    package = read(guessing(tmp_path / "guess"))
    assert "## Sample 1" in package.statement.markdown
    assert ">500\n<lower\n" in package.statement.markdown
    assert "data/sample/1.interaction" in [file.path for file in package.kept]


@BY_VERSION
def test_an_interactive_sample_is_hidden_where_the_format_says_so(tmp_path: Path, version: str) -> None:
    package = read(guessing(tmp_path / "guess", version).case("sample/1", "7\n", "7\n"))
    assert not case(package, "sample/1").public
    assert "Input:" not in package.statement.markdown


def test_what_a_statement_shows_instead_of_a_sample_is_shown(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER).write("data/sample/1.in.statement", "one and two\n")
    package = read(built)
    assert not case(package, "sample/1").public
    assert "one and two" in package.statement.markdown
    assert "```\n3\n```" in package.statement.markdown


def test_where_samples_belong_is_no_text_of_the_statement(tmp_path: Path) -> None:
    new = sums(tmp_path / "new", LATEST).statement("See {{nextsample}} and {{remainingsamples}}.\n")
    assert read(new).statement.markdown.startswith("See  and .")
    old = read(sums(tmp_path / "old").statement("See this.\n\\nextsample\n"))
    assert ("nextsample" in old.statement.markdown, old.statement.leftovers) == (False, ())


# Cases


@BY_VERSION
def test_half_a_case_is_a_fault(tmp_path: Path, version: str) -> None:
    built = sums(tmp_path / "sum", version)
    package = read(built.write("data/secret/3.in", "1 1\n").write("data/secret/4.ans", "2\n"))
    faults = [one for one in package.remarks if one.is_fault]
    assert [one.file for one in faults] == ["data/secret/3.in", "data/secret/4.ans"]
    assert len(package.cases) == 3


def test_cases_come_by_the_names_of_folders_and_files_together(tmp_path: Path) -> None:
    built = KattisPackage(tmp_path / "sum").solution("accepted/right.py", RIGHT)
    for name in ("secret/b", "secret/a/2", "secret/a/1", "secret/a-z", "sample/x"):
        built.case(name, "1 2\n", "3\n")
    names = [one.name for one in read(built).cases]
    assert names == ["sample/x", "secret/a/1", "secret/a/2", "secret/a-z", "secret/b"]


def test_notes_are_hints_for_learners_and_descriptions_for_authors(tmp_path: Path) -> None:
    old = (
        sums(tmp_path / "old")
        .write("data/sample/1.hint", "Carry\nover.")
        .write("data/secret/2-large.desc", "Big.")
    )
    package = read(old.write("data/secret/1-small.hint", "not for learners"))
    assert [one.note for one in package.cases] == ["Carry over.", "", "Big."]
    new = sums(tmp_path / "new", NEWER).case("sample/1", "1 2\n", "3\n", hint="Carry.")
    assert read(new).cases[0].note == "Carry."


@BY_VERSION
def test_what_begins_with_a_dot_is_passed_over(tmp_path: Path, version: str) -> None:
    built = (
        checked(tmp_path / "sum", version).write("data/secret/._1.in", "").write("data/secret/._1.ans", "")
    )
    built.solution("accepted/._right.py", "").solution("accepted/two/a.py", RIGHT).solution(
        "accepted/two/._a.py", ""
    )
    built.write(f"{built.checker_folder}/._check.py", "").write("statement/._problem.en.md", b"\xff")
    package = read(built)
    assert (len(package.cases), package.remarks) == (3, ())
    assert [file.path for file in package.checker.files] == ["check.py"]
    assert solution(package, "accepted/two/a.py").source == RIGHT


def test_without_any_case_nothing_is_imported(tmp_path: Path) -> None:
    assert refusal(KattisPackage(tmp_path / "sum")) == "data/secret: there is no testcase"


# Checkers


def test_flags_of_the_default_checker_are_inherited_and_joined(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", validator_flags="case_sensitive")
    package = read(built.group("secret", output_validator_flags="float_tolerance 1e-6"))
    assert package.checker.arguments == ("case_sensitive",)
    assert case(package, "sample/1").arguments is None
    assert case(package, "secret/1-small").arguments == ("case_sensitive", "float_tolerance", "1e-6")


def test_arguments_of_a_case_replace_those_of_its_group(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER).group("", output_validator_args=["case_sensitive"])
    built.case("secret/3", "1 1\n", "2\n", output_validator_args=["space_change_sensitive"])
    package = read(built.group("secret", output_validator_args=[]))
    assert package.checker.arguments == ("case_sensitive",)
    assert case(package, "sample/1").arguments is None
    assert case(package, "secret/1-small").arguments == ()
    assert case(package, "secret/3").arguments == ("space_change_sensitive",)


def test_a_flag_that_the_default_checker_does_not_know_is_refused(tmp_path: Path) -> None:
    told = refusal(sums(tmp_path / "a", validator_flags="fuzzy"))
    assert told.startswith("problem.yaml: ")
    assert "knows no argument 'fuzzy'" in told
    assert "needs a number" in refusal(sums(tmp_path / "b", validator_flags="float_tolerance"))
    assert "needs a number" in refusal(sums(tmp_path / "c", validator_flags="float_tolerance inf"))
    assert read(sums(tmp_path / "d", validator_flags="float_tolerance 0x1p-3")).checker.arguments


def test_a_flag_that_is_refused_is_told_with_the_file_that_says_it(tmp_path: Path) -> None:
    twice = sums(tmp_path / "a", validator_flags="case_sensitive")
    told = refusal(twice.group("secret", output_validator_flags="case_sensitive"))
    assert told.startswith("data/secret/testdata.yaml: ")
    of_case = sums(tmp_path / "b", NEWER).case("secret/3", "1\n", "2\n", output_validator_args=["fuzzy"])
    assert refusal(of_case).startswith("data/secret/3.yaml: ")


@BY_VERSION
def test_the_authors_checker_comes_with_all_its_files(tmp_path: Path, version: str) -> None:
    built = checked(tmp_path / "sum", version)
    built.write(f"{built.checker_folder}/lib/a.h", "").write(
        f"{built.checker_folder}/build", "", executable=True
    )
    checker = read(built).checker
    assert (checker.kind, checker.interactive) == (CheckerKind.PROGRAM, False)
    assert [(file.path, file.executable) for file in checker.files] == [
        ("build", True),
        ("check.py", False),
        ("lib/a.h", False),
    ]


@BY_VERSION
def test_an_interactive_checker_is_one(tmp_path: Path, version: str) -> None:
    assert read(guessing(tmp_path / "guess", version)).checker.interactive


def test_a_checker_may_lie_in_its_folder_directly(tmp_path: Path) -> None:
    old = sums(tmp_path / "old", validation="custom")
    old.write("output_validators/check.cc", "").write("output_validators/testlib.h", "")
    assert [file.path for file in read(old).checker.files] == ["check.cc", "testlib.h"]
    new = sums(tmp_path / "new", NEWER).write("output_validator/run", "", executable=True)
    assert [file.path for file in read(new).checker.files] == ["run"]


def test_several_checkers_or_none_are_refused(tmp_path: Path) -> None:
    several = checked(tmp_path / "a").write("output_validators/other/check.py", SAME_TOKENS)
    assert "several output validators" in refusal(several)
    assert "no output validator" in refusal(sums(tmp_path / "b", validation="custom"))
    java = sums(tmp_path / "c", validation="custom").write("output_validators/check/Check.java", "")
    assert "no output validator in C, C++ or Python" in refusal(java)
    assert "needs an output validator" in refusal(sums(tmp_path / "d", NEWER, type="interactive"))


# Groups


def test_a_legacy_group_has_what_its_grader_is_told(tmp_path: Path) -> None:
    package = read(subtasks(tmp_path / "sub"))
    assert group(package, "") == Group(
        ignores_sample=True, stops=False, minimum=Decimal(0), maximum=Decimal(100), needs_acceptance=True
    )
    small = group(package, "secret/1-small")
    assert (small.points, small.minimum, small.maximum) == (Aggregation.MIN, Decimal(0), Decimal(30))
    assert case(package, "secret/1-small/1").points == Decimal(30)
    assert case(package, "secret/2-large/2").points == Decimal(70)
    assert case(package, "sample/1").points == Decimal(1)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("first_error", {"verdict": GroupVerdict.FIRST_ERROR}),
        ("always_accept max", {"verdict": GroupVerdict.ALWAYS_ACCEPT, "points": Aggregation.MAX}),
        ("first_error worst_error", {"verdict": GroupVerdict.WORST_ERROR}),
        ("min avg", {"points": Aggregation.AVG}),
        ("accept_if_any_accepted sum", {"accepts_any": True}),
    ],
)
def test_the_last_of_a_graders_modes_counts(tmp_path: Path, flags: str, expected: dict[str, Any]) -> None:
    built = sums(tmp_path / "sum", type="scoring").group("secret", grader_flags=flags)
    assert group(read(built), "secret") == Group(path="secret", **expected)


def test_a_legacy_group_inherits_key_by_key(tmp_path: Path) -> None:
    built = subtasks(tmp_path / "sub").group("secret", on_reject="continue", reject_score=2, range="-inf 9")
    package = read(built.group("secret/1-small", accept_score=5))
    small = group(package, "secret/1-small")
    assert (small.stops, small.reject_points, small.minimum, small.maximum) == (False, 2, None, 9)
    assert group(package, "secret/2-large").maximum == 70


def test_a_range_that_the_cases_own_points_leave_is_remarked_and_one_upside_down_refused(
    tmp_path: Path,
) -> None:
    built = sums(tmp_path / "a", type="scoring").group("secret", accept_score=50, range="0 20")
    told = remarks(read(built))
    assert "data/secret/testdata.yaml: what a right program earns in the group secret, 100 points" in told
    assert "outside its range" not in remarks(read(subtasks(tmp_path / "b")))
    upside_down = sums(tmp_path / "c", type="scoring").group("secret", range="20 0")
    assert refusal(upside_down).startswith("data/secret/testdata.yaml: range: 20 0")


def test_pass_fail_groups_matter_only_where_they_change_the_verdict(tmp_path: Path) -> None:
    assert read(sums(tmp_path / "a").group("secret", on_reject="break")).groups == ()
    groups = read(sums(tmp_path / "b").group("secret", on_reject="continue")).groups
    assert [(one.path, one.stops) for one in groups] == [("", True), ("sample", True), ("secret", False)]


def test_pass_fail_groups_tell_nothing_of_how_many_cases_passed(tmp_path: Path) -> None:
    groups = read(sums(tmp_path / "a").group("", on_reject="continue")).groups
    cases = [Case(place, bytes, bytes, "secret") for place in (1, 2, 3)]
    earned = []
    for last in (Verdict.AC, Verdict.WA):
        tree_of_it = by_groups(cases, groups)
        for one, verdict in zip(cases, (Verdict.AC, Verdict.AC, last), strict=True):
            tree_of_it.note(Judged(one.index, Run(None), verdict, Decimal(verdict is Verdict.AC)))
        earned.append((tree_of_it.points, tree_of_it.maximum, tree_of_it.standings()[0].earned))
    assert earned == [(3, 3, 3), (0, 3, 0)]


def test_keywords_are_divided_at_commas_where_there_are_any(tmp_path: Path) -> None:
    commas = read(sums(tmp_path / "sum", keywords="number theory, divisors"))
    assert commas.tags == ("number theory", "divisors")


def test_a_grading_older_than_legacy_holds_for_all_groups(tmp_path: Path) -> None:
    grading = {"accept_score": 20, "range": "0 40", "on_reject": "grade", "show_test_data_groups": True}
    package = read(sums(tmp_path / "sum", type="scoring", grading=grading))
    assert (group(package, "secret").maximum, group(package, "secret").stops) == (40, False)
    assert case(package, "secret/1-small").points == 20


def test_newer_groups_are_passed_or_failed_for_their_score(tmp_path: Path) -> None:
    package = read(subtasks(tmp_path / "sub", NEWER))
    assert group(package, "") == Group(stops=False, maximum=Decimal(100))
    assert group(package, "sample").maximum == 0
    assert group(package, "secret") == Group(path="secret", stops=False, maximum=Decimal(100))
    large = group(package, "secret/2-large")
    assert (large.points, large.maximum, large.stops) == (Aggregation.PASS_FAIL, 70, True)
    assert large.requires == ("secret/1-small",)


def test_points_that_nobody_gave_are_shared_out_without_a_rest(tmp_path: Path) -> None:
    """(M − S) / (A + T) of the 2023-07 format: 40 of 100 are given, three cases and one group share the rest."""
    built = KattisPackage(tmp_path / "sub", NEWER, type="scoring").solution("accepted/right.py", RIGHT)
    built.group("secret", scoring={"score": 50}).group("secret/given", scoring={"score": 40})
    built.group("secret/open", scoring={"aggregation": "min"})
    for name in ("secret/1", "secret/2", "secret/given/1", "secret/open/1", "secret/open/2", "sample/1"):
        built.case(name, "1 2\n", "3\n")
    package = read(built)
    assert group(package, "secret/open").maximum == Decimal("3.333333")
    assert [case(package, f"secret/open/{one}").points for one in (1, 2)] == [Decimal("3.333333")] * 2
    assert case(package, "secret/1").points == Decimal("3.333333")
    assert case(package, "secret/2").points == Decimal("3.333334")
    assert case(package, "sample/1").points == 0


def test_an_unbounded_score_has_no_maximum(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER, type="scoring").group("secret", scoring={"score": "unbounded"})
    package = read(built)
    assert (group(package, "").maximum, group(package, "secret").maximum) == (None, None)


def test_the_latest_version_has_one_level_of_groups(tmp_path: Path) -> None:
    built = KattisPackage(tmp_path / "sub", LATEST, type="scoring").solution("accepted/right.py", RIGHT)
    built.group("secret/a", max_score=60, score_aggregation="sum").group(
        "secret/b", max_score=40, require_pass="sample"
    )
    for name in ("sample/1", "secret/a/1", "secret/a/deep/2", "secret/b/1"):
        built.case(name, "1 2\n", "3\n")
    package = read(built)
    assert [one.path for one in package.groups] == ["", "sample", "secret", "secret/a", "secret/b"]
    assert case(package, "secret/a/deep/2").group == "secret/a"
    assert case(package, "secret/a/deep/2").points == 30
    assert (group(package, "secret/b").points, group(package, "secret/b").maximum) == (
        Aggregation.PASS_FAIL,
        40,
    )
    assert group(package, "secret/b").requires == ("sample",)


def test_an_early_draft_is_read_by_what_its_groups_are_called(tmp_path: Path) -> None:
    early = sums(tmp_path / "a", NEWER, type="scoring")
    early.yaml("data/secret/testdata.yaml", {"grader_flags": "min", "range": "0 7", "accept_score": 7})
    assert group(read(early), "secret").points is Aggregation.MIN
    between = sums(tmp_path / "b", NEWER, type="scoring")
    between.yaml("data/secret/testdata.yaml", {"scoring": {"score": 12, "aggregation": "sum"}})
    assert group(read(between), "secret").maximum == 12


_OF_LATEST = {"problem_format_version": LATEST, "name": "The Sum", "type": "scoring"}
REFUSED: list[tuple[str, Callable[[Path], KattisPackage]]] = [
    ("multi-pass problems", lambda to: sums(to, NEWER, type=["scoring", "multi-pass"])),
    ("submit-answer problems", lambda to: sums(to, NEWER, type="submit-answer")),
    ("type: bogus is none of", lambda to: sums(to, NEWER, type="bogus")),
    ("type: expected one of", lambda to: sums(to, type="bogus")),
    ("least score is the best", lambda to: sums(to, type="scoring", grading={"objective": "min"})),
    ("custom graders", lambda to: sums(to).group("secret", grading="custom")),
    ("knows no median", lambda to: sums(to).group("secret", grader_flags="median")),
    ("include/cpp/main.cpp", lambda to: sums(to).write("include/cpp/main.cpp", "")),
    ("arguments to programs", lambda to: sums(to, NEWER).case("secret/3", "", "", args=["-v"])),
    ("arguments to programs", lambda to: sums(to, NEWER).group("secret", args=["-v"])),
    ("files to programs", lambda to: sums(to, NEWER).write("data/secret/1-small.files/a.txt", "")),
    ("static validators", lambda to: sums(to, NEWER).group("secret", static_validation=True)),
    ("static validators", lambda to: sums(to, LATEST).group("secret", static_validation_score=5)),
    ("more points together", lambda to: subtasks(to, NEWER).group("secret", scoring={"score": 50})),
    (
        "there is no secret/9",
        lambda to: subtasks(to, NEWER).group("secret", scoring={"require_pass": "secret/9"}),
    ),
    (
        "does not come before",
        lambda to: subtasks(to, NEWER).group("secret/1-small", scoring={"require_pass": "secret/2-large"}),
    ),
    ("max_score is missing", lambda to: subtasks(to, NEWER).yaml("problem.yaml", _OF_LATEST)),
    ("range: expected two numbers", lambda to: subtasks(to).group("secret", range="0")),
    ("memory: expected a number", lambda to: sums(to, limits={"memory": "lots"})),
    ("time_limit: expected a number", lambda to: sums(to, NEWER, limits={"time_limit": -1})),
    ("time_limit: expected a number", lambda to: sums(to, NEWER, limits={"time_limit": float("inf")})),
    ("expected seconds", lambda to: sums(to).write(".timelimit", "soon")),
    ("validation: psychic is not known", lambda to: sums(to, validation="psychic")),
    ("constants: a-b is no name", lambda to: sums(to, NEWER, constants={"a-b": 1})),
]


@pytest.mark.parametrize(("reason", "build"), REFUSED)
def test_what_cannot_be_judged_is_refused_by_name(
    tmp_path: Path, reason: str, build: Callable[[Path], KattisPackage]
) -> None:
    assert reason in refusal(build(tmp_path / "sum"))


# Solutions


def test_a_legacy_folder_tells_the_final_verdict(tmp_path: Path) -> None:
    package = read(every_verdict(tmp_path / "sum"))
    assert solution(package, "accepted/right.cpp").expected == ("AC",)
    assert solution(package, "accepted/right.cpp").bounds == "lower"
    assert solution(package, "time_limit_exceeded/large.py").bounds == "upper"
    assert set(solution(package, "run_time_error/crash.py").expected) == {"RTE", "MLE", "OLE"}
    assert set(solution(package, "rejected/minus.py").expected) == NOT_ACCEPTED
    assert "WA" in solution(package, "wrong_answer/minus.py").expected


@BY_VERSION
def test_an_annotation_tells_what_its_folder_does_not(tmp_path: Path, version: str) -> None:
    package = read(every_verdict(tmp_path / "sum", version))
    assert set(solution(package, "mixed/either.py").expected) == {"WA", "OLE", "TLE"}
    assert solution(package, "compiler_error/broken.c").expected == ("CE",)
    assert solution(package, "mixed/flood.py").expected == ("OLE",)


def test_a_folder_counts_where_an_annotation_contradicts_it(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum").solution(
        "wrong_answer/minus.py", f"# @EXPECTED_RESULTS@: CORRECT\n{WRONG}"
    )
    built.solution("rejected/odd.py", f"# @EXPECTED_RESULTS@: SOMETHING\n{WRONG}")
    package = read(built)
    assert "WA" in solution(package, "wrong_answer/minus.py").expected
    assert "contradicts its folder" in remarks(package)
    assert "SOMETHING is not known" in remarks(package)


def test_a_score_may_be_annotated_and_partial_means_less_than_all(tmp_path: Path) -> None:
    built = subtasks(tmp_path / "sub").solution("partially_accepted/other.py", WRONG)
    package = read(built)
    assert solution(package, "partially_accepted/small.py").score == (30, 30)
    least, most = solution(package, "partially_accepted/other.py").score
    assert (least, most) == (None, Decimal("99.999"))
    assert solution(package, "partially_accepted/other.py").expected == ("AC",)


@BY_VERSION
def test_accepted_means_all_points_where_there_is_a_maximum(tmp_path: Path, version: str) -> None:
    package = read(subtasks(tmp_path / "sub", version))
    right = next(one for one in package.solutions if one.path.startswith("submissions/accepted/"))
    assert right.score == (100, 100)
    unbounded = sums(tmp_path / "a", version, type="scoring")
    if version == NEWER:
        unbounded.group("secret", scoring={"score": "unbounded"})
    assert {one.score for one in read(unbounded).solutions} == {(None, None)}
    assert {one.score for one in read(sums(tmp_path / "b", version)).solutions} == {(None, None)}


def test_grades_are_rules_for_the_groups_of_secret_in_their_order(tmp_path: Path) -> None:
    built = subtasks(tmp_path / "sub")
    built.group("secret/1-small", grader_flags="min", on_reject="break", accept_score=30, range="0 30")
    built.solution("partially_accepted/both.py", f"#@EXPECTED_GRADES@ AC WA\n{WRONG}")
    built.solution("partially_accepted/slow.cpp", "/* @EXPECTED_GRADES@: tle, AC */ int main() {}")
    built.solution("partially_accepted/few.py", f"# @EXPECTED_GRADES@ WA (always)\n{WRONG}")
    package = read(built)
    assert solution(package, "partially_accepted/both.py").rules == (
        Rule("secret/1-small", permitted=("AC",)),
        Rule("secret/2-large", required=("WA", "OLE")),
    )
    assert solution(package, "partially_accepted/slow.cpp").rules == (
        Rule("secret/1-small", permitted=("AC", "TLE"), required=("TLE",)),
        Rule("secret/2-large", permitted=("AC",)),
    )
    assert solution(package, "partially_accepted/few.py").rules == ()
    assert "few.py: @EXPECTED_GRADES@: verdicts of 1 groups, but there are 2: not followed" in remarks(
        package
    )


@BY_VERSION
def test_a_solution_of_which_nothing_is_said_is_named(tmp_path: Path, version: str) -> None:
    built = sums(tmp_path / "sum", version).solution("slow_accepted/a.py", RIGHT)
    package = read(built.solution("mixed/b.py", f"# @EXPECTED_RESULTS@: WRONG-ANSWER\n{WRONG}"))
    (told,) = [one.file for one in package.remarks if "it may get any" in one.message]
    assert told == "submissions/slow_accepted/a.py"


def test_newer_folders_are_rules_over_cases(tmp_path: Path) -> None:
    package = read(every_verdict(tmp_path / "sum", NEWER))
    minus = solution(package, "wrong_answer/minus.py")
    assert minus.rules == (Rule(permitted=("AC", "WA", "OLE"), required=("WA", "OLE")),)
    assert (set(minus.expected), minus.bounds) == ({"WA", "OLE"}, "lower")
    large = solution(package, "wrong_answer/large.py")
    assert large.rules[1:] == (
        Rule("{sample,secret/*-small}", permitted=("AC",)),
        Rule("secret/*-large", required=("WA", "OLE")),
    )
    assert set(solution(package, "rejected/minus.py").expected) == NOT_ACCEPTED
    slow = solution(package, "time_limit_exceeded/large.py")
    assert (slow.expected, slow.bounds) == (("TLE",), "upper")
    assert set(solution(package, "brute_force/large.py").expected) == {"TLE", "RTE", "MLE", "OLE"}
    assert solution(package, "brute_force/large.py").bounds == ""


def test_submissions_yaml_replaces_defaults_and_adds_to_them(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER).solution("wrong_answer/a.py", WRONG).solution("odd/b.txt.py", RIGHT)
    built.yaml(
        "submissions/submissions.yaml",
        {
            "wrong_answer": {"permitted": ["WA"], "use_for_time_limit": False},
            "{wrong_answer,odd}/*.py": {"message": "differs", "score": [1, 2.5], "authors": "Ada"},
            "odd": {"language": "cpp", "use_for_time_limit": "lower", "sample": {"permitted": ["AC"]}},
        },
    )
    package = read(built)
    wrong = solution(package, "wrong_answer/a.py")
    assert wrong.rules == (
        Rule(permitted=("WA", "OLE"), required=("WA", "OLE")),
        Rule(score=(Decimal(1), Decimal("2.5")), message="differs"),
    )
    assert wrong.bounds == ""
    odd = solution(package, "odd/b.txt.py")
    assert (odd.language, odd.bounds) == ("cpp", "lower")
    assert odd.rules[-1] == Rule("sample", permitted=("AC",))


def test_a_partial_score_is_a_rule_of_its_folder(tmp_path: Path) -> None:
    package = read(subtasks(tmp_path / "sub", NEWER))
    partial = solution(package, "partial/small.py")
    assert partial.rules == (Rule(permitted=("AC", "WA", "OLE"), score=(Decimal(30), Decimal(30))),)
    assert partial.expected == ("AC", "WA", "OLE")


@pytest.mark.parametrize(
    ("name", "source", "language", "skipped"),
    [
        ("a.C", "int main(){}", "cpp", ""),
        ("a.c", "int main(){}", "c", ""),
        ("a.kt", "fun main() {}", "", "no language for .kt"),
        ("a.py", "#!/usr/bin/env python2\nprint 1\n", "", "no language for Python 2"),
        ("a.pl", "use strict;\nmy $a = 1;\n", "perl", ""),
        ("a.pl", "main :- read(X).\n", "", "no language for Prolog"),
        ("a.py", "print('\0')", "", "it holds a NUL character"),
        ("a.py", "\n", "", "its source is empty"),
        ("dir/a.py", RIGHT, "python", ""),
    ],
)
def test_a_language_is_known_by_the_ending_and_the_source(
    tmp_path: Path, name: str, source: str, language: str, skipped: str
) -> None:
    package = read(sums(tmp_path / "sum").solution(f"wrong_answer/{name}", source))
    found = solution(package, f"wrong_answer/{name}")
    assert (found.language, found.skipped) == (language, skipped)


def test_several_source_files_are_skipped_and_others_are_no_solutions(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum").solution("accepted/two/a.cc", "").solution("accepted/two/b.cc", "")
    built.solution("accepted/header/a.cc", '#include "a.h"').solution("accepted/header/a.h", "")
    built.solution("accepted/noted/a.py", RIGHT).solution("accepted/noted/README.md", "It adds.")
    package = read(built.solution("accepted/README", "").solution("loose.py", CRASH))
    assert solution(package, "accepted/two").skipped == "it has several files"
    assert solution(package, "accepted/header").skipped == "it has several files"
    assert solution(package, "accepted/noted/a.py").skipped == ""
    assert "submissions/accepted/README: is no program" in remarks(package)
    assert "submissions/loose.py: is in none of the folders" in remarks(package)
    latin = sums(tmp_path / "b").write("submissions/accepted/right.py", b"# \xe4\n")
    assert "not UTF-8" in solution(read(latin), "accepted/right.py").skipped


MAIN = "public static void main(String[] a) { System.out.println(1); }"


@pytest.mark.parametrize(
    ("source", "start"),
    [
        (f"package a.b;\nimport java.util.*;\npublic final class Sum {{ {MAIN} }}\n", "Sum"),
        (f"class Node {{}}\nclass right {{ {MAIN} }}\nclass Last {{}}\n", "right"),
        (f"class Node {{}}\nclass Other {{ {MAIN} }}\nclass Last {{}}\n", "Other"),
    ],
)
def test_java_is_started_by_a_class_main(tmp_path: Path, source: str, start: str) -> None:
    package = read(sums(tmp_path / "sum").solution("accepted/right.java", source))
    found = solution(package, "accepted/right.java").source
    assert f"{{ {start}.main(words); }}" in found
    assert "public final class" not in found
    assert "package" not in found
    assert found.lstrip(" ").startswith("\nimport java.util.*;\n" if start == "Sum" else "class Node {}\n")


def test_java_that_is_called_main_stays_as_it_is(tmp_path: Path) -> None:
    source = f"public class Main {{ {MAIN} }}\n"
    package = read(sums(tmp_path / "sum").solution("accepted/right.java", source))
    assert solution(package, "accepted/right.java").source == source


# Remarks


def test_unknown_keys_and_wrong_types_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    """An unknown key of a later format changes nothing; a wrong type of what decides nothing is left out."""
    problem: dict[str, Any] = {
        "colour": "red",
        "keywords": {"a": 1},
        "source": ["x"],
        "limits": {"memory": 64, "patience": 3},
    }
    package = read(sums(tmp_path / "sum", **problem).group("secret", taste="sweet").write("odd/file", ""))
    said = remarks(package)
    assert "problem.yaml: colour is not known" in said
    assert "problem.yaml: limits.patience is not known" in said
    assert "problem.yaml: keywords: expected a list of texts, found keys with values" in said
    assert "problem.yaml: source: expected a text, found a list" in said
    assert "data/secret/testdata.yaml: taste is not known" in said
    assert "odd: is not of this format" in said
    assert package.limits.memory_kib == 65536


MALFORMED = {
    "a list": ("- a\n- b\n", "expected keys with values, found a list"),
    "tabs": ("name:\n\t- a\n", "is no YAML: line 2"),
    "a bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdef", "bcdefg", strict=True)
        ),
        "aliases expand to too much",
    ),
    "a circle": ("a: &a [*a]\n", "unconstructable recursive node"),
    "depth": ("a: " + "[" * 500, "nested too deeply"),
    "a huge number": ("limits:\n  memory: " + "9" * 5000 + "\n", "is no YAML: line 2: a number is too long"),
    "an object": ("name: !!python/object/apply:os.system [ls]\n", "is no YAML: line 1"),
    "a wrong tag": ("name: !!int x\n", "is no YAML"),
    "no date": ("embargo_until: 2023-13-45\n", "is no YAML"),
    "a map as key": ("? {a: b}\n: c\n", "a key must be a text"),
    "an open quote": ("name: 'x\n", "is no YAML"),
}


@pytest.mark.parametrize(("text", "reason"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_yaml_is_refused_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    said = refusal(sums(tmp_path / "sum").write("problem.yaml", text))
    assert said.startswith("problem.yaml: ")
    assert reason in said


def test_a_file_that_is_not_utf_8_is_refused_by_name(tmp_path: Path) -> None:
    assert "problem.yaml: is not UTF-8" in refusal(
        sums(tmp_path / "a").write("problem.yaml", b"name: \xff\n")
    )
    built = sums(tmp_path / "b", NEWER).write("statement/problem.en.md", b"\xfe")
    assert "statement/problem.en.md: is not UTF-8" in refusal(built)


def test_equal_keys_are_remarked_and_norwegian_is_a_language(tmp_path: Path) -> None:
    built = sums(tmp_path / "sum", NEWER).without("statement/problem.en.md").statement("Skriv.\n", "no")
    package = read(
        built.write("problem.yaml", "problem_format_version: draft\nname: {no: Sum}\nname: {no: Summen}\n")
    )
    assert package.title == "Summen"
    assert "name is there twice" in remarks(package)


def test_an_empty_description_is_a_legacy_package(tmp_path: Path) -> None:
    package = read(sums(tmp_path / "sum").write("problem.yaml", ""))
    assert (package.format, package.title) == (Format.KATTIS_LEGACY, "The Sum")
