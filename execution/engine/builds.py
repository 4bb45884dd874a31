"""From a submission to what can be run: its files unpacked, its source compiled, each once.

    additional_files --unzip--> a packed tree --+
                                                +--compile--> a program, or a packed tree
                                      source  --+

Both steps happen in the sandbox and both results are kept in the artefact cache, so twenty runs of the
same submission cost one of each. What cannot be unpacked or compiled is Rejected.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from .additional_files import Unzip
from .artefacts import Artefact, ArtefactCache, Compiled, key
from .headers import Headers
from .jobs import MAX_TREE_BYTES, Job, Killed, Outcome, SandboxFailed
from .parameters import Parameters
from .sandbox import Sandbox
from .slots import SlotLender, Turn
from .toolchain import MAX_COMPILE_OUTPUT_BYTES


class Rejected(Exception):
    """There is nothing to run; `output` says why."""

    def __init__(self, output: bytes) -> None:
        super().__init__(output)
        self.output = output


@dataclass(frozen=True)
class Built:
    program: Path | None
    """What the compiler made; None: the language is interpreted."""
    files: Path | None
    """The additional files, packed; None: there are none."""
    output: bytes
    """What the compiler said."""


@dataclass(frozen=True)
class _Step:
    name: str
    """Of the artefact: everything that decides what comes out, and who asked."""
    job: Job
    result: Callable[[Outcome], Compiled]
    shortcut: Job | None = None
    """A quicker way to the same program; should there be anything to say, `job` is asked to say it."""


class Builder:
    def __init__(
        self,
        sandbox: Sandbox,
        artefacts: ArtefactCache,
        slot: SlotLender,
        unzip: Unzip | None,
        headers: Headers | None = None,
    ) -> None:
        """Without `unzip`, no submission may bring files; without `headers`, each is read anew."""
        self._sandbox = sandbox
        self._artefacts = artefacts
        self._headers = headers
        self._slot = slot
        self._unzip = unzip

    @contextlib.asynccontextmanager
    async def built(self, parameters: Parameters, client: str, turn: Turn) -> AsyncIterator[Built]:
        """What is to be run for a submission of `client`; it stays on disk while the context lasts.

        Raises Rejected or SandboxFailed.
        """
        async with contextlib.AsyncExitStack() as used:

            async def made_by(step: _Step) -> Artefact:
                making = self._artefacts.use(step.name, functools.partial(self._take, step, turn))
                artefact = await used.enter_async_context(making)
                if artefact.path is None:
                    raise Rejected(artefact.output)
                return artefact

            files, program, output = None, None, b""
            if parameters.additional_files and self._unzip:
                unpacking = _unpacking(self._unzip, parameters, parameters.additional_files, client)
                files = (await made_by(unpacking)).path
            if parameters.language.is_compiled:
                artefact = await made_by(self._compiling(parameters, files, client))
                program, output = artefact.path, artefact.output
            yield Built(program, files, output)

    def _compiling(self, parameters: Parameters, files: Path | None, client: str) -> _Step:
        language = parameters.language
        job = language.compile_job(parameters.source, parameters.compiler_options or "", files)
        name = key(
            client.encode(),
            str(language.id).encode(),
            language.fingerprint().encode(),
            "\0".join(job.argv).encode(),
            parameters.source,
            files.name.encode() if files else b"",
        )
        header = self._headers.find(language, parameters.source) if self._headers and not files else None
        shortcut = language.with_header(job, header) if header else None
        return _Step(name, job, functools.partial(_compilation, job), shortcut)

    async def _take(self, step: _Step, turn: Turn) -> Compiled:
        async with self._slot(turn) as slot:
            if step.shortcut is not None:
                outcome = await self._sandbox.run(step.shortcut, slot)
                if _is_silent_success(outcome):
                    return step.result(outcome)
            return step.result(await self._sandbox.run(step.job, slot))


def _unpacking(unzip: Unzip, parameters: Parameters, archive: bytes, client: str) -> _Step:
    recipe = parameters.language.recipe
    kept = "" if recipe.is_multi_file else recipe.source_file
    return _Step(key(client.encode(), kept.encode(), archive), unzip.job(archive, kept), unzip.result)


def _compilation(job: Job, outcome: Outcome) -> Compiled:
    """What the compiler made of it. Raises SandboxFailed when there was no compiler."""
    if outcome.exec_errno:
        raise SandboxFailed("the compiler could not be started")
    output = outcome.stdout[:MAX_COMPILE_OUTPUT_BYTES]
    if outcome.killed in (Killed.CPU, Killed.WALL):
        return Compiled(None, _ending(output, "Compilation time limit exceeded."), is_final=False)
    if outcome.exit_code or outcome.signal is not None or outcome.killed:
        return Compiled(None, output, is_final=not outcome.oom)
    if outcome.collected is None:
        return Compiled(None, _ending(output, _too_large(job)), is_final=not outcome.oom)
    return Compiled(outcome.collected, output)


def _is_silent_success(outcome: Outcome) -> bool:
    failed = outcome.exec_errno or outcome.exit_code or outcome.signal is not None or outcome.killed
    return not failed and not outcome.stdout and outcome.collected is not None


def _too_large(job: Job) -> str:
    if job.collect is not None and job.collect.endswith("/"):
        return f"The compiler left more than {MAX_TREE_BYTES} bytes of files, or too many of them."
    return f"The compiler left no program of at most {job.limits.file_bytes} bytes."


def _ending(output: bytes, sentence: str) -> bytes:
    line_break = b"\n" if output and not output.endswith(b"\n") else b""
    return output + line_break + sentence.encode()
