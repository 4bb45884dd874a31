"""The terms on which submissions are taken: switches, defaults and bounds, under Judge0's names.

Each can be set as ENGINE_<NAME>, and `/config_info` tells them all. The defaults of a submission's
parameters are Judge0's; some upper bounds are higher (a Judge0 can be configured so too): 20 s for a
question are 60 s in a slow language.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from .callback_hosts import NOWHERE, CallbackHosts
from .problems import Problem

PREFIX = "ENGINE_"
_MOST = 10**9
"""Of any number: what is larger overflows somewhere once it is in bytes or milliseconds."""

LEAST: Mapping[str, int | None] = {
    "number_of_runs": None,
    "cpu_time_limit": 0,
    "cpu_extra_time": 0,
    "wall_time_limit": 1,
    "memory_limit": 2048,
    "stack_limit": 0,
    "max_processes_and_or_threads": None,
    "max_file_size": 0,
}
"""The numbers that a submission may carry, in Judge0's order, and the least each may be; None: above 0."""


@dataclass(frozen=True)
class Terms:
    """Times in seconds, sizes in KiB; whole numbers stay whole."""

    maintenance_mode: bool = False
    enable_wait_result: bool = True
    enable_compiler_options: bool = True
    allowed_languages_for_compiler_options: tuple[str, ...] = ()
    """First words of languages' names; empty: all compiled ones."""
    enable_command_line_arguments: bool = True
    enable_submission_delete: bool = True
    callback_hosts: CallbackHosts = NOWHERE
    callbacks_max_tries: int = 3
    callbacks_timeout: float = 5.0
    enable_additional_files: bool = True
    cpu_time_limit: float = 5.0
    max_cpu_time_limit: float = 60.0
    cpu_extra_time: float = 1.0
    max_cpu_extra_time: float = 5.0
    wall_time_limit: float = 10.0
    max_wall_time_limit: float = 125.0
    memory_limit: int = 128_000
    max_memory_limit: int = 2 * 1024 * 1024
    stack_limit: int = 64_000
    max_stack_limit: int = 128_000
    max_processes_and_or_threads: int = 60
    max_max_processes_and_or_threads: int = 120
    enable_per_process_and_thread_time_limit: bool = False
    allow_enable_per_process_and_thread_time_limit: bool = True
    enable_per_process_and_thread_memory_limit: bool = False
    allow_enable_per_process_and_thread_memory_limit: bool = True
    max_file_size: int = 1024
    max_max_file_size: int = 16 * 1024
    number_of_runs: int = 1
    max_number_of_runs: int = 20
    redirect_stderr_to_stdout: bool = False
    max_extract_size: int = 10_240
    """Of each file that is unpacked from additional_files."""
    enable_batched_submissions: bool = True
    max_submission_batch_size: int = 20

    @classmethod
    def read(cls, settings: Mapping[str, str]) -> Self:
        """The terms in `settings`, by their names in the environment. Raises Problem, also for other names."""
        known = {PREFIX + field.name.upper() for field in fields(cls)}
        if unknown := sorted(settings.keys() - known):
            raise Problem(f"No setting of the engine is called {', '.join(unknown)}: see docs/engine.md.")
        given = {
            field.name: _value(name, settings[name].strip(), field.default)
            for field in fields(cls)
            if settings.get(name := PREFIX + field.name.upper(), "").strip()
        }
        terms = cls(**given)
        terms._check()
        return terms

    def default(self, number: str) -> float:
        """Of one of the numbers in LEAST."""
        return float(getattr(self, number))

    def most(self, number: str) -> int | float:
        """The largest value of one of the numbers in LEAST; an int where it must be whole."""
        most: int | float = getattr(self, f"max_{number}")
        return most

    def info(self) -> dict[str, Any]:
        """As `/config_info` tells them."""
        told = asdict(self)
        allowed = told.pop("allowed_languages_for_compiler_options")
        del told["callback_hosts"]  # where they are is nobody's business
        return told | {
            "allowed_languages_for_compile_options": list(allowed),
            "enable_callbacks": bool(self.callback_hosts.hosts),
        }

    def _check(self) -> None:
        for name, least in LEAST.items():
            default, most = getattr(self, name), self.most(name)
            smallest = 1 if least is None else least
            if not smallest <= default <= most:
                raise Problem(
                    f"{PREFIX}{name.upper()} is {default}; it must be {smallest} to {most}, "
                    f"which is {PREFIX}MAX_{name.upper()}."
                )
        for name in ("callbacks_max_tries", "callbacks_timeout", "max_submission_batch_size"):
            if not getattr(self, name):
                raise Problem(f"{PREFIX}{name.upper()} must be above 0.")
        for limit in ("time", "memory"):
            name = f"enable_per_process_and_thread_{limit}_limit"
            if getattr(self, name) and not getattr(self, f"allow_{name}"):
                raise Problem(f"{PREFIX}{name.upper()} needs {PREFIX}ALLOW_{name.upper()}.")


def _value(name: str, text: str, default: object) -> Any:
    """The value of setting `name` in `default`'s type. Raises Problem."""
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise Problem(f"{name} is {text!r}; it must be true or false.")
        return text.lower() == "true"
    if isinstance(default, tuple):
        return tuple(text.split())
    if isinstance(default, CallbackHosts):
        return CallbackHosts.read(text)
    return _number(name, text, whole=isinstance(default, int))


def _number(name: str, text: str, *, whole: bool) -> int | float:
    try:
        number = int(text) if whole else float(text)
    except ValueError as error:
        raise Problem(f"{name} is {text!r}; it must be a {'whole ' * whole}number.") from error
    if not 0 <= number <= _MOST or math.isnan(number):
        raise Problem(f"{name} is {text}; it must be 0 to {_MOST}.")
    return number
