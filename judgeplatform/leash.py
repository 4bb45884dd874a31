"""Starts a program that dies with its starter, however that one dies.

Not imported: run as a file of its own, `python leash.py STARTER_PID PROGRAM ARGUMENT…`. It asks the kernel for
SIGKILL at the starter's death, then becomes the program; the request outlives the exec. (The kernel means the
*thread* that started it: start from the main thread.)
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(starter: int, command: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"{command[0]} cannot be tied to its starter: {os.strerror(ctypes.get_errno())}.")
    if os.getppid() != starter:
        sys.exit(1)  # it died before the request: there will be no signal
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
