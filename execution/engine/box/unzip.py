"""Unpacks a zip into the working directory. Runs in the sandbox, by itself, on whatever somebody sent.

    python3 -I -S -c <this> MAX_FILE_BYTES MAX_TREE_BYTES [KEPT] <the zip

Exits with 1, and a sentence on standard output, when not all of it could be unpacked. What is no zip at all
is nothing to unpack, as for Judge0. Names lose what leads out of the directory ("/", ".."), as `unzip` does
it; what is there already stays, the first of two entries too, and so does room for KEPT, which comes later.
Links and devices are never made.
"""

import os
import stat
import sys
import zipfile
from typing import IO

MAX_DEPTH = 32
UNIX = 3
PAGE = 4096
BLOCK = 64 * 1024


class Refused(Exception):
    """What is wrong with the archive, as a sentence."""


class Room:
    """What may still be unpacked; every entry takes the pages that box/tree.c counts for it."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, name: str, size: int) -> None:
        whole = 16 + len(os.fsencode(name)) + size
        self._left -= -whole // PAGE * -PAGE
        if self._left < 0:
            raise Refused(f"There is more in it than {self._most // 1024} KB.")


def unpack(archive: zipfile.ZipFile, max_file_bytes: int, room: Room, kept: str) -> None:
    for entry in archive.infolist():
        path = [part for part in entry.filename.split("/") if part not in ("", ".", "..")]
        if not path or path[0] == kept or is_special(entry):
            continue
        if len(path) > MAX_DEPTH:
            raise Refused(f"A directory in it is deeper than {MAX_DEPTH} levels.")
        directory = path if entry.is_dir() else path[:-1]
        if make(directory, room) and not entry.is_dir():
            unpack_file(archive, entry, "/".join(path), max_file_bytes, room)


def mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16 if entry.create_system == UNIX else 0


def is_special(entry: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(mode(entry))
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)


def make(directory: list[str], room: Room) -> bool:
    """Whether there is such a directory now; False where a file has its name."""
    for depth in range(1, len(directory) + 1):
        path = "/".join(directory[:depth])
        if not os.path.lexists(path):
            room.take(directory[depth - 1], 0)
            os.mkdir(path)
        elif not os.path.isdir(path):
            return False
    return True


def unpack_file(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: str, max_file_bytes: int, room: Room
) -> None:
    permissions = 0o755 if mode(entry) & stat.S_IXUSR else 0o644
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as target, archive.open(entry) as source:
        size = copy(source, target, max_file_bytes, path)
    room.take(os.path.basename(path), size)


def copy(source: IO[bytes], target: IO[bytes], most: int, name: str) -> int:
    """The bytes copied: what the archive says about sizes is not believed."""
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if size > most:
            raise Refused(f"{name!a:.200} in it is larger than {most // 1024} KB.")
        target.write(block)
    return size


def main(max_file_bytes: str, max_tree_bytes: str, kept: str = "") -> str:
    """What is wrong; empty when all is unpacked."""
    try:
        archive = zipfile.ZipFile(sys.stdin.buffer)
    except zipfile.BadZipFile:
        return ""
    except (ValueError, NotImplementedError, OSError) as error:
        return f"It is damaged ({error})."
    try:
        unpack(archive, int(max_file_bytes), Room(int(max_tree_bytes)), kept)
    except Refused as refused:
        return str(refused)
    except Exception as error:  # zipfile has no type for all of encrypted, damaged, a method unknown, …
        return f"It cannot be unpacked ({str(error) or type(error).__name__:.200})."
    return ""


if __name__ == "__main__":
    if complaint := main(*sys.argv[1:]):
        print(complaint)
        sys.exit(1)
