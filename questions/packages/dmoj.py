"""DMOJ's problems: a folder with init.yml and, mostly, an archive of testcases in it.

Statement, limits of time and memory, and samples are not in it: DMOJ's site has them. A statement.md beside it is
taken, as for a plain folder of testcases, and so are programs below submissions/. Sources: DMOJ's documentation of
its problem format and checkers; how cases, batches and dependencies are judged, from its judge-server.

In a batch the worst case counts, and the first that fails is the last that is run. Where a case without points
fails, nothing after it is run.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from pathlib import PurePosixPath
from typing import Any

from execution.groups import Aggregation, Group
from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode
from questions.packages import plain
from questions.packages.documents import Keys, Reading, Use
from questions.packages.tree import Tree, of_zip_within
from questions.packages.values import (
    File,
    Format,
    Package,
    PackageCase,
    PackageChecker,
    PackageLimits,
    PackageRefused,
)

DESCRIPTION = "init.yml"

_READ, _IGNORED, _REFUSED = Use.READ, Use.IGNORED, Use.REFUSED
KEYS: dict[str, Use] = {
    "archive": _READ,
    "binary_data": _READ,
    "checker": _READ,
    "custom_judge": _REFUSED,
    "file_io": _REFUSED,
    "generator": _REFUSED,
    "generator_args": _IGNORED,
    "hints": _IGNORED,
    "interactive": _REFUSED,
    "io_redirects": _REFUSED,
    "output_limit_length": _READ,
    "output_only": _REFUSED,
    "output_prefix_length": _IGNORED,
    "points": _READ,
    "pretest_test_cases": _READ,
    "signature_grader": _REFUSED,
    "symlinks": _REFUSED,
    "test_cases": _READ,
    "unbuffered": _IGNORED,
    "wall_time_factor": _IGNORED,
}
CASE_KEYS: dict[str, Use] = {
    "batched": _READ,
    "binary_data": _READ,
    "checker": _REFUSED,
    "dependencies": _READ,
    "generator": _REFUSED,
    "generator_args": _IGNORED,
    "in": _READ,
    "out": _READ,
    "output_limit_length": _IGNORED,
    "output_prefix_length": _IGNORED,
    "points": _READ,
}
PATTERN_KEYS: dict[str, Use] = {"case_points": _READ, "input_format": _READ, "output_format": _READ}
CHECKER_KEYS: dict[str, Use] = {"args": _READ, "name": _READ}
ARGUMENT_KEYS: dict[str, Use] = {
    "args": _READ,
    "cached": _IGNORED,
    "compiler_time_limit": _IGNORED,
    "error_mode": _READ,
    "feedback": _IGNORED,
    "files": _READ,
    "flags": _IGNORED,
    "lang": _IGNORED,
    "memory_limit": _READ,
    "pe_allowed": _IGNORED,
    "precision": _READ,
    "split_on": _READ,
    "time_limit": _READ,
    "type": _READ,
}

WHY_REFUSED = {
    "custom_judge": "a grader written in Python for DMOJ alone cannot be run here",
    "file_io": "programs read and write files in place of standard input and output",
    "generator": "its testcases are made by a program; put the files into the package",
    "interactive": "an interactor of DMOJ's cannot be run here",
    "io_redirects": "programs read and write files in place of standard input and output",
    "output_only": "outputs are handed in, not programs",
    "signature_grader": "programs are linked with a grader; that is not supported",
    "symlinks": "files are put beside the program; that is not supported",
    "checker": "a checker for single cases is not supported",
}

# What DMOJ takes for names where init.yml has no patterns.
INPUT_FORMAT = r"^(?=.*?\.in|in).*?(?:(?:^|\W)(?P<batch>\d+)[^\d\s]+)?(?P<case>\d+)[^\d\s]*$"
OUTPUT_FORMAT = r"^(?=.*?\.out|out).*?(?:(?:^|\W)(?P<batch>\d+)[^\d\s]+)?(?P<case>\d+)[^\d\s]*$"
MATCHING_S = 2

# For what no rule of ours does. They are called as Kattis's are: input answer feedback/ < output; 42 right, 43 wrong.
_PROGRAM = """\
import sys
from collections import Counter


def parts(data):
    return {parts}


with open(sys.argv[2], "rb") as file:
    answer = file.read()
sys.exit(42 if Counter(parts(sys.stdin.buffer.read())) == Counter(parts(answer)) else 43)
"""
SAME_WORDS = _PROGRAM.format(parts="data.split()")
SAME_LETTERS = _PROGRAM.format(parts='b"".join(data.split()).lower()')

Key = tuple[bool, int | str]


@dataclass(frozen=True)
class _Item:
    """A case alone, or a batch; `points` are those of the whole item."""

    cases: tuple[PackageCase, ...]
    points: Decimal
    batch: int = 0
    dependencies: tuple[int, ...] = ()


@dataclass
class _Files:
    """The problem's own files before those of its archive; line ends as DMOJ's judge makes them."""

    problem: Mapping[str, File]
    archive: Mapping[str, File] = field(default_factory=dict)

    def get(self, name: str, *, binary: bool) -> File | None:
        path = str(PurePosixPath(name))
        file = self.problem.get(path) or self.archive.get(path)
        return file if file is None or binary else replace(file, read=lambda: _with_line_feeds(file.read()))


def read(tree: Tree) -> Package:
    """Raises PackageRefused where it cannot be judged as its author means it."""
    reading = Reading(tree)
    keys = reading.document(DESCRIPTION, KEYS)
    _refuse(keys, KEYS)
    files = _files(tree, keys)
    items = [item for item in _items(reading, keys, files) if item.cases]
    if not items:
        raise PackageRefused(DESCRIPTION, "names no testcase whose files are there")
    cases, groups = _arranged(items)
    has_points = any(item.points for item in items)
    title, statement, lack = plain.statement(tree)
    solutions, skipped = plain.solutions(tree)
    output = keys.number("output_limit_length", vital=False)
    return Package(
        format=Format.DMOJ,
        name=tree.name,
        title=title,
        statement=statement,
        cases=cases,
        checker=_checker(reading, keys, files),
        limits=PackageLimits(output_kib=max(1, int(output) // 1024) if output else None),
        policy=RunPolicy.RUN_ALL if has_points else RunPolicy.FAIL_FAST,
        scoring=ScoringMode.WEIGHTED if has_points else ScoringMode.ALL_OR_NOTHING,
        groups=groups if has_points else (),
        solutions=solutions,
        remarks=(*reading.remarks, *lack, *skipped),
    )


def _refuse(keys: Keys, known: Mapping[str, Use]) -> None:
    for key, use in known.items():
        if use is Use.REFUSED and key in keys:
            raise keys.refuse(key, WHY_REFUSED[key])


def _files(tree: Tree, keys: Keys) -> _Files:
    name = keys.text("archive", vital=True)
    if not name:
        return _Files(tree.files)
    path = str(PurePosixPath(name))
    if path not in tree.files:
        raise PackageRefused(path, "the archive of testcases is missing")
    return _Files(tree.files, of_zip_within(tree.files[path]).files)


def _with_line_feeds(data: bytes) -> bytes:
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data if not data or data.endswith(b"\n") else data + b"\n"


# Cases


def _items(reading: Reading, keys: Keys, files: _Files) -> Iterator[_Item]:
    """Pretests first: they have no points, so that nothing is run once one fails."""
    usual = keys.number("points")
    points = Decimal(1) if usual is None else usual
    binary = keys.flag("binary_data", vital=True) or False
    batches, names = count(1), _Names()
    for row in _rows(reading, keys, "pretest_test_cases", ()):
        yield _without_points(_item(row, files, points, batches, names, binary=binary))
    listed = keys.value("test_cases")
    rows = listed if isinstance(listed, list) else _matched(keys, files)
    for row in _rows(reading, keys, "test_cases", rows):
        yield _item(row, files, points, batches, names, binary=binary)


def _without_points(item: _Item) -> _Item:
    cases = tuple(replace(case, points=Decimal(0)) for case in item.cases)
    return replace(item, cases=cases, points=Decimal(0))


def _rows(reading: Reading, keys: Keys, key: str, otherwise: Iterable[dict[str, Any]]) -> Iterator[Keys]:
    listed = keys.value(key)
    for number, row in enumerate(listed if isinstance(listed, list) else otherwise, start=1):
        if not isinstance(row, dict):
            raise keys.refuse(f"{key}", f"item {number} is no case: expected keys with values")
        yield _row(reading, row, f"{key}[{number}].")


def _row(reading: Reading, row: dict[str, Any], within: str) -> Keys:
    keys = Keys(reading, DESCRIPTION, row, CASE_KEYS, within)
    _refuse(keys, CASE_KEYS)
    return keys


class _Names:
    """Names of cases, each only once: a batch may use the files of another."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        free = next(
            one for one in (name if n == 1 else f"{name}-{n}" for n in count(1)) if one not in self._taken
        )
        self._taken.add(free)
        return free


def _item(
    row: Keys, files: _Files, usual: Decimal, batches: "count[int]", names: _Names, *, binary: bool
) -> _Item:
    given = row.number("points")
    points = usual if given is None else given
    if "batched" not in row:
        return _Item(_case(row, files, names, points, binary=binary), points)
    listed = row.value("batched")
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise row.refuse("batched", "expected a list of cases")
    batch = next(batches)
    inner = [_row(row.reading, one, f"batch {batch}[{n}].") for n, one in enumerate(listed, start=1)]
    if nested := next((one for one in inner if "batched" in one), None):
        raise nested.refuse("batched", "a batch within a batch")
    cases = [
        case
        for one in inner
        for case in _case(one, files, names, points, group=f"batch-{batch}", binary=binary)
    ]
    return _Item(tuple(cases), points, batch, _dependencies(row, batch))


def _dependencies(row: Keys, batch: int) -> tuple[int, ...]:
    listed = row.value("dependencies") or []
    if not isinstance(listed, list) or not all(type(one) is int and 0 < one < batch for one in listed):
        raise row.refuse("dependencies", "expected numbers of batches that come before it")
    return tuple(listed)


def _case(
    row: Keys, files: _Files, names: _Names, points: Decimal, *, binary: bool, group: str = ""
) -> tuple[PackageCase, ...]:
    """One case, or none where a file is missing, which is a fault."""
    paths = row.text("in", vital=True), row.text("out", vital=True)
    own = row.flag("binary_data", vital=True)
    found = [files.get(path, binary=binary if own is None else own) if path else None for path in paths]
    for path, key, file in zip(paths, ("in", "out"), found, strict=True):
        if file is None:
            what = f"names {path}, which is not there" if path else "names no file"
            row.reading.fault(DESCRIPTION, row.refuse(key, what).reason)
    if found[0] is None or found[1] is None:
        return ()
    stem = str(PurePosixPath(paths[0]).with_suffix(""))
    return (
        PackageCase(
            name=names.take(f"{group}/{stem}".lstrip("/")),
            input=found[0],
            answer=found[1],
            public=plain.is_sample(paths[0]),
            group=group,
            points=points,
        ),
    )


# Groups


def _arranged(items: list[_Item]) -> tuple[tuple[PackageCase, ...], tuple[Group, ...]]:
    """The cases in their order, and groups where there are batches, or cases on which all that follows depends."""
    if not any(item.batch or not item.points for item in items):
        return tuple(case for item in items for case in item.cases), ()
    cases: list[PackageCase] = []
    groups: list[Group] = []
    needed: list[str] = []
    for number, run in enumerate(_runs(items), start=1):
        group = _group(number, run, needed, {one.path for one in groups})
        # Public cases are judged first, so none can be in a group that comes after another.
        cases += [
            replace(case, group=group.path, public=case.public and not group.requires)
            for item in run
            for case in item.cases
        ]
        groups.append(group)
        if not run[0].points:
            needed.append(group.path)
    total = sum((item.points for item in items), Decimal(0))
    whole = Group("", points=Aggregation.SUM, stops=False, minimum=Decimal(0), maximum=total)
    return tuple(cases), (whole, *groups)


def _runs(items: list[_Item]) -> Iterator[list[_Item]]:
    """Each batch alone; cases that follow each other together, those without points apart from the others."""
    run: list[_Item] = []
    for item in items:
        if run and (item.batch or run[0].batch or bool(item.points) is not bool(run[0].points)):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _group(number: int, run: list[_Item], needed: list[str], before: set[str]) -> Group:
    """`needed` are groups without which nothing is run, `before` all that come before it."""
    batch = run[0].batch
    dependencies = [f"batch-{one}" for one in run[0].dependencies]
    return Group(
        f"batch-{batch}" if batch else f"cases-{number}",
        points=Aggregation.MIN if batch else Aggregation.SUM,
        stops=bool(batch) or not run[0].points,
        minimum=Decimal(0),
        maximum=sum((item.points for item in run), Decimal(0)),
        requires=(*needed, *(one for one in dependencies if one in before and one not in needed)),
    )


# Cases found by patterns


def _matched(keys: Keys, files: _Files) -> list[dict[str, Any]]:
    """Cases by the names of files, as `test_cases` would list them: by batches, else by their own numbers."""
    patterns = keys.map("test_cases", PATTERN_KEYS, vital=True)
    found, batches = _found(patterns, [*(files.archive or files.problem)])
    points = iter(_case_points(patterns))
    rows: list[dict[str, Any]] = []
    for place in sorted(found):
        cases = [found[place][case] for case in sorted(found[place])]
        worth = {"points": next(points, None)}
        if place not in batches and len(cases) > 1:
            raise patterns.refuse("input_format", f"several cases have the number {place[1]}")
        rows.append({"batched": cases, **worth} if place in batches else {**cases[0], **worth})
    return rows


def _found(patterns: Keys, names: list[str]) -> tuple[dict[Key, dict[Key, dict[str, Any]]], set[Key]]:
    """The files of each case by batch and number, and which of the former are batches."""
    formats = (
        patterns.text("input_format", vital=True) or INPUT_FORMAT,
        patterns.text("output_format", vital=True) or OUTPUT_FORMAT,
    )
    found: dict[Key, dict[Key, dict[str, Any]]] = {}
    batches: set[Key] = set()
    for half, matches in zip(("in", "out"), _matches(patterns, formats, names), strict=True):
        for name, match in zip(names, matches, strict=True):
            if match is None:
                continue
            batch, case = match
            if case is None:
                raise patterns.refuse("input_format", "it matches, but says no number of a case")
            if batch is not None:
                batches.add(_key(batch))
            place = _key(case if batch is None else batch)
            found.setdefault(place, {}).setdefault(_key(case), {})[half] = name
    return found, batches


def _key(text: str) -> Key:
    """Numbers after texts, as DMOJ sorts them."""
    return (True, int(text)) if text.isdecimal() and len(text) < 10 else (False, text)


def _case_points(patterns: Keys) -> list[Any]:
    listed = patterns.value("case_points") or []
    if not isinstance(listed, list):
        raise patterns.refuse("case_points", "expected a list of numbers")
    return listed


_MATCH = """\
import json, re, sys
asked = json.load(sys.stdin)
def found(pattern, name):
    match = pattern.match(name)
    said = match.groupdict() if match else {}
    return [said.get("batch"), said.get("case")] if match else None
patterns = [re.compile(one, re.IGNORECASE) for one in asked["formats"]]
json.dump([[found(one, name) for name in asked["names"]] for one in patterns], sys.stdout)
"""


def _matches(
    patterns: Keys, formats: tuple[str, str], names: list[str]
) -> list[list[tuple[str | None, str | None] | None]]:
    """For each format and name the batch and case it says. In a process that can be ended: a pattern may need years."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _MATCH],
            input=json.dumps({"formats": formats, "names": names}),
            capture_output=True,
            text=True,
            timeout=MATCHING_S,
            check=True,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise patterns.refuse("input_format", f"it needs more than {MATCHING_S} s for the names") from error
    except subprocess.CalledProcessError as error:
        raise patterns.refuse("input_format", "it is no regular expression") from error
    found: list[list[tuple[str | None, str | None] | None]] = json.loads(done.stdout)
    return found


# Checker


def _checker(reading: Reading, keys: Keys, files: _Files) -> PackageChecker:
    said = keys.value("checker")
    if isinstance(said, dict):
        checker = keys.map("checker", CHECKER_KEYS)
        name, args = checker.text("name", vital=True), checker.map("args", ARGUMENT_KEYS, vital=True)
    else:
        name = keys.text("checker", vital=True)
        args = Keys(reading, DESCRIPTION, {}, ARGUMENT_KEYS, "checker.args.")
    if "." in name:
        raise keys.refuse("checker", f"{name} is a checker written for DMOJ alone and cannot be run here")
    match name or "standard":
        case "standard":
            return PackageChecker(CheckerKind.LINES)
        case "identical" | "identical_with_pe":
            return PackageChecker(CheckerKind.EXACT)
        case "rstripped":
            return PackageChecker(CheckerKind.TRAILING_WHITESPACE)
        case "linecount":
            reading.remark(DESCRIPTION, "checker: linecount gives no points for single lines here")
            return PackageChecker(CheckerKind.TRAILING_WHITESPACE)
        case "floats" | "floatsabs" | "floatsrel":
            return _floats(name, args)
        case "sorted" if args.one_of("split_on", ("lines", "whitespace"), "lines") == "lines":
            return PackageChecker(CheckerKind.UNORDERED_LINES)
        case "sorted" | "unordered":
            return _written(SAME_WORDS)
        case "easy":
            return _written(SAME_LETTERS)
        case "bridged":
            return _bridged(reading, args, files)
    raise keys.refuse("checker", f"{name} is not known")


def _floats(name: str, args: Keys) -> PackageChecker:
    precision = args.number("precision")
    epsilon = 10.0 ** -int(6 if precision is None else min(precision, Decimal(300)))
    mode = {"floatsabs": "absolute", "floatsrel": "relative"}.get(name) or args.one_of(
        "error_mode", ("default", "absolute", "relative"), "default"
    )
    return PackageChecker(
        CheckerKind.FLOAT_LINES,
        absolute=0.0 if mode == "relative" else epsilon,
        relative=0.0 if mode == "absolute" else epsilon,
    )


def _written(source: str) -> PackageChecker:
    data = source.encode()
    return PackageChecker(CheckerKind.PROGRAM, files=(File("checker.py", len(data), lambda: data),))


def _bridged(reading: Reading, args: Keys, files: _Files) -> PackageChecker:
    """An author's program, called with input, output, answer; 0 is right and 1 wrong, as in testlib."""
    args.one_of("type", ("default", "testlib"), "default")
    if args.text("args") not in ("", "{input} {output} {answer}", "{input} {output} {judge}"):
        raise args.refuse("args", "arguments in another order are not supported")
    paths = args.words("files", vital=True)
    for path in paths:
        if path not in files.problem:
            raise PackageRefused(path, "a file of the checker is missing")
    if not paths:
        raise args.refuse("files", "the checker has no files")
    time, memory = args.number("time_limit"), args.number("memory_limit")
    checker = PackageChecker(
        CheckerKind.PROGRAM,
        files=tuple(replace(files.problem[path], path=PurePosixPath(path).name) for path in paths),
        protocol=Protocol.TESTLIB,
        time_ms=int(time * 1000) if time else None,
        memory_kib=int(memory) if memory else None,
    )
    if complaint := checker.complaint():
        raise PackageRefused(paths[0], complaint)
    return checker
