"""One submission from source to Judge0 status: compile (once), run, look at what happened.

    compile fails            6
    over CPU or wall time    5
    ends by a signal s, or with n other than 0    11, exit code 128 + s or n, as bash reports them
    ends with 0              3, or 4 when it was given an expected output and wrote another
    the sandbox failed      13

With an interactor there is no output to compare: 3 where it has no objection, else 4; 4 also, whatever the program
did then, where the interactor had one before the program ended. Whether it is to be believed is the client's to say.

Judge0 has no status for memory or output limits; `Facts` says them exactly, beside its fields.
"""

from __future__ import annotations

import asyncio
import io
import math
import signal
from dataclasses import dataclass, replace

from . import interactors
from .additional_files import Unzip
from .artefacts import ArtefactCache
from .builds import Builder, Built, Rejected
from .conversation import Conversations, Talk
from .headers import Headers
from .interactors import Interacted
from .jobs import Job, Killed, Limits, Outcome, SandboxFailed
from .parameters import Interactor, Parameters
from .sandbox import Sandbox
from .slots import SlotLender, Turn
from .toolchain import Language

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

OUTPUT_LIMIT = "output"

_COMMAND_NOT_FOUND, _CANNOT_EXECUTE = 127, 126
_TRIMMED = b" \t\n\v\f\r\0"

_AT_ONCE_BYTES = 16 * 1024
"""Looked at in half a millisecond at most, no longer than handing it to a thread may take."""


@dataclass(frozen=True)
class Interactions:
    """How programs may talk with interactors, which are written in `language`."""

    conversations: Conversations
    language: Language


@dataclass(frozen=True)
class Facts:
    """What Judge0 has no fields for."""

    killed: str | None
    """The limit that ended the program: a value of Killed, or OUTPUT_LIMIT."""
    signal: int | None
    """That ended the program itself; null when it was box init that killed it."""
    oom: bool
    """A process in the sandbox ended for want of memory: the kernel killed it, or its runtime said so."""
    stdout_truncated: bool
    stderr_truncated: bool


_UNHEARD = Facts(killed=None, signal=None, oom=False, stdout_truncated=False, stderr_truncated=False)
"""What a program did when nobody listened any more is nothing that counts."""


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
    interacted: Interacted | None = None

    @property
    def size(self) -> int:
        """Bytes of text held."""
        own = len(self.stdout) + len(self.stderr) + len(self.compile_output)
        return own + (self.interacted.size if self.interacted else 0)


class Judge:
    def __init__(
        self,
        sandbox: Sandbox,
        artefacts: ArtefactCache,
        slot: SlotLender,
        unzip: Unzip | None = None,
        headers: Headers | None = None,
        interactions: Interactions | None = None,
    ) -> None:
        """Without `interactions`, no submission may bring an interactor."""
        self._sandbox = sandbox
        self._interactions = interactions
        self._builder = Builder(sandbox, artefacts, slot, unzip, headers)
        self._slot = slot

    async def judge(self, parameters: Parameters, client: str, turn: Turn) -> Result:
        """Judge one submission of `client`, when it is its `turn`.

        Trouble with the sandbox, and what the operating system refuses, is the result "internal error".
        """
        try:
            async with self._builder.built(parameters, client, turn) as built:
                if parameters.interactor and self._interactions:
                    return await self._interact(
                        parameters, built, parameters.interactor, self._interactions, client, turn
                    )
                return await self._run(parameters, built, turn)
        except Rejected as rejected:
            return Result(COMPILATION_ERROR, compile_output=rejected.output)
        except SandboxFailed as error:
            return Result(INTERNAL_ERROR, message=f"The sandbox failed: {error}.")
        except OSError as error:
            return Result(INTERNAL_ERROR, message=f"The engine failed: {error.strerror}.")

    async def _run(self, parameters: Parameters, built: Built, turn: Turn) -> Result:
        job = _run_job(parameters, built)
        results: list[Result] = []
        while len(results) < parameters.number_of_runs:
            async with self._slot(turn) as slot:
                outcome = await self._sandbox.run(job, slot)
            results.append(await _looked_at(parameters, outcome, built.output))
            if results[-1].status != ACCEPTED:
                break
        return _average(results)

    async def _interact(
        self,
        parameters: Parameters,
        built: Built,
        interactor: Interactor,
        how: Interactions,
        client: str,
        turn: Turn,
    ) -> Result:
        program = _run_job(parameters, built)
        project = interactors.as_project(interactor, parameters, how.language)
        try:
            async with self._builder.built(project, client, turn) as ready:
                other = interactors.job(interactor, how.language, ready.program, program.limits.wall_ms)
                async with how.conversations.partner() as partner, self._slot(turn) as slot:
                    talk = await how.conversations.hold(program, slot, other, partner, interactor.accepts)
        except Rejected as rejected:
            return Result(
                INTERNAL_ERROR,
                message="The interactor does not compile.",
                interacted=Interacted(compile_output=rejected.output),
            )
        result = _result(parameters, _said(talk), built.output)
        objects = not talk.interactor.ended_with(interactor.accepts) and not talk.program_said_too_much
        if objects and (talk.interactor_ended_first or result.status == ACCEPTED):
            result = replace(result, status=WRONG_ANSWER, message=None, exit_code=0, facts=_UNHEARD)
        return replace(result, interacted=interactors.told(talk))


async def _looked_at(parameters: Parameters, outcome: Outcome, compile_output: bytes) -> Result:
    """`_result`, in a thread where it may take long: others shall be answered meanwhile."""
    compared = len(outcome.stdout) + len(outcome.stderr) + len(parameters.expected_output or b"")
    if compared <= _AT_ONCE_BYTES:
        return _result(parameters, outcome, compile_output)
    return await asyncio.to_thread(_result, parameters, outcome, compile_output)


def _said(talk: Talk) -> Outcome:
    """What came of the program, where what it told its interactor is its output."""
    if not talk.program_said_too_much:
        return talk.program
    return replace(talk.program, stdout_truncated=True, killed=None, signal=None, exit_code=0)


def _run_job(parameters: Parameters, built: Built) -> Job:
    job = parameters.language.run_job(
        parameters.source,
        built.program,
        _limits(parameters),
        parameters.command_line_arguments or "",
        built.files,
    )
    return replace(job, stdin=parameters.stdin or b"", merge_stderr=parameters.redirect_stderr_to_stdout)


def _limits(parameters: Parameters) -> Limits:
    # Judge0 does not add the extra time: the larger of the two kills, the first one judges.
    limit_s = parameters.cpu_time_limit_s
    cpu_s = max(limit_s, parameters.cpu_extra_time_s) if limit_s else 0
    limits = Limits(
        cpu_ms=max(1, round(1000 * cpu_s)) if cpu_s else 0,
        wall_ms=round(1000 * parameters.wall_time_limit_s),
        memory_kib=parameters.memory_limit_kib,
        stack_kib=parameters.stack_limit_kib,
        processes=parameters.processes,
        file_bytes=1024 * (parameters.file_size_kib or parameters.most_file_size_kib),
    )
    if parameters.limits_each_process_time and cpu_s:
        limits = replace(limits, cpu_ms=0, process_cpu_s=math.ceil(cpu_s))
    if parameters.limits_each_process_memory:
        most = max(parameters.most_memory_kib, parameters.memory_limit_kib)
        limits = replace(limits, memory_kib=most, process_memory_kib=parameters.memory_limit_kib)
    return limits


def _is_over_cpu(parameters: Parameters, outcome: Outcome) -> bool:
    limit_ms = 1000 * parameters.cpu_time_limit_s
    is_over = bool(limit_ms) and outcome.cpu_ms > limit_ms
    if not parameters.limits_each_process_time:
        return is_over
    # Together, processes may use more; the kernel ends the one that alone did, by its own clock.
    return outcome.signal == signal.SIGXCPU or (is_over and outcome.signal == signal.SIGKILL)


def _result(parameters: Parameters, outcome: Outcome, compile_output: bytes) -> Result:
    is_over_cpu = _is_over_cpu(parameters, outcome)
    is_over_wall = outcome.killed is Killed.WALL or outcome.wall_ms > 1000 * parameters.wall_time_limit_s
    runtime_gave_up = _runtime_gave_up(parameters, outcome)
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
            killed=_killed(
                outcome,
                is_over_cpu=is_over_cpu,
                is_over_wall=is_over_wall,
                is_over_memory=runtime_gave_up or _kernel_killed_it(outcome),
            ),
            signal=outcome.signal if outcome.killed is None else None,
            oom=outcome.oom or runtime_gave_up,
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
    expected = None if parameters.interactor else parameters.expected_output
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


def _runtime_gave_up(parameters: Parameters, outcome: Outcome) -> bool:
    """Whether the language's runtime ended the program for want of memory; only its words tell."""
    said = outcome.stdout if parameters.redirect_stderr_to_stdout else outcome.stderr
    return bool(_exit_code(outcome)) and parameters.language.ran_out_of_memory(said)


def _kernel_killed_it(outcome: Outcome) -> bool:
    """For want of memory: it, or a process without which it failed."""
    return outcome.oom and (outcome.signal == signal.SIGKILL or outcome.exit_code != 0)


def _killed(outcome: Outcome, *, is_over_cpu: bool, is_over_wall: bool, is_over_memory: bool) -> str | None:
    if outcome.killed is not None:
        return outcome.killed.value
    if is_over_cpu:
        return Killed.CPU.value
    if is_over_wall:
        return Killed.WALL.value
    if is_over_memory:
        return Killed.MEMORY.value
    if outcome.stdout_truncated or outcome.stderr_truncated:
        return OUTPUT_LIMIT
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
