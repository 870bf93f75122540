"""Alignment of images of the same cells in different cycles of a multiplexing plate.

Between two cycles the plate leaves the stage and returns displaced by some pixels. A *shift* is the
distance, (y, x) downwards and to the right, by which an image must be moved to lie on the image of
the reference cycle. It is the maximum of their cross-correlation, located with subpixel accuracy by
the upsampled Fourier transform of Guizar-Sicairos et al., Optics Letters 33:156 (2008), and applied
in whole pixels, so that no intensity is changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from tmlib.errors import BadInput
from tmlib.images.reading import GrayImage

Image = TypeVar("Image", bound=NDArray[Any])

_UPSAMPLING = 10
_NOISE_SCALE = 1.0
_LIGHT_SCALE = 16.0
_WINDOW_POWER = 0.25


@dataclass(frozen=True)
class Shift:
    """The displacement of an image onto its reference, in whole pixels."""

    y: int
    x: int

    @property
    def size(self) -> int:
        """The larger of both distances."""
        return max(abs(self.y), abs(self.x))


@dataclass(frozen=True)
class MeasuredShift:
    """A shift as it was measured.

    Attributes
    ----------
    y, x
        In pixels, accurate to a tenth.
    quality
        Correlation of the overlap of both images after alignment: 1 for identical images, around 0
        for images that have nothing in common.
    """

    y: float
    x: float
    quality: float

    @property
    def whole(self) -> Shift:
        """The shift that is applied."""
        return Shift(round(self.y), round(self.x))


@dataclass(frozen=True)
class Residues:
    """Rows and columns at each side of the reference image that not all other images show."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @classmethod
    def of(cls, shifts: Iterable[Shift]) -> "Residues":
        """What each side loses when images with these shifts are cropped to their common area."""
        known = [Shift(0, 0), *shifts]
        return cls(
            top=max(shift.y for shift in known),
            bottom=max(-shift.y for shift in known),
            left=max(shift.x for shift in known),
            right=max(-shift.x for shift in known),
        )


def measure_shift(
    reference: GrayImage, image: GrayImage, *, clip_percentile: float | None = None
) -> MeasuredShift:
    """Measure the shift of an image relative to its reference.

    The logarithm removes differences of stain and brightness, a band-pass filter removes uneven
    illumination and noise, and a window the borders, which would otherwise match each other.

    Parameters
    ----------
    reference, image
        Images (y, x) of the same size and the same structures.
    clip_percentile
        Clip intensities, of dirt for example, at this percentile.

    Returns
    -------
    The shift; zero with quality 0 if one of the images is empty.

    Raises
    ------
    BadInput
        If the images differ in size.
    """
    if reference.shape != image.shape:
        raise BadInput(
            f"Images of {' x '.join(map(str, reference.shape))} and "
            f"{' x '.join(map(str, image.shape))} pixels cannot be aligned: "
            "all cycles need images of the same size."
        )
    seen = [structures(pixels, clip_percentile) for pixels in (reference, image)]
    if not (seen[0].any() and seen[1].any()):
        return MeasuredShift(0.0, 0.0, 0.0)
    window = _window(reference.shape)
    # Phase correlation would weight noise like signal, which misleads on dim images of few cells.
    (y, x), _, _ = phase_cross_correlation(  # type: ignore[no-untyped-call] # it has no types
        *(pixels * window for pixels in seen),
        upsample_factor=_UPSAMPLING,
        normalization=None,
    )
    shift = MeasuredShift(float(y), float(x), 0.0)
    overlapping = _overlap(seen[0], seen[1], shift.whole)
    return MeasuredShift(shift.y, shift.x, _correlation(*overlapping))


def crop(pixels: Image, shift: Shift, residues: Residues) -> Image:
    """Crop an image (y, x) to the area that all aligned images of its site show."""
    height, width = pixels.shape
    rows = slice(residues.top - shift.y, height - residues.bottom - shift.y)
    columns = slice(residues.left - shift.x, width - residues.right - shift.x)
    return cast("Image", pixels[rows, columns])


def pad(pixels: Image, residues: Residues) -> Image:
    """Undo `crop`; the residues become 0."""
    sides = (residues.top, residues.bottom), (residues.left, residues.right)
    return cast("Image", np.pad(pixels, sides))


def structures(pixels: GrayImage, clip_percentile: float | None = None) -> NDArray[np.float32]:
    """Structures of an image (y, x) larger than noise and smaller than illumination, normalized."""
    if clip_percentile is not None:
        pixels = np.minimum(pixels, np.percentile(pixels, clip_percentile))
    logarithms = _logarithms(pixels)
    fine = ndimage.gaussian_filter(logarithms, _NOISE_SCALE)
    return np.asarray(fine - ndimage.gaussian_filter(logarithms, _LIGHT_SCALE))


def smooth_logarithms(pixels: GrayImage) -> NDArray[np.float32]:
    """Smoothed logarithm of an image (y, x), in which illumination is additive."""
    return np.asarray(ndimage.gaussian_filter(_logarithms(pixels), _NOISE_SCALE))


def _logarithms(pixels: GrayImage) -> NDArray[np.float32]:
    return np.log(np.maximum(pixels, 1).astype(np.float32))


def _window(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A Hann window with a flat centre, so that cells near the border still contribute."""
    rows, columns = (np.hanning(size).astype(np.float32) ** _WINDOW_POWER for size in shape)
    return np.asarray(rows[:, np.newaxis] * columns)


def _overlap(
    reference: NDArray[np.float32], image: NDArray[np.float32], shift: Shift
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = reference.shape
    top, left = max(shift.y, 0), max(shift.x, 0)
    bottom, right = height + min(shift.y, 0), width + min(shift.x, 0)
    moved = image[top - shift.y : bottom - shift.y, left - shift.x : right - shift.x]
    return reference[top:bottom, left:right], moved


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Pearson's correlation; 0 if an image is constant."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / scale if scale > 0 else 0.0
