"""Experiments from their beginning to their end, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmlib.accounts import groups, service
from tmlib.db import Database

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)

COLLEAGUE, GROUP = "colleague of the tester", "group of the tester"


@pytest.fixture(scope="module")
def colleague(installation: Installation) -> None:
    """Another user, and a group that the tests' user is in."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, COLLEAGUE, PASSWORD, "colleague@example.org")
        groups.create_group(session, GROUP, service.find_user(session, USER).id)
    database.close()


@pytest.fixture
def page(installation: Installation) -> Iterator[Page]:
    with browser_page(expected=("404",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-list").wait_for()
        yield page


def test_an_experiment_is_made_described_shared_and_deleted(
    page: Page, installation: Installation, colleague: None
) -> None:
    item(page, "new-experiment").click()
    item(page, "new-name").fill("made in the browser")
    item(page, "new-microscope").select_option("cellvoyager")
    item(page, "new-format").select_option("96")
    assert not accessibility_findings(page)
    item(page, "make-experiment").click()
    item(page, "upload").wait_for()
    client = installation.client("made in the browser")
    assert client.experiments.get()["plate_format"] == 96

    item(page, "to-experiment").click()
    page.get_by_role("button", name="All experiments").click()
    item(page, "settings-made in the browser").click()
    item(page, "settings-description").fill("nuclei of screen 7")
    item(page, "save-settings").click()
    expect(item(page, "settings-outcome")).to_have_text("Saved.")
    item(page, "share-user").fill("nobody of this name")
    item(page, "share").click()
    expect(item(page, "share-outcome-error")).to_contain_text("nobody of this name")
    item(page, "share-user").fill(COLLEAGUE)
    item(page, "share").click()
    item(page, f"share-{COLLEAGUE}").get_by_role("combobox").select_option("write")
    item(page, "share-kind").select_option("group")
    item(page, "share-group").select_option(GROUP)
    item(page, "share").click()
    item(page, f"share-{GROUP}").wait_for()
    assert not accessibility_findings(page)
    assert client.experiments.get()["description"] == "nuclei of screen 7"
    shares = client.sharing.list()
    assert [(share["user"], share["permission"]) for share in shares] == [
        (COLLEAGUE, "write"),
        (None, "read"),
    ]
    assert shares[1]["group"] == GROUP

    item(page, f"unshare-{GROUP}").click()
    expect(item(page, f"share-{GROUP}")).to_have_count(0)
    button = item(page, "delete-experiment")
    item(page, "typed-name").fill("made in the")
    expect(button).to_be_disabled()
    item(page, "typed-name").fill("made in the browser")
    button.click()
    item(page, "experiment-list").wait_for()
    expect(item(page, "experiment-made in the browser")).to_have_count(0)
    assert "made in the browser" not in [each["name"] for each in client.experiments.list()]


def test_experiments_are_found_and_sorted_and_given_away(
    page: Page, installation: Installation, colleague: None
) -> None:
    for name, description in (("plate 10", "actin"), ("plate 2", "actin"), ("other", "tubulin")):
        installation.client(name).experiments.create(description=description)
    page.reload()
    item(page, "search-experiments").fill("ACTIN plate")
    names = page.locator("[data-testid^=experiment-plate]")
    expect(names).to_have_text(["plate 2", "plate 10"])  # the newest comes first
    expect(item(page, "n-experiments")).to_contain_text("2 of ")
    item(page, "sort-name").click()
    expect(names).to_have_text(["plate 2", "plate 10"])
    item(page, "sort-name").click()
    expect(names).to_have_text(["plate 10", "plate 2"])
    assert not accessibility_findings(page)

    item(page, "settings-plate 2").click()
    item(page, "new-owner").fill(COLLEAGUE)
    item(page, "hand-over").click()
    expect(item(page, "owner")).to_have_text(COLLEAGUE)
    # the old owner may still change it, and neither delete it nor share it
    expect(item(page, "save-settings")).to_be_visible()
    expect(item(page, "delete-experiment")).to_have_count(0)
    item(page, "all-experiments").click()
    expect(page.locator("tr", has=item(page, "settings-plate 2"))).to_contain_text(COLLEAGUE)
    for name in ("plate 10", "other"):
        installation.client(name).experiments.delete()
    TmClient(
        url=installation.url, username=COLLEAGUE, password=PASSWORD, experiment_name="plate 2"
    ).experiments.delete()
