"""Modules of the original give what TissueMAPS 0.5.0 gave for small images."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.tmlib.jterator.projects.test_nuclei_and_cells import (
    REAL_IMAGES,
    needs_real_images,
    read_gray,
)
from tmlib.jterator.modules import (
    combine_channels,
    detect_blobs,
    expand_or_shrink,
    fill,
    filter,  # noqa: A004 - a module's name is the name that pipelines use
    label,
    measure_morphology,
    measure_neighbours,
    register_objects,
    rescale,
    separate_clumps,
    smooth,
    threshold_adaptive,
    threshold_otsu,
)
from tmlib.jterator.segment.blobs import enhance

Labels = NDArray[np.int32]


def words(*rows: list[int]) -> NDArray[np.uint16]:
    return np.array(rows, np.uint16)


def octets(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)


def disk(shape: tuple[int, int], y: float, x: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.indices(shape)
    return np.asarray(np.hypot(rows - y, columns - x) <= radius)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((None, None), [100, 200, 300, 400]),
        ((100, None), [0, 100, 200, 300]),
        ((None, 400), [16383, 32767, 49151, 65535]),
        # the one that is not the original's, where the difference of both did not count
        ((100, 400), [0, 21845, 43690, 65535]),
    ],
)
def test_rescale_does_what_is_given(
    bounds: tuple[float | None, float | None], expected: list[int]
) -> None:
    image = words([100, 200, 300, 400])
    assert rescale.main(image, *bounds).rescaled_image.tolist() == [expected]


def test_combine_channels_reaches_the_largest_value() -> None:
    one, other = octets([0, 10, 0, 0]), octets([0, 0, 40, 0])
    assert combine_channels.main(one, other, 1, 1).combined_image.tolist() == [[0, 255, 255, 0]]
    assert combine_channels.main(one, other, 3, 1).combined_image.tolist() == [[0, 255, 85, 0]]
    both = words([0, 10, 20])
    assert combine_channels.main(both, both, 2, 5).combined_image.tolist() == [[0, 32767, 65535]]
    even = np.full((2, 2), 9, np.uint8)
    assert not combine_channels.main(even, even, 1, 1).combined_image.any()


def test_smooth_cuts_to_whole_gray_values() -> None:
    image = octets([10, 10, 11, 11])
    assert smooth.main(image, "gaussian", 1).smoothed_image.tolist() == [[10] * 4]
    assert smooth.main(image, "average", 3).smoothed_image.tolist() == [[10, 10, 10, 11]]
    rounded = smooth.main(image, "gaussian", 1, rounding=True).smoothed_image
    assert rounded.tolist() == [[10, 10, 11, 11]]
    for value in (0, 77, 255):
        even = np.full((9, 9), value, np.uint8)
        for name in ("average", "gaussian", "median", "bilateral"):
            assert (smooth.main(even, name, 3).smoothed_image == value).all()


def test_smooth_has_one_number_for_distance_and_gray_value_in_the_bilateral_filter() -> None:
    image = np.random.default_rng(0).integers(0, 60, (11, 12)).astype(np.uint8)
    found = smooth.main(image, "bilateral", 2).smoothed_image
    around = np.pad(image.astype(float), 3, mode="reflect")
    rows, columns = np.mgrid[-3:4, -3:4]
    near = np.where(np.hypot(rows, columns) <= 3, np.exp(-(rows**2 + columns**2) / 8), 0)
    for y in range(11):
        for x in range(12):
            window = around[y : y + 7, x : x + 7]
            weight = near * np.exp(-((window - image[y, x]) ** 2) / 8)
            assert found[y, x] == int((weight * window).sum() / weight.sum() + 1e-4)


def test_niblack_adds_the_constant() -> None:
    image = np.random.default_rng(0).normal(1000, 100, (200, 200)).astype(np.uint16)
    for constant, share in ((0, 0.5), (0.5, 0.309), (2, 0.023), (-0.5, 0.691)):
        mask = threshold_adaptive.main(image, "niblack", 111, constant).mask
        assert mask.mean() == pytest.approx(share, abs=0.02)
    subtracted = threshold_adaptive.main(image, "crosscorr", 111, 100).mask
    assert subtracted.mean() == pytest.approx(0.841, abs=0.02)


def test_otsu_goes_no_lower_than_the_darkest_pixel() -> None:
    image = octets([10, 10, 200, 200])
    assert threshold_otsu.main(image, 0.5).mask.tolist() == [[False, False, True, True]]
    assert not threshold_otsu.main(np.full((3, 3), 50, np.uint8), 0.5).mask.any()


@pytest.mark.parametrize(("mean_area", "peak", "noise"), [(5, 21.7, 0.171), (9, 2.9, 0.021)])
def test_blobs_are_enhanced_by_the_filter_that_thresholds_were_set_for(
    mean_area: int, peak: float, noise: float
) -> None:
    y, x = np.indices((61, 61)) - 30
    spot = np.rint(1000 + 10000 * np.exp(-(y**2 + x**2) / 2)).astype(np.uint16)
    spot[0, :9] = 65535  # so that nothing else is among the brightest
    assert enhance(spot, mean_area)[30, 30] / 100 == pytest.approx(peak, abs=0.06)
    point = np.zeros((61, 61), np.uint16)
    point[30, 30] = point[0, 0] = 10000
    kernel = enhance(point, mean_area)[15:46, 15:46] / 10000
    assert np.sqrt((kernel**2).sum()) == pytest.approx(noise, abs=6e-4)
    assert kernel.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("width", [2, 3, 4, 5, 8, 9])
def test_the_filter_is_a_window_of_the_laplacian_of_a_gaussian(width: int) -> None:
    image = np.random.default_rng(width).integers(0, 4000, (30, 33)).astype(np.uint16)
    sigma = (width - 1) / 3
    offsets = np.arange(width) - width // 2
    squares = offsets[:, None] ** 2 + offsets**2
    gauss = np.exp(-squares / (2 * sigma**2))
    kernel = gauss / gauss.sum() * (squares - 2 * sigma**2) / sigma**4
    kernel -= kernel.mean()
    limited = np.minimum(image, int(np.percentile(image, 99.999))).astype(float)
    expected = -ndimage.correlate(limited, kernel)
    assert np.allclose(enhance(image, width), expected, atol=1e-6)


def test_a_published_level_finds_the_spots_and_no_noise() -> None:
    random = np.random.default_rng(0)
    places = [(y, x) for y in range(12, 190, 14) for x in range(12, 190, 14)]
    y, x = np.indices((200, 200))
    light = np.full((200, 200), 100.0)
    for cy, cx in places:
        light += 100 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2)
    image = random.normal(light, 3).astype(np.uint16)
    found = detect_blobs.main(image, np.ones(image.shape, bool), 2, 3, 5, 100)
    assert found.blobs.max() == len(places)


TWO_SQUARES = np.zeros((6, 6), bool)
TWO_SQUARES[1:3, 1:3] = TWO_SQUARES[3:5, 3:5] = True


def test_components_that_touch_at_a_corner_are_two_objects() -> None:
    assert register_objects.main(TWO_SQUARES).objects.max() == 2
    assert filter.main(TWO_SQUARES, "area", 5).filtered_mask.max() == 0
    assert filter.main(TWO_SQUARES, "area", 4).filtered_mask.max() == 2


def test_filter_takes_labels_as_objects() -> None:
    # not the original's, which labelled anew
    touching = np.repeat(np.array([[1, 1, 1, 2, 2, 2]], np.int32), 3, axis=0)
    assert filter.main(touching, "area", 10).filtered_mask.max() == 0
    assert filter.main(touching, "area", 9).filtered_mask.max() == 2
    assert filter.main(np.ones((4, 4), bool), "area", 5).filtered_mask.all()
    assert np.array_equal(filter.main(touching, "area").filtered_mask, touching)


def test_a_ring_that_is_open_at_a_corner_is_not_filled() -> None:
    ring = np.zeros((5, 5), bool)
    ring[1:4, 1:4] = True
    ring[2, 2] = ring[1, 1] = False
    assert np.array_equal(fill.main(ring).filled_mask, ring)
    assert fill.main(ring, connectivity=4).filled_mask[2, 2]
    ring[1, 1] = True
    assert fill.main(ring).filled_mask[2, 2]


@pytest.mark.parametrize(("n", "pixels"), [(0, 1), (1, 5), (2, 13), (3, 29)])
def test_objects_grow_by_the_number_of_pixels_that_the_help_says(n: int, pixels: int) -> None:
    # not the original's, which grew by one less
    point = np.zeros((9, 9), np.int32)
    point[4, 4] = 3
    assert np.count_nonzero(expand_or_shrink.main(point, n).expanded_image == 3) == pixels


def test_pieces_of_a_clump_stay_apart_in_the_mask() -> None:
    mask = disk((60, 90), 30, 28, 20) | disk((60, 90), 30, 60, 20)
    arguments: dict[str, Any] = {
        "mask": mask,
        "intensity_image": mask.astype(np.uint8),
        "min_cut_area": 100,
        "max_convexity": 0.98,
        "min_area": 500,
        "max_circularity": 1,
    }
    for method in ("shape", "intensity"):
        apart = separate_clumps.main(**arguments, method=method).separated_label_image
        assert apart.max() == 2
        assert 0 < np.count_nonzero(mask & (apart == 0)) < 100
        for connectivity in (4, 8):
            assert label.main(apart, connectivity).label_image.max() == 2
        assert register_objects.main(apart > 0).objects.max() == 2
        whole = separate_clumps.main(**arguments, method=method, touching=True)
        assert np.array_equal(whole.separated_label_image > 0, mask)
        assert whole.separated_label_image.max() == 2
        assert label.main(whole.separated_label_image).label_image.max() == 1


def test_clumps_are_as_large_as_the_smallest_areas_allow() -> None:
    # not the original's, for which these areas were too small, and which compared the background
    # in the box around a clump, too
    bars = np.zeros((64, 44), bool)
    bars[2:62, 2:18] = bars[2:62, 26:42] = bars[28:36, 2:42] = True
    size = int(np.count_nonzero(bars))
    image = bars.astype(np.uint8)

    def n_pieces(min_area: int) -> int:
        cut = separate_clumps.main(bars, image, 500, 1, 1, min_area, None)
        return int(cut.separated_label_image.max())

    assert n_pieces(size) == 2
    assert n_pieces(size + 1) == 1


def test_zernike_moments_have_the_scale_of_the_original() -> None:
    small = disk((9, 9), 4, 4, 2.5).astype(np.int32)
    found = measure_morphology.main(small, small, measure_zernike=True).measurements
    assert found.loc[1, "Morphology_Zernike-2-0"] == pytest.approx(0.240, abs=5e-4)


def test_objects_touch_within_the_touching_distance_alone() -> None:
    # not the original's, for which only neighbours touched
    labels = np.zeros((5, 20), np.int32)
    labels[1:4, 1:4], labels[1:4, 9:12] = 1, 2
    found = measure_neighbours.main(labels, labels, 3, 10).measurements
    assert (found["Neighbours_Neighbours_Count"] == 0).all()
    assert (found["Neighbours_Fraction_Touching"] > 0).all()


@needs_real_images
@pytest.mark.parametrize(
    ("constant", "pixels", "in_the_original"), [(0.5, 34052, 33106), (2, 14301, 13976)]
)
def test_niblack_finds_as_much_of_human_nuclei(
    constant: float, pixels: int, in_the_original: int
) -> None:
    # The original reduced gray values to 8 bit, and stretched them for that.
    image = read_gray(REAL_IMAGES / "human" / "AS_09125_050116030001_D03f00d0.tif")
    mask = threshold_adaptive.main(image, "niblack", 111, constant).mask
    assert np.count_nonzero(mask) == pixels
    assert pixels == pytest.approx(in_the_original, rel=0.03)
