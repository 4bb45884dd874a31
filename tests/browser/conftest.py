"""A real Chromium before the whole running platform. Nothing is downloaded: the browser is the system's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import elsewhere as other_origin
from tests.browser.elsewhere import Elsewhere
from tests.conftest import Stack

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VERDICT_MS = 30_000

Visit = Callable[..., Page]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """For this folder only: Playwright's event loop would forbid the ORM to the tests that follow."""
    assert Path(CHROMIUM).exists(), "the browser tests need Debian's package chromium"
    expect.set_options(timeout=10_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def signed_in(browser: Browser, stack: Stack) -> Any:
    """The cookies of the learner, who has signed in through the page."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{stack.url}/login/")
    name, password = stack.learner
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Questions")).to_be_visible()
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What the console complained about, violations of the content security policy included; must stay empty."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def visit(browser: Browser, stack: Stack, signed_in: Any, troubles: list[str]) -> Iterator[Visit]:
    """`visit(path, anonymous=False, **options of the context)`: the page in a fresh browser, as the learner."""
    contexts: list[BrowserContext] = []

    def open_page(path: str, *, anonymous: bool = False, prepare: Any = None, **options: Any) -> Page:
        state = None if anonymous else signed_in
        context = browser.new_context(storage_state=state, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: _note(troubles, said))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        if prepare:
            prepare(page)
        page.goto(stack.url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="package")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    with other_origin.started(tmp_path_factory.mktemp("elsewhere") / "var") as found:
        yield found


@pytest.fixture
def foreign_page(browser: Browser, elsewhere: Elsewhere, troubles: list[str]) -> Iterator[Page]:
    """An empty page of another origin, with an <output>."""
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda said: _note(troubles, said))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(elsewhere.url)
    yield page
    context.close()


def _note(troubles: list[str], said: Any) -> None:
    if said.type in ("error", "warning"):
        troubles.append(said.text)


def write(page: Page, language: str, source: str) -> None:
    """As by pasting: choose the language and replace what stands in the editor."""
    page.get_by_label("Language").select_option(language)
    page.locator(".ace_editor").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(source)


def await_verdict(page: Page, words: str) -> None:
    expect(page.locator(".result .headline")).to_have_text(words, timeout=VERDICT_MS)
