"""One number per running engine of a machine, so that engines do not collide.

A seat decides an engine's user ids and the name of its cgroup. It is claimed by binding an abstract
unix socket, which the kernel releases when the engine ends, however it ends: whoever holds a seat
knows that whatever is left under its name belongs to a dead engine and may be cleaned up.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Self

from .config import MAX_SLOTS

SEATS = 17
SLOTS = MAX_SLOTS + 3
"""One is for what the engine does beside its runs, and two at least for interactors that talk with programs."""
_LAST_UID = 61183
"""Seats go down from here, to 60589. systemd's table (systemd.io/UIDS-GIDS) has dynamic services above and
systemd-homed's people up to 60513; between them are, since version 258, the greeters of graphical logins,
from 60578 up. Ids beyond 65535 would be free as well, but many a container has none."""


def partners(slots: int) -> range:
    """Those for interactors that talk with programs in the first `slots`: one for each, as far as there are any."""
    return range(slots + 1, min(2 * slots + 1, SLOTS))


@dataclass(frozen=True)
class Seat:
    number: int
    claim: socket.socket
    """Held open for as long as the engine lives."""

    @classmethod
    def take(cls) -> Self | None:
        """The first free seat of this user's, or None when all are taken."""
        for number in range(SEATS):
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                claim.bind(f"\0judge-engine/{os.geteuid()}/{number}")
            except OSError:
                claim.close()
                continue
            return cls(number, claim)
        return None

    @property
    def name(self) -> str:
        """Marks what belongs to this seat: its cgroup, its run directory.

        Seats are counted per user and network namespace; containers may share all the rest.
        """
        network = os.stat("/proc/self/ns/net").st_ino
        return f"judge-engine-{network}-{os.geteuid()}-{self.number}"

    @property
    def first_uid(self) -> int | None:
        """The user id of slot 0; None when the engine is not root and cannot change its own."""
        return _LAST_UID + 1 - SLOTS * (self.number + 1) if os.geteuid() == 0 else None

    def leave(self) -> None:
        self.claim.close()
