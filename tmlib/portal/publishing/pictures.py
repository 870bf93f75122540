"""Pictures of volumes, by which pages show what is in them."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from tmlib import durable_files
from tmlib.volumes import ome_zarr

PICTURE, THUMBNAIL = "key-photo-snapshot.png", "key-photo-thumbnail.png"

_MOST_PIXELS = 1024
_MOST_OF_THUMBNAIL = 256


def write_pictures(volume: Path, folder: Path) -> None:
    """Write two pictures, a large and a small one, of the plane in the middle of a volume.

    Parameters
    ----------
    volume
        In the form of OME-Zarr, which says what is shown black and white.
    folder
        Takes the two.
    """
    levels = ome_zarr.open_levels(volume)
    fitting = [level for level in levels if max(level.shape) <= _MOST_PIXELS]
    level = (fitting or levels[-1:])[0]
    middle = level.shape[0] // 2
    step = math.ceil(max(level.shape[1:]) / _MOST_PIXELS)
    every = slice(0, None, step)
    plane = level[slice(middle, middle + 1), every, every][0].astype(np.float64)
    low, high = ome_zarr.contrast_of((volume / ".zattrs").read_bytes()) or (0.0, 1.0)
    shares = np.clip(np.nan_to_num((plane - low) / (high - low)), 0, 1)
    picture = Image.fromarray(np.rint(255 * shares).astype(np.uint8))
    _write(picture, folder / PICTURE)
    picture.thumbnail((_MOST_OF_THUMBNAIL, _MOST_OF_THUMBNAIL))
    _write(picture, folder / THUMBNAIL)


def _write(picture: Image.Image, path: Path) -> None:
    content = io.BytesIO()
    picture.save(content, "PNG")
    durable_files.write(path, content.getvalue(), sync="none")
