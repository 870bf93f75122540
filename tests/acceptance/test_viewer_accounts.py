"""Users, groups, passwords and tokens in a real browser."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.installation import PASSWORD, Installation
from tmclient import TmClient
from tmlib.accounts import service
from tmlib.db import Database

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)

ADMINISTRATOR, NEWCOMER, NEW_PASSWORD = "who keeps accounts", "newcomer", "another long password"


@pytest.fixture
def page(installation: Installation) -> Iterator[Page]:
    """A page on which an administrator is logged in."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, ADMINISTRATOR, PASSWORD, "keeper@example.org", is_admin=True)
    database.close()
    with browser_page(expected=("400", "409")) as page:
        log_in(page, installation.url, ADMINISTRATOR, PASSWORD)
        yield page


def test_accounts_are_kept_by_administrators_and_by_those_whose_they_are(
    page: Page, installation: Installation
) -> None:
    item(page, "users-link").click()
    for name in (NEWCOMER, NEWCOMER):
        item(page, "user-name").fill(name)
        item(page, "user-email").fill("newcomer@example.org")
        item(page, "user-password").fill(PASSWORD)
        item(page, "add-user").click()
        item(page, f"user-{NEWCOMER}").wait_for()
    expect(item(page, "add-outcome-error")).to_contain_text(NEWCOMER)
    item(page, f"active-{NEWCOMER}").uncheck()
    expect(item(page, "user-outcome")).to_contain_text("locked out")
    assert log_in_by_api(installation, PASSWORD) == 401
    item(page, f"active-{NEWCOMER}").check()
    expect(item(page, "user-outcome")).to_contain_text("can log in again")
    assert not accessibility_findings(page)

    item(page, "groups-link").click()
    item(page, "group-name").fill("screeners")
    item(page, "make-group").click()
    item(page, "member-name").fill(NEWCOMER)
    item(page, "add-member").click()
    item(page, f"member-{NEWCOMER}").wait_for()
    decides = item(page, f"member-{ADMINISTRATOR}").get_by_role("checkbox")
    decides.click()
    expect(item(page, "member-outcome-error")).to_be_visible()
    expect(decides).to_be_checked()
    assert not accessibility_findings(page)

    item(page, "logout").click()
    log_in(page, installation.url, NEWCOMER, PASSWORD)
    item(page, "groups-link").click()
    expect(item(page, "group-screeners")).to_contain_text(ADMINISTRATOR)
    expect(item(page, "users-link")).to_have_count(0)
    look_after_account(page, installation)


def look_after_account(page: Page, installation: Installation) -> None:
    """Make and remove a token, and change the password, as the newcomer."""
    item(page, "account-link").click()
    item(page, "token-name").fill("microscope 2")
    item(page, "token-scope").select_option("write")
    item(page, "make-token").click()
    token = item(page, "made-token").inner_text()
    assert not accessibility_findings(page)
    client = TmClient(url=installation.url, token=token, experiment_name="of a microscope")
    client.experiments.create()
    client.experiments.delete()
    page.reload()
    expect(item(page, "token-microscope 2")).to_contain_text("read and change")
    expect(item(page, "made-token")).to_have_count(0)
    item(page, "remove-token-microscope 2").click()
    expect(item(page, "token-microscope 2")).to_have_count(0)
    assert (
        requests.get(f"{installation.url}/auth/user", headers=bearer(token), timeout=30).status_code
        == 401
    )

    for old in ("not the password", PASSWORD):
        item(page, "old-password").fill(old)
        item(page, "new-password").fill(NEW_PASSWORD)
        item(page, "again-password").fill(NEW_PASSWORD)
        item(page, "change-password").click()
        if old != PASSWORD:
            expect(item(page, "password-outcome-error")).to_contain_text("old password is wrong")
    expect(item(page, "password-outcome")).to_contain_text("is changed")
    assert log_in_by_api(installation, PASSWORD) == 401
    assert log_in_by_api(installation, NEW_PASSWORD) == 200


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in_by_api(installation: Installation, password: str) -> int:
    body = {"username": NEWCOMER, "password": password}
    return requests.post(f"{installation.url}/auth", json=body, timeout=30).status_code
