"""A learner asks for hints beside the editor: each level after another attempt that failed, and no sooner."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import VERDICT_MS, Visit, await_verdict, write
from tests.conftest import NO_ANSWER
from tests.hints import fake_provider
from tests.hints.fake_provider import Breaks, FakeProvider, Waits

QUESTION = "/questions/best-stretch/"
WRONG = "input()\nprint(-1)\n"
OTHER_WRONG = "input()\nprint(-2)\n"
WITHOUT_SCRIPTS = "/questions/mean-and-deviation/"
OF_MODEL = "/questions/palindrome/"
PHONE = {"width": 390, "height": 844}


def fail(page: Page, source: str) -> None:
    """Until the panel knows of it."""
    write(page, "python", source)
    is_panel = "part=panel"
    with page.expect_response(lambda answer: is_panel in answer.url and answer.request.method == "GET"):
        page.get_by_role("button", name="Submit").first.click()
        await_verdict(page, "✗ Wrong answer")


def step(page: Page, number: int, words: str) -> None:
    expect(page.get_by_role("listitem").filter(has_text=f"Level {number}, ").first).to_contain_text(words)


def test_each_level_opens_with_another_failed_program_and_what_was_given_stays(visit: Visit):
    """S3.14 (in part): also the mark at the tab, the place in the editor, whether it helped, and a reload."""
    page = visit(QUESTION)
    tab = page.get_by_role("tab", name="Hints")
    tab.click()
    expect(page.locator("#hints")).to_contain_text("Run or submit a program first")
    page.get_by_role("tab", name="Statement").click()

    fail(page, WRONG)
    expect(page.get_by_role("tab", name="Hints (a level is open)")).to_be_visible()
    tab.click()
    expect(page.locator(".offer")).to_contain_text("Wrong answer on case 1")
    page.get_by_role("button", name="Get a nudge").click()

    nudge = page.locator("#hint-1")
    expect(nudge).to_contain_text("From the platform's rules", timeout=VERDICT_MS)
    said = nudge.locator(".words").text_content() or ""
    expect(page.locator("#say")).to_contain_text(said.strip()[:20])
    expect(nudge.locator("summary")).to_be_focused()
    nudge.get_by_role("button", name="Yes").click()
    expect(nudge).to_contain_text("Thank you.")
    expect(nudge.get_by_role("button", name="Yes")).to_be_focused()

    fail(page, WRONG)
    step(page, 2, "not open yet")
    expect(page.locator(".locked")).to_contain_text("when you have changed your program")

    fail(page, OTHER_WRONG)
    page.get_by_role("button", name="Get level 2: the concept").click()
    expect(page.locator("#hint-2")).to_be_visible(timeout=VERDICT_MS)

    page.reload()
    page.get_by_role("tab", name="Hints").click()
    step(page, 2, "given")
    expect(page.locator("#hint-2 .words")).to_be_visible()
    page.locator("#hint-1 summary").click()
    expect(page.locator("#hint-1 .words")).to_have_text(said)
    expect(page.locator("#hint-1").get_by_role("button", name="Yes")).to_have_attribute(
        "aria-pressed", "true"
    )


@pytest.fixture
def talking(model: FakeProvider) -> Iterator[FakeProvider]:
    """The model, which answers in this test only."""
    yield model
    model.go_on()
    model.says(NO_ANSWER)


def test_a_models_text_grows_until_it_is_whole_and_its_line_is_one_of_its_program(
    visit: Visit, talking: FakeProvider
):
    """On a phone, where the result says nothing of hints but in a link."""
    said = "Which numbers does your loop leave out?"
    # A sentence is shown once enough follows it.
    talking.says(
        Waits(fake_provider.hint(hint=f"{said} {'Follow the first case by hand, slowly. ' * 12}", line=1))
    )
    page = visit(OF_MODEL, viewport=PHONE)
    page.get_by_role("tab", name="Code").click()
    write(page, "python", WRONG)
    page.get_by_role("button", name="Submit").last.click()
    await_verdict(page, "✗ Wrong answer")
    expect(page.get_by_role("tab", name="Problem (a level of hints is open)")).to_be_visible()
    page.get_by_role("link", name="Get a hint").click()
    page.get_by_role("button", name="Get a nudge").click()

    expect(page.locator(".growing")).to_contain_text(said, timeout=VERDICT_MS)
    expect(page.locator("#hint-1")).to_have_count(0)
    talking.go_on()

    hint = page.locator("#hint-1")
    expect(hint).to_contain_text("Written by a language model; it may be wrong.", timeout=VERDICT_MS)
    expect(hint).to_contain_text("About your submission in Python 3")
    expect(hint).to_contain_text("Wrong answer on case 1")
    hint.get_by_role("link", name="line 1").click()
    expect(page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")

    write(page, "python", OTHER_WRONG)
    page.get_by_role("tab", name="Problem").click()
    hint.get_by_role("link", name="line 1").click()
    expect(page.get_by_role("heading", name="Your program")).to_be_visible()
    assert page.url.endswith("#line-1")


@pytest.mark.full
def test_where_a_models_text_is_taken_back_the_rules_hint_says_so(visit: Visit, talking: FakeProvider):
    talking.says(Breaks(fake_provider.hint()))
    page = visit(OF_MODEL)
    fail(page, OTHER_WRONG)
    page.get_by_role("link", name="Get a hint").click()
    page.locator(".offer button").click()

    expect(page.locator(".given[open]")).to_contain_text(
        "From the platform's rules: the language model gave no answer that can be shown.", timeout=VERDICT_MS
    )


def test_a_hint_is_asked_for_and_rated_without_scripts(visit: Visit):
    page = visit(WITHOUT_SCRIPTS, java_script_enabled=False)
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill("print(1 / 0)\n")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".headline")).to_have_text("✗ Runtime error", timeout=VERDICT_MS)

    page.get_by_role("link", name="Get a hint").click()
    page.get_by_role("button", name="Get a nudge").click()
    expect(page.locator("#hint-1")).to_contain_text("From the platform's rules", timeout=VERDICT_MS)
    page.get_by_role("button", name="No").click()

    expect(page.locator("#hint-1")).to_contain_text("Thank you.")


def test_who_is_not_signed_in_is_asked_to(visit: Visit):
    page = visit(QUESTION, anonymous=True)
    page.get_by_role("tab", name="Hints").click()

    expect(page.locator("#hints")).to_have_text("Sign in to get hints about your own programs.")
