"""Height maps of cells of known shape."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tmlib.jterator.modules import generate_volume_image, measure_volume_image

Stack = NDArray[np.uint16]

SIDE, DEPTH = 160, 24
Y, X = np.mgrid[:SIDE, :SIDE]
CELL = np.hypot(Y - 80, X - 80) < 50


def beads_on_a_dome(tilt: float = 0.0, top: float = 12.0) -> tuple[Stack, NDArray[np.float64]]:
    """A stack of beads on a tilted slide with a dome-shaped cell on it, and the cell's height."""
    height = np.where(
        CELL, top * np.sqrt(np.clip(1 - ((Y - 80) ** 2 + (X - 80) ** 2) / 2500, 0, 1)), 0
    )
    stack = np.zeros((SIDE, SIDE, DEPTH))
    planes = np.arange(DEPTH)
    for y in range(3, SIDE - 3, 5):
        for x in range(3, SIDE - 3, 5):
            z = 4 + tilt * (x - 80) + height[y, x]
            near = np.exp(-((np.arange(-2, 3)[:, None] ** 2 + np.arange(-2, 3) ** 2) / 1.5))
            along_z = np.exp(-((planes - z) ** 2) / 4)
            stack[y - 2 : y + 3, x - 2 : x + 3] += 3000 * near[..., None] * along_z
    recorded = np.random.default_rng(0).poisson(stack + 50)
    return recorded.astype(np.uint16), height


@pytest.mark.parametrize("tilt", [0.0, 0.03])
def test_height_is_that_of_the_cell_above_the_slide(tilt: float) -> None:
    stack, height = beads_on_a_dome(tilt)
    volume = generate_volume_image.main(stack, CELL).volume_image
    assert volume.dtype == np.uint16
    assert not volume[~CELL].any()
    inner = np.hypot(Y - 80, X - 80) < 40
    assert np.abs(volume[inner] - height[inner]).mean() < 0.6
    assert volume.sum() == pytest.approx(height.sum(), rel=0.05)


def bead(stack: Stack, y: int, x: int, z: int) -> None:
    stack[y - 1 : y + 2, x - 1 : x + 2, z] = 1500
    stack[y, x, z] = 3000


def test_few_beads_are_enough_where_the_slide_is_level() -> None:
    stack = np.full((SIDE, SIDE, DEPTH), 100, np.uint16)
    bead(stack, 80, 80, 9)
    bead(stack, 5, 5, 2)
    volume = generate_volume_image.main(stack, CELL).volume_image
    assert (volume[CELL] == 7).all()
    bead(stack, 75, 75, 9)
    assert generate_volume_image.main(stack, CELL).volume_image[77, 77] == 7
    bead(stack, 5, 150, 2)
    bead(stack, 150, 150, 2)
    assert generate_volume_image.main(stack, CELL).volume_image[77, 77] == 7


@pytest.mark.parametrize("background", [0, 100, 65535])
def test_even_ground_holds_no_beads(background: int) -> None:
    stack = np.full((40, 50, 3), background, np.uint16)
    mask = np.zeros((40, 50), bool)
    mask[10:20, 10:20] = True
    assert not generate_volume_image.main(stack, mask, 1).volume_image.any()


def test_dents_are_filled_on_demand() -> None:
    stack, _ = beads_on_a_dome()
    lost = np.s_[70:85, 70:85]
    stack[lost] = np.roll(stack[lost], -8, axis=2)
    dented = generate_volume_image.main(stack, CELL).volume_image
    closed = generate_volume_image.main(stack, CELL, close_surface=True, close_disc_size=14)
    assert dented[77, 77] < 8
    assert closed.volume_image[77, 77] >= 10
    assert not closed.volume_image[~CELL].any()
    assert (closed.volume_image >= dented).all()


def test_stacks_that_show_no_slide_are_refused() -> None:
    stack, _ = beads_on_a_dome()
    with pytest.raises(ValueError, match="several focal planes"):
        generate_volume_image.main(stack[:, :, 0], CELL)
    with pytest.raises(ValueError, match="0 beads outside of the mask"):
        generate_volume_image.main(stack, np.ones_like(CELL))


def test_without_beads_there_is_no_height() -> None:
    stack, _ = beads_on_a_dome()
    for mask in (CELL, np.ones_like(CELL), np.zeros_like(CELL)):
        for empty, threshold in ((stack, 1e6), (np.zeros_like(stack), 150)):
            volume = generate_volume_image.main(empty, mask, threshold).volume_image
            assert volume.shape == CELL.shape
            assert not volume.any()


def test_volume_of_the_cell_is_measured() -> None:
    stack, height = beads_on_a_dome()
    volume = generate_volume_image.main(stack, CELL).volume_image
    cell = CELL.astype(np.int32) * 3
    table = measure_volume_image.main(cell, cell, volume, pixel_size=0.5, z_step=2).measurements
    picoliters = height.sum() * 0.5**2 * 2 / 1000
    assert table.loc[3, "Morphology3D_volume_pL"] == pytest.approx(picoliters, rel=0.05)
