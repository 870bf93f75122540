"""Label images as files: exactly the same numbers, and nothing that is no label image."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import ome_zarr_models
import pytest
import tifffile
import zarr
from numpy.typing import NDArray
from ome_zarr_models.v05.image_label import ImageLabel
from PIL import Image

from tmlib.errors import BadInput
from tmlib.images.label_files import LabelFormat, check_labels, decode_labels, encode_labels

HEIGHT, WIDTH = 300, 270
LABELS = np.zeros((HEIGHT, WIDTH), np.int32)
LABELS[5:90, 7:100] = 1
LABELS[280:, 260:] = 40_000
LARGE = LABELS * 50_000


def npz(**arrays: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type] # its stubs know no keywords
    return file.getvalue()


def png(pixels: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def tiff(pixels: NDArray[np.generic], **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("labels", [LABELS, LARGE, np.zeros_like(LABELS)])
@pytest.mark.parametrize("label_format", [LabelFormat.NPZ, LabelFormat.TIFF])
def test_a_file_holds_what_is_stored(labels: NDArray[np.int32], label_format: LabelFormat) -> None:
    content = encode_labels(labels, label_format, name="Cells")
    found = decode_labels(content, HEIGHT, WIDTH)
    assert found.dtype == np.int32
    assert np.array_equal(found, labels)


def test_a_png_has_16_bits_or_is_refused() -> None:
    content = encode_labels(LABELS, LabelFormat.PNG, name="Cells")
    assert Image.open(io.BytesIO(content)).mode == "I;16"
    assert np.array_equal(decode_labels(content, HEIGHT, WIDTH), LABELS)
    with pytest.raises(BadInput, match=r"2000000000.*tiff"):
        encode_labels(LARGE, LabelFormat.PNG, name="Cells")


def test_a_tiff_tells_the_size_of_its_pixels() -> None:
    content = encode_labels(LABELS, LabelFormat.TIFF, name="Cells", pixel_size=0.5)
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        assert page.dtype == np.int32
        assert page.get_resolution("micrometer") == (2, 2)


def test_an_archive_is_an_ome_zarr_label_image(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr.zip"
    path.write_bytes(encode_labels(LARGE, LabelFormat.ZARR, name="Cells", pixel_size=0.5))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[0] == "zarr.json"
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    group = zarr.open_group(zarr.storage.ZipStore(path, mode="r"), mode="r")
    image = ome_zarr_models.open_ome_zarr(group)
    assert isinstance(image, ImageLabel)
    (multiscale,) = image.attributes.ome.multiscales
    assert [axis.unit for axis in multiscale.axes] == ["micrometer"] * 2
    array = group["0"]
    assert isinstance(array, zarr.Array)
    assert np.array_equal(np.asarray(array[:]), LARGE)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(np.int64),
        np.asfortranarray(LABELS),
        LABELS.astype(np.uint16),
        LABELS > 0,
        LABELS.astype(">i4"),
    ],
)
def test_every_integer_type_is_taken(labels: NDArray[np.generic]) -> None:
    assert np.array_equal(decode_labels(npz(segmentation=labels), HEIGHT, WIDTH), labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pngs_of_8_and_16_bits_are_taken(dtype: type[np.uint8 | np.uint16]) -> None:
    labels = (LABELS % 200).astype(dtype)
    assert np.array_equal(decode_labels(png(labels), HEIGHT, WIDTH), labels)


REFUSED = {
    "two dimensions": npz(segmentation=LABELS[np.newaxis]),
    "not float64": npz(segmentation=LABELS.astype(float)),
    "negative label -1": npz(segmentation=LABELS - 1),
    "label 4294967295": npz(segmentation=np.full((HEIGHT, WIDTH), 2**32 - 1)),
    "300 x 5 pixels, but 300 x 270": npz(segmentation=LABELS[:, :5]),
    '"segmentation", but has "labels"': npz(labels=LABELS),
    "whole numbers, not object": npz(segmentation=np.full((HEIGHT, WIDTH), None)),
    "neither": b"label,area",
    "damaged NPZ": npz(segmentation=LABELS)[:-90],
    "damaged PNG": png(LABELS.astype(np.uint16))[:200],
    "damaged TIFF": tiff(LABELS)[:-200_000],
    "in colour": png(np.zeros((HEIGHT, WIDTH, 3), np.uint8)),
    "not 3": tiff(np.zeros((HEIGHT, WIDTH, 3), np.uint8), photometric="rgb"),
    "2 planes": tiff(np.stack([LABELS, LABELS]), photometric="minisblack"),
    "not float32": tiff(LABELS.astype(np.float32)),
    "10 x 270": png(LABELS[:10].astype(np.uint16)),
    "with a palette": tiff(
        (LABELS % 200).astype(np.uint8),
        photometric="palette",
        colormap=np.zeros((3, 256), np.uint16),
    ),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_label_image_is_refused(reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        decode_labels(REFUSED[reason], HEIGHT, WIDTH)


def test_a_small_file_that_would_become_a_large_array_is_not_decoded() -> None:
    bomb = npz(segmentation=np.zeros((20_000, 20_000), np.uint8))
    assert len(bomb) < 1_000_000
    with pytest.raises(BadInput, match="20000 x 20000"):
        decode_labels(bomb, HEIGHT, WIDTH)


def npz_of(header: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("segmentation.npy", header)
    return file.getvalue()


def patched(content: bytes, tag: int, value: int) -> bytes:
    """A TIFF in which a tag of its only page has another value."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff_file:
        position = tiff_file.pages[0].aspage().tags[tag].offset + 8
    return content[:position] + value.to_bytes(4, "little") + content[position + 4 :]


NPY_2 = b"\x93NUMPY\x02\x00"
BOMBS = {
    "a header of 100 MB": (npz_of(NPY_2 + (10**8).to_bytes(4, "little") + bytes(10**8)), "damaged"),
    "an array of 100 MB": (npz_of(bytes(10**8)), "damaged"),
    "bzip2": (npz_of(bytes(10**8), zipfile.ZIP_BZIP2), "unusual"),
    "lzma": (npz_of(bytes(10**8), zipfile.ZIP_LZMA), "unusual"),
    "a tile of 16384 x 16384 pixels": (
        patched(patched(tiff(LABELS, tile=(16, 16), compression="zlib"), 322, 2**14), 323, 2**14),
        "tiles",
    ),
    "pixels of JPEG": (tiff(LABELS.astype(np.uint8), compression="jpeg"), "not for labels"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_small_files_that_would_become_large_are_refused_in_little_memory(bomb: str) -> None:
    content, reason = BOMBS[bomb]
    tracemalloc.start()
    with pytest.raises(BadInput, match=reason):
        decode_labels(content, HEIGHT, WIDTH)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


@pytest.mark.parametrize("options", [{"tile": (256, 256)}, {"rowsperstrip": 2**20}])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "lzma", "zstd"])
def test_tiffs_of_other_programs_are_taken(
    options: dict[str, object], compression: str | None
) -> None:
    content = tiff(LABELS, compression=compression, **options)
    np.testing.assert_array_equal(decode_labels(content, HEIGHT, WIDTH), LABELS)


def test_numbers_from_elsewhere_are_checked_too() -> None:
    assert check_labels(np.array([[0, 7]]), 1, 2).dtype == np.int32
    with pytest.raises(BadInput, match="two dimensions"):
        check_labels(np.zeros(3, int), 1, 3)
