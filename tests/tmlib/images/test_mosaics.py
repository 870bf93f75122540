import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from tests.services.zarr_content import array_in, pixels_in, validated
from tmlib.images.mosaics import (
    PlacedImage,
    Region,
    base_regions,
    create_mosaic,
    level_regions,
    level_shapes,
    read_tile,
    write_base,
    write_level,
)


@given(st.integers(1, 100_000), st.integers(1, 100_000))
def test_levels_halve_until_one_tile_is_enough(height: int, width: int) -> None:
    shapes = level_shapes(height, width)
    assert shapes[-1] == (height, width)
    assert max(shapes[0]) <= 256
    assert len(shapes) == 2 or max(shapes[1]) > 256
    for small, large in pairwise(shapes):
        assert small == (-(-large[0] // 2), -(-large[1] // 2))


def test_even_the_smallest_map_has_two_levels() -> None:
    assert level_shapes(100, 7) == [(50, 4), (100, 7)]


def test_regions_cover_the_map_once() -> None:
    covered = np.zeros((5001, 2048), int)
    for region in base_regions(5001, 2048):
        assert region.y % 2048 == region.x % 2048 == 0
        covered[region.y : region.y + region.height, region.x : region.x + region.width] += 1
    assert (covered == 1).all()
    assert level_regions(5001, 2048, 4) == base_regions(2501, 1024)
    assert level_regions(5001, 2048, 0) == [Region(0, 0, 157, 64)]


PixelType = Literal["uint8", "uint16"]


def build(
    path: Path,
    size: tuple[int, int],
    images: Sequence[PlacedImage],
    dtype: PixelType = "uint16",
    **options: Any,
) -> None:
    height, width = size
    create_mosaic(path, height=height, width=width, dtype=dtype, name="DNA", **options)
    for region in base_regions(height, width):
        write_base(path, region, images)
    for level in reversed(range(len(level_shapes(height, width)) - 1)):
        for region in level_regions(height, width, level):
            write_level(path, level, region)


def placed(y: int, x: int, pixels: NDArray[Any]) -> PlacedImage:
    height, width = pixels.shape
    return PlacedImage(y, x, height, width, read=lambda: pixels)


def noise(height: int, width: int, seed: int = 0, dtype: DTypeLike = np.uint16) -> NDArray[Any]:
    kind = np.dtype(dtype)
    return np.random.default_rng(seed).integers(1, np.iinfo(kind).max, (height, width), kind)


def reference_pyramid(base: NDArray[Any]) -> list[NDArray[Any]]:
    """The plain way: four pixels at a time."""
    levels = [base]
    while len(levels) < 2 or max(levels[-1].shape) > 256:
        large = levels[-1].astype(int)
        large = np.pad(large, [(0, n % 2) for n in large.shape], mode="edge")
        quads = large.reshape(large.shape[0] // 2, 2, large.shape[1] // 2, 2)
        levels.append(np.floor(quads.mean(axis=(1, 3)) + 0.5).astype(base.dtype))
    return levels


def shown(path: Path, *, z: int, y: int, x: int) -> NDArray[Any]:
    tile = read_tile(path, z=z, y=y, x=x)
    assert tile is not None
    return tile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "channel_1_t0_z0.ome.zarr"


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_images_across_regions_and_all_levels_are_exact(path: Path, dtype: PixelType) -> None:
    size = (2301, 2500)
    images = [
        (0, 0, noise(500, 700, 1, dtype)),
        (1900, 1951, noise(401, 500, 2, dtype)),
        (2048, 10, noise(200, 3, 3, dtype)),
    ]
    base = np.zeros(size, dtype)
    for y, x, pixels in images:
        base[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    build(path, size, [placed(*image) for image in images], dtype)
    for i, expected in enumerate(reference_pyramid(base)):
        assert array_in(path / str(i)).dtype == dtype
        assert (pixels_in(path / str(i)) == expected).all()


def test_tiles_are_pieces_of_the_levels(path: Path) -> None:
    pixels = noise(600, 300)
    build(path, (600, 1200), [placed(0, 0, pixels)])
    assert (shown(path, z=3, y=0, x=0) == pixels[:256, :256]).all()
    corner = shown(path, z=3, y=2, x=1)
    assert corner.shape == (88, 256)
    assert (corner[:, :44] == pixels[512:, 256:]).all()
    assert not corner[:, 44:].any()
    assert shown(path, z=0, y=0, x=0).shape == (75, 150)
    assert shown(path, z=1, y=0, x=0).shape == (150, 256)
    assert read_tile(path, z=1, y=0, x=1) is None


def test_there_are_no_tiles_where_nothing_was_imaged(path: Path) -> None:
    build(path, (600, 1200), [placed(0, 0, noise(10, 10))])
    nowhere = [(3, 2, 2), (3, 3, 0), (3, 0, 5), (3, -1, 0), (3, 0, -1), (4, 0, 0), (-1, 0, 0)]
    for z, y, x in nowhere:
        assert read_tile(path, z=z, y=y, x=x) is None
    assert read_tile(path.with_name("other.ome.zarr"), z=0, y=0, x=0) is None


def test_images_are_read_only_where_they_are_needed(path: Path) -> None:
    create_mosaic(path, height=2100, width=100, dtype="uint16", name="DNA")

    def never() -> NoReturn:
        raise AssertionError("read for nothing")

    upper, lower = base_regions(2100, 100)
    write_base(path, upper, [PlacedImage(2048, 0, 52, 100, never)])
    with pytest.raises(AssertionError):
        write_base(path, lower, [PlacedImage(2048, 0, 52, 100, never)])


def test_of_overlapping_images_each_shows_its_half(path: Path) -> None:
    left, right, apart = noise(50, 50, 1), noise(50, 50, 2), noise(50, 50, 3)
    build(path, (110, 90), [placed(0, 0, left), placed(0, 40, right), placed(60, 0, apart)])
    tile = shown(path, z=1, y=0, x=0)
    assert (tile[:50, :45] == left[:, :45]).all()
    assert (tile[:50, 45:] == right[:, 5:]).all()
    assert (tile[60:, :50] == apart).all()
    assert not tile[50:60].any()


def test_halves_do_not_depend_on_the_region(path: Path) -> None:
    upper, lower = noise(1500, 100, 1), noise(1500, 100, 2)
    build(path, (2600, 100), [placed(0, 0, upper), placed(1100, 0, lower)])
    whole = pixels_in(path / "0")
    assert (whole[:1300] == upper[:1300]).all()
    assert (whole[1300:] == lower[200:]).all()


def test_a_repeated_job_changes_nothing(path: Path) -> None:
    images = [placed(0, 0, noise(2100, 300))]
    build(path, (2100, 300), images)

    def content() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}

    before = content()
    write_base(path, base_regions(2100, 300)[1], images)
    write_level(path, 3, level_regions(2100, 300, 3)[0])
    assert content() == before


def test_regions_may_be_written_at_once(path: Path) -> None:
    images = [placed(y, 0, noise(1000, 2200, y)) for y in (0, 1000, 2000, 3000)]
    create_mosaic(path, height=4000, width=2200, dtype="uint16", name="DNA")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda region: write_base(path, region, images), base_regions(4000, 2200)))
    expected = np.concatenate([image.read() for image in images])
    assert (pixels_in(path / "0") == expected).all()


def test_a_rebuilt_mosaic_is_noticed(path: Path) -> None:
    old, new = noise(60, 60, 1), noise(300, 60, 2, np.uint8)
    build(path, (60, 60), [placed(0, 0, old)])
    assert (shown(path, z=1, y=0, x=0) == old).all()
    build(path, (300, 60), [placed(0, 0, new)], "uint8")
    assert (shown(path, z=1, y=1, x=0) == new[256:]).all()
    (path.parent / f".{path.name}.killed").mkdir()
    create_mosaic(path, height=300, width=60, dtype="uint8", name="DNA")
    assert read_tile(path, z=1, y=0, x=0) is None
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    shutil.rmtree(path)
    assert read_tile(path, z=1, y=0, x=0) is None


def test_a_mosaic_is_a_valid_ome_ngff_image(path: Path) -> None:
    pixels = noise(700, 500)
    build(path, (700, 500), [placed(0, 0, pixels)], pixel_size=0.65)
    multiscale = validated(path).ome_attributes.multiscales[0]
    assert multiscale.name == "DNA"
    assert [axis.unit for axis in multiscale.axes] == ["micrometer", "micrometer"]
    scales = [d.coordinateTransformations[0].scale for d in multiscale.datasets]
    assert scales == [[0.65, 0.65], [1.3, 1.3], [2.6, 2.6]]
    node = next(iter(Reader(parse_url(str(path)))()))
    assert [level.shape for level in node.data] == [(700, 500), (350, 250), (175, 125)]
    assert (node.data[0].compute() == pixels).all()
    assert array_in(path / "0").chunks == (256, 256)
    assert array_in(path / "0").shards == (2048, 2048)
