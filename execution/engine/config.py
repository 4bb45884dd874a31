"""What an engine is told at its start, and what it tells its clients about itself.

`EngineConfig` comes from the settings, read by the `runengine` command. What clients may ask for is in
its `terms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .terms import Terms

JUDGE0_VERSION = "1.13.1"
"""The Judge0 release whose API is answered."""

MAX_SLOTS = 32
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
    languages: tuple[str, ...] = ()
    """Slugs of those to be offered; empty: all that work."""
    allows_reduced: bool = False
    """Whether it may do with less isolation where no namespace can be made."""
    authz_tokens: tuple[str, ...] = ()
    """Accepted values of X-Auth-User, which lists and deletes submissions; empty: see `server`."""
    terms: Terms = field(default_factory=Terms)
    result_ttl_s: int = 3600
    """Seconds after which a finished submission is forgotten."""


MAX_OPTIONS_CHARACTERS = 512

MAX_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers."""
MAX_BODY_BYTES = 96 * 1024 * 1024
"""Room for 64 MiB as base64."""
SMALL_BODY_BYTES = 64 * 1024
MAX_BODY_BYTES_TO_FIND_A_TOKEN = SMALL_BODY_BYTES
MAX_READING_BYTES = 256 * 1024 * 1024
"""Of all bodies together that are being read; beyond it only small ones are taken."""
MAX_JSON_VALUES = 10_000
MAX_JSON_BYTES_BETWEEN_TEXTS = 1024 * 1024
MAX_FORM_BYTES = 4 * 1024 * 1024
MAX_FORM_FIELDS = 100
BODY_SECONDS = 60
IDLE_SECONDS = 75
"""How long a connection may stay open without a request."""
MAX_CONNECTIONS = 256
MAX_WAITING_BYTES = 512 * 1024 * 1024
MAX_KEPT_SUBMISSIONS = 5000
MAX_KEPT_BYTES = 256 * 1024 * 1024


def config_info(
    config: EngineConfig, *, is_reduced: bool = False, is_interactive: bool = False
) -> dict[str, object]:
    """The answer of `/config_info`, in Judge0's words, with what this engine adds under `engine`."""
    return config.terms.info() | {
        "max_queue_size": config.max_queue,
        "submission_cache_duration": 0.0,
        "use_docs_as_homepage": False,
        "allow_enable_network": False,
        "enable_network": False,
        "engine": {
            "fields": ["engine", "interactor"],
            "interactive": is_interactive,
            "compiles_once": True,
            "max_body_bytes": MAX_BODY_BYTES,
            "reduced": is_reduced,
        },
    }
