"""A question becomes a package: rows ──package_of──▶ Package ──packages.kattis_writing──▶ a zip.

The zip is the same whenever the question is the same: sorted, without dates. What its format cannot say is remarked,
or refused where it would be judged differently.
"""

import re
import shlex
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any

from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode
from questions.expectations import rules_from_json
from questions.fitting import room_s, statement_mark
from questions.models import BlobShelf, Question, QuestionFile, ReferenceSolution, TestCase
from questions.packages import kattis_writing
from questions.packages.values import (
    File,
    Format,
    Package,
    PackageCase,
    PackageChecker,
    PackageLimits,
    PackageSolution,
    PackageStatement,
    Remark,
)

FORMATS = tuple(kattis_writing.VERSIONS)
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]")


def usual_format(question: Question) -> Format:
    """That in which it came, where we write it."""
    came = question.origin.get("format", "")
    return next((one for one in FORMATS if one == came), Format.KATTIS_2023_07)


def export(question: Question, version: Format, target: IO[bytes]) -> tuple[Remark, ...]:
    """Write the zip; what the format cannot say. Raises PackageRefused, and then nothing was written."""
    package = package_of(question)
    written = kattis_writing.write(package, version)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, file in written.files.items():
            archive.writestr(_entry(f"{package.name}/{path}", file), file.read())
    return (*_unsaid(question), *written.remarks)


def remarks(question: Question, version: Format) -> tuple[Remark, ...]:
    """What an export would say. Raises PackageRefused; no testcase's data is read."""
    return (*_unsaid(question), *kattis_writing.write(package_of(question), version).remarks)


def _entry(path: str, file: File) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # Unix, so that readers look at the permissions
    entry.external_attr = (0o100755 if file.executable else 0o100644) << 16
    return entry


def package_name(question: Question) -> str:
    """The package's folder: the one it came in, else as the format wants it."""
    if _format(question).is_kattis:
        return str(question.origin.get("name") or question.slug)
    return _NOT_IN_NAMES.sub("", question.slug) or "problem"


def package_of(question: Question) -> Package:
    """What the rows say, with data that is read when it is needed."""
    files = _files(question)
    package = Package(
        format=_format(question),
        name=package_name(question),
        title=question.title,
        statement=PackageStatement(
            question.statement, question.statement_language, files[QuestionFile.Kind.PICTURE]
        ),
        cases=_cases(question),
        uuid=question.package_uuid or str(question.pk),
        checker=_checker(question, files[QuestionFile.Kind.CHECKER]),
        limits=_limits(question),
        policy=RunPolicy(question.run_policy),
        scoring=ScoringMode(question.scoring),
        groups=question.judging_groups(),
        time_factors=dict(question.time_factors),
        languages=tuple(question.allowed_languages),
        solutions=tuple(map(_solution, question.reference_solutions.order_by("name"))),
        attachments=files[QuestionFile.Kind.ATTACHMENT],
        tags=tuple(question.tags.order_by("name").values_list("name", flat=True)),
        credits=question.credits,
        source=question.source,
        source_url=question.source_url,
        licence=question.licence,
        kept=files[QuestionFile.Kind.KEPT],
        metadata=question.origin.get("metadata") or {},
    )
    return package if _is_as_imported(question) else _without_old_statement(package)


def _format(question: Question) -> Format:
    try:
        return Format(question.origin.get("format", ""))
    except ValueError:
        return Format.PLAIN  # written here


def _is_as_imported(question: Question) -> bool:
    return bool(question.origin.get("statement") == statement_mark(question.statement))


def _without_old_statement(package: Package) -> Package:
    old = set(kattis_writing.own_statement(package))
    kept = tuple(file for file in package.kept if file.path not in old)
    return replace(package, kept=kept)


def _files(question: Question) -> dict[str, tuple[File, ...]]:
    rows = list(
        question.files.order_by("kind", "path").values_list(
            "kind", "path", "executable", "blob_id", "blob__size"
        )
    )
    shelf = BlobShelf((sha256, size) for *_, sha256, size in rows)
    found: dict[str, list[File]] = {kind: [] for kind in QuestionFile.Kind.values}
    for kind, path, executable, sha256, size in rows:
        found[kind].append(File(path, size, partial(shelf.take, sha256), executable))
    return {kind: tuple(files) for kind, files in found.items()}


def _cases(question: Question) -> tuple[PackageCase, ...]:
    rows = list(
        question.testcases.select_related("input", "answer").defer("input__data", "answer__data").in_order()
    )
    shelf = BlobShelf(
        pair for row in rows for pair in ((row.input_id, row.input.size), (row.answer_id, row.answer.size))
    )
    cases = [_case(row, shelf) for row in rows]
    if _format(question).is_kattis:
        # Hidden samples are judged after the public ones, but names are what a package sorts by.
        cases.sort(key=lambda case: case.name.split("/"))
    return tuple(cases)


def _case(row: TestCase, shelf: BlobShelf) -> PackageCase:
    return PackageCase(
        name=row.name or f"case-{row.pk}",
        input=File("in", row.input.size, partial(shelf.take, row.input_id)),
        answer=File("ans", row.answer.size, partial(shelf.take, row.answer_id)),
        public=row.is_public,
        group=row.group,
        points=row.points,
        arguments=None if row.arguments is None else tuple(row.arguments),
        note=row.note,
    )


def _checker(question: Question, files: tuple[File, ...]) -> PackageChecker:
    kind = CheckerKind(question.checker)
    return PackageChecker(
        kind,
        tuple(shlex.split(question.checker_arguments)),
        question.absolute_tolerance,
        question.relative_tolerance,
        files if kind is CheckerKind.PROGRAM else (),
        Protocol(question.checker_protocol),
        question.interactive,
        question.checker_time_limit_ms,
        question.checker_memory_limit_kib,
    )


def _limits(question: Question) -> PackageLimits:
    """A time limit that is to be measured is left open. What derives it is as its package had it."""
    told: dict[str, Any] = question.origin.get("limits", {}) if _format(question).is_kattis else {}
    derives = {
        key: told[key]
        for key in ("ac_to_limit", "limit_to_tle", "resolution_ms", "source_kib")
        if key in told
    }
    return PackageLimits(
        time_ms=None if question.time_limit_is_derived else question.time_limit_ms,
        memory_kib=question.memory_limit_kib,
        output_kib=question.output_limit_kib,
        **derives,
    )


def _solution(row: ReferenceSolution) -> PackageSolution:
    return PackageSolution(
        row.name,
        row.language,
        row.source,
        tuple(row.expected),
        (_plain(row.score_low), _plain(row.score_high)),
        rules_from_json(row.rules),
        row.bounds_time_limit,
        row.skipped,
    )


def _plain(points: Decimal | None) -> Decimal | None:
    return None if points is None else points.normalize()


def _unsaid(question: Question) -> Iterable[Remark]:
    """What no package of these formats has a place for."""
    usual = room_s(question.testcases.count(), question.time_limit_ms, question.time_factors)
    if question.total_runtime_s not in (None, usual):
        yield Remark("", f"its total runtime of {question.total_runtime_s} s is not said")
    if question.starter_codes.exists():
        yield Remark("", "starter code is not said")


def file_name(question: Question) -> str:
    return f"{PurePosixPath(package_name(question)).name}.zip"
