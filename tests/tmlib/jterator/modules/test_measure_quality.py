"""Focus, saturation and background of images of which they are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.modules import measure_quality

Labels = NDArray[np.int32]

SHAPE = (150, 160)
SITE = np.ones(SHAPE, np.int32)


def sharp(seed: int = 0) -> NDArray[np.float64]:
    speckle = np.random.default_rng(seed).random(SHAPE)
    return 2000.0 * (ndimage.gaussian_filter(speckle, 1.5) > 0.52)


def recorded(light: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.random.default_rng(9).poisson(light + 200).astype(np.uint16)


def quality(image: IntensityImage, labels: Labels = SITE, **settings: Any) -> pd.DataFrame:
    return measure_quality.main(labels, labels, image, **settings).measurements


def reference(image: IntensityImage, labels: Labels, label: int) -> tuple[float, float]:
    """Focus and background of an object, pixel by pixel."""
    own = {(int(y), int(x)): int(image[y, x]) for y, x in np.argwhere(labels == label)}
    mean = sum(own.values()) / len(own)
    near = far = 0.0
    for (y, x), value in own.items():
        for dy, dx in ((0, 1), (1, 0)):
            one, two = own.get((y + dy, x + dx)), own.get((y + 2 * dy, x + 2 * dx))
            if one is not None and two is not None:
                near += (value - mean) * (one - mean)
                far += (value - mean) * (two - mean)
    return 1 - far / near, sorted(own.values())[int(0.05 * (len(own) - 1))]


def test_values_are_those_of_the_definition() -> None:
    image = recorded(ndimage.gaussian_filter(sharp(), 1))[:30, :30]
    labels = np.zeros(image.shape, np.int32)
    labels[2:14, 3:25], labels[15:28, 0:30] = 5, 2
    table = quality(image, labels)
    assert list(table.index) == [2, 5]
    assert list(table.columns) == ["Quality_focus", "Quality_saturation", "Quality_background"]
    assert (table.dtypes == np.float64).all()
    for label in (2, 5):
        focus, background = reference(image, labels, label)
        assert table.loc[label, "Quality_focus"] == pytest.approx(focus)
        assert table.loc[label, "Quality_background"] == background


def test_focus_falls_with_blur_alone() -> None:
    blurred = [ndimage.gaussian_filter(sharp(), blur) for blur in (0.5, 1, 2, 4, 8)]
    scores = [quality(recorded(light))["Quality_focus"][1] for light in blurred]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 5 * scores[3]
    dim = quality(recorded(blurred[1] / 10))["Quality_focus"][1]
    assert dim == pytest.approx(scores[1], rel=0.1)
    offset = quality(recorded(blurred[1]) + np.uint16(5000))["Quality_focus"][1]
    assert offset == pytest.approx(scores[1])


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_saturation_is_that_of_the_camera(bits: int) -> None:
    image: Any = recorded(sharp()).clip(0, 100).astype(np.uint8 if bits == 8 else np.uint16)
    image[0, :48] = 2**bits - 1
    assert quality(image)["Quality_saturation"][1] == pytest.approx(48 / image.size)
    assert quality(image, saturation=100)["Quality_saturation"][1] > 0.5


def test_empty_images_and_objects_have_no_focus() -> None:
    table = quality(np.full(SHAPE, 7, np.uint16))
    assert np.isnan(table["Quality_focus"][1])
    assert table["Quality_saturation"][1] == 0
    assert table["Quality_background"][1] == 7
    assert quality(recorded(sharp()), np.zeros(SHAPE, np.int32)).empty
    single = np.zeros(SHAPE, np.int32)
    single[3, 3] = 6
    assert np.isnan(quality(recorded(sharp()), single)["Quality_focus"][6])
