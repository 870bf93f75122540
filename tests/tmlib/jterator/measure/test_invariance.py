"""What must not change a feature: other labels, another place, other objects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tmlib.jterator.measure.intensity import intensity
from tmlib.jterator.measure.morphology import morphology
from tmlib.jterator.measure.neighbours import neighbours
from tmlib.jterator.measure.point_pattern import point_pattern
from tmlib.jterator.measure.texture import texture
from tmlib.jterator.measure.volume import morphology_3d

Labels = NDArray[np.int32]
Image = NDArray[np.uint16]
Measure = Callable[[Labels, Image], pd.DataFrame]


def all_textures(labels: Labels, image: Image) -> pd.DataFrame:
    switches: dict[str, Any] = {"measure_tas": True, "measure_lbp": True, "measure_haralick": True}
    return texture(labels, image, radii=(1, 4), **switches)


MEASURES: dict[str, Measure] = {
    "intensity": intensity,
    "morphology": lambda labels, _: morphology(labels, zernike=True),
    "texture": all_textures,
    "volume": morphology_3d,
    "points": lambda labels, _: point_pattern(labels, np.ones_like(labels)),
    "neighbours": lambda labels, _: neighbours(labels),
}
OF_EACH_OBJECT_ALONE = ("intensity", "morphology", "texture", "volume")
PLACES = [f"Morphology_Local_Centroid_{axis}" for axis in "yx"]


def a_site(seed: int) -> tuple[Labels, Image]:
    random = np.random.default_rng(seed)
    labels = np.zeros((40, 44), np.int32)
    for label in random.choice(np.arange(1, 60), 8, replace=False):
        y, x = random.integers(0, labels.shape)
        height, width = random.integers(1, 14, 2)
        labels[y : y + height, x : x + width] = label
    labels[0, 0] = 99  # at least one object
    return labels, random.integers(0, 2**16, labels.shape, dtype=np.uint16)


every_site = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("name", MEASURES)
@every_site
@given(seed=st.integers(0, 2**32 - 1))
def test_other_labels_change_nothing(name: str, seed: int) -> None:
    labels, image = a_site(seed)
    table = np.append(0, np.random.default_rng(seed).permutation(99) + 70_000).astype(np.int32)
    found = MEASURES[name](table[labels], image)
    expected = MEASURES[name](labels, image)
    pd.testing.assert_frame_equal(
        found.loc[table[expected.index]].reset_index(drop=True), expected.reset_index(drop=True)
    )


@pytest.mark.parametrize("name", MEASURES)
@every_site
@given(seed=st.integers(0, 2**32 - 1), y=st.integers(0, 9), x=st.integers(0, 9))
def test_another_place_changes_nothing(name: str, seed: int, y: int, x: int) -> None:
    """Objects that are moved together in an image with the same pixels, in another order."""
    labels, image = a_site(seed)
    labels, image = np.pad(labels, 10), np.pad(image, 10)
    moved_labels = np.roll(labels, (y, -x), axis=(0, 1))
    moved_image = np.roll(image, (y, -x), axis=(0, 1))
    found, expected = MEASURES[name](moved_labels, moved_image), MEASURES[name](labels, image)
    if name == "morphology":
        found[PLACES] -= [y, -x]
    if name == "points":  # the border of the image is the border of their object
        found, expected = found.iloc[:, 2:], expected.iloc[:, 2:]
    assert_same(found, expected)


@pytest.mark.parametrize("name", OF_EACH_OBJECT_ALONE)
@every_site
@given(seed=st.integers(0, 2**32 - 1))
def test_other_objects_change_nothing(name: str, seed: int) -> None:
    labels, image = a_site(seed)
    expected = MEASURES[name](labels, image)
    for label in expected.index[::3]:
        alone = MEASURES[name](np.where(labels == label, labels, 0), image)
        assert_same(alone, expected.loc[[label]])


@pytest.mark.parametrize("name", MEASURES)
def test_columns_and_types_do_not_depend_on_there_being_objects(name: str) -> None:
    labels, image = a_site(0)
    some = MEASURES[name](labels, image)
    none = MEASURES[name](np.zeros_like(labels), image)
    assert none.empty
    assert list(none.columns) == list(some.columns)
    assert none.index.name == some.index.name == "label"
    assert (none.dtypes == np.float64).all()
    assert (some.dtypes == np.float64).all()
