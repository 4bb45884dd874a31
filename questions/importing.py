"""A package becomes a question, or a question is brought up to date with its package.

    Package ──plan──▶ Plan: what would be new, changed, removed ──apply──▶ rows, all in one transaction

Planning reads every file once, for its hash, and keeps none; applying reads again what is not stored yet. Afterwards
the question has the testcases, files and solutions of the package and no others: cases and solutions are known again
by their names, files by their paths. What a package does not say (summary, difficulty, whether hints are offered), and
starter code, stays as it is; tags come to those that are there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.text import capfirst, slugify

from accounts.models import User
from execution.ceilings import least_memory_kib
from questions import publishing
from questions.expectations import rules_to_json
from questions.fitting import NAMES_ITSELF, Fitted, fit, metadata_file, origin_of, points_of, storable
from questions.models import Blob, Question, QuestionFile, QuestionQuerySet, ReferenceSolution, Tag, TestCase
from questions.packages.values import (
    File,
    Format,
    Package,
    PackageCase,
    PackageRefused,
    PackageSolution,
    Remark,
)
from questions.statements import StatementRefused

SLUG_LENGTH = 50
Row = models.Model
Values = dict[str, Any]


class Kind(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"


@dataclass(frozen=True)
class Change:
    """Of one testcase, file, or solution; `size` in bytes, `before` what it was, None where there was none. `skipped`
    says why a solution is not judged.
    """

    kind: Kind
    name: str
    size: int
    before: int | None = None
    skipped: str = ""


@dataclass(frozen=True)
class FieldChange:
    """Of a column of the question, or of a `part` of it, as of one of its groups."""

    name: str
    before: str
    after: str
    part: str = ""

    @property
    def label(self) -> str:
        """As the question's form calls it."""
        field = cast("models.Field[Any, Any]", Question._meta.get_field(self.name))
        label = capfirst(str(field.verbose_name))
        return f"{label}: {self.part}" if self.part else label


@dataclass(frozen=True)
class Plan:
    """What would be done. `question` is the one that changes, None: a new one. `faults` keep it from being applied,
    unless what they are about is to be left out.
    """

    package: Package
    path: str
    question: Question | None
    fields: tuple[FieldChange, ...]
    cases: tuple[Change, ...]
    files: tuple[Change, ...]
    solutions: tuple[Change, ...]
    remarks: tuple[Remark, ...]
    contents: Contents

    @property
    def faults(self) -> tuple[Remark, ...]:
        return tuple(one for one in self.remarks if one.is_fault)

    @property
    def harmless(self) -> tuple[Remark, ...]:
        return tuple(one for one in self.remarks if not one.is_fault)

    @property
    def tables(self) -> list[tuple[str, tuple[Change, ...]]]:
        """For people: what there is anything of."""
        of = {
            "Testcases": self.cases,
            "Reference solutions": self.solutions,
            "Files": self.files,
        }
        return [(what, changes) for what, changes in of.items() if changes]

    @property
    def changes_nothing(self) -> bool:
        all_of_it = (*self.cases, *self.files, *self.solutions)
        return (
            self.question is not None
            and not self.fields
            and all(one.kind is Kind.UNCHANGED for one in all_of_it)
        )


@dataclass(frozen=True)
class Contents:
    """The rows that a package comes down to, as values by their names; `data` reads what they refer to, by hash."""

    fitted: Fitted | None
    cases: dict[str, Values]
    files: dict[str, Values] | None
    solutions: dict[str, Values] | None
    data: Mapping[str, Callable[[], bytes]]
    sizes: Mapping[str, int]


def plan(
    package: Package,
    *,
    path: str,
    question: Question | None = None,
    apart_from: Collection[Any] = (),
    only_cases: bool = False,
) -> Plan:
    """`path` is where the package was found, and `question` the one to be changed; without it the one that came from
    this package before is looked for, but not among those with the ids `apart_from`. `only_cases`: nothing but the
    testcases of `question` changes.

    Raises PackageRefused.
    """
    _refuse_counts(package)
    reader = _Reader()
    cases = reader.cases(package.cases)
    if question is None:
        question = find(package, path, cases, apart_from=apart_from)
        reader.remarks += _moved(question, path)
    files = None if only_cases else reader.files(package)
    if files is not None and package.format is Format.PLAIN:
        # It has no place for a checker or attachments, so that it says nothing of those that are there.
        files = {name: values for _, name, values in _rows_of(question, QuestionFile)} | files
    contents = Contents(
        fitted=None if only_cases else _fitted(package, question),
        cases=cases,
        files=files,
        solutions=None if only_cases or _says_no_solutions(package) else reader.solutions(package.solutions),
        data=reader.data,
        sizes=reader.sizes,
    )
    return Plan(
        package,
        path,
        question,
        _field_changes(question, contents.fitted),
        _changes(_rows_of(question, TestCase), contents.cases, reader.sizes),
        _changes(_rows_of(question, QuestionFile), contents.files, reader.sizes),
        _changes(_rows_of(question, ReferenceSolution), contents.solutions, reader.sizes),
        (*package.remarks, *(contents.fitted.remarks if contents.fitted else ()), *reader.remarks),
        contents,
    )


def apply(plan: Plan, *, author: User | None = None, partial: bool = False) -> Question:
    """Do it. `partial`: with faults too, without what they are about. `author` is a new question's.

    Raises PackageRefused, and then nothing is as it was not before.
    """
    if plan.faults and not (partial and plan.contents.cases):
        raise PackageRefused("", "; ".join(map(str, plan.faults)))
    try:
        with transaction.atomic():
            return _apply(plan, author)
    except StatementRefused as refused:
        raise PackageRefused("", f"its statement: {refused}") from refused
    except ValidationError as refused:
        raise PackageRefused("", "; ".join(_sentences(refused))) from refused
    except OSError as error:
        raise PackageRefused("", f"it cannot be read any more: {error.strerror}") from error
    except IntegrityError as error:
        raise PackageRefused("", "something else changed the same question at the same time") from error


# --- Which question it is --------------------------------------------------------------------------------------


def find(
    package: Package, path: str, cases: Mapping[str, Values], *, apart_from: Collection[Any] = ()
) -> Question | None:
    """The one that came from this package: by its path and name, its UUID, or its name and title.

    Where a folder's name is all that stands for a package (1, A, B …), it must have one of these `cases` too.
    """
    there = Question.objects.exclude(pk__in=apart_from)
    named = [
        one
        for one in there.filter(origin__name=storable(package.name))
        if one.origin.get("format", "").partition("-")[0] == package.format.family
        and (not package.uuid or one.package_uuid in ("", package.uuid))
    ]
    by_path = next((one for one in named if one.origin.get("path") == storable(path)), None)
    by_uuid = there.filter(package_uuid=package.uuid or None).first() or _written_here(there, package.uuid)
    by_title = (one for one in named if one.title == storable(package.title or package.name))
    if package.format in NAMES_ITSELF:
        by_title = (one for one in by_title if _has_one_of(one, cases))
    return by_path or by_uuid or next(by_title, None)


def _has_one_of(question: Question, cases: Mapping[str, Values]) -> bool:
    data = {(values["input_id"], values["answer_id"]) for values in cases.values()}
    return not data.isdisjoint(question.testcases.values_list("input_id", "answer_id"))


def _moved(question: Question | None, path: str) -> list[Remark]:
    """A question that is known again, but not by its path: perhaps it is not what was meant."""
    before = question.origin.get("path") if question else path
    if question is None or before == storable(path):
        return []
    came = f"came from {before}" if before else "was written here"
    return [Remark("", f"it brings “{question.slug}” up to date, which {came} before")]


def _written_here(questions: QuestionQuerySet, uuid: str) -> Question | None:
    """The one without a package whose export this is: its UUID is its id."""
    try:
        return questions.filter(pk=UUID(uuid), package_uuid="").first()
    except ValueError:
        return None


def _free_slug(package: Package) -> str:
    """From its name; with a number where another question has that."""
    wanted = slugify(storable(package.name)) or slugify(storable(package.title)) or "question"
    taken = set(Question.objects.filter(slug__startswith=wanted[:40]).values_list("slug", flat=True))
    number, slug = 1, wanted[:SLUG_LENGTH].strip("-_")
    while slug in taken or not slug:
        number += 1
        slug = f"{wanted[: SLUG_LENGTH - 6].strip('-_')}-{number}"
    return slug


def _says_no_solutions(package: Package) -> bool:
    """A plain folder of cases is no reason to lose what an author has written."""
    return package.format is Format.PLAIN and not package.solutions


# --- What the package comes down to ------------------------------------------------------------------------------


class _Reader:
    """Reads each file once and keeps its hash; what cannot be taken becomes a fault."""

    def __init__(self) -> None:
        self.data: dict[str, Callable[[], bytes]] = {}
        self.sizes: dict[str, int] = {}
        self.remarks: list[Remark] = []

    def _fault(self, file: str, message: str) -> None:
        self.remarks.append(Remark(file, message, is_fault=True))

    def _hash(self, file: File) -> str | None:
        """None where it cannot be read, or is too large to be stored."""
        if file.size > settings.MAX_STDIN_BYTES:
            self._fault(file.path, f"has {file.size} bytes; at most {settings.MAX_STDIN_BYTES} are stored")
            return None
        try:
            data = file.read()
        except PackageRefused as refused:
            self._fault(refused.file or file.path, refused.reason)
            return None
        except OSError as error:
            self._fault(file.path, f"cannot be read: {error.strerror}")
            return None
        sha256 = hashlib.sha256(data).hexdigest()
        self.data.setdefault(sha256, partial(_read_again, file, sha256))
        self.sizes[sha256] = len(data)
        return sha256

    def cases(self, cases: Iterable[PackageCase]) -> dict[str, Values]:
        found: dict[str, Values] = {}
        for order, case in enumerate(cases, 1):
            values = self._case(order, case)
            if case.name in found:
                self._fault(case.name, "there are two testcases of this name")
            elif values is not None:
                found[storable(case.name)] = values
        return found

    def _case(self, order: int, case: PackageCase) -> Values | None:
        points = points_of(case.points)
        if points is None:
            self._fault(case.name, f"{case.points} points cannot be given")
        if max(len(case.name), len(case.group)) > 200:
            self._fault(case.name, "its name has more than 200 characters")
        elif points is not None:
            given, answer = self._hash(case.input), self._hash(case.answer)
            if given and answer:
                return {
                    "visibility": TestCase.Visibility.PUBLIC if case.public else TestCase.Visibility.HIDDEN,
                    "order": order,
                    "group": storable(case.group),
                    "points": points,
                    "arguments": None if case.arguments is None else list(map(storable, case.arguments)),
                    "input_id": given,
                    "answer_id": answer,
                    "note": _cut(storable(case.note), 200),
                }
        return None

    def files(self, package: Package) -> dict[str, Values]:
        """By kind and path."""
        kinds = {
            QuestionFile.Kind.CHECKER: package.checker.files,
            QuestionFile.Kind.ATTACHMENT: package.attachments,
            QuestionFile.Kind.PICTURE: package.statement.pictures,
            QuestionFile.Kind.KEPT: package.kept,
        }
        found: dict[str, Values] = {}
        for kind, files in kinds.items():
            for file in files:
                values = self._file(kind, file)
                if values is not None:
                    found[file_name(values)] = values
                elif kind == QuestionFile.Kind.CHECKER:
                    raise PackageRefused(file.path, self.remarks[-1].message)
        return found

    def _file(self, kind: QuestionFile.Kind, file: File) -> Values | None:
        is_needed = kind != QuestionFile.Kind.KEPT
        if len(file.path) > 300:
            self.remarks.append(Remark(file.path, "its path has more than 300 characters", is_needed))
            return None
        if not is_needed and file.size > settings.MAX_STDIN_BYTES:
            self.remarks.append(Remark(file.path, f"has {file.size} bytes and is not kept for an export"))
            return None
        blob_id = self._hash(file)
        if blob_id is None:
            return None
        return {
            "kind": kind.value,
            "path": storable(file.path),
            "executable": file.executable,
            "blob_id": blob_id,
        }

    def solutions(self, solutions: Iterable[PackageSolution]) -> dict[str, Values]:
        return {storable(one.path)[:200]: self._solution(one) for one in solutions}

    def _solution(self, solution: PackageSolution) -> Values:
        skipped, source = solution.skipped, solution.source
        size = len(source.encode(errors="replace"))
        if not skipped and size > settings.MAX_SOURCE_BYTES:
            skipped = f"its source has {size} bytes; at most {settings.MAX_SOURCE_BYTES} are judged"
        if not skipped and source != storable(source):
            skipped = "its source has characters that are not stored"
        if skipped:
            self.remarks.append(Remark(solution.path, f"is not judged: {skipped}"))
        low, high = solution.score
        return {
            "language": solution.language,
            "source": "" if size > settings.MAX_SOURCE_BYTES else storable(source),
            "expected": list(solution.expected),
            "score_low": _score(low),
            "score_high": _score(high),
            "rules": rules_to_json(solution.rules),
            "bounds_time_limit": solution.bounds,
            "skipped": _cut(storable(skipped), 200),
        }


def _read_again(file: File, sha256: str) -> bytes:
    data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise PackageRefused(file.path, "changed while it was read")
    return data


def _score(value: Decimal | None) -> Decimal | None:
    """What lies beyond all scores bounds nothing."""
    return None if value is None else points_of(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _fitted(package: Package, question: Question | None) -> Fitted:
    """With the time limit that holds where the package tells none, and a UUID that no other question has."""
    fitted = fit(
        package,
        most_memory_kib=least_memory_kib(),
        known_time_ms=question.time_limit_ms if question else None,
    )
    uuid = fitted.fields["package_uuid"]
    other = Question.objects.filter(package_uuid=uuid).first() if uuid else None
    if other is None or other == question:
        return fitted
    remark = Remark(
        metadata_file(package), f"its uuid is that of the question “{other.slug}”, so it is not kept"
    )
    return replace(fitted, fields=fitted.fields | {"package_uuid": ""}, remarks=(*fitted.remarks, remark))


def _refuse_counts(package: Package) -> None:
    if (count := len(package.cases)) > settings.MAX_TESTCASES:
        raise PackageRefused(
            "",
            f"there are {count} testcases in it; at most {settings.MAX_TESTCASES} (MAX_TESTCASES) are judged",
        )
    if not package.cases:
        raise PackageRefused("", "there are no testcases in it")


# --- What is there, and what would change ------------------------------------------------------------------------

COLUMNS: dict[type[Row], tuple[str, ...]] = {
    TestCase: ("visibility", "order", "group", "points", "arguments", "input_id", "answer_id", "note"),
    QuestionFile: ("kind", "path", "executable", "blob_id"),
    ReferenceSolution: (
        "language",
        "source",
        "expected",
        "score_low",
        "score_high",
        "rules",
        "bounds_time_limit",
        "skipped",
    ),
}
"""What an import writes, beside the names."""


def file_name(values: Values) -> str:
    return f"{values['kind']} {values['path']}"


def _rows_of(question: Question | None, model: type[Row]) -> list[tuple[int, str, Values]]:
    """The key, the name and the values of each row of the question."""
    if question is None:
        return []
    columns = COLUMNS[model]
    names = () if model is QuestionFile else ("name",)
    rows = model._default_manager.filter(question=question).order_by("pk").values("pk", *names, *columns)
    return [
        (row["pk"], row["name"] if names else file_name(row), {name: row[name] for name in columns})
        for row in rows
    ]


def _changes(
    rows: Sequence[tuple[int, str, Values]],
    wanted: dict[str, Values] | None,
    sizes: Mapping[str, int],
) -> tuple[Change, ...]:
    """In the order of the package, then what it does not have; none where it says nothing of them."""
    if wanted is None:
        return ()
    there = {name: values for _, name, values in rows}
    known = {**sizes, **_stored_sizes(there.values())}
    changes = []
    for name, values in wanted.items():
        before = there.get(name)
        kind = Kind.NEW if before is None else Kind.UNCHANGED if before == values else Kind.CHANGED
        was = None if before is None else _size(before, known)
        changes.append(Change(kind, name, _size(values, known), was, values.get("skipped", "")))
    gone = [(name, values) for _, name, values in rows if name not in wanted]
    return (*changes, *(Change(Kind.REMOVED, name, 0, _size(values, known)) for name, values in gone))


def _blobs(values: Values) -> list[str]:
    return [values[name] for name in ("input_id", "answer_id", "blob_id") if name in values]


def _stored_sizes(rows: Iterable[Values]) -> dict[str, int]:
    names = {sha256 for values in rows for sha256 in _blobs(values)}
    return dict(Blob.objects.filter(pk__in=names).values_list("pk", "size"))


def _size(values: Values, sizes: Mapping[str, int]) -> int:
    if "source" in values:
        return len(values["source"].encode())
    return sum(sizes[sha256] for sha256 in _blobs(values))


def _field_changes(question: Question | None, fitted: Fitted | None) -> tuple[FieldChange, ...]:
    if fitted is None:
        return ()
    if question is None:
        shown = {name: value for name, value in fitted.fields.items() if value not in ("", [], {}, None)}
        return tuple(one for name, value in shown.items() for one in _of_field(name, None, value))
    return tuple(
        one
        for name, value in fitted.told.items()
        if not _is_same(name, getattr(question, name), value)
        for one in _of_field(name, getattr(question, name), value)
    )


def _is_same(name: str, before: Any, after: Any) -> bool:
    """A form takes the blanks around a statement away."""
    return bool(before.strip() == after.strip() if name == "statement" else before == after)


def _of_field(name: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if name != "groups":
        yield FieldChange(name, _shown(before), _shown(after))
        return
    old, new = ({group["path"]: group for group in groups or ()} for groups in (before, after))
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path):
            yield FieldChange(name, _shown(old.get(path)), _shown(new.get(path)), path or "the whole")


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            value = json.dumps(value, ensure_ascii=False)
    return _cut(" ".join(str(value).split()), 200)


# --- Doing it ----------------------------------------------------------------------------------------------------


def _apply(plan: Plan, author: User | None) -> Question:
    contents = plan.contents
    question = _held(plan, author)
    before = _data_of(question)
    if contents.fitted is not None:
        _write_fields(question, plan, contents.fitted)
    Blob.objects.store_all(contents.data)
    _write_rows(question, TestCase, contents.cases)
    _write_rows(question, QuestionFile, contents.files)
    _write_rows(question, ReferenceSolution, contents.solutions)
    Blob.objects.delete_unused(before - contents.data.keys())
    _refuse_unpublishable(question)
    return question


def _held(plan: Plan, author: User | None) -> Question:
    """The row that is changed, which nobody else changes meanwhile; or a new one, not saved yet."""
    if plan.question is None:
        return Question(slug=_free_slug(plan.package), author=author)
    found = Question.objects.select_for_update(no_key=True).filter(pk=plan.question.pk).first()
    if found is None:
        raise PackageRefused("", "its question was deleted meanwhile")
    return found


def _write_fields(question: Question, plan: Plan, fitted: Fitted) -> None:
    is_new = question._state.adding
    fields = fitted.fields if is_new else fitted.told
    for name, value in fields.items():
        setattr(question, name, value)
    if "statement" in fields:
        question.write_statement(fields["statement"])
    question.origin = origin_of(plan.package, plan.path)
    question.clean_fields(exclude=["author", "statement"])
    if is_new:
        question.save(force_insert=True)
    else:
        question.save(update_fields=[*fields, "statement_html", "origin", "updated_at"])
    question.tags.add(*(_tag(name) for name in map(_tag_name, plan.package.tags) if name))


def _tag_name(name: str) -> str:
    return " ".join(storable(name).split())[:40]


def _tag(name: str) -> Tag:
    return Tag.objects.get_or_create(name=name)[0]


def _write_rows(question: Question, model: type[Row], wanted: dict[str, Values] | None) -> None:
    """Make the question's rows those, by their names."""
    if wanted is None:
        return
    rows = _rows_of(question, model)
    there = {name: (key, values) for key, name, values in rows}
    kept = {key for name, (key, _) in there.items() if name in wanted}
    gone = [key for key, _, _ in rows if key not in kept]
    new = [_row(model, question, name, values) for name, values in wanted.items() if name not in there]
    changed = [
        _row(model, question, name, values, there[name][0])
        for name, values in wanted.items()
        if name in there and there[name][1] != values
    ]
    manager = model._default_manager
    manager.filter(pk__in=gone).delete()
    manager.bulk_create(new)
    if changed:
        manager.bulk_update(changed, [name.removesuffix("_id") for name in COLUMNS[model]], batch_size=100)


def _row(model: type[Row], question: Question, name: str, values: Values, key: int | None = None) -> Any:
    named = {} if model is QuestionFile else {"name": name}
    return model(pk=key, question=question, **named, **values)


def _data_of(question: Question) -> set[str]:
    """Hashes of all data that its rows refer to."""
    files = set(question.files.values_list("blob_id", flat=True))
    return question.testcases.all().blob_ids() | files


def _refuse_unpublishable(question: Question) -> None:
    if question.state == Question.State.PUBLISHED and (reasons := publishing.missing(question)):
        raise PackageRefused("", f"“{question}” is published and could not stay so: {' '.join(reasons)}")


def _sentences(refused: ValidationError) -> list[str]:
    return [f"{name}: {' '.join(texts)}" for name, texts in refused.message_dict.items()]
