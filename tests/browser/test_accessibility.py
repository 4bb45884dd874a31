"""axe finds nothing on the pages in either theme, wide and narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import VERDICT_MS, Visit, await_verdict, write

WRONG = "a, b = map(int, input().split())\nprint(a - b)\n"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

pytestmark = pytest.mark.parametrize(
    ("color_scheme", "viewport"),
    [
        pytest.param("light", WIDE, id="light-wide"),
        pytest.param("dark", NARROW, id="dark-narrow"),
        pytest.param("light", NARROW, id="light-narrow", marks=pytest.mark.full),
        pytest.param("dark", WIDE, id="dark-wide", marks=pytest.mark.full),
    ],
)


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def test_axe_finds_nothing_on_the_list_and_the_sign_in_page(visit: Visit, color_scheme, viewport):
    look = {"color_scheme": color_scheme, "viewport": viewport}
    assert violations(visit("/questions/", **look)) == []
    assert violations(visit("/questions/", anonymous=True, **look)) == []
    assert violations(visit("/login/", anonymous=True, **look)) == []


def test_axe_finds_nothing_on_the_pages_of_accounts(visit: Visit, color_scheme, viewport):
    look = {"color_scheme": color_scheme, "viewport": viewport}
    assert violations(visit("/signup/", anonymous=True, **look)) == []

    page = visit("/account/", **look)
    page.get_by_label("What it is for").fill("editor")
    page.get_by_label("see questions").check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Copy it now: it is not shown again.")).to_be_visible()
    assert violations(page) == []


def test_axe_finds_nothing_on_the_solve_page_and_on_results(visit: Visit, color_scheme, viewport):
    page = visit("/questions/sum/", color_scheme=color_scheme, viewport=viewport)
    is_narrow = viewport["width"] < 800
    assert violations(page) == []

    if is_narrow:
        page.get_by_role("tab", name="Code").click()
    write(page, "python", WRONG)
    assert violations(page) == []
    page.locator('[data-send="submit"]:visible').click()
    await_verdict(page, "✗ Wrong answer")
    assert violations(page) == []
    page.locator("#tab-input").click()
    assert violations(page) == []
    if is_narrow:
        page.get_by_role("tab", name="Problem").click()
    page.get_by_role("tab", name="History").click()
    expect(page.locator("#history .chip").first).to_be_visible()
    assert violations(page) == []
    page.get_by_role("tab", name="Hints").click()
    expect(page.locator(".hints-panel")).to_be_visible()
    if page.locator(".offer").is_visible():
        page.locator(".offer button").click()
    expect(page.locator(".given").first).to_be_visible(timeout=VERDICT_MS)
    assert violations(page) == []
    page.get_by_role("tab", name="History").click()

    page.locator("#history .chip").first.click()
    assert violations(page) == []
    page.goto(page.url.split("/submissions/")[0] + "/submissions/")
    assert violations(page) == []


def test_axe_finds_nothing_on_the_page_to_run_code(visit: Visit, color_scheme, viewport):
    page = visit("/run/", color_scheme=color_scheme, viewport=viewport)
    write(page, "python", "import sys\nprint(input())\nsys.exit('no')\n")
    assert violations(page) == []

    page.get_by_role("textbox", name="Input").fill("1")
    page.get_by_role("button", name="Run Code").click()
    await_verdict(page, "✗ Runtime error")

    assert violations(page) == []
