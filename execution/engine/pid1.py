"""What PID 1 owes to those who have no other parent, as in a container whose command is the engine.

    PID 1: passes on signals, buries the dead --> the engine --> sandboxes

What loses its parent becomes the child of PID 1, as the first process of a sandbox does when bubblewrap is
killed. The engine itself waits for nobody but those that it started.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def leave_it_to_a_parent() -> None:
    """Where we are PID 1, go on as its child; it ends as we end. To be called before any thread is started."""
    if os.getpid() != 1:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    engine = os.fork()
    if engine:
        _pass_on_signals(engine)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    if engine:
        os._exit(_exit_code_of(engine))


def _pass_on_signals(engine: int) -> None:
    def pass_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            os.kill(engine, number)

    for number in _PASSED_ON:
        signal.signal(number, pass_on)


def _exit_code_of(engine: int) -> int:
    """As shells tell it. Whoever else ends meanwhile is buried."""
    while True:
        pid, status = os.wait()
        if pid == engine:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
