"""One's own account in a browser: what is shown once can be copied."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_new_key_and_the_secret_of_webhooks_are_copied(visit: Visit):
    page = visit("/account/", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("What it is for").fill("my script")
    page.get_by_label("read", exact=False).check()
    page.get_by_role("button", name="Make the key").click()

    page.get_by_role("button", name="Copy", exact=True).click()

    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".secret pre").inner_text()
    page.get_by_role("button", name="Show the secret").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(".secret pre").inner_text()
