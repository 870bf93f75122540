"""Images as they are sent: PNG and TIFF files in memory."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmclient.errors import ResourceError

_MAX_PNG_LABEL = 2**16 - 1


def decode(content: bytes) -> NDArray[Any]:
    """The pixels (y, x) of a gray PNG, TIFF, JPEG or WebP file, in the file's own type."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        if image.mode == "1" or image.mode.startswith(("I;16", "I", "F")):
            pixels = np.asarray(image)
        else:
            pixels = np.asarray(image.convert("L"))
    return pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels


def read_labels(path: Path) -> NDArray[np.int32]:
    """The label image (y, x) of a PNG file.

    Raises
    ------
    ResourceError
        If there is no such file, or it is no gray PNG.
    """
    from PIL import Image, UnidentifiedImageError

    if path.suffix.lower() != ".png":
        raise ResourceError(f"{path} is not a PNG file: label images are read from those.")
    try:
        with Image.open(path) as image:
            labels = np.asarray(image)
    except (UnidentifiedImageError, OSError) as error:
        raise ResourceError(f"{path} cannot be read: {error}") from error
    if labels.ndim != 2:
        raise ResourceError(f"{path} is in colour: a label image has one number for each pixel.")
    return labels.astype(np.int32)


def write_labels(path: Path, labels: NDArray[np.int32]) -> None:
    """Write a label image (y, x) as 16-bit PNG.

    Raises
    ------
    ResourceError
        If labels are too large for that.
    """
    from PIL import Image

    if labels.max(initial=0) > _MAX_PNG_LABEL:
        raise ResourceError(
            f"Labels up to {labels.max()} do not fit into a PNG of 16 bits: "
            "take them as an array instead."
        )
    Image.fromarray(labels.astype(np.uint16)).save(path, format="PNG")
