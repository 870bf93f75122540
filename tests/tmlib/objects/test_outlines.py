"""Outlines of label images against what they must fill."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tmlib.objects.writing.outlines import outlines

Labels = NDArray[np.int32]

SMALL_LABEL_IMAGES = hnp.arrays(
    np.int32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.sampled_from([0, 0, 1, 1, 2, 7]),
)


def by_union_of_pixels(labels: Labels) -> dict[int, shapely.Geometry]:
    """The plain way: every pixel is a box, an object is their union."""
    reference: dict[int, shapely.Geometry] = {}
    for label in np.unique(labels[labels > 0]):
        boxes = [shapely.box(x, y, x + 1, y + 1) for y, x in np.argwhere(labels == label)]
        reference[int(label)] = shapely.union_all(boxes)
    return reference


def rasterised(
    geometries: dict[int, shapely.Polygon | shapely.MultiPolygon], shape: tuple[int, ...]
) -> Labels:
    y, x = np.indices(shape)
    labels = np.zeros(shape, np.int32)
    for label, geometry in geometries.items():
        labels[shapely.contains_xy(geometry, x + 0.5, y + 0.5)] = label
    return labels


@given(SMALL_LABEL_IMAGES)
def test_outlines_give_back_the_label_image(labels: Labels) -> None:
    found = outlines(labels)
    assert np.array_equal(rasterised(found, labels.shape), labels)
    for label, geometry in found.items():
        assert geometry.is_valid, shapely.is_valid_reason(geometry)
        assert geometry.area == np.count_nonzero(labels == label)
        vertices = shapely.get_coordinates(geometry)
        assert np.array_equal(vertices, np.rint(vertices))


@given(SMALL_LABEL_IMAGES)
def test_outlines_equal_the_union_of_pixels(labels: Labels) -> None:
    found = outlines(labels)
    reference = by_union_of_pixels(labels)
    assert list(found) == list(reference)
    for label, geometry in found.items():
        assert geometry.equals(reference[label])


def test_vertices_are_x_y_at_pixel_corners_and_only_where_the_outline_turns() -> None:
    labels = np.zeros((6, 9), np.int32)
    labels[1:4, 2:8] = 5
    (label, polygon), *others = outlines(labels).items()
    assert label == 5
    assert not others
    assert polygon.bounds == (2, 1, 8, 4)
    assert len(shapely.get_coordinates(polygon)) == 5


def test_hole_is_an_interior_ring_and_an_island_in_it_another_part() -> None:
    labels = np.ones((7, 7), np.int32)
    labels[1:6, 1:6] = 0
    labels[3, 3] = 1
    labels[2, 3] = 2
    found = outlines(labels)
    assert isinstance(found[1], shapely.MultiPolygon)
    assert sorted(len(part.interiors) for part in found[1].geoms) == [0, 1]
    assert isinstance(found[2], shapely.Polygon)


def test_pixels_that_touch_at_a_corner_are_two_polygons() -> None:
    found = outlines(np.array([[1, 0], [0, 1]], np.int32))
    assert isinstance(found[1], shapely.MultiPolygon)
    assert len(found[1].geoms) == 2


def test_ring_that_closes_at_a_corner_encloses_a_hole() -> None:
    labels = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 0]], np.int32)
    found = outlines(labels)
    assert isinstance(found[1], shapely.Polygon)
    assert len(found[1].interiors) == 1


def test_large_labels_and_other_integer_types_are_fine() -> None:
    labels = np.array([[0, 60000], [3, 60000]], np.uint16)
    assert list(outlines(labels)) == [3, 60000]


def test_image_without_objects_has_no_outlines() -> None:
    assert outlines(np.zeros((5, 4), np.int32)) == {}
    assert outlines(np.zeros((0, 4), np.int32)) == {}


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((2, 2, 2), np.int32), "2 dimensions"),
        (np.array([[0, -1]], np.int32), "negative"),
    ],
)
def test_what_is_no_label_image_is_refused(labels: Labels, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        outlines(labels)
