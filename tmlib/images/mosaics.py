"""Mosaics: the whole map of one channel as a pyramid of arrays (y, x) in an OME-NGFF 0.5 image.

Zoom levels count from the outermost, 0, whose image fits into one tile, to the base at full
resolution. Regions of 2048 x 2048 pixels are separate files, written by any number of processes; a
level is started when the next larger one is complete. A process needs memory for one region. Pixels
that no image covers are 0 and take no space.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import NotFound
from tmlib.images.arrays import (
    TILE_SIZE,
    create_array,
    display,
    multiscale,
    open_array,
    read_group,
    read_stored,
    round_up,
    write_group,
    write_stored,
)
from tmlib.images.reading import GrayImage
from tmlib.storage import Stamp, file_stamp

SHARD_SIZE = 2048
"""Height and width of the regions that are written as one file."""


@dataclass(frozen=True, order=True)
class Region:
    """A rectangle of a level in the level's own pixels."""

    y: int
    x: int
    height: int
    width: int


@dataclass(frozen=True)
class PlacedImage:
    """An image and its position on the map.

    Attributes
    ----------
    y, x
        Upper left corner in pixels of the map.
    height, width
        Size in pixels.
    read
        Returns the pixels (y, x); called only when they are needed.
    """

    y: int
    x: int
    height: int
    width: int
    read: Callable[[], GrayImage]


def level_shapes(height: int, width: int) -> list[tuple[int, int]]:
    """Height and width of every level, outermost first.

    Each level is half the size of the next one, rounded up. There are at least two, and the
    outermost fits into one tile.
    """
    shapes = [(height, width)]
    while len(shapes) < 2 or max(shapes[-1]) > TILE_SIZE:
        y, x = shapes[-1]
        shapes.append((-(-y // 2), -(-x // 2)))
    return shapes[::-1]


def create_mosaic(
    path: Path,
    *,
    height: int,
    width: int,
    dtype: Literal["uint8", "uint16"],
    name: str,
    pixel_size: float | None = None,
) -> None:
    """Create an empty mosaic, replacing any other.

    Readers see the old mosaic or the new one, or for a moment none. Only one process at a time may
    create the same mosaic; leftovers of killed processes are removed.

    Parameters
    ----------
    path
        Folder of the mosaic.
    height, width
        Size of the map in pixels.
    dtype
        Type of its pixels.
    name
        Name of the channel, shown by other viewers.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    """
    draft = draft_mosaic(
        path, height=height, width=width, dtype=dtype, name=name, pixel_size=pixel_size
    )
    put_in_place(draft, path)
    clear_drafts(path)


def draft_mosaic(
    path: Path,
    *,
    height: int,
    width: int,
    dtype: Literal["uint8", "uint16"],
    name: str,
    pixel_size: float | None = None,
) -> Path:
    """Create an empty mosaic that is invisible until :func:`put_in_place`; returns its folder.

    Arguments are those of :func:`create_mosaic`. Any number of processes may do this at once.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    shapes = level_shapes(height, width)[::-1]
    for i, shape in enumerate(shapes):
        shard = (SHARD_SIZE, SHARD_SIZE)
        create_array(draft / str(i), shape, shard, dtype, ("y", "x"), keep_zeros=False)
    size = pixel_size or 1.0
    scales = [(size * 2**i, size * 2**i) for i in range(len(shapes))]
    image = multiscale(name, ("y", "x"), scales, in_micrometres=pixel_size is not None)
    image["type"] = "mean"
    write_group(draft, {"multiscales": [image], "omero": display([name], dtype)})
    return draft


def put_in_place(draft: Path, path: Path) -> None:
    """Replace a mosaic, if there is one, with a draft, at once.

    The old mosaic becomes a draft, for :func:`clear_drafts`.
    """
    durable_files.sync_tree(draft)
    if path.exists():
        durable_files.move(path, draft.with_suffix(".old"), sync="none")
    durable_files.move(draft, path)


def clear_drafts(path: Path) -> None:
    """Remove the drafts of a mosaic, including those of killed processes."""
    for draft in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(draft, ignore_errors=True)


def set_window(path: Path, minimum: int, maximum: int) -> None:
    """Write the intensities that other viewers show as black and white."""
    ome = read_group(path)
    ome["omero"]["channels"][0]["window"] |= {"start": minimum, "end": maximum}
    write_group(path, ome)


def base_regions(height: int, width: int) -> list[Region]:
    """The regions of the base level of a map of this size, row by row."""
    return [
        Region(y, x, min(SHARD_SIZE, height - y), min(SHARD_SIZE, width - x))
        for y in range(0, height, SHARD_SIZE)
        for x in range(0, width, SHARD_SIZE)
    ]


def level_regions(height: int, width: int, level: int) -> list[Region]:
    """The regions of one level of a map of this size, row by row; level 0 is the outermost."""
    return base_regions(*level_shapes(height, width)[level])


def regions_by_cell(height: int, width: int) -> dict[tuple[int, int], Region]:
    """The regions of a level of this size by their row and column."""
    return {(r.y // SHARD_SIZE, r.x // SHARD_SIZE): r for r in base_regions(height, width)}


def is_mosaic(path: Path, height: int, width: int) -> bool:
    """Whether there is a mosaic with all its levels, regardless of its content."""
    datasets = range(len(level_shapes(height, width)))
    files = [path / "zarr.json", *(path / str(i) / "zarr.json" for i in datasets)]
    return all(file.exists() for file in files)


def region_stamps(
    path: Path, level: int | None, regions: Sequence[Region]
) -> list[tuple[Region, Stamp | None]]:
    """Stamps of the files of some regions of a level; a black region has none.

    The level is that of :func:`write_level`, None for the base.

    Raises
    ------
    NotFound
        If there is no mosaic.
    """
    dataset = 0 if level is None else _depth(path) - 1 - level
    return [
        (
            region,
            file_stamp(shard_path(path, dataset, (region.y // SHARD_SIZE, region.x // SHARD_SIZE))),
        )
        for region in regions
    ]


def shard_path(path: Path, dataset: int, cell: tuple[int, int]) -> Path:
    """File of the region in this row and column of regions; dataset 0 is the base."""
    return path / str(dataset) / "c" / str(cell[0]) / str(cell[1])


def write_base(path: Path, region: Region, images: Sequence[PlacedImage]) -> None:
    """Write one region of the base level.

    Parameters
    ----------
    path
        Folder of the mosaic.
    region
        One of :func:`base_regions`.
    images
        All images that may extend into the region. Where images overlap, the one with the nearer
        centre is shown, so that each of two neighbours shows its half.
    """
    array = open_array(path / "0", keep_zeros=False)
    canvas = np.zeros((region.height, region.width), array.dtype.numpy_dtype)
    distances: NDArray[np.int64] | None = None
    for image in images:
        top, left = max(image.y, region.y), max(image.x, region.x)
        bottom = min(image.y + image.height, region.y + region.height)
        right = min(image.x + image.width, region.x + region.width)
        if top >= bottom or left >= right:
            continue
        inside = np.s_[top - region.y : bottom - region.y, left - region.x : right - region.x]
        part = np.s_[top - image.y : bottom - image.y, left - image.x : right - image.x]
        pixels = image.read()[part]
        if not any(other is not image and _overlap(other, image) for other in images):
            canvas[inside] = pixels
            continue
        if distances is None:
            distances = np.full(canvas.shape, np.iinfo(np.int64).max)
        distance = _centre_distances(image.height, image.width)[part]
        is_seen = distance < distances[inside]
        canvas[inside][is_seen] = pixels[is_seen]
        distances[inside][is_seen] = distance[is_seen]
    _write(path, 0, region, canvas)


def _overlap(one: PlacedImage, other: PlacedImage) -> bool:
    return abs(one.y - other.y) < max(one.height, other.height) and abs(one.x - other.x) < max(
        one.width, other.width
    )


def _centre_distances(height: int, width: int) -> NDArray[np.int64]:
    """Squared distance of each pixel from the centre of its image, in half pixels."""
    rows, columns = (2 * np.arange(size, dtype=np.int64) + 1 - size for size in (height, width))
    return np.add.outer(rows**2, columns**2)


def write_level(path: Path, level: int, region: Region) -> None:
    """Write one region of a level from the next larger level, each pixel the mean of four.

    If the larger level has an odd size, its last row or column counts twice. Means are rounded to
    the nearest integer, halves up.

    Parameters
    ----------
    path
        Folder of the mosaic.
    level
        Not the base; 0 is the outermost.
    region
        One of :func:`level_regions` of this level.
    """
    depth = _depth(path)
    larger = open_array(path / str(depth - 2 - level), keep_zeros=False)
    small = np.zeros((region.height, region.width), larger.dtype.numpy_dtype)
    # strips of chunks save memory and skip areas without images
    for y in range(0, region.height, TILE_SIZE):
        strip = small[y : y + TILE_SIZE]
        top, left = 2 * (region.y + y), 2 * region.x
        bottom = min(top + 2 * len(strip), larger.shape[0])
        right = min(left + 2 * region.width, larger.shape[1])
        strip[...] = _halve(_read_or_zero(larger, Region(top, left, bottom - top, right - left)))
    _write(path, depth - 1 - level, region, small)


def read_tile(path: Path, *, z: int, y: int, x: int) -> GrayImage | None:
    """Read the tile in row `y` and column `x` of zoom level `z`.

    Returns
    -------
    At most 256 x 256 pixels, fewer on the lower and right edge of the level; None outside of the
    mosaic, in areas without images, and if there is no mosaic (yet).
    """
    try:
        dataset = _depth(path) - 1 - z
        array = open_array(path / str(dataset), keep_zeros=False) if dataset >= 0 <= z else None
    except NotFound:
        return None
    if array is None or y < 0 or x < 0:
        return None
    height, width = array.shape
    top, left = y * TILE_SIZE, x * TILE_SIZE
    if top >= height or left >= width:
        return None
    bottom, right = min(top + TILE_SIZE, height), min(left + TILE_SIZE, width)
    return read_stored(array[top:bottom, left:right])


def read_base(path: Path, region: Region) -> GrayImage:
    """Read a rectangle of the base level, wherever it lies; what no image covers is 0.

    Raises
    ------
    NotFound
        If there is no mosaic.
    """
    array = open_array(path / "0", keep_zeros=False)
    height, width = array.shape
    # whole tiles, since all of one that was never written in part would be 0
    top, left = (start // TILE_SIZE * TILE_SIZE for start in (region.y, region.x))
    bottom = min(round_up(region.y + region.height), height)
    right = min(round_up(region.x + region.width), width)
    pixels = _read_or_zero(array, Region(top, left, bottom - top, right - left))
    y, x = region.y - top, region.x - left
    return pixels[y : y + region.height, x : x + region.width]


def _depth(path: Path) -> int:
    """Number of levels, from the size of the base."""
    return len(level_shapes(*open_array(path / "0", keep_zeros=False).shape))


def _halve(pixels: NDArray[Any]) -> NDArray[Any]:
    """The mean of each 2 x 2 pixels."""
    height, width = pixels.shape
    if height % 2 or width % 2:
        pixels = np.pad(pixels, ((0, height % 2), (0, width % 2)), mode="edge")
    total = pixels[0::2, 0::2].astype(np.uint32)
    total += pixels[0::2, 1::2]
    total += pixels[1::2, 0::2]
    total += pixels[1::2, 1::2]
    return ((total + 2) >> 2).astype(pixels.dtype)


def _read_or_zero(array: Any, region: Region) -> NDArray[Any]:
    """Read a region; pixels that were never written are 0."""
    view = array[region.y : region.y + region.height, region.x : region.x + region.width]
    pixels = read_stored(view)
    if pixels is not None:
        return pixels
    pixels = np.zeros((region.height, region.width), array.dtype.numpy_dtype)
    for y in range(0, region.height, TILE_SIZE):
        for x in range(0, region.width, TILE_SIZE):
            tile = read_stored(
                array[
                    region.y + y : region.y + min(y + TILE_SIZE, region.height),
                    region.x + x : region.x + min(x + TILE_SIZE, region.width),
                ]
            )
            if tile is not None:
                pixels[y : y + TILE_SIZE, x : x + TILE_SIZE] = tile
    return pixels


def _write(path: Path, dataset: int, region: Region, pixels: NDArray[Any]) -> None:
    array_path = path / str(dataset)
    bottom, right = region.y + region.height, region.x + region.width
    view = open_array(array_path, keep_zeros=False)[region.y : bottom, region.x : right]
    write_stored(view, pixels, array_path)
