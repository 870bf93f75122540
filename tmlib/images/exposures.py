"""Images that are useless for illumination statistics: black, saturated and blank ones.

A well that was not lit, an image that is completely white and one that was never written do not
show the illumination. Among good images they would make it look more even than it is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tmlib.images.reading import GrayImage

MAX_SAMPLE = 256
"""Least number of images for estimating what is usual in a channel."""

_DARK_PERCENT = 5
_USUAL_PERCENT = 75
_BLACK_SHARE = 0.25
_SATURATED_SHARE = 0.1


class Levels(NamedTuple):
    """Intensity levels of an image.

    Attributes
    ----------
    dark
        The 5th percentile of its pixels: its background.
    lowest, highest
        Its darkest and its brightest pixel.
    share_of_highest
        Fraction of its pixels that are as bright as the brightest one.
    """

    dark: float
    lowest: int
    highest: int
    share_of_highest: float

    @classmethod
    def of(cls, pixels: GrayImage) -> "Levels":
        """Levels of an image (y, x), uint8 or uint16."""
        counts = np.bincount(pixels.ravel())
        dark = np.searchsorted(np.cumsum(counts), pixels.size * _DARK_PERCENT / 100)
        lowest = int(np.flatnonzero(counts)[0])
        return cls(float(dark), lowest, len(counts) - 1, float(counts[-1] / pixels.size))

    @property
    def is_blank(self) -> bool:
        """Whether all pixels are equal."""
        return self.lowest == self.highest


class Exposures:
    """The usual levels of the images of a channel, and which images deviate from them.

    Parameters
    ----------
    sample
        Levels of some images, spread over all of them. A quarter of those that are not blank must
        be good ones.
    camera_offset
        Intensity without light, 0 if it is unknown.
    """

    def __init__(self, sample: Sequence[Levels], camera_offset: int = 0) -> None:
        lit = [levels for levels in sample if not levels.is_blank]
        self._ceiling = max((levels.highest for levels in lit), default=0)
        backgrounds = [levels.dark for levels in lit if levels.share_of_highest <= _SATURATED_SHARE]
        usual = np.percentile(backgrounds, _USUAL_PERCENT) if backgrounds else 0.0
        self._camera_offset = camera_offset
        self._darkest = camera_offset + _BLACK_SHARE * max(0.0, float(usual) - camera_offset)

    def fault(self, levels: Levels) -> str | None:
        """Why an image is useless: ``black``, ``saturated`` or ``blank``; None if it is useful.

        A black image has a background of less than a quarter of the usual one. In a saturated
        image, more than a tenth of the pixels is as bright as the brightest pixels of all images.
        """
        if levels.highest == 0 or levels.dark < self._darkest:
            return "black"
        if 0 < self._ceiling <= levels.highest and levels.share_of_highest > _SATURATED_SHARE:
            return "saturated"
        return "blank" if levels.is_blank else None
