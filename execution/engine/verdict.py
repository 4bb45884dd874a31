"""One submission from source to Judge0 status: compile (once), run, look at what happened.

    compile fails            6
    over CPU or wall time    5
    ends by a signal s, or with n other than 0    11, exit code 128 + s or n, as bash reports them
    ends with 0              3, or 4 when it was given an expected output and wrote another
    the sandbox failed      13

Judge0 has no status for memory or output limits; `Facts` says them exactly, beside its fields.
"""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from .artefacts import Artefact, ArtefactCache, Compiled, key
from .jobs import MIB, Job, Killed, Limits, Outcome, SandboxFailed
from .parameters import Parameters
from .sandbox import Sandbox
from .toolchain import MAX_COMPILE_OUTPUT_BYTES, PROGRAM

IN_QUEUE, PROCESSING, ACCEPTED, WRONG_ANSWER, TIME_LIMIT, COMPILATION_ERROR = 1, 2, 3, 4, 5, 6
NON_ZERO_EXIT, INTERNAL_ERROR = 11, 13

STATUSES = {
    IN_QUEUE: "In Queue",
    PROCESSING: "Processing",
    ACCEPTED: "Accepted",
    WRONG_ANSWER: "Wrong Answer",
    TIME_LIMIT: "Time Limit Exceeded",
    COMPILATION_ERROR: "Compilation Error",
    7: "Runtime Error (SIGSEGV)",
    8: "Runtime Error (SIGXFSZ)",
    9: "Runtime Error (SIGFPE)",
    10: "Runtime Error (SIGABRT)",
    NON_ZERO_EXIT: "Runtime Error (NZEC)",
    12: "Runtime Error (Other)",
    INTERNAL_ERROR: "Internal Error",
    14: "Exec Format Error",
}

_COMMAND_NOT_FOUND, _CANNOT_EXECUTE = 127, 126
_TRIMMED = b" \t\n\v\f\r\0"

SlotTaker = Callable[[], AbstractAsyncContextManager[int]]


@dataclass(frozen=True)
class Facts:
    """What Judge0 has no fields for."""

    killed: str | None
    """cpu, wall, memory, output or inodes: the limit that ended the program."""
    signal: int | None
    """That ended the program itself; null when it was box init that killed it."""
    oom: bool
    stdout_truncated: bool
    stderr_truncated: bool


@dataclass(frozen=True)
class Result:
    """The fields of a finished submission."""

    status: int
    stdout: bytes = b""
    stderr: bytes = b""
    compile_output: bytes = b""
    message: str | None = None
    exit_code: int | None = None
    cpu_time_s: float | None = None
    wall_time_s: float | None = None
    memory_kib: int | None = None
    facts: Facts | None = None

    @property
    def size(self) -> int:
        """Bytes of text held."""
        return len(self.stdout) + len(self.stderr) + len(self.compile_output)


class Judge:
    def __init__(
        self,
        sandbox: Sandbox,
        artefacts: ArtefactCache,
        run_slot: SlotTaker,
        compile_slot: SlotTaker,
    ) -> None:
        """`run_slot` and `compile_slot` lend a slot, as soon as one is free."""
        self._sandbox = sandbox
        self._artefacts = artefacts
        self._run_slot = run_slot
        self._compile_slot = compile_slot

    async def judge(self, parameters: Parameters, client: str, started: Callable[[], None]) -> Result:
        """Judge one submission of `client`; `started` is called when it no longer only waits.

        Trouble with the sandbox, and what the operating system refuses, is the result "internal error".
        """
        try:
            if not parameters.language.is_compiled:
                return await self._run(parameters, None, started)
            name = _artefact_name(parameters, client)

            async def compile_it() -> Compiled:
                return await self._compile(parameters, started)

            async with self._artefacts.use(name, compile_it) as artefact:
                if artefact.path is None:
                    return Result(COMPILATION_ERROR, compile_output=artefact.output)
                return await self._run(parameters, artefact, started)
        except SandboxFailed as error:
            return Result(INTERNAL_ERROR, message=f"The sandbox failed: {error}.")
        except OSError as error:
            return Result(INTERNAL_ERROR, message=f"The engine failed: {error.strerror}.")

    async def _compile(self, parameters: Parameters, started: Callable[[], None]) -> Compiled:
        job = parameters.language.compile_job(parameters.source, parameters.compiler_options or "")
        async with self._compile_slot() as slot:
            started()
            outcome = await self._sandbox.run(job, slot)
        if outcome.killed in (Killed.CPU, Killed.WALL):
            return Compiled(None, b"Compilation time limit exceeded.", is_final=False)
        output = outcome.stdout[:MAX_COMPILE_OUTPUT_BYTES]
        if outcome.exec_errno:
            raise SandboxFailed("the compiler could not be started")
        succeeded = outcome.exit_code == 0 and outcome.signal is None and not outcome.killed
        if succeeded and outcome.collected is None:
            output += f"The compiler left no program of at most {job.limits.file_bytes} bytes.".encode()
        return Compiled(outcome.collected if succeeded else None, output, is_final=not outcome.oom)

    async def _run(
        self, parameters: Parameters, artefact: Artefact | None, started: Callable[[], None]
    ) -> Result:
        job = _run_job(parameters, artefact)
        compile_output = artefact.output if artefact is not None else b""
        results: list[Result] = []
        while len(results) < parameters.number_of_runs:
            async with self._run_slot() as slot:
                started()
                outcome = await self._sandbox.run(job, slot)
            # Comparing millions of lines takes seconds, in which others shall be answered.
            results.append(await asyncio.to_thread(_result, parameters, outcome, compile_output))
            if results[-1].status != ACCEPTED:
                break
        return _average(results)


def _artefact_name(parameters: Parameters, client: str) -> str:
    language = parameters.language
    command = language.compile_command(parameters.compiler_options or "")
    return key(
        client.encode(),
        str(language.id).encode(),
        language.fingerprint().encode(),
        "\0".join(command).encode(),
        parameters.source,
    )


def _run_job(parameters: Parameters, artefact: Artefact | None) -> Job:
    language = parameters.language
    limits = Limits(
        # Judge0 does not add the extra time: the larger of the two kills, the first one judges.
        cpu_ms=(
            round(1000 * max(parameters.cpu_time_limit_s, parameters.cpu_extra_time_s))
            if parameters.cpu_time_limit_s
            else 0
        ),
        wall_ms=round(1000 * parameters.wall_time_limit_s),
        memory_kib=parameters.memory_limit_kib,
        stack_kib=parameters.stack_limit_kib,
        processes=parameters.processes,
        file_bytes=1024 * parameters.file_size_kib or 4 * MIB,  # 0: no limit but the server's
    )
    source = (f"/box/{language.recipe.source_file}", parameters.source)
    return Job(
        argv=language.run_command(parameters.command_line_arguments or ""),
        limits=limits,
        stdin=parameters.stdin or b"",
        files=() if artefact else (source,),
        binds=((artefact.path, f"/box/{PROGRAM}"),) if artefact and artefact.path else (),
        merge_stderr=parameters.redirect_stderr_to_stdout,
    )


def _result(parameters: Parameters, outcome: Outcome, compile_output: bytes) -> Result:
    limit_ms = 1000 * parameters.cpu_time_limit_s
    is_over_cpu = bool(limit_ms) and outcome.cpu_ms > limit_ms
    is_over_wall = outcome.killed is Killed.WALL or outcome.wall_ms > 1000 * parameters.wall_time_limit_s
    measured = Result(
        status=ACCEPTED,
        stdout=outcome.stdout,
        stderr=outcome.stderr,
        compile_output=compile_output,
        exit_code=0,
        cpu_time_s=outcome.cpu_ms / 1000,
        wall_time_s=outcome.wall_ms / 1000,
        memory_kib=outcome.memory_kib,
        facts=Facts(
            killed=_killed(outcome, is_over_cpu=is_over_cpu, is_over_wall=is_over_wall),
            signal=outcome.signal if outcome.killed is None else None,
            oom=outcome.oom,
            stdout_truncated=outcome.stdout_truncated,
            stderr_truncated=outcome.stderr_truncated,
        ),
    )
    if is_over_cpu or outcome.killed is Killed.CPU:
        return replace(measured, status=TIME_LIMIT, message="Time limit exceeded")
    if is_over_wall:
        return replace(measured, status=TIME_LIMIT, message="Time limit exceeded (wall clock)")
    exit_code = _exit_code(outcome)
    if exit_code:
        message = f"Exited with error status {exit_code}"
        if measured.facts and measured.facts.killed == "memory":
            message += " (memory limit exceeded)"
        return replace(measured, status=NON_ZERO_EXIT, exit_code=exit_code, message=message)
    expected = parameters.expected_output
    if expected is not None and not _same(expected, outcome.stdout):
        return replace(measured, status=WRONG_ANSWER)
    return measured


def _exit_code(outcome: Outcome) -> int:
    """As bash would report it, which is how Judge0 runs programs."""
    if outcome.exec_errno:
        return _COMMAND_NOT_FOUND if outcome.exec_errno == 2 else _CANNOT_EXECUTE
    if outcome.signal is not None:
        return 128 + outcome.signal
    if outcome.exit_code:
        return outcome.exit_code
    if outcome.stdout_truncated or outcome.stderr_truncated:
        return 128 + signal.SIGXFSZ  # it wrote the one byte more that we let through
    return 0


def _killed(outcome: Outcome, *, is_over_cpu: bool, is_over_wall: bool) -> str | None:
    if outcome.killed is not None:
        return outcome.killed.value
    if is_over_cpu:
        return Killed.CPU.value
    if is_over_wall:
        return Killed.WALL.value
    if outcome.oom and (outcome.signal == signal.SIGKILL or outcome.exit_code):
        return Killed.MEMORY.value
    if outcome.stdout_truncated or outcome.stderr_truncated:
        return "output"
    return None


def _same(expected: bytes, stdout: bytes) -> bool:
    """Judge0's comparison: blanks at the ends of lines and of the whole do not count, and an empty
    output equals nothing, not even nothing.

    Looks no further than the first line that differs, so a program's output cannot make it slow.
    """
    if not stdout:
        return False
    expected, stdout = expected.rstrip(_TRIMMED) + b"\n", stdout.rstrip(_TRIMMED) + b"\n"
    return expected.count(b"\n") == stdout.count(b"\n") and all(
        ours.rstrip(_TRIMMED) == theirs.rstrip(_TRIMMED)
        for ours, theirs in zip(io.BytesIO(expected), io.BytesIO(stdout), strict=True)
    )


def _average(results: list[Result]) -> Result:
    """The last result with the means of times and memory over all of them."""
    count = len(results)
    return replace(
        results[-1],
        cpu_time_s=sum(result.cpu_time_s or 0 for result in results) / count,
        wall_time_s=results[-1].wall_time_s,
        memory_kib=round(sum(result.memory_kib or 0 for result in results) / count),
    )
