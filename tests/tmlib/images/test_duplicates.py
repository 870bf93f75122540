"""Objects that several overlapping sites show, against those that are there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.images.duplicates import Node, OverlappingLabels, same_objects
from tmlib.images.map_layout import Box

SIZE = 100


def cut(truth: NDArray[Any], box: Box) -> tuple[NDArray[np.int32], NDArray[Any]]:
    """The label image of a site, numbered anew as a segmentation would."""
    part = truth[box.y : box.y + box.height, box.x : box.x + box.width]
    numbers, labels = np.unique(part, return_inverse=True)
    return labels.reshape(part.shape).astype(np.int32), numbers


def look(truths: Sequence[NDArray[Any]], boxes: Sequence[Box]) -> list[set[tuple[int, int]]]:
    """What is dropped of each type, by true numbers: (site, number)."""
    overlap = OverlappingLabels(boxes, len(truths))
    names = []
    for site, box in enumerate(boxes):
        images, numbers = zip(*(cut(truth, box) for truth in truths), strict=True)
        overlap.add(site, images)
        names.append(numbers)
    return [
        {(one.dropped.site, int(names[one.dropped.site][kind][one.dropped.label])) for one in found}
        for kind, found in enumerate(overlap.duplicates())
    ]


def grid(rows: int, columns: int, overlap: int, seed: int = 0) -> list[Box]:
    rng = np.random.default_rng(seed)
    return [
        Box(int(y * (SIZE - overlap) + dy), int(x * (SIZE - overlap) + dx), SIZE, SIZE)
        for y in range(rows)
        for x in range(columns)
        for dy, dx in [rng.integers(0, 4, 2)]
    ]


def cells(shape: tuple[int, ...], seed: int = 0, distance: int = 16) -> NDArray[np.int32]:
    """Discs that do not touch, on a disturbed grid."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for y in range(0, shape[0], distance):
        for x in range(0, shape[1], distance):
            radius = rng.integers(3, 6)
            centre = np.array([y, x]) + rng.integers(0, distance - 2 * radius - 1, 2) + radius
            rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
            place = labels[tuple(slice(max(c - radius, 0), c + radius + 1) for c in centre)]
            disc = rows**2 + columns**2 <= radius**2
            place[disc[: place.shape[0], : place.shape[1]]] = labels.max() + 1
    return labels


@pytest.mark.parametrize("overlap", [5, 20, 45])
@pytest.mark.parametrize("seed", range(3))
def test_every_object_is_left_once(overlap: int, seed: int) -> None:
    boxes = grid(3, 3, overlap, seed)
    truth = cells((330, 330), seed)
    [dropped] = look([truth], boxes)
    left = [
        number
        for site, box in enumerate(boxes)
        for number in np.unique(cut(truth, box)[1])
        if number and (site, number) not in dropped
    ]
    seen = {int(number) for box in boxes for number in cut(truth, box)[1] if number}
    assert len(left) == len(set(left))
    assert set(left) == seen


def test_the_site_that_shows_it_whole_keeps_it() -> None:
    truth = np.zeros((100, 180), np.int32)
    truth[40:50, 75:95] = 1  # cut in the second site
    truth[10:20, 85:105] = 2  # cut in the first
    truth[60:70, 84:88] = 3  # whole in both, nearer to the first's centre
    truth[80:90, 92:96] = 4
    truth[90:99, 70:115] = 5  # cut in both, most of it in the first
    [dropped] = look([truth], [Box(0, 0, 100, 100), Box(0, 80, 100, 100)])
    assert dropped == {(1, 1), (0, 2), (1, 3), (0, 4), (0, 5)}


def test_cells_and_their_nuclei_are_kept_by_the_same_site() -> None:
    nuclei, bodies = (np.zeros((100, 180), np.int32) for _ in range(2))
    nuclei[40:46, 82:88] = 1  # whole in both, nearer to the first
    bodies[36:50, 81:103] = 1  # whole in the second only
    spots = np.zeros((100, 180), np.int32)
    spots[41:43, 83:85] = 1
    spots[10:12, 20:22] = 2
    bodies[5:15, 15:30] = 3
    nuclei[8:11, 18:25] = 3
    boxes = [Box(0, 0, 100, 100), Box(0, 80, 100, 100)]
    dropped = look([nuclei, bodies, spots], boxes)
    assert dropped[:2] == [{(0, 1)}, {(0, 1)}]
    assert len(dropped[2]) == 1


def test_cells_of_different_nuclei_are_not_the_same() -> None:
    nuclei, bodies = ([np.zeros((100, 100), np.int32) for _ in range(2)] for _ in range(2))
    nuclei[0][40:50, 60:70], bodies[0][35:55, 55:95] = 7, 7
    nuclei[1][40:50, 30:40], bodies[1][35:55, 2:45] = 3, 3
    nuclei[0][70:80, 82:90], bodies[0][65:85, 70:100] = 8, 8  # the same cell,
    nuclei[1][70:80, 2:10], bodies[1][65:85, 0:30] = 5, 5  # cut in both
    overlap = OverlappingLabels([Box(0, 0, 100, 100), Box(0, 80, 100, 100)], 2)
    for site in range(2):
        overlap.add(site, [nuclei[site], bodies[site]])
    for found in overlap.duplicates():
        assert [(one.dropped.label, one.kept.label) for one in found] in ([(5, 8)], [(8, 5)])


def test_two_that_another_site_shows_as_one_count_as_one_site_shows_them() -> None:
    one, other = (np.zeros((100, 100), np.int32) for _ in range(2))
    one[40:60, 82:98] = 7
    other[40:50, 2:18] = 1
    other[50:60, 2:18] = 2
    overlap = OverlappingLabels([Box(0, 0, 100, 100), Box(0, 80, 100, 100)], 1)
    overlap.add(0, [one])
    overlap.add(1, [other])
    [found] = overlap.duplicates()
    assert {duplicate.dropped for duplicate in found} in ({Node(0, 7)}, {Node(1, 1), Node(1, 2)})


@pytest.mark.parametrize("end", [79, 80, 81, 85])
def test_the_rest_of_a_cut_object_is_found_though_outlines_differ(end: Any) -> None:
    one, other = (np.zeros((100, 100), np.int32) for _ in range(2))
    one[40:60, 60:end] = 7
    other[40:60, 0:2] = 3
    overlap = OverlappingLabels([Box(0, 0, 100, 100), Box(0, 80, 100, 100)], 1)
    overlap.add(0, [one])
    overlap.add(1, [other])
    [found] = overlap.duplicates()
    assert [(one.dropped, one.kept) for one in found] == [(Node(1, 3), Node(0, 7))]


def test_what_goes_on_beyond_the_overlap_is_not_what_ends_before() -> None:
    one, other = (np.zeros((100, 100), np.int32) for _ in range(2))
    one[40:60, 62:84] = 7  # whole
    other[40:60, 2:30] = 3  # its end, taken for a part of the neighbour
    overlap = OverlappingLabels([Box(0, 0, 100, 100), Box(0, 80, 100, 100)], 1)
    overlap.add(0, [one])
    overlap.add(1, [other])
    assert overlap.duplicates() == [[]]


def test_neighbours_that_touch_are_not_the_same() -> None:
    one, other = (np.zeros((20, 20), np.int32) for _ in range(2))
    one[:, :10], one[:, 10:] = 1, 2
    other[:, :12], other[:, 12:] = 5, 6
    assert same_objects(one, other) == [(1, 5), (2, 6)]


def test_numbers_of_labels_may_be_large() -> None:
    one = np.full((20, 20), 2**31 - 1, np.int32)
    assert same_objects(one, one) == [(2**31 - 1, 2**31 - 1)]
