"""Draws the picture of ``docs/images.md``: a well side by side, by the stage, and corrected."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from benchmarks.stitching import Places, stitch
from tmlib.images.mosaics import PlacedImage, base_regions, create_mosaic, write_base
from tmlib.sample.overlapping import Mosaic, OverlappingWell, simulate_overlapping_well

PANEL = 336
DETAIL = 84
MOSAIC = Mosaic(height=256, width=256, overlap=26, stage_error=6, signal=1500)

Picture = NDArray[np.float64]


def assemble(well: OverlappingWell, places: Places) -> Picture:
    """The map of a well as step illuminati makes it."""
    corners = np.rint(places).astype(int)
    height, width = (corners.max(axis=0) + np.array([MOSAIC.height, MOSAIC.width])).tolist()
    images = [
        PlacedImage(y, x, MOSAIC.height, MOSAIC.width, partial(np.asarray, site.dna))
        for site, (y, x) in zip(well.sites, corners.tolist(), strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic"
        create_mosaic(path, height=height, width=width, dtype="uint16", name="DNA")
        for region in base_regions(height, width):
            write_base(path, region, images)
        return np.asarray(zarr.open_group(path, mode="r")["0"][:], float)  # type: ignore[index]


def panel(image: Picture, detail: tuple[int, int]) -> Picture:
    """A whole well, and below it a detail, both of one width."""
    whole = np.asarray(ndimage.zoom(image, PANEL / image.shape[1], order=1))
    whole = np.pad(whole, ((0, max(PANEL - len(whole), 0)), (0, 0)))[:PANEL, :PANEL]
    y, x = detail
    part = image[y : y + DETAIL, x : x + DETAIL]
    scale = PANEL / image.shape[1]
    frame = [round(edge * scale) for edge in (y, y + DETAIL, x, x + DETAIL)]
    for row in frame[:2]:
        whole[row, frame[2] : frame[3]] = image.max()
    for column in frame[2:]:
        whole[frame[0] : frame[1], column] = image.max()
    enlarged = np.kron(part, np.ones((PANEL // DETAIL, PANEL // DETAIL)))
    return np.vstack([whole, np.zeros((8, PANEL)), enlarged])


def main(path: Path = Path(__file__).parent.parent / "docs" / "images" / "stitching.png") -> None:
    well = simulate_overlapping_well(MOSAIC, [12])
    stages = np.array([site.stage for site in well.sites])
    corrected, _ = stitch(well, MOSAIC)
    aside = np.array([(site.y * MOSAIC.height, site.x * MOSAIC.width) for site in well.sites])
    panels = []
    for places in (aside, stages, corrected):
        corner = np.rint(places[4]).astype(int)
        detail = int(corner[0]) - DETAIL // 2 + 12, int(corner[1]) - DETAIL // 2 + 12
        panels.append(panel(assemble(well, places.astype(float)), detail))
        panels.append(np.zeros((panels[-1].shape[0], 8)))
    picture = np.hstack(panels[:-1])
    low, high = np.percentile(picture[picture > 0], (1, 99.7))
    gray = np.clip((picture - low) / (high - low), 0, 1) ** 0.7
    # noise in the last bits would make most of the file
    Image.fromarray((255 * gray).astype(np.uint8) & 0xF8).save(path)


if __name__ == "__main__":
    main()
