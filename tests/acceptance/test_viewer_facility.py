"""Proposals, sessions and what happens in them in a real browser."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.test_bad_input import PATTERN, create, describe
from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.installation import PASSWORD, USER, Installation
from tmclient import TmClient
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.ids import decode_id
from tmlib.sample import simulate_plate
from tmserver.ispyb.forms import PREFIX

pytestmark = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)

KEEPER, GUEST = "who keeps the facility", "who books"
NAME = "nuclei of a proposal"
PROPOSAL, SESSION = "VW1", "VW1-1"


def in_hours(hours: float) -> str:
    """A moment as the facility is told of it."""
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(tzinfo=None).isoformat()


TOLD: dict[str, Any] = {
    "proposal": {
        "proposalCode": "VW",
        "proposalNumber": 1,
        "title": "Nuclei under stress",
        "state": "Open",
        "persons": [{"login": GUEST, "givenName": "Mara", "familyName": "Lind"}],
    },
    "sessions": [
        {
            "externalId": 1,
            "visit_number": 1,
            "beamLineName": "Spinning disk",
            "startDate": in_hours(-1),
            "endDate": in_hours(3),
        }
    ],
}


GROUP = {
    "groupName": "Light microscopes",
    "uiGroup": "light",
    "permission": "vw_staff",
    "beamLines": [{"beamLineName": "Confocal"}, {"beamLineName": "Spinning disk"}],
}


@pytest.fixture(scope="module")
def guest(installation: Installation) -> Iterator[TmClient]:
    """A client of somebody with an experiment in a proposal that has an instrument now."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, KEEPER, PASSWORD, "k@example.org", is_admin=True)
        service.create_user(session, GUEST, PASSWORD, "g@example.org")
    database.close()
    login: dict[str, Any] = {
        "url": installation.url,
        "password": PASSWORD,
        "experiment_name": NAME,
    }
    with TmClient(username=KEEPER, **login) as keeper:
        keeper.connection.post(f"{PREFIX}/webservices/userportalsync/sync_proposal", TOLD)
        keeper.connection.request("PATCH", f"{PREFIX}/options", json={"beamLineGroups": [GROUP]})
    with TmClient(username=GUEST, **login) as client:
        create(client)
        path = f"{PREFIX}/experiments/{decode_id(client.experiment_id)}/proposal"
        client.connection.put(path, {"proposal": PROPOSAL})
        yield client
        client.delete_experiment()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    """Images of two channels of a site."""
    plate = simulate_plate(tmp_path, wells=["B02"], rows=1, columns=1, height=96, width=96)
    return plate.image_files


def test_a_session_is_watched_while_it_happens(
    installation: Installation, guest: TmClient, files: tuple[Path, ...]
) -> None:
    with browser_page() as page:
        log_in(page, installation.url, GUEST, PASSWORD)
        find_proposal(page)
        expect(item(page, "people")).to_contain_text("Mara Lind")
        expect(item(page, f"experiment-{NAME}")).to_be_visible()
        assert not accessibility_findings(page)

        item(page, f"session-{SESSION}").click()
        timeline = item(page, "timeline")
        # the page is left as it is: what happens appears on it
        expect(timeline).to_contain_text("uploading")
        for file in files:
            guest.upload_microscope_files("plate", "acquisition", file)
        expect(timeline).to_contain_text("uploaded")
        expect(timeline).to_contain_text("2 images")
        picture = timeline.locator("img").first
        expect(picture).to_have_js_property("naturalWidth", 96)
        guest.workflow.submit(conversion())
        run = timeline.locator("li").first
        expect(run).to_contain_text("Workflow of")
        expect(run.locator(".pill")).to_have_text("done")
        expect(timeline).to_contain_text("latest workflow: done")
        assert not accessibility_findings(page)

        item(page, "to-proposal").click()
        item(page, f"experiment-{NAME}").wait_for()


def conversion() -> dict[str, Any]:
    """The description of a workflow that only takes the images in."""
    description = describe(PATTERN, 1, 1)
    for stage in description["stages"][1:]:
        stage["active"] = False
    return description


def find_proposal(page: Page) -> None:
    item(page, "proposals-link").click()
    item(page, f"proposal-{PROPOSAL}").wait_for()
    item(page, "search-proposals").fill("no such words")
    expect(item(page, "n-proposals")).to_have_text("0 proposals")
    item(page, "search-proposals").fill("stress")
    expect(item(page, "n-proposals")).to_have_text("1 proposal")
    assert not accessibility_findings(page)
    item(page, f"proposal-{PROPOSAL}").click()


def test_an_instrument_is_booked_in_the_calendar(
    installation: Installation, guest: TmClient
) -> None:
    with browser_page(expected=("400",)) as page:
        log_in(page, installation.url, KEEPER, PASSWORD)
        item(page, "calendar-link").click()
        expect(item(page, "instrument-Spinning disk")).to_contain_text(SESSION)
        page.keyboard.press("ArrowRight")
        expect(item(page, "instrument-Spinning disk")).not_to_contain_text(SESSION)
        for _ in range(2):
            item(page, "book").click()
            item(page, "booking-proposal").fill(PROPOSAL)
            item(page, "booking-instrument").select_option("Confocal")
            item(page, "save-booking").click()
            item(page, "change-VW1-2").wait_for()
        expect(item(page, "booking-outcome-error")).to_contain_text("booked at this time")
        assert not accessibility_findings(page)
        confocal = item(page, "instrument-Confocal")
        expect(confocal).to_contain_text("09:00 to 17:00")

        item(page, "change-VW1-2").click()
        end = item(page, "booking-end")
        end.fill(end.input_value().replace("T17", "T18"))
        item(page, "save-booking").click()
        expect(confocal).to_contain_text("09:00 to 18:00")
        item(page, "change-VW1-2").click()
        item(page, "delete-booking").click()
        item(page, "confirm").click()
        expect(confocal).not_to_contain_text("VW1-2")
        item(page, "previous-week").click()
        expect(item(page, "instrument-Spinning disk")).to_contain_text(SESSION)


def test_whoever_is_in_no_proposal_is_shown_none(
    installation: Installation, guest: TmClient
) -> None:
    with browser_page(expected=("404",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-list").wait_for()
        expect(item(page, "proposals-link")).to_have_count(0)
        page.goto(f"{installation.url}/?proposal={PROPOSAL}")
        expect(item(page, "message")).to_contain_text("Proposal not found")
