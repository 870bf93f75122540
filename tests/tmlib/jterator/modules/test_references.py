"""Filters, thresholds and components, each against the plainest way to do it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tmlib.jterator.modules import (
    fill,
    filter,  # noqa: A004 - a module's name is the name that pipelines use
    label,
    register_objects,
    separate_clumps,
    smooth,
    threshold_adaptive,
    threshold_otsu,
)

Mask = NDArray[np.bool_]
Words = NDArray[np.uint16]

SHAPE = (9, 12)
MASKS = arrays.arrays(np.bool_, SHAPE)
WORDS = arrays.arrays(np.uint16, SHAPE, elements=st.integers(0, 5000))


def component(mask: Mask, start: tuple[int, int], *, diagonal: bool) -> set[tuple[int, int]]:
    """The pixels that can be reached from one pixel."""
    reached, front = {start}, [start]
    while front:
        y, x = front.pop()
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                place = (y + dy, x + dx)
                inside = 0 <= place[0] < mask.shape[0] and 0 <= place[1] < mask.shape[1]
                if (diagonal or dy == 0 or dx == 0) and inside and mask[place]:
                    if place not in reached:
                        front.append(place)
                    reached.add(place)
    return reached


def labelled(mask: Mask, *, diagonal: bool) -> NDArray[np.int32]:
    labels = np.zeros(mask.shape, np.int32)
    for y, x in np.argwhere(mask):
        if labels[y, x] == 0:
            number = labels.max() + 1
            for place in component(mask, (int(y), int(x)), diagonal=diagonal):
                labels[place] = number
    return labels


@given(MASKS)
def test_label_numbers_what_is_connected(mask: Mask) -> None:
    assert np.array_equal(label.main(mask).label_image, labelled(mask, diagonal=True))
    four = label.main(mask, connectivity=4).label_image
    assert np.array_equal(four, labelled(mask, diagonal=False))
    assert np.array_equal(register_objects.main(mask).objects, four)


@given(MASKS, st.integers(0, 6))
def test_fill_closes_what_has_no_way_out(mask: Mask, max_area: int) -> None:
    around = np.pad(~mask, 1, constant_values=True)
    outside = component(around, (0, 0), diagonal=True)
    everything, small = mask.copy(), mask.copy()
    for y, x in np.argwhere(~mask):
        if (int(y) + 1, int(x) + 1) not in outside:
            everything[y, x] = True
            hole = component(~mask, (int(y), int(x)), diagonal=True)
            small[y, x] = len(hole) <= max_area
    assert np.array_equal(fill.main(mask).filled_mask, everything)
    assert np.array_equal(fill.main(mask, max_area=max_area).filled_mask, small)


@given(MASKS, st.integers(1, 8), st.integers(1, 30))
def test_filter_keeps_the_areas_within_the_bounds(mask: Mask, low: int, high: int) -> None:
    filtered = filter.main(mask, "area", low, high).filtered_mask
    before = labelled(mask, diagonal=False)
    kept = [n for n in range(1, before.max() + 1) if low <= np.count_nonzero(before == n) <= high]
    expected = np.zeros_like(before)
    for number, n in enumerate(kept, start=1):
        expected[before == n] = number
    assert np.array_equal(filtered, expected)


@given(WORDS)
def test_threshold_otsu_separates_the_classes_best(image: Words) -> None:
    # Levels in between two neighbouring gray values are equal: each side is one class.
    mask = threshold_otsu.main(image).mask

    def spread(high: Mask) -> float:
        if high.all() or not high.any():
            return 0.0
        share = float(high.mean())
        distance = float(image[high].mean()) - float(image[~high].mean())
        return share * (1 - share) * distance**2

    best = max(spread(image > level) for level in np.unique(image))
    assert spread(mask) == pytest.approx(best)


@pytest.mark.parametrize("name", ["average", "median"])
def test_smooth_takes_the_mean_or_median_of_the_window(name: str) -> None:
    @settings(max_examples=25)
    @given(WORDS)
    def check(image: Words) -> None:
        smoothed = smooth.main(image, name, 3).smoothed_image  # type: ignore[arg-type] # parametrised
        around = np.pad(image.astype(np.float64), 1, mode="symmetric")
        if name == "average":
            around = np.pad(image.astype(np.float64), 1, constant_values=np.nan)
        statistic: Any = {"average": np.nanmean, "median": np.median}[name]
        for y in range(SHAPE[0]):
            for x in range(SHAPE[1]):
                expected = statistic(around[y : y + 3, x : x + 3])
                assert smoothed[y, x] == int(expected)

    check()


@settings(max_examples=25)
@given(WORDS, st.sampled_from([-1.0, 0.0, 0.5, 2.0]))
def test_threshold_adaptive_compares_with_the_window(image: Words, constant: float) -> None:
    mask = threshold_adaptive.main(image, "niblack", 5, constant).mask
    around = np.pad(image, 2, mode="edge").astype(np.float64)
    for y in range(SHAPE[0]):
        for x in range(SHAPE[1]):
            window = around[y : y + 5, x : x + 5]
            level = window.mean() + constant * window.std()
            if abs(image[y, x] - level) > 1e-3:
                assert mask[y, x] == (image[y, x] > level)


@settings(max_examples=25, deadline=None)
@given(MASKS, WORDS)
def test_separate_clumps_loses_no_pixel_and_joins_nothing(mask: Mask, image: Words) -> None:
    cut = separate_clumps.main(
        mask, image, 3, 1, 1, 5, trimming=False, method="intensity", touching=True
    ).separated_label_image
    assert np.array_equal(cut > 0, mask)
    assert list(np.unique(cut[cut > 0])) == list(range(1, cut.max() + 1))
    before = labelled(mask, diagonal=True)
    for n in range(1, cut.max() + 1):
        part = cut == n
        assert len(np.unique(before[part])) == 1
        start = tuple(int(v) for v in np.argwhere(part)[0])
        assert len(component(part, (start[0], start[1]), diagonal=True)) == np.count_nonzero(part)
    nothing = separate_clumps.main(mask, image, 3, 0, 0, 5).separated_label_image
    assert np.array_equal(nothing, before)
