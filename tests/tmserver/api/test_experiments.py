from typing import Any

import pytest

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Channel, ChannelLayer, Cycle, Site, Well
from tmlib.settings import Settings


def test_an_experiment_is_created_changed_and_deleted(
    owner: Person, experiment: str, settings: Settings
) -> None:
    created = owner.get(experiment)
    assert created == {
        "id": created["id"],
        "name": "Screen",
        "description": "",
        "user": "owner",
        "microscope_type": "cellvoyager",
        "workflow_type": "canonical",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }
    assert owner.get("/api/experiments") == [created]
    assert owner.get("/api/experiments", name="Screen") == [created]
    assert owner.get("/api/experiments", name="Other") == []
    assert owner.get("/api/experiments", offset=1) == []

    assert owner.put(experiment, name="Renamed") == {"message": "ok"}
    assert owner.get(experiment) == created | {"name": "Renamed"}

    assert owner.delete(experiment) == {"message": "ok"}
    owner.refused("GET", experiment, 404)
    assert owner.get("/api/experiments") == []


@pytest.mark.parametrize("form", ["MQ==", "1", "dG1hcHMx"])
@pytest.mark.usefixtures("experiment")
def test_ids_are_understood_in_all_forms(owner: Person, form: str) -> None:
    assert owner.get(f"/api/experiments/{form}")["id"] == "MQ=="


def settings_of(described: dict[str, Any]) -> dict[str, Any]:
    """What of an experiment is said when it is created."""
    names = ("workflow_type", "microscope_type", "plate_format", "plate_acquisition_mode")
    return {name: described[name] for name in names}


def test_names_are_unique(owner: Person, acquisition: str, experiment: str) -> None:
    same = settings_of(owner.get(experiment)) | {"name": "Screen"}
    assert '"Screen"' in owner.refused("POST", "/api/experiments", 409, json=same)
    plate = {"name": "Plate 1"}
    assert '"Plate 1"' in owner.refused("POST", f"{experiment}/plates", 409, json=plate)
    run = {"name": "Run 1", "plate_name": "Plate 1"}
    assert '"Run 1"' in owner.refused("POST", f"{experiment}/acquisitions", 409, json=run)


def test_names_stay_unique(
    owner: Person, acquisition: str, experiment: str, experiment_id: int, database: Database
) -> None:
    [first] = owner.get(f"{experiment}/plates")
    owner.post(f"{experiment}/plates", name="Plate 2")
    plate = f"{experiment}/plates/{first['id']}"
    assert '"Plate 2"' in owner.refused("PUT", plate, 409, json={"name": "Plate 2"})
    owner.post(f"{experiment}/acquisitions", name="Run 2", plate_name="Plate 1")
    assert '"Run 2"' in owner.refused("PUT", acquisition, 409, json={"name": "Run 2"})
    owner.post("/api/experiments", **settings_of(owner.get(experiment)) | {"name": "Hits"})
    assert '"Hits"' in owner.refused("PUT", experiment, 409, json={"name": "Hits"})
    with database.transaction() as session:
        for index, name in enumerate(("DNA", "Actin")):
            values = {"name": name, "wavelength": name, "bit_depth": 16, "index": index}
            session.add(Channel(experiment_id=experiment_id, **values))
    _, dna = owner.get(f"{experiment}/channels")
    channel = f"{experiment}/channels/{dna['id']}"
    assert '"Actin"' in owner.refused("PUT", channel, 409, json={"name": "Actin"})


def test_channels_are_listed_as_each_of_them_is(
    owner: Person, experiment: str, experiment_id: int, database: Database
) -> None:
    ours = {"experiment_id": experiment_id}
    window = {"min_intensity": 0, "max_intensity": 9, "version": "v1"}
    with database.transaction() as session:
        for index, (name, n_planes) in enumerate((("DNA", 2), ("Actin", 2), ("Membrane", 0))):
            channel = Channel(**ours, name=name, wavelength="1", bit_depth=16, index=index)
            channel.layers = [
                ChannelLayer(**ours, **window, tpoint=tpoint, zplane=zplane)
                for zplane in range(n_planes)
                for tpoint in (1, 0)
            ]
            session.add(channel)
    channels = owner.get(f"{experiment}/channels")
    assert [channel["name"] for channel in channels] == ["Actin", "DNA", "Membrane"]
    assert channels == [owner.get(f"{experiment}/channels/{one['id']}") for one in channels]
    places = [(layer["tpoint"], layer["zplane"]) for layer in channels[0]["layers"]]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert owner.get(f"{experiment}/channels", name="DNA") == channels[1:2]
    assert owner.get(f"{experiment}/channels", name="None") == []
    assert owner.get(f"{experiment}/channels", limit=1, offset=1) == channels[1:2]
    assert owner.get(f"{experiment}/channels", offset=1) == channels[1:]


def test_plates_and_acquisitions(owner: Person, experiment: str, acquisition: str) -> None:
    run = owner.get(acquisition)
    assert run == {
        "id": run["id"],
        "name": "Run 1",
        "description": "",
        "status": "WAITING",
        "plate_name": "Plate 1",
        "first_acquired_at": None,
        "last_acquired_at": None,
    }
    [plate] = owner.get(f"{experiment}/plates", name="Plate 1")
    assert plate == {
        "id": plate["id"],
        "name": "Plate 1",
        "description": "",
        "status": "WAITING",
        "acquisitions": [run],
    }
    assert owner.get(f"{experiment}/plates/{plate['id']}") == plate
    assert owner.get(f"{experiment}/acquisitions", plate_name="Plate 1", name="Run 1") == [run]
    assert owner.get(f"{experiment}/acquisitions", plate_name="Plate 2") == []

    owner.put(f"{experiment}/plates/{plate['id']}", name="Plate A")
    owner.put(acquisition, description="second try")
    assert owner.get(acquisition) == run | {
        "plate_name": "Plate A",
        "description": "second try",
    }
    owner.delete(acquisition)
    owner.refused("GET", acquisition, 404)
    owner.delete(f"{experiment}/plates/{plate['id']}")
    assert owner.get(f"{experiment}/plates") == []


def test_an_acquisition_needs_a_plate(owner: Person, experiment: str) -> None:
    body = {"name": "Run 1", "plate_name": "Plate 9"}
    assert '"Plate 9"' in owner.refused("POST", f"{experiment}/acquisitions", 404, json=body)


@pytest.fixture
def wells(owner: Person, database: Database, acquisition: str, experiment_id: int) -> list[Any]:
    with database.transaction() as session:
        for name in ("B02", "A01"):
            session.add(
                Well(
                    experiment_id=experiment_id,
                    plate_id=1,
                    name=name,
                    sites=[
                        Site(experiment_id=experiment_id, y=0, x=x, field=x, height=20, width=30)
                        for x in (1, 0)
                    ],
                )
            )
        session.add(Cycle(experiment_id=experiment_id, index=0))
    found: list[Any] = owner.get(acquisition.partition("/acquisitions")[0] + "/wells")
    return found


def test_wells(owner: Person, experiment: str, wells: list[Any]) -> None:
    assert [(well["name"], well["dimensions"]) for well in wells] == [
        ("A01", [1, 2]),
        ("B02", [1, 2]),
    ]
    assert wells[0]["plate_name"] == "Plate 1"
    assert owner.get(f"{experiment}/wells", name="B02", plate_name="Plate 1") == wells[1:]
    assert owner.get(f"{experiment}/wells", limit=1) == wells[:1]
    path = f"{experiment}/wells/{wells[0]['id']}"
    owner.put(path, description={"drug": "x", "dose": 0.5})
    assert owner.get(path) == wells[0] | {"description": {"drug": "x", "dose": 0.5}}


@pytest.mark.usefixtures("wells")
def test_sites_and_cycles(owner: Person, experiment: str) -> None:
    sites = owner.get(f"{experiment}/sites")
    assert [(site["well_name"], site["y"], site["x"]) for site in sites] == [
        ("A01", 0, 0),
        ("A01", 0, 1),
        ("B02", 0, 0),
        ("B02", 0, 1),
    ]
    assert {"height": 20, "width": 30, "plate_name": "Plate 1"}.items() <= sites[0].items()
    [site] = owner.get(f"{experiment}/sites", well_name="B02", well_pos_y=0, well_pos_x=1)
    assert owner.get(f"{experiment}/sites/{site['id']}") == site == sites[3]
    [cycle] = owner.get(f"{experiment}/cycles")
    assert owner.get(f"{experiment}/cycles/{cycle['id']}") == cycle
    assert (cycle["index"], cycle["tpoint"]) == (0, 0)
