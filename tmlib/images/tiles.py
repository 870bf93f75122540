"""Tiles: 256 x 256 pixels of a mosaic as a browser wants them, 8-bit gray and encoded."""

import functools
from collections.abc import Callable
from typing import Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.images.arrays import TILE_SIZE
from tmlib.images.reading import GrayImage

ImageFormat = Literal["jpeg", "png", "webp"]

_JPEG_QUALITY = 95
_WEBP_QUALITY = 90
_PNG_LEVEL = 1


def render_tile(
    pixels: GrayImage, minimum: int, maximum: int, image_format: ImageFormat = "jpeg"
) -> bytes:
    """Turn pixels into an encoded 8-bit image of 256 x 256.

    Parameters
    ----------
    pixels
        uint8 or uint16 (y, x), at most 256 x 256; black is added below and on the right.
    minimum, maximum
        Intensities that become 0 and 255; what lies between is scaled linearly and rounded down,
        what lies outside is clipped.
    image_format
        How to encode.

    Raises
    ------
    BadInput
        If the format is unknown or the window is empty.
    """
    if minimum >= maximum:
        raise BadInput(
            f"The intensity window from {minimum} to {maximum} is empty: min must be below max."
        )
    tile = _lookup_table(pixels.dtype.itemsize, minimum, maximum)[pixels]
    if tile.shape != (TILE_SIZE, TILE_SIZE):
        padded = np.zeros((TILE_SIZE, TILE_SIZE), np.uint8)
        padded[: tile.shape[0], : tile.shape[1]] = tile
        tile = padded
    return _encode(tile, image_format)


@functools.cache
def empty_tile(image_format: ImageFormat = "jpeg") -> bytes:
    """An encoded black tile."""
    return _encode(np.zeros((TILE_SIZE, TILE_SIZE), np.uint8), image_format)


@functools.lru_cache(maxsize=256)
def _lookup_table(itemsize: int, minimum: int, maximum: int) -> NDArray[np.uint8]:
    """The 8-bit value of every intensity."""
    intensities = np.arange(256**itemsize, dtype=np.int64)
    scaled = np.clip((intensities - minimum) * 255 // (maximum - minimum), 0, 255)
    table: NDArray[np.uint8] = scaled.astype(np.uint8)
    return table


def _encode(tile: NDArray[np.uint8], image_format: ImageFormat) -> bytes:
    """Encode an 8-bit gray image."""
    if image_format not in _ENCODERS:
        raise BadInput(
            f'There is no tile format "{image_format}": use one of {", ".join(_ENCODERS)}.'
        )
    return bytes(_ENCODERS[image_format](tile))


# WebP knows no gray images
_ENCODERS: dict[ImageFormat, Callable[[NDArray[np.uint8]], bytes | bytearray]] = {
    "jpeg": lambda tile: imagecodecs.jpeg8_encode(tile, level=_JPEG_QUALITY),
    "png": lambda tile: imagecodecs.png_encode(tile, level=_PNG_LEVEL),
    "webp": lambda tile: imagecodecs.webp_encode(
        np.repeat(tile[..., None], 3, axis=-1), level=_WEBP_QUALITY, method=0
    ),
}
