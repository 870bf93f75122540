"""Workflows that run again do only what does not stand, and come to what a fresh run comes to."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tifffile
from sqlalchemy import select

from tests.services.results import Results, assert_same, results_of
from tests.services.runs import Run
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.db.partitions import create_partitions
from tmlib.experiments.models import Experiment
from tmlib.images.channel_images import field_path
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service

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
N_SITES = 4

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
            for steps in STAGES.values()
            for step in steps
            for job in service.jobs(session, run.experiment.id, step_name=step)
            if not job["skipped"] and job["type"] != "InitJob"
        }


def steps_of(jobs: Mapping[str, str]) -> set[str]:
    return {name.partition("_")[0] for name in jobs}


def another_experiment(run: Run, name: str) -> Run:
    with run.database.transaction() as session:
        user = session.scalars(select(User)).one()
        columns = ("microscope_type", "workflow_type", "plate_format", "plate_acquisition_mode")
        values = {column: getattr(run.experiment, column) for column in columns}
        experiment = Experiment(name=name, user_id=user.id, **values)
        session.add(experiment)
        session.flush()
        create_partitions(session, experiment.id)
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
    assert jobs["imextract_run_0000001"] == "output is gone or was changed"
    assert jobs["imextract_collect_0000001"] == "other jobs of the step are done again"
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
