"""Headers compiled beforehand: `bits/stdc++.h` costs more than most programs that include it.

    the first source that includes it ──▶ compiled as ever; the header is made meanwhile, or afterwards
    later ones                        ──▶ compiled with it, in a third of the time

Made in the sandbox, beside the runs and with less right to the CPU than they have, from the system's header
alone; once for each language, read-only, and gone with the engine's directory. Whether it fits a compilation
the compiler finds out by itself: with options that change the header's meaning it reads the header as ever.
What it has to say it says without it (`builds`), since places in compiled headers are told otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from pathlib import Path

from .jobs import MIB, Limits, SandboxFailed
from .sandbox import Sandbox
from .toolchain import Language

logger = logging.getLogger(__name__)

MAX_HEADER_BYTES = 192 * MIB
_LEAST_FREE_BYTES = 1024 * MIB
"""In the engine's directory: where there is less, there are more important things to put there."""

_NOT_SEEN_IN_IT = b"poison"
"""What GCC complains of in a header that it reads, and overlooks in a compiled one."""

_LIMITS = Limits(
    cpu_ms=120_000,
    wall_ms=1_200_000,
    memory_kib=1024 * 1024,
    stack_kib=64_000,
    processes=20,
    file_bytes=MAX_HEADER_BYTES,
    scratch_bytes=256 * MIB,
)


class Headers:
    def __init__(self, sandbox: Sandbox, directory: Path, slot: int) -> None:
        """`slot` is nobody else's."""
        self._sandbox = sandbox
        self._directory = directory
        self._slot = slot
        self._ready: dict[int, Path] = {}
        self._ordered: dict[int, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()

    def find(self, language: Language, source: bytes) -> Path | None:
        """The compiled header for a source that includes it; where it is not there yet, it will be some day."""
        header = language.recipe.header
        if not header or not _includes(header, source) or _NOT_SEEN_IN_IT in source:
            return None
        if language.id not in self._ordered:
            self._ordered[language.id] = asyncio.create_task(self._make(language))
        return self._ready.get(language.id)

    async def close(self) -> None:
        """Stop what is being made."""
        for task in self._ordered.values():
            task.cancel()
        await asyncio.gather(*self._ordered.values(), return_exceptions=True)

    async def _make(self, language: Language) -> None:
        """Once: what failed would fail again."""
        path = self._directory / f"header-{language.recipe.slug}"
        async with self._one_at_a_time:
            if free_bytes(self._directory) < _LEAST_FREE_BYTES:
                logger.info("engine: no room to compile %s beforehand", language.recipe.header)
                return
            try:
                outcome = await self._sandbox.run(language.header_job(path, _LIMITS), self._slot)
            except (SandboxFailed, OSError) as error:
                logger.warning("engine: %s was not compiled beforehand: %s", language.recipe.header, error)
                return
        if outcome.exit_code or outcome.signal is not None or outcome.killed or outcome.collected is None:
            logger.warning("engine: %s was not compiled beforehand", language.recipe.header)
            path.unlink(missing_ok=True)
            return
        path.chmod(0o444)
        self._ready[language.id] = path


def _includes(header: str, source: bytes) -> bool:
    return bool(
        re.search(rb'^[ \t]*#[ \t]*include[ \t]*[<"]%s[>"]' % re.escape(header.encode()), source, re.M)
    )


def free_bytes(directory: Path) -> int:
    state = os.statvfs(directory)
    return state.f_bavail * state.f_frsize
