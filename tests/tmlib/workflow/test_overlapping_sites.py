"""Sites that overlap, from files to the map and to objects that are counted once."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from tests.services.results import assert_same, results_of
from tests.services.runs import Run
from tmlib.db import Database
from tmlib.experiments.models import Experiment, Site, SiteOverlap, Well
from tmlib.images.channel_images import field_path
from tmlib.images.label_images import read_labels
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.objects.models import FeatureValueFile, Mapobject, MapobjectSegmentation, MapobjectType
from tmlib.sample.overlapping import (
    Mosaic,
    OverlappingWell,
    simulate_overlapping_well,
    write_overlapping_wells,
)
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps.plate_map import PlacedSite, read_plate_map

MOSAIC = Mosaic(rows=2, columns=2, height=160, width=160, overlap=32, stage_error=0, density=4e-4)
NOISY = Mosaic(rows=2, columns=3, height=160, width=160, overlap=40, stage_error=4)
STAGES: dict[str, dict[str, dict[str, Any]]] = {
    "image_conversion": {"metaextract": {}, "metaconfig": {}, "imextract": {}},
    "pyramid_creation": {"illuminati": {}},
    "image_analysis": {"jterator": {"batch_size": 1}},
}

only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def wells() -> dict[str, OverlappingWell]:
    found = {
        name: simulate_overlapping_well(MOSAIC, [1, i]) for i, name in enumerate(("B02", "B03"))
    }
    # of the second well only the first site was taken
    found["B03"] = OverlappingWell(found["B03"].sites[:1], found["B03"].nuclei)
    return found


@pytest.fixture
def run(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    wells: dict[str, OverlappingWell],
    tmp_path: Path,
) -> Run:
    """An experiment with two wells that was analysed once."""
    run = Run(database, experiment, settings)
    run.upload("plate", "first", write_overlapping_wells(tmp_path / "plate", wells, MOSAIC))
    with database.transaction() as session:
        service.save_jterator_project(session, experiment.id, nuclei_and_cells("1", "2").to_dict())
    run.run(*STAGES.items())
    return run


def placed(run: Run) -> list[PlacedSite]:
    with run.database.session() as session:
        return read_plate_map(session, run.experiment.id).sites


def labels(run: Run, site: PlacedSite, name: str) -> np.ndarray:
    store = run.storage.plate_images(site.plate_id)
    return read_labels(field_path(store, site.well_name, site.field), name, t=0, z=0)


def objects(run: Run, name: str) -> list[tuple[int, int, float, float]]:
    """Site, label and centre of all objects."""
    with run.database.session() as session:
        rows = session.execute(
            select(Mapobject.ref_id, MapobjectSegmentation.label)
            .add_columns(MapobjectSegmentation.centroid_y, MapobjectSegmentation.centroid_x)
            .join(MapobjectSegmentation, MapobjectSegmentation.mapobject_id == Mapobject.id)
            .join(MapobjectType, MapobjectType.id == Mapobject.mapobject_type_id)
            .where(MapobjectType.name == name, Mapobject.experiment_id == run.experiment.id)
            .order_by(Mapobject.ref_id, MapobjectSegmentation.label)
        )
        return [tuple(row) for row in rows]


def n_values(run: Run, name: str) -> int | None:
    with run.database.session() as session:
        return session.scalar(
            select(func.sum(FeatureValueFile.n_rows))
            .join(MapobjectType, MapobjectType.id == FeatureValueFile.mapobject_type_id)
            .where(MapobjectType.name == name)
        )


def done(run: Run) -> list[str]:
    """Jobs of the analysis that were not skipped."""
    with run.database.session() as session:
        jobs = service.jobs(session, run.experiment.id, step_name="jterator", phase="run")
    return [job["name"] for job in jobs if not job["skipped"]]


def test_sites_lie_where_the_stage_put_them(run: Run, wells: dict[str, OverlappingWell]) -> None:
    assert [(site.box.y, site.box.x) for site in placed(run)] == [
        (0, 0),
        (0, 128),
        (128, 0),
        (128, 128),
        (0, 288 + 500),
    ]
    with run.database.session() as session:
        experiment = session.get_one(Experiment, run.experiment.id)
        assert (experiment.map_height, experiment.map_width) == (288, 2 * 288 + 500)
    assert "columns overlap by 32 pixels and rows overlap by 32 pixels" in run.log("metaconfig")


def test_objects_in_overlaps_are_counted_once(run: Run, wells: dict[str, OverlappingWell]) -> None:
    origin = np.floor(np.min([site.place for site in wells["B02"].sites], axis=0)).astype(int)
    truth = wells["B02"].nuclei[origin[0] :, origin[1] :][:288, :288]
    true_numbers = set(np.unique(truth).tolist()) - {0}
    first_well = [site.id for site in placed(run) if site.well_name == "B02"]
    found = [one for one in objects(run, "Nuclei") if one[0] in first_well]
    hit = [int(truth[int(y), int(x)]) for _, _, y, x in found]
    inside = {n for n in true_numbers if np.count_nonzero(truth == n) > 100}
    assert len(hit) == len(set(hit))
    assert inside <= set(hit)
    cells = [one[:2] for one in objects(run, "Cells")]
    assert cells == [one[:2] for one in objects(run, "Nuclei")]


def test_outlines_values_and_label_images_tell_the_same(run: Run) -> None:
    for name in ("Nuclei", "Cells"):
        found = objects(run, name)
        assert n_values(run, name) == len(found)
        in_images = {
            (site.id, label)
            for site in placed(run)
            for label in np.unique(labels(run, site, name)).tolist()
            if label
        }
        assert in_images == {one[:2] for one in found}


@only_sqlite
def test_what_was_counted_once_stands(run: Run) -> None:
    first = results_of(run)
    run.run(*STAGES.items())
    assert done(run) == []
    assert_same(results_of(run), first)
    run.work(run.submit(("image_analysis", STAGES["image_analysis"]), force=True))
    assert run.errors() == []
    assert_same(results_of(run), first)


@only_sqlite
def test_a_well_is_analysed_again_when_one_of_its_sites_has_changed(run: Run) -> None:
    first = results_of(run)
    site = placed(run)[1]
    path = field_path(run.storage.plate_images(site.plate_id), site.well_name, site.field)
    (path / "labels" / "Nuclei" / "0" / "c" / "0" / "0" / "0" / "0").unlink()
    run.run(("image_analysis", STAGES["image_analysis"]))
    assert len(done(run)) == 5  # four sites and the counting, but not the other well
    assert_same(results_of(run), first)


@only_sqlite
def test_sites_that_the_user_lays_side_by_side_share_nothing(run: Run) -> None:
    shown = {"pyramid_creation": {"illuminati": {"horizontal_site_displacement": 5}}}
    run.run(*shown.items(), ("image_analysis", STAGES["image_analysis"]))
    assert [site.box.x for site in placed(run)[:2]] == [0, 165]
    assert "a regular grid as asked for" in run.log("illuminati")
    assert len(done(run)) == 5
    ignored = {"metaextract": {}, "metaconfig": {"stage_positions": "ignore"}, "imextract": {}}
    run.run(("image_conversion", ignored))
    with run.database.transaction() as session:
        session.get_one(Experiment, run.experiment.id).horizontal_site_displacement = 0
    assert [site.box.x for site in placed(run)[:2]] == [0, 160]
    with run.database.session() as session:
        assert session.scalars(select(Site.stage_x).join(Well)).all() == [None] * 5


def offsets(run: Run) -> np.ndarray:
    return np.array([(site.box.y, site.box.x) for site in placed(run)])


def refined(run: Run) -> list[str]:
    """Jobs of the refinement that were not skipped."""
    with run.database.session() as session:
        jobs = service.jobs(session, run.experiment.id, step_name="imextract", phase="run")
    return [job["name"] for job in jobs if not job["skipped"] and "run-01" in job["name"]]


def test_images_correct_the_stage(
    database: Database, experiment: Experiment, settings: Settings, tmp_path: Path
) -> None:
    run = Run(database, experiment, settings)
    well = simulate_overlapping_well(NOISY, [7])
    run.upload("plate", "first", write_overlapping_wells(tmp_path, {"B02": well}, NOISY))
    conversion = STAGES["image_conversion"]
    run.run(("image_conversion", conversion))
    true = np.array([site.place for site in well.sites])
    errors = offsets(run) - true
    assert np.abs(errors - np.median(errors, axis=0)).max() < 1.2
    with database.session() as session:
        overlaps = session.scalars(select(SiteOverlap)).all()
        assert len(overlaps) == 7
        assert all(one.is_reliable and one.quality > 0.5 for one in overlaps)
    assert "well B02: 7 of 7 overlaps tell how sites lie" in run.log("imextract")
    assert len(refined(run)) == 1
    run.run(("image_conversion", conversion))
    assert refined(run) == []

    turned = {**conversion, "metaconfig": {"stage_y": "down"}}
    run.run(("image_conversion", turned))
    assert "give argument stage_y of step metaconfig the other one of up" in run.log("imextract")
    believed = {**conversion, "imextract": {"refine_positions": False}}
    run.run(("image_conversion", believed))
    stages = np.array([site.stage for site in well.sites])
    assert np.array_equal(offsets(run), stages)
    with database.session() as session:
        assert session.scalars(select(SiteOverlap)).all() == []
    run.run(("image_conversion", conversion))
    assert len(refined(run)) == 1
