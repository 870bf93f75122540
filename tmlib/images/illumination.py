"""Illumination statistics of a channel, and the correction of uneven light with them.

Uneven illumination multiplies every image by the same field. In the logarithm it is additive, and
visible in the mean of many images of the same microscope and channel, with cells at random
positions.

Sources: Snijder et al., Nature 461:520 (2009), whose correction by pixelwise mean and standard
deviation of log10 intensities this is; Welford, Technometrics 4:419 (1962) and Chan et al.,
The American Statistician 37:242 (1983) for the running statistics; Efron and Morris, Journal of
the American Statistical Association 68:117 (1973) for shrinkage of uncertain estimates.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtri

from tmlib import durable_files
from tmlib.errors import BadInput
from tmlib.images.arrays import explained
from tmlib.images.reading import GrayImage
from tmlib.images.surfaces import (
    QUADRATIC,
    Field,
    orthonormal,
    project,
    smooth,
    split,
    unevenness,
)

_VERSION = 2
_N_PERCENTILES = 100_001
_MIN_IMAGES = 4
_MIN_IMAGES_FOR_STD = 200
_MIN_SIGMA = 5.0
_TOLERANCE = 0.003
_CERTAINTY = 0.95


class IlluminationStatistics:
    """Pixelwise mean and standard deviation of log10 intensities, and intensity percentiles.

    Images are added one at a time; statistics of separate batches can be merged. An intensity of 0
    has no logarithm and counts as 1.

    Parameters
    ----------
    height, width
        Size of all images in pixels.
    camera_offset
        Intensity without light. It is subtracted before the logarithm, because illumination does
        not change it; percentiles are of the original intensities.

    Attributes
    ----------
    n_images
        Number of images.
    mean
        float64 (y, x).
    """

    def __init__(self, height: int, width: int, camera_offset: int = 0) -> None:
        self.n_images = 0
        self.camera_offset = camera_offset
        self.mean: Field = np.zeros((height, width))
        self._squares: Field = np.zeros((height, width))
        self._odd_mean: Field = np.zeros((height, width))
        self._n_odd = 0
        self._basis = orthonormal(height), orthonormal(width)
        self._surface_squares: Field = np.zeros((3, 3))
        self._percentiles: Field = np.zeros(_N_PERCENTILES)
        self._n_histograms = 0

    @property
    def std(self) -> Field:
        """Standard deviation (y, x), float64; 0 if there are fewer than two images."""
        return np.sqrt(self._squares / max(self.n_images - 1, 1))

    @property
    def noise(self) -> Field:
        """An estimate (y, x) of the random error of the mean, float64.

        It is half the difference between the means of two halves of the images, in which everything
        that they have in common cancels out.
        """
        n_even = self.n_images - self._n_odd
        if not n_even:
            return np.zeros_like(self.mean)
        # the mean of the other half follows from the two
        difference = (self._odd_mean - self.mean) * (self.n_images / n_even)
        return np.asarray(difference * (np.sqrt(self._n_odd * n_even) / self.n_images))

    @property
    def surface_by_chance(self) -> float:
        """Mean square of the quadratic surface that the mean is expected to have by chance.

        It follows from the differences between the surfaces of single images.
        """
        if self.n_images < 2:
            return np.inf
        return float(self._surface_squares.sum() / (self.n_images - 1) / self.n_images)

    def update(self, pixels: GrayImage) -> None:
        """Add one image (y, x), uint8 or uint16.

        Raises
        ------
        BadInput
            If it has another size than the others.
        """
        self._check_size(pixels.shape)
        self.n_images += 1
        logarithms = _log_table(pixels.dtype.itemsize, self.camera_offset)[pixels]
        if self.n_images % 2:
            self._n_odd += 1
            self._odd_mean += (logarithms - self._odd_mean) / self._n_odd
        deviation = logarithms - self.mean
        surface = project(deviation, self._basis)
        self._surface_squares += surface**2 * (1 - 1 / self.n_images)
        self.mean += deviation / self.n_images
        logarithms -= self.mean
        deviation *= logarithms
        self._squares += deviation
        self.update_percentiles(pixels)

    def update_percentiles(self, pixels: GrayImage) -> None:
        """Add only the histogram of an image, whose cells another image has shown already."""
        self._n_histograms += 1
        self._percentiles += (_percentiles(pixels) - self._percentiles) / self._n_histograms

    def merge(self, other: "IlluminationStatistics") -> None:
        """Add all images of another batch.

        Raises
        ------
        BadInput
            If they have another size.
        """
        self._check_size(other.mean.shape)
        if other._n_histograms:
            self._n_histograms += other._n_histograms
            difference = other._percentiles - self._percentiles
            self._percentiles += difference * (other._n_histograms / self._n_histograms)
        if not other.n_images:
            return
        self._n_odd += other._n_odd
        self._odd_mean += (other._odd_mean - self._odd_mean) * (other._n_odd / self._n_odd)
        n_images = self.n_images + other.n_images
        share = other.n_images / n_images
        deviation = other.mean - self.mean
        self.mean += deviation * share
        weight = self.n_images * share
        self._squares += other._squares + deviation**2 * weight
        surface = project(deviation, self._basis)
        self._surface_squares += other._surface_squares + surface**2 * weight
        self.n_images = n_images

    def percentile(self, percent: float) -> int:
        """Percentile of the intensities, averaged over the images.

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
        """Write everything to a ``.npz`` file, which appears complete or not at all.

        Raises
        ------
        Unavailable
            If the disk is full.
        """
        content = {
            "version": np.array(_VERSION),
            "n_images": np.array(self.n_images),
            "camera_offset": np.array(self.camera_offset),
            "mean": self.mean.astype(np.float32),
            "std": self.std.astype(np.float32),
            "odd_mean": self._odd_mean.astype(np.float32),
            "n_odd": np.array(self._n_odd),
            "surface_squares": self._surface_squares,
            "percentiles": self._percentiles,
            "n_histograms": np.array(self._n_histograms),
        }
        try:
            with durable_files.writing(path) as file:
                np.savez(file, allow_pickle=False, **content)
        except OSError as error:
            raise explained(error, path) from error

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
                height, width = file["mean"].shape
                statistics = cls(height, width, int(file["camera_offset"]))
                statistics.n_images = int(file["n_images"])
                statistics.mean = file["mean"].astype(np.float64)
                spread = file["std"].astype(np.float64)
                statistics._squares = spread**2 * max(statistics.n_images - 1, 1)
                statistics._odd_mean = file["odd_mean"].astype(np.float64)
                statistics._n_odd = int(file["n_odd"])
                statistics._surface_squares = file["surface_squares"]
                statistics._percentiles = file["percentiles"]
                statistics._n_histograms = int(file["n_histograms"])
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
    """Corrects images for uneven illumination.

    An intensity I becomes 10 ** (contrast * log10(I) + offset), a fast form of
    (log10(I) - mean) / std * average std + average mean. The camera offset is subtracted before and
    added again afterwards.

    Attributes
    ----------
    camera_offset
        Intensity without light.
    offset, contrast
        float32 (y, x); `contrast` is None if it is 1 everywhere, and both are None if there is
        nothing to correct.
    """

    offset: NDArray[np.float32] | None = None
    contrast: NDArray[np.float32] | None = None
    camera_offset: int = 0

    @classmethod
    def from_statistics(cls, statistics: IlluminationStatistics) -> Self:
        """Determine the correction, limited to what the statistics support.

        The mean of few images still shows their cells, and dividing by it would imprint these on
        every image. Therefore only these parts of it are used:

        1. a quadratic surface, shrunk by the part of it that may be random (the 95th percentile of
           the F distribution), estimated from the differences between the surfaces of images;
        2. the residuals, smoothed with a Gaussian of at least 5 pixels that is wide enough to
           reduce random errors below 0.003 decades (0.7 %), and ignored if it had to be wider than
           an eighth of the image; these errors are estimated from two halves of the images.

        The standard deviation is used in the same way from 200 images on, unless the camera offset
        is known: then only a factor has to be corrected. With fewer than four images nothing is
        corrected. No two images should show the same cells: use those of one time point.
        """
        if statistics.n_images < _MIN_IMAGES:
            return cls()
        filtered = _Filter.for_statistics(statistics)
        mean = filtered.apply(statistics.mean)
        average = float(mean.mean())
        known = statistics.camera_offset
        if known or statistics.n_images < _MIN_IMAGES_FOR_STD:
            return cls((average - mean).astype(np.float32), camera_offset=known)
        # the random error of the deviation's logarithm is about that of the mean
        spread = 10 ** filtered.apply(np.log10(np.maximum(statistics.std, 1e-3)))
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
        if self.offset is None or self._gain is None:
            return pixels
        if pixels.shape != self.offset.shape:
            raise BadInput(
                f"An image of {pixels.shape[0]} x {pixels.shape[1]} pixels cannot be corrected "
                f"with statistics of {self.offset.shape[0]} x {self.offset.shape[1]}: "
                "run corilla again."
            )
        corrected = pixels.astype(np.float32)
        if self.camera_offset:
            corrected -= self.camera_offset
        if self.contrast is not None:
            np.power(corrected, self.contrast, out=corrected)
        corrected *= self._gain
        if self.camera_offset:
            corrected += self.camera_offset
        np.rint(corrected, out=corrected)
        np.clip(corrected, 0, np.iinfo(pixels.dtype).max, out=corrected)
        return cast("GrayImage", corrected.astype(pixels.dtype))

    def flatness(self, statistics: IlluminationStatistics) -> tuple[float, float]:
        """Unevenness of the average image, without and with the correction.

        Returns
        -------
        Coefficients of variation of the geometric mean of all images, averaged over 8 x 8 parts:
        0 if it is flat. With few images, part of it is due to their cells.
        """
        before = unevenness(10**statistics.mean)
        if self.offset is None:
            return before, before
        contrast = 1.0 if self.contrast is None else self.contrast
        return before, unevenness(10 ** (statistics.mean * contrast + self.offset))

    @functools.cached_property
    def _gain(self) -> NDArray[np.float32] | None:
        """The factor by which intensities are multiplied."""
        if self.offset is None:
            return None
        return np.asarray(10**self.offset, dtype=np.float32)


@functools.cache
def _log_table(itemsize: int, camera_offset: int = 0) -> Field:
    """log10 of intensities minus the camera offset, 0 for those below it."""
    intensities = np.arange(256**itemsize, dtype=np.float64) - camera_offset
    return np.asarray(np.log10(np.maximum(intensities, 1)))


def _percentiles(pixels: GrayImage) -> Field:
    """Intensities at all percentiles, interpolated linearly, from the histogram."""
    cumulated = np.cumsum(np.bincount(pixels.ravel()))
    ranks = np.linspace(0, pixels.size - 1, _N_PERCENTILES)
    lower = np.searchsorted(cumulated, np.floor(ranks), side="right")
    upper = np.searchsorted(cumulated, np.ceil(ranks), side="right")
    return np.asarray(lower + (upper - lower) * (ranks % 1))


@dataclass(frozen=True)
class _Filter:
    """Keeps the part of a field (y, x) that is not random.

    Attributes
    ----------
    by_chance
        Mean square that a quadratic surface may have by chance.
    sigma
        Width of the Gaussian for the residuals, None if all of them may be random.
    """

    by_chance: float
    sigma: float | None

    @classmethod
    def for_statistics(cls, statistics: IlluminationStatistics) -> Self:
        """The filter that fits the random error of the mean of these statistics."""
        noise = split(statistics.noise)[1]
        largest = max(_MIN_SIGMA, min(noise.shape) / 8)
        sigmas = _MIN_SIGMA * 2 ** np.arange(0, np.log2(largest / _MIN_SIGMA) + 0.01, 0.5)
        enough = (float(s) for s in sigmas if smooth(noise, s).std() <= _TOLERANCE)
        # how much larger than expected a random surface may be
        doubt = fdtri(np.count_nonzero(QUADRATIC), statistics.n_images - 1, _CERTAINTY)
        return cls(float(doubt) * statistics.surface_by_chance, next(enough, None))

    def apply(self, field: Field) -> Field:
        """Filter a field (y, x)."""
        surface, residual = split(field)
        found = float(surface.var())
        share = max(0.0, 1 - self.by_chance / found) if found > 0 else 0.0
        kept = np.asarray(field.mean() + share * surface)
        return kept if self.sigma is None else kept + smooth(residual, self.sigma)
