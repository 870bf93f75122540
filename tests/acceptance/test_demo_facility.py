"""``tm demo --facility``: what its interface and its pages tell is what has run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.services.browser import accessibility_findings, browser_page, item, log_in
from tests.services.demo import Demo, run_to_end, running_demo

PREFIX = "/ispyb/api/v1"


@pytest.fixture(scope="module")
def facility(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo facility with plates of one site."""
    data_dir = tmp_path_factory.mktemp("facility") / "data"
    url = f"sqlite:///{data_dir / 'tmserver.db'}"
    with running_demo(data_dir, url, "--facility", "--wells", 1, "--sites", "1x1") as demo:
        yield demo


def ask(demo: Demo, path: str, **parameters: Any) -> Any:
    answer = demo.client.connection.request("GET", f"{PREFIX}/{path}", parameters=parameters)
    return answer.json()


def test_a_week_of_two_instruments_is_booked(facility: Demo) -> None:
    found = ask(facility, "sessions", limit=100)["results"]
    booked = {
        instrument: sorted(one["session"] for one in found if one["beamLineName"] == instrument)
        for instrument in ("Spinning disk", "Confocal")
    }
    assert booked == {
        "Spinning disk": ["LM1-1", "LM1-2", "LM1-3"],
        "Confocal": ["LM2-1", "LM2-2", "LM2-3", "LM2-4", "LM2-5"],
    }
    assert facility.address.endswith(
        f"/?session={next(one['sessionId'] for one in found if one['session'] == 'LM1-2')}"
    )


@pytest.mark.parametrize(
    ("session", "plates", "outcome"),
    [("LM1-2", ["Plate 1", "Plate 2"], "success"), ("LM2-3", ["Plate 3"], "failed")],
)
def test_the_timeline_has_what_ran(
    facility: Demo, session: str, plates: list[str], outcome: str
) -> None:
    collected = ask(facility, "events", session=session, eventType="canonical")["results"]
    ran = ask(facility, "events", session=session, eventType="robot")["results"]
    assert [event["Item"]["status"] for event in ran] == [outcome.upper()] * len(plates)
    items = [event["Item"] for event in collected]
    assert sorted(item["imageDirectory"] for item in items) == [f"{one}/{one}" for one in plates]
    ids = [item["dataCollectionId"] for item in items]
    processed = ask(facility, "processings/status", dataCollectionIds=str(ids))["statuses"]
    reached = int(outcome == "success")
    runs = [run["status"] for one in processed.values() for run in one["processing"]["workflow"]]
    assert runs == [reached] * len(plates)
    for name in plates:
        facility.client.experiment_name = name
        status = facility.client.workflow.get_status()
        assert status is not None
        assert status["failed"] == (outcome == "failed")
    breakdown = ask(facility, "stats/breakdown", session=session)
    assert breakdown["overview"]["counts"]["datacollections"] == len(plates)


def test_why_something_failed_is_in_the_statistics(facility: Demo) -> None:
    [messages] = [
        total["messages"]
        for total in ask(facility, "stats/errors", session="LM2-3")["totals"]
        if total["messages"]
    ]
    assert "is truncated" in messages[0]["message"]
    assert not any(
        total["messages"] for total in ask(facility, "stats/errors", session="LM1-2")["totals"]
    )


def test_plates_that_were_announced_are_known_by_their_samples(facility: Demo) -> None:
    containers = ask(facility, "containers", proposal="LM1")["results"]
    assert sorted(one["code"] for one in containers) == ["Plate 1", "Plate 2"]
    for container in containers:
        samples = ask(facility, "samples", containerId=container["containerId"])["results"]
        assert [sample["name"] for sample in samples] == ["B02"]


def test_a_week_is_looked_at_in_the_browser(facility: Demo) -> None:
    with browser_page() as page:
        log_in(page, facility.address, facility.user, facility.password)
        timeline = item(page, "timeline")
        expect(timeline.locator("li")).to_have_count(4)
        expect(timeline.locator("img").first).to_have_js_property("naturalWidth", 256)
        [used] = item(page, "time-use").locator("tbody tr").all()
        expect(used).to_contain_text("LM1-2")
        expect(used).to_contain_text("8 h 00 min")
        expect(item(page, "failures")).to_have_count(0)
        assert not accessibility_findings(page)
        item(page, "to-proposal").click()
        expect(item(page, "hourly")).to_have_accessible_name(re.compile(r"begin .*:00 2"))
        assert not accessibility_findings(page)
        expect(item(page, "people")).to_contain_text("Mara Lind")
        for name in ("Plate 1", "Plate 2"):
            expect(item(page, f"experiment-{name}")).to_be_visible()
        item(page, "calendar-link").click()
        for instrument, session in (("Spinning disk", "LM1-2"), ("Confocal", "LM2-3")):
            expect(item(page, f"instrument-{instrument}")).to_contain_text(session)
        item(page, "instrument-Confocal").get_by_text("LM2-3").click()
        expect(item(page, "failures")).to_contain_text("is truncated")


def test_own_images_are_no_facility(tmp_path: Path) -> None:
    outcome = run_to_end(tmp_path / "data", "--facility", "--images", tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr == (
        "Error: The facility's plates are simulated: leave out --images or --facility.\n"
    )
