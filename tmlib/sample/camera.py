"""How a microscope sees a scene: blur, haze, uneven light, photons, camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.sample.scene import Image

CAMERA_OFFSET = 110.0
"""What the camera reads without any light, in counts."""

_READ_NOISE = 4.0
_COUNTS_PER_PHOTON = 2.0
_BLEACHING = 0.04
_DEFOCUS = 1.6


@dataclass(frozen=True)
class Optics:
    """The light path of one channel.

    Attributes
    ----------
    signal
        Counts of a structure of brightness 1 where the light is brightest.
    background
        Counts of the medium, in the same place.
    haze
        Share of the light that comes from out of focus.
    maximum
        Where the light is brightest (y, x), as fraction of the image size.
    falloff
        Share of the light that is lost in the farthest corner.
    """

    signal: float
    background: float
    haze: float
    maximum: tuple[float, float]
    falloff: float

    def illumination(self, height: int, width: int) -> Image:
        """The share of the light (y, x) that arrives: 1 at the maximum, the same for all sites."""
        y = (np.arange(height) + 0.5)[:, None] / height - self.maximum[0]
        x = (np.arange(width) + 0.5)[None, :] / width - self.maximum[1]
        farthest = sum(max(m, 1 - m) ** 2 for m in self.maximum)
        return np.asarray(1 - self.falloff * (y**2 + x**2) / farthest)


def expose(
    rng: np.random.Generator,
    brightness: Image,
    optics: Optics,
    *,
    tpoint: int = 0,
    defocus: int = 0,
) -> NDArray[np.uint16]:
    """Take one 16-bit picture (y, x).

    Parameters
    ----------
    rng
        Source of the noise.
    brightness
        The scene in one channel.
    optics
        The light path of the channel.
    tpoint
        How many pictures were taken of this site before: each costs some of the dye.
    defocus
        Distance from the plane of focus in z-steps.
    """
    sharp = ndimage.gaussian_filter(brightness, np.hypot(1.0, _DEFOCUS * defocus), mode="reflect")
    scale = min(brightness.shape) / 16
    blurred = ndimage.gaussian_filter(brightness, scale, mode="reflect", truncate=2)
    seen = (1 - optics.haze) * sharp + optics.haze * blurred
    light = optics.signal * seen * (1 - _BLEACHING) ** tpoint + optics.background
    light *= optics.illumination(*brightness.shape)
    counts = rng.poisson(light / _COUNTS_PER_PHOTON) * _COUNTS_PER_PHOTON
    counts = counts + rng.normal(CAMERA_OFFSET, _READ_NOISE, counts.shape)
    return np.asarray(np.clip(np.rint(counts), 0, 65535), dtype=np.uint16)
