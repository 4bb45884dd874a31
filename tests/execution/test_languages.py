"""The languages: how they are named, and how they adapt limits."""

from dataclasses import replace

import pytest

from execution import languages
from execution.types import Limits


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
