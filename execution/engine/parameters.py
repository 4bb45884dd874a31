"""A submission as clients send it: Judge0's parameters, their defaults, bounds and error texts.

What cannot be accepted is Invalid, with a message per field in Judge0's words. Where Judge0 answers
bad input with an exception (500), we answer with such a message too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from . import config, wire
from .toolchain import Language, split_words

_BLANK = b" \t\n\v\f\r\0"


class Invalid(Exception):
    """The body of a 422: messages by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


class NotUtf8(Exception):
    """The request holds text that is not Unicode: a 400."""


@dataclass(frozen=True)
class Parameters:
    language: Language
    source: bytes
    stdin: bytes | None
    expected_output: bytes | None
    cpu_time_limit_s: float
    cpu_extra_time_s: float
    wall_time_limit_s: float
    memory_limit_kib: int
    stack_limit_kib: int
    processes: int
    file_size_kib: int
    number_of_runs: int
    compiler_options: str | None
    command_line_arguments: str | None
    redirect_stderr_to_stdout: bool

    @property
    def size(self) -> int:
        """Bytes of text held."""
        return len(self.source) + len(self.stdin or b"") + len(self.expected_output or b"")


@dataclass(frozen=True)
class _Bound:
    field: str
    default: float
    most: float
    least: float | None = 0
    is_integer: bool = False
    """Judge0 shows the bounds of whole numbers without decimals."""

    def errors(self, number: Decimal) -> list[str]:
        if self.least is None:
            if number <= 0:
                return ["must be greater than 0"]
        elif number < Decimal(str(self.least)):
            return [f"must be greater than or equal to {self.least}"]
        if number > Decimal(str(self.most)):
            return [f"must be less than or equal to {self.most}"]
        return []


_BOUNDS = (
    _Bound("number_of_runs", config.NUMBER_OF_RUNS, config.MAX_NUMBER_OF_RUNS, None, is_integer=True),
    _Bound("cpu_time_limit", config.CPU_TIME_LIMIT_S, config.MAX_CPU_TIME_LIMIT_S),
    _Bound("cpu_extra_time", config.CPU_EXTRA_TIME_S, config.MAX_CPU_EXTRA_TIME_S),
    _Bound(
        "wall_time_limit",
        config.WALL_TIME_LIMIT_S,
        config.MAX_WALL_TIME_LIMIT_S,
        config.MIN_WALL_TIME_LIMIT_S,
    ),
    _Bound(
        "memory_limit",
        config.MEMORY_LIMIT_KIB,
        config.MAX_MEMORY_LIMIT_KIB,
        config.MIN_MEMORY_LIMIT_KIB,
        is_integer=True,
    ),
    _Bound("stack_limit", config.STACK_LIMIT_KIB, config.MAX_STACK_LIMIT_KIB, is_integer=True),
    _Bound("max_processes_and_or_threads", config.PROCESSES, config.MAX_PROCESSES, None, is_integer=True),
    _Bound("max_file_size", config.FILE_SIZE_KIB, config.MAX_FILE_SIZE_KIB, is_integer=True),
)

# Features that can be asked for and are refused: field, what asks for it, Judge0's message.
_REFUSED: tuple[tuple[str, Callable[[object], bool], str], ...] = (
    ("enable_per_process_and_thread_time_limit", wire.cast_flag, "this option cannot be enabled"),
    ("enable_per_process_and_thread_memory_limit", wire.cast_flag, "this option cannot be enabled"),
    ("enable_network", wire.cast_flag, "enabling network is not allowed"),
    ("callback_url", lambda value: bool((wire.cast_text(value) or "").strip()),
     "setting callback is not allowed"),
    ("additional_files", lambda value: bool((wire.cast_text(value) or "").strip()),
     "setting additional files is not allowed"),
)  # fmt: skip


def parse(body: Mapping[str, object], languages: Mapping[int, Language], *, is_base64: bool) -> Parameters:
    """The parameters in `body`. Raises Invalid or NotUtf8.

    `is_base64` is about source_code, stdin and expected_output.
    """
    errors: dict[str, list[str]] = {}
    source = _bytes(body, "source_code", is_base64=is_base64)
    if not (source or b"").strip(_BLANK):
        errors["source_code"] = ["can't be blank"]
    language = _language(body, languages, errors)
    numbers = _numbers(body, errors)
    compiler_options = _words(body, "compiler_options", errors)
    if language is not None and not language.is_compiled and (compiler_options or "").strip():
        errors.setdefault("compiler_options", []).append(
            "setting compiler options is only allowed for compiled languages"
        )
    arguments = _words(body, "command_line_arguments", errors)
    for field, asks_for_it, message in _REFUSED:
        if asks_for_it(body.get(field)):
            errors[field] = [message]
    if errors or source is None or language is None:
        raise Invalid(errors)
    return Parameters(
        language=language,
        source=source,
        stdin=_bytes(body, "stdin", is_base64=is_base64),
        expected_output=_bytes(body, "expected_output", is_base64=is_base64),
        cpu_time_limit_s=float(numbers["cpu_time_limit"]),
        cpu_extra_time_s=float(numbers["cpu_extra_time"]),
        wall_time_limit_s=float(numbers["wall_time_limit"]),
        memory_limit_kib=int(numbers["memory_limit"]),
        stack_limit_kib=int(numbers["stack_limit"]),
        processes=int(numbers["max_processes_and_or_threads"]),
        file_size_kib=int(numbers["max_file_size"]),
        number_of_runs=int(numbers["number_of_runs"]),
        compiler_options=compiler_options,
        command_line_arguments=arguments,
        redirect_stderr_to_stdout=wire.cast_flag(body.get("redirect_stderr_to_stdout")),
    )


def _bytes(body: Mapping[str, object], field: str, *, is_base64: bool) -> bytes | None:
    text = wire.cast_text(body.get(field))
    if text is None:
        return None
    if is_base64:
        return wire.decode_base64(text)
    try:
        return text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can spell
        raise NotUtf8(field) from error


def _language(
    body: Mapping[str, object], languages: Mapping[int, Language], errors: dict[str, list[str]]
) -> Language | None:
    number = wire.cast_language_id(body.get("language_id"))
    if number is not None and number in languages:
        return languages[number]
    shown = "" if number is None else number
    blank = ["can't be blank"] if number is None else []
    errors["language_id"] = [*blank, f"language with id {shown} doesn't exist"]
    return None


def _numbers(body: Mapping[str, object], errors: dict[str, list[str]]) -> dict[str, Decimal]:
    numbers = {}
    for bound in _BOUNDS:
        value = body.get(bound.field)
        if value is None or isinstance(value, list | dict) or value == "":
            numbers[bound.field] = Decimal(str(bound.default))
            continue
        number = wire.cast_number(value)
        found = ["is not a number"] if number is None else bound.errors(number)
        if found:
            errors[bound.field] = found
        elif number is not None:
            # 0.5 is more than 0, but as a whole number of runs or processes it is none.
            whole = max(Decimal(int(number)), Decimal(1 if bound.least is None else 0))
            numbers[bound.field] = whole if bound.is_integer else number
    return numbers


def _words(body: Mapping[str, object], field: str, errors: dict[str, list[str]]) -> str | None:
    text = wire.cast_text(body.get(field))
    if text is None:
        return None
    if len(text) > config.MAX_OPTIONS_CHARACTERS:  # and no further look: splitting is quadratic
        errors[field] = [f"is too long (maximum is {config.MAX_OPTIONS_CHARACTERS} characters)"]
        return text
    found = []
    if "\0" in text:
        found.append("must not contain NUL")
    try:
        text.encode()
        split_words(text)
    except UnicodeEncodeError as error:
        raise NotUtf8(field) from error
    except ValueError:
        found.append("has a quote that is not closed")
    if found:
        errors[field] = found
    return text
