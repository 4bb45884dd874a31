"""A learner whose program waits: where it stands, and how to take it back. The learners' worker is frozen meanwhile."""

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import VERDICT_MS, Visit, await_verdict, write
from tests.clients import Learner
from tests.conftest import Stack

RIGHT = "a, b = map(int, input().split())\nprint(a + b)\n"
LATER_MS = 15_000  # the place is looked up every few seconds


@pytest.fixture(scope="module")
def learner(stack: Stack) -> Learner:
    """The browser's learner, once more."""
    return Learner(stack.url, *stack.learner)


@pytest.fixture
def frozen_worker(stack: Stack, learner: Learner) -> Iterator[None]:
    worker = stack.child("judge_worker", "default")
    await_idle_worker(learner)
    worker.suspend()
    deadline = time.monotonic() + 30
    while holds_the_database(stack):  # frozen in the midst of a write, it would stop everybody's
        worker.resume()
        assert time.monotonic() < deadline, "the worker is always writing"
        time.sleep(0.05)
        worker.suspend()
    yield
    worker.resume()
    await_idle_worker(learner)


def holds_the_database(stack: Stack) -> bool:
    """Somebody has been writing to SQLite for a second, longer than any write of the platform's takes."""
    with contextlib.closing(
        sqlite3.connect(stack.running.var / "db.sqlite3", timeout=1, isolation_level=None)
    ) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        database.execute("ROLLBACK")
    return False


def await_idle_worker(learner: Learner) -> None:
    deadline = time.monotonic() + 30
    for status in ("queued", "running"):
        unfinished = f"{learner.url}/api/v1/submissions/?status={status}"
        while learner.http.get(unfinished, timeout=10).json()["results"]:
            assert time.monotonic() < deadline, "the worker does not go on"
            time.sleep(0.1)


def cancel(learner: Learner, pk: str) -> None:
    headers = {"X-CSRFToken": learner.http.cookies["csrftoken"], "Referer": learner.url}
    address = f"{learner.url}/api/v1/submissions/{pk}/cancel/"
    answer = learner.http.post(address, headers=headers, timeout=10)
    assert answer.ok, answer.text


def headline(page: Page, words: str, timeout: float = LATER_MS) -> None:
    expect(page.locator(".headline")).to_have_text(re.compile(rf"^{words}(, about \d+ s)?$"), timeout=timeout)


@pytest.mark.parametrize("is_blocked", [False, True], ids=["by websocket", "by polling"])
def test_the_place_in_line_moves_without_a_reload(
    visit: Visit, learner: Learner, frozen_worker: None, is_blocked: bool
):
    """S2.23 (in part)"""

    def prepare(page: Page) -> None:
        if is_blocked:
            page.route_web_socket("**/ws/**", lambda socket: socket.close())

    earlier = learner.submit("sum", "python", RIGHT)
    page = visit("/questions/sum/", prepare=prepare)
    write(page, "python", RIGHT)
    page.get_by_role("button", name="Submit").first.click()
    headline(page, "Queued, 2nd in line")
    page.evaluate("() => { window.isTheSame = true; }")

    cancel(learner, earlier)

    headline(page, "Queued, next in line")
    assert page.evaluate("() => window.isTheSame")


def test_what_waits_is_cancelled_on_the_solve_page_and_sent_again(
    visit: Visit, stack: Stack, frozen_worker: None
):
    page = visit("/questions/sum/")
    write(page, "python", RIGHT)
    page.get_by_role("button", name="Submit").first.click()
    headline(page, "Queued, next in line")
    assert Axe().run(page).response["violations"] == []

    page.get_by_role("button", name="Cancel").click()

    await_verdict(page, "Cancelled")
    expect(page.locator(".banner")).to_contain_text("does not count as an attempt")
    expect(page.locator(".banner")).not_to_contain_text("fault")
    expect(page.locator("#say")).to_have_text("Cancelled.")
    expect(page.locator(".headline")).to_be_focused()  # the button, which had the focus, is gone
    expect(page.locator("#source")).to_have_value(RIGHT)
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history .chip").first).to_have_text("– Cancelled")

    stack.child("judge_worker", "default").resume()
    page.get_by_role("button", name="Submit again").click()
    await_verdict(page, "✓ Accepted")


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.full
def test_what_cannot_be_cancelled_is_said_where_one_looks(
    visit: Visit, stack: Stack, frozen_worker: None, troubles: list[str], width: int
):
    page = visit("/questions/sum/", viewport={"width": width, "height": 800})
    if width == 390:
        page.get_by_role("tab", name="Code").click()
    write(page, "python", RIGHT)
    page.locator('[data-send="submit"]:visible').click()
    headline(page, "Queued, next in line")
    page.route("**/cancel/", lambda route: route.fulfill(status=503, json={"code": "unavailable"}))

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_text("It could not be cancelled. Please try again.")).to_be_visible()
    troubles[:] = [one for one in troubles if "503" not in one]
    page.unroute("**/cancel/")
    if width == 390:
        page.get_by_role("tab", name="Results").click()
    page.get_by_role("button", name="Cancel").click()
    await_verdict(page, "Cancelled")


@pytest.mark.full
def test_a_place_that_is_told_while_the_result_is_drawn_is_not_turned_back(
    visit: Visit, learner: Learner, frozen_worker: None
):
    earlier = learner.submit("sum", "python", RIGHT)
    pk = learner.submit("sum", "python", RIGHT)
    drawings: list[Route] = []
    page = visit(
        f"/submissions/{pk}/",
        prepare=lambda page: page.route("**/?part=result", lambda route: drawings.append(route)),
    )
    headline(page, "Queued, 2nd in line")
    (drawing,) = drawings
    older = drawing.fetch()
    cancel(learner, earlier)
    headline(page, "Queued, next in line")

    drawing.fulfill(response=older)

    page.wait_for_timeout(300)
    headline(page, "Queued, next in line", 100)


def test_what_waits_is_cancelled_without_scripts(visit: Visit, frozen_worker: None):
    page = visit("/questions/sum/", java_script_enabled=False)
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill(RIGHT)
    page.get_by_role("button", name="Submit").click()
    headline(page, "Queued, next in line")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator(".headline")).to_have_text("Cancelled", timeout=VERDICT_MS)
