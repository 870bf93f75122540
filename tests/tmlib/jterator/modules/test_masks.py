"""Modules that change masks and labels, against plain references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tmlib.jterator.modules import (
    apply_mask,
    clip,
    combine_masks,
    expand_or_shrink,
    invert,
    register_objects_channel,
    register_site,
    relabel,
    use_label_image,
)

Labels = NDArray[np.int32]

SHAPE = (9, 11)
LABELS = arrays.arrays(np.int32, SHAPE, elements=st.sampled_from([0, 0, 1, 2, 7]))
MASKS = arrays.arrays(np.bool_, SHAPE)


@given(LABELS, MASKS)
def test_apply_mask_keeps_what_lies_in_the_mask(labels: Labels, mask: NDArray[np.bool_]) -> None:
    for image in (labels, labels > 1, labels.astype(np.uint8), labels.astype(np.uint16)):
        for each in (mask, mask.astype(np.int32) * 5):
            masked = apply_mask.main(image, each).masked_image
            assert masked.dtype == image.dtype
            expected = [v if m else 0 for v, m in zip(image.flat, mask.flat, strict=True)]
            assert masked.ravel().tolist() == expected


@given(LABELS, MASKS)
def test_clip_removes_what_lies_in_the_mask(labels: Labels, mask: NDArray[np.bool_]) -> None:
    before = labels.copy()
    clipped = clip.main(labels, mask).clipped_image
    assert clipped.dtype == np.int32
    expected = [0 if m else v for v, m in zip(labels.flat, mask.flat, strict=True)]
    assert clipped.ravel().tolist() == expected
    assert np.array_equal(clip.main(labels > 0, labels).clipped_image, np.zeros(SHAPE, bool))
    assert np.array_equal(labels, before)


@given(LABELS, MASKS)
def test_combine_masks_follows_the_truth_table(labels: Labels, mask: NDArray[np.bool_]) -> None:
    pairs = list(zip((labels > 0).flat, mask.flat, strict=True))
    for operation, expected in (
        ("AND", [a and b for a, b in pairs]),
        ("OR", [a or b for a, b in pairs]),
        ("EXCLUSIVE_OR", [a != b for a, b in pairs]),
    ):
        combined = combine_masks.main(labels, mask, operation).combined_mask  # type: ignore[arg-type] # all three are allowed
        assert combined.dtype == np.bool_
        assert combined.ravel().tolist() == expected


@given(LABELS)
def test_invert_is_its_own_inverse(labels: Labels) -> None:
    for image in (labels.astype(np.uint8), labels.astype(np.uint16), labels > 0):
        inverted = invert.main(image).inverted_image
        assert inverted.dtype == image.dtype
        assert np.array_equal(invert.main(inverted).inverted_image, image)
    assert np.array_equal(invert.main(labels).inverted_image, labels == 0)
    assert invert.main(np.array([[0, 1]], np.uint16)).inverted_image.tolist() == [[65535, 65534]]


@given(LABELS)
def test_relabel_closes_gaps_and_keeps_the_order(labels: Labels) -> None:
    found = relabel.main(labels).relabeled_image
    assert found.dtype == np.int32
    numbers = {label: n for n, label in enumerate(sorted(set(labels.flat) - {0}), start=1)}
    assert found.ravel().tolist() == [numbers.get(label, 0) for label in labels.flat]


def shrunk_or_expanded(labels: Labels, n: int) -> Labels:
    """Pixel by pixel: the distance to every other pixel."""
    places = [(y, x) for y in range(SHAPE[0]) for x in range(SHAPE[1])]
    result = labels.copy()
    for y, x in places:
        distances = {(b, a): np.hypot(b - y, a - x) for b, a in places}
        if n < 0 and any(d <= -n and labels[q] != labels[y, x] for q, d in distances.items()):
            result[y, x] = 0
        elif n > 0 and labels[y, x] == 0:
            near = [(d, q) for q, d in distances.items() if labels[q] and d <= n]
            closest = {labels[q] for d, q in near if d == min(near)[0]}
            result[y, x] = min(closest) if len(closest) == 1 else -1 if closest else 0
    return result


@settings(max_examples=15, deadline=None)
@given(LABELS, st.integers(-3, 3))
def test_expand_or_shrink_moves_outlines_by_the_distance(labels: Labels, n: int) -> None:
    moved = expand_or_shrink.main(labels, n).expanded_image
    assert moved.dtype == np.int32
    expected = shrunk_or_expanded(labels, n)
    tied = expected < 0
    assert np.array_equal(moved[~tied], expected[~tied])
    assert (moved[tied] > 0).all()


def test_expand_or_shrink_moves_a_disk_there_and_back() -> None:
    y, x = np.mgrid[:60, :60]
    disk = np.where(np.hypot(y - 30, x - 30) < 15, 4, 0).astype(np.int32)
    larger = expand_or_shrink.main(disk, 5).expanded_image
    assert np.count_nonzero(larger) == pytest.approx(np.pi * 20**2, rel=0.05)
    back = expand_or_shrink.main(larger, -5).expanded_image
    assert np.count_nonzero(back != disk) < 0.05 * np.count_nonzero(disk)
    assert not expand_or_shrink.main(disk, -15).expanded_image.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_labels_of_a_channel_stay_what_they_are(dtype: type[np.unsignedinteger]) -> None:
    image = np.array([[0, 3, 3], [200, 0, 1]], dtype)
    for labels in (
        use_label_image.main(image).label_image,
        register_objects_channel.main(image).objects,
    ):
        assert labels.dtype == np.int32
        assert np.array_equal(labels, image)


def test_register_site_makes_one_object_of_the_image() -> None:
    objects = register_site.main(np.zeros((3, 4), np.uint16)).objects
    assert objects.dtype == np.int32
    assert objects.tolist() == [[1] * 4] * 3
