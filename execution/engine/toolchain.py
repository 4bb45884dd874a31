"""The languages this machine can judge, each proven by its Hello World inside the sandbox.

A language is a recipe (Judge0's id, its source file, how to compile, how to run) plus the first of
its compilers or interpreters, searched below /usr, that works where it will have to work. Its name
is made from the version that very program printed.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from . import config
from .jobs import MIB, Job, Limits, Outcome, SandboxFailed
from .requirements import find
from .sandbox import Sandbox

PROGRAM = "a.out"
MAX_PROGRAM_BYTES = 32 * MIB
MAX_COMPILE_OUTPUT_BYTES = 256 * 1024

COMPILE_LIMITS = Limits(
    cpu_ms=15_000,
    wall_ms=20_000,
    memory_kib=512_000,
    stack_kib=config.MAX_STACK_LIMIT_KIB,
    processes=config.MAX_PROCESSES,
    file_bytes=MAX_PROGRAM_BYTES,
    scratch_bytes=256 * MIB,
)
_HELLO_LIMITS = Limits(
    cpu_ms=5000,
    wall_ms=10_000,
    memory_kib=128_000,
    stack_kib=64_000,
    processes=16,
    file_bytes=MIB,
)

_C_VERSION = """
#ifdef __clang__
#define NAME "Clang"
#define A __clang_major__
#define B __clang_minor__
#define C __clang_patchlevel__
#else
#define NAME "GCC"
#define A __GNUC__
#define B __GNUC_MINOR__
#define C __GNUC_PATCHLEVEL__
#endif
"""
_HELLO_C = f'#include <stdio.h>\n{_C_VERSION}int main(void) {{ printf("%s %d.%d.%d\\n", NAME, A, B, C); }}\n'
_HELLO_CPP = (
    f"#include <iostream>\n{_C_VERSION}int main() "
    "{ std::cout << NAME << ' ' << A << '.' << B << '.' << C << '\\n'; }\n"
)
_HELLO_PYTHON = "import platform\nprint(platform.python_version())\n"


@dataclass(frozen=True)
class Recipe:
    id: int
    """Judge0's id for the language."""
    title: str
    tools: tuple[str, ...]
    """Names of the compiler or interpreter, in order of preference."""
    source_file: str
    hello: str
    """A program that prints the version it runs on."""
    compile_options: tuple[str, ...] | None = None
    """Before and, after a "SOURCE", behind the source file; None: the language is interpreted."""


RECIPES = (
    Recipe(50, "C", ("gcc", "cc", "clang"), "main.c", _HELLO_C, ("-O2", "-std=gnu17", "SOURCE", "-lm")),
    Recipe(54, "C++", ("g++", "c++", "clang++"), "main.cpp", _HELLO_CPP, ("-O2", "-std=gnu++17", "SOURCE")),
    Recipe(71, "Python", ("python3",), "script.py", _HELLO_PYTHON),
)


@dataclass(frozen=True)
class Language:
    """A recipe with the tool that was found for it."""

    recipe: Recipe
    tool: str
    version: str

    @property
    def id(self) -> int:
        return self.recipe.id

    @property
    def name(self) -> str:
        """As Judge0 writes it: `C (GCC 12.2.0)`."""
        return f"{self.recipe.title} ({self.version})"

    @property
    def is_compiled(self) -> bool:
        return self.recipe.compile_options is not None

    def compile_command(self, options: str) -> tuple[str, ...]:
        """For a compiled language; `options` as the submission's compiler_options."""
        words: list[str] = []
        for word in self.recipe.compile_options or ():
            words += [*split_words(options), self.recipe.source_file] if word == "SOURCE" else [word]
        return (self.tool, *words, "-o", PROGRAM)

    def run_command(self, arguments: str) -> tuple[str, ...]:
        start = (f"./{PROGRAM}",) if self.is_compiled else (self.tool, self.recipe.source_file)
        return (*start, *split_words(arguments))

    def fingerprint(self) -> str:
        """Changes when another compiler is installed in the tool's place."""
        real = os.path.realpath(self.tool)
        info = os.stat(real)
        return f"{real} {info.st_mtime_ns} {info.st_size}"

    def compile_job(self, source: bytes, options: str) -> Job:
        return Job(
            argv=self.compile_command(options),
            limits=COMPILE_LIMITS,
            files=((f"/box/{self.recipe.source_file}", source),),
            merge_stderr=True,
            collect=f"/box/{PROGRAM}",
        )


_IGNORED_CHARACTERS = str.maketrans("", "", "$&;<>|`")


def split_words(text: str) -> tuple[str, ...]:
    """Options or arguments as a shell would split them, without anything a shell would execute.

    The characters that Judge0 deletes are deleted too. Raises ValueError for an open quote.
    """
    return tuple(shlex.split(text.translate(_IGNORED_CHARACTERS)))


async def prove(recipe: Recipe, sandbox: Sandbox, slot: int, scratch: Path) -> Language | None:
    """The language of `recipe` with the first tool whose Hello World ran, or None.

    `scratch` is a directory from which compiled programs can be bound into the sandbox.
    """
    for tool in find(*recipe.tools):
        candidate = Language(recipe, tool, version="")
        outcome = await _hello(candidate, sandbox, slot, scratch)
        if outcome is not None and outcome.exit_code == 0 and outcome.stdout.strip():
            return Language(recipe, tool, version=outcome.stdout.decode().strip())
    return None


async def _hello(language: Language, sandbox: Sandbox, slot: int, scratch: Path) -> Outcome | None:
    source = language.recipe.hello.encode()
    try:
        if not language.is_compiled:
            file = (f"/box/{language.recipe.source_file}", source)
            job = Job(argv=language.run_command(""), limits=_HELLO_LIMITS, files=(file,))
            return await sandbox.run(job, slot)
        compiled = await sandbox.run(language.compile_job(source, ""), slot)
        if compiled.collected is None:
            return None
        program = scratch / f"hello-{language.id}"
        program.write_bytes(compiled.collected)
        program.chmod(0o555)
        bind = (program, f"/box/{PROGRAM}")
        return await sandbox.run(
            Job(argv=language.run_command(""), limits=_HELLO_LIMITS, binds=(bind,)), slot
        )
    except SandboxFailed:
        return None
