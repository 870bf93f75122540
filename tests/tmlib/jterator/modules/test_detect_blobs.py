"""Blobs: spots of which the places are known, and the rules of the original's extraction."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tmlib.jterator.modules import detect_blobs
from tmlib.jterator.segment.blobs import detect

Float = NDArray[np.float64]
Image = NDArray[np.uint16]

SHAPE = (120, 140)
EVERYWHERE = np.ones(SHAPE, bool)
SPOTS = [(y, x) for y in range(10, 110, 12) for x in range(12, 130, 13)]


def spots(*places: tuple[float, float], size: float = 1.2, height: float = 400) -> Image:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = 100 + 30.0 * (x > 70)
    for cy, cx in places:
        light += height * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * size**2))
    return np.random.default_rng(0).poisson(light).astype(np.uint16)


def test_every_spot_is_found_once_and_in_its_place() -> None:
    found = detect_blobs.main(spots(*SPOTS), EVERYWHERE, threshold=25)
    assert found.centroids.dtype == found.blobs.dtype == np.int32
    y, x = np.nonzero(found.centroids)
    assert len(y) == len(SPOTS)
    distances = np.hypot(y[:, None] - [s[0] for s in SPOTS], x[:, None] - [s[1] for s in SPOTS])
    assert distances.min(axis=0).max() <= 1
    labels = found.blobs[y, x]
    assert np.array_equal(labels, found.centroids[y, x])
    assert sorted(labels) == list(range(1, len(SPOTS) + 1))
    areas = np.bincount(found.blobs.ravel())[1:]
    assert areas.min() >= 5
    assert areas.max() <= 100


def test_background_alone_holds_no_blobs() -> None:
    assert not detect_blobs.main(spots(), EVERYWHERE, threshold=25).blobs.any()
    flat = np.full(SHAPE, 65535, np.uint16)
    assert not detect_blobs.main(flat, EVERYWHERE, threshold=1e-3).blobs.any()


def test_touching_spots_are_told_apart() -> None:
    found = detect_blobs.main(spots((60, 60), (60, 64.5), height=2000), EVERYWHERE, threshold=25)
    assert found.blobs.max() == 2
    assert found.blobs[60, 60] != found.blobs[60, 65]


def test_blobs_outside_of_the_bounds_of_area_are_left_out() -> None:
    image = spots((30, 30), (80, 90), height=2000)
    image[55:85, 20:50] += 3000
    args: dict[str, Any] = {"threshold": 25, "mean_area": 20}
    assert detect_blobs.main(image, EVERYWHERE, **args, max_area=40).blobs[70, 35] == 0
    areas = np.bincount(detect_blobs.main(image, EVERYWHERE, threshold=25).blobs.ravel())
    (smaller, *_) = sorted(areas[1:])
    left = detect_blobs.main(image, EVERYWHERE, threshold=25, min_area=smaller + 1).blobs
    assert left.max() < len(areas) - 1


def test_blobs_lie_in_the_mask_and_in_one_object_each() -> None:
    objects = np.zeros(SHAPE, np.int32)
    objects[20:100, 20:71], objects[20:100, 71:120] = 3, 8
    places = [(60.0, 71.0), (40.0, 30.0), (40.0, 100.0), (5.0, 5.0)]
    found = detect_blobs.main(spots(*places, size=2, height=3000), objects, threshold=25)
    assert (objects[found.blobs > 0] > 0).all()
    for label in range(1, found.blobs.max() + 1):
        assert len(np.unique(objects[found.blobs == label])) == 1
        assert np.count_nonzero(found.centroids == label) == 1
        assert found.blobs[found.centroids == label] == label


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6), st.integers(0, 6))
def test_blobs_move_with_the_image(dy: int, dx: int) -> None:
    image = np.full((80, 80), 100, np.uint16)
    image[20:60, 20:60] += np.random.default_rng(3).integers(0, 300, (40, 40)).astype(np.uint16)
    everywhere = np.ones(image.shape, bool)
    still = detect_blobs.main(image, everywhere, threshold=40, mean_area=10)
    moved = detect_blobs.main(np.roll(image, (dy, dx), (0, 1)), everywhere, 40, mean_area=10)
    assert np.array_equal(moved.blobs, np.roll(still.blobs, (dy, dx), (0, 1)))
    assert np.array_equal(moved.centroids, np.roll(still.centroids, (dy, dx), (0, 1)))


def count_of_peaks(response: Float, threshold: float, min_area: int) -> int:
    """Components of all level sets: a peak counts if its own part of them has enough pixels."""

    def components(level: float) -> list[frozenset[tuple[int, int]]]:
        left = {(int(y), int(x)) for y, x in np.argwhere(response > level)}
        parts = []
        while left:
            part, front = set(), [left.pop()]
            while front:
                y, x = front.pop()
                part.add((y, x))
                around = {(y + b, x + a) for b in (-1, 0, 1) for a in (-1, 0, 1)} & left
                left -= around
                front += around
            parts.append(frozenset(part))
        return parts

    levels = [threshold, *sorted(set(response[response > threshold].tolist()))]
    large = {part for level in levels for part in components(level) if len(part) >= min_area}
    return sum(not any(other < part for other in large) for part in large)


def where_three_hills_meet() -> NDArray[np.int64]:
    heights = np.full((8, 9), 4)
    heights[[0, 1, 1, 2, 2], [1, 3, 5, 1, 5]] = 0
    return heights


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.int64, (8, 9), elements=st.integers(0, 12)), st.integers(1, 3))
@example(where_three_hills_meet(), 3)
def test_a_peak_is_a_blob_if_enough_pixels_stand_out(heights: NDArray[np.int64], n: int) -> None:
    # Ties make it a matter of taste which peak is the higher one.
    response = heights + np.random.default_rng(1).permutation(72).reshape(8, 9) / 1000
    everywhere = np.ones(response.shape, bool)
    found = detect(response, everywhere, threshold=4, min_area=n, max_area=np.inf)
    assert found.blobs.max() == count_of_peaks(response, 4, n)
    areas = Counter(found.blobs[found.blobs > 0].tolist())
    assert all(area >= n for area in areas.values())
