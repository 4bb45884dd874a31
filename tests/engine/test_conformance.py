"""Every recorded exchange with Judge0 1.13.1 is answered the same here, or docs/engine.md says why not.

`JUDGE0_URL` in the environment names another server to be examined instead of an engine of this machine
(`JUDGE0_AUTH_TOKEN`: its token). It may answer as recorded where the engine does not.
"""

from __future__ import annotations

import re
import time
from fnmatch import fnmatchcase

import pytest
import requests

from .conftest import ROOT
from .differences import DIFFERENCES
from .recordings import GROUPS, CallbackReceiver, Exchange, Replay, exchanges


def reason_for(exchange: str) -> str | None:
    reasons = [
        reason
        for reason, patterns in DIFFERENCES.items()
        if any(fnmatchcase(exchange, pattern) for pattern in patterns)
    ]
    assert len(reasons) < 2, f"{exchange}: {reasons}"
    return reasons[0] if reasons else None


@pytest.mark.parametrize("group", GROUPS)
def test_every_recorded_exchange_is_answered_as_judge0_did_or_differs_for_a_reason(server, group):
    headers = {"X-Auth-Token": server.token} if server.token else {}
    if group == "conf-auth":
        headers = {}
        if requests.get(f"{server.url}/languages", timeout=10).status_code != 401:
            pytest.skip("the server at JUDGE0_URL does not demand the tokens tok-a, tok-b, adm-a, adm-b")
    with CallbackReceiver() as receiver:
        replay = Replay(server.url, receiver, headers)
        recorded = list(exchanges(group))
        if group == "conf-auth":
            replay.leave_text_beyond_ascii()
        differing = {exchange.id: replay.run(exchange) for exchange in recorded}
        for exchange in recorded:
            if exchange.callbacks is not None:
                shall_differ = server.is_ours and reason_for(exchange.id) is not None
                told = callback_difference(replay, exchange, shall_differ=shall_differ)
                differing[exchange.id] = differing[exchange.id] or told
    unexplained = [f"{name}: {it}" for name, it in differing.items() if it and not reason_for(name)]
    assert not unexplained, "\n\n".join(unexplained)
    if server.is_ours:
        settled = [name for name, it in differing.items() if not it and reason_for(name)]
        assert not settled, f"answered as Judge0 did, yet there is a reason why not: {settled}"


def callback_difference(replay: Replay, exchange: Exchange, *, shall_differ: bool) -> str | None:
    """What differs in the end: callbacks come later than answers."""
    deadline = time.monotonic() + 5
    while bool(told := replay.missing_callbacks(exchange)) != shall_differ and time.monotonic() < deadline:
        time.sleep(0.02)
    return told


def test_docs_tell_every_reason_for_which_an_exchange_is_answered_otherwise():
    text = (ROOT / "docs" / "engine.md").read_text()
    section = text.partition("### Recorded exchanges that are answered otherwise\n")[2].partition("\n#")[0]
    told = [" ".join(item.split()) for item in re.split(r"^\* ", section, flags=re.MULTILINE)[1:]]
    assert told == list(DIFFERENCES)
