"""Distances of points against a plain look at every pair."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from tmlib.jterator.measure.point_pattern import point_pattern

Labels = NDArray[np.int32]

NAMES = (
    "absolute-distance-to-border",
    "relative-distance-to-border",
    "absolute-distance-to-nearest-neighbor",
    "relative-distance-to-nearest-neighbor",
    "mean-absolute-distance-to-neighbors",
    "mean-relative-distance-to-neighbors",
    "std-absolute-distance-to-neighbors",
    "std-relative-distance-to-neighbors",
)


def reference(points: Labels, cells: Labels) -> pd.DataFrame:
    labels = np.unique(points[points > 0])
    rows = {}
    places = {n: np.argwhere(points == n).mean(axis=0) for n in labels}
    parents = {}
    for label in labels:
        below = cells[points == label]
        counts = np.bincount(below[below > 0], minlength=1)
        parents[label] = counts.argmax() if counts.sum() else 0
    for label in labels:
        parent = parents[label]
        values = np.full(8, np.nan)
        if parent:
            mask = cells == parent
            depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
            values[0] = depth[tuple(np.floor(places[label] + 0.5).astype(int))]
            others = [n for n in labels if n != label and parents[n] == parent]
            if others:
                distances = cdist([places[label]], [places[n] for n in others])[0]
                values[[2, 4, 6]] = distances.min(), distances.mean(), distances.std()
            values[1::2] = values[::2] / mask.sum()
        rows[label] = values
    columns = [f"PointPattern_{name}" for name in NAMES]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_distances_are_those_of_a_plain_look_at_every_pair(seed: int, n_points: int) -> None:
    random = np.random.default_rng(seed)
    cells = np.kron(random.integers(0, 4, (3, 4)) * 5, np.ones((8, 9))).astype(np.int32)
    points = np.zeros_like(cells)
    for n in random.permutation(n_points):
        y, x = random.integers(0, cells.shape)
        points[y : y + random.integers(1, 4), x : x + random.integers(1, 4)] = 2 * n + 1
    found = point_pattern(points, cells)
    assert list(found) == [f"PointPattern_{name}" for name in NAMES]
    pd.testing.assert_frame_equal(
        found, reference(points, cells), check_names=False, check_index_type=False, rtol=1e-9
    )


def test_many_points_in_one_object_are_measured_in_blocks() -> None:
    points = np.zeros((120, 120), np.int32)
    points[::3, ::3] = np.arange(1, 1601).reshape(40, 40)
    found = point_pattern(points, np.ones_like(points))
    np.testing.assert_array_equal(found["PointPattern_absolute-distance-to-nearest-neighbor"], 3)
    places = np.argwhere(points)
    distances = cdist(places, places).sum(axis=1) / 1599
    np.testing.assert_allclose(found["PointPattern_mean-absolute-distance-to-neighbors"], distances)


def test_one_point_has_no_neighbours_and_a_point_outside_no_distances() -> None:
    cells = np.zeros((9, 20), np.int32)
    cells[1:8, 1:8] = 7
    points = np.zeros_like(cells)
    points[4, 4], points[4, 15] = 3, 1
    found = point_pattern(points, cells)
    assert list(found.index) == [1, 3]
    assert found.loc[1].isna().all()
    assert found.loc[3, "PointPattern_absolute-distance-to-border"] == 4
    assert found.loc[3, "PointPattern_relative-distance-to-border"] == 4 / 49
    assert found.loc[3].iloc[2:].isna().all()


def test_points_and_objects_of_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        point_pattern(np.ones((3, 4), np.int32), np.ones((4, 3), np.int32))
