"""Leica's files, written here after Leica's description of the format."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.services.conversion import Conversion
from tmlib.errors import BadInput
from tmlib.images import sources

EXAMPLES = dict.fromkeys(("screen.lif", "2024-03-14 plate 1.lif"), (None,) * 5)
METADATA_FILES = ()
OTHER_FILES = ("screen.lifext", "screen.tif", "lif")

CHANNEL = (
    '<ChannelDescription DataType="0" ChannelTag="0" Resolution="{bits}" LUTName="{name}" '
    'NameOfMeasuredQuantity="" Min="0" Max="65535" Unit="" IsLUTInverted="0" BytesInc="{inc}" '
    'BitInc="0"/>'
)
DIMENSION = (
    '<DimensionDescription DimID="{axis}" NumberOfElements="{n}" Origin="0" Length="{length}" '
    'Unit="m" BytesInc="{inc}" BitInc="0"/>'
)
AXES = {"X": "1", "Y": "2", "Z": "3", "M": "10"}


def text(content: str) -> bytes:
    return struct.pack("<BI", 0x2A, len(content)) + content.encode("utf-16-le")


def block(content: bytes) -> bytes:
    return struct.pack("<II", 0x70, len(content)) + content


def image_xml(number: int, name: str, pixels: np.ndarray, tiles: Any) -> str:
    """XML of an image of pixels (tile, z, channel, y, x), whose channels lie plane by plane."""
    n_tiles, n_z, n_channels, height, width = pixels.shape
    size = pixels.itemsize
    plane = height * width * size
    lut = ("Blue", "Green")
    channels = "".join(
        CHANNEL.format(bits=8 * size, name=lut[c], inc=c * plane) for c in range(n_channels)
    )
    steps = {
        "X": (width, size),
        "Y": (height, width * size),
        "Z": (n_z, n_channels * plane),
        "M": (n_tiles, n_z * n_channels * plane),
    }
    dimensions = "".join(
        DIMENSION.format(axis=AXES[axis], n=n, length=(n - 1) * 0.5e-6, inc=inc)
        for axis, (n, inc) in steps.items()
        if n > 1
    )
    scan = "".join(
        f'<Tile FieldX="{x}" FieldY="{y}" PosX="{x * 1e-4}" PosY="{y * 1e-4}"/>' for y, x in tiles
    )
    attachment = f'<Attachment Name="TileScanInfo" FlipX="0" FlipY="1">{scan}</Attachment>'
    return (
        f'<Element Name="{name}" Visibility="1" UniqueID="u{number}"><Data><Image>'
        f"<ImageDescription><Channels>{channels}</Channels><Dimensions>{dimensions}</Dimensions>"
        f"</ImageDescription>{attachment if tiles else ''}</Image></Data>"
        f'<Memory Size="{pixels.nbytes}" MemoryBlockID="MemBlock_{number}"/></Element>'
    )


def write(path: Path, images: dict[str, np.ndarray], tiles: Any = ()) -> None:
    path.parent.mkdir(exist_ok=True)
    elements = "".join(
        image_xml(i, name, pixels, tiles) for i, (name, pixels) in enumerate(images.items())
    )
    xml = (
        '<LMSDataContainerHeader Version="2"><Element Name="screen" Visibility="1" UniqueID="r">'
        f'<Data/><Memory Size="0" MemoryBlockID="MemBlock_r"/><Children>{elements}</Children>'
        "</Element></LMSDataContainerHeader>"
    )
    content = block(text(xml))
    content += block(struct.pack("<BQ", 0x2A, 0) + text("MemBlock_r"))
    for i, pixels in enumerate(images.values()):
        head = struct.pack("<BQ", 0x2A, pixels.nbytes)
        content += block(head + text(f"MemBlock_{i}")) + pixels.tobytes()
    path.write_bytes(content)


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 65535, shape, dtype=np.uint16)


@pytest.fixture
def leica(conversion: Conversion) -> Conversion:
    pytest.importorskip("bioio_lif", reason='needs the extra "vendor-formats"')
    conversion.set(microscope_type="lif")
    return conversion


def test_scenes_are_sites_of_wells(tmp_path: Path, leica: Conversion) -> None:
    images = {
        f"{well}_s{i}": pixels(1, 3, 2, 20, 30, seed=i) for i, well in enumerate(("B3", "C12"))
    }
    write(tmp_path / "in" / "screen.lif", images)
    leica.take(tmp_path / "in")
    assert leica.convert("imextract") == ""
    shown = {(p.well, p.channel, p.z): (p.series[0], p.planes[0]) for p in leica.shown()}
    assert shown == {
        (well, channel, z): (series, 3 * c + z)
        for series, well in enumerate(("B03", "C12"))
        for c, channel in enumerate(("Blue", "Green"))
        for z in range(3)
    }
    for (_, channel, z), (series, plane) in shown.items():
        found = sources.read_plane(tmp_path / "in" / "screen.lif", series=series, plane=plane)
        expected = list(images.values())[series][0, z, ("Blue", "Green").index(channel)]
        assert np.array_equal(found, expected)
    assert leica.pixel_size == 0.5


def test_tiles_are_sites_where_the_stage_stood(tmp_path: Path, leica: Conversion) -> None:
    tiles = [(0, 0), (0, 1), (1, 1)]
    image = pixels(3, 1, 1, 20, 30)
    write(tmp_path / "in" / "screen.lif", {"scan": image}, tiles)
    leica.take(tmp_path / "in")
    assert leica.convert("imextract") == ""
    cells = {one.series: (one.y, one.x) for one in leica.shown()}
    # the stage's y is flipped
    assert cells == {(0,): (1, 0), (1,): (1, 1), (2,): (0, 1)}
    for tile in range(3):
        found = sources.read_plane(tmp_path / "in" / "screen.lif", series=tile)
        assert np.array_equal(found, image[tile, 0, 0])


def test_overviews_are_named(tmp_path: Path, leica: Conversion) -> None:
    images = {"B3": pixels(1, 1, 1, 20, 30), "overview": pixels(1, 1, 1, 40, 30)}
    write(tmp_path / "screen.lif", images)
    with pytest.raises(BadInput, match=r'"overview" has 40 x 30 pixels of 16 bits'):
        sources.inspect(tmp_path / "screen.lif")
    with pytest.raises(BadInput, match='planes of 20 x 30 pixels in "B3", more than the 500'):
        sources.inspect(tmp_path / "screen.lif", max_pixels=500)


@pytest.mark.parametrize("n_bytes", [0, 40, 300, -100])
def test_damaged_files_are_named(tmp_path: Path, leica: Conversion, n_bytes: Any) -> None:
    file = tmp_path / "screen.lif"
    write(file, {"B3": pixels(1, 1, 1, 20, 30)})
    file.write_bytes(file.read_bytes()[:n_bytes])
    with pytest.raises(BadInput, match=r'"screen\.lif" (cannot be read|is truncated)'):
        sources.inspect(file)
