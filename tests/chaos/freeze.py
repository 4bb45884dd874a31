"""Freezes a process and its children: `python freeze.py SECONDS PID`, run as a file of its own.

It is a process of its own so that what it has stopped goes on in any case: the kernel kills a leashed process that
is stopped, but nobody would wake the children of a PostgreSQL whose tests were killed meanwhile.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (thread / "children").read_text().split())
    return found


def main(seconds: float, pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)  # first: from now on it has no further children
    frozen = [*children_of(pid), pid]
    try:
        tell(frozen, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        tell(frozen, signal.SIGCONT)


def tell(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
