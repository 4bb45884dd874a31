"""Each example of docs/api.md does what it says: in a shell, in Python, and in a page of another origin."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.conftest import VERDICT_MS
from tests.browser.elsewhere import Elsewhere

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "api.md"
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

FOLLOW = """async ([way, token, id]) => {
  const judge = await import("/judge.js");
  const seen = [];
  await judge[way](token, id, (event) => seen.push(event));
  return seen;
}"""
SUBMIT = """async ([token, source]) => {
  const { submit } = await import("/judge.js");
  return submit(token, "sum", "python", source);
}"""
ADD = "print(sum(map(int, input().split())))"


def examples(language: str) -> list[str]:
    return [text for kind, text in FENCED.findall(DOCUMENT.read_text()) if kind == language]


def run(elsewhere: Elsewhere, *command: str) -> list[str]:
    """The lines that it prints."""
    told = {"JUDGE_URL": elsewhere.platform.url, "JUDGE_KEY": elsewhere.key, "no_proxy": "*"}
    done = subprocess.run(
        command,
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def shell(elsewhere: Elsewhere, script: str) -> list[str]:
    return run(elsewhere, "sh", "-euc", script)


def objects(lines: list[str]) -> list[dict[str, Any]]:
    """Answers follow each other without a line's end between."""
    decoder, text, found = json.JSONDecoder(), "".join(lines), []
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


@pytest.fixture
def judge(elsewhere: Elsewhere, foreign_page: Page) -> Page:
    """The page, which can import what the documentation calls judge.js."""
    module, _ = examples("js")
    assert module.count("http://127.0.0.1:8000") == 1
    elsewhere.scripts["/judge.js"] = module.replace("http://127.0.0.1:8000", elsewhere.platform.url)
    foreign_page.set_default_timeout(VERDICT_MS)
    return foreign_page


# --- In a shell ------------------------------------------------------------------------------------------------


def test_in_a_shell_the_verdict_is_waited_for(elsewhere: Elsewhere):
    graded, *_ = examples("sh")

    (judged,) = objects(shell(elsewhere, graded))

    assert (judged["status"], judged["verdict"], judged["score"]) == ("done", "AC", 100)


def test_in_a_shell_a_submission_is_followed_and_asked_for(elsewhere: Elsewhere):
    _, followed, *_ = examples("sh")

    lines = shell(elsewhere, followed)

    told = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    numbers = [message["seq"] for message in told if "seq" in message]
    assert numbers == list(range(1, numbers[-1] + 1))
    assert told[-1]["verdict"] == "WA"
    news, now = objects([line for line in lines if line.startswith("{")])
    assert [event["seq"] for event in news["events"]] == numbers[2:]
    assert (now["verdict"], now["metadata"]) == ("WA", {"homework": 7})


def test_in_a_shell_a_program_is_run(elsewhere: Elsewhere):
    _, _, ran, *_ = examples("sh")

    (told,) = objects(shell(elsewhere, ran))

    assert [case["output"] for case in told["results"]] == ["Hello\n"]


def test_in_a_shell_hints_reviews_and_analyses_are_asked_for_and_rated(elsewhere: Elsewhere):
    """S3.14 (in part), S3.16 (in part), S3.18 (in part)"""
    *_, hinted, reviewed, rated = examples("sh")

    hint, hints = objects(shell(elsewhere, hinted))
    review, analysis = objects(shell(elsewhere, reviewed))
    *_, rating = objects(shell(elsewhere, rated))

    assert hint["nextSteps"]
    assert [one["level"] for one in hints["hints"]] == [1, 2, 3, 4]
    assert [one["line"] for one in review["suggestions"]] == [1]
    assert analysis["issues"]
    assert rating["helpful"] is True


# --- In Python -------------------------------------------------------------------------------------------------


def test_in_python_a_submission_is_followed(elsewhere: Elsewhere):
    (program,) = examples("python")

    lines = run(elsewhere, sys.executable, "-c", program)

    assert "done AC 100.0" in lines
    assert re.fullmatch(r"\d+ AC \d+ ms", lines[-1])


# --- In a browser ----------------------------------------------------------------------------------------------


def test_in_a_page_of_another_origin_the_verdict_arrives(elsewhere: Elsewhere, judge: Page):
    _, usage = examples("js")
    token = elsewhere.issuer.token("grace")
    elsewhere.scripts["/usage.js"] = f"const token = {json.dumps(token)};\n{usage}"

    judge.evaluate("() => import('/usage.js')")

    expect(judge.locator("output")).to_have_text("AC")


def test_all_ways_to_follow_tell_the_same(elsewhere: Elsewhere, judge: Page):
    """S1.10, S4.14"""
    token = elsewhere.issuer.token("grace")
    pk = judge.evaluate(SUBMIT, [token, ADD])

    by_socket, by_stream, by_polling = (
        judge.evaluate(FOLLOW, [way, token, pk])
        for way in ("followBySocket", "followByStream", "followByPolling")
    )

    assert by_socket == by_stream == by_polling
    assert [event["seq"] for event in by_socket] == list(range(1, len(by_socket) + 1))
    assert by_socket[-1]["verdict"] == "AC"


def test_a_socket_that_is_cut_goes_on_where_it_was(elsewhere: Elsewhere, judge: Page):
    token = elsewhere.issuer.token("grace")
    addresses: list[str] = []

    def cut_the_first(socket: WebSocketRoute) -> None:
        addresses.append(socket.url)
        server = socket.connect_to_server()
        if len(addresses) == 1:
            server.on_message(lambda message: _tell_and_cut(socket, message))

    judge.route_web_socket("**/ws/**", cut_the_first)
    pk = judge.evaluate(SUBMIT, [token, ADD])

    seen = judge.evaluate(FOLLOW, ["followBySocket", token, pk])

    assert [re.sub(r".*\?", "", address) for address in addresses] == ["after=0", "after=1"]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))


def _tell_and_cut(socket: WebSocketRoute, message: str | bytes) -> None:
    socket.send(message)
    socket.close(code=1011)


def test_who_is_refused_reads_why(elsewhere: Elsewhere, judge: Page, troubles: list[str]):
    told = judge.evaluate(
        "async () => (await import('/judge.js')).submit('no token', 'sum', 'python', 'x').catch(String)"
    )

    assert told.startswith("Error: invalid_token: ")
    troubles.clear()  # browsers tell of every 401
