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
# in a week of its own, whatever day it is
DAY = "2031-03-12"


def in_hours(hours: float) -> str:
    """A moment as the facility is told of it."""
    return (datetime.now(UTC) + timedelta(hours=hours)).replace(tzinfo=None).isoformat()


PROPOSAL_TOLD: dict[str, Any] = {
    "proposalCode": "VW",
    "proposalNumber": 1,
    "title": "Nuclei under stress",
    "state": "Open",
    "persons": [{"login": GUEST, "givenName": "Mara", "familyName": "Lind"}],
}
PLANNED = {
    "externalId": 2,
    "visit_number": 2,
    "beamLineName": "Spinning disk",
    "startDate": f"{DAY}T09:00:00",
    "endDate": f"{DAY}T17:00:00",
}


def tell_of_sessions(keeper: TmClient, ends_in_hours: float) -> None:
    """Let the user portal tell of a session that is planned, and of one that began an hour ago."""
    present = {
        "externalId": 1,
        "visit_number": 1,
        "beamLineName": "Spinning disk",
        "startDate": in_hours(-1),
        "endDate": in_hours(ends_in_hours),
    }
    told = {"proposal": PROPOSAL_TOLD, "sessions": [present, PLANNED]}
    keeper.connection.post(f"{PREFIX}/webservices/userportalsync/sync_proposal", told)


GROUP = {
    "groupName": "Light microscopes",
    "uiGroup": "light",
    "permission": "vw_staff",
    "beamLines": [{"beamLineName": "Confocal"}, {"beamLineName": "Spinning disk"}],
}


@pytest.fixture(scope="module")
def keeper(installation: Installation) -> Iterator[TmClient]:
    """A client of somebody who looks after the instruments."""
    database = Database(installation.database_url)
    with database.transaction() as session:
        service.create_user(session, KEEPER, PASSWORD, "k@example.org", is_admin=True)
        service.create_user(session, GUEST, PASSWORD, "g@example.org")
    database.close()
    with client_of(KEEPER, installation) as client:
        tell_of_sessions(client, 3)
        client.connection.request("PATCH", f"{PREFIX}/options", json={"beamLineGroups": [GROUP]})
        yield client


def client_of(user: str, installation: Installation) -> TmClient:
    return TmClient(url=installation.url, username=user, password=PASSWORD, experiment_name=NAME)


@pytest.fixture(scope="module")
def guest(installation: Installation, keeper: TmClient) -> Iterator[TmClient]:
    """A client of somebody with an experiment in a proposal that has an instrument now."""
    with client_of(GUEST, installation) as client:
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
    installation: Installation, guest: TmClient, keeper: TmClient, files: tuple[Path, ...]
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
        expect(item(page, "now")).to_be_visible()
        tell_of_sessions(keeper, -0.5)
        expect(item(page, "now")).to_have_count(0)
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
    with browser_page(expected=("400", "ERR_FAILED")) as page:
        log_in(page, installation.url, KEEPER, PASSWORD)
        item(page, "calendar-link").click()
        item(page, "calendar").wait_for()
        page.goto(f"{installation.url}/?calendar={DAY}")
        expect(item(page, "instrument-Spinning disk")).to_contain_text("VW1-2")
        page.keyboard.press("ArrowRight")
        expect(item(page, "instrument-Spinning disk")).not_to_contain_text("VW1-2")
        for _ in range(2):
            item(page, "book").click()
            item(page, "booking-proposal").fill(PROPOSAL)
            item(page, "booking-instrument").select_option("Confocal")
            item(page, "save-booking").click()
            item(page, "change-VW1-3").wait_for()
        expect(item(page, "booking-outcome-error")).to_contain_text("booked at this time")
        assert not accessibility_findings(page)
        confocal = item(page, "instrument-Confocal")
        expect(confocal).to_contain_text("09:00 to 17:00")

        item(page, "change-VW1-3").click()
        end = item(page, "booking-end")
        end.fill(end.input_value().replace("T17", "T18"))
        item(page, "save-booking").click()
        expect(confocal).to_contain_text("09:00 to 18:00")
        item(page, "change-VW1-3").click()
        # it is deleted also when the calendar cannot be had afterwards, and the page says so
        page.route("**/sessions?*", lambda route: route.abort())
        item(page, "delete-booking").click()
        item(page, "confirm").click()
        expect(item(page, "calendar-error")).to_contain_text("out of date")
        expect(item(page, "booking-form")).to_have_count(0)
        page.unroute("**/sessions?*")
        page.reload()
        item(page, "calendar").wait_for()
        expect(confocal).not_to_contain_text("VW1-3")
        item(page, "previous-week").click()
        expect(item(page, "instrument-Spinning disk")).to_contain_text("VW1-2")


def test_whoever_is_in_no_proposal_is_shown_none(
    installation: Installation, guest: TmClient
) -> None:
    with browser_page(expected=("404",)) as page:
        log_in(page, installation.url, USER, PASSWORD)
        item(page, "experiment-list").wait_for()
        expect(item(page, "proposals-link")).to_have_count(0)
        page.goto(f"{installation.url}/?proposal={PROPOSAL}")
        expect(item(page, "message")).to_contain_text("Proposal not found")
