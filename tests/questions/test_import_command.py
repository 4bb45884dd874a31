"""`manage.py import_package`: folders of packages, one line of JSON for each, and never a traceback."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from questions.collections import packages_in
from questions.models import Blob, Question
from tests.factories import make_author
from tests.packages.kit import NEWER, sums

pytestmark = pytest.mark.django_db

FIELDS = ["path", "question", "imported", "cases", "solutions", "warnings", "error"]


def run(*arguments: Any) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("import_package", *map(str, arguments), stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def told(*arguments: Any) -> tuple[int, list[dict[str, Any]]]:
    code, text = run(*arguments, "--json")
    return code, [json.loads(line) for line in text.splitlines()]


def broken(folder: Path, problem: str = "name: [") -> Path:
    folder.mkdir(parents=True)
    (folder / "problem.yaml").write_text(problem)
    return folder


def plain(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name, text in {"1.in": "1 2\n", "1.out": "3\n"}.items():
        (folder / name).write_text(text)
    return folder


def test_one_object_a_line_for_each_package_below_a_folder(tmp_path) -> None:
    """S0.13 (in part): the ones that cannot be imported do not keep out the others."""
    first = sums(tmp_path / "2024" / "first", uuid=None, name="First").folder
    second = sums(tmp_path / "2025" / "autumn" / "second", NEWER, name="Second").zipped()
    wrong = broken(tmp_path / "2025" / "wrong")

    code, lines = told(tmp_path)

    assert code == 1
    assert [list(line) for line in lines] == [FIELDS] * len(lines)
    by_path = {line["path"]: line for line in lines}
    assert by_path[str(first)] | {"warnings": []} == {
        "path": str(first),
        "question": "first",
        "imported": True,
        "cases": 3,
        "solutions": 1,
        "warnings": [],
        "error": None,
    }
    assert by_path[str(second)]["imported"]
    failed = by_path[str(wrong)]
    assert (failed["question"], failed["imported"], failed["cases"]) == (None, False, 0)
    assert "problem.yaml" in failed["error"]


def test_importing_again_updates_and_exits_with_nothing_wrong(tmp_path) -> None:
    author = make_author("ada")
    package = sums(tmp_path / "sums")
    assert told(package.folder, "--publish", "--author", "ada")[0] == 0
    question = Question.objects.get()
    assert (question.state, question.author) == ("published", author)
    package.case("secret/9", "7 7\n", "14\n")
    code, (line,) = told(package.folder)
    assert (code, line["question"], line["cases"]) == (0, "sums", 4)
    assert Question.objects.get().testcases.count() == 4


def test_a_dry_run_says_what_would_change_and_changes_nothing(tmp_path) -> None:
    package = sums(tmp_path / "sums")
    assert "would be a new question" in run(package.folder, "--dry-run")[1]
    assert (Question.objects.count(), Blob.objects.count()) == (0, 0)
    run(package.folder)
    assert "nothing would change" in run(package.folder, "--dry-run")[1]
    package.case("secret/9", "7 7\n", "14\n").solution("accepted/other.py", "print(1)")
    code, text = run(package.folder, "--dry-run")
    assert code == 0
    assert "would change sums" in text
    assert "new testcase secret/9" in text
    assert "new solution submissions/accepted/other.py" in text
    assert told(package.folder, "--dry-run")[1][0]["imported"] is False
    assert Question.objects.get().testcases.count() == 3


def test_with_partial_what_is_whole_is_imported(tmp_path) -> None:
    package = sums(tmp_path / "sums").write("data/secret/half.in", "1 1\n")
    code, (line,) = told(package.folder)
    assert (code, line["imported"]) == (1, False)
    assert "half.in" in line["error"]
    code, (line,) = told(package.folder, "--partial")
    assert (code, line["imported"], line["cases"]) == (0, True, 3)
    assert any("half.in" in one for one in line["warnings"])


def test_what_is_no_package_is_said_in_a_line(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.zip").write_text("no zip")
    code, lines = told(tmp_path / "empty", tmp_path / "text.zip", tmp_path / "nowhere")
    assert code == 1
    assert all(line["error"] and not line["imported"] for line in lines)
    assert len(lines) == 3
    assert "NOT imported" in run(tmp_path / "nowhere")[1]
    with pytest.raises(CommandError, match="There is no user “nobody”"):
        run(tmp_path, "--author", "nobody")


def test_packages_are_found_at_any_depth_and_a_package_is_not_looked_into(tmp_path) -> None:
    inside = sums(tmp_path / "a" / "b" / "c")
    inside.write("attachments/more.zip", "x").write(".hidden/problem.yaml", "x")
    lost = tmp_path / "lost"
    (lost / "data" / "secret").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.zip").write_text("x")
    (tmp_path / "z.ZIP").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path)
    assert packages_in(tmp_path) == [inside.folder, lost, tmp_path / "z.ZIP"]
    assert packages_in(inside.folder) == [inside.folder]
    folder = plain(tmp_path / "plain" / "a" / "tests")
    assert packages_in(folder) == [folder]
    assert packages_in(tmp_path / "nowhere") == [tmp_path / "nowhere"]


def test_beside_packages_a_folder_of_testcases_is_one_too(tmp_path) -> None:
    described = sums(tmp_path / "2024" / "sums").folder
    plain(tmp_path / "2024" / "plain" / "a" / "tests")
    plain(tmp_path / "2025")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "1.in").write_text("")
    assert packages_in(tmp_path) == [tmp_path / "2024" / "plain", described, tmp_path / "2025"]


def test_folders_of_testcases_are_several_questions_where_each_has_a_statement(tmp_path) -> None:
    for name in ("week1/a", "week1/b", "week2/c"):
        plain(tmp_path / name / "tests")
    assert packages_in(tmp_path) == [tmp_path]
    code, (line,) = told(tmp_path, "--dry-run")
    assert (code, line["cases"]) == (0, 3)
    assert (
        "its folders week1, week2 are one question; with a statement in each they are several"
        in line["warnings"]
    )
    (tmp_path / "README.md").write_text("# Our course")
    for name in ("week1/a/statement.md", "week1/b/README.md", "week2/c/problem.md"):
        (tmp_path / name).write_text("# Add")
    assert packages_in(tmp_path) == [tmp_path / one for one in ("week1/a", "week1/b", "week2/c")]
    plain(tmp_path / "week3")
    assert packages_in(tmp_path) == [tmp_path]
