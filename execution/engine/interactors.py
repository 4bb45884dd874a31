"""A client's interactor: how it is built and run, and what it is told of.

It is a multi-file program (Judge0's "project"): its zip is unpacked and its `compile` run as ever, once for all runs
that bring the same. Its `run` then finds the files `input` and `answer` beside it, talks with the program through
standard input and output, and leaves what it has to tell in the directory `feedback`.
"""

from __future__ import annotations

import re
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .conversation import Talk
from .jobs import MIB, Job, Killed, Limits, Outcome
from .parameters import Interactor, Parameters
from .toolchain import Language

_FEEDBACK = "/box/feedback/"
_MOST_PACKED, _MOST_OF_ONE, _MOST_SHOWN = 8 * MIB, 64 * 1024, 256 * 1024
"""Bytes: of the directory as it is packed, of a file or of standard error that are shown, and of all files that are."""
_MOST_FILES = 16
_VALUES = ("score.txt", "score_multiplier.txt", "nextpass.in")
"""What a client decides by: there is always room for it."""
_MESSAGES = ("judgemessage.txt", "teammessage.txt")
_NAME = re.compile(r"[\w.-]{1,100}")
_SCRATCH_BYTES = 256 * MIB
_PROCESSES = 60
_STACK_KIB = 128_000
_ENTRY = struct.Struct("@BHQ")
"""What stands before each name in a packed tree (box/tree.c)."""


@dataclass(frozen=True)
class Interacted:
    """What became of the interactor, and what it left; `compile_output` is there where it does not compile.

    `feedback_complete`: its directory could be read, and was not too large to be looked through.
    """

    exit_code: int | None = None
    signal: int | None = None
    killed: str | None = None
    ended_first: bool = False
    cpu_time_s: float = 0.0
    wall_time_s: float = 0.0
    memory_kib: int = 0
    stderr: bytes = b""
    files: tuple[tuple[str, bytes], ...] = ()
    feedback_complete: bool = True
    compile_output: bytes | None = None

    @property
    def size(self) -> int:
        texts = (self.stderr, self.compile_output or b"", *(data for _, data in self.files))
        return sum(map(len, texts))


def as_project(interactor: Interactor, parameters: Parameters, language: Language) -> Parameters:
    """What is to be built, as if it were a submission in the multi-file `language`."""
    return replace(
        parameters,
        language=language,
        source=b"",
        compiler_options=None,
        additional_files=interactor.files,
        interactor=None,
    )


def job(interactor: Interactor, language: Language, built: Path | None, wall_ms: int) -> Job:
    """Its run, beside that of a program that may take `wall_ms`: it may take its own time after that."""
    cpu_ms = round(1000 * interactor.cpu_time_limit_s)
    limits = Limits(
        cpu_ms=cpu_ms,
        wall_ms=wall_ms + cpu_ms,
        memory_kib=interactor.memory_limit_kib,
        stack_kib=_STACK_KIB,
        processes=_PROCESSES,
        file_bytes=1024 * interactor.file_size_kib,
        scratch_bytes=_SCRATCH_BYTES,
    )
    run = language.run_job(b"", built, limits)
    return replace(
        run,
        argv=(*run.argv, *interactor.arguments),
        files=(("/box/input", interactor.input), ("/box/answer", interactor.answer)),
        collect=_FEEDBACK,
        collect_bytes=_MOST_PACKED,
    )


def told(talk: Talk) -> Interacted:
    ended = talk.interactor
    return Interacted(
        exit_code=ended.exit_code if ended.signal is None and not ended.exec_errno else None,
        signal=ended.signal,
        killed="output" if talk.interactor_said_too_much else _killed(ended),
        ended_first=talk.interactor_ended_first,
        cpu_time_s=ended.cpu_ms / 1000,
        wall_time_s=ended.wall_ms / 1000,
        memory_kib=ended.memory_kib,
        stderr=ended.stderr[:_MOST_OF_ONE],
        files=tuple(_shown(_files(ended.collected or b""))),
        feedback_complete=ended.collected is not None,
    )


def _killed(ended: Outcome) -> str | None:
    if ended.killed is not None:
        return ended.killed.value
    if ended.oom and ended.signal == signal.SIGKILL:
        return Killed.MEMORY.value
    return None


def _shown(files: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The beginnings of those with sensible names, those that mean something first."""
    sensible = sorted(file for file in files if _NAME.fullmatch(file[0]))
    left = _MOST_SHOWN
    for name, data in sorted(sensible, key=_rank)[:_MOST_FILES]:
        shown = data[: min(left, _MOST_OF_ONE)]
        left -= len(shown)
        yield name, shown


def _rank(file: tuple[str, bytes]) -> tuple[bool, bool]:
    return file[0] not in _VALUES, file[0] not in _MESSAGES


def _files(packed: bytes) -> Iterator[tuple[str, bytes]]:
    """The regular files of a packed tree by their paths. Only box has written it, so it is whole."""
    path: list[str] = []
    at = 0
    while at + _ENTRY.size <= len(packed):
        kind, length, size = _ENTRY.unpack_from(packed, at)
        start = at + _ENTRY.size + length
        name = packed[at + _ENTRY.size : start].decode(errors="replace")
        at = start + size
        match chr(kind):
            case "d":
                path.append(name)
            case "u" if path:
                path.pop()
            case "f" | "x":
                yield "/".join((*path, name)), packed[start:at]
