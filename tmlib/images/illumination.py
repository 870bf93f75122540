"""Illumination statistics of a channel, and the correction of uneven light with them.

Light that falls off towards the corners multiplies every image by the same field. In the logarithm
it is added, and shows in the mean over many images: of the same microscope, the same channel and
cells that lie anywhere.

Sources: Snijder et al., Nature 461:520 (2009), whose correction by pixelwise mean and standard
deviation of log10 intensities this is; Welford, Technometrics 4:419 (1962) and Chan et al.,
The American Statistician 37:242 (1983) for the running statistics; Efron and Morris, Journal of
the American Statistical Association 68:117 (1973) for shrinking what is uncertain.
"""

import functools
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.errors import BadInput
from tmlib.images.reading import GrayImage

_VERSION = 1
_N_PERCENTILES = 100_001
_MIN_IMAGES = 4
_MIN_IMAGES_FOR_STD = 100
_MIN_SIGMA = 5.0
_TOLERANCE = 0.01
_GRAIN_SCALE = 16

Field = NDArray[np.float64]


class IlluminationStatistics:
    """Pixelwise mean and standard deviation of log10 intensities, and intensity percentiles.

    Images are taken up one at a time; statistics of separate batches can be merged. An intensity
    of 0 has no logarithm and counts as 1.

    Parameters
    ----------
    height, width
        Size of all images in pixels.

    Attributes
    ----------
    n_images
        How many images were taken up.
    mean
        float64 (y, x).
    """

    def __init__(self, height: int, width: int) -> None:
        self.n_images = 0
        self.mean: Field = np.zeros((height, width))
        self._squares: Field = np.zeros((height, width))
        self._percentiles: Field = np.zeros(_N_PERCENTILES)

    @property
    def std(self) -> Field:
        """Standard deviation (y, x), float64; 0 as long as there are fewer than two images."""
        return np.sqrt(self._squares / max(self.n_images - 1, 1))

    def update(self, pixels: GrayImage) -> None:
        """Take up one image (y, x), uint8 or uint16.

        Raises
        ------
        BadInput
            If it has another size than the others.
        """
        self._check_size(pixels.shape)
        self.n_images += 1
        logarithms = _log_table(pixels.dtype.itemsize)[pixels]
        deviation = logarithms - self.mean
        self.mean += deviation / self.n_images
        logarithms -= self.mean
        deviation *= logarithms
        self._squares += deviation
        self._percentiles += (_percentiles(pixels) - self._percentiles) / self.n_images

    def merge(self, other: "IlluminationStatistics") -> None:
        """Take up all images of another batch.

        Raises
        ------
        BadInput
            If they have another size.
        """
        self._check_size(other.mean.shape)
        if not other.n_images:
            return
        n_images = self.n_images + other.n_images
        share = other.n_images / n_images
        deviation = other.mean - self.mean
        self.mean += deviation * share
        self._squares += other._squares + deviation**2 * (self.n_images * share)
        self._percentiles += (other._percentiles - self._percentiles) * share
        self.n_images = n_images

    def percentile(self, percent: float) -> int:
        """Intensity below which this share of the pixels lies, averaged over the images.

        Parameters
        ----------
        percent
            0 to 100, in steps of 0.001.

        Raises
        ------
        BadInput
            If it is outside of that range.
        """
        if not 0 <= percent <= 100:
            raise BadInput(f"{percent} is not a percentile: use a number from 0 to 100.")
        return int(self._percentiles[round(percent * (_N_PERCENTILES - 1) / 100)])

    def save(self, path: Path) -> None:
        """Write everything to a ``.npz`` file, which appears complete or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with draft.open("wb") as file:
            np.savez(
                file,
                version=np.array(_VERSION),
                n_images=np.array(self.n_images),
                mean=self.mean.astype(np.float32),
                std=self.std.astype(np.float32),
                percentiles=self._percentiles,
            )
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises
        ------
        BadInput
            If the file is something else or of another version.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if int(file["version"]) != _VERSION:
                    raise ValueError(f"version {int(file['version'])}, not {_VERSION}")
                statistics = cls(*file["mean"].shape)
                statistics.n_images = int(file["n_images"])
                statistics.mean = file["mean"].astype(np.float64)
                spread = file["std"].astype(np.float64)
                statistics._squares = spread**2 * max(statistics.n_images - 1, 1)
                statistics._percentiles = file["percentiles"]
        except (ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BadInput(
                f"{path.name} is not a file of illumination statistics ({error}): "
                "run corilla again."
            ) from error
        return statistics

    def _check_size(self, shape: tuple[int, ...]) -> None:
        if shape != self.mean.shape:
            raise BadInput(
                f"An image of {' x '.join(map(str, shape))} pixels cannot be compared with those "
                f"of {' x '.join(map(str, self.mean.shape))}: all images of a channel need the "
                "same size."
            )


@dataclass(frozen=True)
class IlluminationCorrection:
    """Makes images look as if the light had been the same everywhere.

    An intensity I becomes 10 ** (contrast * log10(I) + offset), which is
    (log10(I) - mean) / std * average std + average mean in the form that is quick.

    Attributes
    ----------
    offset, contrast
        float32 (y, x); `contrast` is None where it is 1 everywhere, and both are None if
        there is nothing that could be corrected.
    """

    offset: NDArray[np.float32] | None = None
    contrast: NDArray[np.float32] | None = None

    @classmethod
    def from_statistics(cls, statistics: IlluminationStatistics) -> Self:
        """Work out what to correct, and correct no more than the statistics can tell.

        The mean of few images shows the cells that happened to lie there, and dividing by it
        would print them on every image. What is used of it is

        1. a quadratic surface, shrunk by the share of it that cells alone would explain: those
           leave a residual around the surface, whose variance and grain (the area of its
           patches) say how much of a surface they make up by chance;
        2. the residual, smoothed until its own noise is below a hundredth of a decade (2.3 %),
           with a Gaussian of at least 5 pixels; nothing of it if that would take a Gaussian
           wider than an eighth of the image.

        The standard deviation is used likewise from 100 images on. With fewer than four images
        nothing is corrected.
        """
        if statistics.n_images < _MIN_IMAGES:
            return cls()
        mean = _trustworthy(statistics.mean)
        average = float(mean.mean())
        if statistics.n_images < _MIN_IMAGES_FOR_STD:
            return cls((average - mean).astype(np.float32))
        std = statistics.std
        spread = 10 ** _trustworthy(np.log10(np.maximum(std, 1e-3)))
        contrast = spread.mean() / spread
        return cls((average - mean * contrast).astype(np.float32), contrast.astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> Self:
        """The correction from a file of :class:`IlluminationStatistics`."""
        return cls.from_statistics(IlluminationStatistics.load(path))

    def correct(self, pixels: GrayImage) -> GrayImage:
        """Correct an image (y, x), uint8 or uint16.

        The result has the same type, is rounded and clipped to its range; 0 remains 0.

        Raises
        ------
        BadInput
            If the image has another size than the statistics.
        """
        if self.offset is None:
            return pixels
        if pixels.shape != self.offset.shape:
            raise BadInput(
                f"An image of {pixels.shape[0]} x {pixels.shape[1]} pixels cannot be corrected "
                f"with statistics of {self.offset.shape[0]} x {self.offset.shape[1]}: "
                "run corilla again."
            )
        corrected = pixels.astype(np.float32)
        if self.contrast is not None:
            np.power(corrected, self.contrast, out=corrected)
        corrected *= self._gain
        np.rint(corrected, out=corrected)
        result: GrayImage = np.minimum(corrected, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
        return result

    @functools.cached_property
    def _gain(self) -> NDArray[np.float32]:
        """What intensities are multiplied with."""
        return np.asarray(np.power(np.float32(10), self.offset), dtype=np.float32)


@functools.cache
def _log_table(itemsize: int) -> Field:
    """log10 of every intensity, 0 for 0."""
    intensities = np.arange(256**itemsize, dtype=np.float64)
    intensities[0] = 1
    return np.asarray(np.log10(intensities))


def _percentiles(pixels: GrayImage) -> Field:
    """Intensities at all percentiles, linear between ranks, from the histogram: no sorting."""
    cumulated = np.cumsum(np.bincount(pixels.ravel()))
    ranks = np.linspace(0, pixels.size - 1, _N_PERCENTILES)
    lower = np.searchsorted(cumulated, np.floor(ranks), side="right")
    upper = np.searchsorted(cumulated, np.ceil(ranks), side="right")
    return np.asarray(lower + (upper - lower) * (ranks % 1))


def _trustworthy(field: Field) -> Field:
    """The part of a statistic (y, x) that light explains better than chance does."""
    surface, n_terms = _quadratic_surface(field)
    residual = field - surface
    shape = field.shape
    # the variance that is left after averaging over an area tells the size of the patches
    scale = max(_MIN_SIGMA, min(shape) / _GRAIN_SCALE)
    variance = residual.var()
    smoothed = ndimage.gaussian_filter(residual, scale, mode="reflect")
    grain = 4 * np.pi * scale**2 * smoothed.var() / variance if variance > 0 else 0.0
    by_chance = variance * grain * n_terms / field.size
    average = surface.mean()
    found = np.mean((surface - average) ** 2)
    share = max(0.0, 1 - by_chance / found) if found > 0 else 0.0
    trusted = average + share * (surface - average)
    sigma = max(_MIN_SIGMA, np.sqrt(variance * grain / (4 * np.pi)) / _TOLERANCE)
    if sigma <= min(shape) / 8:
        trusted = trusted + ndimage.gaussian_filter(residual, sigma, mode="reflect")
    return np.asarray(trusted)


def _quadratic_surface(field: Field) -> tuple[Field, int]:
    """Least-squares fit of a quadratic polynomial, and how many terms besides the mean it has."""
    y = np.linspace(-1, 1, field.shape[0])
    x = np.linspace(-1, 1, field.shape[1])
    powers = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    # on a grid the normal equations are products of one-dimensional sums
    ys, xs = np.stack([y**i for i in range(5)]), np.stack([x**i for i in range(5)])
    sums_y, sums_x = ys.sum(axis=1), xs.sum(axis=1)
    normal = np.array([[sums_y[a + c] * sums_x[b + d] for c, d in powers] for a, b in powers])
    moments = ys[:3] @ field @ xs[:3].T
    coefficients = np.linalg.solve(normal, np.array([moments[a, b] for a, b in powers]))
    weights = np.zeros((3, 3))
    for (a, b), coefficient in zip(powers, coefficients, strict=True):
        weights[a, b] = coefficient
    return np.asarray(ys[:3].T @ weights @ xs[:3]), len(powers) - 1
