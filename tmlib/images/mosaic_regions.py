"""Which regions of a mosaic have to be made: only those that no complete mosaic has yet.

The content of a region of the base is identified by a digest of its images and their positions;
that of a region of another level by the digests of the four regions that it is made of. Regions
with the same digest are the same file, which mosaics share as hard links. Shards are replaced and
never changed in place, so a write to one mosaic does not affect another.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tmlib import durable_files
from tmlib.digests import digest_of
from tmlib.images.map_layout import Box
from tmlib.images.mosaics import SHARD_SIZE, Region, level_shapes, regions_by_cell, shard_path
from tmlib.storage import Stamp, file_stamp

Level = TypeVar("Level")

Cell = tuple[int, int]
"""Row and column of a region in its level."""

Digests = list[dict[Cell, str]]
"""Digest of each region by level, outermost first; regions without images are left out."""

_FILE = "regions.json"


def region_digests(
    height: int, width: int, dtype: str, images: Sequence[tuple[Box, object]]
) -> Digests:
    """Digests of the regions of a mosaic.

    Parameters
    ----------
    height, width
        Size of the map in pixels.
    dtype
        Type of its pixels.
    images
        Position of each image, and whatever else determines its pixels, in the order of drawing.
    """
    shown: dict[Cell, list[object]] = {}
    for box, source in images:
        for row in range(box.y // SHARD_SIZE, -(-(box.y + box.height) // SHARD_SIZE)):
            for column in range(box.x // SHARD_SIZE, -(-(box.x + box.width) // SHARD_SIZE)):
                place = box.y - row * SHARD_SIZE, box.x - column * SHARD_SIZE
                shown.setdefault((row, column), []).append((*place, box.height, box.width, source))
    shapes = level_shapes(height, width)
    digests = [_digest(shapes[-1], {cell: (dtype, *what) for cell, what in shown.items()})]
    for shape in reversed(shapes[:-1]):
        larger = digests[0]
        parts: dict[Cell, tuple[str, ...]] = {
            cell: tuple(
                larger.get((2 * cell[0] + dy, 2 * cell[1] + dx), "")
                for dy in (0, 1)
                for dx in (0, 1)
            )
            for cell in {(row // 2, column // 2) for row, column in larger}
        }
        digests.insert(0, _digest(shape, parts))
    return digests


def save_digests(path: Path, digests: Digests) -> None:
    """Store the digests of the regions of a complete mosaic, so that others can reuse them.

    Each digest is stored with a stamp of the region's file, null if there is none because the
    region is black, so that a file that was changed or removed since is not reused.
    """
    texts = [
        {
            f"{row}/{column}": [digest, file_stamp(shard_path(path, dataset, (row, column)))]
            for (row, column), digest in level.items()
        }
        for dataset, level in _by_dataset(digests)
    ]
    durable_files.write(path / _FILE, json.dumps(texts))


def is_complete(path: Path) -> bool:
    """Whether the mosaic in this folder is finished, so that what is black in it stays black."""
    return (path / _FILE).exists()


class KnownRegions:
    """The regions of all complete mosaics in a folder.

    Parameters
    ----------
    folder
        Contains one folder per mosaic, if it exists; with None no region is known.
    """

    def __init__(self, folder: Path | None) -> None:
        self._shards: dict[str, tuple[Path, Stamp | None]] = {}
        self._changed: set[Path] = set()
        for file in sorted(folder.glob(f"*/{_FILE}")) if folder else ():
            for dataset, level in _by_dataset(json.loads(file.read_text(encoding="utf-8"))):
                for cell, noted in level.items():
                    if isinstance(noted, str):
                        continue  # earlier versions did not store stamps of the files
                    row, _, column = cell.partition("/")
                    shard = shard_path(file.parent, dataset, (int(row), int(column)))
                    self._shards[noted[0]] = shard, noted[1] and tuple(noted[1])

    def take(self, path: Path, height: int, width: int, digests: Digests) -> list[list[Region]]:
        """Add all known regions to a mosaic that does not have them yet.

        Parameters
        ----------
        path
            Folder of the mosaic.
        height, width
            Size of the map in pixels.
        digests
            Digests of its regions.

        Returns
        -------
        The regions that have to be made, by level, outermost first.
        """
        missing = []
        for (dataset, wanted), shape in zip(
            _by_dataset(digests), level_shapes(height, width), strict=True
        ):
            regions = regions_by_cell(*shape)
            missing.append(
                [
                    regions[cell]
                    for cell, digest in sorted(wanted.items())
                    if not self._link(digest, shard_path(path, dataset, cell))
                ]
            )
        durable_files.sync_folders(self._changed)
        self._changed.clear()
        return missing

    def _link(self, digest: str, target: Path) -> bool:
        """Link the file of a region into the mosaic; False if the region is not known."""
        if digest not in self._shards:
            return False
        source, noted = self._shards[digest]
        if file_stamp(target) == noted:
            return True
        if noted is None or file_stamp(source) != noted:
            return False
        durable_files.make_folder(target.parent)
        try:
            _share(source, target)
        except FileNotFoundError:
            return False  # its mosaic has just been removed
        self._changed.add(target.parent)
        return True


def _by_dataset(levels: Sequence[Level]) -> Iterator[tuple[int, Level]]:
    """The levels, outermost first, with the numbers of their datasets; the base is 0."""
    return zip(reversed(range(len(levels))), levels, strict=True)


def _share(source: Path, target: Path) -> None:
    try:
        durable_files.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        with source.open("rb") as pixels, durable_files.writing(target, sync="content") as copy:
            shutil.copyfileobj(pixels, copy)
            copy.flush()
            status = os.fstat(pixels.fileno())
            os.utime(copy.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))


def _digest(shape: Cell, shown: Mapping[Cell, Sequence[object]]) -> dict[Cell, str]:
    """Digest of a region; those at the end of a level are smaller than others."""
    found = {}
    for (row, column), what in sorted(shown.items()):
        size = (
            min(SHARD_SIZE, shape[0] - row * SHARD_SIZE),
            min(SHARD_SIZE, shape[1] - column * SHARD_SIZE),
        )
        text = repr((size, *what))
        found[row, column] = digest_of(text, 32)
    return found
