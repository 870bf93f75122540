"""Writes a simulated plate as a Yokogawa CellVoyager would, with the truth beside it."""

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.errors import BadInput
from tmlib.sample.camera import Optics, expose
from tmlib.sample.metadata import Record, write_detail, write_records
from tmlib.sample.scene import Scene, simulate_scene

PIXEL_SIZE = 0.65
"""Width and height of a pixel in micrometres: a 20x objective."""

Z_STEP = 2.0
"""Distance of two focal planes in micrometres."""

_OPTICS = (
    Optics(signal=2600, background=160, haze=0.12, maximum=(0.42, 0.57), falloff=0.45),
    Optics(signal=1500, background=220, haze=0.18, maximum=(0.55, 0.46), falloff=0.35),
)
_TRUTH_FOLDER = ".ground_truth"
_TRUTH_COLUMNS = ("well", "site_y", "site_x", "label", "centroid_y", "centroid_x", "area")


@dataclass(frozen=True)
class SampleSite:
    """One field of view and what is known about it.

    Attributes
    ----------
    well
        Name of the well, for example "B03".
    y, x
        Row and column of the site within its well, from 0 at the top left.
    field
        Number of the field in the file names, from 1, row by row.
    truth_file
        TIFF with the int32 label image of the nuclei.
    n_nuclei
        How many there are, those on the image border included.
    """

    well: str
    y: int
    x: int
    field: int
    truth_file: Path
    n_nuclei: int

    def nuclei(self) -> NDArray[np.int32]:
        """The true label image (y, x): 1 to `n_nuclei`, 0 outside."""
        labels: NDArray[np.int32] = tifffile.imread(self.truth_file)
        return labels


@dataclass(frozen=True)
class SamplePlate:
    """The files of a simulated plate.

    Attributes
    ----------
    folder
        Where everything lies; the ground truth is in a hidden sub-folder, which no upload takes.
    image_files
        TIFF files as a microscope names them, one plane each.
    metadata_files
        The CellVoyager's ``MeasurementData.mlf`` and ``MeasurementDetail.mrf``.
    sites
        All fields of view with their truth.
    nuclei_file
        CSV of all nuclei: well, site_y, site_x, label, centroid_y, centroid_x, area (pixels).
    """

    folder: Path
    image_files: tuple[Path, ...]
    metadata_files: tuple[Path, ...]
    sites: tuple[SampleSite, ...]
    nuclei_file: Path


def simulate_plate(
    folder: Path | str,
    *,
    wells: Sequence[str] = ("B02", "B03", "C02", "C03"),
    rows: int = 2,
    columns: int = 2,
    height: int = 512,
    width: int = 512,
    nuclei_per_site: int | None = None,
    n_tpoints: int = 1,
    n_zplanes: int = 1,
    seed: int = 0,
    name: str = "sample",
) -> SamplePlate:
    """Write the excerpt of a 96-well plate: channel C01 is the DNA, C02 the cell bodies.

    Memory is needed for one site at a time. A site's pixels depend on the seed, the name of its
    well and its place in it, not on which others are made.

    Parameters
    ----------
    folder
        Created if it does not exist; files of the same names are overwritten.
    wells
        Names such as "B02" within the 8 rows and 12 columns of the plate.
    rows, columns
        Grid of sites in each well.
    height, width
        Size of a site in pixels.
    nuclei_per_site
        How many nuclei to aim at; as many as form a dense layer if not given.
    n_tpoints, n_zplanes
        Cells stay where they are: later time points are bleached, other planes out of focus.
    seed
        The same seed makes the same files.
    name
        What file names start with, without an underscore.

    Raises
    ------
    BadInput
        If a well is not on the plate, or a number is too small.
    """
    _check(wells, name, rows, columns, height, width, n_tpoints, n_zplanes)
    folder = Path(folder)
    truth_folder = folder / _TRUTH_FOLDER
    truth_folder.mkdir(parents=True, exist_ok=True)
    records: list[Record] = []
    sites: list[SampleSite] = []
    nuclei_file = truth_folder / "nuclei.csv"
    with nuclei_file.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(_TRUTH_COLUMNS)
        for well, y, x in itertools.product(wells, range(rows), range(columns)):
            key = [seed, ord(well[0]), int(well[1:]), y, x]
            scene = simulate_scene(np.random.default_rng(key), height, width, nuclei_per_site)
            site = _store_truth(truth_folder, well, y, x, y * columns + x + 1, scene.nuclei)
            table.writerows((well, y, x, *row) for row in _describe(scene.nuclei))
            stage = (
                ((rows - 1) / 2 - y) * height * PIXEL_SIZE,
                (x - (columns - 1) / 2) * width * PIXEL_SIZE,
            )
            taken = _photograph(scene, key, site, stage, name, n_tpoints, n_zplanes)
            records.extend(_store(folder, taken))
            sites.append(site)
    metadata = (folder / "MeasurementData.mlf", folder / "MeasurementDetail.mrf")
    write_records(metadata[0], records)
    write_detail(metadata[1], name, (height, width), len(_OPTICS), n_tpoints, n_zplanes, PIXEL_SIZE)
    images = tuple(folder / record.file_name for record in records)
    return SamplePlate(folder, images, metadata, tuple(sites), nuclei_file)


def _store_truth(
    folder: Path, well: str, y: int, x: int, field: int, nuclei: NDArray[np.int32]
) -> SampleSite:
    """Write the label image of a site."""
    path = folder / f"nuclei_{well}_y{y}_x{x}.tif"
    tifffile.imwrite(path, nuclei, compression="zlib", metadata=None)
    return SampleSite(well, y, x, field, path, int(nuclei.max()))


def _photograph(
    scene: Scene,
    key: list[int],
    site: SampleSite,
    stage: tuple[float, float],
    name: str,
    n_tpoints: int,
    n_zplanes: int,
) -> Iterator[tuple[Record, NDArray[np.uint16]]]:
    """All planes of one site."""
    channels = zip((scene.dna, scene.body), _OPTICS, strict=True)
    for c, (brightness, optics) in enumerate(channels, start=1):
        for t, z in itertools.product(range(n_tpoints), range(n_zplanes)):
            distance = abs(z - n_zplanes // 2)
            rng = np.random.default_rng([*key, c, t, z])
            pixels = expose(rng, brightness, optics, tpoint=t, defocus=distance)
            place = f"{site.well}_T{t + 1:04d}F{site.field:03d}"
            file_name = f"{name}_{place}L01A01Z{z + 1:02d}C{c:02d}.tif"
            record = Record(file_name, site.well, site.field, t + 1, z + 1, c, stage, z * Z_STEP)
            yield record, pixels


def _store(folder: Path, taken: Iterable[tuple[Record, NDArray[np.uint16]]]) -> Iterator[Record]:
    """Write planes as TIFF files."""
    for record, pixels in taken:
        path = folder / record.file_name
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None)
        yield record


def _describe(labels: NDArray[np.int32]) -> Iterator[tuple[int, str, str, int]]:
    """Label, centroid y, centroid x and area of every nucleus."""
    numbers = np.arange(1, int(labels.max()) + 1)
    if not len(numbers):
        return
    areas = np.bincount(labels.ravel(), minlength=len(numbers) + 1)[1:]
    centroids = ndimage.center_of_mass(labels > 0, labels, numbers)
    for number, (y, x), area in zip(numbers, centroids, areas, strict=True):
        yield int(number), f"{y:.2f}", f"{x:.2f}", int(area)


def _check(wells: Sequence[str], name: str, *numbers: int) -> None:
    """Refuse what cannot be a plate."""
    for well in wells:
        if not (
            well[:1] in tuple("ABCDEFGH") and well[1:].isdecimal() and 1 <= int(well[1:]) <= 12
        ):
            raise BadInput(f'"{well}" is not a well of a 96-well plate: use A01 to H12.')
    if not name or "_" in name or "/" in name:
        raise BadInput(f'"{name}" cannot start the file names: use a word without "_" and "/".')
    if min(numbers) < 1:
        raise BadInput("A sample plate needs at least one of everything: give positive numbers.")
