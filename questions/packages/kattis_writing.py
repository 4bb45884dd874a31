"""A package in Kattis's problem package format, legacy or 2023-07, written from values.

    Package ──kattis_shapes──▶ in the format's shape ──_Writer──▶ files ──kattis.read──▶ what they say

What was written is read again by our own reader: where it does not say the same, that is a remark, or refuses where
verdicts or points would be others. So nobody needs to list by hand what a format cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import yaml

from execution.groups import Aggregation, Group, GroupVerdict
from execution.types import CheckerKind, ScoringMode, Verdict
from questions.packages import (
    kattis,
    kattis_keys,
    kattis_metadata,
    kattis_statement,
    kattis_submissions,
    programs,
)
from questions.packages.documents import Use
from questions.packages.kattis_shapes import placed_name, shaped
from questions.packages.tree import Tree
from questions.packages.values import File, Format, Package, PackageRefused, PackageSolution, Remark

VERSIONS = {Format.KATTIS_LEGACY: "legacy", Format.KATTIS_2023_07: "2023-07-draft"}
USUAL_CHECKER_MS, USUAL_CHECKER_KIB = 20_000, 1024 * 1024
VALIDATOR = "validate"  # the legacy format wants a folder for each
MOST_SCORE = Decimal(10) ** 9

_AUTHORS = ", "
_ENDINGS = {slug: ending for ending, slug in reversed(programs.ENDINGS.items())} | {
    "cpp": ".cpp",
    "cpp20": ".cpp",
    "cpp23": ".cpp",
    "python": ".py",
    "bash": ".sh",
}
_AGGREGATIONS = {Aggregation.SUM: "sum", Aggregation.MIN: "min", Aggregation.PASS_FAIL: "pass-fail"}


@dataclass(frozen=True)
class Written:
    """`files` by their paths in the package, sorted; the remarks are what it cannot say."""

    files: dict[str, File]
    remarks: tuple[Remark, ...]


def write(package: Package, version: Format) -> Written:
    """Raises PackageRefused where it would be judged differently."""
    if not package.format.is_kattis:
        package = replace(package, kept=(), metadata={})
    package, of_shape = shaped(package, version)
    refused: list[str] = []
    for style in _styles(package, version):
        try:
            files, found = _written(package, version, style)
        except PackageRefused as reason:
            refused.append(str(reason))
        else:
            return Written(dict(sorted(files.items())), tuple(dict.fromkeys([*of_shape, *found])))
    raise PackageRefused("", f"it cannot be said in {version.value}: {refused[0]}")


def own_statement(package: Package) -> list[str]:
    """Paths of the statement as its author wrote it, among what is kept."""
    return [
        file.path for file in package.kept if _language_of_statement(file.path) == package.statement.language
    ]


def _language_of_statement(path: str) -> str | None:
    folder, _, name = path.rpartition("/")
    found = kattis_statement.statement_name(name) if folder in kattis_statement.FOLDERS else None
    return found or (kattis_statement.PREFERRED if path == "problem.pdf" else None)


def _styles(package: Package, version: Format) -> list[bool]:
    """Whether groups are described as in legacy: packages of 2023-07 may be, too."""
    if version is Format.KATTIS_LEGACY:
        return [True]
    return [False, True] if package.groups else [False]


def _written(
    package: Package, version: Format, is_legacy_style: bool
) -> tuple[dict[str, File], list[Remark]]:
    """With what reading it again shows. Solutions whose folder says something else get another."""
    writer = _Writer(package, version, is_legacy_style)
    again = writer.read_again()
    if own_statement(package) and (again.title, again.statement.language) != (
        package.title,
        package.statement.language,
    ):
        own = set(own_statement(package))
        package = replace(package, kept=tuple(file for file in package.kept if file.path not in own))
        writer = _Writer(package, version, is_legacy_style)
        again = writer.read_again()
    moved = _moved_solutions(package, again)
    if moved != package.solutions:
        package = replace(package, solutions=moved)
        writer = _Writer(package, version, is_legacy_style)
        again = writer.read_again()
    if again.statement.markdown.strip() != package.statement.markdown.strip() and not own_statement(package):
        writer.without_appended(again.statement.markdown)
        again = writer.read_again()
    _refuse_differing(package, again)
    return writer.files, [*writer.remarks, *_differences(package, again)]


# What it says when it is read again


def _refuse_differing(package: Package, again: Package) -> None:
    """Raises PackageRefused where judging would be another."""
    for what, value in _deciding(package).items():
        other = _deciding(again)[what]
        if value != other:
            raise PackageRefused(what, f"it would be read as {_in_short(other, value)}")


def _deciding(package: Package) -> dict[str, Any]:
    checker = package.checker
    return {
        "the kind of scoring": package.scoring.value,
        "the groups of testcases": {
            group.path: _said(group) for group in package.groups if group != Group(group.path)
        },
        "the testcases": {
            case.name: (
                case.public,
                case.group,
                f"{case.points.normalize():f}",
                case.arguments if case.arguments is not None else checker.arguments,
            )
            for case in package.cases
        },
        "the checker": (checker.kind.value, checker.interactive, _paths(checker.files)),
    }


def _said(group: Group) -> dict[str, str]:
    """Numbers as they are, whatever zeros are behind them."""
    return {
        name: f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)
        for name, value in vars(group).items()
    }


def _paths(files: tuple[File, ...]) -> list[tuple[str, int]]:
    return sorted((file.path, file.size) for file in files)


def _in_short(found: Any, wanted: Any) -> str:
    """Where two maps differ first, else the whole."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        key = next(name for name in (*wanted, *found) if found.get(name) != wanted.get(name))
        return f"{key or 'the whole'}: {found.get(key)}, not {wanted.get(key)}"[:400]
    return f"{found}, not {wanted}"[:400]


def _differences(package: Package, again: Package) -> list[Remark]:
    """What is lost without changing a verdict."""
    remarks = []
    for name in ("title", "uuid", "credits", "source", "source_url", "licence"):
        if getattr(package, name) != getattr(again, name):
            remarks.append(
                Remark(
                    "problem.yaml", f"its {name.replace('_', ' ')} will be read as “{getattr(again, name)}”"
                )
            )
    for name in (
        "time_ms",
        "memory_kib",
        "output_kib",
        "source_kib",
        "ac_to_limit",
        "limit_to_tle",
        "resolution_ms",
    ):
        if (found := getattr(again.limits, name)) != getattr(package.limits, name):
            remarks.append(Remark("problem.yaml", f"its {name} will be read as {found}"))
    if package.languages != again.languages:
        remarks.append(
            Remark("problem.yaml", f"it will be open to {', '.join(again.languages) or 'all languages'}")
        )
    if package.time_factors != again.time_factors:
        remarks.append(Remark("problem.yaml", "its time limit holds for all languages alike"))
    if set(package.tags) != set(again.tags):
        remarks.append(Remark("problem.yaml", f"its tags will be read as {', '.join(again.tags) or 'none'}"))
    return [*remarks, *_differing_texts(package, again), *_differing_solutions(package, again)]


def _differing_texts(package: Package, again: Package) -> Iterator[Remark]:
    """What learners read."""
    if package.statement.markdown.strip() != again.statement.markdown.strip():
        yield Remark("", "its statement will be read otherwise")
    for what, files, others in (
        ("picture", package.statement.pictures, again.statement.pictures),
        ("attachment", package.attachments, again.attachments),
    ):
        for path, _ in sorted({*_paths(files)} - {*_paths(others)}):
            yield Remark(path, f"this {what} will not be read")


def _differing_solutions(package: Package, again: Package) -> list[Remark]:
    found = {solution.path: solution for solution in again.solutions}
    remarks = []
    for solution in package.solutions:
        if solution.skipped:
            continue
        other = found.get(solution.path)
        if other is None or other.language != solution.language:
            told = f"it will be read as {other.language or 'no program'}" if other else "it will not be read"
            remarks.append(Remark(solution.path, told))
        elif set(other.expected) != set(solution.expected):
            remarks.append(Remark(solution.path, f"it will be expected to be {_words(other.expected)}"))
        elif other.score != solution.score and not _has_rule_of(other, solution):
            remarks.append(Remark(solution.path, "the score that it must get is not said"))
    return remarks


def _words(verdicts: tuple[str, ...]) -> str:
    return " or ".join(verdicts) or "anything"


def _has_rule_of(found: PackageSolution, wanted: PackageSolution) -> bool:
    return any(not rule.cases and rule.score == _bounds(wanted) for rule in found.rules)


def _bounds(solution: PackageSolution) -> tuple[Decimal, Decimal]:
    low, high = solution.score
    return Decimal(0) if low is None else low, MOST_SCORE if high is None else high


# Solutions


def _moved_solutions(package: Package, again: Package) -> tuple[PackageSolution, ...]:
    """In a folder that says what is expected of each."""
    found = {one.path: one for one in again.solutions}
    taken: set[str] = set()
    moved = []
    for solution in package.solutions:
        there = found.get(solution.path)
        is_right = there is not None and set(there.expected) == set(solution.expected)
        path = solution.path if is_right or solution.skipped else _placed(solution)
        stem, number = path, 1
        while path in taken:
            number += 1
            path = f"{stem.rpartition('.')[0]}-{number}.{stem.rpartition('.')[2]}"
        taken.add(path)
        moved.append(replace(solution, path=path))
    return tuple(moved)


def _placed(solution: PackageSolution) -> str:
    name = placed_name(PurePosixPath(solution.path).name)
    if programs.ENDINGS.get(PurePosixPath(name).suffix) != solution.language:
        name = PurePosixPath(name).stem + _ENDINGS.get(solution.language, ".txt")
    return f"submissions/{_folder(solution.expected)}/{name}"


def _folder(expected: tuple[str, ...]) -> str:
    """That of exactly these verdicts, else of the fewest others besides."""
    said = {
        folder: {str(verdict) for word in words for verdict in kattis_submissions.WORDS[word]}
        for folder, words in kattis_submissions.FOLDERS.items()
        if folder != "partially_accepted"
    }
    wanted = set(expected)
    if not wanted or wanted - {verdict.value for verdict in Verdict}:
        return "mixed"
    fitting = [folder for folder, verdicts in said.items() if wanted <= verdicts]
    return min(fitting, key=lambda folder: len(said[folder]), default="mixed")


# Writing


@dataclass
class _Writer:
    package: Package
    version: Format
    is_legacy_style: bool
    files: dict[str, File] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._is_legacy = self.version is Format.KATTIS_LEGACY
        self._statements, self._other = (
            kattis_statement.FOLDERS if self._is_legacy else kattis_statement.FOLDERS[::-1]
        )
        self._kept_files()
        self._statement()
        self._cases()
        self._groups()
        self._checker()
        self._solutions()
        self._yaml("problem.yaml", self._problem())
        for file in self.package.attachments:
            if not self._is_statement_itself(file):
                self._file(f"attachments/{file.path}", file)

    def read_again(self) -> Package:
        return kattis.read(Tree(self.package.name, dict(sorted(self.files.items()))))

    def _file(self, path: str, file: File) -> None:
        self.files[path] = replace(file, path=path)

    def _text(self, path: str, text: str) -> None:
        data = text.encode()
        self.files[path] = File(path, len(data), lambda: data)

    def _yaml(self, path: str, keys: Mapping[str, Any]) -> None:
        self._text(path, yaml.safe_dump(dict(keys), sort_keys=False, allow_unicode=True, width=100))

    def _kept(self, file: str, known: Mapping[str, Use]) -> dict[str, Any]:
        """Keys without effect here, which this version of the format knows, too."""
        kept = self.package.metadata.get("kept", {}).get(file, {})
        return {key: value for key, value in kept.items() if key.split(".")[0] in known}

    # --- files that are as they were ---

    def _kept_files(self) -> None:
        names = {case.name for case in self.package.cases}
        for file in self.package.kept:
            path = file.path
            if path.startswith(f"{self._other}/"):
                path = f"{self._statements}/{path.partition('/')[2]}"
            if path.startswith(("data/sample/", "data/secret/")) and not self._belongs(path, names):
                self.remarks.append(Remark(path, "belongs to no testcase that is written"))
                continue
            self._file(path, file)

    def _belongs(self, path: str, names: set[str]) -> bool:
        name = path.removeprefix("data/")
        if name.endswith((".interaction", ".in.statement", ".ans.statement")):
            return self.package.format.is_kattis  # they need no case
        return any(name[:place] in names for place in range(len(name)) if name[place] == ".")

    def _is_statement_itself(self, file: File) -> bool:
        """A statement in PDF is an attachment here."""
        return any(PurePosixPath(path).name == file.path for path in own_statement(self.package))

    # --- the statement ---

    def _statement(self) -> None:
        statement = self.package.statement
        for picture in statement.pictures:
            self._file(f"{self._statements}/{picture.path}", picture)
        own = own_statement(self.package)
        if not own:
            self._text(self._statement_path(), statement.markdown)
        if self._is_legacy and (not own or any(path.endswith(".md") for path in own)):
            self.remarks.append(
                Remark(self._statement_path(), "not every reader of the legacy format takes Markdown")
            )

    def _statement_path(self) -> str:
        return f"{self._statements}/problem.{self.package.statement.language}.md"

    def without_appended(self, read: str) -> None:
        """Samples that the reader adds in words, and that the statement has already, are left out."""
        statement = self.package.statement.markdown
        added = read[len(statement) :] if read.startswith(statement) else ""
        if added and statement.endswith(added):
            self._text(self._statement_path(), statement.removesuffix(added))

    # --- problem.yaml ---

    def _problem(self) -> dict[str, Any]:
        package = self.package
        keys: dict[str, Any] = {
            "problem_format_version": VERSIONS[self.version],
            "type": self._type(),
            "name": self._names(),
            "uuid": package.uuid,
        }
        keys |= self._credits()
        licence = package.licence.lower()
        if licence in kattis_metadata.LICENCES:
            keys["license"] = licence
        elif licence:
            self.remarks.append(Remark("problem.yaml", f"{package.licence} is no licence of the format"))
        keys["keywords"] = " ".join(package.tags) if self._is_legacy else list(package.tags)
        keys["limits"] = self._limits()
        keys |= self._of_legacy() if self._is_legacy else self._of_newer()
        known = kattis_keys.LEGACY_PROBLEM if self._is_legacy else kattis_keys.NEWER_PROBLEM
        for key, value in self._kept("problem.yaml", known).items():
            _put(keys, key, value)
        return {key: value for key, value in keys.items() if value not in ("", [], {}, None)}

    def _type(self) -> Any:
        kinds = ["scoring" if self.package.scoring is ScoringMode.WEIGHTED else "pass-fail"]
        if self.package.checker.interactive and not self._is_legacy:
            kinds.append("interactive")
        return kinds if len(kinds) > 1 else kinds[0]

    def _names(self) -> Any:
        """2023-07: of all languages that there are statements in."""
        title, own = self.package.title, self.package.statement.language
        if self._is_legacy:
            return title
        told = {key: value for key, value in self.package.metadata.get("names", {}).items() if key}
        languages = {_language_of_statement(path) for path in self.files} - {None, own}
        if not languages and own == kattis_statement.PREFERRED and own not in told:
            return title
        return {own: title} | {str(one): told.get(str(one), title) for one in sorted(map(str, languages))}

    def _credits(self) -> dict[str, Any]:
        package = self.package
        if self._is_legacy:
            return {"author": package.credits, "source": package.source, "source_url": package.source_url}
        people = [name for name in package.credits.split(_AUTHORS) if name]
        source: Any = package.source
        if package.source_url:
            source = {"name": package.source or package.source_url, "url": package.source_url}
        return {"credits": {"authors": people} if people else {}, "source": source}

    def _limits(self) -> dict[str, Any]:
        limits, checker = self.package.limits, self.package.checker
        keys: dict[str, Any] = {
            "memory": _mib(limits.memory_kib),
            "output": _mib(limits.output_kib),
            "code": limits.source_kib,
        }
        if checker.time_ms not in (None, USUAL_CHECKER_MS):
            keys["validation_time"] = -(-int(checker.time_ms or 0) // 1000)
        if checker.memory_kib not in (None, USUAL_CHECKER_KIB):
            keys["validation_memory"] = _mib(checker.memory_kib)
        if self._is_legacy:
            keys |= {"time_multiplier": limits.ac_to_limit, "time_safety_margin": limits.limit_to_tle}
            if limits.time_ms is not None:
                self._text(".timelimit", f"{limits.time_ms / 1000:g}\n")
        else:
            keys["time_multipliers"] = {
                "ac_to_time_limit": limits.ac_to_limit,
                "time_limit_to_tle": limits.limit_to_tle,
            }
            keys["time_resolution"] = limits.resolution_ms / 1000
            keys["time_limit"] = None if limits.time_ms is None else limits.time_ms / 1000
        return {key: value for key, value in keys.items() if value is not None}

    def _of_legacy(self) -> dict[str, Any]:
        checker = self.package.checker
        if checker.kind is not CheckerKind.PROGRAM:
            validation = "default"
        else:
            said = set(self.package.metadata.get("validation", ()))
            score = "score" in said if said else self.package.scoring is ScoringMode.WEIGHTED
            validation = " ".join(["custom"] + ["score"] * score + ["interactive"] * checker.interactive)
        return {
            "validation": validation,
            "validator_flags": self._flags("problem.yaml", self._usual_arguments()),
        }

    def _of_newer(self) -> dict[str, Any]:
        codes = [
            code
            for code, slugs in kattis_metadata.LANGUAGE_CODES.items()
            if set(slugs) & set(self.package.languages)
        ]
        return {"languages": codes, "constants": self.package.metadata.get("constants", {})}

    # --- data ---

    def _cases(self) -> None:
        for case in self.package.cases:
            self._file(f"data/{case.name}.in", case.input)
            self._file(f"data/{case.name}.ans", case.answer)
            keys: dict[str, Any] = {}
            if not self._is_legacy:
                keys = self._kept(f"data/{case.name}.yaml", kattis_keys.CASE_2023_07)
                if case.arguments is not None and not self._is_by_group(case.group):
                    keys["output_validator_args"] = list(case.arguments)
            if case.note:
                key, ending = (
                    ("hint", ".hint") if case.name.startswith("sample/") else ("description", ".desc")
                )
                if self._is_legacy:
                    self._text(f"data/{case.name}{ending}", f"{case.note}\n")
                else:
                    keys[key] = case.note
            if keys:
                self._yaml(f"data/{case.name}.yaml", keys)

    def _is_by_group(self, group: str) -> bool:
        """Arguments that all cases of a group have stand with the group, where groups are described as in legacy."""
        return self.is_legacy_style and group in self._arguments_of_groups()

    def _arguments_of_groups(self) -> dict[str, tuple[str, ...]]:
        """Of groups all of whose cases have the same ones."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for case in self.package.cases:
            usual = self.package.checker.arguments
            found.setdefault(case.group, set()).add(usual if case.arguments is None else case.arguments)
        return {group: next(iter(each)) for group, each in found.items() if len(each) == 1}

    def _usual_arguments(self) -> tuple[str, ...]:
        """Legacy: what all cases begin with; groups can only add to that."""
        usual = self.package.checker.arguments
        each = self._arguments_of_groups().values()
        return usual if all(one[: len(usual)] == usual for one in each) else ()

    def _flags(self, file: str, words: tuple[str, ...]) -> str:
        if any(not word or word.split() != [word] for word in words):
            raise PackageRefused(file, "arguments with blanks in them cannot be said in the legacy format")
        return " ".join(words)

    def _groups(self) -> None:
        named = {group.path: group for group in self.package.groups}
        folders = dict.fromkeys(["", "sample", "secret", *named])
        for case in self.package.cases:
            parts = case.name.split("/")[:-1]
            folders |= dict.fromkeys("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        there = {case.name.rpartition("/")[0] for case in self.package.cases}
        for path in folders:
            if path and not any(name == path or name.startswith(f"{path}/") for name in there):
                continue
            keys = self._legacy_group(path, named) if self.is_legacy_style else self._newer_group(path, named)
            if keys:
                name = "testdata.yaml" if self.is_legacy_style else "test_group.yaml"
                self._yaml("/".join(filter(None, ["data", path, name])), keys)

    def _newer_group(self, path: str, named: Mapping[str, Group]) -> dict[str, Any]:
        file = "/".join(filter(None, ["data", path, "test_group.yaml"]))
        keys = self._kept(file, kattis_keys.GROUP_2023_07)
        if not path and self.package.checker.arguments:
            keys["output_validator_args"] = list(self.package.checker.arguments)
        if path.startswith("secret") and self.package.scoring is ScoringMode.WEIGHTED:
            group = named.get(path, Group(path))
            if group.points not in _AGGREGATIONS:
                raise PackageRefused(
                    file, f"2023-07 knows no groups whose points are the {group.points.value}"
                )
            keys["scoring"] = {
                "score": "unbounded" if group.maximum is None else _number(group.maximum),
                "aggregation": _AGGREGATIONS[group.points],
            }
            if group.requires:
                keys["scoring"]["require_pass"] = list(group.requires)
        return keys

    def _legacy_group(self, path: str, named: Mapping[str, Group]) -> dict[str, Any]:
        file = "/".join(filter(None, ["data", path, "testdata.yaml"]))
        known = kattis_keys.LEGACY_GROUP if self._is_legacy else kattis_keys.EARLY_GROUP
        keys = self._kept(file, known)
        if self.package.groups:
            keys |= self._legacy_rules(file, named.get(path, Group(path)))
        arguments = self._arguments_of_groups().get(path)
        has_cases = any(case.group == path for case in self.package.cases)
        if has_cases and arguments is None:
            raise PackageRefused(file, "the cases of a group have different arguments of the checker")
        usual = self._usual_arguments() if self._is_legacy else ()
        if arguments is not None and (arguments != usual or any(self._arguments_of_groups().values())):
            keys["output_validator_flags"] = self._flags(file, arguments[len(usual) :])
        return keys

    def _legacy_rules(self, file: str, group: Group) -> dict[str, Any]:
        flags = [group.verdict.value] if group.verdict is not GroupVerdict.WORST_ERROR else []
        flags += ["accept_if_any_accepted"] * group.accepts_any + ["ignore_sample"] * group.ignores_sample
        keys: dict[str, Any] = {"on_reject": "break" if group.stops else "continue"}
        if self.package.scoring is ScoringMode.WEIGHTED:
            if group.points is Aggregation.PASS_FAIL:
                raise PackageRefused(file, "the legacy format knows no groups that are passed or failed")
            flags.append(group.points.value)
            points = {case.points for case in self.package.cases if case.group == group.path}
            if len(points) > 1:
                raise PackageRefused(file, "the cases of a group have different points")
            if points:
                keys["accept_score"] = _number(points.pop())
            keys["reject_score"] = _number(group.reject_points)
            keys["range"] = f"{_bound(group.minimum, '-inf')} {_bound(group.maximum, 'inf')}"
        keys["grader_flags"] = " ".join(flags)
        return keys

    # --- checker and solutions ---

    def _checker(self) -> None:
        folder = f"output_validators/{VALIDATOR}" if self._is_legacy else "output_validator"
        for file in self.package.checker.files:
            self._file(
                f"{folder}/{file.path}",
                replace(file, executable=file.executable or file.path in kattis.SCRIPTS),
            )

    def _solutions(self) -> None:
        scored = {}
        rules = f"submissions/{kattis_submissions.RULES}"
        for solution in self.package.solutions:
            if solution.skipped:
                if not any(
                    path == solution.path or path.startswith(f"{solution.path}/") for path in self.files
                ):
                    self.remarks.append(Remark(solution.path, f"its source is not there: {solution.skipped}"))
                continue
            self._text(solution.path, solution.source)
            if solution.score != (None, None) and "@EXPECTED_SCORE@" not in solution.source:
                scored[solution.path.removeprefix("submissions/")] = {
                    "score": [_number(bound) for bound in _bounds(solution)]
                }
        if self._is_legacy:
            self.files.pop(rules, None)
        elif scored and rules not in self.files and self.package.format is not self.version:
            self._yaml(rules, scored)


def _put(keys: dict[str, Any], key: str, value: Any) -> None:
    """By a path with dots; what is there stays."""
    outer, _, inner = key.partition(".")
    if not inner:
        keys.setdefault(outer, value)
        return
    there = keys.get(outer) or {}
    if isinstance(there, dict):
        keys[outer] = {inner: value} | there


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _bound(value: Decimal | None, infinite: str) -> str:
    return infinite if value is None else f"{value.normalize():f}"


def _mib(kib: int | None) -> int | None:
    """Whole ones, as the format has them; a part of one counts as one."""
    return None if kib is None else -(-kib // 1024)
