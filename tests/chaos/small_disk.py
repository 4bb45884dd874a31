"""A disk that can be filled: a file system of its own for one process and its children, gone when they are.

It is mounted in a namespace of theirs, so nothing stays mounted whatever happens; this process looks in by /proc.
"""

import errno
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

MOUNT_AND_RUN = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'
PIECE = 64 * 1024


class SmallDisk:
    """A directory that is `mib` MiB large for who is started with `command`; `pid` says who that was."""

    def __init__(self, directory: Path, mib: int) -> None:
        _skip_without_the_right()
        directory.mkdir(parents=True)
        self.directory = directory
        self.mib = mib
        self.pid: Callable[[], int] | None = None

    def prefix(self) -> list[str]:
        """Before a command: it finds the disk mounted. Its process is the one that is started."""
        return ["unshare", "--mount", "sh", "-c", MOUNT_AND_RUN, "sh", f"{self.mib}m", str(self.directory)]

    def fill(self) -> None:
        """To the last byte."""
        with (self._seen / "ballast").open("ab", buffering=0) as file:
            for size in (PIECE, 1):
                _write_all_that_fits(file.write, size)

    def free(self) -> None:
        (self._seen / "ballast").unlink()

    @property
    def _seen(self) -> Path:
        assert self.pid is not None, "nobody was started with it yet"
        return Path(f"/proc/{self.pid()}/root{self.directory}")


def _write_all_that_fits(write: Callable[[bytes], int | None], size: int) -> None:
    try:
        while True:
            write(b"\0" * size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@cache
def _may_mount() -> bool:
    tried = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(tried, capture_output=True).returncode == 0


def _skip_without_the_right() -> None:
    if not _may_mount():
        pytest.skip("a disk can only be filled by who may mount one: root, with CAP_SYS_ADMIN")
