"""Images in all supported formats: files with one image, and containers with many.

The format is determined by the suffix of the file's name.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from tmlib.images import reading
from tmlib.images.containers import Container, common_properties
from tmlib.images.ome_xml import describe, describe_images
from tmlib.images.reading import MAX_PIXELS, GrayImage, ImageFileError
from tmlib.images.vendor_files import READERS, open_vendor_file
from tmlib.images.zarr_images import ZarrImages
from tmlib.microscopes.ome_model import OmeXmlError

_MAX_OPEN = 4
_OPENERS: dict[str, Callable[[Path, int], Container]] = {
    ".zarr": ZarrImages,
    ".zip": ZarrImages,
    ".ozx": ZarrImages,
    **dict.fromkeys(READERS, open_vendor_file),
}


def inspect(path: Path, *, max_pixels: int = MAX_PIXELS) -> str:
    """Check a microscope's file without decoding pixels, and return its description as OME-XML.

    Raises
    ------
    ImageFileError
        If the file cannot be used.
    """
    container = _container(path, max_pixels)
    if container is None:
        properties = reading.inspect_image(path, max_pixels=max_pixels)
    else:
        images = container.images()
        return describe_images(common_properties(path, images), images)
    try:
        return describe(properties, path.name)
    except OmeXmlError as error:
        raise ImageFileError(
            path,
            f"has OME-XML that cannot be used ({error}): export it anew, or as a plain TIFF.",
        ) from None


def read_plane(
    path: Path, *, series: int = 0, plane: int = 0, max_pixels: int = MAX_PIXELS
) -> GrayImage:
    """Read one plane of a microscope's file as gray values.

    Parameters
    ----------
    path
        The file.
    series, plane
        Index of the image and of its plane, as in :func:`inspect`. The planes of a TIFF are counted
        across all of its images.
    max_pixels
        Refuse larger planes.

    Raises
    ------
    ImageFileError
        If there is no such plane, or it cannot be decoded.
    """
    container = _container(path, max_pixels)
    if container is None:
        return reading.read_image(path, plane=plane, max_pixels=max_pixels)
    return container.read(series, plane)


def warnings_about(path: Path, *, max_pixels: int = MAX_PIXELS) -> Sequence[str]:
    """Sentences for the user about oddities of a usable file."""
    container = _container(path, max_pixels)
    return () if container is None else container.warnings


def is_container(path: Path) -> bool:
    """Whether a file of this name contains many images with their metadata."""
    return path.suffix.lower() in _OPENERS


def _container(path: Path, max_pixels: int) -> Container | None:
    """The open container; None if the file is a single image."""
    if not path.exists():
        raise ImageFileError(
            path, "is not there any more: upload it again, or register the folder that it is in."
        )
    if not is_container(path):
        return None
    status = path.stat()
    return _open(path, max_pixels, status.st_ino, status.st_mtime_ns)


@lru_cache(maxsize=_MAX_OPEN)
def _open(path: Path, max_pixels: int, *_changes: int) -> Container:
    return _OPENERS[path.suffix.lower()](path, max_pixels)
