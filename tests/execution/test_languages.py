"""The languages: how they are named, and how they adapt limits."""

from dataclasses import replace

import pytest

from execution import languages
from execution.types import Limits
from judgeplatform.staticfiles import ACE_DIR


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("python", "python"),
        ("Python3", "python"),
        (" py ", "python"),
        (71, "python"),
        ("c++", "cpp"),
        (54, "cpp"),
        ("c", "c"),
        (50, "c"),
        ("JS", "javascript"),
        ("golang", "go"),
        (62, "java"),
        (1020, "cpp20"),
    ],
)
def test_a_language_is_found_by_slug_alias_or_released_id(name, slug):
    found = languages.find(name)

    assert found
    assert found.slug == slug


@pytest.mark.parametrize("name", ["", "cobol", 70, "71", "python\x00"])
def test_what_is_no_language_of_ours_is_not_found(name):
    assert languages.find(name) is None


def test_a_slower_language_gets_more_time_and_its_runtime_a_floor_of_memory():
    jvm_like = replace(languages.LANGUAGES[0], time_factor=1.5, memory_floor_kib=300_000)

    assert jvm_like.limits(Limits(1001, 65536, 64, 5000)) == Limits(1502, 300_000, 64, 5000)
    assert jvm_like.limits(Limits(1000, 400_000)).memory_kib == 400_000


def test_no_two_languages_have_a_name_an_alias_or_an_id_in_common():
    names = [name for one in languages.LANGUAGES for name in (one.slug, *one.aliases, *one.judge0_ids)]

    assert len(names) == len(set(names))


# As servers write them: releases of Judge0 from 1.13.1 on, and our engine.
@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("C (GCC 9.2.0)", {"c"}),
        ("C (Clang 7.0.1)", set()),
        ("C# (Mono 6.6.0.161)", set()),
        ("C++ (GCC 14.1.0)", {"cpp"}),
        ("C++20 (GCC 12.2.0)", {"cpp20"}),
        ("C++23 (GCC 12.2.0)", {"cpp23"}),
        ("Python (3.11.2)", {"python"}),
        ("Python (2.7.17)", set()),
        ("Java (OpenJDK 13.0.1)", {"java"}),
        ("Java (JDK 17.0.6)", {"java"}),
        ("JavaFX (JDK 17.0.6, OpenJFX 22.0.2)", set()),
        ("Java Test (OpenJDK 14.0.1, JUnit Platform Console Standalone 1.6.2)", set()),
        ("JavaScript (Node.js 22.08.0)", {"javascript"}),
        ("Go (1.23.5)", {"go"}),
        ("Rust (1.85.0)", {"rust"}),
        ("Ruby (2.7.0)", {"ruby"}),
        ("PHP (8.3.11)", {"php"}),
        ("Bash (5.0.0)", {"bash"}),
        ("Perl (5.28.1)", {"perl"}),
        ("Lua (5.3.5)", {"lua"}),
        ("Pascal (FPC 3.0.4)", {"pascal"}),
    ],
)
def test_servers_names_fit_the_language_that_is_meant_and_no_other(name, slugs):
    assert {one.slug for one in languages.LANGUAGES if one.judge0_name.match(name)} == slugs


@pytest.mark.parametrize("language", languages.LANGUAGES, ids=lambda one: one.slug)
def test_the_editor_knows_every_language(language):
    assert (ACE_DIR / f"mode-{language.editor_mode}.js").exists()
