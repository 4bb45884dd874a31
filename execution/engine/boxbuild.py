"""Makes the helper binary out of box/*.c, with the compiler that judging C needs anyway."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .problems import Problem
from .requirements import find

_SOURCES = sorted(map(str, Path(__file__).with_name("box").glob("*.c")))
_COMPILE_S = 60


async def build(directory: Path) -> Path:
    """Compile box into `directory`: static if the C library allows it. Raises Problem."""
    target = directory / "box"
    compilers = find("gcc", "cc", "clang")
    if not compilers:
        raise Problem("A C compiler is missing: install one, e.g. apt-get install gcc libc6-dev.")
    complaint = ""
    for options in (["-static"], []):
        complaint = await _compile([compilers[0], "-O2", *options, "-o", str(target), *_SOURCES])
        if not complaint:
            target.chmod(0o555)
            return target
    raise Problem(
        f"{compilers[0]} cannot compile the sandbox's helper ({complaint}): install the C library's "
        "and the kernel's headers, e.g. apt-get install libc6-dev."
    )


async def _compile(command: list[str]) -> str:
    """The compiler's first complaint; empty when it succeeded."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, complaint = await asyncio.wait_for(process.communicate(), _COMPILE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"no result after {_COMPILE_S} s"
    if process.returncode == 0:
        return ""
    return complaint.decode(errors="replace").strip().partition("\n")[0] or "no message"
