"""Images as PNG, for uploads over slow connections."""

from pathlib import Path

from tmclient.errors import ResourceError

_GRAY = ("L", "I;16", "I;16B", "I;16L")


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
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            n_pages = getattr(image, "n_frames", 1)
            if image.mode not in _GRAY or n_pages != 1:
                raise ResourceError(
                    f"{file} cannot be converted: it is not one gray image of 8 or 16 bits. "
                    "Send it as it is."
                )
            mode = "L" if image.mode == "L" else "I;16"
            image.convert(mode).save(target, format="PNG", compress_level=6)
    except (UnidentifiedImageError, OSError) as error:
        raise ResourceError(f"{file} cannot be converted: {error}") from error
