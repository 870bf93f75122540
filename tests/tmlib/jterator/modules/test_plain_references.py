"""Modules against scikit-image, the plain formula, or the plainest program for the same."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops, regionprops_table

from tmlib.jterator.modules import (
    filter,  # noqa: A004 - a module's name is the name that pipelines use
    measure_intensity,
    measure_morphology,
    segment_nuclei,
    segment_secondary,
    smooth,
    threshold_adaptive,
)
from tmlib.jterator.segment.secondary import flood, grow, without_outlines

Labels = NDArray[np.int32]
Words = NDArray[np.uint16]
SEEDS = st.integers(0, 2**32 - 1)
a_few = settings(max_examples=12, deadline=None)


def site(seed: int, side: int = 48) -> tuple[Labels, Words]:
    """Disks that may touch, with labels in any order, and how bright they are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.int32)
    for label in rng.permutation(np.arange(1, 7)):
        cy, cx = rng.integers(0, side, 2)
        labels[(y - cy) ** 2 + (x - cx) ** 2 < rng.integers(9, 50)] = label
    light = ndimage.gaussian_filter(np.where(labels > 0, 3000.0, 200.0), 2)
    return labels, rng.poisson(light).astype(np.uint16)


def gaussian_kernel(blur: float, radius: int) -> NDArray[np.float64]:
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / blur) ** 2)
    kernel = weights[:, None] * weights
    return np.asarray(kernel / kernel.sum())


@a_few
@given(SEEDS, st.sampled_from([0.8, 1.5, 3.0]))
def test_smooth_with_a_gaussian_is_a_convolution(seed: int, blur: float) -> None:
    _, image = site(seed)
    radius = int(4 * blur + 0.5)
    expected = ndimage.convolve(image.astype(float), gaussian_kernel(blur, radius))
    smoothed = smooth.main(image, "gaussian", blur).smoothed_image
    assert np.array_equal(smoothed, np.floor(expected + 1e-6))


@a_few
@given(SEEDS, st.sampled_from([5, 11]), st.sampled_from([-20.0, 0.0, 40.0]))
def test_threshold_adaptive_compares_with_a_gaussian_window(
    seed: int, window: int, constant: float
) -> None:
    _, image = site(seed)
    kernel = gaussian_kernel(0.3 * ((window - 1) / 2 - 1) + 0.8, window // 2)
    level = ndimage.convolve(image.astype(float), kernel, mode="nearest") - constant
    mask = threshold_adaptive.main(image, "crosscorr", window, constant).mask
    clear = np.abs(image - level) > 1e-6
    assert np.array_equal(mask[clear], (image > level)[clear])


@a_few
@given(SEEDS)
def test_measurements_are_those_of_scikit_image(seed: int) -> None:
    labels, image = site(seed)
    intensity = measure_intensity.main(labels, labels, image).measurements
    names = {"max": "max", "mean": "mean", "min": "min", "std": "std"}
    plain = regionprops_table(
        labels, image, properties=("label", *(f"intensity_{name}" for name in names.values()))
    )
    assert list(intensity.index) == list(plain["label"])
    for name, reference in names.items():
        assert np.allclose(intensity[f"Intensity_{name}"], plain[f"intensity_{reference}"])
    morphology = measure_morphology.main(labels, labels).measurements
    properties = {
        "Area": "area",
        "Perimeter": "perimeter",
        "Eccentricity": "eccentricity",
        "Convexity": "solidity",
        "Extent": "extent",
        "Equivalent_Diameter": "equivalent_diameter_area",
    }
    plain = regionprops_table(labels, properties=("label", *properties.values()))
    for name, reference in properties.items():
        assert np.allclose(morphology[f"Morphology_{name}"], plain[reference], atol=1e-6), name


@pytest.mark.parametrize(
    ("feature", "low", "high"),
    [("eccentricity", 0.3, 0.8), ("convexity", 0.9, 0.97), ("circularity", 0.7, 1.1)],
)
@a_few
@given(seed=SEEDS)
def test_filter_keeps_the_shapes_within_the_bounds(
    feature: str, low: float, high: float, seed: int
) -> None:
    labels, _ = site(seed)
    kept = []
    for region in regionprops(labels):
        value = {
            "eccentricity": region.eccentricity,
            "convexity": region.solidity,
            "circularity": 4 * np.pi * region.area / max(region.perimeter, 1e-9) ** 2,
        }[feature]
        is_undefined = feature == "circularity" and region.perimeter == 0
        if is_undefined or low <= value <= high:
            kept.append(region.label)
    expected = np.zeros_like(labels)
    for number, label in enumerate(kept, start=1):
        expected[labels == label] = number
    filtered = filter.main(labels, feature, low, high).filtered_mask  # type: ignore[arg-type] # parametrised
    assert np.array_equal(filtered, expected)


def flooded(barrier: NDArray[np.float64], markers: Labels, mask: NDArray[np.bool_]) -> Labels:
    """Watershed with a queue: the lowest pixel that touches an object joins it next."""
    labels = np.where(mask, markers, 0).astype(np.int32)
    queue = [(barrier[y, x], 0, y, x) for y, x in np.argwhere(labels)]
    heapq.heapify(queue)
    age = 0
    while queue:
        _, _, y, x = heapq.heappop(queue)
        for place in ((y - 1, x), (y, x - 1), (y, x + 1), (y + 1, x)):
            if min(place) < 0 or place[0] >= labels.shape[0] or place[1] >= labels.shape[1]:
                continue
            if mask[place] and not labels[place]:
                age += 1
                labels[place] = labels[y, x]
                heapq.heappush(queue, (barrier[place], age, *place))
    return labels


@a_few
@given(SEEDS)
def test_cells_are_flooded_from_their_nuclei(seed: int) -> None:
    nuclei, image = site(seed)
    nuclei = ndimage.minimum_filter(nuclei, 3)
    if not nuclei.any():
        nuclei[20, 20] = 1
    foreground = ndimage.binary_dilation(image > 600, iterations=3)
    gradient = ndimage.gaussian_gradient_magnitude(image.astype(float), 1)
    typical = np.median(gradient[foreground | (nuclei > 0)])
    barrier = gradient / typical + 0.15 * ndimage.distance_transform_edt(nuclei == 0)
    expected = flooded(barrier, nuclei, foreground | (nuclei > 0))
    found = grow(nuclei, image, foreground)
    assert np.array_equal(found[expected > 0], expected[expected > 0])
    for label in np.unique(found[(found > 0) & (expected == 0)]):
        enclosed = ndimage.binary_fill_holes(expected == label)
        assert enclosed[found == label].all()


@a_few
@given(SEEDS, st.sampled_from([1, 200]))
def test_cells_of_the_original_are_flooded_from_the_brightest_on(seed: int, step: int) -> None:
    nuclei, image = site(seed)
    nuclei = ndimage.minimum_filter(nuclei, 3)
    nuclei[20, 20] = 9
    image = (image // step).astype(np.uint8 if step > 1 else np.uint16)
    foreground = image > 600 // step
    seeds = np.where(foreground | (nuclei > 0), nuclei, 10)
    everywhere = np.ones(image.shape, bool)
    expected = flooded(-image.astype(float), seeds, everywhere)
    expected[expected == 10] = 0
    found = flood(nuclei, image, foreground)
    assert np.array_equal(found[expected > 0], expected[expected > 0])
    for label in np.unique(found[(found > 0) & (expected == 0)]):
        assert ndimage.binary_fill_holes(expected == label)[found == label].all()
    apart = without_outlines(found, nuclei)
    assert np.array_equal(apart[nuclei > 0], nuclei[nuclei > 0])
    around = ndimage.generate_binary_structure(2, 1)
    largest = ndimage.maximum_filter(found, footprint=around)
    is_inner = (largest == found) & (ndimage.minimum_filter(found, footprint=around) == found)
    assert np.array_equal(apart > 0, is_inner & (found > 0) | (nuclei > 0))


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_turning_the_image_turns_the_cells(turn: int) -> None:
    nuclei, image = site(3, side=60)
    found = segment_secondary.main(nuclei, image, 0, None, None).secondary_label_image
    turned = segment_secondary.main(
        np.rot90(nuclei, turn).copy(), np.rot90(image, turn).copy(), 0, None, None
    ).secondary_label_image
    assert np.mean(np.rot90(turned, -turn) != found) < 0.01


def test_moving_the_image_moves_the_nuclei() -> None:
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:220, :220]
    light = np.full((220, 220), 100.0)
    for cy in range(40, 190, 24):
        for cx in range(40, 190, 22):
            light[(y - cy) ** 2 + (x - cx) ** 2 < rng.integers(60, 110)] = 700
    image = rng.poisson(ndimage.gaussian_filter(light, 1)).astype(np.uint16)
    labels = segment_nuclei.main(image).label_image
    assert labels.max() > 40
    for shift in ((1, 0), (-3, 7)):
        moved = segment_nuclei.main(np.roll(image, shift, (0, 1))).label_image
        back = np.roll(moved, (-shift[0], -shift[1]), (0, 1))
        assert moved.max() == labels.max()
        assert np.mean((back > 0) != (labels > 0)) < 0.005
