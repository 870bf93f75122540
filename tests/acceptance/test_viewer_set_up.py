"""A workflow that is set up and started in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.acceptance import sample
from tests.acceptance.test_bad_input import PATTERN, create
from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmlib.sample import simulate_plate

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)

NAME = "set up in the browser"
LATER_STAGES = ("image_preprocessing", "pyramid_creation", "image_analysis")


@pytest.fixture
def client(installation: Installation, tmp_path: Path) -> Iterator[TmClient]:
    """A client for an experiment with the images of one site, whose names a pattern explains."""
    plate = simulate_plate(tmp_path, wells=["B02"], rows=1, columns=1, height=64, width=64)
    with installation.client(NAME) as client:
        create(client)
        for file in plate.image_files:
            client.upload_microscope_files("plate", "acquisition", file)
        yield client
        client.delete_experiment()


def test_a_workflow_is_set_up_started_and_begun_again(
    installation: Installation, client: TmClient
) -> None:
    with browser_page(expected=("400",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, f"workflow-{NAME}").click()
        item(page, "set-up-link").click()
        for stage in LATER_STAGES:
            item(page, f"active-{stage}").uncheck()
        # what is missing is said before anything starts
        item(page, "start").click()
        expect(item(page, "set-up-outcome-error")).to_contain_text("regular expression")
        item(page, "step-metaconfig").locator("summary").first.click()
        item(page, "metaconfig-regex").fill(PATTERN)
        item(page, "metaconfig-n_vertical").fill("0")
        item(page, "start").click()
        field = item(page, "metaconfig-n_vertical")
        assert field.evaluate("input => input.validity.rangeUnderflow")
        field.fill("")
        assert not accessibility_findings(page)
        item(page, "start").click()
        item(page, "workflow").wait_for()
        expect(item(page, "summary").locator(".pill")).to_have_text("done")
        sample.wait_for_end(client)

        item(page, "set-up-link").click()
        expect(item(page, "metaconfig-regex")).to_have_value(PATTERN)
        item(page, "active-image_preprocessing").check()
        item(page, "begin-at").select_option("image_preprocessing")
        item(page, "start").click()
        item(page, "workflow").wait_for()
        expect(item(page, "step-corilla").locator(".pill")).to_have_text("done")
        item(page, "all-experiments").click()
        expect(page.locator("tr", has=item(page, f"workflow-{NAME}"))).to_contain_text("done")
