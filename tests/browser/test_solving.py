"""A learner at the solve page: writes programs, watches verdicts arrive, never reloads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Visit, await_verdict, write

SAMPLES = Path(__file__).resolve().parents[2] / "questions/samples"

RIGHT = "a, b = map(int, input().split())\nprint(a + b)\n"
SLOW = "import time\ntime.sleep(0.25)\n" + RIGHT
WRONG = "a, b = map(int, input().split())\nprint(a - b)\n"
WRONG_ON_HIDDEN = "a, b = map(int, input().split())\nprint(a + b if abs(a) < 10**6 else 0)\n"
DOES_NOT_COMPILE = "int main() {\n    int n = k;\n    return m;\n}\n"

FAILED = {
    "seq": 99,
    "type": "status",
    "final": True,
    "status": "error",
    "verdict": None,
    "cases": {"total": 0, "judged": 0, "passed": 0},
}
NOT_JUDGED = f"""<div class="result" data-outcome="error" data-total="0">
<div class="banner" data-outcome="error"><h2 class="headline">⚠ Could not be judged</h2>
<form data-again><input type="hidden" name="language" value="python">
<input type="hidden" name="source" value="{RIGHT}">
<button name="action" value="submit">Submit again</button></form></div></div>"""

WATCH_HEADLINE = """() => {
  window.seen = [];
  const look = () => {
    const words = document.querySelector("#result .headline")?.textContent.trim();
    if (words && words !== window.seen.at(-1)) window.seen.push(words);
  };
  new MutationObserver(look).observe(document.getElementById("result"), {
    childList: true, subtree: true, characterData: true,
  });
}"""


def submit(page: Page) -> None:
    _send(page, "Submit")


def run(page: Page) -> None:
    _send(page, "Run")


def _send(page: Page, button: str) -> None:
    """Until the platform has answered: an earlier result may stand on the page, and is no longer meant."""
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.get_by_role("button", name=button).first.click()


def test_a_wrong_then_a_right_program_get_their_verdicts_without_a_reload(visit: Visit):
    """S0.1, S0.21, S0.22, S0.28, S0.30"""
    page = visit("/questions/sum/")
    page.evaluate(WATCH_HEADLINE)

    write(page, "python", WRONG)
    submit(page)
    await_verdict(page, "✗ Wrong answer")
    expect(page.locator(".banner")).to_contain_text("stopped at case 1 (public); 7 cases were not run")
    expect(page.get_by_role("link", name="Case 1, public: wrong answer")).to_be_visible()
    expect(page.get_by_role("group", name="Expected output")).to_be_visible()
    expect(page.get_by_role("group", name="Your output").locator("mark")).to_be_visible()

    write(page, "python", SLOW)
    submit(page)
    await_verdict(page, "✓ Accepted")

    expect(page.locator(".banner")).to_contain_text("score 100 / 100")
    seen = page.evaluate("() => window.seen")  # gone if the page had been reloaded
    # An earlier result may have stood there: what follows the last "wrong" is the second program's.
    after_the_first = seen[len(seen) - seen[::-1].index("✗ Wrong answer") :]
    assert after_the_first[0].startswith("Queued")
    assert after_the_first[1].startswith("Running ")
    counts = [int(words.split()[1].split("/")[0]) for words in after_the_first[1:-1]]
    assert counts == sorted(counts)
    assert len(counts) > 2
    assert after_the_first[-1] == "✓ Accepted"
    expect(page.locator("#say")).to_contain_text("Accepted, score 100 / 100, 8 of 8 cases passed")


@pytest.mark.full
def test_cpp_is_judged_and_the_history_offers_the_program_again(visit: Visit):
    page = visit("/questions/sum/")
    program = "#include <iostream>\nint main() { long long a, b; std::cin >> a >> b; std::cout << a + b; }\n"
    write(page, "cpp", program)
    submit(page)
    await_verdict(page, "✓ Accepted")

    page.get_by_label("Language").select_option("python")
    page.get_by_role("tab", name="History").click()
    page.get_by_role("row", name="C++").get_by_role("link", name="Load").first.click()

    expect(page.get_by_label("Language")).to_have_value("cpp")
    expect(page.locator("#source")).to_have_value(program)


def test_with_the_websocket_blocked_the_verdict_arrives_by_polling(visit: Visit):
    """S0.23"""

    def block(page: Page) -> None:
        page.route_web_socket("**/ws/**", lambda socket: socket.close())

    page = visit("/questions/sum/", prepare=block)
    write(page, "python", SLOW)
    submit(page)

    expect(page.locator("#live")).to_have_text("Reconnecting… polling")
    await_verdict(page, "✓ Accepted")


def test_after_a_reload_the_page_goes_on_with_what_is_not_finished(visit: Visit):
    page = visit("/questions/sum/")
    write(page, "python", SLOW)
    submit(page)
    expect(page.locator(".headline")).to_contain_text("Running")

    page.reload()

    await_verdict(page, "✓ Accepted")
    expect(page.locator("#source")).to_have_value(SLOW)


def test_compile_errors_are_marked_in_the_editor_and_lead_to_their_place(visit: Visit):
    page = visit("/questions/sum/")
    write(page, "c", DOES_NOT_COMPILE)
    submit(page)
    await_verdict(page, "✗ Compile error")

    expect(page.locator(".ace_gutter-cell.ace_error")).to_have_count(2)
    page.get_by_role("link", name="main.c:3:12").click()
    page.keyboard.type("X")
    expect(page.locator("#source")).to_have_value(DOES_NOT_COMPILE.replace("return m", "return Xm"))


def test_a_run_tries_the_public_cases_and_ones_own_input(visit: Visit):
    page = visit("/questions/sum/")
    write(page, "python", RIGHT)
    page.get_by_role("tab", name="Custom input").click()
    page.get_by_label("Your own input").fill("40 2\n")
    run(page)

    await_verdict(page, "✓ Accepted on 2 public cases")
    expect(page.get_by_role("link", name="Case 3, own input: ran")).to_be_visible()
    expect(page.get_by_role("heading", name="Own input").first).to_be_visible()
    expect(page.get_by_role("group", name="Your output")).to_have_text("42")
    expect(page.get_by_role("group", name="Expected output")).to_have_count(0)
    page.get_by_role("link", name="Case 2, public: accepted").click()
    expect(page.get_by_role("group", name="Expected output")).to_be_visible()

    page.reload()
    expect(page.locator("#input")).to_have_value("40 2\n")
    await_verdict(page, "✓ Accepted on 2 public cases")
    expect(page.locator("#older")).to_be_visible()


def test_nothing_of_a_hidden_case_reaches_the_browser(visit: Visit):
    """S0.27, S0.31: of a visit in which a hidden case fails, every answer and message is searched."""
    received: list[bytes] = []

    def listen(page: Page) -> None:
        page.on("response", lambda answer: received.append(_body(answer)))
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: received.append(_bytes(frame))),
        )

    page = visit("/questions/sum/", prepare=listen)
    write(page, "python", WRONG_ON_HIDDEN)
    submit(page)
    await_verdict(page, "✗ Wrong answer")
    expect(page.locator(".banner")).to_contain_text("(hidden)")
    expect(page.locator(".chosen")).to_contain_text("This case is hidden")
    page.goto(page.url.replace("/questions/sum/", "") + page.locator(".cell").first.get_attribute("href"))  # type: ignore[operator]

    everything = b"\n".join(received)
    assert b'"type": "case"' in everything or b'"type":"case"' in everything
    public = (SAMPLES / "sum/cases/01.in").read_bytes().strip()
    assert public in everything
    for number in _hidden_numbers():
        assert number not in everything


def _hidden_numbers() -> list[bytes]:
    """What is telling of the hidden cases: their long numbers."""
    texts = [
        path.read_bytes()
        for path in sorted((SAMPLES / "sum/cases").iterdir())
        if path.stem not in ("01", "02")
    ]
    numbers = [number for text in texts for number in text.split() if len(number) > 8]
    assert len(numbers) > 3
    return [number.lstrip(b"-") for number in numbers]


def _body(answer: Any) -> bytes:
    is_redirect = 300 <= answer.status < 400
    return b"" if is_redirect or "/static/" in answer.url else answer.body()


def _bytes(frame: Any) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def test_a_draft_survives_a_reload_and_reset_asks_first(visit: Visit):
    page = visit("/questions/palindrome/")
    starter = page.locator("#source").input_value()
    write(page, "python", "print('a draft')\n")
    page.keyboard.press("Control+S")
    expect(page.locator("#saved")).to_contain_text("Draft saved")

    page.reload()
    expect(page.locator("#source")).to_have_value("print('a draft')\n")

    page.get_by_text("Options").click()
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Keep what I have").click()
    expect(page.locator("#source")).to_have_value("print('a draft')\n")
    page.get_by_text("Options").click()
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("dialog").get_by_role("button", name="Reset").click()
    expect(page.locator("#source")).to_have_value(starter)


@pytest.mark.full
def test_each_language_has_a_draft_of_its_own(visit: Visit):
    page = visit("/questions/palindrome/")
    write(page, "python", "python = 1\n")
    write(page, "cpp", "int cpp;\n")

    page.get_by_label("Language").select_option("python")

    expect(page.locator("#source")).to_have_value("python = 1\n")


def test_the_keyboard_alone_suffices(visit: Visit):
    page = visit("/questions/sum/")
    write(page, "python", RIGHT)
    page.keyboard.press("Control+Enter")
    await_verdict(page, "✓ Accepted on 2 public cases")
    expect(page.locator(".banner")).to_contain_text("a run, not counted")

    splitter = page.get_by_role("separator", name="Width of the problem")
    splitter.focus()
    width = page.locator(".problem").bounding_box()["width"]  # type: ignore[index]
    page.keyboard.press("ArrowLeft")
    assert page.locator(".problem").bounding_box()["width"] < width  # type: ignore[index]

    page.keyboard.press("Alt+2")
    page.keyboard.press("Control+M")
    expect(page.locator("#say")).to_have_text("Tab moves to the next control")
    for _ in range(3):  # the gutter and the text are stops of their own
        page.keyboard.press("Tab")
    assert page.evaluate("() => !document.activeElement.closest('.ace_editor')")
    expect(page.locator("#source")).to_have_value(RIGHT)

    page.keyboard.press("Alt+1")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


@pytest.mark.full
def test_the_plain_text_editor_is_remembered_and_submits_the_same(visit: Visit):
    page = visit("/questions/sum/")
    page.get_by_text("Options").click()
    page.get_by_label("Plain text editor").check()
    page.reload()

    expect(page.locator(".ace_editor")).to_have_count(0)
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill(RIGHT)
    submit(page)
    await_verdict(page, "✓ Accepted")


@pytest.mark.full
def test_too_many_submissions_count_down_until_the_next_is_possible(visit: Visit, troubles: list[str]):
    def limit(page: Page) -> None:
        problem = {"status": 429, "code": "rate_limited", "detail": "Too many."}
        page.route(
            "**/api/v1/submissions/",
            lambda route: route.fulfill(
                status=429,
                headers={"Retry-After": "2", "Content-Type": "application/problem+json"},
                body=json.dumps(problem),
            ),
        )

    page = visit("/questions/sum/", prepare=limit)
    write(page, "python", RIGHT)
    submit(page)

    expect(page.get_by_role("button", name="Submit (2 s)").first).to_be_disabled()
    expect(page.locator("#troubles")).to_contain_text("possible again in 2 s")
    expect(page.get_by_role("button", name="Submit", exact=False).first).to_be_enabled()
    expect(page.locator("#troubles")).to_be_empty()
    assert [text for text in troubles if "429" not in text] == []
    troubles.clear()  # Chromium itself writes the status into the console


def test_what_the_server_refuses_is_told_at_its_place_and_nothing_is_lost(visit: Visit, troubles: list[str]):
    page = visit("/questions/sum/")
    write(page, "python", RIGHT)
    submit(page)
    await_verdict(page, "✓ Accepted")
    expect(page.locator("#older")).to_be_hidden()

    write(page, "python", "   ")
    submit(page)
    expect(page.locator("#troubles")).to_have_text("The program is empty.")
    expect(page.locator("#older")).to_be_visible()

    write(page, "python", RIGHT)
    page.get_by_role("tab", name="Custom input").click()
    page.get_by_label("Your own input").fill("1" * 70_000)
    run(page)
    expect(page.locator("#input-error")).to_contain_text("70000 bytes are too many")
    expect(page.locator("#source")).to_have_value(RIGHT)
    assert all("400" in text or "413" in text for text in troubles)
    troubles.clear()


def test_the_limits_are_those_of_the_chosen_language(visit: Visit):
    page = visit("/questions/sum/")
    for language, limits in (("cpp", "Time 1.0 s (C++)"), ("python", "Time 3.0 s (Python 3)")):
        page.get_by_label("Language").select_option(language)
        expect(page.locator(".meta").first).to_contain_text(limits)


def test_a_program_is_loaded_without_a_question_unless_its_languages_draft_would_be_lost(visit: Visit):
    page = visit("/questions/sum/")
    write(page, "python", RIGHT)
    submit(page)
    await_verdict(page, "✓ Accepted")
    write(page, "cpp", "int draft;\n")
    page.get_by_role("tab", name="History").click()
    load = page.locator("#history tr", has_text="Python 3").get_by_role("link", name="Load").first

    load.click()
    expect(page.locator("#source")).to_have_value(RIGHT)
    expect(page.get_by_label("Language")).to_have_value("python")

    write(page, "python", "print('a draft')\n")
    load.click()
    page.get_by_role("button", name="Keep what I have").click()
    expect(page.locator("#source")).to_have_value("print('a draft')\n")


def test_who_has_been_signed_out_finds_the_way_back_to_the_draft(visit: Visit, troubles: list[str]):
    page = visit("/questions/sum/")
    page.context.clear_cookies()
    write(page, "python", RIGHT)
    submit(page)

    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_text("what you typed is kept in this browser")).to_be_visible()
    assert "next=/questions/sum/" in page.url
    assert all("403" in text or "401" in text for text in troubles)
    troubles.clear()


def test_words_say_that_it_goes_on_while_nothing_is_heard(visit: Visit):
    page = visit("/questions/sum/")
    page.route_web_socket("**/ws/**", lambda socket: None)  # open, and silent
    write(page, "python", SLOW)
    submit(page)

    expect(page.locator(".silence")).to_contain_text("Still", timeout=8_000)


def test_when_the_platform_fails_the_page_takes_the_blame_and_offers_to_submit_again(visit: Visit):
    """The first submission is told as failed, in place of the server; the next one is judged as ever."""
    page = visit("/questions/sum/")
    first: list[str] = []

    def fail_first(route: Route, answer: Any) -> None:
        identity = re.findall(r"/submissions/([0-9a-f-]{36})/", route.request.url)[0]
        first.append(identity)
        if identity != first[0]:
            route.continue_()
        elif "part=result" in route.request.url:
            route.fulfill(content_type="text/html", body=NOT_JUDGED)
        else:
            route.fulfill(json={"events": [FAILED | {"submission": identity}], "final": True})

    page.route("**/submissions/*/?part=result", fail_first)
    page.route("**/submissions/*/events/**", fail_first)
    page.route_web_socket("**/ws/**", lambda socket: socket.close())
    write(page, "python", RIGHT)
    submit(page)
    await_verdict(page, "⚠ Could not be judged")
    expect(page.locator("#say")).to_contain_text("not your program's fault")

    page.get_by_role("button", name="Submit again").click()
    await_verdict(page, "✓ Accepted")


def test_without_signing_in_one_may_read_and_write_and_keeps_the_draft(visit: Visit, stack: Any):
    page = visit("/questions/repeated-words/", anonymous=True)
    expect(page.get_by_role("button", name="Submit")).to_have_count(0)
    write(page, "python", "print('before signing in')\n")
    page.keyboard.press("Control+S")
    page.get_by_role("link", name="Sign in to run and submit").click()

    name, password = stack.learner
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("button", name="Submit").first).to_be_visible()
    expect(page.locator("#source")).to_have_value("print('before signing in')\n")


def test_a_phone_shows_one_pane_at_a_time_and_nothing_overflows(visit: Visit):
    page = visit("/questions/sum/", viewport={"width": 390, "height": 844}, has_touch=True)
    expect(page.locator("#pane-problem")).to_be_visible()
    page.get_by_role("tab", name="Code").click()
    expect(page.locator("#pane-problem")).not_to_be_visible()
    write(page, "python", RIGHT)
    page.locator(".mobile-actions").get_by_role("button", name="Submit").click()

    await_verdict(page, "✓ Accepted")
    expect(page.get_by_role("tab", name="Results")).to_contain_text("✓ 8/8")
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


def test_the_theme_is_kept_and_set_before_the_first_paint(visit: Visit):
    page = visit("/questions/", color_scheme="light")
    page.get_by_role("button", name="Change the theme").click()
    page.get_by_role("button", name="Change the theme").click()
    page.reload()

    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(14, 18, 23)"
