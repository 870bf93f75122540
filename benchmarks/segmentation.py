"""Finding nuclei on the simulated plate: against a plain scikit-image script.

The script is what one finds in tutorials: Gaussian, Otsu, distance transform, watershed. Both are
scored against the truth, since speed alone says little.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.images.reading import GrayImage, read_image
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline
from tmlib.sample import simulate_plate

SIDE = 1024

Labels = NDArray[np.int32]


def main() -> None:
    """Print a table of times, rates and scores."""
    with tempfile.TemporaryDirectory() as folder:
        plate = simulate_plate(
            Path(folder) / "plate", wells=["B02"], rows=1, columns=2, height=SIDE, width=SIDE
        )
        images = [read_image(path) for path in plate.image_files if path.stem.endswith("C01")]
        truth = [site.nuclei() for site in plate.sites]
    finders: dict[str, Callable[[GrayImage], Labels]] = {"tmserver": ours, "script": script}
    print_header(["", "time per site", "Mpx/s", "F1 at IoU 0.5, each site"])
    for name, find in finders.items():
        duration = seconds(partial(find, images[0]))
        scores = [f1(true, find(image)) for true, image in zip(truth, images, strict=True)]
        print_row(
            [
                name,
                readable(duration),
                f"{SIDE * SIDE / duration / 1e6:.2f}",
                ", ".join(f"{score:.3f}" for score in scores),
            ]
        )


def ours(image: GrayImage) -> Labels:
    """Nuclei of the shipped pipeline, outlines and measurements included."""
    return run_pipeline(nuclei_and_cells("DNA", quality=False), {"DNA": image})["Nuclei"].labels


def script(image: GrayImage) -> Labels:
    """Nuclei by the book."""
    smoothed = gaussian(image, 2)
    mask = ndimage.binary_fill_holes(smoothed > threshold_otsu(smoothed))
    distance = ndimage.distance_transform_edt(mask)
    peaks = peak_local_max(distance, min_distance=8, labels=ndimage.label(mask)[0])
    markers = np.zeros(image.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-distance, markers, mask=mask), dtype=np.int32)


def f1(truth: Labels, found: Labels) -> float:
    """F1 of objects that share at least half of their union."""
    n_found = int(found.max()) + 1
    shared = np.bincount(
        truth.ravel().astype(np.int64) * n_found + found.ravel(),
        minlength=(int(truth.max()) + 1) * n_found,
    ).reshape(-1, n_found)
    union = shared.sum(axis=1, keepdims=True) + shared.sum(axis=0, keepdims=True) - shared
    matches = (shared / np.maximum(union, 1))[1:, 1:] > 0.5
    n_true = np.count_nonzero(shared.sum(axis=1)[1:])
    return float(
        2 * matches.any(axis=1).sum() / (n_true + np.count_nonzero(shared.sum(axis=0)[1:]))
    )
