"""Neighbours against the distances of all pixels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.measure.neighbours import neighbours

Labels = NDArray[np.int32]

SPARSE_LABELS = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0] * 8 + [1, 2, 9, 9]),
)


def reference(labels: Labels, neighbour_distance: int, touching_distance: int) -> pd.DataFrame:
    rows = {}
    for label in np.unique(labels[labels > 0]):
        mask = labels == label
        others = (labels > 0) & ~mask
        from_object = ndimage.distance_transform_edt(~mask)
        count = len(np.unique(labels[others & (from_object <= neighbour_distance)]))
        border = mask & ~ndimage.binary_erosion(mask)
        touching = np.zeros_like(mask)
        if others.any():
            touching = border & (ndimage.distance_transform_edt(~others) <= touching_distance)
        rows[label] = [count, touching.sum() / border.sum()]
    columns = ["Neighbours_Neighbours_Count", "Neighbours_Fraction_Touching"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).astype(float)


@settings(deadline=None)
@given(SPARSE_LABELS, st.integers(0, 4), st.integers(0, 4))
def test_neighbours_are_those_within_the_distance(labels: Labels, near: int, touch: int) -> None:
    found = neighbours(labels, neighbour_distance=near, touching_distance=touch)
    expected = reference(labels, near, touch)
    pd.testing.assert_frame_equal(found, expected, check_names=False, check_index_type=False)


def test_objects_in_a_row() -> None:
    labels = np.zeros((8, 30), np.int32)
    labels[2:6, 2:6] = 4
    labels[2:6, 6:10] = 2  # touches the first
    labels[2:6, 13:17] = 9  # three pixels of background in between
    found = neighbours(labels, neighbour_distance=4, touching_distance=1)
    assert list(found.index) == [2, 4, 9]
    assert list(found["Neighbours_Neighbours_Count"]) == [2, 1, 1]
    np.testing.assert_array_equal(found["Neighbours_Fraction_Touching"], [4 / 12, 4 / 12, 0])
    closer = neighbours(labels, neighbour_distance=3, touching_distance=1)
    assert list(closer["Neighbours_Neighbours_Count"]) == [1, 1, 0]


def test_negative_distances_are_refused() -> None:
    with pytest.raises(ValueError, match="touching_distance"):
        neighbours(np.ones((2, 2), np.int32), touching_distance=-1)
