"""Which regions of a mosaic have to be made: only those that no complete mosaic has already.

What a region of the base shows is told by a digest of the images in it and of their places; what
a region of another level shows, by those of the four regions that it is made of. Regions with the
same digest are the same file, which mosaics share as hard links. Shards are replaced and never
changed in place, so nothing that is written into one mosaic shows in another.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tmlib.images.layout import Box
from tmlib.images.mosaics import SHARD_SIZE, Region, base_regions, level_shapes, shard_path

Cell = tuple[int, int]
"""Row and column of a region in its level."""

Digests = list[dict[Cell, str]]
"""By level, outermost first, what each region shows. Regions without images are left out."""

_FILE = "regions.json"


def region_digests(
    height: int, width: int, dtype: str, images: Sequence[tuple[Box, object]]
) -> Digests:
    """What the regions of a mosaic show.

    Parameters
    ----------
    height, width
        Size of the map in pixels.
    dtype
        Type of its pixels.
    images
        Place of each image, and whatever else decides about its pixels, in the order in which
        they are drawn.
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
    """Note what the regions of a complete mosaic show, so that others may take them over."""
    texts = [
        {f"{row}/{column}": digest for (row, column), digest in level.items()} for level in digests
    ]
    draft = path / f"{_FILE}.draft"
    draft.write_text(json.dumps(texts), encoding="utf-8")
    draft.replace(path / _FILE)


def is_complete(path: Path) -> bool:
    """Whether there is a mosaic whose digests were saved."""
    return (path / _FILE).exists()


class KnownRegions:
    """The regions of all complete mosaics in a folder.

    Parameters
    ----------
    folder
        Holds one folder per mosaic, if it exists.
    """

    def __init__(self, folder: Path) -> None:
        self._shards: dict[str, Path] = {}
        for file in sorted(folder.glob(f"*/{_FILE}")):
            levels = json.loads(file.read_text(encoding="utf-8"))
            for level, digests in enumerate(levels):
                dataset = len(levels) - 1 - level
                for cell, digest in digests.items():
                    row, _, column = cell.partition("/")
                    place = int(row), int(column)
                    self._shards[digest] = shard_path(file.parent, dataset, place)

    def take(self, path: Path, height: int, width: int, digests: Digests) -> list[list[Region]]:
        """Put all regions that are known into a new, empty mosaic.

        Parameters
        ----------
        path
            Folder of the mosaic.
        height, width
            Size of the map in pixels.
        digests
            What its regions are to show.

        Returns
        -------
        The regions that have to be made, by level, outermost first.
        """
        missing = []
        for level, (shape, wanted) in enumerate(
            zip(level_shapes(height, width), digests, strict=True)
        ):
            regions = {(r.y // SHARD_SIZE, r.x // SHARD_SIZE): r for r in base_regions(*shape)}
            dataset = len(digests) - 1 - level
            missing.append(
                [
                    regions[cell]
                    for cell, digest in sorted(wanted.items())
                    if not self._link(digest, shard_path(path, dataset, cell))
                ]
            )
        return missing

    def _link(self, digest: str, target: Path) -> bool:
        """Whether a region is known; then its file is in the new mosaic too."""
        source = self._shards.get(digest)
        if source is None:
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _share(source, target)
        except FileNotFoundError:
            return False  # it is all black, or its mosaic has just been removed
        return True


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _digest(shape: Cell, shown: Mapping[Cell, Sequence[object]]) -> dict[Cell, str]:
    """Digest of what each region shows; those at the end of a level are smaller than others."""
    found = {}
    for (row, column), what in sorted(shown.items()):
        size = (
            min(SHARD_SIZE, shape[0] - row * SHARD_SIZE),
            min(SHARD_SIZE, shape[1] - column * SHARD_SIZE),
        )
        text = repr((size, *what))
        found[row, column] = hashlib.sha256(text.encode()).hexdigest()[:32]
    return found
