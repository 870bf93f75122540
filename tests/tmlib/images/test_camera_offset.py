import functools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.images.camera_offset import CameraOffset
from tmlib.images.illumination import IlluminationCorrection, IlluminationStatistics

SIZE = 128
N_IMAGES = 64
Y, X = np.mgrid[:SIZE, :SIZE] / SIZE


def light(loss: float) -> NDArray[np.float64]:
    return np.asarray(1 - loss * ((Y - 0.4) ** 2 + (X - 0.6) ** 2))


Images = NDArray[np.uint16]


@functools.cache
def photographs(offset: float, medium: float, loss: float = 0.9) -> Images:
    """Blots of different brightness anywhere, in the medium, with photon noise."""
    rng = np.random.default_rng(0)
    images = []
    for _ in range(N_IMAGES):
        stain = np.full((SIZE, SIZE), float(medium))
        for y, x in rng.integers(-8, SIZE + 8, (100, 2)):
            inside = (Y * SIZE - y) ** 2 + (X * SIZE - x) ** 2 < 16
            stain[inside] += 1000 * rng.uniform(0.5, 1.5)
        images.append(rng.poisson(stain * light(loss)) + rng.normal(offset, 3, stain.shape))
    return np.rint(np.clip(images, 0, 65535)).astype(np.uint16)


def estimate(images: Images) -> int:
    offset = CameraOffset()
    for image in images:
        offset.add(image)
    return offset.estimate()


@pytest.mark.parametrize(("offset", "medium"), [(100, 200), (100, 5), (400, 200)])
def test_the_offset_is_what_uneven_light_leaves_as_it_is(offset: int, medium: float) -> None:
    images = photographs(offset, medium)
    assert offset - 40 < estimate(images) < offset + 15
    # the same images in units that are twice as large
    assert estimate(images // 2) == pytest.approx(estimate(images) / 2, abs=3)


def test_images_from_zero_on_have_none() -> None:
    assert estimate(photographs(0, 200)) < 15


def test_order_and_repetition_of_images_change_nothing() -> None:
    images = photographs(100, 200)
    expected = estimate(images)
    assert estimate(images[np.random.default_rng(1).permutation(N_IMAGES)]) == expected
    assert estimate(np.concatenate([images, images[:20]])) == expected


def even_light() -> Images:
    return photographs(100, 200, 0)


def few_images() -> Images:
    return photographs(100, 200)[:15]


def one_image_often() -> Images:
    return np.repeat(photographs(100, 200)[:1], 30, axis=0)


def black_images() -> Images:
    return np.zeros((30, SIZE, SIZE), np.uint16)


def no_images() -> Images:
    return np.zeros((0, SIZE, SIZE), np.uint16)


@pytest.mark.parametrize("make", [even_light, few_images, one_image_often, black_images, no_images])
def test_what_cannot_be_told_is_zero(make: Callable[[], Images]) -> None:
    assert estimate(make()) == 0


def test_images_smaller_than_what_is_kept() -> None:
    assert estimate(photographs(100, 200)[:, :50, :30]) < 120


def test_light_becomes_more_even_with_the_estimate() -> None:
    images = photographs(100, 200)
    residuals = []
    for offset in (0, estimate(images)):
        statistics = IlluminationStatistics(SIZE, SIZE, offset)
        for image in images:
            statistics.update(image)
        correction = IlluminationCorrection.from_statistics(statistics)
        for level in (200, 2000):
            even = np.rint(100 + level * light(0.9)).astype(np.uint16)
            corrected = correction.correct(even) - 100.0
            residuals.append(corrected.std() / corrected.mean())
    assert max(residuals[2:]) < 0.03 < 0.05 < max(residuals[:2])
