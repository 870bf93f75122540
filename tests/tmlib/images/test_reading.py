import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tests.services.stk import write_stk
from tmlib.images.reading import ImageFileError, inspect_image, read_image
from tmlib.microscopes import tiff_directories

DATA = Path(__file__).parents[4] / "shared" / "data"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the real images are not at hand")


WriteTiff = Callable[..., Path]


@pytest.fixture
def gray() -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 4096, (60, 80)).astype(np.uint16)


@pytest.fixture
def write(tmp_path: Path) -> WriteTiff:
    def write_tiff(pixels: NDArray[Any], name: str = "a.tif", **options: Any) -> Path:
        path = tmp_path / name
        tifffile.imwrite(path, pixels, **{"photometric": "minisblack", **options})
        return path

    return write_tiff


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw"},
        {"bigtiff": True},
        {"tile": (32, 32)},
        {"byteorder": ">"},
        {"rowsperstrip": 7},
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_images_are_read_as_they_are(
    write: WriteTiff, gray: NDArray[Any], options: Any, dtype: type[np.integer[Any]]
) -> None:
    path = write(gray.astype(dtype), **options)
    properties = inspect_image(path)
    assert (properties.height, properties.width, properties.n_planes) == (60, 80, 1)
    assert properties.bit_depth == 8 * np.dtype(dtype).itemsize
    assert properties.omexml is None
    pixels = read_image(path)
    assert pixels.dtype == dtype
    assert (pixels == gray.astype(dtype)).all()


def test_planes_are_counted_and_read_one_by_one(write: WriteTiff, gray: NDArray[Any]) -> None:
    path = write(np.stack([gray, gray + 1, gray + 2]))
    assert inspect_image(path).n_planes == 3
    assert (read_image(path, plane=2) == gray + 2).all()
    with pytest.raises(ImageFileError, match="no plane 3"):
        read_image(path, plane=3)


def test_ome_xml_is_handed_on(write: WriteTiff, gray: NDArray[Any]) -> None:
    assert "<OME" in (inspect_image(write(gray, "a.ome.tif", ome=True)).omexml or "")


def test_small_versions_of_the_image_are_no_planes(tmp_path: Path, gray: NDArray[Any]) -> None:
    path = tmp_path / "pyramid.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(gray, photometric="minisblack", subifds=0)
        file.write(gray[::2, ::2], photometric="minisblack", subfiletype=1)
    assert inspect_image(path).n_planes == 1


def test_twelve_bits_are_sixteen(write: WriteTiff, gray: NDArray[Any]) -> None:
    path = write(gray, bitspersample=12)
    assert inspect_image(path).bit_depth == 16
    assert (read_image(path) == gray).all()


def test_white_may_be_zero(write: WriteTiff, gray: NDArray[Any]) -> None:
    assert (read_image(write(gray, photometric="miniswhite")) == 65535 - gray).all()


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_true_colour_of_gray_is_gray(
    write: WriteTiff, gray: NDArray[Any], planarconfig: str
) -> None:
    axis = -1 if planarconfig == "contig" else 0
    pixels = np.stack([gray] * 3, axis=axis)
    path = write(pixels, photometric="rgb", planarconfig=planarconfig)
    assert inspect_image(path).n_planes == 1
    assert (read_image(path) == gray).all()


def test_transparency_is_not_looked_at(write: WriteTiff, gray: NDArray[Any]) -> None:
    pixels = np.stack([gray, gray, gray, np.full_like(gray, 9)], axis=-1)
    assert (read_image(write(pixels, photometric="rgb", extrasamples=["unassalpha"])) == gray).all()


def test_colour_is_refused(write: WriteTiff, gray: NDArray[Any]) -> None:
    for options in (
        {"photometric": "rgb"},
        {"photometric": "minisblack", "planarconfig": "contig"},
    ):
        with pytest.raises(ImageFileError, match=r"a\.tif.*in colour"):
            read_image(write(np.stack([gray, gray, gray + 1], axis=-1), **options))


@pytest.mark.parametrize("scale", [1, 257])
def test_gray_palettes_give_gray_values(write: WriteTiff, scale: Any) -> None:
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ramp = np.arange(256, dtype=np.uint16)[::-1] * scale
    path = write(indices, photometric="palette", colormap=np.stack([ramp] * 3))
    assert (read_image(path) == 255 - indices).all()


def test_coloured_palettes_are_refused(write: WriteTiff) -> None:
    ramp = np.arange(256, dtype=np.uint16) * 257
    colours = np.stack([ramp, ramp, ramp[::-1]])
    path = write(np.zeros((16, 16), np.uint8), photometric="palette", colormap=colours)
    with pytest.raises(ImageFileError, match="in colour"):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.uint32, bool])
def test_other_pixel_types_are_named(write: WriteTiff, dtype: type[np.integer[Any]]) -> None:
    path = write(np.zeros((16, 16), dtype))
    with pytest.raises(ImageFileError, match=r"a\.tif.*8 or 16 bits"):
        inspect_image(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (32, 32)}])
@pytest.mark.parametrize("n_planes", [1, 3])
def test_truncation_is_seen_wherever_it_is(
    write: WriteTiff, gray: NDArray[Any], options: Any, n_planes: int
) -> None:
    path = write(np.stack([gray] * n_planes), **options)
    whole = path.read_bytes()
    for length in range(1, len(whole) - 200, len(whole) // 50):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageFileError, match=r"a\.tif"):
            inspect_image(path)
        with pytest.raises(ImageFileError, match=r"a\.tif"):
            read_image(path)


def test_a_directory_at_the_end_may_be_cut_off(tmp_path: Path, gray: NDArray[Any]) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(gray).save(path, compression="tiff_lzw")
    whole = path.read_bytes()
    assert inspect_image(path).width == 80
    path.write_bytes(whole[: len(whole) * 9 // 10])
    with pytest.raises(ImageFileError, match="truncated"):
        inspect_image(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Dear microscope,\n", "neither a TIFF nor a PNG"),
        (b"II*\x00" + b"\xff" * 200, "truncated"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "letter.tif"
    path.write_bytes(content)
    for function in (inspect_image, read_image):
        with pytest.raises(ImageFileError, match=rf"letter\.tif.*{words}"):
            function(path)


def point_back(path: Path, byteorder: Literal["<", ">"], bigtiff: bool) -> None:
    """Let the last directory of a TIFF point to its first one."""
    with tifffile.TiffFile(path) as tiff:
        first, last = tiff.pages[0].offset, tiff.pages[-1].offset
        n_tags = len(tiff.pages[-1].aspage().tags)
    order: Literal["little", "big"] = "little" if byteorder == "<" else "big"
    position = last + (8 + 20 * n_tags if bigtiff else 2 + 12 * n_tags)
    content = bytearray(path.read_bytes())
    size = 8 if bigtiff else 4
    assert content[position : position + size] == bytes(size)
    content[position : position + size] = first.to_bytes(size, order)
    path.write_bytes(content)


@pytest.mark.parametrize("n_planes", [1, 3])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_planes_without_end_are_refused(
    write: WriteTiff, gray: NDArray[Any], n_planes: int, bigtiff: bool, byteorder: Literal["<", ">"]
) -> None:
    pixels = np.stack([gray] * n_planes)
    path = write(pixels, byteorder=byteorder, bigtiff=bigtiff, metadata=None)
    assert inspect_image(path).n_planes == n_planes
    point_back(path, byteorder, bigtiff)
    for function in (inspect_image, read_image):
        with pytest.raises(ImageFileError, match="list of planes without an end"):
            function(path)


def test_more_planes_than_anybody_images_are_refused(
    write: WriteTiff, gray: NDArray[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_directories, "MAX_DIRECTORIES", 2)
    path = write(np.stack([gray] * 3), metadata=None)
    with pytest.raises(ImageFileError, match="more than 2 planes"):
        inspect_image(path)


def test_directories_that_share_a_long_list_are_refused(tmp_path: Path) -> None:
    """Each of 400 directories says that it has a list of 100,000 numbers, always the same one."""
    n_directories, n_numbers = 400, 100_000
    content = bytearray(b"II*\x00" + struct.pack("<I", 8))
    size = 2 + 3 * 12 + 4
    numbers = 8 + n_directories * size
    for number in range(n_directories):
        following = 8 + (number + 1) * size if number < n_directories - 1 else 0
        tags = ((256, 4, 1, 1), (257, 4, 1, 1), (273, 4, n_numbers, numbers))
        content += struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        content += struct.pack("<I", following)
    path = tmp_path / "a.tif"
    path.write_bytes(content + bytes(4 * n_numbers))
    with pytest.raises(ImageFileError, match="more about its planes than it can hold"):
        inspect_image(path)


def test_damaged_pixels_are_named(write: WriteTiff, gray: NDArray[Any]) -> None:
    path = write(gray, compression="zlib")
    content = bytearray(path.read_bytes())
    content[-900:-800] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(ImageFileError, match="damaged"):
        read_image(path)


def test_large_images_are_refused_before_they_are_decoded(
    write: WriteTiff, gray: NDArray[Any], tmp_path: Path
) -> None:
    png = tmp_path / "a.png"
    Image.fromarray(gray).save(png)
    for path in (write(gray), png):
        for function in (inspect_image, read_image):
            with pytest.raises(ImageFileError, match="60 x 80 pixels, more than the 4,799"):
                function(path, max_pixels=4799)
            function(path, max_pixels=4800)


def png(pixels: NDArray[Any], mode: str | None = None) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("mode", [None, "LA", "RGB", "RGBA", "P"])
def test_png_images_are_read(tmp_path: Path, mode: str) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels, mode))
    assert inspect_image(path).bit_depth == 8
    assert (read_image(path) == pixels).all()


def test_png_images_of_16_bits_are_read(tmp_path: Path, gray: NDArray[Any]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(gray))
    assert inspect_image(path).bit_depth == 16
    assert (read_image(path) == gray).all()


def test_truncated_png_images_are_seen(tmp_path: Path, gray: NDArray[Any]) -> None:
    path = tmp_path / "a.png"
    whole = png(gray)
    for length in range(9, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(ImageFileError, match="truncated"):
            inspect_image(path)


def test_coloured_and_bilevel_png_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(np.eye(16, dtype=np.uint8)[..., None] * np.array([1, 2, 3], np.uint8)))
    with pytest.raises(ImageFileError, match="in colour"):
        read_image(path)
    path.write_bytes(png(np.eye(16, dtype=np.uint8), "1"))
    with pytest.raises(ImageFileError, match="1-bit"):
        inspect_image(path)


def test_a_missing_file_is_not_bad_input(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect_image(tmp_path / "gone.tif")


@needs_data
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("fly/01_POS002_D.TIF", (1006, 1000)),
        ("fly/01_POS218_R.TIF", (1006, 1000)),
        ("human/AS_09125_050116030001_D03f00d0.tif", (512, 512)),
        ("human/AS_09125_050116030001_D03f00d2.tif", (512, 512)),
    ],
)
def test_real_images_are_read_as_gray(name: str, shape: tuple[int, ...]) -> None:
    properties = inspect_image(DATA / name)
    assert (properties.height, properties.width, properties.bit_depth) == (*shape, 8)
    pixels = read_image(DATA / name)
    assert pixels.dtype == np.uint8
    reference = np.asarray(Image.open(DATA / name).convert("L"))
    assert (pixels == reference).all()


def test_stacks_of_metamorph_have_one_directory(tmp_path: Path, gray: NDArray[Any]) -> None:
    path = tmp_path / "a.stk"
    write_stk(path, np.stack([gray, gray + 1, gray + 2]))
    assert inspect_image(path).n_planes == 3
    for i in range(3):
        pixels = read_image(path, plane=i)
        assert pixels.dtype == np.uint16
        assert (pixels == gray + i).all()
    assert inspect_image(path).pixel_size == 0.65
    write_stk(path, np.stack([gray, gray]), n_declared=40)
    with pytest.raises(ImageFileError, match="truncated"):
        inspect_image(path)


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_stacks_of_imagej_may_have_one_directory(
    tmp_path: Path, gray: NDArray[Any], byteorder: Literal["<", ">"]
) -> None:
    path = tmp_path / "a.tif"
    stack = np.stack([gray, gray + 1])
    tifffile.imwrite(path, stack, imagej=True, truncate=True, byteorder=byteorder)
    with tifffile.TiffFile(path) as tiff:
        assert len(tiff.pages) == 1
    assert inspect_image(path).n_planes == 2
    assert (read_image(path, plane=1) == gray + 1).all()


@pytest.mark.parametrize(("unit", "expected"), [("micron", 0.5), ("um", 0.5), ("inch", None)])
def test_hyperstacks_of_imagej_have_axes(
    tmp_path: Path, gray: NDArray[Any], unit: str, expected: Any
) -> None:
    path = tmp_path / "a.tif"
    stack = np.zeros((2, 5, 3, *gray.shape), np.uint16)
    metadata = {"axes": "TZCYX", "unit": unit}
    tifffile.imwrite(path, stack, imagej=True, resolution=(2, 2), metadata=metadata)
    properties = inspect_image(path)
    assert (properties.n_planes, properties.n_channels, properties.n_tpoints) == (30, 3, 2)
    assert properties.pixel_size == expected


@pytest.mark.parametrize(
    ("state", "units", "expected"), [("on", "um", 0.65), ("off", "um", None), ("on", "in", None)]
)
def test_metaxpress_writes_the_size_of_a_pixel(
    write: WriteTiff, gray: NDArray[Any], state: Any, units: Any, expected: Any
) -> None:
    props = {"state": state, "x": "0.65", "units": units}
    text = "".join(f'<prop id="spatial-calibration-{k}" value="{v}"/>' for k, v in props.items())
    path = write(gray, description=f"<MetaData><PlaneInfo>{text}</PlaneInfo></MetaData>\r\n")
    assert inspect_image(path).pixel_size == expected
    broken = write(gray, "b.tif", description=f"<MetaData>{text}</PlaneInfo></MetaData>")
    assert inspect_image(broken).pixel_size is None
