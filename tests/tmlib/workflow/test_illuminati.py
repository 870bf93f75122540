"""The map of a plate: when it changes, what of it is made anew, and what is left out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from sqlalchemy import select

from tests.services.runs import CONVERSION, Run, Stage
from tests.services.zarr_content import attributes_of, pixels_in
from tmlib.db import Database
from tmlib.experiments.models import ChannelLayer, Experiment, IllumstatsFile, Site
from tmlib.images import mosaic_regions, mosaics
from tmlib.images.channel_images import field_path, read_plane
from tmlib.ledger.models import Job
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps.plate_map import read_plate_map

SIZE = 80
LAYOUT = {"metaconfig": {"n_vertical": 1, "n_horizontal": 2}}
PYRAMID: Stage = ("pyramid_creation", {"illuminati": {}})

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def run(database: Database, experiment: Experiment, settings: Settings, tmp_path: Path) -> Run:
    """Two wells of two sites; of the last one, a channel was not imaged."""
    rng = np.random.default_rng(0)
    files = []
    for well in ("B02", "B03"):
        for field in (1, 2):
            for channel in (1, 2):
                if (well, field, channel) == ("B03", 2, 2):
                    continue
                file = tmp_path / f"plate_{well}_T0001F{field:03d}L01A01Z01C{channel:02d}.tif"
                pixels = rng.integers(1, 4000, (SIZE, SIZE), dtype=np.uint16)
                tifffile.imwrite(file, pixels, photometric="minisblack", metadata=None)
                files.append(file)
    run = Run(database, experiment, settings)
    run.upload("plate", "first", files)
    run.run(("image_conversion", CONVERSION | LAYOUT))
    return run


def layers(run: Run) -> dict[str, ChannelLayer]:
    with run.database.session() as session:
        found = session.scalars(select(ChannelLayer)).all()
        return {layer.channel.name: layer for layer in found}


def path(run: Run, layer: ChannelLayer) -> Path:
    return run.storage.mosaic(layer.channel_id, layer.tpoint, layer.zplane, layer.version)


def base_tile(run: Run, layer: ChannelLayer, y: int, x: int) -> np.ndarray:
    """The pixels of a site's size at a place of the map, from the tile that it begins in."""
    with run.database.session() as session:
        size = read_plate_map(session, run.experiment.id).size
    tile = mosaics.read_tile(
        path(run, layer), z=len(mosaics.level_shapes(*size)) - 1, y=y // 256, x=x // 256
    )
    assert tile is not None
    return tile[y % 256 : y % 256 + SIZE, x % 256 : x % 256 + SIZE]


def test_the_old_map_is_shown_until_the_new_one_is_complete(run: Run) -> None:
    run.run(PYRAMID)
    old = layers(run)
    queue = run.submit(("pyramid_creation", {"illuminati": {"horizontal_site_displacement": 20}}))
    while len(queue.job_ids) != 1 or "collect" not in job_name(run, queue.job_ids[0]):
        run.work(queue, n_jobs=1)
        assert {name: layer.version for name, layer in layers(run).items()} == {
            name: layer.version for name, layer in old.items()
        }
        assert base_tile(run, old["A01_C01"], 0, 0).all()
    run.work(queue)
    new = layers(run)
    assert {layer.id for layer in new.values()} == {layer.id for layer in old.values()}
    assert new["A01_C01"].version != old["A01_C01"].version
    assert sorted(run.storage.mosaics.iterdir()) == sorted(path(run, one) for one in new.values())


def job_name(run: Run, job_id: int) -> str:
    with run.database.session() as session:
        return session.get_one(Job, job_id).name


def test_only_layers_that_changed_are_made_again(run: Run) -> None:
    run.run(PYRAMID)
    old = layers(run)
    written = {name: written_at(run, layer) for name, layer in old.items()}
    assert shown_elsewhere(run, old["A01_C01"]) == (0, 65535)
    run.run(("pyramid_creation", {"illuminati": {"clip_value": 1000}}))
    assert {name: written_at(run, layer) for name, layer in layers(run).items()} == written
    assert {layer.max_intensity for layer in layers(run).values()} == {1000}
    assert shown_elsewhere(run, old["A01_C01"]) == (0, 1000)
    run.run(
        ("image_preprocessing", {"corilla": {}}),
        (
            "pyramid_creation",
            {"illuminati": {"illumcorr": True, "illumcorr_exceptions": "A01_C02"}},
        ),
    )
    new = layers(run)
    assert new["A01_C02"].version == old["A01_C02"].version
    assert new["A01_C01"].version != old["A01_C01"].version


def written_at(run: Run, layer: ChannelLayer) -> int:
    return (path(run, layer) / "0" / "zarr.json").stat().st_mtime_ns


def shown_elsewhere(run: Run, layer: ChannelLayer) -> tuple[int, int]:
    """The window in which viewers of OME-NGFF show a layer."""
    [channel] = attributes_of(path(run, layer))["ome"]["omero"]["channels"]
    return channel["window"]["start"], channel["window"]["end"]


def shards(run: Run, layer: ChannelLayer) -> dict[str, tuple[int, int, bytes]]:
    """Number, time and content of the files of a layer's regions, by level and place.

    A file system may give the number of a file that is gone to the next one.
    """
    root = path(run, layer)
    files = [file for file in root.glob("*/c/*/*") if file.is_file()]
    return {
        str(file.relative_to(root)): (
            file.stat().st_ino,
            file.stat().st_mtime_ns,
            file.read_bytes(),
        )
        for file in files
    }


def convert_again(run: Run) -> None:
    run.run(("image_conversion", CONVERSION | LAYOUT))


def change_site(run: Run, well: str, field: int) -> None:
    """Upload other pixels of a site's first channel, and convert all images again."""
    [file] = run.storage.root.rglob(f"plate_{well}_T0001F00{field}L01A01Z01C01.tif")
    pixels = np.full((SIZE, SIZE), 7777, np.uint16)
    tifffile.imwrite(file, pixels, photometric="minisblack", metadata=None)
    convert_again(run)


def test_a_map_of_the_same_pixels_is_not_made_again(run: Run) -> None:
    run.run(PYRAMID)
    old = {name: shards(run, layer) for name, layer in layers(run).items()}
    assert all(old.values())
    convert_again(run)
    run.run(PYRAMID)
    assert {name: shards(run, layer) for name, layer in layers(run).items()} == old


def test_only_regions_that_changed_are_made_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mosaics, "SHARD_SIZE", 256)
    monkeypatch.setattr(mosaic_regions, "SHARD_SIZE", 256)
    region_by_region = ("pyramid_creation", {"illuminati": {"batch_size": 1}})
    run.run(region_by_region)
    old, old_layers = {}, layers(run)
    for name, layer in old_layers.items():
        old[name] = shards(run, layer)
    change_site(run, "B03", 1)
    run.run(region_by_region)
    assert reasons(run) == ["input changed: images"] * 3
    new = layers(run)
    assert new["A01_C02"].version == old_layers["A01_C02"].version
    assert shards(run, new["A01_C02"]) == old["A01_C02"]
    found = shards(run, new["A01_C01"])
    assert found.keys() == old["A01_C01"].keys()
    changed = {name for name in found if found[name] != old["A01_C01"][name]}
    # the map is 80 x 820 pixels; B03 begins at x = 660, and reaches to 740
    assert changed == {"0/c/0/2", "1/c/0/1", "2/c/0/0"}
    assert set(found) - changed == {"0/c/0/0", "0/c/0/3", "1/c/0/0"}
    pyramid = [pixels_in(path(run, new["A01_C01"]) / str(i)) for i in range(3)]
    assert (pyramid[0][:, 660 : 660 + SIZE] == 7777).all()
    make_all_again(run)
    [again] = [layer for name, layer in layers(run).items() if name == "A01_C01"]
    assert again.version == new["A01_C01"].version
    for i, level in enumerate(pyramid):
        assert np.array_equal(pixels_in(path(run, again) / str(i)), level)
    assert not shards(run, again).items() & found.items()


def reasons(run: Run) -> list[str]:
    """Why jobs of the run phase were done, but for those that were skipped."""
    with run.database.session() as session:
        jobs = service.jobs(session, run.experiment.id, step_name="illuminati", phase="run")
    return [job["reason"] for job in jobs if not job["skipped"]]


def make_all_again(run: Run) -> None:
    for folder in run.storage.mosaics.iterdir():
        shutil.rmtree(folder)
    run.run(PYRAMID)


def test_sites_that_were_not_imaged_stay_black(run: Run) -> None:
    run.run(PYRAMID)
    with run.database.session() as session:
        last = read_plate_map(session, run.experiment.id).sites[-1].box
    assert base_tile(run, layers(run)["A01_C01"], last.y, last.x).any()
    assert not base_tile(run, layers(run)["A01_C02"], last.y, last.x).any()


def test_sites_are_displaced(run: Run) -> None:
    run.run(("pyramid_creation", {"illuminati": {"horizontal_site_displacement": -10}}))
    with run.database.session() as session:
        sites = read_plate_map(session, run.experiment.id).sites
        plate_id = sites[0].plate_id
    assert [site.box.x for site in sites[:3]] == [0, SIZE - 10, 2 * SIZE - 10 + 500]
    pixels = read_plane(field_path(run.storage.plate_images(plate_id), "B02", 1), t=0, c=0, z=0)
    shown = base_tile(run, layers(run)["A01_C01"], 0, SIZE - 5)
    assert np.array_equal(shown[: SIZE - 5, : SIZE - 5], pixels[: SIZE - 5, 5:])
    run.work(run.submit(("pyramid_creation", {"illuminati": {"vertical_site_displacement": -80}})))
    assert "overlap by less than their size" in str(run.errors())


def test_light_is_measured_for_every_plate_where_that_is_wanted(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "other_B02_T0001F001L01A01Z01C01.tif"
    pixels = np.random.default_rng(9).integers(1, 4000, (SIZE, SIZE), np.uint16)
    tifffile.imwrite(file, pixels, metadata=None)
    run.upload("other", "first", [file])
    run.run(
        ("image_conversion", CONVERSION | {"metaconfig": {}}),
        ("image_preprocessing", {"corilla": {"per_plate": True}}),
    )
    with run.database.session() as session:
        files = session.scalars(select(IllumstatsFile)).all()
        n_images = sorted((one.plate_id, one.channel_id, one.n_images) for one in files)
        n_sites = len(session.scalars(select(Site)).all())
    assert [n for _, _, n in n_images] == [4, 3, 1]
    assert n_sites == 5
    run.run(("image_preprocessing", {"corilla": {}}))
    with run.database.session() as session:
        files = session.scalars(select(IllumstatsFile)).all()
    assert sorted(one.n_images for one in files) == [3, 5]
    assert len(list(run.storage.illumination.iterdir())) == 2


def test_a_camera_offset_above_the_images_is_refused(run: Run) -> None:
    run.work(run.submit(("image_preprocessing", {"corilla": {"camera_offset": 2000}})))
    assert "camera_offset" in str(run.errors()[0])


def test_a_second_time_point_can_be_added(run: Run, tmp_path: Path) -> None:
    run.run(PYRAMID)
    file = tmp_path / "plate_B02_T0001F001L01A01Z01C01.tif"
    run.upload("plate", "second", [file])
    run.run(("image_conversion", CONVERSION), PYRAMID)
    with run.database.session() as session:
        tpoints = session.scalars(select(ChannelLayer.tpoint)).all()
    assert sorted(tpoints) == [0, 0, 1]
    # the same cells once more tell nothing new about the light
    run.run(("image_preprocessing", {"corilla": {}}))
    with run.database.session() as session:
        n_images = session.scalars(select(IllumstatsFile.n_images)).all()
    assert sorted(n_images) == [3, 4]
