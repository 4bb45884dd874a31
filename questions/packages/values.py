"""What a package says, whatever its format: values that know no rows, and data that is read when it is needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from execution import checker_programs
from execution.groups import Group
from execution.types import CheckerFile, CheckerKind, CheckerProgram, Protocol, RunPolicy, ScoringMode
from questions.expectations import Rule

PICTURE_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
}
"""Of the pictures that browsers show, by the endings of their names."""


class Format(StrEnum):
    KATTIS_LEGACY = "kattis-legacy"
    KATTIS_2023_07 = "kattis-2023-07"
    KATTIS_2025_09 = "kattis-2025-09"
    POLYGON = "polygon"
    DMOJ = "dmoj"
    PLAIN = "plain"

    @property
    def family(self) -> str:
        """What its versions have in common."""
        return self.value.partition("-")[0]

    @property
    def is_kattis(self) -> bool:
        return self.family == "kattis"


class PackageRefused(ValueError):
    """Nothing of it can be imported; `file` is the path in the package at which that was seen, "" for the whole."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}" if file else reason)
        self.file = file
        self.reason = reason


@dataclass(frozen=True)
class Remark:
    """What was not understood or is wrong. A fault means that something is missing afterwards."""

    file: str
    message: str
    is_fault: bool = False

    def __str__(self) -> str:
        return f"{self.file}: {self.message}" if self.file else self.message


@dataclass(frozen=True)
class File:
    """A file of a package. `read` gives its bytes anew each time; `path` is as its user wants it."""

    path: str
    size: int
    read: Callable[[], bytes]
    executable: bool = False


@dataclass(frozen=True)
class PackageCase:
    """`name` is its path below the data folder without ending, `group` the folder of that; cases come in their order.

    `arguments` are the checker's, None: the package's. `note` is what learners are told with a public case, and
    authors with a hidden one.
    """

    name: str
    input: File
    answer: File
    public: bool
    group: str = ""
    points: Decimal = Decimal(1)
    arguments: tuple[str, ...] | None = None
    note: str = ""


@dataclass(frozen=True)
class PackageSolution:
    """`expected` are the verdicts of which it must get one, empty: any. `score` are the least and the most it must
    get on the package's scale, None: any. `bounds` is lower or upper where it tells the time limit, else empty.
    `skipped` says why it cannot be judged here; then `language` and `source` may be empty.
    """

    path: str
    language: str
    source: str
    expected: tuple[str, ...]
    score: tuple[Decimal | None, Decimal | None] = (None, None)
    rules: tuple[Rule, ...] = ()
    bounds: str = ""
    skipped: str = ""


@dataclass(frozen=True)
class PackageChecker:
    """`files` are those of PROGRAM, by their paths in its directory. `time_ms`, `memory_kib`: None: the platform's."""

    kind: CheckerKind = CheckerKind.TOKENS
    arguments: tuple[str, ...] = ()
    absolute: float = 0.0
    relative: float = 0.0
    files: tuple[File, ...] = ()
    protocol: Protocol = Protocol.KATTIS
    interactive: bool = False
    time_ms: int | None = None
    memory_kib: int | None = None

    def complaint(self) -> str:
        """What is wrong with its files, as far as it can be said without compiling; empty where nothing is."""
        if self.kind is not CheckerKind.PROGRAM:
            return ""
        files = tuple(CheckerFile(file.path, file.read, file.executable) for file in self.files)
        return checker_programs.complaint(CheckerProgram(files, self.protocol))


@dataclass(frozen=True)
class PackageLimits:
    """None: the package does not say. `ac_to_limit` and `resolution_ms` derive the time limit from the slowest
    accepted solution where `time_ms` is None; `limit_to_tle` is how much slower those must be that exceed it.
    """

    time_ms: int | None = None
    memory_kib: int | None = None
    output_kib: int | None = None
    source_kib: int | None = None
    ac_to_limit: float = 5.0
    limit_to_tle: float = 1.5
    resolution_ms: int = 1000


@dataclass(frozen=True)
class PackageStatement:
    """In Markdown, with pictures named by their paths; `leftovers` are what the converter did not understand."""

    markdown: str
    language: str = "en"
    pictures: tuple[File, ...] = ()
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Package:
    """`name` is its short name; `time_factors` as Question's; `kept` are files that only an export needs, by their
    paths in the package; `metadata` is what its format says and we have no place for, as JSON.
    """

    format: Format
    name: str
    title: str
    statement: PackageStatement
    cases: tuple[PackageCase, ...]
    uuid: str = ""
    checker: PackageChecker = PackageChecker()
    limits: PackageLimits = PackageLimits()
    policy: RunPolicy = RunPolicy.FAIL_FAST
    scoring: ScoringMode = ScoringMode.ALL_OR_NOTHING
    groups: tuple[Group, ...] = ()
    time_factors: dict[str, float] = field(default_factory=lambda: {"*": 1.0})
    languages: tuple[str, ...] = ()
    solutions: tuple[PackageSolution, ...] = ()
    attachments: tuple[File, ...] = ()
    tags: tuple[str, ...] = ()
    credits: str = ""
    source: str = ""
    source_url: str = ""
    licence: str = ""
    kept: tuple[File, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
