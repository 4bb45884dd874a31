"""A web that is told to stop: what it is answering it answers, and then it goes."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from judgeplatform.stack import free_port
from tests.platform.running import ROOT, leashed

APPLICATION = """
import asyncio
from judgeplatform import asgi
from judgeplatform.stopping import stopping

async def slow(scope, receive, send):
    await asyncio.sleep(0.6)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"slow\\n"})

application = stopping.counting_answers(slow)
"""
"""What is asked here takes longer than stopping does, and no database."""


@pytest.fixture
def web(tmp_path: Path):
    """Its process, and the port at which it listens."""
    (tmp_path / "slow_application.py").write_text(APPLICATION)
    port = free_port()
    command = leashed(
        sys.executable, "-m", "daphne", "-v", "0", "-p", str(port), "slow_application:application"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def ask(connection: socket.socket) -> None:
    connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")


def everything(connection: socket.socket) -> bytes:
    """Until the other side closes."""
    found = b""
    while piece := connection.recv(4096):
        found += piece
    return found


def test_what_is_being_answered_is_answered_and_a_kept_connection_is_used_for_the_last_time(web):
    """S2.25 (in part)"""
    process, port = web
    under_way, kept = connected(port), connected(port)
    ask(kept)
    assert kept.recv(4096).endswith(b"slow\n")
    ask(under_way)
    time.sleep(0.1)  # it has begun

    process.terminate()
    time.sleep(0.2)
    ask(kept)

    assert everything(under_way).endswith(b"slow\n")
    last = everything(kept)
    assert last.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in last.lower()
    assert process.wait(30) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
