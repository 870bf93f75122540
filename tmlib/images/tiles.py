"""Tiles: 256 x 256 pixels of a mosaic, encoded: 8-bit gray in a window, or all that is stored."""

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

RENDERING = 1
"""Version of how tiles are made: raised whenever the same pixels come to look different."""

_JPEG_QUALITY = 95
_WEBP_QUALITY = 90


def render_tile(
    pixels: GrayImage, minimum: int, maximum: int, image_format: ImageFormat = "jpeg"
) -> bytes:
    """Turn pixels into an encoded 8-bit image of 256 x 256.

    Parameters
    ----------
    pixels
        uint8 or uint16 (y, x), at most 256 x 256; black is added below and on the right.
    minimum, maximum
        Intensities that become 0 and 255; those between are scaled linearly and rounded down, those
        outside are clipped.
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
    # take() is three times as fast as indexing
    tile = _lookup_table(pixels.dtype.itemsize, minimum, maximum).take(pixels)
    return _encode(_whole(tile), image_format)


def lossless_tile(pixels: GrayImage) -> bytes:
    """Encode pixels as they are: a gray PNG of 256 x 256 with 16 bits per pixel.

    Parameters
    ----------
    pixels
        uint8 or uint16 (y, x), at most 256 x 256; zeros are added below and on the right.
    """
    return _encode_png(_whole(pixels.astype(np.uint16, copy=False)))


@functools.cache
def empty_tile(image_format: ImageFormat = "jpeg") -> bytes:
    """An encoded black tile."""
    return _encode(np.zeros((TILE_SIZE, TILE_SIZE), np.uint8), image_format)


@functools.cache
def empty_lossless_tile() -> bytes:
    """A tile of zeros with 16 bits per pixel."""
    return lossless_tile(np.zeros((TILE_SIZE, TILE_SIZE), np.uint16))


def _whole(pixels: GrayImage) -> GrayImage:
    """Pixels of a whole tile."""
    if pixels.shape == (TILE_SIZE, TILE_SIZE):
        return pixels
    tile = np.zeros((TILE_SIZE, TILE_SIZE), pixels.dtype)
    tile[: pixels.shape[0], : pixels.shape[1]] = pixels
    return tile


@functools.lru_cache(maxsize=256)
def _lookup_table(itemsize: int, minimum: int, maximum: int) -> NDArray[np.uint8]:
    """The 8-bit value of every intensity."""
    intensities = np.arange(256**itemsize, dtype=np.int64)
    scaled = np.clip((intensities - minimum) * 255 // (maximum - minimum), 0, 255)
    table: NDArray[np.uint8] = scaled.astype(np.uint8)
    return table


def _encode(tile: GrayImage, image_format: ImageFormat) -> bytes:
    """Encode an 8-bit gray image."""
    if image_format not in _ENCODERS:
        raise BadInput(
            f'There is no tile format "{image_format}": use one of {", ".join(_ENCODERS)}.'
        )
    return bytes(_ENCODERS[image_format](tile))


def _encode_png(tile: GrayImage) -> bytes:
    # noise has no repetitions: to look for any, and other filters, take time and make it no smaller
    return bytes(
        imagecodecs.png_encode(
            tile, level=1, strategy=imagecodecs.PNG.STRATEGY.RLE, filter=imagecodecs.PNG.FILTER.SUB
        )
    )


# WebP has no gray images
_ENCODERS: dict[ImageFormat, Callable[[GrayImage], bytes | bytearray]] = {
    "jpeg": lambda tile: imagecodecs.jpeg8_encode(tile, level=_JPEG_QUALITY),
    "png": _encode_png,
    "webp": lambda tile: imagecodecs.webp_encode(
        np.repeat(tile[..., None], 3, axis=-1), level=_WEBP_QUALITY, method=0, lossless=False
    ),
}
