"""What an engine is told at its start, and what it tells its clients about itself.

`EngineConfig` comes from the settings, read by the `runengine` command. The defaults of a submission's
parameters are Judge0's; some upper bounds are higher (a Judge0 can be configured so too): 20 s for a
question are 60 s in a slow language. `/config_info` publishes them.
"""

from __future__ import annotations

from dataclasses import dataclass

JUDGE0_VERSION = "1.13.1"
"""The Judge0 release whose API is answered."""

MAX_SLOTS = 64
"""Sandboxes at once; each slot has a user id of its own out of a range of this size."""


@dataclass(frozen=True)
class EngineConfig:
    host: str
    port: int
    slots: int
    """How many sandboxes may run at once, 1 to MAX_SLOTS."""
    run_dir: str
    """Where to make the engine's own directory; empty: under /run or /tmp."""
    auth_tokens: tuple[str, ...]
    """Accepted values of X-Auth-Token; empty: no authentication."""
    max_queue: int
    """Submissions that may wait; more are refused with 503."""
    cache_bytes: int
    """Compiled programs kept, in bytes."""


CPU_TIME_LIMIT_S, MAX_CPU_TIME_LIMIT_S = 5.0, 60.0
CPU_EXTRA_TIME_S, MAX_CPU_EXTRA_TIME_S = 1.0, 5.0
WALL_TIME_LIMIT_S, MIN_WALL_TIME_LIMIT_S, MAX_WALL_TIME_LIMIT_S = 10.0, 1, 125.0
MEMORY_LIMIT_KIB, MIN_MEMORY_LIMIT_KIB, MAX_MEMORY_LIMIT_KIB = 128_000, 2048, 2 * 1024 * 1024
STACK_LIMIT_KIB, MAX_STACK_LIMIT_KIB = 64_000, 128_000
PROCESSES, MAX_PROCESSES = 60, 120
FILE_SIZE_KIB, MAX_FILE_SIZE_KIB = 1024, 16 * 1024
NUMBER_OF_RUNS, MAX_NUMBER_OF_RUNS = 1, 20
MAX_BATCH = 20
MAX_OPTIONS_CHARACTERS = 512

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers."""
MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_BODY_BYTES_TO_FIND_A_TOKEN = 64 * 1024
MAX_FORM_FIELDS = 100
BODY_SECONDS = 60
IDLE_SECONDS = 75
"""How long a connection may stay open without a request."""
MAX_CONNECTIONS = 256
MAX_WAITING_BYTES = 512 * 1024 * 1024
MAX_KEPT_SUBMISSIONS = 5000
MAX_KEPT_BYTES = 256 * 1024 * 1024
KEPT_SECONDS = 3600


def config_info(max_queue: int) -> dict[str, object]:
    """The answer of `/config_info`, in Judge0's words, with what this engine adds under `engine`."""
    return {
        "maintenance_mode": False,
        "enable_wait_result": True,
        "enable_compiler_options": True,
        "allowed_languages_for_compile_options": [],
        "enable_command_line_arguments": True,
        "enable_submission_delete": True,
        "enable_callbacks": False,
        "callbacks_max_tries": 0,
        "callbacks_timeout": 0.0,
        "enable_additional_files": False,
        "max_queue_size": max_queue,
        "cpu_time_limit": CPU_TIME_LIMIT_S,
        "max_cpu_time_limit": MAX_CPU_TIME_LIMIT_S,
        "cpu_extra_time": CPU_EXTRA_TIME_S,
        "max_cpu_extra_time": MAX_CPU_EXTRA_TIME_S,
        "wall_time_limit": WALL_TIME_LIMIT_S,
        "max_wall_time_limit": MAX_WALL_TIME_LIMIT_S,
        "memory_limit": MEMORY_LIMIT_KIB,
        "max_memory_limit": MAX_MEMORY_LIMIT_KIB,
        "stack_limit": STACK_LIMIT_KIB,
        "max_stack_limit": MAX_STACK_LIMIT_KIB,
        "max_processes_and_or_threads": PROCESSES,
        "max_max_processes_and_or_threads": MAX_PROCESSES,
        "enable_per_process_and_thread_time_limit": False,
        "allow_enable_per_process_and_thread_time_limit": False,
        "enable_per_process_and_thread_memory_limit": False,
        "allow_enable_per_process_and_thread_memory_limit": False,
        "max_file_size": FILE_SIZE_KIB,
        "max_max_file_size": MAX_FILE_SIZE_KIB,
        "number_of_runs": NUMBER_OF_RUNS,
        "max_number_of_runs": MAX_NUMBER_OF_RUNS,
        "redirect_stderr_to_stdout": False,
        "max_extract_size": 0,
        "enable_batched_submissions": True,
        "max_submission_batch_size": MAX_BATCH,
        "submission_cache_duration": 0.0,
        "use_docs_as_homepage": False,
        "allow_enable_network": False,
        "enable_network": False,
        "engine": {"fields": ["engine"], "compiles_once": True, "max_body_bytes": MAX_BODY_BYTES},
    }
