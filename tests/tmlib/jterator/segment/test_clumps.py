"""Objects that are no clumps stay as they are, clumps are cut at their necks."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.segment.clumps import ClumpCriteria, separate

CRITERIA = ClumpCriteria(
    min_area=200, max_area=np.inf, max_convexity=0.95, max_circularity=0.95, min_cut_area=80
)


def disks(*centres: tuple[int, int]) -> NDArray[np.bool_]:
    y, x = np.mgrid[:90, :120]
    return np.any([(y - cy) ** 2 + (x - cx) ** 2 < 150 for cy, cx in centres], axis=0)


def test_a_clump_is_cut_and_a_single_object_is_not() -> None:
    mask = disks((20, 20), (20, 40), (60, 60))
    labels = separate(mask, mask.astype(np.uint8), CRITERIA, trim=True)
    assert np.array_equal(labels > 0, mask)
    assert list(labels[[20, 20, 60], [20, 40, 60]]) == [1, 2, 3]
    assert labels.max() == 3
    neck = [int(labels[20, x]) for x in range(8, 53)]
    assert neck == [1] * 22 + [2] * 23 or neck == [1] * 23 + [2] * 22


def test_without_clumps_objects_are_components() -> None:
    mask = disks((20, 20), (60, 60), (30, 90))
    labels = separate(mask, mask.astype(np.uint8), CRITERIA, trim=True)
    expected = ndimage.label(mask, np.ones((3, 3)))[0]
    assert np.array_equal(labels, expected)
    assert labels.dtype == np.int32


def test_moving_the_image_moves_the_objects() -> None:
    mask = disks((25, 20), (25, 40), (60, 60), (62, 81))
    brightness = np.where(mask, 200, 20).astype(np.uint8)
    labels = separate(mask, brightness, CRITERIA, trim=True)
    for shift in ((3, 5), (-4, 1)):
        there, its_brightness = (np.roll(mask, shift, (0, 1)), np.roll(brightness, shift, (0, 1)))
        moved = separate(there, its_brightness, CRITERIA, trim=True)
        assert np.array_equal(moved > 0, np.roll(labels > 0, shift, (0, 1)))
        # a coarse grid may move a cut by a pixel
        assert np.mean(moved != np.roll(labels, shift, (0, 1))) < 0.005


def test_a_mask_without_background_and_one_without_foreground() -> None:
    for mask in (np.ones((40, 50), bool), np.zeros((40, 50), bool)):
        labels = separate(mask, mask.astype(np.uint8), CRITERIA, trim=True)
        assert np.array_equal(labels > 0, mask)
        assert labels.max() <= 1
