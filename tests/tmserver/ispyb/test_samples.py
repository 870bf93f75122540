"""Wells of plates are samples, and their sites sub-samples, as soon as images tell of them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import Visitor, names
from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well

As = Callable[[str], Visitor]


@pytest.fixture
def wells(
    visitor: As, database: Database, owner: Person, experiment_id: int, acquisition: str
) -> list[int]:
    """Numbers of the wells B03, A02 and A12 of a plate of 96; the first one has two sites."""
    visitor("owner").put(f"/experiments/{experiment_id}/proposal", {"proposal": "MX1"})
    with database.transaction() as session:
        plate = session.scalars(select(Plate)).one()
        found = [
            Well(experiment_id=experiment_id, plate_id=plate.id, name=name)
            for name in ("B03", "A02", "A12")
        ]
        session.add_all(found)
        session.flush()
        for x, place in ((0, 0.0), (1, 1999.6)):
            site = Site(
                experiment_id=experiment_id,
                well_id=found[0].id,
                y=0,
                x=x,
                field=x,
                height=10,
                width=10,
                stage_y=0.0,
                stage_x=place,
            )
            session.add(site)
        return [well.id for well in found]


def test_a_well_is_a_sample(visitor: As, wells: list[int], experiment_id: int) -> None:
    sample = visitor("reader").get(f"/samples/{wells[0]}")
    assert (sample["name"], sample["location"], sample["blSampleId"]) == ("B03", 15, wells[0])
    assert sample["Container"]["code"] == "Plate 1"
    protein = sample["Crystal"]["Protein"]
    assert (protein["name"], sample["Crystal"]["proteinId"]) == ("Screen", experiment_id)
    assert sample["_metadata"] == {
        "subsamples": 2,
        "datacollections": 1,
        "types": ["canonical"],
        "queued": False,
        "strategies": 0,
        "autoIntegrations": 0,
        "integratedResolution": None,
        "proposal": "MX1",
    }
    assert visitor("writer").get(f"/samples/{wells[0]}", 404) == {"detail": "Sample not found"}
    assert visitor("writer").get("/samples")["total"] == 0


def test_samples_are_sorted_and_found(
    visitor: As, database: Database, wells: list[int], experiment_id: int
) -> None:
    def found(**query: Any) -> list[str]:
        return names(visitor("owner").get("/samples", **query), "name")

    assert found() == ["A12", "A02", "B03"]
    assert found(order_by="name") == ["A12", "A02", "B03"]  # both or none
    assert found(order_by="name", order="asc") == ["A02", "A12", "B03"]
    assert found(order_by="location", order="desc") == ["B03", "A12", "A02"]
    assert found(order_by="blSampleId", order="asc", limit=1) == ["B03"]
    assert found(order_by="datacollections", order="desc") == ["A12", "A02", "B03"]
    assert found(search="a1") == ["A12"]
    with database.session() as session:
        plate_id = session.scalar(select(Plate.id))
    everything = found()
    assert found(containerId=plate_id, proposal="MX1", proteinId=experiment_id) == everything
    assert found(status="Data Collected") == everything
    for nothing in (
        {"proposal": "MX2"},
        {"containerId": 999},
        {"proteinId": 999},
        {"beamLineName": "Spinning disk"},
        {"status": "Processed"},
        {"status": "Sample Action"},
        {"status": "Strategy"},
    ):
        assert found(**nothing) == []
    wrong = visitor("owner").get("/samples", 422, order_by="colour", status="Fine")["detail"]
    assert {one["type"] for one in wrong} == {"type_error.enum"}


def test_a_site_is_a_sub_sample(visitor: As, wells: list[int]) -> None:
    page = visitor("reader").get("/samples/sub", blSampleId=wells[0])
    last, first = page["results"]
    assert last == {
        "type": "site",
        "comments": None,
        "blSampleId": wells[0],
        "_metadata": {"datacollections": 1, "types": ["canonical"]},
        "blSubSampleId": last["blSubSampleId"],
        "BLSample": {"name": "B03"},
        "Position1": {"posX": 2000, "posY": 0},
        "Position2": None,
    }
    path = f"/samples/sub/{last['blSubSampleId']}"
    assert visitor("reader").get(path) == last
    assert visitor("writer").get(path, 404) == {"detail": "Sub sample not found"}
    ordered = visitor("reader").get("/samples/sub", order_by="datacollections", order="asc")
    assert ordered["results"] == [first, last]
    assert visitor("writer").get("/samples/sub")["total"] == 0
    assert visitor("reader").get("/samples/sub", blSampleId=wells[1])["total"] == 0
