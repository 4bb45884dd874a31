"""Export and import again: the same question, whatever is in it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.groups import Group
from execution.types import ScoringMode
from questions.packages import kattis, kattis_writing
from questions.packages.tree import Tree, opened
from questions.packages.values import File, Format, Package, PackageCase, PackageRefused, PackageStatement
from tests.packages.kit import (
    HALF_POINTS,
    LEGACY,
    NEWER,
    VERSIONS,
    KattisPackage,
    checked,
    every_verdict,
    guessing,
    subtasks,
    sums,
)

OWN = {LEGACY: Format.KATTIS_LEGACY, NEWER: Format.KATTIS_2023_07}


def said(package: Package) -> dict[str, Any]:
    """All that it says, with files as their content."""
    return {name: _plain(value) for name, value in vars(package).items() if name != "remarks"}


def _plain(value: Any) -> Any:
    match value:
        case File():
            return (value.path.rpartition("/")[2], value.read(), value.executable)
        case tuple() | list():
            return [_plain(one) for one in value]
        case dict() | str():
            return value
        case _ if hasattr(value, "__dataclass_fields__"):
            return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def written_again(package: Package, version: Format) -> Package:
    written = kattis_writing.write(package, version)
    return kattis.read(Tree(package.name, written.files))


def rich(folder: Path, version: str = LEGACY) -> KattisPackage:
    """With all that is only kept, and what stands beside cases."""
    package = sums(folder, version, license="cc by-sa", source="A contest", rights_owner="Somebody")
    package.write("attachments/help.txt", "help\n").write("generators/make.py", "pass\n")
    package.case("secret/3", "1 1\n", "2\n").write("README.md", "read\n")
    folder_of_statement = "problem_statement" if package.is_legacy else "statement"
    package.write(f"{folder_of_statement}/pic.png", b"\x89PNG")
    package.write(f"{folder_of_statement}/problem.sv.tex", "\\problemname{Summan}\n")
    if package.is_legacy:
        package.write("data/secret/3.desc", "Small.\n").write("data/sample/1.hint", "Add.\n")
        package.group("secret", output_validator_flags="case_sensitive", input_validator_flags="x=1")
    else:
        package.case("secret/4", "1 1\n", "2\n", output_validator_args=["case_sensitive"], full_feedback=True)
        package.yaml(
            "problem.yaml",
            {
                "problem_format_version": version,
                "name": {"en": "The Sum", "sv": "Summan"},
                "uuid": "5ca6ba5b-36d5-4eff-8aa7-d967cbc4375e",
                "limits": {"memory": 128, "time_limit": 1.5, "validation_output": 3},
                "constants": {"most": 10},
                "credits": {"authors": ["Ada", "Bo"], "testers": "Cy"},
                "source": {"name": "A contest", "url": "https://contest.example"},
                "languages": ["python3", "c"],
                "keywords": ["two words", "easy"],
            },
        )
        package.statement("At most {{most}}.\n")
    return package


PACKAGES: dict[str, Callable[[Path, str], KattisPackage]] = {
    "sums": sums,
    "every_verdict": every_verdict,
    "subtasks": subtasks,
    "checked": checked,
    "guessing": guessing,
    "rich": rich,
    "half": lambda folder, version: checked(folder, version, HALF_POINTS),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", PACKAGES)
def test_what_was_exported_says_what_was_imported(tmp_path: Path, name: str, version: str) -> None:
    """(S1.30)"""
    built = PACKAGES[name](tmp_path / name, version)
    with opened(built.folder) as tree:
        package = kattis.read(tree)
        assert said(written_again(package, OWN[version])) == said(package)


def in_groups(*cases: tuple[str, bool], requires: str) -> Package:
    """Each of the group so named and public or not; the group 1 requires one of them."""
    file = File("1", 2, lambda: b"1\n")
    return Package(
        format=Format.POLYGON,
        name="sums",
        title="Sums",
        statement=PackageStatement("Add.", "en"),
        cases=tuple(
            PackageCase(
                f"{number:02}", file, file, public=public, group=group, points=Decimal(0 if public else 40)
            )
            for number, (group, public) in enumerate(cases, 1)
        ),
        scoring=ScoringMode.WEIGHTED,
        groups=(Group(stops=False), Group("1", stops=False, maximum=Decimal(40), requires=(requires,))),
    )


def test_a_group_that_requires_the_samples_requires_them_by_their_name_in_the_format() -> None:
    package = in_groups(("0", True), ("0", True), ("1", False), requires="0")
    written = kattis_writing.write(package, Format.KATTIS_2023_07)
    settings = written.files["data/secret/01-1/test_group.yaml"].read()
    assert b"require_pass" in settings
    assert b"sample" in settings


def test_a_group_that_requires_some_of_the_samples_is_refused_by_its_name() -> None:
    package = in_groups(("0", True), ("a", True), ("1", False), requires="0")
    with pytest.raises(PackageRefused, match="the group 1 needs 0 first, which is only some of the samples"):
        kattis_writing.write(package, Format.KATTIS_2023_07)
