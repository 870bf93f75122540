"""Features of objects are maps of plates, which whoever sees the proposal may look at."""

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from flask import Flask
from sqlalchemy import select

from tests.tmserver.api.crowd import Crowd, crowd
from tests.tmserver.ispyb.conftest import Visitor, anybody
from tmlib.experiments.models import Plate, Site, Well

__all__ = ["crowd"]

As = Callable[[str], Visitor]


@pytest.fixture
def mapped(visitor: As, crowd: Crowd, experiment_id: int) -> Crowd:
    """An experiment of MX1 with objects in three wells of two plates."""
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    return crowd


def test_maps_of_plates(app: Flask, visitor: As, mapped: Crowd) -> None:
    reader = visitor("reader")
    rois = reader.get("/mapping/rois")["results"]
    assert [(one["element"], one["scalar"]) for one in rois] == [
        ("Cells", "Area"),
        ("Cells", "Intensity, mean"),
    ]
    area = rois[0]["xrfFluorescenceMappingROIId"]
    page = reader.get("/mapping")
    assert page["total"] == 4
    numbers = [one["xrfFluorescenceMappingId"] for one in page["results"]]
    assert numbers == sorted(set(numbers))
    with mapped.database.session() as session:
        plates = session.scalars(select(Plate.id).order_by(Plate.id)).all()
        well = session.scalar(select(Well.id).where(Well.plate_id == plates[1]))
        site = session.scalar(select(Site.id).where(Site.well_id == well))
    first, second = (one for one in page["results"] if one["XRFFluorescenceMappingROI"] == rois[0])
    assert second == {
        "xrfFluorescenceMappingId": second["xrfFluorescenceMappingId"],
        "colourMap": "viridis",
        "opacity": 1,
        "points": 96,
        "dataFormat": "json",
        "_metadata": {
            "url": f"/ispyb/api/v1/mapping/{second['xrfFluorescenceMappingId']}",
            "blSubSampleId": None,
            "blSampleId": None,
            "dataCollectionId": None,
        },
        "GridInfo": {
            "gridInfoId": plates[1],
            "steps_x": 12,
            "steps_y": 8,
            "snaked": False,
            "orientation": "horizontal",
        },
        "XRFFluorescenceMappingROI": rois[0],
    }
    of_plate = [one for one in page["results"] if one["GridInfo"]["gridInfoId"] == plates[1]]
    for name, value, expected in (
        ("dataCollectionGroupId", plates[1], of_plate),
        ("blSampleId", well, of_plate),
        ("blSubSampleId", site, of_plate),
        ("dataCollectionId", 999, []),
        ("xrfFluorescenceMappingId", first["xrfFluorescenceMappingId"], [first]),
    ):
        assert reader.get("/mapping", **{name: value})["results"] == expected, name
    assert reader.get("/mapping/rois", xrfFluorescenceMappingROIId=area)["results"] == rois[:1]
    assert reader.get("/mapping/rois", blSampleId=well)["results"] == rois
    assert reader.get("/mapping/rois", blSampleId=999)["total"] == 0
    for path in ("/mapping", "/mapping/rois"):
        assert visitor("writer").get(path)["total"] == 0
        anybody(app).get(path, 401)
        reader.get(path, 422, limit=0)


def test_numbers_of_maps_stay_when_wells_of_an_older_plate_are_found(
    visitor: As, mapped: Crowd, experiment_id: int
) -> None:
    plates = [
        Plate(name=name, experiment_id=experiment_id, description="") for name in ("Old", "New")
    ]
    with mapped.database.transaction() as session:
        session.add_all(plates)
        session.flush()
        old, new = (plate.id for plate in plates)
        session.add(Well(name="A01", plate_id=new, experiment_id=experiment_id))

    def numbers() -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for one in visitor("reader").get("/mapping")["results"]:
            plate = one["GridInfo"]["gridInfoId"]
            found.setdefault(plate, []).append(one["xrfFluorescenceMappingId"])
        return found

    before = numbers()
    assert old not in before
    with mapped.database.transaction() as session:
        session.add(Well(name="A01", plate_id=old, experiment_id=experiment_id))
    after = numbers()
    assert len(after.pop(old)) == len(after[new]) == 2
    assert after == before


def test_values_of_a_map(app: Flask, visitor: As, mapped: Crowd) -> None:
    reader = visitor("reader")
    number = reader.get("/mapping")["results"][0]["xrfFluorescenceMappingId"]
    frame = mapped.frame[mapped.frame["plate_name"] == "Plate 1"]
    means = frame.groupby("well_name")["Area"].mean()

    def pixel(x: int, y: int, status: int = 200) -> Any:
        return reader.get(f"/mapping/pixel/{number}", status, x=x, y=y)

    found = pixel(1, 1)
    assert found == {
        "xrfFluorescenceMappingId": number,
        "x": 1,
        "y": 1,
        "value": pytest.approx(means["B02"]),
    }
    assert pixel(0, 0)["value"] == pytest.approx(means["A01"])
    assert pixel(11, 7)["value"] is None
    assert "12 columns" in pixel(12, 0, 404)["detail"]
    pixel(0, -1, 422)
    picture = imagecodecs.png_decode(reader.get(f"/mapping/{number}").data)
    assert picture.shape == (8, 12, 4)
    assert np.argwhere(picture[..., 3]).tolist() == [[0, 0], [1, 1]]
    lesser = min((means["A01"], (0, 0)), (means["B02"], (1, 1)))[1]
    assert picture[lesser].tolist() == [68, 1, 84, 255]
    histogram = reader.get(f"/mapping/histogram/{number}")
    assert sum(histogram["hist"]) == 2
    assert [len(histogram[name]) for name in ("hist", "bins", "width")] == [50, 50, 50]
    missing = {"detail": "Map not found"}
    for path in (f"/mapping/{number}", f"/mapping/histogram/{number}"):
        assert visitor("writer").get(path, 404) == missing
        anybody(app).get(path, 401)
    assert visitor("writer").get(f"/mapping/pixel/{number}", 404, x=0, y=0) == missing
    assert reader.get("/mapping/999999999", 404) == missing
