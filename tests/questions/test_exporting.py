"""A question as a package: written, read again, and the same question still."""

import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from questions import exporting, importing, packages, samples
from questions.management.commands.load_samples import create_question
from questions.models import Blob, Question
from questions.packages.tree import opened
from questions.packages.values import Format, PackageRefused
from tests.factories import make_author, make_question
from tests.packages.kit import LEGACY, NEWER, VERSIONS
from tests.packages.test_exporting import OWN, PACKAGES

pytestmark = pytest.mark.django_db


def bring_in(path: Path, question: Question | None = None) -> Question:
    with opened(path) as tree:
        return importing.apply(importing.plan(packages.read(tree), path=str(path), question=question))


def exported(question: Question, version: Format, folder: Path) -> Path:
    target = folder / exporting.file_name(question)
    with target.open("wb") as file:
        exporting.export(question, version, file)
    return target


def everything(question: Question) -> dict[str, Any]:
    """All that an import writes, but for where it came from."""
    question = Question.objects.get(pk=question.pk)
    skipped = {
        "id",
        "slug",
        "author_id",
        "origin",
        "package_uuid",
        "created_at",
        "updated_at",
        "statement_html",
    }
    fields = {
        field.attname: getattr(question, field.attname)
        for field in Question._meta.concrete_fields
        if field.attname not in skipped
    }
    rows = {
        model.__name__: sorted(
            (tuple(values[name] for name in sorted(values)) for values in _values(model, question, columns)),
            key=str,
        )
        for model, columns in importing.COLUMNS.items()
    }
    return fields | rows | {"revision": question.revision(question.testcases.values_for_judging())}


def _values(model: Any, question: Question, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    names = columns if "path" in columns else ("name", *columns)
    return list(model.objects.filter(question=question).values(*names))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["every_verdict", "subtasks", "guessing", "rich"])
def test_export_and_import_give_an_equal_question(tmp_path: Path, name: str, version: str) -> None:
    """S1.30 (in part)"""
    first = bring_in(PACKAGES[name](tmp_path / name, version).folder)
    Question.objects.filter(pk=first.pk).update(package_uuid="")
    written = exported(first, OWN[version], tmp_path)
    with opened(written) as tree:
        plan = importing.plan(packages.read(tree), path=str(written), apart_from={first.pk})
        second = importing.apply(plan)
    assert second.pk != first.pk
    assert everything(second) == everything(first)


def test_an_export_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    question = bring_in(PACKAGES["checked"](tmp_path / "checked", NEWER).folder)
    first = exported(question, Format.KATTIS_2023_07, tmp_path).read_bytes()
    again = bring_in(exported(question, Format.KATTIS_2023_07, tmp_path))
    assert again == question
    assert exported(again, Format.KATTIS_2023_07, tmp_path).read_bytes() == first


def test_a_changed_statement_is_written_in_place_of_the_old_one(tmp_path: Path) -> None:
    question = bring_in(PACKAGES["sums"](tmp_path / "sum", LEGACY).folder)
    names = zipfile.ZipFile(exported(question, Format.KATTIS_LEGACY, tmp_path)).namelist()
    assert "sum/problem_statement/problem.en.tex" in names
    question.write_statement("Another one.")
    question.save()
    archive = zipfile.ZipFile(exported(question, Format.KATTIS_LEGACY, tmp_path))
    assert archive.read("sum/problem_statement/problem.en.md") == b"Another one."
    assert "sum/problem_statement/problem.en.tex" not in archive.namelist()


def test_pictures_and_attachments_are_exported_or_said_to_be_lost(tmp_path: Path) -> None:
    question = make_question()
    question.write_statement("![](a.webp)")
    question.save()
    blob = Blob.store(b"data")
    for kind, path in (("picture", "a.webp"), ("picture", "b.bmp"), ("attachment", "tools/a.py")):
        question.files.create(kind=kind, path=path, blob=blob)
    remarks = [str(one) for one in exporting.remarks(question, Format.KATTIS_2023_07)]
    assert [one for one in remarks if "will not be read" in one] == ["b.bmp: this picture will not be read"]
    with opened(exported(question, Format.KATTIS_2023_07, tmp_path)) as tree:
        again = packages.read(tree)
    assert [one.path for one in again.statement.pictures] == ["a.webp"]
    assert [one.path for one in again.attachments] == ["tools/a.py"]


@pytest.mark.parametrize("sample", samples.read_all(), ids=lambda sample: sample.slug)
def test_every_sample_question_becomes_a_package(tmp_path: Path, sample: samples.Sample) -> None:
    """Its export is known again as itself, and has the same testcases in the same order."""
    question = create_question(sample)
    before = [
        (case.public, case.input_sha256, case.answer_sha256)
        for case in question.testcases.values_for_judging()
    ]
    written = exported(question, Format.KATTIS_2023_07, tmp_path)
    again = bring_in(written)
    assert again.pk == question.pk
    after = [
        (case.public, case.input_sha256, case.answer_sha256)
        for case in question.testcases.values_for_judging()
    ]
    hidden = [case for case in before if not case[0]]
    assert after[: len(before) - len(hidden)] == before[: len(before) - len(hidden)]
    assert after[-len(hidden) :] == hidden


def test_points_of_cases_become_groups_and_samples_with_points_are_there_twice(tmp_path: Path) -> None:
    question = make_question([("1 1\n", "2\n", True), *(("2 2\n", "4\n", False),) * 3])
    rows = list(question.testcases.in_order())
    for row, points in zip(rows, (1, 1, 1, 7), strict=True):
        row.points = Decimal(points)
        row.save()
    again = bring_in(exported(question, Format.KATTIS_2023_07, tmp_path))
    told = {row.name: (row.is_public, row.points) for row in again.testcases.all()}
    assert told == {
        "sample/01": (True, Decimal(0)),
        "secret/01/01": (False, Decimal(1)),
        "secret/01/02": (False, Decimal(1)),
        "secret/01/03": (False, Decimal(1)),
        "secret/02/01": (False, Decimal(7)),
    }
    with pytest.raises(PackageRefused, match="legacy format gives points to accepted submissions only"):
        exporting.remarks(make_question(), Format.KATTIS_LEGACY)


def test_a_checker_in_words_of_testlib_is_refused(tmp_path: Path) -> None:
    question = bring_in(PACKAGES["checked"](tmp_path / "checked", LEGACY).folder)
    question.checker_protocol = "testlib"
    with pytest.raises(PackageRefused, match="in the words of testlib"):
        exporting.remarks(question, Format.KATTIS_LEGACY)


# --- The command and the page ------------------------------------------------------------------------------------


def test_the_command_writes_a_package_and_says_what_is_lost(tmp_path: Path, capsys: Any) -> None:
    question = make_question(time_factors={"python": 3})
    call_command("export_package", question.slug, str(tmp_path))
    told = capsys.readouterr().out
    assert "as kattis-2023-07" in told
    assert "its time limit holds for all languages alike" in told
    assert [path.name for path in tmp_path.iterdir()] == [exporting.file_name(question)]
    with pytest.raises(CommandError, match="no question “nothing”"):
        call_command("export_package", "nothing", str(tmp_path))
    with pytest.raises(CommandError, match="gives points to accepted submissions only"):
        call_command("export_package", question.slug, str(tmp_path), "--format", "kattis-legacy")


def test_an_author_downloads_a_package_from_its_page(client: Any, tmp_path: Path) -> None:
    client.force_login(make_author())
    question = bring_in(PACKAGES["subtasks"](tmp_path / "subtasks", NEWER).folder)
    address = reverse("admin:questions_question_export", args=[question.pk])
    assert (
        address in client.get(reverse("admin:questions_question_change", args=[question.pk])).content.decode()
    )
    page = client.get(address).content.decode()
    assert "?format=kattis-2023-07" in page
    assert "knows no groups that are passed or failed" in page
    answer = client.get(address, {"format": "kattis-2023-07"})
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert archive.read("subtasks/data/secret/1-small/1.in") == b"3 4\n"
    assert 'filename="subtasks.zip"' in answer["Content-Disposition"]
