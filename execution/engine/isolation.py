"""The best isolation that works on this machine: tried with a program, never assumed.

Walls (bubblewrap with a user namespace or, as root, without one; where it is allowed and nothing else
works, the reduced ones) times what counts and limits (control groups of version 1 or 2, or none).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from .bubblewrap import Bubblewrap
from .cgroup_v1 import prepare_v1
from .cgroup_v2 import prepare_v2
from .cgroups import Cgroups, NoCgroups
from .jobs import MIB, Job, Limits, SandboxFailed
from .problems import Problem
from .reduced import Reduced, landlock_version
from .requirements import HOW_TO_ISOLATE, find
from .sandbox import Enclosure, Sandbox
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
    gaps: tuple[str, ...]
    """Empty for full isolation."""
    known_open: frozenset[str] = frozenset()
    """As `Enclosure` has them."""


async def find_best(box: Path, seat: Seat, *, reduced_is_allowed: bool = False) -> Isolated:
    """A sandbox of the best walls and cgroups in which a trial program runs. Raises Problem."""
    reasons = [] if find("bwrap") else ["bubblewrap (bwrap) is missing"]
    candidates = chain(_full(box, seat), _reduced(box, seat) if reduced_is_allowed else ())
    for walls, cgroups in candidates:
        sandbox = Sandbox(walls, cgroups)
        try:
            outcome = await sandbox.run(_TRIAL, slot=0)
        except SandboxFailed as error:
            reasons.append(str(error))
        else:
            if outcome.exit_code == 0 and outcome.signal is None:
                description = _description(walls, cgroups, seat)
                return Isolated(sandbox, cgroups, description, walls.gaps, walls.known_open)
            reasons.append(f"/bin/true ended with {outcome}")
        cgroups.close()
    if reduced_is_allowed and seat.first_uid is None and not landlock_version():
        reasons.append("reduced isolation needs root, or Landlock, which this kernel does not offer")
    raise Problem(f"The sandbox does not work here: {'; '.join(dict.fromkeys(reasons))}. {HOW_TO_ISOLATE}")


def _full(box: Path, seat: Seat) -> Iterator[tuple[Enclosure, Cgroups]]:
    bwrap = find("bwrap")
    if not bwrap:
        return
    for has_user_namespace in (True, False) if seat.first_uid is not None else (True,):
        for cgroups in _cgroups(seat):
            yield (
                Bubblewrap(
                    box,
                    bwrap[0],
                    seat.first_uid,
                    memory_is_counted=cgroups.counts_memory,
                    has_user_namespace=has_user_namespace,
                ),
                cgroups,
            )


def _reduced(box: Path, seat: Seat) -> Iterator[tuple[Enclosure, Cgroups]]:
    landlock = landlock_version()
    if seat.first_uid is None and not landlock:
        return
    for cgroups in _cgroups(seat):
        yield (
            Reduced(box, seat.first_uid, landlock=landlock, memory_is_counted=cgroups.counts_memory),
            cgroups,
        )


def _cgroups(seat: Seat) -> Iterator[Cgroups]:
    for prepare in (prepare_v1, prepare_v2):
        if cgroups := prepare(seat.name):
            yield cgroups
    yield NoCgroups()


def _description(walls: Enclosure, cgroups: Cgroups, seat: Seat) -> str:
    if seat.first_uid is None:
        user = f"unprivileged as uid {os.geteuid()}"
    else:
        user = f"uid {seat.first_uid} and up, one per slot"
    return f"{walls.description}; {user}; CPU and memory by {cgroups.description}"
