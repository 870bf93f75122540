"""Nuclei and cells of the real images: how many there are, and pictures of them.

Prints the table of ``docs/real-images.md`` and makes its pictures anew. The images are public
examples of the CellProfiler project; without them in ``../shared/data`` nothing is done.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.segmentation import find_boundaries

from benchmarks.timing import print_header, print_row
from tmlib.images.reading import GrayImage, read_image
from tmlib.jterator.projects.nuclei_and_cells import nuclei_and_cells
from tmlib.jterator.runner import run_pipeline

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
PICTURES = ROOT / "docs" / "images"

SIDE = 260
"""Pixels of an image that its picture shows in each direction, twice as large."""

COLOURS = np.array([[0.05, 0.55, 1.0], [0.8, 0.2, 0.3]])
"""Red, green and blue of the DNA and of the cell bodies."""

Labels = NDArray[np.int32]


class Field(NamedTuple):
    """Images of one field: of the DNA and of the cell bodies."""

    name: str
    dna: str
    cells: str


FIELDS = (
    Field("fly, site 002", "fly/01_POS002_D.TIF", "fly/01_POS002_F.TIF"),
    Field("fly, site 076", "fly/01_POS076_D.TIF", "fly/01_POS076_F.TIF"),
    Field("fly, site 218", "fly/01_POS218_D.TIF", "fly/01_POS218_F.TIF"),
    Field(
        "human",
        "human/AS_09125_050116030001_D03f00d0.tif",
        "human/AS_09125_050116030001_D03f00d2.tif",
    ),
)


def main() -> None:
    """Print a table of what was found; write a picture of each field."""
    if not DATA.is_dir():
        print(f"The real images are not in {DATA}.")
        return
    print_header(["field", "nuclei", "area", "cells", "area", "nuclei outside of cells"])
    project = nuclei_and_cells("DNA", "Cells")
    for field in FIELDS:
        dna, bodies = read_image(DATA / field.dna), read_image(DATA / field.cells)
        found = run_pipeline(project, {"DNA": dna, "Cells": bodies})
        nuclei, cells = found["Nuclei"], found["Cells"]
        areas = [
            f"{objects.measurements['Morphology_Area'].median():.0f}" for objects in (nuclei, cells)
        ]
        outside = np.unique(nuclei.labels[(nuclei.labels > 0) & (cells.labels != nuclei.labels)])
        counts = [f"{objects.labels.max()}" for objects in (nuclei, cells)]
        print_row([field.name, counts[0], areas[0], counts[1], areas[1], str(len(outside))])
        file_name = field.name.replace(", site ", "-") + ".png"
        write_picture(PICTURES / file_name, dna, bodies, nuclei.labels, cells.labels)


def write_picture(
    path: Path, dna: GrayImage, bodies: GrayImage, nuclei: Labels, cells: Labels
) -> None:
    """Write the middle of a field: as it was taken, and with the outlines of what was found."""
    top, left = ((side - SIDE) // 2 for side in dna.shape)
    middle = (slice(top, top + SIDE), slice(left, left + SIDE))
    shown = [stretched(image)[middle] for image in (dna, bodies)]
    mixed = sum(image[:, :, None] * colour for image, colour in zip(shown, COLOURS, strict=True))
    taken = twice(np.minimum(mixed, 255))
    outlined = taken.copy()
    for labels, colour in ((cells, (255, 255, 255)), (nuclei, (255, 235, 60))):
        edge = find_boundaries(twice(labels[middle]), mode="inner")
        outlined[edge] = colour
    gap = np.full((taken.shape[0], 8, 3), 255, np.uint8)
    picture = Image.fromarray(np.hstack([taken, gap, outlined]).astype(np.uint8))
    path.parent.mkdir(exist_ok=True)
    picture.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


def stretched(image: GrayImage) -> NDArray[np.float64]:
    """Gray values from 0 to 255, nearly the darkest and nearly the brightest at the ends."""
    low, high = np.percentile(image, (1, 99.7))
    return np.asarray(255 * np.clip((image - low) / (high - low), 0, 1) ** 0.8)


def twice(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Four pixels of each."""
    return pixels.repeat(2, axis=0).repeat(2, axis=1)
