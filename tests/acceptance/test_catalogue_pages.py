"""The pages of the catalogue in a real browser, by somebody who has not logged in."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.services.browser import accessibility_findings, browser_page
from tests.services.catalogue import document, random_rows
from tests.services.installation import Installation
from tmlib.db import Database
from tmlib.portal.declaration import ENTITIES
from tmlib.portal.importing import import_rows
from tmlib.portal.withdrawal import withdraw

NUMBER = 900_001
TITLE = "Ribosomes & <b>membranes</b>"


@pytest.fixture(scope="module")
def pages(installation: Installation) -> Iterator[str]:
    """The address of the catalogue, which has one row of each class."""
    made = document(random_rows(seed=4, n_rows=1))
    for entity in ENTITIES.values():
        [row] = made[entity.client_name]
        row |= {"id": NUMBER, **{item.column: NUMBER for item in entity.items}}
    made["Dataset"][0]["title"] = TITLE
    made["Run"][0]["name"] = "TS_026"
    database = Database(installation.database_url)
    with database.transaction() as session:
        import_rows(session, made)
    yield f"{installation.url}/catalogue"
    with database.transaction() as session:
        withdraw(session, NUMBER, "The end of the test.")
    database.close()


def test_a_run_is_found_by_keyboard_on_a_phone(pages: str) -> None:
    with browser_page(width=380, height=800) as page:
        page.goto(pages)
        page.get_by_label("Words").press_sequentially("ribosomes membranes")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("1 dataset")
        page.get_by_role("link", name=TITLE).press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
        page.get_by_role("link", name="TS_026").press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("TS_026")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.evaluate("document.documentElement.clientWidth")


def test_everybody_can_read_the_pages(pages: str) -> None:
    with browser_page(width=380, height=800) as page:
        for path in ("", f"/depositions/{NUMBER}", f"/datasets/{NUMBER}", f"/runs/{NUMBER}"):
            page.goto(f"{pages}{path}")
            assert accessibility_findings(page) == []
