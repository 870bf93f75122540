"""Reads microscope images: gray images of 8 or 16 bits in TIFF and PNG files.

Files are not trusted. Before they are decoded, the size of the image is checked, and whether the
file is complete.
"""

import contextlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import tifffile
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.microscopes.tiff_directories import MAX_DIRECTORIES, EndlessTiffError, check_directories

MAX_PIXELS = 400_000_000
"""Pixels of the largest image plane that is decoded, unless the caller sets another limit."""

_TIFF_MAGIC = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_PALETTE = 3
_OTHERS = {
    b"\xff\xd8\xff": "a JPEG image, whose gray values are changed",
    b"BM": "a bitmap",
    b"GIF8": "a GIF image",
    b"\0\0\0\x0cjP": "a JPEG 2000 image",
    b"\x89HDF": "an HDF5 file",
    b"PK\x03\x04": "a ZIP archive",
    b"ZISRAW": "a file of ZEN, of the microscope type czi",
    b"<?xml": "a text in XML",
    b"<!DOCTYP": "a web page",
    b"version ": "a pointer to a file that Git keeps elsewhere",
}
_CALIBRATION = ("spatial-calibration-state", "spatial-calibration-x", "spatial-calibration-units")
_IMAGEJ_UNITS = {"micron": "um", "um": "um", "µm": "um", "\\u00B5m": "um"}
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)

GrayImage = NDArray[np.uint8] | NDArray[np.uint16]


class ImageFileError(BadInput):
    """An image file cannot be used.

    Parameters
    ----------
    path
        The file; users know its name without folders.
    reason
        What is wrong, and what to do about it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f'The image file "{path.name}" {reason}')
        self.reason = reason

    def about(self, name: str) -> str:
        """The message with another name for the file, one with folders for example."""
        return f'The image file "{name}" {self.reason}'


@dataclass(frozen=True)
class ImageProperties:
    """Properties of an image file that are known without decoding it.

    Attributes
    ----------
    height, width
        Size of a plane in pixels.
    bit_depth
        8 or 16.
    n_planes
        Number of planes of this size in the file.
    omexml
        The OME-XML description, if the file has one.
    pixel_size
        Width of a pixel in micrometres, if MetaMorph, MetaXpress or ImageJ wrote it into the file.
    n_channels, n_tpoints
        Dimensions from ImageJ: among the planes, channels change fastest, then focal planes.
    """

    height: int
    width: int
    bit_depth: int
    n_planes: int
    omexml: str | None = None
    pixel_size: float | None = None
    n_channels: int = 1
    n_tpoints: int = 1


def inspect_image(path: Path, *, max_pixels: int = MAX_PIXELS) -> ImageProperties:
    """Read the properties of an image file and check that it is complete, without decoding pixels.

    Raises
    ------
    ImageFileError
        If the file is truncated, neither TIFF nor PNG, of an unsupported pixel type, or if a plane
        has more than `max_pixels` pixels.
    """
    if _is_tiff(path):
        with _tiff_planes(path, max_pixels) as (tiff, planes):
            page = planes[0].page
            return ImageProperties(
                page.imagelength,
                page.imagewidth,
                _tiff_bit_depth(path, page),
                len(planes),
                tiff.ome_metadata,
                _pixel_size(tiff),
                *_hyperstack(tiff, len(planes)),
            )
    header = _png_header(path, max_pixels)
    return ImageProperties(header.height, header.width, header.bit_depth, 1)


def read_image(path: Path, *, plane: int = 0, max_pixels: int = MAX_PIXELS) -> GrayImage:
    """Read one plane of an image file as gray values.

    Palette images are converted to the gray values of their palette, and true-colour images with
    equal channels to the value of these.

    Parameters
    ----------
    path
        TIFF or PNG file.
    plane
        Index of the plane in the file.
    max_pixels
        Refuse larger planes.

    Returns
    -------
    uint8 or uint16 array (y, x).

    Raises
    ------
    ImageFileError
        As :func:`inspect_image`, and if the image is in colour, has no such plane or cannot be
        decoded.
    """
    if _is_tiff(path):
        with _tiff_planes(path, max_pixels) as (_, planes):
            if plane >= len(planes):
                raise ImageFileError(
                    path, f"has {len(planes)} plane(s), there is no plane {plane} in it."
                )
            return _tiff_gray(path, planes[plane])
    _png_header(path, max_pixels)
    with _decoding(path):
        pixels = imagecodecs.png_decode(path.read_bytes())
        n_samples = 1 if pixels.ndim == 2 else pixels.shape[2]
        return _one_channel(path, pixels, n_samples if n_samples % 2 else n_samples - 1)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Turn any error of a decoder into a sentence for the user."""
    try:
        yield
    except (ImageFileError, OSError, MemoryError):
        raise
    except Exception as error:  # decoders raise all kinds of errors on malformed files
        raise ImageFileError(
            path, f"is damaged ({str(error)[:200]}): upload it again or export it anew."
        ) from error


def _is_tiff(path: Path) -> bool:
    """Whether the file is a TIFF; raises an error if it is neither TIFF nor PNG."""
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        raise ImageFileError(path, "is empty: upload it again.")
    if start == _PNG_MAGIC:
        return False
    if start[:4] not in _TIFF_MAGIC:
        found = next((kind for magic, kind in _OTHERS.items() if start.startswith(magic)), None)
        what = f"is {found}, not a TIFF or" if found else "is neither a TIFF nor"
        raise ImageFileError(
            path, f"{what} a PNG image, whatever its name says: export it as TIFF."
        )
    return True


def _truncated(path: Path) -> ImageFileError:
    return ImageFileError(path, "is truncated: its end is missing. Upload it again.")


def _check_size(path: Path, height: int, width: int, max_pixels: int) -> None:
    if height < 1 or width < 1:
        raise ImageFileError(path, "has no pixels: export it anew.")
    if height * width > max_pixels:
        raise ImageFileError(
            path,
            f"has {height} x {width} pixels, more than the {max_pixels:,} that are allowed: "
            "upload smaller fields of view.",
        )


@dataclass(frozen=True)
class _TiffPlane:
    """A plane of a TIFF: `page` describes it; its pixels are `skipped` bytes behind the page's own.

    MetaMorph and ImageJ write stacks with one directory, which describes the first plane.
    """

    page: Any
    skipped: int = 0

    def pixels(self) -> NDArray[Any]:
        """Decode the pixels as they are stored."""
        if self.skipped == 0:
            stored: NDArray[Any] = self.page.asarray()
            return stored
        dtype = self.page.dtype.newbyteorder(self.page.parent.byteorder)
        offset = self.page.dataoffsets[0] + self.skipped
        file = self.page.parent.filehandle
        file.seek(offset)
        pixels = np.frombuffer(file.read(self.page.nbytes), dtype)
        return pixels.reshape(self.page.shape).astype(self.page.dtype)


@contextmanager
def _tiff_planes(
    path: Path, max_pixels: int
) -> Iterator[tuple[tifffile.TiffFile, list[_TiffPlane]]]:
    """Open a TIFF and check its full-size planes."""
    size = path.stat().st_size
    with _decoding(path), path.open("rb") as file:
        _check_chain(path, file, size)
        file.seek(0)
        try:
            tiff = tifffile.TiffFile(file)
        except tifffile.TiffFileError:
            raise _truncated(path) from None
        every_page: Any = tiff.pages
        pages = [page for page in every_page if not page.is_reduced]
        if not pages or _chain_is_broken(tiff, file):
            raise _truncated(path)
        first = pages[0]
        pages = [page for page in pages if page.shape == first.shape]
        for page in pages:
            _check_size(path, page.imagelength, page.imagewidth, max_pixels)
            _tiff_bit_depth(path, page)
            if _bytes_are_missing(page, size):
                raise _truncated(path)
        yield tiff, _with_undescribed(path, pages, _n_declared(tiff))


def _check_chain(path: Path, file: BinaryIO, size: int) -> None:
    try:
        check_directories(file, size)
    except EndlessTiffError as error:
        raise ImageFileError(path, f"{error}: export it anew.") from None


def _chain_is_broken(tiff: tifffile.TiffFile, file: BinaryIO) -> bool:
    """Whether the last directory points to another one that could not be read."""
    file.seek(tiff.pages.next_page_offset or 0)
    offset = file.read(tiff.tiff.offsetsize)
    return len(offset) < tiff.tiff.offsetsize or any(offset)


def _with_undescribed(path: Path, pages: list[Any], n_declared: int) -> list[_TiffPlane]:
    """The planes of these pages, and those behind a single page that have no pages themselves."""
    if n_declared <= len(pages):
        return [_TiffPlane(page) for page in pages]
    if n_declared > MAX_DIRECTORIES:
        raise ImageFileError(
            path, f"has more than {MAX_DIRECTORIES:,} planes: export it in several files."
        )
    first = pages[0]
    if len(pages) > 1 or not first.is_contiguous:
        raise ImageFileError(
            path,
            f"holds {n_declared} planes in a form that only its own software reads: "
            "export one file per plane.",
        )
    if first.dataoffsets[0] + n_declared * first.nbytes > path.stat().st_size:
        raise _truncated(path)
    return [_TiffPlane(first, i * first.nbytes) for i in range(n_declared)]


def _n_declared(tiff: tifffile.TiffFile) -> int:
    """Number of planes according to ImageJ or MetaMorph, which may omit directories."""
    for metadata, key in ((tiff.imagej_metadata, "images"), (tiff.stk_metadata, "NumberPlanes")):
        if metadata and key in metadata:
            return int(metadata[key])
    return 1


def _pixel_size(tiff: tifffile.TiffFile) -> float | None:
    """Width of a pixel in micrometres, as MetaMorph (tags), MetaXpress (XML) or ImageJ write it."""
    values: dict[str, Any] = {}
    if stk := tiff.stk_metadata:
        names = ("SpatialCalibration", "XCalibration", "CalibrationUnits")
        values = {key: stk.get(name) for key, name in zip(_CALIBRATION, names, strict=True)}
    elif imagej := tiff.imagej_metadata:
        per_unit = tiff.pages.first.get_resolution()[0]
        unit = _IMAGEJ_UNITS.get(str(imagej.get("unit", "")))
        values = dict(zip(_CALIBRATION, ("on", 1 / per_unit if per_unit else 0, unit), strict=True))
    else:
        with contextlib.suppress(ParseError, DefusedXmlException):
            text = tiff.pages.first.description
            if text.rstrip("\0\r\n ").endswith("</MetaData>"):
                props = fromstring(text).iter("prop")
                values = {prop.get("id", ""): prop.get("value") for prop in props}
    state, size, units = (str(values.get(key, "")) for key in _CALIBRATION)
    with contextlib.suppress(ValueError):
        if state.lower() in ("1", "on", "true") and units in ("um", "µm"):
            return float(size) if 0 < float(size) < np.inf else None
    return None


def _hyperstack(tiff: tifffile.TiffFile, n_planes: int) -> tuple[int, int]:
    """Number of channels and time points according to ImageJ."""
    metadata = tiff.imagej_metadata or {}
    n_channels, n_tpoints = (int(metadata.get(key, 1)) for key in ("channels", "frames"))
    is_possible = min(n_channels, n_tpoints) > 0 and n_planes % (n_channels * n_tpoints) == 0
    return (n_channels, n_tpoints) if is_possible else (1, 1)


def _bytes_are_missing(page: Any, file_size: int) -> bool:
    """Whether strips or tiles of a page are missing or lie beyond the end of the file."""
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) != len(counts) or not offsets or min(counts) <= 0:
        return True
    if max(o + c for o, c in zip(offsets, counts, strict=True)) > file_size:
        return True
    uncompressed = page.compression == tifffile.COMPRESSION.NONE
    return uncompressed and bool(sum(counts) < page.size * page.bitspersample // 8)


def _tiff_bit_depth(path: Path, page: Any) -> int:
    """8 or 16; raises an error for anything else."""
    is_unsigned = page.sampleformat in (None, tifffile.SAMPLEFORMAT.UINT)
    if not is_unsigned or page.bitspersample not in (8, 10, 12, 14, 16) or page.imagedepth > 1:
        kind = f"{page.bitspersample}-bit {tifffile.SAMPLEFORMAT(page.sampleformat or 1).name}"
        raise ImageFileError(
            path,
            f"has {kind.lower()} pixels: export it as unsigned integers of 8 or 16 bits.",
        )
    return 8 if page.bitspersample == 8 else 16


def _tiff_gray(path: Path, plane: _TiffPlane) -> GrayImage:
    """Decode a plane as gray values."""
    page, pixels = plane.page, plane.pixels()
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return _through_palette(path, pixels, np.asarray(page.colormap))
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    if page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        raise _in_colour(path)
    n_colours = page.samplesperpixel - sum(extra in _ALPHA for extra in page.extrasamples)
    gray = _one_channel(path, pixels, n_colours)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        inverted: GrayImage = np.subtract(2**page.bitspersample - 1, gray, dtype=gray.dtype)
        return inverted
    return gray


def _through_palette(path: Path, pixels: NDArray[Any], palette: NDArray[Any]) -> GrayImage:
    """Look up an image's gray values in a palette of shape (3, n)."""
    if not (palette == palette[0]).all():
        raise _in_colour(path)
    # the standard requires 16 bits per entry, but some writers fill only the lower 8
    ramp = palette[0] >> 8 if palette.max() > 255 else palette[0]
    gray: NDArray[np.uint8] = ramp.astype(np.uint8)[pixels]
    return gray


def _one_channel(path: Path, pixels: NDArray[Any], n_colours: int) -> GrayImage:
    """The gray values of an image (y, x, sample) whose first `n_colours` samples are equal."""
    if pixels.ndim == 2:
        return pixels
    if not (pixels[..., 1:n_colours] == pixels[..., :1]).all():
        raise _in_colour(path)
    return np.ascontiguousarray(pixels[..., 0])


def _in_colour(path: Path) -> ImageFileError:
    return ImageFileError(
        path, "is in colour: export each channel as a gray image of 8 or 16 bits."
    )


@dataclass(frozen=True)
class _PngHeader:
    height: int
    width: int
    bit_depth: int


def _png_header(path: Path, max_pixels: int) -> _PngHeader:
    """Read the header of a PNG and go through its chunks to check that the last one is there."""
    with path.open("rb") as file:
        file.seek(len(_PNG_MAGIC))
        header = file.read(25)
        if len(header) < 25 or header[4:8] != b"IHDR":
            raise _truncated(path)
        width, height, bits, colour = struct.unpack(">IIBB", header[8:18])
        size = path.stat().st_size
        kind = b"IHDR"
        while kind != b"IEND":
            chunk = file.read(8)
            if len(chunk) < 8:
                raise _truncated(path)
            length, kind = struct.unpack(">I4s", chunk)
            if file.seek(length + 4, 1) > size:
                raise _truncated(path)
    _check_size(path, height, width, max_pixels)
    if bits not in (8, 16) and colour != _PNG_PALETTE:
        raise ImageFileError(
            path, f"has {bits}-bit pixels: export it as unsigned integers of 8 or 16 bits."
        )
    return _PngHeader(height, width, 16 if bits == 16 else 8)
