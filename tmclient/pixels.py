"""Decoding of images that the server sends."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def decode(content: bytes) -> NDArray[Any]:
    """The pixels (y, x) of a gray PNG, TIFF, JPEG or WebP file, in the file's own type."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        if image.mode == "1" or image.mode.startswith(("I;16", "I", "F")):
            pixels = np.asarray(image)
        else:
            pixels = np.asarray(image.convert("L"))
    return pixels.astype(np.uint16) if pixels.dtype == np.int32 else pixels
