"""docs/packages.md and the readers of Polygon's and DMOJ's packages say the same of every key."""

import re
from pathlib import Path

from questions.packages import dmoj, plain, polygon
from questions.packages.tree import IGNORED

PAGE = Path(__file__).resolve().parents[2] / "docs/packages.md"


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def table(title: str, heading: str) -> dict[str, str]:
    """Keys and what becomes of them: the first two columns of the table with this heading."""
    _, _, rest = section(title).partition(f"| {heading} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return {row.split("|")[1].strip().strip("`"): row.split("|")[2].strip() for row in rows}


def test_every_key_of_polygon_is_described() -> None:
    assert table("Polygon", "Key in `problem.xml`") == {key: use.value for key, use in polygon.KEYS.items()}


def test_every_checker_of_testlib_that_is_ours_is_described() -> None:
    said = table("Polygon", "Checker")
    assert {name: ours.partition(":")[0].partition(",")[0] for name, ours in said.items()} == {
        name: checker.kind.value.replace("_", " ") for name, checker in polygon.CHECKERS.items()
    }


def test_every_key_of_dmoj_is_described() -> None:
    parts = {
        "": dmoj.KEYS,
        "test_cases[].": dmoj.CASE_KEYS,
        "test_cases.": dmoj.PATTERN_KEYS,
        "checker.": dmoj.CHECKER_KEYS,
        "checker.args.": dmoj.ARGUMENT_KEYS,
    }
    known = {f"{start}{key}": use.value for start, keys in parts.items() for key, use in keys.items()}
    assert table("DMOJ", "Key in `init.yml`") == known


def test_what_plain_testcases_are_found_by_is_described() -> None:
    page = section("Plain testcases")
    for word in (*plain.INPUT_ENDINGS, *plain.ANSWER_ENDINGS, *plain.EXPECTED):
        assert word in page
    assert all(name in page.lower() for name in plain.STATEMENTS)


def test_what_is_passed_over_in_any_package_is_described() -> None:
    assert all(f"`{name}`" in section("What any package may be") for name in IGNORED)
