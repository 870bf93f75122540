"""Label images as files: NPZ, PNG, TIFF, and OME-Zarr in an archive.

Files are not trusted: the size of the image is read and checked before anything is decoded.
"""

import io
import math
import struct
import tempfile
import zipfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import tifffile
from numpy.lib import format as npy
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.images.label_images import LabelImage, write_label_image
from tmlib.images.tiff_files import write_tiff
from tmlib.microscopes.tiff_directories import EndlessTiffError, check_directories

_ARRAY_NAME = "segmentation"  # in an NPZ archive
_MAX_HEADER_BYTES = 2**16
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_GRAY = 0
_PNG_MAX = 2**16 - 1
_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_ZIP_MAGIC = b"PK\x03\x04"
_TIFF_COMPRESSIONS = (
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.LZW,
    tifffile.COMPRESSION.DEFLATE,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.PACKBITS,
    tifffile.COMPRESSION.LZMA,
    tifffile.COMPRESSION.ZSTD,
)
_MAX_PADDING = 4  # how many times larger than the image the tiles of a TIFF may be
_TILE = 1024**2
_MAX_LABEL = np.iinfo(np.int32).max


class LabelFormat(StrEnum):
    """The file formats of label images."""

    NPZ = "npz"
    PNG = "png"
    TIFF = "tiff"
    ZARR = "zarr"

    @property
    def media_type(self) -> str:
        """The media type."""
        return _MEDIA_TYPES[self]

    @property
    def suffix(self) -> str:
        """The suffix of file names."""
        return ".ome.zarr.zip" if self is LabelFormat.ZARR else f".{self}"


_MEDIA_TYPES = {
    LabelFormat.NPZ: "application/x-npz",
    LabelFormat.PNG: "image/png",
    LabelFormat.TIFF: "image/tiff",
    LabelFormat.ZARR: "application/zip",
}


def encode_labels(
    labels: LabelImage, label_format: LabelFormat, *, name: str, pixel_size: float | None = None
) -> bytes:
    """Encode a label image without loss.

    Parameters
    ----------
    labels
        (y, x), int32.
    label_format
        PNG has 16 bits, all others 32.
    name
        Name of the objects.
    pixel_size
        Width and height of a pixel in micrometres, if known; stored in TIFF and Zarr.

    Raises
    ------
    BadInput
        If the labels are too large for a PNG.
    """
    file = io.BytesIO()
    match label_format:
        case LabelFormat.NPZ:
            np.savez_compressed(file, segmentation=labels)
        case LabelFormat.PNG:
            if labels.max(initial=0) > _PNG_MAX:
                raise BadInput(
                    f"There are labels up to {labels.max()}, and a PNG has none above "
                    f'{_PNG_MAX}: ask for the format "tiff", "npz" or "zarr".'
                )
            file.write(imagecodecs.png_encode(labels.astype(np.uint16), level=6))
        case LabelFormat.TIFF:
            write_tiff(file, labels, pixel_size)
        case LabelFormat.ZARR:
            _write_archive(file, labels, name, pixel_size)
    return file.getvalue()


def _write_archive(
    file: io.BytesIO, labels: LabelImage, name: str, pixel_size: float | None
) -> None:
    """Write an OME-Zarr label image whose root is the root of the archive."""
    with tempfile.TemporaryDirectory(prefix="tmserver-") as folder:
        root = Path(folder) / "labels"
        write_label_image(root, name, labels, pixel_size)
        paths = [path for path in root.rglob("*") if path.is_file()]
        # uncompressed, because chunks are compressed already, and the metadata first, for readers
        # that take the archive as it is
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(paths, key=lambda path: (path.name != "zarr.json", len(path.parts))):
                archive.write(path, path.relative_to(root).as_posix())


def decode_labels(content: bytes, height: int, width: int) -> LabelImage:
    """Read a label image from an NPZ, PNG or TIFF file.

    Parameters
    ----------
    content
        The file, whose format is detected from its first bytes.
    height, width
        Required size of the image.

    Returns
    -------
    int32 array (y, x).

    Raises
    ------
    BadInput
        If the file cannot be read, or is not a label image of this size.
    """
    decode: Callable[[bytes, int, int], NDArray[Any]]
    if content.startswith(_ZIP_MAGIC):
        kind, decode = "NPZ", _decode_npz
    elif content.startswith(_PNG_MAGIC):
        kind, decode = "PNG", _decode_png
    elif content[:4] in _TIFF_MAGIC:
        kind, decode = "TIFF", _decode_tiff
    else:
        raise BadInput(
            "The label image is neither an NPZ, a PNG nor a TIFF file: send one of these."
        )
    try:
        labels = decode(content, height, width)
    except (BadInput, MemoryError):
        raise
    except Exception as error:  # decoders raise all kinds of errors on malformed files
        raise BadInput(
            f"The label image is a damaged {kind} file ({str(error)[:200]}): write it anew."
        ) from error
    return check_labels(labels, height, width)


def check_labels(labels: NDArray[Any], height: int, width: int) -> LabelImage:
    """Convert an array of any integer type into a label image.

    Raises
    ------
    BadInput
        If it is not a label image of this size.
    """
    _check_form(labels.shape, labels.dtype, height, width)
    if labels.size and int(labels.min()) < 0:
        raise BadInput(
            f"The label image has the negative label {labels.min()}: "
            "number objects from 1, the background is 0."
        )
    if labels.size and int(labels.max()) > _MAX_LABEL:
        raise BadInput(
            f"The label image has the label {labels.max()}, but labels go up to {_MAX_LABEL} "
            "only: number the objects of each image from 1."
        )
    return labels.astype(np.int32)


def _check_form(shape: tuple[int, ...], dtype: np.dtype[Any], height: int, width: int) -> None:
    if len(shape) != 2:
        raise BadInput(
            f"The label image must have two dimensions (y, x), not {len(shape)}: "
            "send one plane, in gray values."
        )
    if not (np.issubdtype(dtype, np.integer) or dtype == np.bool_):
        raise BadInput(
            f"The label image must hold whole numbers, not {dtype}: convert it to int32 first."
        )
    if shape != (height, width):
        raise BadInput(
            f"The label image has {shape[0]} x {shape[1]} pixels, but {height} x {width} are "
            "needed: as many as the images of the site, or with align=true as many as all cycles "
            "show."
        )


def _decode_npz(content: bytes, height: int, width: int) -> NDArray[Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}
        if _ARRAY_NAME not in members:
            found = ", ".join(f'"{name[:40]}"' for name in list(members)[:5]) or "nothing"
            raise BadInput(
                f'The NPZ file must hold the label image as array "{_ARRAY_NAME}", but has {found}.'
            )
        info = archive.getinfo(members[_ARRAY_NAME])
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # other methods are unpacked as a whole, however large the result is
            raise BadInput(
                "The NPZ file is compressed in an unusual way: write it with "
                "numpy.savez_compressed."
            )
        # no more is read than the header says, which is checked first and limited itself
        with archive.open(info) as file:
            start = io.BytesIO(file.read(_MAX_HEADER_BYTES))
            version = npy.read_magic(start)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, is_fortran, dtype = read(start)
            _check_form(shape, dtype, height, width)
            n_bytes = height * width * dtype.itemsize
            begun = start.read(n_bytes)
            pixels = np.frombuffer(begun + file.read(n_bytes - len(begun)), dtype)
    return pixels.reshape(shape, order="F" if is_fortran else "C")


def _decode_png(content: bytes, height: int, width: int) -> NDArray[Any]:
    columns, rows, bits, colour = struct.unpack(">IIBB", content[16:26])
    if colour != _PNG_GRAY or bits not in (8, 16):
        raise BadInput(
            "The label image is a PNG in colour or with a palette: save it in gray, 8 or 16 bits."
        )
    _check_form((rows, columns), np.dtype(np.uint16), height, width)
    pixels: NDArray[Any] = imagecodecs.png_decode(content)
    return pixels


def _decode_tiff(content: bytes, height: int, width: int) -> NDArray[Any]:
    file = io.BytesIO(content)
    try:
        check_directories(file, len(content))
    except EndlessTiffError as error:
        raise BadInput(f"The label image {error}: write it anew.") from None
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        if len(tiff.pages) != 1:
            raise BadInput(
                f"The label image is a TIFF file of {len(tiff.pages)} planes: send one plane."
            )
        page: Any = tiff.pages[0]
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            raise BadInput("The label image is a TIFF with a palette: save it in gray values.")
        _check_form(page.shape, np.dtype(page.dtype or np.void), height, width)
        _check_tiles(page, height, width)
        pixels: NDArray[Any] = page.asarray()
    return pixels


def _check_tiles(page: Any, height: int, width: int) -> None:
    """Refuse tiles that decode to much more than the image."""
    if page.compression not in _TIFF_COMPRESSIONS:
        raise BadInput(
            "The label image is a TIFF with a compression that is not for labels "
            f"({tifffile.COMPRESSION(page.compression).name}): write it with deflate, LZW or none."
        )
    n_pixels = math.prod(page.chunks) * math.prod(page.chunked)
    if n_pixels > _MAX_PADDING * height * width + _TILE:
        raise BadInput(
            f"The tiles of the label image have {page.chunks[0]} x {page.chunks[1]} pixels, much "
            f"more than the image ({height} x {width}): write it with smaller tiles."
        )
