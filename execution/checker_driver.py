"""Runs an author's checker over the outputs of several cases. It runs in the sandbox, by itself, and is never imported.

    python3 -I -S driver.py <frames >results

Frames: one line of JSON that says how, then for each case a line of JSON with its key, its arguments and three sizes,
and behind it input, answer and output. Results: for each case a line of JSON, in base64 what is no number. See
`checker_programs`, which writes the one and reads the other.

Nothing but the standard library of Python 3.7 is needed, since that is what servers have.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
from typing import Any, BinaryIO

BLOCK = 1024 * 1024
MOST_FILE = 64 * 1024  # of one file that is shown
MOST_PRINTED = 8 * 1024
MOST_VALUE = 1024
MOST_FILES = 16
GIVEN = ("input", "answer", "output")
PRINTED = ("stdout", "stderr")
VALUES = ("score.txt", "score_multiplier.txt", "nextpass.in")  # they decide: there is always room for them
FIRST = ("judgemessage.txt", "teammessage.txt")
NAME = re.compile(r"[\w.-]{1,100}")


def main() -> None:
    frames = sys.stdin.buffer
    call = json.loads(frames.readline())
    room = Room(call["room"])
    for number, line in enumerate(iter(frames.readline, b"")):
        result = check(call, json.loads(line), frames, os.path.join(os.getcwd(), f"case-{number}"), room)
        print(json.dumps(result), flush=True)
        if result["ended"] == "time":
            return  # nobody needs the others, and the rest of the time is short


class Room:
    """How much may still be shown of what checkers leave behind."""

    def __init__(self, left: int) -> None:
        self.left = left

    def read(self, path: str, most: int) -> str:
        """The beginning of a file, in base64."""
        data = beginning(path, min(most, self.left))
        self.left -= len(data)
        return base64.b64encode(data).decode("ascii")


def beginning(path: str, most: int) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(most)
    except OSError:  # a checker may well have taken away our right to read it
        return b""


def check(
    call: dict[str, Any], case: dict[str, Any], frames: BinaryIO, directory: str, room: Room
) -> dict[str, Any]:
    """Takes the case's bytes from `frames` in any event."""
    os.mkdir(directory)
    try:
        fit = [take(frames, os.path.join(directory, name), case[name]) for name in GIVEN]
        if not all(fit):
            return {"key": case["key"], "ended": "room", "code": 0}
        os.mkdir(os.path.join(directory, "feedback"))
        ended, code = run(call, case["arguments"], directory)
        try:
            left = left_behind(directory, room)
        except OSError:  # it may well have taken away our right to look into its feedback
            return {"key": case["key"], "ended": "feedback" if ended == "exit" else ended, "code": code}
        return {"key": case["key"], "ended": ended, "code": code, **left}
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def take(frames: BinaryIO, path: str, size: int) -> bool:
    """Whether there was room for it; the bytes are read all the same."""
    fits = True
    with open(path, "wb", buffering=0) as file:
        while size:
            block = frames.read(min(size, BLOCK))
            if not block:
                return False
            size -= len(block)
            fits = fits and put(file, block)
    return fits


def put(file: BinaryIO, block: bytes) -> bool:
    try:
        return file.write(block) == len(block)
    except OSError:  # a full disk, or a file that is larger than the server lets any be
        return False


def run(call: dict[str, Any], arguments: list[str], directory: str) -> tuple[str, int]:
    """How it ended, and the code: exit with its exit code, signal with its number, time, or start with an errno."""
    given, answer, output = (os.path.join(directory, name) for name in GIVEN)
    if call["protocol"] == "testlib":
        standard_input, files = os.devnull, [given, output, answer]
    else:
        standard_input, files = output, [given, answer, os.path.join(directory, "feedback", "")]
    command = [sys.executable if word == "PYTHON" else word for word in call["command"]]
    with contextlib.ExitStack() as files_open:
        streams = [(standard_input, "rb"), *((os.path.join(directory, name), "wb") for name in PRINTED)]
        fed, out, err = (files_open.enter_context(open(path, mode)) for path, mode in streams)
        try:
            process = subprocess.Popen(
                command + files + arguments,
                stdin=fed,
                stdout=out,
                stderr=err,
                start_new_session=True,
                preexec_fn=lambda: limit(call),
            )
        except (OSError, subprocess.SubprocessError) as error:
            return "start", getattr(error, "errno", None) or 0
    return wait(process.pid, call["time_ms"] / 1000)


def limit(call: dict[str, Any]) -> None:
    """In the new process: CPU time in whole seconds, and the size of any file."""
    lower(resource.RLIMIT_CPU, -(-call["time_ms"] // 1000), grace=1)
    lower(resource.RLIMIT_FSIZE, call["file_bytes"])


def lower(which: int, wanted: int, grace: int = 0) -> None:
    """`grace` is between the limit and the one that cannot be ignored."""
    _, most = resource.getrlimit(which)
    soft, hard = wanted, wanted + grace
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(which, (soft, hard))


def wait(pid: int, cpu_s: float) -> tuple[str, int]:
    """Ends it when it is late, and in any event whatever it has started in its session."""
    late = []

    def end(number: int, frame: object) -> None:
        late.append(number)
        kill(pid)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, 2 * cpu_s + 1)
    _, status, used = os.wait4(pid, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    kill(pid)
    if os.WIFEXITED(status):
        return "exit", os.WEXITSTATUS(status)
    number = os.WTERMSIG(status)
    if late or number == signal.SIGXCPU or used.ru_utime + used.ru_stime >= cpu_s:
        return "time", 0
    return "signal", number


def kill(session: int) -> None:
    with contextlib.suppress(OSError):  # nothing may be left of it
        os.killpg(session, signal.SIGKILL)


def left_behind(directory: str, room: Room) -> dict[str, Any]:
    feedback = os.path.join(directory, "feedback")
    values = Room(len(VALUES) * MOST_VALUE)
    return {
        "files": {
            name: (values if name in VALUES else room).read(os.path.join(feedback, name), most(name))
            for name in names(feedback)
        },
        "printed": [room.read(os.path.join(directory, name), MOST_PRINTED) for name in PRINTED],
    }


def most(name: str) -> int:
    return MOST_VALUE if name in VALUES else MOST_FILE


def names(feedback: str) -> list[str]:
    """Of real files with sensible names, those that mean something first. Raises OSError."""
    entries = [
        one.name for one in os.scandir(feedback) if stat.S_ISREG(one.stat(follow_symlinks=False).st_mode)
    ]
    sensible = sorted(name for name in entries if NAME.fullmatch(name))
    return sorted(sensible, key=lambda name: (name not in VALUES, name not in FIRST))[:MOST_FILES]


if __name__ == "__main__":
    main()
