import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature, filters, morphology, segmentation

from tests.services.conversion import described
from tmlib.errors import BadInput
from tmlib.sample import SamplePlate, simulate_plate
from tmlib.sample.plate import SampleSite


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SamplePlate:
    return simulate_plate(tmp_path_factory.mktemp("plate"), wells=("B02", "C03"), columns=1, seed=3)


def segment(image: NDArray[Any]) -> NDArray[np.int32]:
    smooth = filters.gaussian(image.astype(float), 1.5, preserve_range=True)
    bright = smooth > filters.threshold_otsu(smooth) / 2
    mask = bright & (smooth > filters.threshold_local(smooth, 101, method="gaussian"))
    mask = morphology.remove_small_holes(ndimage.binary_opening(mask, iterations=2), max_size=30)
    depth = ndimage.distance_transform_edt(np.pad(mask, 20, mode="edge"))[20:-20, 20:-20]
    depth = filters.gaussian(depth, 1.5)
    peaks = feature.peak_local_max(
        depth, min_distance=6, labels=mask.astype(int), exclude_border=False
    )
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return segmentation.watershed(-depth, seeds, mask=mask)


def f1_score(truth: NDArray[Any], found: NDArray[Any]) -> float:
    n, m = int(truth.max()) + 1, int(found.max()) + 1
    pairs = truth.ravel().astype(np.int64) * m + found.ravel()
    shared = np.bincount(pairs, minlength=n * m).reshape(n, m)
    union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
    hits = (shared[1:, 1:] > 0.5 * union[1:, 1:]).sum()
    return 2 * hits / (n - 1 + m - 1)


def test_truth_can_be_found_with_the_usual_steps(plate: SamplePlate) -> None:
    for site in plate.sites:
        image = tifffile.imread(plate.folder / image_name(site, 1))
        assert f1_score(site.nuclei(), segment(image)) >= 0.95


def image_name(site: SampleSite, channel: int) -> str:
    return f"sample_{site.well}_T0001F{site.field:03d}L01A01Z01C{channel:02d}.tif"


def test_nuclei_are_crowded_touch_and_are_cut_by_the_border(plate: SamplePlate) -> None:
    for site in plate.sites:
        labels = site.nuclei()
        assert labels.dtype == np.int32
        assert set(np.unique(labels)) == set(range(site.n_nuclei + 1))
        assert site.n_nuclei > 80
        _, n_clumps = ndimage.label(labels > 0)
        assert n_clumps < 0.9 * site.n_nuclei
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        assert len(np.unique(border)) > 3


def test_images_are_16_bit_and_lit_unevenly(plate: SamplePlate) -> None:
    mean = np.mean([tifffile.imread(path) for path in plate.image_files[1::2]], axis=0)
    centre, corner = mean[192:320, 192:320].mean(), mean[:96, -96:].mean()
    assert tifffile.imread(plate.image_files[0]).dtype == np.uint16
    assert corner < 0.9 * centre


def test_table_describes_every_nucleus(plate: SamplePlate) -> None:
    with plate.nuclei_file.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(site.n_nuclei for site in plate.sites)
    site = plate.sites[-1]
    own = [r for r in rows if (r["well"], r["site_y"], r["site_x"]) == (site.well, "1", "0")]
    labels = site.nuclei()
    for row in own[:10]:
        mask = labels == int(row["label"])
        assert int(row["area"]) == mask.sum()
        assert np.allclose(
            [float(row["centroid_y"]), float(row["centroid_x"])],
            np.argwhere(mask).mean(0),
            atol=0.01,
        )


def test_a_site_depends_on_nothing_but_seed_and_place(plate: SamplePlate, tmp_path: Path) -> None:
    again = simulate_plate(tmp_path / "a", wells=("C03",), rows=1, columns=1, seed=3)
    other = simulate_plate(tmp_path / "b", wells=("C03",), rows=1, columns=1, seed=4)
    name = again.image_files[0].name
    assert (tmp_path / "a" / name).read_bytes() == (plate.folder / name).read_bytes()
    assert (tmp_path / "b" / name).read_bytes() != (plate.folder / name).read_bytes()
    assert (again.sites[0].nuclei() == plate.sites[2].nuclei()).all()
    assert other.sites[0].y == 0


def test_metadata_knows_every_image_and_where_the_stage_stood(plate: SamplePlate) -> None:
    names = [path.name for path in plate.image_files]
    metadata = described("cellvoyager", plate.metadata_files, names)
    assert set(metadata.images) == set(names)
    upper, lower = (metadata.images[image_name(site, 2)] for site in plate.sites[:2])
    assert (upper.well, upper.channel, upper.site, lower.site) == ("B02", "2", 1, 2)
    assert upper.stage
    assert lower.stage
    assert upper.stage[0] > lower.stage[0]
    assert upper.stage[1] == lower.stage[1]


def test_time_points_bleach_and_planes_blur(tmp_path: Path) -> None:
    plate = simulate_plate(
        tmp_path, wells=("A01",), rows=1, columns=1, height=128, width=160, n_tpoints=2, n_zplanes=3
    )
    assert len(plate.image_files) == 2 * 2 * 3
    pixels = {path.name[10:]: tifffile.imread(path).astype(float) for path in plate.image_files}
    first = pixels["_T0001F001L01A01Z02C01.tif"]
    assert first.shape == (128, 160)
    assert pixels["_T0002F001L01A01Z02C01.tif"].mean() < first.mean()
    assert np.ptp(pixels["_T0001F001L01A01Z01C01.tif"]) < np.ptp(first)


def test_a_site_may_be_empty(tmp_path: Path) -> None:
    plate = simulate_plate(
        tmp_path, wells=("A01",), rows=1, columns=1, height=64, width=64, nuclei_per_site=0
    )
    assert plate.sites[0].n_nuclei == 0
    assert not plate.sites[0].nuclei().any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"wells": ("I01",)}, "I01"),
        ({"wells": ("A13",)}, "A13"),
        ({"rows": 0}, "positive"),
        ({"name": "my_plate"}, "my_plate"),
    ],
)
def test_what_is_no_plate_is_refused(tmp_path: Path, arguments: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        simulate_plate(tmp_path, **arguments)
