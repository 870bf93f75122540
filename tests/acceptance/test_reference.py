"""The page that shows what the API takes and answers, in a real browser."""

from playwright.sync_api import expect

from tests.services.browser import browser_page, item, log_in
from tests.services.installation import PASSWORD, USER, Installation


def test_a_request_is_tried_out(installation: Installation) -> None:
    """A request that changes something goes through for whoever is logged in to the viewer."""
    with browser_page() as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-list").wait_for()
        page.goto(f"{installation.url}/api")
        route = page.locator("#operations-experiment-create_experiment")
        page.locator("#operations-tag-experiment").click()
        route.click()
        expect(route).to_contain_text("Create an experiment that belongs to you.")
        route.get_by_role("button", name="Try it out").click()
        route.get_by_role("button", name="Execute").click()
        answer = route.locator(".live-responses-table tbody .response-col_status")
        expect(answer).to_contain_text("200")
    with installation.client("Experiment XY") as client:
        assert client.get_experiments()[0]["user"] == USER
        client.delete_experiment()
