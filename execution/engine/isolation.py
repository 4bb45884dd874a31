"""The best isolation that works on this machine: tried with a program, never assumed.

Walls (bubblewrap) times what counts and limits (control groups of version 1 or 2, or none).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .bubblewrap import Bubblewrap
from .cgroups import Cgroups, NoCgroups, prepare_v1, prepare_v2
from .jobs import MIB, Job, Limits, SandboxFailed
from .problems import Problem
from .requirements import find
from .sandbox import Sandbox
from .seats import Seat

_TRIAL = Job(
    argv=("/bin/true",),
    limits=Limits(
        cpu_ms=1000,
        wall_ms=5000,
        memory_kib=64_000,
        stack_kib=8_000,
        processes=4,
        file_bytes=MIB,
    ),
)


@dataclass(frozen=True)
class Isolated:
    sandbox: Sandbox
    cgroups: Cgroups
    description: str


async def find_best(box: Path, seat: Seat) -> Isolated:
    """A sandbox with the best cgroups in which a trial program runs."""
    reason = ""
    for cgroups in _candidates(seat):
        walls = Bubblewrap(box, find("bwrap")[0], seat.first_uid, memory_is_counted=cgroups.counts_memory)
        sandbox = Sandbox(walls, cgroups)
        try:
            outcome = await sandbox.run(_TRIAL, slot=0)
        except SandboxFailed as error:
            reason = str(error)
        else:
            if outcome.exit_code == 0 and outcome.signal is None:
                return Isolated(sandbox, cgroups, _description(cgroups, seat))
            reason = f"/bin/true ended with {outcome}"
        cgroups.close()
    raise Problem(f"The sandbox does not work here: {reason}.")


def _candidates(seat: Seat) -> Iterator[Cgroups]:
    for prepare in (prepare_v1, prepare_v2):
        if cgroups := prepare(seat.name):
            yield cgroups
    yield NoCgroups()


def _description(cgroups: Cgroups, seat: Seat) -> str:
    if seat.first_uid is None:
        user = f"unprivileged as uid {os.geteuid()}"
    else:
        user = f"uid {seat.first_uid} and up, one per slot"
    return (
        f"bubblewrap with user, pid, network, ipc, uts and mount namespaces; seccomp; "
        f"{user}; CPU and memory by {cgroups.description}"
    )
