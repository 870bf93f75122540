"""Segments nuclei, or other roundish objects, with everything set by their diameter."""

import math
from dataclasses import dataclass
from typing import Literal, Self

import mahotas
import numpy as np
from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, IntensityImage, LabelImage
from tmlib.jterator.segment.clumps import ClumpCriteria, separate
from tmlib.jterator.segment.coarse import shrunk
from tmlib.jterator.segment.foreground import distinct_foreground
from tmlib.jterator.segment.fragments import EIGHT_NEIGHBOURS, tops

MIN_DIAMETER, MAX_DIAMETER = 4.0, 500.0
"""Bounds of the typical diameter of a nucleus in pixels."""

_FIRST_WINDOW = 301
_FIRST_BLUR = 0.7
_ROUNDS = 4
_SETTLED = 0.1
_FINE_ENOUGH = 10


@dataclass(frozen=True)
class NucleusScale:
    """What follows from the typical diameter of nuclei; all in pixels.

    Attributes
    ----------
    blur
        Standard deviation of the Gaussian that takes the noise away.
    window
        Width of the neighbourhood in which nuclei are compared to their background.
    smallest
        Area below which an object is debris.
    largest_hole
        Area of the largest hole in a nucleus; larger ones are gaps between nuclei that stand in
        a ring.
    """

    blur: float
    window: int
    smallest: int
    largest_hole: int

    @classmethod
    def of(cls, diameter: float) -> Self:
        """The scale of nuclei of a typical diameter."""
        area = math.pi * diameter**2 / 4
        return cls(
            blur=round(diameter / 16, 2),
            window=2 * round(3.5 * diameter) - 1,
            smallest=round(area / 3),
            largest_hole=round(area / 12),
        )

    @property
    def clumps(self) -> ClumpCriteria:
        """What is cut into several nuclei."""
        return ClumpCriteria(
            min_area=2 * self.smallest,
            max_area=math.inf,
            max_convexity=0.93,
            max_circularity=0.95,
            min_cut_area=self.smallest,
        )


def segment(image: IntensityImage, diameter: float) -> LabelImage:
    """Find nuclei.

    Parameters
    ----------
    image
        Gray values (y, x) of a stain of the DNA.
    diameter
        Typical diameter of a nucleus in pixels; nuclei of half to twice of it are found.

    Returns
    -------
    LabelImage
        Nuclei, numbered from 1 in reading order.
    """
    scale = NucleusScale.of(diameter)
    smoothed = _smoothed(image, scale.blur)
    mask = fill_holes(distinct_foreground(smoothed, scale.window), scale.largest_hole)
    labels = separate(mask, smoothed, scale.clumps, trim=True)
    is_kept = np.bincount(labels.ravel()) >= scale.smallest
    is_kept[0] = False
    number = np.where(is_kept, np.cumsum(is_kept), 0).astype(np.int32)
    nuclei: LabelImage = number[labels]
    return nuclei


def typical_diameter(image: IntensityImage) -> float | None:
    """Measure how large the nuclei of an image are; None if it shows none.

    Parameters
    ----------
    image
        Gray values (y, x) of a stain of the DNA.

    Notes
    -----
    The diameter of the largest disk in a nucleus tells nuclei that touch apart, and does not
    depend on their number. The median is taken over foreground pixels, not over objects, so that
    debris has no weight. As the foreground depends on the size of what is searched, both are
    found in turns, on a grid no finer than a tenth of the diameter where that is known.
    """
    blur, step = _FIRST_BLUR, 1
    window = min(_FIRST_WINDOW, *(2 * (side // 2) - 1 for side in image.shape))
    diameter: float | None = None
    for _ in range(_ROUNDS):
        smoothed = _smoothed(image, blur, step)
        mask = distinct_foreground(smoothed, max(window // step, 3))
        measured = _median_inscribed_diameter(fill_holes(mask, None))
        if measured is None:
            return diameter
        before, diameter = diameter, min(max(step * measured, MIN_DIAMETER), MAX_DIAMETER)
        if before is not None and abs(diameter - before) < _SETTLED * before:
            break
        scale = NucleusScale.of(diameter)
        blur, window = scale.blur, scale.window
        step = max(1, int(diameter / _FINE_ENOUGH))
    return diameter


def _median_inscribed_diameter(mask: BinaryImage) -> float | None:
    distance = np.sqrt(mahotas.distance(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1])
    smoothed = ndimage.gaussian_filter(distance.astype(np.float32), 1.0) * mask
    radii = distance[tops(smoothed) & mask]
    if not radii.size:
        return None
    radii = np.sort(radii)
    weight = np.cumsum(radii**2)
    return 2 * float(radii[np.searchsorted(weight, weight[-1] / 2)])


def fill_holes(
    mask: BinaryImage, max_area: float | None, *, connectivity: Literal[4, 8] = 4
) -> BinaryImage:
    """Make background foreground that has no way to the border of the image.

    Parameters
    ----------
    mask
        Foreground (y, x).
    max_area
        Largest hole that is filled, in pixels; all holes if None.
    connectivity
        8 if ways lead over corners, too; 4 if not.
    """
    gaps, n = ndimage.label(~mask, EIGHT_NEIGHBOURS if connectivity == 8 else None)
    is_hole = np.ones(n + 1, bool)
    for outermost in (gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]):
        is_hole[outermost] = False
    is_hole[0] = False
    if max_area is not None:
        is_hole &= np.bincount(gaps.ravel(), minlength=n + 1) <= max_area
    filled: BinaryImage = mask | is_hole[gaps]
    return filled


def _smoothed(image: IntensityImage, blur: float, step: int = 1) -> IntensityImage:
    """The image without noise, on a grid of `step` pixels."""
    values = image.astype(np.float32) if step == 1 else shrunk(image, step)
    smoothed: IntensityImage = np.empty(values.shape, image.dtype)
    smoothed[:] = np.rint(ndimage.gaussian_filter(values, blur / step))
    return smoothed
