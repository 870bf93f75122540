"""Which page of the viewer is on show, in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.services.browser import browser_page, draw_twice, hold, item, log_in
from tests.services.installation import PASSWORD, USER, Installation

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)


def test_a_page_that_comes_too_late_does_not_replace_the_one_on_show(
    installation: Installation,
) -> None:
    with installation.client("a slow one") as client, browser_page(expected=("503",)) as page:
        client.create_experiment("canonical", "cellvoyager", 96, "basic")
        log_in(page, installation.url, USER, PASSWORD)
        held = hold(page, "**/api/experiments/*")
        with page.expect_request("**/api/experiments/*"):
            item(page, "experiment-a slow one").click()
        page.go_back()
        item(page, "experiment-list").wait_for()
        [route] = held.routes
        with page.expect_response("**/api/experiments/*"):
            route.fulfill(status=503, json={"error": {"message": "Away for a moment."}})
        draw_twice(page)
        expect(item(page, "experiment-list")).to_be_visible()
        expect(item(page, "message")).to_have_count(0)
        client.delete_experiment()
