"""The camera offset, the intensity without light, estimated from unevenly illuminated images.

Uneven illumination multiplies all intensities above the camera offset, of the medium as of cells,
and does not change the offset. Therefore unevenness is a linear function of intensity, and the
offset is the intensity at which it would be zero.
"""

from typing import NamedTuple

import numpy as np

from tmlib.images.reading import GrayImage
from tmlib.images.surfaces import Field, orthonormal, project

_MIN_IMAGES = 16
_SIDE = 64
_GROUPS = 8
_MAX_ERROR = 0.3
_MIN_AGREEMENT = 0.7


class CameraOffset:
    """Collects images of a channel, with cells at random positions, and estimates the offset.

    The order of the images does not matter, and duplicates are ignored.
    """

    def __init__(self) -> None:
        self._images: list[Field] = []

    def add(self, pixels: GrayImage) -> None:
        """Add an image (y, x) of the same size as the others, reduced to 64 x 64 averages."""
        self.add_averages(averages(pixels))

    def add_averages(self, image: Field) -> None:
        """Add the :func:`averages` of an image."""
        self._images.append(image)

    def estimate(self) -> int:
        """The camera offset, a cautious estimate; 0 if it cannot be estimated.

        Notes
        -----
        At every position the images are ranked by intensity. Averages of the lower and of the upper
        half of the ranks give a dark and a bright image, to each of which a quadratic surface is
        fitted. Its strength is measured along the shape found in the other half of the images,
        because along its own shape noise would count as illumination.

        The standard error is found by leaving out one eighth of the images at a time (the
        jackknife: Efron B, Stein C (1981), Annals of Statistics 9, 586-596) and is subtracted from
        the estimate. There is no estimate if the error exceeds 30 % of the dark intensities, or if
        two halves of the images do not show the same shape.
        """
        if not self._images:
            return 0
        # an order that depends only on the content
        images = np.unique(self._images, axis=0)
        if len(images) < _MIN_IMAGES:
            return 0
        whole = _Line.through(images)
        pairs = np.arange(len(images)) // 2 % _GROUPS
        parts = [_Line.through(images[pairs != i]).zero for i in range(_GROUPS)]
        error = float(np.sqrt((_GROUPS - 1) * np.var(parts)))
        is_sure = whole.agreement > _MIN_AGREEMENT and error < _MAX_ERROR * whole.dark
        if not is_sure or not error < whole.zero < whole.dark:
            return 0
        return int(whole.zero - error)


def averages(pixels: GrayImage) -> Field:
    """Averages of 64 x 64 parts of an image (y, x), fewer if it is smaller; float64."""
    rows, columns = (_starts(side) for side in pixels.shape)
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, 0, np.float64), columns, 1)
    heights, widths = (
        np.diff(starts, append=side)
        for starts, side in zip((rows, columns), pixels.shape, strict=True)
    )
    return np.asarray(sums / np.outer(heights, widths))


class _Halves(NamedTuple):
    """Average intensity and quadratic surface of the dark and the bright ranks."""

    dark: float
    bright: float
    dark_surface: Field
    bright_surface: Field

    @classmethod
    def of(cls, images: Field) -> "_Halves":
        ranked = np.sort(images, axis=0)
        dark, bright = (part.mean(axis=0) for part in np.array_split(ranked, 2))
        basis = orthonormal(dark.shape[0]), orthonormal(dark.shape[1])
        return cls(
            float(dark.mean()), float(bright.mean()), project(dark, basis), project(bright, basis)
        )

    @property
    def shape(self) -> Field:
        """Shape of the unevenness, with unit length."""
        # relative to the intensities, so that the many cells in the bright image weigh less
        surface = self.dark_surface / self.dark + self.bright_surface / self.bright
        return np.asarray(surface / np.linalg.norm(surface))


class _Line(NamedTuple):
    """The unevenness of dark and bright intensities.

    Attributes
    ----------
    dark
        Average of the dark intensities.
    zero
        The intensity at which unevenness would be zero.
    agreement
        Cosine between the shapes found in two halves of the images.
    """

    dark: float
    zero: float
    agreement: float

    @classmethod
    def through(cls, images: Field) -> "_Line":
        one, other = _Halves.of(images[::2]), _Halves.of(images[1::2])
        dark, bright = (one.dark + other.dark) / 2, (one.bright + other.bright) / 2
        uneven_dark = np.vdot(one.dark_surface, other.shape) + np.vdot(
            other.dark_surface, one.shape
        )
        uneven_bright = np.vdot(one.bright_surface, other.shape) + np.vdot(
            other.bright_surface, one.shape
        )
        zero = (dark * uneven_bright - bright * uneven_dark) / (uneven_bright - uneven_dark)
        return cls(dark, float(zero), float(np.vdot(one.shape, other.shape)))


def _starts(side: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    parts = min(side, _SIDE)
    return np.arange(parts) * side // parts
