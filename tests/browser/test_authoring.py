"""An author makes a question with hidden testcases in the admin; a learner solves it and never sees them."""

from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests import canary
from tests.browser.conftest import Visit, await_verdict, write
from tests.conftest import Stack

RIGHT = "print(input()[::-1])"
NOSY = (
    "import sys\ntext = sys.stdin.read()\nsys.stderr.write(text)\nprint('cba' if text == 'abc\\n' else text)"
)


def sign_in(browser: Browser, stack: Stack) -> Page:
    page = browser.new_context().new_page()
    page.goto(f"{stack.url}/login/?next=/admin/")
    name, password = stack.author
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    return page


def make_question(page: Page) -> None:
    """As the admin's pages lead: the question, its testcases one after the other, published."""
    page.get_by_role("link", name="Add", exact=False).and_(page.locator(".model-question .addlink")).click()
    page.get_by_label("Title").fill("Backwards")
    page.locator("[name=statement]").fill("Print the line $s$ backwards.")
    page.get_by_role("button", name="Save and continue editing").first.click()
    cases = [("abc", "cba", "Public"), (canary.SECRET, canary.SECRET[::-1], "Hidden"), ("1", "1", "Hidden")]
    for given, answer, visibility in cases:
        page.get_by_role("link", name="Add testcase").first.click()
        page.get_by_label("Visibility").select_option(visibility)
        page.locator("[name=input_text]").fill(given + "\n")
        page.locator("[name=answer_text]").fill(answer + "\n")
        page.get_by_role("button", name="Save", exact=True).first.click()
    page.get_by_role("link", name="Backwards").first.click()
    page.get_by_role("button", name="Publish", exact=True).click()


def record(received: list[bytes]) -> Any:
    """Keep every byte that the page gets, over HTTP and sockets."""

    def prepare(page: Page) -> None:
        page.on("response", lambda answer: received.append(_body(answer)))
        page.on(
            "websocket", lambda live: live.on("framereceived", lambda frame: received.append(_bytes(frame)))
        )

    return prepare


def _body(answer: Any) -> bytes:
    return repr(answer.headers).encode() + (
        b"" if answer.status in (204, 301, 302, 303, 304) else answer.body()
    )


def _bytes(frame: str | bytes) -> bytes:
    return frame.encode() if isinstance(frame, str) else frame


def test_a_question_made_in_the_admin_is_judged_and_its_hidden_cases_stay_hidden(
    browser: Browser, stack: Stack, visit: Visit
):
    """S0.26, S0.27, S0.31: a recorded visit of a learner whose program prints all that it is given."""
    author = sign_in(browser, stack)
    make_question(author)
    expect(author.get_by_text("Published").first).to_be_visible()
    received: list[bytes] = []

    page = visit("/questions/backwards/", prepare=record(received))
    expect(page.get_by_text("Print the line")).to_be_visible()
    for source, verdict in ((NOSY, "✗ Wrong answer"), (RIGHT, "✓ Accepted")):
        write(page, "python", source)
        page.get_by_role("button", name="Submit").first.click()
        await_verdict(page, verdict)
    page.get_by_role("tab", name="History").click()
    page.reload()
    page.goto(f"{stack.url}/submissions/")

    assert len(received) > 10
    assert any(b'"verdict"' in data for data in received)
    assert [canary.find(data) for data in received if canary.find(data)] == []
    assert canary.find(stack.running.output.encode()) == []  # nor do web, workers or engine log it
