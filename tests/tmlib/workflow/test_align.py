"""A plate in two cycles whose shifts are known, from files to objects on the map."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import tifffile
from numpy.typing import NDArray
from sqlalchemy import select

from tests.services.experiments import add_experiment
from tests.services.runs import CONVERSION, Run
from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.experiments.models import ChannelLayer, Cycle, Site, SiteShift
from tmlib.images import mosaics
from tmlib.images.label_images import read_labels
from tmlib.jterator.modules.registry import get
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.objects.models import Feature, MapobjectSegmentation
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps.plate_map import read_plate_map

SIZE = 256
MARGIN = 48
LIMIT = 30
SHIFTS = {(0, 0): (7, -12), (0, 1): (0, 0), (1, 0): (-20, 5), (1, 1): (3, 41)}
"""By row and column of the site; the last one is beyond the limit."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    """Two photographs of each site, with noise of their own."""
    return simulate_plate(
        tmp_path_factory.mktemp("scene"),
        wells=["B02"],
        height=SIZE + 2 * MARGIN,
        width=SIZE + 2 * MARGIN,
        n_tpoints=2,
    )


@pytest.fixture
def run(scene: SamplePlate, database: Database, settings: Settings, tmp_path: Path) -> Run:
    with database.transaction() as session:
        experiment = add_experiment(
            session,
            "cycles",
            workflow_type="multiplexing",
            plate_acquisition_mode="multiplexing",
        )
    run = Run(database, experiment, settings)
    for cycle in range(2):
        run.upload("plate", f"cycle {cycle}", cut_out(scene, cycle, tmp_path / str(cycle)))
    return run


def cut_out(scene: SamplePlate, cycle: int, folder: Path) -> list[Path]:
    """What a camera sees that is off by the site's shift in the second cycle."""
    folder.mkdir()
    files = []
    for site in scene.sites:
        y, x = SHIFTS[site.y, site.x] if cycle else (0, 0)
        for channel in (1, 2):
            place = f"B02_T{cycle + 1:04d}F{site.field:03d}L01A01Z01C{channel:02d}.tif"
            pixels = tifffile.imread(scene.folder / f"sample_{place}")
            seen = pixels[MARGIN + y : MARGIN + y + SIZE, MARGIN + x : MARGIN + x + SIZE]
            file = folder / f"sample_{place}"
            tifffile.imwrite(file, seen, photometric="minisblack", metadata=None)
            files.append(file)
    return files


def stages(**arguments: Any) -> list[tuple[str, dict[str, dict[str, Any]]]]:
    align = {"ref_cycle": 0, "ref_wavelength": "A01_C01", "shift_limit": LIMIT, **arguments}
    return [
        ("image_conversion", CONVERSION),
        ("image_preprocessing", {"corilla": {}, "align": align}),
        ("pyramid_creation", {"illuminati": {"align": True}}),
        ("image_analysis", {"jterator": {}}),
    ]


def shifts(run: Run) -> dict[tuple[int, int], dict[int, tuple[int, int]]]:
    """Shift of each cycle by place of the site."""
    with run.database.session() as session:
        rows = session.execute(
            select(SiteShift, Site, Cycle.index)
            .join(Site, Site.id == SiteShift.site_id)
            .join(Cycle, Cycle.id == SiteShift.cycle_id)
        ).all()
    found: dict[tuple[int, int], dict[int, tuple[int, int]]] = {}
    for shift, site, index in rows:
        found.setdefault((site.y, site.x), {})[index] = shift.y, shift.x
        assert shift.quality > 0.5
    return found


def mosaic(run: Run, channel_name: str) -> NDArray[np.float64]:
    """The whole map of a channel at full resolution."""
    with run.database.session() as session:
        [layer] = [
            layer
            for layer in session.scalars(select(ChannelLayer))
            if layer.channel.name == channel_name
        ]
        path = run.storage.mosaic(layer.channel_id, 0, 0, layer.version)
        size = read_plate_map(session, run.experiment.id).size
    pixels = np.zeros(size)
    depth = len(mosaics.level_shapes(*size))
    for y in range(0, size[0], 256):
        for x in range(0, size[1], 256):
            tile = mosaics.read_tile(path, z=depth - 1, y=y // 256, x=x // 256)
            if tile is not None:
                pixels[y : y + 256, x : x + 256] = tile
    return pixels


def test_objects_of_a_shifted_cycle_lie_where_the_reference_shows_them(
    run: Run, scene: SamplePlate
) -> None:
    with run.database.transaction() as session:
        project = nuclei_and_cells("1_A01_C01", "0_A01_C02", correct=False)
        service.save_jterator_project(session, run.experiment.id, project.to_dict())
    run.run(*stages())
    expected = {
        place: {0: (0, 0), 1: shift} for place, shift in SHIFTS.items() if max(shift) <= LIMIT
    }
    assert shifts(run) == expected
    log = run.log("align")
    assert "site 3 of well B02" in log
    assert "is omitted: cycle 1 is off by +3." in log
    assert log.count("is omitted") == 1
    with run.database.session() as session:
        sites = {
            (site.y, site.x): site
            for site in session.scalars(select(Site).where(Site.omitted.is_(False)))
        }
        boxes = {site.id: site.box for site in read_plate_map(session, run.experiment.id).sites}
        objects = session.scalars(
            select(MapobjectSegmentation).where(MapobjectSegmentation.label.is_not(None))
        ).all()
        centres = np.array([(found.centroid_y, found.centroid_x) for found in objects])
    assert (1, 1) not in sites
    assert (sites[0, 0].top_residue, sites[0, 0].right_residue) == (7, 12)
    n_found = n_right = 0
    for truth in scene.sites:
        site = sites.get((truth.y, truth.x))
        if site is None:
            continue
        box = boxes[site.id]
        inside = shapely.contains_xy(
            shapely.box(box.x, box.y, box.x + SIZE, box.y + SIZE), centres[:, ::-1]
        )
        nuclei = truth.nuclei()
        for y, x in centres[inside] - (box.y, box.x) + MARGIN:
            n_found += 1
            n_right += nuclei[int(y), int(x)] > 0
    # nuclei and cells have about the same centres; some cells bulge far off their nucleus
    assert n_found > 100
    assert n_right > 0.85 * n_found
    labels = nuclei_labels(run, "0")
    assert labels.shape == (SIZE, SIZE)
    assert labels.any()
    assert not labels[:7].any()
    assert not labels[:, SIZE - 12 :].any()
    with pytest.raises(NotFound):
        nuclei_labels(run, "3")
    measure_stored_nuclei(run)
    assert np.array_equal(nuclei_labels(run, "0"), labels)
    with run.database.session() as session:
        names = set(session.scalars(select(Feature.name)))
        after = session.scalars(
            select(MapobjectSegmentation).where(MapobjectSegmentation.label.is_not(None))
        ).all()
    assert "Intensity_mean_1_A01_C02" in names
    assert len(after) == len(objects)


def nuclei_labels(run: Run, field: str) -> NDArray[np.int32]:
    [plate] = (run.storage.root / "images").iterdir()
    return read_labels(plate / "B" / "02" / field, "Nuclei", t=0, z=0)


def measure_stored_nuclei(run: Run) -> None:
    """Run a pipeline that finds nothing of its own: it measures what is stored."""
    handles = copy.deepcopy(dict(get("measure_intensity").handles))
    keys = {
        "extract_objects": "Nuclei",
        "assign_objects": "Nuclei",
        "intensity_image": "1_A01_C02",
    }
    for handle in handles["input"]:
        if handle["name"] in keys:
            handle["key"] = keys[handle["name"]]
    step = {"source": "measure_intensity.py", "handles": "measure_intensity.handles.yaml"}
    project = {
        "pipeline": {
            "input": {"channels": [{"name": "1_A01_C02"}], "objects": [{"name": "Nuclei"}]},
            "pipeline": [step],
            "output": {"objects": [{"name": "Nuclei"}]},
        },
        "handles": {"measure_intensity": handles},
    }
    with run.database.transaction() as session:
        service.save_jterator_project(session, run.experiment.id, project)
    run.run(("image_analysis", {"jterator": {}}))


def test_the_map_shows_all_cycles_in_one_place(run: Run) -> None:
    run.run(*stages()[:3])
    one, other = mosaic(run, "0_A01_C01"), mosaic(run, "1_A01_C01")
    seen = (one > 0) & (other > 0)
    assert ((one > 0) == (other > 0)).all()
    assert np.corrcoef(one[seen], other[seen])[0, 1] > 0.95
    assert not one[SIZE:, SIZE : 2 * SIZE].any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ref_cycle": None}, ["ref_cycle", "required"]),
        ({"ref_cycle": 2}, ["ref_cycle", "0 to 1"]),
        ({"ref_wavelength": "DAPI"}, ["ref_wavelength", "DAPI", "A01_C01"]),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_mistakes_are_named(run: Run, arguments: dict[str, Any], words: list[str]) -> None:
    run.work(run.submit(*stages(**arguments)[:2]))
    [error] = run.errors()
    assert error is not None
    assert [word for word in words if word not in error] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_robust_option_and_the_correction_find_the_same(run: Run) -> None:
    run.run(*stages(robust_align=True, illumcorr=True, shift_limit=60)[:2])
    assert shifts(run) == {place: {0: (0, 0), 1: shift} for place, shift in SHIFTS.items()}


def test_only_sites_that_were_changed_from_outside_are_aligned_again(run: Run) -> None:
    conversion, preprocessing, *_ = stages(batch_size=1)
    only_align = conversion, (preprocessing[0], {"align": preprocessing[1]["align"]})
    run.run(*only_align)
    found = shifts(run)
    run.run(*only_align)
    assert aligned_again(run) == {}
    with run.database.transaction() as session:
        site = session.scalars(select(Site).order_by(Site.id).limit(1)).one()
        residue, site.top_residue, site.omitted = site.top_residue, 9, True
    run.run(*only_align)
    assert aligned_again(run) == {"align_run_0000001": "output is gone or was changed"}
    assert shifts(run) == found
    with run.database.session() as session:
        site = session.get_one(Site, site.id)
    assert (site.omitted, site.top_residue) == (False, residue)


def aligned_again(run: Run) -> dict[str, str]:
    """Why sites were aligned that have been aligned before."""
    with run.database.session() as session:
        jobs = service.jobs(session, run.experiment.id, step_name="align", phase="run")
    return {job["name"]: job["reason"] for job in jobs if not job["skipped"]}
