"""Which language a program looks like."""

from pathlib import Path

import pytest

from execution import languages
from execution.languages import LANGUAGES
from hints.looks import language_of
from questions import samples

OF_SUFFIX = {Path(one.source_file).suffix: one.slug for one in reversed(LANGUAGES)}
OF_SAMPLES = Path(samples.__file__).parent.glob("*/*/*")
SAMPLES = [path for path in OF_SAMPLES if path.suffix in OF_SUFFIX]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.slug)
def test_what_an_editor_begins_with_is_known_by_its_look(language):
    found = language_of(language.skeleton, LANGUAGES)
    assert found is not None
    assert found.slug == (language.starts_as or language.slug)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_programs_that_solve_the_samples_are_known_by_their_look(path):
    found = language_of(path.read_text(), LANGUAGES)
    assert found is not None
    assert found.slug == OF_SUFFIX[path.suffix]


def test_only_what_may_be_used_is_meant():
    source = "#include <iostream>\nint main() { std::cout << 1; }\n"
    assert language_of(source, [languages.get("python"), languages.get("cpp23")]) == languages.get("cpp23")
    assert language_of(source, [languages.get("python"), languages.get("java")]) is None


def test_what_looks_like_nothing_is_not_guessed():
    assert language_of("what is this\n", LANGUAGES) is None
