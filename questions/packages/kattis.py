"""Packages in Kattis's problem package format, which the ICPC uses too: legacy, 2023-07 and 2025-09.

    problem.yaml ─kattis_metadata─┐
    statement    ─kattis_statement┤
    data         ─kattis_data─────┼─▶ Package
    submissions  ─kattis_submissions
    output_validator(s)           ┘

The specifications are at https://www.kattis.com/problem-package-format/. What cannot be judged here refuses the
package; what is not known is a remark; what tells of nothing but its package is kept for the export.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import accumulate
from pathlib import PurePosixPath

from execution.checkers import strictness
from execution.types import CheckerKind, RunPolicy, ScoringMode
from questions.packages import kattis_data, kattis_metadata, kattis_statement, kattis_submissions
from questions.packages.documents import Reading
from questions.packages.kattis_metadata import Metadata
from questions.packages.tree import Tree
from questions.packages.values import File, Package, PackageChecker, PackageRefused

LEGACY_VALIDATORS, VALIDATOR = "output_validators", "output_validator"
VALIDATOR_ENDINGS = (".c", ".cc", ".cpp", ".cxx", ".c++", ".C", ".py", ".py3")
SCRIPTS = ("build", "run")

# At the top of a package; what is not among them is a remark.
FILES = {
    "problem.yaml",
    kattis_metadata.TIME_LIMIT,
    "domjudge-problem.ini",
    "problem.pdf",
    "README.md",
    "README",
    "README.txt",
}
FOLDERS = {
    "attachments",
    "data",
    "generators",
    "graders",
    "include",
    "input_format_validators",
    "input_validators",
    "input_visualizer",
    "output_validator",
    "output_validators",
    "output_visualizer",
    "problem_statement",
    "solution",
    "statement",
    "static_validator",
    "submissions",
}


def read(tree: Tree) -> Package:
    """Raises PackageRefused, naming the file and what it lacks."""
    tree = _without_hidden(tree)
    reading = Reading(tree)
    metadata = kattis_metadata.read(reading)
    _refuse_included(reading)
    _remark_unknown(reading)
    stated = kattis_statement.read(reading, metadata)
    data = kattis_data.read(reading, metadata)
    checker, of_checker = _checker(reading, metadata, data)
    maximum = next((group.maximum for group in data.groups if not group.path), None)
    solutions, of_solutions = kattis_submissions.read(reading, metadata, maximum, data.cases, data.groups)
    used = {kattis_metadata.PROBLEM, ".timelimit"} | stated.used | data.used | of_checker | of_solutions
    statement = stated.statement
    return Package(
        format=metadata.format,
        name=tree.name,
        title=stated.title,
        statement=replace(
            statement, markdown=statement.markdown + kattis_data.samples_in_words(reading, data)
        ),
        cases=data.cases,
        uuid=metadata.uuid,
        checker=checker,
        limits=metadata.limits,
        policy=RunPolicy.RUN_ALL if metadata.is_scoring else RunPolicy.FAIL_FAST,
        scoring=ScoringMode.WEIGHTED if metadata.is_scoring else ScoringMode.ALL_OR_NOTHING,
        groups=data.groups,
        languages=metadata.languages,
        solutions=solutions,
        attachments=(*stated.attachments, *tree.under("attachments").values()),
        tags=metadata.tags,
        credits=metadata.credits or str(reading.kept.get("problem.yaml", {}).get("rights_owner", "")),
        source=metadata.source,
        source_url=metadata.source_url,
        licence=metadata.licence,
        kept=_kept(tree, used),
        metadata={
            "version": str(metadata.format),
            "kept": reading.kept,
            "names": dict(metadata.names),
            "constants": dict(metadata.constants),
            "validation": list(metadata.validation),
        },
        remarks=tuple(reading.remarks),
    )


def _without_hidden(tree: Tree) -> Tree:
    """Without what begins with a dot, as the format wants it (2025-09), and as systems leave it behind everywhere."""
    shown = {
        path: file
        for path, file in tree.files.items()
        if path == kattis_metadata.TIME_LIMIT or not any(part.startswith(".") for part in path.split("/"))
    }
    return replace(tree, files=shown)


def _kept(tree: Tree, used: set[str]) -> tuple[File, ...]:
    return tuple(
        file for path, file in tree.files.items() if path not in used and not path.startswith("attachments/")
    )


def _refuse_included(reading: Reading) -> None:
    for path in reading.tree.files:
        if path.startswith("include/"):
            raise PackageRefused(path, "code that is included with every submission cannot be judged")


def _remark_unknown(reading: Reading) -> None:
    tops = {path.partition("/")[0]: "/" in path for path in reading.tree.files}
    for top, is_folder in tops.items():
        if top not in (FOLDERS if is_folder else FILES):
            reading.remark(top, "is not of this format; it is kept")


# The checker


def _checker(reading: Reading, metadata: Metadata, data: kattis_data.Data) -> tuple[PackageChecker, set[str]]:
    """With the paths of its files in the package."""
    folder = LEGACY_VALIDATORS if metadata.is_legacy else VALIDATOR
    files = reading.tree.under(folder)
    if not (metadata.is_custom if metadata.is_legacy else files):
        _refuse_without_checker(reading, metadata, files, folder)
        _refuse_arguments(reading, data)
        return PackageChecker(CheckerKind.KATTIS, data.arguments), set()
    program = _program(files, folder, is_single=not metadata.is_legacy)
    checker = PackageChecker(
        CheckerKind.PROGRAM,
        data.arguments,
        files=tuple(_with_constants(metadata, name, file) for name, file in program.items()),
        interactive=metadata.is_interactive,
        time_ms=metadata.checker_time_ms,
        memory_kib=metadata.checker_memory_kib,
    )
    if complaint := checker.complaint():
        raise PackageRefused(folder, complaint)
    return checker, {f"{folder}/{file.path}" for file in program.values()}


def _refuse_without_checker(
    reading: Reading, metadata: Metadata, files: dict[str, File], folder: str
) -> None:
    if metadata.is_interactive:
        raise PackageRefused(folder, "an interactive problem needs an output validator")
    if files:
        reading.remark(folder, "is not used: validation is default")


def _refuse_arguments(reading: Reading, data: kattis_data.Data) -> None:
    """Raises PackageRefused for those that the default checker does not take, naming where they are said."""
    first: dict[tuple[str, ...], str] = {}
    for case in data.cases:
        first.setdefault(data.arguments if case.arguments is None else case.arguments, case.name)
    for arguments, name in first.items():
        try:
            strictness(arguments)
        except ValueError as error:
            raise PackageRefused(_said_at(reading, name), str(error)) from error


def _said_at(reading: Reading, name: str) -> str:
    """The file nearest to the testcase that says arguments of checkers."""
    folders = ["data", *(f"data/{one}" for one in accumulate(name.split("/")[:-1], "{}/{}".format))]
    near = (f"{folder}/{one}" for folder in reversed(folders) for one in kattis_data.SETTINGS)
    there = (file for file in (f"data/{name}.yaml", *near) if file in reading.tree.files)
    told = (file for file in there if "output_validator_" in reading.tree.text(file))
    return next(told, kattis_metadata.PROBLEM)


def _program(files: dict[str, File], folder: str, *, is_single: bool) -> dict[str, File]:
    """The files of the only program by their paths in it; raises PackageRefused where there is none, or several.

    A program is a folder, or a file that can be run with what else lies beside it. Where the format has a single one,
    the folder may itself be the program.
    """
    folders = sorted({path.partition("/")[0] for path in files if "/" in path})
    sources = [path for path in files if "/" not in path and path.endswith(VALIDATOR_ENDINGS)]
    scripts = [path for path in files if path in SCRIPTS]
    if is_single and (scripts or sources):
        return files
    if len(folders) + len(sources) > 1:
        raise PackageRefused(folder, "has several output validators; only one can be used")
    if sources:
        return {path: file for path, file in files.items() if "/" not in path}
    if not folders:
        raise PackageRefused(folder, "has no output validator in C, C++ or Python")
    start = f"{folders[0]}/"
    program = {path.removeprefix(start): file for path, file in files.items() if path.startswith(start)}
    if not any(name in SCRIPTS or name.endswith(VALIDATOR_ENDINGS) for name in program):
        raise PackageRefused(
            f"{folder}/{folders[0]}", "is no output validator in C, C++ or Python, and has no build or run"
        )
    return program


def _with_constants(metadata: Metadata, name: str, file: File) -> File:
    if not metadata.constants or PurePosixPath(name).suffix == "":
        return File(name, file.size, file.read, file.executable)
    data = file.read()
    with suppress(UnicodeDecodeError):  # what is no text stays as it is
        data = metadata.with_constants(data.decode()).encode()
    return File(name, len(data), lambda: data, file.executable)
