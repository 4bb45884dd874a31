"""“Judge servers” in the admin, before a real engine."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Route, expect

from tests.browser.test_authoring import sign_in
from tests.conftest import Stack

OF_DJANGO = "link-in-text-block"  # its breadcrumbs


def probed_languages(context: BrowserContext, stack: Stack) -> list[str]:
    """Those that the engine offers, once each of them was probed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        (engine,) = context.request.get(f"{stack.url}/api/v1/backends/").json()
        offered = [one for one in engine["languages"] if one["offered"]]
        if offered and all(one["standing"] == "good" for one in offered):
            return [one["slug"] for one in offered]
        time.sleep(0.2)
    raise AssertionError(f"not all were probed: {offered}")


@pytest.mark.parametrize("width", [1440, pytest.param(390, marks=pytest.mark.full)])
def test_the_page_shows_a_good_engine_and_keeps_itself_up_to_date(
    browser: Browser, stack: Stack, troubles: list[str], width: int
):
    author = sign_in(browser, stack)
    offered = probed_languages(author.context, stack)
    page = author.context.new_page()
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    page.set_viewport_size({"width": width, "height": 900})
    page.clock.install()
    page.goto(f"{stack.url}/admin/")
    page.get_by_role("link", name="Judge servers").click()

    expect(page.get_by_role("heading", name="in use")).to_be_visible()
    expect(page.get_by_role("cell", name="yes")).to_have_count(len(offered))
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["id"] != OF_DJANGO] == []

    before = page.locator("time").inner_text()
    page.clock.run_for(5_000)
    expect(page.locator("time")).not_to_have_text(before)
    expect(page.get_by_text("It is kept up to date.")).to_be_visible()
    author.context.close()


def test_a_slow_answer_is_waited_for_so_that_none_overtakes_it(
    browser: Browser, stack: Stack, troubles: list[str]
):
    author = sign_in(browser, stack)
    page = author.context.new_page()
    page.clock.install()
    page.goto(f"{stack.url}/admin/")
    page.get_by_role("link", name="Judge servers").click()
    page.wait_for_url("**/admin/backends/")
    asked: list[Route] = []
    page.route("**/admin/backends/", lambda route: asked.append(route))

    page.clock.run_for(5_000)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    page.clock.run_for(4_900)
    page.wait_for_timeout(200)

    assert len(asked) == 1
    asked[0].continue_()
    expect(page.get_by_text("It is kept up to date.")).to_be_visible()
    author.context.close()
