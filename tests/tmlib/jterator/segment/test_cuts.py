"""Clumps are cut where the original cut them: against the plainest program for the same."""

import mahotas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_components

from tmlib.jterator.measure.morphology import form_factors
from tmlib.jterator.segment.clumps import ClumpCriteria
from tmlib.jterator.segment.cuts import cut, joined, parted

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

SQUARE = np.ones((3, 3), bool)
CRITERIA = ClumpCriteria(
    min_area=60, max_area=5000, max_convexity=0.95, max_circularity=0.95, min_cut_area=20
)


def plain_cut(mask: Mask, criteria: ClumpCriteria) -> Labels:
    """One clump at a time, one cut of each per pass."""
    remaining, active = mask.copy(), mask.copy()
    while active.any():
        objects = connected_components(active, connectivity=2)
        active = np.zeros_like(mask)
        factors = form_factors(objects.astype(np.int32))
        for label, area, convexity, circularity in zip(*factors, strict=True):
            is_clump = criteria.min_area <= area <= criteria.max_area
            is_clump &= convexity <= criteria.max_convexity
            is_clump &= circularity <= criteria.max_circularity
            if not is_clump:
                continue
            y, x = np.nonzero(objects == label)
            box = np.s_[y.min() : y.max() + 1, x.min() : x.max() + 1]
            clump = np.pad(objects[box] == label, 1)
            line = plain_line(clump)
            pieces = connected_components(clump & ~line, connectivity=2)
            sizes = np.bincount(pieces.ravel())[1:]
            if len(sizes) > 2:
                for splinter in np.flatnonzero(sizes < 10) + 1:
                    line |= pieces == splinter
                sizes = sizes[sizes >= 10]
            if line.any() and len(sizes) and sizes.min() >= criteria.min_cut_area:
                remaining[box] &= ~line[1:-1, 1:-1]
                active[box] |= (clump & ~line)[1:-1, 1:-1]
    return np.asarray(connected_components(remaining, connectivity=2), np.int32)


def plain_line(clump: Mask) -> Mask:
    """The pixels of a clump that have a neighbour in the other basin."""
    squares = ndimage.distance_transform_edt(clump) ** 2
    height = np.floor(np.rint(squares) * (255.0 / np.rint(squares).max())).astype(np.uint8)
    peaks = height > mahotas.otsu(height)
    if ndimage.label(peaks)[1] == 1:
        while True:
            smaller = ndimage.binary_opening(ndimage.binary_erosion(peaks))
            n = ndimage.label(smaller)[1]
            peaks = smaller if n else peaks
            if n in (0, 2):
                break
    parts, n = ndimage.label(peaks)
    sizes = [np.count_nonzero(parts == part) for part in range(1, n + 1)]
    for part in np.argsort(sizes, kind="stable")[:-2] + 1:
        parts[parts == part] = 0
    basins = mahotas.cwatershed(~height, parts)
    line: Mask = clump & (ndimage.maximum_filter(basins, 3) != ndimage.minimum_filter(basins, 3))
    return line


def field(seed: int) -> Mask:
    """Ellipses, many of which overlap; some lie on the border."""
    random = np.random.default_rng(seed)
    y, x = np.indices((90, 110))
    mask = np.zeros(y.shape, bool)
    for _ in range(14):
        cy, cx, a, b = *random.integers(0, (90, 110)), *random.uniform(5, 12, 2)
        mask |= ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1
    return mask


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([5, 20, 60]))
def test_cuts_are_those_of_the_plain_program(seed: int, min_cut_area: int) -> None:
    criteria = ClumpCriteria(60, 5000, 0.95, 0.95, min_cut_area)
    mask = field(seed)
    assert np.array_equal(cut(mask, criteria, trim=True), plain_cut(mask, criteria))


@pytest.mark.parametrize("trim", [False, True])
def test_no_piece_touches_another(trim: bool) -> None:
    n_cuts = 0
    for seed in range(5):
        mask = field(seed)
        labels = cut(mask, CRITERIA, trim=trim)
        assert not labels[~mask].any()
        assert ndimage.label(labels > 0, SQUARE)[1] == labels.max()
        n_cuts += labels.max() - ndimage.label(mask, SQUARE)[1]
        whole = joined(labels, mask)
        assert np.array_equal(whole > 0, mask)
        assert np.array_equal(whole[labels > 0], labels[labels > 0])
        again = parted(whole)
        assert ndimage.label(again > 0, SQUARE)[1] == labels.max()
        assert np.array_equal(again[again > 0], whole[again > 0])
    assert n_cuts > 10


def test_masks_without_clumps_stay_as_they_are() -> None:
    for mask in (np.zeros((30, 40), bool), np.ones((30, 40), bool), np.eye(30, dtype=bool)):
        labels = cut(mask, CRITERIA, trim=True)
        assert np.array_equal(labels > 0, mask)
        assert labels.max() == mask.any()
