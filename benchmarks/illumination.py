"""Illumination statistics of many images: against NumPy with all images in memory.

Both give the mean and standard deviation of log10 intensities per pixel; NumPy needs the whole
stack at once, corilla takes one image after the other. The values are compared before the time.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.images.illumination import IlluminationStatistics

SIDE = 1024


def main() -> None:
    """Print a table of times and ratios."""
    print_header(["images of 1024 x 1024", "tmserver", "NumPy", "ratio"])
    for n_images in (4, 16, 64):
        rng = np.random.default_rng(0)
        stack = rng.integers(100, 4000, (n_images, SIDE, SIDE), dtype=np.uint16)
        statistics = streaming(stack)
        mean, std = at_once(stack)
        np.testing.assert_allclose(statistics.mean, mean, rtol=1e-6)
        np.testing.assert_allclose(statistics.std, std, rtol=1e-6)
        own, other = seconds(partial(streaming, stack)), seconds(partial(at_once, stack))
        print_row([str(n_images), readable(own), readable(other), f"{other / own:.1f}"])


def streaming(stack: NDArray[np.uint16]) -> IlluminationStatistics:
    """One image after the other, as step corilla does; percentiles are counted as well."""
    statistics = IlluminationStatistics(SIDE, SIDE)
    for pixels in stack:
        statistics.update(pixels)
    return statistics


def at_once(stack: NDArray[np.uint16]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The line that one would write in a notebook, percentiles included."""
    logarithms = np.log10(stack.astype(np.float64))
    np.percentile(stack, np.linspace(0, 100, 1001), axis=(1, 2))
    return logarithms.mean(axis=0), logarithms.std(axis=0, ddof=1)
