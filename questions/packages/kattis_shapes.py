"""A question of any origin in the shape of Kattis's problem package format, as far as it can be said there.

    checker   ours ─▶ the default one with arguments, or a small program
    groups    points of cases ─▶ groups of secret (2023-07)
    names     ─▶ sample/01, secret/01, secret/02-group/01, which sort as the cases are judged

A package that was one of Kattis's comes out as it went in. What changes a verdict or points refuses; what does not, is
a remark.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePosixPath

from execution.groups import Group
from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode
from questions.packages.values import (
    File,
    Format,
    Package,
    PackageCase,
    PackageChecker,
    PackageRefused,
    Remark,
)

SAMPLE, SECRET = "sample", "secret"
NOTHING = Decimal(0)

_NAME = re.compile(r"(?:sample|secret)(?:/[A-Za-z0-9][A-Za-z0-9_.-]*)+")
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_-]+")

# Checkers that the format's default one is not: 42 is right, 43 is wrong.
_PROGRAMS = {
    CheckerKind.TRAILING_WHITESPACE: (
        '"""Blanks at the ends of lines and empty lines at the end do not count."""\n'
        "import sys\n\n\n"
        "def lines(data):\n"
        "    return [line.rstrip() for line in data.rstrip().split(b'\\n')]\n\n\n"
        "answer = open(sys.argv[2], 'rb').read()\n"
        "sys.exit(42 if lines(sys.stdin.buffer.read()) == lines(answer) else 43)\n"
    ),
    CheckerKind.LINES: (
        '"""The words of each line; empty lines do not count."""\n'
        "import re\nimport sys\n\n\n"
        "def lines(data):\n"
        "    return [line.split() for line in re.split(rb'[\\r\\n]', data) if line.strip()]\n\n\n"
        "answer = open(sys.argv[2], 'rb').read()\n"
        "sys.exit(42 if lines(sys.stdin.buffer.read()) == lines(answer) else 43)\n"
    ),
    CheckerKind.FLOAT_LINES: (
        '"""The words of each line, where two numbers may differ; empty lines do not count."""\n'
        "import math\nimport re\nimport sys\n\n\n"
        "ABSOLUTE, RELATIVE = {absolute!r}, {relative!r}\n\n\n"
        "def lines(data):\n"
        "    return [line.split() for line in re.split(rb'[\\r\\n]', data) if line.strip()]\n\n\n"
        "def number(word):\n"
        "    try:\n"
        "        value = float(word)\n"
        "    except ValueError:\n"
        "        return None\n"
        "    return None if b'_' in word or math.isinf(value) and b'n' not in word.lower() else value\n\n\n"
        "def same(word, wanted):\n"
        "    one, two = number(word), number(wanted)\n"
        "    if word == wanted or one is None or two is None:\n"
        "        return word == wanted\n"
        "    if math.isfinite(one) and math.isfinite(two):\n"
        "        return abs(one - two) <= ABSOLUTE or abs(one - two) <= RELATIVE * abs(two)\n"
        "    return one == two or math.isnan(one) and math.isnan(two)\n\n\n"
        "output, answer = lines(sys.stdin.buffer.read()), lines(open(sys.argv[2], 'rb').read())\n"
        "alike = [len(one) for one in output] == [len(one) for one in answer]\n"
        "pairs = ((one, two) for mine, theirs in zip(output, answer) for one, two in zip(mine, theirs))\n"
        "sys.exit(42 if alike and all(same(one, two) for one, two in pairs) else 43)\n"
    ),
    CheckerKind.UNORDERED_LINES: (
        '"""The same lines, each as often, in any order; blanks at their ends and empty lines do not count."""\n'
        "import sys\n\n\n"
        "def lines(data):\n"
        "    return sorted(filter(None, (line.rstrip() for line in data.split(b'\\n'))))\n\n\n"
        "answer = open(sys.argv[2], 'rb').read()\n"
        "sys.exit(42 if lines(sys.stdin.buffer.read()) == lines(answer) else 43)\n"
    ),
}


def shaped(package: Package, version: Format) -> tuple[Package, list[Remark]]:
    """Raises PackageRefused for what the version cannot say."""
    remarks: list[Remark] = []
    package = replace(package, checker=_checker(package.checker))
    if _is_in_shape(package):
        return package, remarks
    if package.scoring is not ScoringMode.WEIGHTED:
        package = _pass_fail(package, remarks)
    elif version is Format.KATTIS_LEGACY:
        raise PackageRefused(
            "", "the legacy format gives points to accepted submissions only; kattis-2023-07 can say it"
        )
    elif package.groups:
        package = _named_by_groups(package)
    else:
        package = _points_as_groups(package, remarks)
    if any(rule.cases for solution in package.solutions for rule in solution.rules):
        remarks.append(Remark("submissions", "what solutions must show in single cases is left out"))
    return package, remarks


def _is_in_shape(package: Package) -> bool:
    """Whether the cases are named as the format names them: folders are groups, and names sort as they are judged."""
    names = [case.name for case in package.cases]
    return (
        len(set(names)) == len(names)
        and names == sorted(names, key=lambda name: name.split("/"))
        and (package.scoring is not ScoringMode.WEIGHTED or bool(package.groups))
        and all(
            _NAME.fullmatch(case.name)
            and case.group == case.name.rpartition("/")[0]
            and (not case.public or case.name.startswith(f"{SAMPLE}/"))
            for case in package.cases
        )
    )


# The checker


def _checker(checker: PackageChecker) -> PackageChecker:
    if checker.kind is CheckerKind.PROGRAM and checker.protocol is not Protocol.KATTIS:
        raise PackageRefused(
            "", f"its checker answers in the words of {checker.protocol.value}, not in Kattis's"
        )
    if checker.kind in (CheckerKind.KATTIS, CheckerKind.PROGRAM):
        return checker
    if program := _PROGRAMS.get(checker.kind):
        if checker.kind is CheckerKind.FLOAT_LINES:
            program = program.format(absolute=checker.absolute, relative=checker.relative)
        data = program.encode()
        file = File("compare.py", len(data), lambda: data)
        return replace(checker, kind=CheckerKind.PROGRAM, files=(file,))
    return replace(checker, kind=CheckerKind.KATTIS, arguments=_arguments(checker))


def _arguments(checker: PackageChecker) -> tuple[str, ...]:
    match checker.kind:
        case CheckerKind.EXACT:
            return ("case_sensitive", "space_change_sensitive")
        case CheckerKind.TOKENS:
            return ("case_sensitive",)
        case CheckerKind.FLOATS:
            absolute, relative = f"{checker.absolute:g}", f"{checker.relative:g}"
            return (
                *("case_sensitive", "float_absolute_tolerance", absolute),
                *("float_relative_tolerance", relative),
            )
    return ()


# Cases and groups


def _pass_fail(package: Package, remarks: list[Remark]) -> Package:
    """By their numbers; only whether all are right counts."""
    if package.groups and any(group.verdict != Group().verdict or group.requires for group in package.groups):
        raise PackageRefused("data", "its groups of testcases cannot be said without their names")
    if package.policy is not RunPolicy.FAIL_FAST:
        remarks.append(Remark("data", "after the first failure nothing is run in this format"))
    samples = [case for case in package.cases if case.public]
    secret = [case for case in package.cases if not case.public] or samples
    cases = (*_numbered(SAMPLE, samples), *_numbered(SECRET, secret))
    return replace(
        package,
        cases=tuple(replace(case, points=Decimal(1)) for case in cases),
        groups=(),
        scoring=ScoringMode.ALL_OR_NOTHING,
    )


def _numbered(folder: str, cases: Sequence[PackageCase]) -> list[PackageCase]:
    width = max(2, len(str(len(cases))))
    return [
        replace(
            case,
            name=f"{folder}/{number:0{width}}",
            group=folder,
            public=folder == SAMPLE,
            note=case.note if case.public == (folder == SAMPLE) else "",
        )
        for number, case in enumerate(cases, 1)
    ]


def _points_as_groups(package: Package, remarks: list[Remark]) -> Package:
    """Cases of equal points that follow each other are a group; a single such group is secret itself.

    Samples earn nothing in this format, so public cases with points are there twice.
    """
    earning = [case for case in package.cases if case.points]
    if not earning:
        return _pass_fail(package, remarks)
    if any(case.public for case in earning):
        remarks.append(
            Remark("data", "samples earn no points in this format: those with points are there twice")
        )
    if package.policy is not RunPolicy.RUN_ALL:
        remarks.append(Remark("data", "in this format a failure does not keep others from being run"))
    remarks.append(
        Remark("data", "the verdict of the worst failure counts in this format, not that of the first")
    )
    runs: list[list[PackageCase]] = []
    for case in package.cases:
        if case.public and not case.points:
            continue
        if not runs or runs[-1][0].points != case.points:
            runs.append([])
        runs[-1].append(case)
    named = [_numbered(_group_path(number, runs), run) for number, run in enumerate(runs, 1)]
    samples = _numbered(SAMPLE, [case for case in package.cases if case.public])
    total = sum((case.points for case in earning), NOTHING)
    groups = [Group(stops=False, maximum=total)]
    if samples:
        groups.append(Group(SAMPLE, stops=False, maximum=NOTHING))
    groups.append(Group(SECRET, stops=False, maximum=total))
    if len(named) > 1:
        groups += [
            Group(run[0].group, stops=False, maximum=sum((case.points for case in run), NOTHING))
            for run in named
        ]
    return replace(
        package,
        cases=(
            *(replace(case, points=NOTHING) for case in samples),
            *(case for run in named for case in run),
        ),
        groups=tuple(groups),
        policy=RunPolicy.RUN_ALL,
    )


def _group_path(number: int, runs: Sequence[object]) -> str:
    width = max(2, len(str(len(runs))))
    return SECRET if len(runs) == 1 else f"{SECRET}/{number:0{width}}"


def _named_by_groups(package: Package) -> Package:
    """Of groups that are named in another way: the whole becomes secret, what is in it gets numbers."""
    rules = {group.path: group for group in package.groups}
    if any("/" in case.group for case in package.cases) or any(
        case.public and case.points for case in package.cases
    ):
        raise PackageRefused(
            "data", "its groups of testcases cannot be said: they are nested, or samples earn points"
        )
    samples = [case for case in package.cases if case.public]
    order = list(dict.fromkeys(case.group for case in package.cases if not case.public))
    paths = {
        group: f"{SECRET}/{number:02}-{_UNNAMEABLE.sub('-', group).strip('-') or 'group'}"
        for number, group in enumerate(order, 1)
        if group
    }
    if "" in order:
        raise PackageRefused("data", "its groups of testcases cannot be said: some cases are in none")
    if len(of_samples := {case.group for case in samples} - {""} - set(order)) == 1:
        paths[of_samples.pop()] = SAMPLE
    for group in order:
        for one in (rules.get(group) or Group()).requires:
            if one not in paths:
                raise PackageRefused(
                    "data",
                    f"the group {group} needs {one} first, which is only some of the samples, or empty",
                )
    total = sum(((rules.get(group) or Group()).maximum or NOTHING for group in order), NOTHING)
    whole = rules.get("", Group())
    groups = [Group(stops=False, maximum=total)]
    if samples:
        groups.append(Group(SAMPLE, stops=False, maximum=NOTHING))
    groups.append(replace(whole, path=SECRET, maximum=total, ignores_sample=False))
    groups += [
        replace(
            rules.get(group) or Group(),
            path=paths[group],
            requires=tuple(paths[one] for one in (rules.get(group) or Group()).requires),
        )
        for group in order
    ]
    cases = [
        *(replace(case, points=NOTHING) for case in _numbered(SAMPLE, samples)),
        *(
            case
            for group in order
            for case in _numbered(
                paths[group], [one for one in package.cases if one.group == group and not one.public]
            )
        ),
    ]
    return replace(package, cases=tuple(cases), groups=tuple(groups))


def placed_name(name: str) -> str:
    """A solution's file name in characters that the format allows."""
    stem = _UNNAMEABLE.sub("-", PurePosixPath(name).stem).strip("-") or "solution"
    return stem + PurePosixPath(name).suffix
