"""Which user ids engines take for their programs."""

from __future__ import annotations

import os
import socket

import pytest

from execution.engine.seats import SEATS, SLOTS, Seat

UNUSED = range(60578, 61184)
"""By Debian's packages and people, and by systemd; greeters of graphical logins have them up to 61089
(https://systemd.io/UIDS-GIDS/)."""


def test_no_slot_has_a_user_id_that_people_or_services_have_nor_that_of_another():
    if os.geteuid() != 0:
        pytest.skip("not root: all slots have the engine's own user id")
    with socket.socket() as claim:
        firsts = [Seat(number, claim).first_uid for number in range(SEATS)]
    uids = [first + slot for first in firsts if first is not None for slot in range(SLOTS)]
    assert len(set(uids)) == SEATS * SLOTS
    assert set(uids) <= set(UNUSED)
    assert min(uids[:SLOTS]) > 61089  # the usual engine is alone, and collides with nobody
