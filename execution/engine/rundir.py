"""The engine's own directory on the host: its helper binary and the compiled programs.

Sandboxes bind files out of it, so it must lie where every user may pass (a clone may lie below a
0700 directory; this does not) and where programs may be executed (/run often forbids it). Only the
engine writes in it; nothing a program wrote ever lies there under a name.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from .problems import Problem

_USUAL_PARENTS = ("/run", "/tmp", "/var/tmp")  # noqa: S108 - a fresh 0711 directory is made inside


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
    shutil.rmtree(path, ignore_errors=True)


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
