"""Finding nuclei on the simulated plate: against a plain scikit-image script and CellProfiler.

The script is what one finds in tutorials: Gaussian, Otsu, distance transform, watershed.
CellProfiler's module IdentifyPrimaryObjects runs with its defaults, headless and without reading or
writing files. All are scored against the truth, since speed alone says little.
"""

import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import regionprops_table
from skimage.segmentation import watershed

from benchmarks.timing import print_header, print_row, readable, seconds
from tmlib.images.reading import GrayImage, read_image
from tmlib.jterator.modules import segment_nuclei
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline
from tmlib.sample import simulate_plate

SIDE = 1024
DIAMETER = 22.0

CELLPROFILER = "CELLPROFILER_PYTHON"
"""Environment variable: the Python of an environment in which CellProfiler is installed."""

Labels = NDArray[np.int32]


def main() -> None:
    """Print a table of times, rates and scores."""
    with tempfile.TemporaryDirectory() as folder:
        plate = simulate_plate(
            Path(folder) / "plate", wells=["B02"], rows=1, columns=2, height=SIDE, width=SIDE
        )
        images = [read_image(path) for path in plate.image_files if path.stem.endswith("C01")]
        truth = [site.nuclei() for site in plate.sites]
    finders: dict[str, Callable[[GrayImage], Labels]] = {
        "segment_nuclei, diameter given": ours,
        "segment_nuclei, diameter measured": untuned,
        "script": script,
        "pipeline with measurements": pipeline,
        "script with measurements": script_with_measurements,
    }
    print_header(["", "time per site", "Mpx/s", "F1 at IoU 0.5, each site"])
    for name, find in finders.items():
        found = [find(image) for image in images]
        _print(name, seconds(partial(find, images[0])), truth, found)
    python = os.environ.get(CELLPROFILER)
    if python:
        duration, found = cellprofiler(python, images)
        _print("CellProfiler", duration, truth, found)
    else:
        print(
            f"\nCellProfiler is left out: install it in an environment of its own (README.md) and "
            f"give the path of that environment's Python in {CELLPROFILER}."
        )


def _print(name: str, duration: float, truth: Sequence[Labels], found: Sequence[Labels]) -> None:
    scores = (f1(true, labels) for true, labels in zip(truth, found, strict=True))
    print_row(
        [
            name,
            readable(duration),
            f"{SIDE * SIDE / duration / 1e6:.2f}",
            ", ".join(f"{score:.3f}" for score in scores),
        ]
    )


def ours(image: GrayImage) -> Labels:
    """Nuclei as module segment_nuclei finds them."""
    return segment_nuclei.main(image, diameter=DIAMETER).label_image


def untuned(image: GrayImage) -> Labels:
    """The same when nothing is known about them."""
    return segment_nuclei.main(image).label_image


def pipeline(image: GrayImage) -> Labels:
    """Nuclei of the shipped pipeline, which measures intensity and morphology as well."""
    return run_pipeline(nuclei_and_cells("DNA"), {"DNA": image})["Nuclei"].labels


def script_with_measurements(image: GrayImage) -> Labels:
    """Nuclei by the book, and the measurements that both programs have."""
    labels = script(image)
    names = ("area", "perimeter", "eccentricity", "solidity", "extent", "centroid")
    regionprops_table(
        labels,
        image,
        properties=(*names, "intensity_mean", "intensity_max", "intensity_min", "intensity_std"),
    )
    return labels


def cellprofiler(python: str, images: Sequence[GrayImage]) -> tuple[float, list[Labels]]:
    """Seconds for the first image, and the nuclei of all."""
    program = Path(__file__).parent / "programs" / "cellprofiler_nuclei.py"
    with tempfile.TemporaryDirectory() as folder:
        taken, found = Path(folder) / "images.npy", Path(folder) / "labels.npy"
        np.save(taken, np.array(images))
        answer = subprocess.run(  # noqa: S603 - the user names the program
            [python, "-W", "ignore", program, taken, str(DIAMETER), found],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(answer.stdout.split()[-1]), list(np.load(found))


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
