"""The same platform in a browser that runs no scripts."""

from playwright.sync_api import expect

from tests.browser.conftest import VERDICT_MS, Visit


def test_one_solves_a_question_without_scripts(visit: Visit):
    """S0.1, S0.11, S0.22: the form leads to a page that renews itself until the verdict is there."""
    page = visit("/questions/sum/", java_script_enabled=False)
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill("a, b = map(int, input().split())\nprint(a - b)\n")
    page.get_by_role("button", name="Submit").click()

    assert "/submissions/" in page.url
    expect(page.locator(".headline")).to_have_text("✗ Wrong answer", timeout=VERDICT_MS)
    expect(page.get_by_role("group", name="Expected output")).to_be_visible()
    page.get_by_role("link", name="Case 3, hidden: not run").click()
    expect(page.locator(".chosen")).to_contain_text("This case is hidden")

    page.get_by_role("link", name="Open in the editor").click()
    page.get_by_label("Source code").fill("a, b = map(int, input().split())\nprint(a + b)\n")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".headline")).to_have_text("✓ Accepted", timeout=VERDICT_MS)


def test_a_run_with_ones_own_input_works_without_scripts(visit: Visit):
    page = visit("/questions/sum/", java_script_enabled=False)
    page.get_by_label("Language").select_option("python")
    page.get_by_label("Source code").fill("print(input()[::-1])\n")
    page.get_by_label("Your own input").fill("abc")
    page.get_by_role("button", name="Run").click()

    expect(page.locator(".headline")).to_have_text("✗ Wrong answer", timeout=VERDICT_MS)
    page.get_by_role("link", name="Case 3, own input: ran").click()
    expect(page.get_by_role("group", name="Your output")).to_have_text("cba")
