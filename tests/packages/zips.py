"""Writes zips, honest ones and others."""

import io
import struct
import zipfile
from collections.abc import Iterable

Entry = tuple[str | zipfile.ZipInfo, bytes]


def zipped(entries: Iterable[Entry]) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    target.seek(0)
    return target


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry with a mode as `stat` has it."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def link(name: str, target: str) -> Entry:
    return entry(name, 0o120777), target.encode()


def forged(
    names: Iterable[str], *, says: int = 0, flags: int = 0, method: int = 0, extra: bytes = b""
) -> io.BytesIO:
    """A zip whose directory lists these names, all at one empty file, each of which `says` to have so many bytes."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, flags, method, 0, 0, 0, 0, 0, 1, 0) + b"x"
    rows = [
        struct.pack(
            "<4s6H3I5H2I",
            b"PK\1\2",
            20,
            20,
            flags,
            method,
            0,
            0,
            0,
            0,
            says,
            len(name),
            len(extra),
            0,
            0,
            0,
            0,
            0,
        )
        + name
        + extra
        for name in (name.encode() for name in names)
    ]
    directory = b"".join(rows)
    count = min(len(rows), 0xFFFF)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(directory), len(local), 0)
    return io.BytesIO(local + directory + end)
