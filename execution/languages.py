"""The languages that programs may be written in, and how a Judge0 names them.

A backend is asked for its `/languages`; ours is found there by id where the name agrees, else by name pattern, so
that servers with other compilers work without configuration.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from execution import skeletons
from execution.types import Limits


@dataclass(frozen=True)
class Language:
    """`judge0_ids` are those of released servers, best first; from 1000 on those of our engine. `time_factor` and
    `memory_floor_kib` adapt a question's limits; `editor_mode` is Ace's name; `source_file` is what servers call the
    program, as it stands in what compilers and interpreters say. `skeleton` is what an editor begins with where a
    question has no starter code for it, nor for the language `starts_as` names.
    """

    slug: str
    name: str
    judge0_ids: tuple[int, ...]
    judge0_name: re.Pattern[str]
    editor_mode: str
    source_file: str
    skeleton: str
    aliases: tuple[str, ...] = ()
    starts_as: str = ""
    time_factor: float = 1.0
    memory_floor_kib: int = 0

    def starter(self, starters: Mapping[str, str]) -> str:
        """What to begin with, given a question's starter codes by slug."""
        return starters.get(self.slug) or starters.get(self.starts_as) or self.skeleton

    def limits(self, limits: Limits) -> Limits:
        """The question's limits as they hold for this language."""
        factors = limits.time_factors
        factor = factors.get(self.slug, factors.get("*", self.time_factor))
        return replace(
            limits,
            time_ms=round(limits.time_ms * factor),
            memory_kib=max(limits.memory_kib, self.memory_floor_kib),
        )


LANGUAGES = (
    Language(
        slug="python",
        name="Python 3",
        judge0_ids=(109, 100, 92, 71),
        judge0_name=re.compile(r"Python \(3\b"),
        editor_mode="python",
        source_file="script.py",
        skeleton=skeletons.PYTHON,
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
        skeleton=skeletons.CPP,
        aliases=("c++", "cxx"),
    ),
    Language(
        slug="cpp20",
        name="C++20",
        judge0_ids=(1020,),
        judge0_name=re.compile(r"C\+\+20 \(GCC\b"),
        editor_mode="c_cpp",
        source_file="main.cpp",
        skeleton=skeletons.CPP,
        aliases=("c++20",),
        starts_as="cpp",
    ),
    Language(
        slug="cpp23",
        name="C++23",
        judge0_ids=(1023,),
        judge0_name=re.compile(r"C\+\+23 \(GCC\b"),
        editor_mode="c_cpp",
        source_file="main.cpp",
        skeleton=skeletons.CPP,
        aliases=("c++23",),
        starts_as="cpp",
    ),
    Language(
        slug="c",
        name="C",
        judge0_ids=(103, 50, 49, 48),
        judge0_name=re.compile(r"C \(GCC\b"),
        editor_mode="c_cpp",
        source_file="main.c",
        skeleton=skeletons.C,
    ),
    Language(
        slug="java",
        name="Java",
        judge0_ids=(91, 62),
        judge0_name=re.compile(r"Java \((Open)?JDK\b"),
        editor_mode="java",
        source_file="Main.java",
        skeleton=skeletons.JAVA,
        time_factor=2.0,
        memory_floor_kib=256 * 1024,
    ),
    Language(
        slug="javascript",
        name="JavaScript",
        judge0_ids=(102, 97, 93, 63),
        judge0_name=re.compile(r"JavaScript \(Node\.js\b"),
        editor_mode="javascript",
        source_file="script.js",
        skeleton=skeletons.JAVASCRIPT,
        aliases=("js", "node", "nodejs"),
        time_factor=2.0,
        memory_floor_kib=128 * 1024,
    ),
    Language(
        slug="go",
        name="Go",
        judge0_ids=(107, 106, 95, 60),
        judge0_name=re.compile(r"Go \(\d"),
        editor_mode="golang",
        source_file="main.go",
        skeleton=skeletons.GO,
        aliases=("golang",),
        memory_floor_kib=64 * 1024,
    ),
    Language(
        slug="rust",
        name="Rust",
        judge0_ids=(108, 73),
        judge0_name=re.compile(r"Rust \(\d"),
        editor_mode="rust",
        source_file="main.rs",
        skeleton=skeletons.RUST,
        aliases=("rs",),
    ),
    Language(
        slug="ruby",
        name="Ruby",
        judge0_ids=(72,),
        judge0_name=re.compile(r"Ruby \(\d"),
        editor_mode="ruby",
        source_file="script.rb",
        skeleton=skeletons.RUBY,
        aliases=("rb",),
        time_factor=3.0,
        memory_floor_kib=64 * 1024,
    ),
    Language(
        slug="php",
        name="PHP",
        judge0_ids=(98, 68),
        judge0_name=re.compile(r"PHP \(\d"),
        editor_mode="php",
        source_file="script.php",
        skeleton=skeletons.PHP,
        time_factor=2.0,
        memory_floor_kib=64 * 1024,
    ),
    Language(
        slug="perl",
        name="Perl",
        judge0_ids=(85,),
        judge0_name=re.compile(r"Perl \(\d"),
        editor_mode="perl",
        source_file="script.pl",
        skeleton=skeletons.PERL,
        aliases=("pl",),
        time_factor=3.0,
    ),
    Language(
        slug="lua",
        name="Lua",
        judge0_ids=(64,),
        judge0_name=re.compile(r"Lua \(\d"),
        editor_mode="lua",
        source_file="script.lua",
        skeleton=skeletons.LUA,
        time_factor=3.0,
    ),
    Language(
        slug="pascal",
        name="Pascal",
        judge0_ids=(67,),
        judge0_name=re.compile(r"Pascal \(FPC\b"),
        editor_mode="pascal",
        source_file="main.pas",
        skeleton=skeletons.PASCAL,
        aliases=("pas",),
    ),
    Language(
        slug="bash",
        name="Bash",
        judge0_ids=(46,),
        judge0_name=re.compile(r"Bash \(\d"),
        editor_mode="sh",
        source_file="script.sh",
        skeleton=skeletons.BASH,
        aliases=("sh", "shell"),
        time_factor=3.0,
    ),
)


MULTI_FILE = Language(
    slug="multi-file",
    name="multi-file programs",
    judge0_ids=(89,),
    judge0_name=re.compile(r"Multi-file program"),
    editor_mode="sh",
    source_file="run",
    skeleton="",
)
"""What authors' checkers are to servers. Not among LANGUAGES: learners do not write in it."""


def choices() -> list[tuple[str, str]]:
    """For fields and forms. A function, so that another language needs no migration."""
    return [(language.slug, language.name) for language in LANGUAGES]


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
