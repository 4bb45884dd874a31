"""What compilers warn of. A program is compiled by a backend, in its sandbox, with warnings switched on; that it is
run there for a moment too, on empty input, nobody looks at.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from execution.errors import JudgingError, LanguageUnavailable, OptionsUnavailable
from execution.judge0 import Judge0
from execution.languages import Language
from execution.types import Limits, Program, Run, Submitted, Verdict
from hints.answers import Remark, Severity
from hints.remarks import COMPILE, Linted, LinterFailed, in_order, told
from submissions.connections import pool, rest_connection

logger = logging.getLogger(__name__)

LEAST = Limits(time_ms=100, memory_kib=64 * 1024, output_kib=16)
WITHIN_S = 60.0
UNREACHABLE = "No judge can compile this program now. Please ask again later."


@dataclass(frozen=True)
class Compiler:
    """`name` as learners would call it, `options` for warnings. `said` finds one remark on the program's own file."""

    name: str
    options: str
    said: re.Pattern[str]


_GCC = Compiler(
    "gcc -Wall -Wextra",
    "-Wall -Wextra -Wshadow -Wlogical-op -Wduplicated-cond -Wno-unused-result -Wno-unused-parameter "
    "-fno-diagnostics-show-caret -fdiagnostics-color=never",
    re.compile(
        r"^main\.c(?:pp)?:(?P<line>\d+):\d+: (?P<kind>warning|error|fatal error): "
        r"(?P<message>.*?)(?: \[-W(?P<code>[\w=+-]+)\])?$",
        re.MULTILINE,
    ),
)
_JAVAC = Compiler(
    "javac -Xlint:all",
    "-Xlint:all,-serial -Xmaxwarns 50",
    re.compile(
        r"^Main\.java:(?P<line>\d+): (?P<kind>warning|error): (?:\[(?P<code>\w+)\] )?(?P<message>.*)$",
        re.MULTILINE,
    ),
)
_COMPILERS = {"c": _GCC, "cpp": _GCC, "cpp20": _GCC, "cpp23": _GCC, "java": _JAVAC}

_GRAVE = (  # what happens there is anybody's guess
    "array-bounds", "div-by-zero", "divzero", "format=", "implicit-function-declaration", "infinite-recursion",
    "int-conversion", "nonnull", "return-type", "shift-count", "uninitialized", "use-after-free",
)  # fmt: skip
_LIGHT = (
    "cast", "dep-ann", "deprecat", "overloads", "rawtypes", "removal", "shadow", "sign-compare", "static", "unchecked",
    "unused",
)  # fmt: skip
_STYLE = ("dep-ann", "deprecat", "overloads", "rawtypes", "removal", "shadow", "static", "unchecked")
_UNUSED = ("cast", "unused")
"""Beginnings of the codes of warnings. What is in none of these is a warning, of something that is not correct."""


_UNPLACED = re.compile(
    r"(?:undefined reference to|multiple definition of|error:)[^\n]*|Compilation time limit exceeded"
)


def of(language: Language) -> Compiler | None:
    return _COMPILERS.get(language.slug)


def lint(compiler: Compiler, language: Language, source: str) -> Linted:
    """Raises LinterFailed."""
    try:
        run, missing = _compiled(language, source, compiler.options), ""
    except OptionsUnavailable:
        run = _compiled(language, source, "")
        missing = f"Compile it with `{compiler.name}` yourself: the judge here shows none of these warnings."
    said = run.compile_output.decode(errors="replace")
    remarks = in_order(_remarks(compiler, said), source)
    if run.failure is Verdict.CE and all(remark.type != COMPILE for remark in remarks):
        remarks = (_unplaced(said), *remarks)
    return Linted(compiler.name, remarks, missing)


def _compiled(language: Language, source: str, options: str) -> Run:
    """Raises LinterFailed, and OptionsUnavailable where all judges refuse options."""
    program = Program(language.slug, source.encode(errors="replace"), options)
    try:
        return _run(program, language.limits(LEAST))
    except OptionsUnavailable:
        raise
    except LanguageUnavailable as error:
        raise LinterFailed(f"No judge compiles {language.name} here.") from error
    except JudgingError as error:
        logger.warning("nobody compiles for a review: %s", error)
        raise LinterFailed(UNREACHABLE) from error


def _run(program: Program, limits: Limits) -> Run:
    """What it showed on empty input; a backend that would keep it for ever forgets it. Raises JudgingError."""
    until = time.monotonic() + WITHIN_S
    placed: list[Submitted] = []

    def while_waiting() -> None:
        if time.monotonic() > until:
            raise LinterFailed(UNREACHABLE)
        rest_connection()

    try:
        with closing(pool().access(beat=while_waiting).run(program, {1: lambda: b""}, limits)) as steps:
            for step in steps:
                if not isinstance(step, Submitted):
                    return step[0].run
                placed.append(step)
        raise LinterFailed(UNREACHABLE)
    finally:
        _forget(placed)


def _forget(placed: list[Submitted]) -> None:
    servers: dict[str, Judge0] = {server.url: server for server in pool().servers}
    for one in placed:
        try:
            servers[one.backend].forget(one.tokens)
        except JudgingError as error:
            logger.info("a program that was only compiled stays at its server: %s", error)


def _remarks(compiler: Compiler, said: str) -> Iterator[Remark]:
    for found in compiler.said.finditer(said):
        code = found["code"] or ""
        if found["kind"] == "warning":
            yield told(int(found["line"]), _type(code), found["message"], code, _severity(code))
        else:
            yield told(int(found["line"]), COMPILE, found["message"], "", Severity.ERROR)


def _unplaced(said: str) -> Remark:
    """What keeps it from compiling though no line is to blame: a function is missing, or it takes too long."""
    found = _UNPLACED.search(said)
    return told(
        1,
        COMPILE,
        f"It does not compile: {found[0]}" if found else "It does not compile.",
        "",
        Severity.ERROR,
    )


def _type(code: str) -> str:
    if code.startswith(_UNUSED):
        return "unused"
    return "style" if code.startswith(_STYLE) else "correctness"


def _severity(code: str) -> Severity:
    if code.startswith(_GRAVE):
        return Severity.ERROR
    return Severity.INFO if code.startswith(_LIGHT) else Severity.WARNING
