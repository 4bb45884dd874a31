"""An author's checker: run in the sandbox over the outputs of many cases at once, and what it says understood.

    files, compile, run, driver.py ─zip─▶ language 89 (multi-file program): the same for all calls, so that the engine
                                          compiles it once
    inputs, answers, outputs ─frames─▶ standard input    one call for all cases of a window that ended well
    exit codes, feedback files ◀─────  standard output   a line for each case

A checker that crashes, hangs or says something else than its protocol knows has failed: CheckerFailed, never a
verdict. Failures are raised when their case's turn comes, so that they do not depend on what was run together.
"""

import base64
import binascii
import hashlib
import io
import json
import math
import re
import shlex
import zipfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cached_property
from pathlib import Path, PurePosixPath

from execution import feedback
from execution.errors import CheckerFailed, LanguageUnavailable
from execution.pool import Ran, Ticket
from execution.types import (
    Case,
    CheckerProgram,
    Difference,
    DifferenceClass,
    Feedback,
    Limits,
    Program,
    Protocol,
    Run,
    Submitted,
    Verdict,
)

DRIVER = Path(__file__).with_name("checker_driver.py").read_bytes()

FRAMES_BYTES = 16 * 1024 * 1024  # in one call for several cases
LARGEST_BYTES = 64 * 1024 * 1024  # of a single case, as much as servers take
CALL_MS = 60_000
ROOM_BYTES = 512 * 1024  # for feedback, in what one call answers
BESIDE_KIB = 96 * 1024  # the driver, and the files of several cases in memory
LEAST_OUTPUT_KIB = 2 * 1024
TEAM_MESSAGE = 2000  # bytes of it in a difference's message
NOTES = 64 * 1024  # characters about a failure

C_FILES, CPP_FILES = (".c",), (".cc", ".cpp", ".cxx", ".c++", ".C")
PYTHON_FILES = (".py", ".py3")
HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc")
TESTLIB = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"][^">\n]*testlib\.h[">]', re.MULTILINE)
POINTS = re.compile(rb"\bpoints\s+([-+]?[0-9.]{1,40}(?:[eE][-+]?[0-9]{1,3})?)")
LACKS = b"lacks: "

SCORE, MULTIPLIER, NEXT_PASS = "score.txt", "score_multiplier.txt", "nextpass.in"
TEAM = "teammessage.txt"

_TOOLS = f"""\
# The first of these programs that is there. Judge0 keeps its own outside PATH, several versions of each.
tool() {{
    for name in "$@"; do
        for path in "$(command -v "$name")" $(ls -d /usr/local/*/bin/"$name" 2>/dev/null | sort -rV); do
            if [ -x "$path" ]; then echo "$path"; return 0; fi
        done
    done
    return 1
}}
lacks() {{ echo "{LACKS.decode()}$1"; exit 1; }}
python=$(tool python3) || lacks "Python 3"
"""
_RUN = f'{_TOOLS}exec "$python" -I -S driver.py\n'
_TALK = 'mkdir -p feedback\nexec {command} "$@"\n'
_CPP = """\
compiler=$(tool g++ c++ clang++) || lacks "a C++ compiler"
for standard in gnu++20 gnu++2a gnu++17; do
    "$compiler" -std=$standard -x c++ -fsyntax-only /dev/null 2>/dev/null && break
done
exec "$compiler" -O2 -std=$standard -static-libstdc++ -static-libgcc -Ichecker -o checker.bin {files}
"""
_C = """\
compiler=$(tool gcc cc clang) || lacks "a C compiler"
exec "$compiler" -O2 -std=gnu17 -Ichecker -o checker.bin {files} -lm
"""
_PYTHON = 'exec "$python" -m py_compile {files}\n'
_SCRIPTS = """\
cd checker
{build}
if [ ! -e run ]; then echo "There is no program called run."; exit 1; fi
chmod +x run
"""


# --- From files to a program -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Recipe:
    """`compile` is the end of a shell script; in `command`, PYTHON stands for the interpreter."""

    compile: str
    command: tuple[str, ...]


def complaint(program: CheckerProgram) -> str:
    """What is wrong with its files, as far as it can be said without compiling; empty where nothing is."""
    try:
        _recipe(program)
        _check_testlib(program)
    except ValueError as error:
        return str(error)
    return ""


def _recipe(program: CheckerProgram) -> _Recipe:
    """How it is compiled and called. Raises ValueError, a sentence about what is wrong."""
    paths = sorted(file.path for file in program.files)
    if not paths:
        raise ValueError("The checker has no files.")
    if "build" in paths or "run" in paths:
        return _by_scripts(program, paths)
    by_language = {
        "C++": _with_ending(paths, CPP_FILES),
        "C": _with_ending(paths, C_FILES),
        "Python": _with_ending(paths, PYTHON_FILES),
    }
    found = [language for language, files in by_language.items() if files]
    if len(found) > 1:
        raise ValueError(f"The checker is written in several languages: {', '.join(found)}.")
    if not found:
        raise ValueError(
            "The checker is neither C, C++ nor Python, and has no build or run: " + ", ".join(paths)[:200]
        )
    if found == ["Python"]:
        return _in_python(by_language["Python"])
    files = " ".join(shlex.quote(f"checker/{path}") for path in by_language[found[0]])
    return _Recipe((_C if found == ["C"] else _CPP).format(files=files), ("./checker.bin",))


def _with_ending(paths: Sequence[str], endings: Sequence[str]) -> list[str]:
    return [path for path in paths if PurePosixPath(path).suffix in endings]


def _sound_recipe(program: CheckerProgram) -> _Recipe:
    """Raises CheckerFailed."""
    try:
        _check_testlib(program)
        return _recipe(program)
    except ValueError as error:
        raise CheckerFailed("The checker cannot be compiled.", notes=str(error)) from error


def _by_scripts(program: CheckerProgram, paths: Sequence[str]) -> _Recipe:
    build = (
        "chmod +x build; ./build || exit 1" if _starts_itself(program, "build") else "bash ./build || exit 1"
    )
    command = (
        ("checker/run",) if "run" not in paths or _starts_itself(program, "run") else ("bash", "checker/run")
    )
    return _Recipe(_SCRIPTS.format(build=build if "build" in paths else ":"), command)


def _starts_itself(program: CheckerProgram, path: str) -> bool:
    """A script without a first line that says what runs it is one of the shell."""
    data = next((file.data() for file in program.files if file.path == path), b"")
    return data.startswith((b"#!", b"\x7fELF"))


def _in_python(files: Sequence[str]) -> _Recipe:
    mains = [name for name in ("__main__.py", "main.py") if name in files]
    if not mains and len(files) > 1:
        raise ValueError(
            f"None of the checker's files is called main.py or __main__.py: {', '.join(files)[:200]}"
        )
    main = mains[0] if mains else files[0]
    quoted = " ".join(shlex.quote(f"checker/{path}") for path in files)
    return _Recipe(_PYTHON.format(files=quoted), ("PYTHON", f"checker/{main}"))


def _check_testlib(program: CheckerProgram) -> None:
    """It is no part of compilers: a package brings it."""
    if any(PurePosixPath(file.path).name == "testlib.h" for file in program.files):
        return
    sources = (file for file in program.files if PurePosixPath(file.path).suffix in CPP_FILES + HEADERS)
    if any(TESTLIB.search(file.data()) for file in sources):
        raise ValueError("The checker includes testlib.h, which is not among its files.")


def _archive(program: CheckerProgram, recipe: _Recipe) -> bytes:
    return _zipped(program, recipe, {"run": (_RUN.encode(), True), "driver.py": (DRIVER, False)})


def talking(program: CheckerProgram) -> bytes:
    """The zip of one that talks with programs: it is called as it is, without the driver. Raises CheckerFailed."""
    recipe = _sound_recipe(program)
    words = ("python3" if word == "PYTHON" else shlex.quote(word) for word in recipe.command)
    return _zipped(program, recipe, {"run": (_TALK.format(command=" ".join(words)).encode(), True)})


def _zipped(program: CheckerProgram, recipe: _Recipe, own: Mapping[str, tuple[bytes, bool]]) -> bytes:
    """With our `own` files (and whether they are executable): the same bytes for the same files, so that servers know
    it again.
    """
    files = {"compile": ((_TOOLS + recipe.compile).encode(), True), **own}
    files |= {f"checker/{file.path}": (file.data(), file.executable) for file in program.files}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            data, executable = files[path]
            entry = zipfile.ZipInfo(path)
            entry.create_system, entry.external_attr = 3, (0o100755 if executable else 0o100644) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# --- What a checker said -----------------------------------------------------------------------------------------


class Ended(StrEnum):
    """How a checker ended on one case, in the driver's words, and what it never says: otherwise."""

    EXIT = "exit"  # with an exit code
    SIGNAL = "signal"
    TIME = "time"
    START = "start"  # not started; with an errno
    ROOM = "room"  # not started, since its files are too large
    FEEDBACK = "feedback"  # its feedback directory cannot be read
    OTHERWISE = "otherwise"


@dataclass(frozen=True)
class Said:
    """What a checker did on one case; `why` says it for whom it ended otherwise."""

    ended: Ended
    code: int
    files: Mapping[str, bytes] = field(default_factory=dict)
    printed: bytes = b""
    why: str = ""


@dataclass(frozen=True)
class Judgement:
    """`points` is None where it gave none: an accepted case then earns its own."""

    difference: Difference | None
    points: Decimal | None
    feedback: Feedback


def judgement(protocol: Protocol, said: Said, case: Case) -> Judgement:
    """Raises CheckerFailed where the protocol does not know what it said."""
    accepted, points = _by_testlib(said, case) if protocol is Protocol.TESTLIB else _by_kattis(said, case)
    files = tuple((name, data) for name, data in said.files.items() if data)
    feedback = Feedback(said.code, files, said.printed, said.files.get(TEAM, b""))
    return Judgement(None if accepted else _difference(feedback), points, feedback)


def _difference(feedback: Feedback) -> Difference:
    words = feedback.team_message[:TEAM_MESSAGE].decode(errors="replace").strip()
    return Difference(DifferenceClass.CHECKER, words or "The question's checker does not accept the output.")


def _by_kattis(said: Said, case: Case) -> tuple[bool, Decimal | None]:
    if said.ended is not Ended.EXIT or said.code not in (42, 43):
        raise failed(said, case)
    if NEXT_PASS in said.files:
        raise failed(said, case, "It asks for another pass (nextpass.in), which is not supported.")
    given = [name for name in (SCORE, MULTIPLIER) if name in said.files]
    if not given:
        return said.code == 42, None
    if said.code == 43:
        raise failed(said, case, f"It wrote {given[0]}, but does not accept the output.")
    if len(given) > 1:
        raise failed(said, case, f"It wrote both {SCORE} and {MULTIPLIER}.")
    number = _decimal(said.files[given[0]])
    if number is None:
        raise failed(said, case, f"There is no number in {given[0]}.")
    if given == [SCORE]:
        return True, number
    if not 0 <= number <= 1:
        raise failed(said, case, f"The number in {MULTIPLIER} is not from 0 to 1.")
    return True, number * case.points


def _by_testlib(said: Said, case: Case) -> tuple[bool, Decimal | None]:
    """Exit codes of testlib's _ok, _wa, _pe and _points; whoever gets no points has not passed."""
    if said.ended is not Ended.EXIT or said.code not in (0, 1, 2, 7):
        raise failed(said, case)
    if said.code != 7:
        return said.code == 0, None
    found = POINTS.search(said.printed)
    points = _decimal(found[1]) if found else None
    if points is None:
        raise failed(said, case, "It gave points (exit code 7), but did not say how many.")
    return points > 0, points


def _decimal(text: bytes) -> Decimal | None:
    """A finite number of a size that can be stored, to six places."""
    try:
        number = float(text.decode("ascii").strip())
        return (
            Decimal(text.decode("ascii").strip()).quantize(Decimal("0.000001")) if _is_sane(number) else None
        )
    except (ValueError, InvalidOperation):
        return None


def _is_sane(number: float) -> bool:
    return math.isfinite(number) and abs(number) < 1e9


def failed(said: Said, case: Case, why: str = "") -> CheckerFailed:
    """With what its author needs to mend it."""
    words = why or _ending(said)
    texts = [f"{name}:\n{data.decode(errors='replace')}" for name, data in said.files.items() if data]
    if said.printed:
        texts.append(f"It printed:\n{said.printed.decode(errors='replace')}")
    return CheckerFailed(
        f"The checker failed at case {case.index}. {words}",
        case=case.index,
        notes="\n\n".join([words, *texts])[:NOTES],
    )


def _ending(said: Said) -> str:
    match said.ended:
        case Ended.EXIT:
            return f"It ended with exit code {said.code}, which its protocol does not know."
        case Ended.SIGNAL:
            return f"It was ended by signal {said.code}."
        case Ended.TIME:
            return "It took longer than it may."
        case Ended.ROOM:
            return "Input, answer and output are too large for the server that runs it."
        case Ended.START:
            return f"It could not be started (error {said.code})."
        case Ended.FEEDBACK:
            return "Its feedback directory is gone, cannot be read, or holds more than 8 MiB."
        case Ended.OTHERWISE:
            return said.why


# --- Calls -------------------------------------------------------------------------------------------------------


RunProgram = Callable[
    [Program, Mapping[int, Callable[[], bytes]], Limits, Mapping[int, Ticket]],
    Generator[Submitted | list[Ran], None, None],
]


class Checks:
    """An author's checker at work for one judging; `placed` are calls that an interrupted one has sent, by their
    first case.
    """

    def __init__(
        self,
        program: CheckerProgram,
        arguments: tuple[str, ...],
        run: RunProgram,
        placed: Mapping[int, Ticket],
    ) -> None:
        self._program = program
        self._arguments = arguments
        self._run = run
        self._placed = dict(placed)
        self._said: dict[int, Said | CheckerFailed] = {}

    def awaits(self, case: Case, run: Run) -> bool:
        """Whether the case cannot be decided before the checker has looked at it."""
        return run.failure is None and case.answer is not None and case.index not in self._said

    def judgement(self, case: Case) -> Judgement:
        """Of a case that awaits nothing any more. Raises CheckerFailed."""
        said = self._said[case.index]
        if isinstance(said, CheckerFailed):
            raise said
        return judgement(self._program.protocol, said, case)

    def look(self, outputs: Sequence[tuple[Case, Run]]) -> Iterator[Submitted]:
        """One call, over as many of these as fit into it: the first of them awaits nothing afterwards, or a call that
        was sent long ago has turned out to be about something else.

        Raises CheckerFailed where it does not compile.
        """
        call = _Call.of(outputs, self._arguments)
        first = outputs[0][0]
        if not call.cases:
            self._said[first.index] = failed(Said(Ended.ROOM, 0), first)
            return
        placed = {first.index: self._placed.pop(first.index)} if first.index in self._placed else {}
        header = self._header
        steps = self._run(
            self._multi_file, {first.index: lambda: header + call.frames}, self._limits(call), placed
        )
        with closing(steps):
            for step in steps:
                if isinstance(step, Submitted):
                    placed = {}
                    yield step
                    continue
                for ran in step:
                    self._note(call, first, ran.run, is_old=bool(placed))

    def _note(self, call: "_Call", first: Case, run: Run, *, is_old: bool) -> None:
        if run.failure is Verdict.CE:
            raise not_compiled(run.compile_output)
        found = {call.cases[key]: said for key, said in _results(run.output).items() if key in call.cases}
        self._said |= found
        if not found and not is_old:
            ended = Said(Ended.OTHERWISE, 0, printed=run.stderr, why=_why(run))
            self._said[first.index] = failed(ended, first)

    @cached_property
    def _recipe(self) -> _Recipe:
        return _sound_recipe(self._program)

    @cached_property
    def _multi_file(self) -> Program:
        return Program("multi-file", b"", files=_archive(self._program, self._recipe))

    @cached_property
    def _header(self) -> bytes:
        how = {
            "command": self._recipe.command,
            "protocol": self._program.protocol,
            "time_ms": self._program.time_ms,
            "file_bytes": self._program.output_kib * 1024,
            "room": ROOM_BYTES,
        }
        return json.dumps(how).encode() + b"\n"

    def _limits(self, call: "_Call") -> Limits:
        program = self._program
        return Limits(
            time_ms=min(program.time_ms * len(call.cases), CALL_MS),
            memory_kib=program.memory_kib + BESIDE_KIB + 2 * max(0, len(call.frames) - FRAMES_BYTES) // 1024,
            output_kib=max(program.output_kib, call.largest // 1024 + 1, LEAST_OUTPUT_KIB),
            flexible=True,
        )


@dataclass(frozen=True)
class _Call:
    """`cases` are their indexes by key, `largest` the size of the largest of the files."""

    frames: bytes
    cases: Mapping[str, int]
    largest: int

    @classmethod
    def of(cls, outputs: Sequence[tuple[Case, Run]], arguments: tuple[str, ...]) -> "_Call":
        """The first of them, as many as fit; one that is large goes alone, none where it is too large."""
        frames, size, largest = [], 0, 0
        cases: dict[str, int] = {}
        for case, run in outputs:
            assert case.answer is not None  # there would be nothing to check
            given = arguments if case.arguments is None else case.arguments
            parts = (case.input(), case.answer(), run.output)
            size += sum(map(len, parts))
            if size > (FRAMES_BYTES if cases else LARGEST_BYTES):
                break
            largest = max(largest, *map(len, parts))
            key = f"{case.index}-{_digest(given, parts)}"
            cases[key] = case.index
            frames += [_head(key, given, parts), *parts]
        return cls(b"".join(frames), cases, largest)


def _head(key: str, arguments: Sequence[str], parts: Sequence[bytes]) -> bytes:
    sizes = dict(zip(("input", "answer", "output"), map(len, parts), strict=True))
    return json.dumps({"key": key, "arguments": arguments, **sizes}).encode() + b"\n"


def _digest(arguments: Sequence[str], parts: Sequence[bytes]) -> str:
    """By which an answer to a call of long ago is known to be about this output."""
    digest = hashlib.sha256(json.dumps([*arguments, *map(len, parts)]).encode())
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:32]


def _results(printed: bytes) -> dict[str, Said]:
    """What the driver told, by key; a line that makes no sense is left out, as the last one may be cut."""
    found = {}
    for line in printed.splitlines():
        try:
            told = json.loads(line)
            found[str(told["key"])] = Said(
                Ended(told["ended"]),
                int(told["code"]),
                feedback.kept((name, base64.b64decode(data)) for name, data in told.get("files", {}).items()),
                b"\n".join(filter(None, map(base64.b64decode, told.get("printed", [])))),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
            continue
    return found


def _why(run: Run) -> str:
    match run.failure:
        case Verdict.TLE:
            return "It took longer than it may."
        case Verdict.MLE:
            return "It took more memory than it may."
        case Verdict.OLE:
            return "It printed or wrote more than it may."
        case _:
            how = f"signal {run.signal}" if run.signal else f"exit code {run.exit_code}"
            return f"Its sandbox ended before it did ({how})."


def not_compiled(said: bytes) -> CheckerFailed | LanguageUnavailable:
    """`said` is the compiler's text."""
    words = said.decode(errors="replace")
    if said.startswith(LACKS):
        return LanguageUnavailable(
            f"The judge lacks {words.removeprefix(LACKS.decode()).strip()[:100]} for the checker."
        )
    return CheckerFailed("The checker does not compile.", notes=words)
