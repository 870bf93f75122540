"""What each module does to images of which the right answer is known."""

import json
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.modules import (
    fill,
    filter,  # noqa: A004 - a module's name is the name that pipelines use
    label,
    register_objects,
    segment_secondary,
    separate_clumps,
    smooth,
    threshold_adaptive,
    threshold_otsu,
)

SHAPE = (120, 160)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disk(y: float, x: float, radius: float) -> NDArray[np.bool_]:
    return np.asarray(np.hypot(Y - y, X - x) < radius)


def photographed(light: NDArray[np.floating], seed: int = 0) -> NDArray[np.uint16]:
    """A noisy 16-bit image with a camera offset."""
    counts = np.random.default_rng(seed).poisson(light) + 100
    return counts.astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["average", "gaussian", "median", "edge_preserving"])
def test_smooth_lowers_noise_and_keeps_level_and_type(
    name: str, dtype: type[np.unsignedinteger]
) -> None:
    step = np.where(X < 80, 60, 160)
    noisy = np.random.default_rng(0).normal(step, 8).clip(0, 255).astype(dtype)
    smoothed = smooth.main(noisy, name, 3).smoothed_image  # type: ignore[arg-type] # parametrised
    assert smoothed.dtype == dtype
    for side in (np.s_[:, :70], np.s_[:, 90:]):
        assert smoothed[side].mean() == pytest.approx(noisy[side].mean(), abs=1)
        assert smoothed[side].std() < noisy[side].std() / 2


@pytest.mark.parametrize(("name", "size"), [("edge_preserving", 3), ("bilateral", 200)])
def test_smooth_keeps_edges(name: str, size: float) -> None:
    step = np.where(X < 80, 1000, 5000)
    noisy = np.random.default_rng(0).normal(step, 50).astype(np.uint16)
    kept = smooth.main(noisy[:30], name, size).smoothed_image  # type: ignore[arg-type] # parametrised
    step, noisy = step[:30], noisy[:30]
    blurred = smooth.main(noisy, "gaussian", 3).smoothed_image
    edge = np.s_[:, 77:83]
    assert np.abs(kept[edge] - step[edge]).max() < np.abs(blurred[edge] - step[edge]).max() / 4


def test_threshold_otsu_separates_two_levels_within_bounds() -> None:
    image = np.where(disk(60, 80, 30), 180, 40).astype(np.uint8)
    assert np.array_equal(threshold_otsu.main(image).mask, image == 180)
    assert not threshold_otsu.main(image, min_threshold=200).mask.any()
    assert threshold_otsu.main(image, max_threshold=20).mask.all()
    assert not threshold_otsu.main(image, correction_factor=10).mask.any()


@pytest.mark.parametrize("method", ["crosscorr", "niblack", "isodata"])
def test_threshold_adaptive_finds_objects_in_uneven_light(method: str) -> None:
    objects = disk(30, 30, 10) | disk(90, 30, 10) | disk(30, 130, 10) | disk(90, 130, 10)
    light = (200 + 800 * objects) * np.linspace(1, 0.4, SHAPE[1])
    image = smooth.main(photographed(light), "gaussian", 1).smoothed_image
    mask = threshold_adaptive.main(image, method, 41, constant=0).mask  # type: ignore[arg-type] # parametrised
    assert np.count_nonzero(mask & objects) > 0.85 * np.count_nonzero(objects)
    labels, _ = ndimage.label(ndimage.binary_opening(mask, iterations=4))
    assert len(np.unique(labels[objects & (labels > 0)])) == 4
    if method == "isodata":
        assert np.count_nonzero(mask ^ objects) < 0.12 * np.count_nonzero(objects)


def test_threshold_adaptive_corrects_the_level_by_the_constant() -> None:
    image = photographed(np.full(SHAPE, 400.0))
    share = threshold_adaptive.main(image, "niblack", 51, constant=0).mask.mean()
    assert share == pytest.approx(0.5, abs=0.03)
    share = threshold_adaptive.main(image, "niblack", 51, constant=1).mask.mean()
    assert share == pytest.approx(0.16, abs=0.03)
    share = threshold_adaptive.main(image, "crosscorr", 51, constant=-20).mask.mean()
    assert share == pytest.approx(0.16, abs=0.03)


@pytest.mark.parametrize("falloff", [1.0, 0.5])
@pytest.mark.parametrize("level", [5, 300])
def test_threshold_adaptive_finds_nothing_in_noise(falloff: float, level: float) -> None:
    light = level * np.linspace(1, falloff, SHAPE[1]) * np.ones(SHAPE)
    image = smooth.main(photographed(light), "gaussian", 1).smoothed_image
    assert not threshold_adaptive.main(image, "isodata", 111).mask.any()
    assert not threshold_adaptive.main((image // 64).astype(np.uint8), "isodata", 111).mask.any()


def test_threshold_adaptive_finds_a_single_object() -> None:
    image = smooth.main(photographed(300 + 900.0 * disk(50, 70, 6)), "gaussian", 1).smoothed_image
    mask = threshold_adaptive.main(image, "isodata", 111).mask
    assert np.count_nonzero(mask ^ disk(50, 70, 6)) < 30


def test_threshold_adaptive_obeys_bounds() -> None:
    image = np.tile(np.arange(160, dtype=np.uint8), (120, 1))
    mask = threshold_adaptive.main(image, "niblack", 11, 0, 50, 100).mask
    assert not mask[:, :50].any()
    assert mask[:, 101:].all()


def test_fill_closes_holes_up_to_a_size() -> None:
    mask = disk(40, 40, 20) & ~disk(40, 40, 10) | disk(40, 100, 20) & ~disk(40, 100, 1.5)
    open_to_the_border = disk(120, 80, 20) & ~disk(120, 80, 10)
    mask |= open_to_the_border
    filled = fill.main(mask).filled_mask
    assert np.array_equal(filled, disk(40, 40, 20) | disk(40, 100, 20) | open_to_the_border)
    filled = fill.main(mask, max_area=20).filled_mask
    assert filled[40, 100]
    assert not filled[40, 40]
    labelled = mask.astype(np.int32) * 3
    assert np.array_equal(fill.main(labelled).filled_mask, fill.main(mask).filled_mask)


def test_label_tells_components_apart_by_the_neighbourhood() -> None:
    mask = np.eye(4, dtype=bool)
    assert label.main(mask).label_image.max() == 1
    assert label.main(mask, connectivity=4).label_image.max() == 4
    assert label.main(mask * np.int32(9)).label_image.dtype == np.int32


def test_register_objects_labels_masks_and_keeps_labels() -> None:
    labels = np.array([[0, 4, 4, 0, 9]], np.int32)
    assert np.array_equal(register_objects.main(labels).objects, labels)
    assert np.array_equal(register_objects.main(labels > 0).objects, [[0, 1, 1, 0, 2]])


def test_filter_keeps_objects_within_bounds_and_numbers_them_anew() -> None:
    labels = disk(20, 20, 4) * 1 + disk(60, 60, 10) * 4 + disk(60, 120, 20) * 7
    labels = labels.astype(np.int32)
    found = filter.main(labels, "area", lower_threshold=100).filtered_mask
    assert [found[20, 20], found[60, 60], found[60, 120]] == [0, 1, 2]
    found = filter.main(labels > 0, "area", 100, 500).filtered_mask
    assert [found[20, 20], found[60, 60], found[60, 120]] == [0, 1, 0]
    stretched = disk(20, 20, 9) | (np.abs(Y - 80) < 3) & (np.abs(X - 80) < 30)
    found = filter.main(stretched, "eccentricity", upper_threshold=0.9).filtered_mask
    assert found[20, 20] == 1
    assert found[80, 80] == 0


def separated(
    mask: NDArray[np.bool_], image: IntensityImage | None = None, **settings: float | str
) -> NDArray[np.int32]:
    image = mask.astype(np.uint8) if image is None else image
    criteria: dict[str, float | str] = {"min_cut_area": 20, "min_area": 50, "max_convexity": 0.95}
    criteria |= {"max_circularity": 1, "method": "intensity", "touching": True}
    return separate_clumps.main(mask, image, **(criteria | settings)).separated_label_image  # type: ignore[arg-type] # of the right types


def test_separate_clumps_cuts_touching_disks_at_the_neck() -> None:
    disks = [disk(40, 40, 14), disk(40, 66, 14), disk(63, 53, 14), disk(90, 130, 10)]
    mask = np.logical_or.reduce(disks)
    labels = separated(mask)
    assert np.array_equal(labels > 0, mask)
    assert labels.max() == 4
    for one in disks:
        sizes = np.sort(np.bincount(labels[one]))[::-1]
        assert sizes[0] > 0.9 * one.sum()


def test_separate_clumps_follows_a_dark_seam_that_the_shape_does_not_show() -> None:
    mask = (np.abs(Y - 60) < 14) & (np.abs(X - 80) < 30) | disk(60, 52, 17) | disk(60, 108, 17)
    light = np.where(mask, 1000.0, 20) * np.where(np.abs(X - 80) < 3, 0.5, 1)
    image = smooth.main(photographed(light), "gaussian", 1).smoothed_image
    labels = separated(mask, image, max_convexity=1)
    assert labels[60, 55] != labels[60, 105]
    (cut,) = np.flatnonzero(np.diff(labels[60, 55:105]))
    assert abs(55 + cut - 80) < 5


def test_separate_clumps_leaves_single_objects_alone() -> None:
    ellipse = np.hypot((Y - 60) / 15, (X - 80) / 30) < 1
    assert separated(ellipse).max() == 1
    ragged = disk(60, 80, 30) & (np.random.default_rng(0).random(SHAPE) < 0.98)
    assert separated(ragged, max_convexity=0.92).max() == 1


@pytest.mark.parametrize(
    "criterion",
    [
        {"min_area": 2000},
        {"max_area": 500},
        {"max_convexity": 0.5},
        {"max_circularity": 0.1},
        {"min_cut_area": 800},
    ],
)
def test_separate_clumps_cuts_only_what_meets_all_criteria(criterion: dict[str, Any]) -> None:
    mask = disk(40, 40, 14) | disk(40, 64, 14)
    assert separated(mask).max() == 2
    assert separated(mask, **criterion).max() == 1


@pytest.mark.parametrize(("remaining", "areas"), [(False, 1), (True, 2)])
def test_separate_clumps_can_show_what_the_criteria_see(remaining: bool, areas: int) -> None:
    mask = disk(40, 40, 14) | disk(40, 64, 12)
    figure = separate_clumps.main(
        mask,
        mask.astype(np.uint8),
        min_cut_area=20,
        max_convexity=0.95,
        max_circularity=1,
        min_area=50,
        selection_test_mode=True,
        selection_test_show_remaining=remaining,
        plot=True,
    ).figure
    panel = json.loads(figure)["data"][0]
    assert panel["name"] == "area"
    assert len(np.unique(panel["z"])) == 1 + areas


def test_separate_clumps_gives_every_speck_a_label() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[::7, ::5] = True
    labels = separated(mask)
    assert np.array_equal(labels > 0, mask)
    assert labels.max() == np.count_nonzero(mask)
    assert not separated(np.zeros(SHAPE, bool)).any()
    assert (separated(np.ones(SHAPE, bool)) == 1).all()


@pytest.fixture
def two_cells() -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
    nuclei = disk(60, 50, 8) * 3 + disk(60, 80, 8) * 1
    light = 50 + 500.0 * (disk(60, 50, 20) | disk(60, 80, 20)) - 300 * (np.abs(X - 68) < 2)
    return nuclei.astype(np.int32), photographed(np.maximum(light, 50))


METHODS: list[tuple[Literal["intensity", "gradient"], bool]] = [
    ("intensity", False),
    ("intensity", True),
    ("gradient", False),
    ("gradient", True),
]


def grown(
    nuclei: NDArray[np.int32],
    image: IntensityImage,
    contrast: float,
    low: float | None,
    high: float | None,
) -> NDArray[np.int32]:
    return segment_secondary.main(
        nuclei, image, contrast, low, high, method="gradient", touching=True
    ).secondary_label_image


def test_segment_secondary_finds_the_cell_of_each_nucleus(
    two_cells: tuple[NDArray[np.int32], NDArray[np.uint16]],
) -> None:
    nuclei, image = two_cells
    cells = grown(nuclei, image, 0, None, None)
    assert cells.dtype == np.int32
    assert list(np.unique(cells)) == [0, 1, 3]
    assert np.array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
    truth = disk(60, 50, 20) | disk(60, 80, 20)
    assert np.count_nonzero((cells > 0) ^ truth) < 0.1 * np.count_nonzero(truth)
    assert abs(int(np.flatnonzero(np.diff(cells[50, 55:76]))[0]) + 55 - 68) <= 3


def test_segment_secondary_works_with_one_nucleus_and_with_none(
    two_cells: tuple[NDArray[np.int32], NDArray[np.uint16]],
) -> None:
    nuclei, image = two_cells
    one = np.where(nuclei == 3, 3, 0).astype(np.int32)
    cells = grown(one, image, 0, None, None)
    assert np.count_nonzero(cells == 3) > 2 * np.count_nonzero(one)
    none = np.zeros_like(nuclei)
    assert not grown(none, image, 0, None, None).any()


def test_segment_secondary_obeys_gray_value_bounds(
    two_cells: tuple[NDArray[np.int32], NDArray[np.uint16]],
) -> None:
    nuclei, image = two_cells
    cells = grown(nuclei, image, 0, 65535, None)
    assert np.array_equal(cells, nuclei)
    cells = grown(nuclei, image, 0, None, 0)
    assert cells.all()
    local = grown(nuclei, image, 300, None, None)
    assert np.array_equal(local[nuclei > 0], nuclei[nuclei > 0])
    assert local[60, 33] == 3


def test_segment_secondary_leaves_no_hole_in_a_cell() -> None:
    nuclei = disk(60, 50, 6).astype(np.int32)
    body = disk(60, 60, 30) & ~disk(60, 75, 6)
    image = photographed(50 + 900.0 * body)
    for method, touching in METHODS:
        cells = segment_secondary.main(
            nuclei, image, 0, None, None, method=method, touching=touching
        ).secondary_label_image
        assert cells[60, 75] == 1
