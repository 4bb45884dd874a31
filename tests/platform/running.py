"""A platform started with `manage.py up` in a directory of its own, as a person starts it: in another process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from judgeplatform.supervisor import LEASH

ROOT = Path(__file__).resolve().parent.parent.parent

OURS = (
    "REDIS_",
    "JUDGE0_",
    "CODE_EXEC",
    "ENGINE_",
    "RATE_LIMIT_",
    "HINTS_",
    "ANTHROPIC_",
    "OPENAI_",
    "DATABASE_URL",
    "PUBLIC_URL",
    "SECRET_KEY",
    "DEBUG",
    "LOG_",
)
"""What the test run itself is configured with; a started platform must not see it."""


def clean_environment(var: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "VAR_DIR": str(var), **more}


def manage(
    *arguments: str, var: Path, timeout_s: float = 100, **more: str
) -> "subprocess.CompletedProcess[str]":
    """A command of manage.py, to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=clean_environment(var, **more),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
    )


def leashed(*command: str) -> list[str]:
    """The command, killed by the kernel when this process ends. To be started from the main thread."""
    return [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *command]


def _words(process: psutil.Process) -> list[str]:
    """Its command line; nothing when it ended while we looked."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def is_gone(process: psutil.Process) -> bool:
    """It has ended, whether or not somebody has collected its exit code."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class RunningPlatform:
    """`lines` is all that it has printed so far. It dies with the test run, even if that is killed."""

    def __init__(
        self, var: Path, port: int, without_sigint: bool = False, prefix: Sequence[str] = (), /, **more: str
    ) -> None:
        """`without_sigint`: started as a script starts something in the background, with SIGINT ignored.

        `prefix`: a command that makes the world it lives in, and then becomes what follows.

        The engine offers what is quick to prove, unless `more` says what else.
        """
        more = {"ENGINE_LANGUAGES": "c,cpp,python"} | more
        self.var = var
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[str] = []
        command = leashed(*prefix, sys.executable, "manage.py", "up", "--port", str(port))
        if without_sigint:
            command = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=clean_environment(var, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, text: str, *, after: int = 0, timeout_s: float = 60) -> None:
        """Until a line from the `after`th on contains `text`."""
        deadline = time.monotonic() + timeout_s
        while not any(text in line for line in self.lines[after:]):
            assert self.process.poll() is None, f"it ended before {text!r}:\n{self.output}"
            assert time.monotonic() < deadline, f"no {text!r} within {timeout_s:g} s:\n{self.output}"
            time.sleep(0.05)

    def started(self) -> dict[str, str]:
        """What it tells other commands in `var/up.env`."""
        return dict(line.split("=", 1) for line in (self.var / "up.env").read_text().splitlines())

    def children(self) -> list[psutil.Process]:
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in found if not is_gone(one)]

    def child(self, *words: str) -> psutil.Process:
        """The one whose command line contains all these words."""
        (found,) = [one for one in self.children() if set(words) <= set(_words(one))]
        return found

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does, by default; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        code = self.process.wait(60)
        self.reader.join(10)
        return code
