"""The files of a package, from a folder or a zip, without trusting it. Nothing is unpacked to disk.

    folder ──lstat──┐
                    ├──▶ names and links ──links followed──▶ Tree
    zip ──directory─┘

Symbolic links within the package are followed, by us and never by the system, those to folders too; what a link and
its target hold is the same content and stored once. A link to nothing can be seen, but not read.

Refused as a whole is what no honest package has: a path or a link that leaves it, links in a circle, absolute paths,
names that are not UTF-8 or hold control characters or backslashes, a name twice, what is neither file nor folder nor
link, folders more than MAX_DEPTH deep, more than MAX_ENTRIES files, more than MAX_PACKAGE_BYTES in them (a link
counts as much as what it names), a zip that is encrypted or unpacks to more than RATIO times its size. Names in
IGNORED are passed over.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import IO

from django.conf import settings

from questions.packages.values import File, PackageRefused

MAX_ENTRIES = 10_000
MAX_PATH = 300  # characters; what a row can hold
MAX_DEPTH = 30
MAX_LINK = 4096
MAX_TEXT_BYTES = 4 * 1024 * 1024
LEAST_MAX_FILE_BYTES = 64 * 1024 * 1024
RATIO = 200
RATIO_FREE_BYTES = (
    256 * 1024 * 1024
)  # up to here a zip may be as small as it likes: a million zeros are a test
DIRECTORY_BYTES = 4 * 1024 * 1024  # of a zip, in which its entries are listed
HOPS = 40  # links by way of links, as Linux has it

IGNORED = frozenset({".git", ".hg", ".svn", ".DS_Store", "__MACOSX", "Thumbs.db"})
HELD = frozenset(
    {"data", "sample", "samples", "secret"}
)  # a zip's only folder of this name is not the package

# What zipfile raises over a broken zip, by the field that is broken.
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, OSError, ValueError)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class _Link:
    target: str


@dataclass(frozen=True, slots=True)
class _Folder:
    inside: dict[str, File | _Link | _Folder] = field(default_factory=dict)


_Place = tuple[str, ...]


@dataclass(frozen=True)
class Tree:
    """`files` by their paths, sorted; folders are not listed. `name` is the folder's, or the zip's without ending."""

    name: str
    files: dict[str, File]

    def under(self, folder: str) -> dict[str, File]:
        """The files below a folder, by their paths within it, which is also what their `path` says."""
        start = folder.rstrip("/") + "/" if folder else ""
        return {
            path[len(start) :]: replace(file, path=path[len(start) :])
            for path, file in self.files.items()
            if path.startswith(start)
        }

    def text(self, path: str) -> str:
        """The file in UTF-8, without byte order mark.

        Raises PackageRefused where it is missing, larger than MAX_TEXT_BYTES, or naming the byte that is no UTF-8.
        """
        if path not in self.files:
            raise PackageRefused(path, "is missing")
        if self.files[path].size > MAX_TEXT_BYTES:
            raise PackageRefused(path, f"has {self.files[path].size} bytes; a text may have {MAX_TEXT_BYTES}")
        data = self.files[path].read()
        try:
            return data.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise PackageRefused(
                path, f"is not UTF-8: byte {data[error.start]:#04x} at position {error.start}"
            ) from error


@contextmanager
def opened(source: Path | IO[bytes], name: str = "") -> Iterator[Tree]:
    """The package at `source`, a folder, a zip or an open file with one (then with its `name`).

    A zip whose only entry is a folder is the package that this folder is, and has its name. Raises PackageRefused.
    What `File.read` gives is read from `source` as long as the context lasts; it raises PackageRefused where the
    file is no longer what it was, is damaged, or larger than anything that we keep.
    """
    if not isinstance(source, Path):
        yield _of_zip(name, _archive(source))
    elif source.is_dir():
        yield _tree(source.resolve().name, _folder(source.resolve()))
    else:
        with _readable(source) as file:
            yield _of_zip(name or source.stem, _archive(file))


def of_zip_within(file: File) -> Tree:
    """A zip that is a file of a package, its paths as they are; in memory as long as any of its files is."""
    try:
        return _tree(file.path, _in_archive(_archive(BytesIO(file.read()))))
    except PackageRefused as refusal:
        raise PackageRefused(file.path, str(refusal)) from refusal


def _readable(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise PackageRefused("", f"cannot be read: {error.strerror}") from error


def _tree(name: str, root: _Folder) -> Tree:
    """With links followed, sorted and within the limits."""
    files: dict[str, File] = {}
    total = 0
    for path, file in _walk(root, root, (), "", (root,)):
        files[path] = file
        total += file.size
        if len(files) > MAX_ENTRIES:
            raise _too_many()
        if total > settings.MAX_PACKAGE_BYTES:
            raise PackageRefused(
                path, f"with it the package holds more than {settings.MAX_PACKAGE_BYTES} bytes"
            )
    return Tree(name, dict(sorted(files.items())))


def _too_many() -> PackageRefused:
    return PackageRefused("", f"it holds more than {MAX_ENTRIES} files")


# Links


def _walk(
    root: _Folder, folder: _Folder, place: _Place, shown: str, above: tuple[_Folder, ...]
) -> Iterator[tuple[str, File]]:
    """All files of a folder, which is at `place` and listed as `shown`; `above` are the folders that led here."""
    for name, entry in folder.inside.items():
        path = f"{shown}{name}"
        _refuse_length(path)
        where, found = (*place, name), entry
        if isinstance(entry, _Link):
            where, found = _target(root, place, entry, path, HOPS)
        if isinstance(found, File):
            yield path, replace(found, path=path)
        elif isinstance(found, _Folder):
            if any(found is one for one in above):
                raise PackageRefused(path, "links lead in a circle")
            yield from _walk(root, found, where, path + "/", (*above, found))
        else:
            yield path, File(path, 0, _nothing(path, found.target))


def _target(
    root: _Folder, place: _Place, link: _Link, path: str, hops: int
) -> tuple[_Place, File | _Folder | _Link]:
    """What a link in the folder `place` names, and where that is; the link itself where there is nothing.

    Raises PackageRefused at `path` when it leaves the package or leads in a circle.
    """
    if not hops:
        raise PackageRefused(path, "links lead in a circle")
    if link.target.startswith("/") or _DRIVE.match(link.target):
        raise PackageRefused(path, "the link leaves the package")
    where, found = place, _at(root, place)
    for part in link.target.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not where:
                raise PackageRefused(path, "the link leaves the package")
            where = where[:-1]
            found = _at(root, where)
            continue
        entry = found.inside.get(part) if isinstance(found, _Folder) else None
        if entry is None:
            return where, link
        where, found = (*where, part), entry
        if isinstance(entry, _Link):
            where, found = _target(root, where[:-1], entry, path, hops - 1)
            if isinstance(found, _Link):
                return where, link
    return where, found


def _at(root: _Folder, place: _Place) -> File | _Folder | _Link:
    found: File | _Folder | _Link = root
    for part in place:
        assert isinstance(found, _Folder)
        found = found.inside[part]
    return found


def _nothing(path: str, target: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise PackageRefused(path, f"is a link to {target}, which is not there")

    return read


# Names


def _refuse_name(path: str) -> None:
    if _CONTROL.search(path) or "\\" in path:
        raise PackageRefused(ascii(path), "its name holds a backslash or a control character")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise PackageRefused(ascii(path), "its name is not UTF-8") from error


def _refuse_length(path: str) -> None:
    if len(path) > MAX_PATH:
        raise PackageRefused(path[:MAX_PATH] + "…", f"its path is longer than {MAX_PATH} characters")
    if path.count("/") > MAX_DEPTH:
        raise PackageRefused(path, f"is in more than {MAX_DEPTH} folders")


def _most_bytes() -> int:
    """Of one file: nothing that is larger is ever stored."""
    return max(settings.MAX_STDIN_BYTES, LEAST_MAX_FILE_BYTES)


def _refuse_size(path: str, size: int) -> None:
    if size > _most_bytes():
        raise PackageRefused(path, f"has {size} bytes; a file that is used may have {_most_bytes()}")


# Folders


def _folder(top: Path) -> _Folder:
    """The entries of a folder and all below it; raises PackageRefused."""
    root = _Folder()
    seen = 0
    left = [(top, "", root)]
    while left:
        directory, start, folder = left.pop()
        for entry in _listed(directory, start):
            path = start + entry.name
            _refuse_name(path)
            seen += 1
            if seen > MAX_ENTRIES:
                raise _too_many()
            one = _on_disk(Path(entry.path), path)
            folder.inside[entry.name] = one
            if isinstance(one, _Folder):
                left.append((Path(entry.path), path + "/", one))
    return root


def _listed(directory: Path, path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return [entry for entry in entries if entry.name not in IGNORED]
    except OSError as error:
        raise PackageRefused(path, f"cannot be read: {error.strerror}") from error


def _on_disk(place: Path, path: str) -> File | _Link | _Folder:
    try:
        found = place.lstat()
        if stat.S_ISLNK(found.st_mode):
            return _Link(os.readlink(place))
    except OSError as error:
        raise PackageRefused(path, f"cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(found.st_mode):
        return _Folder()
    if not stat.S_ISREG(found.st_mode):
        raise PackageRefused(path, "is neither a file nor a folder")
    return File(
        path, found.st_size, _reads_disk(place, path, found.st_size), bool(found.st_mode & stat.S_IXUSR)
    )


def _reads_disk(place: Path, path: str, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        _refuse_size(path, size)
        try:
            # Whatever has taken its place meanwhile is neither followed nor waited for.
            with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                data = file.read(size + 1)
        except OSError as error:
            raise PackageRefused(path, f"cannot be read: {error.strerror}") from error
        if len(data) != size:
            raise PackageRefused(path, "has changed while the package was read")
        return data

    return read


# Zips


class _Guarded:
    """An open zip of which, until it is `free`, nothing large is read at once: that would be its directory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.free = False
        self.size = file.seek(0, os.SEEK_END)
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        if not self.free and not 0 <= count <= DIRECTORY_BYTES:
            count = DIRECTORY_BYTES + 1 if self.size > DIRECTORY_BYTES else -1
        data = self._file.read(count)
        if not self.free and len(data) > DIRECTORY_BYTES:
            raise _too_many()
        return data


@dataclass(frozen=True)
class _Archive:
    zip: zipfile.ZipFile
    size: int


def _archive(file: IO[bytes]) -> _Archive:
    guard = _Guarded(file)
    try:
        opened_zip = zipfile.ZipFile(guard)
    except _DAMAGED as error:
        raise PackageRefused("", f"is neither a folder nor a zip that can be read: {error}") from error
    guard.free = True
    return _Archive(opened_zip, guard.size)


def _of_zip(name: str, archive: _Archive) -> Tree:
    root = _in_archive(archive)
    match list(root.inside.items()):
        case [(only, _Folder() as folder)] if only not in HELD:
            return _tree(only, folder)
    return _tree(name, root)


def _in_archive(archive: _Archive) -> _Folder:
    root = _Folder()
    files = [(_name(info), info) for info in archive.zip.infolist()]
    files = [(path, info) for path, info in files if path and IGNORED.isdisjoint(path.split("/"))]
    if sum(not info.is_dir() for _, info in files) > MAX_ENTRIES:
        raise _too_many()
    _refuse_bomb(archive.size, sum(info.file_size for _, info in files))
    for path, info in files:
        if not info.is_dir():
            _place(root, path, _in_zip(archive.zip, info, path))
    return root


def _refuse_bomb(packed: int, unpacked: int) -> None:
    if unpacked > max(RATIO * packed, RATIO_FREE_BYTES):
        raise PackageRefused("", f"it unpacks to {unpacked} bytes, more than {RATIO} times its own size")


def _name(info: zipfile.ZipInfo) -> str:
    """Its path, parts joined by single slashes; raises PackageRefused where it leaves the package or is no path."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:  # many write UTF-8 without saying so
        try:
            name = name.encode("cp437").decode()
        except UnicodeError as error:
            raise PackageRefused(ascii(name), "its name is not UTF-8") from error
    _refuse_name(name)
    if name.startswith("/") or _DRIVE.match(name):
        raise PackageRefused(name, "its path is absolute")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise PackageRefused(name, "its path leaves the package")
    _refuse_length("/".join(parts))
    return "/".join(parts)


def _place(root: _Folder, path: str, entry: File | _Link) -> None:
    """Put an entry at its path; raises PackageRefused where something else is."""
    *above, last = path.split("/")
    folder = root
    for part in above:
        inner = folder.inside.setdefault(part, _Folder())
        if not isinstance(inner, _Folder):
            raise PackageRefused(path, "the zip holds this name twice")
        folder = inner
    if last in folder.inside:
        raise PackageRefused(path, "the zip holds this name twice")
    folder.inside[last] = entry


def _in_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> File | _Link:
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFLNK):
        raise PackageRefused(path, "is neither a file nor a folder")
    if info.flag_bits & 1:
        raise PackageRefused(path, "is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PackageRefused(path, "is compressed in another way than deflate")
    read = _reads_zip(archive, info, path)
    if stat.S_ISLNK(mode):
        return _Link(_link_text(info, path, read))
    return File(path, info.file_size, read, bool(mode & stat.S_IXUSR))


def _link_text(info: zipfile.ZipInfo, path: str, read: Callable[[], bytes]) -> str:
    if info.file_size > MAX_LINK:
        raise PackageRefused(path, "is a link longer than any path")
    try:
        return read().decode()
    except UnicodeDecodeError as error:
        raise PackageRefused(path, "the link is not UTF-8") from error


def _reads_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str) -> Callable[[], bytes]:
    def read() -> bytes:
        _refuse_size(path, info.file_size)
        try:
            with archive.open(info) as file:
                data = file.read(info.file_size)
                # At the end the checksum is compared.
                longer = file.read(1)
        except _DAMAGED as error:
            raise PackageRefused(path, "is damaged") from error
        if longer or len(data) != info.file_size:
            raise PackageRefused(path, "is damaged: it is not as long as the zip says")
        return data

    return read
