"""A published dataset is computed again, from the files of the microscope and its crate."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.services.ledger import ListQueue, experiment
from tests.services.runs import Run, Stage
from tests.tmserver.commands.conftest import Tm
from tmlib import digests
from tmlib.db import Database
from tmlib.errors import Conflict
from tmlib.experiments.models import Channel, Experiment, Plate
from tmlib.experiments.plates import create_acquisition
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.ledger.models import Submission, Task
from tmlib.objects.mapobject_types import ensure_layer, ensure_mapobject_type
from tmlib.objects.models import MapobjectType
from tmlib.objects.selection import Selection
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.portal.files import FileStore, PublishedFile
from tmlib.portal.publishing import service as publishing
from tmlib.portal.publishing.crate import CRATE
from tmlib.portal.publishing.description import PublicationDescription
from tmlib.programs import PROGRAMS
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.uploads.models import FileKind, MicroscopeFile
from tmlib.workflow import service

__all__ = ["experiment"]

pytestmark = pytest.mark.slow

DESCRIPTION = {
    "deposition": {"title": "Cells", "description": "Two wells."},
    "dataset": {"title": "Cells", "description": "Two wells."},
    "authors": [
        {"name": "Ada", "orcid": "0000-0002-1825-0097"},
        {"name": "Bo"},
        {"name": "Ada again", "orcid": "0000-0002-1825-0097"},
    ],
    "funding": [{"funding_agency_name": "Fund", "grant_id": "1"}],
    "license": "https://creativecommons.org/publicdomain/zero/1.0/",
    "voxel_spacing": 1000,
}
PROJECT = nuclei_and_cells("DNA", "2").to_dict()
STAGES: tuple[Stage, ...] = (
    ("image_conversion", {"metaextract": {}, "metaconfig": {}, "imextract": {}}),
    ("image_preprocessing", {"corilla": {}}),
    ("pyramid_creation", {"illuminati": {}}),
    ("image_analysis", {"jterator": {}}),
)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    folder = tmp_path_factory.mktemp("plate")
    return simulate_plate(folder, wells=["B02", "C03"], rows=1, columns=1, height=128, width=128)


@pytest.fixture
def finished(
    plate: SamplePlate, database: Database, experiment: Experiment, settings: Settings
) -> Run:
    """A workflow that has ended."""
    assert publishing.PROGRAM in PROGRAMS
    run = Run(database, experiment, settings)
    run.upload("plate", "first", [*plate.image_files, *plate.metadata_files])
    run.run(STAGES[0])
    rename_channel(run, "1", "DNA")
    save_project(run, PROJECT)
    run.run(*STAGES)
    return run


def rename_channel(run: Run, name: str, new_name: str) -> None:
    with run.database.transaction() as session:
        session.execute(update(Channel).where(Channel.name == name).values(name=new_name))


def save_project(run: Run, project: dict[str, Any]) -> None:
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, project)


def start(run: Run) -> ListQueue:
    """Begin to publish; gives the first jobs."""
    queue = ListQueue()
    publishing.start(
        run.database,
        queue,
        storage=run.storage,
        user_id=run.experiment.user_id,
        description=PublicationDescription.model_validate(DESCRIPTION),
        address="https://tm.lab.example",
    )
    return queue


@pytest.fixture
def crate(finished: Run, tmp_path: Path) -> Path:
    """The documents of a dataset that a workflow has made, as they are downloaded."""
    refuse_what_did_not_run(finished)
    add_what_cannot_be_computed(finished)
    finished.work(start(finished))
    assert finished.errors() == []
    store, folder = FileStore(finished.settings.data_dir), tmp_path / "crate"
    with finished.database.session() as session:
        for key, digest in session.execute(select(PublishedFile.key, PublishedFile.digest)):
            path = folder / key.partition("/")[2]
            if path.suffix == ".json" and "VoxelSpacing" not in key:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(store.path(digest).read_bytes())
    return folder


def add_what_cannot_be_computed(run: Run) -> None:
    """Objects that the pipeline has not made, and an acquisition that no files came from."""
    with run.database.transaction() as session:
        type_id = ensure_mapobject_type(session, run.experiment.id, "Drawn", "Site")
        ensure_layer(session, type_id, 0, 0, as_polygons=True)
        plate_id = session.scalars(select(Plate.id)).one()
        create_acquisition(session, run.experiment.id, plate_id, "second")


def refuse_what_did_not_run(run: Run) -> None:
    """What was changed since the workflow ran cannot tell how the numbers came about."""
    save_project(run, nuclei_and_cells("2", "DNA").to_dict())
    with pytest.raises(Conflict, match="The pipeline was changed since the workflow ran"):
        start(run)
    save_project(run, PROJECT)
    rename_channel(run, "DNA", "other")
    with pytest.raises(Conflict, match='names "DNA", which no channel is called any more'):
        start(run)
    rename_channel(run, "2", "DNA")
    rename_channel(run, "other", "2")
    with pytest.raises(Conflict, match="pipeline names channels that were called otherwise"):
        start(run)
    rename_channel(run, "2", "other")
    rename_channel(run, "DNA", "2")
    rename_channel(run, "other", "DNA")
    workflows = select(Submission).where(Submission.program == "workflow")
    latest = workflows.order_by(Submission.id.desc()).limit(1)
    with run.database.transaction() as session:
        submission = session.scalars(latest).one()
        ran = submission.description
        changed = json.loads(json.dumps(ran))
        changed["stages"][0]["steps"][0]["batch_args"][0]["value"] = 7
        submission.description = changed
    with pytest.raises(Conflict, match="The description was changed since the workflow ran"):
        start(run)
    with run.database.transaction() as session:
        session.scalars(latest).one().description = {**ran, "stages": ran["stages"][:-1]}
    with pytest.raises(Conflict, match='without step "jterator", whose results are there'):
        start(run)
    with run.database.transaction() as session:
        session.scalars(latest).one().description = ran
        images = select(MicroscopeFile).where(MicroscopeFile.kind == FileKind.IMAGE)
        file = session.scalars(images).first()
        assert file is not None
        read, file.omexml = file.omexml, None
        file_id = file.id
    with pytest.raises(Conflict, match="have arrived or were changed since"):
        start(run)
    with run.database.transaction() as session:
        session.execute(
            update(MicroscopeFile).where(MicroscopeFile.id == file_id).values(omexml=read)
        )
        session.execute(update(Task).values(exitcode=1))
    with pytest.raises(Conflict, match="has not ended well"):
        start(run)
    with run.database.transaction() as session:
        session.execute(update(Task).values(exitcode=0))


def test_a_dataset_is_computed_again(
    tm: Tm,
    finished: Run,
    crate: Path,
    plate: SamplePlate,
    database_url: str,
    request: pytest.FixtureRequest,
) -> None:
    check_crate(crate)
    arguments = ("verify", str(crate), "--files", str(plate.image_files[0].parent))
    in_use = tm(*arguments, "--database-url", database_url)
    assert in_use.exit_code == 2
    assert "is in use already" in in_use.output
    # on the other database: one of SQLite is made where none is named
    other = ["--database-url", request.getfixturevalue("empty_postgresql_url")]
    found = tm(*arguments, *(other if database_url.startswith("sqlite") else []))
    assert found.exit_code == 0, found.output
    assert "All numbers are equal." in found.output
    rows = [line.split() for line in found.output.splitlines()]
    told = [row[:3] for row in rows if row[:1] == ["plate"]]
    assert told == [
        ["plate", well, kind] for well in ("B02", "C03") for kind in ("Cells", "Nuclei")
    ]
    assert all(row[3] == row[4] and row[5] == "yes" for row in rows if row[:1] == ["plate"])

    (small, well), (larger, _) = smallest_nuclei(finished)
    with edited(crate / "provenance" / "workflow.json") as content:
        handles = content["project"]["handles"]["filter_nuclei"]["input"]
        [area] = [handle for handle in handles if handle["name"] == "lower_threshold"]
        area["value"] = (small + larger) / 2
    different = tm(*arguments)
    assert different.exit_code == 1, different.output
    assert f"The numbers differ in plate {well}.\n" in different.output
    refuse_to_compare(tm, crate, plate)


def smallest_nuclei(run: Run) -> list[tuple[float, str]]:
    """The area of the smallest nucleus in each well, and the well; the smallest comes first."""
    is_nuclei = MapobjectType.name == "Nuclei"
    with run.database.session() as session:
        type_id = session.scalars(select(MapobjectType.id).where(is_nuclei)).one()
    areas = [
        (min(values.table()["Morphology_Area"].to_pylist()), well)
        for well in ("B02", "C03")
        for selection in [Selection(plate_name="plate", well_name=well)]
        for values in [select_feature_values(run.database, run.storage, type_id, selection)]
    ]
    return sorted(areas)


@contextmanager
def edited(path: Path) -> Iterator[Any]:
    """What is in a document, which is changed."""
    content = json.loads(path.read_bytes())
    yield content
    path.write_text(json.dumps(content))


def refuse_to_compare(tm: Tm, crate: Path, plate: SamplePlate) -> None:
    """Whatever cannot be compared is neither equal nor different."""
    folder = plate.image_files[0].parent

    def refused(*options: str) -> str:
        found = tm("verify", str(crate), "--files", str(folder), *options)
        assert found.exit_code == 2, found.output
        return found.output

    provenance = crate / "provenance"
    with edited(provenance / "workflow.json") as content:
        content["models"] = [{"name": "m.pt", "sha256": digests.digest_of("another")}]
    assert 'The pipeline loads "m.pt"' in refused()
    (crate / "m.pt").write_text("one")
    assert "m.pt has another content" in refused("--models", str(crate))
    (crate / "m.pt").write_text("another")
    with edited(provenance / "workflow.json") as content:
        content["project"] = nuclei_and_cells("7", "2").to_dict()
    assert "The workflow of the crate fails here" in refused("--models", str(crate))
    with edited(provenance / "inputs.json") as content:
        content["acquisitions"][0]["files"][0]["sha256"] = "0" * 64
    assert "has another content" in refused()
    with edited(provenance / "measurements.json") as content:
        for site in content["sites"]:
            site["measured"] = {}
    assert "there is nothing to compare" in refused()
    with edited(provenance / "inputs.json") as content:
        del content["acquisitions"][0]["plate"]
    assert "Inputs: acquisitions 0 plate: Field required" in refused()
    (crate / CRATE).unlink()
    assert "is no crate" in refused()


def check_crate(folder: Path) -> None:
    """What is described is there, and everything that is referred to is described."""
    graph = json.loads((folder / CRATE).read_bytes())["@graph"]
    entities = {entity["@id"]: entity for entity in graph}
    assert len(entities) == len(graph)
    root = entities["./"]
    assert entities[CRATE]["about"] == {"@id": "./"}
    assert [entities[one["@id"]]["name"] for one in root["author"]] == ["Ada", "Bo"]
    assert {"name", "description"} <= entities[root["license"]["@id"]].keys()
    for part in root["hasPart"]:
        file = entities[part["@id"]]
        if "sha256" in file:
            assert (folder / file["@id"]).stat().st_size == int(file["contentSize"])
    action = entities["#run"]
    assert root["mainEntity"] == action["instrument"]
    for name in ("instrument", "object", "result"):
        assert (folder / action[name]["@id"]).is_file()
    assert "numpy" in {entity.get("name") for entity in graph}
