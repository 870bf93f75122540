import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tmlib.errors import BadInput
from tmlib.images.tiles import empty_lossless_tile, empty_tile, lossless_tile, render_tile


def decode(tile: bytes) -> Image.Image:
    return Image.open(io.BytesIO(tile))


def rendered(pixels: NDArray[Any], minimum: int, maximum: int) -> NDArray[Any]:
    return np.asarray(decode(render_tile(pixels, minimum, maximum, "png")))


def test_intensities_are_scaled_and_clipped() -> None:
    pixels = np.tile(np.arange(256, dtype=np.uint16) * 10, (256, 1))
    row = rendered(pixels, 500, 1010)[0]
    expected = [max(0, min(255, (value - 500) * 255 // 510)) for value in range(0, 2560, 10)]
    assert row.tolist() == expected


def test_eight_bits_can_pass_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256)).astype(np.uint8)
    assert (rendered(pixels, 0, 255) == pixels).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_windows_may_reach_beyond_the_type(dtype: type[np.integer[Any]]) -> None:
    pixels = np.full((256, 256), 200, dtype)
    assert (rendered(pixels, 0, 100_000) == 0).all()
    assert (rendered(pixels, -1000, 200) == 255).all()
    assert (rendered(pixels, 200, 300) == 0).all()


def test_edge_tiles_are_padded_with_black() -> None:
    tile = rendered(np.full((10, 20), 9, np.uint16), 0, 9)
    assert tile.shape == (256, 256)
    assert (tile[:10, :20] == 255).all()
    assert tile.sum() == 255 * 200


@pytest.mark.parametrize(("image_format", "mode"), [("jpeg", "L"), ("png", "L"), ("webp", "RGB")])
def test_all_formats_show_the_same(image_format: Any, mode: str) -> None:
    y, x = np.mgrid[:256, :256]
    pixels = (1000 + 900 * np.sin(y / 30) * np.cos(x / 40)).astype(np.uint16)
    image = decode(render_tile(pixels, 0, 2000, image_format))
    assert ((image.format or "").lower(), image.mode, image.size) == (
        image_format,
        mode,
        (256, 256),
    )
    difference = np.asarray(image.convert("L")).astype(int) - rendered(pixels, 0, 2000)
    assert np.abs(difference).max() <= 6
    empty = np.asarray(decode(empty_tile(image_format)).convert("L"))
    assert empty.shape == (256, 256)
    assert not empty.any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(256, 256), (10, 20), (1, 256)])
def test_nothing_is_lost_without_a_window(
    dtype: type[np.integer[Any]], shape: tuple[int, ...]
) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    image = decode(lossless_tile(pixels))
    assert (image.format, image.mode, image.size) == ("PNG", "I;16", (256, 256))
    expected = np.zeros((256, 256), np.uint16)
    expected[: shape[0], : shape[1]] = pixels
    assert np.array_equal(np.asarray(image), expected)


def test_a_lossless_tile_may_be_empty() -> None:
    image = decode(empty_lossless_tile())
    assert (image.mode, image.size, image.getextrema()) == ("I;16", (256, 256), (0, 0))


def test_bad_requests_are_named() -> None:
    pixels = np.zeros((256, 256), np.uint16)
    with pytest.raises(BadInput, match="from 5 to 5 is empty"):
        render_tile(pixels, 5, 5)
    with pytest.raises(BadInput, match='"gif": use one of jpeg, png, webp'):
        render_tile(pixels, 0, 5, "gif")  # type: ignore[arg-type] # the point of the test
