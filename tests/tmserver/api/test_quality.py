"""What the API tells of the quality of images: times, shifts between cycles, evenness of light."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import (
    Channel,
    ChannelImageFile,
    IllumstatsFile,
    Plate,
    Site,
    SiteOverlap,
    SiteShift,
    Well,
)


@pytest.mark.usefixtures("field")
def test_shifts_of_cycles_and_omitted_sites(
    owner: Person, experiment: str, experiment_id: int, database: Database
) -> None:
    aligned = {
        "plate_name": "Plate 1",
        "well_name": "A01",
        "well_pos_y": 0,
        "well_pos_x": 1,
        "omitted": False,
        "shifts": [{"cycle_index": 1, "y": 3, "x": -2, "quality": 1.0}],
    }
    with database.transaction() as session:
        site = {"experiment_id": experiment_id, "height": 30, "width": 40}
        sites = [
            Site(**site, y=2, x=0, field=1, omitted=True),
            Site(**site, y=3, x=0, field=2),
        ]
        session.add(Well(experiment_id=experiment_id, plate_id=1, name="B01", sites=sites))
    found = owner.get(f"{experiment}/site-shifts")
    assert [{key: one[key] for key in aligned} for one in found] == [
        aligned,
        aligned | {"well_name": "B01", "well_pos_y": 2, "well_pos_x": 0}
        | {"omitted": True, "shifts": []},
    ]  # fmt: skip
    assert {one["site_id"] for one in found} < {
        one["id"] for one in owner.get(f"{experiment}/sites")
    }
    assert owner.get(f"{experiment}/site-shifts", omitted=True) == found[1:]
    assert owner.get(f"{experiment}/site-shifts", omitted=False, well_name="A01") == found[:1]
    assert owner.get(f"{experiment}/site-shifts", plate_name="Plate 2") == []
    assert owner.get(f"{experiment}/site-shifts", offset=1) == found[1:]
    with database.transaction() as session:
        session.query(SiteShift).delete()
        session.execute(update(Site).values(omitted=False))
    assert owner.get(f"{experiment}/site-shifts") == []


@pytest.mark.usefixtures("field")
def test_overlaps_of_neighbouring_sites(
    owner: Person, experiment: str, experiment_id: int, database: Database
) -> None:
    with database.transaction() as session:
        site = {"experiment_id": experiment_id, "height": 30, "width": 40, "y": 0}
        sites = [Site(**site, x=x, field=x) for x in range(2)]
        session.add(Well(experiment_id=experiment_id, plate_id=1, name="B01", sites=sites))
        session.flush()
        ids = [one.id for one in sites]
        measured = {"y": -0.25, "x": 31.5, "quality": 0.75, "is_reliable": True}
        overlap = {"site_id": ids[0], "neighbour_id": ids[1], "experiment_id": experiment_id}
        session.add(SiteOverlap(**overlap, **measured))
    [found] = owner.get(f"{experiment}/site-overlaps")
    assert {key: found[key] for key in measured} == measured
    assert (found["plate_name"], found["well_name"]) == ("Plate 1", "B01")
    by_place = {(one["well_name"], one["x"]): one["id"] for one in owner.get(f"{experiment}/sites")}
    assert (found["site_id"], found["neighbour_id"]) == (by_place["B01", 0], by_place["B01", 1])
    assert owner.get(f"{experiment}/site-overlaps", well_name="B01") == [found]
    assert owner.get(f"{experiment}/site-overlaps", well_name="A01") == []
    assert owner.get(f"{experiment}/site-overlaps", plate_name="Plate 2") == []


@pytest.mark.usefixtures("field")
def test_evenness_of_light(
    owner: Person, experiment: str, experiment_id: int, database: Database
) -> None:
    assert owner.get(f"{experiment}/illumination") == []
    with database.transaction() as session:
        channels = {one.name: one.id for one in session.query(Channel)}
        plate_id = session.query(Plate).one().id
        session.add_all(
            IllumstatsFile(
                experiment_id=experiment_id,
                channel_id=channels[name],
                plate_id=plate,
                path=f"{name}.npz",
                n_images=n,
                flatness_before=0.25,
                flatness_after=0.01,
            )
            for name, plate, n in (("DNA", None, 9), ("Actin", plate_id, 4))
        )
    ids = {one["name"]: one["id"] for one in owner.get(f"{experiment}/channels")}
    flatness: dict[str, Any] = {"flatness_before": 0.25, "flatness_after": 0.01}
    expected: list[dict[str, Any]] = [
        {"channel_name": "Actin", "plate_name": "Plate 1", "n_images": 4, **flatness},
        {"channel_name": "DNA", "plate_name": None, "n_images": 9, **flatness},
    ]
    assert owner.get(f"{experiment}/illumination") == [
        {"channel_id": ids[one["channel_name"]], **one} for one in expected
    ]
    assert len(owner.get(f"{experiment}/illumination", limit=1)) == 1


def test_when_images_were_taken(
    owner: Person, field: Path, acquisition: str, experiment: str, database: Database
) -> None:
    found = owner.get(acquisition)
    assert (found["first_acquired_at"], found["last_acquired_at"]) == (None, None)
    times = [datetime(2024, 3, 14, 9, minute, tzinfo=UTC) for minute in (50, 10)]
    with database.transaction() as session:
        for image, time in zip(session.query(ChannelImageFile), times, strict=True):
            image.acquired_at = time
    for found in (owner.get(acquisition), owner.get(f"{experiment}/acquisitions")[0]):
        first, last = found["first_acquired_at"], found["last_acquired_at"]
        assert datetime.fromisoformat(first) == times[1]
        assert datetime.fromisoformat(last) == times[0]
    channels = owner.get(f"{experiment}/channels")
    assert [one["wavelength"] for one in channels] == ["Actin", "DNA"]
