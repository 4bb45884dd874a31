"""The languages that programs may be written in, and how a Judge0 names them.

A backend is asked for its `/languages`; ours is found there by id where the name agrees, else by name pattern, so
that servers with other compilers work without configuration.
"""

import re
from dataclasses import dataclass, replace

from execution.types import Limits


@dataclass(frozen=True)
class Language:
    """`judge0_ids` are those of released servers, best first. `time_factor` and `memory_floor_kib` adapt a
    question's limits; `editor_mode` is Ace's name; `source_file` is what the program is called when compiled.
    """

    slug: str
    name: str
    judge0_ids: tuple[int, ...]
    judge0_name: re.Pattern[str]
    editor_mode: str
    source_file: str
    aliases: tuple[str, ...] = ()
    time_factor: float = 1.0
    memory_floor_kib: int = 0

    def limits(self, limits: Limits) -> Limits:
        """The question's limits as they hold for this language."""
        return replace(
            limits,
            time_ms=round(limits.time_ms * self.time_factor),
            memory_kib=max(limits.memory_kib, self.memory_floor_kib),
        )


LANGUAGES = (
    Language(
        slug="python",
        name="Python 3",
        judge0_ids=(109, 100, 92, 71),
        judge0_name=re.compile(r"Python \(3\b"),
        editor_mode="python",
        source_file="main.py",
        aliases=("python3", "py"),
        time_factor=3.0,
    ),
    Language(
        slug="cpp",
        name="C++",
        judge0_ids=(105, 54, 53, 52),
        judge0_name=re.compile(r"C\+\+ \(GCC\b"),
        editor_mode="c_cpp",
        source_file="main.cpp",
        aliases=("c++", "cxx"),
    ),
    Language(
        slug="c",
        name="C",
        judge0_ids=(103, 50, 49, 48),
        judge0_name=re.compile(r"C \(GCC\b"),
        editor_mode="c_cpp",
        source_file="main.c",
    ),
)

CHOICES = [(language.slug, language.name) for language in LANGUAGES]


def find(name: str | int) -> Language | None:
    """By slug, alias or a released Judge0's id; None when there is no such language."""
    if isinstance(name, int):
        return next((one for one in LANGUAGES if name in one.judge0_ids), None)
    wanted = name.strip().lower()
    return next((one for one in LANGUAGES if wanted in (one.slug, *one.aliases)), None)


def get(slug: str) -> Language:
    """By slug; KeyError when there is no such language."""
    return _BY_SLUG[slug]


_BY_SLUG = {language.slug: language for language in LANGUAGES}
