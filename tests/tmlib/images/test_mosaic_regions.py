"""What regions of a mosaic show, and which of them are taken over from others."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tmlib.images import mosaics
from tmlib.images.map_layout import Box
from tmlib.images.mosaic_regions import (
    Digests,
    KnownRegions,
    region_digests,
    save_digests,
)
from tmlib.images.mosaics import PlacedImage, Region

SIZE = 2048


def digests(*images: tuple[Box, str], height: int = 3 * SIZE, width: int = 2 * SIZE) -> Digests:
    return region_digests(height, width, "uint16", images)


def changed(one: Digests, other: Digests) -> list[set[tuple[int, int]]]:
    return [
        {cell for cell in a.keys() | b.keys() if a.get(cell) != b.get(cell)}
        for a, b in zip(one, other, strict=True)
    ]


def test_regions_without_images_show_nothing() -> None:
    found = digests((Box(SIZE - 1, 0, 2, SIZE), "a"))
    assert [set(level) for level in found[::-1]] == [{(0, 0), (1, 0)}] + 5 * [{(0, 0)}]
    assert digests() == [{}] * 6


def test_a_changed_image_changes_its_regions_and_those_above() -> None:
    left, right = (Box(0, 0, 10, 10), "a"), (Box(SIZE, SIZE, 10, 10), "b")
    before = digests(left, right)
    assert changed(before, digests(left, right)) == [set()] * 6
    assert changed(before, digests(left, (right[0], "c"))) == 5 * [{(0, 0)}] + [{(1, 1)}]
    moved = Box(SIZE, SIZE + 1, 10, 10)
    assert changed(before, digests(left, (moved, "b")))[-1] == {(1, 1)}


def test_order_size_and_type_count() -> None:
    one, other = (Box(0, 0, 10, 10), "a"), (Box(0, 5, 10, 10), "b")
    assert digests(one, other)[-1] != digests(other, one)[-1]
    assert digests(one)[-1] != region_digests(3 * SIZE, 2 * SIZE, "uint8", [one])[-1]
    assert digests(one)[-1] != digests(one, height=SIZE - 1)[-1]
    # a larger map has the same regions at the same places
    assert digests(one)[-1] == digests(one, height=9 * SIZE)[-1]


def complete(path: Path, found: Digests, value: int) -> None:
    """A mosaic of one image that fills its first region."""
    mosaics.create_mosaic(path, height=SIZE, width=SIZE, dtype="uint16", name="DAPI")
    pixels = np.full((SIZE, SIZE), value, np.uint16)
    mosaics.write_base(
        path, Region(0, 0, SIZE, SIZE), [PlacedImage(0, 0, SIZE, SIZE, lambda: pixels)]
    )
    for level in range(3):
        [region] = mosaics.level_regions(SIZE, SIZE, 2 - level)
        mosaics.write_level(path, 2 - level, region)
    save_digests(path, found)


@pytest.mark.parametrize("links", [True, False])
def test_known_regions_are_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: Any
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    found = digests((Box(0, 0, SIZE, SIZE), "a"), height=SIZE, width=SIZE)
    complete(tmp_path / "old", found, 700)
    new = tmp_path / "new"
    mosaics.create_mosaic(new, height=SIZE, width=SIZE, dtype="uint16", name="DAPI")
    assert KnownRegions(tmp_path).take(new, SIZE, SIZE, found) == [[]] * 4
    for z in range(4):
        tile = mosaics.read_tile(new, z=z, y=0, x=0)
        assert tile is not None
        assert (tile == 700).all()
    # the old one can go, and what is written into the new one does not show in it
    other = tmp_path / "other"
    mosaics.create_mosaic(other, height=SIZE, width=SIZE, dtype="uint16", name="DAPI")
    KnownRegions(tmp_path).take(other, SIZE, SIZE, found)
    mosaics.write_base(other, Region(0, 0, SIZE, SIZE), [])
    assert (np.asarray(mosaics.read_tile(new, z=3, y=0, x=0)) == 700).all()


def test_unknown_and_vanished_regions_are_to_be_made(tmp_path: Path) -> None:
    found = digests((Box(0, 0, SIZE, SIZE), "a"), height=SIZE, width=SIZE)
    complete(tmp_path / "old", found, 700)
    known = KnownRegions(tmp_path)
    mosaics.shard_path(tmp_path / "old", 0, (0, 0)).unlink()
    new = tmp_path / "new"
    mosaics.create_mosaic(new, height=SIZE, width=SIZE, dtype="uint16", name="DAPI")
    assert known.take(new, SIZE, SIZE, found) == [[], [], [], [Region(0, 0, SIZE, SIZE)]]
    # as if somebody had changed it
    os.utime(mosaics.shard_path(tmp_path / "old", 3, (0, 0)), (0, 0))
    mosaics.shard_path(new, 3, (0, 0)).unlink()
    assert [len(level) for level in known.take(new, SIZE, SIZE, found)] == [1, 0, 0, 1]
    others = digests((Box(0, 0, SIZE, SIZE), "b"), height=SIZE, width=SIZE)
    assert [len(level) for level in known.take(new, SIZE, SIZE, others)] == [1, 1, 1, 1]
    assert KnownRegions(tmp_path / "nowhere").take(new, SIZE, SIZE, others)[-1]


def test_regions_that_are_all_black_are_known_and_stay_black(tmp_path: Path) -> None:
    found = digests((Box(0, 0, SIZE, SIZE), "a"), height=SIZE, width=SIZE)
    complete(tmp_path / "old", found, 0)
    new = tmp_path / "new"
    mosaics.create_mosaic(new, height=SIZE, width=SIZE, dtype="uint16", name="DAPI")
    assert KnownRegions(tmp_path).take(new, SIZE, SIZE, found) == [[]] * 4
    shard = mosaics.shard_path(new, 0, (0, 0))
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"not black any more")
    assert [len(level) for level in KnownRegions(tmp_path).take(new, SIZE, SIZE, found)] == [
        *(0, 0, 0, 1)
    ]
