from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.errors import BadInput
from tmlib.images.alignment import Residues, Shift, crop, measure_shift, pad
from tmlib.sample.camera import Optics, expose
from tmlib.sample.scene import simulate_scene

SIZE, MARGIN = 256, 48
OPTICS = Optics(signal=2600, background=160, haze=0.12, maximum=(0.42, 0.57), falloff=0.45)
DIM = Optics(signal=130, background=160, haze=0.12, maximum=(0.55, 0.46), falloff=0.35)


def two_photographs(
    seed: int, shift: tuple[float, float], *, n_nuclei: int = 12, optics: Optics = OPTICS
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The same cells twice, the second time seen by a camera that is off by the shift."""
    scene = simulate_scene(
        np.random.default_rng(seed), SIZE + 2 * MARGIN, SIZE + 2 * MARGIN, n_nuclei
    )
    moved = ndimage.shift(scene.dna, (-shift[0], -shift[1]), order=1)
    inner = slice(MARGIN, MARGIN + SIZE)
    return (
        expose(np.random.default_rng([seed, 1]), scene.dna[inner, inner], OPTICS),
        expose(np.random.default_rng([seed, 2]), moved[inner, inner], optics),
    )


@pytest.mark.parametrize("shift", [(0, 0), (7, -12), (-33, 40), (3.4, -0.3)])
@pytest.mark.parametrize("optics", [OPTICS, DIM], ids=["bright", "dim"])
def test_shifts_are_found_to_half_a_pixel(shift: tuple[float, float], optics: Any) -> None:
    measured = measure_shift(*two_photographs(3, shift, optics=optics))
    assert abs(measured.y - shift[0]) <= 0.5
    assert abs(measured.x - shift[1]) <= 0.5


def test_quality_tells_the_same_cells_from_others() -> None:
    one, same = two_photographs(3, (5, 5))
    _, other = two_photographs(4, (5, 5))
    assert measure_shift(one, same).quality > 0.8
    assert measure_shift(one, other).quality < 0.5
    assert measure_shift(one, np.zeros_like(one)).quality == 0


def test_clipping_ignores_dirt_that_moved() -> None:
    one, other = two_photographs(5, (6, -4))
    one[30:60, 30:60] = other[150:180, 150:180] = 60000
    clipped = measure_shift(one, other, clip_percentile=90)
    assert (clipped.whole.y, clipped.whole.x) == (6, -4)


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(BadInput, match="4 x 5 and 4 x 6"):
        measure_shift(np.zeros((4, 5), np.uint16), np.zeros((4, 6), np.uint16))


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=4))
def test_what_is_left_after_cropping_is_the_same_everywhere(shifts: Any) -> None:
    scene = np.arange(70 * 80, dtype=np.uint16).reshape(70, 80)
    known = [Shift(0, 0), *(Shift(y, x) for y, x in shifts)]
    images = [scene[20 + s.y : 50 + s.y, 20 + s.x : 60 + s.x] for s in known]
    residues = Residues.of(known)
    cropped = [crop(image, s, residues) for image, s in zip(images, known, strict=True)]
    assert all(np.array_equal(cropped[0], other) for other in cropped)
    padded = pad(cropped[0], residues)
    assert padded.shape == (30, 40)
    assert np.array_equal(crop(padded, Shift(0, 0), residues), cropped[0])
    # no row or column is given away
    assert cropped[0].shape == (
        30 - max(s.y for s in known) + min(s.y for s in known),
        40 - max(s.x for s in known) + min(s.x for s in known),
    )
