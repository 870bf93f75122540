"""Feature values against scikit-image, SciPy and mahotas, object by object."""

import mahotas
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mahotas.features import zernike_moments
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_components
from skimage.measure import regionprops

from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.intensity import intensity
from tmlib.jterator.measure.morphology import morphology
from tmlib.jterator.measure.zernike import ZERNIKE_NAMES

Labels = NDArray[np.int32]

LABEL_IMAGES = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
    elements=st.sampled_from([0, 1, 1, 1, 2, 9]),
)
SMALL_SHAPES = hnp.arrays(np.bool_, (7, 8), elements=st.sampled_from([True, True, False]))


def reference_morphology(labels: Labels) -> pd.DataFrame:
    rows = {}
    for region in regionprops(labels):
        mask = np.pad(region.image, 1)
        depth = ndimage.distance_transform_edt(mask)[mask]
        perimeter, major = region.perimeter, region.axis_major_length
        values = {
            "Local_Centroid_x": region.centroid[1],
            "Local_Centroid_y": region.centroid[0],
            "Area": region.area,
            "Perimeter": perimeter,
            "Eccentricity": region.eccentricity,
            "Extent": region.extent,
            "Convexity": region.solidity,
            "Circularity": 4 * np.pi * region.area / perimeter**2 if perimeter else np.nan,
            "Roundness": mahotas.features.roundness(mask),
            "Elongation": (major - region.axis_minor_length) / major if major else np.nan,
            "Equivalent_Diameter": region.equivalent_diameter_area,
            "Major_Axis_Length": major,
            "Minor_Axis_Length": region.axis_minor_length,
            "Maximum_Radius": depth.max(),
            "Mean_Radius": depth.mean(),
        }
        rows[region.label] = {f"Morphology_{name}": value for name, value in values.items()}
    return pd.DataFrame.from_dict(rows, orient="index").astype(float)


def test_morphology_is_that_of_the_reference(blobs: Labels) -> None:
    pd.testing.assert_frame_equal(
        morphology(blobs), reference_morphology(blobs), check_names=False, rtol=1e-9, atol=1e-7
    )


@given(SMALL_SHAPES)
def test_morphology_of_any_shape_is_that_of_the_reference(mask: NDArray[np.bool_]) -> None:
    labels = connected_components(mask, connectivity=1).astype(np.int32)
    if not mask.any():
        return
    found, expected = morphology(labels), reference_morphology(labels)
    pd.testing.assert_frame_equal(found, expected, check_names=False, rtol=1e-9, atol=1e-6)


def test_zernike_moments_are_magnitudes_that_ignore_rotation() -> None:
    labels = np.zeros((60, 130), np.int32)
    labels[10:50, 20:30] = 1
    labels[10:25, 30:40] = 1
    shape = labels[8:52, 18:42] > 0
    labels[10:34, 70:114] = 2 * np.rot90(shape)
    features = morphology(labels, zernike=True)
    assert len(ZERNIKE_NAMES) == 49
    names = [f"Morphology_{name}" for name in ZERNIKE_NAMES]
    assert list(features.columns[-49:]) == names
    moments = features[names].to_numpy()
    assert moments[0, 0] == pytest.approx(1 / np.pi)
    np.testing.assert_allclose(moments[0], moments[1], atol=5e-3)


def test_zernike_moments_are_those_of_mahotas(blobs: Labels) -> None:
    labels = np.pad(blobs, ((0, 0), (0, 400)))
    labels[20:60, 200:500] = 1000  # larger than the stretched image
    labels[100, 200:203] = 1001
    labels[120:140:2, 200:240] = 1002  # of several parts
    found = morphology(labels, zernike=True).filter(like="Zernike")
    for region in regionprops(labels):
        mask = np.pad(region.image, 1)
        y, x = (np.arange(200) * (n - 1) // 199 + 1 for n in mask.shape)
        mask = np.pad(mask, ((0, 1), (0, 1)))
        expected = zernike_moments(mask[np.ix_(y, x)].astype(np.uint8), 100, degree=12)
        np.testing.assert_allclose(found.loc[region.label], expected, atol=1e-9)


@given(LABEL_IMAGES, st.sampled_from([np.uint8, np.uint16]), st.integers(0, 2**32 - 1))
def test_intensity_is_that_of_the_reference(
    labels: Labels, dtype: type[np.unsignedinteger], seed: int
) -> None:
    random = np.random.default_rng(seed)
    image = random.integers(0, np.iinfo(dtype).max, labels.shape, dtype=dtype, endpoint=True)
    found = intensity(labels, image)
    index = np.unique(labels[labels > 0])
    assert list(found.index) == list(index)
    for label in index:
        values = image[labels == label].astype(np.float64)
        expected = [values.max(), values.mean(), values.min(), values.sum(), values.std()]
        np.testing.assert_allclose(found.loc[label], expected, rtol=1e-10)
    assert list(found) == [f"Intensity_{name}" for name in ("max", "mean", "min", "sum", "std")]


def test_columns_and_types_do_not_depend_on_there_being_objects(blobs: Labels) -> None:
    nothing = np.zeros_like(blobs)
    image = blobs.astype(np.uint8)
    for some, none in (
        (morphology(blobs, zernike=True), morphology(nothing, zernike=True)),
        (intensity(blobs, image), intensity(nothing, image)),
        (
            assign(intensity(blobs, image), blobs, blobs, aggregate=True),
            assign(intensity(nothing, image), nothing, nothing, aggregate=True),
        ),
    ):
        assert none.empty
        assert list(none.columns) == list(some.columns)
        assert (none.dtypes == np.float64).all()


def test_features_go_to_the_object_of_the_same_label_that_encloses() -> None:
    cells = np.repeat(np.array([[1, 1, 1, 2, 2, 2, 4, 4]], np.int32), 3, axis=0)
    nuclei = np.where([[0, 1, 0, 0, 1, 1, 0, 0]], cells, 0)
    found = assign(morphology(nuclei), nuclei, cells, aggregate=False)
    assert list(found.index) == [1, 2, 4]
    assert list(found["Morphology_Area"].iloc[:2]) == [3, 6]
    assert found.loc[4].isna().all()


def test_features_of_enclosed_objects_are_summarised() -> None:
    cells = np.array([[1, 1, 1, 1, 1, 3, 3, 6]] * 2, np.int32)
    spots = np.array([[7, 7, 0, 5, 0, 2, 0, 0], [7, 7, 0, 0, 0, 0, 0, 0]], np.int32)
    found = assign(morphology(spots), spots, cells, aggregate=True)
    assert list(found.index) == [1, 3, 6]
    assert list(found["Count"]) == [2, 1, 0]
    assert list(found["Sum_Morphology_Area"]) == [5, 1, 0]
    np.testing.assert_allclose(found["Mean_Morphology_Area"], [2.5, 1, np.nan])
    np.testing.assert_allclose(found["Std_Morphology_Area"], [1.5, 0, np.nan])


def test_an_object_in_two_counts_in_both_and_one_in_none_nowhere() -> None:
    cells = np.zeros((4, 9), np.int32)
    cells[:, :3], cells[:, 3:6] = 1, 2
    spots = np.zeros((4, 9), np.int32)
    spots[1:3, 2:4], spots[0, 8], spots[3, 5:7] = 5, 3, 9
    found = assign(morphology(spots), spots, cells, aggregate=True)
    assert list(found["Count"]) == [1, 2]
    assert list(found["Sum_Morphology_Area"]) == [4, 6]


def test_an_object_that_is_not_wholly_enclosed_hands_on_its_values_by_label() -> None:
    cells = np.array([[1, 1, 2, 2, 0]], np.int32)
    nuclei = np.array([[0, 1, 1, 2, 2]], np.int32)
    found = assign(morphology(nuclei), nuclei, cells, aggregate=False)
    assert list(found["Morphology_Area"]) == [2, 2]


def test_objects_that_do_not_meet_the_object_of_their_label_are_named() -> None:
    cells = np.array([[1, 1, 2, 2, 0]], np.int32)
    for nuclei in ([[0, 0, 1, 1, 0]], [[2, 1, 0, 0, 2]], [[1, 0, 2, 0, 3]]):
        labels = np.array(nuclei, np.int32)
        with pytest.raises(ValueError, match=r"object [123] does not lie.* aggregate"):
            assign(morphology(labels), labels, cells, aggregate=False)


def test_images_of_different_shapes_are_refused(blobs: Labels) -> None:
    with pytest.raises(ValueError, match="shape"):
        intensity(blobs, np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="shape"):
        assign(morphology(blobs), blobs, blobs[1:], aggregate=False)
    with pytest.raises(ValueError, match="negative"):
        morphology(-blobs)
