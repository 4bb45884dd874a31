"""The engine's own directory on the host: its helper binary and the compiled programs.

Sandboxes bind files out of it, so it must lie where every user may pass (a clone may lie below a
0700 directory; this does not) and where programs may be executed (/run often forbids it). Only the
engine writes in it; nothing a program wrote ever lies there under a name, except, without namespaces,
in the directory of a slot while a program runs there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

from .problems import Problem

_USUAL_PARENTS = ("/run", "/tmp", "/var/tmp")  # noqa: S108 - a fresh 0711 directory is made inside
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make(configured: str, name: str) -> Path:
    """A fresh directory, mode 0711, whose name begins with `name`.

    What an earlier engine of that name left behind is removed first. Raises Problem when no
    suitable place is found.
    """
    parents = (configured,) if configured else _USUAL_PARENTS
    reasons = []
    for parent in parents:
        if reason := _unsuitable(parent):
            reasons.append(f"{parent}: {reason}")
            continue
        _remove_stale(parent, name)
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
        path.chmod(0o711)
        return path
    raise Problem(
        "no directory for the engine's files ("
        + "; ".join(reasons)
        + "): set ENGINE_RUN_DIR to a directory that every user may enter and run programs from."
    )


def remove(path: Path) -> None:
    """Remove what is there, as far as possible. It may be what a program left: no link is followed, and
    directories may be nested in each other thousands of times (`shutil.rmtree` would recurse)."""
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
            return
        _empty(_open_to_empty(path))
        path.rmdir()


def _empty(here: int) -> None:
    """Empty the directory open as `here` and close it. Raises OSError when something stays."""
    way: list[tuple[tuple[int, int], str]] = []
    try:
        while True:
            if (inner := _thin_out(here)) is not None:
                way.append((_identity(here), inner))
                here = _exchange(here, _open_to_empty(inner, here))
            elif way:
                outer, name = way.pop()
                here = _exchange(here, os.open("..", _DIRECTORY, dir_fd=here))
                if _identity(here) != outer:
                    raise OSError(errno.EXDEV, f"moved while it was emptied: {name!r}")
                os.rmdir(name, dir_fd=here)
            else:
                return
    finally:
        os.close(here)


def _thin_out(here: int) -> str | None:
    """Remove what can be at once; the name of a directory in it that is not empty, or None."""
    for name in os.listdir(here):
        try:
            os.unlink(name, dir_fd=here)
        except (IsADirectoryError, PermissionError):
            try:
                os.rmdir(name, dir_fd=here)
            except OSError:
                return name
    return None


def _open_to_empty(path: Path | str, parent: int | None = None) -> int:
    """What is opened is what gets mode 0700, without which only root could empty it."""
    found = os.open(path, os.O_PATH | _DIRECTORY, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{found}", 0o700)  # as `fchmod`, which needs a mode that lets us read
        return os.open(".", _DIRECTORY, dir_fd=found)
    finally:
        os.close(found)


def _exchange(here: int, there: int) -> int:
    os.close(here)
    return there


def _identity(directory: int) -> tuple[int, int]:
    info = os.fstat(directory)
    return info.st_dev, info.st_ino


def _remove_stale(parent: str, name: str) -> None:
    for path in Path(parent).glob(f"{name}-*"):
        if path.is_dir() and not path.is_symlink() and path.stat().st_uid == os.geteuid():
            remove(path)


def _unsuitable(parent: str) -> str | None:
    """Why `parent` cannot be used, or None."""
    if not os.path.isdir(parent):
        return "is not a directory"
    if not os.access(parent, os.W_OK | os.X_OK):
        return "cannot be written"
    if os.statvfs(parent).f_flag & os.ST_NOEXEC:
        return "forbids running programs (noexec)"
    if os.geteuid() == 0:
        for directory in (Path(parent).resolve(), *Path(parent).resolve().parents):
            if not directory.stat().st_mode & stat.S_IXOTH:
                return f"{directory} may not be entered by other users"
    return None
