"""The page that shows the API's description, under the same policy as every other page: nothing of other hosts."""

from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Visit
from tests.conftest import Stack


def test_everybody_reads_what_the_api_offers(visit: Visit, stack: Stack):
    asked: list[str] = []

    def listen(page: Page) -> None:
        page.on("request", lambda request: asked.append(_host(request)))

    page = visit("/api/v1/docs/", anonymous=True, prepare=listen)

    operation = page.locator("#operations-Submissions-createSubmission")
    operation.get_by_role("button").first.click()
    expect(operation.get_by_text("What was sent cannot be used").first).to_be_visible()
    assert set(asked) == {stack.url}


def test_who_has_signed_in_tries_it_out(visit: Visit):
    page = visit("/api/v1/docs/")
    operation = page.locator("#operations-Runs-createRun")

    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("202")


def _host(request: Request) -> str:
    return "/".join(request.url.split("/")[:3]) if request.url.startswith("http") else ""
