"""Pipelines on stacks of focal planes, run as a workflow."""

import copy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import delete, select

from tests.services.runs import CONVERSION, Run, Stage
from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.experiments.models import Channel, ChannelImageFile, Experiment
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels
from tmlib.jterator.modules.registry import get
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.objects.models import Mapobject, MapobjectSegmentation, MapobjectType
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service

ANALYSIS: Stage = ("image_analysis", {"jterator": {}})

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    return simulate_plate(
        tmp_path_factory.mktemp("stacks"),
        wells=["B02"],
        rows=1,
        columns=1,
        height=200,
        width=200,
        n_zplanes=3,
    )


@pytest.fixture
def run(stacks: SamplePlate, database: Database, experiment: Experiment, settings: Settings) -> Run:
    run = Run(database, experiment, settings)
    run.upload("plate", "stacks", stacks.image_files)
    run.run(("image_conversion", CONVERSION))
    return run


def save(run: Run, project: dict[str, Any]) -> None:
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, project)


def projected(project: dict[str, Any], channel: str) -> dict[str, Any]:
    """The same pipeline on the projection of the focal planes."""
    project = copy.deepcopy(project)
    for handles in project["handles"].values():
        for handle in handles["input"]:
            if handle.get("key") == channel:
                handle["key"] = "flat"
    handles = copy.deepcopy(dict(get("project").handles))
    handles["input"][0]["key"] = channel
    handles["output"][0]["key"] = "flat"
    step = {"source": "project.py", "handles": "project.handles.yaml", "active": True}
    project["pipeline"]["pipeline"].insert(0, step)
    project["handles"]["project"] = handles
    return project


def test_focal_planes_are_projected_by_the_pipeline(run: Run, stacks: SamplePlate) -> None:
    project = nuclei_and_cells("A01_C01", correct=False).to_dict()
    save(run, projected(project, "A01_C01"))
    run.run(ANALYSIS)
    with run.database.session() as session:
        found = session.scalars(
            select(MapobjectSegmentation).where(MapobjectSegmentation.label.is_not(None))
        ).all()
    nuclei = stacks.sites[0].nuclei()
    right = [one for one in found if nuclei[int(one.centroid_y), int(one.centroid_x)]]
    assert len(right) == len(found)
    assert abs(len(found) - stacks.sites[0].n_nuclei) <= 1
    assert len(np.unique(labels(run))) == len(found) + 1


def test_a_channel_may_have_fewer_focal_planes(run: Run, stacks: SamplePlate) -> None:
    with run.database.transaction() as session:
        [channel] = session.scalars(select(Channel.id).where(Channel.name == "A01_C01"))
        session.execute(
            delete(ChannelImageFile).where(
                ChannelImageFile.channel_id == channel, ChannelImageFile.zplane != 1
            )
        )
    project = nuclei_and_cells("A01_C01", correct=False).to_dict()
    for pipeline in (projected(project, "A01_C01"), project):
        save(run, pipeline)
        run.run(ANALYSIS)
        assert abs(int(labels(run).max()) - stacks.sites[0].n_nuclei) <= 2


def test_sites_get_the_quality_of_their_images(run: Run) -> None:
    save(run, projected(nuclei_and_cells("A01_C01", correct=False).to_dict(), "A01_C01"))
    run.run(ANALYSIS)
    outlines, first = values_of(run, "Sites")
    assert first.column_names[4:] == [
        "zplane",
        *(f"Quality_{feature}_flat" for feature in ("focus", "saturation", "background")),
    ]
    assert first["mapobject_id"].to_pylist() == outlines
    assert first["Quality_focus_flat"][0].as_py() > 0
    # a new map or analysis changes neither the outlines' ids nor leaves anything behind
    run.run(("pyramid_creation", {"illuminati": {}}), ANALYSIS)
    assert values_of(run, "Sites") == (outlines, first)
    save(run, projected(nuclei_and_cells("A01_C01", quality=False).to_dict(), "A01_C01"))
    run.run(ANALYSIS)
    assert values_of(run, "Sites") == (outlines, first)


def values_of(run: Run, name: str) -> tuple[list[int], Any]:
    """Ids and all values of the objects of a type."""
    with run.database.session() as session:
        of_name = select(MapobjectType.id).where(MapobjectType.name == name).scalar_subquery()
        found = select(Mapobject.id).where(Mapobject.mapobject_type_id == of_name)
        ids = sorted(session.scalars(found))
        type_id = session.scalar(select(of_name))
    assert type_id is not None
    return ids, select_feature_values(run.database, run.storage, type_id).table()


def test_stored_objects_stay_what_they_are_and_get_further_values(run: Run) -> None:
    save(run, projected(nuclei_and_cells("A01_C01", correct=False).to_dict(), "A01_C01"))
    run.run(ANALYSIS)
    ids, before = values_of(run, "Nuclei")
    outlines = centres(run)
    save(run, projected(measuring_stored("measure_neighbours"), "A01_C01"))
    for _ in range(2):
        run.run(ANALYSIS)
        same_ids, after = values_of(run, "Nuclei")
        assert same_ids == ids
        assert centres(run) == outlines
        assert after.select(before.column_names) == before
        added = after.column_names[before.num_columns :]
        assert added
        assert all(name.startswith("Neighbours_") for name in added)
    assert labels(run).any()


def measuring_stored(module: str) -> dict[str, Any]:
    """A pipeline that measures the stored nuclei with a module."""
    handles = copy.deepcopy(dict(get(module).handles))
    for handle in handles["input"]:
        if handle["type"] == "SegmentedObjects":
            handle["key"] = "Nuclei"
    return {
        "pipeline": {
            "input": {"channels": [{"name": "A01_C01"}], "objects": [{"name": "Nuclei"}]},
            "pipeline": [{"source": f"{module}.py", "handles": "handles/measure.handles.yaml"}],
            "output": {"objects": [{"name": "Nuclei"}]},
        },
        "handles": {"measure": handles},
    }


def centres(run: Run) -> dict[int, tuple[float, float]]:
    """Where the objects lie that were found in images, by id."""
    with run.database.session() as session:
        found = session.scalars(
            select(MapobjectSegmentation).where(MapobjectSegmentation.label.is_not(None))
        )
        return {one.mapobject_id: (one.centroid_y, one.centroid_x) for one in found}


def test_labels_of_an_earlier_analysis_do_not_stay(run: Run) -> None:
    save(run, projected(nuclei_and_cells("A01_C01", correct=False).to_dict(), "A01_C01"))
    run.run(ANALYSIS)
    assert labels(run).any()
    with run.database.transaction() as session:
        channel = select(Channel.id).where(Channel.name == "A01_C01").scalar_subquery()
        session.execute(delete(ChannelImageFile).where(ChannelImageFile.channel_id == channel))
    run.run(ANALYSIS)
    assert "lacks images" in run.log("jterator")
    with pytest.raises(NotFound):
        labels(run)


def labels(run: Run) -> NDArray[np.int32]:
    [plate] = (run.storage.root / "images").iterdir()
    return read_labels(field_path(plate, "B02", 0), "Nuclei", t=0, z=0)


def test_a_module_that_works_on_one_plane_says_so(run: Run) -> None:
    save(run, nuclei_and_cells("A01_C01", correct=False).to_dict())
    run.work(run.submit(ANALYSIS))
    [error] = run.errors()
    assert error is not None
    assert "3 focal planes" in error
    assert '"project"' in error


def test_objects_that_were_never_stored_are_named(run: Run) -> None:
    project = nuclei_and_cells("A01_C01", correct=False).to_dict()
    project["pipeline"]["input"]["objects"] = [{"name": "Plates"}]
    save(run, project)
    run.work(run.submit(ANALYSIS))
    [error] = run.errors()
    assert error is not None
    assert "Plates" in error
