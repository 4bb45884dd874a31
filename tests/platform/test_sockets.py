"""Websockets through the real server, which has its own mind about frames and close codes."""

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.clients import Learner


@pytest.fixture
def learner(stack):
    return Learner(stack.running.url, *stack.learner)


def closed_after(learner: Learner, path: str, frame: str | bytes | None, **headers: str) -> int | None:
    """The close code; None where it stays open."""
    cookie = f"sessionid={learner.http.cookies['sessionid']}"
    sent = {"Origin": learner.url, "Cookie": cookie} | headers
    address = learner.url.replace("http", "ws") + path
    with connect(address, additional_headers=sent, proxy=None) as socket:
        try:
            if frame is not None:
                socket.send(frame)
            while True:
                socket.recv(0.5)
        except TimeoutError:
            return None
        except ConnectionClosed:
            return socket.close_code


@pytest.mark.parametrize(
    ("path", "frame", "codes"),
    [
        ("/ws/executions/", b"\x00\xff", {4400}),
        ("/ws/executions/", " " * 5000, {4413}),
        (
            "/ws/executions/",
            "x" * 2_000_000,
            {1009, 1006},
        ),  # by the server; more than the socket takes at once
        ("/ws/executions/", "no json", {None}),
        ("/ws/nonsense/", None, {4404}),
    ],
    ids=["binary", "large", "huge", "no JSON", "nothing there"],
)
def test_what_a_client_does_wrong_closes_with_a_code_and_never_ends_in_an_error(
    stack, learner, path, frame, codes
):
    """S4.10 (in part)."""
    lines = len(stack.running.lines)

    assert closed_after(learner, path, frame) in codes
    assert not [line for line in stack.running.lines[lines:] if "Traceback" in line or "ERROR" in line]


@pytest.mark.parametrize(
    ("headers", "code"), [({"Origin": "http://evil.example"}, 4403), ({"Cookie": ""}, 4401)]
)
def test_who_is_not_let_in_is_told_so_by_a_code(learner, headers, code):
    """S4.10, S4.22 (in part)."""
    assert closed_after(learner, "/ws/executions/", None, **headers) == code
