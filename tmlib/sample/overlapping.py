"""Writes simulated wells whose sites overlap as a Yokogawa CellVoyager would, with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.sample.camera import Optics, expose
from tmlib.sample.metadata import Record, write_detail, write_records
from tmlib.sample.plate import PIXEL_SIZE
from tmlib.sample.scene import Image, simulate_scene

_MARGIN = 24


@dataclass(frozen=True)
class Mosaic:
    """How the sites of a well were taken.

    Attributes
    ----------
    rows, columns
        Grid of sites.
    height, width
        Size of a site in pixels.
    overlap
        Pixels that neighbours share if the stage goes exactly where it was sent.
    stage_error
        How far the stage stands beside its place, in pixels: at most this much along each axis.
    camera_angle
        By how many degrees the camera is turned against the stage.
    density
        Nuclei per pixel; as many as there is room for if None.
    signal
        Counts of a nucleus of average brightness.
    """

    rows: int = 3
    columns: int = 3
    height: int = 256
    width: int = 256
    overlap: int = 32
    stage_error: float = 4.0
    camera_angle: float = 0.0
    density: float | None = None
    signal: float = 2600.0

    @property
    def optics(self) -> Optics:
        """The light path."""
        return Optics(self.signal, background=160, haze=0.12, maximum=(0.42, 0.57), falloff=0.45)


@dataclass(frozen=True)
class OverlappingSite:
    """A site as it was taken.

    Attributes
    ----------
    y, x
        Row and column.
    place
        (y, x) of its upper left corner in the well's scene, in pixels.
    stage
        The same as the stage tells.
    dna, body
        Images (y, x) of the nuclei and of the cell bodies, uint16.
    """

    y: int
    x: int
    place: tuple[float, float]
    stage: tuple[float, float]
    dna: NDArray[np.uint16]
    body: NDArray[np.uint16]


@dataclass(frozen=True)
class OverlappingWell:
    """The sites of a well, and the true label image (y, x) of its nuclei, int32."""

    sites: tuple[OverlappingSite, ...]
    nuclei: NDArray[np.int32]


def simulate_overlapping_well(mosaic: Mosaic, seed: Sequence[int]) -> OverlappingWell:
    """Take the sites of a well one by one from one scene."""
    rng = np.random.default_rng(seed)
    steps = np.array([mosaic.height - mosaic.overlap, mosaic.width - mosaic.overlap])
    angle = np.deg2rad(mosaic.camera_angle)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stages = steps * [(y, x) for y in range(mosaic.rows) for x in range(mosaic.columns)]
    errors = rng.uniform(-mosaic.stage_error, mosaic.stage_error, stages.shape)
    places = stages @ turned.T + errors
    places += _MARGIN - places.min(axis=0)
    extent = np.ceil(places.max(axis=0)).astype(int) + np.array([mosaic.height, mosaic.width])
    height, width = (extent + _MARGIN).tolist()
    n_nuclei = None if mosaic.density is None else round(mosaic.density * height * width)
    scene = simulate_scene(rng, height, width, n_nuclei)
    sites = [
        OverlappingSite(
            *divmod(number, mosaic.columns),
            (float(place[0]), float(place[1])),
            (float(stage[0]), float(stage[1])),
            expose(rng, _cut(scene.dna, place, mosaic), mosaic.optics),
            expose(rng, _cut(scene.body, place, mosaic), mosaic.optics),
        )
        for number, (place, stage) in enumerate(zip(places, stages, strict=True))
    ]
    return OverlappingWell(tuple(sites), scene.nuclei)


def _cut(scene: Image, place: NDArray[np.float64], mosaic: Mosaic) -> Image:
    """What a camera sees whose corner is between pixels."""
    corner = np.floor(place).astype(int)
    part = scene[
        corner[0] : corner[0] + mosaic.height + 1, corner[1] : corner[1] + mosaic.width + 1
    ]
    moved = ndimage.shift(part, corner - place, order=1, mode="nearest")
    return np.asarray(moved[: mosaic.height, : mosaic.width])


def write_overlapping_wells(
    folder: Path, wells: dict[str, OverlappingWell], mosaic: Mosaic
) -> list[Path]:
    """Write the files of a plate; gives images and metadata files.

    The order of the fields is that of the stage's way: back and forth.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for name, well in wells.items():
        for site in well.sites:
            column = mosaic.columns - 1 - site.x if site.y % 2 else site.x
            field = site.y * mosaic.columns + column + 1
            stage = -site.stage[0] * PIXEL_SIZE, site.stage[1] * PIXEL_SIZE
            for channel, pixels in enumerate((site.dna, site.body), start=1):
                file_name = f"overlap_{name}_T0001F{field:03d}L01A01Z01C{channel:02d}.tif"
                tifffile.imwrite(folder / file_name, pixels, metadata=None)
                records.append(Record(file_name, name, field, 1, 1, channel, stage, 0.0))
    metadata = (folder / "MeasurementData.mlf", folder / "MeasurementDetail.mrf")
    write_records(metadata[0], records)
    write_detail(metadata[1], "overlap", (mosaic.height, mosaic.width), 2, 1, 1, PIXEL_SIZE)
    return [*(folder / record.file_name for record in records), *metadata]
