"""The page to run code: a learner tries programs without any question, and watches how it goes."""

import re
from typing import Any

from playwright.sync_api import Page, Route, WebSocket, expect

from execution import skeletons
from tests.browser.conftest import VERDICT_MS, Visit, await_verdict, write

GREET = "import sys\nprint('Hello', input())\nprint('careful', file=sys.stderr)\n"
SLOW = "import time\ntime.sleep(1)\nprint('done')\n"

WATCH_STAGE = """() => {
  window.stages = [];
  const look = () => {
    const stage = document.getElementById("stage").textContent;
    const isShown = document.querySelector('#result [data-status="done"]') !== null;
    if (stage !== window.stages.at(-1)?.[0]) window.stages.push([stage, isShown]);
  };
  new MutationObserver(look).observe(document.getElementById("stage"), {
    childList: true, subtree: true, characterData: true,
  });
}"""
STAGES = ["Submitting…", "Pending…", "Running…", "Completed!"]

FAILED = {
    "seq": 99,
    "type": "status",
    "final": True,
    "status": "error",
    "reason": "judging_error",
    "verdict": None,
    "cases": {"total": 0, "judged": 0, "passed": 0},
}


def run(page: Page) -> None:
    page.get_by_role("button", name="Run Code").click()


def assert_stages_came_in_order(page: Page) -> None:
    """Each once; the result came with the last one. (While it is sent, that of an earlier run may stand there.)"""
    stages = page.evaluate("() => window.stages")
    assert [words for words, _ in stages] == STAGES
    assert [is_shown for _, is_shown in stages[1:]] == [False, False, True]


def test_the_stages_of_a_run_follow_by_websocket_and_the_socket_closes_when_it_has_finished(visit: Visit):
    """S4.18, C5: each stage once and in order; the result is there with the last; nothing but a cookie opens it."""
    sockets: list[WebSocket] = []

    def listen(page: Page) -> None:
        page.on("websocket", lambda socket: sockets.append(socket))

    page = visit("/run/", prepare=listen)
    page.evaluate(WATCH_STAGE)
    write(page, "python", GREET)
    page.get_by_role("textbox", name="Input").fill("Ada\n")

    run(page)
    expect(page.get_by_role("status")).to_contain_text("Completed!", timeout=VERDICT_MS)

    assert_stages_came_in_order(page)
    expect(page.locator(".headline")).to_have_text("Ran")
    expect(page.get_by_role("group", name="Your output")).to_have_text("Hello Ada")
    expect(page.get_by_label("Error output")).to_have_text("careful")
    expect(page.locator(".chosen > header")).to_contain_text(re.compile(r"\d ms · [\d.]+ MiB · exit code 0"))
    (socket,) = sockets
    assert socket.is_closed()
    assert re.search(r"/ws/submissions/[0-9a-f-]{36}/\?after=\d+$", socket.url)


def test_with_the_websocket_blocked_the_run_finishes_by_polling(visit: Visit):
    """S4.14, S4.18"""

    def block(page: Page) -> None:
        page.route_web_socket("**/ws/**", lambda socket: socket.close())

    page = visit("/run/", prepare=block)
    page.evaluate(WATCH_STAGE)
    write(page, "python", SLOW)
    page.keyboard.press("Control+Enter")

    expect(page.locator("#live")).to_have_text("Reconnecting… polling")
    expect(page.locator("#stage")).to_have_text("Completed!", timeout=VERDICT_MS)
    assert_stages_came_in_order(page)
    expect(page.get_by_role("group", name="Your output")).to_have_text("done")


def test_when_the_platform_fails_the_last_stage_says_error(visit: Visit):
    """S4.18: the run is told as failed, in place of the server."""

    def fail(route: Route) -> None:
        identity = re.findall(r"/submissions/([0-9a-f-]{36})/", route.request.url)[0]
        route.fulfill(json={"events": [FAILED | {"submission": identity}], "final": True})

    page = visit("/run/")
    page.route("**/submissions/*/events/**", fail)
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    write(page, "python", SLOW)
    run(page)

    expect(page.locator("#stage")).to_have_text("Error")
    expect(page.get_by_role("status")).to_contain_text("not your program's fault")


def test_a_program_that_does_not_compile_is_done_and_its_errors_lead_to_their_place(visit: Visit):
    page = visit("/run/")
    write(page, "c", "int main() {\n    return m;\n}\n")
    run(page)
    await_verdict(page, "✗ Compile error")

    expect(page.locator("#stage")).to_have_text("Done")
    expect(page.locator(".ace_gutter-cell.ace_error")).to_have_count(1)
    page.get_by_role("link", name="main.c:2:12").first.click()
    page.keyboard.type("X")
    expect(page.locator("#source")).to_have_value("int main() {\n    return Xm;\n}\n")


def test_a_language_begins_with_a_skeleton_that_counts_as_no_draft_and_replaces_none(visit: Visit):
    page = visit("/run/")
    source = page.locator("#source")
    expect(source).to_have_value(skeletons.PYTHON)
    write(page, "python", GREET)

    page.get_by_label("Language").select_option("java")
    expect(source).to_have_value(skeletons.JAVA)
    page.get_by_label("Language").select_option("python")
    expect(source).to_have_value(GREET)

    assert [key for key in page.evaluate("() => Object.keys(localStorage)") if key.endswith(":java")] == []


def test_after_a_reload_program_and_input_are_there_and_the_run_goes_on(visit: Visit):
    page = visit("/run/")
    write(page, "python", SLOW)
    page.get_by_role("textbox", name="Input").fill("7\n")
    run(page)
    expect(page.locator("#stage")).to_have_text(re.compile("Pending|Running"))

    page.reload()

    expect(page.locator("#stage")).to_have_text("Completed!", timeout=VERDICT_MS)
    expect(page.locator("#source")).to_have_value(SLOW)
    expect(page.locator("#input")).to_have_value("7\n")
    expect(page.locator("#older")).to_be_hidden()


def test_what_the_server_refuses_is_told_at_its_place_and_the_result_before_it_is_called_older(
    visit: Visit, troubles: list[str]
):
    page = visit("/run/")
    write(page, "python", GREET)
    run(page)
    await_verdict(page, "✗ Runtime error")

    write(page, "python", "  ")
    run(page)
    expect(page.locator("#troubles")).to_have_text("The program is empty.")
    expect(page.locator("#older")).to_be_visible()
    expect(page.locator("#stage")).to_be_empty()

    write(page, "python", GREET)
    page.get_by_role("textbox", name="Input").fill("1" * 70_000)
    run(page)
    expect(page.locator("#input-error")).to_contain_text("70000 bytes are too many")
    assert all("400" in text or "413" in text for text in troubles)
    troubles.clear()


def test_one_runs_code_without_scripts_and_comes_back_to_it(visit: Visit):
    """S4.18, S4.14: the form leads to a page that renews itself."""
    page = visit("/questions/", java_script_enabled=False)
    page.get_by_role("link", name="Run code").first.click()
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill("print(input()[::-1])\n")
    page.get_by_role("textbox", name="Input").fill("abc")
    run(page)

    expect(page.locator(".headline")).to_have_text("Ran", timeout=VERDICT_MS)
    expect(page.get_by_role("group", name="Your output")).to_have_text("cba")
    page.get_by_role("link", name="Open in the editor").click()
    expect(page.get_by_label("Source code")).to_have_value("print(input()[::-1])\n")
    expect(page.get_by_role("textbox", name="Input")).to_have_value("abc")


def test_a_phone_shows_the_result_at_once_and_nothing_overflows(visit: Visit):
    phone: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
    page = visit("/run/", **phone)
    write(page, "python", "print('x' * 300)\n")
    run(page)

    await_verdict(page, "Ran")
    expect(page.locator("#stage")).to_be_in_viewport()
    expect(page.get_by_role("group", name="Your output")).to_be_in_viewport()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
