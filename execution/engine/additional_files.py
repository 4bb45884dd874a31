"""The zip that may come with a submission: unpacked in the sandbox, kept as a packed tree.

The host never looks into it. box/unzip.py does, inside, where it can do no more than a program can;
what comes out is bytes that only box reads (box/tree.c).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from .artefacts import Compiled
from .jobs import MAX_TREE_BYTES, MIB, Job, Killed, Limits, Outcome, SandboxFailed
from .requirements import find
from .sandbox import Sandbox

_SCRIPT = (Path(__file__).parent / "box/unzip.py").read_text()
_CPU_S = 2


@dataclass(frozen=True)
class Unzip:
    """How this machine unpacks a zip."""

    python: str
    max_file_kib: int
    """Of each file."""

    def job(self, archive: bytes, kept: str) -> Job:
        """Unpacks `archive`, leaving out what is called `kept`."""
        file_bytes = min(1024 * self.max_file_kib, MAX_TREE_BYTES)
        return Job(
            argv=(self.python, "-I", "-S", "-c", _SCRIPT, str(file_bytes), str(MAX_TREE_BYTES), kept),
            limits=Limits(
                cpu_ms=1000 * _CPU_S,
                wall_ms=10_000,
                memory_kib=256_000,
                stack_kib=64_000,
                processes=4,
                file_bytes=max(file_bytes, MIB),
            ),
            stdin=archive,
            collect="/box/",
        )

    def result(self, outcome: Outcome) -> Compiled:
        """The tree, or why there is none. Raises SandboxFailed."""
        complaint, is_final = "", True
        if outcome.killed in (Killed.CPU, Killed.WALL):
            complaint, is_final = f"It takes longer than {_CPU_S} s to unpack.", False
        elif outcome.oom:
            complaint, is_final = "It takes too much memory to unpack.", False
        elif outcome.exit_code == 1 and outcome.stdout:
            complaint = outcome.stdout.decode(errors="replace").strip()
        elif outcome.exit_code or outcome.signal or outcome.exec_errno or outcome.killed:
            raise SandboxFailed("additional files could not be unpacked")
        elif outcome.collected is None:
            complaint = f"There is more in it than {MAX_TREE_BYTES // 1024} KB."
        if complaint:
            return Compiled(None, f"additional_files: {complaint}\n".encode(), is_final)
        return Compiled(outcome.collected, b"")


async def find_unzip(sandbox: Sandbox, slot: int, max_file_kib: int) -> Unzip | None:
    """The way to unpack a zip that works here, or None."""
    for python in find("python3"):
        unzip = Unzip(python, max_file_kib)
        try:
            outcome = await sandbox.run(unzip.job(_archive({"run": "echo it works\n"}), kept=""), slot)
            if unzip.result(outcome).program is not None:
                return unzip
        except SandboxFailed:
            continue
    return None


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()
