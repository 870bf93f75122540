"""Workflows that run again do only what is not current, and come to what a fresh run comes to."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tests.services.experiments import add_experiment
from tests.services.results import Results, assert_same, results_of
from tests.services.runs import Run
from tmlib.db import Database
from tmlib.experiments.models import ChannelImageFile, Experiment, Site, Well
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import delete_labels, read_labels
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.objects.mapobject_types import delete_type
from tmlib.objects.models import Feature, Mapobject, MapobjectType
from tmlib.objects.writing.segmentations import SitePlane, store_segmentation
from tmlib.objects.writing.value_updates import add_feature_values
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps.plate_map import read_plate_map

SIZE = 128
STAGES: dict[str, dict[str, dict[str, Any]]] = {
    "image_conversion": {
        "metaextract": {"batch_size": 3},
        "metaconfig": {},
        "imextract": {"batch_size": 2},
    },
    "image_preprocessing": {"corilla": {}},
    "pyramid_creation": {"illuminati": {"illumcorr": True, "clip": True}},
    "image_analysis": {"jterator": {"batch_size": 1}},
}
STEPS = [step for steps in STAGES.values() for step in steps]
ANALYSIS = {"image_analysis": STAGES["image_analysis"]}
N_SITES = 4
CHANGED = "output is gone or was changed"
AGAIN = "other jobs of the step are done again"

pytestmark = pytest.mark.slow
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    folder = tmp_path_factory.mktemp("plate")
    return simulate_plate(folder, wells=["B02", "C03"], rows=1, columns=2, height=SIZE, width=SIZE)


@pytest.fixture
def run(plate: SamplePlate, database: Database, experiment: Experiment, settings: Settings) -> Run:
    """An experiment that was analysed once."""
    run = Run(database, experiment, settings)
    prepare(run, [*plate.image_files, *plate.metadata_files])
    go(run)
    return run


def prepare(run: Run, files: list[Path], project: dict[str, Any] | None = None) -> None:
    run.upload("plate", "first", files)
    save(run, project or nuclei_and_cells("1", "2").to_dict())


def save(run: Run, project: dict[str, Any]) -> None:
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, project)


def changed(step: str, **arguments: Any) -> dict[str, dict[str, dict[str, Any]]]:
    """The stages, with other arguments of a step."""
    stages = copy.deepcopy(STAGES)
    for steps in stages.values():
        if step in steps:
            steps[step] |= arguments
    return stages


def go(
    run: Run, stages: Mapping[str, Mapping[str, Mapping[str, Any]]] = STAGES, *, force: bool = False
) -> dict[str, str]:
    """Run the workflow to its end; gives the jobs that were done, and why."""
    run.work(run.submit(*stages.items(), force=force))
    assert run.errors() == []
    return done(run)


def done(run: Run) -> dict[str, str]:
    """The jobs of the latest workflow that were done, but those of init phases, and why."""
    with run.database.session() as session:
        return {
            job["name"]: job["reason"]
            for step in STEPS
            for job in service.jobs(session, run.experiment.id, step_name=step)
            if not job["skipped"] and job["type"] != "InitJob"
        }


def steps_of(jobs: Mapping[str, str]) -> set[str]:
    return {name.partition("_")[0] for name in jobs}


def another_experiment(run: Run, name: str) -> Run:
    with run.database.transaction() as session:
        columns = ("microscope_type", "workflow_type", "plate_format", "plate_acquisition_mode")
        values = {column: getattr(run.experiment, column) for column in columns}
        experiment = add_experiment(session, name, **values)
    return Run(run.database, experiment, run.settings)


def image_file(run: Run, well: str, field: int, channel: int) -> Path:
    [file] = run.storage.root.rglob(f"*_{well}_T0001F{field:03d}*C{channel:02d}.tif")
    return file


def site_folder(run: Run, well: str, field: int) -> Path:
    [store] = (run.storage.root / "images").iterdir()
    return field_path(store, well, field)


def shard(run: Run, well: str, field: int, channel: int) -> Path:
    return site_folder(run, well, field) / "0" / "c" / "0" / str(channel) / "0" / "0" / "0"


def test_what_stands_is_skipped_and_the_results_are_those_of_a_fresh_run(
    run: Run, tmp_path: Path
) -> None:
    first = results_of(run)
    assert {key[0] for key in first} > {"plane", "light", "map", "object", "labels", "values"}
    assert go(run) == {}
    assert_same(results_of(run), first)
    with run.database.session() as session:
        status = service.status(session, run.experiment.id)
    assert status is not None
    steps = [step for stage in status["subtasks"] for step in stage["subtasks"]]
    # each step has looked at its work, and that was all
    assert [step["n_jobs"] - step["n_jobs_skipped"] for step in steps] == [1] * len(steps)
    assert all(step["n_jobs_done"] == step["n_jobs"] for step in steps)

    remake_a_deleted_plane(run, first)
    stages = change_an_argument(run)
    change_a_file(run, stages)
    project = change_the_pipeline(run, stages)

    fresh = another_experiment(run, "fresh")
    folder = image_file(run, "B02", 1, 1).parent.parent
    files = [file for file in folder.rglob("*") if file.is_file()]
    prepare(fresh, files, project)
    go(fresh, stages)
    assert_same(results_of(run), results_of(fresh))


def remake_a_deleted_plane(run: Run, expected: Results) -> None:
    """The plane is made again, and what depends on it is looked at again, but not more."""
    shard(run, "B02", 0, 0).unlink()
    jobs = go(run)
    assert steps_of(jobs) == {"imextract", "corilla", "illuminati", "jterator"}
    assert jobs["imextract_run_0000001"] == CHANGED
    assert jobs["imextract_collect_0000001"] == AGAIN
    assert jobs["corilla_run_0000001"] == "input changed: images"
    # the light is as it was, so that only the site of the plane is analysed
    assert jobs["jterator_run_0000001"] == "input changed: images"
    assert {name for name in jobs if "run" in name and "illuminati" not in name} == {
        "imextract_run_0000001",
        "corilla_run_0000001",
        "jterator_run_0000001",
    }
    assert_same(results_of(run), expected)


def change_an_argument(run: Run) -> dict[str, dict[str, dict[str, Any]]]:
    """Only the map is made again, and what lies elsewhere on it now is analysed again."""
    stages = changed("illuminati", horizontal_site_displacement=4)
    jobs = go(run, stages)
    assert steps_of(jobs) == {"illuminati", "jterator"}
    assert jobs["illuminati_run-00_0000001"] == "argument changed: horizontal_site_displacement"
    assert jobs["jterator_run_0000002"] == "input changed: places on the map"
    # the first site of the first well is where it was
    assert "jterator_run_0000001" not in jobs
    return stages


def change_a_file(run: Run, stages: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """An image that is uploaded again changes its plane, the light, and all that is corrected."""
    file = image_file(run, "C03", 2, 2)
    pixels = tifffile.imread(file)
    tifffile.imwrite(file, pixels[::-1], photometric="minisblack", metadata=None)
    jobs = go(run, stages)
    assert steps_of(jobs) == {"metaextract", "imextract", "corilla", "illuminati", "jterator"}
    assert {name for name in jobs if name.startswith(("metaextract", "imextract_run", "cor"))} == {
        "metaextract_run_0000003",
        "imextract_run_0000004",
        "corilla_run_0000002",
    }
    assert jobs["metaextract_run_0000003"] == "input changed: files"
    assert jobs["jterator_run_0000001"] == "input changed: illumination"
    assert jobs["jterator_run_0000004"] == "inputs changed: illumination, images"


def change_the_pipeline(
    run: Run, stages: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """Another pipeline finds other objects at all sites, and measures less."""
    project = nuclei_and_cells("1", "2", nucleus_diameter=12).to_dict()
    save(run, project)
    assert go(run, stages) == {
        **{f"jterator_run_000000{i}": "input changed: pipeline" for i in range(1, N_SITES + 1)},
        "jterator_collect_0000001": "input changed: pipeline",
    }
    return project


@only_sqlite
def test_objects_that_were_changed_from_outside_are_found_again(run: Run) -> None:
    expected = results_of(run)
    everywhere = {f"jterator_run_{i:07}" for i in range(1, N_SITES + 1)}
    cases: list[tuple[Callable[[Run], None], set[str]]] = [
        (delete_nuclei, everywhere),
        (delete_a_feature, everywhere),
        (delete_files_of_values, everywhere),
        (delete_labels_of_the_third_site, {"jterator_run_0000003"}),
        (upload_labels_of_the_third_site, {"jterator_run_0000003"}),
        (send_values_of_the_third_site, {"jterator_run_0000003"}),
        (delete_an_object_of_the_third_site, {"jterator_run_0000003"}),
    ]
    for change, jobs in cases:
        change(run)
        found = go(run, ANALYSIS)
        assert found == {
            **dict.fromkeys(jobs, CHANGED),
            "jterator_collect_0000001": AGAIN,
        }, change.__name__
        assert_same(results_of(run), expected)


def was_found_at_the_third_site(key: tuple[Any, ...]) -> bool:
    if key[0] not in ("object", "values", "labels") or key[:2] == ("object", "Sites"):
        return False
    well = key.index("C03") if "C03" in key else -1
    return well > 0 and key[well + 1 : well + 3] == (0, 0) and "Wells" not in key


def type_id(session: Session, name: str) -> int:
    return session.scalars(select(MapobjectType.id).where(MapobjectType.name == name)).one()


def third_site(session: Session) -> Site:
    return session.scalars(select(Site).join(Well).where(Well.name == "C03", Site.x == 0)).one()


def delete_nuclei(run: Run) -> None:
    with run.database.transaction() as session:
        delete_type(session, run.storage, type_id(session, "Nuclei"))


def delete_a_feature(run: Run) -> None:
    with run.database.transaction() as session:
        session.delete(session.scalars(select(Feature).limit(1)).one())


def delete_files_of_values(run: Run) -> None:
    for file in (run.storage.root / "features").rglob("*.parquet"):
        file.unlink()


def delete_labels_of_the_third_site(run: Run) -> None:
    delete_labels(site_folder(run, "C03", 0), "Cells")


def upload_labels_of_the_third_site(run: Run) -> None:
    with run.database.session() as session:
        kind, site = type_id(session, "Nuclei"), third_site(session)
        [place] = [
            one for one in read_plate_map(session, run.experiment.id).sites if one.id == site.id
        ]
        pixel_size = session.get_one(Experiment, run.experiment.id).pixel_size
    labels = np.zeros((SIZE, SIZE), np.int32)
    labels[30:50, 30:50] = 1
    plane = SitePlane(
        site_id=site.id,
        field=site_folder(run, "C03", 0),
        offset=(place.box.y, place.box.x),
        residues=place.residues,
        tpoint=0,
        zplane=0,
        n_tpoints=1,
        n_zplanes=1,
        pixel_size=pixel_size,
    )
    store_segmentation(
        run.database, run.storage, mapobject_type_id=kind, plane=plane, labels=labels
    )


def send_values_of_the_third_site(run: Run) -> None:
    with run.database.session() as session:
        kind, site = type_id(session, "Nuclei"), third_site(session)
        [feature, *_] = session.scalars(
            select(Feature.name).where(Feature.mapobject_type_id == kind).order_by(Feature.id)
        )
    n_objects = int(read_labels(site_folder(run, "C03", 0), "Nuclei", t=0, z=0).max())
    add_feature_values(
        run.database,
        run.storage,
        mapobject_type_id=kind,
        site_id=site.id,
        tpoint=0,
        zplane=0,
        measurements=pd.DataFrame({feature: np.zeros(n_objects)}, range(1, n_objects + 1)),
    )


def delete_an_object_of_the_third_site(run: Run) -> None:
    with run.database.transaction() as session:
        first = select(Mapobject).where(
            Mapobject.mapobject_type_id == type_id(session, "Cells"),
            Mapobject.ref_id == third_site(session).id,
        )
        session.delete(session.scalars(first.limit(1)).one())


@only_sqlite
def test_sites_that_are_left_out_lose_their_objects_and_no_other_does(run: Run) -> None:
    everything = results_of(run)
    with run.database.transaction() as session:
        third_site(session).omitted = True
    # there is nothing to do, and something to forget
    assert go(run, ANALYSIS) == {}
    gone = everything.keys() - results_of(run).keys()
    assert gone == {key for key in everything if was_found_at_the_third_site(key)}
    assert {key[0] for key in gone} == {"object", "values", "labels"}
    with run.database.transaction() as session:
        third_site(session).omitted = False
    assert go(run, ANALYSIS).keys() == {"jterator_run_0000003", "jterator_collect_0000001"}
    assert_same(results_of(run), everything)


@only_sqlite
def test_files_that_are_gone_are_made_again_and_files_that_come_are_read(
    run: Run, tmp_path: Path
) -> None:
    expected = results_of(run)
    for mosaic in run.storage.mosaics.iterdir():
        (mosaic / "0" / "c" / "0" / "0").unlink()
    assert go(run) == {
        "illuminati_run-00_0000001": CHANGED,
        "illuminati_run-00_0000002": CHANGED,
        "illuminati_collect_0000001": AGAIN,
    }
    for file in run.storage.illumination.iterdir():
        file.unlink()
    assert go(run) == {"corilla_run_0000001": CHANGED, "corilla_run_0000002": CHANGED}
    (run.storage.root / "images").joinpath("plate_1.ome.zarr", "B", "02", "zarr.json").unlink()
    assert go(run) == {"imextract_collect_0000001": CHANGED}
    assert_same(results_of(run), expected)
    with run.database.transaction() as session:
        session.execute(delete(ChannelImageFile).where(ChannelImageFile.zplane == 0))
        for well in session.scalars(select(Well)):
            well.description = {"compound": f"of {well.name}"}
    jobs = go(run)
    assert jobs["metaconfig_run_0000001"] == "the step is done as a whole"
    assert_same(results_of(run), expected)
    with run.database.transaction() as session:
        for well in session.scalars(select(Well)):
            assert well.description == {"compound": f"of {well.name}"}
            well.description = {"dose": 3} if well.name == "B02" else {}
    run.upload("plate", "second", [image_file(run, "B02", 1, 1)])
    jobs = go(run, changed("metaconfig", regex=None))
    assert jobs["metaextract_run_0000004"] == "not done before"
    assert jobs["metaconfig_run_0000001"] == "input changed: files"
    with run.database.session() as session:
        found = session.execute(select(Well.name, Well.description).order_by(Well.name)).all()
    assert found[0] == ("B02", {"dose": 3})
    assert all(description == {} for _, description in found[1:])
    assert {key[6] for key in results_of(run) if key[0] == "plane"} == {0, 1}


@only_sqlite
def test_everything_is_done_again_where_that_is_wanted(run: Run) -> None:
    expected = results_of(run)
    jobs = go(run, force=True)
    assert steps_of(jobs) == {*STEPS}
    assert set(jobs.values()) == {"everything was to be done again"}
    assert_same(results_of(run), expected)
    assert go(run) == {}
