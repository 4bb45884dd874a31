"""The questions that come with the platform: folders here, read as values. What becomes of them is decided elsewhere.

<slug>/question.toml          title, limits, checker …; the cases in order; the verdict of each solution
<slug>/statement.md
<slug>/cases/<name>.in .ans   one input with its answer
<slug>/starter/main.*         what the editor shows first, one a language
<slug>/solutions/*            programs whose verdicts are known
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from execution import languages
from execution.types import Verdict

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class SampleCase:
    name: str
    input: bytes
    answer: bytes
    public: bool
    group: str
    points: Decimal
    note: str


@dataclass(frozen=True)
class StarterProgram:
    language: str
    source: str


@dataclass(frozen=True)
class SampleProgram:
    """`verdict` is what judging it must give."""

    name: str
    language: str
    source: str
    verdict: Verdict


@dataclass(frozen=True)
class Sample:
    """`fields` are those of the Question model that `question.toml` names."""

    slug: str
    statement: str
    fields: dict[str, Any]
    tags: tuple[str, ...]
    cases: tuple[SampleCase, ...]
    starters: tuple[StarterProgram, ...]
    solutions: tuple[SampleProgram, ...]


def read_all() -> list[Sample]:
    """Every sample, by slug."""
    return [read(path.parent) for path in sorted(FOLDER.glob("*/question.toml"))]


def read(folder: Path) -> Sample:
    """The sample in one folder; raises OSError, KeyError or ValueError where a part is missing or wrong."""
    fields = tomllib.loads((folder / "question.toml").read_text())
    cases, tags, verdicts = fields.pop("cases"), fields.pop("tags"), fields.pop("solutions")
    return Sample(
        slug=folder.name,
        statement=(folder / "statement.md").read_text(),
        fields=fields,
        tags=tuple(tags),
        cases=tuple(_case(folder / "cases", **case) for case in cases),
        starters=tuple(_starter(path) for path in sorted((folder / "starter").iterdir())),
        solutions=tuple(
            _program(folder / "solutions" / name, Verdict(verdict)) for name, verdict in verdicts.items()
        ),
    )


def _case(
    folder: Path, name: str, public: bool = False, group: str = "", points: int = 1, note: str = ""
) -> SampleCase:
    return SampleCase(
        name=name,
        input=(folder / f"{name}.in").read_bytes(),
        answer=(folder / f"{name}.ans").read_bytes(),
        public=public,
        group=group,
        points=Decimal(points),
        note=note,
    )


def _starter(path: Path) -> StarterProgram:
    return StarterProgram(_language_of(path), path.read_text())


def _program(path: Path, verdict: Verdict) -> SampleProgram:
    return SampleProgram(path.name, _language_of(path), path.read_text(), verdict)


def _language_of(path: Path) -> str:
    return next(one.slug for one in languages.LANGUAGES if Path(one.source_file).suffix == path.suffix)
