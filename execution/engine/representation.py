"""A submission as Judge0 shows it: which fields, in which order, in which spelling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from . import wire
from .queue import Submission
from .verdict import STATUSES, Facts, Result

_Encode = Callable[[bytes], str | wire.LongText]


class UnknownFields(Exception):
    """Names in `fields=` that no submission has."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(names)
        self.names = names


DEFAULT_FIELDS = (
    "stdout",
    "time",
    "memory",
    "stderr",
    "token",
    "compile_output",
    "message",
    "status",
)

OWN_FIELDS = ("engine", "interactor")
"""That Judge0 does not have."""

_MOST_NAMES, _MOST_SHOWN = 100, 200
"""Of `fields`: names that are told apart, and characters of one that is unknown."""

_NOT_JUDGED = Result(status=0)
_NO_FACTS = Facts(killed=None, signal=None, oom=False, stdout_truncated=False, stderr_truncated=False)


def chosen_fields(wanted: str | None) -> tuple[str, ...]:
    """The fields that `wanted` names (a comma list, `*` for all of Judge0's), always in Judge0's order.

    Our own must be named: Judge0's Python SDK asks for `*` and fails at a field that it does not know.
    Raises UnknownFields.
    """
    names = [name for name in (wanted or "").split(",", _MOST_NAMES) if name]
    if unknown := [name[:_MOST_SHOWN] for name in names if name != "*" and name not in _FIELDS]:
        raise UnknownFields(unknown)
    chosen = {*names} or {*DEFAULT_FIELDS}
    if "*" in chosen:
        chosen |= _FIELDS.keys() - {*OWN_FIELDS}
    return tuple(name for name in _FIELDS if name in chosen)


def represent(submission: Submission, fields: tuple[str, ...], *, is_base64: bool) -> dict[str, object]:
    """The JSON object of a submission, for `answers.pieces` to write: its texts may be long ones.

    Raises wire.NotText for bytes asked for as plain text.
    """
    encode = wire.base64_text if is_base64 else wire.plain_text
    return {name: _FIELDS[name](submission, encode) for name in fields}


def _result(submission: Submission) -> Result:
    return submission.result or _NOT_JUDGED


def _text(data: bytes | None, encode: _Encode) -> str | wire.LongText | None:
    return encode(data) if data is not None else None


def _output(data: bytes, encode: _Encode) -> str | wire.LongText | None:
    """Judge0 shows no output, and the source of a multi-file program, as null."""
    return encode(data) if data else None


def _message(submission: Submission, encode: _Encode) -> str | wire.LongText | None:
    message = _result(submission).message
    return encode(message.encode()) if message is not None else None


def _seconds(value: float | None) -> str | None:
    return wire.decimal_text(value) if value is not None else None


def _facts(submission: Submission) -> dict[str, object] | None:
    """This engine's own field; null until there is a result."""
    if submission.result is None:
        return None
    return asdict(submission.result.facts or _NO_FACTS)


def _interacted(submission: Submission) -> dict[str, object] | None:
    """What became of the interactor, its texts in base64; null where there is none, or no result yet."""
    it = _result(submission).interacted
    if it is None:
        return None
    return {
        "exit_code": it.exit_code,
        "signal": it.signal,
        "killed": it.killed,
        "ended_first": it.ended_first,
        "time": wire.decimal_text(it.cpu_time_s),
        "wall_time": wire.decimal_text(it.wall_time_s),
        "memory": it.memory_kib,
        "stderr": wire.encode_base64(it.stderr),
        "files": {name: wire.encode_base64(data) for name, data in it.files},
        "feedback_complete": it.feedback_complete,
        "compile_output": None if it.compile_output is None else wire.encode_base64(it.compile_output),
    }


_FIELDS: dict[str, Callable[[Submission, _Encode], object]] = {
    "source_code": lambda it, encode: _output(it.parameters.source, encode),
    "language_id": lambda it, _: it.parameters.language.id,
    "stdin": lambda it, encode: _text(it.parameters.stdin, encode),
    "expected_output": lambda it, encode: _text(it.parameters.expected_output, encode),
    "stdout": lambda it, encode: _output(_result(it).stdout, encode),
    "status_id": lambda it, _: it.status,
    "created_at": lambda it, _: wire.timestamp(it.created_at),
    "finished_at": lambda it, _: wire.timestamp(it.finished_at),
    "time": lambda it, _: _seconds(_result(it).cpu_time_s),
    "memory": lambda it, _: _result(it).memory_kib,
    "stderr": lambda it, encode: _output(_result(it).stderr, encode),
    "token": lambda it, _: it.token,
    "number_of_runs": lambda it, _: it.parameters.number_of_runs,
    "cpu_time_limit": lambda it, _: _seconds(it.parameters.cpu_time_limit_s),
    "cpu_extra_time": lambda it, _: _seconds(it.parameters.cpu_extra_time_s),
    "wall_time_limit": lambda it, _: _seconds(it.parameters.wall_time_limit_s),
    "memory_limit": lambda it, _: it.parameters.memory_limit_kib,
    "stack_limit": lambda it, _: it.parameters.stack_limit_kib,
    "max_processes_and_or_threads": lambda it, _: it.parameters.processes,
    "enable_per_process_and_thread_time_limit": lambda it, _: it.parameters.limits_each_process_time,
    "enable_per_process_and_thread_memory_limit": lambda it, _: it.parameters.limits_each_process_memory,
    "max_file_size": lambda it, _: it.parameters.file_size_kib,
    "compile_output": lambda it, encode: _output(_result(it).compile_output, encode),
    "exit_code": lambda it, _: _result(it).exit_code,
    "exit_signal": lambda _, __: None,  # always null in Judge0 too: bash turns signals into 128 + n
    "message": _message,
    "wall_time": lambda it, _: _seconds(_result(it).wall_time_s),
    "compiler_options": lambda it, _: it.parameters.compiler_options,
    "command_line_arguments": lambda it, _: it.parameters.command_line_arguments,
    "redirect_stderr_to_stdout": lambda it, _: it.parameters.redirect_stderr_to_stdout,
    "callback_url": lambda it, _: it.parameters.callback_url,
    "additional_files": lambda it, _: _text(it.parameters.additional_files, wire.base64_text),
    "enable_network": lambda _, __: False,
    "status": lambda it, _: {"id": it.status, "description": STATUSES[it.status]},
    "language": lambda it, _: {
        "id": it.parameters.language.id,
        "name": it.parameters.language.name,
    },
    "engine": lambda it, _: _facts(it),
    "interactor": lambda it, _: _interacted(it),
}

FIELD_NAMES = tuple(_FIELDS)
