"""Images as PNG, for uploads over slow connections."""

from pathlib import Path

from tmclient.errors import ResourceError


def convert_image(file: Path, target: Path) -> None:
    """Write a gray image as PNG with the same pixels.

    Parameters
    ----------
    file
        A TIFF of one page with 8 or 16 bits.
    target
        The PNG.

    Raises
    ------
    ResourceError
        If the image is of another kind.
    """
    import numpy as np
    import tifffile
    from PIL import Image

    try:
        pixels = tifffile.imread(file)
    except (tifffile.TiffFileError, OSError, ValueError) as error:
        raise ResourceError(f"{file} cannot be converted: {error}") from error
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16):
        raise ResourceError(
            f"{file} cannot be converted: it is not one gray image of 8 or 16 bits. "
            "Send it as it is."
        )
    Image.fromarray(pixels.astype(pixels.dtype.newbyteorder("="))).save(target, format="PNG")
