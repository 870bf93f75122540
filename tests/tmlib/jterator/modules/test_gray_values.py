"""Modules that change gray values, against plain references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.modules import combine_channels, project, rescale, threshold_manual

SHAPE = (6, 7)
BYTES = arrays.arrays(np.uint8, SHAPE)
WORDS = arrays.arrays(np.uint16, SHAPE)


def stretched(image: IntensityImage) -> list[float]:
    values = [int(v) for v in image.flat]
    low, high = min(values), max(values)
    return [(v - low) / (high - low) if high > low else 0.0 for v in values]


@given(BYTES, WORDS, st.integers(1, 9), st.integers(1, 9))
def test_combine_channels_stretches_the_sum_of_stretched_images(
    first: NDArray[np.uint8], second: NDArray[np.uint16], a: int, b: int
) -> None:
    combined = combine_channels.main(first, second, a, b).combined_image
    assert combined.dtype == np.uint16
    pairs = zip(stretched(first), stretched(second), strict=True)
    total = np.array([a * one + b * other for one, other in pairs])
    expected = 65535 * (total - total.min()) / max(float(np.ptp(total)), 1e-9)
    # cut to whole gray values, but for what sums lose by rounding
    assert ((combined.ravel() <= expected + 1e-6) & (combined.ravel() > expected - 1.001)).all()
    swapped = combine_channels.main(second, first, b, a).combined_image
    assert np.array_equal(swapped, combined)
    assert combine_channels.main(first, first, a, b).combined_image.dtype == np.uint8


@pytest.mark.parametrize("images", [BYTES, WORDS])
def test_rescale_stretches_between_the_bounds(images: st.SearchStrategy[IntensityImage]) -> None:
    @given(images, st.integers(0, 100), st.integers(101, 300))
    def check(image: IntensityImage, low: int, high: int) -> None:
        rescaled = rescale.main(image, low, high).rescaled_image
        assert rescaled.dtype == image.dtype
        largest = np.iinfo(image.dtype).max
        shares = [min(max((int(v) - low) / (high - low), 0), 1) for v in image.flat]
        assert np.abs(rescaled.ravel() + 0.5 - largest * np.array(shares)).max() <= 0.5 + 1e-6
        assert np.array_equal(rescale.main(image).rescaled_image, image)
        lowered = rescale.main(image, low).rescaled_image
        assert lowered.ravel().tolist() == [max(int(v) - low, 0) for v in image.flat]
        raised = rescale.main(image, max_value=high).rescaled_image
        assert raised.ravel().tolist() == [
            min(int(v) * largest // high, largest) for v in image.flat
        ]

    check()


def test_rescale_refuses_bounds_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match=r"max_value \(5\) must be above min_value \(9\)"):
        rescale.main(np.zeros(SHAPE, np.uint8), 9, 5)
    with pytest.raises(ValueError, match=r"max_value \(0\) must be above min_value \(0\)"):
        rescale.main(np.zeros(SHAPE, np.uint8), max_value=0)


@given(arrays.arrays(np.uint16, (3, 4, 5)))
def test_project_takes_the_brightest_or_the_sum_along_z(stack: NDArray[np.uint16]) -> None:
    planes = [stack[:, :, z].astype(int) for z in range(5)]
    brightest = project.main(stack).projected_image
    assert brightest.dtype == np.uint16
    assert np.array_equal(brightest, np.max(planes, axis=0))
    total = project.main(stack, "sum").projected_image
    assert total.dtype == np.uint16
    assert np.array_equal(total, np.minimum(np.sum(planes, axis=0), 65535))


def test_project_keeps_a_single_plane_and_sums_8_bit_without_loss() -> None:
    plane = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(project.main(plane).projected_image, plane)
    bright = np.full((2, 2, 3), 200, np.uint8)
    assert (project.main(bright, "sum").projected_image == 600).all()


@given(WORDS, st.floats(-1, 70000))
def test_threshold_manual_is_above_the_level(image: NDArray[np.uint16], level: float) -> None:
    mask = threshold_manual.main(image, level).mask
    assert mask.ravel().tolist() == [int(v) > level for v in image.flat]
