"""Keeps a few processes running in one terminal: their lines with their names, restarts, an orderly end.

It knows nothing of what the processes are for. Everything happens in the main thread: output is read while
something is waited for, so a caller waits with `wait_until` or `watch`, never by sleeping.

    start ──▶ runs ──dies──▶ (wait_until: Died)  (watch: one line, restarted after 0.5, 1, 2 … 30 s)
                └──stop──▶ SIGTERM ──grace──▶ SIGKILL, last started first
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LEASH = Path(__file__).with_name("leash.py")

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
LIVED_WELL_S = 60.0
LONGEST_LINE = 64 * 1024


@dataclass(frozen=True)
class Service:
    """One process to keep. `grace_s` is what it gets between SIGTERM and SIGKILL.

    Services of the same `rank` are stopped together; the highest rank first. Where there is a `log`, its lines are
    appended there and not shown.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    rank: int
    grace_s: float = 5.0
    log: Path | None = None


class Died(Exception):
    """A service ended while something was waited for. `last_words` is the last line that it printed."""

    def __init__(self, name: str, how: str, last_words: str) -> None:
        super().__init__(f"{name} {how}")
        self.name = name
        self.how = how
        self.last_words = last_words


class TookTooLong(Exception):
    """What was waited for did not happen in time."""


@dataclass
class Kept:
    """A service with its process, if it has one now."""

    service: Service
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    restart_at: float | None = None
    deaths: int = 0
    unfinished_line: bytes = b""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=3))


class Supervisor:
    """`say(name, line)` shows one line of a service, or of the supervisor itself (named `up`)."""

    def __init__(self, say: Callable[[str, str], None], directory: Path) -> None:
        self.say = say
        self.directory = directory
        self.kept: list[Kept] = []
        self.selector = selectors.DefaultSelector()

    def start(self, service: Service) -> None:
        kept = Kept(service)
        self.kept.append(kept)
        self._spawn(kept)

    def wait_until(self, condition: Callable[[], bool], *, timeout_s: float, pause_s: float = 0.05) -> None:
        """Return once `condition()` holds. Raises Died, or TookTooLong; everything then still runs."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self._pump(pause_s)
            self._raise_for_the_dead()
            if time.monotonic() > deadline:
                raise TookTooLong

    def watch(self) -> None:
        """Restart what dies, for ever; left by an exception only (KeyboardInterrupt)."""
        while True:
            self._pump(0.5)
            self._restart_the_dead()

    def stop(self) -> None:
        """End everything in order and wait for it; interrupted once more, kill what is left at once."""
        try:
            for rank in sorted({kept.service.rank for kept in self.kept}, reverse=True):
                self._stop_together([kept for kept in self.kept if kept.service.rank == rank])
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for kept in self.kept:
                self._kill(kept)
        self.kept.clear()

    def _spawn(self, kept: Kept) -> None:
        service = kept.service
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *service.command],
            env=dict(service.environment),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C in the terminal is ours alone: we stop them in order
        )
        kept.process, kept.started_at, kept.restart_at = process, time.monotonic(), None
        pipe = output_of(process)
        os.set_blocking(pipe.fileno(), False)
        self.selector.register(pipe, selectors.EVENT_READ, kept)

    def _pump(self, timeout_s: float) -> None:
        """Show what the services printed, waiting up to `timeout_s` for something."""
        if not self.selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self.selector.select(timeout_s):
            self._read(key.data)

    def _read(self, kept: Kept) -> None:
        """Show the lines that are there; at the end of the output, stop listening for more."""
        assert kept.process is not None
        pipe = output_of(kept.process)
        while True:
            try:
                chunk = os.read(pipe.fileno(), 65536)
            except BlockingIOError:
                return
            if not chunk:
                if pipe in self.selector.get_map():
                    self.selector.unregister(pipe)
                return
            *lines, kept.unfinished_line = (kept.unfinished_line + chunk).split(b"\n")
            for line in lines:
                self._show(kept, line)
            if len(kept.unfinished_line) > LONGEST_LINE:
                self._show(kept, kept.unfinished_line)
                kept.unfinished_line = b""

    def _show(self, kept: Kept, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        if not text:
            return
        kept.last_lines.append(text)
        if kept.service.log is None:
            self.say(kept.service.name, text)
            return
        with kept.service.log.open("a") as log:
            log.write(f"{text}\n")

    def _bury(self, kept: Kept) -> str:
        """Forget a process that ended, after its last lines; how it ended, in words."""
        assert kept.process is not None
        pipe = output_of(kept.process)
        self._read(kept)
        self._show(kept, kept.unfinished_line)
        kept.unfinished_line = b""
        if pipe in self.selector.get_map():
            self.selector.unregister(pipe)  # something that it started still holds the other end
        pipe.close()
        code = kept.process.wait()
        kept.process = None
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def _raise_for_the_dead(self) -> None:
        for kept in self.kept:
            if kept.process is not None and kept.process.poll() is not None:
                how = self._bury(kept)
                raise Died(kept.service.name, how, kept.last_lines[-1] if kept.last_lines else "")

    def _restart_the_dead(self) -> None:
        now = time.monotonic()
        for kept in self.kept:
            if kept.process is not None and kept.process.poll() is not None:
                kept.deaths = 1 if now - kept.started_at > LIVED_WELL_S else kept.deaths + 1
                pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (kept.deaths - 1))
                kept.restart_at = now + pause_s
                told = f" (see {kept.service.log})" if kept.service.log else ""
                self.say(
                    "up",
                    f"{kept.service.name} {self._bury(kept)}; starting it again in {pause_s:g} s{told}",
                )
            elif kept.restart_at is not None and now >= kept.restart_at:
                self._spawn(kept)

    def _stop_together(self, stopping: list[Kept]) -> None:
        alive = [kept for kept in stopping if kept.process is not None]
        for kept in alive:
            assert kept.process is not None
            kept.process.terminate()
        deadline = time.monotonic() + max((kept.service.grace_s for kept in alive), default=0.0)
        while any(kept.process is not None and kept.process.poll() is None for kept in alive):
            if time.monotonic() > deadline:
                break
            self._pump(0.05)
        for kept in alive:
            self._kill(kept)

    def _kill(self, kept: Kept) -> None:
        if kept.process is None:
            return
        if kept.process.poll() is None:
            self.say("up", f"{kept.service.name} did not end in time; killing it")
            kept.process.kill()
            kept.process.wait()
        self._bury(kept)


def output_of(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    assert process.stdout is not None, "services are started with a pipe"
    return process.stdout
