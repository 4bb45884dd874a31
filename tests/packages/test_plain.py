"""Testcases in plain folders and zips: which files belong together, what is public, in which order."""

import pytest

from execution.types import CheckerKind, ScoringMode
from questions.packages import plain, read
from questions.packages.tree import opened
from questions.packages.values import Format, Package, PackageRefused
from tests.packages.zips import zipped


def package(*paths: str, **texts: str) -> Package:
    """With these empty files, and others with a text; `__` in their names is a slash, `_md` the ending."""
    named = {name.replace("__", "/").replace("_md", ".md"): text.encode() for name, text in texts.items()}
    files = [*((path, b"") for path in (*paths, "author.txt")), *named.items()]
    with opened(zipped(files), "sums") as tree:
        return read(tree)


@pytest.mark.parametrize(
    ("given", "answer", "name"),
    [
        ("1.in", "1.out", "1"),
        ("1.in", "1.ans", "1"),
        ("1.in", "1.a", "1"),
        ("1.inp", "1.answer", "1"),
        ("01.input", "01.output", "01"),
        ("input01.txt", "output01.txt", "01"),
        ("input1.txt", "answer1.txt", "1"),
        ("input.1", "output.1", "1"),
        ("in01", "out01", "01"),
        ("in_1", "ans_1", "1"),
        ("input.txt", "output.txt", "case"),
        ("test_01_input.txt", "test_01_output.txt", "test_01"),
        ("1.in.txt", "1.out.txt", "1"),
        ("in/01.txt", "out/01.txt", "01"),
        ("in/1.in", "out/1.out", "1"),
        ("inputs/a", "outputs/a", "a"),
        ("input01.in", "output01.ans", "01"),
        ("in.1.in", "in.1.out", "in.1"),
        ("main1.in", "main1.out", "main1"),
        ("01", "01.a", "01"),
        ("tests/2019/easy/1.in", "tests/2019/easy/1.out", "1"),
    ],
)
def test_two_files_are_a_case_by_their_names(given: str, answer: str, name: str) -> None:
    found = package(given, answer)
    assert [(case.input.path, case.answer.path, case.name) for case in found.cases] == [(given, answer, name)]
    assert not [remark for remark in found.remarks if remark.is_fault]


def test_cases_are_in_natural_order_and_named_from_where_their_folders_part() -> None:
    found = package(
        *(f"x/tests/{group}/{n}.{end}" for group in "ab" for n in (10, 9, 1) for end in ("in", "out"))
    )
    assert [case.name for case in found.cases] == ["a/1", "a/9", "a/10", "b/1", "b/9", "b/10"]


@pytest.mark.parametrize("sample", ["sample/3", "samples/x", "examples/1", "sample1", "problem.example.2"])
def test_what_is_called_a_sample_is_public_and_comes_first(sample: str) -> None:
    found = package("1.in", "1.out", f"{sample}.in", f"{sample}.out")
    assert [(case.name, case.public) for case in found.cases] == [(sample, True), ("1", False)]


def test_a_package_called_after_samples_does_not_make_its_cases_public() -> None:
    found = package("my-sample-problem/a/1.in", "my-sample-problem/a/1.out", "my-sample-problem/b/2.in",
                    "my-sample-problem/b/2.out")  # fmt: skip
    assert not any(case.public for case in found.cases)


def test_of_two_answers_one_counts_and_files_that_are_no_half_do_not_matter() -> None:
    found = package("1.in", "1.out", "1.ans", "generator.cpp", "notes.txt", "main.py")
    assert [case.answer.path for case in found.cases] == ["1.ans"]
    assert not [remark for remark in found.remarks if remark.is_fault]


def test_halves_without_the_other_are_faults() -> None:
    found = package("1.in", "1.out", "2.in", "3.ans", "input4.txt")
    assert [str(remark) for remark in found.remarks if remark.is_fault] == [
        "2.in: an input without an answer",
        "3.ans: an answer without an input",
        "input4.txt: an input without an answer",
    ]


def test_a_heading_is_the_title_and_the_rest_the_statement() -> None:
    found = package("1.in", "1.out", "pictures/a.png", statement_md="# The Sum\n\nAdd.\n")
    assert (found.title, found.statement.markdown) == ("The Sum", "Add.\n")
    assert [picture.path for picture in found.statement.pictures] == ["pictures/a.png"]
    assert not found.remarks


def test_without_a_statement_the_package_says_so_and_is_called_by_its_name() -> None:
    found = package("1.in", "1.out")
    assert (found.title, found.statement.markdown) == ("sums", "")
    assert [str(remark) for remark in found.remarks] == [
        "it has no statement: none of statement.md, problem.md, readme.md"
    ]


def test_solutions_get_the_verdict_that_their_folder_names() -> None:
    sources = {
        "submissions/accepted/a.py": "print(1)",
        "submissions/wrong_answer/b.cpp": "int main() {}",
        "solutions/rejected/c.java": "class Main {}",
        "submissions/accepted/d.kt": "fun main() {}",
        "solutions/e.py": "print(1)",
    }
    found = package("1.in", "1.out", **sources)
    assert {s.path: (s.language, s.expected, s.bounds, s.skipped) for s in found.solutions} == {
        "submissions/accepted/a.py": ("python", ("AC",), "lower", ""),
        "submissions/wrong_answer/b.cpp": ("cpp", ("WA", "OLE"), "", ""),
        "solutions/rejected/c.java": ("java", ("WA", "TLE", "MLE", "OLE", "RTE", "CE"), "", ""),
        "submissions/accepted/d.kt": ("", ("AC",), "", "no language for .kt"),
    }
    assert "solutions/e.py: not read: its folder says no verdict, as accepted/ would" in map(
        str, found.remarks
    )


def test_a_program_of_several_files_or_without_any_text_is_not_judged() -> None:
    sources = {
        "solutions/accepted/two/a.cpp": "int main() { return f(); }",
        "solutions/accepted/two/f.hpp": "int f() { return 0; }",
        "solutions/accepted/one/README.txt": "Reads a line.",
        "solutions/accepted/one/a.py": "print(1)",
        "solutions/wrong_answer/nothing.py": " \n",
    }
    found = package("1.in", "1.out", **sources)
    assert {one.path: (one.language, one.skipped) for one in found.solutions} == {
        "solutions/accepted/two": ("", "it has several files"),
        "solutions/accepted/one/a.py": ("python", ""),
        "solutions/wrong_answer/nothing.py": ("", "its source is empty"),
    }


def test_java_is_started_by_a_class_main() -> None:
    source = "import java.util.*; public class Sol { public static void main(String[] a) {} }"
    (found,) = package("1.in", "1.out", **{"solutions/accepted/Sol.java": source}).solutions
    assert "class Main" in found.source
    assert "public class" not in found.source


def test_what_nothing_says_is_left_to_the_platform() -> None:
    found = package("1.in", "1.out")
    assert (found.format, found.checker.kind) == (Format.PLAIN, CheckerKind.TOKENS)
    assert (found.scoring, found.groups) == (ScoringMode.ALL_OR_NOTHING, ())
    assert (found.time_factors, found.limits.time_ms, found.limits.memory_kib) == ({}, None, None)


def test_without_a_pair_there_is_no_package() -> None:
    with (
        opened(zipped([("a.txt", b"")])) as tree,
        pytest.raises(PackageRefused, match="no testcases were found"),
    ):
        plain.read(tree)
