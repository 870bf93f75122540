"""Wells of plates are samples, and their sites sub-samples, as soon as images tell of them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import Visitor, names
from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well
from tmlib.ids import decode_id

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


def test_a_well_is_a_sample(visitor: As, wells: list[int]) -> None:
    sample = visitor("reader").get(f"/samples/{wells[0]}")
    assert (sample["name"], sample["location"], sample["blSampleId"]) == ("B03", 15, wells[0])
    assert sample["Container"]["code"] == "Plate 1"
    protein = sample["Crystal"]["Protein"]
    [specimen] = visitor("reader").get("/proteins", proposal="MX1")["results"]
    assert (protein["name"], protein["acronym"]) == ("Screen", "Screen")
    assert sample["Crystal"]["proteinId"] == specimen["proteinId"]
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


def test_samples_are_sorted_and_found(visitor: As, wells: list[int]) -> None:
    def found(**query: Any) -> list[str]:
        return names(visitor("owner").get("/samples", **query), "name")

    assert found() == ["A12", "A02", "B03"]
    assert found(order_by="name") == ["A12", "A02", "B03"]  # both or none
    assert found(order_by="name", order="asc") == ["A02", "A12", "B03"]
    assert found(order_by="location", order="desc") == ["B03", "A12", "A02"]
    assert found(order_by="blSampleId", order="asc", limit=1) == ["B03"]
    assert found(order_by="datacollections", order="desc") == ["A12", "A02", "B03"]
    assert found(search="a1") == ["A12"]
    everything = found()
    [specimen] = names(visitor("owner").get("/proteins"), "proteinId")
    assert found(proposal="MX1", proteinId=specimen) == everything
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


def test_a_plate_is_the_container_of_its_name(
    visitor: As, wells: list[int], sent: dict[str, int]
) -> None:
    owner, container = visitor("owner"), sent["containers"]
    found = owner.get(f"/samples/{wells[0]}")
    assert (found["containerId"], found["Container"]["code"]) == (container, "Plate 1")
    assert owner.get("/samples", containerId=container)["total"] == len(wells)
    mounted = {"beamLineName": "Spinning disk"}
    assert owner.get("/samples", **mounted)["total"] == 0
    place = {"beamlineLocation": "Spinning disk", "sampleChangerLocation": "3"}
    owner.patch(f"/containers/{container}", place)
    assert owner.get("/samples", **mounted)["total"] == len(wells)
    assert owner.get("/samples/sub", containerId=container)["total"] == 2
    told = owner.get(f"/samples/{wells[0]}")["Container"]
    assert told == {"code": "Plate 1", **place}


def test_an_experiment_of_a_proposal_has_a_specimen(
    visitor: As, owner: Person, wells: list[int], experiment_id: int
) -> None:
    owner_visits = visitor("owner")
    [specimen] = visitor("reader").get("/proteins")["results"]
    assert specimen == {
        "name": "Screen",
        "acronym": "Screen",
        "proposalId": owner_visits.get("/proposals/MX1")["proposalId"],
        **dict.fromkeys(("sequence", "density", "molecularMass", "containmentLevel")),
        **dict.fromkeys(("hazardGroup", "safetyLevel", "ComponentType")),
        "proteinId": specimen["proteinId"],
        "_metadata": {"pdbs": 0, "crystals": 1, "samples": 3, "datacollections": 1},
    }
    number = specimen["proteinId"]
    assert visitor("reader").get(f"/proteins/{number}") == specimen
    assert visitor("writer").get(f"/proteins/{number}", 404) == {"detail": "Protein not found"}
    assert visitor("writer").get("/proteins")["total"] == 0
    made = owner.post(
        "/api/experiments",
        name="Another",
        workflow_type="canonical",
        microscope_type="cellvoyager",
        plate_format="96",
        plate_acquisition_mode="basic",
    )
    other = {"proposal": "MX1"}
    owner_visits.put(f"/experiments/{decode_id(made['id'])}/proposal", other)
    owner_visits.put(f"/experiments/{experiment_id}/proposal", other)  # where it is already

    def found(**query: Any) -> list[str]:
        return names(owner_visits.get("/proteins", **query), "acronym")

    assert found(order_by="acronym", order="asc") == ["Another", "Screen"]
    assert found(order_by="proteinId", order="desc") == ["Another", "Screen"]
    assert found(order_by="acronym") == ["Screen", "Another"]  # both or none
    assert found(search="anoth") == ["Another"]
    assert found(proteinId=number) == ["Screen"]
    assert found(proposal="MX2") == []
    owner_visits.get("/proteins", 422, order_by="colour")


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


def test_a_sample_has_the_events_of_its_plate(
    visitor: As, database: Database, wells: list[int], experiment_id: int, owner: Person
) -> None:
    [made] = owner.get("/api/experiments")
    owner.post(f"/api/experiments/{made['id']}/plates", name="Plate 2")
    owner.post(f"/api/experiments/{made['id']}/acquisitions", name="Later", plate_name="Plate 2")
    with database.transaction() as session:
        plate_id = session.scalar(select(Plate.id).where(Plate.name == "Plate 2"))
        session.add(Well(experiment_id=experiment_id, plate_id=plate_id, name="A01"))
        session.flush()
        other = session.scalar(select(Well.id).where(Well.plate_id == plate_id))
        site = session.scalar(select(Site.id).limit(1))

    def found(**query: Any) -> list[str]:
        return [
            one["Item"]["fileTemplate"]
            for one in visitor("owner").get("/events", **query)["results"]
        ]

    [specimen] = names(visitor("owner").get("/proteins"), "proteinId")
    assert found(proteinId=specimen) == ["Later", "Run 1"]
    assert found(blSampleId=wells[0]) == found(blSubSampleId=site) == ["Run 1"]
    assert found(blSampleId=other, proteinId=specimen) == ["Later"]
    for nothing in ({"blSampleId": 999}, {"blSubSampleId": 999}, {"proteinId": 999}):
        assert found(**nothing) == []
    types = visitor("owner").get("/events/types", blSampleId=other, proteinId=specimen)
    assert names(types, "eventType") == ["canonical"]
    for nothing in ({"blSampleId": 999}, {"proteinId": 999}):
        assert visitor("owner").get("/events/types", **nothing)["total"] == 0
