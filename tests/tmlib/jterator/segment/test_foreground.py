"""The quick ways of finding foreground give what the plain ones do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from tmlib.jterator.segment.coarse import shrunk, stretched
from tmlib.jterator.segment.foreground import distinct_foreground, stained_area
from tmlib.jterator.segment.nuclei import fill_holes

SIDE = 300


def field(density: float = 1.0) -> NDArray[np.uint16]:
    """Disks of different brightness in uneven light."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SIDE, :SIDE]
    light = np.full((SIDE, SIDE), 100.0)
    for cy, cx in rng.integers(0, SIDE, (int(40 * density), 2)):
        light[(y - cy) ** 2 + (x - cx) ** 2 < 120] = 100 + rng.uniform(150, 900)
    return rng.poisson(light * (1 - 0.4 * x / SIDE)).astype(np.uint16)


def plain(image: NDArray[np.uint16], window: int, share: float) -> NDArray[np.bool_]:
    """The level between the local means of the classes, with every pixel of the image."""
    values = np.sqrt(image.astype(float))
    mask = values > threshold_otsu(values)
    everything = ndimage.uniform_filter(values, window)
    for _ in range(10):
        inside = ndimage.uniform_filter(mask.astype(float), window)
        bright = ndimage.uniform_filter(np.where(mask, values, 0), window)
        objects = (bright + 0.01 * values[mask].mean()) / (inside + 0.01)
        background = (everything - bright + 0.01 * values[~mask].mean()) / (1 - inside + 0.01)
        moved = values > background + share * (objects - background)
        if np.count_nonzero(moved != mask) < 1e-4 * mask.size:
            return moved
        mask = moved
    return mask


@pytest.mark.parametrize("window", [27, 109, 151])
@pytest.mark.parametrize("density", [0.2, 1])
def test_sampling_changes_hardly_a_pixel(window: int, density: float) -> None:
    image = field(density)
    expected = plain(image, window, 0.5)
    assert 0.01 < expected.mean() < 0.6
    assert np.mean(distinct_foreground(image, window) != expected) < 0.002
    assert np.mean(stained_area(image, window, 0.3) != plain(image, window, 0.3)) < 0.005


def test_few_bright_pixels_are_found_among_many() -> None:
    image = np.random.default_rng(0).poisson(100, (400, 400)).astype(np.uint16)
    image[200:210, 200:210] += 400
    mask = distinct_foreground(image, 151)
    assert mask[200:210, 200:210].all()
    assert np.count_nonzero(mask) < 130


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.7]), st.sampled_from([None, 1, 4]))
@settings(max_examples=30, deadline=None)
def test_holes_are_those_of_scipy(seed: int, share: float, max_area: int | None) -> None:
    mask = np.random.default_rng(seed).random((17, 23)) < share
    expected = ndimage.binary_fill_holes(mask)
    if max_area is not None:
        holes, n = ndimage.label(expected & ~mask)
        for label in range(1, n + 1):
            if np.count_nonzero(holes == label) > max_area:
                expected &= holes != label
    assert np.array_equal(fill_holes(mask, max_area), expected)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_what_is_linear_survives_a_coarser_grid(height: int, width: int, step: int) -> None:
    y, x = np.mgrid[:height, :width]
    ramp = (3 * y + 2 * x).astype(np.float32)
    small = shrunk(ramp, step)
    assert small.shape == (-(-height // step), -(-width // step))
    back = stretched(small, step, ramp.shape)
    assert back.shape == ramp.shape
    inner = (slice(step, (height // step - 1) * step), slice(step, (width // step - 1) * step))
    assert np.allclose(back[inner], ramp[inner], atol=1e-3)
    even = np.full((height, width), 7, np.float32)
    assert np.allclose(stretched(shrunk(even, step), step, even.shape), 7)
