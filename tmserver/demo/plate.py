"""What a demo works on: a folder of images, understood before anything is started."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tmclient.files import list_files
from tmlib import microscopes
from tmlib.errors import BadInput
from tmlib.images import ome_xml
from tmlib.images.ome_masters import follow_masters
from tmlib.images.sources import inspect, is_container
from tmlib.microscopes import ImageMetadata, PlaneMetadata


@dataclass(frozen=True)
class Grid:
    """How the sites of a well lie, where no metadata file tells.

    Attributes
    ----------
    rows, columns
        Numbers of sites; None if not given.
    layout
        Order in which they were imaged.
    """

    rows: int | None = None
    columns: int | None = None
    layout: str = "horizontal"


@dataclass(frozen=True)
class Plate:
    """A folder of images and what it shows.

    Attributes
    ----------
    folder
        Where the files are.
    microscope_type, pattern
        How their names are read; the type's own pattern if there is none.
    plate_format
        Number of wells.
    channels
        Names in natural order.
    n_wells, n_sites, n_images
        What there is, all wells together.
    grid
        How the sites of a well lie; None if metadata files tell.
    """

    folder: Path
    microscope_type: str
    pattern: str | None
    plate_format: int
    channels: tuple[str, ...]
    n_wells: int
    n_sites: int
    n_images: int
    grid: Grid | None


def read_plate(
    folder: Path, microscope_type: str, pattern: str | None, plate_format: int, grid: Grid
) -> Plate:
    """Find out what a folder of images shows, as the workflow will.

    Raises
    ------
    BadInput
        If there is nothing that could be worked on; says what to change.
    """
    microscope = microscopes.get(microscope_type)
    files = list_files(folder)
    images = {_name_in(folder, file): file for file in files if microscope.is_image(file.name)}
    if not images:
        raise BadInput(
            f"None of the {len(files)} files in {folder}, {files[0].name} for example, is an "
            f"image of the microscope type {microscope_type}: choose the type that fits, or "
            "describe the file names with --pattern."
        )
    metadata_files = [file for file in files if microscope.is_metadata(file.name)]
    told = _read_planes(folder, images)
    shown = microscopes.read_acquisition(microscope, metadata_files, told, pattern).planes
    sites = _sites_by_well(shown)
    has_stage = all(plane.stage is not None for plane in shown)
    return Plate(
        folder,
        microscope_type,
        pattern,
        plate_format,
        channels=tuple(sorted({plane.channel for plane in shown}, key=_natural)),
        n_wells=len(sites),
        n_sites=sum(map(len, sites.values())),
        n_images=len(images),
        grid=None if has_stage else _complete(grid, sites),
    )


def _name_in(folder: Path, file: Path) -> str:
    """What a file is called on the server."""
    return file.relative_to(folder).as_posix()


def _read_planes(folder: Path, images: dict[str, Path]) -> dict[str, list[ImageMetadata]]:
    """What image files say about their planes, read only if a name promises that they do."""
    described = {
        name: ome_xml.read(inspect(file), name)
        for name, file in images.items()
        if ".ome." in name.lower() or is_container(file)
    }
    followed = follow_masters(described, folder, (), names_tell=True).files
    return {
        name: followed[name].planes if name in followed else [ImageMetadata(name, plane=0)]
        for name in images
    }


def _sites_by_well(planes: list[PlaneMetadata]) -> dict[str, set[int]]:
    sites: dict[str, set[int]] = defaultdict(set)
    for plane in planes:
        sites[plane.well].add(plane.site)
    return sites


def _complete(grid: Grid, sites: dict[str, set[int]]) -> Grid:
    """Rows and columns that hold the sites of each well, with what the user did not say.

    Raises
    ------
    BadInput
        If the sites do not form the grid, or it is not clear which one.
    """
    well, numbers = max(sites.items(), key=lambda item: len(item[1]))
    n = len(numbers)
    if grid.rows is None and grid.columns is None and n > 1:
        raise BadInput(f"Well {well} has {n} sites: say how they lie with --rows and --columns.")
    rows = grid.rows or n // (grid.columns or 1) or 1
    columns = grid.columns or n // rows or 1
    if rows * columns != n:
        raise BadInput(
            f"Well {well} has {n} sites, which do not fill a grid of {rows} x {columns}: "
            "correct --rows and --columns, or the pattern of the file names."
        )
    return Grid(rows, columns, grid.layout)


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Sorts numbers in a text by their value."""
    parts = re.split(r"(\d+)", name)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]
