"""The languages this machine can judge, each proven by its Hello World inside the sandbox.

A language is a recipe (Judge0's id, its source file, how to compile, how to run) plus the first of
its compilers or interpreters, searched below /usr, that works where it will have to work. Its name
is made from the version that very program printed.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from .jobs import MIB, Job, Limits, Outcome, SandboxFailed
from .problems import Problem
from .requirements import find
from .sandbox import Sandbox

PROGRAM = "a.out"
_HEADERS = ".headers"
_HEADER_NICENESS = 10
MAX_PROGRAM_BYTES = 32 * MIB
MAX_COMPILE_OUTPUT_BYTES = 256 * 1024

COMPILE_LIMITS = Limits(
    cpu_ms=15_000,
    wall_ms=20_000,
    memory_kib=512_000,
    stack_kib=128_000,
    processes=120,
    file_bytes=MAX_PROGRAM_BYTES,
    scratch_bytes=256 * MIB,
)
_HELLO_LIMITS = Limits(
    cpu_ms=5000,
    wall_ms=10_000,
    memory_kib=256_000,
    stack_kib=64_000,
    processes=60,
    file_bytes=MIB,
)

_BESIDE_HEAP_MIB, _BESIDE_HEAP_MIB_UNCOUNTED = 16, 40
"""What a Hello World in Java has beside its heap: as control groups count, and resident (files of /usr, too)."""
_LEAST_HEAP_MIB, _LEAST_STACK_KIB = 8, 1024
"""With which a runtime starts at all."""
_MEMORY_PER_STACK = 8
"""A program that recurses without end shall meet the end of its stack, not of its memory."""
_LAST_WORDS_BYTES = 64 * 1024

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


@dataclass(frozen=True)
class Recipe:
    """In commands, TOOL stands for the compiler or interpreter, RUNTIME for `runtime` beside it, OPTIONS for the
    submission's compiler_options, {heap_mib} and {stack_kib} for what a runtime may take of its limits."""

    id: int
    """Judge0's id for the language; from 1000 on: ours."""
    slug: str
    """What ENGINE_LANGUAGES calls it."""
    title: str
    tools: tuple[str, ...]
    """Names of the compiler or interpreter, in order of preference."""
    package: str
    """Debian's, that brings the first of them."""
    source_file: str
    hello: str
    """A program that prints the version it runs on, or anything where `version_option` tells it."""
    compile: str = ""
    """Makes PROGRAM out of the source file; empty: the language is interpreted."""
    compile_limits: Limits = COMPILE_LIMITS
    makes_tree: bool = False
    """Compiling makes not PROGRAM but whatever it leaves in the directory."""
    run: str = f"./{PROGRAM}"
    runtime: str = ""
    """What runs the tool's products, where it is another program."""
    version_option: str = ""
    """Where programs cannot tell the version: what makes the tool print it."""
    most_stack_kib: int | None = None
    """Every thread reserves as much as the limit, and without control groups that counts as memory."""
    reserves_memory: bool = False
    """Much more than it touches."""
    out_of_memory: bytes = b""
    """What a program that ended for want of memory within its runtime's own bound has on standard error (regex)."""
    is_multi_file: bool = False
    """Programs come without a source, as additional files only (Judge0's "project")."""
    header: str = ""
    """A header that is worth compiling beforehand."""
    other_ids: tuple[int, ...] = ()
    """Judge0's for older compilers, by which its clients call the language."""


BASIC = ("c", "cpp", "python")
"""Slugs of what every platform shall offer: the samples are solved in them."""

_GCC, _GXX = ("gcc", "cc", "clang"), ("g++", "c++", "clang++")
_STDCXX = "bits/stdc++.h"

_JAVAC_SETTINGS = (  # it lives too shortly for the better compiler, and nests deeply in long expressions
    "-J-XX:+UseSerialGC -J-XX:TieredStopAtLevel=1 -J-XX:-UsePerfData -J-Xmx384m -J-Xss16m -encoding UTF-8"
)
_JAVA_SETTINGS = (
    # Arrays must fit into the old generation, so that is nearly all; and garbage is looked for before the heap
    # has grown to its bound, because the compiler wants memory, too.
    "-XX:+UseSerialGC -XX:-UsePerfData -XX:NewRatio=15 -Xms8m -XX:MinHeapFreeRatio=20"
)
_PHP_SETTINGS = (
    # No php.ini, Debian's extensions by name where they are there, errors where nobody compares them, and
    # no limit of memory beside the sandbox's. (That an extension is missing, only the log is told.)
    "-n -d display_startup_errors=0 -d error_log=/dev/null -d display_errors=stderr -d memory_limit=-1 "
    "-d extension=ctype -d extension=iconv -d extension=mbstring"
)
_PASCAL_SETTINGS = (  # instead of /etc/fpc.cfg; the compiler replaces what begins with $
    "-n -O2 -v0ew -Fu/usr/lib/x86_64-linux-gnu/fpc/$fpcversion/units/$fpctarget/* "
    "-Fu/usr/lib/aarch64-linux-gnu/fpc/$fpcversion/units/$fpctarget/*"
)

RECIPES = (
    Recipe(
        50, "c", "C", _GCC, "gcc", "main.c", _HELLO_C,
        compile="TOOL -O2 -std=gnu17 OPTIONS main.c -lm -o a.out",
    ),
    Recipe(
        54, "cpp", "C++", _GXX, "g++", "main.cpp", _HELLO_CPP,
        compile="TOOL -O2 -std=gnu++17 OPTIONS main.cpp -o a.out",
        header=_STDCXX, other_ids=(52,),
    ),
    Recipe(
        1020, "cpp20", "C++20", _GXX, "g++", "main.cpp", _HELLO_C.replace("stdio.h", "cstdio"),
        compile="TOOL -O2 -std=gnu++20 OPTIONS main.cpp -o a.out",
        header=_STDCXX,
    ),
    Recipe(
        1023, "cpp23", "C++23", _GXX, "g++", "main.cpp", _HELLO_C.replace("stdio.h", "cstdio"),
        compile="TOOL -O2 -std=gnu++23 OPTIONS main.cpp -o a.out",
        header=_STDCXX,
    ),
    Recipe(
        71, "python", "Python", ("python3",), "python3", "script.py",
        "import platform\nprint(platform.python_version())\n",
        run="TOOL script.py",
    ),
    Recipe(
        62, "java", "Java", ("javac",), "default-jdk-headless", "Main.java",
        'public class Main { public static void main(String[] arguments) { System.out.println('
        '"OpenJDK " + System.getProperty("java.version")); } }\n',
        compile=f"TOOL {_JAVAC_SETTINGS} OPTIONS Main.java",
        makes_tree=True,
        run=f"RUNTIME {_JAVA_SETTINGS} -Xmx{{heap_mib}}m -Xss{{stack_kib}}k Main",
        runtime="java",
        most_stack_kib=8192,
        reserves_memory=True,
        out_of_memory=rb"java\.lang\.OutOfMemoryError: (?!unable to create)",
    ),
    Recipe(
        63, "javascript", "JavaScript", ("node", "nodejs"), "nodejs", "script.js",
        "console.log(`Node.js ${process.versions.node}`)\n",
        run="TOOL script.js",
        most_stack_kib=8192,
    ),
    Recipe(
        60, "go", "Go", ("go",), "golang-go", "main.go",
        'package main\nimport ("fmt"; "runtime")\nfunc main() { fmt.Println(runtime.Version()[2:]) }\n',
        compile="TOOL build -o a.out OPTIONS main.go",
        most_stack_kib=8192,
    ),
    Recipe(
        73, "rust", "Rust", ("rustc",), "rustc", "main.rs",
        'fn main() { println!("works"); }\n',
        compile="TOOL -O OPTIONS main.rs -o a.out",
        version_option="--version",
    ),
    Recipe(
        72, "ruby", "Ruby", ("ruby",), "ruby", "script.rb",
        "puts RUBY_VERSION\n",
        run="TOOL script.rb",
    ),
    Recipe(
        68, "php", "PHP", ("php",), "php-cli", "script.php",
        "<?php echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, '.', PHP_RELEASE_VERSION;\n",
        run=f"TOOL {_PHP_SETTINGS} script.php",
    ),
    Recipe(
        46, "bash", "Bash", ("bash",), "bash", "script.sh",
        'echo "${BASH_VERSION%%(*}"\n',
        run="TOOL script.sh",
    ),
    Recipe(
        85, "perl", "Perl", ("perl",), "perl-base", "script.pl",
        'printf "%vd\\n", $^V;\n',
        run="TOOL script.pl",
    ),
    Recipe(
        64, "lua", "Lua", ("lua5.4", "lua5.3", "lua"), "lua5.4", "script.lua",
        "print(_VERSION)\n",
        run="TOOL script.lua",
        version_option="-v",
    ),
    Recipe(
        67, "pascal", "Pascal", ("fpc",), "fp-compiler", "main.pas",
        "begin writeln('FPC ', {$I %FPCVERSION%}); end.\n",
        compile=f"TOOL {_PASCAL_SETTINGS} OPTIONS -oa.out main.pas",
    ),
    Recipe(
        89, "multi-file", "Multi-file program", ("bash",), "bash", "run",
        'echo "${BASH_VERSION%%(*}"\n',
        compile="TOOL -c '[ ! -e compile ] || exec bash compile'",
        makes_tree=True,
        run="TOOL run",
        is_multi_file=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Language:
    """A recipe with the tool that was found for it."""

    recipe: Recipe
    tool: str
    version: str
    memory_is_counted: bool = True
    """By control groups, that is."""

    @property
    def id(self) -> int:
        return self.recipe.id

    def under_all_ids(self) -> dict[int, Language]:
        """The language by each of its ids."""
        ids = (self.id, *self.recipe.other_ids)
        return {one: replace(self, recipe=replace(self.recipe, id=one)) for one in ids}

    @property
    def name(self) -> str:
        """As Judge0 writes it: `C (GCC 12.2.0)`."""
        if self.recipe.is_multi_file:
            return self.recipe.title
        return f"{self.recipe.title} ({self.version})"

    @property
    def is_compiled(self) -> bool:
        return bool(self.recipe.compile)

    @property
    def takes_options(self) -> bool:
        return "OPTIONS" in self.recipe.compile

    def compile_command(self, options: str) -> tuple[str, ...]:
        """For a compiled language; `options` as the submission's compiler_options."""
        return self._command(self.recipe.compile, split_words(options))

    def run_command(self, arguments: str, limits: Limits = _HELLO_LIMITS) -> tuple[str, ...]:
        beside_mib = _BESIDE_HEAP_MIB if self.memory_is_counted else _BESIDE_HEAP_MIB_UNCOUNTED
        heap_mib = max(limits.memory_kib // 1024 - beside_mib, _LEAST_HEAP_MIB)
        most_kib = limits.memory_kib // _MEMORY_PER_STACK
        stack_kib = max(min(limits.stack_kib, most_kib), _LEAST_STACK_KIB)
        command = self._command(self.recipe.run.format(heap_mib=heap_mib, stack_kib=stack_kib))
        return command if self.recipe.is_multi_file else (*command, *split_words(arguments))

    def _command(self, words: str, options: tuple[str, ...] = ()) -> tuple[str, ...]:
        runtime = str(Path(self.tool).with_name(self.recipe.runtime or "-"))
        meant = {"TOOL": (self.tool,), "RUNTIME": (runtime,), "OPTIONS": options}
        return tuple(chain.from_iterable(meant.get(word, (word,)) for word in _words(words)))

    def limited(self, limits: Limits) -> Limits:
        """Limits as the compiler or the runtime can bear them."""
        most = self.recipe.most_stack_kib
        stack_kib = limits.stack_kib if most is None else min(limits.stack_kib, most)
        return replace(limits, stack_kib=stack_kib, data_is_bounded=not self.recipe.reserves_memory)

    def ran_out_of_memory(self, said: bytes) -> bool:
        """Whether the last that a failed program said is that its runtime gave it no more memory."""
        pattern = self.recipe.out_of_memory
        return bool(pattern and re.search(pattern, said[-_LAST_WORDS_BYTES:]))

    def fingerprint(self) -> str:
        """Changes when another compiler is installed in the tool's place."""
        info = os.stat(self.tool)
        return f"{info.st_dev} {info.st_ino} {info.st_mtime_ns} {info.st_size}"

    def compile_job(self, source: bytes, options: str, files: Path | None = None) -> Job:
        """Compiles `source` among the additional `files`, a packed tree."""
        return Job(
            argv=self.compile_command(options),
            limits=self.limited(self.recipe.compile_limits),
            files=self._source_file(source),
            tree=files,
            merge_stderr=True,
            collect="/box/" if self.recipe.makes_tree else f"/box/{PROGRAM}",
        )

    def with_header(self, job: Job, header: Path) -> Job:
        """The compilation `job` with the recipe's header as `header_job` has made it."""
        at = len(job.argv) - len(self._command(self.recipe.compile.partition("OPTIONS")[2]))
        inside = f"/box/{_HEADERS}/{self.recipe.header}.gch"
        argv = (*job.argv[:at], f"-I{_HEADERS}", *job.argv[at:])
        return replace(job, argv=argv, binds=((header, inside),))

    def header_job(self, path: Path, limits: Limits) -> Job:
        """Compiles the recipe's header, with the options of programs, to the host's `path`."""
        command = self.recipe.compile.replace(self.recipe.source_file, "-x c++-header all.h")
        return Job(
            argv=self._command(command),
            limits=limits,
            files=(("/box/all.h", f"#include <{self.recipe.header}>\n".encode()),),
            merge_stderr=True,
            collect=f"/box/{PROGRAM}",
            collect_to=path,
            niceness=_HEADER_NICENESS,
        )

    def run_job(
        self,
        source: bytes,
        program: Path | None,
        limits: Limits,
        arguments: str = "",
        files: Path | None = None,
    ) -> Job:
        """Runs `source` or, where that was compiled, `program`, among the additional `files`."""
        job = Job(argv=self.run_command(arguments, limits), limits=self.limited(limits), tree=files)
        if program is None:
            return replace(job, files=self._source_file(source))
        if self.recipe.makes_tree:
            return replace(job, tree=program)
        return replace(job, binds=((program, f"/box/{PROGRAM}"),))

    def _source_file(self, source: bytes) -> tuple[tuple[str, bytes], ...]:
        """None where the source is blank, as that of a multi-file program is."""
        return ((f"/box/{self.recipe.source_file}", source),) if source else ()


_IGNORED_CHARACTERS = str.maketrans("", "", "$&;<>|`")


@functools.lru_cache(maxsize=256)
def _words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def split_words(text: str) -> tuple[str, ...]:
    """Options or arguments as a shell would split them, without anything a shell would execute.

    The characters that Judge0 deletes are deleted too. Raises ValueError for an open quote.
    """
    return _words(text.translate(_IGNORED_CHARACTERS))


def chosen(slugs: Sequence[str]) -> tuple[Recipe, ...]:
    """The recipes of these slugs; all of them for none. Raises Problem."""
    known = {recipe.slug: recipe for recipe in RECIPES}
    if unknown := [slug for slug in slugs if slug not in known]:
        raise Problem(f"ENGINE_LANGUAGES names {', '.join(unknown)}; there are only {', '.join(known)}.")
    return tuple(recipe for recipe in RECIPES if not slugs or recipe.slug in slugs)


def missing(recipes: Sequence[Recipe]) -> dict[str, list[Recipe]]:
    """Those of `recipes` without a tool on this machine, by the package that would bring it."""
    found: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        if not find(*recipe.tools):
            found.setdefault(recipe.package, []).append(recipe)
    return found


def not_offered(recipes: Sequence[Recipe], offered: Collection[int]) -> list[str]:
    """Sentences about those of `recipes` whose ids are not among the `offered`."""
    absent = [recipe for recipes in missing(recipes).values() for recipe in recipes]
    sentences = [
        f"{recipe.title} is not offered: its Hello World does not work in the sandbox with {find(*recipe.tools)[0]}"
        for recipe in recipes
        if recipe.id not in offered and recipe not in absent
    ]
    if absent:
        names = ", ".join(recipe.title for recipe in absent)
        sentences.append(f"not offered, for want of a compiler or interpreter below /usr: {names}")
    return sentences


async def prove(recipe: Recipe, sandbox: Sandbox, slot: int, scratch: Path) -> Language | None:
    """The language of `recipe` with the first tool whose Hello World ran, or None.

    `scratch` is a directory from which compiled programs can be bound into the sandbox.
    """
    for tool in find(*recipe.tools):
        candidate = Language(recipe, tool, version="", memory_is_counted=sandbox.counts_memory)
        try:
            version = await _version(candidate, sandbox, slot, scratch)
        except SandboxFailed:
            continue
        if version:
            return replace(candidate, version=version)
    return None


async def _version(language: Language, sandbox: Sandbox, slot: int, scratch: Path) -> str:
    """The version of a language whose Hello World works; empty if it does not. Raises SandboxFailed."""
    printed = _output(await _hello(language, sandbox, slot, scratch))
    option = language.recipe.version_option
    if not printed or not option:
        return printed
    said = _output(await sandbox.run(Job(argv=(language.tool, option), limits=_HELLO_LIMITS), slot))
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else ""


async def _hello(language: Language, sandbox: Sandbox, slot: int, scratch: Path) -> Outcome | None:
    """What Hello World showed; None if it could not be compiled. Raises SandboxFailed."""
    recipe = language.recipe
    source = recipe.hello.encode()
    if not language.is_compiled:
        return await sandbox.run(language.run_job(source, None, _HELLO_LIMITS), slot)
    compiled = await sandbox.run(language.compile_job(source, ""), slot)
    if compiled.collected is None:
        return None
    program = scratch / f"hello-{recipe.slug}"
    program.write_bytes(compiled.collected)
    program.chmod(0o555)
    try:
        return await sandbox.run(language.run_job(source, program, _HELLO_LIMITS), slot)
    finally:
        program.unlink()


def _output(outcome: Outcome | None) -> str:
    """What a program printed that ended well; else nothing."""
    succeeded = outcome is not None and outcome.exit_code == 0 and outcome.signal is None
    return outcome.stdout.decode(errors="replace").strip() if outcome and succeeded else ""
