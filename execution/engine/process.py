"""An engine as a process: find out what works here, listen, stop cleanly.

    requirements -> seat -> run directory -> box -> the best cgroups that work -> languages -> HTTP

Everything that can be wrong is a Problem, raised before the port answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import uvicorn

from . import boxbuild, isolation, rundir
from .artefacts import ArtefactCache
from .config import MAX_SLOTS, EngineConfig
from .connections import uvicorn_options
from .problems import Problem
from .queue import Slots, SubmissionQueue
from .requirements import problems
from .sandbox import Sandbox
from .seats import SEATS, Seat
from .server import Parts, application
from .toolchain import RECIPES, Language, Recipe, prove
from .verdict import Judge

Say = Callable[[str], None]


def run(config: EngineConfig, say: Say) -> None:
    """Run an engine until SIGTERM or SIGINT. Raises Problem if it cannot start.

    Must be called in the main thread: sandboxes die with the thread that started them.
    """
    with contextlib.suppress(asyncio.CancelledError):  # stopped before it listened
        asyncio.run(_run(config, say))


async def _run(config: EngineConfig, say: Say) -> None:
    this = asyncio.current_task()
    if this is not None:
        _on_stop_signals(this.cancel)
    if not 1 <= config.slots <= MAX_SLOTS:
        raise Problem(f"The engine can have 1 to {MAX_SLOTS} slots, not {config.slots}.")
    with _bound_socket(config) as listener:
        if missing := await asyncio.to_thread(problems):
            raise Problem("\n".join(missing))
        async with _engine(config, say) as parts:
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
async def _engine(config: EngineConfig, say: Say) -> AsyncIterator[Parts]:
    with _seat() as seat, _run_directory(config, seat) as directory:
        box = await boxbuild.build(directory)
        isolated = await isolation.find_best(box, seat)
        with contextlib.closing(isolated.cgroups):
            say(f"engine: isolation: {isolated.description}")
            slots = Slots(config.slots)
            artefacts = ArtefactCache(directory, config.cache_bytes)
            languages = await _languages(isolated.sandbox, slots, directory)
            for recipe in RECIPES:
                if recipe.id not in languages:
                    say(f"engine: {recipe.title} is not offered: no working {recipe.tools[0]} below /usr")
            judge = Judge(isolated.sandbox, artefacts, slots.for_run, slots.for_compilation)
            queue = SubmissionQueue(judge, config.max_queue)
            try:
                yield Parts(config, isolated.description, languages, slots, queue, artefacts)
            finally:
                await queue.close()
                await artefacts.close()


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


async def _languages(sandbox: Sandbox, slots: Slots, directory: Path) -> dict[int, Language]:
    """Those whose Hello World ran, tried side by side as far as there are slots."""

    async def attempt(recipe: Recipe) -> Language | None:
        async with slots.for_run() as slot:
            return await prove(recipe, sandbox, slot, directory)

    found = await asyncio.gather(*(attempt(recipe) for recipe in RECIPES))
    languages = {language.id: language for language in found if language is not None}
    if not languages:
        raise Problem("No language works in the sandbox: install gcc, g++ or python3 below /usr.")
    return languages


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
        names = ", ".join(language.name for language in parts.languages.values())
        say(
            f"engine: listening on http://{host}:{port}, {parts.slots.count} slots, "
            f"languages {names}; isolation: {parts.isolation}"
        )

    server = _Server(
        uvicorn.Config(
            application(parts),
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
