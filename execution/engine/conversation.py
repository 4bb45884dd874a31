"""Two runs at once that talk with each other: a program and its interactor, each in a sandbox of its own.

    program  stdout ──▶ box relay ──▶ stdin   interactor
             stdin  ◀──           ◀── stdout

They share nothing but what the relay carries, byte by byte and counted. An end is passed on only when the whole
sandbox behind it is gone, so that whoever ended first did so before the other could know.

Once the interactor has ended, the program is ended too, unless the interactor's exit code lets it go on to its own end.
The interactor is always left to its end: what it was told until then decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .jobs import Job, Outcome, SandboxFailed
from .sandbox import Line, Sandbox, despite_cancelling, end_of

_FINISHED, _PROGRAM_SAID_TOO_MUCH, _INTERACTOR_SAID_TOO_MUCH = 0, 1, 2
"""Exit codes of `box relay`."""

_PATIENCE_S = 60.0
"""With the relay, which ends by itself when both sandboxes have."""


@dataclass(frozen=True)
class Talk:
    """What came of both. Where one of them has said too much, neither was left to its end."""

    program: Outcome
    interactor: Outcome
    program_said_too_much: bool
    interactor_said_too_much: bool

    @property
    def interactor_ended_first(self) -> bool:
        return self.interactor.ended_us < self.program.ended_us


@dataclass(frozen=True)
class _Side:
    """One of the two: its line, the relay's ends of it, and what it goes on for as long as that is open."""

    line: Line
    said: int
    told: int
    goes_on: ExitStack

    @classmethod
    def open(cls, opened: ExitStack, relays: ExitStack) -> Self:
        """Everything is closed with `opened`, the relay's ends with `relays`."""
        own, goes_on = opened.enter_context(ExitStack()), opened.enter_context(ExitStack())
        stdin, told = _pipe(own, relays)
        said, stdout = _pipe(relays, own)
        stop, _ = _pipe(own, goes_on)
        for end in (said, told):
            os.set_blocking(end, False)
        return cls(Line(stdin, stdout, stop, own), said, told, goes_on)

    def stop(self) -> None:
        self.goes_on.close()


class Conversations:
    def __init__(self, sandbox: Sandbox, box: Path, partners: range) -> None:
        """`partners` are slots that nobody else uses, for the interactors."""
        self._sandbox = sandbox
        self._box = str(box)
        self._free = asyncio.Queue[int]()
        for slot in partners:
            self._free.put_nowait(slot)

    @contextlib.asynccontextmanager
    async def partner(self) -> AsyncIterator[int]:
        """A slot for an interactor. To be had before one for the program, so that nobody waits who has one of those."""
        slot = await self._free.get()
        try:
            yield slot
        finally:
            self._free.put_nowait(slot)

    async def hold(self, program: Job, slot: int, interactor: Job, partner: int, lets_go_on: int) -> Talk:
        """Both at once; `lets_go_on` is the exit code of an interactor that has no objection.

        The most that each may say is its `file_bytes`. When it returns or raises, nothing of them is alive. Raises
        SandboxFailed.
        """
        with ExitStack() as opened:
            relays = opened.enter_context(ExitStack())
            talks, answers = _Side.open(opened, relays), _Side.open(opened, relays)
            relay = self._start_relay(talks, program.limits.file_bytes, answers, interactor.limits.file_bytes)
            relays.close()
            patience_s = _PATIENCE_S + max(program.limits.wall_ms, interactor.limits.wall_ms) / 1000
            relaying = asyncio.create_task(end_of(relay, patience_s, signal.SIGKILL))
            talking = asyncio.create_task(self._sandbox.run(program, slot, talks.line))
            answering = asyncio.create_task(self._sandbox.run(interactor, partner, answers.line))
            tasks = (relaying, talking, answering)
            try:
                while not all(task.done() for task in tasks):
                    waiting = [task for task in tasks if not task.done()]
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    if relaying.done() and relaying.result() != _FINISHED:
                        talks.stop()
                        answers.stop()
                    if answering.done() and not answering.result().ended_with(lets_go_on):
                        talks.stop()
                    if talking.done():
                        talking.result()
            finally:
                await despite_cancelling(_end(tasks))
        if relaying.result() not in (_FINISHED, _PROGRAM_SAID_TOO_MUCH, _INTERACTOR_SAID_TOO_MUCH):
            raise SandboxFailed(f"the relay ended with {relaying.result()}")
        return Talk(
            talking.result(),
            answering.result(),
            program_said_too_much=relaying.result() == _PROGRAM_SAID_TOO_MUCH,
            interactor_said_too_much=relaying.result() == _INTERACTOR_SAID_TOO_MUCH,
        )

    def _start_relay(self, talks: _Side, most: int, answers: _Side, most_of_interactor: int) -> int:
        """Its pid. Raises SandboxFailed."""
        with ExitStack() as inherited:

            def hand_on(end: int) -> str:
                copy = os.dup(end)
                inherited.callback(os.close, copy)
                os.set_inheritable(copy, True)
                return str(copy)

            command = [self._box, "relay", hand_on(talks.said), hand_on(answers.told), str(most)]
            command += [hand_on(answers.said), hand_on(talks.told), str(most_of_interactor)]
            try:
                return os.posix_spawn(self._box, command, {})
            except OSError as error:
                raise SandboxFailed(str(error)) from error


def _pipe(reads: ExitStack, writes: ExitStack) -> tuple[int, int]:
    """Its ends, closed by these; who has one in a sandbox may open it again, as /dev/stdout. Raises SandboxFailed."""
    try:
        reader, writer = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        raise SandboxFailed(str(error)) from error
    reads.callback(os.close, reader)
    writes.callback(os.close, writer)
    os.fchmod(writer, 0o666)
    return reader, writer


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
