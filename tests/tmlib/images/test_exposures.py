"""Which images tell nothing about the light of their channel."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.images.exposures import Exposures, Levels

Image = NDArray[np.uint16]


def lit(seed: int, level: float = 1500, offset: float = 0, n_cells: int = 12) -> Image:
    """Cells on a background in light that falls off to the corners."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:96, :96]
    image = np.full((96, 96), level)
    for _ in range(n_cells):
        cy, cx = rng.integers(0, 96, 2)
        image[(y - cy) ** 2 + (x - cx) ** 2 <= 30] = rng.uniform(2, 6) * level
    light = 1 - 0.2 * (((y - 48) / 48) ** 2 + ((x - 48) / 48) ** 2)
    return (offset + rng.poisson(image * light)).clip(0, 65535).astype(np.uint16)


def dark(seed: int, offset: int = 100) -> Image:
    """What a camera reads without light."""
    return np.random.default_rng(seed).normal(offset, 3, (96, 96)).clip(0).astype(np.uint16)


def faults(images: Sequence[NDArray[Any]], camera_offset: int = 0) -> list[str | None]:
    levels = [Levels.of(image) for image in images]
    exposures = Exposures(levels, camera_offset)
    return [exposures.fault(one) for one in levels]


def half_saturated(seed: int) -> Image:
    image = lit(seed)
    image[:, :48] = 65535
    return image


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        (lambda _: np.zeros((96, 96), np.uint16), "black"),
        (lambda seed: dark(seed, 3), "black"),
        (lambda _: np.full((96, 96), 65535, np.uint16), "saturated"),
        (half_saturated, "saturated"),
        (lambda _: np.full((96, 96), 1500, np.uint16), "blank"),
    ],
)
@pytest.mark.parametrize("n_spoilt", [1, 12])
def test_spoilt_images_are_known_among_good_ones(
    spoilt: Callable[[int], Image], fault: str, n_spoilt: int
) -> None:
    images = [spoilt(seed) for seed in range(n_spoilt)] + [lit(seed) for seed in range(8)]
    assert faults(images) == [fault] * n_spoilt + [None] * 8


def test_saturation_is_known_below_the_limit_of_the_file() -> None:
    """A camera of 12 bits, whose images are kept in 16."""
    plateau = np.full((96, 96), 4095, np.uint16)
    plateau[0, 0] = 4000
    images = [lit(seed, 400).clip(0, 4095).astype(np.uint16) for seed in range(8)]
    assert faults([*images, plateau]) == [None] * 8 + ["saturated"]


def test_what_is_not_lit_is_black_above_a_known_camera_offset() -> None:
    images = [dark(seed) for seed in range(4)] + [lit(seed, 60, offset=100) for seed in range(8)]
    assert faults(images) == [None] * 12
    assert faults(images, 100) == ["black"] * 4 + [None] * 8


def test_crowded_sparse_and_empty_wells_tell() -> None:
    images = [lit(seed, level, n_cells=n) for seed, level, n in ((0, 900, 0), (1, 1500, 200))]
    assert faults([*images, *(lit(seed) for seed in range(2, 8))]) == [None] * 8


def test_8_bits_are_looked_at_likewise() -> None:
    images: list[NDArray[Any]] = [
        (lit(seed, 30) // 2).clip(0, 255).astype(np.uint8) for seed in range(8)
    ]
    white = np.full((96, 96), 255, np.uint8)
    assert faults([*images, white, np.zeros_like(white)]) == [None] * 8 + ["saturated", "black"]
