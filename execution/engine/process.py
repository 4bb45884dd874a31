"""An engine as a process: find out what works here, listen, stop cleanly.

    requirements -> seat -> run directory -> box -> the best isolation that works -> self-test -> languages -> HTTP

Everything that can be wrong is a Problem, raised before the port answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn

from . import boxbuild, isolation, pid1, rundir, selftest
from .additional_files import Unzip, find_unzip
from .artefacts import ArtefactCache
from .callbacks import Callbacks
from .config import MAX_SLOTS, EngineConfig
from .connections import uvicorn_options
from .conversation import Conversations
from .headers import Headers, free_bytes
from .parameters import multi_file
from .parts import Parts
from .problems import Problem
from .queue import SubmissionQueue
from .requirements import HOW_TO_ISOLATE, problems
from .sandbox import Sandbox
from .seats import SEATS, Seat, partners
from .server import application
from .slots import Slots, Turn
from .toolchain import Language, Recipe, chosen, not_offered, prove
from .verdict import Interactions, Judge

Say = Callable[[str], None]

_M_MMAP_THRESHOLD = -3  # malloc.h


def run(config: EngineConfig, say: Say) -> None:
    """Run an engine until SIGTERM or SIGINT. Raises Problem if it cannot start.

    Must be called in the main thread: sandboxes die with the thread that started them.
    As PID 1 it returns in a child of it.
    """
    pid1.leave_it_to_a_parent()
    _give_large_blocks_back()
    with contextlib.suppress(asyncio.CancelledError):  # stopped before it listened
        asyncio.run(_run(config, say))
    say("engine: stopped")


def _give_large_blocks_back() -> None:
    """Have glibc map each large block, such as an input, by itself, so that it is the machine's again once freed.

    Left alone, it stops doing so for blocks as large as those that were freed before, up to 32 MiB (mallopt(3)).
    """
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 1024 * 1024)


async def _run(config: EngineConfig, say: Say) -> None:
    this = asyncio.current_task()
    if this is not None:
        _on_stop_signals(this.cancel)
    if not 1 <= config.slots <= MAX_SLOTS:
        raise Problem(f"The engine can have 1 to {MAX_SLOTS} slots, not {config.slots}.")
    if not 0 <= config.port <= 65535:
        raise Problem(f"A port is a number from 1 to 65535, or 0 for any free one, not {config.port}.")
    recipes = chosen(config.languages)
    with _bound_socket(config) as listener:
        if missing := await asyncio.to_thread(problems, reduced_is_allowed=config.allows_reduced):
            raise Problem("\n".join(missing))
        async with _engine(config, recipes, say) as parts:
            await _serve(parts, listener, say)


def _bound_socket(config: EngineConfig) -> socket.socket:
    """Bound, but deaf until the server starts: clients see "refused", not silence, before that."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # Naming the protocol makes asyncio switch Nagle's algorithm off (40 ms an answer otherwise).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
    except OSError as error:
        listener.close()
        raise Problem(
            f"The engine cannot listen on {config.host}:{config.port} ({error.strerror}): "
            "choose another with --port or ENGINE_PORT."
        ) from error
    return listener


@contextlib.asynccontextmanager
async def _engine(config: EngineConfig, recipes: Sequence[Recipe], say: Say) -> AsyncIterator[Parts]:
    with _seat() as seat, _run_directory(config, seat) as directory:
        box = await boxbuild.build(directory)
        isolated = await isolation.find_best(box, seat, reduced_is_allowed=config.allows_reduced)
        with contextlib.closing(isolated.cgroups):
            say(f"engine: isolation: {isolated.description}")
            for line in _warning(isolated.gaps):
                say(f"engine: {line}")
            enforced = await selftest.examine(isolated, box)
            for line in selftest.table(enforced):
                say(f"engine: {line}")
            slots = Slots(config.slots)
            artefacts = ArtefactCache(directory, min(config.cache_bytes, free_bytes(directory) // 2))
            unzip = await _unzip(config, isolated.sandbox, slots, say)
            if unzip is None:
                terms = replace(config.terms, enable_additional_files=False)
                config = replace(config, terms=terms)
                recipes = [recipe for recipe in recipes if not recipe.is_multi_file]
            languages = await _languages(recipes, isolated.sandbox, slots, directory)
            for sentence in not_offered(recipes, languages):
                say(f"engine: {sentence}")
            headers = Headers(isolated.sandbox, directory, slot=config.slots)
            interactions = _interactions(isolated.sandbox, box, config.slots, languages)
            judge = Judge(isolated.sandbox, artefacts, slots.lend, unzip, headers, interactions)
            queue = SubmissionQueue(judge, config.max_queue, config.result_ttl_s)
            tries, timeout_s = config.terms.callbacks_max_tries, config.terms.callbacks_timeout
            callbacks = Callbacks(queue.get, tries, timeout_s)
            # What is there now stays: looking through it for garbage costs every run a few per cent.
            gc.freeze()
            try:
                yield Parts(
                    config,
                    isolated.description,
                    languages,
                    slots,
                    queue,
                    artefacts,
                    callbacks,
                    is_reduced=bool(isolated.gaps),
                    enforced=enforced,
                )
            finally:
                await queue.close()
                await artefacts.close()
                await headers.close()


def _warning(gaps: Sequence[str]) -> list[str]:
    """What whoever starts the engine must not overlook; nothing where it isolates fully."""
    if not gaps:
        return []
    return [
        " REDUCED ISOLATION ".center(80, "*"),
        "No namespaces can be made here, so programs are kept from this machine less well:",
        *(f"  - {gap}" for gap in gaps),
        "Let nobody submit programs whom you would not give an account on this machine.",
        HOW_TO_ISOLATE,
        "*" * 80,
    ]


@contextlib.contextmanager
def _seat() -> Iterator[Seat]:
    seat = Seat.take()
    if seat is None:
        raise Problem(f"{SEATS} engines of this user run already: stop one of them.")
    try:
        yield seat
    finally:
        seat.leave()


@contextlib.contextmanager
def _run_directory(config: EngineConfig, seat: Seat) -> Iterator[Path]:
    directory = rundir.make(config.run_dir, seat.name)
    try:
        yield directory
    finally:
        rundir.remove(directory)


async def _unzip(config: EngineConfig, sandbox: Sandbox, slots: Slots, say: Say) -> Unzip | None:
    """How additional files are unpacked; None where they are not offered."""
    if not config.terms.enable_additional_files:
        return None
    async with slots.lend(Turn(0)) as slot:
        unzip = await find_unzip(sandbox, slot, config.terms.max_extract_size)
    if unzip is None:
        say("engine: additional files are not offered, for want of a working python3 below /usr")
    return unzip


async def _languages(
    recipes: Sequence[Recipe], sandbox: Sandbox, slots: Slots, directory: Path
) -> dict[int, Language]:
    """Those whose Hello World ran, tried side by side as far as there are slots."""

    async def attempt(recipe: Recipe) -> Language | None:
        async with slots.lend(Turn(0)) as slot:
            return await prove(recipe, sandbox, slot, directory)

    found = await asyncio.gather(*(attempt(recipe) for recipe in recipes))
    languages: dict[int, Language] = {}
    for language in filter(None, found):
        languages |= language.under_all_ids()
    if not languages:
        names = ", ".join(recipe.title for recipe in recipes)
        raise Problem(
            f"No language works in the sandbox (tried: {names}): install gcc, g++ or python3 below /usr."
        )
    return languages


def _interactions(
    sandbox: Sandbox, box: Path, slots: int, languages: Mapping[int, Language]
) -> Interactions | None:
    """None where the language of interactors is not offered."""
    language = multi_file(languages)
    return Interactions(Conversations(sandbox, box, partners(slots)), language) if language else None


class _Server(uvicorn.Server):
    """uvicorn, leaving the signals to us: it would die of them before we have cleaned up."""

    def __init__(self, settings: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(settings)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


async def _serve(parts: Parts, listener: socket.socket, say: Say) -> None:
    """Answer HTTP until a signal asks to stop."""

    def announce() -> None:
        host, port = listener.getsockname()[:2]
        slots = f"{parts.slots.count} slot{'' if parts.slots.count == 1 else 's'}"
        names = ", ".join(dict.fromkeys(language.name for language in parts.languages.values()))
        say(
            f"engine: listening on http://{host}:{port}, {slots}, "
            f"languages {names}; isolation: {parts.isolation}"
        )

    server = _Server(
        uvicorn.Config(
            application(parts),
            log_config=None,  # the process has its own
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
            **uvicorn_options(),
        ),
        announce,
    )

    loop = asyncio.get_running_loop()
    closing: list[asyncio.Task[None]] = []

    def stop() -> None:
        if dropped := parts.callbacks.drop():
            say(f"engine: {dropped} callbacks are dropped")
        closing.append(loop.create_task(parts.queue.close()))  # lets go of requests that wait
        server.should_exit = True

    _on_stop_signals(stop)
    await server.serve(sockets=[listener])
    await asyncio.gather(*closing)


def _on_stop_signals(act: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, act)


def say_on_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
