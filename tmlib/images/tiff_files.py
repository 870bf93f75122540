"""Gray images and label images as TIFF files, for other programs."""

from typing import Any, BinaryIO

import tifffile
from numpy.typing import NDArray

_MICROMETRES_PER_CENTIMETRE = 10_000


def write_tiff(file: BinaryIO, pixels: NDArray[Any], pixel_size: float | None) -> None:
    """Write an image (y, x) of any integer type, losslessly compressed.

    Parameters
    ----------
    file
        The file to write.
    pixels
        The image.
    pixel_size
        Width and height of a pixel in micrometres, if known.
    """
    per_centimetre = _MICROMETRES_PER_CENTIMETRE / pixel_size if pixel_size else 1.0
    tifffile.imwrite(
        file,
        pixels,
        compression="zlib",
        photometric="minisblack",
        resolution=(per_centimetre, per_centimetre),
        resolutionunit="CENTIMETER" if pixel_size else "NONE",
    )
