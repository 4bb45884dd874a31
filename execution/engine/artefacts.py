"""Compiled programs, each compiled once and shared by all runs that need it.

Keyed by everything that decides what comes out (language, compiler, options, source) and by who
asked. Several runs that want the same one at the same time cause one compilation. What the compiler
rejected is kept as well, but only for a minute if it might be accepted the next time. The least
recently used go first once their bytes exceed the bound, or the file system is full, but never while a
run has them bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

_ENTRY_BYTES = 1024
"""What an entry costs besides its program and its text."""

_DOUBTFUL_S = 60.0
"""How long a rejection is kept that might not happen again."""


@dataclass(frozen=True)
class Compiled:
    """What a compiler made of a source."""

    program: bytes | None
    """None: it was rejected."""
    output: bytes
    """What the compiler said."""
    is_final: bool = True
    """False for a rejection that might not happen again (the machine was slow)."""


@dataclass(frozen=True)
class Artefact:
    path: Path | None
    """The program, to be bound into a sandbox; None: the source was rejected."""
    output: bytes


@dataclass(frozen=True)
class _Entry:
    artefact: Artefact
    size: int
    expires: float
    """By the cache's clock."""


def key(*parts: bytes) -> str:
    """A name for what is determined by `parts`, wherever one ends and the next begins."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


class ArtefactCache:
    def __init__(self, directory: Path, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self.max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._compiling: dict[str, asyncio.Task[Artefact]] = {}
        self._users: Counter[str] = Counter()
        self.bytes = 0
        self.compilations = 0
        self.hits = 0

    def __len__(self) -> int:
        return len(self._entries)

    @contextlib.asynccontextmanager
    async def use(self, name: str, compile_it: Callable[[], Awaitable[Compiled]]) -> AsyncIterator[Artefact]:
        """The artefact `name`, made by `compile_it` if nobody has or is about to.

        It stays on disk while the context lasts. What `compile_it` raises is raised in everybody
        who waited for it, and nothing is kept.
        """
        self._users[name] += 1
        try:
            yield await self._get(name, compile_it)
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
            self._shrink_to(self.max_bytes)

    async def close(self) -> None:
        """Stop what is being compiled."""
        tasks = list(self._compiling.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _get(self, name: str, compile_it: Callable[[], Awaitable[Compiled]]) -> Artefact:
        entry = self._entries.get(name)
        if entry is not None and entry.expires > self._clock():
            self.hits += 1
            self._entries.move_to_end(name)
            return entry.artefact
        task = self._compiling.get(name)
        if task is None:
            task = asyncio.create_task(self._compile(name, compile_it))
            self._compiling[name] = task
        else:
            self.hits += 1
        return await asyncio.shield(task)

    async def _compile(self, name: str, compile_it: Callable[[], Awaitable[Compiled]]) -> Artefact:
        try:
            self.compilations += 1
            return self._store(name, await compile_it())
        finally:
            del self._compiling[name]

    def _store(self, name: str, compiled: Compiled) -> Artefact:
        path = None
        if compiled.program is not None:
            path = self._directory / name
            self._write(path, compiled.program)
        artefact = Artefact(path, compiled.output)
        size = len(compiled.program or b"") + len(compiled.output) + _ENTRY_BYTES
        if name in self._entries:  # it has expired, so it was a rejection and there is no file
            self.bytes -= self._entries.pop(name).size
        is_kept = compiled.is_final or compiled.program is not None
        expires = math.inf if is_kept else self._clock() + _DOUBTFUL_S
        self._entries[name] = _Entry(artefact, size, expires)
        self.bytes += size
        return artefact

    def _write(self, path: Path, program: bytes) -> None:
        """Raises OSError when there is no room even without what nobody uses; nothing is left then."""
        try:
            _write_whole(path, program)
        except OSError:
            self._shrink_to(0)
            _write_whole(path, program)

    def _shrink_to(self, most_bytes: int) -> None:
        while self.bytes > most_bytes and (name := self._longest_unused()) is not None:
            entry = self._entries.pop(name)
            self.bytes -= entry.size
            if entry.artefact.path is not None:
                entry.artefact.path.unlink(missing_ok=True)

    def _longest_unused(self) -> str | None:
        return next((name for name in self._entries if name not in self._users), None)


def _write_whole(path: Path, program: bytes) -> None:
    """Make the file, or none. Raises OSError."""
    try:
        path.write_bytes(program)
        path.chmod(0o555)
    except OSError:
        path.unlink(missing_ok=True)
        raise
