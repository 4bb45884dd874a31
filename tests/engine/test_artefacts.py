"""Compiled programs are made once, kept within bounds, and never taken from under a run."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from execution.engine.artefacts import ArtefactCache, Compiled, key


def made(size: int = 10) -> Compiled:
    return Compiled(b"p" * size, b"")


async def use(cache: ArtefactCache, name: str, compiled: Compiled) -> Path | None:
    async def compile_it() -> Compiled:
        await asyncio.sleep(0.01)
        return compiled

    async with cache.use(name, compile_it) as artefact:
        return artefact.path


def test_many_at_once_cause_one_compilation(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 10_000)
        paths = await asyncio.gather(*(use(cache, "a", made()) for _ in range(20)))
        assert set(paths) == {tmp_path / "a"}
        assert (cache.compilations, cache.hits) == (1, 19)

    asyncio.run(story())


def test_what_was_used_longest_ago_goes_first(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 7000)
        for name in ("a", "b", "a", "c"):
            await use(cache, name, made(2000))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
        assert cache.bytes <= 7000

    asyncio.run(story())


def test_what_is_in_use_stays(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 1)

        async def compile_it() -> Compiled:
            return made()

        async with cache.use("a", compile_it) as artefact:
            await use(cache, "b", made())
            assert artefact.path is not None
            assert artefact.path.exists()
        assert list(tmp_path.iterdir()) == []

    asyncio.run(story())


@contextlib.contextmanager
def full_beyond(size: int) -> Iterator[None]:
    """Files of more than `size` bytes fail, half written, as on a file system without room."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_where_there_is_no_room_what_nobody_uses_makes_room_and_nothing_half_written_stays(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 1_000_000)
        await use(cache, "old", made())
        with full_beyond(1000), pytest.raises(OSError, match="File too large"):
            await use(cache, "large", made(2000))
        assert list(tmp_path.iterdir()) == []
        assert (await use(cache, "large", made(2000))) == tmp_path / "large"
        assert (tmp_path / "large").stat().st_size == 2000

    asyncio.run(story())


def test_a_rejection_is_kept_but_only_for_a_minute_if_it_might_not_happen_again(tmp_path):
    async def story() -> None:
        now = 1000.0
        cache = ArtefactCache(tmp_path, 10_000, clock=lambda: now)
        wrong, slow = Compiled(None, b"error"), Compiled(None, b"too slow", is_final=False)
        for _ in range(2):
            await use(cache, "wrong", wrong)
            await use(cache, "slow", slow)
        assert cache.compilations == 2
        size = cache.bytes
        now += 61
        await use(cache, "wrong", wrong)
        await use(cache, "slow", slow)
        assert (cache.compilations, cache.bytes, len(cache)) == (3, size, 2)

    asyncio.run(story())


def test_a_failure_reaches_everybody_who_waits_and_is_not_kept(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 10_000)

        async def fail() -> Compiled:
            await asyncio.sleep(0.01)
            raise RuntimeError("no sandbox")

        async def attempt() -> None:
            async with cache.use("a", fail):
                pytest.fail("there is no artefact")

        ends = await asyncio.gather(attempt(), attempt(), return_exceptions=True)
        assert [type(end) for end in ends] == [RuntimeError, RuntimeError]
        assert await use(cache, "a", made()) == tmp_path / "a"

    asyncio.run(story())


def test_one_who_gives_up_does_not_stop_the_others(tmp_path):
    async def story() -> None:
        cache = ArtefactCache(tmp_path, 10_000)
        first = asyncio.create_task(use(cache, "a", made()))
        second = asyncio.create_task(use(cache, "a", made()))
        await asyncio.sleep(0.001)
        first.cancel()
        assert await second == tmp_path / "a"

    asyncio.run(story())


def test_a_key_tells_where_one_part_ends():
    assert key(b"ab", b"c") != key(b"a", b"bc")
    assert key(b"ab", b"c") == key(b"ab", b"c")
