"""What the reduced walls let through, of the attacks in the table: all of it, and how else these end there.

docs/engine.md, "Reduced mode", lists the same for people.
"""

from __future__ import annotations

from collections.abc import Mapping

from .walls import Mode

_WITHOUT_NAMESPACES = {
    "kill_all.c": ("BREACH not in a pid namespace",),  # and so it tries nothing
    "proc_peek.py": ("BREACH sees the host's process",),
    "read_host_files.py": ("BREACH reaches",),
    "signal_parent.c": ("BREACH sees",),
}
_WITHOUT_LANDLOCK = {
    "net_out.py": ("BREACH interfaces", "BREACH the host's sockets are listed"),
    "proc_peek.py": ("BREACH sees", "BREACH reads PID 1's arguments"),
    "proc_sys_write.c": ("BREACH opens",),
    "read_host_files.py": ("BREACH sees", "BREACH reads"),
    "stdin_wait.py": ("BREACH opened /dev/ptmx",),
    "write_outside.py": ("BREACH may write in",),
}
_ENDS = {
    "compile_error_flood.cpp": "exit or cpu or memory or output or SIGXFSZ",
    "disk_fill.c": "exit 0 or memory or disk",
    "inode_flood.c": "exit 0 or inodes or memory or wall or cpu",
    "link_tricks.py": "exit 0 or inodes",
    "self_stop.c": "wall or cpu",  # on its way to stop everybody
    "setuid_exec.py": "exit 0 or exit 1",  # it may not even make the copy that it wants to run
}


def let_through(mode: Mode, attack: str) -> tuple[str, ...]:
    """How the lines begin that `attack` may print."""
    if mode.landlock is None:
        return ()
    known: Mapping[str, tuple[str, ...]] = {} if mode.landlock else _WITHOUT_LANDLOCK
    return _WITHOUT_NAMESPACES.get(attack, ()) + known.get(attack, ())


def expected_end(mode: Mode, attack: str, otherwise: str) -> str:
    return otherwise if mode.landlock is None else _ENDS.get(attack, otherwise)


def listed() -> set[str]:
    """The attacks of which something gets through."""
    return set(_WITHOUT_NAMESPACES) | set(_WITHOUT_LANDLOCK)
