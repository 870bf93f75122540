"""Nuclei are found without tuning, however large they are in pixels."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from tests.tmlib.jterator.projects.test_nuclei_and_cells import (
    REAL_IMAGES,
    f1_score,
    needs_real_images,
    read_gray,
)
from tmlib.jterator.modules import segment_nuclei
from tmlib.jterator.segment.nuclei import typical_diameter

Image = NDArray[np.uint16]
Labels = NDArray[np.int32]


def field(radius: float, *, noise: float = 1) -> tuple[Image, Labels]:
    """Nuclei of different size and brightness, some of them touching, in uneven light."""
    random = np.random.default_rng(2)
    side = round(24 * radius)
    y, x = np.mgrid[:side, :side] / radius
    truth = np.zeros((side, side), np.int32)
    light = np.full((side, side), 60.0)
    label = 0
    for cy in np.arange(1.7, 23, 2.6):
        for cx in np.arange(1.6, 23, 2.2):
            label += 1
            dy, dx = random.normal(0, 0.1, 2)
            stretch = random.uniform(0.85, 1.15)
            shape = np.hypot((y - cy - dy) * stretch, (x - cx - dx) / stretch)
            inside = shape < random.uniform(0.8, 1.05)
            truth[inside] = label
            light[inside] = random.uniform(250, 800)
    light = ndimage.gaussian_filter(light, 0.08 * radius) * (1 - 0.3 * x / 24)
    return (noise * random.poisson(light / noise)).astype(np.uint16), truth


@pytest.mark.parametrize("radius", [4, 8, 16, 32])
def test_nuclei_of_any_size_are_found(radius: float) -> None:
    image, truth = field(radius)
    assert typical_diameter(image) == pytest.approx(2 * radius, rel=0.25)
    labels = segment_nuclei.main(image).label_image
    assert labels.dtype == np.int32
    assert list(np.unique(labels)) == list(range(labels.max() + 1))
    assert f1_score(truth, labels) > 0.95


@pytest.mark.parametrize("noise", [4, 16])
def test_nuclei_are_found_in_noise(noise: float) -> None:
    image, truth = field(10, noise=noise)
    assert f1_score(truth, segment_nuclei.main(image).label_image) > 0.9


def test_brightness_and_camera_offset_do_not_matter() -> None:
    image, truth = field(8)
    for changed in (image * 20, image + 3000, (image // 4).astype(np.uint8)):
        assert f1_score(truth, segment_nuclei.main(changed).label_image) > 0.9


def test_image_without_nuclei_has_none() -> None:
    noise = np.random.default_rng(0).poisson(100, (200, 220)).astype(np.uint16)
    for image in (noise, np.zeros((200, 220), np.uint8), np.full((1, 1), 9, np.uint16)):
        labels = segment_nuclei.main(image).label_image
        assert labels.shape == image.shape
        assert not labels.any()


def test_given_diameter_decides_what_is_debris() -> None:
    image, truth = field(6)
    assert segment_nuclei.main(image, diameter=12).label_image.max() > 0.9 * truth.max()
    assert segment_nuclei.main(image, diameter=60).label_image.max() < 0.1 * truth.max()


@needs_real_images
@pytest.mark.parametrize(
    ("path", "least", "most"),
    [
        ("human/AS_09125_050116030001_D03f00d0.tif", 280, 340),
        ("fly/01_POS002_D.TIF", 260, 330),
    ],
)
def test_real_nuclei_are_found(path: str, least: int, most: int) -> None:
    image = read_gray(REAL_IMAGES / Path(path))
    assert least <= segment_nuclei.main(image).label_image.max() <= most
    part = image[:400, :400]
    labels = segment_nuclei.main(part).label_image
    zoomed = segment_nuclei.main(ndimage.zoom(part, 2, order=1)).label_image
    assert f1_score(labels, zoomed[::2, ::2]) > 0.9
