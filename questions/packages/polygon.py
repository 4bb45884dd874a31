"""Polygon's packages, as Codeforces's Polygon writes them: problem.xml and the files it names.

Only a full package has its tests in it; a standard one holds the programs that would make them, which we do not run.
Polygon has no specification of its own; KEYS is what its packages hold and what becomes of it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from execution.groups import Aggregation, Group, GroupVerdict
from execution.types import CheckerKind, Protocol, RunPolicy, ScoringMode, Verdict
from questions.packages import latex, programs
from questions.packages.documents import Use
from questions.packages.tree import Tree
from questions.packages.values import (
    PICTURE_TYPES,
    File,
    Format,
    Package,
    PackageCase,
    PackageChecker,
    PackageLimits,
    PackageRefused,
    PackageSolution,
    PackageStatement,
    Remark,
)

DESCRIPTION = "problem.xml"
NOT_GENERATED = "its tests are not generated; download the full package"

READ, KEPT, IGNORED, REFUSED = Use.READ, Use.KEPT, Use.IGNORED, Use.REFUSED
KEYS: dict[str, Use] = {
    "@revision": KEPT,
    "@short-name": READ,
    "@url": KEPT,
    "names/name@language": READ,
    "names/name@main": IGNORED,
    "names/name@value": READ,
    "statements/statement@charset": IGNORED,
    "statements/statement@language": READ,
    "statements/statement@mathjax": IGNORED,
    "statements/statement@path": READ,
    "statements/statement@type": READ,
    "tutorials": IGNORED,
    "judging@cpu-name": IGNORED,
    "judging@cpu-speed": IGNORED,
    "judging@input-file": REFUSED,
    "judging@output-file": REFUSED,
    "judging@run-count": REFUSED,
    "judging@treat-points-from-checker-as-percent": REFUSED,
    "judging/testset@name": READ,
    "judging/testset/time-limit": READ,
    "judging/testset/memory-limit": READ,
    "judging/testset/test-count": IGNORED,
    "judging/testset/input-path-pattern": READ,
    "judging/testset/output-path-pattern": IGNORED,
    "judging/testset/answer-path-pattern": READ,
    "judging/testset/tests/test@cmd": IGNORED,
    "judging/testset/tests/test@description": READ,
    "judging/testset/tests/test@from-file": IGNORED,
    "judging/testset/tests/test@group": READ,
    "judging/testset/tests/test@method": READ,
    "judging/testset/tests/test@points": READ,
    "judging/testset/tests/test@sample": READ,
    "judging/testset/tests/test@verdict": IGNORED,
    "judging/testset/groups/group@feedback-policy": IGNORED,
    "judging/testset/groups/group@name": READ,
    "judging/testset/groups/group@points": READ,
    "judging/testset/groups/group@points-policy": READ,
    "judging/testset/groups/group/dependencies/dependency@group": READ,
    "files/resources": READ,
    "files/executables": IGNORED,
    "files/attachments/file@location": IGNORED,
    "files/attachments/file@path": READ,
    "files/attachments/file@type": IGNORED,
    "assets/checker@name": READ,
    "assets/checker@type": READ,
    "assets/checker/binary": IGNORED,
    "assets/checker/copy": IGNORED,
    "assets/checker/source@path": READ,
    "assets/checker/source@type": READ,
    "assets/checker/testset": IGNORED,
    "assets/interactor": REFUSED,
    "assets/solutions/solution@note": IGNORED,
    "assets/solutions/solution@tag": READ,
    "assets/solutions/solution/binary": IGNORED,
    "assets/solutions/solution/extra-tags": IGNORED,
    "assets/solutions/solution/source@path": READ,
    "assets/solutions/solution/source@type": READ,
    "assets/validators": IGNORED,
    "documents": IGNORED,
    "properties": IGNORED,
    "stresses": IGNORED,
    "tags/tag@value": READ,
}
NAMED_AT_MOST = 20

# What testlib's own checkers compare. Those that are missing here are run as programs.
CHECKERS = {
    "acmp": PackageChecker(CheckerKind.FLOATS, absolute=1e-6),
    "caseicmp": PackageChecker(CheckerKind.TOKENS),
    "casencmp": PackageChecker(CheckerKind.TOKENS),
    "casewcmp": PackageChecker(CheckerKind.TOKENS),
    "dcmp": PackageChecker(CheckerKind.FLOATS, absolute=1e-6, relative=1e-6),
    "hcmp": PackageChecker(CheckerKind.TOKENS),
    "icmp": PackageChecker(CheckerKind.TOKENS),
    "lcmp": PackageChecker(CheckerKind.LINES),
    "ncmp": PackageChecker(CheckerKind.TOKENS),
    "nyesno": PackageChecker(CheckerKind.CASE_INSENSITIVE),
    "rcmp": PackageChecker(CheckerKind.FLOATS, absolute=1.5e-6),
    "rcmp4": PackageChecker(CheckerKind.FLOATS, absolute=1e-4, relative=1e-4),
    "rcmp6": PackageChecker(CheckerKind.FLOATS, absolute=1e-6, relative=1e-6),
    "rcmp9": PackageChecker(CheckerKind.FLOATS, absolute=1e-9, relative=1e-9),
    "rncmp": PackageChecker(CheckerKind.FLOATS, absolute=1.5e-5),
    "wcmp": PackageChecker(CheckerKind.TOKENS),
    "yesno": PackageChecker(CheckerKind.CASE_INSENSITIVE),
}

_WRONG = tuple(verdict for verdict in Verdict if verdict not in (Verdict.AC, Verdict.SK))
TAGS: dict[str, tuple[Verdict, ...]] = {
    "main": (Verdict.AC,),
    "accepted": (Verdict.AC,),
    "wrong-answer": (Verdict.WA,),
    "presentation-error": (Verdict.WA,),
    "time-limit-exceeded": (Verdict.TLE,),
    "time-limit-exceeded-or-accepted": (Verdict.TLE, Verdict.AC),
    "time-limit-exceeded-or-memory-limit-exceeded": (Verdict.TLE, Verdict.MLE),
    "memory-limit-exceeded": (Verdict.MLE,),
    "runtime-error": (Verdict.RTE,),
    "rejected": _WRONG,
    "failed": _WRONG,
}
BOUNDS = {"main": "lower", "accepted": "lower", "time-limit-exceeded": "upper"}
DO_NOT_RUN = "do-not-run"

# By the beginning of what Polygon calls them, longest first; what has no language here is skipped.
LANGUAGES = {
    "c.": "c",
    "cpp.": "cpp",
    "cpp.g++20": "cpp20",
    "cpp.g++23": "cpp23",
    "go": "go",
    "java": "java",
    "javascript": "javascript",
    "js": "javascript",
    "pas.fpc": "pascal",
    "perl": "perl",
    "php": "php",
    "python.3": "python",
    "python.pypy3": "python",
    "ruby": "ruby",
    "rust": "rust",
}

TONGUES = {
    "arabic": "ar",
    "armenian": "hy",
    "azerbaijani": "az",
    "bulgarian": "bg",
    "chinese": "zh",
    "croatian": "hr",
    "czech": "cs",
    "english": "en",
    "french": "fr",
    "georgian": "ka",
    "german": "de",
    "hungarian": "hu",
    "italian": "it",
    "japanese": "ja",
    "kazakh": "kk",
    "korean": "ko",
    "lithuanian": "lt",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "turkish": "tr",
    "turkmen": "tk",
    "ukrainian": "uk",
    "uzbek": "uz",
    "vietnamese": "vi",
}

# The parts of a statement: in problem-properties.json, in statement-sections/, and what we call them.
PARTS = (
    ("legend", "legend.tex", ""),
    ("input", "input.tex", "Input"),
    ("output", "output.tex", "Output"),
    ("interaction", "interaction.tex", "Interaction"),
    ("scoring", "scoring.tex", "Scoring"),
    ("notes", "notes.tex", "Notes"),
)

_NUMBER = re.compile(r"%(0?)(\d{0,2})d")


def read(tree: Tree) -> Package:
    """Raises PackageRefused where it cannot be judged as its author means it."""
    root = _root(tree)
    _refuse_what_we_cannot_judge(root)
    testset = _testset(root)
    rows = _rows(testset)
    cases, faults = _cases(tree, testset, rows)
    has_points = any(_points(row) for row in rows) or any(_points(group) for group in _groups(testset))
    if not has_points:  # so that accepting all of them is 100
        cases = tuple(replace(case, points=Decimal(1)) for case in cases)
    solutions = tuple(_solutions(tree, root))
    language, title = _title(root)
    statement, said, remarks = _statement(tree, language)
    attachments = [*_attachments(tree, root), *([] if statement.markdown else _only_pdf(tree, root))]
    return Package(
        format=Format.POLYGON,
        name=root.get("short-name") or tree.name,
        title=title or str(said.get("name") or "") or root.get("short-name") or tree.name,
        statement=statement,
        cases=cases,
        checker=_checker(tree, root),
        limits=_limits(testset),
        policy=RunPolicy.RUN_ALL if has_points else RunPolicy.FAIL_FAST,
        scoring=ScoringMode.WEIGHTED if has_points else ScoringMode.ALL_OR_NOTHING,
        groups=_tree_of_groups(testset, cases) if has_points else (),
        solutions=solutions,
        attachments=tuple(attachments),
        tags=tuple(tag.get("value", "") for tag in root.findall("tags/tag") if tag.get("value")),
        credits=str(said.get("authorName") or ""),
        metadata={key: root.get(key) for key in ("revision", "url") if root.get(key)},
        remarks=(*_unknown(root), *_other_testsets(root, testset), *remarks, *faults),
    )


# The description


def _root(tree: Tree) -> Element:
    try:
        root: Element = fromstring(tree.text(DESCRIPTION), forbid_dtd=True)
    except ParseError as error:
        raise PackageRefused(DESCRIPTION, f"is no XML: {error}") from error
    except DefusedXmlException as error:
        raise PackageRefused(DESCRIPTION, "declares entities or a DTD") from error
    except ValueError as error:
        raise PackageRefused(DESCRIPTION, f"is no XML: {error}") from error
    if root.tag != "problem":
        raise PackageRefused(DESCRIPTION, f"its root is <{root.tag}>, not <problem>")
    return root


def _unknown(root: Element) -> list[Remark]:
    """Elements and attributes that KEYS does not name, the first of them."""
    found = sorted({path for path in _paths(root, "") if path not in KEYS})
    remarks = [Remark(DESCRIPTION, f"not understood: {path}") for path in found[:NAMED_AT_MOST]]
    if len(found) > NAMED_AT_MOST:
        remarks.append(Remark(DESCRIPTION, f"{len(found) - NAMED_AT_MOST} more are not understood"))
    return remarks


def _paths(root: Element, path: str) -> Iterator[str]:
    """All that is said, as KEYS writes it: down to what KEYS names as a whole, or names nothing in."""
    left = [(root, path)]
    while left:
        element, at = left.pop()
        if at in KEYS:
            yield at
            continue
        if at and not any(key.startswith((f"{at}/", f"{at}@")) for key in KEYS):
            yield at
            continue
        yield from (f"{at}@{name}" for name in element.attrib)
        left += [(child, f"{at}/{child.tag}".lstrip("/")) for child in element]


def _refuse_what_we_cannot_judge(root: Element) -> None:
    judging = root.find("judging")
    if judging is None:
        raise PackageRefused(DESCRIPTION, "has no <judging>")
    for key, stream in (("input-file", "input"), ("output-file", "output")):
        if judging.get(key) not in (None, "", f"std{stream[:-3]}"):
            raise PackageRefused(
                DESCRIPTION, f"programs use the file {judging.get(key)} in place of standard {stream}"
            )
    if judging.get("run-count", "1") != "1":
        raise PackageRefused(DESCRIPTION, "a program is run several times on one test")
    for resource in root.findall("files/resources/file"):
        if any(asset.get("name") == "solution" for asset in resource.findall("assets/asset")):
            path = resource.get("path") or DESCRIPTION
            raise PackageRefused(path, "programs are linked with it; that is not supported")
    if root.find("assets/interactor") is not None:
        raise PackageRefused(
            DESCRIPTION, "it has an interactor, which writes what its checker reads; that is not supported"
        )


def _number(text: str | None, what: str) -> Decimal:
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0 or number.adjusted() > 12:
        raise PackageRefused(DESCRIPTION, f"{what} is no number that can be: {(text or '')[:40]!r}")
    return number


# Tests


def _testset(root: Element) -> Element:
    """The one called tests, else the only one."""
    testsets = root.findall("judging/testset")
    named = [one for one in testsets if one.get("name") == "tests"] or testsets
    if len(named) != 1:
        raise PackageRefused(DESCRIPTION, f"has {len(testsets)} testsets, but not one called tests")
    return named[0]


def _other_testsets(root: Element, testset: Element) -> list[Remark]:
    return [
        Remark(DESCRIPTION, f"not read: the testset {one.get('name')}")
        for one in root.findall("judging/testset")
        if one is not testset
    ]


def _rows(testset: Element) -> list[Element]:
    rows = testset.findall("tests/test")
    if not rows:
        raise PackageRefused(DESCRIPTION, "has no tests")
    return rows


def _limits(testset: Element) -> PackageLimits:
    """Polygon gives milliseconds and bytes."""
    time, memory = testset.findtext("time-limit"), testset.findtext("memory-limit")
    return PackageLimits(
        time_ms=int(_number(time, "time-limit")) if time else None,
        memory_kib=int(_number(memory, "memory-limit")) // 1024 if memory else None,
    )


def _cases(tree: Tree, testset: Element, rows: list[Element]) -> tuple[tuple[PackageCase, ...], list[Remark]]:
    """Those whose files are there, samples first, and what is wrong with the others."""
    cases: list[PackageCase] = []
    faults: list[Remark] = []
    for number, row in enumerate(rows, start=1):
        paths = [_path(testset, f"{half}-path-pattern", number) for half in ("input", "answer")]
        missing = [path for path in paths if path not in tree.files]
        if missing and row.get("method") == "generated":
            raise PackageRefused(missing[0], f"is missing: {NOT_GENERATED}")
        faults += [Remark(path, f"is missing; test {number} needs it", is_fault=True) for path in missing]
        if not missing:
            cases.append(
                PackageCase(
                    name=paths[0],
                    input=tree.files[paths[0]],
                    answer=tree.files[paths[1]],
                    public=row.get("sample") == "true",
                    group=_group_path(row.get("group")),
                    points=_points(row),
                    note="" if row.get("sample") == "true" else row.get("description", ""),
                )
            )
    if not cases:
        raise PackageRefused(faults[0].file, f"is missing, as all others are: {NOT_GENERATED}")
    return tuple(sorted(cases, key=lambda case: not case.public)), faults


def _path(testset: Element, key: str, number: int) -> str:
    """A pattern such as tests/%02d, filled in."""
    pattern = testset.findtext(key) or ("tests/%02d" if key.startswith("input") else "tests/%02d.a")
    return _NUMBER.sub(lambda found: str(number).rjust(int(found[2] or 0), found[1] or " "), pattern).strip()


def _points(element: Element) -> Decimal:
    return _number(element.get("points", "0"), "points")


# Groups


def _groups(testset: Element) -> list[Element]:
    return testset.findall("groups/group")


def _group_path(name: str | None) -> str:
    return (name or "").replace("/", "-")


def _tree_of_groups(testset: Element, cases: tuple[PackageCase, ...]) -> tuple[Group, ...]:
    """Groups in the order of their first tests; () where tests have points without groups."""
    order = list(dict.fromkeys(case.group for case in cases if case.group))
    if not order:
        return ()
    said = {_group_path(group.get("name")): group for group in _groups(testset)}
    own: dict[str, Decimal] = {}
    for case in cases:
        own[case.group] = own.get(case.group, Decimal(0)) + case.points
    groups = [_group(path, said.get(path), own[path], order) for path in order]
    total = own.get("", Decimal(0)) + sum((group.maximum or Decimal(0) for group in groups), Decimal(0))
    whole = Group(
        "",
        verdict=GroupVerdict.FIRST_ERROR,
        points=Aggregation.SUM,
        stops=False,
        minimum=Decimal(0),
        maximum=total,
    )
    return (whole, *groups)


def _group(path: str, said: Element | None, of_tests: Decimal, order: list[str]) -> Group:
    """complete-group: all or nothing, and nothing more is run once that is lost; each-test: test by test."""
    policy = said.get("points-policy", "each-test") if said is not None else "each-test"
    if policy not in ("complete-group", "each-test"):
        raise PackageRefused(DESCRIPTION, f"group {path} has the unknown points-policy {policy}")
    complete = policy == "complete-group"
    points = _points(said) if said is not None and said.get("points") else Decimal(0)
    return Group(
        path,
        verdict=GroupVerdict.FIRST_ERROR,
        points=Aggregation.PASS_FAIL if complete else Aggregation.SUM,
        stops=complete,
        minimum=Decimal(0),
        maximum=(points or of_tests) if complete else of_tests,
        requires=_requires(path, said, order),
    )


def _requires(path: str, said: Element | None, order: list[str]) -> tuple[str, ...]:
    dependencies = said.findall("dependencies/dependency") if said is not None else []
    needed = tuple(_group_path(one.get("group")) for one in dependencies)
    for one in needed:
        if one not in order[: order.index(path)]:
            raise PackageRefused(DESCRIPTION, f"group {path} depends on {one}, which is not before it")
    return needed


# Checker


def _checker(tree: Tree, root: Element) -> PackageChecker:
    checker = root.find("assets/checker")
    if checker is None:
        raise PackageRefused(DESCRIPTION, "has no checker")
    name = checker.get("name", "")
    if name.startswith("std::") and (known := CHECKERS.get(PurePosixPath(name[5:]).stem)):
        return known
    return _program(tree, root, checker)


def _program(tree: Tree, root: Element, checker: Element) -> PackageChecker:
    """The checker's source with all headers of the package beside it."""
    source = checker.find("source")
    path = source.get("path", "") if source is not None else ""
    if source is None or path not in tree.files:
        raise PackageRefused(path or DESCRIPTION, "the checker's source is missing")
    if checker.get("type", "testlib") != "testlib" or not source.get("type", "cpp.").startswith("cpp"):
        raise PackageRefused(path, f"the checker is no testlib checker in C++, but {source.get('type')}")
    judging = root.find("judging")
    if judging is not None and judging.get("treat-points-from-checker-as-percent") == "true":
        raise PackageRefused(DESCRIPTION, "the checker gives points as per cent; that is not supported")
    headers = {
        PurePosixPath(name).name: file for name, file in tree.files.items() if name.endswith((".h", ".hpp"))
    }
    files = {PurePosixPath(path).name: tree.files[path], **headers}
    own = PackageChecker(
        CheckerKind.PROGRAM,
        files=tuple(replace(file, path=name) for name, file in sorted(files.items())),
        protocol=Protocol.TESTLIB,
    )
    if complaint := own.complaint():
        raise PackageRefused(path, complaint)
    return own


# Solutions


def _solutions(tree: Tree, root: Element) -> Iterator[PackageSolution]:
    for element in root.findall("assets/solutions/solution"):
        source = element.find("source")
        path = source.get("path", "") if source is not None else ""
        tag = element.get("tag", "")
        if source is None or path not in tree.files:
            raise PackageRefused(path or DESCRIPTION, "the source of a solution is missing")
        if tag not in TAGS:
            why = "the package says so" if tag == DO_NOT_RUN else f"the tag {tag} is not known"
            yield PackageSolution(path, "", "", (), skipped=f"not run: {why}")
            continue
        kind = source.get("type", "")
        yield programs.of_language(
            tree,
            path,
            _language(kind),
            f"no language for {kind or 'it'}",
            expected=tuple(verdict.value for verdict in TAGS[tag]),
            bounds=BOUNDS.get(tag, ""),
        )


def _language(kind: str) -> str | None:
    beginnings = sorted(LANGUAGES, key=len, reverse=True)
    return next((LANGUAGES[one] for one in beginnings if kind.startswith(one)), None)


# Statement


def _title(root: Element) -> tuple[str, str]:
    """The language of the statement to be taken, the English one where there is one, and its title."""
    names = {name.get("language", ""): name.get("value", "") for name in root.findall("names/name")}
    written = [one.get("language", "") for one in root.findall("statements/statement")]
    offered = [one for one in dict.fromkeys([*written, *names]) if one]
    language = "english" if "english" in offered else next(iter(offered), "english")
    return language, names.get(language, "")


def _statement(tree: Tree, language: str) -> tuple[PackageStatement, dict[str, Any], list[Remark]]:
    """With what problem-properties.json says, {} where there is none."""
    said = _properties(tree, f"statements/{language}/problem-properties.json")
    pictures = _pictures(tree, language)
    converted: list[str] = []
    leftovers: list[str] = []
    for key, file, heading in PARTS:
        text = str(said.get(key) or "") or _optional(tree, f"statement-sections/{language}/{file}")
        if not text.strip():
            continue
        part = latex.to_markdown(text, pictures=[picture.path for picture in pictures])
        converted += [f"## {heading}"] * bool(heading) + [part.markdown.strip()]
        leftovers += part.leftovers
    statement = PackageStatement(
        "\n\n".join(converted) + "\n" * bool(converted),
        TONGUES.get(language, "en"),
        pictures,
        tuple(dict.fromkeys(leftovers)),
    )
    missing = (
        f"no statement that can be read: neither statements/{language}/problem-properties.json nor sections"
    )
    return statement, said, [] if converted else [Remark("", missing)]


def _properties(tree: Tree, path: str) -> dict[str, Any]:
    text = _optional(tree, path)
    try:
        said = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise PackageRefused(path, f"is no JSON: {error}") from error
    return said if isinstance(said, dict) else {}


def _optional(tree: Tree, path: str) -> str:
    return tree.text(path) if path in tree.files else ""


def _pictures(tree: Tree, language: str) -> tuple[File, ...]:
    pictures = {
        path: file
        for folder in ("statements", "statement-sections")
        for path, file in tree.under(f"{folder}/{language}").items()
        if PurePosixPath(path).suffix.lower() in PICTURE_TYPES
    }
    return tuple(pictures.values())


def _only_pdf(tree: Tree, root: Element) -> Iterator[File]:
    """The first statement that is printed, for where none can be read."""
    printed = [
        tree.files[one.get("path", "")]
        for one in root.findall("statements/statement")
        if one.get("type") == "application/pdf" and one.get("path") in tree.files
    ]
    yield from (replace(file, path=PurePosixPath(file.path).name) for file in printed[:1])


def _attachments(tree: Tree, root: Element) -> Iterator[File]:
    for element in root.findall("files/attachments/file"):
        path = element.get("path", "")
        if path not in tree.files:
            raise PackageRefused(path or DESCRIPTION, "an attachment is missing")
        yield replace(tree.files[path], path=PurePosixPath(path).name)
