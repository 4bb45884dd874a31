"""`bin/requirements`: which test proves which line of docs/requirements.md."""

import importlib.util
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest

from tests.platform.running import ROOT

DOCUMENT = """# Requirements

<!-- counts -->

| Line | What must work | Tests |
|---|---|---|
| S0.1 | Something `a\\|b`. | open |
| S2.5 | A cap. | stale |
| S2.6 | Another. | open |
| C7 | A conflict. | open |
"""


@pytest.fixture(scope="module")
def requirements() -> ModuleType:
    loader = SourceFileLoader("requirements_script", str(ROOT / "bin" / "requirements"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("S0.6", ["S0.6"]),
        ("S0.9b and S1.23.", ["S0.9b", "S1.23"]),
        ("S2.5–S2.8: caps", ["S2.5", "S2.6", "S2.7", "S2.8"]),
        ("S2.5-S2.6", ["S2.5", "S2.6"]),
        ("(S0.10, C7)", ["S0.10", "C7"]),
        ("(C7)", ["C7"]),
        ("compiled as C11 and C17, or (C11 only)", []),
        ("XS0.6 and S0.6.1", []),
        ("nothing", []),
    ],
)
def test_numbers_are_found_in_docstrings(requirements, text, numbers):
    assert sorted(set(requirements.numbers_in(text))) == sorted(numbers)


def test_numbers_are_found_in_names(requirements):
    assert list(requirements.numbers_in_name("test_s0_6_no_leak_s2_17")) == ["S0.6", "S2.17"]
    assert list(requirements.numbers_in_name("test_lists_0_6")) == []


def test_a_file_is_read_without_being_run(requirements, tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(
        "import nothing_of_that_name\n"
        "def helper():\n    'S0.1'\n"
        "def test_a():\n    'S0.1'\n"
        "async def test_s2_5_b(): ...\n"
        "class TestThings:\n    'S2.6'\n    def test_c(self):\n        'C7 (C7)'\n"
    )
    assert dict(requirements.tests_in(file)) == {
        "test_a": {"S0.1"},
        "test_s2_5_b": {"S2.5"},
        "TestThings": {"S2.6"},
        "TestThings::test_c": {"C7"},
    }


def test_the_column_and_the_counts_are_rewritten_and_the_texts_kept(requirements):
    once = requirements.rewritten(DOCUMENT, {"S0.1": ["[a](b)", "[c](d)"], "C7": ["[e](f)"]})
    assert "| S0.1 | Something `a\\|b`. | [a](b)<br>[c](d) |" in once
    assert "| S2.5 | A cap. | open |" in once
    assert "**4 lines: 2 with tests, 2 open.**\nOpen: S2.5, S2.6.\n\n|" in once
    assert requirements.rewritten(once, {"S0.1": ["[a](b)", "[c](d)"], "C7": ["[e](f)"]}) == once


def test_a_number_that_no_line_has_is_refused(requirements):
    with pytest.raises(ValueError, match=r"S9\.9"):
        requirements.rewritten(DOCUMENT, {"S9.9": ["[a](b)"]})
