"""A submission as clients send it: Judge0's parameters, their defaults, bounds and error texts.

What cannot be accepted is Invalid, with a message per field in Judge0's words. Where Judge0 answers
bad input with an exception (500), we answer with such a message too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from . import config, wire
from .terms import LEAST, Terms
from .toolchain import Language, split_words

_LAST_EXIT_CODE = 255
_BLANK = b" \t\n\v\f\r\0"
_FLAGS = (
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "redirect_stderr_to_stdout",
)


class Invalid(Exception):
    """The body of a 422: messages by field."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


class NotUtf8(Exception):
    """The request holds text that is not Unicode: a 400."""


@dataclass(frozen=True)
class Interactor:
    """Whoever the program shall talk with: a multi-file program of the client's that may take its time."""

    files: bytes
    """A zip, as far as anybody knows; not empty."""
    input: bytes
    answer: bytes
    arguments: tuple[str, ...]
    accepts: int
    """The exit code that says that it has no objection."""
    cpu_time_limit_s: float
    memory_limit_kib: int
    file_size_kib: int

    @property
    def size(self) -> int:
        return len(self.files) + len(self.input) + len(self.answer)


@dataclass(frozen=True)
class Parameters:
    language: Language
    source: bytes
    stdin: bytes | None
    expected_output: bytes | None
    additional_files: bytes | None
    """A zip, as far as anybody knows; not empty."""
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
    callback_url: str | None = None
    interactor: Interactor | None = None
    limits_each_process_time: bool = False
    """cpu_time_limit is for each process, not for all together."""
    limits_each_process_memory: bool = False
    """memory_limit is for each process's address space; for all together there is only `most_memory_kib`."""
    most_memory_kib: int = Terms.max_memory_limit
    most_file_size_kib: int = Terms.max_max_file_size

    @property
    def size(self) -> int:
        """Bytes of text held."""
        texts = (self.source, self.stdin, self.expected_output, self.additional_files)
        own = sum(len(text) for text in texts if text)
        return own + (self.interactor.size if self.interactor else 0)

    def without_texts(self) -> Parameters:
        """Of size 0."""
        return replace(
            self, source=b"", stdin=None, expected_output=None, additional_files=None, interactor=None
        )


def parse(
    body: Mapping[str, object], languages: Mapping[int, Language], terms: Terms, *, is_base64: bool
) -> Parameters:
    """The parameters in `body`, as far as `terms` allow them. Raises Invalid or NotUtf8.

    `is_base64` is about source_code, stdin and expected_output.
    """
    errors: dict[str, list[str]] = {}
    language = _language(body, languages, errors)
    source = _source(body, language, errors, is_base64=is_base64)
    additional_files = _additional_files(body, language, terms, errors)
    numbers = _numbers(body, terms, errors)
    compiler_options = _compiler_options(body, language, terms, errors)
    arguments = _arguments(body, terms, errors)
    each_time, each_memory, merges_stderr = (_flag(body, field, terms, errors) for field in _FLAGS)
    callback_url = _callback_url(body, terms, errors)
    interactor = _interactor(body.get("interactor"), languages, terms, errors)
    if wire.cast_flag(body.get("enable_network")):
        errors["enable_network"] = ["enabling network is not allowed"]
    if errors or language is None:
        raise Invalid(errors)
    return Parameters(
        language=language,
        source=source,
        stdin=_bytes(body, "stdin", is_base64=is_base64),
        expected_output=_bytes(body, "expected_output", is_base64=is_base64),
        additional_files=additional_files,
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
        redirect_stderr_to_stdout=merges_stderr,
        callback_url=callback_url,
        interactor=interactor,
        limits_each_process_time=each_time,
        limits_each_process_memory=each_memory,
        most_memory_kib=terms.max_memory_limit,
        most_file_size_kib=terms.max_max_file_size,
    )


def _source(
    body: Mapping[str, object], language: Language | None, errors: dict[str, list[str]], *, is_base64: bool
) -> bytes:
    """The source; empty for a program that has none."""
    source = _bytes(body, "source_code", is_base64=is_base64) or b""
    is_blank = not source.strip(_BLANK)
    has_none = language is not None and language.recipe.is_multi_file
    if is_blank is not has_none:
        errors["source_code"] = ["must be blank" if has_none else "can't be blank"]
    return b"" if has_none else source


def _additional_files(
    body: Mapping[str, object], language: Language | None, terms: Terms, errors: dict[str, list[str]]
) -> bytes | None:
    """Always base64, whatever the other fields are."""
    text = wire.cast_text(body.get("additional_files")) or ""
    if text.strip() and not terms.enable_additional_files:
        errors["additional_files"] = ["setting additional files is not allowed"]
        return None
    archive = wire.decode_base64(text)
    if not archive and language is not None and language.recipe.is_multi_file:
        errors["additional_files"] = ["can't be blank"]
    return archive or None


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


def _numbers(body: Mapping[str, object], terms: Terms, errors: dict[str, list[str]]) -> dict[str, Decimal]:
    numbers = {}
    for field, least in LEAST.items():
        value = body.get(field)
        if value is None or isinstance(value, list | dict) or value == "":
            numbers[field] = Decimal(str(terms.default(field)))
            continue
        number = wire.cast_number(value)
        most = terms.most(field)
        if number is None:
            errors[field] = ["is not a number"]
        elif refusal := _outside(number, least, most):
            errors[field] = [refusal]
        else:
            # 0.5 is more than 0, but as a whole number of runs or processes it is none.
            whole = max(Decimal(int(number)), Decimal(1 if least is None else 0))
            numbers[field] = whole if isinstance(most, int) else number
    return numbers


def _outside(number: Decimal, least: int | None, most: float) -> str | None:
    """What is wrong with `number`; Judge0 shows the bounds of whole numbers without decimals."""
    if least is None and number <= 0:
        return "must be greater than 0"
    if least is not None and number < least:
        return f"must be greater than or equal to {least}"
    if number > Decimal(str(most)):
        return f"must be less than or equal to {most}"
    return None


def _flag(body: Mapping[str, object], field: str, terms: Terms, errors: dict[str, list[str]]) -> bool:
    """A switch whose default is in the terms, and which they may forbid."""
    text = wire.cast_text(body.get(field))
    value: bool = wire.cast_flag(text) if text else getattr(terms, field)
    if value and not getattr(terms, f"allow_{field}", True):
        errors[field] = ["this option cannot be enabled"]
    return value


def _compiler_options(
    body: Mapping[str, object], language: Language | None, terms: Terms, errors: dict[str, list[str]]
) -> str | None:
    options = _words(body, "compiler_options", errors)
    if options and options.strip() and (refusal := _options_refused(language, terms)):
        errors.setdefault("compiler_options", []).append(refusal)
    return options


def _arguments(body: Mapping[str, object], terms: Terms, errors: dict[str, list[str]]) -> str | None:
    arguments = _words(body, "command_line_arguments", errors)
    if arguments and arguments.strip() and not terms.enable_command_line_arguments:
        refusal = "setting command line arguments is not allowed"
        errors.setdefault("command_line_arguments", []).append(refusal)
    return arguments


def _callback_url(body: Mapping[str, object], terms: Terms, errors: dict[str, list[str]]) -> str | None:
    url = (wire.cast_text(body.get("callback_url")) or "").strip() or None
    if url is not None and (objection := terms.callback_hosts.objection(url)):
        errors["callback_url"] = [objection]
    return url


def _interactor(
    given: object, languages: Mapping[int, Language], terms: Terms, errors: dict[str, list[str]]
) -> Interactor | None:
    """Its texts are always base64; its limits have the bounds and the defaults that programs have."""
    if given is None:
        return None
    if multi_file(languages) is None:
        errors["interactor"] = ["interactors are not offered"]
        return None
    if not isinstance(given, dict):
        errors["interactor"] = ["is not an object"]
        return None
    found: dict[str, list[str]] = {}
    numbers = _numbers(given, terms, found)
    files = wire.decode_base64(wire.cast_text(given.get("files")) or "")
    if not files:
        found["files"] = ["can't be blank"]
    arguments = given.get("arguments") or []
    if not isinstance(arguments, list) or not all(map(_is_word, arguments)):
        found["arguments"] = ["is not a list of texts"]
    elif sum(map(len, arguments)) > config.MAX_OPTIONS_CHARACTERS:
        found["arguments"] = [f"is too long (maximum is {config.MAX_OPTIONS_CHARACTERS} characters)"]
    accepts = given.get("accepts", 0)
    if not isinstance(accepts, int) or not 0 <= accepts <= _LAST_EXIT_CODE:
        found["accepts"] = ["is not an exit code"]
    if found:
        errors["interactor"] = [f"{name} {text}" for name, texts in found.items() for text in texts]
        return None
    return Interactor(
        files=files,
        input=wire.decode_base64(wire.cast_text(given.get("input")) or ""),
        answer=wire.decode_base64(wire.cast_text(given.get("answer")) or ""),
        arguments=tuple(arguments),
        accepts=accepts,
        cpu_time_limit_s=float(numbers["cpu_time_limit"]) or terms.max_cpu_time_limit,
        memory_limit_kib=int(numbers["memory_limit"]),
        file_size_kib=int(numbers["max_file_size"]) or terms.max_max_file_size,
    )


def _is_word(argument: object) -> bool:
    """Whether a program can be given it as an argument."""
    return isinstance(argument, str) and "\0" not in argument and argument.isprintable()


def multi_file(languages: Mapping[int, Language]) -> Language | None:
    """The language that interactors are written in, where it is offered."""
    return next((one for one in languages.values() if one.recipe.is_multi_file), None)


def _options_refused(language: Language | None, terms: Terms) -> str | None:
    if not terms.enable_compiler_options:
        return "setting compiler options is not allowed"
    if language is None:
        return None
    if not language.takes_options:
        return "setting compiler options is only allowed for compiled languages"
    allowed = terms.allowed_languages_for_compiler_options
    if allowed and language.name.split(" ")[0] not in allowed:
        *others, last = allowed
        listed = f"{', '.join(others)} and {last}" if others else last
        return f"setting compiler options is only allowed for {listed}"
    return None


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
